"""What a workflow that does not answer waits for: a task or an activity that fails, or a worker of another build."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, timedelta
from typing import Any

from temporalio.api.enums.v1 import PendingWorkflowTaskState
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowHandle
from temporalio.service import RPCError

from clients.deployments import build_awaited, last_polled_at, why_nobody_answers
from domain.bounds import cut

_A_TASK = timedelta(seconds=5)
"""Longer than a worker is at a task before it fails: whoever took it has asked for the next one as it began."""


async def why_silent(client: Client, task_queue: str, handle: WorkflowHandle[Any, Any], who: str, said: str) -> str:
    """Why a workflow has not answered a request, as far as Temporal says.

    Args:
        client: the connection to Temporal.
        task_queue: of its workers.
        handle: of the workflow.
        who: what it is for people, such as `case 4711`.
        said: what there is to say if Temporal says nothing of it.
    """
    known: WorkflowExecutionDescription | None = None
    failing: str | None = None
    with suppress(RPCError):
        known = await handle.describe()
        failing = await what_fails(client, task_queue, known)
    if failing:  # somebody works on it, and gets no further
        return f"{who} can't answer yet: {failing}"
    return await of_builds(client, task_queue, known, who, said)


async def of_builds(
    client: Client, task_queue: str, known: WorkflowExecutionDescription | None, who: str, said: str
) -> str:
    """Which build would answer for a workflow, if it is a matter of builds; else what was to be said."""
    if known and (build := build_awaited(known)):
        waits = f"it waits for a worker of build {build!r}, with which it stays until its next step"
        return f"{who} does not answer: {waits}: MILEPOST_BUILD_ID={build} milepost worker"
    why = await why_nobody_answers(client, task_queue)
    return f"{said}; {why}" if why else said


async def what_fails(client: Client, task_queue: str, known: WorkflowExecutionDescription) -> str | None:
    """What a workflow waits for, and what that said the last time; None: for nothing that fails."""
    failing = [one for one in known.raw_description.pending_activities if one.HasField("last_failure")]
    if not failing:
        return await failing_task(client, task_queue, known)
    one = failing[0]
    said = cut(one.last_failure.message.partition("\n")[0])  # a database's driver goes on for lines
    return f"its activity {one.activity_type.name} {_failed(one.attempt)}; the last time: {said}"


async def failing_task(client: Client, task_queue: str, known: WorkflowExecutionDescription) -> str | None:
    """That a worker takes a workflow's task and does not get to its end; None: it does, or nobody takes it.

    A task also fails when its worker dies. If none has come in its place, its log would not say why.
    """
    task = known.raw_description.pending_workflow_task
    if task.attempt <= 1:
        return None
    if task.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED:
        try:
            polled_at = await last_polled_at(client, task_queue)
        except RPCError:
            return None
        if polled_at is None or polled_at < task.scheduled_time.ToDatetime(UTC) - _A_TASK:
            return None
    return f"the task of its workflow {_failed(task.attempt)}; the log of the worker says why"


def _failed(attempt: int) -> str:
    times = "once" if attempt <= 2 else f"{attempt - 1} times"  # noqa: PLR2004  the second is under way
    return f"has failed {times}, and is tried again"

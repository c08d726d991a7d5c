"""Sends one ugly message to a running workflow, and says what is wrong with the workflow after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from clients.sending import NOT_READY
from domain.messages.names import OPEN_CASE
from tests.abuse.registry import Kind
from tests.abuse.ugly import as_json
from tests.support import unique

Handle = WorkflowHandle[Any, Any]

PATIENCE = 30.0
"""Seconds within which a workflow answers; one that is wedged never does."""
LOOKS_EVERY = 0.1
TRIES = 2
"""Of an opening: a worker that was busy or a database that was locked may fail it once or twice."""
LONGEST_REFUSAL = 2048
"""Bytes: what we say has 1 KB, and the SDK adds its own words to what it cannot decode."""
FAILED = EventType.Value("EVENT_TYPE_WORKFLOW_TASK_FAILED")
DONE_OVER = WorkflowTaskFailedCause.Value("WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND")
"""Something came while a workflow was ending: the server has it do the task once more, with that."""
TIMED_OUT = EventType.Value("EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT")


class Found(AssertionError):
    """Something is wrong with a workflow."""


SLOW = "[TMPRL1101]"
"""A step that took over two seconds: once, the machine had other things to do; always, and there is no answer."""


@dataclass(frozen=True)
class Besieged:
    """A running workflow.

    Attributes:
        look: its state, the same as long as nothing was taken.
        ask: has it take something that fits.
        tick: lets time pass until something is due, and fails if that does not happen.
    """

    handle: Handle
    look: Callable[[], Awaitable[Any]]
    ask: Callable[[], Awaitable[Any]]
    tick: Callable[[], Awaitable[None]]


def raw(arguments: Sequence[Any]) -> list[RawValue]:
    """Arguments as they come from the wire."""
    return [RawValue(Payload(metadata={"encoding": b"json/plain"}, data=as_json(one))) for one in arguments]


async def strike(target: Besieged, kind: Kind, name: str, arguments: Sequence[Any]) -> None:
    """Send a message, and see that the workflow goes on.

    Raises:
        Found: it does not answer, a workflow task failed, a refusal is long or has changed its state, the next request
            is not taken, or what is due does not happen.
    """
    before = await target.look()
    refused = await _answered(target.handle, _send(target.handle, kind, name, arguments))
    if refused is not None and len(refused.encode("utf-8", "replace")) > LONGEST_REFUSAL:
        raise Found(f"the refusal has {len(refused)} characters: {refused[:200]}...")
    if await is_closed(target.handle):
        await refuse_failed_tasks(target.handle)
        return
    if (refused is not None or kind == "query") and await target.look() != before:
        raise Found(f"refused, and yet its state is another one: {refused}")
    try:
        await _answered(target.handle, target.ask())
    except WorkflowUpdateFailedError as error:
        raise Found(f"the next request is refused: {error.cause}") from error
    except RPCError:
        if not await is_closed(target.handle):
            raise
        await refuse_failed_tasks(target.handle)  # it was told to end, and was about to
        return
    await target.tick()
    await refuse_failed_tasks(target.handle)


async def taken(handle: Handle, update: str, message: Any) -> Any:
    """The answer to an update; of a run that is about to go on in its next one it is asked again, as clients do."""
    while True:
        try:
            return await handle.execute_update(update, message)
        except WorkflowUpdateFailedError as refused:
            if not isinstance(refused.cause, ApplicationError) or refused.cause.type not in NOT_READY:
                raise
        await asyncio.sleep(LOOKS_EVERY)


async def _send(handle: Handle, kind: Kind, name: str, arguments: Sequence[Any]) -> str | None:
    """Send it; returns what was refused of it, if anything."""
    sent = raw(arguments)
    try:
        if kind == "update":
            await handle.execute_update(name, args=sent, id=unique("ugly"))
        elif kind == "signal":
            await handle.signal(name, args=sent)
        else:
            await handle.query(name, args=sent, rpc_timeout=timedelta(seconds=PATIENCE))
    except WorkflowUpdateFailedError as error:
        return str(error.cause)
    except (WorkflowQueryFailedError, WorkflowQueryRejectedError, RPCError) as error:
        return str(error)
    return None


async def _answered(handle: Handle, asked: Awaitable[Any]) -> Any:
    """An answer, or why there is none: looks for a failed workflow task meanwhile, which means that none will come."""
    answer = asyncio.ensure_future(asked)
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                done, _ = await asyncio.wait([answer], timeout=LOOKS_EVERY)
                if done:
                    return answer.result()
                await refuse_failed_tasks(handle)
    except TimeoutError:
        raise Found(f"no answer within {PATIENCE:g} s") from None
    finally:
        answer.cancel()


async def refuse_failed_tasks(handle: Handle) -> None:
    """See that no workflow task of its newest run has failed, nor timed out twice: once a busy machine may do.

    Raises:
        Found: one has, with its reason.
    """
    history, timed_out = await handle.fetch_history(), 0
    for event in history.events:
        if event.event_type == FAILED:
            if event.workflow_task_failed_event_attributes.cause == DONE_OVER:
                continue
            failure = event.workflow_task_failed_event_attributes.failure
            if failure.message.startswith(SLOW):
                continue
            raise Found(f"a workflow task failed: {failure.message[:300]}")
        timed_out += event.event_type == TIMED_OUT
        if timed_out > 1:
            raise Found("workflow tasks timed out")


async def is_closed(handle: Handle) -> bool:
    """Whether its newest run is over."""
    return (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING


async def is_being_opened(handle: Handle) -> bool:
    """Whether it is a case whose opening is under way.

    Raises:
        Found: the opening fails again and again.
    """
    pending = (await handle.describe()).raw_description.pending_activities
    for one in pending:
        if one.activity_type.name == OPEN_CASE and one.attempt > TRIES:
            raise Found(f"{OPEN_CASE} is tried for ever: {one.last_failure.message[:300]}")
    return any(one.activity_type.name == OPEN_CASE for one in pending)


async def settles(handle: Handle) -> None:
    """Wait until a workflow that was just started has done its first step, or ended.

    A step of a case is only done when it is open, or refused.

    Raises:
        Found: its workflow task failed, an activity fails again and again, or nothing happens.
    """
    completed = EventType.Value("EVENT_TYPE_WORKFLOW_TASK_COMPLETED")
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                await refuse_failed_tasks(handle)
                history = await handle.fetch_history()
                if await is_closed(handle):
                    return
                is_begun = any(event.event_type == completed for event in history.events)
                if is_begun and not await is_being_opened(handle):
                    return
                await asyncio.sleep(LOOKS_EVERY)
    except TimeoutError:
        raise Found(f"nothing happened within {PATIENCE:g} s") from None

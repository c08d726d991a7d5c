"""Histories, read as what they are: a list of tasks, each with what had arrived before it and what was asked in it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from temporalio.api.enums.v1 import EventType, TimeoutType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistory

HARMLESS = frozenset({"UNHANDLED_COMMAND", "FORCE_CLOSE_COMMAND"})
"""Something arrived while a run was about to end, or a hundred signals during a task: the task is done again,
by the server's own rules."""

_TOO_SLOW = "TMPRL1101"
"""A step that took over two seconds. On a busy machine, or of a worker that was stopped, that says nothing; one that is
slow each time never comes to rest, and is found by that."""


@dataclass(frozen=True)
class Told:
    """A signal."""

    name: str
    arguments: list[Any]
    arrived_at: datetime


@dataclass(frozen=True)
class Done:
    """An activity that came to its end; `result` is None of one that failed.

    Attributes:
        task: the place of the task that began it among those of the run.
    """

    activity: str
    asked: Any
    task: int
    result: Any
    failed: bool


@dataclass
class Asked:
    """An update that was accepted, and its outcome: None as long as there is none."""

    name: str
    arguments: list[Any]
    answer: Any = None
    refused: str | None = None
    is_answered: bool = False


@dataclass
class Step:
    """A workflow task that was completed.

    Attributes:
        now: the workflow's clock when it began; while a record is written the clock goes on.
        ended_at: when it was completed.
    """

    now: datetime
    ended_at: datetime
    told: list[Told] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)


@dataclass
class Run:
    """One run of a workflow.

    Attributes:
        goes_on: it carries on where another run ended.
        ended: how: `COMPLETED`, `FAILED`, `CONTINUED_AS_NEW` or another end; None while it runs.
        failed_tasks: why tasks failed, but for what is harmless; `slow_tasks` counts those that were only slow.
        lost_tasks: tasks that a worker had begun and not ended in ten seconds: all of it is done again.
        passed_on_tasks: tasks that waited too long for the worker that has the case in memory: any other may take them.
        waiting: signals that no task has taken yet.
    """

    history: WorkflowHistory
    started_at: datetime
    goes_on: bool
    argument: Any
    steps: list[Step] = field(default_factory=list)
    ended: str | None = None
    failed_tasks: list[str] = field(default_factory=list)
    slow_tasks: int = 0
    lost_tasks: int = 0
    passed_on_tasks: int = 0
    waiting: list[Told] = field(default_factory=list)

    @property
    def run_id(self) -> str:
        """Its id."""
        return str(self.history.events[0].workflow_execution_started_event_attributes.original_execution_run_id)


Histories = dict[str, list[Run]]
"""All runs of every workflow, by its id, in order."""


async def fetch(client: Client, ids: Iterable[str] | None = None) -> Histories:
    """Every run of every workflow of the namespace, or of those that are named."""
    wanted = None if ids is None else set(ids)
    found: Histories = defaultdict(list)
    async for listed in client.list_workflows():
        if wanted is None or listed.id in wanted:
            handle = client.get_workflow_handle(listed.id, run_id=listed.run_id)
            found[listed.id].append(read(await handle.fetch_history()))
    for runs in found.values():
        runs.sort(key=lambda run: run.started_at)
    return dict(found)


def read(history: WorkflowHistory) -> Run:
    """Read one history."""
    return _Reader(history).read()


class _Reader:
    """Walks through the events of a run."""

    def __init__(self, history: WorkflowHistory) -> None:
        first = history.events[0]
        started = first.workflow_execution_started_event_attributes
        arguments = _values(started.input.payloads)
        self.run = Run(
            history=history,
            started_at=_instant(first),
            goes_on=bool(started.continued_execution_run_id),
            argument=arguments[0] if arguments else None,
        )
        self._scheduled: dict[int, tuple[str, Any, int]] = {}
        self._asked: dict[int, Asked] = {}
        self._told: list[Told] = []
        self._done: list[Done] = []
        self._before = (0, 0)
        self._now = self.run.started_at

    def read(self) -> Run:
        for event in self.run.history.events:
            self._take(event)
        self.run.waiting = self._told
        return self.run

    def _take(self, event: HistoryEvent) -> None:
        name = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
        ended = name.removeprefix("WORKFLOW_EXECUTION_")
        if ended != name and ended in _ENDS:
            self.run.ended = ended
        elif name.startswith("ACTIVITY_TASK_"):
            self._take_activity(name, event)
        elif name.startswith("WORKFLOW_TASK_"):
            self._take_task(name, event)
        elif name == "WORKFLOW_EXECUTION_SIGNALED":
            told = event.workflow_execution_signaled_event_attributes
            self._told.append(Told(told.signal_name, _values(told.input.payloads), _instant(event)))
        elif name == "WORKFLOW_EXECUTION_UPDATE_ACCEPTED":
            accepted = event.workflow_execution_update_accepted_event_attributes.accepted_request.input
            asked = Asked(accepted.name, _values(accepted.args.payloads))
            self._asked[event.event_id] = asked
            self.run.steps[-1].asked.append(asked)
        elif name == "WORKFLOW_EXECUTION_UPDATE_COMPLETED":
            self._answer(event)

    def _take_activity(self, name: str, event: HistoryEvent) -> None:
        match name.removeprefix("ACTIVITY_TASK_"):
            case "SCHEDULED":
                scheduled = event.activity_task_scheduled_event_attributes
                arguments = _values(scheduled.input.payloads)
                asked, task = arguments[0] if arguments else None, len(self.run.steps) - 1
                self._scheduled[event.event_id] = scheduled.activity_type.name, asked, task
            case "COMPLETED":
                completed = event.activity_task_completed_event_attributes
                results = _values(completed.result.payloads)
                self._end(completed.scheduled_event_id, results[0] if results else None, failed=False)
            case "FAILED":
                self._end(event.activity_task_failed_event_attributes.scheduled_event_id, None, failed=True)
            case "TIMED_OUT":
                self._end(event.activity_task_timed_out_event_attributes.scheduled_event_id, None, failed=True)

    def _take_task(self, name: str, event: HistoryEvent) -> None:
        match name.removeprefix("WORKFLOW_TASK_"):
            case "STARTED":
                self._before, self._now = (len(self._told), len(self._done)), _instant(event)
            case "COMPLETED":
                told, done = self._before
                self.run.steps.append(Step(self._now, _instant(event), self._told[:told], self._done[:done]))
                del self._told[:told], self._done[:done]
                self._before = 0, 0
            case "FAILED":
                failed = event.workflow_task_failed_event_attributes
                cause = WorkflowTaskFailedCause.Name(failed.cause).removeprefix("WORKFLOW_TASK_FAILED_CAUSE_")
                if _TOO_SLOW in failed.failure.message:
                    self.run.slow_tasks += 1
                elif cause not in HARMLESS:
                    self.run.failed_tasks.append(f"{cause}: {failed.failure.message}")
            case "TIMED_OUT":
                kind = event.workflow_task_timed_out_event_attributes.timeout_type
                if kind == TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_START:
                    self.run.passed_on_tasks += 1
                else:
                    self.run.lost_tasks += 1

    def _end(self, scheduled: int, result: Any, *, failed: bool) -> None:
        self._done.append(Done(*self._scheduled[scheduled], result, failed))

    def _answer(self, event: HistoryEvent) -> None:
        completed = event.workflow_execution_update_completed_event_attributes
        asked = self._asked[completed.accepted_event_id]
        asked.is_answered = True
        if completed.outcome.HasField("failure"):
            failure = completed.outcome.failure
            asked.refused = failure.application_failure_info.type or failure.message
        else:
            values = _values(completed.outcome.success.payloads)
            asked.answer = values[0] if values else None


_ENDS = frozenset({"COMPLETED", "FAILED", "TIMED_OUT", "CANCELED", "TERMINATED", "CONTINUED_AS_NEW"})


def _values(payloads: Iterable[Any]) -> list[Any]:
    return [json.loads(payload.data) if payload.data else None for payload in payloads]


def _instant(event: HistoryEvent) -> datetime:
    return event.event_time.ToDatetime(UTC)

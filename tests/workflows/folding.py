"""The same history with its workflow tasks cut otherwise, as a server and an SDK may cut them."""

import copy
import json
from collections.abc import Collection
from typing import Any

from temporalio.client import WorkflowHistory

TASK = ("EVENT_TYPE_WORKFLOW_TASK_SCHEDULED", "EVENT_TYPE_WORKFLOW_TASK_STARTED", "EVENT_TYPE_WORKFLOW_TASK_COMPLETED")
UPDATED = "EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED"
SCHEDULED = "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED"
CAME_BACK = ("EVENT_TYPE_ACTIVITY_TASK_COMPLETED", "EVENT_TYPE_ACTIVITY_TASK_FAILED")
IN_VAIN: dict[str, dict[str, dict[str, Any]]] = {
    "FAILED": {
        "workflowTaskFailedEventAttributes": {"cause": "WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND"},
    },
    "TIMED_OUT": {
        "workflowTaskTimedOutEventAttributes": {"timeoutType": "TIMEOUT_TYPE_START_TO_CLOSE"},
    },
}
"""Ends of a task of which nothing is on record: by how they are called, what is said of them."""
OTHERS = (
    "EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT",
    "EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED",
    "EVENT_TYPE_TIMER_FIRED",
    "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED",
    "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED",
)


def joined(history: WorkflowHistory) -> WorkflowHistory:
    """Every task that led to no command joined with the next: what came with it comes with an update."""
    events = _events(history)
    kept: list[dict[str, Any]] = []
    at = 0
    while at < len(events):
        if _is_task(events, at) and events[at + 3 : at + 4] and events[at + 3]["eventType"] == TASK[0]:
            at += 3
            continue
        kept.append(events[at])
        at += 1
    return _numbered(history, kept)


def parted(history: WorkflowHistory, unawaited: Collection[str]) -> WorkflowHistory:
    """Every update parted from the activities that came back in the same task: they come before, in their own task.

    Args:
        history: as it was recorded.
        unawaited: the activities that may come back without leading to a command; nothing else is parted.
    """
    events = _events(history)
    kinds = {
        event["eventId"]: event["activityTaskScheduledEventAttributes"]["activityType"]["name"]
        for event in events
        if event["eventType"] == SCHEDULED
    }
    kept: list[dict[str, Any]] = []
    came: set[str] = set()
    for at, event in enumerate(events):
        follows = events[at + 3]["eventType"] if at + 3 < len(events) else ""
        if _is_task(events, at) and came == {"unawaited"} and follows == UPDATED:
            for one in events[at : at + 3]:
                kept.append(copy.deepcopy(one) | {"eventId": f"new-{len(kept)}"})
                _point(kept, len(kept) - 1)
        if event["eventType"] == TASK[2]:
            came = set()
        elif event["eventType"] in CAME_BACK:
            [about] = (value for key, value in event.items() if key.endswith("EventAttributes"))
            came.add("unawaited" if kinds[about["scheduledEventId"]] in unawaited else "awaited")
        elif event["eventType"] in OTHERS:
            came.add("awaited")
        kept.append(event)
    return _numbered(history, kept)


def tried_before(history: WorkflowHistory, ended: str) -> WorkflowHistory:
    """Every task tried once before, in vain: with the first of what had come by then, before all else came.

    Args:
        history: as it was recorded.
        ended: how the first attempt did: of `IN_VAIN`.
    """
    events = _events(history)
    kept: list[dict[str, Any]] = []
    came_at: int | None = None
    for at, event in enumerate(events):
        if event["eventType"] in (*CAME_BACK, *OTHERS):
            came_at = len(kept) + 1 if came_at is None else came_at
        if _is_task(events, at) and came_at is not None:
            in_vain = [copy.deepcopy(one) | {"eventId": f"vain-{at}-{n}"} for n, one in enumerate(events[at : at + 3])]
            in_vain[1]["workflowTaskStartedEventAttributes"]["scheduledEventId"] = in_vain[0]["eventId"]
            in_vain[2] = {
                **{key: in_vain[2][key] for key in ("eventId", "eventTime")},
                "eventType": f"EVENT_TYPE_WORKFLOW_TASK_{ended}",
                **{key: {**about, **_named_by(in_vain)} for key, about in IN_VAIN[ended].items()},
            }
            kept[came_at:came_at] = in_vain
            came_at = None
        kept.append(event)
    return _numbered(history, kept)


def _named_by(task: list[dict[str, Any]]) -> dict[str, Any]:
    return {"scheduledEventId": task[0]["eventId"], "startedEventId": task[1]["eventId"]}


def tasks(history: WorkflowHistory) -> int:
    """How many workflow tasks it has."""
    return sum(event["eventType"] == TASK[2] for event in _events(history))


def _events(history: WorkflowHistory) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(history.to_json())["events"]
    return events


def _is_task(events: list[dict[str, Any]], at: int) -> bool:
    return tuple(event["eventType"] for event in events[at : at + 3]) == TASK


def _point(kept: list[dict[str, Any]], at: int) -> None:
    """Let the events of a task that was put in name one another."""
    event = kept[at]
    if event["eventType"] == TASK[1]:
        event["workflowTaskStartedEventAttributes"]["scheduledEventId"] = kept[at - 1]["eventId"]
    if event["eventType"] == TASK[2]:
        completed = event["workflowTaskCompletedEventAttributes"]
        completed["scheduledEventId"], completed["startedEventId"] = kept[at - 2]["eventId"], kept[at - 1]["eventId"]


def _numbered(history: WorkflowHistory, events: list[dict[str, Any]]) -> WorkflowHistory:
    """The history with its events numbered from 1, and every reference to an event put right."""
    numbers = {event["eventId"]: str(number) for number, event in enumerate(events, 1)}

    def renumbered(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: numbers.get(one, one) if key == "eventId" or key.endswith("EventId") else renumbered(one)
                for key, one in value.items()
            }
        return [renumbered(one) for one in value] if isinstance(value, list) else value

    return WorkflowHistory.from_json(history.workflow_id, json.dumps({"events": [renumbered(one) for one in events]}))

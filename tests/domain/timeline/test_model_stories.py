"""Stories that the timeline and the slow model once told otherwise, each with what the rules say of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.process import EntitlementProcess
from tests.domain.timeline import test_model as plain
from tests.domain.timeline.test_model_migration import Migrated, tell

MONDAY = plain.DAYS["a Monday in June"]
HOUR = 3600
WITHIN_AN_HOUR = {"within": [{"span": "1h"}]}


def process(*milestones: dict[str, Any], **declared: Any) -> EntitlementProcess:
    return EntitlementProcess.model_validate({"name": "P", **declared, "milestones": list(milestones)})


def step(kind: str, passed: int = 0, fields: dict[str, Any] | None = None, milestone: str = "A") -> plain.Step:
    """After so many seconds somebody asks for something."""
    return plain.Step(
        passed=passed,
        advances=False,
        through_json=False,
        kind=kind,
        milestone=milestone,
        delay=0,
        fields=fields or {},
        seconds=0,
    )


def at(hours: int) -> str:
    """So many hours after the case was opened."""
    return (MONDAY + timedelta(hours=hours)).isoformat()


def world(declared: EntitlementProcess, fields: dict[str, Any], *steps: plain.Step) -> plain.World:
    return plain.World(declared, "always", MONDAY, fields, list(steps))


STAYS_HIGH = {"name": "A", "starts": "criteria", **WITHIN_AN_HOUR}
WAITS = {"name": "A", "when": 'case.s == "wait"', **WITHIN_AN_HOUR}
DONE = {"kind": "success", "id": "done", "actions": [{"do": "field_update", "field": "s", "value": "done"}]}
SHORTENED = {"name": "A", "within": [{"when": "case.b", "span": "1h"}, {"span": "4h"}]}
COMPLETES = {"name": "B", "complete_when": "case.b", "within": [{"span": "26h"}], "triggers": [DONE]}
REMINDER = {
    "name": "A",
    "promise": False,
    "on_change": "carry",
    "within": [{"when": "case.b", "span": "10h"}, {"span": "1h"}],
}

PLAIN = {
    "a deadline that passed while the case was closed, removed at its reopening": world(
        process({"name": "A", "when": "case.b", "by": "due_at"}),
        {"b": True, "due_at": at(10)},
        step("close"),
        step("change", fields={"b": False}),
        step("reopen", 24 * HOUR),
    ),
    "a shorter span is missed, and the process left, by one change": world(
        process(COMPLETES, SHORTENED, exit_when='case.s == "done"'),
        {"b": False, "s": "new"},
        step("change", 2 * HOUR, {"b": True}),
    ),
    "a shorter span is missed, and the milestone removed, by one change": world(
        process(COMPLETES, {**SHORTENED, "when": 'case.s != "done"'}),
        {"b": False, "s": "new"},
        step("change", 2 * HOUR, {"b": True}),
    ),
    "a reminder that has passed, and started earlier, is carried": world(
        process(REMINDER, entry="entry_at"),
        {"b": False, "entry_at": at(22)},
        step("change", 48 * HOUR, {"entry_at": at(-2)}),
        step("change", fields={"b": True}),
    ),
}
MIGRATED = {
    "success of a milestone that the new version adds is due when it was completed": Migrated(
        world(
            process(SHORTENED),
            {},
            step("migrate", HOUR),
            step("complete", milestone="B")._replace(delay=1800),
        ),
        process(SHORTENED, {"name": "B", "within": [{"span": "26h"}], "triggers": [DONE]}),
        edited=False,
    ),
    "what a clear took away is not the last occurrence": Migrated(
        world(
            process({**STAYS_HIGH, "recurrence": "sequential"}),
            {},
            step("complete"),
            step("migrate"),
            step("clear"),
            step("complete"),
        ),
        process(STAYS_HIGH),
        edited=False,
    ),
    "a missed one comes back in the pause in which it was removed": Migrated(
        world(
            process(WAITS),
            {"s": "wait"},
            step("stop", HOUR + 1800),
            step("change", 1800, {"s": "done"}),
            step("migrate"),
            step("resume", HOUR),
        ),
        process({**WAITS, "when": ""}),
        edited=False,
    ),
}


@pytest.mark.parametrize("story", PLAIN.values(), ids=PLAIN)
def test_a_story_is_the_models_too(story: plain.World) -> None:
    """After every step, and twenty days later."""
    for both, now in plain.walk(story):
        both.agree(now)


@pytest.mark.parametrize("story", MIGRATED.values(), ids=MIGRATED)
def test_a_story_of_a_migration_is_the_models_too(story: Migrated) -> None:
    """After every step, and twenty days later."""
    tell(story)

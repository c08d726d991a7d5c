"""The contract that is published: what workflows take in truth, each with a schema that its model agrees with."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from temporalio.workflow import _Definition

from domain.messages.contract import CASE, ENTITLEMENT, Workflow, schema_files
from domain.usage.requests import CARRY_BACK, CARRY_IN, CONSUME_MANY
from workflows.case.asked import NEWS, REQUESTS
from workflows.case.workflow import CaseWorkflow
from workflows.entitlement.workflow import EntitlementWorkflow

PUBLISHED = Path(__file__).parents[3] / "docs/reference/schemas"
BETWEEN_OURSELVES = {
    CARRY_IN,
    CARRY_BACK,
    CONSUME_MANY,
    "amend",
    "renew",
    "cancel",
    "has_taken",
    "entitlement_overflowed",
}
AT = "2026-12-01T09:30:00Z"
GOOD: dict[str, Any] = {
    "case.start": {"case_id": "4711", "account": "acme", "fields": {"priority": "High"}},
    "case.complete_milestone": {"event_id": "1", "milestone": "First response", "occurred_at": AT},
    "case.milestone_completed": {"event_id": "1", "milestone": "First response"},
    "case.stop_clock": {"event_id": "1"},
    "case.change_fields": {"event_id": "1", "fields": {"priority": None}},
    "case.log_time": {"event_id": "1", "id": "T-1", "minutes": 90},
    "case.reverse_time": {"event_id": "1", "entry": "T-1", "by": "ann", "reason": "wrong case"},
    "case.close": {"event_id": "1", "by": "ann"},
}
BAD: dict[str, Any] = {
    "case.start": {"account": "acme"},
    "case.complete_milestone": {"event_id": "1"},
    "case.milestone_completed": {"milestone": "First response"},
    "case.stop_clock": {"event_id": "1", "nope": 1},
    "case.change_fields": {"event_id": "1", "fields": []},
    "case.log_time": {"event_id": "1", "id": "T-1", "minutes": 0},
    "case.reverse_time": {"event_id": "1", "entry": "T-1", "by": "ann", "reason": ""},
    "case.close": {"event_id": ""},
}


@pytest.mark.parametrize(("told", "workflow"), [(CASE, CaseWorkflow), (ENTITLEMENT, EntitlementWorkflow)])
def test_the_contract_names_what_workflows_take(told: Workflow, workflow: type[Any]) -> None:
    """All of it, but for what Milepost's own parts say to one another."""
    definition = _Definition.must_from_class(workflow)
    assert told.kind == definition.name
    for named, known in (
        (told.updates, definition.updates),
        (told.signals, definition.signals),
        (told.queries, definition.queries),
    ):
        assert set(named) == {name for name in known if name is not None} - BETWEEN_OURSELVES


def test_each_message_is_the_one_that_is_read() -> None:
    """Under its name, by the very class."""
    assert {name: CASE.updates[name].message for name in REQUESTS} == REQUESTS
    assert {name: CASE.signals[name].message for name in NEWS} == NEWS


@pytest.mark.parametrize("name", GOOD)
def test_a_schema_takes_what_fits_and_nothing_else(name: str) -> None:
    """As whoever writes a client finds out without a server."""
    validator = Draft202012Validator(json.loads(schema_files()[f"{name}.json"]))
    assert list(validator.iter_errors(GOOD[name])) == []
    assert list(validator.iter_errors(BAD[name])) != []


def test_the_published_files_are_those_of_this_build() -> None:
    """After a change: milepost schema docs/reference/schemas."""
    assert {file.name: file.read_text() for file in PUBLISHED.iterdir()} == schema_files()


def test_the_index_names_every_file() -> None:
    """And none that there is not."""
    files = schema_files()
    text = files["index.json"]
    assert {name for name in files if name != "index.json"} == {
        part for part in text.split('"') if part.endswith(".json")
    }

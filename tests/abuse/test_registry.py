"""The table of messages is that of the workflows, so that no new message is forgotten."""

from __future__ import annotations

import pytest

from domain.timeline.events import FieldsChanged
from tests.abuse.registry import MESSAGES, UNHEARD_OF, Message, defined
from tests.abuse.ugly import VALUES, as_json, messages_of


def test_every_message_of_every_workflow_is_in_the_table() -> None:
    """By what the classes define; and none is there that they do not know, beside the names that nobody knows."""
    table = {(message.workflow, message.kind, message.name) for message in MESSAGES}
    assert defined() <= table
    assert {row for row in table - defined() if row[2] != UNHEARD_OF} == set()


@pytest.mark.parametrize("message", [m for m in MESSAGES if m.model], ids=lambda message: message.id)
def test_the_sample_of_a_message_is_taken_by_its_model(message: Message) -> None:
    """Else everything made of it would be refused for another reason than its ugliness."""
    assert message.model is not None
    timed = {"occurred_at": "2025-06-09T13:00:00Z"} if "occurred_at" in message.model.model_fields else {}
    message.model.model_validate({**timed, **message.sample})


def test_every_field_meets_every_value() -> None:
    """Of an event, say: what it inherits as well."""
    names = [name for name, _ in messages_of(FieldsChanged, {"event_id": "e"})]
    for field in ("event_id", "occurred_at", "by", "reason", "fields"):
        assert {f"{field}: {label}" for label in VALUES} <= set(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("label", VALUES)
def test_every_value_goes_on_the_wire(label: str) -> None:
    """As a client in another language would write it."""
    assert as_json({"fields": {"x": [VALUES[label]]}}).startswith(b'{"fields": {"x": [')

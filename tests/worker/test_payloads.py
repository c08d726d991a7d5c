"""What one build writes for another is read by a build that knows fewer keys; what others send is read to the last."""

import json
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio.api.common.v1 import Payload

from clients.sending import marked
from domain.errors import Refused
from domain.messages.cases import CaseIntake, TimeLogged
from domain.messages.inbox import FORMAT, read_event, read_message
from domain.messages.migrations import MigrationOrder
from domain.usage.requests import Consumption, EntitlementAmended
from store.errors import StoreError
from store.reading import read_stored
from tests.travelling import AT, example, travelling, with_unknown_keys
from worker.payloads import DATA_CONVERTER

KINDS = travelling()
SENT = [CaseIntake, MigrationOrder, Consumption, EntitlementAmended]
"""Of the messages that Milepost's own clients send, some of each kind of receiver."""


def of_a_newer_build(value: BaseModel) -> dict[str, Any]:
    """What a newer build would write in place of a value."""
    written = with_unknown_keys(value, value.model_dump(mode="json"))
    assert json.dumps(written).count("of_a_newer_build") >= 1
    return dict(written)


def test_the_models_that_travel_are_found() -> None:
    """Through activities, workflows and the store; fewer would make the tests below say less."""
    names = {kind.__name__ for kind in KINDS}
    assert {"CaseState", "Pause", "Verdict", "CarriedUsage", "LedgerRow", "PlacedOrder", "Explanation"} <= names
    assert len(KINDS) >= 140


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}")
def test_a_payload_of_a_newer_build_is_read(kind: type[BaseModel]) -> None:
    """With an unknown key in each of its objects, however deep: the known part is as it was written."""
    value = example(kind)
    payload = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(of_a_newer_build(value)).encode())
    [read] = DATA_CONVERTER.payload_converter.from_payloads([payload], [kind])
    assert read == value
    assert read_stored(kind, of_a_newer_build(value)) == value


@pytest.mark.parametrize("kind", SENT)
def test_a_message_of_a_newer_client_is_read(kind: type[BaseModel]) -> None:
    """It carries the number of its format, so what is not known of it is ignored."""
    value = example(kind)
    sent = {**marked(value), **of_a_newer_build(value)}
    assert sent["format"] == FORMAT
    assert read_message(kind, [sent]) == value


@pytest.mark.parametrize("kind", SENT)
def test_a_message_of_anybody_else_is_read_to_the_last_key(kind: type[BaseModel]) -> None:
    """Without the number of a format, a key that is not known is a slip of the pen."""
    with pytest.raises(Refused, match="is unknown here"):
        read_message(kind, [of_a_newer_build(example(kind))])


def test_a_message_in_a_later_format_is_turned_away_for_now() -> None:
    """This build could misread it; whoever sent it asks again until a newer one takes it."""
    sent = {"format": FORMAT + 1, "event_id": "e", "id": "t", "minutes": 5}
    with pytest.raises(Refused) as refused:
        read_event(TimeLogged, [sent], AT)
    assert refused.value.code == "not_now"


def test_what_the_store_cannot_read_is_left_to_a_newer_build() -> None:
    """It passes: an activity that reads it is tried again, and a person is told which program to use."""
    with pytest.raises(StoreError, match="a newer Milepost"):
        read_stored(CaseIntake, {"case_id": ["of another shape"]})

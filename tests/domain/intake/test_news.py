"""What deliveries say: a source's expressions on a payload, and the refusal that names the one that went wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.catalog.intake import IntakeSource
from domain.criteria.fields import FieldType
from domain.criteria.payloads import Delivered
from domain.ids import case_id_of
from domain.intake.news import News, Unreadable, read_news, read_place
from tests.starters.intakes import PRODUCTS, STEPS, VARIABLES, sample, sent

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
FIELDS = {
    "priority": FieldType.STRING,
    "count": FieldType.INTEGER,
    "amount": FieldType.NUMBER,
    "vip": FieldType.BOOLEAN,
    "due_at": FieldType.DATETIME,
    "tags": FieldType.LIST,
}
PAYLOAD: dict[str, Any] = {
    "id": 42,
    "at": "2026-11-02T09:00:00Z",
    "created": "2026-11-02T08:00:00Z",
    "state": "open",
    "nothing": None,
    "blank": " ",
    "n": 3,
    "tags": ["a", "b"],
    "due": "2026-11-03 12:00",
}


def source(**said: Any) -> IntakeSource:
    basic = {
        "id": "s",
        "signature": {"scheme": "frappe", "secrets": [{"env": "ONE"}]},
        "case": "string(payload.id)",
        "occurred_at": "payload.at",
    }
    return IntakeSource.model_validate({**basic, **said})


def news(payload: dict[str, Any] | None = None, *, received_at: datetime = AT, **said: Any) -> News:
    declared, delivered = source(**said), Delivered({**PAYLOAD, **(payload or {})}, {"x-event": "issues"})
    place = read_place(declared, delivered, received_at)
    assert place is not None
    return read_news(declared, delivered, place, FIELDS)


def refused(**said: Any) -> str:
    with pytest.raises(Unreadable) as error:
        news(**said)
    return str(error.value)


def test_a_delivery_is_of_a_case_at_an_instant() -> None:
    """An id that is none of ours becomes one, and is kept; a number is one too."""
    place = news(case='"INC/" + string(payload.id)', opened_at="payload.created").place
    assert (place.case_id, place.external_id, place.occurred_at) == (case_id_of("INC/42"), "INC/42", AT)
    assert news(case="payload.id").place.case_id == "42"


def test_what_has_come_has_happened() -> None:
    """A clock that is ahead does not put an event into the future, nor the opening behind what happened."""
    early = AT - timedelta(minutes=9)
    assert news(received_at=early).place.occurred_at == early
    assert news(received_at=early, opened_at="payload.at").opened_at == early
    assert news(opened_at="payload.created").opened_at == AT - timedelta(hours=1)
    assert news().opened_at == AT
    assert news(occurred_at="").place.occurred_at == AT
    assert news(occurred_at="payload.nothing").place.occurred_at == AT


def test_conditions_have_their_usual_answers() -> None:
    """Where there is none: a delivery opens and changes, and does nothing else."""
    said = news()
    assert (said.opens, said.changes) == (True, True)
    assert not any((said.stops, said.resumes, said.closes, said.reopens, said.completes))
    other = news(open="false", change='payload.state == "new"', stop="true", close="true", complete={"Answer": "true"})
    assert (other.opens, other.changes, other.stops, other.closes, other.completes) == (
        *(False, False, True, True),
        ["Answer"],
    )


def test_a_delivery_that_does_not_concern_us_is_nothing() -> None:
    """Whatever else it lacks; the headers say which event it is."""
    delivered = Delivered({}, {"x-event": "ping"})
    assert read_place(source(when='headers["x-event"] == "issues"'), delivered, AT) is None
    assert news(when='headers["x-event"] == "issues"').place.case_id == "42"


def test_values_are_of_their_fields_types() -> None:
    """A date-time that has no offset is in the source's zone; a null clears a field."""
    said = news(
        time_zone="Europe/Berlin",
        fields={
            "priority": "payload.state",
            "count": "payload.n",
            "amount": "payload.n",
            "vip": "payload.n > 2",
            "due_at": "payload.due",
            "tags": "payload.tags",
        },
        initially={"priority": "payload.nothing"},
    )
    assert said.fields == {
        "priority": "open",
        "count": 3,
        "amount": 3.0,
        "vip": True,
        "due_at": "2026-11-03T11:00:00Z",
        "tags": ["a", "b"],
    }
    assert said.initially == {"priority": None}


def test_whose_case_it_is_may_be_left_open() -> None:
    """Null and an empty text name nobody; a number is an id."""
    said = news(account="payload.nothing", contact="payload.blank", asset="payload.n", by="payload.nothing")
    assert (said.references, said.by) == ({"asset": "3"}, None)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"case": "payload.ticket.id"}, "case: the field 'ticket' is not set"),
        ({"case": "payload.nothing"}, "case: it comes to nothing"),
        ({"case": "payload.blank"}, "case: it comes to nothing"),
        ({"case": "payload.tags"}, "case: it comes to a list of any, not a text or a whole number"),
        ({"occurred_at": "payload.due"}, "occurred_at: '2026-11-03 12:00' has no offset"),
        ({"occurred_at": "payload.state"}, "occurred_at: 'open' is no ISO 8601 instant"),
        ({"stop": "payload.missing"}, "stop: the field 'missing' is not set"),
        ({"stop": "payload.state"}, "stop: it comes to a string, not true or false"),
        ({"stop": "payload.nothing"}, "stop: it comes to null, not true or false"),
        ({"complete": {"Answer": "payload.missing"}}, "complete.Answer: the field 'missing' is not set"),
        ({"stop": "true", "resume": "true"}, "stop, resume: both hold"),
        ({"close": "true", "reopen": "true"}, "close, reopen: both hold"),
        ({"fields": {"priority": "payload.n"}}, "fields.priority: it comes to an integer, not a text"),
        ({"fields": {"count": "payload.state"}}, "fields.count: it comes to a string, not a whole number"),
        ({"fields": {"due_at": "payload.due"}}, "fields.due_at: '2026-11-03 12:00' has no offset"),
        ({"fields": {"gone": "payload.n"}}, "fields.gone: the field 'gone' is not declared any more"),
        ({"fields": {"priority": '{"new": "New"}[payload.state]'}}, "fields.priority: the field 'open' is not set"),
        ({"account": "payload.nothing.id"}, "account: a field is read of something that has no fields"),
        ({"by": 'headers["x-who"]'}, "by: the field 'x-who' is not set"),
        ({"case": "payload.tags[7]"}, "case: a list of 2 has nothing at index 7"),
    ],
)
def test_an_expression_that_goes_wrong_is_named(said: dict[str, Any], says: str) -> None:
    """With what it lacks: that is the reason on the dead letter."""
    assert says in refused(**said)


def test_a_source_may_send_anything() -> None:
    """A list, a text, a number: what is not there is not there."""
    anything: list[Any] = [[], "a", 3, None]
    for payload in anything:
        with pytest.raises(Unreadable, match="case"):
            read_place(source(), Delivered(payload, {}), AT)


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_product_says_at_each_step_what_happened(product: str, sources: dict[str, IntakeSource]) -> None:
    """Of the shipped mappings, on payloads after each product's documentation."""
    fields = {"ticket": FieldType.STRING, "priority": FieldType.STRING, "status": FieldType.STRING}
    told = {}
    for step in STEPS:
        what = sent(product, step, AT)
        headers = {name.lower(): value for name, value in what.headers.items()}
        delivered = Delivered(what.payload, headers)
        place = read_place(sources[product], delivered, AT + timedelta(hours=3))
        assert place is not None
        told[step] = read_news(sources[product], delivered, place, fields)
    assert {one.place.case_id for one in told.values()} == {told["created"].place.case_id}
    assert {step: one.fields["priority"] for step, one in told.items()} == {
        "created": "Normal",
        "raised": "High",
        "waiting": "High",
        "answered": "High",
        "closed": "High",
    }
    assert [step for step, one in told.items() if one.stops] == ["waiting"]
    assert [step for step, one in told.items() if one.closes] == ["closed"]
    assert "closed" in [step for step, one in told.items() if "Resolution" in one.completes]
    assert next(step for step, one in told.items() if "First response" in one.completes) == "answered"
    assert {one.references["account"] for one in told.values()} == {"acme"}
    assert told["answered"].by
    if product != "freshdesk":
        assert [told[step].place.occurred_at for step in STEPS] == [
            AT + timedelta(minutes=10 * number) for number in range(len(STEPS))
        ]
        assert {one.opened_at for one in told.values()} == {AT}


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_shipped_payload_can_be_read(product: str, sources: dict[str, IntakeSource]) -> None:
    """As it lies beside its mapping."""
    headers = {"x-github-event": "issues"} if product == "github" else {}
    delivered = Delivered(sample(product), headers)
    place = read_place(sources[product], delivered, datetime(2027, 1, 1, tzinfo=UTC))
    assert place is not None
    if product != "freshdesk":
        assert place.occurred_at.replace(microsecond=0) == AT
    assert set(VARIABLES) == set(PRODUCTS)

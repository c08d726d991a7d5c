"""Every message with every ugly value is refused in few words, or taken as one that fits. Without a server."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from pydantic import BaseModel

from domain.bounds import MOST_TEXT_BYTES, MOST_WORDS_BYTES
from domain.errors import Refused
from domain.frozen import HorizonExceeded
from domain.messages.inbox import read_event, read_message
from domain.timeline.events import FieldsChanged
from domain.timeline.machine import Timeline
from domain.timeline.state import TimelineState
from domain.usage.allowance import Allowance
from domain.usage.freezing import freeze
from domain.usage.machine import Usage
from domain.usage.periods import Term
from domain.usage.requests import Consumption, EntitlementTerms
from domain.usage.state import UsageState
from tests.abuse.registry import CASE, ENTITLEMENT, MESSAGES, Message
from tests.abuse.timelines import OPENED_AT, running
from tests.abuse.ugly import messages_of
from tests.usage import NOON, STARTS_ON, consumption

NOW = OPENED_AT + timedelta(minutes=30)
LONGEST_STATE = 300_000
"""Bytes of a state that has taken one message as large as one may be."""


def rows(*kinds: str, of: str | None = None) -> list[Any]:
    """Every message of these kinds with a model."""
    chosen = [m for m in MESSAGES if m.kind in kinds and m.model is not None and of in {None, m.workflow}]
    return [pytest.param(message, id=message.id) for message in chosen]


def read(message: Message, arguments: list[Any]) -> BaseModel | None:
    """The message, or None if it is refused, in few words."""
    assert message.model is not None
    is_timed = "occurred_at" in message.model.model_fields
    try:
        if is_timed:
            return read_event(message.model, arguments, NOW)
        return read_message(message.model, arguments)
    except Refused as refused:
        said = refused
    assert len(str(said).encode()) <= MOST_WORDS_BYTES
    assert said.code == "bad_message"
    return None


def refusal_of(ask: Callable[[], object]) -> str | None:
    """What a request is told, if it is refused; nothing else may be raised."""
    try:
        ask()
    except (Refused, HorizonExceeded) as refused:
        return str(refused)
    return None


def outside(value: Any, path: str = "") -> Iterator[str]:
    """What of a message that was taken is over a bound that holds for everything."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from outside(key, f"a key of {path}")
            yield from outside(part, f"{path}.{str(key)[:20]}")
    elif isinstance(value, list | tuple):
        for part in value:
            yield from outside(part, f"{path}[]")
    elif why := _fault(value):
        yield f"{path}: {why}"


def _fault(value: Any) -> str | None:
    match value:
        case str() if len(value.encode("utf-8", "replace")) > MOST_TEXT_BYTES:
            return f"a text of {len(value)}"
        case str() if "\0" in value or value != value.encode("utf-8", "replace").decode():
            return f"the text {value!r}"
        case int() if abs(value) > 2**63:
            return f"a number of {value.bit_length()} bits"
        case float() if not math.isfinite(value):
            return str(value)
        case datetime() if not 1900 <= _year(value) <= 2999:
            return str(value)
        case _:
            return None


def _year(at: datetime) -> int:
    try:
        return at.astimezone(UTC).year
    except OverflowError:
        return 0


@pytest.mark.parametrize("message", rows("start", "update", "signal"))
def test_a_message_is_refused_in_few_words_or_fits(message: Message) -> None:
    """Nothing else is ever raised, and what is taken is within the bounds that hold for everything.

    A start argument is read as any message is; one that does not fit fails its workflow.
    """
    assert message.model is not None
    wrong = []
    for label, arguments in messages_of(message.model, message.sample):
        taken = read(message, arguments)
        if taken is not None:
            wrong += [f"{label}: {said}" for said in outside(taken.model_dump(exclude={"fields"}))]
    assert wrong == []


# --- what is taken leaves a timeline whole ---

EVENTS = [row for row in rows("update", of=CASE) if row.values[0].model.__module__ == "domain.timeline.events"]


@pytest.mark.parametrize("message", EVENTS)
def test_a_case_stays_whole_whatever_it_is_asked(message: Message) -> None:
    """A refusal changes nothing, the next event is taken, and what is due happens."""
    assert message.model is not None
    timeline = running()
    stopped = read_event(FieldsChanged, [{"event_id": "s", "fields": {"state": "Open"}}], NOW)
    timeline.apply(stopped, NOW)
    before = timeline.state.model_dump_json()
    for label, arguments in messages_of(message.model, message.sample):
        event = read(message, arguments)
        if event is None:
            continue
        tried = timeline.fork()
        said = refusal_of(partial(tried.apply, event, NOW))  # type: ignore[arg-type]  # by what it was read as, one is
        if said is not None:
            assert len(said.encode()) <= MOST_WORDS_BYTES, label
            assert tried.state.model_dump_json() == before, label
        goes_on(tried, label)
    assert timeline.state.model_dump_json() == before


def goes_on(timeline: Timeline, label: str) -> None:
    """The next event is taken, a year passes, and the state goes through JSON as it is."""
    state = timeline.state.model_dump_json()
    assert len(state) < LONGEST_STATE, label
    assert TimelineState.model_validate_json(state).model_dump_json() == state, label
    timeline.apply(read_event(FieldsChanged, [{"event_id": "next", "fields": {"more": "next"}}], NOW), NOW)
    assert timeline.state.fields["more"] == "next", label
    timeline.advance(NOW + timedelta(days=366))
    timeline.view(NOW + timedelta(days=366))
    due = timeline.next_due
    assert due is None or due > NOW + timedelta(days=366), label


# --- and an entitlement ---


def counted() -> Usage:
    """An entitlement in the middle of its term, of which something was taken."""
    allowance = Allowance.model_validate({"cap": 50, "period": "month", "overflow": "block"})
    term = Term(starts_on=STARTS_ON, ends_on=date(2026, 1, 14), time_zone="America/New_York")
    frozen = freeze(allowance, term, datetime(2030, 1, 1, tzinfo=UTC))
    terms = EntitlementTerms(entitlement_id="E", account="acme", allowance=allowance, periods=frozen, rules=2)
    usage = Usage.begin(terms, NOON)
    usage.advance(NOON)
    usage.take(consumption("first"), NOON)
    return usage


def requests(usage: Usage, asked: Any) -> Callable[[], object]:
    """What its workflow does with a request."""
    match type(asked).__name__:
        case "Consumption":
            return partial(usage.take, asked, NOON)
        case "TimeEntry":
            return partial(usage.log_hours, asked, NOON)
        case "OverageDecision":
            return partial(usage.decide, asked, NOON)
        case "EntitlementAmended":
            return partial(usage.check_amendment, asked)
        case "UsageActionRetry":  # is about actions, not about what was used
            return lambda: None
        case _:
            return partial(usage.change, asked, NOON)


@pytest.mark.parametrize("message", rows("update", of=ENTITLEMENT))
def test_an_entitlement_stays_whole_whatever_it_is_asked(message: Message) -> None:
    """A refusal changes nothing, and the next consumption is taken."""
    assert message.model is not None
    usage = counted()
    before = usage.state.model_dump_json()
    for label, arguments in messages_of(message.model, message.sample):
        asked = read(message, arguments)
        if asked is None:
            continue
        tried = usage.fork()
        said = refusal_of(requests(tried, asked))
        if said is not None:
            assert len(said.encode()) <= MOST_WORDS_BYTES, label
            assert tried.state.model_dump_json() == before, label
        state = tried.state.model_dump_json()
        assert json.loads(UsageState.model_validate_json(state).model_dump_json()) == json.loads(state), label
        assert tried.take(Consumption.model_validate(consumption("next")), NOON).answer.reference == "next", label
        tried.advance(NOON + timedelta(days=366))
        tried.balance(NOON + timedelta(days=366))
    assert usage.state.model_dump_json() == before

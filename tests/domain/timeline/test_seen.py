"""An event counts once, however many came since; what is too old to be known is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Refused
from domain.timeline import seen
from domain.timeline.events import FieldsChanged
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from domain.timeline.seen import EventIds
from domain.timeline.state import TimelineState
from tests.domain.timeline.test_model import FIELDS, calendars

T0 = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)


def at(seconds: int) -> datetime:
    return T0 + timedelta(seconds=seconds)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty are remembered, ten in a block."""
    monkeypatch.setattr(seen, "MOST_IDS", 30)
    monkeypatch.setattr(seen, "_MOST_A_BLOCK", 10)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.text(max_size=3), st.sampled_from([0, 1, 3600, 10**7, 10**8])), max_size=40))
def test_what_was_added_is_known_and_nothing_else(added: list[tuple[str, int]]) -> None:
    """Whatever the ids and the times between them, also through JSON."""
    ids, now = EventIds(), 0
    for event_id, passed in added:
        now += passed
        ids = ids.with_one(event_id, at(now))
    ids = EventIds.model_validate_json(ids.model_dump_json())
    assert all(event_id in ids for event_id, _ in added)
    assert not any(f"{event_id}x{number}" in ids for number, (event_id, _) in enumerate(added))
    assert (len(ids), ids.forgotten_until) == (len(added), None)
    assert not added or ids.blocks[-1].last_at == at(now)


@pytest.mark.usefixtures("few")
def test_the_newest_are_remembered() -> None:
    """Of more than are remembered the oldest go, one by one; those that are left stay known."""
    ids = EventIds()
    for number in range(100):
        ids = ids.with_one(f"e-{number}", at(60 * number))
        assert len(ids) == min(number + 1, 30)
    known = [number for number in range(100) if f"e-{number}" in ids]
    assert known == list(range(70, 100))
    assert (ids.forgotten_until, ids.oldest_at) == (at(60 * 69), at(60 * 70))
    assert [ids.is_too_old(at(60 * 70 + second)) for second in (-1, 0, 1)] == [True, False, False]


@pytest.mark.usefixtures("few")
def test_of_one_second_none_is_taken_twice() -> None:
    """Where one that was forgotten is of the second of the oldest that is left, that second is too old."""
    ids = EventIds()
    for number in range(31):
        ids = ids.with_one(f"e-{number}", at(0))
    assert ids.oldest_at == at(0)
    assert (ids.is_too_old(at(0)), ids.is_too_old(at(1))) == (True, False)


@pytest.mark.parametrize("name", ["a", "blocks"])
def test_ids_as_older_builds_wrote_them_are_read(name: str) -> None:
    """Each with the instant at which it took effect, whatever the ids are."""
    written: dict[str, Any] = {"b": "2025-06-09T14:00:00Z", name: "2025-06-09T13:00:00Z"}
    ids = EventIds.model_validate(written)
    assert [event_id in ids for event_id in (name, "b", "c")] == [True, True, False]
    assert ids.blocks[-1].last_at == at(3600)
    assert EventIds.model_validate({}) == EventIds()


@pytest.mark.usefixtures("few")
def test_an_event_that_may_have_been_taken_is_refused_as_too_old() -> None:
    """A repeated one that is known changes nothing; one from before all that is known is refused, new or not."""
    plan = Plan(business_hours="always", calendars=calendars(), fields=FIELDS)
    timeline = Timeline.enter(plan, Case(case_id="c"), T0)
    for number in range(1, 41):
        timeline.apply(FieldsChanged(event_id=f"e-{number}", occurred_at=at(number), fields={"s": f"{number}"}))
    before = timeline.state.model_dump_json()
    assert timeline.apply(FieldsChanged(event_id="e-11", occurred_at=at(11), fields={"s": "x"})) == []
    for event_id in ("e-10", "new"):
        with pytest.raises(Refused, match="too old") as refusal:
            timeline.apply(FieldsChanged(event_id=event_id, occurred_at=at(10), fields={"s": "x"}))
        assert refusal.value.code == "too_old"
    assert timeline.state == TimelineState.model_validate_json(before)
    timeline.apply(FieldsChanged(event_id="late", occurred_at=at(11), fields={"s": "x"}))
    assert timeline.state.fields["s"] == "x"


def test_twenty_thousand_ids_are_few_bytes() -> None:
    """Sixteen letters each, however long they are themselves."""
    ids = EventIds()
    for number in range(20_100):
        ids = ids.with_one(f"an-event-id-as-long-as-systems-make-them-{number:020}", at(3600 * number))
    assert (len(ids), len(ids.model_dump_json()) < 330_000) == (20_000, True)

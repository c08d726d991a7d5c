"""Deliveries in the store: each once, in the order of the source's time, held up by a dead letter or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from activities.planning import Planner
from domain.catalog.documents import read_document
from domain.errors import NotFound, Refused
from domain.intake.news import Place
from domain.intake.planning import Known
from domain.messages.cases import CaseIntake
from store import Store
from store.intake import MOST_RETRIES_NAMED, NO_CASE, Delivery
from tests.recorded import RecordedCase

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
OF_A_CASE = {"accounts": [{"id": "acme"}], "entitlements": [{"id": "gold", "account": "acme"}]}


def source(name: str, on_error: str) -> dict[str, object]:
    signature = {"scheme": "frappe", "secrets": [{"env": "ONE"}]}
    return {"id": name, "signature": signature, "case": "payload.id", "on_error": on_error}


@pytest.fixture
def store(store: Store) -> Store:
    """With a source that holds and one that does not."""
    sources = [source("holds", "hold"), source("skips", "skip"), {**source("gone", "hold"), "retired": True}]
    store.catalog.apply(read_document({"intake": sources}), by="test")
    return store


def kept(store: Store, name: str, *, of: str = "holds", case_id: str = "c", minutes: int = 0) -> Delivery:
    found, _ = store.intake.receive(of, name, "{}", {"x": "y"}, AT)
    at = AT + timedelta(minutes=minutes)
    store.intake.put_in_place(found.number, Place(case_id=case_id, external_id=f"{case_id}!", occurred_at=at))
    return store.intake.get(found.number)


def names(store: Store, case_id: str = "c") -> list[str]:
    return [one.delivery for one in store.intake.next_of(case_id)]


def test_a_delivery_is_kept_once(store: Store) -> None:
    """By its id and source: what comes again is what was kept."""
    first, is_new = store.intake.receive("holds", "d", '{"a": 1}', {"x": "y"}, AT)
    again, is_again_new = store.intake.receive("holds", "d", '{"a": 2}', {}, AT + timedelta(hours=1))
    other, is_other_new = store.intake.receive("skips", "d", "{}", {}, AT)
    assert (is_new, is_again_new, is_other_new) == (True, False, True)
    assert first == again == store.intake.get(first.number)
    assert (first.payload, first.headers, first.status) == ('{"a": 1}', {"x": "y"}, "waits")
    assert other.number != first.number
    with pytest.raises(NotFound, match="no delivery 999"):
        store.intake.get(999)


def test_deliveries_come_in_the_order_of_the_sources_time(store: Store) -> None:
    """Of one instant in the order in which they came; of one case alone."""
    for name, minutes in (("b", 2), ("a", 1), ("c", 2), ("z", 0)):
        kept(store, name, minutes=minutes, case_id="other" if name == "z" else "c")
    assert names(store) == ["a", "b", "c"]


def test_a_dead_letter_holds_up_what_its_source_says_later(store: Store) -> None:
    """Not what came before it, not what another source says, and not where the source skips."""
    for of in ("holds", "skips"):
        for name, minutes in (("early", 0), ("dead", 1), ("late", 2)):
            one = kept(store, name, of=of, minutes=minutes)
            if name == "dead":
                store.intake.settle(one.number, "dead", AT, code="bad_field", reason="why")
    assert [(one.source, one.delivery) for one in store.intake.next_of("c")] == [
        *[("holds", "early"), ("skips", "early"), ("skips", "late")]
    ]


def test_a_dead_letter_of_no_known_time_holds_up_what_came_after_it(store: Store) -> None:
    """Whatever time that says: nobody knows which of them was first. What came before it goes ahead."""
    for of in ("holds", "skips"):
        kept(store, "before", of=of, minutes=9)
        dead, _ = store.intake.receive(of, "dead", "{}", {}, AT)
        store.intake.put_with_case(dead.number, "c")
        store.intake.settle(dead.number, "dead", AT, code="unreadable", reason="occurred_at: why")
        kept(store, "after", of=of, minutes=1)
    going = {(one.source, one.delivery) for one in store.intake.next_of("c")}
    assert going == {("holds", "before"), ("skips", "before"), ("skips", "after")}
    assert {one.delivery for one in store.intake.listed(case_id="c", statuses=("dead",))} == {"dead"}


def test_what_came_before_its_case_holds_nothing_up_and_is_tried_again(store: Store) -> None:
    """As soon as something was told to the case."""
    early, opening = kept(store, "early", minutes=1), kept(store, "opening", minutes=2)
    store.intake.settle(early.number, "dead", AT, code=NO_CASE, reason="no case")
    assert names(store) == ["opening"]
    store.intake.settle(opening.number, "taken", AT, did=["open"], known=("c", Known(clock=AT)))
    assert names(store) == ["early"]
    assert store.intake.known("c") == Known(clock=AT)
    assert store.intake.known("other") == Known()
    assert store.intake.get(opening.number).did == ["open"]


def test_a_dead_letter_is_tried_again_and_placed_anew(store: Store) -> None:
    """By its number, of a source, or all; what is none is refused, and nothing of the list is tried."""
    dead = [kept(store, name, of=of) for name, of in (("a", "holds"), ("b", "skips"))]
    well = kept(store, "c")
    for one in dead:
        store.intake.settle(one.number, "dead", AT, code="x", reason="why")
    with pytest.raises(Refused, match="no dead letter: it is waits") as refused:
        store.intake.retry([dead[0].number, well.number], by="ann")
    assert refused.value.code == "no_dead_letter"
    assert [one.delivery for one in store.intake.listed(statuses=("dead",))] == ["a", "b"]
    [again] = store.intake.retry([dead[0].number], by="ann")
    assert (again.status, again.retries, again.occurred_at, again.reason) == ("waits", 1, None, "")
    assert store.intake.retry(source="holds", by="ann") == []
    assert [one.delivery for one in store.intake.retry(source="skips", by="ann")] == ["b"]


def test_who_had_a_dead_letter_tried_again_stays_on_record(store: Store) -> None:
    """Before what came of it, whatever that was; of very many the newest."""
    one, other = kept(store, "a"), kept(store, "b", of="skips")
    for by in ("ann", "bo via desk"):
        for dead in (one, other):
            store.intake.settle(dead.number, "dead", AT, code="x", reason="why")
        assert [again.did[-1] for again in store.intake.retry(by=by)] == [f"tried again by {by}"] * 2
    store.intake.settle(one.number, "taken", AT, did=["open"])
    assert store.intake.get(one.number).did == ["tried again by ann", "tried again by bo via desk", "open"]
    for _ in range(MOST_RETRIES_NAMED):
        store.intake.settle(other.number, "dead", AT, code="x", reason="why")
        store.intake.retry([other.number], by="cy")
    assert store.intake.get(other.number).did == ["tried again by cy"] * MOST_RETRIES_NAMED


def test_a_dead_letter_is_dropped_for_good(store: Store) -> None:
    """It holds nothing up, stays on record, and is not dropped twice."""
    dead, late = kept(store, "dead"), kept(store, "late", minutes=1)
    store.intake.settle(dead.number, "dead", AT, reason="why")
    assert names(store) == []
    assert store.intake.drop(dead.number, by="ann", at=AT).reason == "dropped by ann: why"
    assert names(store) == ["late"]
    with pytest.raises(Refused, match="it is dropped"):
        store.intake.drop(dead.number, by="ann", at=AT)
    store.intake.settle(dead.number, "taken", AT)
    assert store.intake.get(dead.number).status == "dropped"
    assert store.intake.counts() == {"dropped": 1, "waits": 1}
    assert late.status == "waits"


def test_what_waits_is_found_once_it_was_not_tried_for_a_while(store: Store) -> None:
    """Where nobody answered; with the reason until then."""
    one = kept(store, "a")
    assert store.intake.left_waiting(AT, 10, at=AT) == []
    later = AT + timedelta(seconds=1)
    assert [found.number for found in store.intake.left_waiting(later, 10, at=later)] == [one.number]
    assert store.intake.left_waiting(later, 10, at=later) == []
    store.intake.note_trouble(one.number, "nobody answers", AT + timedelta(minutes=1))
    assert store.intake.left_waiting(AT + timedelta(minutes=1), 10, at=later) == []
    [found] = store.intake.left_waiting(AT + timedelta(minutes=2), 10, at=later)
    assert found.reason == "nobody answers"


def test_what_is_held_up_keeps_nothing_else_from_its_turn(store: Store) -> None:
    """However much of it there is: those that were tried longest ago come first, and before them who never was."""
    held = [kept(store, f"held-{number}").number for number in range(4)]
    first, second = (AT + timedelta(seconds=ahead) for ahead in (10, 20))
    assert [one.number for one in store.intake.left_waiting(first, 3, at=first)] == held[:3]
    other = kept(store, "other", of="skips", case_id="d").number
    assert [one.number for one in store.intake.left_waiting(second, 3, at=second)] == [held[0], held[3], other]


def test_what_is_tried_again_is_overtaken_by_nothing(store: Store) -> None:
    """Until it has its place: it may lie before all that its source has sent of the case."""
    dead, late, other = kept(store, "dead"), kept(store, "late", minutes=1), kept(store, "other", of="skips", minutes=2)
    store.intake.settle(dead.number, "dead", AT, reason="why")
    store.intake.retry(by="ann")
    assert names(store) == ["other"]
    store.intake.put_in_place(dead.number, Place(case_id="c", external_id="c!", occurred_at=AT + timedelta(minutes=3)))
    assert names(store) == ["late", "other", "dead"]
    assert (late.status, other.status) == ("waits", "waits")


def test_what_came_before_its_case_waits_again_once_somebody_opened_it(store: Store) -> None:
    """By whatever way; once for each time that the case was recorded since."""
    early = kept(store, "early")
    store.intake.settle(early.number, "dead", datetime.now(UTC), code=NO_CASE, reason="no case")
    assert store.intake.wake() == 0
    store.catalog.apply(read_document(OF_A_CASE), by="test")
    plan = Planner(store).plan(CaseIntake(case_id="c", account="acme"), AT, entitlement=None, account="acme")
    RecordedCase(store, plan, "c", {}, AT, account="acme")
    assert store.intake.wake() == 1
    assert names(store) == ["early"]
    store.intake.settle(early.number, "dead", datetime.now(UTC), code=NO_CASE, reason="no case")
    assert store.intake.wake() == 0


def test_what_is_done_with_is_forgotten_in_the_end(store: Store) -> None:
    """What waits never."""
    done, waits = kept(store, "done"), kept(store, "waits")
    store.intake.settle(done.number, "taken", AT)
    assert store.intake.prune(AT) == 0
    assert store.intake.prune(AT + timedelta(seconds=1)) == 1
    assert [one.number for one in store.intake.listed()] == [waits.number]


def test_a_list_goes_on_where_it_ended(store: Store) -> None:
    """With its filters."""
    many = [kept(store, str(number), case_id=str(number % 2)) for number in range(4)]
    first = store.intake.listed(limit=2)
    assert [one.number for one in first] == [one.number for one in many[:2]]
    assert [one.number for one in store.intake.listed(after=first[-1].number)] == [one.number for one in many[2:]]
    assert len(store.intake.listed(case_id="1")) == 2
    assert store.intake.listed(source="skips") == []
    assert store.intake.listed(statuses=("taken",)) == []


def test_a_retired_source_is_as_one_that_there_is_not(store: Store) -> None:
    """Nothing is taken of it any more."""
    assert store.intake.source("holds").on_error == "hold"
    for name in ("gone", "nobody"):
        with pytest.raises(NotFound):
            store.intake.source(name)

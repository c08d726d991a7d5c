"""What an entitlement remembers is bounded in bytes: what is more lies in the store, and nothing is forgotten."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.usage import keeping
from domain.usage.machine import Usage
from domain.usage.references import References
from domain.usage.requests import OverageDecision
from domain.usage.state import UsageState
from domain.usage.takings import Ledger, ShortLedger, Taking, digest_of, each_of
from tests.domain.usage.test_usage import NOON, consumption, take, usage

ALL_AT_ONCE = {"taken", "overflowed", "approved", "declined", "changed"}


class Shelf:
    """The store, as far as it keeps references."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def put_away(self, state: UsageState) -> None:
        """All that is too much, and no more of it."""
        while keeping.is_over(state):
            going = keeping.to_put_away(state)
            if not going:
                return
            for name, groups in going.items():
                self.kept |= {(name, digest): key for digest, key in each_of(groups)}
            keeping.drop(state, going)

    def recall(self, state: UsageState, *references: str) -> None:
        """All that is known of references."""
        for asked in keeping.missing(state, references):
            for (name, digest), key in self.kept.items():
                if digest == asked:
                    keeping.recall(state, {name: {key: digest}})


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """With ledgers of 1,000 bytes, of which the last five references stay."""
    monkeypatch.setattr(Ledger, "most_bytes", 1_000)
    monkeypatch.setattr(ShortLedger, "most_bytes", 1_000)
    monkeypatch.setattr(keeping, "NEWEST_STAY", 5)
    return Shelf()


def written(ledger: Ledger) -> int:
    """How many bytes the groups of a ledger take."""
    return len(Ledger.model_validate(ledger.model_dump()).model_dump_json().encode()) - len('{"groups":{}}')


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(st.booleans(), st.text("abc", min_size=2, max_size=3), st.text("01:", min_size=1)), max_size=40)
)
def test_a_running_count_of_bytes_is_what_json_takes(steps: list[tuple[bool, str, str]]) -> None:
    """But for the comma that the last group does without."""
    references = References()
    for is_put, reference, key in steps:
        references = references.with_one(reference, key) if is_put else references.without(reference)
        groups = references.groups()
        assert references.weight == sum(len(f'"{key}":"{"".join(each)}",') for key, each in groups.items())
        assert References.of(groups).weight == references.weight


def test_very_many_amounts_of_their_own_stay_within_their_bytes() -> None:
    """30,000 references that each took another amount of nine digits, in lists of a thousand."""
    cases, shelf = usage(cap=None), Shelf()
    for number in range(30_000):
        cases.state.taken.add(f"C{number}", Taking(0, 100_000_000 + number))
        if number % 1_000 == 0:
            shelf.put_away(cases.state)
    shelf.put_away(cases.state)
    assert written(cases.state.taken) <= Ledger.most_bytes
    assert len(cases.state.model_dump_json()) < 1_000_000
    assert cases.state.taken.find("C0") is None
    shelf.recall(cases.state, "C0", "C29999", "never")
    assert cases.state.taken.find("C0") == Taking(0, 100_000_000)
    assert cases.state.taken.find("never") is None
    assert len({digest for _, digest in shelf.kept}) + len(cases.state.taken) >= 30_000


def test_full_ledgers_fit_beside_one_another() -> None:
    """What five ledgers of ordinary takings have just before something is put away: a run's argument is under 1 MB."""
    state = UsageState(begun_at=NOON)
    for name in ALL_AT_ONCE:
        ledger = getattr(state, name)
        room = min(ledger.most_bytes // 12, ledger.most)
        groups = {f"0:{amount}:0:0": "" for amount in range(1, 481)}
        keys = list(groups)
        for number in range(room - 800):
            groups[keys[number % 480]] += f"{number:012}"
        setattr(state, name, type(ledger).model_validate({"groups": groups}))
    assert not keeping.is_full(state)
    assert len(state.model_dump_json()) < 1_000_000


def test_the_oldest_go_first_and_the_newest_stay(shelf: Shelf) -> None:
    """Down to about half of the bytes."""
    cases = usage(cap=None)
    take(cases, *(f"C{number}" for number in range(100)))
    shelf.put_away(cases.state)
    known = [cases.state.taken.find(f"C{number}") is not None for number in range(100)]
    assert known == sorted(known)
    assert 30 <= sum(known) <= 50
    assert cases.state.taken.put_away == 100 - sum(known)


def test_what_was_put_away_is_taken_once(shelf: Shelf) -> None:
    """It has its answer, whatever it is, and can be given back; a request that overflowed is told so again."""
    cases = usage(cap=99)
    take(cases, *(f"C{number}" for number in range(200)))
    shelf.put_away(cases.state)
    for reference, outcome in (("C0", "already"), ("C99", "overflow"), ("C150", "overflow"), ("new", "overflow")):
        shelf.recall(cases.state, reference, f"take-{reference}")
        told = cases.take(consumption(reference), NOON)
        assert told.answer.outcome == outcome
        assert bool(told.effects) == (reference == "new")
    assert cases.state.uses[0].used == 99


def test_what_is_known_here_is_newer_than_what_the_store_has(shelf: Shelf) -> None:
    """A reference that was reversed after it came back is reversed, also once it has been put away again."""
    state = usage(cap=None).state
    for number in range(100):
        state.taken.add(f"C{number}", Taking(0, 1))
    shelf.put_away(state)
    shelf.recall(state, "C0")
    state.taken.move("C0", Taking(0, 0))
    shelf.recall(state, "C0")
    assert state.taken.find("C0") == Taking(0, 0)
    for number in range(100, 300):
        state.taken.add(f"C{number}", Taking(0, 1))
    shelf.put_away(state)
    assert state.taken.find("C0") is None
    shelf.recall(state, "C0")
    assert state.taken.find("C0") == Taking(0, 0)


def test_what_changed_on_its_way_stays(shelf: Shelf) -> None:
    """While the store writes, references go on being changed."""
    state = usage(cap=None).state
    for number in range(100):
        state.taken.add(f"C{number}", Taking(0, 1))
    going = keeping.to_put_away(state)
    state.taken.move("C0", Taking(0, 7))
    keeping.drop(state, going)
    assert state.taken.find("C0") == Taking(0, 7)
    assert state.taken.find("C1") is None


def test_what_was_forgotten_does_not_come_back(shelf: Shelf) -> None:
    """A no that was put away, and of which a new attempt has made an overflow again."""
    state = usage(cap=None).state
    for number in range(100):
        state.declined.add(f"C{number}", Taking(0, 1))
    shelf.put_away(state)
    shelf.recall(state, "C0")
    state.declined.forget("C0")
    shelf.recall(state, "C0")
    assert state.declined.find("C0") is None
    assert UsageState.model_validate_json(state.model_dump_json()) == state


def test_what_is_planned_stays(shelf: Shelf) -> None:
    """Time brings it up again, and asks no store."""
    visits = usage(unit="visits", cap=None)
    ahead = NOON.replace(month=6)
    for number in range(10):
        visits.take(consumption(f"P{number}", ahead), NOON)
    take(visits, *(f"C{number}" for number in range(200)))
    shelf.put_away(visits.state)
    assert all(visits.state.taken.find(f"P{number}") for number in range(10))
    assert visits.state.taken.find("C0") is None


def test_nothing_is_asked_before_something_was_put_away(shelf: Shelf) -> None:
    """And nothing of what is here; of a ledger of which nothing was put away neither."""
    cases = usage(cap=None)
    take(cases, "C0")
    assert keeping.missing(cases.state, ["C0", "new"]) == []
    take(cases, *(f"C{number}" for number in range(1, 100)))
    shelf.put_away(cases.state)
    assert keeping.missing(cases.state, ["C99", "C0", "C0", "new"]) == [digest_of("C0"), digest_of("new")]


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (({"reference": "C1", "event_id": "e1", "amount": 1},), ["C1", "e1"]),
        (([{"reference": "C1"}, {"id": "T1", "event_id": 7}, None],), ["C1", "T1"]),
        (("C1",), []),
        ((), []),
    ],
)
def test_a_request_names_references_and_its_own_id(raw: tuple[Any, ...], named: list[str]) -> None:
    """Whatever it is."""
    assert keeping.named_in(raw) == named


def test_a_change_that_was_put_away_is_made_once(shelf: Shelf) -> None:
    """And a decision."""
    cases = usage(cap=0, overflow="prompt", overage_price="10 EUR")
    take(cases, *(f"C{number}" for number in range(120)))

    def decide(number: int) -> Any:
        decision = {"reference": f"C{number}", "event_id": f"d{number}", "amount": 1, "approved": False, "by": "am"}
        return cases.decide(OverageDecision.model_validate({**decision, "reason": "no", "occurred_at": NOON}), NOON)

    for number in range(120):
        decide(number)
    shelf.put_away(cases.state)
    assert cases.state.changed.find("d0") is None
    shelf.recall(cases.state, "C0", "d0")
    assert decide(0).effects == []


def test_one_more_costs_as_much_in_a_large_ledger_as_in_a_small_one() -> None:
    """Though each took another amount, so that there are as many groups as references."""

    def seconds(size: int) -> float:
        cases: Usage = usage(cap=None)
        for number in range(size):
            cases.state.taken.add(f"C{number}", Taking(0, 100_000_000 + number))
        best = 1.0
        for attempt in range(5):
            began = time.perf_counter()
            for number in range(50):
                copy = cases.fork()
                copy.take(consumption(f"new-{attempt}-{number}", amount=900_000_000 + number), NOON)
                keeping.is_over(copy.state)
            best = min(best, time.perf_counter() - began)
        return best

    assert seconds(30_000) < 10 * seconds(1_000)

"""Work that nothing covers: known by the notes of its case, whoever covers it by now."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.uncovered import Uncovered
from domain.errors import Refused
from domain.messages.cases import CaseIntake, TimeLogged
from domain.messages.steps import TimeTaken, TimeToReverse, TimeToTake
from domain.messages.work_notes import UncoveredWork, logged_note, reversed_note, uncovered_line
from domain.timeline.effects import Effect, Noted, NoteKind
from domain.usage.effects import UsageRecords
from store import Store
from tests.activities.samples import TAKEN
from tests.feeds import T0, Recorded, at

LOGGED, REVERSED = NoteKind.TIME_LOGGED, NoteKind.TIME_REVERSED


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as opened:
        yield opened


def text(entry: str = "T-1", minutes: int = 30) -> str:
    return logged_note(entry, minutes, uncovered_line(minutes))


def put(store: Store, *notes: tuple[NoteKind, str], case_id: str = "c-1") -> None:
    """A case with such notes on record, among others."""
    recorded = Recorded(case_id)
    effects: list[Effect] = []
    for kind, said in (*notes, (NoteKind.REFUSED, "something else")):
        effects += recorded.timeline.remark(kind, at(1), said)
    store.cases.record(recorded.record(effects))


def noted(kind: NoteKind, said: str) -> Noted:
    return Noted(number=9, at=at(2), kind=kind, text=said)


def again(minutes: int = 30, notes: list[Noted] | None = None, case_id: str = "c-1") -> TimeToTake:
    """The entry, under whatever event id."""
    entry = TimeLogged(event_id="another", occurred_at=T0, id="T-1", minutes=minutes, by="ann")
    return TimeToTake(intake=CaseIntake(case_id=case_id), entry=entry, now=T0, notes=notes or [])


def to_undo(notes: list[Noted] | None = None, case_id: str = "c-1") -> TimeToReverse:
    return TimeToReverse(case_id=case_id, entry="T-1", notes=notes or [])


def test_an_entry_that_stayed_uncovered_is_known(store: Store) -> None:
    """Of its own case, and by its own id."""
    asked = Uncovered(store)
    assert asked.logged_before(again()) is None
    put(store, (LOGGED, text("T-2")))
    put(store, (LOGGED, text()), case_id="c-2")
    assert asked.logged_before(again()) is None
    before = asked.logged_before(again(case_id="c-2"))
    assert before == TimeTaken(lines=["30m uncovered: logged before"], is_known=True)
    assert asked.to_reverse(to_undo(case_id="c-2")) == UncoveredWork(minutes=30)


def test_what_the_store_does_not_have_yet_counts(store: Store) -> None:
    """It comes with what is asked; also the reversal of what the store has."""
    asked = Uncovered(store)
    on_its_way = [noted(LOGGED, text())]
    assert asked.logged_before(again(notes=on_its_way)) is not None
    assert asked.to_reverse(to_undo(on_its_way)) == UncoveredWork(minutes=30)
    put(store, (LOGGED, text()))
    assert asked.to_reverse(to_undo(on_its_way)) == UncoveredWork(minutes=30), "both have it for a moment"
    undone = [noted(REVERSED, reversed_note("T-1", 30))]
    assert asked.to_reverse(to_undo(undone)).is_reversed
    with pytest.raises(Refused, match="time entry 'T-1' was reversed; log the work again under another id") as refused:
        asked.logged_before(again(notes=undone))
    assert refused.value.code == "reversed"


def test_what_was_undone_is_told(store: Store) -> None:
    put(store, (LOGGED, text()), (REVERSED, reversed_note("T-1", 30)))
    assert Uncovered(store).to_reverse(to_undo()) == UncoveredWork(minutes=30, is_reversed=True)


def test_what_never_stayed_uncovered_is_not_undone(store: Store) -> None:
    """Of what an entitlement has taken it is said where that is done."""
    put(store, (LOGGED, logged_note("T-1", 30, "entitlement bank: granted, 0.5 hours taken")))
    with pytest.raises(Refused, match=r"no time entry 'T-1' of the case stayed uncovered$") as unknown:
        Uncovered(store).to_reverse(to_undo())
    assert unknown.value.code == "not_uncovered"
    take(store)
    with pytest.raises(Refused, match=r"reverse it where it was taken: milepost reverse bank T-1$"):
        Uncovered(store).to_reverse(to_undo())


def test_what_an_older_build_took_when_it_came_again_is_not_uncovered(store: Store) -> None:
    """The ledger knows it: what took it answers, and gives it back."""
    put(store, (LOGGED, text()))
    take(store)
    assert Uncovered(store).logged_before(again()) is None
    with pytest.raises(Refused, match="milepost reverse bank T-1"):
        Uncovered(store).to_reverse(to_undo())


def take(store: Store) -> None:
    """A bank takes the entry."""
    row = TAKEN.model_copy(update={"reference": "T-1", "case_id": "c-1"})
    store.ledgers.record(
        UsageRecords(entitlement_id="bank", count="count", account="acme", unit="hours", rows=[row], periods=[])
    )

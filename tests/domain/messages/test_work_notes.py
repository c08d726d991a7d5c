"""Work that stayed uncovered, as it is read from the notes of its case."""

from datetime import UTC, datetime

import pytest

from domain.messages.work_notes import UncoveredWork, logged_note, reversed_note, uncovered_line, uncovered_work
from domain.timeline.effects import Noted, NoteKind

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def logged(entry: str, minutes: int, line: str | None = None, number: int = 1) -> Noted:
    text = logged_note(entry, minutes, line or uncovered_line(minutes))
    return Noted(number=number, at=NOON, kind=NoteKind.TIME_LOGGED, text=text)


def undone(entry: str, minutes: int, number: int = 2) -> Noted:
    return Noted(number=number, at=NOON, kind=NoteKind.TIME_REVERSED, text=reversed_note(entry, minutes))


@pytest.mark.parametrize("minutes", [1, 30, 60, 65, 150, 44_640])
def test_minutes_are_read_as_they_were_written(minutes: int) -> None:
    assert uncovered_work([logged("T-1", minutes)], "T-1") == UncoveredWork(minutes=minutes)
    notes = [logged("T-1", minutes), undone("T-1", minutes)]
    assert uncovered_work(notes, "T-1") == UncoveredWork(minutes=minutes, is_reversed=True)


def test_an_older_build_noted_an_entry_twice() -> None:
    """The first time counts, as with what an entitlement takes; and all of it is undone."""
    notes = [logged("T-1", 30), logged("T-1", 45, number=2)]
    assert uncovered_work(notes, "T-1") == UncoveredWork(minutes=30)
    notes.append(undone("T-1", 30, number=3))
    assert uncovered_work(notes, "T-1") == UncoveredWork(minutes=30, is_reversed=True)


def test_what_an_entitlement_took_is_not_uncovered() -> None:
    """Nor what was refused, noted otherwise, or not noted at all."""
    took = logged("T-1", 30, "entitlement bank: granted, 0.5 hours taken, 1 hour left")
    refused = logged("T-1", 30).model_copy(update={"kind": NoteKind.REFUSED})
    for notes in ([], [took], [refused], [undone("T-1", 30)]):
        assert uncovered_work(notes, "T-1") is None


@pytest.mark.parametrize(
    "other",
    [
        *("T-10", "T-1)", "(T-1", "t-1", "T.1", "T-1\n"),
        f"T-1): {uncovered_line(30)}",
        "T-1): reversed, and uncovered no more",
    ],
)
def test_another_entry_is_not_taken_for_it(other: str) -> None:
    """Whatever its id looks like: neither is known or undone by what is said of the other."""
    for one, two in (("T-1", other), (other, "T-1")):
        assert uncovered_work([logged(one, 30)], two) is None
        assert uncovered_work([logged(one, 30)], one) == UncoveredWork(minutes=30)
        assert uncovered_work([logged(one, 30), undone(two, 30)], one) == UncoveredWork(minutes=30)


def test_it_says_how_long_it_was_first() -> None:
    """Whoever logs more under the same id has to know that it does not count."""
    work = UncoveredWork(minutes=30)
    assert work.lines(30) == ["30m uncovered: logged before"]
    assert work.lines(45) == [
        "30m uncovered: logged before",
        "logged before with 30m, and not 45m; more is logged under another id",
    ]

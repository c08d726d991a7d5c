"""What the notes of a case say of work that was logged on it, and what they tell of work that nothing covers.

What an entitlement took of a time entry is in its ledger. Of work that stayed uncovered no ledger knows: the notes of
its case alone say that it was logged, and whether it was reversed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from domain.model import Value
from domain.open_time.spans import Offset
from domain.timeline.effects import Noted, NoteKind
from domain.usage.units import worked_text

ABOUT_WORK = (NoteKind.TIME_LOGGED, NoteKind.TIME_REVERSED)
"""The kinds of notes that say something of it."""

_UNCOVERED = "uncovered: nothing that covers the case counts hours"


class UncoveredWork(Value):
    """A time entry of which no entitlement has taken anything.

    Attributes:
        minutes: as they were logged first.
        is_reversed: it was undone.
    """

    minutes: int
    is_reversed: bool = False

    def lines(self, minutes: int) -> list[str]:
        """What is answered to whoever logs the entry again, with so many minutes: nothing is added."""
        said, first = worked_text(minutes), worked_text(self.minutes)
        lines = [f"{first} uncovered: logged before"]
        if minutes != self.minutes:
            lines.append(f"logged before with {first}, and not {said}; more is logged under another id")
        return lines


def uncovered_line(minutes: int) -> str:
    """What is answered to whoever logs work that nothing covers."""
    return f"{worked_text(minutes)} {_UNCOVERED}"


def logged_note(entry: str, minutes: int, line: str) -> str:
    """What is noted of work.

    Args:
        entry: the id of the time entry.
        minutes: as they were worked.
        line: what became of it.
    """
    return f"{worked_text(minutes)} of work ({entry}): {line}"


def reversed_note(entry: str, minutes: int) -> str:
    """What is noted when work that stayed uncovered is undone."""
    return f"{worked_text(minutes)} of work ({entry}): reversed, and uncovered no more"


def uncovered_work(notes: Iterable[Noted], entry: str) -> UncoveredWork | None:
    """What the notes of a case say of a time entry; None: nothing that would have stayed uncovered.

    They are read word for word, since they have no facts in the store. No other entry's id can look like this one.

    Args:
        notes: of the case, in their order.
        entry: the id of the time entry.
    """
    logged = re.compile(rf"([0-9hm]+) of work \({re.escape(entry)}\): \1 {re.escape(_UNCOVERED)}")
    found: UncoveredWork | None = None
    for note in notes:
        if found is None and note.kind is NoteKind.TIME_LOGGED and (said := logged.fullmatch(note.text)):
            found = UncoveredWork(minutes=Offset.parse(said[1]).seconds // 60)
        elif found is not None and note.kind is NoteKind.TIME_REVERSED:
            is_this_one = note.text == reversed_note(entry, found.minutes)
            found = found.model_copy(update={"is_reversed": found.is_reversed or is_this_one})
    return found

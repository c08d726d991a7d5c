"""Work that nothing covers: what the record of its case knows of it, since no ledger does."""

from __future__ import annotations

from collections.abc import Sequence

from domain.errors import Refused
from domain.messages.steps import TimeTaken, TimeToReverse, TimeToTake
from domain.messages.work_notes import ABOUT_WORK, UncoveredWork, uncovered_work
from domain.timeline.effects import Noted
from store.store import Store


def reversed_before(entry: str) -> Refused:
    """The refusal of a time entry that was reversed, and is logged again."""
    return Refused("reversed", f"time entry {entry!r} was reversed; log the work again under another id")


class Uncovered:
    """Asks the notes of a case. Those that are on their way to the store come with what is asked."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def logged_before(self, asked: TimeToTake) -> TimeTaken | None:
        """The answer to an entry that stayed uncovered when it was logged; None if it did not, or was not.

        Whatever covers the case by now takes nothing of it: by its id an entry counts once.

        Raises:
            Refused: it was reversed since.
        """
        work = self._work(asked.intake.case_id, asked.entry.id, asked.notes)
        if work is None:
            return None
        if work.is_reversed:
            raise reversed_before(asked.entry.id)
        return TimeTaken(lines=work.lines(asked.entry.minutes), is_known=True)

    def to_reverse(self, asked: TimeToReverse) -> UncoveredWork:
        """The work that is to be undone, or was.

        Raises:
            Refused: the case has no such entry, or an entitlement has taken it.
        """
        work = self._work(asked.case_id, asked.entry, asked.notes)
        if work is not None:
            return work
        takers = self._store.ledgers.entry_takers(asked.entry, asked.case_id)
        why = f"no time entry {asked.entry!r} of the case stayed uncovered"
        if takers:
            why = f"{why}; reverse it where it was taken: milepost reverse {next(iter(takers))} {asked.entry}"
        raise Refused("not_uncovered", why)

    def _work(self, case_id: str, entry: str, notes: Sequence[Noted]) -> UncoveredWork | None:
        stored = self._store.cases.notes(case_id, ABOUT_WORK)
        work = uncovered_work([*stored, *notes], entry)
        # An older build took it after all when it came again: then it is no longer uncovered.
        return work if work is not None and not self._store.ledgers.entry_takers(entry, case_id) else None

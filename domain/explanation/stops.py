"""Who stopped a single milestone, and why.

A case's own state knows since when it is stopped alone; by whom and why is in its notes, which the store has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from domain.explanation.parts import Explanation, InstanceExplained
from domain.explanation.sum_parts import Cause, PauseExplained
from domain.timeline.effects import Noted, NoteKind

TOLD = (NoteKind.CLOCK_STOPPED, NoteKind.CLOCK_RESUMED)
"""The kinds of notes that tell of it."""

STOPPED = "milestone stopped"
"""The cause of such a pause."""


class _Stop(NamedTuple):
    """A stop of one occurrence: `to_at` is None while nobody has resumed it."""

    note: Noted
    to_at: datetime | None


def names_a_stop(explanation: Explanation) -> bool:
    """Whether a pause in it comes from a stop of a single milestone, so that the notes tell more of it."""
    causes = (cause for part in explanation.instances for pause in part.pauses for cause in pause.causes)
    return any(cause.kind == STOPPED for cause in causes)


def with_stops(explanation: Explanation, notes: Sequence[Noted]) -> Explanation:
    """The explanation, with by whom and why each milestone was stopped alone.

    Args:
        explanation: of the case, or a part of it.
        notes: of the case, in their order; those of other kinds are passed over.
    """
    instances = [
        part.model_copy(update={"pauses": [_told(pause, _stops(part, notes)) for pause in part.pauses]})
        for part in explanation.instances
    ]
    return explanation.model_copy(update={"instances": instances})


def _stops(part: InstanceExplained, notes: Sequence[Noted]) -> list[_Stop]:
    """The stops of a milestone's own occurrence; else those of its others, with which one behind them is stopped."""
    own = [note for note in notes if note.kind in TOLD and note.milestone == part.milestone]
    return list(_parted([note for note in own if note.occurrence == part.occurrence] or own))


def _parted(notes: Sequence[Noted]) -> Iterator[_Stop]:
    for number, note in enumerate(notes):
        if note.kind == NoteKind.CLOCK_STOPPED:
            resumed = (later.at for later in notes[number + 1 :] if later.kind == NoteKind.CLOCK_RESUMED)
            yield _Stop(note, next(resumed, None))


def _told(pause: PauseExplained, stops: Sequence[_Stop]) -> PauseExplained:
    causes = [told for cause in pause.causes for told in _causes(cause, pause, stops)]
    return pause.model_copy(update={"causes": causes})


def _causes(cause: Cause, pause: PauseExplained, stops: Sequence[_Stop]) -> list[Cause]:
    """A cause for each stop in the time of a pause; the cause itself where no note tells of one."""
    if cause.kind != STOPPED:
        return [cause]
    met = [stop.note for stop in stops if _is_in(stop, pause)]
    return [cause.model_copy(update={"by": note.by, "reason": note.reason}) for note in met] or [cause]


def _is_in(stop: _Stop, pause: PauseExplained) -> bool:
    begins = stop.note.at < pause.until_at or stop.note.at <= pause.from_at  # one that just began has no length yet
    return begins and (stop.to_at is None or stop.to_at > pause.from_at)

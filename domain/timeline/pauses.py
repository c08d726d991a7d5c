"""What pauses an instance, and since when: stops, rules, and the time outside the process."""

from __future__ import annotations

from collections.abc import Iterable

from domain.process import Milestone
from domain.timeline.book import Book
from domain.timeline.effects import NoteKind
from domain.timeline.facts import Pause, clock_text
from domain.timeline.instances import MilestoneInstance
from domain.timeline.sight import Sight
from domain.timeline.state import HoldCause

STOPS: tuple[HoldCause, ...] = ("case stopped", "outside the process")
"""What stops every clock of a case."""


def pause_or_resume(
    book: Book, sight: Sight, milestone: Milestone, instance: MilestoneInstance, also: Iterable[str] = ()
) -> bool:
    """Let an instance pause or run as what pauses it now says. Returns whether that changed.

    Args:
        book: writes it down.
        sight: what the rules see.
        milestone: as the process declares it; deadlines are never paused.
        instance: of whatever state: one that has ended may come back, and what paused it then did so without a gap.
        also: what pauses it besides.
    """
    if milestone.by is not None:
        return _let_run(book, sight, milestone, instance)
    causes = (*_causes(book, sight, milestone, instance), *also)
    pause = instance.open_pause
    if pause is None and not causes:
        return False
    if pause is None:
        calendar = book.plan.calendars[instance.terms[-1].business_hours]
        instance.begin_pause(Pause(from_at=sight.at, causes=causes), calendar)
    elif causes:
        if new := tuple(cause for cause in causes if cause not in pause.causes):
            instance.change_pause(causes=pause.causes + new)
        return False
    elif pause.from_at >= sight.at:
        instance.pauses = instance.pauses[:-1]
    else:
        instance.change_pause(to_at=sight.at)
    if instance.is_open:
        kind = NoteKind.PAUSED if causes else NoteKind.RESUMED
        runs = f"runs again, target {clock_text(book.target(instance))}"
        said = f"paused: {', '.join(causes)}" if causes else runs
        book.note(kind, sight.at, f"{milestone.name} {said}", instance, causes=causes or None)
    return True


def _let_run(book: Book, sight: Sight, milestone: Milestone, instance: MilestoneInstance) -> bool:
    """End what paused an instance before a migration made its target a deadline, which no pause touches."""
    if instance.open_pause is None:
        return False
    instance.pauses = instance.pauses[:-1]
    if instance.is_open:
        book.note(NoteKind.RESUMED, sight.at, f"{milestone.name} runs again: it has a deadline now", instance)
    return True


def _causes(book: Book, sight: Sight, milestone: Milestone, instance: MilestoneInstance) -> tuple[str, ...]:
    held = book.state.held
    causes: list[str] = [cause for cause in STOPS if cause in held] if held else []
    # What starts at an entry that lies ahead waits for it; the others are paused until then.
    if "entry ahead" in held and (milestone.starts != "process" or instance.terms[-1].is_detached):
        causes.append("entry ahead")
    if instance.stopped_at is not None:
        causes.append("milestone stopped")
    if milestone.pause_when and sight.holds(milestone, "pause_when", milestone.pause_when):
        causes.append("pause_when")
    return tuple(causes)

"""What a completion hides, brought to light: by a clear, or because its rule holds no more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from domain.process import Milestone
from domain.timeline.book import Book
from domain.timeline.effects import NoteKind
from domain.timeline.facts import Cleared, Firing, Violation
from domain.timeline.instances import MOST_CLEARED, MilestoneInstance
from domain.timeline.plan import KEEPS_CLEARED, SETS_CORNERS_RIGHT, TOLD

_AS_UNSEEN = (
    "terms",
    "pauses",
    "rested",
    "extensions",
    "placed_at",
    "spent",
    "begun",
    "stopped_at",
    "removed_at",
    "exited_at",
    "lapsed",
    "promise",
    "handed_over",
    "watched",
    "ran_under",
    "takes_over",
)
"""What a cleared instance takes from it as it went on unseen."""


def clear(
    book: Book, milestone: Milestone, instance: MilestoneInstance, at: datetime, *, by: str | None, reason: str | None
) -> None:
    """Take a completion back as if it had never been, and fire what fell due meanwhile, late."""
    text = f"the completion of {milestone.name} is cleared"
    chain, instance.unseen, instance.resting = instance.unseen, (), ()
    if book.plan.rules >= KEEPS_CLEARED:
        _keep(instance, at, by, reason)
    _open(instance)
    _show(book, instance, chain, partial(book.note, NoteKind.CLEARED, at, text, instance, by=by, reason=reason))
    _reveal(book, milestone, instance, chain, at)


def take_back(book: Book, milestone: Milestone, instance: MilestoneInstance, at: datetime) -> None:
    """Take a completion back whose rule holds no more; the time since was a pause."""
    text = f"the completion of {milestone.name} is taken back: its rule holds no more"
    chain, instance.unseen, instance.resting = instance.resting, (), ()
    _end_rest(book, milestone, chain[-1], at)
    _open(instance)
    why = "its rule holds no more"
    _show(book, instance, chain, partial(book.note, NoteKind.CLEARED, at, text, instance, by="complete_when", why=why))
    _reveal(book, milestone, instance, chain, at)


def _keep(instance: MilestoneInstance, at: datetime, by: str | None, reason: str | None) -> None:
    """Keep what a completion has been that is taken back; nothing else of the instance tells of it."""
    if instance.completed_at is None:
        return
    cleared = Cleared(
        at=at,
        by=by,
        reason=reason,
        completed_at=instance.completed_at,
        completed_by=instance.completed_by,
        violated=instance.standing_violation is not None,
    )
    instance.cleared = (*instance.cleared, cleared)[-MOST_CLEARED:]


def _end_rest(book: Book, milestone: Milestone, instance: MilestoneInstance, at: datetime) -> None:
    """End the pause of a completion that is taken back, unless something else goes on pausing the instance."""
    verdicts = book.state.verdicts.get(f"{milestone.name}: pause_when", ())
    goes_on = instance.stopped_at is not None or any(hold.to_at is None for hold in book.state.holds)
    pause = instance.open_pause
    if pause is None or goes_on or (milestone.pause_when and verdicts and verdicts[-1].holds):
        return
    if pause.from_at >= at:
        instance.pauses = instance.pauses[:-1]
    else:
        instance.change_pause(to_at=at)


def _open(instance: MilestoneInstance) -> None:
    instance.completed_at = instance.completed_by = None
    instance.rule_held = False


def _show(
    book: Book, instance: MilestoneInstance, chain: tuple[MilestoneInstance, ...], note: Callable[[], None]
) -> None:
    """Show an instance as it went on behind its completion, and note that this is taken back.

    The note has the target that it has from then on; by older rules it had that of before.
    """
    is_told_first = book.plan.rules < SETS_CORNERS_RIGHT
    if is_told_first:
        note()
    for name in _AS_UNSEEN if chain else ():
        setattr(instance, name, getattr(chain[0], name))
    if not is_told_first:
        note()


def _reveal(
    book: Book,
    milestone: Milestone,
    instance: MilestoneInstance,
    chain: tuple[MilestoneInstance, ...],
    at: datetime,
) -> None:
    if not chain:
        return
    first, *others = chain
    instance.stay = book.state.stay
    _put_right(book, instance, first.violations)
    _tell_removed(book, instance, at)
    revealed = [instance]
    owed = [(due, instance) for due in first.owed]
    for other in others:
        shown = other.model_copy(update={"occurrence": book.next_occurrence(milestone), "owed": ()})
        book.add(shown)
        revealed.append(shown)
        owed += [(due, shown) for due in other.owed]
        book.note(NoteKind.STARTED, at, f"{milestone.name} starts", shown)
        _tell_violated(book, shown)
        _tell_removed(book, shown, at)
    triggers = {trigger.id: trigger for trigger in milestone.triggers}
    for due, each in sorted(owed, key=_due_at):
        if due.trigger in triggers:
            book.fire(each, triggers[due.trigger], due.due_at, at)
    for each in revealed:
        if each.is_open:
            book.record_missed(each, milestone, at)


def _tell_removed(book: Book, instance: MilestoneInstance, at: datetime) -> None:
    """Note that what is revealed was removed meanwhile, and when."""
    if (removed_at := instance.removed_at) is not None and book.plan.rules >= TOLD:
        why = "handed over" if instance.handed_over else "its criteria do not hold"
        text = f"{instance.milestone} removed: {why}"
        book.note(NoteKind.REMOVED, at, text, instance, occurred_at=removed_at, why=why)


def _tell_violated(book: Book, instance: MilestoneInstance) -> None:
    """Note what was missed behind the completion by an instance that nobody knew of."""
    if (missed := instance.standing_violation) is not None and book.plan.rules >= TOLD:
        book.tell_violated(instance, missed)


def _due_at(owed: tuple[Firing, MilestoneInstance]) -> datetime:
    return owed[0].due_at


def _put_right(book: Book, instance: MilestoneInstance, unseen: tuple[Violation, ...]) -> None:
    """Keep the records that were made in sight, and add those that came to be behind them."""
    seen = instance.violations
    known = [(v.violated_at, v.noticed_at) for v in seen]
    added = tuple(v for v in unseen if (v.violated_at, v.noticed_at) not in known)
    standing = next((v for v in unseen if v.corrected_at is None), None)
    if standing is None:
        book.correct(instance, "its completion was taken back")
        instance.violations = (*instance.violations, *added)
        return
    stands = instance.standing_violation
    if stands is not None and stands.violated_at == standing.violated_at:
        return
    book.correct(instance, "its completion was taken back")
    instance.violations = (*instance.violations, *(v for v in added if v is not standing))
    book.violate(instance, standing.violated_at)

"""What people and systems ask of a timeline: each request checked against where the case stands, then written down.

A request that makes no sense is refused with what would be right, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

from domain.bounds import MOST_EXTENSIONS, MOST_SPAN_SECONDS, cut, quoted
from domain.criteria.fields import FieldsError, check_bounds, check_instants, check_values
from domain.criteria.values import check_listed
from domain.errors import Refused
from domain.process import Milestone
from domain.timeline import completing, replacing, revealing
from domain.timeline.book import Book
from domain.timeline.effects import NoteKind
from domain.timeline.events import (
    CaseClosed,
    CaseReopened,
    ClockResumed,
    ClockStopped,
    CompletionCleared,
    EntitlementChanged,
    Event,
    FieldsChanged,
    MilestoneCompleted,
    MilestoneExtended,
    PlanReplaced,
)
from domain.timeline.facts import Extension
from domain.timeline.folding import NEWEST
from domain.timeline.instances import InstanceState, MilestoneInstance
from domain.timeline.plan import BOUNDS_INSTANTS, PLAIN_NOTES, STAYS_SMALL
from domain.timeline.replacing import leave_plan, take_plan
from domain.timeline.sight import Sight
from domain.timeline.state import Hold
from domain.timeline.tracks import tracks
from domain.wording import instant, span, stamp

CLOCK_SKEW = timedelta(seconds=5)
"""How far ahead of the case's clock an event may be: two machines' clocks differ that much."""


def refuse_impossible(book: Book, event: Event, now: datetime | None) -> None:
    """Refuse what can be told without knowing where the case stands.

    Raises:
        Refused: an event from before the case, from the future or too old to be known if it was taken, an unknown
            milestone, a field that was not declared.
    """
    opened_at = book.state.opened_at
    own = event.occurred_at.astimezone(UTC).replace(microsecond=0)
    if own < opened_at:
        raise Refused(
            "before_case",
            f"occurred_at {instant(event.occurred_at)} is before the case was opened ({instant(opened_at)})",
        )
    if book.state.event_ids.is_too_old(own):
        oldest = instant(book.state.event_ids.oldest_at)
        raise Refused(
            "too_old",
            f"occurred_at {instant(event.occurred_at)} is too old: the case remembers the events that it took since "
            f"{oldest}, and can't tell whether it took this one before",
        )
    if now is not None:
        refuse_future(event.occurred_at, now)
    name = getattr(event, "milestone", None)
    if name is not None:
        find_milestone(book, name)
    if isinstance(event, FieldsChanged) and not event.fields:
        raise Refused("no_fields", "no field to change was given")
    if isinstance(event, FieldsChanged | CaseReopened):
        _checked_fields(book, event)


def refuse_future(at: datetime, now: datetime, what: str = "occurred_at") -> None:
    """Refuse what lies further ahead of the case's clock than two clocks differ.

    Raises:
        Refused: it does.
    """
    if at > now + CLOCK_SKEW:
        why = f"{what} {instant(at)} is in the future; the case's clock says {instant(now)}"
        raise Refused("in_the_future", why)


def take(book: Book, at: datetime, event: Event) -> None:
    """Do what an event asks for, at the instant at which it takes effect.

    Raises:
        Refused: it makes no sense where the case stands; nothing is changed.
    """
    match event:
        case MilestoneCompleted():
            complete(book, at, event)
        case FieldsChanged():
            change_fields(book, at, event)
        case ClockStopped():
            stop(book, at, event)
        case ClockResumed():
            resume(book, at, event)
        case CaseClosed():
            close(book, at, event)
        case CaseReopened():
            reopen(book, at, event)
        case CompletionCleared():
            clear(book, at, event)
        case MilestoneExtended():
            extend(book, at, event)
        case EntitlementChanged():
            change_entitlement(book, at, event)
        case PlanReplaced():
            migrate(book, at, event)
        case _:
            assert_never(event)


def find_milestone(book: Book, name: str) -> Milestone:
    """The milestone of that name.

    Raises:
        Refused: the process has none.
    """
    process = book.plan.process
    if process is None:
        why = f"unknown milestone {quoted(name)}; case {book.state.case_id} is in no process"
        raise Refused("unknown_milestone", why)
    milestone = process.milestone(name)
    if milestone is None:
        known = ", ".join(m.name for m in process.milestones)
        why = f"unknown milestone {quoted(name)}; process {process.name!r} has: {known}"
        raise Refused("unknown_milestone", why)
    return milestone


def _checked_fields(book: Book, event: FieldsChanged | CaseReopened) -> dict[str, object]:
    try:
        checked = check_values(event.fields, book.plan.fields)
        check_bounds(checked, book.state.fields)
        if book.plan.rules >= BOUNDS_INSTANTS:
            check_instants(checked, book.plan.fields, book.state.fields)
        check_listed(checked, book.plan.values, book.state.fields)
        return dict(checked)
    except FieldsError as error:
        raise Refused("bad_field", str(error)) from None


def complete(book: Book, at: datetime, event: MilestoneCompleted) -> None:
    """Complete the newest instance, at the event's own time."""
    milestone = find_milestone(book, event.milestone)
    instance = _instance(book, milestone)
    own = min(event.occurred_at.astimezone(UTC).replace(microsecond=0), at)
    instance = _open_then(book, milestone, instance, own)
    if instance.completed_at is not None:
        raise Refused(
            "already_completed", f"{milestone.name} is already completed, since {instant(instance.completed_at)}"
        )
    ended_at = instance.removed_at or instance.exited_at
    if ended_at is not None and own > ended_at:
        state = instance.state(at)
        raise Refused("not_open", f"{milestone.name} is not open: {state} since {instant(ended_at)}")
    start_at = instance.term_at(own).start_at
    if own < start_at or instance.held_back:
        raise Refused(
            "before_start",
            f"{milestone.name} starts at {instant(start_at)}; it can't be completed at {instant(own)}",
        )
    completing.complete(book, instance, own, by=event.by or "unknown", reason=event.reason)


def _open_then(book: Book, milestone: Milestone, newest: MilestoneInstance, own: datetime) -> MilestoneInstance:
    """The occurrence that was open when a milestone was completed: one that was handed over since, or the newest.

    Only the newest ones are looked at, which are kept in any case.
    """
    for instance in book.runs(milestone)[-NEWEST:]:
        if instance.handed_over and instance.start_at <= own and instance.removed_at and own < instance.removed_at:
            return instance
    return newest


def clear(book: Book, at: datetime, event: CompletionCleared) -> None:
    """Take the completion of the newest instance back."""
    milestone = find_milestone(book, event.milestone)
    latest = _instance(book, milestone)
    instance = book.last_completed(milestone)
    folded = book.folded(milestone)
    if instance is None and not (folded and folded.completed):
        raise Refused("not_completed", f"{milestone.name} is not completed; there is nothing to clear")
    rule, sight = milestone.complete_when, Sight(book, at)
    if rule and sight.scope.evaluate(rule).holds:
        reads = f", where {said}" if (said := sight.in_words(rule)) else ""
        why = cut(f"complete_when {rule!r} holds{reads}", 500)
        raise Refused("rule_holds", f"{milestone.name} would be completed again at once: {why}")
    number = instance.occurrence if instance else 0
    later = next((i for i in reversed(book.runs(milestone)) if i.begun and i.occurrence > number), None)
    if instance is None or later is not None:
        started = later or latest
        raise Refused(
            "later_occurrence",
            f"the completion of {milestone.name} can't be cleared: occurrence {started.occurrence} has started",
        )
    if instance is not latest:
        if latest.is_open:
            latest.removed_at = at
            why = "the completion before it is cleared"
            book.note(NoteKind.REMOVED, at, f"{latest.milestone} is scheduled no more", latest, why=why)
        book.make_newest(milestone, instance)
    revealing.clear(book, milestone, instance, at, by=event.by, reason=event.reason)


def extend(book: Book, at: datetime, event: MilestoneExtended) -> None:
    """Move the target of an open instance later."""
    milestone = find_milestone(book, event.milestone)
    instance = _open_instance(book, milestone, at)
    if milestone.by is not None:
        raise Refused(
            "deadline_of_field", f"the deadline of {milestone.name} is the field {milestone.by!r}; change that field"
        )
    if len(instance.extensions) >= MOST_EXTENSIONS and book.plan.rules >= STAYS_SMALL:
        what_else = "complete it, or give its process a longer span and migrate the case"
        raise Refused(
            "too_many_extensions",
            f"{milestone.name} was extended {len(instance.extensions)} times, and is no more; {what_else}",
        )
    seconds = event.open_seconds or 0
    if event.until is not None:
        target = instance.target_at(book.plan.calendars)
        calendar = book.plan.calendars[instance.term.business_hours]
        seconds = calendar.elapsed(target, event.until.astimezone(UTC).replace(microsecond=0))
        if seconds <= 0:
            raise Refused(
                "not_later",
                f"{instant(event.until)} adds no open time to the target of {milestone.name} "
                f"({instant(target)}); a target only moves later",
            )
    already = sum(extension.open_seconds for extension in instance.extensions)
    if seconds > MOST_SPAN_SECONDS - already:
        years = "all extensions of a milestone together are at most ten years of open time"
        raise Refused(
            "too_long", f"{years}, {MOST_SPAN_SECONDS} s; {milestone.name} has {already} s, and {seconds} s more"
        )
    instance.placed_at = at  # a warning that is past by now fires only if the target is ahead again
    added = Extension(at=at, open_seconds=seconds, by=event.by, reason=event.reason)
    instance.extensions = (*instance.extensions, added)
    target = instance.target_at(book.plan.calendars)
    longer = span(seconds) if book.plan.rules >= PLAIN_NOTES else str(timedelta(seconds=seconds))
    text = f"{milestone.name} extended by {longer} of open time, target {stamp(target)}"
    book.note(NoteKind.EXTENDED, at, text, instance, by=event.by, reason=event.reason, open_seconds=seconds)
    book.correct_if_ahead(instance, at, "its target was extended")


def change_fields(book: Book, at: datetime, event: FieldsChanged) -> None:
    """Set fields of the case."""
    if not book.change_fields(_checked_fields(book, event), at, by=event.by, reason=event.reason):
        book.note(NoteKind.ALREADY, at, cut(f"already so: {', '.join(event.fields)}"), by=event.by)


def stop(book: Book, at: datetime, event: ClockStopped) -> None:
    """Stop the clock of the case, or of one milestone."""
    if event.milestone is None:
        _refuse_closed(book)
        if hold := book.state.hold("case stopped"):
            since = _since(book, hold.from_at, instant)
            return book.note(NoteKind.ALREADY, at, f"the clock is already stopped, since {since}", by=event.by)
        stopped = Hold(cause="case stopped", from_at=at, by=event.by, reason=event.reason)
        book.state.holds = (*book.state.holds, stopped)
        return book.note(
            NoteKind.CLOCK_STOPPED, at, "the clock of the case is stopped", by=event.by, reason=event.reason
        )
    milestone = find_milestone(book, event.milestone)
    instance = _open_instance(book, milestone, at)
    if milestone.by is not None:
        raise Refused(
            "deadline_of_field", f"the deadline of {milestone.name} is the field {milestone.by!r}; no stop touches it"
        )
    if instance.stopped_at is not None:
        since = _since(book, instance.stopped_at, datetime.isoformat)
        text = f"{milestone.name} is already stopped, since {since}"
        return book.note(NoteKind.ALREADY, at, text, instance, by=event.by)
    for each in (instance, *_behind(book, milestone)):
        each.stopped_at = at
    text = f"the clock of {milestone.name} is stopped"
    return book.note(NoteKind.CLOCK_STOPPED, at, text, instance, by=event.by, reason=event.reason)


def resume(book: Book, at: datetime, event: ClockResumed) -> None:
    """Let the clock of the case, or of one milestone, go on."""
    if event.milestone is None:
        _refuse_closed(book)
        if not book.state.end_hold("case stopped", at):
            return book.note(NoteKind.ALREADY, at, "the clock of the case already runs", by=event.by)
        return book.note(NoteKind.CLOCK_RESUMED, at, "the clock of the case goes on", by=event.by, reason=event.reason)
    milestone = find_milestone(book, event.milestone)
    instance = _open_instance(book, milestone, at)
    if instance.stopped_at is None:
        return book.note(NoteKind.ALREADY, at, f"the clock of {milestone.name} is not stopped", instance, by=event.by)
    for each in (instance, *_behind(book, milestone)):
        each.stopped_at = None
    text = f"the clock of {milestone.name} goes on"
    return book.note(NoteKind.CLOCK_RESUMED, at, text, instance, by=event.by, reason=event.reason)


def close(book: Book, at: datetime, event: CaseClosed) -> None:
    """Close the case."""
    if book.state.closed_at is not None:
        since = _since(book, book.state.closed_at, instant)
        return book.note(NoteKind.ALREADY, at, f"the case is already closed, since {since}", by=event.by)
    book.state.closed_at = at
    return book.note(NoteKind.CLOSED, at, "the case is closed", by=event.by, reason=event.reason)


def reopen(book: Book, at: datetime, event: CaseReopened) -> None:
    """Take a closed case up again."""
    if book.state.closed_at is None:
        return book.note(NoteKind.ALREADY, at, "the case is open", by=event.by)
    book.state.closed_at = None
    book.note(NoteKind.REOPENED, at, "the case is reopened", by=event.by, reason=event.reason)
    if event.fields:
        book.change_fields(_checked_fields(book, event), at, by=event.by, reason=event.reason)
    return None


def change_entitlement(book: Book, at: datetime, event: EntitlementChanged) -> None:
    """Leave the process of one entitlement and enter that of another."""
    _refuse_closed(book)
    leave_plan(book, event.plan, at, not_before=None if event.from_opening else at)
    text = f"the case goes over to {f'entitlement {event.entitlement}' if event.entitlement else 'no entitlement'}"
    chosen = event.entitlement
    book.note(NoteKind.ENTITLEMENT_CHANGED, at, text, by=event.by, reason=event.reason, entitlement=chosen)


def migrate(book: Book, at: datetime, event: PlanReplaced) -> None:
    """Go on under another version of the same process, or of its calendars."""
    _refuse_closed(book)
    old, new = book.plan.process, event.plan.process
    if (old.name if old else None) != (new.name if new else None):
        raise Refused(
            "another_process",
            f"a migration keeps the process: {old.name if old else 'none'}, not {new.name if new else 'none'}",
        )
    if new is not None:
        replacing.keep_spent(book, new)
    take_plan(book, event.plan)
    said = f"process {new.name!r} version {new.version}" if new else "its calendars"
    to: dict[str, Any] = {"process": new.name, "process_version": new.version} if new else {}
    book.note(NoteKind.MIGRATED, at, f"migrated to {said}", by=event.by, reason=event.reason, **to)
    replacing.migrate(book, old, at)


def _since(book: Book, at: datetime, before: Callable[[datetime], str]) -> str:
    """Since when something is already so, as a stamp, which its reader sees in their zone; of older rules as before."""
    return stamp(at) if book.plan.rules >= PLAIN_NOTES else before(at)


def _instance(book: Book, milestone: Milestone) -> MilestoneInstance:
    instance = book.latest(milestone)
    if instance is None:
        raise Refused("not_started", f"{milestone.name} has not started on case {book.state.case_id}")
    return instance


def _behind(book: Book, milestone: Milestone) -> list[MilestoneInstance]:
    """What goes on behind the last completion of a milestone."""
    found = [track.newest for track in tracks(book, milestone) if not track.is_seen]
    return [instance for instance in found if instance is not None]


def _open_instance(book: Book, milestone: Milestone, at: datetime) -> MilestoneInstance:
    instance = _instance(book, milestone)
    state = instance.state(at)
    if state not in (InstanceState.RUNNING, InstanceState.PAUSED, InstanceState.SCHEDULED):
        raise Refused("not_open", f"{milestone.name} is not open: {state} since {instant(instance.ended_at or at)}")
    return instance


def _refuse_closed(book: Book) -> None:
    if book.state.closed_at is not None:
        raise Refused("closed", f"case {book.state.case_id} is closed, since {instant(book.state.closed_at)}")

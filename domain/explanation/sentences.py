"""The sentences of an explanation: one thing each, by what the values say of it."""

from __future__ import annotations

from datetime import date
from typing import assert_never

from domain.explanation.parts import (
    CalendarChoice,
    ClearedExplained,
    CriterionHistory,
    FiringExplained,
    InstanceExplained,
    Outcome,
    SpanChange,
    StartReason,
    TriggerExplained,
)
from domain.explanation.sum_parts import Cause, OffsetChange, SpecialDate
from domain.explanation.words import week_text, windows_text
from domain.open_time.spans import Span
from domain.process import TriggerKind
from domain.timeline.instances import InstanceState
from domain.wording import day_text, moment, plural, span, time_text, who


def calendar_lines(calendar: CalendarChoice) -> list[str]:
    """The calendar in a line, and who names it in another."""
    match calendar.named_by:
        case "row":
            why = f"Row {calendar.row} of the span table names it" if calendar.row else "The span names it"
        case "milestone":
            why = "The milestone names it"
        case "process":
            why = "The process names it, and the milestone none"
        case "case":
            why = "The case was opened with it, and neither milestone nor process names one"
        case "entitlement":
            why = "The entitlement names it, and neither milestone, process nor case does"
        case "organisation":
            why = "It is the organisation's default; milestone, process, case and entitlement name none"
        case "earlier":
            why = "The process named it when this span came to count"
        case _:
            assert_never(calendar.named_by)
    zone = "UTC" if calendar.zone_is_utc else f"{calendar.time_zone}, with UTC in brackets"
    return [f"{calendar.name}: {week_text(calendar.week)}; {zone}.", f"{why}."]


def start_sentence(start: StartReason, *, says_opening: bool) -> str:
    """When it starts and why; for a span of open time also when that begins."""
    said = f"{moment(start.at)}: {_start_reason(start)}."
    if start.opens_at and says_opening:
        said += f" That is outside open time, which begins {moment(start.opens_at)}."
    return said


_STARTS: dict[str, str] = {
    "opened": "the case was opened",
    "entitlement": "the case went over to this entitlement",
    "entry": "the case came into the process",
    "reentry": "the case came back into the process",
    "restart": "its span changed, and with on_change: restart the clock begins afresh",
    "complete": "it was completed as it started, and its rule took that back",
    "handed over": "a field of its restart_on changed, so that another began",
    "earlier": "by the process that it had then",
}


def _start_reason(start: StartReason) -> str:
    if start.kind in _STARTS:
        return _STARTS[start.kind]
    match start.kind:
        case "field":
            return f"the field {start.field} says so, by which the process is entered"
        case "criteria":
            return f"its criteria became true: {start.criteria}"
        case "after":
            return f"{start.milestone} was completed, after which it starts"
        case "completed":
            return f"occurrence {start.occurrence} was completed, which it follows"
        case "target":
            early = f"occurrence {start.occurrence} was completed early, and had its target then"
            return f"{early}; a sequential one starts no earlier"
        case _:
            raise AssertionError(start.kind)


def span_in_words(text: str) -> str:
    """What a declared span means, to be said right after it."""
    parsed = Span.parse(text)
    if parsed.seconds is not None:
        return " of open time"
    days = plural(parsed.business_days, "business day")
    if parsed.clock is not None:
        return (
            f", that local time {days} later" if parsed.business_days else ", that local time on the same business day"
        )
    if not parsed.end_of_day:
        return f", {days} later at the same local time"
    return f", the end of the business day {days} later" if parsed.business_days else ", the end of the business day"


def change_sentence(change: SpanChange) -> str:
    """What changed, and where the target went."""
    said = f"{moment(change.at)}: "
    hours = change.business_hours_before != change.business_hours
    before = f"{change.span_before} of {change.business_hours_before}" if hours else change.span_before
    after = f"{change.span} of {change.business_hours}" if hours else change.span
    match change.kind:
        case "retroactive":
            said += f"{before} became {after}, counted from the same start (on_change: retroactive)"
        case "restart":
            said += f"{before} became {after}, counted afresh from then (on_change: restart)"
        case "carry":
            said += f"{before} became {after} (on_change: carry){_carried(change)}"
        case "migration":
            said += f"moved to a newer version of the process or its calendar; {before} became {after}"
        case "kept":
            said += "moved to a newer version of the process; what was missed or completed already keeps its target"
        case "start":
            said += f"what it starts from moved; it starts {moment(change.start_at)}"
        case "deadline":
            said += f"the field {change.span.removeprefix('by ')} changed"
        case _:
            assert_never(change.kind)
    if not change.counts:
        return f"{said}. That was after its end and moves nothing."
    if change.target_before and change.target_after and change.target_before != change.target_after:
        said += f". The target went from {moment(change.target_before)} to {moment(change.target_after)}"
    return f"{said}."


def _carried(change: SpanChange) -> str:
    used, whole, left = change.used_seconds, change.of_seconds, change.left_seconds
    if used is None or not whole or left is None:
        return ""
    percent = f"{100 * used / whole:.4g}%"
    rest = f"{span(left)} of the new span was left" if left > 0 else "nothing was left of the new span"
    return f": {span(used)} of {span(whole)} was used, which is {percent}; {rest}"


def cause_clause(cause: Cause) -> str:
    """Why a clock stood."""
    match cause.kind:
        case "case stopped":
            return f"the clock of the case was stopped{who(cause.by, cause.reason)}"
        case "milestone stopped":
            return f"the clock of this milestone was stopped{who(cause.by, cause.reason)}"
        case "outside the process":
            return "the case was closed, or had left its process"
        case "entry ahead":
            return "the entry into the process was moved ahead"
        case "completed":
            return "it was completed; its rule took that back"
        case "pause_when":
            return f"its pause_when was true: {cause.criteria}" if cause.criteria else "its pause_when was true"
        case _:
            return cause.kind


def closed_dates(days: list[date]) -> str:
    """Dates that are closed every week."""
    return f"{' and '.join(map(day_text, days))}  closed every week"


def special_date(special: SpecialDate) -> str:
    """A date, and what is special about it."""
    usual = f"otherwise {windows_text(special.usual)}"
    if not special.windows:
        return f"{day_text(special.date)}  closed: a holiday or a date off ({usual})"
    return f"{day_text(special.date)}  own hours {windows_text(special.windows)} ({usual})"


def offset_change(change: OffsetChange) -> str:
    """A change of the clocks, and what it did to its day."""
    before = change.before if change.before.date() != change.after.date() else None
    to = f"{day_text(change.after.date())} {time_text(change.after)}" if before else time_text(change.after)
    said = f"{day_text(change.before.date())}  the clocks go from {time_text(change.before)} to {to}"
    if change.day_seconds is None:
        return f"{said}: the date between does not exist"
    return f"{said}: this local day has {span(change.day_seconds)}"


def trigger_sentence(trigger: TriggerExplained, instance: InstanceExplained) -> str:
    """When a trigger fired, or why it did not."""
    name = _trigger_name(trigger)
    fired = "; ".join(_firing(firing) for firing in trigger.fired)
    due = moment(trigger.due_at) if trigger.due_at else "past the horizon"
    match trigger.standing:
        case "fired":
            return f"{name}: {fired}."
        case "fired, not again":
            return f"{name}: {fired}. The target is later now; it does not fire again (rearm is not set)."
        case "to come":
            return f"{name}: to come, due {due}."
        case "waits":
            return f"{name}: waits until the clock goes on; as the target stands now it is due {due}."
        case "due":
            return f"{name}: due {due}, about to fire."
        case "ended first":
            return f"{name}: did not fire. It was due {due}, and the milestone was {ended_how(instance)} by then."
        case "paused then":
            return f"{name}: did not fire. It was due {due}, when the clock stood, or the news came afterwards."
        case "skipped":
            return f"{name}: left out. Its time, {due}, was past when the clock was set, and late is skip."
        case "no target ahead":
            return f"{name}: left out. Its time, {due}, was past, and so was the target: only the violation fires."
        case "not completed":
            return f"{name}: fires on completion."
        case _:
            assert_never(trigger.standing)


def _trigger_name(trigger: TriggerExplained) -> str:
    match trigger.kind:
        case TriggerKind.SUCCESS:
            return "success"
        case TriggerKind.VIOLATION:
            return "violation" if trigger.offset in ("", "0") else f"violation, {trigger.offset} after the target"
        case TriggerKind.WARNING:
            of = " of the span" if trigger.offset.endswith("%") else " before the target"
            return f"warning, {trigger.offset}{of}"
        case _:
            assert_never(trigger.kind)


def ended_how(instance: InstanceExplained) -> str:
    """How a milestone ended."""
    match instance.outcome.state:
        case InstanceState.REMOVED:
            return "handed over" if instance.outcome.removed_because == "handed over" else "removed"
        case InstanceState.OPEN_AT_EXIT:
            return "left open at exit"
        case _:
            return "completed"


def completer(completed_by: str | None) -> str:
    """Who completed a milestone, or that its rule did."""
    return "its rule complete_when" if completed_by == "complete_when" else str(completed_by)


def cleared_sentence(cleared: ClearedExplained, *, promise: bool) -> str:
    """That a completion was taken back by hand, and what it had been; of a `promise` also whether it was kept."""
    verdict = (", late," if cleared.violated else ", in time,") if promise else ""
    completion = f"the completion of {moment(cleared.completed_at)} by {completer(cleared.completed_by)}{verdict}"
    return f"{moment(cleared.at)}: {completion} was taken back{who(cleared.by, cleared.reason)}."


def removal(outcome: Outcome) -> str:
    """That it was removed or handed over, and why."""
    match outcome.removed_because:
        case "handed over":
            return "handed over, since a field of its restart_on changed"
        case "taken back":
            return f"removed, since the completion of {outcome.removed_name} was taken back"
        case "cleared":
            return "removed, since the completion of the occurrence before it was cleared"
        case "deadline":
            return f"removed, since its deadline, the field {outcome.removed_name}, was emptied"
        case "version":
            return "removed, since the newer version of its process has it no more"
        case "criteria" | None:
            return "removed, since its criteria were no longer true"
        case _:
            assert_never(outcome.removed_because)


def _firing(firing: FiringExplained) -> str:
    if firing.late_because is None:
        return f"fired {moment(firing.at)}"
    match firing.late_because:
        case "paused":
            why = "the clock stood until then"
        case "started":
            why = "the milestone started only then"
        case "moved":
            why = "the target moved then"
        case "late news":
            why = "the news came late"
        case _:
            assert_never(firing.late_because)
    return f"fired {moment(firing.at)}, for {moment(firing.due_at)}: {why}"


def criterion_lines(history: CriterionHistory, *, named: bool = False) -> list[str]:
    """The criterion, and when it was what."""
    source = history.criteria or "(of an earlier process)"
    lines = [f"{history.rule}: {source}" if named else source]
    for verdict in history.verdicts:
        error = f", because {verdict.error}" if verdict.error else ""
        lines.append(f"  {'true' if verdict.holds else 'false'} from {moment(verdict.at)}{error}")
    return lines

"""An explanation in words, for the manager who disputes a target."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import assert_never

from domain.explanation.counted import Counted
from domain.explanation.coverage import CoverageExplained, coverage_lines
from domain.explanation.parts import Explanation, InstanceExplained, MoreExplained, NotStarted, ViolationExplained
from domain.explanation.sentences import (
    calendar_lines,
    cause_clause,
    change_sentence,
    cleared_sentence,
    completer,
    criterion_lines,
    ended_how,
    removal,
    span_in_words,
    special_date,
    start_sentence,
    trigger_sentence,
)
from domain.explanation.sum_parts import PauseExplained
from domain.explanation.words import LABEL, day_begin, labelled, under
from domain.open_time.spans import Span
from domain.timeline.instances import InstanceState
from domain.wording import moment, numbered, period, plural, span, time_text, who, with_moments_in

_SUM = 9
_A_SECOND = timedelta(seconds=1)
_ENDED = (InstanceState.COMPLETED, InstanceState.REMOVED, InstanceState.OPEN_AT_EXIT)


def explanation_text(explanation: Explanation, width: int = 100, coverage: CoverageExplained | None = None) -> str:
    """The explanation as lines of at most `width` columns, as far as words allow.

    Args:
        explanation: of the case's targets.
        width: in columns.
        coverage: what covers the case; None: that is not known here.
    """
    parts = ["\n".join([_case(explanation, width), *(coverage_lines(coverage, width) if coverage else [])])]
    if explanation.more:
        parts.append("\n".join(textwrap.fill(_more(more), width) for more in explanation.more))
    parts += [_Part(explanation, instance, width).text() for instance in explanation.instances]
    if explanation.not_started:
        parts.append("\n".join(_not_started(part, width) for part in explanation.not_started))
    return "\n\n".join(parts) + "\n"


# --- the case ---------------------------------------------------------------------------------------------------------


def _case(explanation: Explanation, width: int) -> str:
    foreign = f" ({explanation.external_id})" if explanation.external_id else ""
    lines = [f"Case {explanation.case_id}{foreign}, explained as of {moment(explanation.now)}"]
    if explanation.process is None:
        return "\n".join([*lines, "It is in no process, so it has no milestones."])
    said = f"Process {explanation.process} version {explanation.process_version}"
    said += f", entered {moment(explanation.entered_at)}" if explanation.entered_at else ", not entered yet"
    if explanation.exited_at:
        said += f", left {moment(explanation.exited_at)}"
        said += " when the case was closed" if explanation.exited_at == explanation.closed_at else ""
    lines += textwrap.wrap(said + ".", width)
    if explanation.exit_when:
        lines += labelled("Left when", criterion_lines(explanation.exit_when), width, indent=0)
    return "\n".join(lines)


def _more(more: MoreExplained) -> str:
    how_many = plural(more.occurrences, "earlier occurrence")
    return f"Of {more.milestone} {how_many} up to number {more.last} left out; --occurrence N explains any of them."


def _not_started(part: NotStarted, width: int) -> str:
    match part.because:
        case "not entered":
            says = f"says {moment(part.entered_at)}" if part.entered_at else "is not set"
            why = f"the case is not in the process yet: its field {part.name} {says}"
        case "left":
            why = "the case left the process before it could start"
        case "after":
            why = f"it starts when {part.name} is completed, and that has not happened"
        case "deadline":
            why = f"its deadline is the field {part.name}, which is not set"
        case "criteria":
            why = "its criteria are not true"
        case "complete":
            why = "its complete_when is true, and while it is a recurring one does not start"
        case "not yet":
            why = "it starts with the next thing that happens to the case"
        case _:
            assert_never(part.because)
    lines = textwrap.wrap(f"{part.milestone}: not started, because {why}.", width, subsequent_indent="  ")
    for history in part.criteria:
        lines += labelled(history.rule, criterion_lines(history), width)
    return "\n".join(lines)


# --- one instance -----------------------------------------------------------------------------------------------------


class _Part:
    """What is said of one instance."""

    def __init__(self, explanation: Explanation, instance: InstanceExplained, width: int) -> None:
        self.explanation = explanation
        self.instance = instance
        self.width = width
        self.reckoning = instance.reckoning

    def text(self) -> str:
        instance = self.instance
        lines = [self._heading()]
        lines += self._labelled("Calendar", calendar_lines(instance.calendar))
        lines += self._labelled(
            "Start", [start_sentence(instance.start, says_opening=self.reckoning.basis != "deadline")]
        )
        lines += self._labelled("Span", self._span())
        lines += self._labelled("Changes", [change_sentence(change) for change in instance.changes])
        lines += self._labelled("Days", list(self._business_days()))
        lines += self._sum()
        lines += Counted(self.instance, self.width).lines()
        lines += self._labelled("Target", [self._target()])
        lines += self._labelled("Not counted", list(self._not_counted()))
        lines += self._labelled("Outcome", list(self._outcome()))
        lines += self._labelled("Triggers", [trigger_sentence(trigger, self.instance) for trigger in instance.triggers])
        lines += self._labelled(
            "Criteria", [line for history in instance.criteria for line in criterion_lines(history, named=True)]
        )
        return "\n".join(lines)

    def _labelled(self, label: str, paragraphs: list[str]) -> list[str]:
        return labelled(label, paragraphs, self.width)

    def _heading(self) -> str:
        instance = self.instance
        name = numbered(instance.milestone, instance.occurrence)
        target = self.reckoning.target_at
        said = f"target {moment(target)}" if target else "target past the horizon of its calendar"
        state = str(instance.outcome.state) + (", violated" if instance.outcome.violated else "")
        if instance.outcome.state is InstanceState.COMPLETED:
            state = "completed late" if instance.outcome.violated else "completed in time"
        if instance.outcome.removed_because == "handed over":
            state = "handed over late" if instance.outcome.violated else "handed over in time"
        if not instance.outcome.promise and not instance.outcome.violated:
            state = f"{instance.outcome.state}, no promise"
        return f"{name}: {said}, {state}"

    # --- the span ---

    def _span(self) -> list[str]:
        chosen = self.instance.span
        if field := chosen.deadline_of:
            return [
                f"none: the deadline is the field {field} itself, in open time or not. No stop and no pause moves it."
            ]
        said = chosen.span + span_in_words(chosen.span)
        if chosen.row is not None:
            why = f"because {chosen.criteria} was true" if chosen.criteria else "for all other cases"
            said += f": row {chosen.row} of its table, {why}"
        paragraphs = [said + "."]
        if chosen.cutoff:
            paragraphs.append(
                f"It started at or after {chosen.cutoff}: counted from the opening of the next open date."
            )
        if chosen.is_of_next_date:
            paragraphs.append("On the date of the start that leaves no open time, so that it is of the next open date.")
        if chosen.is_moved:
            paragraphs.append("That date is not open at that time: moved to its next opening, or else last closing.")
        for row in chosen.passed:
            error = f" (it could not be told: {row.error})" if row.error else ""
            paragraphs.append(f"Row {row.row} did not apply: {row.criteria} was false{error}.")
        return paragraphs

    def _business_days(self) -> list[str]:
        """The days that a span which follows them leads over, with those that are none."""
        days, numbers = self.reckoning.business_days, self.reckoning.business_day_numbers
        if not days:
            return []
        rows = [
            (day, f"{moment(day)}  {self._day_in_words(number)}") for number, day in zip(numbers, days, strict=True)
        ]
        for (before, day), (after, _) in pairwise(zip(numbers, days, strict=True)):
            if after > before + 1:
                rows.append((day + _A_SECOND, f"... {plural(after - before - 1, 'more business day')} ..."))
        start, end = self.instance.start.at, days[-1]
        rows += [
            (day_begin(special.date, start), special_date(special))
            for special in self.reckoning.special_dates
            if special.date <= end.date()
        ]
        return [text for _, text in sorted(rows)]

    def _day_in_words(self, number: int) -> str:
        last = number == self.reckoning.business_day_numbers[-1]
        if last and Span.parse(self.instance.span.span).end_of_day:
            return f"the end of business day {number}" if number else "the end of that business day"
        return (f"business day {number}" if number else "start") + (", the end of the span" if last else "")

    # --- the sum ---

    def _sum(self) -> list[str]:
        """What the target is the sum of, if it is more than its span."""
        reckoning = self.reckoning
        terms = [(seconds, paragraphs) for _, seconds, paragraphs in sorted(self._terms())]
        if reckoning.basis == "start" and terms:
            terms.insert(0, (reckoning.span_seconds, ["the span"]))
        elif reckoning.basis == "carried":
            at = moment(reckoning.from_at)
            terms.insert(0, (reckoning.span_seconds, [f"what was left of the span at the change, {at}"]))
        elif reckoning.basis == "cutoff":
            at = moment(reckoning.from_at)
            terms.insert(0, (reckoning.span_seconds, [f"the span, counted from the opening after the cutoff, {at}"]))
        elif reckoning.basis == "missed":
            at = moment(reckoning.from_at)
            terms.insert(0, (0, [f"what was missed before the change keeps its target, {at}"]))
        elif reckoning.basis == "used up":
            terms.insert(0, (0, ["nothing was left of the span at the change"]))
        lines: list[str] = []
        for number, (seconds, paragraphs) in enumerate(terms):
            lines += self._term("+" if number else "", seconds, paragraphs)
        if len(terms) > 1 or (terms and reckoning.basis == "business days"):
            lines += self._term("=", reckoning.total_seconds, [f"of open time, counted from {self._from()}"])
        return under("Sum", lines)

    def _from(self) -> str:
        match self.reckoning.basis:
            case "start" | "used up":
                return "the start"
            case "cutoff":
                return "the opening after the cutoff"
            case "carried":
                return "the change"
            case "missed":
                return "the target that was missed"
            case "business days":
                return f"the end of the span, {moment(self.reckoning.from_at)}"
            case "deadline":
                return "the deadline"
            case _:
                assert_never(self.reckoning.basis)

    def _terms(self) -> Iterator[tuple[datetime, int, list[str]]]:
        """What is added to the span, with when it came, by how much and why."""
        for pause in self.instance.pauses:
            if pause.counts == "counted":
                yield pause.from_at, pause.moves_seconds, self._pause(pause)
        for extension in self.instance.extensions:
            if extension.counts:
                said_by = who(extension.by, extension.reason)
                yield extension.at, extension.open_seconds, [f"extended on {moment(extension.at)}{said_by}"]

    def _term(self, sign: str, seconds: int, paragraphs: list[str]) -> list[str]:
        amount = f"{sign:1} {span(seconds):>{_SUM - 2}}  "
        room = self.width - LABEL - len(amount) - 2
        lines = [line for text in paragraphs for line in textwrap.wrap(text, room)]
        return [amount + lines[0], *(" " * len(amount) + line for line in lines[1:])]

    # --- its target ---

    def _target(self) -> str:
        target = self.reckoning.target_at
        if target is None:
            until = moment(self.instance.calendar.known_until)
            return f"not known yet: the calendar is frozen until {until}, and is frozen further in good time."
        said = moment(target)
        windows = self.reckoning.windows
        if windows and self.reckoning.total_seconds > 0 and self._closes_at(target):
            said += ", the moment at which the time is used up: closing time, not the next opening"
        return said

    def _closes_at(self, target: datetime) -> bool:
        """Whether the target uses up its window: it ends as the calendar declares it."""
        week = self.instance.calendar.week
        if week.always:
            return False
        special = {d.date: d.windows for d in self.reckoning.special_dates}
        windows = special.get(target.date(), week.days[target.weekday()])
        return any(window.endswith(f"-{time_text(target)}") for window in windows)

    def _not_counted(self) -> Iterator[str]:
        for pause in self.instance.pauses:
            if pause.counts == "counted":
                continue
            if pause.counts == "after" and all(cause.kind == "outside the process" for cause in pause.causes):
                continue  # a case that is closed after the end is no news
            if pause.counts == "after":
                yield f"The clock stood from {moment(pause.from_at)}; that is after its end and moves nothing."
                continue
            first, *rest = self._pause(pause)
            match pause.counts:
                case "open":
                    why = f"The target moves when it ends; so far by {span(pause.open_seconds)} of open time."
                case "before":
                    why = f"Before {moment(self.reckoning.from_at)}, from where the time is counted; it moves nothing."
                    if self.reckoning.basis == "carried":
                        why = "Before the change; what was used by then already leaves it out."
                case _:
                    assert_never(pause.counts)
            yield " ".join([f"{first[0].upper()}{first[1:]}.", *rest[:1], why])
        changes = [change.at for change in self.instance.changes if change.counts]
        for extension in self.instance.extensions:
            if not extension.counts:
                is_kept = bool(changes) and extension.at <= changes[-1]
                why = "the target that a change kept has it already" if is_kept else "after its end"
                said_by = who(extension.by, extension.reason)
                yield f"Extended by {span(extension.open_seconds)} on {moment(extension.at)}{said_by}: {why}."

    def _pause(self, pause: PauseExplained) -> list[str]:
        """The pause in a line, then each of its causes, then what is to be said of its time."""
        if not pause.causes:
            between = period(pause.from_at, pause.until_at)
            stood = f"the clock stood {pause.pauses:,} times {between}"
            return [stood, "Who stopped it and why is in the notes of the case."]
        first = f"the clock stood {period(pause.from_at, pause.until_at)}"
        if pause.to_at is None or pause.to_at > pause.until_at:
            ended = self.instance.outcome.state in _ENDED
            first += f"; then the milestone was {ended_how(self.instance)}" if ended else ", and still stands"
        causes = "; ".join(dict.fromkeys(cause_clause(cause) for cause in pause.causes))
        said = [first, f"{causes[0].upper()}{causes[1:]}."]
        if pause.closed_seconds:
            wall, closed = pause.open_seconds + pause.closed_seconds, pause.closed_seconds
            said.append(f"{span(wall)} by the wall clock, of which {span(closed)} outside open time do not count.")
        if pause.counts == "counted" and pause.moves_seconds != pause.open_seconds:
            said.append(f"Only its part after {moment(self.reckoning.from_at)} counts.")
        return said

    # --- what became of it ---

    def _outcome(self) -> Iterator[str]:
        outcome = self.instance.outcome
        before = [(violation.violated_at, self._violation(violation)) for violation in outcome.violations]
        before += [(cleared.at, cleared_sentence(cleared, promise=outcome.promise)) for cleared in outcome.cleared]
        yield from (said for _, said in sorted(before, key=lambda dated: dated[0]))
        yield self._end()
        if not outcome.promise:
            yield "It is no promise (promise: false): passing its target violates nothing."
        if outcome.elapsed_seconds is not None and outcome.state is not InstanceState.SCHEDULED:
            said = f"{span(outcome.elapsed_seconds)} of open time since the start"
            if outcome.paused_seconds:
                used = span(outcome.actual_seconds or 0)
                said += f", less {span(outcome.paused_seconds)} in which the clock stood: {used} used"
            yield said + "."

    def _violation(self, violation: ViolationExplained) -> str:
        outcome, target = self.instance.outcome, self.reckoning.target_at
        late = violation.noticed_at - violation.violated_at
        noticed = f" (noticed {moment(violation.noticed_at)})" if late > _A_SECOND else ""
        said = f"{moment(violation.violated_at)}: violated; that was the target then{noticed}."
        if violation.corrected_at:
            why = with_moments_in(violation.correction or "", violation.corrected_at.tzinfo or UTC)
            said += f" Corrected {moment(violation.corrected_at)}: {why}."
        elif target and target > violation.violated_at and outcome.violated:
            said += " The target moved later only after that, by a pause: this does not undo it."
        return said

    def _end(self) -> str:
        outcome = self.instance.outcome
        at, margin = moment(outcome.state_at), self._margin()
        match outcome.state:
            case InstanceState.COMPLETED:
                verdict = ", late" if outcome.violated else ", in time" if outcome.promise else ""
                return f"{at}: completed by {completer(outcome.completed_by)}{verdict}{margin}."
            case InstanceState.REMOVED:
                return f"{at}: {removal(outcome)}{margin}."
            case InstanceState.OPEN_AT_EXIT:
                return f"{at}: still open when the case left the process{margin}. It is judged as of then."
            case InstanceState.PAUSED:
                return f"Paused since {at}{margin}. While it stands nothing fires, and it does not become violated."
            case InstanceState.SCHEDULED:
                return f"It has not begun: it starts {moment(self.instance.start.at)}."
            case InstanceState.RUNNING:
                return f"Running at {at}{margin}."
            case _:
                assert_never(outcome.state)

    def _margin(self) -> str:
        outcome = self.instance.outcome
        open_seconds, wall = outcome.margin_seconds, outcome.margin_wall_seconds
        if open_seconds is None or wall is None:
            return ""
        if wall == 0:
            return ", exactly at the target"
        amount = span(abs(open_seconds))
        if abs(open_seconds) != abs(wall):
            amount += f" of open time ({span(abs(wall))} by the wall clock)"
        return f", {amount} {'before' if wall > 0 else 'after'} the target"

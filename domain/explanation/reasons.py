"""Why an instance has the calendar, the start and the span that it has, and why it was removed.

The state of a timeline keeps what happened, not why; the reasons follow from it and from the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from domain.explanation.parts import (
    CalendarChoice,
    ChangeKind,
    CriterionHistory,
    NamedBy,
    PassedRow,
    SpanChange,
    SpanChoice,
    StartKind,
    StartReason,
    VerdictExplained,
)
from domain.explanation.sums import DAY
from domain.frozen import FrozenCalendar, HorizonExceeded
from domain.open_time.spans import Span
from domain.open_time.windows import clock_text
from domain.process import Milestone, Recurrence, SpanRow
from domain.timeline.facts import Term
from domain.timeline.folding import ended_of, key_of
from domain.timeline.instances import MilestoneInstance
from domain.timeline.plan import Plan
from domain.timeline.state import Ended, TimelineState, Verdict

OPENED_AT = "opened_at"


class Reasons:
    """The reasons of one instance.

    Attributes:
        milestone: as the process of the case declares it; None of an instance of a process that the case has left.
        end: up to when facts count: the end of the instance, if it has one.
    """

    def __init__(self, plan: Plan, state: TimelineState, instance: MilestoneInstance) -> None:
        self.plan = plan
        self.state = state
        self.instance = instance
        process = plan.process
        self.milestone = process.milestone(instance.milestone) if process and process.id == instance.process else None
        self.end = instance.ended_at
        self.term = instance.term_at(self.end)
        self.calendar = plan.calendars[self.term.business_hours]

    # --- the calendar ---

    def calendar_choice(self) -> CalendarChoice:
        """The calendar that counts, and who names it."""
        calendar = self.calendar
        row = self._row(self.term)
        named_by: NamedBy = "earlier"
        process = self.plan.process
        if self.milestone is not None and process is not None:
            levels: list[tuple[NamedBy, str | None]] = [
                ("row", row[1].business_hours if row else None),
                ("milestone", self.milestone.business_hours),
                ("process", process.business_hours),
                (self.plan.business_hours_of, self.plan.business_hours),
            ]
            level, name = next((by, name) for by, name in levels if name)
            named_by = level if name == calendar.name else "earlier"
        return CalendarChoice(
            name=calendar.name,
            time_zone=calendar.time_zone,
            zone_is_utc=calendar.utc_offset == 0 and not calendar.offset_changes,
            week=calendar.week,
            named_by=named_by,
            row=row[0] if row and named_by == "row" else None,
            known_until=calendar.local(calendar.end),
        )

    # --- the span ---

    def span_choice(self) -> SpanChoice:
        """The span that counts, and the row that gives it."""
        term, row = self.term, self._row(self.term)
        chosen = SpanChoice(span=term.span, nominal_seconds=term.nominal_seconds, deadline_of=term.by)
        if self.milestone is not None and self.milestone.cutoff and term.base_at != term.start_at:
            chosen = chosen.model_copy(update={"cutoff": self.milestone.cutoff})
        chosen = chosen.model_copy(update=self._clock(term))
        if row is None or self.milestone is None or len(self.milestone.within or []) == 1:
            return chosen
        number, declared = row
        passed = [
            PassedRow(
                row=n, criteria=before.when, error=verdict.error if (verdict := self._verdict(n, term.at)) else None
            )
            for n, before in enumerate((self.milestone.within or [])[: number - 1], 1)
        ]
        return chosen.model_copy(update={"row": number, "criteria": declared.when, "passed": passed})

    def _clock(self, term: Term) -> dict[str, bool]:
        """Of a span with a local time: whether that was moved into its date's windows, and whether to another date."""
        span = None if term.by else Span.parse(term.span)
        if span is None or span.clock is None or term.fixed_at is None or term.carried_at is not None:
            return {}
        shown = f"{self.calendar.local(term.fixed_at):%H:%M}"
        closing = self.calendar.end_of_business_day(term.base_at, span.business_days)
        return {
            "is_moved": shown != clock_text(span.clock % DAY),
            "is_of_next_date": term.fixed_at > closing,
        }

    def _row(self, term: Term) -> tuple[int, SpanRow] | None:
        """The row of the table that gave a span, if the table is still the one that gave it."""
        for number, row in enumerate((self.milestone.within or []) if self.milestone else [], 1):
            verdict = self._verdict(number, term.at)
            if not row.when or (verdict is not None and verdict.holds):
                calendar = self.plan.calendars[term.business_hours]
                same = str(row.span) == term.span and row.business_hours in (None, calendar.name)
                return (number, row) if same else None
        return None

    def _verdict(self, row: int, at: datetime) -> Verdict | None:
        history = self.state.verdicts.get(f"{self.instance.milestone}: row {row}", ())
        return next((verdict for verdict in reversed(history) if verdict.at <= at), None)

    # --- the start ---

    def start_reason(self) -> StartReason:
        """What the start that counts follows."""
        at = self.term.start_at
        reason = self._start(at)
        update: dict[str, object] = {"at": self.calendar.local(at)}
        try:
            opens_at = self.calendar.next_open(at)
        except HorizonExceeded:
            opens_at = at
        if opens_at != at:
            update["opens_at"] = self.calendar.local(opens_at)
        return reason.model_copy(update=update)

    def _start(self, at: datetime) -> StartReason:
        milestone, process = self.milestone, self.plan.process
        if milestone is None or process is None:
            return StartReason(at=at, kind="earlier")
        if self._follows_a_handover(at):
            return StartReason(at=at, kind="handed over")
        if self.term.is_detached and not self.term.is_kept:
            return StartReason(at=at, kind="complete" if self._was_complete_as_it_started(at) else "restart")
        came_back = any(hold.cause == "outside the process" and hold.to_at == at for hold in self.state.all_holds)
        if milestone.starts == "criteria":
            kind: StartKind = "criteria" if milestone.when else "reentry" if came_back else "entry"
            return self._recurring_start(at, milestone) or StartReason(at=at, kind=kind, criteria=milestone.when)
        if came_back and milestone.on_reentry == "restart":
            return StartReason(at=at, kind="reentry")
        if milestone.predecessor is not None:
            return StartReason(at=at, kind="after", milestone=milestone.predecessor)
        if at == self.state.not_before:
            return StartReason(at=at, kind="entitlement")
        if process.entry == OPENED_AT:
            return StartReason(at=at, kind="opened")
        return StartReason(at=at, kind="field", field=process.entry)

    def _was_complete_as_it_started(self, at: datetime) -> bool:
        """Whether it has its start from a completion at that instant, which its rule took back."""
        first = self.instance.terms[0]
        return first.is_detached and first.start_at == at and first.at == self.instance.created_at

    def _follows_a_handover(self, at: datetime) -> bool:
        return any(before.handed_over_at == at for before in self._others())

    def _recurring_start(self, at: datetime, milestone: Milestone) -> StartReason | None:
        """Of an occurrence that follows an earlier one: from its completion, or not before its target."""
        if not milestone.recurs:
            return None
        for before in self._others():
            number, instance = before.occurrence, self.instance
            if number == instance.occurrence or before.completed_at is None:
                continue
            if before.completed_at == at and number < instance.occurrence:
                return StartReason(at=at, kind="completed", occurrence=number, criteria=milestone.when)
            if milestone.recurrence is Recurrence.SEQUENTIAL and before.target_at == at:
                return StartReason(at=at, kind="target", occurrence=number, criteria=milestone.when)
        return None

    def _others(self) -> Iterator[Ended]:
        """How the occurrences of its milestone ended, newest first; of those that were folded the last one."""
        mine = (self.instance.process, self.instance.milestone)
        for instance in reversed(self.state.instances):
            if key_of(instance) == mine:
                yield ended_of(self.plan, instance)
        folded = self.state.folded_of(*mine)
        if folded is not None and folded.ended is not None:
            yield folded.ended

    def _target(self, instance: MilestoneInstance) -> datetime | None:
        try:
            return instance.target_at(self.plan.calendars)
        except HorizonExceeded:
            return None

    # --- the end ---

    def removal(self) -> dict[str, str]:
        """Why it was removed, as fields of an `Outcome`; nothing of one that was not."""
        instance, milestone = self.instance, self.milestone
        if instance.removed_at is None or instance.completed_at is not None:
            return {}
        if instance.handed_over:
            return {"removed_because": "handed over"}
        process = self.plan.process
        if milestone is None:
            is_dropped = process is not None and process.id == instance.process
            return {"removed_because": "version" if is_dropped else "criteria"}
        history = self.state.verdicts.get(f"{milestone.name}: when", ())
        wanted = next((verdict for verdict in reversed(history) if verdict.at <= instance.removed_at), None)
        if milestone.when and (wanted is None or not wanted.holds):
            return {"removed_because": "criteria"}
        if milestone.predecessor is not None:
            return {"removed_because": "taken back", "removed_name": milestone.predecessor}
        if milestone.by is not None:
            return {"removed_because": "deadline", "removed_name": milestone.by}
        if milestone.recurs:
            return {"removed_because": "cleared"}
        return {"removed_because": "criteria"}

    # --- changes ---

    def changes(self) -> list[SpanChange]:
        """Each change of span, calendar, start or deadline, with the target before and after it."""
        terms = self.instance.terms
        return [self._change(number) for number in range(1, len(terms))]

    def _change(self, number: int) -> SpanChange:
        old, new = self.instance.terms[number - 1 : number + 1]
        kind = self._kind(old, new)
        before, after = self._as_of(number, new.at), self._as_of(number + 1, new.at)
        local = self.plan.calendars[new.business_hours].local
        used: dict[str, int] = {}
        if kind == "carry":
            used = {
                "used_seconds": self._used(old, new.carried_at or new.base_at),
                "of_seconds": old.nominal_seconds,
                "left_seconds": new.open_seconds,
            }
        return SpanChange(
            at=local(new.at),
            kind=kind,
            span_before=old.span,
            span=new.span,
            business_hours_before=self.plan.calendars[old.business_hours].name,
            business_hours=self.plan.calendars[new.business_hours].name,
            start_at=local(new.start_at),
            target_before=local(before) if before else None,
            target_after=local(after) if after else None,
            counts=self.end is None or new.at <= self.end,
            **used,
        )

    def _used(self, old: Term, until: datetime) -> int:
        """Open seconds used of a span by then, from where its open seconds are counted."""
        calendar = self.plan.calendars[old.business_hours]
        since = old.base_at if old.carried_at is not None or old.fixed_at is None else old.start_at
        until = max(until, since)
        spent = calendar.elapsed(since, until) - self.instance.paused_seconds(calendar, old.base_at, until)
        return old.nominal_seconds - old.open_seconds + spent

    def _kind(self, old: Term, new: Term) -> ChangeKind:
        if new.is_kept and (new.start_at, new.fixed_at, new.span) == (old.start_at, old.fixed_at, old.span):
            return "kept"
        if new.anchor_at != old.anchor_at:
            return "start"
        if new.by is not None and old.by == new.by:
            return "deadline"
        if self.milestone is None or not self._row_changed(new.at):
            return "migration"
        return self.milestone.on_change.value

    def _row_changed(self, at: datetime) -> bool:
        """Whether criteria of the span table came to something else at an instant: then the rules took another row."""
        rows = len(self.milestone.within or []) if self.milestone else 0
        keys = [f"{self.instance.milestone}: row {number}" for number in range(1, rows + 1)]
        return any(verdict.at == at for key in keys for verdict in self.state.verdicts.get(key, ())[1:])

    def _as_of(self, terms: int, at: datetime) -> datetime | None:
        """The target with the first so many spans, by the facts up to an instant; an open pause moves none."""
        then = self.instance.model_copy(
            update={
                "terms": self.instance.terms[:terms],
                "pauses": [
                    pause if pause.to_at and pause.to_at <= at else pause.model_copy(update={"to_at": None})
                    for pause in self.instance.pauses
                    if pause.from_at <= at
                ],
                "extensions": [extension for extension in self.instance.extensions if extension.at <= at],
                "completed_at": None,
                "removed_at": None,
                "exited_at": None,
            }
        )
        return self._target(then)

    # --- criteria ---

    def criteria(self) -> list[CriterionHistory]:
        """When each of the milestone's criteria was true and false."""
        if self.milestone is not None:
            return criteria_of(self.state, self.milestone, self.calendar)
        # No rule has a colon in its name, and a milestone may: the last one parts the two.
        keys = [(key, *key.rpartition(": ")) for key in self.state.verdicts]
        return [
            _history(self.state, rule, "", key, self.calendar)
            for key, milestone, _, rule in keys
            if milestone == self.instance.milestone
        ]


def criteria_of(state: TimelineState, milestone: Milestone, calendar: FrozenCalendar) -> list[CriterionHistory]:
    """When each of a milestone's criteria was true and false; those that were never evaluated are left out."""
    rules = [("when", milestone.when)]
    rules += [(f"row {number}", row.when) for number, row in enumerate(milestone.within or [], 1)]
    rules += [("complete_when", milestone.complete_when), ("pause_when", milestone.pause_when)]
    return [
        _history(state, rule, source, f"{milestone.name}: {rule}", calendar)
        for rule, source in rules
        if source and f"{milestone.name}: {rule}" in state.verdicts
    ]


def exit_criterion(plan: Plan, state: TimelineState, calendar: FrozenCalendar) -> CriterionHistory | None:
    """When the criteria for leaving the process were true and false, if it has any."""
    if plan.process is None or not plan.process.exit_when or "exit_when" not in state.verdicts:
        return None
    return _history(state, "exit_when", plan.process.exit_when, "exit_when", calendar)


def _history(state: TimelineState, rule: str, source: str, key: str, calendar: FrozenCalendar) -> CriterionHistory:
    verdicts = [
        VerdictExplained(at=calendar.local(verdict.at), holds=verdict.holds, error=verdict.error)
        for verdict in state.verdicts[key]
    ]
    return CriterionHistory(rule=rule, criteria=source, verdicts=verdicts)

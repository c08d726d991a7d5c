"""How a target comes out: the sum of span, pauses and extensions, and the open windows that make it up.

It is the arithmetic of `MilestoneInstance.target_at` and `paused_seconds` again, in parts that can be shown; a property
test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate

from domain.explanation.sum_parts import (
    Basis,
    Cause,
    CountedWindow,
    ExtensionExplained,
    OffsetChange,
    PauseCounts,
    PauseExplained,
    Reckoning,
    SpecialDate,
)
from domain.frozen import FrozenCalendar, HorizonExceeded
from domain.open_time.spans import Span
from domain.timeline.facts import Pause, Term
from domain.timeline.instances import MilestoneInstance
from domain.timeline.state import TimelineState, Verdict
from domain.timeline.stood import PLAIN, counted

MOST_SHOWN = 14
"""Windows or days up to which each is shown; of more, the first and last `SHOWN_AT_ENDS`."""
SHOWN_AT_ENDS = 5

DAY = 86_400
_SECOND = timedelta(seconds=1)


def wall_seconds(a: datetime, b: datetime) -> int:
    """Seconds between two instants by any clock that never stops."""
    return (b - a) // _SECOND


def reckon(
    instance: MilestoneInstance, calendar: FrozenCalendar, pauses: list[PauseExplained], end: datetime | None
) -> Reckoning:
    """The sum of an instance's target by the facts up to its end."""
    term = instance.term_at(end)
    paused = sum(pause.moves_seconds for pause in pauses)
    extended = sum(e.open_seconds for e in instance.extensions if end is None or e.at <= end) - term.extended_seconds
    basis, from_at, span_seconds = _basis(term)
    total = span_seconds + paused + extended
    target: datetime | None = None
    windows: list[CountedWindow] = []
    try:
        target = from_at if term.fixed_at is not None and total == 0 else calendar.add(from_at, total)
        windows = _windows(calendar, from_at, target)
    except HorizonExceeded:
        pass  # nothing is known past the horizon; the calendar is about to be frozen further
    numbers, days = _business_days(term, calendar, target) if basis == "business days" else ([], [])
    first, last = sorted((term.base_at, target or from_at))
    return Reckoning(
        basis=basis,
        from_at=calendar.local(from_at),
        span_seconds=span_seconds,
        paused_seconds=paused,
        extended_seconds=extended,
        total_seconds=total,
        business_days=[calendar.local(day) for day in days],
        business_day_numbers=numbers,
        windows=windows,
        special_dates=[] if basis == "deadline" else _special_dates(calendar, first, last),
        offset_changes=_offset_changes(calendar, first, last),
        target_at=calendar.local(target) if target else None,
    )


def _basis(term: Term) -> tuple[Basis, datetime, int]:
    if term.fixed_at is not None:
        if term.by is not None:
            return "deadline", term.fixed_at, 0
        if term.carried_at is None:
            return "business days", term.fixed_at, 0
        return ("missed" if term.start_at < term.fixed_at < term.base_at else "used up"), term.fixed_at, 0
    if term.carried_at is not None:
        return "carried", term.base_at, term.open_seconds
    return ("start" if term.base_at == term.start_at else "cutoff"), term.base_at, term.open_seconds


# --- windows ---


def _windows(calendar: FrozenCalendar, from_at: datetime, target: datetime) -> list[CountedWindow]:
    """The open time between where the sum begins and the target, which may lie before it."""
    sign = 1 if from_at <= target else -1
    found = list(calendar.open_windows(*sorted((from_at, target))))[::sign]
    windows: list[CountedWindow] = []
    running = 0
    for begin, end in found:
        seconds = sign * wall_seconds(begin, end)
        running += seconds
        window = CountedWindow(
            from_at=calendar.local(begin), to_at=calendar.local(end), open_seconds=seconds, running_seconds=running
        )
        windows.append(window)
    if len(windows) <= MOST_SHOWN:
        return windows
    middle = windows[SHOWN_AT_ENDS:-SHOWN_AT_ENDS]
    grouped = CountedWindow(
        from_at=min(window.from_at for window in middle),
        to_at=max(window.to_at for window in middle),
        windows=len(middle),
        open_seconds=sum(window.open_seconds for window in middle),
        running_seconds=middle[-1].running_seconds,
    )
    return [*windows[:SHOWN_AT_ENDS], grouped, *windows[-SHOWN_AT_ENDS:]]


def _business_days(term: Term, calendar: FrozenCalendar, target: datetime | None) -> tuple[list[int], list[datetime]]:
    """The instants that the calendar's days lead over to the end of a span that follows them, and which day each is."""
    span = Span.parse(term.span)
    last = span.business_days
    if target is None or term.fixed_at is None:
        return [], []
    numbers = list(range(last + 1))
    if len(numbers) > MOST_SHOWN:
        numbers = [*numbers[:SHOWN_AT_ENDS], *numbers[-SHOWN_AT_ENDS:]]
    days = [calendar.business_days_later(term.base_at, n) if n < last else term.fixed_at for n in numbers]
    return numbers, days


def _special_dates(calendar: FrozenCalendar, first: datetime, last: datetime) -> list[SpecialDate]:
    begins, ends = calendar.local(first).date(), calendar.local(last).date()
    return [
        SpecialDate(date=day, windows=calendar.dates[day], usual=calendar.week.days[day.weekday()])
        for day in sorted(calendar.dates)
        if begins <= day <= ends and calendar.dates[day] != calendar.week.days[day.weekday()]
    ]


def _offset_changes(calendar: FrozenCalendar, first: datetime, last: datetime) -> list[OffsetChange]:
    """The changes of the clocks between two instants.

    The hour that is missing, or comes twice, belongs to the date on which the earlier of its two wall-clock times lies.
    """
    found = []
    for at, _ in calendar.offset_changes:
        if not first < at <= last:
            continue
        after = calendar.local(at)
        before = at.astimezone(calendar.local(at - _SECOND).tzinfo)
        shift = wall_seconds(before.replace(tzinfo=None), after.replace(tzinfo=None))
        day_seconds = DAY - shift if shift < DAY else None
        day = min(before.date(), after.date())
        found.append(OffsetChange(before=before, after=after, date=day, day_seconds=day_seconds))
    return found


# --- pauses and extensions ---


class PausesOf:
    """The pauses of one instance, explained.

    Attributes:
        pause_when: the criteria that pause its milestone, if the process still has it.
    """

    def __init__(
        self, state: TimelineState, instance: MilestoneInstance, calendar: FrozenCalendar, pause_when: str
    ) -> None:
        self.state = state
        self.instance = instance
        self.calendar = calendar
        self.pause_when = pause_when
        self.end = instance.ended_at
        self.base = instance.term_at(self.end).base_at

    def explained(self, now: datetime) -> list[PauseExplained]:
        """Each pause: what caused it, and by how much it moves the target."""
        now = min(now, self.calendar.end)  # a pause may outlast the horizon; it is known that far
        older, newest = self.instance.pauses[:-PLAIN], self.instance.pauses[-PLAIN:]
        known = [self._pause(pause, max(now, pause.from_at)) for pause in newest]
        return [*self._oldest(older), *known]

    def _oldest(self, older: Sequence[Pause]) -> list[PauseExplained]:
        """The oldest of very many pauses, as one. Of those that are kept as their sum the wall clock is not known."""
        calendar, rested = self.calendar, self.instance.rested
        times = [(pause.from_at, pause.to_at) for pause in older if pause.to_at is not None]
        opened = sum(calendar.elapsed(a, b) for a, b in times)
        closed = sum(wall_seconds(a, b) for a, b in times) - opened
        moves = counted(calendar, older, self.base, self.end)
        number = len(times)
        if rested is not None:
            times.insert(0, (rested.from_at, rested.to_at))
            opened += rested.open_seconds
            moves += rested.between(self.base, self.end)
            number += rested.pauses
        if not times:
            return []
        begins, ends = times[0][0], times[-1][1]
        return [
            PauseExplained(
                from_at=calendar.local(begins),
                to_at=calendar.local(ends),
                until_at=calendar.local(ends),
                causes=[],
                open_seconds=opened,
                closed_seconds=closed,
                moves_seconds=moves,
                counts="counted",
                pauses=number,
            )
        ]

    def _pause(self, pause: Pause, now: datetime) -> PauseExplained:
        calendar, end = self.calendar, self.end
        until = min((at for at in (pause.to_at, end) if at is not None), default=now)
        until = max(until, pause.from_at)
        moves = 0
        counts: PauseCounts = "counted"
        if end is not None and pause.from_at >= end:
            counts = "after"
        elif pause.to_at is None and end is None:
            counts = "open"
        elif until <= self.base:
            counts = "before"
        else:
            moves = calendar.elapsed(max(pause.from_at, self.base), until)
        open_seconds = calendar.elapsed(pause.from_at, until)
        return PauseExplained(
            from_at=calendar.local(pause.from_at),
            to_at=calendar.local(pause.to_at) if pause.to_at else None,
            until_at=calendar.local(until),
            causes=[cause for kind in pause.causes for cause in self._causes(kind, pause.from_at, until)],
            open_seconds=open_seconds,
            closed_seconds=wall_seconds(pause.from_at, until) - open_seconds,
            moves_seconds=moves,
            counts=counts,
        )

    def _causes(self, kind: str, from_at: datetime, until: datetime) -> list[Cause]:
        """What stood behind one cause of a pause: stops of the case, or times at which its criteria were true."""
        local = self.calendar.local
        if kind == "pause_when":
            verdicts = self.state.verdicts.get(f"{self.instance.milestone}: pause_when", ())
            found = [
                Cause(kind=kind, from_at=local(begins), to_at=local(ends) if ends else None, criteria=self.pause_when)
                for begins, ends in _true_times(verdicts)
                if begins <= until and (ends is None or ends > from_at)
            ]
        else:
            found = [
                Cause(
                    kind=kind,
                    from_at=local(hold.from_at),
                    to_at=local(hold.to_at) if hold.to_at else None,
                    by=hold.by,
                    reason=hold.reason,
                )
                for hold in self.state.all_holds
                if hold.cause == kind and hold.from_at <= until and (hold.to_at is None or hold.to_at > from_at)
            ]
        return found or [Cause(kind=kind, from_at=local(from_at))]


def _true_times(verdicts: Sequence[Verdict]) -> list[tuple[datetime, datetime | None]]:
    """The times in which a criterion was true; those of no length left out."""
    found: list[tuple[datetime, datetime | None]] = []
    ends: list[datetime | None] = [*(verdict.at for verdict in verdicts[1:]), None]
    for verdict, end in zip(verdicts, ends, strict=True):
        if verdict.holds and end != verdict.at:
            if found and found[-1][1] == verdict.at:
                found[-1] = (found[-1][0], end)
            else:
                found.append((verdict.at, end))
    return found


def extensions_of(instance: MilestoneInstance, calendar: FrozenCalendar) -> list[ExtensionExplained]:
    """Each extension of an instance, and whether it counts: one that is in a kept target does not count once more."""
    end = instance.ended_at
    sums = list(accumulate(extension.open_seconds for extension in instance.extensions))
    had = instance.term_at(end).extended_seconds
    return [
        ExtensionExplained(
            at=calendar.local(extension.at),
            open_seconds=extension.open_seconds,
            by=extension.by,
            reason=extension.reason,
            counts=(end is None or extension.at <= end) and so_far > had,
        )
        for extension, so_far in zip(instance.extensions, sums, strict=True)
    ]

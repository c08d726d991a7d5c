"""The periods over which an allowance is counted, worked out from dates in the account's zone.

This reads the time-zone database, so no workflow imports it: a running entitlement carries what `freeze` makes of it.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from domain.usage.allowance import Allowance, Period
from domain.usage.periods import FrozenPeriods, NoticeDue, PeriodStart, Term
from domain.usage.term_length import months_later, on_the_grid

HORIZON_YEARS = 10
"""How far ahead periods are frozen at once."""

_SECOND = timedelta(seconds=1)


def freeze(allowance: Allowance, term: Term, until: datetime) -> FrozenPeriods:
    """The periods of a term up to and including the one in which `until` lies, or the term's last.

    Periods that run from the start begin on its day of the month, or on the month's last if it has no such day, always
    reckoned from the start: from 31 January they begin on 28 February and 31 March. Periods aligned to the calendar
    begin on its firsts; the first of them is shorter. Each begins with the first instant of its date. Of terms that
    follow one another each has periods of its own.

    A term to the last date that there is (9999-12-31, as other systems write it) does not end.

    Raises:
        ValueError: a period without a start date.
    """
    zone = ZoneInfo(term.time_zone)
    ends_at = None if term.ends_on in {None, date.max} else first_instant(term.ends_on + timedelta(days=1), zone)
    if term.starts_on is None:
        if allowance.period is not Period.TERM:
            raise ValueError(f"an allowance for each {allowance.period} needs a start date, from which its periods run")
        return FrozenPeriods(term=term, ends_at=ends_at, notices=_notices(term, [term.ends_on], zone))
    starts: list[PeriodStart] = []
    term_starts: list[int] = []
    last_days: list[date | None] = []
    known_until = None
    for day, begun in _days(allowance, term, term.starts_on):
        at = first_instant(day, zone)
        if starts and at > until:
            known_until = at
            break
        if begun is not None:
            last_days.append(begun.ends_on)
            if starts:
                term_starts.append(len(starts))
        starts.append(PeriodStart(day, at))
    return FrozenPeriods(
        term=term,
        starts=tuple(starts),
        ends_at=ends_at,
        known_until=known_until,
        term_starts=tuple(term_starts),
        notices=_notices(term, last_days, zone),
    )


def _days(allowance: Allowance, term: Term, starts_on: date) -> Iterator[tuple[date, Term | None]]:
    """The first date of each period, with the term that begins with it, if one does."""
    for one in _terms(term, starts_on):
        begins = one.starts_on or starts_on
        for day in _first_days(allowance, one, begins):
            yield day, one if day == begins else None


def _terms(term: Term, starts_on: date) -> Iterator[Term]:
    """The term; of those that follow one another each, always reckoned from the first start."""
    if term.length is None:
        yield term
        return
    anchor = term.reckoned_from or starts_on
    begins = starts_on
    while True:
        ends = term.length.last_day(begins, anchor)
        yield Term(starts_on=begins, ends_on=ends, time_zone=term.time_zone, reckoned_from=anchor)
        begins = ends + timedelta(days=1)


def _notices(term: Term, last_days: Iterable[date | None], zone: ZoneInfo) -> tuple[NoticeDue, ...]:
    due = [
        NoticeDue(days, first_instant(ends_on - timedelta(days=days), zone), ends_on)
        for ends_on in last_days
        if ends_on is not None
        for days in term.notice_days
    ]
    return tuple(sorted(due, key=lambda notice: notice.at))


def horizon(term: Term, now: datetime) -> datetime:
    """How far to freeze a term's periods now: `HORIZON_YEARS` past now, or past a start that is ahead."""
    start = now if term.starts_on is None else first_instant(term.starts_on, ZoneInfo(term.time_zone))
    return max(now, start) + timedelta(days=366 * HORIZON_YEARS)


def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a date in a zone: of a midnight that happens twice the first, of a skipped one what follows.

    A date that the zone skipped altogether begins, and ends, where the next one begins.
    """
    midnight = datetime.combine(day, time(0), tzinfo=zone)
    at = midnight.astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return at
    # Skipped. Read with the offset of before the gap, midnight lies at or after the gap's one instant, within a day.
    low, high = -86_400, 0
    while high - low > 1:
        middle = (low + high) // 2
        if (at + middle * _SECOND).astimezone(zone).date() < day:
            low = middle
        else:
            high = middle
    return at + high * _SECOND


def _first_days(allowance: Allowance, term: Term, starts_on: date) -> Iterator[date]:
    """The first date of each period of a term; without end, if it has none."""
    yield starts_on
    if allowance.period is Period.TERM:
        return
    months = allowance.period.months
    anchor, before = on_the_grid(term.reckoned_from or starts_on, starts_on)
    if allowance.aligned == "calendar":
        anchor, before = date(starts_on.year, (starts_on.month - 1) // months * months + 1, 1), 0
    for number in count(1):
        day = months_later(anchor, before + months * number)
        if term.ends_on is not None and day > term.ends_on:
            return
        yield day

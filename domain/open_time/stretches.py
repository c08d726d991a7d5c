"""The arithmetic under a frozen calendar: open time as sorted stretches of integers.

Everything here counts in microseconds since 1970-01-01T00:00Z, so that fractions of a second are exact, and is found
by bisection, so that a year costs what a day costs. Wall-clock windows become stretches of physical time in one place,
`_pieces`, which is the whole of the daylight-saving rule: an instant is open if and only if its local wall-clock time
lies in a window.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from domain.errors import MilepostError
from domain.open_time.windows import DAY_SECONDS, window_seconds

SECOND = 1_000_000
DAY = DAY_SECONDS * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_ORDINAL = EPOCH.toordinal()
PADDING_DAYS = 2
"""Dates beyond either end of a horizon that are compiled too: a window is open for less than two dates, and a zone is
less than one away from UTC, so what is open at an end of the horizon, and until when, is known."""

Piece = tuple[int, int, int]
"""Open from, until, and the zone's UTC offset throughout, each in microseconds."""


class CalendarError(MilepostError):
    """A question that a calendar cannot answer."""


class HorizonExceeded(CalendarError):
    """The answer lies outside the dates for which the calendar was frozen, or would need data from there.

    Attributes:
        calendar: the calendar's name.
        horizon_start: the first instant that the calendar knows.
        horizon_end: the last one; freezing the calendar again to a later one may answer the question.
        back_to: the instant before its start that it is to reach back to, where whoever asked knows that.
    """

    back_to: datetime | None = None

    def __init__(self, calendar: str, horizon_start: datetime, horizon_end: datetime, asked: str) -> None:
        super().__init__(calendar, horizon_start, horizon_end, asked)
        self.calendar = calendar
        self.horizon_start = horizon_start
        self.horizon_end = horizon_end
        self.asked = asked

    def __str__(self) -> str:
        return (
            f"calendar {self.calendar!r} is frozen from {self.horizon_start.isoformat()} to "
            f"{self.horizon_end.isoformat()} and does not reach {self.asked}; freeze it again over a longer horizon"
        )


def instant(at: int) -> datetime:
    """Return the aware UTC datetime of an instant in microseconds."""
    return EPOCH + timedelta(0, *divmod(at, SECOND))


class ZoneOffsets:
    """A zone's UTC offsets (seconds): the first, then each instant (microseconds) at which it changes, and to what."""

    def __init__(self, first: int, changes: Sequence[tuple[int, int]]) -> None:
        self._since = [at for at, _ in changes]
        self._offsets = [first * SECOND, *(offset * SECOND for _, offset in changes)]
        self._least = min(self._offsets)
        self._most = max(self._offsets)

    def at(self, at: int) -> int:
        """Return the offset at an instant."""
        return self._offsets[bisect_right(self._since, at)]

    def pieces(self, opens: int, closes: int) -> Iterator[Piece]:
        """Yield when the wall clock shows a time in [opens, closes), in physical order.

        The two are wall-clock times written as if they were UTC. Nothing is yielded for what a spring gap or a
        skipped date leaves out; what the wall clock shows twice is yielded twice.
        """
        since, offsets = self._since, self._offsets
        for i in range(bisect_right(since, opens - self._most), bisect_left(since, closes - self._least) + 1):
            offset = offsets[i]
            start = opens - offset if i == 0 else max(opens - offset, since[i - 1])
            end = closes - offset if i == len(since) else min(closes - offset, since[i])
            if start < end:
                yield start, end, offset


class OpenDate:
    """A local date that has open time.

    Attributes:
        midnight: the wall-clock midnight that begins it, written as if it were UTC.
        pieces: its own windows in physical time, each in turn; an overnight one is all here, its morning too.
        windows: when they open and close, in wall-clock seconds since that midnight.
    """

    __slots__ = ("midnight", "pieces", "windows")

    def __init__(self, midnight: int, pieces: tuple[Piece, ...], windows: Sequence[tuple[int, int]]) -> None:
        self.midnight = midnight
        self.pieces = pieces
        self.windows = windows

    @property
    def opens(self) -> int:
        """Its first opening."""
        return self.pieces[0][0]

    @property
    def closes(self) -> int:
        """Its last closing."""
        return self.pieces[-1][1]

    def since_midnight(self, at: int) -> int | None:
        """Return the wall-clock time of an instant in one of its windows, from its midnight; None outside them."""
        for start, end, offset in self.pieces:
            if start <= at < end:
                return at + offset - self.midnight
        return None

    def meant_by(self, clock: int) -> int:
        """Return which time from its midnight a time of day (seconds) means: that morning, if it lies in one of its.

        A window that crosses midnight has its morning on the date after; its closing still belongs to it.
        """
        morning = clock + DAY_SECONDS
        if any(opens <= clock < closes for opens, closes in self.windows):
            return clock * SECOND
        return (morning if any(morning <= closes for _, closes in self.windows) else clock) * SECOND

    def at_wall_clock(self, since_midnight: int) -> int:
        """Return its first open instant at which the wall clock has reached that time, else its last closing."""
        wall = self.midnight + since_midnight
        for start, end, offset in self.pieces:
            if wall < end + offset:
                return max(start, wall - offset)
        return self.closes


class OpenTime:
    """The open time of one calendar over one horizon, ready to be asked. Every instant is in microseconds."""

    def __init__(
        self,
        name: str,
        horizon: tuple[int, int],
        week: Sequence[Sequence[str]],
        dates: Mapping[date, Sequence[str]],
        offsets: ZoneOffsets,
    ) -> None:
        self.name = name
        self.start, self.end = horizon
        self._week = [[window_seconds(window) for window in day] for day in week]
        self._dates = {day.toordinal(): [window_seconds(window) for window in dates[day]] for day in dates}
        self.offsets = offsets
        self._merge()

    def _merge(self) -> None:
        """Join the pieces of all dates to stretches, and sum up the open time before each of them."""
        starts: list[int] = []
        ends: list[int] = []
        for start, end, _ in sorted(piece for day in self._open_dates for piece in day.pieces):
            if ends and start <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            else:
                starts.append(start)
                ends.append(end)
        sums = [0]
        for start, end in zip(starts, ends, strict=True):
            sums.append(sums[-1] + end - start)
        self._starts, self._ends, self._sums = starts, ends, sums
        # Open time until an instant in stretch i is that instant plus _shift[i].
        self._shift = [total - start for total, start in zip(sums, starts, strict=False)]

    @cached_property
    def _open_dates(self) -> list[OpenDate]:
        """Every date with open time, in order, over the horizon and a little more at its ends."""
        first = (self.start + self.offsets.at(self.start)) // DAY - PADDING_DAYS
        last = (self.end + self.offsets.at(self.end)) // DAY + PADDING_DAYS
        found = []
        for day in range(first, last + 1):
            windows = self._dates.get(day + EPOCH_ORDINAL)
            if windows is None:
                windows = self._week[(day + EPOCH_ORDINAL + 6) % 7]
            midnight = day * DAY
            pieces = [
                piece
                for opens, closes in windows
                for piece in self.offsets.pieces(midnight + opens * SECOND, midnight + closes * SECOND)
            ]
            if pieces:
                found.append(OpenDate(midnight, tuple(pieces), windows))
        return found

    @cached_property
    def _openings(self) -> list[int]:
        return [day.opens for day in self._open_dates]

    @cached_property
    def _midnights(self) -> list[int]:
        return [day.midnight for day in self._open_dates]

    def exceeded(self, asked: str) -> HorizonExceeded:
        """Return the error that says what lies outside the horizon."""
        return HorizonExceeded(self.name, instant(self.start), instant(self.end), asked)

    def _inside(self, at: int) -> int:
        if not self.start <= at <= self.end:
            raise self.exceeded(instant(at).isoformat())
        return at

    def _until(self, at: int) -> int:
        """Return the open time from the beginning of what is compiled until an instant."""
        i = bisect_right(self._starts, at) - 1
        if i < 0:
            return 0
        end = self._ends[i]
        return self._shift[i] + (at if at < end else end)  # noqa: FURB136 - twice as fast as min()

    def add(self, at: int, seconds: int) -> int:
        """See `FrozenCalendar.add`."""
        if not self.start <= at <= self.end:
            raise self.exceeded(instant(at).isoformat())
        if seconds > 0:
            wanted = self._until(at) + seconds * SECOND
            i = bisect_left(self._sums, wanted) - 1  # a sum reached exactly is the end of a stretch, not the next start
        elif seconds < 0:
            wanted = self._until(at) + seconds * SECOND
            i = bisect_right(self._sums, wanted) - 1  # ... and backwards the start of one, not the end before it
        else:
            return self.next_open(at)
        if 0 <= i < len(self._starts):
            found = wanted - self._shift[i]
            if self.start <= found <= self.end:
                return found
        way = "after" if seconds > 0 else "before"
        raise self.exceeded(f"{abs(seconds)} open seconds {way} {instant(at).isoformat()}")

    def elapsed(self, begin: int, end: int) -> int:
        """See `FrozenCalendar.elapsed`."""
        low, high = self.start, self.end
        if not (low <= begin <= high and low <= end <= high):
            raise self.exceeded(instant(end if low <= begin <= high else begin).isoformat())
        if end < begin:
            return -((self._until(begin) - self._until(end)) // SECOND)
        return (self._until(end) - self._until(begin)) // SECOND

    def is_open(self, at: int) -> bool:
        """See `FrozenCalendar.is_open`."""
        i = bisect_right(self._starts, self._inside(at)) - 1
        return i >= 0 and at < self._ends[i]

    def next_open(self, at: int) -> int:
        """See `FrozenCalendar.next_open`."""
        i = bisect_right(self._ends, self._inside(at))
        if i < len(self._starts):
            found = max(at, self._starts[i])
            if found <= self.end:
                return found
        raise self.exceeded(f"the next opening after {instant(at).isoformat()}")

    def next_close(self, at: int) -> int:
        """See `FrozenCalendar.next_close`."""
        i = bisect_right(self._ends, self._inside(at))
        if i < len(self._ends) and self._ends[i] <= self.end:
            return self._ends[i]
        raise self.exceeded(f"the next closing after {instant(at).isoformat()}")

    def stretches(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """See `FrozenCalendar.open_windows`."""
        self._inside(begin)
        self._inside(end)
        i = bisect_right(self._ends, begin)
        while i < len(self._starts) and self._starts[i] < end:
            yield max(begin, self._starts[i]), min(end, self._ends[i])
            i += 1

    def business_days_later(self, at: int, days: int) -> int:
        """See `FrozenCalendar.business_days_later`."""
        begin = self.next_open(at)
        i, since_midnight = self._date_of(begin)
        later = self._open_date(i + days, days, at)
        return self._inside(begin if days == 0 else max(begin, later.at_wall_clock(since_midnight)))

    def end_of_business_day(self, at: int, days: int) -> int:
        """See `FrozenCalendar.end_of_business_day`."""
        begin = self.next_open(at)
        i, _ = self._date_of(begin)
        return self._inside(max(begin, self._open_date(i + days, days, at).closes))

    def business_day_at(self, at: int, days: int, clock: int) -> int:
        """See `FrozenCalendar.business_day_at`."""
        begin = self.next_open(at)
        i, _ = self._date_of(begin)
        day = self._open_date(i + days, days, at)
        found = day.at_wall_clock(day.meant_by(clock))
        later = 0
        while days == 0 and found <= begin:  # twice where a date's own window touches the night before it
            later += 1
            day = self._open_date(i + later, later, at)
            found = day.at_wall_clock(day.meant_by(clock))
        return self._inside(max(begin, found))

    def counted_from(self, at: int, cutoff: int) -> int:
        """See `FrozenCalendar.counted_from`."""
        self._inside(at)
        if self.is_open(at):
            i, _ = self._date_of(at)
        else:
            midnight = (at + self.offsets.at(at)) // DAY * DAY
            i = bisect_left(self._midnights, midnight)
            if i == len(self._midnights) or self._midnights[i] != midnight:
                return at
        day = self._open_dates[i]
        wall = day.midnight + day.meant_by(cutoff)
        since = next(start for start, _, _ in self.offsets.pieces(wall, wall + DAY))
        return at if at < since else self._inside(self._open_date(i + 1, 1, at).opens)

    def _date_of(self, at: int) -> tuple[int, int]:
        """Return the open date to which an open instant belongs, and its wall-clock time from that date's midnight.

        What an overnight window has in common with a window of the date after it belongs to the night.
        """
        last = bisect_right(self._openings, at) - 1
        for i in range(max(0, last - PADDING_DAYS), last + 1):
            since_midnight = self._open_dates[i].since_midnight(at)
            if since_midnight is not None:
                return i, since_midnight
        raise self.exceeded(instant(at).isoformat())

    def _open_date(self, i: int, days: int, at: int) -> OpenDate:
        if i >= len(self._open_dates):
            raise self.exceeded(f"{days} business days after {instant(at).isoformat()}")
        return self._open_dates[i]


class AlwaysOpen(OpenTime):
    """Open time without an end: 24x7. Only what follows the calendar's dates is bound to the horizon."""

    def _merge(self) -> None:
        """There is one stretch, and it has neither a start nor an end."""

    def add(self, at: int, seconds: int) -> int:
        """See `FrozenCalendar.add`."""
        return at + seconds * SECOND

    def elapsed(self, begin: int, end: int) -> int:
        """See `FrozenCalendar.elapsed`."""
        return (end - begin) // SECOND if begin <= end else -((begin - end) // SECOND)

    def is_open(self, at: int) -> bool:  # noqa: ARG002 - the same question as of any calendar
        """See `FrozenCalendar.is_open`."""
        return True

    def next_open(self, at: int) -> int:
        """See `FrozenCalendar.next_open`."""
        return at

    def next_close(self, at: int) -> int:
        """See `FrozenCalendar.next_close`."""
        raise self.exceeded(f"a closing after {instant(at).isoformat()}: it never closes")

    def stretches(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """See `FrozenCalendar.open_windows`."""
        if begin < end:
            yield begin, end

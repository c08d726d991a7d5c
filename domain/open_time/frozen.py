"""A calendar frozen into plain data, which answers by integer arithmetic alone.

A running case carries its calendars in this form, so that neither the time-zone database nor the `holidays` package of
the worker that happens to run it can change them. Nothing here reads either; `domain.calendar` does, and makes these.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from domain.open_time.stretches import (
    EPOCH,
    SECOND,
    AlwaysOpen,
    CalendarError,
    HorizonExceeded,
    OpenTime,
    ZoneOffsets,
    instant,
)
from domain.open_time.windows import DayWindows, Week

__all__ = ["CalendarError", "FrozenCalendar", "HorizonExceeded"]

UtcDatetime = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
OffsetChange = tuple[UtcDatetime, int]

_MICROSECOND = timedelta(microseconds=1)


class FrozenCalendar(BaseModel):
    """A calendar's open time from ``start`` to ``end``, both included, as plain data.

    Instants go in as aware datetimes of any zone and come out in UTC, exact to the microsecond; spans of open time are
    whole elapsed (physical) seconds.

    Daylight saving follows one rule: an instant is open if and only if its local wall-clock time lies in a window. A
    window wholly inside a spring gap has no time, an hour that happens twice counts twice, a date that the zone
    skipped has none. A window that crosses midnight belongs to the date on which it opens.

    Every method raises `HorizonExceeded` if an argument or the answer lies outside the horizon, and `ValueError` for a
    datetime without a zone. A calendar that is ``always`` open needs its horizon for the calendar's days alone.

    Attributes:
        time_zone: the zone's name, for people; nothing is looked up by it.
        utc_offset: the zone's UTC offset at the start, in seconds east.
        offset_changes: each instant at which the offset changes, and to what.
        week: the windows of each weekday.
        dates: the dates with windows of their own (none: closed), holidays among them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    # Compiled once for each object; a slot is neither copied nor pickled, nor does it take part in a comparison.
    __slots__ = ("_compiled",)
    if TYPE_CHECKING:
        _compiled: OpenTime

    name: str
    time_zone: str
    start: UtcDatetime
    end: UtcDatetime
    utc_offset: int = Field(gt=-86_400, lt=86_400)
    offset_changes: tuple[OffsetChange, ...] = ()
    week: Week
    dates: dict[date, DayWindows] = {}

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"a horizon ends after it starts; got {self.start.isoformat()} to {self.end.isoformat()}")
        changed_at = [at for at, _ in self.offset_changes]
        if any(later <= earlier for earlier, later in pairwise(changed_at)):
            raise ValueError("offset_changes are listed in order of their instants, each once")
        if self.week.always and self.dates:
            raise ValueError("a week that is 'always' has no dates of its own; give each weekday 00:00-24:00 instead")
        return self

    def add(self, t: datetime, seconds: int) -> datetime:
        """Return the instant that is so many open seconds after ``t`` (before it, if negative).

        Forwards it is the earliest such instant, so what uses up the day ends at closing time; backwards the latest.
        For 0 seconds it is ``t`` if that is open, else the next opening. Fractions of ``t`` are kept.
        """
        try:
            found = self._open_time.add((t - EPOCH) // _MICROSECOND, seconds)
            return EPOCH + timedelta(0, found // SECOND, found % SECOND)
        except TypeError as error:
            raise _needs_zone(t) from error
        except OverflowError as error:
            raise self._open_time.exceeded(f"{seconds} open seconds from {t.isoformat()}") from error

    def elapsed(self, a: datetime, b: datetime) -> int:
        """Return the open seconds in [a, b), fractions dropped; negative if ``b`` is before ``a``."""
        try:
            return self._open_time.elapsed((a - EPOCH) // _MICROSECOND, (b - EPOCH) // _MICROSECOND)
        except TypeError as error:
            raise _needs_zone(a, b) from error

    def is_open(self, t: datetime) -> bool:
        """Tell whether ``t`` lies in a window; windows are [start, end)."""
        return self._open_time.is_open(_microseconds(t))

    def next_open(self, t: datetime) -> datetime:
        """Return the earliest open instant at or after ``t``."""
        return instant(self._open_time.next_open(_microseconds(t)))

    def next_close(self, t: datetime) -> datetime:
        """Return the end of the open stretch that ``t`` is in, or of the next one.

        Raises:
            HorizonExceeded: It does not close within the horizon, or never.
        """
        return instant(self._open_time.next_close(_microseconds(t)))

    def business_days_later(self, t: datetime, n: int) -> datetime:
        """Return the same local time ``n`` open dates later.

        A ``t`` outside open time first moves to the next opening. A result outside the windows of its date moves to
        the next opening on that date, or else to its last closing. It is never before ``t``.
        """
        return instant(self._open_time.business_days_later(_microseconds(t), _not_negative(n)))

    def end_of_business_day(self, t: datetime, n: int = 0) -> datetime:
        """Return the last closing of the open date of ``t``, or of the date ``n`` open dates later.

        A ``t`` outside open time first moves to the next opening. The part of an overnight window after midnight
        belongs to the date on which it opened.
        """
        return instant(self._open_time.end_of_business_day(_microseconds(t), _not_negative(n)))

    def business_day_at(self, t: datetime, n: int, clock: int) -> datetime:
        """Return a local time (seconds since midnight) of the open date of ``t``, or of the one ``n`` open dates later.

        A ``t`` outside open time first moves to the next opening. A time outside the windows of its date moves as in
        `business_days_later`; one that lies in the morning of an overnight window means that morning. With ``n`` 0, a
        result that leaves no open time after ``t`` is that of the next open date.
        """
        return instant(self._open_time.business_day_at(_microseconds(t), _not_negative(n), clock))

    def counted_from(self, t: datetime, cutoff: int) -> datetime:
        """Return ``t``, or the opening of the next open date if ``t`` is at or after a cutoff of its open date.

        The cutoff is a local time (seconds since midnight), which happens once a date: where the clocks go back, its
        first. What lies after midnight belongs to the date on which its window opened. A closed date has no cutoff.
        """
        return instant(self._open_time.counted_from(_microseconds(t), cutoff))

    def open_windows(self, a: datetime, b: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the stretches of open time in [a, b), each from when until when; what adjoins is one stretch."""
        for start, end in self._open_time.stretches(_microseconds(a), _microseconds(b)):
            yield instant(start), instant(end)

    def local(self, t: datetime) -> datetime:
        """Return ``t`` as the calendar's wall clock shows it, for people to read."""
        offset = self._open_time.offsets.at(_microseconds(t)) // SECOND
        try:
            return t.astimezone(timezone(timedelta(seconds=offset)))
        except OverflowError:  # at an end of the years that there are
            return t

    def __hash__(self) -> int:
        return hash((self.name, self.start, self.end, self.offset_changes, self.week, frozenset(self.dates.items())))

    @property
    def _open_time(self) -> OpenTime:
        try:
            return self._compiled
        except AttributeError:
            compiled = _compile(self)
            object.__setattr__(self, "_compiled", compiled)
            return compiled


@lru_cache(maxsize=512)
def _compile(calendar: FrozenCalendar) -> OpenTime:
    """Compile a calendar, once for all objects of the same content, however often a plan is decoded."""
    kind = AlwaysOpen if calendar.week.always else OpenTime
    return kind(
        calendar.name,
        (_microseconds(calendar.start), _microseconds(calendar.end)),
        calendar.week.days,
        calendar.dates,
        ZoneOffsets(calendar.utc_offset, [(_microseconds(at), offset) for at, offset in calendar.offset_changes]),
    )


def _microseconds(t: datetime) -> int:
    try:
        return (t - EPOCH) // _MICROSECOND
    except TypeError as error:
        raise _needs_zone(t) from error


def _needs_zone(*instants: object) -> Exception:
    naive = next((t for t in instants if isinstance(t, datetime) and t.utcoffset() is None), None)
    if naive is None:
        return TypeError("a calendar takes aware datetimes and whole seconds")
    return ValueError(
        f"{naive.isoformat()} has no time zone; a calendar takes aware datetimes, such as {naive.isoformat()}Z"
    )


def _not_negative(days: int) -> int:
    if days < 0:
        raise ValueError(f"{days} business days; a calendar counts business days forwards only")
    return days

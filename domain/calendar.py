"""Business hours as an organisation declares them, and how they are frozen.

With `domain.zones` and `domain.public_holidays` the one place of the rules that reads the time-zone database and the
`holidays` package. A workflow must not import it; what it needs is in `domain.open_time.frozen`.
"""

import operator
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_serializer, field_validator, model_validator

from domain.frozen import FrozenCalendar
from domain.open_time.stretches import EPOCH, PADDING_DAYS, CalendarError, HorizonExceeded
from domain.open_time.windows import DAYS, DateRange, DayWindows, OwnDate, Week, YearlyDate
from domain.public_holidays import HALF_DAY, check_country, closed_days, half_days, moved_working_days
from domain.years import FIRST_YEAR
from domain.zones import checked_zone

__all__ = ["ALWAYS", "BusinessHours", "CalendarError", "FrozenCalendar", "HolidayRules", "HorizonExceeded"]

EARLIEST_YEAR, LATEST_YEAR = FIRST_YEAR - 1, 9000
"""Between which calendars are frozen: before the first instant of which something is promised there is a year."""
LOOKUP_STEP = 2 * 86_400
SEARCH_YEARS = 10
"""How far an extension of the horizon looks for open time before it gives up."""


def _not_overlapping(dates: Iterable[DateRange | YearlyDate]) -> None:
    """Refuse two ranges that overlap; a single date wins over a range."""
    for one, other in combinations((each for each in dates if isinstance(each, DateRange)), 2):
        if one.overlaps(other) and one.is_single == other.is_single:
            day = max(one.first, other.first)
            raise ValueError(f"{day} is given twice, by {one} and by {other}; give each date once")


class HolidayRules(BaseModel):
    """The dates on which no window opens.

    Attributes:
        country: ISO 3166 code of the country whose holidays the `holidays` package is asked for; None: no country's.
        subdivision: the package's code of a part of that country.
        categories: which of the package's categories close the day; none: those that it gives by default. ``half_day``
            closes none.
        half_days: windows of the country's half days, in place of those that their week gives; with the category.
        working_weekends: windows of the days that the country works in place of others. Without, they are what their
            weekday says.
        add: dates that are holidays here besides.
        remove: dates of the country's holidays that are worked here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    country: str | None = None
    subdivision: str | None = None
    categories: tuple[str, ...] = ()
    half_days: DayWindows = Field(default=(), exclude_if=operator.not_)
    working_weekends: DayWindows = Field(default=(), exclude_if=operator.not_)
    add: tuple[DateRange, ...] = ()
    remove: tuple[DateRange, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _is_quoted(cls, rules: object) -> object:
        if isinstance(rules, Mapping) and rules.get("country") is False:
            raise ValueError("country is false: YAML reads an unquoted NO so; write country: 'NO'")
        return rules

    @model_validator(mode="after")
    def _are_known(self) -> Self:
        if self.country is None:
            if self.subdivision is not None or self.categories or self.half_days or self.working_weekends:
                raise ValueError(
                    "subdivision, categories, half_days and working_weekends need a country, such as country: US"
                )
        else:
            check_country(self.country, self.subdivision, self.categories)
        if (HALF_DAY in self.categories) != bool(self.half_days):
            raise ValueError(
                "half days need both the category and its windows: categories: [public, half_day], "
                'half_days: ["09:00-13:00"]'
            )
        for added in self.add:
            for removed in self.remove:
                if added.overlaps(removed):
                    raise ValueError(
                        f"{max(added.first, removed.first)} is both added and removed; keep one of the two"
                    )
        return self

    def between(self, first: date, last: date) -> set[date]:
        """Return the holidays from ``first`` to ``last``, both included.

        Raises:
            CalendarError: The package does not know the country's holidays in one of these years.
        """
        found: set[date] = set()
        if self.country is not None:
            for year in range(first.year, last.year + 1):
                found |= closed_days(self.country, self.subdivision, self.categories, year)
        found = {day for day in found if first <= day <= last and not any(day in dates for dates in self.remove)}
        return found.union(*(dates.between(first, last) for dates in self.add))

    def windows_between(self, first: date, last: date, week: Week) -> dict[date, tuple[str, ...]]:
        """Return the windows of the dates that are not as their weekday says, from ``first`` to ``last``.

        A holiday closes; else a moved working day and a half day have windows of their own, the latter only on a date
        that its week opens. A date that is removed by hand is what its weekday says.

        Raises:
            CalendarError: The package does not know the country's holidays in one of these years.
        """
        found: dict[date, tuple[str, ...]] = {}
        for year in range(first.year, last.year + 1) if self.country else ():
            if self.half_days:
                days = half_days(str(self.country), self.subdivision, year)
                found |= dict.fromkeys((day for day in days if week.days[day.weekday()]), self.half_days)
            if self.working_weekends:
                moved = moved_working_days(str(self.country), self.subdivision, year)
                found |= dict.fromkeys(moved, self.working_weekends)
        found = {
            day: windows
            for day, windows in found.items()
            if first <= day <= last and not any(day in dates for dates in self.remove)
        }
        return found | dict.fromkeys(self.between(first, last), ())


class BusinessHours(BaseModel):
    """When an organisation works: weekly windows in a time zone, holidays, and dates with windows of their own.

    Attributes:
        name: what milestones refer to it by.
        time_zone: IANA name. UTC if left out, which is allowed of a week that is ``always`` only.
        week: the windows of each weekday, or ``always``.
        holidays: dates on which no window opens; what was opened the night before goes on to its end.
        dates: windows of dates (none: closed), which win over week and holidays. A single date wins over a range, both
            over a date of every year.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    time_zone: Annotated[str, AfterValidator(checked_zone)]
    week: Week
    holidays: HolidayRules = HolidayRules()
    dates: dict[OwnDate, DayWindows] = {}

    @model_validator(mode="before")
    @classmethod
    def _zone_of_always(cls, hours: object) -> object:
        if isinstance(hours, Mapping) and hours.get("week") == "always" and "time_zone" not in hours:
            return {**hours, "time_zone": "UTC"}
        return hours

    @field_validator("dates", mode="before")
    @classmethod
    def _each_date_once(cls, dates: object) -> object:
        """Refuse a date that is written in two ways: alone and as a range of itself, or in quotes and without."""
        seen: dict[str, object] = {}
        for key in dates if isinstance(dates, Mapping) else ():
            first, dots, last = str(key).partition("..")
            day = first if dots and first == last else str(key)
            if day in seen:
                raise ValueError(f"{day} is given twice, by {seen[day]} and by {key}; give each date once")
            seen[day] = key
        return dates

    @model_validator(mode="after")
    def _dates_are_single(self) -> Self:
        _not_overlapping(self.dates)
        return self

    @field_serializer("dates")
    def _dates_as_text(self, dates: dict[DateRange | YearlyDate, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {str(day): windows for day, windows in dates.items()}

    def freeze(self, start: datetime, end: datetime) -> FrozenCalendar:
        """Return the open time from ``start`` to ``end`` as plain data. The same question has the same object.

        Raises:
            ValueError: A datetime has no zone, or the horizon is empty or lies outside the years 1899 to 9000.
            CalendarError: The `holidays` package does not know the holidays of one of these years.
        """
        for at in (start, end):
            if at.utcoffset() is None:
                raise ValueError(f"{at.isoformat()} has no time zone; a calendar is frozen between aware datetimes")
            if not EARLIEST_YEAR <= at.year < LATEST_YEAR:
                raise ValueError(
                    f"cannot freeze a calendar at {at.isoformat()}: outside {EARLIEST_YEAR} to {LATEST_YEAR}"
                )
        if end <= start:
            raise ValueError(f"a horizon ends after it starts; got {start.isoformat()} to {end.isoformat()}")
        return _freeze(self, start.astimezone(UTC), end.astimezone(UTC))

    def extend(self, frozen: FrozenCalendar, until: datetime) -> FrozenCalendar:
        """Return ``frozen`` with a horizon that reaches ``until``, and further if need be to gain open time.

        What was frozen stays as it was, whatever became of the time-zone database and the holidays since; only what
        lies after its end is new.

        Raises:
            CalendarError: These hours are not those that were frozen; or they have no open time in the ten years after
                the old horizon; or the `holidays` package does not know the holidays of one of these years.
        """
        self._check_same(frozen)
        if until <= frozen.end:
            return frozen
        for years in range(SEARCH_YEARS + 1):
            end = until if years == 0 else max(until, _years_later(frozen.end, years))
            later = self.freeze(frozen.end, end)
            if any(True for _ in later.open_windows(frozen.end, end)):
                return _joined(frozen, later, frozen.local(frozen.end).date())
        raise CalendarError(
            f"calendar {self.name!r} has no open time in the {SEARCH_YEARS} years after {frozen.end.isoformat()}; "
            "look at its holidays and dates"
        )

    def extend_back(self, frozen: FrozenCalendar, since: datetime) -> FrozenCalendar:
        """Return ``frozen`` with a horizon that begins at ``since``; only what lies before its start is new.

        Raises:
            CalendarError: These hours are not those that were frozen; or the `holidays` package does not know the
                holidays of one of these years.
        """
        self._check_same(frozen)
        if since >= frozen.start:
            return frozen
        # What opened the night before the start goes on after it, and stays as it was.
        last_new = frozen.local(frozen.start).date() - timedelta(days=2)
        return _joined(self.freeze(since, frozen.start), frozen, last_new)

    def _check_same(self, frozen: FrozenCalendar) -> None:
        """Refuse to extend what was frozen from other hours."""
        if (frozen.name, frozen.time_zone, frozen.week) != (self.name, self.time_zone, self._frozen_week):
            raise CalendarError(
                f"calendar {frozen.name!r} was frozen from other hours than {self.name!r} has now; "
                "a running case keeps its hours until it is migrated"
            )

    @property
    def _frozen_week(self) -> Week:
        """The week as it is frozen: one that is ``always`` but for some dates needs windows that these can replace."""
        if self.week.always and (self.dates or self.holidays != HolidayRules()):
            return Week.model_validate(dict(zip(DAYS, self.week.days, strict=True)))
        return self.week

    def __hash__(self) -> int:
        return hash((self.name, self.time_zone, self.week, self.holidays, frozenset(self.dates.items())))


ALWAYS = BusinessHours.model_validate({"name": "24x7", "week": "always"})
"""Open at every instant; the dates that ``bd`` and ``eod`` follow are those of UTC."""


def horizon(earliest: datetime, latest: datetime) -> tuple[datetime, datetime]:
    """The horizon of a case's calendars: whole years around it, so that the cases of a year share their calendars."""
    start = datetime(max(earliest.astimezone(UTC).year - 1, EARLIEST_YEAR), 1, 1, tzinfo=UTC)
    return start, datetime(latest.astimezone(UTC).year + 2, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1024)
def _freeze(hours: BusinessHours, start: datetime, end: datetime) -> FrozenCalendar:
    zone = ZoneInfo(hours.time_zone)
    margin = timedelta(days=PADDING_DAYS + 1)  # a date more than the arithmetic looks at, at either end
    begin, until = start - margin, end + margin
    first, last = begin.astimezone(zone).date(), until.astimezone(zone).date()
    week = hours._frozen_week  # noqa: SLF001 - this function is the body of `freeze`
    windows = hours.holidays.windows_between(first, last, week)
    for days, own in sorted(hours.dates.items(), key=_precedence):
        windows.update(dict.fromkeys(days.between(first, last), own))
    changes = (
        (EPOCH + timedelta(seconds=at), offset)
        for year in range(begin.year, until.year + 1)
        for at, offset in _offset_changes(hours.time_zone, year)
    )
    return FrozenCalendar(
        name=hours.name,
        time_zone=hours.time_zone,
        start=start,
        end=end,
        utc_offset=_utc_offset(zone, _epoch_seconds(begin)),
        offset_changes=tuple(change for change in changes if begin < change[0] <= until),
        week=week,
        # A holiday on a day that is closed anyway says nothing.
        dates={day: windows[day] for day in sorted(windows) if windows[day] != week.days[day.weekday()]},
    )


def _precedence(own: tuple[DateRange | YearlyDate, tuple[str, ...]]) -> int:
    """What is written later wins: dates of every year, ranges, single dates."""
    days, _ = own
    return 0 if isinstance(days, YearlyDate) else 1 + days.is_single


def _joined(frozen: FrozenCalendar, later: FrozenCalendar, last: date) -> FrozenCalendar:
    """Return the calendar that is ``frozen`` until its end, with its dates up to ``last``, and ``later`` from there."""
    joint = frozen.end
    kept = [change for change in frozen.offset_changes if change[0] < joint]
    new = [change for change in later.offset_changes if change[0] > joint]
    offset = _offset_seconds(later.local(joint))
    if offset != (kept[-1][1] if kept else frozen.utc_offset):
        new.insert(0, (joint, offset))
    return frozen.model_copy(
        update={
            "end": later.end,
            "offset_changes": (*kept, *new),
            "dates": {day: windows for day, windows in frozen.dates.items() if day <= last}
            | {day: windows for day, windows in later.dates.items() if day > last},
        }
    )


def _years_later(at: datetime, years: int) -> datetime:
    return at + timedelta(days=366 * years)


def _epoch_seconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(seconds=1)


def _utc_offset(zone: ZoneInfo, at: int) -> int:
    """Return a zone's UTC offset in seconds at an instant in epoch seconds."""
    return _offset_seconds((EPOCH + timedelta(seconds=at)).astimezone(zone))


def _offset_seconds(local: datetime) -> int:
    return (local.replace(tzinfo=UTC) - local) // timedelta(seconds=1)


@lru_cache(maxsize=4096)
def _offset_changes(time_zone: str, year: int) -> tuple[tuple[int, int], ...]:
    """Return when in a year (epoch seconds) a zone's UTC offset changes, and to what.

    `zoneinfo` does not tell, so the offset is looked up every other day and each change is closed in on by bisection.
    No zone of the database (2026f) has ever had two changes within three days, none since 1950 within six.
    """
    zone = ZoneInfo(time_zone)
    begins = _epoch_seconds(datetime(year, 1, 1, tzinfo=UTC)) - 1
    ends = _epoch_seconds(datetime(year + 1, 1, 1, tzinfo=UTC)) - 1
    found = []
    marks = [*range(begins, ends, LOOKUP_STEP), ends]
    offsets = [_utc_offset(zone, mark) for mark in marks]
    for (before, at), (old, new) in zip(pairwise(marks), pairwise(offsets), strict=True):
        if old == new:
            continue
        low, high = before, at
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _utc_offset(zone, middle) == old else (low, middle)
        found.append((high, new))
    return tuple(found)

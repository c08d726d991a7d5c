# mypy: ignore-errors
"""Business time, slowly: a model that the real calendar is held against.

There is one rule: **an instant is open if and only if its local wall-clock time lies in a window.** Everything here
asks that question of one instant after the other and walks on. Nothing is prepared, summed or searched, and every
instant asks `zoneinfo` anew, so that daylight saving needs no thought at all.

To get anywhere, the walk takes the longest step in which the answer cannot change: an hour of the wall clock if all
windows begin and end on full hours, and so on down to a minute; where the zone's offset changes inside such a step it
is cut further, down to single seconds (zones change their offset on whole seconds, windows begin on whole minutes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

try:
    import holidays
except ImportError:  # The holidays of a country may be given as plain lists of dates instead (`by_category`).
    holidays = None  # type: ignore[assignment]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
TICK = timedelta.resolution
STEPS = [timedelta(minutes=60), timedelta(minutes=30), timedelta(minutes=15), timedelta(minutes=1), SECOND]


class OutOfSightError(Exception):
    """The answer lies outside the time that the model was asked to look at."""


class Window(NamedTuple):
    """Open from `opens` to `closes`, counted on the wall clock from midnight of the date on which it opens."""

    opens: timedelta
    closes: timedelta


class Stretch(NamedTuple):
    """The instants from `start` up to, not including, `end`."""

    start: datetime
    end: datetime


class SlowCalendar:
    """Business hours in their YAML form, as a dictionary, looked at from `since` to `until`."""

    def __init__(self, hours: Mapping[str, Any], since: datetime, until: datetime) -> None:
        self.zone = ZoneInfo(hours["time_zone"])
        week = hours["week"]
        if week == "always":
            week = {day: ["00:00-24:00"] for day in WEEKDAYS}
        self.week = {day: [_window(text) for text in week.get(day, [])] for day in WEEKDAYS}
        # §1: "Days of one's own that come every year: `dates: {12-24: ["09:00-13:00"], 12-31: []}`"; "A range is full
        # dates; a single full date wins over a range, both over a yearly one."
        self.single: dict[date, list[Window]] = {}
        self.ranges: list[tuple[date, date, list[Window]]] = []
        self.yearly: dict[str, list[Window]] = {}
        for key, texts in hours.get("dates", {}).items():
            windows = [_window(text) for text in texts]
            if isinstance(key, date):
                self.single[key] = windows
            elif ".." in key:
                first, last = (date.fromisoformat(part) for part in key.split(".."))
                self.ranges.append((first, last, windows))
            elif len(key) == len("12-24"):
                self.yearly[key] = windows
            else:
                self.single[date.fromisoformat(key)] = windows
        rules = hours.get("holidays", {})
        self.added, self.added_ranges = _split(rules.get("add", []))
        self.removed, self.removed_ranges = _split(rules.get("remove", []))
        # §1: "a country and subdivision of the `holidays` package (with its categories)". `by_category` gives the model
        # the same as plain lists: {"public": [dates], "half_day": [dates], "weekend_workdays": [dates]}.
        given = rules.get("by_category")
        if given is not None:
            wanted = rules.get("categories", list(given))
            closing = [day for name in wanted if name not in NOT_CLOSING for day in given.get(name, [])]
            self.public: Any = set(closing)
            self.half = set(given.get("half_day", [])) if "half_day" in wanted else set()
            self.workdays = set(given.get("weekend_workdays", []))
        else:
            self.public, self.half, self.workdays = {}, set(), set()
            if "country" in rules:
                wanted = rules.get("categories")
                closing = {} if wanted is None else {"categories": tuple(c for c in wanted if c not in NOT_CLOSING)}
                place = (rules["country"], rules.get("subdivision"))
                if wanted is None or closing["categories"]:
                    self.public = holidays.country_holidays(*place, **closing)
                if wanted is not None and "half_day" in wanted:
                    self.half = holidays.country_holidays(*place, categories=("half_day",))
                # Filled by the package, year by year, when a date of the year is asked for.
                self.workdays = getattr(self.public, "weekend_workdays", set())
        half_days = rules.get("half_days", hours.get("half_days"))
        working = rules.get("working_weekends", hours.get("working_weekends"))
        self.half_days = None if half_days is None else [_window(text) for text in half_days]
        self.working_weekends = None if working is None else [_window(text) for text in working]
        self.since, self.until = since, until
        self.seen: dict[date, list[Stretch]] = {}  # dates already walked through
        said = [*self.week.values(), *self.single.values(), *self.yearly.values(), *(w for _, _, w in self.ranges)]
        said += [self.half_days or [], self.working_weekends or []]
        borders = [b for windows in said for window in windows for b in window]
        self.steps = [step for step in STEPS if not any(border % step for border in borders)]

    # The rule.

    def windows_of(self, day: date) -> list[Window]:
        """The windows that open on `day`: its own if it has any say, none on a holiday, else those of its weekday."""
        # §1: "a single full date wins over a range, both over a yearly one"; a yearly one is "over week and holidays";
        # "02-29 in leap years only" needs no rule: no other year has the date.
        if day in self.single:
            return self.single[day]
        for first, last, windows in self.ranges:
            if first <= day <= last:
                return windows
        if f"{day:%m-%d}" in self.yearly:
            return self.yearly[f"{day:%m-%d}"]
        # "plus dates added or removed by hand [..] a date range": a single date wins over a range here too (reading 3).
        week = self.week[WEEKDAYS[day.weekday()]]
        if day in self.added:
            return []
        is_removed = day in self.removed
        if not is_removed and day in self.added_ranges:
            return []
        is_removed = is_removed or day in self.removed_ranges
        if is_removed:
            return week
        if day in self.public:
            return []
        # §1: "its moved working days [..] open with `working_weekends: [...]`, and are what their weekday says without
        # it"
        if day in self.workdays and self.working_weekends is not None:
            return self.working_weekends
        # §1: "`half_day` needs `half_days: ["09:00-13:00"]`, which replace the windows of a date that its week opens and
        # no public holiday closes, and open nothing"
        if day in self.half and week and self.half_days is not None:
            return self.half_days
        return week

    def wall(self, t: datetime) -> datetime:
        """What a clock on the wall shows at `t`."""
        return t.astimezone(self.zone).replace(tzinfo=None)

    def open_dates_at(self, t: datetime) -> list[date]:
        """The dates with a window in which the wall-clock time of `t` lies: its own or, in a night, the one before."""
        wall = self.wall(t)
        found = []
        for day in (wall.date() - DAY, wall.date()):
            since_midnight = wall - datetime.combine(day, time())
            if any(opens <= since_midnight < closes for opens, closes in self.windows_of(day)):
                found.append(day)
        return found

    def is_open(self, t: datetime) -> bool:
        return bool(self.open_dates_at(t))

    # Walking.

    def step_around(self, t: datetime) -> Stretch:
        """The longest step around `t` in which the wall clock crosses no possible border and the offset is the same."""
        since_midnight = self.wall(t) - datetime.combine(self.wall(t).date(), time())
        for step in self.steps:
            start = t - since_midnight % step
            end = start + step
            if self.offset(start) == self.offset(t) == self.offset(end - TICK):
                return Stretch(start, end)
        raise AssertionError(f"{self.zone} changes its offset within the second of {t}")

    def offset(self, t: datetime) -> timedelta | None:
        return t.astimezone(self.zone).utcoffset()

    def forwards(self, t: datetime) -> Iterator[Stretch]:
        """Steps from `t` on."""
        while t < self.until:
            end = self.step_around(t).end
            yield Stretch(t, end)
            t = end
        raise OutOfSightError(t)

    def backwards(self, t: datetime) -> Iterator[Stretch]:
        """Steps back from `t`."""
        while t > self.since:
            start = self.step_around(t - TICK).start
            yield Stretch(start, t)
            t = start
        raise OutOfSightError(t)

    # The operations on open time.

    def elapsed(self, a: datetime, b: datetime) -> int:
        """Open seconds from `a` to `b`, fractions dropped."""
        if b < a:
            return -self.elapsed(b, a)
        total = timedelta(0)
        for step in self.forwards(a):
            if step.start >= b:
                break
            if self.is_open(step.start):
                total += min(step.end, b) - step.start
        return total // SECOND

    def add(self, t: datetime, seconds: int) -> datetime:
        """The earliest instant at which `seconds` have passed since `t`; the latest from which they pass until `t`."""
        if seconds == 0:
            return self.next_open(t)
        left = abs(seconds) * SECOND
        for step in self.forwards(t) if seconds > 0 else self.backwards(t):
            if not self.is_open(step.start):
                continue
            length = step.end - step.start
            if left <= length:
                return step.start + left if seconds > 0 else step.end - left
            left -= length
        raise AssertionError("the walk ends by raising")

    def next_open(self, t: datetime) -> datetime:
        return next(step.start for step in self.forwards(t) if self.is_open(step.start))

    def next_close(self, t: datetime) -> datetime:
        opening = self.next_open(t)
        return next(step.start for step in self.forwards(opening) if not self.is_open(step.start))

    # The operations on business days.

    def stretches_of(self, day: date) -> list[Stretch]:
        """The open time that belongs to `day`, in order: its windows, with what lies after midnight of the last."""
        if not self.windows_of(day):
            return []
        if day in self.seen:
            return self.seen[day]
        found: list[Stretch] = []
        for step in self.forwards(datetime.combine(day - DAY, time(), UTC)):
            if step.start >= datetime.combine(day + 3 * DAY, time(), UTC):
                break
            if day in self.open_dates_at(step.start):
                found.append(step)
        self.seen[day] = found
        return found

    def open_date(self, origin: date, n: int) -> date:
        """The n-th date after `origin` that has any open time."""
        day = origin
        while n:
            day += DAY
            if datetime.combine(day, time(), UTC) > self.until:
                raise OutOfSightError(day)
            if self.stretches_of(day):
                n -= 1
        return day

    def first_reading(self, wall: datetime) -> datetime:
        """The first instant at which the clock on the wall shows `wall` or, where that time is skipped, a later one."""
        for step in self.forwards(wall.replace(tzinfo=UTC) - DAY):
            missing = wall - self.wall(step.start)
            if missing < step.end - step.start:
                return step.start + max(missing, timedelta(0))
        raise AssertionError("the walk ends by raising")

    def business_days_later(self, t: datetime, n: int) -> datetime:
        """`Nbd`: n open dates later at the same local time, or that date's next opening, or else its last closing."""
        start = self.next_open(t)
        origin = self.open_dates_at(start)[0]
        day = self.open_date(origin, n)
        same_time = self.first_reading(self.wall(start) + (day - origin))
        for stretch in self.stretches_of(day):
            if same_time < stretch.end:
                return max(same_time, stretch.start)
        return self.stretches_of(day)[-1].end

    def end_of_business_day(self, t: datetime, n: int = 0) -> datetime:
        """`eod`, `Nbd eod`: the last closing of the date to which `t` or the next opening belongs, or n dates later."""
        origin = self.open_dates_at(self.next_open(t))[0]
        return self.stretches_of(self.open_date(origin, n))[-1].end


    # Two more that follow the calendar's days (§1).

    def local_time_on(self, day: date, text: str) -> datetime:
        """The instant of `HH:MM` of an open date.

        §1: "`HH:MM` that lies in the morning of an overnight window means that morning".
        """
        time_of_day = _time_of_day(text)
        windows = self.windows_of(day)
        by_day = any(opens <= time_of_day < min(closes, DAY) for opens, closes in windows)
        by_night = any(closes > DAY and time_of_day + DAY <= closes for _, closes in windows)
        if by_night and not by_day:
            time_of_day += DAY
        return self.first_reading(datetime.combine(day, time()) + time_of_day)

    def moved_into(self, day: date, t: datetime) -> datetime:
        """§1: "a result outside that date's windows moves to the next opening on that date, or else to its last
        closing"."""
        for stretch in self.stretches_of(day):
            if t < stretch.end:
                return max(t, stretch.start)
        return self.stretches_of(day)[-1].end

    def business_day_at(self, t: datetime, n: int, text: str) -> datetime:
        """`1bd 16:00`, `0bd 16:00`.

        §1: "that local time of the Nth open date, moved as `Nbd` is when it lies outside that date's windows"; "`0bd`
        whose instant, as moved, leaves no open time after the start is that of the next open date".
        """
        origin = self.open_dates_at(self.next_open(t))[0]
        day = self.open_date(origin, n)
        instant = self.moved_into(day, self.local_time_on(day, text))
        if n == 0 and instant <= self.next_open(t):
            day = self.open_date(origin, 1)
            instant = self.moved_into(day, self.local_time_on(day, text))
        return instant

    def after_cutoff(self, t: datetime, text: str) -> datetime:
        """From where the target of a start at `t` is counted.

        §1: "after a start at or after that local time of an open date the target is counted from the opening of the
        next open date"; "The cutoff is compared with the start before it is moved; on a closed date it does nothing";
        "a start there [the morning of an overnight window] is later than the evening's cutoff".
        """
        dates = self.open_dates_at(t)
        day = dates[0] if dates else self.wall(t).date()
        if not self.stretches_of(day) or t < self.local_time_on(day, text):
            return t
        return self.stretches_of(self.open_date(day, 1))[0].start


NOT_CLOSING = ("half_day", "weekend_workdays")


def _split(entries: list[date | str]) -> tuple[list[date], list[date]]:
    """The single dates, and those that lie in a range."""
    ranged = [e for e in entries if isinstance(e, str) and ".." in e]
    single = [e for e in entries if e not in ranged]
    return [d for e in single for d in _dates(e)], [d for e in ranged for d in _dates(e)]


def _dates(entry: date | str) -> list[date]:
    """A date, or all dates of a range such as 2025-12-24..2026-01-01."""
    if isinstance(entry, date):
        return [entry]
    if ".." not in entry:
        return [date.fromisoformat(entry)]
    first, last = (date.fromisoformat(part) for part in entry.split(".."))
    return [first + days * DAY for days in range((last - first).days + 1)]


def _window(text: str) -> Window:
    opens, closes = (_time_of_day(part) for part in text.split("-"))
    return Window(opens, closes if closes > opens else closes + DAY)


def _time_of_day(text: str) -> timedelta:
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))

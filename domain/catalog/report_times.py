"""When a report is sent: on which days, at which time of a zone's wall clock. Each day it is due once.

Where the clock is put forward or back over that time, it is due as soon as that is over: at 03:00 in place of 02:30.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from domain.model import Value

Every = Literal["day", "week", "month", "quarter"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
QUARTERS = (1, 4, 7, 10)
"""The months that begin quarters."""

LAST_DAY_OF_EVERY_MONTH = 28
_AT = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_TWO_YEARS = timedelta(days=2 * 366)
_SECOND = timedelta(seconds=1)


class ReportTimes(Value):
    """When a report is sent.

    Attributes:
        every: how often.
        on: of weeks the days; of months, and of the first months of quarters, the day.
        at: of the wall clock.
    """

    every: Every
    on: list[Weekday | int] = Field(default_factory=list, max_length=7)
    at: str = Field(default="08:00", pattern=_AT)

    @field_validator("on", mode="before")
    @classmethod
    def _one_or_many(cls, on: object) -> object:
        return on if isinstance(on, list) else [on]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        days = [day for day in self.on if isinstance(day, int)]
        match self.every:
            case "day":
                if self.on:
                    raise ValueError("a report of every day has no on; leave it out, or write every: week")
            case "week":
                if days or not self.on:
                    raise ValueError("say on which days of the week: on: mon, or on: [mon, thu]")
            case _:
                if len(days) != 1 or len(self.on) != 1 or not 1 <= days[0] <= LAST_DAY_OF_EVERY_MONTH:
                    raise ValueError(f"say on which day of the month, 1 to {LAST_DAY_OF_EVERY_MONTH}: on: 1")
        return self

    @property
    def clock(self) -> time:
        """The time of day."""
        return time.fromisoformat(self.at)

    def is_on(self, day: date) -> bool:
        """Whether it is sent on a day."""
        match self.every:
            case "day":
                return True
            case "week":
                return WEEKDAYS[day.weekday()] in self.on
            case "month":
                return day.day in self.on
            case "quarter":
                return day.day in self.on and day.month in QUARTERS

    def after(self, instant: datetime, zone: tzinfo) -> Iterator[datetime]:
        """The instants at which it is due, from after an instant on, without end.

        Args:
            instant: aware.
            zone: whose wall clock counts.
        """
        day = instant.astimezone(zone).date() - timedelta(days=1)
        while True:
            if self.is_on(day) and (due := self._on(day, zone)) > instant:
                yield due
            day += timedelta(days=1)

    def moved(self, instant: datetime, zone: tzinfo) -> dict[date, datetime]:
        """The days within two years on which the clock is put forward or back over its time, and when it is due then.

        Args:
            instant: from which on.
            zone: whose wall clock counts.

        Returns:
            For each of those days the local time at which it is due in place of its own.
        """
        first = instant.astimezone(zone).date()
        days = (first + timedelta(days=number) for number in range(_TWO_YEARS.days))
        found = ((day, self._on(day, zone).astimezone(zone)) for day in days if self.is_on(day))
        return {day: local for day, local in found if (local.date(), local.time()) != (day, self.clock)}

    def _on(self, day: date, zone: tzinfo) -> datetime:
        local = datetime.combine(day, self.clock, zone)
        one, other = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
        if one == other:
            return one
        changes_at, put_back = _change(min(one, other), max(one, other), zone)
        return changes_at + max(put_back, timedelta())

    def __str__(self) -> str:
        at = f"at {self.at}"
        match self.every:
            case "day":
                return f"every day {at}"
            case "week":
                return f"every week on {', '.join(str(day) for day in self.on)} {at}"
            case _:
                return f"every {self.every} on day {self.on[0]} {at}"


def _change(before: datetime, after: datetime, zone: tzinfo) -> tuple[datetime, timedelta]:
    """The instant between two at which a zone's clock changes, and by how much it is put back."""
    offset = before.astimezone(zone).utcoffset()
    was, end = before, after
    while end - was > _SECOND:
        middle = was + ((end - was) // _SECOND // 2) * _SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            was = middle
        else:
            end = middle
    now = end.astimezone(zone).utcoffset()
    return end, (offset or timedelta()) - (now or timedelta())

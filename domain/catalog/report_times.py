"""When a report is sent: on which days, at which time of a zone's wall clock. Each day it is due at most once.

A time that a zone's clock skips on a day counts as if it had not been put forward yet: 02:30 is 03:30 on that day. One
that comes twice is the first of the two.
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

    def skipped(self, instant: datetime, zone: tzinfo) -> list[datetime]:
        """The local times, within two years, at which it is due in place of one that the clock skips.

        Args:
            instant: from which on.
            zone: whose wall clock counts.
        """
        first = instant.astimezone(zone).date()
        days = (first + timedelta(days=number) for number in range(_TWO_YEARS.days))
        locals_ = (self._on(day, zone).astimezone(zone) for day in days if self.is_on(day))
        return [local for local in locals_ if local.timetz().replace(tzinfo=None, fold=0) != self.clock]

    def _on(self, day: date, zone: tzinfo) -> datetime:
        return datetime.combine(day, self.clock, zone).astimezone(UTC)

    def __str__(self) -> str:
        at = f"at {self.at}"
        match self.every:
            case "day":
                return f"every day {at}"
            case "week":
                return f"every week on {', '.join(str(day) for day in self.on)} {at}"
            case _:
                return f"every {self.every} on day {self.on[0]} {at}"

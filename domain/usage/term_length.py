"""How long a term lasts, by the calendar: 90 days, 12 months, 1 year. Dates only; this reads no time-zone database."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_LONGEST_MONTHS = 1_200
"""Terms of more than a hundred years are told in days."""


def months_later(day: date, months: int) -> date:
    """The same day so many months later, or the last day of that month if it has no such day."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def on_the_grid(anchor: date, day: date) -> tuple[date, int]:
    """From which date the months of a term are reckoned that begins on `day`, and how many lie between the two.

    That is the anchor, if `day` is the anchor's day of the month, or the last day of a month that has none; otherwise,
    as after an end that was given by hand, it is `day` itself.
    """
    months = (day.year - anchor.year) * 12 + day.month - anchor.month
    return (anchor, months) if months >= 0 and months_later(anchor, months) == day else (day, 0)


@dataclass(frozen=True, slots=True)
class TermLength:
    """How long a term lasts: ``90 days``, ``12 months``, ``1 year``."""

    count: int
    unit: Literal["day", "month", "year"]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a length.

        Raises:
            ValueError: It is none; the message says what would be right.
        """
        match = re.fullmatch(r"([1-9][0-9]{0,4}) (day|month|year)s?", text)
        if match is None:
            raise ValueError(f"bad term {text!r}; a term is written like 90 days, 12 months or 1 year")
        unit: Literal["day", "month", "year"] = (
            "day" if match[2] == "day" else "month" if match[2] == "month" else "year"
        )
        return cls(int(match[1]), unit)

    @classmethod
    def between(cls, first: date, last: date, reckoned_from: date | None = None) -> Self:
        """How long a term lasts that has these two dates: in months if it ends as so many months do, else in days."""
        months = (last.year - first.year) * 12 + last.month - first.month
        for count in (months, months + 1):
            if 1 <= count <= _LONGEST_MONTHS and cls(count, "month").last_day(first, reckoned_from) == last:
                return cls(count, "month")
        return cls((last - first).days + 1, "day")

    def last_day(self, first: date, reckoned_from: date | None = None) -> date:
        """The last date of a term that begins on `first`: the day before the date on which the next would begin.

        Months are reckoned as periods are: a year from 29 February 2024 ends on 27 February 2025, since the next begins
        on the 28th.

        Args:
            first: the term's first date.
            reckoned_from: the first date of the first term, whose day of the month counts; None: `first` is that.
        """
        return self.next_first_day(first, reckoned_from) - timedelta(days=1)

    def next_first_day(self, first: date, reckoned_from: date | None = None) -> date:
        """The date on which the next term begins, after one that begins on `first`."""
        if self.unit == "day":
            return first + timedelta(days=self.count)
        anchor, before = on_the_grid(reckoned_from or first, first)
        return months_later(anchor, before + self.count * (12 if self.unit == "year" else 1))

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'s' if self.count > 1 else ''}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.parse(str(value)),
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.to_string_ser_schema(),
        )

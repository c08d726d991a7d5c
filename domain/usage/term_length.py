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
    def between(cls, first: date, last: date) -> Self:
        """How long a term lasts that has these two dates: in months if it ends as so many months do, else in days."""
        months = (last.year - first.year) * 12 + last.month - first.month
        for count in (months, months + 1):
            if 1 <= count <= _LONGEST_MONTHS and cls(count, "month").last_day(first) == last:
                return cls(count, "month")
        return cls((last - first).days + 1, "day")

    def last_day(self, first: date) -> date:
        """The last date of a term that begins on `first`: 12 months from 1 March end on the last of February."""
        if self.unit == "day":
            return first + timedelta(days=self.count - 1)
        months = first.year * 12 + first.month - 1 + self.count * (12 if self.unit == "year" else 1)
        year, month = divmod(months, 12)
        day = min(first.day, monthrange(year, month + 1)[1])
        after = date(year, month + 1, day)
        # From the 31st a month later the term ends with that shorter month, not a day before its end.
        return after if day < first.day else after - timedelta(days=1)

    def times(self, count: int) -> Self:
        """As long as that many such terms, one after another."""
        return type(self)(self.count * count, self.unit)

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'s' if self.count > 1 else ''}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.parse(str(value)),
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.to_string_ser_schema(),
        )

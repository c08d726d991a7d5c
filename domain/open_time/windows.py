"""Open windows of a day, weeks of them, and ranges of dates, as a calendar declares them.

Plain text in, plain text out: ``09:00-17:30`` is opened in the morning and closed at half past five, ``22:00-06:00``
crosses midnight and belongs to the date on which it opens, ``13:00-24:00`` ends with its date. A range of dates is
``2026-12-24..2027-01-01``, both ends included.
"""

import re
from calendar import isleap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    PlainValidator,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

DAY_SECONDS = 86_400
HOUR_MINUTES = 60
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_WINDOW = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def clock_seconds(text: str) -> int:
    """Return a local time of day in seconds since midnight.

    Raises:
        ValueError: The text is no time of day.
    """
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(f"bad time {text!r}; a time of day is written HH:MM, from 00:00 to 23:59")
    return int(match[1]) * 3600 + int(match[2]) * 60


def clock_text(seconds: int) -> str:
    """Return seconds since midnight as a time of day."""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}"


@lru_cache(maxsize=4096)
def window_seconds(window: str) -> tuple[int, int]:
    """Return when a window opens and closes, in wall-clock seconds since the midnight that begins its date.

    A window that crosses midnight closes after 86,400.

    Raises:
        ValueError: The text is no window, one of its times is none, or it is empty.
    """
    match = _WINDOW.fullmatch(window)
    if match is None:
        raise ValueError(f"bad window {window!r}; a window is written HH:MM-HH:MM, such as 09:00-17:30")
    open_hour, open_minute, close_hour, close_minute = map(int, match.groups())
    opens = open_hour * 3600 + open_minute * 60
    closes = close_hour * 3600 + close_minute * 60
    if max(open_minute, close_minute) >= HOUR_MINUTES or opens >= DAY_SECONDS or closes > DAY_SECONDS:
        raise ValueError(f"bad time in window {window!r}; times run from 00:00 to 23:59, and 24:00 may end a window")
    if opens == closes:
        raise ValueError(f"window {window!r} is empty; a whole day is 00:00-24:00")
    return opens, closes if closes > opens else closes + DAY_SECONDS


def _checked_window(window: str) -> str:
    window_seconds(window)
    return window


def _listed(windows: object) -> object:
    if isinstance(windows, str):
        raise ValueError(f"expected a list of windows; write [{windows!r}]")  # noqa: TRY004 - pydantic reports it
    if windows is None:
        raise ValueError("expected a list of windows; write [] for a closed day")
    return windows


def _checked_day(windows: tuple[str, ...]) -> tuple[str, ...]:
    ordered = tuple(sorted(windows, key=window_seconds))
    for earlier, later in pairwise(ordered):
        if window_seconds(later)[0] < window_seconds(earlier)[1]:
            raise ValueError(f"windows {earlier} and {later} of one day overlap; the windows of a day must not")
    return ordered


def _unknown(day: object) -> str:
    return f"unknown weekday {day!r}; the weekdays are {', '.join(DAYS)}"


Window = Annotated[str, AfterValidator(_checked_window)]
DayWindows = Annotated[tuple[Window, ...], BeforeValidator(_listed), AfterValidator(_checked_day)]
"""The windows that open on one date, in order; none: it is closed."""


class Week(BaseModel):
    """The windows of each weekday, or ``always`` (24x7). A weekday that is left out is closed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    always: bool = False
    mon: DayWindows = ()
    tue: DayWindows = ()
    wed: DayWindows = ()
    thu: DayWindows = ()
    fri: DayWindows = ()
    sat: DayWindows = ()
    sun: DayWindows = ()

    @property
    def days(self) -> tuple[tuple[str, ...], ...]:
        """The windows of Monday to Sunday; of a week that is ``always``, each whole day."""
        if self.always:
            return (("00:00-24:00",),) * 7
        return (self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun)

    @classmethod
    def __get_pydantic_json_schema__(cls, _core: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """As it is written: the word, or the days; never ``always`` as one of them."""
        windows = {"type": "array", "items": {"type": "string"}}
        days = {"type": "object", "properties": dict.fromkeys(DAYS, windows), "additionalProperties": False}
        return {"title": cls.__name__, "description": cls.__doc__, "anyOf": [{"const": "always"}, days]}

    @model_validator(mode="wrap")
    @classmethod
    def _from_text(cls, week: object, read: ModelWrapValidatorHandler[Self]) -> Self:
        if week == "always":
            return read({"always": True})
        if isinstance(week, Mapping):
            if "always" in week:
                raise ValueError(_unknown("always"))
        elif not isinstance(week, cls):
            expected = f"expected 'always' or the windows of each of {', '.join(DAYS)}"
            raise ValueError(f"bad week {week!r}; {expected}")  # noqa: TRY004 - pydantic reports it
        try:
            return read(week)
        except ValidationError as error:  # where unknown keys are refused: what a build wrote may have more of them
            unknown = [one["loc"][-1] for one in error.errors() if one["type"] == "extra_forbidden"]
            if unknown:
                raise ValueError(_unknown(unknown[0])) from None
            raise

    @model_validator(mode="after")
    def _opens(self) -> Self:
        if not self.always and not any(self.days):
            raise ValueError("a week without a window never opens; give at least one, such as mon: [09:00-17:00]")
        return self

    @model_serializer(mode="wrap")
    def _to_text(self, handler: SerializerFunctionWrapHandler) -> Literal["always"] | dict[str, Any]:
        if self.always:
            return "always"
        return {day: windows for day, windows in handler(self).items() if day != "always" and windows}


@dataclass(frozen=True, slots=True, order=True)
class DateRange:
    """The dates from ``first`` to ``last``, both included; one date is a range of itself.

    Written ``2026-12-24`` or ``2026-12-24..2027-01-01``, and so carried by YAML and JSON.
    """

    first: date
    last: date

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a date or a range of dates.

        Raises:
            ValueError: It is neither, or the range ends before it begins.
        """
        first, dots, last = text.partition("..")
        try:
            begins = _iso_date(first)
            ends = _iso_date(last) if dots else begins
        except ValueError:
            raise ValueError(
                f"bad date {text!r}; a date is written YYYY-MM-DD, a range of dates YYYY-MM-DD..YYYY-MM-DD"
            ) from None
        if ends < begins:
            raise ValueError(f"bad range of dates {text!r}: it ends before it begins; write {last}..{first}")
        return cls(begins, ends)

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}..{self.last}"

    @property
    def is_single(self) -> bool:
        """Whether it is one date."""
        return self.first == self.last

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def overlaps(self, other: "DateRange") -> bool:
        """Tell whether the two have a date in common."""
        return self.first <= other.last and other.first <= self.last

    def between(self, first: date, last: date) -> Iterator[date]:
        """Yield its dates that lie in ``first`` to ``last``, both included."""
        begin, end = max(self.first, first), min(self.last, last)
        for ordinal in range(begin.toordinal(), end.toordinal() + 1):
            yield date.fromordinal(ordinal)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.to_string_ser_schema(),
        )

    @classmethod
    def _validate(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        if isinstance(value, date) and not isinstance(value, datetime):
            return cls(value, value)
        return cls.parse(str(value))


@dataclass(frozen=True, slots=True, order=True)
class YearlyDate:
    """A date of every year, written ``12-24``; ``02-29`` is one of leap years only."""

    month: int
    day: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a date of every year.

        Raises:
            ValueError: No year has it.
        """
        try:
            leap = _iso_date(f"2024-{text}")
        except ValueError:
            raise ValueError(f"bad date {text!r}; a date of every year is written MM-DD, such as 12-24") from None
        return cls(leap.month, leap.day)

    def __str__(self) -> str:
        return f"{self.month:02}-{self.day:02}"

    def between(self, first: date, last: date) -> Iterator[date]:
        """Yield its dates that lie in ``first`` to ``last``, both included."""
        for year in range(first.year, last.year + 1):
            if (self.month, self.day) == (2, 29) and not isleap(year):
                continue
            day = date(year, self.month, self.day)
            if first <= day <= last:
                yield day


_YEARLY = re.compile(r"[0-9]{2}-[0-9]{2}")


def _own_date(value: object) -> DateRange | YearlyDate:
    """Read what has windows of its own: a date, a range of dates, or a date of every year."""
    if isinstance(value, DateRange | YearlyDate):
        return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return DateRange(value, value)
    text = str(value)
    return YearlyDate.parse(text) if _YEARLY.fullmatch(text) else DateRange.parse(text)


OwnDate = Annotated[DateRange | YearlyDate, PlainValidator(_own_date, json_schema_input_type=str)]
"""A date, a range of dates (``2026-12-24..2027-01-01``), or a date of every year (``12-24``)."""


def _iso_date(text: str) -> date:
    if len(text) != len("YYYY-MM-DD"):  # fromisoformat also takes 20261224 and 2026-W52-4
        raise ValueError(text)
    return date.fromisoformat(text)

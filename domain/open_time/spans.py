"""Time spans as configuration writes them.

Elapsed spans count open seconds: ``90m``, ``4h``, ``1h30m``, ``45s``. Two more follow the calendar's days: ``2bd`` is
the same local time two business days later, ``eod`` the end of the business day, ``2bd eod`` that of two business days
later, ``1bd 16:00`` four o'clock on the next business day and ``0bd 16:00`` on this one.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from domain.bounds import MOST_SPAN_SECONDS, quoted
from domain.open_time.frozen import FrozenCalendar
from domain.open_time.windows import clock_seconds, clock_text

EXPECTED = "a span is written like 90m, 4h, 1h30m, 45s, 2bd (business days), eod, 2bd eod or 1bd 16:00"
EXPECTED_OFFSET = "an offset is written like 0, 30m, 4h, 1h30m or 45s"

# Beyond any promise; so that no search for a target goes on for ever.
MAX_SECONDS = MOST_SPAN_SECONDS
MAX_BUSINESS_DAYS = 10 * 366
_MOST = f"at most {MAX_SECONDS // 3600}h"
_TOO_LONG = f"is longer than ten years of open time; {_MOST}"
_OR_DAYS = f" or {MAX_BUSINESS_DAYS}bd"

_DIGITS = 12  # that a number in a span has at most
_ELAPSED = re.compile(r"(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m)?(?:([0-9]{1,12})s)?")
_DAYS = re.compile(r"([0-9]{1,12})bd(?: (eod|[0-9]{2}:[0-9]{2}))?")
_BARE_DAYS = re.compile(r"-?([0-9]{1,6}) ?d(?:ays?)?")

_KIND = "(?:(?:business|working|work|office|open|calendar) )?"
_PART = re.compile(
    rf"([0-9]{{1,6}}(?:[.,][0-9]{{1,3}})?) ?{_KIND}(h|m|s)(?:ours?|rs?|inutes?|ins?|econds?|ecs?)?(?: |,|$)?"
)
_IN_WORDS = re.compile(r"([0-9]{1,4}) ?(?:(?:business|working|work) ?days?|bds?)")
_SECONDS_OF = {"h": 3600, "m": 60, "s": 1}


def _elapsed_seconds(text: str, expected: str) -> int:
    """Return the seconds of an elapsed span, 0 among them.

    Raises:
        ValueError: It is something else; the message says what would be right.
    """
    match = _ELAPSED.fullmatch(text)
    if match is None or not text:
        raise ValueError(_complaint(text, expected))
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if total > MAX_SECONDS:
        raise ValueError(f"span {text!r} {_TOO_LONG}{_OR_DAYS if expected == EXPECTED else ''}")
    return total


def _complaint(text: str, expected: str) -> str:
    """What is wrong with a text, and what would be right in its place: an offset takes no business days."""
    shown = quoted(text)
    in_days = expected == EXPECTED
    if bare := _BARE_DAYS.fullmatch(text):
        why = "a bare 'd' is refused, since an eight-hour calendar and a clock disagree on what it means"
        return f"bad span {shown}: {why}; {_for_days(int(bare[1]) or 1, in_days=in_days)}"
    if meant := _meant(text, in_days=in_days):
        return f"bad span {shown}; write {meant}"
    if text.startswith("-"):
        return f"bad span {shown}: a span is not negative; {expected}"
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS:
        return f"bad span {shown}{_without_unit(text, expected)}"
    return f"bad span {shown}; {expected}"


def _for_days(days: int, *, in_days: bool) -> str:
    """What to write for days, of which a day is 24 hours; only how many there may be, if they are more."""
    if days * 24 * 3600 > MAX_SECONDS or days > MAX_BUSINESS_DAYS:
        return _MOST + (_OR_DAYS if in_days else "")
    business_days = f"{days}bd for business days, or " if in_days else ""
    return f"write {business_days}{days * 24}h for open hours"


def _without_unit(text: str, expected: str) -> str:
    """What is wrong with a number alone, and what to write for it: no unit with which it would be too long."""
    if int(text) == 0:
        return f": it has to be some time; {expected}" if expected == EXPECTED else "; write 0"
    units = (("m", "minutes"), ("h", "hours"))
    fitting = [f"{text}{unit} for {name}" for unit, name in units if int(text) * _SECONDS_OF[unit] <= MAX_SECONDS]
    return ": it has no unit; " + ("write " + " or ".join(fitting) if fitting else expected)


def _meant(text: str, *, in_days: bool) -> str:
    """The right form of a span in words or with fractions (`4 hours`, `1.5h`); nothing of what says something else."""
    said = text.strip().lower()
    if found := _IN_WORDS.fullmatch(said):
        return f"{int(found[1])}bd" if in_days and 0 < int(found[1]) <= MAX_BUSINESS_DAYS else ""
    seconds, at = Fraction(0), 0
    while found := _PART.match(said, at):
        seconds += Fraction(found[1].replace(",", ".")) * _SECONDS_OF[found[2]]
        at = found.end()
    is_whole = at == len(said) and seconds.denominator == 1 and 0 < seconds <= MAX_SECONDS
    return _text_of(int(seconds)) if is_whole else ""


def _text_of(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0m"


@dataclass(frozen=True, slots=True)
class Span:
    """How long a milestone may take. Equal spans are equal however they were written: ``90m`` is ``1h30m``.

    Attributes:
        seconds: open seconds of an elapsed span; None of one that follows the calendar's days.
        business_days: open dates later; 0 of an elapsed span and of ``eod``.
        end_of_day: whether it goes on to the last closing of that date.
        clock: the local time of that date that it ends at, in seconds since midnight.
    """

    seconds: int | None
    business_days: int = 0
    end_of_day: bool = False
    clock: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a span.

        Raises:
            ValueError: The text is no span, is 0 or negative, or counts in bare days; the message says what would be
                right.
        """
        if text == "eod":
            return cls(seconds=None, end_of_day=True)
        if in_days := _DAYS.fullmatch(text):
            return cls._in_days(text, int(in_days[1]), in_days[2] or "")
        seconds = _elapsed_seconds(text, EXPECTED)
        if seconds == 0:
            raise ValueError(f"span {text!r} is 0; it has to be some time, at least 1s")
        return cls(seconds=seconds)

    @classmethod
    def _in_days(cls, text: str, days: int, until: str) -> Self:
        if days > MAX_BUSINESS_DAYS:
            raise ValueError(f"span {text!r} {_TOO_LONG}{_OR_DAYS}")
        if until not in {"", "eod"}:
            return cls(seconds=None, business_days=days, clock=clock_seconds(until))
        if days == 0:
            right = "eod for the end of the same business day" if until else "at least 1bd, eod, or 0bd 16:00"
            raise ValueError(f"span {text!r} is 0 business days; write {right}")
        return cls(seconds=None, business_days=days, end_of_day=bool(until))

    @property
    def is_calendar_days(self) -> bool:
        """Whether it follows the calendar's days instead of counting open seconds."""
        return self.seconds is None

    def target(self, calendar: FrozenCalendar, start: datetime) -> datetime:
        """Return the instant at which the span from ``start`` ends on a calendar, in UTC.

        Raises:
            HorizonExceeded: It lies past the calendar's horizon.
        """
        if self.seconds is not None:
            return calendar.add(start, self.seconds)
        if self.clock is not None:
            return calendar.business_day_at(start, self.business_days, self.clock)
        if self.end_of_day:
            return calendar.end_of_business_day(start, self.business_days)
        return calendar.business_days_later(start, self.business_days)

    def __str__(self) -> str:
        if self.seconds is not None:
            return _text_of(self.seconds)
        if self.clock is not None:
            return f"{self.business_days}bd {clock_text(self.clock)}"
        days = f"{self.business_days}bd" if self.business_days else ""
        return " ".join(part for part in (days, "eod" if self.end_of_day else "") if part)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _text_schema(cls)


@dataclass(frozen=True, slots=True, order=True)
class Offset:
    """How long before or after its target a trigger fires: an elapsed span, 0 for the target itself.

    Attributes:
        seconds: open seconds.
    """

    seconds: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an offset; ``0`` needs no unit.

        Raises:
            ValueError: The text is no elapsed span; the message says what would be right.
        """
        if text == "0":
            return cls(0)
        if text == "eod" or _DAYS.fullmatch(text):
            raise ValueError(
                f"bad offset {quoted(text)}: business days and eod make a target, not an offset; {EXPECTED_OFFSET}"
            )
        return cls(_elapsed_seconds(text, EXPECTED_OFFSET))

    def __str__(self) -> str:
        return _text_of(self.seconds)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _text_schema(cls)


def _text_schema(kind: type[Span] | type[Offset]) -> CoreSchema:
    """Return the pydantic schema of a value that YAML and JSON carry as text. A number is read as its digits."""

    def validate(value: object) -> Span | Offset:
        if isinstance(value, kind):
            return value
        if isinstance(value, str):
            return kind.parse(value)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**_DIGITS:
            return kind.parse(str(value))
        shown = repr(value) if value is None or isinstance(value, bool | float) else f"of type {type(value).__name__}"
        raise ValueError(f"bad span {shown}; {EXPECTED if kind is Span else EXPECTED_OFFSET}")

    return core_schema.no_info_plain_validator_function(
        validate,
        json_schema_input_schema=core_schema.str_schema(),
        serialization=core_schema.to_string_ser_schema(),
    )

"""How much an entitlement covers, as the catalog declares it.

Apart from the rest of the catalog, so that what runs inside a workflow can import it: it reads no time-zone database.
"""

from __future__ import annotations

import re
from enum import StrEnum
from fractions import Fraction
from typing import Any, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from domain.bounds import quoted
from domain.ids import PartId
from domain.open_time.spans import Span
from domain.process.actions import Action, of_an_entitlement, slug
from domain.usage.quantities import Most, Quantity, check_whole, quantity_text, read_quantity
from domain.usage.rates import RateRow, check_table
from domain.usage.units import HOURS

UNIT_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,39}$"
PRICE_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,4})?( [A-Z]{3})?$"

_ALL = 100
"""Per cent."""

_SECONDS_PER_MINUTE = 60
_LONGEST_STEP = 24 * 60 * _SECONDS_PER_MINUTE


_OF_TIME_ENTRIES = {"round_up_to": "rounds", "grace": "leaves out", "minimum": "raises"}
"""What is said of the time entries of hours, each by what it does to them."""

_MEANT = {
    written: unit
    for unit, forms in {
        HOURS: ("hour", "hours", "h", "hr", "hrs", "minute", "minutes", "min", "mins"),
        "cases": ("case", "cases"),
        "visits": ("visit", "visits"),
    }.items()
    for written in forms
}
"""Units that time entries, cases and visits are taken of, by the ways in which people write them."""


class Period(StrEnum):
    """What a cap is counted over."""

    TERM = "term"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"

    @property
    def months(self) -> int:
        """How many months it has.

        Raises:
            ValueError: a term has no length of its own.
        """
        match self:
            case Period.MONTH:
                return 1
            case Period.QUARTER:
                return 3
            case Period.HALF_YEAR:
                return 6
            case Period.YEAR:
                return 12
            case Period.TERM:
                raise ValueError("a term has no length in months")
            case _:
                assert_never(self)


class Overflow(StrEnum):
    """What happens to a taking over the cap."""

    FALLBACK = "fallback"
    BLOCK = "block"
    PROMPT = "prompt"


class Threshold(BaseModel):
    """A mark on the way to the cap, passed once per period.

    Attributes:
        at: an amount (``8``, of hours also ``7.5`` or ``7h30m``) or a percentage of the cap (``80%``).
        id: made from `at` when left out; part of every effect's key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: str
    id: PartId = ""
    actions: list[Action] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if isinstance(value, dict) and not value.get("id") and isinstance(value.get("at"), str | int | float):
            return {**value, "id": slug(f"{value['at']}".replace("%", "-percent"))}
        return value

    @field_validator("at", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    @field_validator("actions")
    @classmethod
    def _have_no_case(cls, actions: list[Action]) -> list[Action]:
        return of_an_entitlement(actions)

    @field_validator("at")
    @classmethod
    def _is_mark(cls, at: str) -> str:
        if not _is_mark(at):
            raise ValueError(
                f"bad threshold {at!r}; write an amount such as 8, of hours also 7.5 or 7h30m, or a percentage of the "
                "cap such as '80%'"
            )
        return at

    @property
    def is_percentage(self) -> bool:
        """Whether it is a part of the cap, and not an amount."""
        return self.at.endswith("%")

    @property
    def counts_overage(self) -> bool:
        """Whether it lies beyond all that may be taken, where only overage comes to it."""
        return self.is_percentage and Fraction(self.at[:-1]) > _ALL

    def of(self, cap: int | Fraction) -> Fraction:
        """The amount at which it is passed under a cap; in the cap's own unit."""
        return Fraction(self.at[:-1]) * cap / _ALL if self.is_percentage else Fraction(read_quantity(self.at))


def _is_mark(at: str) -> bool:
    if at.endswith("%"):
        return re.fullmatch(r"[0-9]{1,12}(?:\.[0-9]{1,3})?%", at) is not None and Fraction(at[:-1]) > 0
    try:
        return read_quantity(at) > 0
    except ValueError:
        return False


class Allowance(BaseModel):
    """A unit, and how much of it there is in a period.

    Attributes:
        unit: ``cases``, ``hours``, ``visits`` or any name; fixed when the entitlement is made.
        cap: in that unit (hours for ``hours``, also ``7.5`` or ``7h30m``); None: unlimited.
        aligned: whether periods run from the entitlement's start date or from the calendar's firsts.
        first_period: whether the first period of a term, which may be short, has all of the cap or its share by days.
        overage_price: of one unit beyond the cap, with its currency if wanted (``85.00 EUR``); goes on every override.
        prompt_within: with `overflow: prompt`, how long a decision is waited for, at most two years; none counts as no.
            In the hours of the entitlement, else of its process, else of the organisation.
        decide: with `overflow: prompt`, who decides over HTTP: managers alone, or agents as well. Not written where it
            is `manager`: builds of before this key know no other.
        grace: of hours: a time entry of up to so many minutes counts as none.
        minimum: of hours: any other counts as so many minutes at least.
        round_up_to: of hours: each time entry is rounded up to a multiple of this; None: not at all.
        rates: of hours: what a minute of work counts; the first row that holds, else 1.
        carry_over: whether an unused balance goes on into the next period, or into a renewal only.
        carry_over_cap: the most that is carried over, an amount or a percentage of the period's cap (``40%``); None:
            all of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: str = Field(default="cases", pattern=UNIT_PATTERN)
    cap: Quantity | None = None
    period: Period = Period.TERM
    aligned: Literal["start", "calendar"] = "start"
    first_period: Literal["full", "prorated"] = "full"
    overflow: Overflow = Overflow.FALLBACK
    overage_price: str | None = Field(default=None, pattern=PRICE_PATTERN)
    prompt_within: Span = Span(seconds=None, business_days=1)
    decide: Literal["manager", "agent"] = Field(default="manager", exclude_if="manager".__eq__)
    grace: Span | None = None
    minimum: Span | None = None
    round_up_to: Span | None = None
    rates: list[RateRow] = Field(default_factory=list)
    thresholds: list[Threshold] = Field(default_factory=list)
    carry_over: Literal["none", "period", "renewal"] = "none"
    carry_over_cap: Most | None = None

    @field_validator("unit")
    @classmethod
    def _is_no_slip(cls, unit: str) -> str:
        meant = _MEANT.get(unit.casefold())
        if meant is not None and unit != meant:
            raise ValueError(f"unit {unit!r} counts nothing that is taken; write unit: {meant}")
        return unit

    @field_validator("overage_price", mode="before")
    @classmethod
    def _price_as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _is_counted(self) -> Allowance:
        check_whole(self.cap, self.unit, "cap")
        if not isinstance(self.carry_over_cap, str):
            check_whole(self.carry_over_cap, self.unit, "carry_over_cap")
        if self.first_period == "prorated" and (self.aligned == "start" or self.period is Period.TERM):
            raise ValueError(
                "first_period: prorated is for a period that the calendar cuts short; add aligned: calendar and a "
                "period such as month, or leave it out"
            )
        if self.cap is None and self.thresholds:
            raise ValueError("thresholds are marks on the way to a cap; give a cap, or leave them out")
        if self.carry_over_cap is not None and self.carry_over == "none":
            raise ValueError("carry_over_cap without carry_over; add carry_over: period or carry_over: renewal")
        if self.cap is None and self.carry_over != "none":
            raise ValueError("an unlimited allowance leaves nothing to carry over; give a cap")
        return self

    @field_validator(*_OF_TIME_ENTRIES, mode="before")
    @classmethod
    def _is_short(cls, value: Any) -> Any:
        """Refuse here what a span would be told to write and would be refused in its turn: days, seconds, 30 hours."""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return value
        try:
            return Span.parse(str(value))
        except ValueError as error:
            hint = re.search(r"; write ([0-9hm]+)$", str(error))
            meant = Span.parse(hint[1]).seconds if hint else None
            if meant is not None and meant <= _LONGEST_STEP:
                raise
        raise ValueError(f"{quoted(str(value))} is not in minutes or hours; write it like 15m or 1h, at most 24h")

    @model_validator(mode="after")
    def _rounds_time_entries(self) -> Allowance:
        for name, does in _OF_TIME_ENTRIES.items():
            span: Span | None = getattr(self, name)
            if span is None:
                continue
            if self.unit != HOURS:
                raise ValueError(f"{name} {does} time entries, and {self.unit} have none; it goes with unit: hours")
            if span.seconds is None or span.seconds % _SECONDS_PER_MINUTE:
                raise ValueError(f"{name} {span} is not in whole minutes; write it like 15m or 1h")
            if span.seconds > _LONGEST_STEP:
                raise ValueError(f"{name} {span} is over a day; write it like 15m or 1h")
        if self.rates and self.unit != HOURS:
            raise ValueError(f"rates weigh time entries, and {self.unit} have none; they go with unit: hours")
        check_table(self.rates)
        return self

    @model_validator(mode="after")
    def _has_marks(self) -> Allowance:
        ids = [threshold.id for threshold in self.thresholds]
        if twice := next((i for i in ids if ids.count(i) > 1), None):
            raise ValueError(f"two thresholds have the id {twice!r}")
        for threshold in self.thresholds:
            if threshold.is_percentage or self.cap is None:
                continue
            check_whole(read_quantity(threshold.at), self.unit, "threshold")
            if threshold.of(self.cap) > self.cap:
                over = f"the cap of {quantity_text(self.cap)} {self.unit}"
                raise ValueError(f"the threshold {threshold.at!r} lies over {over}")
        return self

    def minutes_counted(self, worked: int) -> int:
        """The minutes of a time entry that count: none within the grace, the minimum at least, then rounded up."""
        if worked <= _minutes(self.grace, 0):
            return 0
        step = _minutes(self.round_up_to, 1)
        return -(-max(worked, _minutes(self.minimum, 0)) // step) * step


def _minutes(span: Span | None, otherwise: int) -> int:
    return otherwise if span is None or span.seconds is None else span.seconds // _SECONDS_PER_MINUTE

"""How much an entitlement covers, as the catalog declares it.

Apart from the rest of the catalog, so that what runs inside a workflow can import it: it reads no time-zone database.
"""

from __future__ import annotations

import re
from enum import StrEnum
from fractions import Fraction
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from domain.process import Action, FieldUpdate, slug

UNIT_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,39}$"


class Period(StrEnum):
    """What a cap is counted over."""

    TERM = "term"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Overflow(StrEnum):
    """What happens to a taking over the cap."""

    FALLBACK = "fallback"
    BLOCK = "block"
    PROMPT = "prompt"


class Threshold(BaseModel):
    """A mark on the way to the cap, passed once per period.

    Attributes:
        at: an amount (``8``) or a percentage of the cap (``80%``).
        id: made from `at` when left out; part of every effect's key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: str
    id: str = Field(default="", pattern=r"^[A-Za-z0-9_-]*$", max_length=60)
    actions: list[Action] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if isinstance(value, dict) and not value.get("id") and isinstance(value.get("at"), str | int):
            return {**value, "id": slug(f"{value['at']}".replace("%", "-percent"))}
        return value

    @field_validator("at", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("actions")
    @classmethod
    def _no_case_to_update(cls, actions: list[Action]) -> list[Action]:
        if any(isinstance(action, FieldUpdate) for action in actions):
            raise ValueError("an entitlement has no case whose field a field_update could set; use another action")
        return actions

    @field_validator("at")
    @classmethod
    def _is_mark(cls, at: str) -> str:
        found = re.fullmatch(r"([0-9]{1,12})(?:\.[0-9]{1,3})?(%?)", at)
        if found is None or Fraction(at.rstrip("%")) == 0 or ("." in at and not found[2]):
            raise ValueError(
                f"bad threshold {at!r}; write an amount such as 8, or a percentage of the cap such as '80%'"
            )
        return at

    def of(self, cap: int) -> Fraction:
        """The amount at which it is passed under a cap; in the cap's own unit."""
        return Fraction(self.at[:-1]) * cap / 100 if self.at.endswith("%") else Fraction(self.at)


class Allowance(BaseModel):
    """A unit, and how much of it there is in a period.

    Attributes:
        unit: ``cases``, ``hours``, ``visits`` or any name; fixed when the entitlement is made.
        cap: in that unit (hours for ``hours``); None: unlimited.
        aligned: whether periods run from the entitlement's start date or from the calendar's firsts.
        carry_over: whether an unused balance goes on into the next period, or into a renewal only.
        carry_over_cap: the most that is carried over; None: all of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: str = Field(default="cases", pattern=UNIT_PATTERN)
    cap: int | None = Field(default=None, ge=0)
    period: Period = Period.TERM
    aligned: Literal["start", "calendar"] = "start"
    overflow: Overflow = Overflow.FALLBACK
    thresholds: list[Threshold] = Field(default_factory=list)
    carry_over: Literal["none", "period", "renewal"] = "none"
    carry_over_cap: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _check(self) -> Allowance:
        if self.cap is None and self.thresholds:
            raise ValueError("thresholds are marks on the way to a cap; give a cap, or leave them out")
        if self.carry_over_cap is not None and self.carry_over == "none":
            raise ValueError("carry_over_cap without carry_over; add carry_over: period or carry_over: renewal")
        ids = [threshold.id for threshold in self.thresholds]
        if twice := next((i for i in ids if ids.count(i) > 1), None):
            raise ValueError(f"two thresholds have the id {twice!r}")
        if self.cap is not None:
            for threshold in self.thresholds:
                if threshold.of(self.cap) > self.cap:
                    raise ValueError(f"the threshold {threshold.at!r} lies over the cap of {self.cap} {self.unit}")
        return self

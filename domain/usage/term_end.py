"""What becomes of an entitlement when its term ends, as the catalog declares it."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from domain.ids import PartId
from domain.process.actions import Action, of_an_entitlement
from domain.usage.term_length import TermLength

LONGEST_YEARS = 100
"""Terms longer than this are a slip of the pen."""


class AtTermEnd(StrEnum):
    """What becomes of an entitlement at the end of its term."""

    EXPIRE = "expire"
    RESET = "reset"
    RENEW = "renew"


class Notice(BaseModel):
    """Something that is done some days before a term ends.

    Attributes:
        days_before: at the first instant of the date so many days before the term's last.
        id: made from `days_before` when left out; part of every effect's key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    days_before: int = Field(ge=0, le=3660)
    id: PartId = ""
    actions: list[Action] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if isinstance(value, dict) and not value.get("id") and isinstance(value.get("days_before"), int):
            return {**value, "id": f"{value['days_before']}-days"}
        return value

    @field_validator("actions")
    @classmethod
    def _have_no_case(cls, actions: list[Action]) -> list[Action]:
        return of_an_entitlement(actions)


class TermEnd(BaseModel):
    """What becomes of an entitlement at the end of its term, and who hears of it before.

    Attributes:
        policy: `expire`; `reset`: the same record goes on into a new term; `renew`: a new, linked record does.
        term: how long the next one lasts. An entitlement that is reset has terms of this length, one after another from
            its start, and no last date. One that is renewed gets another term as long as this or else as its own.
        notices: before the end, each once a term.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: AtTermEnd = AtTermEnd.EXPIRE
    term: TermLength | None = None
    notices: list[Notice] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check(self) -> TermEnd:
        if self.policy is AtTermEnd.RESET and self.term is None:
            raise ValueError("policy reset needs the length of a term: give term, such as 12 months")
        if self.term is not None and _is_too_long(self.term):
            raise ValueError(f"a term of {self.term} is too long; give one of at most {LONGEST_YEARS} years")
        days = [notice.days_before for notice in self.notices]
        ids = [notice.id for notice in self.notices]
        if twice := next((n for n in days if days.count(n) > 1), None):
            raise ValueError(f"two notices {twice} days before the end; give one, with all actions")
        if same := next((i for i in ids if ids.count(i) > 1), None):
            raise ValueError(f"two notices have the id {same!r}")
        return self

    @property
    def notice_days(self) -> tuple[int, ...]:
        """How many days before the end notice is given, the earliest first."""
        return tuple(sorted((notice.days_before for notice in self.notices), reverse=True))


def _is_too_long(term: TermLength) -> bool:
    begins = date(2000, 1, 1)
    try:
        return term.last_day(begins) > TermLength(LONGEST_YEARS, "year").last_day(begins)
    except (OverflowError, ValueError):
        return True

"""The state of an entitlement's usage: plain data that goes through JSON and back at any moment."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.ledger import Ledger


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ConsumptionRecord(_Record):
    """One consumption, for the store.

    Attributes:
        number: counts the records of an entitlement from 1, so that one is stored once.
        used: of its period, after it.
    """

    number: int
    reference: str
    event_id: str
    outcome: Literal["granted", "overflow"]
    amount: int
    period: int
    first_day: date | None
    occurred_at: AwareDatetime
    taken_at: AwareDatetime
    case_id: str | None
    by: str | None
    used: int
    cap: int | None


class PeriodRecord(_Record):
    """A period that has ended, for the store; the one with the higher `number` counts.

    Attributes:
        number: grows with every report of an entitlement.
        unused: what was left of the cap; None: unlimited.
        again: a consumption of this period came after its end, so that it is reported once more.
        ends_term: the term ended with it.
    """

    number: int
    period: int
    first_day: date | None
    ended_at: AwareDatetime
    used: int
    cap: int | None
    unused: int | None
    overflows: int
    again: bool
    ends_term: bool


class PeriodUse(BaseModel):
    """What was taken in one period.

    Attributes:
        passed: the ids of the thresholds that it passed, each once.
    """

    model_config = ConfigDict(extra="forbid")

    used: int = 0
    overflows: int = 0
    passed: list[str] = Field(default_factory=list)


class UsageState(BaseModel):
    """What was taken of an entitlement so far.

    Attributes:
        period: the first period whose end has not been reported.
        is_over: the end of the last period has been reported.
        uses: by period; those in which nothing happened are left out.
        again: ended periods to be reported once more.
        taken: the references that took something, each with what.
        overflowed: the requests for which not enough was left.
        consumptions: how many were recorded so far.
        reports: how many periods were reported so far.
    """

    model_config = ConfigDict(extra="forbid")

    period: int = 0
    is_over: bool = False
    uses: dict[int, PeriodUse] = Field(default_factory=dict)
    again: list[int] = Field(default_factory=list)
    taken: Ledger = Field(default_factory=Ledger)
    overflowed: Ledger = Field(default_factory=Ledger)
    consumptions: int = 0
    overflows: int = 0
    reports: int = 0

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


class ChangeRecord(_Record):
    """Something that was changed by hand: who, and why.

    Attributes:
        number: counts the changes of an entitlement from 1.
        text: one line for people.
        amount: taken (or, if negative, given back) in `period`; 0 if nothing was.
    """

    number: int
    kind: Literal["cap_amended", "adjusted", "reversed", "cancelled"]
    event_id: str
    at: AwareDatetime
    by: str
    reason: str
    text: str
    period: int | None = None
    amount: int = 0


class CapChange(BaseModel):
    """A cap that counts from a period on, instead of the one before; in the unit, as it is declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    from_period: int
    cap: int | None


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
        changed: the changes by hand that were made.
        caps: amended ones; the last whose period has begun counts.
        cancelled_at: from this instant nothing is taken.
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
    changed: Ledger = Field(default_factory=Ledger)
    caps: list[CapChange] = Field(default_factory=list)
    cancelled_at: AwareDatetime | None = None
    consumptions: int = 0
    overflows: int = 0
    reports: int = 0

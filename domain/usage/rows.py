"""The rows of an entitlement's ledger: everything that ever changed its count, with who, when, why and what was left.

Amounts are in the smallest measure of the unit (`domain.usage.units`). Of each period the rows add up to its balance:
`used`, `overage` and `carried` are what the row adds to them, `used_after` and so on what they come to with it.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict


class RowKind(StrEnum):
    """What a row is about."""

    TAKEN = "taken"
    OVERFLOW = "overflow"
    OVERAGE = "overage"
    OVERRIDE = "override"
    DECLINED = "declined"
    REVERSED = "reversed"
    ADJUSTED = "adjusted"
    AMENDED = "amended"
    CANCELLED = "cancelled"
    RESET = "reset"
    CARRIED = "carried"
    RENEWED = "renewed"
    OPENING = "opening"
    COVERED = "covered"
    VOIDED = "voided"
    GRANTED = "granted"
    THRESHOLD = "threshold"
    EXPIRED = "expired"


class LedgerRow(BaseModel):
    """One row.

    Attributes:
        number: counts the rows of an entitlement from 1, without a gap, so that one is stored once and none is missed.
        reference: the case, time entry or visit that it is about.
        amount: how much it is about: of an overflow what was asked for, of an override what is billed (negative: no
            longer), of a reset what was unused; of what was taken that is not `used` grants have paid.
        used: what it adds to the used of its period; negative gives back.
        overage: what it adds to what was taken beyond the cap.
        carried: what it adds to what the period has from the one before, or from the entitlement that it renews.
        carried_out: what it moves on into a renewal.
        cap_after: with what was carried over; None: unlimited.
        balance_after: what is left of the period; None: unlimited.
        price: of one unit, on an override.
        at: the instant that decided the period.
        recorded_at: when it came.
        by: who; ``milepost`` for what the passing of time did.
        reason: why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    kind: RowKind
    reference: str | None = None
    event_id: str | None = None
    period: int
    first_day: date | None
    amount: int = 0
    used: int = 0
    overage: int = 0
    carried: int = 0
    carried_out: int = 0
    used_after: int
    overage_after: int
    cap_after: int | None
    balance_after: int | None
    price: str | None = None
    at: AwareDatetime
    recorded_at: AwareDatetime
    case_id: str | None = None
    by: str | None = None
    reason: str | None = None

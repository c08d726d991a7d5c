"""What the events of entitlements say, and which row of the ledger becomes which event: every row is one."""

from __future__ import annotations

from datetime import date

from pydantic import AwareDatetime

from domain.feed.envelope import EventData
from domain.usage.rows import RowKind


class UsageData(EventData):
    """What every event of an entitlement says. Amounts are in the smallest measure of the unit: minutes for hours.

    Attributes:
        row: of the ledger.
        first_day: of the period; left out where there are no periods.
        reference: the case, time entry, visit or threshold that it is about.
        amount: how much it is about; `used`, `overage` and `carried` are what it adds to these of the period.
        carried_out: what the period gives to a renewal; negative: what is asked back from there.
        used_after, overage_after, cap_after, balance_after: what these come to with it; left out: unlimited.
        recorded_at: when it came; the event's time is the instant that decided the period.
    """

    entitlement: str
    account: str
    unit: str
    text: str
    row: int
    period: int
    first_day: date | None = None
    reference: str | None = None
    case_id: str | None = None
    amount: int
    used: int = 0
    overage: int = 0
    carried: int = 0
    carried_out: int | None = None
    used_after: int
    overage_after: int
    cap_after: int | None = None
    balance_after: int | None = None
    price: str | None = None
    recorded_at: AwareDatetime
    by: str | None = None
    reason: str | None = None


class UsageSnapshotData(UsageData):
    """An entitlement as it stood with the last row from before the feed.

    Attributes:
        stands_for_from: the sequence number of the first event that is missing; the last is that of this event.
    """

    stands_for_from: int


class UsageActionData(EventData):
    """An action of an entitlement, by the key under which its receiver takes it once.

    Attributes:
        row: of the ledger, the last one before it.
        do: the kind of action.
    """

    entitlement: str
    account: str | None = None
    text: str
    row: int
    key: str
    do: str
    by: str | None = None


class FailedUsageActionData(UsageActionData):
    """Why it failed for good."""

    error: str


class DroppedUsageActionData(UsageActionData):
    """Why it was worth nothing any more."""

    why: str


class RedeliveredUsageActionData(UsageActionData):
    """What had arrived, and was delivered again because `by` asked for it at `asked_at`; after how many attempts."""

    asked_at: AwareDatetime
    attempts: int


class FailedUsageRedeliveryData(RedeliveredUsageActionData):
    """Why it did not arrive again."""

    error: str


ROWS: dict[RowKind, str] = {
    RowKind.TAKEN: "entitlement.consumed",
    RowKind.OVERFLOW: "entitlement.overflowed",
    RowKind.OVERAGE: "entitlement.overage_taken",
    RowKind.OVERRIDE: "entitlement.overage_approved",
    RowKind.DECLINED: "entitlement.overage_declined",
    RowKind.REVERSED: "entitlement.reversed",
    RowKind.ADJUSTED: "entitlement.adjusted",
    RowKind.AMENDED: "entitlement.amended",
    RowKind.CANCELLED: "entitlement.cancelled",
    RowKind.RESET: "entitlement.period_reset",
    RowKind.CARRIED: "entitlement.carried_over",
    RowKind.RENEWED: "entitlement.renewed",
    RowKind.OPENING: "entitlement.opening_counted",
    RowKind.COVERED: "entitlement.overage_covered",
    RowKind.VOIDED: "entitlement.overage_voided",
    RowKind.GRANTED: "entitlement.granted",
    RowKind.THRESHOLD: "entitlement.threshold_passed",
    RowKind.EXPIRED: "entitlement.expired",
}
"""The name of the event that a row is."""

SNAPSHOT = "entitlement.snapshot"

OUTCOMES: dict[str, tuple[str, type[UsageActionData]]] = {
    "sent": ("entitlement.action.sent", UsageActionData),
    "failed": ("entitlement.action.failed", FailedUsageActionData),
    "retried": ("entitlement.action.retried", UsageActionData),
    "dropped": ("entitlement.action.expired", DroppedUsageActionData),
    "redelivered": ("entitlement.action.redelivered", RedeliveredUsageActionData),
    "redelivery_failed": ("entitlement.action.redelivery_failed", FailedUsageRedeliveryData),
}
"""The name and the data of the event that the outcome of an action is."""

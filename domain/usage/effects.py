"""What an entitlement wants done outside: rows stored, actions carried out, its record changed, itself renewed.

Each may come more than once, and is done once: a row is known by its count and number, an action by its key, and the
rest comes to the same however often it is done.
"""

from __future__ import annotations

import operator
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, PositiveInt

from domain.ids import EntitlementId
from domain.model import Value
from domain.process import ActionCall
from domain.process.actions import Action
from domain.usage.allowance import Allowance
from domain.usage.periods import Term
from domain.usage.quantities import Quantity
from domain.usage.rows import LedgerRow
from domain.usage.state import PeriodRecord, Renewal

READ_ENTITLEMENT_TERMS = "read_entitlement_terms"
RECORD_USAGE = "record_usage"
TELL_CASES = "tell_cases"
FREEZE_PERIODS = "freeze_periods"
PERFORM_USAGE_ACTION = "perform_usage_action"
CHANGE_ENTITLEMENT_RECORD = "change_entitlement_record"
RENEW_ENTITLEMENT = "renew_entitlement"
CARRY_OVER_TO_RENEWAL = "carry_over_to_renewal"
TAKE_BACK_FROM_RENEWAL = "take_back_from_renewal"


class FailedUsageAction(Value):
    """An action that failed for good, for the store."""

    key: str
    error: str
    action: Action


class UsageRecords(Value):
    """News for the store.

    Attributes:
        failed: actions that failed for good.
        count: whose rows and periods these are. An entitlement has one count, unless its workflow was terminated: then
            the next taking begins another, whose rows are numbered from 1 again.
    """

    entitlement_id: EntitlementId
    count: str
    account: str
    unit: str
    rows: list[LedgerRow]
    periods: list[PeriodRecord]
    failed: list[FailedUsageAction] = Field(default_factory=list, exclude_if=operator.not_)


class UsageActionOrder(Value):
    """One action to be carried out once, whatever happens: its receiver knows it by `call.key`.

    Attributes:
        context: what templates see: `entitlement`, `account`, `usage`, and of a notice or a term's end `term`.
        retried_at: when somebody had it tried again; None: nobody has. `retried_by` says who.
    """

    entitlement_id: EntitlementId
    cause: Literal["threshold", "overflow", "notice", "term_end"]
    at: AwareDatetime
    call: ActionCall
    context: dict[str, Any]
    retried_at: AwareDatetime | None = Field(default=None, exclude_if=lambda at: at is None)
    retried_by: str | None = Field(default=None, exclude_if=lambda by: by is None)


def cause_of(key: str, entitlement: str) -> str:
    """What ordered an action of an entitlement, by its key: ``overflow``, ``threshold-80-percent``, ``notice-30``.

    Args:
        key: ``{entitlement}/{period or last day}/{cause}/{which}/{firing}/{action}``.
        entitlement: whose it is.
    """
    _, cause, which, *_ = [*key.removeprefix(f"{entitlement}/").split("/"), "", "", ""]
    return f"{cause}-{which}" if cause in {"threshold", "notice"} else cause


class UsageActionFailure(Value):
    """Something that failed for good."""

    key: str
    error: str


class TermsRequest(Value):
    """Asks what the catalog declares of an entitlement that begins to be counted.

    Attributes:
        now: the entitlement's; its periods are frozen some years past it.
        clock: the instant at which its own clock starts, if it has one.
    """

    entitlement_id: EntitlementId
    now: AwareDatetime
    clock: AwareDatetime | None = None


class PeriodsRequest(Value):
    """Asks for the periods of a term again, over the horizon that it has now."""

    allowance: Allowance
    term: Term
    now: AwareDatetime


class RecordChange(Value):
    """The entitlement's record in the catalog is to say what was amended. What is None stays as it is."""

    deed: Literal["record_change"] = "record_change"
    entitlement_id: EntitlementId
    cap: Literal["unlimited"] | Quantity | None = None
    ends_on: date | Literal["never"] | None = None
    cancelled_at: AwareDatetime | None = None
    by: str


class RenewalOrder(Value):
    """The record that goes on where this one ends is to be made, and its count to begin.

    Attributes:
        clock: gives the new count a clock of its own that starts at this instant, as this one has.
    """

    deed: Literal["renewal"] = "renewal"
    entitlement_id: EntitlementId
    renewal: Renewal
    at: AwareDatetime
    clock: AwareDatetime | None = None


class CarryOverOrder(Value):
    """What was left is to go over into the renewal.

    Attributes:
        number: which of several it is; 0 is the first.
    """

    deed: Literal["carry_over"] = "carry_over"
    entitlement_id: EntitlementId
    renewal_id: EntitlementId
    amount: PositiveInt
    at: AwareDatetime
    number: int = Field(default=0, exclude_if=operator.not_)


class CarryBackOrder(Value):
    """Less was left than went over into the renewal: it is to give back what it has not used of that.

    Attributes:
        period: the last of the record that asks.
        taken_in: the period whose use has changed, if that is an earlier one.
        reference: what was taken late; None: something else has changed.
        occurred_at: the own instant of that.
        is_cover: the overage of that was covered late.
        number: as of `CarryOverOrder`.
    """

    deed: Literal["carry_back"] = "carry_back"
    entitlement_id: EntitlementId
    renewal_id: EntitlementId
    amount: PositiveInt
    at: AwareDatetime
    period: int
    taken_in: int | None = Field(default=None, exclude_if=lambda period: period is None)
    reference: str | None = None
    occurred_at: AwareDatetime | None = Field(default=None, exclude_if=lambda at: at is None)
    is_cover: bool = Field(default=False, exclude_if=operator.not_)
    number: int = Field(default=0, exclude_if=operator.not_)


CatalogChange = Annotated[RecordChange | RenewalOrder | CarryOverOrder | CarryBackOrder, Field(discriminator="deed")]
"""What is done one after another, in the order in which it was wanted."""


def activity_of(change: RecordChange | RenewalOrder | CarryOverOrder | CarryBackOrder) -> str:
    """The name of the activity that makes a change."""
    return {
        "record_change": CHANGE_ENTITLEMENT_RECORD,
        "renewal": RENEW_ENTITLEMENT,
        "carry_over": CARRY_OVER_TO_RENEWAL,
        "carry_back": TAKE_BACK_FROM_RENEWAL,
    }[change.deed]

"""Changes of an entitlement by hand: amended, adjusted, reversed, cancelled; each with who and why, each made once.

A change that makes no sense is refused with what would be right, and changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, assert_never

from domain.entitlement_messages import (
    CapAmended,
    ConsumptionReversed,
    EntitlementCancelled,
    UsageActionOrder,
    UsageAdjusted,
    UsageChange,
)
from domain.errors import Refused
from domain.frozen_periods import PeriodUnknown
from domain.ledger import Taking
from domain.units import amount_text
from domain.usage import Usage
from domain.usage_state import CapChange, ChangeRecord, PeriodRecord

ChangeEffect = ChangeRecord | UsageActionOrder | PeriodRecord

_NEVER_GIVEN_BACK = "cases"
"""A case takes its part when it is opened and never gives it back."""


def change(usage: Usage, asked: UsageChange, now: datetime) -> list[ChangeEffect]:
    """Make a change; nothing if one with its `event_id` was made before.

    Raises:
        Refused: it makes no sense here. The usage is as it was.
    """
    if usage.state.changed.find(asked.event_id):
        return []
    match asked:
        case CapAmended():
            effects = _amend(usage, asked, now)
        case UsageAdjusted():
            effects = _adjust(usage, asked, now)
        case ConsumptionReversed():
            effects = _reverse(usage, asked, now)
        case EntitlementCancelled():
            effects = _cancel(usage, asked, now)
        case _:
            assert_never(asked)
    usage.state.changed.add(asked.event_id, Taking(usage.state.period, 0))
    return effects


def _amend(usage: Usage, asked: CapAmended, now: datetime) -> list[ChangeEffect]:
    """Change the cap from the current period on. What was taken stays taken; thresholds passed stay passed."""
    period = usage.balance(now).current.period
    unit = usage.terms.allowance.unit
    if asked.cap is None and usage.terms.allowance.thresholds:
        raise Refused("has_thresholds", "thresholds are marks on the way to a cap, so this entitlement needs one")
    usage.state.caps.append(CapChange(from_period=period, cap=asked.cap))
    said = "unlimited" if asked.cap is None else f"{asked.cap} {unit}"
    return [_record(usage, "cap_amended", asked, now, f"the cap is {said}"), *usage.pass_thresholds(period, now)]


def _adjust(usage: Usage, asked: UsageAdjusted, now: datetime) -> list[ChangeEffect]:
    """Count more or less in a period, within nothing and its cap."""
    at, unit = asked.occurred_at or now, usage.terms.allowance.unit
    try:
        period = usage.terms.periods.number(at)
    except PeriodUnknown as unknown:
        raise Refused("period_unknown", str(unknown)) from None
    if period is None:
        raise Refused("outside_term", f"{at.isoformat()} is outside the term of {usage.terms.entitlement_id}")
    used, cap = usage.use(period).used, usage.cap(period)
    if asked.amount == 0:
        raise Refused("no_amount", "an adjustment of 0 changes nothing")
    if used + asked.amount < 0:
        raise Refused("too_much", f"only {amount_text(used, unit)} can be given back, not {-asked.amount}")
    if cap is not None and asked.amount > max(cap - used, 0):
        left = amount_text(max(cap - used, 0), unit)
        raise Refused("too_much", f"only {left} are left to be taken, not {asked.amount}; amend the cap first")
    usage.changing_use(period).used += asked.amount
    sign = "+" if asked.amount > 0 else "-"
    text = f"adjusted by {sign}{amount_text(abs(asked.amount), unit)}"
    record = _record(usage, "adjusted", asked, now, text, period=period, amount=asked.amount)
    return [record, *usage.pass_thresholds(period, now)]


def _reverse(usage: Usage, asked: ConsumptionReversed, now: datetime) -> list[ChangeEffect]:
    """Give back all that a reference took, once. It stays known: taking it again changes nothing."""
    unit = usage.terms.allowance.unit
    if unit == _NEVER_GIVEN_BACK:
        raise Refused("never_given_back", "a case never gives back what it took; adjust the usage, with a reason")
    taking = usage.state.taken.find(asked.reference)
    if taking is None:
        raise Refused("unknown_reference", f"{asked.reference!r} took nothing of {usage.terms.entitlement_id}")
    if taking.amount == 0:
        raise Refused("already_reversed", f"{asked.reference!r} was reversed before")
    usage.state.taken.move(asked.reference, taking._replace(amount=0))
    use = usage.changing_use(taking.period)
    use.used = max(use.used - taking.amount, 0)  # an adjustment may have given back some of it before
    text = f"{asked.reference} gives back {amount_text(taking.amount, unit)}"
    return [_record(usage, "reversed", asked, now, text, period=taking.period, amount=-taking.amount)]


def _cancel(usage: Usage, asked: EntitlementCancelled, now: datetime) -> list[ChangeEffect]:
    """End it now: its current period is reported, and nothing more falls due."""
    state = usage.state
    if state.cancelled_at is not None:
        raise Refused("already_cancelled", f"cancelled already, at {state.cancelled_at.isoformat()}")
    if state.is_over:
        raise Refused("expired", "its term has ended; there is nothing to cancel")
    reports = usage.advance(now)
    state.cancelled_at, state.is_over = now, True
    ended = [report for report in reports if isinstance(report, PeriodRecord)]
    return [_record(usage, "cancelled", asked, now, "cancelled"), *ended, usage.report(state.period, again=False)]


def _record(
    usage: Usage,
    kind: Literal["cap_amended", "adjusted", "reversed", "cancelled"],
    asked: UsageChange,
    now: datetime,
    text: str,
    *,
    period: int | None = None,
    amount: int = 0,
) -> ChangeRecord:
    return ChangeRecord(
        number=len(usage.state.changed) + 1,
        kind=kind,
        event_id=asked.event_id,
        at=now,
        by=asked.by,
        reason=asked.reason,
        text=text,
        period=period,
        amount=amount,
    )

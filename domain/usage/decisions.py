"""Decisions about overflows that were asked about: yes takes it at the overage price, with a row for billing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from domain.errors import Refused
from domain.usage.allowance import Overflow
from domain.usage.machine import Taken, Usage, UsageEffect
from domain.usage.requests import Consumption, OverageDecision
from domain.usage.rows import RowKind
from domain.usage.takings import Taking
from domain.usage.units import HOURS


def decide(usage: Usage, decision: OverageDecision, now: datetime) -> Taken:
    """Take what somebody decided.

    Yes to a case or visit takes it: beyond the cap, unless there is room for it by now, and then it is no override. Yes
    to a time entry, whose work is on record, writes its override. No takes nothing. A decision that comes again changes
    nothing.

    Raises:
        Refused: there is nothing to decide. The usage is as it was.
    """
    taking = usage.state.taken.find(decision.reference)
    known = usage.state.changed.find(decision.event_id)
    if known is not None:
        return Taken(usage.answer(decision.reference, "already" if taking else "overflow", taking or known), [])
    policy = usage.terms.allowance.overflow
    if policy is not Overflow.PROMPT:
        raise Refused(
            "nothing_to_decide", f"entitlement {usage.terms.entitlement_id} does not ask: its overflow is {policy}"
        )
    is_entry = usage.terms.allowance.unit == HOURS
    taken = (_entry if is_entry else _case)(usage, decision, taking, now)
    usage.state.changed.add(decision.event_id, Taking(taken.answer.period or 0, 0))
    return taken


def _entry(usage: Usage, decision: OverageDecision, taking: Taking | None, now: datetime) -> Taken:
    """A time entry: what is beyond the cap is recorded already; yes says that it is billed."""
    reference = decision.reference
    if taking is None or not taking.overage:
        raise Refused("nothing_to_decide", f"no time entry {reference!r} has overage in {usage.terms.entitlement_id}")
    if usage.state.approved.find(reference):
        if not decision.approved:
            raise Refused("already_approved", f"the overage of {reference!r} is approved; reverse the entry instead")
        return Taken(usage.answer(reference, "already", taking), [])
    if not decision.approved:
        return _no(usage, decision, taking, now)
    usage.state.declined.forget(reference)
    usage.state.approved.add(reference, Taking(taking.period, 0, taking.overage))
    price = usage.terms.allowance.overage_price
    row = _row(usage, decision, RowKind.OVERRIDE, taking.period, now, amount=taking.overage, price=price)
    return Taken(usage.answer(reference, "granted", taking), [row])


def _case(usage: Usage, decision: OverageDecision, taking: Taking | None, now: datetime) -> Taken:
    if taking is not None:
        return Taken(usage.answer(decision.reference, "already", taking), [])
    period, amount = usage.period_of(decision.occurred_at), decision.amount
    if not decision.approved:
        return _no(usage, decision, Taking(period, 0), now)
    usage.state.declined.forget(decision.reference)
    room = usage.room(period)
    if room is None or amount <= room:
        asked = decision.model_dump(include={"reference", "event_id", "amount", "occurred_at", "case_id", "by"})
        return usage.grant(Consumption(**asked), period, now)
    taking = Taking(period, 0, amount)
    usage.changing_use(period).overage += amount
    usage.state.taken.add(decision.reference, taking)
    usage.state.approved.add(decision.reference, taking)
    price = usage.terms.allowance.overage_price
    row = _row(usage, decision, RowKind.OVERRIDE, period, now, amount=amount, overage=amount, price=price)
    return Taken(usage.answer(decision.reference, "granted", taking), [row])


def _no(usage: Usage, decision: OverageDecision, taking: Taking, now: datetime) -> Taken:
    usage.state.declined.forget(decision.reference)
    usage.state.declined.add(decision.reference, taking)
    row = _row(usage, decision, RowKind.DECLINED, taking.period, now)
    return Taken(usage.answer(decision.reference, "overflow", taking), [row])


def _row(
    usage: Usage, decision: OverageDecision, kind: RowKind, period: int, now: datetime, **fields: Any
) -> UsageEffect:
    who = {name: getattr(decision, name) for name in ("reference", "event_id", "case_id", "by", "reason")}
    return usage.row(kind, period, at=decision.occurred_at, now=now, **who, **fields)

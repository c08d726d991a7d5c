"""Time entries: hours are taken by the work that was done, which is always recorded, also beyond the cap."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from domain.errors import Refused
from domain.usage.allowance import Overflow
from domain.usage.machine import Taken, Usage, UsageEffect
from domain.usage.requests import Outcome, TimeEntry
from domain.usage.rows import RowKind
from domain.usage.takings import Taking
from domain.usage.units import HOURS


def log_hours(usage: Usage, entry: TimeEntry, now: datetime) -> Taken:
    """Take the time of an entry, up to the cap; what is over it is overage, or left for the next entitlement.

    It is rounded before it is split. An entry that was taken before takes nothing more, and gets the same answer.

    Args:
        usage: of an entitlement counted in hours.
        entry: what was worked.
        now: when it arrives; goes on record, and decides nothing.
    """
    if known := usage.state.taken.find(entry.id):
        return Taken(usage.answer(entry.id, _outcome_of(usage, entry.id, known), known), [])
    try:
        if usage.terms.allowance.unit != HOURS:
            counted = usage.terms.allowance.unit
            raise Refused("unit", f"entitlement {usage.terms.entitlement_id} is counted in {counted}, not in hours")
        period = usage.period_of(entry.worked_at)
    except Refused as refused:
        return usage.refusal(entry.id, refused)
    return _split(usage, entry, period, now)


def _split(usage: Usage, entry: TimeEntry, period: int, now: datetime) -> Taken:
    """Take what fits into what is left of the period; the rest is overage, unless another entitlement takes it."""
    minutes = entry.minutes if entry.is_rest else _rounded(entry.minutes, usage.terms.allowance.rounding_minutes)
    room = usage.room(period)
    fits = minutes if room is None else min(minutes, room)
    over = minutes - fits
    falls_back = entry.has_fallback and usage.terms.allowance.overflow is Overflow.FALLBACK
    taking = Taking(period, fits, 0 if falls_back else over, over if falls_back else 0)
    usage.state.taken.add(entry.id, taking)

    def row(kind: RowKind, **fields: Any) -> UsageEffect:
        return usage.row(
            kind,
            period,
            at=entry.worked_at,
            now=now,
            reference=entry.id,
            case_id=entry.case_id,
            by=entry.by,
            reason=entry.note,
            **fields,
        )

    effects: list[UsageEffect] = []
    if fits:
        usage.changing_use(period).used += fits
        effects.append(row(RowKind.TAKEN, amount=fits, used=fits))
    if taking.overage:
        usage.changing_use(period).overage += over
        effects.append(row(RowKind.OVERAGE, amount=over, overage=over))
    if taking.left_over:
        effects.append(row(RowKind.OVERFLOW, amount=over))
    if over:
        effects.append(
            usage.overflowed(
                entry.id, f"hours-{entry.id}", period, amount=over, at=entry.worked_at, case_id=entry.case_id
            )
        )
    effects += usage.settle(period, now)
    return Taken(usage.answer(entry.id, usage.by_policy if over else "granted", taking), effects)


def _outcome_of(usage: Usage, entry_id: str, known: Taking) -> Outcome:
    """What an entry was answered that comes again: what is over the cap may still wait for somebody."""
    decided = usage.state.approved.find(entry_id) or usage.state.declined.find(entry_id)
    return usage.by_policy if (known.overage or known.left_over) and not decided else "already"


def _rounded(minutes: int, step: int) -> int:
    return -(-minutes // step) * step

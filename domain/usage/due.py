"""What time brings to an entitlement: notices, the renewal, the ends of periods and of terms."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from domain.process import Email
from domain.usage.effects import CarryOverOrder
from domain.usage.periods import NoticeDue
from domain.usage.renewals import renew
from domain.usage.rows import RowKind
from domain.usage.state import PeriodRecord
from domain.usage.term_end import AtTermEnd
from domain.usage.thresholds import action_orders
from domain.usage.units import amount_text

if TYPE_CHECKING:
    from domain.usage.machine import Usage, UsageEffect

RENEWED_AHEAD = timedelta(hours=1)
"""How long before a term ends its renewal is made, so that the new record is there at the new term's first instant."""

_SUBJECT = "Entitlement {{ entitlement.name or entitlement.id }}: the term to {{ term.ends_on }} has ended"
_BODY = """\
Of entitlement {{ entitlement.name or entitlement.id }}, account {{ account.id }}, \
{{ usage.remaining if usage.remaining is not none else 'no limited number of' }} {{ entitlement.unit }} \
were unused at the end of its term ({{ usage.used }} used\
{% if usage.cap is not none %} of {{ usage.cap }}{% endif %}\
{% if usage.overage %}, and {{ usage.overage }} beyond{% endif %}).
{{ term.carried_over }} carried over. What follows: {{ term.follows }}."""


class _Due(NamedTuple):
    """Something that time brings; at one instant notices come before the renewal, and that before the end."""

    at: datetime
    rank: int
    notice: NoticeDue | None = None


_NOTICE, _RENEWAL, _END = range(3)


def advance(usage: Usage, now: datetime) -> list[UsageEffect]:
    """Do all that time brings up to and including `now`, in order."""
    again, usage.state.again = sorted(usage.state.again), []
    effects: list[UsageEffect] = [report(usage, period, again=True) for period in again]
    while (due := _next(usage)) is not None and due.at <= now:
        if due.notice is not None:
            effects += _give_notice(usage, due.notice, now)
        elif due.rank == _RENEWAL:
            effects += renew(usage, due.at, by="milepost", reason="its term ends", clocked_at=now)
        else:
            effects += _end_period(usage, due.at, now)
    return effects


def next_due(usage: Usage) -> datetime | None:
    """When time brings something next; in the past if it is overdue."""
    if usage.state.again:
        return usage.terms.periods.ends_before(usage.state.again[0]) or usage.state.cancelled_at
    due = _next(usage)
    return due.at if due else None


def _next(usage: Usage) -> _Due | None:
    state, periods = usage.state, usage.terms.periods
    if state.is_over:
        return None
    due: list[_Due] = []
    ends_at = periods.ends_before(state.period)
    # The period after the last known one is waited for: freezing the periods further makes it known.
    if ends_at is not None and (periods.is_last(state.period) or state.period + 1 < periods.count):
        due.append(_Due(ends_at, _END))
    if periods.ends_at is not None and state.renewal is None and usage.terms.term_end.policy is AtTermEnd.RENEW:
        due.append(_Due(periods.ends_at - RENEWED_AHEAD, _RENEWAL))
    due += [_Due(notice.at, _NOTICE, notice) for notice in _notices_ahead(usage)[:1]]
    return min(due, key=lambda one: (one.at, one.rank), default=None)


def _notices_ahead(usage: Usage) -> list[NoticeDue]:
    """The notices that were not given, of terms whose end is ahead."""
    first_day = usage.terms.periods.first_day(usage.state.period)
    return [
        notice
        for notice in usage.terms.periods.notices
        if (first_day is None or notice.ends_on >= first_day) and _named(notice) not in usage.state.noticed
    ]


def _named(notice: NoticeDue) -> str:
    return f"{notice.ends_on}/{notice.days_before}"


def _give_notice(usage: Usage, due: NoticeDue, now: datetime) -> list[UsageEffect]:
    usage.state.noticed.append(_named(due))
    declared = next((n for n in usage.terms.term_end.notices if n.days_before == due.days_before), None)
    if declared is None or _was_over(usage, due):
        return []
    term = {
        "ends_on": due.ends_on.isoformat(),
        "days_before": due.days_before,
        "follows": _what_follows(usage),
    }
    key = f"{due.ends_on}/notice/{declared.id}/1"
    context = usage.context(usage.state.period) | {"term": term}
    return [*action_orders(usage, declared.actions, cause="notice", key=key, at=now, context=context)]


def _was_over(usage: Usage, due: NoticeDue) -> bool:
    """Whether the term of a notice was over before the count began."""
    if usage.terms.rules == 1:
        return False
    periods, next_day = usage.terms.periods, due.ends_on + timedelta(days=1)
    next_terms = (periods.starts_at(n) for n in periods.term_starts if periods.first_day(n) == next_day)
    ends_at = next(next_terms, periods.ends_at)
    return ends_at is not None and ends_at <= usage.state.begun_at


def _end_period(usage: Usage, ended_at: datetime, now: datetime) -> list[UsageEffect]:
    """The count resets, with what was unused reported and perhaps carried over; with the last period the term ends."""
    state, period = usage.state, usage.state.period
    unit = usage.terms.allowance.unit
    unused = usage.left(period)
    reason = "the period has ended" + ("" if unused is None else f"; {amount_text(unused, unit)} unused")
    effects: list[UsageEffect] = [
        usage.row(RowKind.RESET, period, at=ended_at, now=now, amount=unused or 0, reason=reason)
    ]
    if usage.terms.periods.is_last(period):
        state.is_over = True
        effects += carry_to_renewal(usage, ended_at, now)
    else:
        state.period += 1
        effects += usage.carry(period, now)
    state.again = [number for number in state.again if number != period]
    effects.append(report(usage, period, again=False))
    if usage.terms.periods.ends_term(period) and ended_at > state.begun_at:
        effects += _tell_what_was_left(usage, period, now)
    return effects


def carry_to_renewal(usage: Usage, at: datetime, now: datetime) -> list[UsageEffect]:
    """What was left at the end of the last period goes over into the renewal, if so set and there is one."""
    renewal, period = usage.state.renewal, usage.state.period
    left = usage.left(period)
    if renewal is None or usage.terms.allowance.carry_over != "renewal" or not left:
        return []
    amount = usage.carried_at_most(left)
    if amount == 0:
        return []
    usage.changing_use(period).carried_out += amount
    reason = f"left over; goes into {renewal.entitlement_id}"
    row = usage.row(RowKind.CARRIED, period, at=at, now=now, amount=amount, carried_out=amount, reason=reason)
    order = CarryOverOrder(
        entitlement_id=usage.terms.entitlement_id, renewal_id=renewal.entitlement_id, amount=amount, at=at
    )
    return [row, order]


def _tell_what_was_left(usage: Usage, period: int, now: datetime) -> list[UsageEffect]:
    to = usage.terms.renewals_mail or usage.terms.manager
    if to is None:
        return []
    balance = usage.balance_of(period)
    starts = [number for number in (*usage.terms.periods.term_starts, usage.terms.periods.count) if number > period]
    next_day = usage.terms.periods.first_day(starts[0]) if starts[0] < usage.terms.periods.count else None
    ends_on = usage.terms.periods.term.ends_on if next_day is None else next_day - timedelta(days=1)
    term = {
        "ends_on": str(ends_on),
        "carried_over": amount_text(balance.carried_over, usage.terms.allowance.unit),
        "follows": _what_follows(usage),
    }
    mail = Email(do="email", id="renewals", to=[to], subject=_SUBJECT, body=_BODY)
    context = usage.context(period) | {"term": term}
    return [*action_orders(usage, [mail], cause="term_end", key=f"{period}/term-end/unused/1", at=now, context=context)]


def _what_follows(usage: Usage) -> str:
    renewal = usage.state.renewal
    if renewal is not None:
        return f"renewed as {renewal.entitlement_id}, from {renewal.starts_on} to {renewal.ends_on}"
    match usage.terms.term_end.policy:
        case AtTermEnd.EXPIRE:
            return "it expires"
        case AtTermEnd.RESET:
            return f"a new term of {usage.terms.term_end.term}"
        case AtTermEnd.RENEW:
            return "it is renewed"


def report(usage: Usage, period: int, *, again: bool) -> PeriodRecord:
    """A period that has ended, by time or because the entitlement was cancelled."""
    state, periods = usage.state, usage.terms.periods
    ends_at = min(at for at in (periods.ends_before(period), state.cancelled_at) if at is not None)
    state.reports += 1
    balance = usage.balance_of(period)
    return PeriodRecord(
        number=state.reports,
        period=period,
        first_day=balance.first_day,
        ended_at=ends_at,
        used=balance.used,
        overage=balance.overage,
        cap=balance.cap,
        carried=balance.carried,
        unused=balance.remaining,
        carried_over=balance.carried_over,
        overflows=balance.overflows,
        again=again,
        ends_term=periods.ends_term(period) or ends_at == state.cancelled_at,
    )

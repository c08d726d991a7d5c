"""What time brings to an entitlement: notices, the renewal, the ends of periods and of terms."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from domain.process import Email
from domain.usage.book import RowDraft, UsageBook, UsageEffect
from domain.usage.carrying import carry, carry_to_renewal
from domain.usage.opening import open_balance
from domain.usage.periods import NoticeDue
from domain.usage.planned import forget_what_has_come
from domain.usage.renewals import renew
from domain.usage.rows import RowKind
from domain.usage.term_end import AtTermEnd
from domain.usage.thresholds import WRITES_THRESHOLDS, action_orders
from domain.usage.units import amount_text
from domain.usage.weighing import BOUNDS_BYTES, MOST_NOTICED

TELLS_OF_CANCELLING = 3
"""The version of the rules since which the renewals contact hears what was unused of what is cancelled."""

RENEWED_AHEAD = timedelta(hours=1)
"""How long before a term ends its renewal is made, so that the new record is there at the new term's first instant."""

_SUBJECT = "Entitlement {{ entitlement.name or entitlement.id }}: the term to {{ term.ends_on }} has ended"
_UNUSED = """\
Of entitlement {{ entitlement.name or entitlement.id }}, account {{ account.id }}, \
{{ usage.remaining if usage.remaining is not none else 'no limited number of' }} {{ entitlement.unit }} \
were unused """
_USED = """ ({{ usage.used }} used\
{% if usage.cap is not none %} of {{ usage.cap }}{% endif %}\
{% if usage.overage %}, and {{ usage.overage }} beyond{% endif %})."""
_BODY = f"""\
{_UNUSED}at the end of its term{_USED}
{{{{ term.carried_over }}}} carried over. What follows: {{{{ term.follows }}}}."""
_CANCELLED_SUBJECT = "Entitlement {{ entitlement.name or entitlement.id }} was cancelled"
_CANCELLED_BODY = f"{_UNUSED}when it was cancelled{_USED}"


class _Due(NamedTuple):
    """Something that time brings; at one instant notices come before the renewal, and that before the end."""

    at: datetime
    rank: int
    notice: NoticeDue | None = None


_NOTICE, _RENEWAL, _END, _CANCELLED = range(4)


def advance(book: UsageBook, now: datetime) -> list[UsageEffect]:
    """Do all that time brings up to and including `now`, in order."""
    effects = open_balance(book, now)
    forget_what_has_come(book, now)
    again, book.state.again = sorted(book.state.again), []
    effects += [book.report(period, again=True) for period in again]
    while (due := _next(book)) is not None and due.at <= now:
        if due.notice is not None:
            effects += _give_notice(book, due.notice, now)
        elif due.rank == _CANCELLED:
            effects += end_by_cancelling(book, now)
        elif due.rank == _RENEWAL:
            effects += renew(book, due.at, by="milepost", reason="its term ends", clocked_at=now)
        else:
            effects += _end_period(book, due.at, now)
    return effects


def next_due(book: UsageBook) -> datetime | None:
    """When time brings something next; in the past if it is overdue."""
    if book.state.again:
        return book.ends_before(book.state.again[0])
    due = _next(book)
    return due.at if due else None


def _next(book: UsageBook) -> _Due | None:
    state, periods = book.state, book.terms.periods
    if state.is_over:
        return None
    due: list[_Due] = []
    ends_at = periods.ends_before(state.period)
    # The period after the last known one is waited for: freezing the periods further makes it known.
    if ends_at is not None and (periods.is_last(state.period) or state.period + 1 < periods.count):
        due.append(_Due(ends_at, _END))
    is_renewed = state.renewal is None and book.terms.term_end.policy is AtTermEnd.RENEW
    # What was over before the count began is renewed by hand, if it is.
    if is_renewed and periods.ends_at is not None and periods.ends_at > state.begun_at:
        due.append(_Due(periods.ends_at - RENEWED_AHEAD, _RENEWAL))
    due += [_Due(notice.at, _NOTICE, notice) for notice in _notices_ahead(book)[:1]]
    if state.cancelled_at is not None:
        cancelled_at = state.cancelled_at
        due = [one for one in due if one.at < cancelled_at and one.rank != _RENEWAL]
        due.append(_Due(cancelled_at, _CANCELLED))
    return min(due, key=lambda one: (one.at, one.rank), default=None)


def _notices_ahead(book: UsageBook) -> list[NoticeDue]:
    """The notices that were not given, of terms whose end is ahead."""
    first_day = book.terms.periods.first_day(book.state.period)
    return [
        notice
        for notice in book.terms.periods.notices
        if (first_day is None or notice.ends_on >= first_day) and _named(notice) not in book.state.noticed
    ]


def _named(notice: NoticeDue) -> str:
    return f"{notice.ends_on}/{notice.days_before}"


def _give_notice(book: UsageBook, due: NoticeDue, now: datetime) -> list[UsageEffect]:
    book.state.noticed.append(_named(due))
    if book.terms.rules >= BOUNDS_BYTES:
        del book.state.noticed[:-MOST_NOTICED]
    declared = next((n for n in book.terms.term_end.notices if n.days_before == due.days_before), None)
    if declared is None or _was_over(book, due):
        return []
    term = {
        "ends_on": due.ends_on.isoformat(),
        "days_before": due.days_before,
        "follows": _what_follows(book),
    }
    key = f"{due.ends_on}/notice/{declared.id}/1"
    context = book.context(book.state.period) | {"term": term}
    return [*action_orders(book, declared.actions, cause="notice", key=key, at=now, context=context)]


def _was_over(book: UsageBook, due: NoticeDue) -> bool:
    """Whether the term of a notice was over before the count began."""
    if book.terms.rules == 1:
        return False
    periods, next_day = book.terms.periods, due.ends_on + timedelta(days=1)
    next_terms = (periods.starts_at(n) for n in periods.term_starts if periods.first_day(n) == next_day)
    ends_at = next(next_terms, periods.ends_at)
    return ends_at is not None and ends_at <= book.state.begun_at


def _end_period(book: UsageBook, ended_at: datetime, now: datetime) -> list[UsageEffect]:
    """The count resets, with what was unused reported and perhaps carried over; with the last period the term ends."""
    state, period = book.state, book.state.period
    unit = book.terms.allowance.unit
    unused = book.left(period)
    reason = "the period has ended" + ("" if unused is None else f"; {amount_text(unused, unit)} unused")
    effects: list[UsageEffect] = [
        book.write(RowDraft(kind=RowKind.RESET, period=period, at=ended_at, now=now, amount=unused or 0, reason=reason))
    ]
    if book.terms.periods.is_last(period):
        state.is_over = True
        effects += _expired(book, ended_at, now)
        effects += carry_to_renewal(book, ended_at, now)
    else:
        state.period += 1
        effects += carry(book, period, now)
    state.again = [number for number in state.again if number != period]
    effects.append(book.report(period, again=False))
    if book.terms.periods.ends_term(period) and ended_at > state.begun_at:
        effects += _tell_what_was_left(book, period, now)
    return effects


def _expired(book: UsageBook, ended_at: datetime, now: datetime) -> list[UsageEffect]:
    """Put on record that the term ended, and no other follows: neither a new one nor a renewal."""
    if book.terms.rules < WRITES_THRESHOLDS or book.state.renewal is not None:
        return []
    term = book.terms.periods.term
    draft = RowDraft(
        kind=RowKind.EXPIRED, period=book.state.period, at=ended_at, now=now, reason=f"its term ended on {term.ends_on}"
    )
    return [book.write(draft)]


def end_by_cancelling(book: UsageBook, now: datetime) -> list[UsageEffect]:
    """End the period in which it was cancelled, report what is unused of it, and take back what came after it.

    Nothing that was carried from one period to the next stays where the next has not begun by then.
    """
    state, last = book.state, book.last_period
    was_reported = state.is_over or last < state.period
    effects = carry_to_renewal(book, now, now)
    taken_back = range(last + 1, state.period + 1)
    for period in taken_back:
        if carried := book.use(period).carried:
            book.changing_use(period).carried -= carried
            draft = RowDraft(
                kind=RowKind.CARRIED,
                period=period,
                at=now,
                now=now,
                amount=-carried,
                carried=-carried,
                reason="cancelled before that period",
            )
            effects.append(book.write(draft))
        if period < state.period or state.is_over:
            effects.append(book.report_taken_back(period))
    state.period, state.is_over = last, True
    state.again = [number for number in state.again if number < last]
    effects.append(book.report(last, again=was_reported))
    if book.terms.rules >= TELLS_OF_CANCELLING:
        effects += _tell_what_was_left(book, last, now)
    return effects


def _tell_what_was_left(book: UsageBook, period: int, now: datetime) -> list[UsageEffect]:
    to = book.terms.renewals_mail or book.terms.manager
    if to is None:
        return []
    balance = book.balance_of(period)
    key = "term-end" if book.state.cancelled_at is None else "cancelled"
    starts = [number for number in (*book.terms.periods.term_starts, book.terms.periods.count) if number > period]
    next_day = book.terms.periods.first_day(starts[0]) if starts[0] < book.terms.periods.count else None
    ends_on = book.terms.periods.term.ends_on if next_day is None else next_day - timedelta(days=1)
    term = {
        "ends_on": str(ends_on),
        "carried_over": amount_text(balance.carried_over, book.terms.allowance.unit),
        "follows": _what_follows(book),
    }
    is_cut = book.state.cancelled_at is not None
    subject, body = (_CANCELLED_SUBJECT, _CANCELLED_BODY) if is_cut else (_SUBJECT, _BODY)
    mail = Email(do="email", id="renewals", to=[to], subject=subject, body=body)
    context = book.context(period) | {"term": term}
    return [*action_orders(book, [mail], cause="term_end", key=f"{period}/{key}/unused/1", at=now, context=context)]


def _what_follows(book: UsageBook) -> str:
    renewal = book.state.renewal
    if book.state.cancelled_at is not None:
        return "it was cancelled"
    if renewal is not None:
        return f"renewed as {renewal.entitlement_id}, from {renewal.starts_on} to {renewal.ends_on}"
    match book.terms.term_end.policy:
        case AtTermEnd.EXPIRE:
            return "it expires"
        case AtTermEnd.RESET:
            return f"a new term of {book.terms.term_end.term}"
        case AtTermEnd.RENEW:
            return "it is renewed"

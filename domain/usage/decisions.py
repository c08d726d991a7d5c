"""Decisions about overflows that were asked about: yes takes it at the overage price, with a row for billing."""

from __future__ import annotations

from datetime import datetime

from domain.errors import Refused
from domain.usage.allowance import Overflow
from domain.usage.answers import Taken, answer
from domain.usage.book import RowDraft, UsageBook
from domain.usage.carrying import room_with_grants
from domain.usage.grants import available
from domain.usage.planned import note_planned
from domain.usage.prices import note_price
from domain.usage.requests import Consumption, OverageDecision
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.taking import grant
from domain.usage.takings import Taking
from domain.usage.thresholds import pass_thresholds
from domain.usage.units import HOURS

KEEPS_WHAT_WAS_ASKED = 6
"""The version of the rules since which a yes after several no's is billed as it was asked, as after one."""


def decide(book: UsageBook, decision: OverageDecision, now: datetime) -> Taken:
    """Take what somebody decided.

    Yes to a case or visit takes it: beyond the cap, unless there is room for it by now, and then it is no override. Yes
    to a time entry, whose work is on record, writes its override. No takes nothing. A decision that comes again changes
    nothing. What somebody was asked is decided also when the rules, which say nothing of that which was asked before
    them, ask nobody any more; its price is the one that was named then.

    Raises:
        Refused: there is nothing to decide. The usage is as it was.
    """
    taking = book.state.taken.find(decision.reference)
    known = book.state.changed.find(decision.event_id)
    if known is not None:
        return Taken(
            answer(
                book, decision.reference, "already" if taking else "overflow", taking or known, decision.occurred_at
            ),
            [],
        )
    policy = book.terms.allowance.overflow
    if policy is not Overflow.PROMPT and decision.reference not in book.state.asked:
        raise Refused(
            "nothing_to_decide", f"entitlement {book.terms.entitlement_id} does not ask: its overflow is {policy}"
        )
    is_entry = book.terms.allowance.unit == HOURS
    taken = (_entry if is_entry else _case)(book, decision, taking, now)
    book.state.changed.add(decision.event_id, Taking(taken.answer.period or 0, 0))
    book.state.asked.pop(decision.reference, None)
    return taken


def _entry(book: UsageBook, decision: OverageDecision, taking: Taking | None, now: datetime) -> Taken:
    """A time entry: what is beyond the cap is recorded already; yes says that it is billed."""
    reference = decision.reference
    if taking is None or not taking.overage:
        raise Refused("nothing_to_decide", f"no time entry {reference!r} has overage in {book.terms.entitlement_id}")
    if book.state.approved.find(reference):
        if not decision.approved:
            raise Refused("already_approved", f"the overage of {reference!r} is approved; reverse the entry instead")
        return Taken(answer(book, reference, "already", taking, decision.occurred_at), [])
    if not decision.approved:
        asked = book.state.asked.get(reference)
        is_rated = asked is not None and asked.worked is not None and asked.amount == taking.overage
        uncovered = asked.worked if asked is not None and is_rated and asked.worked is not None else taking.overage
        return _no(book, decision, taking, now, uncovered=uncovered)
    more, taking = _rated_again(book, reference, taking)
    book.state.declined.forget(reference)
    book.state.approved.add(reference, Taking(taking.period, 0, taking.overage))
    row = _override(book, decision, taking.period, now, taking.overage, overage=more)
    return Taken(answer(book, reference, "granted", taking, decision.occurred_at), [row])


def _rated_again(book: UsageBook, reference: str, taking: Taking) -> tuple[int, Taking]:
    """Count overage that was declined, and stayed uncovered as it was worked, as it was rated when it was asked about.

    Returns:
        What that adds to the overage of its period, and what the reference took with it.
    """
    declined = book.state.declined.find(reference)
    if declined is None or not declined.worked or declined.worked != taking.overage:
        return 0, taking
    more = declined.overage - taking.overage
    book.changing_use(taking.period).overage += more
    taking = taking._replace(overage=declined.overage)
    book.state.taken.move(reference, taking)
    return more, taking


def _case(book: UsageBook, decision: OverageDecision, taking: Taking | None, now: datetime) -> Taken:
    if taking is not None:
        return Taken(answer(book, decision.reference, "already", taking, decision.occurred_at), [])
    if not decision.approved:  # takes nothing, and so needs no period that is there
        return _no(book, decision, Taking(book.period_near(decision.occurred_at), 0), now)
    period, amount = book.period_of(decision.occurred_at), decision.amount
    book.state.declined.forget(decision.reference)
    room = room_with_grants(book, period)
    there = available(book, period, decision.occurred_at, room)
    if there is None or amount <= there:
        asked = decision.model_dump(include={"reference", "event_id", "amount", "occurred_at", "case_id", "by"})
        return grant(book, Consumption(**asked), period, room, now)
    taking = Taking(period, 0, amount)
    book.changing_use(period).overage += amount
    book.state.taken.add(decision.reference, taking)
    book.state.approved.add(decision.reference, taking)
    note_planned(book, decision.reference, taking, decision.occurred_at, now)
    row = _override(book, decision, period, now, amount, overage=amount)
    said = answer(book, decision.reference, "granted", taking, decision.occurred_at)
    return Taken(said, [row, *pass_thresholds(book, period, now)])


def _no(
    book: UsageBook, decision: OverageDecision, taking: Taking, now: datetime, *, uncovered: int | None = None
) -> Taken:
    """Note a no. What stays uncovered of a rated time entry are the minutes that were worked."""
    less, declined = 0, taking
    if uncovered is not None and uncovered != taking.overage:
        less, declined = uncovered - taking.overage, taking._replace(worked=uncovered)
        book.changing_use(taking.period).overage += less
        taking = taking._replace(overage=uncovered)
        book.state.taken.move(decision.reference, taking)
    before = book.state.declined.find(decision.reference)
    if before is None or not before.worked or book.terms.rules < KEEPS_WHAT_WAS_ASKED:
        book.state.declined.move(decision.reference, declined)
    draft = RowDraft(
        kind=RowKind.DECLINED,
        period=taking.period,
        at=decision.occurred_at,
        now=now,
        overage=less,
        reference=decision.reference,
        event_id=decision.event_id,
        case_id=decision.case_id,
        by=decision.by,
        reason=decision.reason,
    )
    return Taken(answer(book, decision.reference, "overflow", taking, decision.occurred_at), [book.write(draft)])


def _override(
    book: UsageBook, decision: OverageDecision, period: int, now: datetime, amount: int, *, overage: int
) -> LedgerRow:
    """The row by which overage is billed.

    Args:
        book: of the entitlement.
        decision: yes.
        period: whose overage it is.
        now: the entitlement's clock.
        amount: what is billed.
        overage: what this adds to the overage of the period; 0 where that is on record already.
    """
    asked = book.state.asked.get(decision.reference)
    price = asked.price if asked else book.allowance(period).overage_price
    note_price(book, decision.reference, Taking(period, 0, amount), price)
    draft = RowDraft(
        kind=RowKind.OVERRIDE,
        period=period,
        at=decision.occurred_at,
        now=now,
        amount=amount,
        overage=overage,
        price=price,
        reference=decision.reference,
        event_id=decision.event_id,
        case_id=decision.case_id,
        by=decision.by,
        reason=decision.reason,
    )
    return book.write(draft)

"""What a renewal could not give back: it was taken late of the record before, and the renewal has used it by then."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from domain.usage.book import RowDraft, UsageBook, UsageEffect
from domain.usage.carrying import carry_on, lapsed
from domain.usage.effects import CarryBackOrder
from domain.usage.grants import Room, added, pay, take_back_grants
from domain.usage.prices import price_of
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.state import Cover
from domain.usage.takings import Taking

_NOTHING_THAT_WENT_ON = Room(0, 0, 0)
"""A grant that was carried over pays nothing of it."""


class _Shortage(NamedTuple):
    """What was asked back of a renewal and did not come.

    Attributes:
        order: by which it was asked.
        amount: how much is missing.
        now: the entitlement's clock.
    """

    order: CarryBackOrder
    amount: int
    now: datetime

    @property
    def taken_in(self) -> int:
        """The period that was to have it."""
        return self.order.period if self.order.taken_in is None else self.order.taken_in

    def row(self, kind: RowKind, period: int, *, amount: int, used: int = 0, overage: int = 0) -> RowDraft:
        """A row of the ledger that says why."""
        return RowDraft(
            kind=kind,
            period=period,
            at=self.order.at,
            now=self.now,
            amount=amount,
            used=used,
            overage=overage,
            reference=self.order.reference,
            by="milepost",
            reason=f"{self.order.renewal_id} has used it",
        )


def taken_back(book: UsageBook, order: CarryBackOrder, given: int, now: datetime) -> list[UsageEffect]:
    """Count as overage what was taken late and the renewal could not give back, since it has used it.

    What a grant was to pay other grants and the cap pay first, as far as they have lapsed. What overage was to be
    covered from is overage again, and is billed again if it was.

    Args:
        book: of the record that was renewed.
        order: by which the renewal was asked.
        given: what it gave back.
        now: the entitlement's clock.
    """
    short = _Shortage(order, order.amount - given, now)
    if short.amount <= 0:
        return []
    effects: list[UsageEffect] = [_kept(book, short)]
    if book.state.cancelled_at is not None:
        return effects
    taking = None if order.reference is None else book.state.taken.find(order.reference)
    if order.is_cover and taking is not None:
        effects += _no_longer_covered(book, short, taking)
    else:
        effects.append(_paid_anew(book, short, taking))
    return [*effects, *carry_on(book, short.taken_in, now)]


def _kept(book: UsageBook, short: _Shortage) -> LedgerRow:
    """What the renewal keeps has gone over for good."""
    book.changing_use(short.order.period).carried_out += short.amount
    draft = RowDraft(
        kind=RowKind.CARRIED,
        period=short.order.period,
        at=short.order.at,
        now=short.now,
        amount=short.amount,
        carried_out=short.amount,
        reason=f"{short.order.renewal_id} has used it",
    )
    return book.write(draft)


def _paid_anew(book: UsageBook, short: _Shortage, taking: Taking | None) -> LedgerRow:
    """Pay anew for what was taken late, when grants and cap have given so much too much; it is noted of the taking.

    What a grant paid and can't pay, since the renewal has used it, is paid by grants and then by the cap as far as they
    did not go on.
    """
    period, reference = short.taken_in, short.order.reference
    grants = () if taking is None else taking.grants
    kept, of_grants = take_back_grants(book, grants, short.order.amount - short.amount, short.amount)
    use = book.changing_use(period)
    moved = min(short.amount - of_grants, use.used)
    use.used -= moved
    again = pay(book, period, short.order.occurred_at or short.order.at, of_grants, _NOTHING_THAT_WENT_ON)
    of_the_cap = min(again.cap, lapsed(book, period))
    used, overage = of_the_cap - moved, moved + again.cap - of_the_cap
    use.used += of_the_cap
    use.overage += overage
    use.late += overage
    if reference is not None and taking is not None and taking.amount >= moved:
        book.state.taken.move(
            reference,
            taking._replace(
                amount=taking.amount + used, overage=taking.overage + overage, grants=added(kept, again.grants)
            ),
        )
    kind = RowKind.OVERAGE if overage else RowKind.TAKEN
    return book.write(short.row(kind, period, amount=overage, used=used, overage=overage))


def _no_longer_covered(book: UsageBook, short: _Shortage, taking: Taking) -> list[UsageEffect]:
    """Count as overage again what a period was to pay for, and bill it again if it was billed."""
    pays, reference = short.taken_in, short.order.reference or ""
    is_of_its_own = pays == taking.period
    paying = book.changing_use(pays)
    amount = min(short.amount, paying.used, taking.amount if is_of_its_own else taking.let_go)
    if amount == 0:  # it was reversed meanwhile
        return []
    paying.used -= amount
    own = book.changing_use(taking.period)
    own.overage += amount
    effects: list[UsageEffect]
    if is_of_its_own:
        own.late += amount
        moved = taking._replace(amount=taking.amount - amount, overage=taking.overage + amount)
        effects = [book.write(short.row(RowKind.OVERAGE, pays, amount=amount, used=-amount, overage=amount))]
    else:
        moved = taking._replace(let_go=taking.let_go - amount, overage=taking.overage + amount)
        _pays_less(book, reference, pays, amount)
        effects = [
            book.write(short.row(RowKind.COVERED, pays, amount=-amount, used=-amount)),
            book.write(short.row(RowKind.OVERAGE, taking.period, amount=amount, overage=amount)),
        ]
    book.state.taken.move(reference, moved)
    if book.state.approved.find(reference):
        effects.append(_billed_again(book, short, taking.period, amount))
    return effects


def _pays_less(book: UsageBook, reference: str, pays: int, amount: int) -> None:
    """Note of a reference's overage that a later period covers so much less of it."""
    covers: list[Cover] = []
    for cover in reversed(book.state.covers.pop(reference, [])):
        less = min(cover.amount, amount) if cover.period == pays else 0
        amount -= less
        if cover.amount > less:
            covers.insert(0, Cover(period=cover.period, amount=cover.amount - less))
    if covers:
        book.state.covers[reference] = covers


def _billed_again(book: UsageBook, short: _Shortage, period: int, amount: int) -> LedgerRow:
    """The override of overage that was covered from what the renewal has used."""
    reference = short.order.reference or ""
    draft = RowDraft(
        kind=RowKind.OVERRIDE,
        period=period,
        at=short.order.at,
        now=short.now,
        amount=amount,
        price=price_of(book, reference, period),
        reference=reference,
        by="milepost",
        reason=f"{short.order.renewal_id} has used what it was covered from",
    )
    return book.write(draft)

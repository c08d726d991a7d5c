"""What was taken for an instant that is still ahead, such as a visit: it counts as long as the term reaches it."""

from __future__ import annotations

from datetime import datetime

from domain.errors import Refused
from domain.usage.book import RowDraft, UsageBook, UsageEffect
from domain.usage.carrying import room_with_grants
from domain.usage.grants import give_back_grants, pay
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.state import Planned
from domain.usage.takings import Taking
from domain.usage.thresholds import pass_thresholds
from domain.usage.weighing import BOUNDS_BYTES, are_too_long

MOST_PLANNED = 1_000
"""Of one entitlement at once."""

LEAVES_NOTHING = 6
"""The version of the rules since which what a new end left out gives back what grants have paid of it, and is reversed
with its override after its day, too."""


def check_room_ahead(book: UsageBook, at: datetime, now: datetime) -> None:
    """Check that one more can be planned.

    Raises:
        Refused: too much is planned already.
    """
    planned = book.state.planned
    are_long = book.terms.rules >= BOUNDS_BYTES and at > now and are_too_long(one.reference for one in planned)
    if at > now and (len(planned) >= MOST_PLANNED or are_long):
        raise Refused(
            "too_many_planned",
            f"{len(planned)} are planned ahead of {book.terms.entitlement_id}, and no more can be; take it on its day",
        )


def note_planned(book: UsageBook, reference: str, taking: Taking, at: datetime, now: datetime) -> None:
    """Remember what was taken for an instant ahead, until that has come."""
    if at > now:
        planned = Planned(
            reference=reference, period=taking.period, at=at, amount=taking.amount, overage=taking.overage
        )
        book.state.planned.append(planned)


def forget_what_has_come(book: UsageBook, now: datetime) -> None:
    """Forget of what is planned all whose instant has come: it is like everything else that was taken.

    What lies beyond an amended end by then stays known, and has let go of what it took: it will never count again.
    One that is billed is kept: its override is withdrawn when it is reversed.
    """
    come = [planned for planned in book.state.planned if planned.at <= now and not _is_kept(book, planned)]
    if not come:
        return
    references = {planned.reference for planned in come}
    book.state.planned = [planned for planned in book.state.planned if planned.reference not in references]
    for planned in come:
        taking = book.state.taken.find(planned.reference)
        if taking is not None and not planned.counts:
            gone, kept = taking.amount + taking.overage + taking.let_go, taking.grants
            if book.terms.rules >= LEAVES_NOTHING:
                gone, kept = gone + taking.granted, ()
            book.state.taken.move(planned.reference, Taking(taking.period, 0, let_go=gone, grants=kept))


def _is_kept(book: UsageBook, planned: Planned) -> bool:
    is_billed = not planned.counts and book.state.approved.find(planned.reference) is not None
    return is_billed and book.terms.rules >= LEAVES_NOTHING


def find_planned(book: UsageBook, reference: str) -> Planned | None:
    """What is planned under a reference."""
    return next((planned for planned in book.state.planned if planned.reference == reference), None)


def drop_planned(book: UsageBook, reference: str) -> None:
    """Forget what is planned under a reference."""
    book.state.planned = [planned for planned in book.state.planned if planned.reference != reference]


def change_planned(book: UsageBook, reference: str, *, amount: int, overage: int) -> None:
    """Remember another amount of what is planned under a reference."""
    book.state.planned = [
        planned.model_copy(update={"amount": amount, "overage": overage}) if planned.reference == reference else planned
        for planned in book.state.planned
    ]


def recount_planned(book: UsageBook, now: datetime, *, by: str, event_id: str) -> list[UsageEffect]:
    """Count what the amended term reaches again, and no longer what lies beyond it. All of it stays on record."""
    effects: list[UsageEffect] = []
    for number, planned in enumerate(book.state.planned):
        counts = book.has(planned.period) and book.status(planned.at) not in {"expired", "cancelled"}
        if counts == planned.counts:
            continue
        recounted, granted = _grants_recounted(book, planned)
        book.state.planned[number] = recounted.model_copy(update={"counts": counts})
        effects += _recounted(book, recounted, granted, now, by=by, event_id=event_id)
    return effects


def holds_grants(book: UsageBook, planned: Planned | None) -> bool:
    """Whether grants that have paid for what was taken pay for it still: not for what a new end has left out."""
    return planned is None or planned.counts or book.terms.rules < LEAVES_NOTHING


def _recounted(
    book: UsageBook, planned: Planned, granted: int, now: datetime, *, by: str, event_id: str
) -> list[UsageEffect]:
    sign = -1 if planned.counts else 1
    use = book.changing_use(planned.period)
    use.used += sign * planned.amount
    use.overage += sign * planned.overage
    row: LedgerRow = book.write(
        RowDraft(
            kind=RowKind.AMENDED,
            period=planned.period,
            at=planned.at,
            now=now,
            amount=sign * (planned.amount + planned.overage + granted),
            used=sign * planned.amount,
            overage=sign * planned.overage,
            reference=planned.reference,
            event_id=event_id,
            by=by,
            reason="planned for after the new end" if sign < 0 else "planned, and within the term again",
        )
    )
    return [row, *(pass_thresholds(book, planned.period, now) if sign > 0 else [])]


def _grants_recounted(book: UsageBook, planned: Planned) -> tuple[Planned, int]:
    """Give back what grants have paid of what is left out; of what counts again have them pay as much, or else the cap.

    How much that is the taking says meanwhile.

    Returns:
        What is planned, with what is used of the cap for it, and what grants have paid of it, or pay now.
    """
    reference, period = planned.reference, planned.period
    taking = book.state.taken.find(reference)
    if taking is None or not taking.grants or book.terms.rules < LEAVES_NOTHING:
        return planned, 0
    if planned.counts:
        give_back_grants(book, taking.grants)
        return planned, taking.granted
    paid = pay(book, period, planned.at, taking.granted, room_with_grants(book, period))
    taking = taking._replace(amount=taking.amount + paid.cap, grants=paid.grants)
    book.state.taken.move(reference, taking)
    return planned.model_copy(update={"amount": taking.amount}), taking.granted

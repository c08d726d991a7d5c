"""Grants: credits for one period by hand. A grant is used first, and what it pays is not used of the cap."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.errors import Refused
from domain.usage.book import UsageBook
from domain.usage.state import Grant

MOST_GRANTS = 200
"""Of one entitlement; a run hands them over to the next."""

_INSTANT = timedelta(microseconds=1)


class Room(NamedTuple):
    """What can still be taken in a period.

    Attributes:
        free: of the cap and of what was carried over into the period.
        carried: of what goes on from it, of the cap or of grants, and is not used since; all of a grant that is carried
            over goes on, so that what it pays comes out of this.
    """

    free: int
    carried: int


class Payment(NamedTuple):
    """How an amount is paid.

    Attributes:
        cap: so much of it is used of the cap and of what was carried over.
        grants: the numbers of grants, each with what it pays.
    """

    cap: int
    grants: tuple[tuple[int, int], ...] = ()


def note_grant(book: UsageBook, period: int, amount: int, *, until: datetime | None, carries_over: bool) -> None:
    """Keep a grant of a period.

    Raises:
        Refused: it could pay for nothing, or carry nothing over, or there are too many.
    """
    ends_at, begins_at = book.ends_before(period), book.terms.periods.starts_at(period)
    if book.left(period) is None:
        raise Refused("unlimited", f"{book.terms.entitlement_id} is unlimited in that period; nothing need be granted")
    if until is not None and begins_at is not None and until < begins_at:
        raise Refused("bad_dates", f"until {until.isoformat()} lies before the period, so nothing could meet it")
    if carries_over and until is not None and ends_at is not None and until < ends_at - _INSTANT:
        raise Refused("carries_nothing", "a grant that ends before its period leaves nothing that is carried over")
    if len(book.state.grants) >= MOST_GRANTS:
        raise Refused("too_many_grants", f"{MOST_GRANTS} grants are on record; amend the cap instead")
    number = len(book.state.grants) + 1
    book.state.grants.append(Grant(number=number, period=period, amount=amount, until=until, carries_over=carries_over))


def granted_at(book: UsageBook, period: int, at: datetime) -> list[Grant]:
    """The grants that still pay for what is taken at an instant: by their ends, then as they were made."""
    meets = [
        one for one in book.state.grants if one.period == period and one.rest and (one.until is None or at <= one.until)
    ]
    return sorted(meets, key=lambda one: (one.until is None, one.until or at, one.number))


def lasting(book: UsageBook, period: int) -> int:
    """What is left of grants at the end of a period, and is carried over with what is left of it."""
    return sum(one.rest for one in book.state.grants if one.period == period and _lasts(book, one))


def _lasts(book: UsageBook, grant: Grant) -> bool:
    ends_at = book.ends_before(grant.period)
    return grant.carries_over and (grant.until is None or ends_at is None or grant.until >= ends_at - _INSTANT)


def available(book: UsageBook, period: int, at: datetime, room: Room | None) -> int | None:
    """What can be taken at an instant, of grants, of the cap and of what was carried over; None: unlimited."""
    left = book.left(period)
    if room is None or left is None:
        return None
    grants = granted_at(book, period, at)
    lapsing = sum(one.rest for one in grants if not _lasts(book, one))
    of_lasting = min(sum(one.rest for one in grants if _lasts(book, one)), room.carried)
    return lapsing + of_lasting + min(left, room.free + room.carried - of_lasting)


def pay(book: UsageBook, period: int, at: datetime, amount: int, room: Room | None) -> Payment:
    """Use grants for an amount that is available, as far as they go; the rest is to be used of the cap."""
    paid: list[tuple[int, int]] = []
    carried = None if room is None else room.carried
    for grant in granted_at(book, period, at):
        part = min(amount, grant.rest)
        if carried is not None and _lasts(book, grant):
            part = min(part, carried)
            carried -= part
        if part:
            paid.append((grant.number, part))
            _use(book, grant.number, part)
            amount -= part
    return Payment(amount, tuple(paid))


def give_back_grants(book: UsageBook, grants: tuple[tuple[int, int], ...]) -> None:
    """Give back what grants have paid."""
    for number, part in grants:
        _use(book, number, -part)


def take_back_grants(
    book: UsageBook, grants: tuple[tuple[int, int], ...], came_back: int, most: int
) -> tuple[tuple[tuple[int, int], ...], int]:
    """Take back what grants have paid that went on, but for what came back of it; at most so much.

    Returns:
        What they have paid then, and how much was taken back.
    """
    kept: list[tuple[int, int]] = []
    taken = 0
    for number, part in grants:
        back = 0
        if _lasts(book, book.state.grants[number - 1]):
            back = min(part - min(part, came_back), most - taken)
            came_back -= min(part, came_back)
        _use(book, number, -back)
        taken += back
        if part > back:
            kept.append((number, part - back))
    return tuple(kept), taken


def added(paid: tuple[tuple[int, int], ...], more: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """What grants have paid at two times, as one."""
    parts = Counter(dict(paid))
    parts.update(dict(more))
    return tuple(parts.items())


def _use(book: UsageBook, number: int, amount: int) -> None:
    grants = book.state.grants
    grant = grants[number - 1]
    grants[number - 1] = grant.model_copy(update={"used": grant.used + amount})

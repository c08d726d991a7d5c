"""Grants: credits for one period by hand. A grant is used first, and what it pays is not used of the cap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from domain.errors import Refused
from domain.usage.book import UsageBook
from domain.usage.state import Grant
from domain.usage.units import amount_text
from domain.wording import instant

MOST_GRANTS = 200
"""Of one entitlement; a run hands them over to the next."""

_INSTANT = timedelta(microseconds=1)
_ALWAYS = datetime.max.replace(tzinfo=UTC)


class Room(NamedTuple):
    """What can still be taken in a period.

    Attributes:
        left: what is left of its cap and of what was carried over into it.
        free: of it, what did not go on.
        carried: of what goes on from it, of the cap or of grants, and is not used since; all of a grant that is carried
            over goes on, so that what it pays comes out of this.
    """

    left: int
    free: int
    carried: int

    @property
    def of_the_cap(self) -> int:
        """What can be taken of the cap."""
        return min(self.left, self.free + self.carried)


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
        raise Refused("bad_dates", f"until {instant(until)} lies before the period, so nothing could meet it")
    if carries_over and until is not None and ends_at is not None and until < ends_at - _INSTANT:
        raise Refused("carries_nothing", "a grant that ends before its period leaves nothing that is carried over")
    if len(book.state.grants) >= MOST_GRANTS:
        raise Refused("too_many_grants", f"{MOST_GRANTS} grants are on record; amend the cap instead")
    number = len(book.state.grants) + 1
    book.state.grants.append(Grant(number=number, period=period, amount=amount, until=until, carries_over=carries_over))


def take_back_unused(book: UsageBook, period: int, amount: int, room: Room | None) -> None:
    """Take back so much of what grants of a period have left: first of the one that would pay last.

    What was carried over comes back as far as it is not used there; what went into a renewal is not there any more.

    Raises:
        Refused: less is left of them.
    """
    carried = None if room is None else room.carried
    parts: list[tuple[Grant, int]] = []
    wanted = amount
    for grant in reversed(_as_they_pay(one for one in book.state.grants if one.period == period)):
        part = min(wanted, grant.rest)
        if carried is not None and _lasts(book, grant):
            part = min(part, carried)
            carried -= part
        parts.append((grant, part))
        wanted -= part
    if wanted:
        unit = book.terms.allowance.unit
        there, all_of_it = amount_text(amount - wanted, unit), amount_text(amount, unit)
        raise Refused("too_much", f"grants of that period have {there} left that can be taken back, not {all_of_it}")
    for grant, part in parts:
        book.state.grants[grant.number - 1] = grant.model_copy(update={"amount": grant.amount - part})


def granted_at(book: UsageBook, period: int, at: datetime) -> list[Grant]:
    """The grants that still pay for what is taken at an instant: by their ends, then as they were made."""
    meets = [
        one for one in book.state.grants if one.period == period and one.rest and (one.until is None or at <= one.until)
    ]
    return _as_they_pay(meets)


def _as_they_pay(grants: Iterable[Grant]) -> list[Grant]:
    return sorted(grants, key=lambda one: (one.until is None, one.until or _ALWAYS, one.number))


def lasting(book: UsageBook, period: int) -> int:
    """What is left of grants at the end of a period, and is carried over with what is left of it."""
    return sum(one.rest for one in book.state.grants if one.period == period and _lasts(book, one))


def _lasts(book: UsageBook, grant: Grant) -> bool:
    ends_at = book.ends_before(grant.period)
    return grant.carries_over and (grant.until is None or ends_at is None or grant.until >= ends_at - _INSTANT)


def available(book: UsageBook, period: int, at: datetime, room: Room | None) -> int | None:
    """What can be taken at an instant, of grants, of the cap and of what was carried over; None: unlimited."""
    if room is None:
        return None
    if not book.state.grants:
        return room.of_the_cap
    grants = granted_at(book, period, at)
    lapsing = sum(one.rest for one in grants if not _lasts(book, one))
    of_lasting = min(sum(one.rest for one in grants if _lasts(book, one)), room.carried)
    return lapsing + of_lasting + min(room.left, room.free + room.carried - of_lasting)


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

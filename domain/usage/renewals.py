"""The renewal of an entitlement: a new, linked record that starts the day after its last."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from domain.errors import Refused
from domain.ids import numbered_id
from domain.usage.book import RowDraft, UsageBook, UsageEffect
from domain.usage.effects import RenewalOrder
from domain.usage.periods import Term
from domain.usage.rows import RowKind
from domain.usage.state import Renewal
from domain.usage.term_end import AtTermEnd
from domain.usage.term_length import TermLength, on_the_grid
from domain.wording import instant


def renewal_id(entitlement_id: str) -> str:
    """The id of the renewal of an entitlement: of ``gold`` it is ``gold~2``, of that ``gold~3``; see `numbered_id`."""
    found = re.fullmatch(r"(.+)~([1-9][0-9]{0,5})", entitlement_id)
    return numbered_id(f"{found[1]}~{int(found[2]) + 1}" if found else f"{entitlement_id}~2")


def renew(
    book: UsageBook,
    at: datetime,
    *,
    by: str,
    reason: str,
    clocked_at: datetime,
    ends_on: date | None = None,
    event_id: str | None = None,
) -> list[UsageEffect]:
    """Have the new record made, at the end of the term or early.

    Args:
        book: of the entitlement that is renewed.
        at: when it is renewed.
        by: who renews it.
        reason: why.
        clocked_at: the entitlement's now.
        ends_on: the new record's last date; None: its term is as long as declared, or as this one's.
        event_id: of the request, if there was one.

    Raises:
        Refused: its terms do not end, it is renewed already, or the dates can't be.
    """
    terms, state = book.terms, book.state
    term = terms.periods.term
    check_renewable(book)
    assert term.ends_on is not None  # noqa: S101  checked just now
    starts_on = term.ends_on + timedelta(days=1)
    anchor = None if ends_on else _anchor(term.reckoned_from or term.starts_on, starts_on)
    last = ends_on or _last_day(terms.term_end.term, term, starts_on)
    if last < starts_on:
        raise Refused("bad_dates", f"a renewal of {terms.entitlement_id} starts on {starts_on}; it can't end on {last}")
    state.renewal = Renewal(
        entitlement_id=renewal_id(terms.entitlement_id),
        starts_on=starts_on,
        ends_on=last,
        by=by,
        reckoned_from=anchor,
    )
    row = book.write(
        RowDraft(
            kind=RowKind.RENEWED,
            period=state.period,
            at=at,
            now=clocked_at,
            by=by,
            event_id=event_id,
            reason=f"{reason}: goes on as {state.renewal.entitlement_id}, {starts_on} to {last}",
        )
    )
    order = RenewalOrder(entitlement_id=terms.entitlement_id, renewal=state.renewal, at=clocked_at)
    return [row, order]


def check_renewable(book: UsageBook) -> None:
    """Whether it can be renewed.

    Raises:
        Refused: it can't; with the reason.
    """
    terms, state = book.terms, book.state
    if state.cancelled_at is not None:
        raise Refused("cancelled", f"{terms.entitlement_id} was cancelled at {instant(state.cancelled_at)}")
    if state.renewal is not None:
        said = f"it goes on as {state.renewal.entitlement_id} from {state.renewal.starts_on}"
        raise Refused("already_renewed", f"{terms.entitlement_id} is renewed already: {said}")
    if terms.term_end.policy is AtTermEnd.RESET:
        raise Refused("is_reset", f"{terms.entitlement_id} goes on by itself, {terms.term_end.term} after another")
    if terms.periods.ends_at is None:
        raise Refused("no_end", f"{terms.entitlement_id} does not end; amend its last date before it is renewed")


def renewed_as(book: UsageBook, planned_id: str, made_id: str, now: datetime) -> list[UsageEffect]:
    """Note under which id the new record was made, where the planned one is another's."""
    renewal = book.state.renewal
    if renewal is None or planned_id == made_id or renewal.entitlement_id != planned_id:
        return []
    book.state.renewal = renewal.model_copy(update={"entitlement_id": made_id})
    reason = f"{planned_id} is another entitlement; goes on as {made_id}"
    draft = RowDraft(kind=RowKind.RENEWED, period=book.state.period, at=now, now=now, by="milepost", reason=reason)
    return [book.write(draft)]


def _anchor(first_of_all: date | None, starts_on: date) -> date | None:
    """From which date the months of a new record are counted, if that is not its own start."""
    if first_of_all is None or first_of_all.day == starts_on.day:
        return None
    anchor, _ = on_the_grid(first_of_all, starts_on)
    return None if anchor == starts_on else anchor


def _last_day(length: TermLength | None, term: Term, starts_on: date) -> date:
    """The last date of the next term: as long as declared or else as this one, or a year if this one always held.

    Months are reckoned from the first record's start.
    """
    anchor = term.reckoned_from or term.starts_on
    try:
        if length is None and term.starts_on is not None and term.ends_on is not None:
            length = TermLength.between(term.starts_on, term.ends_on, anchor)
        return (length or TermLength(1, "year")).last_day(starts_on, anchor)
    except (OverflowError, ValueError):
        raise Refused(
            "bad_dates",
            f"another such term from {starts_on} ends past the year {date.max.year}; give its last date",
        ) from None

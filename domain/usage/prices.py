"""Prices of overage that was approved: each override is paid back at the price at which it was written."""

from __future__ import annotations

from domain.usage.book import UsageBook
from domain.usage.takings import ShortLedger, Taking
from domain.usage.weighing import BOUNDS_BYTES


def keep_prices(book: UsageBook, period: int) -> None:
    """Before the price changes, remember what was approved at the present one; of earlier periods the rules say it."""
    state, price = book.state, book.terms.allowance.overage_price
    _forget_withdrawn(book)
    kept = state.prices.get(price or "", ShortLedger())
    kept.take_over(state.approved, since=period, unless=list(state.prices.values()))
    state.prices = {name: one for name, one in (state.prices | {price or "": kept}).items() if one.groups}


def note_price(book: UsageBook, reference: str, taking: Taking, price: str | None) -> None:
    """Remember the price at which an override is written, if the rules of its period name another by now."""
    if price != book.allowance(taking.period).overage_price:
        book.state.prices.setdefault(price or "", ShortLedger()).add(reference, taking)
        if book.terms.rules >= BOUNDS_BYTES and sum(map(len, book.state.prices.values())) > ShortLedger.most:
            _forget_withdrawn(book)


def _forget_withdrawn(book: UsageBook) -> None:
    """Forget the prices of what is approved no more: nothing is paid back of it."""
    for kept in book.state.prices.values():
        kept.keep_as(book.state.approved)
    book.state.prices = {price: kept for price, kept in book.state.prices.items() if kept.groups}


def price_of(book: UsageBook, reference: str, period: int) -> str | None:
    """The price at which the override of a reference was written."""
    for price, kept in book.state.prices.items():
        if kept.find(reference) is not None:
            return price or None
    return book.allowance(period).overage_price

"""Prices of overage that was approved: each override is paid back at the price at which it was written."""

from __future__ import annotations

from domain.usage.book import UsageBook
from domain.usage.takings import ShortLedger, Taking


def keep_prices(book: UsageBook, period: int) -> None:
    """Before the price changes, remember what was approved at the present one; of earlier periods the rules say it."""
    state, price = book.state, book.terms.allowance.overage_price
    for kept in state.prices.values():  # nothing is paid back of what is approved no more
        kept.groups = {key: digests for key in kept.groups if (digests := _both(kept, state.approved, key))}
    known = {digest for kept in state.prices.values() for digests in kept.groups.values() for digest in digests}
    kept = state.prices.get(price or "", ShortLedger())
    for key, digests in state.approved.groups.items():
        new = {digest: None for digest in digests if digest not in known}
        if new and Taking.of(key).period >= period:
            kept.groups.setdefault(key, {}).update(new)
    state.prices = {name: one for name, one in (state.prices | {price or "": kept}).items() if one.groups}


def _both(kept: ShortLedger, approved: ShortLedger, key: str) -> dict[str, None]:
    return {digest: None for digest in kept.groups[key] if digest in approved.groups.get(key, {})}


def note_price(book: UsageBook, reference: str, taking: Taking, price: str | None) -> None:
    """Remember the price at which an override is written, if the rules of its period name another by now."""
    if price != book.allowance(taking.period).overage_price:
        book.state.prices.setdefault(price or "", ShortLedger()).add(reference, taking)


def price_of(book: UsageBook, reference: str, period: int) -> str | None:
    """The price at which the override of a reference was written."""
    for price, kept in book.state.prices.items():
        if kept.find(reference) is not None:
            return price or None
    return book.allowance(period).overage_price

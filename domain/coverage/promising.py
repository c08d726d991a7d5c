"""Entitlements that promise nothing beside others that do: cases for which somebody may have forgotten a process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from domain.catalog.declarations import Entitlement


def unpromising(entitlements: Iterable[Entitlement]) -> Iterator[str]:
    """A line for each entitlement without a process that covers cases which no promising one of its account covers.

    Dates and what is left are not looked at: a promise that ends is none that was forgotten.
    """
    alive = sorted((one for one in entitlements if not one.retired), key=lambda one: (one.account, one.id))
    for account, found in groupby(alive, key=lambda one: one.account):
        of_account = list(found)
        promising = [one for one in of_account if one.process is not None]
        for bare in of_account:
            if bare.process is None and promising and not any(_covers_all_of(one, bare) for one in promising):
                names = ", ".join(f"{one.id} ({one.process})" for one in promising)
                yield (
                    f"a case that is covered by {bare.id}, which has no process, is promised nothing where none of "
                    f"{names} of account {account!r} covers it too"
                )


def _covers_all_of(wide: Entitlement, narrow: Entitlement) -> bool:
    """Whether it covers every case that another one covers, as far as both say which."""
    parts = [(_asset(wide), _asset(narrow)), (wide.contacts, narrow.contacts)]
    parts += [(wide.products, narrow.products), (wide.channels, narrow.channels)]
    return all(not holds or (asked and set(asked) <= set(holds)) for holds, asked in parts)


def _asset(one: Entitlement) -> list[str]:
    return [one.asset] if one.asset else []

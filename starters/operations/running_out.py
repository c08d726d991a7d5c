"""Entitlements that go on, by what ends them first: their last date, or what they have left."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal

from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Account, Entitlement, Organisation
from domain.catalog.status import EntitlementStatus, status, zone_of
from domain.model import Value
from domain.reports.shares import share
from domain.usage.quantities import measured
from domain.usage.untouched import untouched
from store import Store
from store.catalog.listing import Counted

Ends = Literal["end", "left"]
MOST = 5000
"""Entitlements among which the soonest exhausted are looked for."""


class ListedEntitlement(Value):
    """An entitlement, with what its ledger last said. Amounts are in the smallest measure of the unit.

    Attributes:
        unit: None: it counts nothing. So with what follows.
        cap: of the current period; None: unlimited.
        left: of the cap.
        overage: taken beyond it.
        left_percent: of the cap.
    """

    entitlement: str
    name: str
    account: str
    type: str | None
    status: EntitlementStatus
    starts_on: date | None
    ends_on: date | None
    unit: str | None = None
    used: int | None = None
    cap: int | None = None
    left: int | None = None
    overage: int | None = None
    left_percent: float | None = None


class RunningOut:
    """Lists entitlements by the store alone.

    Args:
        store: where they are declared and their ledgers are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def soonest(
        self, *, now: datetime, account: str | None = None, by: Ends = "end", limit: int
    ) -> tuple[list[ListedEntitlement], bool]:
        """The first that end or, by what is left, are exhausted; and whether there are more.

        Args:
            now: the instant; those that ended before are left out, and so are those that are cancelled.
            account: of this account only.
            by: what comes first; by what is left, those that count nothing or have no cap come last.
            limit: at most so many.

        Raises:
            NotFound: there is no such account.
        """
        if account is not None:
            self._store.catalog.account(account)
        wanted = limit + 1 if by == "end" else MOST
        going_on = self._store.entitlements.going_on((now - timedelta(days=1)).date(), account, wanted)
        organisation, names = self._store.catalog.organisation(), {one.account for one in going_on}
        accounts = {name: Account(id=name) for name in names} | self._store.entitlements.accounts(names)
        zones = {name: zone_of(account, organisation) for name, account in accounts.items()}
        dates = {one.id: now.astimezone(zones[one.account]).date() for one in going_on if one.allowance is not None}
        counted = self._store.entitlements.counted(dates)
        found = []
        for one in going_on:
            listed = _listed(one, counted.get(one.id), now, accounts[one.account], organisation)
            if listed.status in {EntitlementStatus.ACTIVE, EntitlementStatus.INACTIVE}:
                found.append(listed)
        if by == "left":
            found.sort(key=lambda one: (one.left_percent is None, one.left_percent))
        return found[:limit], len(found) > limit


def _listed(
    one: Entitlement, counted: Counted | None, now: datetime, account: Account, organisation: Organisation
) -> ListedEntitlement:
    zone = zone_of(account, organisation)
    known = ListedEntitlement(
        entitlement=one.id,
        name=one.name,
        account=one.account,
        type=one.type,
        status=status(one, now, zone),
        starts_on=one.starts_on,
        ends_on=one.ends_on,
    )
    if one.allowance is None:
        return known
    if counted is None:
        current = untouched(entitlement_terms(one, account, organisation, now=now, until=now), now).current
        counted = Counted(used=current.used, overage=current.overage, cap=current.cap, left=current.remaining)
    unit = one.allowance.unit
    if counted.used is None:
        cap = None if one.allowance.cap is None else measured(one.allowance.cap, unit)
        counted = Counted(used=0, overage=0, cap=cap, left=cap)
    cap, left = counted.cap, counted.left
    percent = None if cap is None or left is None else share(left, cap) or 0.0
    said = {"unit": unit, "used": counted.used, "cap": cap, "left": left, "overage": counted.overage}
    return known.model_copy(update={**said, "left_percent": percent})

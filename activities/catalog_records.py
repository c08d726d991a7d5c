"""What an entitlement wants done to its record in the catalog, and to the one that renews it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from temporalio import activity

from activities.heartbeat import heartbeating
from activities.refusals import refusals
from clients.entitlements import Entitlements
from domain.catalog.amendments import is_same_kind
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Account, Catalog, Entitlement, Organisation
from domain.errors import NotFound
from domain.usage.effects import (
    CARRY_OVER_TO_RENEWAL,
    CHANGE_ENTITLEMENT_RECORD,
    RENEW_ENTITLEMENT,
    TAKE_BACK_FROM_RENEWAL,
    CarryBackOrder,
    CarryOverOrder,
    RecordChange,
    RenewalOrder,
    UsageRecords,
)
from domain.usage.keeping import KeptReferences, RecallRequest
from domain.usage.renewals import renewal_id
from domain.usage.requests import (
    CARRY_BACK,
    CARRY_IN,
    BalanceCarriedIn,
    BalanceTakenBack,
    EntitlementTerms,
    UsageChanged,
)

PATIENCE = 20.0
"""Seconds for which a renewal is asked again within one attempt of an activity."""


class UsageLedgers(Protocol):
    """The ledgers that usage is recorded in. They take the same thing twice without harm."""

    def record(self, news: UsageRecords) -> int:
        """Keep rows of a ledger, and periods that have ended."""


class UsageReferences(Protocol):
    """Where counts put away what they remember of references. It takes the same thing twice without harm."""

    def keep(self, kept: KeptReferences) -> None:
        """Keep some, in place of what was kept of them before."""

    def recall(self, asked: RecallRequest) -> KeptReferences:
        """What is kept of some."""


class UsageCatalog(Protocol):
    """The part of the catalog that usage needs. It takes the same thing twice without harm."""

    def organisation(self) -> Organisation:
        """Who promises."""

    def account(self, name: str) -> Account:
        """A customer."""

    def entitlement(self, name: str) -> Entitlement:
        """What an account may ask for."""

    def apply(self, catalog: Catalog, *, by: str, dry_run: bool = False, tell: str | None = None) -> Any:
        """Store what a catalog declares. `tell`: None if the counts of its entitlements know."""

    def change_entitlement(self, name: str, change: Callable[[Entitlement, ZoneInfo], Entitlement], *, by: str) -> Any:
        """Change an entitlement as it stands; `NotFound` if there is none."""


class UsageStore(Protocol):
    """The parts of the store that usage needs."""

    @property
    def ledgers(self) -> UsageLedgers:
        """What was used."""

    @property
    def references(self) -> UsageReferences:
        """What counts have put away."""

    @property
    def catalog(self) -> UsageCatalog:
        """What is declared."""


class CatalogChanges:
    """The activities that follow an amendment, a cancellation and a renewal."""

    def __init__(self, catalog: UsageCatalog) -> None:
        self._catalog = catalog

    @property
    def all(self) -> list[Callable[..., Any]]:
        """For the worker to register."""
        return [self.change_record, self.renew, self.carry_over, self.take_back]

    @activity.defn(name=CHANGE_ENTITLEMENT_RECORD)
    async def change_record(self, change: RecordChange) -> None:
        """Let the catalog say what was amended: coverage looks there. One that it does not hold has no record."""
        with refusals():
            async with heartbeating():
                await asyncio.to_thread(self._change_record, change)

    def _change_record(self, change: RecordChange) -> None:
        try:
            self._catalog.change_entitlement(change.entitlement_id, lambda was, _: _changed(was, change), by=change.by)
        except NotFound:
            activity.logger.info("entitlement %s is not in the catalog", change.entitlement_id)

    @activity.defn(name=RENEW_ENTITLEMENT)
    async def renew(self, order: RenewalOrder) -> str:
        """Make the record that goes on, as the one that it renews is now, and let its count begin; returns its id.

        A record that has the planned id and is no renewal of this one is another's, and is left alone: the new record
        then has the next id that is free.
        """
        with refusals():
            async with heartbeating():
                terms = await asyncio.to_thread(self._renew, order)
                await _entitlements().begin(terms)
        return terms.entitlement_id

    def _renew(self, order: RenewalOrder) -> EntitlementTerms:
        renewal, before = order.renewal, self._catalog.entitlement(order.entitlement_id)
        name, found = self._own_or_free(renewal.entitlement_id, before)
        if found is None:
            changed: dict[str, Any] = {
                "id": name,
                "starts_on": renewal.starts_on,
                "ends_on": renewal.ends_on,
                "renews": before.id,
                "reckoned_from": renewal.reckoned_from,
                "opening": None,
            }
            found = Entitlement.model_validate(before.model_dump(mode="json") | changed)
            self._catalog.apply(Catalog(entitlements=[found]), by=renewal.by, tell=None)
        entitlement = found
        account, organisation = self._catalog.account(entitlement.account), self._catalog.organisation()
        now = order.clock or datetime.now(UTC)
        return entitlement_terms(entitlement, account, organisation, now=now, clock=order.clock)

    def _own_or_free(self, planned: str, before: Entitlement) -> tuple[str, Entitlement | None]:
        """The renewal of a record, under the planned id or a later one; if there is none, the first id that is free."""
        name = planned
        while True:
            try:
                found = self._catalog.entitlement(name)
            except NotFound:
                return name, None
            if found.renews == before.id and is_same_kind(before, found):
                return name, found
            name = renewal_id(name)

    @activity.defn(name=CARRY_OVER_TO_RENEWAL)
    async def carry_over(self, order: CarryOverOrder) -> None:
        """Tell the renewal what was left. It takes it once."""
        carried = BalanceCarriedIn(
            event_id=_event_id("carried-from", order.entitlement_id, order.number),
            by="milepost",
            reason=f"left over from {order.entitlement_id}",
            amount=order.amount,
        )
        with refusals():
            async with heartbeating():
                terms = await asyncio.to_thread(self._terms, order.renewal_id, order.at)
                await _entitlements().ask(terms, CARRY_IN, carried, UsageChanged)

    @activity.defn(name=TAKE_BACK_FROM_RENEWAL)
    async def take_back(self, order: CarryBackOrder) -> int:
        """Ask the renewal for what it has not used of what went over. It gives it once; returns how much it was."""
        event_id = _event_id("taken-back-by", order.entitlement_id, order.number)
        with refusals():
            async with heartbeating():
                return await self._take_back(order, order.renewal_id, order.amount, event_id)

    async def _take_back(self, order: CarryBackOrder, renewal: str, amount: int, event_id: str) -> int:
        """What a renewal gives back: what it has not used, and what it has not used of what went on to the next."""
        asked = BalanceTakenBack(
            event_id=event_id, by="milepost", reason=f"less was left of {order.entitlement_id}", amount=amount
        )
        terms = await asyncio.to_thread(self._terms, renewal, order.at)
        changed: UsageChanged = await _entitlements().ask(terms, CARRY_BACK, asked, UsageChanged)
        given = changed.amount or 0
        if changed.renewal is None or changed.further == 0:
            return given
        more = await self._take_back(order, changed.renewal, changed.further, event_id)
        if more == 0:
            return given
        further = asked.model_copy(update={"event_id": f"{event_id}-more", "amount": more, "from_renewal": more})
        changed = await _entitlements().ask(terms, CARRY_BACK, further, UsageChanged)
        return given + (changed.amount or 0)

    def _terms(self, entitlement_id: str, at: datetime) -> EntitlementTerms:
        entitlement = self._catalog.entitlement(entitlement_id)
        account, organisation = self._catalog.account(entitlement.account), self._catalog.organisation()
        return entitlement_terms(entitlement, account, organisation, now=max(at, datetime.now(UTC)))


def _event_id(what: str, entitlement_id: str, number: int) -> str:
    return f"{what}-{entitlement_id}" if number == 0 else f"{what}-{entitlement_id}-{number}"


def _changed(entitlement: Entitlement, change: RecordChange) -> Entitlement:
    declared = entitlement.model_dump(mode="json")
    if change.cap is not None and declared["allowance"] is not None:
        declared["allowance"]["cap"] = None if change.cap == "unlimited" else change.cap
    if change.ends_on is not None:
        declared["ends_on"] = None if change.ends_on == "never" else change.ends_on
    if change.cancelled_at is not None and entitlement.cancelled_at is None:
        declared["cancelled_at"] = change.cancelled_at
    return Entitlement.model_validate(declared)


def _entitlements() -> Entitlements:
    """The workflows of entitlements, on the task queue of whoever asks."""
    return Entitlements(activity.client(), activity.info().task_queue, patience=PATIENCE)

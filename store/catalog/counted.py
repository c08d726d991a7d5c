"""What a catalog would change that counts can't follow, found by what is stored: it is refused, not stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from domain.catalog.amendments import (
    Refusal,
    Standing,
    refused_at_once,
    refused_ends,
    refused_without_end,
    renewal_of,
    with_what_was_written,
)
from domain.catalog.count_beginning import begins_unused
from domain.catalog.declarations import Account, Catalog, Entitlement, Organisation
from domain.catalog.kinds import Kind
from domain.catalog.problems import Problem
from domain.catalog.status import EntitlementStatus, status, zone_of
from store import tables
from store.catalog.reading import StoredCatalog, declaration_of

_AT_ONCE = 100
"""Rows that are fetched together while one is looked for."""

_DAYS_COMPARED = 3660
"""Before and after today, of two zones: ten years."""


@dataclass(frozen=True)
class Counted:
    """A catalog beside what is stored, at an instant."""

    connection: Connection
    stored: StoredCatalog
    catalog: Catalog
    at: datetime

    def problems(self, *, of_order: bool) -> Iterator[Problem]:
        """What counts can't follow.

        Args:
            of_order: an order amends what it made also where that was cancelled or has ended since: that is history.
        """
        yield from self._zones()
        for number, new in enumerate(self.catalog.entitlements):
            for path, message in self._refused(new, of_order=of_order):
                yield Problem((Kind.ENTITLEMENTS.value, number, *path), message)

    def _refused(self, new: Entitlement, *, of_order: bool) -> Iterator[Refusal]:
        old = self.stored.find(Kind.ENTITLEMENTS, new.id)
        if not isinstance(old, Entitlement):
            yield from refused_without_end(None, new)
            return
        wanted = with_what_was_written(old, new)
        if wanted != old:
            yield from refused_without_end(old, wanted)
            refused = refused_ends if of_order else refused_at_once
            yield from refused(old, wanted, self._standing(old))

    def _standing(self, old: Entitlement) -> Standing:
        zone = zone_of(self.stored.get(Account, old.account), self.stored.organisation())
        return Standing(
            at=self.at,
            zone=zone,
            renewal=renewal_of(old, self.stored),
            is_counted=self._has_taken(old.id) or begins_unused(old, self.at, zone),
        )

    def _is_counted(self, stored: Entitlement, zone: ZoneInfo) -> bool:
        """Whether its count has begun: with its declaration, if its term's end is awaited; or else when it is used.

        Of one that nobody used it begins before its period ends, without a word in the ledger.
        """
        if stored.allowance is None:
            return False
        return stored.term_end is not None or self._has_taken(stored.id) or begins_unused(stored, self.at, zone)

    def _has_taken(self, entitlement: str) -> bool:
        rows = select(tables.ledger.c.number).where(tables.ledger.c.entitlement == entitlement).limit(1)
        return self.connection.execute(rows).first() is not None

    # --- time zones ---

    def _zones(self) -> Iterator[Problem]:
        """Dates that would move, of what is counted by them: its periods were frozen when its count began."""
        before = self.stored.organisation()
        after = self.catalog.organisation or before
        for number, account in enumerate(self.catalog.accounts):
            old = self.stored.find(Kind.ACCOUNTS, account.id)
            if isinstance(old, Account) and (old.time_zone or account.time_zone):
                yield from self._zone_of_account((Kind.ACCOUNTS.value, number), zone_of(old, before), account, after)
        if not _same_dates(ZoneInfo(before.time_zone), ZoneInfo(after.time_zone), self.at):
            yield from self._zone_of_organisation(before, after)

    def _zone_of_account(
        self, path: tuple[str | int, ...], was: ZoneInfo, account: Account, organisation: Organisation
    ) -> Iterator[Problem]:
        now = zone_of(account, organisation)
        if account.retired or _same_dates(was, now, self.at):
            return
        found = self._counted(tables.entitlements.c.account == account.id, was)
        if found is not None:
            name = f"entitlement {found.id!r} of account {account.id!r}"
            message = f"{name} is counted by the dates of {was.key}, not {now.key}"
            right = f"keep time_zone: {was.key} until nothing of the account is counted, or cancel or retire that first"
            yield Problem((*path, "time_zone"), f"{message}; {right}")

    def _zone_of_organisation(self, before: Organisation, after: Organisation) -> Iterator[Problem]:
        """Of an account that names no zone, neither now nor then; of others it was asked by itself."""
        declared = {account.id for account in self.catalog.accounts if account.time_zone}
        found = self._counted(tables.accounts.c.retired.is_(False), ZoneInfo(before.time_zone), declared)
        if found is not None:
            name = f"account {found.account!r} names no time_zone, and its entitlement {found.id!r}"
            message = f"{name} is counted by the dates of {before.time_zone}, not {after.time_zone}"
            right = f"give the account time_zone: {before.time_zone}, or keep that of the organisation"
            yield Problem(("organisation", "time_zone"), f"{message}; {right}")

    def _counted(self, whose: ColumnElement[bool], zone: ZoneInfo, zoned: set[str] | None = None) -> Entitlement | None:
        """One that is counted and has not ended, been cancelled or been retired, nor is to be now.

        Args:
            whose: which accounts'.
            zone: of their dates.
            zoned: None: of any of these accounts; otherwise only of those that name no zone, and are not among these.
        """
        table, accounts = tables.entitlements, tables.accounts
        goes_on = or_(table.c.ends_on.is_(None), table.c.ends_on >= self.at.astimezone(zone).date())
        wanted = select(table, accounts.c.definition.label("of_account")).join(accounts)
        rows = wanted.where(and_(whose, table.c.retired.is_(False), goes_on)).execution_options(yield_per=_AT_ONCE)
        with self.connection.execute(rows) as found:
            for row in found.mappings():
                if zoned is not None and (row["of_account"].get("time_zone") or row["account"] in zoned):
                    continue
                stored = declaration_of(Kind.ENTITLEMENTS, row)
                if isinstance(stored, Entitlement) and self._is_counted(stored, zone) and self._goes_on(stored, zone):
                    return stored
        return None

    def _goes_on(self, stored: Entitlement, zone: ZoneInfo) -> bool:
        declared = self.catalog.find(Kind.ENTITLEMENTS, stored.id)
        entitlement = with_what_was_written(stored, declared) if isinstance(declared, Entitlement) else stored
        over = {EntitlementStatus.CANCELLED, EntitlementStatus.EXPIRED}
        return not entitlement.retired and status(entitlement, self.at, zone) not in over


def _same_dates(one: ZoneInfo, other: ZoneInfo, at: datetime) -> bool:
    """Whether no date of the years around moves, as from Asia/Calcutta to Asia/Kolkata: a new name for a zone."""
    days = (at + timedelta(days=day) for day in range(-_DAYS_COMPARED, _DAYS_COMPARED))
    return one.key == other.key or all(
        day.astimezone(one).utcoffset() == day.astimezone(other).utcoffset() for day in days
    )

"""Overrides for billing, and which of them an export has taken: each is taken once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, and_, func, select

from domain.catalog.declarations import Account
from domain.catalog.status import zone_of
from domain.errors import NotFound
from domain.reports.asking import ReportAsked
from domain.reports.billing import Override, bound
from domain.usage.rows import RowKind
from store import tables
from store.catalog.reading import StoredCatalog
from store.database import insert_new

_LEDGER, _EXPORTED = tables.ledger.c, tables.exported_overrides.c
_KEY = ("entitlement", "count", "number")
_SHOWN = (*_KEY, "account", "unit", "amount", "price", "at", "recorded_at", "reference", "case_id", "by", "reason")


def overrides(connection: Connection, asked: ReportAsked) -> list[Override]:
    """The overrides that are asked for. What was taken back before any export took it is not new: nothing is billed."""
    wanted = _wanted(asked)
    if asked.new:
        wanted = wanted.where(_EXPORTED.export.is_(None))
    if asked.export is not None:
        wanted = wanted.where(_EXPORTED.export == asked.export)
    found = bound(Override(**row) for row in connection.execute(wanted).mappings())
    found = (some for some in found if not (asked.new and some.is_withdrawn))
    if asked.period is None and asked.days.first is None and asked.days.last is None:
        return [one for some in found for one in some.overrides]
    day_of = _days(connection)
    days = ((some, day_of(some.overrides[0].account, some.at)) for some in found)
    return [replace(one, day=day) for some, day in days if _is_among(day, asked) for one in some.overrides]


def check_export(connection: Connection, number: int) -> None:
    """Refuse an export that was never made.

    Raises:
        NotFound: there is none of that number.
    """
    made = select(_EXPORTED.export).where(_EXPORTED.export == number).limit(1)
    if connection.execute(made).first() is None:
        last = connection.execute(select(func.max(_EXPORTED.export))).scalar()
        stands = f"the last is {last}" if last else "nothing was exported yet"
        raise NotFound(f"there is no export {number}; {stands}")


def export_overrides(connection: Connection, asked: ReportAsked, *, by: str, at: datetime) -> list[Override]:
    """Take the overrides that no export has taken yet, as one that writes. Nothing is exported where there are none.

    Args:
        connection: of a transaction that writes.
        asked: of which days, accounts and entitlement.
        by: who exports.
        at: when.
    """
    found = overrides(connection, replace(asked, new=True, export=None))
    if not found:
        return []
    number = (connection.execute(select(func.max(_EXPORTED.export))).scalar() or 0) + 1
    rows = [
        {**{name: getattr(one, name) for name in _KEY}, "export": number, "exported_at": at, "exported_by": by}
        for one in found
    ]
    insert_new(connection, tables.exported_overrides, rows)
    return overrides(connection, replace(asked, new=False, export=number))


def _wanted(asked: ReportAsked) -> Select[Any]:
    same = and_(*(_EXPORTED[name] == _LEDGER[name] for name in _KEY))
    columns = [_LEDGER[name] for name in _SHOWN]
    wanted = select(*columns, _EXPORTED.export).join_from(tables.ledger, tables.exported_overrides, same, isouter=True)
    wanted = wanted.where(_LEDGER.kind == RowKind.OVERRIDE.value)
    if asked.accounts is not None:
        wanted = wanted.where(_LEDGER.account.in_(asked.accounts))
    if asked.account is not None:
        wanted = wanted.where(_LEDGER.account == asked.account)
    if asked.entitlement is not None:
        wanted = wanted.where(_LEDGER.entitlement == asked.entitlement)
    return wanted


def _days(connection: Connection) -> Callable[[str, datetime], date]:
    """What says of an account which day an instant lies in, on its wall clock."""
    catalog = StoredCatalog(connection)
    organisation = catalog.organisation()
    zones: dict[str, ZoneInfo] = {}

    def day_of(account: str, at: datetime) -> date:
        if account not in zones:
            try:
                zones[account] = zone_of(catalog.get(Account, account), organisation)
            except NotFound:
                zones[account] = ZoneInfo(organisation.time_zone)
        return at.astimezone(zones[account]).date()

    return day_of


def _is_among(day: date, asked: ReportAsked) -> bool:
    first, last = asked.days.first, asked.days.last
    return (first is None or day >= first) and (last is None or day <= last)

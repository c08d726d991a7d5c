"""What was used of entitlements, from their ledgers: of each period the last row says what it comes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, and_, func, select

from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Account, Entitlement, Organisation
from domain.catalog.status import cancelled_from
from domain.reports.asking import ReportAsked
from domain.reports.using import PeriodUse
from domain.usage.machine import Usage
from domain.usage.periods import FrozenPeriods, PeriodUnknown
from domain.usage.requests import EntitlementTerms
from domain.usage.untouched import untouched
from store import tables
from store.catalog.reading import StoredCatalog
from store.reading import read_stored

_LEDGER, _DECLARED = tables.ledger.c, tables.entitlements.c
_COUNT = _LEDGER["count"]


def usage(connection: Connection, asked: ReportAsked) -> list[PeriodUse]:
    """Every period in which something of an entitlement was taken or asked for, and the current one of each."""
    found: list[PeriodUse] = []
    catalog = StoredCatalog(connection)
    organisation = catalog.organisation()
    counted = _last_rows(connection, asked)
    accounts: dict[str, Account] = {}
    for row in connection.execute(_declared(asked)):
        entitlement = read_stored(Entitlement, row.definition)
        rows = counted.pop(entitlement.id, {})
        if entitlement.allowance is None or (entitlement.retired and not rows):
            continue
        if entitlement.account not in accounts:
            accounts[entitlement.account] = read_stored(Account, row.of_account)
        found += _uses(entitlement, accounts[entitlement.account], organisation, rows, asked.now)
    for name, rows in counted.items():  # of an entitlement that the catalog does not hold (any more)
        found += [_use(name, None, rows[period], is_current=False) for period in sorted(rows)]
    return found


def _declared(asked: ReportAsked) -> Select[Any]:
    """Entitlements, each with its account: of one account no other is read."""
    accounts = tables.accounts
    wanted = select(_DECLARED.definition, accounts.c.definition.label("of_account"))
    wanted = wanted.join_from(tables.entitlements, accounts, accounts.c.id == _DECLARED.account)
    wanted = wanted.order_by(_DECLARED.account, _DECLARED.id)
    if asked.accounts is not None:
        wanted = wanted.where(_DECLARED.account.in_(asked.accounts))
    if asked.account is not None:
        wanted = wanted.where(_DECLARED.account == asked.account)
    if asked.entitlement is not None:
        wanted = wanted.where(_DECLARED.id == asked.entitlement)
    return wanted


def _last_rows(connection: Connection, asked: ReportAsked) -> dict[str, dict[int, Any]]:
    """Of each entitlement, of each period, the last row of the newest count that has any of it."""
    same = [_LEDGER.entitlement, _COUNT, _LEDGER.period]
    last = select(*same, func.max(_LEDGER.number).label("number"), func.max(_LEDGER.recorded_at).label("recorded_at"))
    if asked.accounts is not None:
        last = last.where(_LEDGER.account.in_(asked.accounts))
    if asked.account is not None:
        last = last.where(_LEDGER.account == asked.account)
    if asked.entitlement is not None:
        last = last.where(_LEDGER.entitlement == asked.entitlement)
    newest = last.group_by(*same).subquery()
    is_last = and_(
        _LEDGER.entitlement == newest.c.entitlement, newest.c["count"] == _COUNT, _LEDGER.number == newest.c.number
    )
    names = ("entitlement", "account", "unit", "period", "first_day", "used_after", "overage_after", "cap_after")
    wanted = select(*(_LEDGER[name] for name in names)).join_from(newest, tables.ledger, is_last)
    found: dict[str, dict[int, Any]] = {}
    for row in connection.execute(wanted.order_by(newest.c.recorded_at, _LEDGER.number)).mappings():
        found.setdefault(row["entitlement"], {})[row["period"]] = row
    return found


def _uses(
    entitlement: Entitlement, account: Account, organisation: Organisation, rows: Mapping[int, Any], now: datetime
) -> Iterator[PeriodUse]:
    terms = entitlement_terms(entitlement, account, organisation, now=now, until=now)
    cancelled_at = cancelled_from(entitlement)
    current = None if cancelled_at is not None and cancelled_at <= now else _current(terms.periods, now)
    for period in sorted(rows):
        use = _use(entitlement.id, terms.periods, rows[period], is_current=period == current)
        yield use if cancelled_at is None else _cut(use, cancelled_at, terms.periods)
    if current is not None and current not in rows and not entitlement.retired:
        use = _without_rows(terms, now, has_begun=any(period < current for period in rows))
        yield use if cancelled_at is None else _cut(use, cancelled_at, terms.periods)


def _current(periods: FrozenPeriods, now: datetime) -> int | None:
    try:
        return periods.number(now)
    except PeriodUnknown:
        return None


def _use(name: str, periods: FrozenPeriods | None, row: Any, *, is_current: bool) -> PeriodUse:
    period = row["period"]
    return PeriodUse(
        entitlement=name,
        account=row["account"],
        unit=row["unit"],
        period=period,
        first_day=row["first_day"],
        last_day=None if periods is None else _last_day(periods.ends_before(period), periods),
        begins_at=None if periods is None else periods.starts_at(period),
        ends_at=None if periods is None else periods.ends_before(period),
        is_current=is_current,
        used=row["used_after"],
        overage=row["overage_after"],
        cap=row["cap_after"],
    )


def _cut(use: PeriodUse, cancelled_at: datetime, periods: FrozenPeriods) -> PeriodUse:
    """A period that ends with its entitlement: what lies after that leads nowhere."""
    is_within = use.begins_at is None or use.begins_at < cancelled_at
    if not is_within or (use.ends_at is not None and use.ends_at <= cancelled_at):
        return use
    return replace(use, ends_at=cancelled_at, last_day=_last_day(cancelled_at, periods))


def _last_day(ends_at: datetime | None, periods: FrozenPeriods) -> date | None:
    """The last date of a period that ends so, on the wall clock of its account; None if it does not end."""
    if ends_at is None:
        return None
    return (ends_at - timedelta(seconds=1)).astimezone(ZoneInfo(periods.term.time_zone)).date()


def _without_rows(terms: EntitlementTerms, now: datetime, *, has_begun: bool) -> PeriodUse:
    """The current period of an entitlement of which nothing was taken in it, and nothing was carried into it.

    Args:
        terms: of the entitlement.
        now: the instant.
        has_begun: it was counted before; then what it has besides its cap would have a row.
    """
    current = (Usage.begin(terms, now).balance(now) if has_begun else untouched(terms, now)).current
    return PeriodUse(
        entitlement=terms.entitlement_id,
        account=terms.account,
        unit=terms.allowance.unit,
        period=current.period,
        first_day=current.first_day,
        last_day=_last_day(current.ends_before, terms.periods),
        begins_at=current.starts_at,
        ends_at=current.ends_before,
        is_current=True,
        used=current.used,
        overage=current.overage,
        cap=current.cap,
    )

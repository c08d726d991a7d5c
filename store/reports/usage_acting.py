"""Actions of entitlements, counted: what thresholds, overflows, notices and ends of terms ordered.

The store has one when something has become of it. It is read by its entitlement, so that a report of one account reads
that account only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from domain.reports.asking import ReportAsked, is_period
from domain.reports.grouping import NONE
from domain.usage.effects import cause_of
from store import tables
from store.catalog.reading import StoredCatalog
from store.reports.selecting import AT_ONCE, Group
from store.types import Instant

_ACTIONS, _DECLARED, _ACCOUNTS = tables.actions.c, tables.entitlements.c, tables.accounts.c


class _Acted(NamedTuple):
    key: str
    account: str
    entitlement: str
    status: str
    action: str | None
    at: datetime | None


def add_usage_actions(connection: Connection, asked: ReportAsked, found: dict[Group, Counter[str]]) -> None:
    """Count them with those of cases; none where these are asked for by something that only a case has."""
    if asked.milestone is not None or asked.process is not None or asked.fields:
        return
    zones = _zones(connection, asked)
    usual = ZoneInfo(StoredCatalog(connection).organisation().time_zone)
    for row in connection.execute(_wanted(asked).execution_options(yield_per=AT_ONCE)):
        acted = _Acted._make(row)
        day = None if acted.at is None else acted.at.astimezone(zones.get(acted.account, usual)).date()
        if _is_among(day, asked):
            group = tuple(_word(name, acted, day, asked) for name in asked.by)
            found.setdefault(group, Counter())[acted.status] += 1


def _wanted(asked: ReportAsked) -> Select[tuple[str, str, str, str, str | None, datetime | None]]:
    same = and_(_ACTIONS.case_id == _DECLARED.id, _ACTIONS.entitlement == _DECLARED.id)
    at = func.coalesce(_ACTIONS.done_at, _ACTIONS.failed_at, type_=Instant())
    shown = select(
        _ACTIONS.key, _DECLARED.account, _DECLARED.id, _ACTIONS.status, _ACTIONS.action["do"].as_string(), at
    )
    return shown.join_from(tables.entitlements, tables.actions, same).where(*_conditions(asked))


def _conditions(asked: ReportAsked) -> Iterator[ColumnElement[bool]]:
    if asked.accounts is not None:
        yield _DECLARED.account.in_(asked.accounts)
    if asked.account is not None:
        yield _DECLARED.account == asked.account
    if asked.entitlement is not None:
        yield _DECLARED.id == asked.entitlement


def _zones(connection: Connection, asked: ReportAsked) -> dict[str, ZoneInfo]:
    """The zones of the accounts that are asked for and have one of their own."""
    of_account = _ACCOUNTS.definition["time_zone"].as_string()
    wanted = select(_ACCOUNTS.id, of_account).where(of_account.is_not(None))
    if asked.accounts is not None:
        wanted = wanted.where(_ACCOUNTS.id.in_(asked.accounts))
    if asked.account is not None:
        wanted = wanted.where(_ACCOUNTS.id == asked.account)
    return {row.id: ZoneInfo(row[1]) for row in connection.execute(wanted)}


def _is_among(day: date | None, asked: ReportAsked) -> bool:
    first, last = asked.days.first, asked.days.last
    if day is None:
        return first is None and last is None
    return (first is None or day >= first) and (last is None or day <= last)


def _word(name: str, acted: _Acted, day: date | None, asked: ReportAsked) -> str:
    """What an action is, of one of what makes the groups; of a case and its milestones it is none."""
    if is_period(name, asked.types):
        return NONE if asked.period is None or day is None else asked.period.label(day)
    match name:
        case "account":
            return acted.account
        case "entitlement":
            return acted.entitlement
        case "trigger":
            return cause_of(acted.key, acted.entitlement)
        case "action":
            return acted.action or NONE
        case _:
            return NONE

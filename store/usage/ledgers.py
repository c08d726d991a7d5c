"""The ledgers of entitlements and their periods, for reports and audits. The count itself is in their workflows.

An entitlement's workflow that was terminated begins another count, from nothing: rows and periods are kept by count.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal, select

from domain.feed.usage import UsageOutcome
from domain.usage.effects import FailedUsageAction, UsageRecords
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.state import PeriodRecord
from domain.usage.units import HOURS
from store import tables
from store.database import Database, insert, insert_new
from store.events import lock_events
from store.reading import read_stored
from store.usage.feed import put_outcome_event, put_usage_events, rows_before_feed

_OF_AN_ENTRY = (RowKind.TAKEN, RowKind.OVERAGE, RowKind.OVERFLOW)
_OF_A_VISIT = (RowKind.TAKEN, RowKind.OVERRIDE)


class Ledgers:
    """The ledgers of entitlements, and their periods that have ended."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, news: UsageRecords) -> int:
        """Stores rows of a count, each once by number, periods as it last reported them, and actions that failed.

        Says how many rows are new.
        """
        whose = {
            "entitlement": news.entitlement_id,
            "count": news.count,
            "account": news.account,
            "unit": news.unit,
        }
        rows = [{**whose, **row.model_dump(), "kind": row.kind.value} for row in news.rows]
        table = tables.usage_periods
        with self._database.write() as connection:
            before = rows_before_feed(connection, news)
            new = insert_new(connection, tables.ledger, rows)
            for period in news.periods:
                statement = insert(connection, table).values({**whose, **period.model_dump()})
                changed = {c.name: statement.excluded[c.name] for c in table.c if not c.primary_key}
                connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=list(table.primary_key.columns),
                        set_=changed,
                        where=table.c.number < statement.excluded.number,
                    )
                )
            if news.failed:
                lock_events(connection)
            failed = [one for one in news.failed if _put_failure(connection, news.entitlement_id, one)]
            if rows:
                put_usage_events(connection, news, before_feed=before)  # last: see `store.feed`
            for one in failed:
                put_outcome_event(connection, _outcome(news, one))
        return new

    def rows(
        self, entitlement: str, count: str | None = None, *, after: int = 0, limit: int | None = None
    ) -> list[LedgerRow]:
        """The rows of one count of an entitlement, in the order in which they were written.

        Args:
            entitlement: its id.
            count: None: the newest, which is the one that runs.
            after: rows with higher numbers only.
            limit: at most so many; None: all.
        """
        table = tables.ledger
        with self._database.read() as connection:
            if count is None:
                count = newest_count(connection, entitlement)
            wanted = select(*(table.c[name] for name in LedgerRow.model_fields)).where(
                table.c.entitlement == entitlement, table.c["count"] == count, table.c.number > after
            )
            found = connection.execute(wanted.order_by(table.c.number).limit(limit)).mappings()
            return [read_stored(LedgerRow, dict(row)) for row in found]

    def entry_rows(self, entitlement: str, reference: str) -> dict[str, list[LedgerRow]]:
        """What a time entry took and left to others, of every entitlement that it was split over, whosever it is.

        Two cases may each have an entry with the same id. What belongs together is of one case and one instant, and
        without a case of one account. Only the newest count of an entitlement has a part.

        Args:
            entitlement: the id of one that has rows of the entry.
            reference: the id of the entry.

        Returns:
            The rows by the ids of their entitlements; none if the entitlement that was named has none.
        """
        table = tables.ledger
        of_entry = (table.c.reference == reference, table.c.unit == HOURS, table.c.kind.in_(_OF_AN_ENTRY))
        with self._database.read() as connection:
            count = newest_count(connection, entitlement)
            named = select(table.c.account, table.c.case_id, table.c.at).where(
                *of_entry, table.c.entitlement == entitlement, table.c["count"] == count
            )
            # A reference that was forgotten may have been taken again: the last is the one that the count knows.
            entry = connection.execute(named.order_by(table.c.number.desc()).limit(1)).first()
            if entry is None:
                return {}
            same = [table.c.case_id == entry.case_id, table.c.at == entry.at]
            if entry.case_id is None:
                same.append(table.c.account == entry.account)
            columns = (table.c[name] for name in ("entitlement", "count", *LedgerRow.model_fields))
            wanted = select(*columns).where(*of_entry, *same).order_by(table.c.entitlement, table.c.number)
            found = connection.execute(wanted).mappings().all()
            newest = {one: newest_count(connection, one) for one in {row["entitlement"] for row in found}}
        rows: dict[str, list[LedgerRow]] = {}
        for row in found:
            if row["count"] == newest[row["entitlement"]]:
                part = {name: row[name] for name in LedgerRow.model_fields}
                rows.setdefault(row["entitlement"], []).append(read_stored(LedgerRow, part))
        return rows

    def entry_takers(self, reference: str, case_id: str) -> dict[str, datetime]:
        """The entitlements that were asked to take a time entry of a case, the first first: whenever it was worked.

        Only their newest counts. Each with the instant by which the entry was taken. The ledger is written in the
        background: of what was taken some 100 ms ago or less it may not know yet.
        """
        table = tables.ledger
        return self._takers(reference, _OF_AN_ENTRY, table.c.case_id == case_id, table.c.unit == HOURS)

    def was_logged_by(self, entitlement: str, reference: str, event_id: str) -> bool:
        """Whether an entitlement took a time entry by the request of an event id; as late as `entry_takers`."""
        table = tables.ledger
        which = (table.c.entitlement == entitlement, table.c.reference == reference, table.c.event_id == event_id)
        wanted = select(table.c.number).where(*which, table.c.kind.in_(_OF_AN_ENTRY))
        with self._database.read() as connection:
            return connection.execute(wanted.limit(1)).first() is not None

    def takers(self, reference: str, *, account: str, unit: str) -> list[str]:
        """The entitlements of an account and unit of which a visit, or whatever the unit is, was taken.

        Only their newest counts, the first first, whether it was given back or not; as late as `entry_takers`.
        """
        table = tables.ledger
        return list(self._takers(reference, _OF_A_VISIT, table.c.account == account, table.c.unit == unit))

    def _takers(self, reference: str, kinds: Sequence[RowKind], *which: ColumnElement[bool]) -> dict[str, datetime]:
        """The entitlements whose newest counts have such rows, in the order of writing, each with its instant."""
        table = tables.ledger
        columns = (table.c[name] for name in ("entitlement", "count", "at"))
        rows = select(*columns).where(table.c.reference == reference, table.c.kind.in_(kinds), *which)
        wanted = rows.order_by(table.c.recorded_at, table.c.entitlement, table.c.number)
        with self._database.read() as connection:
            found = connection.execute(wanted).all()
            newest = {one: newest_count(connection, one) for one in {row.entitlement for row in found}}
        return {entitlement: at for entitlement, count, at in found if count == newest[entitlement]}

    def other_case_of(self, reference: str, case_id: str, entitlements: Sequence[str]) -> str | None:
        """The id of another case that some of these entitlements know a time entry from; None if there is none."""
        table = tables.ledger
        wanted = select(table.c.case_id).where(
            table.c.reference == reference,
            table.c.kind.in_(_OF_AN_ENTRY),
            table.c.entitlement.in_(entitlements),
            table.c.case_id != case_id,
        )
        with self._database.read() as connection:
            return connection.execute(wanted.limit(1)).scalar()

    def counts(self, entitlement: str) -> list[str]:
        """The counts that an entitlement has rows of, the newest last."""
        with self._database.read() as connection:
            return _counts(connection, entitlement)

    def entitlements(self) -> list[str]:
        """The ids of the entitlements that have a ledger."""
        column = tables.ledger.c.entitlement
        with self._database.read() as connection:
            return list(connection.execute(select(column).distinct().order_by(column)).scalars())

    def periods(self, entitlement: str) -> list[PeriodRecord]:
        """The periods of an entitlement that have ended, as the newest count that has reported each last did.

        A count that begins after a termination does not report those that were over by then.
        """
        table = tables.usage_periods
        wanted = select(table.c["count"], *(table.c[name] for name in PeriodRecord.model_fields))
        with self._database.read() as connection:
            ages = {count: age for age, count in enumerate(_counts(connection, entitlement))}
            found = connection.execute(wanted.where(table.c.entitlement == entitlement)).mappings().all()
        by_age = sorted(found, key=lambda row: ages.get(row["count"], -1))
        periods = {row["period"]: {name: row[name] for name in PeriodRecord.model_fields} for row in by_age}
        return [read_stored(PeriodRecord, periods[period]) for period in sorted(periods)]


def _counts(connection: Connection, entitlement: str) -> list[str]:
    table = tables.ledger
    column = table.c["count"]
    wanted = select(column).where(table.c.entitlement == entitlement).group_by(column)
    return list(connection.execute(wanted.order_by(func.max(table.c.recorded_at), column)).scalars())


def newest_count(connection: Connection, entitlement: str) -> str:
    """The count of an entitlement that runs; empty where it has no ledger."""
    return connection.execute(newest_count_of(literal(entitlement))).scalar_one_or_none() or ""


def newest_count_of(entitlement: ColumnElement[str]) -> Select[str]:
    """The count of an entitlement that runs, as a part of a query; no row where it has no ledger."""
    table = tables.ledger.alias("newest")
    wanted = select(table.c["count"]).where(table.c.entitlement == entitlement)
    return wanted.order_by(table.c.recorded_at.desc(), table.c["count"].desc()).limit(1)


def _outcome(news: UsageRecords, failed: FailedUsageAction) -> UsageOutcome:
    return UsageOutcome(
        kind="failed",
        entitlement=news.entitlement_id,
        account=news.account,
        key=failed.key,
        do=failed.action.do,
        at=datetime.now(UTC),
        said=failed.error,
    )


def _put_failure(connection: Connection, entitlement: str, failed: FailedUsageAction) -> bool:
    """An action failed for good; what is done meanwhile, by a retry, stays done. Returns whether it is news."""
    table = tables.actions
    known = connection.execute(select(table.c.status).where(table.c.key == failed.key)).scalar()
    row: dict[str, Any] = {"key": failed.key, "case_id": entitlement, "entitlement": entitlement, "status": "failed"}
    row |= {"action": failed.action.model_dump(mode="json"), "failed_at": datetime.now(UTC), "error": failed.error}
    put = insert(connection, table).values(row)
    changed = {name: put.excluded[name] for name in row if name != "key"}
    connection.execute(
        put.on_conflict_do_update(index_elements=[table.c.key], set_=changed, where=table.c.status != "done")
    )
    return known not in {"done", "failed"}

"""References that counts have put away, so that what they remember themselves stays within its bytes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from domain.usage.keeping import KeptReferences, RecallRequest
from domain.usage.takings import digest_of, each_of
from store import tables
from store.database import Database, insert
from store.many import execute_many
from store.usage.ledgers import newest_count

_MOST_AT_ONCE = 500
"""Digests that one statement asks for; SQLite takes only so many parameters."""


class References:
    """What counts remember of references, each by its digest. The same may come twice; the last counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, kept: KeptReferences) -> None:
        """Keep some, in place of what was kept of them before."""
        table, whose = tables.kept_references, {"entitlement": kept.entitlement_id, "count": kept.count}
        rows = [
            {**whose, "digest": digest, "ledger": name, "took": took}
            for name, groups in kept.ledgers.items()
            for digest, took in each_of(groups)
        ]
        if not rows:
            return
        with self._database.write() as connection:
            statement = insert(connection, table)
            update = statement.on_conflict_do_update(
                index_elements=list(table.primary_key.columns), set_={"took": statement.excluded.took}
            )
            execute_many(connection, update, rows)

    def recall(self, asked: RecallRequest) -> KeptReferences:
        """What is kept of some."""
        ledgers: dict[str, dict[str, str]] = {}
        for digest, name, took in self._found(asked.entitlement_id, asked.count, asked.digests):
            groups = ledgers.setdefault(name, {})
            groups[took] = groups.get(took, "") + digest
        return KeptReferences(entitlement_id=asked.entitlement_id, count=asked.count, ledgers=ledgers)

    def _found(self, entitlement: str, count: str, digests: Sequence[str]) -> list[tuple[str, str, str]]:
        table = tables.kept_references
        wanted = select(table.c.digest, table.c.ledger, table.c.took).where(
            table.c.entitlement == entitlement, table.c["count"] == count
        )
        found: list[tuple[str, str, str]] = []
        with self._database.read() as connection:
            for at in range(0, len(digests), _MOST_AT_ONCE):
                some = digests[at : at + _MOST_AT_ONCE]
                found += [
                    (row.digest, row.ledger, row.took)
                    for row in connection.execute(wanted.where(table.c.digest.in_(some)))
                ]
        return found

    def has_taken(self, entitlement: str, reference: str) -> bool:
        """Whether the newest count of an entitlement has put away that a reference took its part."""
        table = tables.kept_references
        with self._database.read() as connection:
            wanted = select(table.c.took).where(
                table.c.entitlement == entitlement,
                table.c["count"] == newest_count(connection, entitlement),
                table.c.digest == digest_of(reference),
                table.c.ledger == "taken",
            )
            return bool(connection.execute(wanted).scalar())

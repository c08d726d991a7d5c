"""Actions of cases that failed for good, as they were ordered, for as long as texts are kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select

from store import tables
from store.database import insert
from store.reading import read_stored
from store.values import FailedOrder

_TABLE = tables.failed_orders


def put_order(connection: Connection, order: FailedOrder, at: datetime) -> None:
    """Keep one; of an action that failed before the last time counts.

    Args:
        connection: of a transaction.
        order: the action.
        at: when it failed, by the wall clock.
    """
    row = {"case_id": order.case_id, "ordered": order.model_dump(mode="json"), "failed_at": at}
    statement = insert(connection, _TABLE).values({"key": order.call.key, **row})
    connection.execute(statement.on_conflict_do_update(index_elements=[_TABLE.c.key], set_=row))


def order_of(connection: Connection, key: str) -> FailedOrder | None:
    """One by its action's key; None: it is not kept, or not any more."""
    found = connection.execute(select(_TABLE.c.ordered).where(_TABLE.c.key == key)).scalar()
    return None if found is None else read_stored(FailedOrder, found)


def forget_order(connection: Connection, key: str) -> None:
    """Keep one no longer: nothing is left to be done for it."""
    connection.execute(delete(_TABLE).where(_TABLE.c.key == key))

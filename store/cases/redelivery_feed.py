"""The events of deliveries by hand, written in the transaction of their end."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from domain.catalog.kinds import Kind
from domain.feed.redeliveries import CaseRedelivery, redelivery_event, subject_of
from domain.feed.usage import UsageOutcome
from store import tables
from store.events import put_events
from store.usage.feed import put_outcome_event
from store.values import Redelivery

_ACTIONS, _EVENTS = tables.actions.c, tables.events.c


def put_redelivery_event(connection: Connection, ended: Redelivery, at: datetime) -> None:
    """Write the event of a delivery by hand that has ended.

    That of an entitlement's action comes behind all events that it has, that of a case's has a subject of its own.

    Args:
        connection: of the transaction that has stored its end, under `lock_events`; it writes nothing else afterwards.
        ended: the delivery.
        at: when it ended.
    """
    asked: dict[str, Any] = {"key": ended.key, "do": _channel(connection, ended.key), "by": ended.by, "at": at}
    asked |= {"asked_at": ended.asked_at, "attempts": ended.attempts}
    error = ended.answer if ended.status == "failed" else None
    entitlement, milestone = _ordered_by(connection, ended.key)
    if entitlement is None:
        about = _case(connection, ended.case_id) | {"milestone": milestone, "error": error}
        sequence = 1 + _many(connection, subject_of(ended.key))
        draft = redelivery_event(CaseRedelivery(**asked, **about), sequence=sequence)
        put_events(connection, [draft], run_id=ended.run_id)
        return
    put_outcome_event(
        connection,
        UsageOutcome(
            kind="redelivered" if error is None else "redelivery_failed",
            entitlement=entitlement,
            account=_account_of(connection, entitlement),
            said=error,
            **asked,
        ),
    )


def _channel(connection: Connection, key: str) -> str:
    """The kind of an action; of one that never came so far as to be sent, as it was ordered."""
    table = tables.deliveries
    sent = connection.execute(select(table.c.channel).where(table.c.key == key)).scalar()
    if sent is not None:
        return str(sent)
    ordered = select(_ACTIONS.action["do"].as_string()).where(_ACTIONS.key == key)
    return connection.execute(ordered).scalar() or ""


def _ordered_by(connection: Connection, key: str) -> tuple[str | None, str | None]:
    """The entitlement that ordered an action, or the milestone of the case that did."""
    fired = tables.triggers
    joined = tables.actions.outerjoin(fired, fired.c.key == _ACTIONS.trigger_key)
    wanted = select(_ACTIONS.entitlement, fired.c.milestone).select_from(joined).where(_ACTIONS.key == key)
    found = connection.execute(wanted).first()
    return (None, None) if found is None else (found.entitlement, found.milestone)


def _case(connection: Connection, case_id: str) -> dict[str, Any]:
    table = tables.cases
    wanted = select(table.c.account, table.c.entitlement).where(table.c.case_id == case_id)
    found = connection.execute(wanted).mappings().first()
    return {"case_id": case_id, **(found or {"account": None, "entitlement": None})}


def _many(connection: Connection, subject: str) -> int:
    wanted = select(func.max(_EVENTS.sequence)).where(_EVENTS.subject == subject, _EVENTS.superseded.is_(False))
    return connection.execute(wanted).scalar() or 0


def _account_of(connection: Connection, entitlement: str) -> str | None:
    table = tables.DECLARED[Kind.ENTITLEMENTS]
    account: str | None = connection.execute(select(table.c.account).where(table.c.id == entitlement)).scalar()
    return account

"""Writing events of the feed, in the transaction of the record that they belong to.

Positions are handed out last thing in a transaction, from one row that stays locked until the transaction has ended. So
an event becomes visible only after every event with a lower position, whoever commits when, and a reader who has come
to a position has missed nothing before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from domain.feed.envelope import Draft
from store import tables
from store.many import execute_many

_EVENTS, _FEED = tables.events, tables.feed

_STORED = select(_EVENTS.c.position, _EVENTS.c.sequence, _EVENTS.c.id).where(
    _EVENTS.c.subject == bindparam("of_subject"),
    _EVENTS.c.sequence >= bindparam("from_sequence"),
    _EVENTS.c.superseded.is_(False),
)
_LAST = select(func.max(_EVENTS.c.sequence)).where(
    _EVENTS.c.subject == bindparam("of_subject"), _EVENTS.c.superseded.is_(False)
)
_LAST_OF_OTHERS = _LAST.where(_EVENTS.c.run_id != bindparam("of_run"))
_NEXT = update(_FEED).values(last=_FEED.c.last + bindparam("many")).returning(_FEED.c.last)
_INSERT = _EVENTS.insert()
_SUPERSEDE = update(_EVENTS).where(_EVENTS.c.position == bindparam("at_position")).values(superseded=True)


def lock_events(connection: Connection) -> None:
    """Let nobody else write events until the transaction has ended; whoever waits sees then what it has stored."""
    connection.execute(select(_FEED.c.last).with_for_update())


def put_events(connection: Connection, drafts: Sequence[Draft], *, run_id: str) -> None:
    """Write events of one subject, in the order of their numbers. Those that are there stay as they are.

    What an attempt at a step has left that the server never took says otherwise: it is superseded, and readers do not
    see it any more.

    Args:
        connection: of the transaction; it writes nothing else afterwards.
        drafts: the events.
        run_id: names who writes them.
    """
    put_beside(connection, drafts, stored_from(connection, drafts[0].subject, drafts[0].sequence), run_id=run_id)


def stored_from(connection: Connection, subject: str, sequence: int) -> dict[int, Any]:
    """What stands of the events of a subject from a number on: of each its position, by its number."""
    found = connection.execute(_STORED, {"of_subject": subject, "from_sequence": sequence})
    return {row.sequence: row for row in found}


def put_beside(connection: Connection, drafts: Sequence[Draft], stored: dict[int, Any], *, run_id: str) -> None:
    """As `put_events`, beside those that are stored under their numbers or later ones, if that is known.

    What stands behind one that says otherwise goes to the end with it, whatever it says: readers see the events of a
    subject in the order of their numbers.
    """
    as_stored = takewhile(lambda draft: draft.sequence in stored and stored[draft.sequence].id == draft.id, drafts)
    same = {draft.sequence for draft in as_stored}
    new = [draft for draft in drafts if draft.sequence not in same]
    others = [{"at_position": row.position} for sequence, row in stored.items() if sequence not in same]
    if others:
        connection.execute(_SUPERSEDE, others)
    if not new:
        return
    append(connection, [(draft, run_id) for draft in new])


def append(connection: Connection, drafts: Sequence[tuple[Draft, str]]) -> None:
    """Write events at the end of the feed; none of their numbers is stored.

    Args:
        connection: of the transaction; it writes nothing else afterwards.
        drafts: the events, at least one, each with what names who writes it.
    """
    now = datetime.now(UTC)
    before = connection.execute(_NEXT, {"many": len(drafts)}).scalar_one() - len(drafts)
    rows = [_row(draft, before + place, run_id, now) for place, (draft, run_id) in enumerate(drafts, 1)]
    execute_many(connection, _INSERT, rows)


def last_of(connection: Connection, subject: str) -> int:
    """The number of the last event of a subject; 0: there is none."""
    return connection.execute(_LAST, {"of_subject": subject}).scalar() or 0


def last_of_others(connection: Connection, subject: str, run_id: str) -> int:
    """The number of the last event of a subject that somebody else has written; 0: there is none."""
    return connection.execute(_LAST_OF_OTHERS, {"of_subject": subject, "of_run": run_id}).scalar() or 0


def _row(draft: Draft, position: int, run_id: str, now: datetime) -> dict[str, Any]:
    same = ("type", "subject", "sequence", "time", "account", "data")
    known = {name: getattr(draft, name) for name in same}
    return {
        "position": position,
        "id": draft.id,
        "run_id": run_id,
        "recorded_at": now,
        "superseded": False,
        **known,
    }

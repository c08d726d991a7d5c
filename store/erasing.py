"""Erasing one person from what is kept for a while: mails, messages and answers, deliveries of other systems.

Keys, instants, verdicts and counts stay, and so does the feed: nothing of it has these texts. A place that showed one
says when it was erased, and by whom.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Table, Text, cast, delete, or_, select, update

from domain.delivery.naming import ERASED, Names
from domain.delivery.schedule import GIVES_UP_AFTER
from domain.errors import Refused
from store import tables
from store.database import Database

Row = dict[str, Any]


class What(StrEnum):
    """What people call a text that names somebody."""

    MAIL = "mail"
    MESSAGE = "message"
    ORDER = "action that failed for good"
    DELIVERY = "delivery of another system"
    LINE = "line on who got something, or what was answered"


class NamedText(NamedTuple):
    """A text that names somebody.

    Attributes:
        key: of the action; of a delivery of another system its number.
        case_id: of the case, or the id of the entitlement; None: it is of neither.
        at: when it was written.
        others: a mail that others got too.
        is_dead_letter: a delivery that was not taken, and will not be.
        waits: it is still to be sent, or to be taken.
    """

    what: What
    key: str
    case_id: str | None
    at: datetime
    others: bool
    is_dead_letter: bool
    waits: bool


class _Kept(NamedTuple):
    """A table of texts.

    Attributes:
        searched: the columns in which somebody may be named.
        at: the column that says when a row was written.
        erased: what changes of a row that names somebody, given what is said in its place; None: the row goes.
    """

    what: What
    table: Table
    searched: tuple[str, ...]
    at: str
    erased: Callable[[Names, Row, str], Row | None]


class _Hit(NamedTuple):
    """A row that names somebody."""

    kept: _Kept
    row: Row


class Erasing:
    """Finds the texts that name somebody, and erases them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def naming(self, names: Names, at: datetime) -> list[NamedText]:
        """The texts that name somebody, the oldest first.

        Args:
            names: what they are known by.
            at: now.
        """
        with self._database.read() as connection:
            return _shown(connection, list(_hits(connection, names)), names, at)

    def erase(self, names: Names, said: str, at: datetime) -> list[NamedText]:
        """Erase the texts that name somebody: all of them, or none.

        Args:
            names: what they are known by.
            said: what stands in their place.
            at: now.

        Returns:
            What was erased, the oldest first.

        Raises:
            Refused: one of them waits to be sent, or to be taken; it would be written again, or be lost.
        """
        with self._database.write() as connection:
            hits = list(_hits(connection, names))
            found = _shown(connection, hits, names, at)
            if waiting := [text.key for text in found if text.waits]:
                keys = ", ".join(dict.fromkeys(waiting))
                raise Refused(
                    "still_waits",
                    f"nothing was erased: still to be sent, or to be taken, and written again by that: {keys}; erase "
                    "once they have arrived or failed",
                )
            for hit in hits:
                _erase(connection, hit, names, said)
            gone = {hit.row["key"] for hit in hits if hit.kept.what in (What.MAIL, What.MESSAGE)}
            for key in sorted(gone):  # what the receiver answered is about it
                for table in (tables.deliveries, tables.redeliveries):
                    connection.execute(update(table).where(table.c.key == key).values({"answer": said}))
        return found


def _erase(connection: Connection, hit: _Hit, names: Names, said: str) -> None:
    table = hit.kept.table
    this = [column == hit.row[column.name] for column in table.primary_key.columns]
    changed = hit.kept.erased(names, hit.row, said)
    if changed is None:
        connection.execute(delete(table).where(*this))
    else:
        connection.execute(update(table).where(*this).values(changed))


def _hits(connection: Connection, names: Names) -> Iterator[_Hit]:
    for kept in _KEPT:
        for row in connection.execute(_like(kept, names)).mappings():
            if any(names.are_in(row[name]) for name in kept.searched):
                yield _Hit(kept, dict(row))


def _like(kept: _Kept, names: Names) -> Select[Any]:
    """The rows that may name somebody. Of a mail, whether its delivery is on record too."""
    texts = [cast(kept.table.c[name], Text) for name in kept.searched]
    wanted = select(kept.table)
    if kept.table is tables.mails:
        sent = tables.deliveries.c
        wanted = wanted.add_columns(sent.key.label(_DELIVERY)).outerjoin_from(
            tables.mails, tables.deliveries, sent.key == tables.mails.c.key
        )
    return wanted.where(or_(*(text.ilike(pattern) for text in texts for pattern in names.patterns)))


def _shown(connection: Connection, hits: Sequence[_Hit], names: Names, at: datetime) -> list[NamedText]:
    waiting = _waiting(connection, at)
    return sorted((_text(hit, names, waiting) for hit in hits), key=lambda text: (text.at, text.key))


def _text(hit: _Hit, names: Names, waiting: set[str]) -> NamedText:
    what, row = hit.kept.what, hit.row
    is_delivery = what is What.DELIVERY
    key = str(row["number"]) if is_delivery else str(row.get("key") or row.get("event_id"))
    return NamedText(
        what=what,
        key=key,
        case_id=row.get("case_id"),
        at=row[hit.kept.at] or row["at"],
        others=what is What.MAIL and not all(map(names.are_in, row["to"])),
        is_dead_letter=is_delivery and row["status"] == "dead",
        waits=row["status"] == "waits" if is_delivery else key in waiting,
    )


def _waiting(connection: Connection, at: datetime) -> set[str]:
    """The keys of what is still to be sent. What has waited for longer than anything may has lost its workflow."""
    since = at - GIVES_UP_AFTER
    sent, again = tables.deliveries.c, tables.redeliveries.c
    of_deliveries = select(sent.key).where(sent.status == "waits", sent.first_at > since)
    of_redeliveries = select(again.key).where(again.status == "waits", again.asked_at > since)
    return {key for wanted in (of_deliveries, of_redeliveries) for key in connection.execute(wanted).scalars()}


# --- what changes, table by table ---

_DELIVERY = "delivery_key"


def _of_mail(names: Names, row: Row, said: str) -> Row | None:
    """One that is in the log alone stays there, without its words: nothing else says that it was."""
    if row[_DELIVERY] is not None:
        return None
    to = [ERASED if names.are_in(one) else one for one in row["to"]]
    return {"to": to, "subject": said, "body": "", "html": None, "remark": None, "answer": row["answer"] and said}


def _of_request(_names: Names, _row: Row, _said: str) -> None:
    """It goes; its delivery says so."""


def _of_order(_names: Names, _row: Row, _said: str) -> None:
    """It goes, and can be tried again by its case alone; what became of it stays on record."""


def _of_delivery(names: Names, row: Row, said: str) -> Row:
    return {"to": names.taken_out_of(row["to"]), "answer": said, "lane": None}


def _of_recipient(names: Names, row: Row, _said: str) -> Row:
    return {**_nobody(names, row, "address"), "answer": ""}


def _of_held(names: Names, row: Row, said: str) -> Row:
    return {**_nobody(names, row, "to"), "subject": said}


def _of_digest(names: Names, row: Row, _said: str) -> Row:
    return _nobody(names, row, "to")


def _of_limit(names: Names, row: Row, _said: str) -> Row:
    return _nobody(names, row)


def _nobody(names: Names, row: Row, *shown: str) -> Row:
    """A recipient who was somebody else than others, and nobody knows who."""
    if not any(names.are_in(row[name]) for name in ("recipient", *shown)):
        return {}
    return {"recipient": f"{ERASED} {secrets.token_hex(8)}", **dict.fromkeys(shown, ERASED)}


def _of_answer(_names: Names, _row: Row, said: str) -> Row:
    return {"answer": said}


def _of_intake(names: Names, row: Row, said: str) -> Row:
    """A dead letter can't be tried again without its payload, and holds nothing up any more."""
    did = [said if names.are_in(line) else line for line in row["did"]]
    status = "dropped" if row["status"] == "dead" else row["status"]
    return {"payload": json.dumps(said), "headers": {}, "did": did, "reason": said, "status": status}


def _of_letter(names: Names, row: Row, said: str) -> Row:
    return {name: said for name in ("reason", "said") if names.are_in(row[name])}


_KEPT = (
    _Kept(
        What.MAIL, tables.mails, ("to", "subject", "body", "html", "answer", "remark"), at="written_at", erased=_of_mail
    ),
    _Kept(What.MESSAGE, tables.sent_requests, ("request",), at="written_at", erased=_of_request),
    _Kept(What.ORDER, tables.failed_orders, ("ordered",), at="failed_at", erased=_of_order),
    _Kept(What.LINE, tables.deliveries, ("to", "answer", "lane"), at="first_at", erased=_of_delivery),
    _Kept(What.LINE, tables.redeliveries, ("answer",), at="asked_at", erased=_of_answer),
    _Kept(What.LINE, tables.mail_recipients, ("recipient", "address", "answer"), at="at", erased=_of_recipient),
    _Kept(What.LINE, tables.held_mails, ("recipient", "to", "subject"), at="held_at", erased=_of_held),
    _Kept(What.LINE, tables.digests, ("recipient", "to"), at="made_at", erased=_of_digest),
    _Kept(What.LINE, tables.sent_mails, ("recipient",), at="at", erased=_of_limit),
    _Kept(
        What.DELIVERY,
        tables.intake_deliveries,
        ("payload", "headers", "did", "reason"),
        at="received_at",
        erased=_of_intake,
    ),
    _Kept(What.LINE, tables.dead_letters, ("reason", "said"), at="at", erased=_of_letter),
)

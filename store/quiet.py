"""Limits of mails, kept by all workers together: what may go now, and the digests of what was one too many."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime
from sqlalchemy import Connection, delete, distinct, func, select, update

from domain.model import Value
from store import tables
from store.cases import mail_recipients
from store.cases.actions import completed_at
from store.cases.outcomes import case_of
from store.database import MAIL_LOCK, Database, insert, insert_new
from store.reading import read_stored
from store.tables import digests, held_mails, sent_mails
from store.values import MailRecipient

MOST_LISTED = 500
"""Mails of one digest; more come in the next, an hour later."""

KEPT = timedelta(days=30)
"""What a digest listed, and for whom."""

DIGEST = "+digest"
"""How keys of digests begin. No case is called so."""


class MailInHand(Value):
    """A mail that is to be sent.

    Attributes:
        to: addresses by what they are known by: without names, in lower case.
        due_at: when it was due.
        expires_at: when it is worth nothing any more; None: by time it stays worth something.
        expires_completed: it is worth nothing once its milestone is completed.
    """

    key: str
    to: dict[str, str]
    subject: str
    due_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    expires_completed: bool = False


class Limits(Value):
    """How many mails may go within a span of time.

    Attributes:
        per_case: of one case or entitlement; None: any number.
        per_recipient: to one address; None: any number.
        window: the span.
    """

    per_case: int | None
    per_recipient: int | None
    window: timedelta


class Listed(Value):
    """A mail of a digest.

    Attributes:
        external_id: the id of another system that the case's was made of; None: it has none, or is an entitlement's.
    """

    key: str
    case_id: str
    external_id: str | None = None
    subject: str
    due_at: AwareDatetime


class DigestTurn(Value):
    """What is to be done about a mail that was held for a digest.

    Attributes:
        what: wait until an instant; send the digest; or nothing more, since it was sent or has failed for good.
        at: until when to wait.
        is_being_sent: another worker is at it, and may be done well before then.
        key: of the digest, once there is one.
        to: its recipient.
        mails: that it lists, by when they were due.
        answer: what the mail server said to it.
    """

    what: Literal["wait", "send", "sent", "failed"]
    at: AwareDatetime | None = None
    is_being_sent: bool = False
    key: str = ""
    to: str = ""
    mails: tuple[Listed, ...] = ()
    answer: str = ""


class Quiet:
    """The store's side that holds mails back. A decision is one transaction; over all workers one is made at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def admit(self, mail: MailInHand, limits: Limits | None, at: datetime) -> list[str]:
        """The recipients to whom a mail may go by itself now. It is held for a digest for those to whom it may not.

        What is held for somebody is overtaken by nothing: while anything is, all else for them is held too. A mail that
        was held stays so.

        Args:
            mail: the mail.
            limits: None: there are none, and nothing more is held.
            at: now.
        """
        with self._database.write() as connection:
            self._database.lock(connection, MAIL_LOCK)
            held = _held(connection, mail.key)
            fresh = [one for one in mail.to if one not in held]
            if limits is None or not fresh:
                return fresh
            since = at - limits.window
            connection.execute(delete(sent_mails).where(sent_mails.c.at <= since))
            case_id = case_of(mail.key)
            too_many = _is_over(connection, mail.key, sent_mails.c.case_id == case_id, limits.per_case)
            back = [one for one in fresh if too_many or _is_full(connection, mail.key, one, limits)]
            free = [one for one in fresh if one not in back]
            _hold(connection, mail, back, at, alone=not free and not held)
            for one in free:
                row = {"key": mail.key, "recipient": one, "case_id": case_id, "at": at}
                statement = insert(connection, sent_mails).values(row)
                keys = list(sent_mails.primary_key.columns)
                connection.execute(statement.on_conflict_do_update(index_elements=keys, set_={"at": at}))
            return free

    def withdraw(self, key: str, but: Collection[str] = ()) -> None:
        """A mail did not go: it counts for no limit, but for those who have it already."""
        with self._database.write() as connection:
            _uncount(connection, key, but)

    def release(self, key: str, but: Collection[str] = ()) -> None:
        """A mail is held for no digest any more and counts for no limit: it is begun anew, or not sent at all.

        Args:
            key: the mail's.
            but: for whom it counts still, since they have it.
        """
        with self._database.write() as connection:
            _uncount(connection, key, but)
            connection.execute(delete(held_mails).where(held_mails.c.key == key))

    def held_for(self, key: str) -> list[str]:
        """For whose digests a mail is held."""
        with self._database.read() as connection:
            return sorted(_held(connection, key))

    def take_digest(self, key: str, recipient: str, at: datetime, *, window: timedelta, lease: timedelta) -> DigestTurn:
        """What is to be done about a mail that is held. Of all who ask one at a time sends the digest.

        A digest is made when the first mail that it lists has been held for the whole window, and as much time has
        passed since the digest before.

        Args:
            key: the mail's.
            recipient: for whom it is held.
            at: now.
            window: of the limits.
            lease: how long whoever sends it has for that.
        """
        with self._database.write() as connection:
            self._database.lock(connection, MAIL_LOCK)
            mine = (held_mails.c.key == key, held_mails.c.recipient == recipient)
            found = connection.execute(select(held_mails.c.digest, held_mails.c.to).where(*mine)).first()
            if found is None:
                return DigestTurn(what="sent")
            digest = found.digest
            if digest is None:
                opens = _last_instant(connection, recipient) + window
                if at < opens:
                    return DigestTurn(what="wait", at=opens)
                digest = _make_digest(connection, key, recipient, found.to, at)
            return _turn(connection, digest, at, lease)

    def digest_sent(self, key: str, answer: str, at: datetime) -> None:
        """A digest has arrived, and with it, for its recipient, all that it lists."""
        with self._database.write() as connection:
            self._database.lock(connection, MAIL_LOCK)
            rows = _listed_in(connection, key)
            made = connection.execute(select(digests.c.recipient).where(digests.c.key == key)).scalar_one()
            sent = [
                {"key": key, "recipient": made, "case_id": name, "at": at} for name in {row["case_id"] for row in rows}
            ]
            insert_new(connection, sent_mails, sent)
            line = arrived_in(key, answer)
            several = _to_several(connection, rows)
            _mark_sent(connection, [row["key"] for row in rows if row["key"] not in several], line, at)
            _settle(connection, [row for row in rows if row["key"] in several], line, at, has_it=True)

    def digest_refused(self, key: str, answer: str, at: datetime) -> None:
        """A digest is refused for good, and with it, for its recipient, all that it lists."""
        with self._database.write() as connection:
            self._database.lock(connection, MAIL_LOCK)
            rows = _listed_in(connection, key)
            several = _to_several(connection, rows)
            listed = [row for row in rows if row["key"] in several]
            _settle(connection, listed, failed_in(key, answer), at, has_it=False)

    def postpone(self, key: str, until: datetime) -> None:
        """A digest did not arrive: nobody sends it again before then."""
        with self._database.write() as connection:
            connection.execute(
                update(digests).where(digests.c.key == key).values({"taken_until": until, "is_being_sent": False})
            )


def arrived_in(digest: str, answer: str) -> str:
    """What is said of a mail that came in a digest."""
    return f"in the digest {digest}: {answer}"


def failed_in(digest: str, answer: str) -> str:
    """What is said of a mail whose digest failed for good."""
    return f"the digest {digest} failed: {answer}"


def _listed_in(connection: Connection, digest: str) -> Sequence[Any]:
    return connection.execute(select(held_mails).where(held_mails.c.digest == digest)).mappings().all()


def _to_several(connection: Connection, rows: Sequence[Any]) -> set[str]:
    """Those of some mails, held for one recipient, that have others too: each comes to them in a way of its own."""
    keys = [row["key"] for row in rows]
    count = func.count(held_mails.c.recipient)
    more = select(held_mails.c.key).where(held_mails.c.key.in_(keys)).group_by(held_mails.c.key).having(count > 1)
    table = tables.mail_recipients
    known = select(table.c.key).where(table.c.key.in_(keys))
    others = {key for wanted in (more, known) for key in connection.execute(wanted).scalars()}
    return others | {row["key"] for row in rows if not row["alone"]}


def _settle(connection: Connection, rows: Sequence[Any], line: str, at: datetime, *, has_it: bool) -> None:
    """Note what became of the recipient of a digest; a mail that waits for nobody any more has ended.

    One that nobody has is left to its own activity, which says so.
    """
    for row in rows:
        key, became = row["key"], MailRecipient(address=row["to"], has_it=has_it, answer=line)
        mail_recipients.note(connection, key, {row["recipient"]: became}, at)
        settled = mail_recipients.settled(connection, key)
        having = [one.answer for one in settled.values() if one.has_it]
        if row["alone"] and having and _held(connection, key) <= set(settled):
            never = [f"refused for good for {one.address}: {one.answer}" for one in settled.values() if not one.has_it]
            _mark_sent(connection, [key], "; ".join([*dict.fromkeys(having), *never]), at)


def _mark_sent(connection: Connection, keys: Sequence[str], answer: str, at: datetime) -> None:
    table = tables.deliveries
    said = {"status": "sent", "answer": answer, "last_at": at}
    connection.execute(update(table).where(table.c.key.in_(keys), table.c.status == "waits").values(said))


def _uncount(connection: Connection, key: str, but: Collection[str]) -> None:
    of_others = (sent_mails.c.key == key, sent_mails.c.recipient.notin_(but))
    connection.execute(delete(sent_mails).where(*of_others))


def _held(connection: Connection, key: str) -> set[str]:
    return set(connection.execute(select(held_mails.c.recipient).where(held_mails.c.key == key)).scalars())


def _is_over(connection: Connection, key: str, which: Any, limit: int | None) -> bool:
    """Whether as many others went as may."""
    if limit is None:
        return False
    others = select(func.count(distinct(sent_mails.c.key))).where(which, sent_mails.c.key != key)
    return connection.execute(others).scalar_one() >= limit


def _is_full(connection: Connection, key: str, recipient: str, limits: Limits) -> bool:
    waiting = select(held_mails.c.key).where(held_mails.c.recipient == recipient, held_mails.c.digest.is_(None))
    if connection.execute(waiting.limit(1)).first() is not None:
        return True
    return _is_over(connection, key, sent_mails.c.recipient == recipient, limits.per_recipient)


def _hold(connection: Connection, mail: MailInHand, recipients: Sequence[str], at: datetime, *, alone: bool) -> None:
    facts = mail.model_dump(include={"key", "subject", "due_at", "expires_at", "expires_completed"})
    same = {**facts, "case_id": case_of(mail.key), "held_at": at, "alone": alone, "digest": None}
    insert_new(connection, held_mails, [{**same, "recipient": one, "to": mail.to[one]} for one in recipients])
    if recipients:
        connection.execute(
            delete(sent_mails).where(sent_mails.c.key == mail.key, sent_mails.c.recipient.in_(recipients))
        )


def _last_instant(connection: Connection, recipient: str) -> datetime:
    """When the first mail was held that is in no digest yet, or the last digest was made, whichever is later."""
    waiting = (held_mails.c.recipient == recipient, held_mails.c.digest.is_(None))
    first = select(held_mails.c.held_at).where(*waiting).order_by(held_mails.c.held_at).limit(1)
    last = select(digests.c.made_at).where(digests.c.recipient == recipient).order_by(digests.c.made_at.desc()).limit(1)
    found: list[datetime] = [at for one in (first, last) for at in connection.execute(one).scalars()]
    return max(found)


def _make_digest(connection: Connection, key: str, recipient: str, to: str, at: datetime) -> str:
    """A digest of all that is held for somebody and worth something still; of very many those that were due first."""
    waiting = (held_mails.c.recipient == recipient, held_mails.c.digest.is_(None))
    rows = connection.execute(select(held_mails).where(*waiting).order_by(held_mails.c.held_at)).mappings().all()
    old = select(digests.c.key).where(digests.c.made_at < at - KEPT)
    connection.execute(delete(held_mails).where(held_mails.c.digest.in_(old)))
    connection.execute(delete(digests).where(digests.c.made_at < at - KEPT))
    listed = [row["key"] for row in rows if row["key"] == key or not _is_worthless(connection, row, at)]
    others = [one for one in listed if one != key][: MOST_LISTED - 1]
    digest = f"{DIGEST}/{hashlib.sha256(recipient.encode()).hexdigest()[:16]}/{int(at.timestamp() * 1000)}"
    row = {"key": digest, "recipient": recipient, "to": to, "made_at": at, "taken_until": at, "is_being_sent": False}
    insert_new(connection, digests, [row])
    connection.execute(update(held_mails).where(*waiting, held_mails.c.key.in_([key, *others])).values(digest=digest))
    return digest


def _is_worthless(connection: Connection, row: Any, at: datetime) -> bool:
    """Whether a mail has expired; its own activity drops it."""
    if row["expires_at"] is not None and row["expires_at"] <= at:
        return True
    return bool(row["expires_completed"]) and completed_at(connection, row["key"]) is not None


def _turn(connection: Connection, digest: str, at: datetime, lease: timedelta) -> DigestTurn:
    made = connection.execute(select(digests).where(digests.c.key == digest)).mappings().one()
    table = tables.deliveries
    stands = connection.execute(select(table.c.status, table.c.answer).where(table.c.key == digest)).first()
    if stands is not None and stands.status in {"sent", "failed"}:
        return DigestTurn(what=stands.status, key=digest, to=made["to"], answer=stands.answer)
    if made["taken_until"] > at:
        return DigestTurn(what="wait", at=made["taken_until"], key=digest, is_being_sent=made["is_being_sent"])
    taken = {"taken_until": at + lease, "is_being_sent": True}
    connection.execute(update(digests).where(digests.c.key == digest).values(taken))
    columns = (held_mails.c.key, held_mails.c.case_id, held_mails.c.subject, held_mails.c.due_at)
    case = tables.cases.c
    rows = connection.execute(
        select(*columns, case.external_id)
        .join_from(held_mails, tables.cases, case.case_id == held_mails.c.case_id, isouter=True)
        .where(held_mails.c.digest == digest)
        .order_by(held_mails.c.due_at, held_mails.c.key)
    ).mappings()
    mails = tuple(read_stored(Listed, dict(row)) for row in rows)
    return DigestTurn(what="send", key=digest, to=made["to"], mails=mails)

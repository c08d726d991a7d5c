"""What actions write: the log of mails, new tasks, and whether each was done. All by the effect's key, once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, Table, and_, delete, or_, select, update

from domain.bounds import cut_for_search
from domain.process.actions import Action, slug
from store import tables
from store.cases import statements
from store.cases.failed_orders import forget_order, order_of, put_order
from store.cases.outcomes import case_of, put_failure
from store.cases.stored_actions import StoredAction
from store.cases.whose_actions import was_of
from store.database import Database, insert, insert_new
from store.events import lock_events
from store.reading import read_stored
from store.tables import held_mails
from store.values import FailedOrder, Mail

if TYPE_CHECKING:
    from domain.feed.usage import UsageOutcome


class ActionRecords:
    """What was ordered of actions, what became of each, and the mails and tasks that they made."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record_mail(  # noqa: PLR0917 - in the order of a mail's own parts
        self,
        key: str,
        to: Sequence[str],
        subject: str,
        body: str,
        at: datetime,
        due_at: datetime | None = None,
        answer: str | None = None,
        html: str | None = None,
        remark: str | None = None,
    ) -> bool:
        """Puts a mail into the log of sent mail; False if it is there already.

        Args:
            key: the effect's.
            to: addresses.
            subject: one line.
            body: the plain text.
            at: when it was ordered.
            due_at: when its trigger was due.
            answer: what the mail server said; None: none was asked.
            html: the same as the plain text, for those who read HTML.
            remark: what else there is to say of it, in one line.
        """
        row = {"key": key, "to": list(to), "subject": subject, "body": body, "at": at, "due_at": due_at}
        row |= {"answer": answer, "html": html, "remark": remark, "written_at": datetime.now(UTC)}
        return self._record(tables.mails, row)

    def record_mail_reached(self, key: str, to: Sequence[str], answer: str) -> None:
        """A mail of the log has reached more of its recipients.

        Args:
            key: the effect's.
            to: the addresses of all who have it.
            answer: what the mail server said.
        """
        table = tables.mails
        with self._database.write() as connection:
            connection.execute(update(table).where(table.c.key == key).values({"to": list(to), "answer": answer}))

    def record_task(  # noqa: PLR0917 - in the order of a task's own parts
        self,
        key: str,
        subject: str,
        assign_to: str,
        body: str,
        at: datetime,
        due_at: datetime | None = None,
        account: str | None = None,
    ) -> bool:
        """Makes a task; False if it is there already.

        Args:
            key: the effect's.
            subject: one line.
            assign_to: its owner.
            body: the plain text.
            at: when it was ordered.
            due_at: by when it is to be done.
            account: whose case or entitlement it is about.
        """
        row = {"key": key, "subject": subject, "assign_to": cut_for_search(assign_to), "body": body, "at": at}
        return self._record(tables.tasks, row | {"due_at": due_at, "account": account})

    def record_action_done(
        self,
        key: str,
        *,
        at: datetime | None = None,
        result: dict[str, Any] | None = None,
        outcome: UsageOutcome | None = None,
        action: Action | None = None,
    ) -> None:
        """An action was carried out; the first time counts.

        Args:
            key: the effect's.
            at: when, by the case's clock; now if left out.
            result: what there is to tell, as JSON.
            outcome: of an entitlement's action, for its feed; a case tells its own.
            action: an entitlement's, as it was ordered, where that is known; of a case its record has it.
        """
        table = tables.actions
        row = {"key": key, "case_id": case_of(key), "status": "done", "done_at": at or datetime.now(UTC)}
        row |= {"result": result, "error": None}
        row |= _of_entitlement(outcome, action)
        changed = tuple(name for name in row if name not in {"key", "case_id"})
        with self._database.write() as connection, _told(connection, key, outcome, unless=("done",)):
            done = statements.put(connection.dialect.name, table, *changed, unless_done=True)
            connection.execute(done, row)
            forget_order(connection, key)

    def record_action_dropped(
        self,
        key: str,
        reason: str,
        *,
        at: datetime | None = None,
        outcome: UsageOutcome | None = None,
        action: Action | None = None,
    ) -> None:
        """An action had expired, and is not done any more; one that is done stays so.

        Args:
            key: the effect's.
            reason: why it was worth nothing, in a sentence.
            at: when, by the case's clock; now if left out.
            outcome: of an entitlement's action, for its feed.
            action: an entitlement's, as it was ordered, where that is known.
        """
        table, sent = tables.actions, tables.deliveries
        changed: dict[str, Any] = {"status": "dropped", "failed_at": at or datetime.now(UTC), "error": reason}
        changed |= _of_entitlement(outcome, action)
        with self._database.write() as connection, _told(connection, key, outcome, unless=("done", "dropped")):
            statement = insert(connection, table).values({"key": key, "case_id": case_of(key), **changed})
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[table.c.key], set_=changed, where=table.c.status != "done"
                )
            )
            waits = (sent.c.key == key, sent.c.status == "waits")
            connection.execute(update(sent).where(*waits).values({"status": "dropped"}))
            connection.execute(delete(held_mails).where(held_mails.c.key == key, held_mails.c.digest.is_(None)))
            forget_order(connection, key)

    def record_action_retried(self, outcome: UsageOutcome) -> None:
        """An entitlement's action that failed for good is tried again, because somebody asked for it."""
        table = tables.actions
        again = {"status": "ordered", "failed_at": None, "error": None}
        with self._database.write() as connection:
            lock_events(connection)
            failed = update(table).where(table.c.key == outcome.key, table.c.status == "failed").values(again)
            if connection.execute(failed.returning(table.c.key)).first() is not None:
                _put_event(connection, outcome)

    def milestone_completed_at(self, key: str) -> datetime | None:
        """When the milestone of an action was completed, as it was last recorded; None: it is open, or not known."""
        with self._database.read() as connection:
            return completed_at(connection, key)

    def waits_since(self, key: str) -> datetime | None:
        """When the first attempt to deliver began, by the wall clock; None: there was none."""
        table = tables.deliveries
        with self._database.read() as connection:
            return connection.execute(select(table.c.first_at).where(table.c.key == key)).scalar()

    def was_sent(self, key: str) -> bool:
        """Whether the receiver of an action has it."""
        table = tables.deliveries
        with self._database.read() as connection:
            return connection.execute(select(table.c.status).where(table.c.key == key)).scalar() == "sent"

    def record_action_failed(self, key: str, error: str, *, at: datetime | None = None) -> None:
        """An action failed for good. One that is done stays so; one that is retried by hand may yet be done."""
        with self._database.write() as connection:
            put_failure(connection, key, error, at or datetime.now(UTC))

    def keep_order(self, order: FailedOrder) -> None:
        """Keep an action that failed for good just now as it was ordered, until it is done at last."""
        with self._database.write() as connection:
            put_order(connection, order, datetime.now(UTC))

    def kept_order(self, key: str) -> FailedOrder | None:
        """An action that failed for good, as it was ordered; None: it is not kept, or not any more."""
        with self._database.read() as connection:
            return order_of(connection, key)

    def mail(self, key: str) -> Mail | None:
        """A mail of the log by its key; None: it is not there, or not kept any more."""
        with self._database.read() as connection:
            found = connection.execute(select(tables.mails).where(tables.mails.c.key == key)).mappings().first()
        return None if found is None else read_stored(Mail, dict(found))

    def mails(self, case_id: str | None = None, *, limit: int = 1000) -> list[Mail]:
        """The log of sent mail, of one case or of all, in the order of sending; of very many the first `limit`."""
        return [read_stored(Mail, row) for row in self._recorded(tables.mails, case_id, limit)]

    def of_case(self, case_id: str, *, accounts: Collection[str] | None = None) -> list[StoredAction]:
        """The actions of a case in the order in which they fell due, with what became of them.

        Args:
            case_id: the case.
            accounts: from when it was one of these accounts' only.
        """
        acts, fired = tables.actions, tables.triggers
        order = (fired.c.at, fired.c.due_at, acts.c.trigger_key, acts.c.position, acts.c.key)
        wanted = [acts.c.case_id == case_id, acts.c.entitlement.is_(None)]
        if accounts is not None:
            wanted.append(was_of(accounts))
        return self._stored(_with_triggers().where(*wanted).order_by(*order))

    def get(self, key: str, *, accounts: Collection[str] | None = None) -> StoredAction | None:
        """An action by its key; None: nothing is recorded of it.

        Args:
            key: of the action.
            accounts: of a case or an entitlement of these accounts only, as in `failed`.
        """
        wanted = [tables.actions.c.key == key]
        if accounts is not None:
            wanted.append(was_of(accounts))
        return next(iter(self._stored(_with_triggers().where(*wanted))), None)

    def failed(
        self,
        *,
        since: datetime | None = None,
        kind: str | None = None,
        accounts: Collection[str] | None = None,
        after: StoredAction | None = None,
        limit: int = 1000,
    ) -> list[StoredAction]:
        """The actions of all cases and entitlements that failed for good, those that failed first first.

        Args:
            since: that failed then or later.
            kind: of this kind only, such as ``email``.
            accounts: of cases and entitlements of these accounts only, and of a case from when it was theirs.
            after: that come behind this one of them.
            limit: at most so many.
        """
        acts = tables.actions
        wanted = [acts.c.status == "failed"]
        if since is not None:
            wanted.append(acts.c.failed_at >= since)
        if kind is not None:
            wanted.append(acts.c.action["do"].as_string() == kind)
        if accounts is not None:
            wanted.append(was_of(accounts))
        if after is not None:
            is_later = and_(acts.c.failed_at == after.failed_at, acts.c.key > after.key)
            wanted.append(or_(acts.c.failed_at > after.failed_at, is_later))
        return self._stored(_with_triggers().where(*wanted).order_by(acts.c.failed_at, acts.c.key).limit(limit))

    def _record(self, table: Table, row: dict[str, Any]) -> bool:
        with self._database.write() as connection:
            return insert_new(connection, table, [{**row, "case_id": case_of(row["key"])}]) == 1

    def _recorded(self, table: Table, case_id: str | None, limit: int) -> list[dict[str, Any]]:
        wanted = select(table).order_by(table.c.at, table.c.key).limit(limit)
        if case_id is not None:
            wanted = wanted.where(table.c.case_id == case_id)
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(wanted).mappings()]

    def _stored(self, wanted: Select[Any]) -> list[StoredAction]:
        with self._database.read() as connection:
            return [read_stored(StoredAction, dict(row)) for row in connection.execute(wanted).mappings()]


def _of_entitlement(outcome: UsageOutcome | None, action: Action | None) -> dict[str, Any]:
    """What is kept of an action because it is an entitlement's, whose record does not have it."""
    if outcome is None:
        return {}
    known = {} if action is None else {"action": action.model_dump(mode="json")}
    return {"entitlement": outcome.entitlement, **known}


@contextmanager
def _told(connection: Connection, key: str, outcome: UsageOutcome | None, *, unless: tuple[str, ...]) -> Iterator[None]:
    """Write the event of an outcome behind what is written within, unless the action had such an outcome before."""
    if outcome is None:
        yield
        return
    lock_events(connection)
    table = tables.actions
    known = connection.execute(select(table.c.status).where(table.c.key == key)).scalar()
    yield
    if known not in unless:
        _put_event(connection, outcome)


def _put_event(connection: Connection, outcome: UsageOutcome) -> None:
    from store.usage.feed import put_outcome_event  # noqa: PLC0415 - only who acts for an entitlement loads its events

    put_outcome_event(connection, outcome)


def _with_triggers() -> Select[Any]:
    """Actions, each with the facts of its trigger, and what another system calls its case."""
    acts, fired, cases = tables.actions, tables.triggers, tables.cases.alias()
    shown = ("milestone", "occurrence", "trigger", "kind", "firing", "due_at", "at", "noticed_at")
    kept = [column for column in acts.c if column.name not in ("position", "trigger_key")]
    joined = acts.outerjoin(fired, fired.c.key == acts.c.trigger_key)
    joined = joined.outerjoin(cases, and_(cases.c.case_id == acts.c.case_id, acts.c.entitlement.is_(None)))
    return select(*kept, *(fired.c[name] for name in shown), cases.c.external_id).select_from(joined)


def completed_at(connection: Connection, key: str) -> datetime | None:
    """When the milestone of an action was completed, as it was last recorded; None: it is open, or not known."""
    case_id, process, milestone, occurrence, *_ = [*key.split("/"), *[""] * 4]
    table = tables.milestones
    if not occurrence.isdecimal():
        return None
    same = (table.c.case_id == case_id, table.c.process == process, table.c.occurrence == int(occurrence))
    wanted = select(table.c.milestone, table.c.completed_at).where(*same)
    return next((at for name, at in connection.execute(wanted) if slug(name) == milestone), None)

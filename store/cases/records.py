"""Records of cases: how each stands, what was noted, what fired and what became of its actions.

Everything is idempotent, and takes what arrives in any order: a record may come twice, or after a later one, and the
outcome of an action may be known before the record that ordered it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, select, update

from domain.errors import NotFound
from domain.explanation import InstanceExplained
from domain.messages.case_state import CaseState
from domain.messages.migrations import hours_in_use
from domain.messages.steps import CaseRecord
from domain.process import FieldUpdate
from domain.process.actions import slug
from domain.timeline.effects import Noted, TriggerFired
from domain.timeline.views import CaseView, MilestoneStatus, MilestoneView
from store import tables
from store.cases import statements
from store.cases.folded import explained, folded_rows, milestone_row, put_folded
from store.database import Database, insert_new
from store.feed import counted_on, put_case_events
from store.reading import read_stored
from store.reports.writing import put_measures
from store.values import CaseRow, StoredCase

_SPAN = TypeAdapter(timedelta)
_NOTE_COLUMNS = tuple(column.name for column in tables.notes.c if column.name != "case_id")


class CaseRecords:
    """The records of cases, one for each case, with its notes, milestones and triggers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, record: CaseRecord, *, patience: float | None = None, bridges: bool = False) -> int:
        """Stores a record, in place of what an attempt that the server never took has left; the newest counts.

        Args:
            record: how the case stands.
            patience: seconds to wait for another writer.
            bridges: events that are missing before those of the record are lost, and a snapshot takes their place.

        Returns:
            How many events its case has had with it. More than it says itself of a case that an older build has served.

        Raises:
            FeedGap: events are missing before those of the record; nothing is stored.
        """
        folded = folded_rows(record)
        with self._database.write(patience=patience) as connection:
            record = counted_on(connection, record)
            if not _put_case(connection, record):
                return record.carried.events
            if record.history == 0 and record.number == 1:
                _leave_turns(connection, record.view.case_id)
            _put_hours(connection, record)
            put_folded(connection, folded)
            _put_milestones(connection, record)
            put_measures(connection, record)
            _put_notes(connection, record)
            _forget_triggers(connection, record)
            for fired in record.fired:
                _put_trigger(connection, record.view, fired)
            for failure in record.failures:
                put_failure(connection, failure.key, failure.error, record.view.now)
            put_case_events(connection, record, bridges=bridges)  # last: nobody else writes events until it has ended
        return record.carried.events

    def get(self, case_id: str) -> StoredCase:
        """A case as it was last recorded.

        Raises:
            NotFound: no case of that id was ever recorded.
        """
        with self._database.read() as connection:
            found = connection.execute(select(tables.cases).where(tables.cases.c.case_id == case_id)).mappings().first()
        if found is None:
            raise NotFound(f"unknown case {case_id!r}")
        return StoredCase(**_row(found), carried=read_stored(CaseState, found["carried"]))

    def account_of(self, case_id: str) -> str | None:
        """Whose a case is; None: nobody's.

        Raises:
            NotFound: no case of that id was ever recorded.
        """
        table = tables.cases
        with self._database.read() as connection:
            row = connection.execute(select(table.c.account).where(table.c.case_id == case_id)).first()
        if row is None:
            raise NotFound(f"unknown case {case_id!r}")
        account: str | None = row.account
        return account

    def has_own_clock(self, case_id: str) -> bool:
        """Whether a case goes by a clock of its own, as those of a replayed log do; no for one that is not known."""
        table = tables.cases
        with self._database.read() as connection:
            known = connection.execute(select(table.c.own_clock).where(table.c.case_id == case_id)).first()
            if known is None or known.own_clock is not None:
                return known is not None and bool(known.own_clock)
            # Recorded by a Milepost from before the column. What is carried may be large, and is asked for often.
            carried = connection.execute(select(table.c.carried).where(table.c.case_id == case_id)).scalar_one()
        return bool(_SPAN.validate_python(carried.get("ahead", 0)))

    def rows(
        self,
        *,
        account: str | None = None,
        entitlement: str | None = None,
        process: str | None = None,
        status: MilestoneStatus | None = None,
        closed: bool | None = None,
        opened_from: datetime | None = None,
        opened_before: datetime | None = None,
        limit: int = 100,
    ) -> list[CaseRow]:
        """Cases, those opened last first.

        Args:
            account: of this account only; so with `entitlement`, `process` and `status`.
            entitlement: the one that they took.
            process: the one that they are or were in last.
            status: their milestone status.
            closed: closed ones only, or with False open ones only.
            opened_from: opened then or later.
            opened_before: opened earlier.
            limit: at most so many.
        """
        table = tables.cases
        columns = [column for column in table.c if column.name != "carried"]
        wanted = select(*columns).order_by(table.c.opened_at.desc(), table.c.case_id).limit(limit)
        same = {"account": account, "entitlement": entitlement, "process": process, "status": status}
        for name, value in same.items():
            if value is not None:
                wanted = wanted.where(table.c[name] == str(value))
        if closed is not None:
            wanted = wanted.where(table.c.closed_at.isnot(None) if closed else table.c.closed_at.is_(None))
        if opened_from is not None:
            wanted = wanted.where(table.c.opened_at >= opened_from)
        if opened_before is not None:
            wanted = wanted.where(table.c.opened_at < opened_before)
        with self._database.read() as connection:
            return [CaseRow(**_row(found)) for found in connection.execute(wanted).mappings()]

    def notes(self, case_id: str) -> list[Noted]:
        """What was noted of a case, in order; nothing for a case that is not known."""
        table = tables.notes
        wanted = select(*(table.c[name] for name in _NOTE_COLUMNS)).where(table.c.case_id == case_id)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(table.c.number)).mappings()
            return [read_stored(Noted, dict(row)) for row in rows]

    def milestones(self, case_id: str) -> list[MilestoneView]:
        """The milestone instances of a case as they were last recorded, by process, start and occurrence."""
        table = tables.milestones
        order = (table.c.process, table.c.start_at, table.c.milestone, table.c.occurrence)
        wanted = select(table.c.view).where(table.c.case_id == case_id).order_by(*order)
        with self._database.read() as connection:
            return [read_stored(MilestoneView, view) for view in connection.execute(wanted).scalars()]

    def explained(self, case_id: str, milestone: str, occurrence: int) -> list[InstanceExplained]:
        """Why the target of an occurrence that its case keeps no more was what it was.

        Under each process of the case that had an occurrence of that number; nothing if the case still keeps it, and
        explains it itself, or if there is none.
        """
        with self._database.read() as connection:
            return explained(connection, case_id, milestone, occurrence)

    def triggers(self, case_id: str) -> list[str]:
        """The keys of the triggers of a case that fired, in their order."""
        table = tables.triggers
        wanted = select(table.c.key).where(table.c.case_id == case_id).order_by(table.c.at, table.c.due_at, table.c.key)
        with self._database.read() as connection:
            return list(connection.execute(wanted).scalars())


def _row(found: Any) -> dict[str, Any]:
    kept = ("case_id", "number", "run_id", "account", "entitlement")
    return {**{name: found[name] for name in kept}, "view": read_stored(CaseView, found["view"])}


def _put_case(connection: Connection, record: CaseRecord) -> bool:
    """Whether this record is newer than what is stored."""
    view = record.view
    row = {
        "case_id": view.case_id,
        "run": record.run,
        "history": record.history,
        "number": record.number,
        "run_id": record.run_id,
        "account": record.account,
        "entitlement": record.entitlement,
        "process": view.process,
        "process_version": view.process_version,
        "status": view.status.value,
        "stopped": view.stopped,
        "opened_at": view.opened_at,
        "closed_at": view.closed_at,
        "next_due": view.next_due,
        "view": view.model_dump(mode="json"),
        "carried": record.carried.model_dump(mode="json"),
        "recorded_at": datetime.now(UTC),
        "fields": view.fields,
        "own_clock": bool(record.carried.ahead),
    }
    # The opening asks besides whether it was asked for after what is stored.
    asked = {} if record.asked_at is None else {statements.ASKED_AT: record.asked_at}
    newer = statements.put_case(connection.dialect.name, tuple(row), is_opening=bool(asked))
    return connection.execute(newer, {**row, **asked}).first() is not None


def _leave_turns(connection: Connection, case_id: str) -> None:
    """Nobody tries any more what a workflow of the case that was ended had to deliver; nothing waits for it."""
    table = tables.deliveries
    waits = (table.c.case_id == case_id, table.c.status == "waits")
    connection.execute(update(table).where(*waits).values({"lane": None, "tried_until": None}))


def _put_hours(connection: Connection, record: CaseRecord) -> None:
    """The business hours that the case goes by; none of one that is closed. They seldom change, so looked at first."""
    table, case_id = tables.case_hours, record.view.case_id
    hours = {} if record.view.closed_at is not None else hours_in_use(record.carried.plan)
    stored = connection.execute(statements.look(table, ("name", "version")), {statements.CASE_ID: case_id}).all()
    if {row.name: row.version for row in stored} == hours:
        return
    connection.execute(delete(table).where(table.c.case_id == case_id))
    rows = [{"case_id": case_id, "name": name, "version": version} for name, version in hours.items()]
    insert_new(connection, table, rows)


def _put_notes(connection: Connection, record: CaseRecord) -> None:
    table, case_id = tables.notes, record.view.case_id
    which = {statements.CASE_ID: case_id, statements.NOTES_FROM: record.notes_from}
    connection.execute(statements.forget_notes(), which)
    rows = [{"case_id": case_id, **{key: getattr(note, key) for key in _NOTE_COLUMNS}} for note in record.notes]
    insert_new(connection, table, rows)


def _forget_triggers(connection: Connection, record: CaseRecord) -> None:
    """Drop what the case does not know to have fired, with the actions that nobody has begun.

    What fired before the record's `settled_at` was taken for good, and is not looked at.
    """
    case_id = record.view.case_id
    milestones = [*record.view.milestones, *(each.view for each in record.folded)]
    fired = {
        "/".join((case_id, m.process, slug(m.milestone), str(m.occurrence), trigger, str(firing)))
        for m in milestones
        for trigger in {f.trigger for f in m.fired}
        for firing in range(1, sum(f.trigger == trigger for f in m.fired) + 1)
    }
    triggers, actions = tables.triggers, tables.actions
    which = {statements.CASE_ID: case_id, statements.SETTLED_AT: record.settled_at or datetime.min.replace(tzinfo=UTC)}
    stored = connection.execute(statements.fired_since(), which).scalars()
    for key in set(stored) - fired:
        connection.execute(delete(actions).where(actions.c.trigger_key == key, actions.c.status == "ordered"))
        connection.execute(delete(triggers).where(triggers.c.key == key))


def _put_milestones(connection: Connection, record: CaseRecord) -> None:
    view = record.view
    rows = [milestone_row(view.case_id, milestone) for milestone in view.milestones]
    table = tables.milestones
    known = [(m.process, m.milestone, m.occurrence) for m in view.milestones]
    which = {statements.CASE_ID: view.case_id, statements.KNOWN: known}
    connection.execute(statements.forget_milestones(folded=record.settled_at is None), which)
    if rows:
        changed = [name for name in rows[0] if name not in table.primary_key.columns]
        connection.execute(statements.put(connection.dialect.name, table, *changed), rows)


def _put_trigger(connection: Connection, view: CaseView, fired: TriggerFired) -> None:
    key = _trigger_key(view, fired)
    same = ("milestone", "occurrence", "trigger", "firing", "due_at", "at", "noticed_at")
    row = {"key": key, "case_id": view.case_id, "kind": fired.kind.value}
    row |= {name: getattr(fired, name) for name in same}
    # One that is there was recorded by an attempt that the server never took: it may have noticed it at another time.
    dialect = connection.dialect.name
    connection.execute(statements.put(dialect, tables.triggers, *(name for name in row if name != "key")), row)
    for position, call in enumerate(fired.calls):
        known = {"position": position, "trigger_key": key, "action": call.action.model_dump(mode="json")}
        # The timeline itself has carried out a change of a field by the time it tells of it.
        taken = isinstance(call.action, FieldUpdate)
        outcome = {"status": "done", "done_at": fired.at} if taken else {"status": "ordered", "done_at": None}
        ordered = {"key": call.key, "case_id": view.case_id, **known, **outcome}
        connection.execute(statements.put(dialect, tables.actions, *known), ordered)


def _trigger_key(view: CaseView, fired: TriggerFired) -> str:
    """The key of its effects without the action; also for a trigger that has none."""
    if fired.calls:
        return fired.calls[0].key.rpartition("/")[0]
    instances = [
        milestone
        for milestone in view.milestones
        if (milestone.milestone, milestone.occurrence) == (fired.milestone, fired.occurrence)
    ]
    process = instances[-1].process if instances else slug(view.process or "")
    place = (view.case_id, process, slug(fired.milestone), str(fired.occurrence), fired.trigger, str(fired.firing))
    return "/".join(place)


def put_failure(connection: Connection, key: str, error: str, at: datetime) -> None:
    """An action failed for good; what is done stays done."""
    table = tables.actions
    row = {"key": key, "case_id": case_of(key), "status": "failed", "failed_at": at, "error": error}
    changed = ("status", "failed_at", "error")
    connection.execute(statements.put(connection.dialect.name, table, *changed, unless_done=True), row)


def case_of(key: str) -> str:
    """The case of an effect's key."""
    return key.partition("/")[0]

"""Records of cases: how each stands, what was noted, what fired and what became of its actions.

Everything is idempotent, and takes what arrives in any order: a record may come twice, or after a later one, and the
outcome of an action may be known before the record that ordered it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from domain.errors import NotFound
from domain.messages.case_state import CaseState
from domain.process.actions import slug
from domain.timeline.effects import Noted, NoteKind, TriggerFired
from domain.timeline.views import CaseView, MilestoneStatus, MilestoneView
from store import tables
from store.cases import statements
from store.cases.feed import FeedGap, counted_on, put_case_events
from store.cases.folded import explained, folded_rows, put_folded
from store.cases.following import DoNotFollow, Last, LastRecords, put_following
from store.cases.outcomes import put_failure
from store.cases.rows import (
    ACTION_CHANGES,
    NOTE_COLUMNS,
    TRIGGER_CHANGES,
    action_rows,
    case_row,
    hours_of,
    note_rows,
    trigger_row,
)
from store.cases.values import CaseRow, StoredCase
from store.database import Database, insert_new
from store.errors import StoreError, Unstorable
from store.listed import listed, milestone_row, roles_now
from store.reading import read_stored
from store.reports.writing import put_measures

if TYPE_CHECKING:
    from domain.explanation import InstanceExplained
    from domain.messages.steps import CaseRecord

_SPAN = TypeAdapter(timedelta)


Failure = SQLAlchemyError | StoreError | Unstorable
"""Why a record could not be stored."""


class CaseRecords:
    """The records of cases, one for each case, with its notes, milestones and triggers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last = LastRecords()

    def record_all(self, records: Sequence[CaseRecord], *, patience: float | None = None) -> list[int | Failure]:
        """Stores records, each of another case, in as few transactions as can be.

        Those that follow what this process has stored last are written in one. The others, and those as well if that
        fails, are written one by one, so that one that can't be stored keeps no other from it. Where the database is
        not at hand that is said of all that are left.

        Args:
            records: as `record` takes them.
            patience: seconds to wait for another writer.

        Returns:
            Of each what `record` returns, or why it could not be stored.
        """
        following = [(record, last) for record in records if (last := self._last.before(record)) is not None]
        stored: set[str] = set()
        away: Failure | None = None
        try:
            if following and self._follow(following, patience):
                stored = {record.view.case_id for record, _ in following}
        except (SQLAlchemyError, StoreError, Unstorable) as error:
            away = error if _is_away(error) else None
        outcomes: list[int | Failure] = []
        for record in records:
            if record.view.case_id in stored:
                outcomes.append(record.carried.events)
                continue
            outcome = away or self._tried(record, patience)
            away = outcome if not isinstance(outcome, int) and _is_away(outcome) else None
            outcomes.append(outcome)
        return outcomes

    def _follow(self, following: Sequence[tuple[CaseRecord, Last]], patience: float | None) -> bool:
        """Whether they follow what is stored, and are stored as well now."""
        with suppress(DoNotFollow):
            with self._database.write(patience=patience) as connection:
                put_following(connection, following)
            for record, last in following:
                self._last.remember(record, last)
            return True
        return False

    def _tried(self, record: CaseRecord, patience: float | None) -> int | Failure:
        try:
            return self.record(record, patience=patience)
        except (SQLAlchemyError, StoreError, Unstorable) as error:
            return error

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
        self._last.remember(record)
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

    def notes(self, case_id: str, kinds: Sequence[NoteKind] | None = None) -> list[Noted]:
        """What was noted of a case, in order, of all kinds or of some; nothing for a case that is not known."""
        table = tables.notes
        wanted = select(*(table.c[name] for name in NOTE_COLUMNS)).where(table.c.case_id == case_id)
        if kinds is not None:
            wanted = wanted.where(table.c.kind.in_([kind.value for kind in kinds]))
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


def _is_away(error: Failure) -> bool:
    """Whether the next record would fare no better: the database is not there, or others do not let go of it."""
    return isinstance(error, OperationalError | StoreError) and not isinstance(error, FeedGap)


def _row(found: Any) -> dict[str, Any]:
    kept = ("case_id", "number", "run_id", "account", "entitlement")
    return {**{name: found[name] for name in kept}, "view": read_stored(CaseView, found["view"])}


def _put_case(connection: Connection, record: CaseRecord) -> bool:
    """Whether this record is newer than what is stored."""
    row = case_row(record) | listed(record.view, roles_now(connection))
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
    hours = hours_of(record)
    stored = connection.execute(statements.look(table, ("name", "version")), {statements.CASE_ID: case_id}).all()
    if {row.name: row.version for row in stored} == hours:
        return
    connection.execute(statements.forget_hours(), {statements.CASE_ID: case_id})
    rows = [{"case_id": case_id, "name": name, "version": version} for name, version in hours.items()]
    insert_new(connection, table, rows)


def _put_notes(connection: Connection, record: CaseRecord) -> None:
    table, case_id = tables.notes, record.view.case_id
    which = {statements.CASE_ID: case_id, statements.NOTES_FROM: record.notes_from}
    connection.execute(statements.forget_notes(), which)
    insert_new(connection, table, note_rows(record))


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
    dialect = connection.dialect.name
    connection.execute(statements.put(dialect, tables.triggers, *TRIGGER_CHANGES), trigger_row(view, fired))
    for ordered in action_rows(view, fired):
        connection.execute(statements.put(dialect, tables.actions, *ACTION_CHANGES), ordered)

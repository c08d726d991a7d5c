"""Records that follow what is stored: nothing has to be forgotten for them, and many are written at once.

A record takes the place of all that an attempt at a step has left that the server never took, so what is stored has to
be looked at first. Not so where the record before it is the last one that is stored, and was written by this very
process, which remembers what that was; nor where it is the first record of a case of which nothing is stored.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Self

from sqlalchemy import Connection

from store import tables
from store.cases import rows, statements
from store.cases.feed import put_following_events
from store.database import insert_new
from store.listed import listed, milestone_row, roles_now
from store.many import execute_many
from store.reports.writing import has_changes, put_following_measures

if TYPE_CHECKING:
    from domain.messages.steps import CaseRecord

MOST_REMEMBERED = 20_000
"""Cases, of those that have recorded something last."""


class DoNotFollow(Exception):
    """Records do not follow what is stored."""


Milestones = frozenset[tuple[str, str, int]]


class Last(NamedTuple):
    """What is stored of a case once a record of it is.

    Attributes:
        place: of the record: the workflow's run, the run of the case, its history, the record's number, and when the
            attempt at its task began.
        milestones: the keys of those that the case keeps.
        hours: that it goes by.
        events: the number of its last event; None: it has none yet.
        has_pauses: one of those milestones has been paused.
        has_changes: fields of the case have changed, or may have.
    """

    place: tuple[str, int, int, int, datetime | None]
    milestones: Milestones
    hours: dict[str, int]
    events: int | None
    has_pauses: bool
    has_changes: bool

    @classmethod
    def of(cls, record: CaseRecord, before: Last | None = None) -> Self:
        """What a record leaves.

        Args:
            record: that is stored.
            before: what was stored before it; None: that is not known.
        """
        kept = frozenset((each.process, each.milestone, each.occurrence) for each in record.view.milestones)
        return cls(
            place=(record.run_id, record.run, record.history, record.number, record.began_at),
            milestones=kept,
            hours=rows.hours_of(record),
            events=None if record.feed is None else record.feed.first + record.events - 1,
            has_pauses=any(each.pauses for each in record.view.milestones),
            has_changes=before is None or before.has_changes or has_changes(record.notes),
        )


NOTHING = Last(("", 0, 0, 0, None), frozenset(), {}, 0, has_pauses=False, has_changes=False)
"""Nothing is stored of a case."""


class LastRecords:
    """What this process has stored last of each case, for any number of threads."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._guard = threading.Lock()
        self._last: OrderedDict[str, Last] = OrderedDict()

    def remember(self, record: CaseRecord, before: Last | None = None) -> None:
        """A record was stored; after what, if that is known."""
        with self._guard:
            self._last[record.view.case_id] = Last.of(record, before)
            self._last.move_to_end(record.view.case_id)
            while len(self._last) > self._most:
                self._last.popitem(last=False)

    def before(self, record: CaseRecord) -> Last | None:
        """What was stored last, if the record follows that and nothing has to be forgotten for it.

        Of the first record of a case that this process does not know it is taken that nothing is stored.
        """
        with self._guard:
            last = self._last.get(record.view.case_id)
        if last is None and _begins(record):
            return NOTHING
        begins_feed = record.feed is not None and record.feed.is_snapshot
        if last is None or record.folded or record.failures or begins_feed:
            return None
        run_id, run, history, number, _ = last.place
        follows = (record.run_id, record.run, record.number - 1) == (run_id, run, number) and history <= record.history
        now = Last.of(record)
        goes_on = last.events == (None if record.feed is None else record.feed.first - 1)
        keeps = last.milestones <= now.milestones and (last.hours == now.hours or not now.hours)
        return last if follows and goes_on and keeps else None


def _begins(record: CaseRecord) -> bool:
    """Whether it is the first word of a case, unless another workflow has had it."""
    is_first = record.history == 0 and record.number == 1
    return is_first and record.feed is not None and record.feed.first == 1 and not record.feed.is_snapshot


def put_following(connection: Connection, records: Sequence[tuple[CaseRecord, Last]]) -> None:
    """Write records, each of another case, after what is stored of it.

    Args:
        connection: of a transaction.
        records: each with what was stored last.

    Raises:
        DoNotFollow: somebody else has written one of these cases meanwhile; the transaction is to be given up.
    """
    dialect = connection.dialect.name
    _put_cases(connection, records)
    of_records = [record for record, _ in records]
    milestones = [milestone_row(r.view.case_id, each) for r in of_records for each in r.view.milestones]
    if milestones:
        changed = [name for name in milestones[0] if name not in tables.milestones.primary_key.columns]
        execute_many(connection, statements.put(dialect, tables.milestones, *changed), milestones)
    put_following_measures(
        connection,
        of_records,
        paused={record.view.case_id for record, last in records if last.has_pauses},
        changed={record.view.case_id for record, last in records if last.has_changes},
    )
    if notes := [row for record in of_records for row in rows.note_rows(record)]:
        execute_many(connection, statements.put(dialect, tables.notes), notes)
    fired = [(record.view, each) for record in of_records for each in record.fired]
    if fired:
        triggers = [rows.trigger_row(*each) for each in fired]
        execute_many(connection, statements.put(dialect, tables.triggers, *rows.TRIGGER_CHANGES), triggers)
    if actions := [row for each in fired for row in rows.action_rows(*each)]:
        execute_many(connection, statements.put(dialect, tables.actions, *rows.ACTION_CHANGES), actions)
    put_following_events(connection, of_records)  # last: nobody else writes events until it has ended


def _put_cases(connection: Connection, records: Sequence[tuple[CaseRecord, Last]]) -> None:
    """Write how cases stand, and by which business hours they go, which change only when they are closed.

    Raises:
        DoNotFollow: what is stored of one of them is something else.
    """
    roles = roles_now(connection)
    begun = [record for record, last in records if last is NOTHING]
    cases = [rows.case_row(record) | listed(record.view, roles) for record in begun]
    if insert_new(connection, tables.cases, cases) < len(cases):
        raise DoNotFollow
    hours = [
        {"case_id": record.view.case_id, "name": name, "version": version}
        for record in begun
        for name, version in rows.hours_of(record).items()
    ]
    insert_new(connection, tables.case_hours, hours)
    following = [(record, last) for record, last in records if last is not NOTHING]
    changes = [_change(record, last) | listed(record.view, roles) for record, last in following]
    if changes and execute_many(connection, statements.follow(), changes).rowcount != len(changes):
        raise DoNotFollow
    if closed := [{statements.CASE_ID: r.view.case_id} for r, last in following if last.hours and not rows.hours_of(r)]:
        execute_many(connection, statements.forget_hours(), closed)


def _change(record: CaseRecord, last: Last) -> rows.Row:
    row = rows.case_row(record)
    case_id = row.pop("case_id")
    return {**row, **dict(zip(statements.LAST, last.place, strict=True)), statements.CASE_ID: case_id}

"""Records that follow what is stored: nothing has to be forgotten for them, and many are written at once.

A record takes the place of all that an attempt at a step has left that the server never took, so what is stored has to
be looked at first. Not so where the record before it is the last one that is stored, and was written by this very
process, which remembers what that was.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple, Self

from sqlalchemy import Connection

from domain.messages.steps import CaseRecord
from store import tables
from store.cases import rows, statements
from store.cases.folded import milestone_row
from store.feed import put_following_events
from store.listed import listed, roles_now
from store.reports.writing import put_following_measures

MOST_REMEMBERED = 20_000
"""Cases, of those that have recorded something last."""


class DoNotFollow(Exception):
    """Records do not follow what is stored."""


Milestones = frozenset[tuple[str, str, int]]


class Last(NamedTuple):
    """What is stored of a case once a record of it is.

    Attributes:
        place: of the record: the workflow's run, the run of the case, its history, and the record's number.
        milestones: the keys of those that the case keeps.
        hours: that it goes by.
        events: the number of its last event; None: it has none yet.
    """

    place: tuple[str, int, int, int]
    milestones: Milestones
    hours: dict[str, int]
    events: int | None

    @classmethod
    def of(cls, record: CaseRecord) -> Self:
        """What a record leaves."""
        kept = frozenset((each.process, each.milestone, each.occurrence) for each in record.view.milestones)
        events = None if record.feed is None else record.feed.first + record.events - 1
        return cls((record.run_id, record.run, record.history, record.number), kept, rows.hours_of(record), events)


class LastRecords:
    """What this process has stored last of each case, for any number of threads."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._guard = threading.Lock()
        self._last: OrderedDict[str, Last] = OrderedDict()

    def remember(self, record: CaseRecord) -> None:
        """A record was stored."""
        with self._guard:
            self._last[record.view.case_id] = Last.of(record)
            self._last.move_to_end(record.view.case_id)
            while len(self._last) > self._most:
                self._last.popitem(last=False)

    def before(self, record: CaseRecord) -> Last | None:
        """What was stored last, if the record follows that and nothing has to be forgotten for it."""
        with self._guard:
            last = self._last.get(record.view.case_id)
        begins_feed = record.feed is not None and record.feed.is_snapshot
        if last is None or record.folded or record.failures or begins_feed:
            return None
        run_id, run, history, number = last.place
        follows = (record.run_id, record.run, record.number - 1) == (run_id, run, number) and history <= record.history
        now = Last.of(record)
        goes_on = last.events == (None if record.feed is None else record.feed.first - 1)
        keeps = last.milestones <= now.milestones and (last.hours == now.hours or not now.hours)
        return last if follows and goes_on and keeps else None


def put_following(connection: Connection, records: Sequence[tuple[CaseRecord, Last]]) -> None:
    """Write records, each of another case, after what is stored of it.

    Args:
        connection: of a transaction.
        records: each with what was stored last.

    Raises:
        DoNotFollow: somebody else has written one of these cases meanwhile; the transaction is to be given up.
    """
    dialect = connection.dialect.name
    roles = roles_now(connection)
    changes = [_change(record, last) | listed(record.view, roles) for record, last in records]
    if connection.execute(statements.follow(), changes).rowcount != len(changes):
        raise DoNotFollow
    if closed := [{statements.CASE_ID: r.view.case_id} for r, last in records if last.hours and not rows.hours_of(r)]:
        connection.execute(statements.forget_hours(), closed)
    of_records = [record for record, _ in records]
    milestones = [milestone_row(r.view.case_id, each) for r in of_records for each in r.view.milestones]
    if milestones:
        changed = [name for name in milestones[0] if name not in tables.milestones.primary_key.columns]
        connection.execute(statements.put(dialect, tables.milestones, *changed), milestones)
    put_following_measures(connection, of_records)
    if notes := [row for record in of_records for row in rows.note_rows(record)]:
        connection.execute(statements.put(dialect, tables.notes), notes)
    fired = [(record.view, each) for record in of_records for each in record.fired]
    if fired:
        triggers = [rows.trigger_row(*each) for each in fired]
        connection.execute(statements.put(dialect, tables.triggers, *rows.TRIGGER_CHANGES), triggers)
    if actions := [row for each in fired for row in rows.action_rows(*each)]:
        connection.execute(statements.put(dialect, tables.actions, *rows.ACTION_CHANGES), actions)
    put_following_events(connection, of_records)  # last: nobody else writes events until it has ended


def _change(record: CaseRecord, last: Last) -> rows.Row:
    row = rows.case_row(record)
    case_id = row.pop("case_id")
    return {**row, **dict(zip(statements.LAST, last.place, strict=True)), statements.CASE_ID: case_id}

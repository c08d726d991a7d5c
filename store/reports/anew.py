"""The rows of a case, worked out anew by what writes them, and held against those that are stored.

Not compared is what follows from no state any more: the pauses that an instance keeps as their sum, and of an instance
that its case keeps no more whatever needs its calendar, or who held it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from domain.messages.case_state import CaseState
from domain.reports.comparing import (
    FOLDED_MEASURES,
    FOLDED_PAUSES,
    HOLDINGS,
    MEASURES,
    PAUSES,
    difference,
    differences,
)
from domain.reports.persons import Named, begins_by_stop, last_stop, named
from domain.reports.retelling import Place
from domain.timeline.effects import Noted, NoteKind
from domain.timeline.views import CaseView, MilestoneView
from store import tables
from store.reports.rows import (
    Row,
    holding_rows,
    measure_rows,
    of_stored,
    pause_rows,
    seen_pauses,
    seen_rows,
    with_changes,
)
from store.reports.stored import StoredRows
from store.reports.writing import MOST_CHANGES, one_by_one_since


def row_differences(
    connection: Connection,
    carried: CaseState,
    worked_out: CaseView,
    stored: StoredRows,
    folded: Sequence[MilestoneView],
) -> Iterator[str]:
    """What differs between the rows of a case that are stored and those that its state comes to, a line each.

    Args:
        connection: of the view of the database that they were read in.
        carried: the state of the case.
        worked_out: the case, as the timeline works it out from that.
        stored: its rows.
        folded: the instances that it keeps no more, as they were recorded.
    """
    case_id = carried.state.case_id
    changes = stored.changes[-MOST_CHANGES:]
    case = with_changes(of_stored(carried, worked_out.milestones, worked_out.now), changes)
    old = {_place(view) for view in folded}
    measures, old_measures = _parted(stored.measures, old)
    yield from differences(MEASURES, measures, as_stored(measure_rows(case)), both=True)
    yield from differences(FOLDED_MEASURES, old_measures, as_stored(seen_rows(case_id, folded)), both=True)
    pauses, old_pauses = _parted(stored.pauses, old)
    since = dict(zip(map(_place, case.views), one_by_one_since(case), strict=True))
    pauses = [row for row in pauses if _place_of(row) not in since or row["from_at"] >= since[_place_of(row)]]
    expected = as_stored(pause_rows(case, {}))
    yield from differences(PAUSES, pauses, expected)
    yield from _folded_pauses(carried, folded, old_pauses, worked_out.now)
    if pauses:
        yield from _persons(pauses, named(_notes(connection, case_id)))
    holdings, _ = _parted(stored.holdings, old)
    yield from differences(HOLDINGS, holdings, as_stored(holding_rows(case)))


def _folded_pauses(
    case: CaseState, folded: Sequence[MilestoneView], stored: Sequence[Row], now: datetime
) -> Iterator[str]:
    by_place: dict[Place, list[Row]] = {}
    for row in stored:
        by_place.setdefault(_place_of(row), []).append(row)
    for view in folded:
        expected = seen_pauses(case.state.case_id, view, now)
        begins = min((row["from_at"] for row in expected), default=now) if view.more_pauses else None
        found = [row for row in by_place.get(_place(view), []) if begins is None or row["from_at"] >= begins]
        yield from differences(FOLDED_PAUSES, found, as_stored(expected))


def _persons(pauses: Sequence[Row], known: Named) -> Iterator[str]:
    """Whose names pauses have that can not be theirs, and which have none though somebody's stop began them."""
    for row in pauses:
        stored, at = row["by"], row["from_at"]
        if begins_by_stop(row["cause"]):
            stop = last_stop(known.stops, at)
            if stop is not None and stored != stop.by:
                yield difference(PAUSES, row, "the person", stored, stop.by)
            continue
        perhaps, surely = known.perhaps.get(at, set()), known.surely.get((row["milestone"], row["occurrence"], at))
        if stored not in perhaps and (stored is not None or surely is not None):
            yield difference(PAUSES, row, "the person", stored, surely or " or ".join(sorted(perhaps)) or None)


def _notes(connection: Connection, case_id: str) -> Iterator[Noted]:
    table = tables.notes.c
    shown = (table.number, table.at, table.kind, table.by, table.milestone, table.occurrence)
    wanted = select(*shown).where(table.case_id == case_id).order_by(table.number)
    for row in connection.execute(wanted.execution_options(yield_per=500)):
        yield Noted.model_construct(**{**row._asdict(), "kind": NoteKind(row.kind)})


def _parted(rows: Sequence[Row], old: set[Place]) -> tuple[list[Row], list[Row]]:
    """The rows of instances that the case keeps, or does not know, and those of the ones that it keeps no more."""
    return [row for row in rows if _place_of(row) not in old], [row for row in rows if _place_of(row) in old]


def _place(view: MilestoneView) -> Place:
    return view.process, view.milestone, view.occurrence


def _place_of(row: Row) -> Place:
    return row["process"], row["milestone"], row["occurrence"]


def as_stored(rows: Sequence[Row]) -> list[Row]:
    """Rows as a database gives them back: there is no NUL in its texts."""
    return [{name: _text(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows]


def _text(value: str) -> str:
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}")

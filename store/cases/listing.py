"""Lists of cases, page by page: by every filter an index leads to the next ones, however many cases there are.

Without a filter by milestone or due time they come by their opening, the last first, unless they are asked for by what
is due; with one by what is due first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import AwareDatetime
from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, exists, func, literal, or_, select, tuple_

from domain.bounds import cut_for_search
from domain.frozen import FrozenCalendar
from domain.model import Value
from domain.timeline.instances import MilestoneInstance
from domain.timeline.views import MilestoneStatus
from store import tables
from store.reading import read_stored
from store.types import Instant

if TYPE_CHECKING:
    from store.database import Database

CaseStateName = Literal["open", "closed", "stopped"]
Order = Literal["due", "newest", "oldest"]

_CASES, _MILESTONES = tables.cases, tables.milestones
_SHOWN = (
    *("case_id", "account", "entitlement", "process", "process_version", "status", "stopped"),
    *("opened_at", "closed_at", "next_due", "priority", "owner", "paused", "external_id"),
)
_BY_INDEX = ("account", "owner", "entitlement", "priority")
"""Columns with an index, the one first that has the fewest cases of a value."""
_STATES: dict[str, ColumnElement[bool]] = {
    "open": tables.RUNNING,
    "closed": tables.CLOSED,
    "stopped": tables.STOPPED,
}


class CaseFilter(Value):
    """Which cases are asked for; each part that is given has to hold.

    Attributes:
        state: `stopped`: its clock is stopped.
        milestone: an instance of it is open.
        due_before: an open milestone (that one, if one is named) is due before this instant.
        violated: whether a milestone of it is or was; with `milestone` or `due_before` whether that one is.
        accounts: of one of these.
        owner: the person, as the field of the case names them.
        priority: the value of the field `priority`.
        paused: whether its clock, or the clock of an open milestone, stands.
        order: `due`: open cases by what is due first, at the end those of which nothing is; None: as the filters have
            it.
    """

    state: CaseStateName | None = None
    account: str | None = None
    entitlement: str | None = None
    status: MilestoneStatus | None = None
    milestone: str | None = None
    due_before: AwareDatetime | None = None
    violated: bool | None = None
    accounts: list[str] | None = None
    owner: str | None = None
    priority: str | None = None
    paused: bool | None = None
    order: Order | None = None

    @property
    def is_of_milestones(self) -> bool:
        """Whether single milestones are asked for."""
        return self.milestone is not None or (self.due_before is not None and self.violated is not None)

    @property
    def is_by_due(self) -> bool:
        """Whether the cases come by what is due first."""
        return self.is_of_milestones or self.due_before is not None or self.order == "due"


class ListedCase(Value):
    """A case of a list, as it was last recorded.

    Attributes:
        due_at: the earliest target of its open milestones, or of those that were asked for; None: there is none.
        due_milestone: whose that is.
        next_due: when something happens next by itself.
        paused: its clock, or the clock of an open milestone, stands.
        external_id: the id of another system that its own was made of.
    """

    case_id: str
    account: str | None
    entitlement: str | None
    process: str | None
    process_version: int | None
    status: MilestoneStatus
    stopped: bool
    opened_at: AwareDatetime
    closed_at: AwareDatetime | None
    due_at: AwareDatetime | None
    due_milestone: str | None
    next_due: AwareDatetime | None
    priority: str | None = None
    owner: str | None = None
    paused: bool = False
    external_id: str | None = None


class Position(NamedTuple):
    """Where in a list a case stands: by its opening or by what is due, then by its id.

    Attributes:
        at: None: nothing of it is due.
    """

    at: datetime | None
    case_id: str


class CasePage(NamedTuple):
    """Some cases of a list.

    Attributes:
        end: the position of the last one, if more come after it.
    """

    cases: list[ListedCase]
    end: Position | None


class _Calendars(Value):
    calendars: dict[str, FrozenCalendar]


class _Instances(Value):
    instances: list[MilestoneInstance]
    last_at: AwareDatetime


class CaseClocks(Value):
    """Of a `CaseState` what its clocks go by; the whole takes ten times as long to read.

    Attributes:
        plan: its calendars.
        state: its milestones.
        ahead: how far its own clock is ahead.
    """

    plan: _Calendars
    state: _Instances
    ahead: timedelta = timedelta()


class CaseListing:
    """Lists cases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, which: CaseFilter, *, after: Position | None = None, limit: int = 50) -> CasePage:
        """The next cases of a list.

        Args:
            which: of them are asked for.
            after: those that come after this position.
            limit: at most so many.
        """
        with self._database.read() as connection:
            rows: list[dict[str, Any]] = []
            for wanted in _in_order(which, after):
                if len(rows) <= limit:
                    some = connection.execute(wanted.limit(limit + 1 - len(rows))).mappings()
                    rows += [dict(row) for row in some]
            is_last, rows = len(rows) <= limit, rows[:limit]
            if not which.is_by_due:
                due = _due(connection, [row["case_id"] for row in rows])
                rows = [row | due.get(row["case_id"], {"due_at": None, "due_milestone": None}) for row in rows]
        cases = [read_stored(ListedCase, row) for row in rows]
        return CasePage(cases, None if is_last or not cases else _position(which, cases[-1]))

    def count(self, which: CaseFilter, *, up_to: int) -> int:
        """How many cases a list has on all its pages; `up_to`, if there are as many or more."""
        with self._database.read() as connection:
            counted = 0
            for part in [_having(which).distinct()] if which.is_of_milestones else _in_order(which, None):
                ids = part.with_only_columns(_CASES.c.case_id, maintain_column_froms=True).order_by(None)
                some = ids.limit(up_to - counted).subquery()
                counted += connection.execute(select(func.count()).select_from(some)).scalar_one()
            return counted

    def clocks(self, case_ids: Sequence[str]) -> dict[str, CaseClocks]:
        """The clocks of some cases, as they were last recorded; without those that are not known."""
        wanted = select(_CASES.c.case_id, _CASES.c.carried).where(_CASES.c.case_id.in_(case_ids))
        with self._database.read() as connection:
            return {row.case_id: read_stored(CaseClocks, row.carried) for row in connection.execute(wanted)}

    def open_ids(self, prefix: str, limit: int) -> list[tuple[str, str | None]]:
        """The ids of open cases that begin so, in their order; each with that of another system, if there is."""
        named = _CASES.c.case_id.startswith(prefix, autoescape=True)
        wanted = select(_CASES.c.case_id, _CASES.c.external_id).where(tables.RUNNING, _CASES.c.case_id >= prefix, named)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(_CASES.c.case_id).limit(limit))
            return [(row.case_id, row.external_id) for row in rows]

    def milestone_names(self) -> list[str]:
        """The names of milestones that are open in some case, by the index that has them in their order."""
        table, found = _MILESTONES.c, list[str]()
        with self._database.read() as connection:
            while True:
                next_one = select(table.milestone).where(tables.OPEN_MILESTONE, table.milestone > (found or [""])[-1])
                name = connection.execute(next_one.order_by(table.milestone).limit(1)).scalar()
                if name is None:
                    return found
                found.append(name)


def _in_order(which: CaseFilter, after: Position | None) -> list[Select[Any]]:
    """The queries whose rows, one after another, are the list from a position on."""
    if which.is_of_milestones:
        return [_by_milestone(which, after)]
    if not which.is_by_due:
        return [_by_opening(which, after)]
    parts = []
    if after is None or after.at is not None:
        parts.append(_by_due(which, after))
    if which.due_before is None:
        parts.append(_without_due(which, after))
    return parts


def _position(which: CaseFilter, case: ListedCase) -> Position:
    return Position(case.due_at if which.is_by_due else case.opened_at, case.case_id)


def _by_opening(which: CaseFilter, after: Position | None) -> Select[Any]:
    key = (_CASES.c.opened_at, _CASES.c.case_id)
    wanted = select(*(_CASES.c[name] for name in _SHOWN)).where(*_of_case(which), *_violated(which))
    if which.order == "oldest":
        if after is not None:
            wanted = wanted.where(tuple_(*key) > _literal(after))
        return wanted.order_by(*key)
    if after is not None:
        wanted = wanted.where(tuple_(*key) < _literal(after))
    return wanted.order_by(*(column.desc() for column in key))


def _by_due(which: CaseFilter, after: Position | None) -> Select[Any]:
    """Open cases, by what is due first of all their milestones."""
    table = _CASES.c
    wanted = _with_due(which).where(table.due_at.isnot(None)).order_by(table.due_at, table.case_id)
    if which.due_before is not None:
        wanted = wanted.where(table.due_at < which.due_before)
    if after is not None:
        wanted = wanted.where(tuple_(table.due_at, table.case_id) > _literal(after))
    return wanted


def _without_due(which: CaseFilter, after: Position | None) -> Select[Any]:
    """Open cases of which nothing is due."""
    wanted = _with_due(which).where(_CASES.c.due_at.is_(None)).order_by(_CASES.c.case_id)
    if after is not None and after.at is None:
        wanted = wanted.where(_CASES.c.case_id > after.case_id)
    return wanted


def _with_due(which: CaseFilter) -> Select[Any]:
    columns = (_CASES.c[name] for name in (*_SHOWN, "due_at", "due_milestone"))
    return select(*columns).where(tables.RUNNING, *_of_case(which), *_violated(which))


def _violated(which: CaseFilter) -> list[ColumnElement[bool]]:
    if which.violated is None:
        return []
    return [tables.VIOLATED if which.violated else tables.UNVIOLATED]


def _by_milestone(which: CaseFilter, after: Position | None) -> Select[Any]:
    """Cases with an open milestone that is asked for, each once, with the one that is due first."""
    table, other = _MILESTONES.c, _MILESTONES.alias("other")
    order = ("process", "milestone", "occurrence")
    is_next = tuple_(*(other.c[name] for name in order)) < tuple_(*(table[name] for name in order))
    is_earlier = or_(other.c.target_at < table.target_at, and_(other.c.target_at == table.target_at, is_next))
    same = (other.c.case_id == table.case_id, _is_open(other), *_of_milestone(which, other.c, by_index=False))
    wanted = _having(which).where(~exists().where(*same, is_earlier))
    if after is not None:
        wanted = wanted.where(tuple_(table.target_at, table.case_id) > _literal(after))
    return wanted.order_by(table.target_at, table.case_id)


def _having(which: CaseFilter) -> Select[Any]:
    """Cases with an open milestone that is asked for, as often as they have one.

    Databases guess badly how many milestones there are of a name: what is looked up by its case, or by the index of
    another column, has conditions (`_unindexed`) by which no index is chosen.
    """
    table, columns = _MILESTONES.c, [_CASES.c[name] for name in _SHOWN]
    few = any(one is not None for one in (which.account, which.accounts, which.owner, which.priority))
    wanted = (
        select(*columns, table.target_at.label("due_at"), table.milestone.label("due_milestone"))
        .join_from(_MILESTONES, _CASES, _CASES.c.case_id == table.case_id)
        .where(tables.OPEN_MILESTONE, table.target_at.isnot(None), *_of_milestone(which, table, by_index=not few))
        .where(*_of_case(which))
    )
    return wanted.where(tables.RUNNING) if few else wanted


def _of_milestone(which: CaseFilter, table: Any, *, by_index: bool) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if which.milestone is not None:
        wanted.append((table.milestone if by_index else _unindexed(table.milestone)) == which.milestone)
    if which.due_before is not None:
        wanted.append(table.target_at < which.due_before)
    if which.violated is not None:
        wanted.append(table.violated.is_(which.violated))
    return wanted


def _unindexed(text: ColumnElement[str]) -> ColumnElement[str]:
    """The same text, as an expression that no index has."""
    return text.concat("")


def _of_case(which: CaseFilter) -> list[ColumnElement[bool]]:
    table = _CASES.c
    wanted = [_STATES[which.state]] if which.state is not None else []
    is_state = len(wanted)
    same: dict[str, str | None] = {name: getattr(which, name) for name in _BY_INDEX}
    for name, value in same.items():
        if value is not None:  # the first leads to the cases; another one would lead to more of them, and sort them
            wanted.append((_unindexed(table[name]) if wanted[is_state:] else table[name]) == cut_for_search(value))
    if which.status is not None:
        wanted.append(table.status == which.status.value)
    if which.accounts is not None:
        wanted.append(table.account.in_(which.accounts))
    if which.paused is not None:
        wanted.append(tables.PAUSED if which.paused else table.paused.is_(False))
    return wanted


def _is_open(table: FromClause) -> ColumnElement[bool]:
    return table.c.state.in_(tables.OPEN_STATES)


def _literal(after: Position) -> Any:
    return tuple_(literal(after.at, Instant()), literal(after.case_id))


def _due(connection: Connection, case_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Of each case what is due first of its open milestones."""
    table = _MILESTONES.c
    wanted = select(table.case_id, table.milestone, table.target_at).where(
        table.case_id.in_(case_ids), tables.OPEN_MILESTONE, table.target_at.isnot(None)
    )
    found: dict[str, dict[str, Any]] = {}
    for row in connection.execute(wanted.order_by(table.target_at.desc())):
        found[row.case_id] = {"due_at": row.target_at, "due_milestone": row.milestone}
    return found

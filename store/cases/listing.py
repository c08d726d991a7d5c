"""Lists of cases, page by page: by every filter an index leads to the next ones, however many cases there are.

Without a filter by milestone or due time they come by their opening, the last first; with one by what is due first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from pydantic import AwareDatetime
from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, exists, func, literal, select, tuple_

from domain.model import Value
from domain.timeline.views import MilestoneStatus
from store import tables
from store.database import Database
from store.reading import read_stored
from store.types import Instant

CaseStateName = Literal["open", "closed", "stopped"]

_CASES, _MILESTONES = tables.cases, tables.milestones
_SHOWN = (
    *("case_id", "account", "entitlement", "process", "process_version", "status", "stopped"),
    *("opened_at", "closed_at", "next_due"),
)
_STATES: dict[str, ColumnElement[bool]] = {
    "open": tables.RUNNING,
    "closed": tables.CLOSED,
    "stopped": tables.STOPPED,
}

MOST_LOOKED_AT = 1000
"""So many cases of a few accounts are looked at one by one."""


class CaseFilter(Value):
    """Which cases are asked for; each part that is given has to hold.

    Attributes:
        state: `stopped`: its clock is stopped.
        milestone: an instance of it is open.
        due_before: an open milestone (that one, if one is named) is due before this instant.
        violated: whether a milestone of it is or was; with `milestone` or `due_before` whether that one is.
        accounts: of one of these.
    """

    state: CaseStateName | None = None
    account: str | None = None
    entitlement: str | None = None
    status: MilestoneStatus | None = None
    milestone: str | None = None
    due_before: AwareDatetime | None = None
    violated: bool | None = None
    accounts: list[str] | None = None

    @property
    def is_by_due(self) -> bool:
        """Whether the cases come by what is due first."""
        return self.milestone is not None or self.due_before is not None


class ListedCase(Value):
    """A case of a list, as it was last recorded.

    Attributes:
        due_at: the earliest target of its open milestones, or of those that were asked for; None: there is none.
        due_milestone: whose that is.
        next_due: when something happens next by itself.
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


class Position(NamedTuple):
    """Where in a list a case stands: by its opening or by what is due, then by its id."""

    at: datetime
    case_id: str


class CasePage(NamedTuple):
    """Some cases of a list.

    Attributes:
        end: the position of the last one, if more come after it.
    """

    cases: list[ListedCase]
    end: Position | None


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
            wanted = _by_due(which, after, _few(connection, which)) if which.is_by_due else _by_opening(which, after)
            rows = [dict(row) for row in connection.execute(wanted.limit(limit + 1)).mappings()]
            is_last, rows = len(rows) <= limit, rows[:limit]
            if not which.is_by_due:
                due = _due(connection, [row["case_id"] for row in rows])
                rows = [row | due.get(row["case_id"], {"due_at": None, "due_milestone": None}) for row in rows]
        cases = [read_stored(ListedCase, row) for row in rows]
        return CasePage(cases, None if is_last or not cases else _position(which, cases[-1]))


def _position(which: CaseFilter, case: ListedCase) -> Position:
    at = case.due_at if which.is_by_due and case.due_at is not None else case.opened_at
    return Position(at, case.case_id)


def _by_opening(which: CaseFilter, after: Position | None) -> Select[Any]:
    wanted = select(*(_CASES.c[name] for name in _SHOWN)).where(*_of_case(which))
    if which.violated is not None:
        wanted = wanted.where(tables.VIOLATED if which.violated else tables.UNVIOLATED)
    if after is not None:
        wanted = wanted.where(tuple_(_CASES.c.opened_at, _CASES.c.case_id) < _literal(after))
    return wanted.order_by(_CASES.c.opened_at.desc(), _CASES.c.case_id.desc())


def _few(connection: Connection, which: CaseFilter) -> list[str] | None:
    """The running cases of the accounts or the entitlement that are asked for, if they are few; None: they are many.

    Of few each is looked at, and of many the next ones that are due: among those of all others few would be far apart.
    """
    wanted = select(_CASES.c.case_id).where(tables.RUNNING, *_of_whom(which))
    if which.account is None and which.accounts is None and which.entitlement is None:
        return None
    found = [row.case_id for row in connection.execute(wanted.limit(MOST_LOOKED_AT + 1))]
    return found if len(found) <= MOST_LOOKED_AT else None


def _by_due(which: CaseFilter, after: Position | None, few: Sequence[str] | None) -> Select[Any]:
    """Cases with an open milestone that is asked for, each once, with the one that is due first.

    Args:
        which: of them are asked for.
        after: those that come after this position.
        few: the only ones that come into question; None: all.
    """
    table, other = _MILESTONES.c, _MILESTONES.alias("other")
    columns = [_CASES.c[name] for name in _SHOWN]
    wanted = (
        select(*columns, table.target_at.label("due_at"), table.milestone.label("due_milestone"))
        .join_from(_MILESTONES, _CASES, _CASES.c.case_id == table.case_id)
        .where(tables.RUNNING, tables.OPEN_MILESTONE, table.target_at.isnot(None))
        .where(*_of_milestone(which, _MILESTONES, is_by_case=few is not None), *_of_case(which, is_by_due=True))
    )
    if few is not None:
        wanted = wanted.where(table.case_id.in_(few))
    order = ("target_at", "process", "milestone", "occurrence")
    is_earlier = tuple_(*(other.c[name] for name in order)) < tuple_(*(table[name] for name in order))
    same = and_(other.c.case_id == table.case_id, _is_open(other), *_of_milestone(which, other, is_by_case=True))
    wanted = wanted.where(~exists().where(same, is_earlier))
    if after is not None:
        wanted = wanted.where(tuple_(table.target_at, table.case_id) > _literal(after))
    return wanted.order_by(table.target_at, table.case_id)


def _of_milestone(which: CaseFilter, table: FromClause, *, is_by_case: bool) -> list[ColumnElement[bool]]:
    """What a milestone has to be; `is_by_case`: its case leads to it, so that no index of all cases is to be used."""
    wanted: list[ColumnElement[bool]] = []
    if which.milestone is not None:
        name = _unindexed(table.c.milestone) if is_by_case else table.c.milestone
        wanted.append(name == which.milestone)
    if which.due_before is not None:
        target = _unindexed(table.c.target_at) if is_by_case else table.c.target_at
        wanted.append(target < which.due_before)
    if which.violated is not None:
        wanted.append(table.c.violated.is_(which.violated))
    return wanted


def _of_case(which: CaseFilter, *, is_by_due: bool = False) -> list[ColumnElement[bool]]:
    """What a case has to be; `is_by_due`: what is due leads to it, so that no other index is to be used."""
    wanted = [_STATES[which.state]] if which.state is not None else []
    wanted += _of_whom(which, _unindexed if is_by_due else None)
    if which.status is not None:
        status = _unindexed(_CASES.c.status) if is_by_due else _CASES.c.status
        wanted.append(status == which.status.value)
    return wanted


def _of_whom(
    which: CaseFilter, seen: Callable[[ColumnElement[Any]], ColumnElement[Any]] | None = None
) -> list[ColumnElement[bool]]:
    """Whose a case has to be; `seen`: how the columns are looked at."""
    account, entitlement = (seen(column) if seen else column for column in (_CASES.c.account, _CASES.c.entitlement))
    wanted: list[ColumnElement[bool]] = []
    if which.account is not None:
        wanted.append(account == which.account)
    if which.entitlement is not None:
        wanted.append(entitlement == which.entitlement)
    if which.accounts is not None:
        wanted.append(account.in_(which.accounts))
    return wanted


def _unindexed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A column that no index is used for: without statistics a database takes one that leads to half of all rows."""
    return func.coalesce(column, column)


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

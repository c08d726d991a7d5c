"""Which milestone instances a report is about, and what groups them: as queries that a database answers by adding up.

Days are those of the account's zone. Accounts of one zone are asked for together, so there are as many queries as there
are zones. In a query a period is a number, and a field's value its JSON; both become words here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Table,
    Text,
    case,
    cast,
    func,
    literal,
    select,
)

from domain.criteria.fields import FieldType
from domain.errors import Refused
from domain.process.actions import slug
from domain.reports.asking import CHANNEL, MOST_PERIODS, ReportAsked, is_period
from domain.reports.compliance import Outcome
from domain.reports.grouping import NONE, Period, text_of
from domain.usage.freezing import first_instant
from store import tables
from store.catalog.reading import StoredCatalog
from store.reports.values import has_key
from store.types import Instant

AT_ONCE = 5000
"""Rows that are read at a time."""

_CASES, _MEASURES = tables.cases.c, tables.measures.c

Group = tuple[str, ...]
"""A name for each of what makes the groups."""


class Cell(NamedTuple):
    """What is alike, of one group.

    Attributes:
        figures: what they have in common.
        sums: what is added up of them; if nothing was said, how many they are.
    """

    group: Group
    figures: tuple[Any, ...]
    sums: tuple[Any, ...]


@dataclass(frozen=True)
class Subject:
    """What is counted.

    Attributes:
        table: of milestone instances, or of what belongs to one: it names its case and its milestone.
        at: by which it lies in a period.
        joined: the table with what else is read, given where it comes from.
        names: what else can make groups, besides what every report has.
    """

    table: Table
    at: ColumnElement[Any]
    joined: Callable[[FromClause], FromClause] = lambda source: source
    names: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)


INSTANCES = Subject(tables.measures, _MEASURES.target_at)


def outcome_now(now: datetime) -> ColumnElement[Any]:
    """What has become of an instance by now: one that runs is violated once its target has passed."""
    is_late = _MEASURES.violated_after < literal(now, Instant())
    return case((is_late, Outcome.VIOLATED.value), else_=_MEASURES.outcome)


def cells(
    connection: Connection,
    asked: ReportAsked,
    subject: Subject,
    figures: Sequence[ColumnElement[Any]],
    *where: ColumnElement[bool],
    sums: Sequence[ColumnElement[Any]] = (),
) -> Iterator[Cell]:
    """What there is alike, in each group.

    Args:
        connection: to read by.
        asked: what makes the groups, and what is counted.
        subject: of which it is counted.
        figures: what those have in common that are counted together.
        where: what else has to hold.
        sums: what is added up; nothing: rows are counted.

    Raises:
        Refused: there would be too many periods.
    """
    summed = [one.label(f"s{place}") for place, one in enumerate(sums or [func.count()])]
    named = _process_names(connection) if "process" in asked.by else {}
    for part in _parts(connection, asked):
        selection = _Selection(asked, part, subject)
        labels = selection.bounded(connection) if asked.period else []
        groups = [column.label(f"g{place}") for place, column in enumerate(selection.groups())]
        shown = [column.label(f"f{place}") for place, column in enumerate(figures)]
        wanted = select(*groups, *shown, *summed).select_from(selection.source())
        wanted = wanted.where(*selection.conditions(), *where).group_by(*groups, *shown)
        words = _Words(asked, subject, labels, named)
        first, last = len(groups), len(groups) + len(shown)
        for row in connection.execute(wanted.execution_options(yield_per=AT_ONCE)):
            yield Cell(words.of(row[:first]), tuple(row[first:last]), tuple(row[last:]))


def chunks(found: Iterator[Cell], size: int) -> Iterator[list[Cell]]:
    """Some cells at a time."""
    while some := list(islice(found, size)):
        yield some


class _Words:
    """Turns what a query says of a group into names, each once."""

    def __init__(
        self, asked: ReportAsked, subject: Subject, labels: Sequence[str], processes: Mapping[str, str]
    ) -> None:
        self._asked = asked
        self._own = subject.names
        self._labels = labels
        self._processes = processes
        self._known: dict[tuple[Any, ...], Group] = {}

    def of(self, said: Sequence[Any]) -> Group:
        key = tuple(said)
        found = self._known.get(key)
        if found is None:
            found = tuple(self._word(name, value) for name, value in zip(self._asked.by, key, strict=True))
            self._known[key] = found
        return found

    def _word(self, name: str, said: Any) -> str:
        if said is None:
            return NONE
        if name in self._own:
            return str(said)
        if self._asked.is_field(name):
            value = json.loads(said)
            is_flag = self._asked.types[name] is FieldType.BOOLEAN  # which SQLite has as a number
            return text_of(bool(value) if is_flag and value is not None else value)
        if is_period(name, self._asked.types):
            return self._labels[int(said)]
        text = str(said)
        return self._processes.get(text, text) if name == "process" else text


# --- accounts of one zone ---------------------------------------------------------------------------------------------


class _Part(NamedTuple):
    """Accounts of one zone.

    Attributes:
        accounts: a condition on the account of a case; None: all there are.
    """

    zone: ZoneInfo
    accounts: ColumnElement[bool] | None


def _parts(connection: Connection, asked: ReportAsked) -> list[_Part]:
    """The zones of accounts, if days matter."""
    usual = ZoneInfo(StoredCatalog(connection).organisation().time_zone)
    if asked.period is None and asked.days.first is None and asked.days.last is None:
        return [_Part(usual, None)]
    of_account = tables.accounts.c.definition["time_zone"].as_string()
    if asked.account is not None:
        zone = connection.execute(select(of_account).where(tables.accounts.c.id == asked.account)).scalar()
        return [_Part(ZoneInfo(zone) if zone else usual, None)]
    wanted = select(of_account).distinct()
    if asked.accounts is not None:
        wanted = wanted.where(tables.accounts.c.id.in_(asked.accounts))
    found = connection.execute(wanted).scalars().all()
    zones = sorted({zone for zone in found if zone is not None and zone != usual.key})
    if not zones:
        return [_Part(usual, None)]
    ids = tables.accounts.c.id
    elsewhere = [_Part(ZoneInfo(zone), _CASES.account.in_(select(ids).where(of_account == zone))) for zone in zones]
    here = _CASES.account.is_(None) | _CASES.account.not_in(select(ids).where(of_account.in_(zones)))
    return [_Part(usual, here), *elsewhere]


# --- one query --------------------------------------------------------------------------------------------------------


class _Selection:
    """What is asked for of the accounts of one zone."""

    def __init__(self, asked: ReportAsked, part: _Part, subject: Subject) -> None:
        self._asked = asked
        self._part = part
        self._subject = subject
        self._starts: list[datetime] = []
        own = {"account", "entitlement", CHANNEL} | ({"process"} if "process" not in subject.table.c else set())
        named = [name for name in asked.by if name not in subject.names]
        self._of_case = [name for name in named if name in own or asked.is_field(name)]
        self._cases = self._case_rows() if self._is_by_case() else None

    def _is_by_case(self) -> bool:
        asked = self._asked
        named = [asked.account, asked.entitlement, asked.accounts, self._part.accounts]
        if "process" not in self._subject.table.c:
            named.append(asked.process)
        return bool(self._of_case or asked.fields or any(one is not None for one in named))

    def _case_rows(self) -> FromClause:
        """The cases, with what groups them, worked out once for each."""
        values = [_of_case(name, self._asked).label(f"c{place}") for place, name in enumerate(self._of_case)]
        wanted = select(_CASES.case_id, *values).where(*self._case_conditions())
        return wanted.cte("chosen").prefix_with("MATERIALIZED")

    def _case_conditions(self) -> list[ColumnElement[bool]]:
        asked = self._asked
        wanted = [] if self._part.accounts is None else [self._part.accounts]
        if asked.accounts is not None:
            wanted.append(_CASES.account.in_(asked.accounts))
        if asked.account is not None:
            wanted.append(_CASES.account == asked.account)
        if asked.entitlement is not None:
            wanted.append(_CASES.entitlement == asked.entitlement)
        if asked.process is not None and "process" not in self._subject.table.c:
            wanted.append(_CASES.process == asked.process)
        return wanted + [has_value(name, value, asked.types[name]) for name, value in asked.fields.items()]

    def source(self) -> FromClause:
        """Where rows come from: the cases first, where these say which."""
        table = self._subject.table
        if self._cases is None:
            return self._subject.joined(table)
        return self._subject.joined(self._cases.join(table, table.c.case_id == self._cases.c.case_id))

    def conditions(self) -> list[ColumnElement[bool]]:
        """What has to hold of each row."""
        asked, table, at = self._asked, self._subject.table, self._subject.at
        wanted: list[ColumnElement[bool]] = []
        if asked.milestone is not None:
            wanted.append(table.c.milestone == asked.milestone)
        if asked.process is not None and "process" in table.c:
            wanted.append(table.c.process == slug(asked.process))
        if asked.days.first is not None:
            wanted.append(at >= literal(first_instant(asked.days.first, self._part.zone), Instant()))
        if asked.days.last is not None:
            ends = first_instant(asked.days.last + timedelta(days=1), self._part.zone)
            wanted.append(at < literal(ends, Instant()))
        return wanted

    def groups(self) -> list[ColumnElement[Any]]:
        """What groups the rows, in the order that was asked for."""
        found: list[ColumnElement[Any]] = []
        for name in self._asked.by:
            if name in self._subject.names:
                found.append(self._subject.names[name])
            elif name in self._subject.table.c and name in {"milestone", "process"}:
                found.append(self._subject.table.c[name])
            elif is_period(name, self._asked.types):
                found.append(_numbered(self._subject.at, self._starts))
            else:
                assert self._cases is not None  # noqa: S101  it is by something of the case
                found.append(self._ran_under(name, self._cases.c[f"c{self._of_case.index(name)}"]))
        return found

    def _ran_under(self, name: str, of_case: ColumnElement[Any]) -> ColumnElement[Any]:
        """A field's value; of a stay of `restart_on` the one that it ran under, whatever became of the case."""
        if not self._asked.is_field(name) or "ran_under" not in self._subject.table.c:
            return of_case
        ran_under = self._subject.table.c.ran_under
        return case((has_key(ran_under, name), cast(ran_under[name], Text)), else_=of_case)

    def bounded(self, connection: Connection) -> list[str]:
        """The labels of the periods in which rows lie, the empty ones between among them.

        Raises:
            Refused: there would be too many.
        """
        period, zone, at = self._asked.period, self._part.zone, self._subject.at
        assert period is not None  # noqa: S101  else nobody asks
        wanted = select(func.min(at), func.max(at)).select_from(self.source()).where(*self.conditions())
        first, last = connection.execute(wanted).one()
        if first is None:
            return []
        days = first.astimezone(zone).date(), last.astimezone(zone).date()
        found = list(_periods(period, *days))
        self._starts = [first_instant(day, zone) for day in found[1:]]
        return [period.label(day) for day in found]


def _periods(period: Period, first: date, last: date) -> Iterator[date]:
    day, many = period.first_day(first), 0
    while day <= last:
        many += 1
        if many > MOST_PERIODS:
            raise Refused(
                "bad_report", f"that is over {MOST_PERIODS} {period}s; ask for a longer period, or fewer days"
            )
        yield day
        day = period.after(day)


def _numbered(at: ColumnElement[Any], starts: Sequence[datetime]) -> ColumnElement[Any]:
    """The number of the period that an instant lies in, of those that begin at these instants; None of no instant."""
    return case((at.is_(None), None), else_=_among(at, starts, 0, len(starts)))


def _among(at: ColumnElement[Any], starts: Sequence[datetime], low: int, high: int) -> ColumnElement[Any]:
    if low == high:
        return literal(low, Integer())
    middle = (low + high) // 2
    is_before = at < literal(starts[middle], Instant())
    return case((is_before, _among(at, starts, low, middle)), else_=_among(at, starts, middle + 1, high))


def _of_case(name: str, asked: ReportAsked) -> ColumnElement[Any]:
    if asked.is_field(name):
        return cast(_CASES.fields[name], Text)
    column: ColumnElement[Any] = _CASES[name]
    return column


def has_value(name: str, value: object, type_: FieldType) -> Any:
    """Whether a field of a case has a value, whose type is that of the field."""
    field: Any = _CASES.fields[name]
    match type_:
        case FieldType.BOOLEAN:
            return field.as_boolean() == value
        case FieldType.INTEGER:
            return field.as_integer() == value
        case FieldType.NUMBER:
            return field.as_float() == value
        case _:
            return field.as_string() == str(value)


def _process_names(connection: Connection) -> dict[str, str]:
    """Of the id by which instances name their process, its name."""
    return {slug(name): name for name in connection.execute(select(tables.processes.c.name).distinct()).scalars()}

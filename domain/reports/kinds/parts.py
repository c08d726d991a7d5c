"""What reports have in common: columns of groups, rows in order, what is counted, and findings in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from domain.reports.asking import ReportAsked, days_of, is_period
from domain.reports.grouping import NONE, Grouping, Period
from domain.reports.picture import short_label
from domain.reports.result import Cell, Column, ColumnKind, Report
from domain.reports.tally import Tally

Group = tuple[str, ...]
"""A name for each of what makes the groups."""

PROMISES = (
    "Counted are milestone instances whose target is a promise: none of `promise: false`.",
    "Each occurrence of a milestone that recurs is one, also those that their case keeps no more.",
    "An instance lies in the period of its target, on the wall clock of its account.",
    "Fields are as they are in the end; of a milestone that restarts on one, as they were during its stay.",
)


def heading(name: str) -> str:
    """The name of a field, a figure or a period, as people read it."""
    return name.replace("_", " ").capitalize()


def titled(what: str, asked: ReportAsked) -> str:
    """A title that names what makes the groups: ``Milestone compliance by account and month``."""
    names = [name.replace("_", " ") for name in asked.by]
    if not names:
        return what
    return f"{what} by {', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else f"{what} by {names[0]}"


def group_columns(asked: ReportAsked) -> tuple[Column, ...]:
    """A column for each of what makes the groups."""
    return tuple(Column(name, heading(name), ColumnKind.TEXT, is_group=True) for name in asked.by)


def count_column(name: str, said: str | None = None) -> Column:
    """A column of how many."""
    return Column(name, said or heading(name), ColumnKind.COUNT)


def in_order(groups: Mapping[Group, int], asked: ReportAsked) -> list[Group]:
    """Groups in the order to show them: level by level, periods and numbers in theirs, the others by their size.

    Args:
        groups: with their sizes.
        asked: what makes them.
    """
    ranks: list[dict[str, int]] = []
    for place, name in enumerate(asked.by):
        sizes: dict[str, int] = {}
        for group, size in groups.items():
            sizes[group[place]] = sizes.get(group[place], 0) + size
        period = Period(name) if is_period(name, asked.types) else None
        first = asked.first.get(name, ())
        ordered = sorted(sizes) if period else Grouping(name, None, asked.days.zone, first).ordered(sizes)
        if NONE in sizes:
            ordered = [*(one for one in ordered if one != NONE), NONE]
        ranks.append({one: rank for rank, one in enumerate(ordered)})
    return sorted(groups, key=lambda group: [ranks[place][one] for place, one in enumerate(group)])


def every_period(groups: Iterable[Group], asked: ReportAsked) -> tuple[str, ...]:
    """Every period of the days that are asked for, up to now, the empty ones too; none if no group lies in any.

    Where the days have no beginning, or no end, it is that of the groups.
    """
    if asked.period is None:
        return ()
    place = next(place for place, name in enumerate(asked.by) if is_period(name, asked.types))
    found = sorted({group[place] for group in groups} - {NONE})
    if not found:
        return ()
    first, last = (days_of(label, date.min)[0] for label in (found[0], found[-1]))
    days, today = asked.days, asked.now.astimezone(asked.days.zone).date()
    begins = first if days.first is None else min(first, days.first)
    ends = last if days.last is None else max(last, min(days.last, today))
    return tuple(asked.period.labels(begins, ends))


def called(group: Group) -> str:
    """A group as people call it in a finding: each name on one line, and cut."""
    return ", ".join(map(short_label, group))


def whole(tallies: Mapping[Group, Tally]) -> Tally:
    """Everything that was counted, together."""
    found = Tally()
    for tally in tallies.values():
        found.merge(tally)
    return found


def report(
    asked: ReportAsked,
    *,
    title: str,
    finding: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell]],
    notes: Sequence[str],
    periods: Sequence[str] = (),
    total: Sequence[Cell] | None = None,
) -> Report:
    """A report of what was asked for."""
    return Report(
        kind=asked.kind,
        title=title,
        finding=finding,
        columns=tuple(columns),
        rows=tuple(tuple(row) for row in rows),
        notes=tuple(notes),
        days=asked.days,
        as_of=asked.now,
        by=asked.by,
        periods=tuple(periods),
        total=None if total is None else tuple(total),
        filters=asked.filters,
    )


def no_groups(asked: ReportAsked) -> tuple[Cell, ...]:
    """The group cells of a total."""
    return (None,) * len(asked.by)

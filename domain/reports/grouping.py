"""The groups that a report is broken down by: the values of a field, or the calendar periods of targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from enum import StrEnum
from typing import Any, assert_never

from domain.criteria.fields import FieldType, nearest
from domain.errors import NotFound
from domain.timeline.views import MilestoneView

NONE = "none"
"""The group of what has no value, or no target within the horizon."""


class Period(StrEnum):
    """A calendar period, in which targets lie."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"

    def label(self, day: date) -> str:
        """The period that a date lies in: ``2016-W09`` (the ISO week), ``2016-03``, ``2016-Q1``, ``2016``.

        Labels of one period sort as dates.
        """
        match self:
            case Period.WEEK:
                year, week, _ = day.isocalendar()
                return f"{year}-W{week:02}"
            case Period.MONTH:
                return f"{day:%Y-%m}"
            case Period.QUARTER:
                return f"{day:%Y}-Q{(day.month + 2) // 3}"
            case Period.YEAR:
                return f"{day:%Y}"
            case _:
                assert_never(self)

    def labels(self, first: date, last: date) -> Iterator[str]:
        """Every period from that of one date to that of another, those in which nothing lies among them."""
        day, ends = first, self.label(last)
        while True:
            label = self.label(day)
            yield label
            if label >= ends:
                return
            day = self._next(day)

    def first_day(self, day: date) -> date:
        """The first day of the period that a date lies in; weeks begin on Monday."""
        match self:
            case Period.WEEK:
                return day - timedelta(days=day.weekday())
            case Period.MONTH:
                return day.replace(day=1)
            case Period.QUARTER:
                return day.replace(month=day.month - (day.month - 1) % 3, day=1)
            case Period.YEAR:
                return day.replace(month=1, day=1)
            case _:
                assert_never(self)

    def after(self, day: date) -> date:
        """The first day of the period after that which a date lies in."""
        return self.first_day(self._next(day))

    def _next(self, day: date) -> date:
        match self:
            case Period.WEEK:
                return day + timedelta(weeks=1)
            case Period.MONTH:
                return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            case Period.QUARTER:
                return (self.first_day(day) + timedelta(days=100)).replace(day=1)
            case Period.YEAR:
                return day.replace(year=day.year + 1, month=1, day=1)
            case _:
                assert_never(self)


@dataclass(frozen=True)
class Grouping:
    """What makes the groups.

    Attributes:
        name: of the field or period, as it was asked for.
        period: None: a field of the case, with the value that it has in the end; of a milestone that restarts on it
            the value under which each instance ran.
        zone: whose wall clock says which day an instant lies on.
        first: groups that come first, in this order.
    """

    name: str
    period: Period | None
    zone: tzinfo
    first: Sequence[str] = ()

    def group(self, fields: Mapping[str, Any], milestone: MilestoneView) -> str:
        """The group of a milestone instance: by its case's fields in the end, or by its target.

        A stay of `restart_on` belongs to whom it was, whatever became of the case.
        """
        if self.period is None:
            return group_of(fields, milestone, self.name)
        target_at = milestone.target_at
        return NONE if target_at is None else self.period.label(target_at.astimezone(self.zone).date())

    def ordered(self, sizes: Mapping[str, int]) -> list[str]:
        """Groups in the order to show them; `NONE` comes last.

        Declared ones as they are declared, periods and numbers one after the other, the others by their size.
        """
        counted = self.period is None and not all(_is_number(group) for group in sizes if group != NONE)

        def rank(group: str) -> tuple[bool, int, float, str]:
            declared = self.first.index(group) if group in self.first else len(self.first)
            by_size = -sizes[group] if counted else float(group) if _is_number(group) else 0
            return group == NONE, declared, by_size, group

        return sorted(sizes, key=rank)


def grouping(by: str, declared: Mapping[str, FieldType], zone: tzinfo, first: Sequence[str] = ()) -> Grouping:
    """The grouping of that name: a declared field, or else ``week``, ``month`` or ``year``, in which the target lies.

    Args:
        by: the name.
        declared: the fields of a case.
        zone: whose wall clock says which day an instant lies on.
        first: groups that come first.

    Raises:
        NotFound: there is no such field or period.
    """
    if by in declared:
        return Grouping(by, None, zone, first)
    if by in list(Period):
        return Grouping(by, Period(by), zone)
    known = [*declared, *Period]
    raise NotFound(f"no field {by!r} to group by; {nearest(by, known)}")


def fitting(first: date, last: date) -> Period:
    """The period that divides the days from one date to another into at most some sixty parts."""
    days = (last - first).days
    return Period.WEEK if days <= 60 * 7 else Period.MONTH if days <= 60 * 30 else Period.YEAR


def group_of(fields: Mapping[str, Any], milestone: MilestoneView, name: str) -> str:
    """The group that a field makes: the value in the end, or that of the stay where the milestone restarts on it.

    Args:
        fields: of the case, in the end.
        milestone: the instance.
        name: of the field.
    """
    return text_of(milestone.ran_under[name] if name in milestone.ran_under else fields.get(name))


def text_of(value: Any) -> str:
    """A field's value as the name of a group."""
    match value:
        case None:
            return NONE
        case bool():
            return str(value).lower()
        case list():
            return ", ".join(map(text_of, value)) or NONE
        case _:
            return str(value)


def _is_number(group: str) -> bool:
    return group.isascii() and group.removeprefix("-").isdigit()

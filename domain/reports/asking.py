"""What is asked of a report: which one, by what, of which days, and of which cases."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

from domain.bounds import quoted
from domain.criteria.fields import FieldsError, FieldType, check_values, nearest
from domain.errors import NotFound, Refused
from domain.reports.grouping import Period
from domain.reports.result import Days, ReportKind
from domain.years import FIRST_YEAR, LAST_YEAR, is_promised

MOST_GROUPINGS = 4
MOST_PERIODS = 1000
"""Of one report: nineteen years of weeks."""

USUAL_MINUTES = 15
"""Before its target, within which a pause that begins is marked, if nothing is said."""

PLACES = ("milestone", "process", "account", "entitlement")
"""What every milestone instance has, whatever fields its case has. A field of one of these names is another thing."""

CHANNEL = "channel"
"""By which a case came in, as its intake named it, unless a field is declared under that name."""

_LAST = {"last": -1, "this": 0}


@dataclass(frozen=True)
class ReportAsked:
    """A report that is asked for.

    Attributes:
        by: what makes the groups: names of `PLACES`, of fields, `CHANNEL`, or one period.
        days: those in which targets (of pauses their beginnings, of actions their firings) lie.
        accounts: only of these; None: of all. A caller that is bound to accounts has none but its own here.
        account, entitlement, milestone, process: only of this one.
        fields: only of cases that have these values, in the end.
        minutes: how close to its target a pause begins that is marked.
        new: of overrides, only those that no export has taken; `export`: only those that this one has.
        types: of the fields of cases.
        first: of some of what makes the groups the names that come first, in this order.
    """

    kind: ReportKind
    days: Days
    now: datetime
    by: tuple[str, ...] = ()
    accounts: tuple[str, ...] | None = None
    account: str | None = None
    entitlement: str | None = None
    milestone: str | None = None
    process: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    minutes: int = USUAL_MINUTES
    new: bool = False
    export: int | None = None
    types: Mapping[str, FieldType] = field(default_factory=dict)
    first: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def period(self) -> Period | None:
        """The calendar period among what makes the groups."""
        return next((Period(name) for name in self.by if is_period(name, self.types)), None)

    @property
    def filters(self) -> dict[str, str]:
        """What it is only of, in words."""
        named = {name: getattr(self, name) for name in PLACES}
        return {name: str(value) for name, value in {**named, **self.fields}.items() if value is not None}

    def is_field(self, name: str) -> bool:
        """Whether that name among what makes the groups is a field of the case."""
        return name not in PLACES and name in self.types


def is_period(name: str, types: Mapping[str, FieldType]) -> bool:
    """Whether a name stands for a calendar period; a declared field of that name comes first."""
    return name not in types and name in list(Period)


def checked_groups(names: Sequence[str], types: Mapping[str, FieldType], also: Sequence[str] = ()) -> tuple[str, ...]:
    """What makes the groups, each once.

    Args:
        names: as they were given.
        types: of the fields of cases.
        also: what else makes groups of this report.

    Raises:
        NotFound: there is no such field, place or period.
        Refused: there are too many, or two periods.
    """
    for name in names:
        known = [*PLACES, *also, *types, CHANNEL, *Period]
        if name not in known:
            raise NotFound(f"no field {name!r} to group by; {nearest(name, known)}")
    found = tuple(dict.fromkeys(names))
    if sum(is_period(name, types) for name in found) > 1:
        raise Refused("bad_report", f"group by one of {', '.join(Period)}, not by two of them")
    if len(found) > MOST_GROUPINGS:
        raise Refused("bad_report", f"group by at most {MOST_GROUPINGS} things; {len(found)} were named")
    return found


def checked_sums(names: Sequence[str], known: Sequence[str], what: str) -> tuple[str, ...]:
    """What the lines of a report are added up by, each once; nothing: they are not.

    Args:
        names: as they were given.
        known: what they have in common, beside a period.
        what: the report, for people.

    Raises:
        Refused: its lines have nothing of that name in common, or two periods were named.
    """
    possible = [*known, *Period]
    for name in names:
        if name not in possible:
            said = f"{', '.join(possible[:-1])} or {possible[-1]}"
            raise Refused("bad_report", f"{what} can be added up by {said}; not by {quoted(name)}")
    return checked_groups(names, {}, known)


def checked_fields(said: Sequence[str], types: Mapping[str, FieldType]) -> dict[str, object]:
    """The values of fields of ``NAME=VALUE`` each.

    Raises:
        NotFound: there is no such field.
        Refused: it is no pair, or the field could not have that value.
    """
    found: dict[str, object] = {}
    for pair in said:
        name, equals, text = pair.partition("=")
        if not equals:
            raise Refused("bad_report", f"{pair!r} is no filter; expected a field and its value, such as priority=High")
        if name not in types:
            raise NotFound(f"no field {name!r} to filter by; {nearest(name, types)}")
        if types[name] is FieldType.LIST:
            raise Refused("bad_report", f"field {name!r} is a list; filter by fields that have one value")
        try:
            found |= check_values({name: _typed(text, types[name])}, types)
        except FieldsError as error:
            raise Refused("bad_report", str(error)) from None
    return found


def _typed(text: str, type_: FieldType) -> object:
    if type_ is FieldType.BOOLEAN:
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        if type_ is FieldType.INTEGER:
            return int(text)
        if type_ is FieldType.NUMBER:
            return float(text)
    except ValueError:
        pass
    return text


# --- days -------------------------------------------------------------------------------------------------------------


def days_asked(
    period: str | None, first: date | None, last: date | None, *, today: date, zone: tzinfo, every: bool = True
) -> Days:
    """The days that are asked for.

    Args:
        period: in words: ``2026``, ``2026-Q1``, ``2026-03``, ``2026-W09``, or ``last`` or ``this`` with ``week``,
            ``month``, ``quarter`` or ``year``: ``last-month``.
        first: day, instead of a period; `last` likewise.
        last: day.
        today: in the organisation's zone.
        zone: the organisation's.
        every: without any of these every day is meant; False: this month.

    Raises:
        Refused: it is no period, a day lies in no year of which there are reports, or the last before the first.
    """
    for day in (first, last):
        if day is not None and not is_promised(day):
            said = f"{day} is no day of a report; one lies in the years {FIRST_YEAR} to {LAST_YEAR}"
            raise Refused("bad_report", said)
    if period is not None:
        if first is not None or last is not None:
            raise Refused("bad_report", "give a period, or its first and last day, not both")
        return Days(*days_of(period, today), zone)
    if first is not None and last is not None and last < first:
        raise Refused("bad_report", f"the period ends on {last}, before it begins on {first}")
    if first is None and last is None and not every:
        return Days(Period.MONTH.first_day(today), Period.MONTH.after(today) - timedelta(days=1), zone)
    return Days(first, last, zone)


def days_of(text: str, today: date) -> tuple[date, date]:
    """The first and the last day of a period, as `days_asked` takes it in words, or as `Period.label` writes it.

    Raises:
        Refused: it is no period.
    """
    said, _, name = text.partition("-")
    if said in _LAST and name in list(Period):
        kind = Period(name)
        day = kind.first_day(today)
        if said == "last":
            day = kind.first_day(day - timedelta(days=1))
        return day, kind.after(day) - timedelta(days=1)
    for pattern, kind, begin in _WRITTEN:
        if found := re.fullmatch(pattern, text):
            try:
                day = begin(*map(int, found.groups()))
            except ValueError:
                break
            if not is_promised(day):
                break
            return day, kind.after(day) - timedelta(days=1)
    raise Refused("bad_report", f"{text!r} is no period; expected 2026, 2026-Q1, 2026-03, 2026-W09 or last-month")


def _quarter(year: int, number: int) -> date:
    return date(year, 3 * number - 2, 1)


def _week(year: int, number: int) -> date:
    return date.fromisocalendar(year, number, 1)


def _month(year: int, number: int) -> date:
    return date(year, number, 1)


def _year(year: int) -> date:
    return date(year, 1, 1)


_WRITTEN = (
    (r"(\d{4})", Period.YEAR, _year),
    (r"(\d{4})-[Qq]([1-4])", Period.QUARTER, _quarter),
    (r"(\d{4})-(\d{2})", Period.MONTH, _month),
    (r"(\d{4})-[Ww](\d{2})", Period.WEEK, _week),
)

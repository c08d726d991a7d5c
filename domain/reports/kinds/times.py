"""Response times, margins and overruns: how long things took, how close they came, how far they went over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from domain.reports.asking import ReportAsked
from domain.reports.compliance import Outcome
from domain.reports.kinds import parts
from domain.reports.kinds.parts import Group
from domain.reports.result import Cell, Column, ColumnKind, Report
from domain.reports.tally import Figures, Spread, Tally
from domain.wording import plural, span

OPEN_TIME = "Times are open time of each milestone's own business hours, without its pauses."
PERCENTILES = "Median and percentiles are of all single values; p90: nine of ten are no longer."

RESPONSE_NOTES = (
    *parts.PROMISES,
    "Response: from start to completion, of all that were completed.",
    OPEN_TIME,
    PERCENTILES,
)
MARGIN_NOTES = (
    *parts.PROMISES,
    "Margin: from completion to target, of those met in time.",
    "Percent: of the span; a deadline from a field has none. Last 20%: met with less than a fifth of the span to go.",
    "2h ahead: met at least two hours before the target. Last hour: less than one hour before it.",
    OPEN_TIME,
    PERCENTILES,
)
OVERRUN_NOTES = (
    *parts.PROMISES,
    "Overrun: from the target to the completion, of those met late.",
    "Of those never completed up to their end, or the pause in which they ended; of those that run, up to now.",
    "Handed over late counts too: up to the change of hands.",
    OPEN_TIME,
    PERCENTILES,
)


def response_report(asked: ReportAsked, tallies: Mapping[Group, Tally]) -> Report:
    """How long milestones took."""
    columns = (parts.count_column("completed"), *_spread("response", "mean", "median", "p90"))

    def cells(figures: Figures) -> Sequence[Cell]:
        return (figures.instances, *_of(figures.response_seconds, "mean", "median", "p90"))

    def finding(total: Figures, each: Mapping[Group, Figures]) -> str:
        spread = total.response_seconds
        if spread is None:
            return "Nothing was completed whose target lies in these days"
        slowest = _most(each, lambda one: one.response_seconds.median if one.response_seconds else None)
        return f"Half within {_said(spread.median)}, nine of ten within {_said(spread.p90)}" + _named(
            "slowest", slowest
        )

    return _report(asked, tallies, _Shape("Response times", columns, cells, finding, RESPONSE_NOTES))


def margin_report(asked: ReportAsked, tallies: Mapping[Group, Tally]) -> Report:
    """How long before their targets milestones were completed."""
    columns = (
        parts.count_column("met"),
        *_spread("margin", "mean", "median", "p10", "p90"),
        Column("margin_median_percent", "Of span", ColumnKind.SHARE),
        parts.count_column("two_hours_ahead", "2h ahead"),
        parts.count_column("last_fifth", "Last 20%"),
        parts.count_column("last_hour", "Last hour"),
    )

    def cells(figures: Figures) -> Sequence[Cell]:
        return (
            figures.met,
            *_of(figures.margin_seconds, "mean", "median", "p10", "p90"),
            figures.margin_percent.median if figures.margin_percent else None,
            figures.met_well_ahead,
            figures.met_in_last_part,
            figures.met_in_last_hour,
        )

    def finding(total: Figures, each: Mapping[Group, Figures]) -> str:
        if not total.met:
            return "Nothing was met whose target lies in these days"
        ahead, last = f"{total.met_well_ahead:,}", f"{total.met_in_last_part:,}"
        tightest = _most(each, lambda one: one.met_in_last_part / one.met if one.met and one.met_in_last_part else None)
        said = f"Of {total.met:,} met, {ahead} were two hours ahead and {last} in the last fifth of the span"
        return said + (f"; tightest: {parts.called(tightest[0])}" if tightest else "")

    return _report(asked, tallies, _Shape("Margins of those met", columns, cells, finding, MARGIN_NOTES))


def overrun_report(asked: ReportAsked, tallies: Mapping[Group, Tally]) -> Report:
    """How far past their targets milestones went."""
    late = Outcome.HANDED_OVER_LATE
    any_handed = any(tally.outcomes[late] for tally in tallies.values())
    columns = (
        parts.count_column("missed"),
        parts.count_column("met_late", "Met late"),
        parts.count_column("violated", "Never met"),
        *((parts.count_column(late.key, "Handed over late"),) if any_handed else ()),
        *_spread("overrun", "mean", "median", "p90"),
    )

    def cells(figures: Figures) -> Sequence[Cell]:
        handed = (figures.handed_over_late,) if any_handed else ()
        times = _of(figures.overrun_seconds, "mean", "median", "p90")
        return (figures.missed, figures.met_late, figures.violated, *handed, *times)

    def finding(total: Figures, each: Mapping[Group, Figures]) -> str:
        spread = total.overrun_seconds
        if spread is None:
            return "Nothing was missed whose target lies in these days"
        worst = _most(each, lambda one: one.overrun_seconds.median if one.overrun_seconds else None)
        return f"{_past_target(total)}, half by more than {_said(spread.median)}" + _named("worst", worst)

    return _report(asked, tallies, _Shape("Overruns", columns, cells, finding, OVERRUN_NOTES))


def _past_target(total: Figures) -> str:
    """How many went past their targets: all those of which overruns are."""
    missed, handed = plural(total.missed, "target") + " missed", total.handed_over_late
    if not handed:
        return missed
    said = f"{handed:,} handed over late"
    return f"{missed} and {said}" if total.missed else said


class _Shape(NamedTuple):
    """What makes one of these reports.

    Attributes:
        cells: of the columns.
        finding: of all together, and of each group.
    """

    what: str
    columns: Sequence[Column]
    cells: Callable[[Figures], Sequence[Cell]]
    finding: Callable[[Figures, Mapping[Group, Figures]], str]
    notes: Sequence[str]


def _report(asked: ReportAsked, tallies: Mapping[Group, Tally], shape: _Shape) -> Report:
    figures = {group: tally.figures for group, tally in tallies.items()}
    total = parts.whole(tallies).figures
    ordered = parts.in_order({group: one.instances for group, one in figures.items()}, asked)
    return parts.report(
        asked,
        title=parts.titled(shape.what, asked),
        finding=shape.finding(total, figures),
        columns=(*parts.group_columns(asked), *shape.columns),
        rows=[(*group, *shape.cells(figures[group])) for group in ordered],
        notes=shape.notes,
        periods=parts.every_period(figures, asked),
        total=(*parts.no_groups(asked), *shape.cells(total)),
    )


def _spread(what: str, *of: str) -> tuple[Column, ...]:
    """Columns of a spread: ``response_mean_seconds``."""
    return tuple(
        Column(
            f"{what}_{name}_seconds",
            f"{what.capitalize()} {name}" if place == 0 else name.capitalize(),
            ColumnKind.SPAN,
        )
        for place, name in enumerate(of)
    )


def _of(spread: Spread | None, *of: str) -> list[Cell]:
    return [None if spread is None else getattr(spread, name) for name in of]


def _most(each: Mapping[Group, Figures], measure: Callable[[Figures], float | None]) -> tuple[Group, float] | None:
    """The group of which a figure is highest, if there are several that have it and they differ."""
    found = {group: value for group, one in each.items() if (value := measure(one)) is not None}
    if len(found) < 2 or len(set(found.values())) < 2:  # noqa: PLR2004 - nothing to compare
        return None
    most = max(found, key=lambda group: (found[group], group))
    return most, found[most]


def _named(how: str, most: tuple[Group, float] | None) -> str:
    return "" if most is None else f"; {how}: {parts.called(most[0])}, half over {_said(most[1])}"


def _said(seconds: float) -> str:
    whole = round(seconds)
    return span(whole if whole < 60 else round(whole / 60) * 60)  # noqa: PLR2004 - a minute

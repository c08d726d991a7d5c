"""The picture of a report: which of its figures is drawn, as bars for its groups or columns for its periods."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from domain.bounds import visible
from domain.reports.compliance import Outcome
from domain.reports.grouping import Period
from domain.reports.picture import (
    LONGEST_LABEL,
    MOST_BARS,
    MOST_FACETS,
    MOST_PERIODS,
    TONES,
    Bar,
    Panel,
    Part,
    Picture,
    Tone,
    last_periods,
    short_label,
)
from domain.reports.ranking import foremost
from domain.reports.result import Cell, Column, ColumnKind, Report, ReportKind
from domain.reports.shares import share_text
from domain.wording import span

HOUR = 3600
ALL = "all"

LEADING: Mapping[ReportKind, str] = {
    ReportKind.RESPONSE: "response_median_seconds",
    ReportKind.MARGIN: "margin_median_seconds",
    ReportKind.OVERRUN: "overrun_median_seconds",
    ReportKind.USAGE: "used_percent",
    ReportKind.BREAKDOWN: "share_percent",
}
"""The figure of a report that is drawn, where it is not the first one of `_DRAWN`."""

NOT_DRAWN = (ReportKind.OVERRIDES, ReportKind.CASES)
"""Reports that are lists: amounts in several units have no common scale, and cases have none."""

_DRAWN = (ColumnKind.SHARE, ColumnKind.SPAN, ColumnKind.AMOUNT, ColumnKind.COUNT)
"""What is drawn of a report, if it has it: money of several currencies has no common scale."""

_AXES = {
    ColumnKind.SHARE: "per cent",
    ColumnKind.SPAN: "open hours",
    ColumnKind.AMOUNT: "in their units",
    ColumnKind.COUNT: "how many",
}
_JUDGED = (Outcome.MET, Outcome.MET_LATE, Outcome.VIOLATED)


def picture_of(report: Report) -> Picture:
    """The picture of a report. Its title is the finding; whatever is left out is said below."""
    drawing = _Shares(report) if report.kind is ReportKind.COMPLIANCE else _Figures(report)
    panel, notes = (_trend if report.periods else _bars)(report, drawing)
    said = [f"{name}: {bar.figure} {bar.of}".strip() for bar in panel.bars if bar.parts for name in [_named(bar)]]
    return Picture(
        title=short_label(report.finding, most=300),
        subtitle=_subtitle(report),
        panels=[panel],
        notes=[*notes, *drawing.notes],
        description=visible(". ".join([report.finding, *said])),
    )


def _named(bar: Bar) -> str:
    return ", ".join(part for part in (bar.facet, bar.label) if part)


def _subtitle(report: Report) -> str:
    days = report.days
    when = ""
    if days.first and days.last:
        when = f", {days.first} to {days.last}"
    elif days.first or days.last:
        when = f", from {days.first}" if days.first else f", to {days.last}"
    only = "".join(f"; {name} {value}" for name, value in report.filters.items())
    return short_label(f"{report.title}{when}{only}", most=300)


# --- which bars -------------------------------------------------------------------------------------------------------


def _bars(report: Report, drawing: _Shares | _Figures) -> tuple[Panel, list[str]]:
    groups = len(report.groups)
    places, which = foremost(report, [[row] for row in report.rows], MOST_BARS)
    left = len(report.rows) - len(places)
    notes = [f"The {MOST_BARS} {which} are drawn; {left} more in the table."] if left else []
    rows = [report.rows[place] for place in places]
    labels = _labels([tuple(map(_text, row[:groups])) for row in rows])
    bars = [drawing.bar(row, label or ALL) for row, label in zip(rows, labels, strict=True)]
    if report.total is not None and len(report.rows) > 1:
        bars.append(drawing.bar(report.total, ALL).model_copy(update={"is_all": True}))
    return Panel(axis=drawing.axis, is_share=drawing.is_share, bars=bars), notes


def _trend(report: Report, drawing: _Shares | _Figures) -> tuple[Panel, list[str]]:
    """A column for each period, an empty place where nothing lay in it; of each other group a trend of its own."""
    place = next(at for at, column in enumerate(report.columns) if column.name in list(Period) and column.is_group)
    others = [at for at, column in enumerate(report.columns) if column.is_group and at != place]
    found: dict[tuple[str, ...], dict[str, Sequence[Cell]]] = {}
    for row in report.rows:
        found.setdefault(tuple(_text(row[at]) for at in others), {})[_text(row[place])] = row
    periods, notes = last_periods(_with_room(report.periods, {_text(row[place]) for row in report.rows}))
    groups = list(found.items())
    places, which = foremost(report, [list(rows.values()) for _, rows in groups], MOST_FACETS)
    if left := len(groups) - len(places):
        notes.append(f"The {MOST_FACETS} {which} groups are drawn; {left} more in the table.")
    facets = _labels([groups[place][0] for place in places])
    bars = [
        drawing.bar(rows[period], period, facet) if period in rows else Bar(label=period, facet=facet)
        for facet, rows in zip(facets, (groups[place][1] for place in places), strict=True)
        for period in periods
    ]
    return Panel(axis=drawing.axis, is_share=drawing.is_share, is_trend=True, bars=bars), notes


def _with_room(periods: Sequence[str], filled: Collection[str]) -> Sequence[str]:
    """Periods, the empty ones at the beginning and the end among them only if there is room for all."""
    if len(periods) <= MOST_PERIODS:
        return periods
    places = [place for place, period in enumerate(periods) if period in filled]
    return periods[places[0] : places[-1] + 1] if places else periods


def _labels(groups: Sequence[tuple[str, ...]]) -> list[str]:
    """What groups are called in a picture: those that would be called alike are numbered."""
    found: dict[str, None] = {}
    for group in groups:
        text, number = " · ".join(group), 1
        label = short_label(text)
        while label in found:
            number += 1
            more = f" ({number})"
            label = short_label(text, most=LONGEST_LABEL - len(more)) + more
        found[label] = None
    return list(found)


def _text(cell: Cell) -> str:
    return "" if cell is None else str(cell)


# --- what a bar is as long as -----------------------------------------------------------------------------------------


class _Shares:
    """Shares of outcomes, of all instances that were judged."""

    is_share = True
    axis = "in time, of those that were met or missed"
    notes: tuple[str, ...] = ()

    def __init__(self, report: Report) -> None:
        self._places = {outcome: report.column(outcome.key) for outcome in _JUDGED}
        self._percent = report.column("met_percent")
        rest = [column.name for column in report.columns if column.name in {one.key for one in Outcome}]
        self._rest = [report.column(name) for name in rest if name not in {one.key for one in _JUDGED}]
        if any(self._others(row) for row in report.rows):
            self.notes = ("(+n): so many more are open, were removed or handed over, and in no percentage.",)

    def bar(self, row: Sequence[Cell], label: str, facet: str = "") -> Bar:
        """The bar of a row."""
        counts = {outcome: _number(row[place]) for outcome, place in self._places.items()}
        judged, others = sum(counts.values()), self._others(row)
        more = f" (+{others:,.0f})" if others else ""
        if not judged:
            return Bar(label=label, facet=facet, of=more.strip())
        parts = [
            Part(tone=TONES[outcome], name=outcome.value, value=100 * count / judged)
            for outcome, count in counts.items()
            if count
        ]
        figure = _figure(_number(row[self._percent]), ColumnKind.SHARE)  # the very number of the table
        return Bar(label=label, facet=facet, parts=parts, figure=figure, of=f"of {judged:,.0f}{more}")

    def _others(self, row: Sequence[Cell]) -> float:
        return sum(_number(row[place]) for place in self._rest)


class _Figures:
    """One figure of each row, on one scale."""

    notes: tuple[str, ...] = ()

    def __init__(self, report: Report) -> None:
        self._report = report
        self._column = _leading(report)
        kind = self._column.kind if self._column else ColumnKind.COUNT
        self._kind = kind
        self._place = report.column(self._column.name) if self._column else None
        heading = self._column.heading if self._column else ""
        self.axis = heading if kind in {ColumnKind.SHARE, ColumnKind.COUNT} else f"{heading}, {_AXES[kind]}"
        shares = [_number(row[self._place]) for row in report.rows] if self._place is not None else []
        self.is_share = kind is ColumnKind.SHARE and max(shares, default=0) <= 100  # noqa: PLR2004  per cent
        self._counts = _counts(report, self._place)

    def bar(self, row: Sequence[Cell], label: str, facet: str = "") -> Bar:
        """The bar of a row."""
        if self._place is None or not isinstance(value := row[self._place], int | float):
            return Bar(label=label, facet=facet)
        length = value / HOUR if self._kind is ColumnKind.SPAN else value
        counts = [row[at] for at in self._counts] if self._kind is not ColumnKind.COUNT else []
        of = f"of {sum(map(_number, counts)):,.0f}" if any(isinstance(count, int) for count in counts) else ""
        return Bar(
            label=label,
            facet=facet,
            parts=list(self._parts(max(float(length), 0.0))),
            figure=_figure(value, self._kind),
            of=of,
        )

    def _parts(self, length: float) -> Iterator[Part]:
        heading = self._column.heading if self._column else ""
        if self._kind is not ColumnKind.SHARE or self._report.kind is not ReportKind.USAGE:
            yield Part(tone=Tone.PLAIN, name=heading, value=length)
            return
        yield Part(tone=Tone.PLAIN, name=heading, value=min(length, 100.0))
        if length > 100:  # noqa: PLR2004  per cent
            yield Part(tone=Tone.OVER, name="beyond the cap", value=length - 100)


def _counts(report: Report, drawn: int | None) -> list[int]:
    """The places of the counts that together say of how many a figure is: of overruns those handed over late too."""
    counts = [at for at, column in enumerate(report.columns) if column.kind is ColumnKind.COUNT and at != drawn]
    late = Outcome.HANDED_OVER_LATE.key if report.kind is ReportKind.OVERRUN else ""
    return [at for at in counts if at == counts[0] or report.columns[at].name == late]


def _leading(report: Report) -> Column | None:
    """The figure that is drawn; None: there is none."""
    wanted = LEADING.get(report.kind)
    if report.kind in NOT_DRAWN:
        return None
    figures = [column for column in report.columns if not column.is_group and column.kind in _DRAWN]
    named = next((column for column in figures if column.name == wanted), None)
    return named or min(figures, key=lambda column: _DRAWN.index(column.kind), default=None)


def _figure(value: float, kind: ColumnKind) -> str:
    match kind:
        case ColumnKind.SHARE:
            return share_text(value)
        case ColumnKind.SPAN:
            return span(round(value))
        case _:
            return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def _number(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0

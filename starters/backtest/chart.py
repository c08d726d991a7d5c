"""A backtest as a picture: an SVG with bars for each group and a trend, written without any library.

What makes it honest: bars of shares all begin at 0% and end at 100% and name how many instances they stand for; columns
of counts begin at 0, on one scale for all milestones and both processes; a week in which no target lay is an empty
place, not a missing one. Outcomes differ in lightness as well as in colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

from domain.reports.compliance import HANDOVERS, Outcome
from domain.reports.tally import Counts
from starters.backtest.comparing import Comparison
from starters.backtest.report import Report
from starters.backtest.tables import shown_outcomes, size

COLOURS = {
    Outcome.MET: "#009e73",
    Outcome.MET_LATE: "#f0c419",
    Outcome.VIOLATED: "#c0392b",
    Outcome.OPEN: "#8ec9ee",
    Outcome.REMOVED: "#bdbdbd",
    Outcome.HANDED_OVER: "#3b6fb6",
    Outcome.HANDED_OVER_LATE: "#7a3e9d",
}
MOST_GROUPS = 12
"""Groups drawn of a milestone; how many are left out is written below."""

WIDTH = 1160
_LEFT, _BARS, _BAR_WIDTH = 24, 190, 300
_TREND, _TREND_WIDTH = 620, 516
_BAR, _STEP = 16, 24
_TREND_HEIGHT = 110
_PERIOD_LABELS = 9
_CHARACTERS = 24
"""Of a group's name that fit beside its bars."""

_CHARACTER_WIDTH = 0.58
"""Of an average character, as a part of the font's size."""


@dataclass
class _Canvas:
    """The elements of a picture, from the top down.

    Attributes:
        y: where the next part begins.
    """

    y: float = 0
    elements: list[str] = field(default_factory=list)

    def text(
        self,
        x: float,
        y: float,
        said: str,
        *,
        size: int = 12,
        anchor: str = "start",
        colour: str = "#222",
        bold: bool = False,
    ) -> None:
        weight = ' font-weight="600"' if bold else ""
        place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
        shown = escape(
            _cut(said, int((WIDTH - _LEFT - x) / (size * _CHARACTER_WIDTH)) if anchor == "start" else len(said))
        )
        self.elements.append(f'<text {place} fill="{colour}"{weight}>{shown}</text>')

    def rectangle(self, x: float, y: float, width: float, height: float, colour: str, title: str = "") -> None:
        place = f'x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"'
        inside = f"<title>{escape(title)}</title>" if title else ""
        self.elements.append(f'<rect {place} fill="{colour}">{inside}</rect>')

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str = "#ddd") -> None:
        self.elements.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>')

    def svg(self, title: str, description: str) -> str:
        """The whole picture."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{self.y:.0f}" '
            f'viewBox="0 0 {WIDTH} {self.y:.0f}" role="img" font-family="system-ui, sans-serif">'
        )
        said = f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>"
        ground = f'<rect width="{WIDTH}" height="{self.y:.0f}" fill="#fff"/>'
        return "\n".join([head, said, ground, *self.elements, "</svg>", ""])


def drawn(found: Report | Comparison, *, source: str) -> str:
    """The picture of a backtest, or of two side by side, as the text of an SVG file.

    Args:
        found: what is drawn.
        source: the name of the log.
    """
    reports = [found.first, found.second] if isinstance(found, Comparison) else [found]
    milestones = found.milestones
    canvas = _Canvas()
    title = f"Backtest of {source}: {' and '.join(report.name for report in reports)}"
    _head(canvas, reports, title)
    scale = _scale(reports)
    for name in milestones:
        _milestone(canvas, name, reports, scale)
    _foot(canvas, reports)
    return canvas.svg(title, _described(reports, milestones))


# --- the parts of the picture -----------------------------------------------------------------------------------------


def _head(canvas: _Canvas, reports: Sequence[Report], title: str) -> None:
    canvas.text(_LEFT, 34, title if len(reports) == 1 else title.partition(":")[0], size=20, bold=True)
    first = reports[0]
    said = size(first)
    if len(reports) > 1:
        said += "".join(f"; {letter}: {report.name}" for letter, report in zip("AB", reports, strict=True))
    canvas.text(_LEFT, 56, said, colour="#555")
    x = float(_LEFT)
    for outcome in shown_outcomes(reports):
        canvas.rectangle(x, 70, 12, 12, COLOURS[outcome])
        canvas.text(x + 17, 80, outcome.value)
        x += 30 + 7.2 * len(outcome.value)
    canvas.y = 100


def _milestone(canvas: _Canvas, name: str, reports: Sequence[Report], scale: int) -> None:
    top = canvas.y
    canvas.text(_LEFT, top + 20, name, size=15, bold=True)
    shown = [report for report in reports if name in report.milestones]
    bars = _bars(canvas, name, reports, top + 50)
    trend = top + 50
    for report in shown:
        label = "" if len(reports) == 1 else "A" if report is reports[0] else "B"
        _trend(canvas, name, report, _periods(report, reports), trend, scale, label)
        trend += _TREND_HEIGHT + 40
    canvas.y = max(bars, trend) + 10
    canvas.line(_LEFT, canvas.y, WIDTH - _LEFT, canvas.y, "#eee")


def _bars(canvas: _Canvas, name: str, reports: Sequence[Report], y: float) -> float:
    """The shares of outcomes in each group, and below those of all; gives where it ends."""
    by = next((f" by {report.by.replace('_', ' ')}" for report in reports if report.by), "")
    canvas.text(_LEFT, y - 10, f"Share of outcomes{by}", colour="#555")
    canvas.text(_BARS + _BAR_WIDTH + 10, y - 10, "in time, of", colour="#555", size=11)
    top = y
    for group in [*_groups(name, reports), None]:
        canvas.text(_BARS - 28, y + 13, _cut(group or "all", _CHARACTERS), anchor="end", bold=group is None)
        for letter, report in zip("AB", reports, strict=False):
            counts = report.find(name, group)
            if len(reports) > 1:
                canvas.text(_BARS - 10, y + 13, letter, anchor="end", size=11, colour="#555")
            if counts is not None and counts.instances:
                _share(canvas, counts, y)
            y += _STEP - (4 if len(reports) > 1 else 0)
        y += 8 if len(reports) > 1 else 0
    for percent in (0, 50, 100):
        x = _BARS + _BAR_WIDTH * percent / 100
        canvas.line(x, top - 2, x, y, "#999")
        canvas.text(x, y + 14, f"{percent}%", anchor="middle", size=11, colour="#555")
    return y + 20


def _share(canvas: _Canvas, counts: Counts, y: float) -> None:
    x = float(_BARS)
    for outcome, colour in COLOURS.items():
        count = counts.of(outcome)
        if count:
            width = _BAR_WIDTH * count / counts.instances
            canvas.rectangle(x, y, width, _BAR, colour, f"{outcome.value}: {count} of {counts.instances}")
            x += width
    percent = "" if counts.met_percent is None else f"{counts.met_percent:.0f}%"
    judged = counts.met + counts.missed
    canvas.text(_BARS + _BAR_WIDTH + 42, y + 13, percent, anchor="end", bold=True)
    rest = counts.instances - judged
    canvas.text(_BARS + _BAR_WIDTH + 50, y + 13, f"{judged}" + (f" (+{rest})" if rest else ""), colour="#555", size=11)


def _trend(
    canvas: _Canvas, name: str, report: Report, periods: Sequence[str], y: float, scale: int, label: str
) -> None:
    """A column for each period, as high as the instances whose target lay in it."""
    rows = {row.period: row.counts for row in report.trend if row.milestone == name}
    said = f"Number by {report.trend_by} in which the target lay"
    canvas.text(_TREND, y - 10, f"{label}: {said}" if label else said, colour="#555")
    bottom = y + _TREND_HEIGHT
    for tick in _ticks(scale):
        height = bottom - _TREND_HEIGHT * tick / scale
        canvas.line(_TREND, height, _TREND + _TREND_WIDTH, height, "#999" if tick == 0 else "#e4e4e4")
        canvas.text(_TREND - 6, height + 4, f"{tick:,}", anchor="end", size=11, colour="#555")
    if not periods:
        return
    step = _TREND_WIDTH / len(periods)
    every = math.ceil(len(periods) / _PERIOD_LABELS)
    for number, period in enumerate(periods):
        x, top = _TREND + number * step, float(bottom)
        for outcome, colour in COLOURS.items():
            count = rows[period].of(outcome) if period in rows else 0
            if count:
                height = _TREND_HEIGHT * count / scale
                top -= height
                width = min(step * 0.8, 40)
                canvas.rectangle(
                    x + (step - width) / 2, top, width, height, colour, f"{period}: {outcome.value} {count}"
                )
        if number % every == 0:
            canvas.text(x + step / 2, bottom + 15, period, anchor="middle", size=10, colour="#555")


def _foot(canvas: _Canvas, reports: Sequence[Report]) -> None:
    rest = "open or were removed"
    if any(outcome in HANDOVERS for outcome in shown_outcomes(reports)):
        rest = "open, were removed or were handed over"
    notes = [f"In time: met, of those met or missed; (+n) more are {rest}, and not in the percentage."]
    hidden = max(len(_all_groups(name, reports)) for report in reports for name in report.milestones) - MOST_GROUPS
    if hidden > 0:
        notes.append(
            f"Of the groups the {MOST_GROUPS} first are drawn; up to {hidden} more are in the output for programs."
        )
    if any(report.trend for report in reports):
        notes.append("All columns are on one scale.")
    for note in notes:
        canvas.y += 18
        canvas.text(_LEFT, canvas.y, note, size=11, colour="#555")
    canvas.y += 18


# --- what is drawn ----------------------------------------------------------------------------------------------------


def _all_groups(name: str, reports: Sequence[Report]) -> list[str]:
    return list(dict.fromkeys(row.group for report in reports for row in report.of(name) if row.group is not None))


def _groups(name: str, reports: Sequence[Report]) -> list[str]:
    return _all_groups(name, reports)[:MOST_GROUPS]


def _periods(report: Report, reports: Sequence[Report]) -> list[str]:
    """The periods of a trend, with those of the other process if they are as long: one axis of time."""
    alike = [one for one in reports if one.trend_by is report.trend_by]
    return sorted({row.period for one in alike for row in one.trend})


def _scale(reports: Sequence[Report]) -> int:
    """The number at the upper end of every axis of counts."""
    most = max((row.counts.instances for report in reports for row in report.trend), default=0)
    return next(iter(reversed(list(_ticks(max(most, 1))))))


def _ticks(most: int) -> Iterator[int]:
    """Some four round numbers from 0 up to `most` or just over it."""
    power = 10 ** max(len(str(most)) - 2, 0)
    step = next(s * power for s in (1, 2, 5, 10, 20, 25, 50) if s * power * 4 >= most)
    yield from range(0, math.ceil(most / step) * step + 1, step)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _described(reports: Sequence[Report], milestones: Sequence[str]) -> str:
    """The picture in words, for who can't see it."""
    said = []
    for name in milestones:
        for report in reports:
            counts = report.find(name, None)
            if counts is not None:
                each = ", ".join(f"{counts.of(outcome)} {outcome.value}" for outcome in Outcome if counts.of(outcome))
                said.append(f"{name} under {report.name}: {each or 'none'}.")
    return " ".join(said)

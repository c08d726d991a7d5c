"""The picture of a backtest: for each milestone the shares of its outcomes in each group, and a trend of targets.

All columns of counts are on one scale, also those of two processes side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from domain.reports.compliance import HANDOVERS, Outcome
from domain.reports.picture import (
    TONES,
    Bar,
    Panel,
    Part,
    Picture,
    last_periods,
    short_label,
)
from domain.reports.shares import share_text
from domain.reports.tally import Counts
from starters.backtest.comparing import Comparison
from starters.backtest.report import Report
from starters.backtest.tables import shown_outcomes, size

MOST_GROUPS = 12
"""Groups drawn of a milestone; how many are left out is written below."""

ALL = "all"


def pictured(found: Report | Comparison, *, source: str) -> Picture:
    """The picture of a backtest, or of two side by side.

    Args:
        found: what is drawn.
        source: the name of the log.
    """
    reports = [found.first, found.second] if isinstance(found, Comparison) else [found]
    panels = [panel for name in found.milestones for panel in _panels(name, reports)]
    names = "; ".join(f"{letter}: {one.name}" if letter else one.name for letter, one in _lettered(reports))
    return Picture(
        title=short_label(_finding(reports), most=300),
        subtitle=short_label(f"Backtest of {source}, {size(reports[0])}; {names}", most=300),
        panels=panels,
        notes=list(_notes(reports)),
        description=_described(reports, found.milestones),
    )


def _finding(reports: Sequence[Report]) -> str:
    said = []
    for letter, report in _lettered(reports):
        counts = report.find(None, None)
        if counts is None or counts.met_percent is None:
            said.append(f"{letter} has nothing decided" if letter else "Nothing is decided")
            continue
        judged = counts.met + counts.missed
        share = f"{share_text(counts.met_percent)} in time ({counts.met:,} of {judged:,})"
        said.append(f"{letter}: {share}" if letter else share + _worst(report))
    return "; ".join(said)


def _worst(report: Report) -> str:
    """The milestone that is worst, where there are several."""
    figures = {name: report.find(name, None) for name in report.milestones}
    shares = {name: one.met_percent for name, one in figures.items() if one is not None and one.met_percent is not None}
    if len(shares) < 2:  # noqa: PLR2004  of one there is no worst
        return ""
    worst = min(shares, key=lambda name: shares[name])
    return f", worst: {worst} {share_text(shares[worst])}"


def _lettered(reports: Sequence[Report]) -> Iterator[tuple[str, Report]]:
    """Reports with the letters by which two are told apart."""
    yield from zip("AB" if len(reports) > 1 else [""], reports, strict=True)


# --- the parts of the picture -----------------------------------------------------------------------------------------


def _panels(name: str, reports: Sequence[Report]) -> Iterator[Panel]:
    by = next((f" by {report.by.replace('_', ' ')}" for report in reports if report.by), "")
    bars = [
        _share(counts, _label(group or ALL, letter), is_all=group is None)
        for group in [*_groups(name, reports)[:MOST_GROUPS], None]
        for letter, report in _lettered(reports)
        if (counts := report.find(name, group)) is not None
    ]
    yield Panel(heading=f"{short_label(name)}{by}", axis="share of outcomes", is_share=True, bars=bars)
    most = max((row.counts.instances for report in reports for row in report.trend), default=0)
    for letter, report in _lettered(reports):
        columns = list(_columns(name, report))
        if columns:
            axis = f"number by {report.trend_by} in which the target lay"
            heading = _label(short_label(name), letter)
            yield Panel(heading=heading, axis=axis, is_trend=True, bars=columns, most=float(most) or None)


def _label(name: str, letter: str) -> str:
    return f"{short_label(name)} · {letter}" if letter else short_label(name)


def _share(counts: Counts, label: str, *, is_all: bool) -> Bar:
    if not counts.instances:
        return Bar(label=label, is_all=is_all)
    judged = counts.met + counts.missed
    rest = counts.instances - judged
    more = f" (+{rest:,})" if rest else ""
    figure = "" if counts.met_percent is None else share_text(counts.met_percent)
    return Bar(
        label=label,
        is_all=is_all,
        parts=list(_parts(counts, of=counts.instances)),
        figure=figure,
        of=f"of {judged:,}{more}",
    )


def _columns(name: str, report: Report) -> Iterator[Bar]:
    rows = {row.period: row.counts for row in report.trend if row.milestone == name}
    for period in last_periods(sorted(rows))[0]:
        counts = rows[period]
        figure = f"{counts.instances:,}" if counts.instances else ""
        yield Bar(label=period, parts=list(_parts(counts)), figure=figure)


def _parts(counts: Counts, *, of: int | None = None) -> Iterator[Part]:
    for outcome in Outcome:
        if count := counts.of(outcome):
            yield Part(tone=TONES[outcome], name=outcome.value, value=100 * count / of if of else count)


# --- what is written --------------------------------------------------------------------------------------------------


def _notes(reports: Sequence[Report]) -> Iterator[str]:
    rest = "open or were removed"
    if any(outcome in HANDOVERS for outcome in shown_outcomes(reports)):
        rest = "open, were removed or were handed over"
    yield f"In time: met, of those met or missed; (+n) more are {rest}, and not in the percentage."
    hidden = max(len(_groups(name, reports)) for report in reports for name in report.milestones) - MOST_GROUPS
    if hidden > 0:
        left = f"up to {hidden} more are in the output for programs"
        yield f"Of the groups the {MOST_GROUPS} first are drawn; {left}."
    if any(report.trend for report in reports):
        yield "All columns are on one scale."
    yield from last_periods([row.period for row in reports[0].trend if row.milestone == reports[0].milestones[0]])[1]


def _groups(name: str, reports: Sequence[Report]) -> list[str]:
    return list(dict.fromkeys(row.group for report in reports for row in report.of(name) if row.group is not None))


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

"""Which groups of a report come first where a picture has no room for all: those that its finding is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from domain.reports.result import Cell, Report, ReportKind

Row = Sequence[Cell]


@dataclass(frozen=True)
class Ranking:
    """What makes a group of a report come first.

    Attributes:
        called: what the first ones are called.
        columns: the figure by which they are ranked; of two the first for each of the second.
        lowest: a low one comes first.
        adds: of a group in several periods the sum of them counts; otherwise the one of them that comes first.
    """

    called: str
    columns: tuple[str, ...]
    lowest: bool = False
    adds: bool = False


RANKINGS: Mapping[ReportKind, Ranking] = {
    ReportKind.COMPLIANCE: Ranking("worst", ("met_percent",), lowest=True),
    ReportKind.RESPONSE: Ranking("slowest", ("response_median_seconds",)),
    ReportKind.MARGIN: Ranking("tightest", ("last_fifth", "met")),
    ReportKind.OVERRUN: Ranking("worst", ("overrun_median_seconds",)),
    ReportKind.USAGE: Ranking("fullest", ("used_percent",)),
    ReportKind.BREAKDOWN: Ranking("longest", ("open_seconds",), adds=True),
    ReportKind.PAUSES: Ranking("longest", ("open_seconds",), adds=True),
    ReportKind.ACTIONS: Ranking("largest", ("actions",), adds=True),
}
"""As the findings of reports name groups. Others are lists, of which nothing is drawn."""


def foremost(report: Report, groups: Sequence[Sequence[Row]], most: int) -> tuple[list[int], str]:
    """The places of the groups to draw, and a word for them: all in the order of the table, or else the first ones.

    Args:
        report: what it is about says which come first.
        groups: the rows of each group.
        most: so many are drawn.
    """
    ranking = RANKINGS.get(report.kind)
    if len(groups) <= most or ranking is None:
        return list(range(len(groups)))[:most], "first"
    value = _value(report, ranking)
    ranked = [(rank, place) for place, rows in enumerate(groups) if (rank := _rank(report, ranking, rows, value))]
    ranked.sort(key=lambda one: one[0], reverse=not ranking.lowest)
    known = [place for _, place in ranked]
    rest = [place for place in range(len(groups)) if place not in set(known)]
    return [*known, *rest][:most], ranking.called


def _value(report: Report, ranking: Ranking) -> Callable[[Row], float | None]:
    places = [report.column(name) for name in ranking.columns]

    def value(row: Row) -> float | None:
        figures = [cell if isinstance(cell := row[place], int | float) else None for place in places]
        if figures[0] is None or None in figures:
            return None
        *_, whole = figures
        if len(figures) == 1:
            return float(figures[0])
        return figures[0] / whole if figures[0] and whole else None  # nothing of it makes no group come first

    return value


def _rank(
    report: Report, ranking: Ranking, rows: Sequence[Row], value: Callable[[Row], float | None]
) -> tuple[float, tuple[str, ...]] | None:
    """By what a group is ranked, ties by its name as findings have them; None: it has no figure."""
    groups = [place for place, column in enumerate(report.columns) if column.is_group]
    ranks = [(figure, tuple(str(row[at]) for at in groups)) for row in rows if (figure := value(row)) is not None]
    if not ranks:
        return None
    if ranking.adds:
        return sum(figure for figure, _ in ranks), ranks[0][1]
    return min(ranks) if ranking.lowest else max(ranks)

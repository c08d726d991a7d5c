"""Two backtests of one log side by side, as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from domain.reports.measures import HOUR
from domain.reports.tally import Figures
from domain.wording import span
from starters.backtest.comparing import Comparison, Flip, Side, Standing
from starters.backtest.tables import (
    BAR_WIDTH,
    MOST_GROUPS,
    bar,
    first_columns,
    left_out,
    legend,
    minute,
    percent,
    shown_span,
    size,
    spans,
    table_of,
    titled,
    warnings_of,
)


def side_by_side(found: Comparison, *, source: str) -> Iterator[RenderableType]:
    """Everything about two backtests of one log."""
    first, second = found.first, found.second
    yield Text.assemble(
        (f"Backtest of {source}", "bold"), f"  A: {first.name}   B: {second.name}\n", size(first), style=""
    )
    for letter, report in (("A", first), ("B", second)):
        yield from warnings_of(report, f"{letter}: ")
    yield _compared(found)
    yield legend([first, second])
    yield from left_out([first, second])
    yield _compared_times(found)
    yield _flips(found)


def flipped(flips: Sequence[Flip]) -> RenderableType:
    """The cases that fare otherwise under the one process than under the other."""
    table = table_of("Cases that fare otherwise (times in UTC)")
    for name in ("Case", "Milestone", "Group", "Ended", "A", "A: target"):
        table.add_column(name, overflow="fold")
    table.add_column("A: left", justify="right", overflow="fold")
    for name in ("B", "B: target"):
        table.add_column(name, overflow="fold")
    table.add_column("B: left", justify="right", overflow="fold")
    for flip in flips:
        table.add_row(
            flip.external_id or flip.case_id,
            flip.milestone,
            flip.group or "",
            minute(flip.before.ended_at or flip.after.ended_at),
            *_side_cells(flip.before),
            *_side_cells(flip.after),
        )
    return table


def _both(found: Comparison) -> Iterator[tuple[str, str | None, Figures | None, Figures | None]]:
    """The milestones and groups of both, in order, with the figures of each that has them."""
    for name in found.milestones:
        groups = [row.group for row in found.first.of(name)]
        groups += [row.group for row in found.second.of(name) if row.group not in groups]
        named = [group for group in groups if group is not None]
        for group in (*named[:MOST_GROUPS], None):
            yield name, group, found.first.find(name, group), found.second.find(name, group)


def _compared(found: Comparison) -> Table:
    table = table_of(titled("Compliance", found.first.by))
    first_columns(table, found.first.by)
    for letter in ("A", "B"):
        table.add_column(letter, min_width=BAR_WIDTH, no_wrap=True)
    for name in ("Count", "Missed\nA", "\nB", "\nB - A", "In time\nA", "\nB", "\nB - A"):
        table.add_column(name, justify="right", overflow="fold")
    before = ""
    for name, group, a, b in _both(found):
        missed = (b.missed - a.missed) if a and b else None
        points = _points(a, b)
        counted = [str(side.instances) for side in (a, b) if side]
        table.add_row(
            *([name if name != before else ""] + ([group or "all"] if found.first.by else [])),
            bar(a, BAR_WIDTH) if a else "",
            bar(b, BAR_WIDTH) if b else "",
            counted[0] if len(set(counted)) == 1 else " / ".join(counted),
            str(a.missed) if a else "",
            str(b.missed) if b else "",
            _difference(missed, worse=1),
            percent(a.met_percent if a else None),
            percent(b.met_percent if b else None),
            _difference(points, worse=-1),
            end_section=group is None,
            style="bold" if group is None else "",
        )
        before = name
    return table


def _compared_times(found: Comparison) -> Table:
    table = table_of("All groups together, in open time")
    table.add_column("Milestone", no_wrap=True)
    table.add_column("", no_wrap=True)
    headings = (
        "Response\nmedian", "\np90", "Margin\nmedian", "\nof span", "2h\nahead", "Last\n20%", "Last\nhour",
        "Overrun\nmedian", "\np90", "Paused", "\nfor", "Triggers\nfired",
    )  # fmt: skip
    for name in headings:
        table.add_column(name, justify="right", no_wrap=True)
    for name in found.milestones:
        for letter, report in (("A", found.first), ("B", found.second)):
            f = report.find(name, None)
            if f is None:
                table.add_row(name if letter == "A" else "", letter, end_section=letter == "B")
                continue
            table.add_row(
                name if letter == "A" else "",
                letter,
                *spans(f.response_seconds, "median", "p90"),
                *spans(f.margin_seconds, "median"),
                percent(f.margin_percent.median if f.margin_percent else None),
                *map(str, (f.met_well_ahead, f.met_in_last_part, f.met_in_last_hour)),
                *spans(f.overrun_seconds, "median", "p90"),
                str(f.paused),
                f"{f.paused_seconds / HOUR:,.0f} h",
                end_section=letter == "B",
            )
    return table


def _flips(found: Comparison) -> Table:
    table = table_of("Cases that fare otherwise under B than under A")
    table.add_column("Milestone", overflow="fold")
    for name in ("Met by A, missed by B", "Missed by A, met by B", "Otherwise"):
        table.add_column(name, justify="right", overflow="fold")
    for name in found.shared:
        lost = found.flip_count(name, Standing.MET, Standing.MISSED)
        won = found.flip_count(name, Standing.MISSED, Standing.MET)
        every = sum(flip.cases for flip in found.flips if flip.milestone == name)
        table.add_row(name, *map(str, (lost, won, every - lost - won)))
    table.caption = f"{len(found.flipped)} in all; --cases lists them" if found.flipped else "none does"
    return table


def _standing(side: Side) -> Text:
    style = {Standing.MET: "green", Standing.MISSED: "red", Standing.NEITHER: "dim"}[side.standing]
    return Text(side.standing.value, style=style)


def _side_cells(side: Side) -> tuple[Text, str, str]:
    return _standing(side), minute(side.target_at), _over_or_left(side)


def _over_or_left(side: Side) -> str:
    return f"{span(side.overrun_seconds)} over" if side.overrun_seconds is not None else shown_span(side.margin_seconds)


def _points(a: Figures | None, b: Figures | None) -> float | None:
    """By how many percentage points more is in time."""
    if a is None or b is None or a.met_percent is None or b.met_percent is None:
        return None
    return round(b.met_percent - a.met_percent, 1)


def _difference(value: float | None, *, worse: int) -> Text:
    if value is None:
        return Text()
    style = "" if value == 0 else "red" if (value > 0) == (worse > 0) else "green"
    return Text(f"{value:+g}" if value else "0", style=style)

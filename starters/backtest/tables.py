"""A backtest as people read it in a terminal: bars and figures by milestone and group, pauses, trend, triggers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from domain.reports.compliance import HANDOVERS, Outcome
from domain.reports.measures import HOUR
from domain.reports.shares import share_text
from domain.reports.tally import Counts, Spread
from domain.wording import plural, span
from starters.backtest.report import CaseRow, Report, Row

MOST_GROUPS = 12
"""Groups that a table shows of a milestone; the rest is counted, and in the JSON."""

_HEADINGS = {
    Outcome.MET_LATE: "Met\nlate",
    Outcome.HANDED_OVER: "Handed\nover",
    Outcome.HANDED_OVER_LATE: "Handed\nover late",
}

BAR_WIDTH = 16
BAR = {
    Outcome.MET: ("█", "green"),
    Outcome.MET_LATE: ("▓", "yellow"),
    Outcome.VIOLATED: ("▒", "red"),
    Outcome.OPEN: ("░", "cyan"),
    Outcome.REMOVED: ("·", "dim"),
    Outcome.HANDED_OVER: ("◆", "blue"),
    Outcome.HANDED_OVER_LATE: ("◇", "magenta"),
}
"""Each outcome has a glyph of its own, so that a bar can be read without its colours."""


def tables(report: Report, *, source: str) -> Iterator[RenderableType]:
    """Everything about one backtest.

    Args:
        report: what it found.
        source: the name of the log.
    """
    yield _heading(report, source)
    yield from warnings_of(report)
    yield _outcomes(report)
    yield legend([report])
    yield from left_out([report])
    yield _responses(report)
    yield _margins(report)
    if report.pauses:
        yield _pauses(report)
    yield _trend(report)
    if report.triggers:
        yield _triggers(report)


def notable(rows: Sequence[CaseRow], most: int | None = None) -> RenderableType:
    """The cases that missed a milestone or nearly did."""
    table = table_of("Missed, the worst first, and near misses, the closest first (times in UTC)")
    for name in ("Case", "Milestone", "Group", "Outcome", "Target", "Ended"):
        table.add_column(name, overflow="fold")
    table.add_column("Over or left", justify="right", overflow="fold")
    for row in rows[:most]:
        over = row.overrun_seconds
        left = f"{span(over)} over" if over is not None else shown_span(row.margin_seconds)
        table.add_row(
            row.external_id or row.case_id,
            row.milestone + (f" ({row.occurrence})" if row.occurrence > 1 else ""),
            row.group,
            Text(row.outcome.value, style=BAR[row.outcome][1]),
            minute(row.target_at) if row.target_at else "past the horizon",
            minute(row.ended_at),
            Text(left, style="red" if over is not None else ""),
        )
    return table


# --- one backtest -----------------------------------------------------------------------------------------------------


def _heading(report: Report, source: str) -> Text:
    text = Text()
    text.append(f"Backtest of {source}", style="bold")
    text.append(f"  {report.name}\n")
    text.append(size(report))
    text.append(f"; {plural(report.cases_missed, 'case')} with a missed milestone")
    judged = report.log_met + report.log_missed
    if judged:
        text.append(f"\nThe log's own verdict: {report.log_missed} of {judged} cases missed; ")
        text.append(f"it agrees with the process on {report.log_agreed}", style="")
    if report.account or report.entitlement:
        seen = [f"account {report.account}"] if report.account else []
        seen += [f"entitlement {report.entitlement}"] if report.entitlement else []
        text.append(f"\nCriteria see {' and '.join(seen)}", style="dim")
    return text


def size(report: Report) -> str:
    """How large the log is."""
    return f"{plural(report.cases, 'case')}, {plural(report.events, 'event')}"


def warnings_of(report: Report, side: str = "") -> Iterator[Text]:
    """What makes the figures doubtful: criteria that could not be evaluated, milestones that no case has."""
    for said in report.doubts:
        yield Text(f"{side}{said}", style="yellow")


def _outcomes(report: Report) -> Table:
    table = table_of(titled("Compliance", report.by))
    first_columns(table, report.by)
    table.add_column("", min_width=BAR_WIDTH, no_wrap=True)
    outcomes = shown_outcomes([report])
    for name in ("Count", *(_HEADINGS.get(each, each.value.capitalize()) for each in outcomes), "In\ntime"):
        table.add_column(name, justify="right", overflow="fold")
    for name, row, last in _rows(report):
        f = row.figures
        table.add_row(
            *_first_cells(name, row, report.by),
            bar(f, BAR_WIDTH),
            *map(str, (f.instances, *(f.of(each) for each in outcomes))),
            percent(f.met_percent),
            end_section=last,
            style="bold" if row.group is None else "",
        )
    return table


def _responses(report: Report) -> Table:
    table = table_of(f"{titled('Response and overrun', report.by)}, in open time")
    first_columns(table, report.by)
    for name in ("Response\nmean", "\nmedian", "\np90", "Missed", "Overrun\nmean", "\nmedian", "\np90"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, row, last in _rows(report):
        table.add_row(
            *_first_cells(name, row, report.by),
            *spans(row.figures.response_seconds, "mean", "median", "p90"),
            str(row.figures.missed),
            *spans(row.figures.overrun_seconds, "mean", "median", "p90"),
            end_section=last,
            style="bold" if row.group is None else "",
        )
    late = " or handed over late" if Outcome.HANDED_OVER_LATE in shown_outcomes([report]) else ""
    table.caption = (
        f"Response: from start to completion, less pauses. Overrun: from the target on, of those missed{late}."
    )
    return table


def _margins(report: Report) -> Table:
    table = table_of(f"{titled('Margins of those met', report.by)}, in open time")
    first_columns(table, report.by)
    for name in (
        "Margin\nmean",
        "\nmedian",
        "\np10",
        "\np90",
        "Of span\nmedian",
        "2h\nahead",
        "Last\n20%",
        "Last\nhour",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for name, row, last in _rows(report):
        f = row.figures
        table.add_row(
            *_first_cells(name, row, report.by),
            *spans(f.margin_seconds, "mean", "median", "p10", "p90"),
            percent(f.margin_percent.median if f.margin_percent else None),
            *map(str, (f.met_well_ahead, f.met_in_last_part, f.met_in_last_hour)),
            end_section=last,
            style="bold" if row.group is None else "",
        )
    table.caption = "Margin: from completion to target. Last 20%, last hour: near misses, met with less than that left."
    return table


def _pauses(report: Report) -> Table:
    table = table_of("Pauses, in open time")
    for name in ("Milestone", "Cause", "State of the case"):
        table.add_column(name, overflow="fold")
    for name in ("Stretches", "Open hours"):
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("", min_width=BAR_WIDTH)
    longest = max(row.open_seconds for row in report.pauses)
    before = ""
    for row in report.pauses:
        name, before = ("" if row.milestone == before else row.milestone), row.milestone
        drawn = "█" * round(BAR_WIDTH * row.open_seconds / longest) if longest else ""
        hours = f"{row.open_seconds / HOUR:,.1f}"
        table.add_row(name, row.cause, row.state, str(row.pauses), hours, Text(drawn, style="yellow"))
    everything = report.find(None, None)
    if everything is not None:
        hours = f"{everything.paused_seconds / HOUR:,.1f}"
        table.add_row(
            "all",
            f"{plural(everything.paused, 'milestone')} paused",
            "",
            str(sum(row.pauses for row in report.pauses)),
            hours,
            style="bold",
        )
    return table


def _trend(report: Report) -> Table:
    table = table_of(f"Trend by {report.trend_by}, in which the target lay")
    table.add_column(report.trend_by.capitalize(), overflow="fold")
    for name in report.milestones:
        table.add_column(name, min_width=BAR_WIDTH, no_wrap=True)
        table.add_column("Count", justify="right", overflow="fold")
        table.add_column("In time", justify="right", overflow="fold")
    most = max((row.counts.instances for row in report.trend), default=0)
    by_period: dict[str, list[Counts]] = {}
    for row in report.trend:
        by_period.setdefault(row.period, []).append(row.counts)
    empty = 0
    for period, of_each in by_period.items():
        if not any(c.instances for c in of_each):
            empty += 1
            continue
        if empty:
            table.add_row(Text(f"… {empty} without", style="dim"))
            empty = 0
        cells: list[RenderableType] = []
        for c in of_each:
            cells += [bar(c, BAR_WIDTH, most), str(c.instances), percent(c.met_percent)]
        table.add_row(period, *cells)
    return table


def _triggers(report: Report) -> Table:
    table = table_of("Triggers that would have fired")
    for name in ("Milestone", "Trigger"):
        table.add_column(name, overflow="fold")
    table.add_column("Fired", justify="right", overflow="fold")
    before = ""
    for row in report.triggers:
        table.add_row("" if row.milestone == before else row.milestone, row.trigger, str(row.fired))
        before = row.milestone
    if report.actions:
        table.caption = "Actions: " + ", ".join(f"{count:,} {kind}" for kind, count in report.actions.items())
    return table


# --- parts ------------------------------------------------------------------------------------------------------------


def bar(counts: Counts, width: int, of: int | None = None) -> Text:
    """The outcomes as one bar, whose parts add up to its length.

    Args:
        counts: the outcomes.
        width: of the longest bar, in characters.
        of: the instances that the longest bar stands for; None: this bar is as long as any, and shows shares.
    """
    whole = counts.instances if of is None else of
    text, drawn, seen = Text(), 0, 0
    for outcome, (glyph, style) in BAR.items():
        seen += counts.of(outcome)
        upto = round(width * seen / whole) if whole else 0
        text.append(glyph * (upto - drawn), style=style)
        drawn = upto
    return text


def shown_outcomes(reports: Sequence[Report]) -> list[Outcome]:
    """The outcomes that are told of: what only handing over comes to is, where there is any."""
    seen = [figures for report in reports if (figures := report.find(None, None)) is not None]
    handed_over = any(figures.of(one) for figures in seen for one in HANDOVERS)
    return [one for one in Outcome if handed_over or one not in HANDOVERS]


def legend(reports: Sequence[Report]) -> Text:
    """What the parts of a bar mean."""
    text = Text()
    for outcome in shown_outcomes(reports):
        glyph, style = BAR[outcome]
        text.append(f"{glyph * 2} ", style=style)
        text.append(f"{outcome.value}   ")
    text.append("in time: met, of those met or missed", style="dim")
    return text


def _rows(report: Report) -> Iterator[tuple[str, Row, bool]]:
    """The rows to show, with the name before the first of a milestone, and whether it is its last."""
    for milestone in [*report.milestones, *([None] if len(report.milestones) > 1 else [])]:
        rows = report.of(milestone)
        shown = rows if len(rows) <= MOST_GROUPS + 1 else [*rows[:MOST_GROUPS], rows[-1]]
        for number, row in enumerate(shown):
            name = milestone or "all milestones"
            yield name if number == 0 else "", row, number == len(shown) - 1


def left_out(reports: Sequence[Report]) -> Iterator[Text]:
    """How many groups the tables leave out, at most of one milestone."""
    groups = max(len(report.of(name)) - 1 for report in reports for name in [*report.milestones, None])
    if groups > MOST_GROUPS:
        yield Text(f"{plural(groups - MOST_GROUPS, 'more group')} in 'all' and in the output of --json", style="yellow")


def first_columns(table: Table, by: str | None) -> None:
    """The columns of milestone and group."""
    table.add_column("Milestone", no_wrap=True)
    if by:
        table.add_column(by.replace("_", " ").capitalize(), no_wrap=True)


def _first_cells(name: str, row: Row, by: str | None) -> Iterable[str]:
    return [name, *([row.group or "all"] if by else [])]


def table_of(title: str) -> Table:
    """An empty table under a title."""
    return Table(
        title=f"\n{title}",
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
    )


def titled(what: str, by: str | None) -> str:
    """A title that names what makes the groups."""
    return f"{what} by {by.replace('_', ' ')}" if by else what


def spans(spread: Spread | None, *of: str) -> Iterator[str]:
    """Values of a spread as spans, or nothing for each."""
    for name in of:
        yield shown_span(getattr(spread, name)) if spread else ""


def shown_span(seconds: float | None) -> str:
    """A span, in minutes if it has any."""
    if seconds is None:
        return ""
    whole = round(seconds)
    return span(whole if abs(whole) < 60 else round(whole / 60) * 60)  # noqa: PLR2004 - a minute


def minute(at: datetime | None) -> str:
    """An instant to the minute, in UTC; nothing for none."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}" if at else ""


def percent(percent: float | None) -> str:
    """A percentage, or nothing."""
    return "" if percent is None else share_text(percent)

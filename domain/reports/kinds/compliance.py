"""Milestone compliance: how many were met, met late, violated, are open, were removed or handed over."""

from __future__ import annotations

from collections.abc import Mapping

from domain.reports.asking import ReportAsked
from domain.reports.compliance import HANDOVERS, Outcome
from domain.reports.kinds import parts
from domain.reports.kinds.parts import Group
from domain.reports.result import Cell, Column, ColumnKind, Report
from domain.reports.shares import share_text
from domain.reports.tally import Counts, Tally

NOTES = (
    *parts.PROMISES,
    "Met: completed in time, at the very target too. Met late: completed after it.",
    "Violated: past its target and never completed, whether open, left open at the exit from its process, or removed.",
    "Open: not past its target. Removed: before its target, because its criteria turned false.",
    "In time: met, of those met, met late or violated. What is open, removed or handed over is in neither.",
    "Corrections and late news count as the case says them now.",
)
HANDED_OVER = "Handed over: ended because a field of `restart_on` changed, in time or late, and began anew."


def compliance_report(asked: ReportAsked, tallies: Mapping[Group, Tally]) -> Report:
    """What was counted, as a report."""
    counts = {group: tally.counts for group, tally in tallies.items()}
    total = parts.whole(tallies).counts
    shown = [one for one in Outcome if total.of(one) or one not in HANDOVERS]
    ordered = parts.in_order({group: one.instances for group, one in counts.items()}, asked)
    columns = (
        *parts.group_columns(asked),
        parts.count_column("instances", "Count"),
        *(parts.count_column(one.key, one.value.capitalize()) for one in shown),
        Column("met_percent", "In time", ColumnKind.SHARE),
    )
    return parts.report(
        asked,
        title=parts.titled("Milestone compliance", asked),
        finding=_finding(counts, total),
        columns=columns,
        rows=[(*group, *_cells(counts[group], shown)) for group in ordered],
        notes=(*NOTES, *((HANDED_OVER,) if any(total.of(one) for one in HANDOVERS) else ())),
        periods=parts.every_period(counts, asked),
        total=(*parts.no_groups(asked), *_cells(total, shown)),
    )


def _cells(counts: Counts, shown: list[Outcome]) -> tuple[Cell, ...]:
    return (counts.instances, *(counts.of(one) for one in shown), counts.met_percent)


def _undecided(total: Counts) -> list[tuple[Outcome, int]]:
    """How many there are of each outcome that says neither in time nor too late."""
    return [(one, many) for one in (Outcome.OPEN, Outcome.REMOVED, *HANDOVERS) if (many := total.of(one))]


def _finding(counts: Mapping[Group, Counts], total: Counts) -> str:
    """The share in time, and the group that is worst."""
    if not total.instances:
        return "No target lies in these days"
    judged = total.met + total.missed
    if total.met_percent is None:
        return f"Nothing was met or missed: {', '.join(f'{many:,} {one.value}' for one, many in _undecided(total))}"
    said = f"{share_text(total.met_percent)} in time ({total.met:,} of {judged:,})"
    found = {group: one.met_percent for group, one in counts.items() if one.met_percent is not None}
    if len(found) > 1:
        worst = min(found, key=lambda group: (found[group] or 0, group))
        if found[worst] != max(found.values(), key=lambda share: share or 0):
            said += f", worst: {parts.called(worst)} {share_text(found[worst] or 0)}"
    return said

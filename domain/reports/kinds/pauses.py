"""Pauses: by cause and person, with those that began close to a target or after it."""

from __future__ import annotations

from collections.abc import Mapping

from domain.reports.asking import ReportAsked
from domain.reports.kinds import parts
from domain.reports.kinds.parts import Group
from domain.reports.pausing import PauseTally
from domain.reports.result import Cell, Column, ColumnKind, Report
from domain.wording import plural, span

NAMES = ("cause", "person")
"""What else can make groups of pauses."""


def pauses_report(asked: ReportAsked, tallies: Mapping[Group, PauseTally]) -> Report:
    """The pauses that were counted."""
    total = PauseTally()
    for one in tallies.values():
        total.add(many=one.many, open_seconds=one.open_seconds, close=one.close, after=one.after)
    ordered = parts.in_order({group: one.many for group, one in tallies.items()}, asked)
    within = plural(asked.minutes, "minute")
    return parts.report(
        asked,
        title=parts.titled("Pauses", asked),
        finding=_finding(total, within),
        columns=(
            *parts.group_columns(asked),
            parts.count_column("pauses"),
            Column("open_seconds", "Open time", ColumnKind.SPAN),
            parts.count_column("close", "Just before target"),
            parts.count_column("after", "After target"),
        ),
        rows=[(*group, *_cells(tallies[group])) for group in ordered],
        notes=(
            "Counted are the pauses of milestone instances, each from its beginning to its end, or up to now.",
            "A stop of the case is a pause of each of its milestones that run. What overlaps is one pause.",
            "A pause lies in the period in which it began. A person is who stopped it, or made the change that did.",
            f"Just before target: with at most {within} of open time left, by the target as it stood then.",
            "After target: the target had passed already.",
        ),
        periods=parts.every_period(tallies, asked),
        total=(*parts.no_groups(asked), *_cells(total)),
    )


def _cells(tally: PauseTally) -> tuple[Cell, ...]:
    return (tally.many, tally.open_seconds, tally.close, tally.after)


def _finding(total: PauseTally, within: str) -> str:
    if not total.many:
        return "No pause began in these days"
    said = f"{plural(total.many, 'pause')}, {span(round(total.open_seconds / 60) * 60)} of open time together"
    if total.close or total.after:
        said += f"; {total.close:,} began within {within} of their target, {total.after:,} after it"
    return said

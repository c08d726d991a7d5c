"""Breakdown: who held milestones for how long, in open time and in percent of the span."""

from __future__ import annotations

from collections.abc import Mapping

from domain.errors import Refused
from domain.reports.asking import ReportAsked
from domain.reports.grouping import NONE
from domain.reports.holding import HoldingTally
from domain.reports.kinds import parts
from domain.reports.kinds.parts import Group
from domain.reports.result import Cell, Column, ColumnKind, Report
from domain.reports.shares import share, share_text
from domain.wording import span

USUAL_HOLDERS = ("owner", "assignment_group", "assigned_to", "group", "team", "queue", "agent", "assignee")
"""Fields that say who has a case, if nobody says which one is meant."""


def holder_of(asked: ReportAsked) -> str:
    """The field whose values hold cases: the first field among what makes the groups.

    Raises:
        Refused: there is none.
    """
    found = next((name for name in asked.by if asked.is_field(name)), None)
    if found is None:
        why = "say which field tells who has a case, such as --by assignment_group"
        raise Refused("bad_report", why)
    return found


def breakdown_report(asked: ReportAsked, tallies: Mapping[Group, HoldingTally]) -> Report:
    """Who held what for how long."""
    holder = parts.heading(holder_of(asked))
    everything = sum(one.seconds for one in tallies.values())
    total = HoldingTally()
    for one in tallies.values():
        total.add(held=one.ended, ended=one.ended, seconds=one.seconds, of_span=one.of_span)
    ordered = parts.in_order({group: one.seconds for group, one in tallies.items()}, asked)
    return parts.report(
        asked,
        title=parts.titled("Who held milestones for how long", asked),
        finding=_finding(asked, tallies, everything),
        columns=(
            *parts.group_columns(asked),
            parts.count_column("instances", "Held"),
            parts.count_column("held_last", "Held last"),
            Column("open_seconds", "Open time", ColumnKind.SPAN),
            Column("share_percent", "Of all", ColumnKind.SHARE),
            Column("of_span_percent", "Of span", ColumnKind.SHARE),
        ),
        rows=[(*group, *_cells(tallies[group], everything)) for group in ordered],
        notes=(
            *parts.PROMISES[:3],
            f"Open time: for which {holder} had this value while a milestone ran, without its pauses; up to now.",
            "Each stretch is counted by the business hours that ruled it.",
            "Of a case whose fields changed over 2,000 times the newest changes count.",
            "Held: how many milestones they had for a while. Held last: at the end, or now.",
            "Of all: of the open time of all together. Of span: of the spans of those that they held.",
        ),
        periods=parts.every_period(tallies, asked),
        total=(*parts.no_groups(asked), total.held, total.ended, everything, share(everything, everything), None),
    )


def _cells(tally: HoldingTally, everything: int) -> tuple[Cell, ...]:
    return (
        tally.held,
        tally.ended,
        tally.seconds,
        share(tally.seconds, everything),
        share(tally.of_span, tally.spans),
    )


def _finding(asked: ReportAsked, tallies: Mapping[Group, HoldingTally], everything: int) -> str:
    place = asked.by.index(holder_of(asked))
    by_holder: dict[str, int] = {}
    for group, tally in tallies.items():
        by_holder[group[place]] = by_holder.get(group[place], 0) + tally.seconds
    if not everything:
        return "Nobody held a milestone whose target lies in these days"
    longest = max(by_holder, key=lambda name: (by_holder[name], name))
    most = share_text(share(by_holder[longest], everything) or 0)
    whole = span(round(everything / 60) * 60)
    whom = f"nobody ({asked.by[place]} is empty)" if longest == NONE else parts.called((longest,))
    return f"{whole} of open time, the longest with {whom}: {most}"

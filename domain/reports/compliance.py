"""Milestone compliance of the cases of a log, beside the verdict of the system that wrote it.

It takes cases as they are seen (`CaseView`), so that a durable run and a pure one are counted by the same code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from pydantic import computed_field
from rich.table import Table

from domain.model import Value
from domain.reports.grouping import group_of
from domain.reports.shares import share, share_text
from domain.timeline.instances import InstanceState
from domain.timeline.views import CaseView, MilestoneView

ALL = "all"
"""The group that holds every case."""

_Judged = tuple[list[MilestoneView], bool | None]
"""The instances of one milestone of a case, and the log's own verdict on the case."""


class Outcome(StrEnum):
    """What became of a milestone instance.

    Attributes:
        MET: completed in time.
        MET_LATE: completed after its target.
        VIOLATED: past its target, and never completed: still open, left open at exit, or removed.
        OPEN: not past its target: still open, or left open at exit.
        REMOVED: removed before its target.
        HANDED_OVER: ended in time, because a field of `restart_on` changed.
        HANDED_OVER_LATE: ended by such a change after its target.
    """

    MET = "met"
    MET_LATE = "met late"
    VIOLATED = "violated"
    OPEN = "open"
    REMOVED = "removed"
    HANDED_OVER = "handed over"
    HANDED_OVER_LATE = "handed over late"

    @property
    def key(self) -> str:
        """Its name among the counts of a row."""
        return self.value.replace(" ", "_")


HANDOVERS = (Outcome.HANDED_OVER, Outcome.HANDED_OVER_LATE)
"""What only milestones with `restart_on` come to; it is counted apart, and shown where there is any."""


def outcome(milestone: MilestoneView) -> Outcome:
    """What became of an instance, as of its view."""
    if milestone.state is InstanceState.COMPLETED:
        return Outcome.MET_LATE if milestone.violated else Outcome.MET
    if milestone.handed_over:
        return Outcome.HANDED_OVER_LATE if milestone.violated else Outcome.HANDED_OVER
    if milestone.violated:
        return Outcome.VIOLATED
    return Outcome.REMOVED if milestone.state is InstanceState.REMOVED else Outcome.OPEN


def promises(view: CaseView) -> list[MilestoneView]:
    """The instances of a case whose targets are promises; a reminder's is none."""
    return [milestone for milestone in view.milestones if milestone.promise]


class Outcomes(Value):
    """How many instances there were, and what became of them: the outcomes add up to `instances`."""

    instances: int
    met: int
    met_late: int
    violated: int
    open: int
    removed: int
    handed_over: int
    handed_over_late: int

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def met_percent(self) -> float | None:
        """Met in time, of those that were met or missed; None if there are none yet."""
        return share(self.met, self.met + self.met_late + self.violated)

    def of(self, outcome: Outcome) -> int:
        """How many had that outcome."""
        return int(getattr(self, outcome.key))


def tallied(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """The counts of outcomes, under the names that `Outcomes` has for them."""
    return counted(Counter(outcomes))


def counted(outcomes: Mapping[Outcome, int]) -> dict[str, int]:
    """How many there are of each outcome, under the names that `Outcomes` has for them."""
    return {"instances": sum(outcomes.values()), **{each.key: outcomes.get(each, 0) for each in Outcome}}


class _Group(Value):
    """Which milestone, in which group of cases."""

    milestone: str
    group: str


class ComplianceRow(Outcomes, _Group):
    """How one milestone went in one group of cases.

    Attributes:
        log_met: cases with the milestone that were in time by the log's own verdict.
        log_missed: those that were not. Cases of which the log says nothing are in neither.
        agreed: cases of these two of which the milestone says the same: violated in none of its instances, or in some.
    """

    log_met: int
    log_missed: int
    agreed: int

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def log_met_percent(self) -> float | None:
        """The same by the log's own verdict."""
        return share(self.log_met, self.log_met + self.log_missed)


def compliance(
    results: Iterable[tuple[CaseView, bool | None]], *, by: str, groups: Sequence[str] = ()
) -> list[ComplianceRow]:
    """The compliance of each milestone, for each group of cases and for all of them.

    Args:
        results: each case in the end, and whether it kept its promises by the log's own verdict (None: not said).
        by: the field of the case that makes the groups, with the value that it has in the end; the instances of a
            milestone that restarts on it have the value under which each of them ran.
        groups: those that come first, in this order; others follow by name.

    Returns:
        Milestones in the order in which cases have them; for each its groups, and last the group `ALL`.
    """
    whole: dict[str, list[_Judged]] = {}
    tallies: dict[str, dict[str, list[_Judged]]] = {}
    for view, kept in results:
        by_name: dict[str, dict[str, list[MilestoneView]]] = {}
        for milestone in promises(view):
            of_name = by_name.setdefault(milestone.milestone, {})
            of_name.setdefault(group_of(view.fields, milestone, by), []).append(milestone)
        for name, by_group in by_name.items():
            for group, instances in by_group.items():
                tallies.setdefault(name, {}).setdefault(group, []).append((instances, kept))
            whole.setdefault(name, []).append(([one for each in by_group.values() for one in each], kept))
    rows = []
    for name, cases in tallies.items():
        ranked = sorted(cases, key=lambda g: (groups.index(g) if g in groups else len(groups), g))
        rows += [_row(name, group, cases[group]) for group in ranked]
        rows.append(_row(name, ALL, whole[name]))
    return rows


def _row(name: str, group: str, cases: list[_Judged]) -> ComplianceRow:
    outcomes = [outcome(instance) for instances, _ in cases for instance in instances]
    judged = [(not any(i.violated for i in instances), kept) for instances, kept in cases if kept is not None]
    return ComplianceRow(
        milestone=name,
        group=group,
        **tallied(outcomes),
        log_met=sum(kept for _, kept in judged),
        log_missed=sum(not kept for _, kept in judged),
        agreed=sum(in_time == kept for in_time, kept in judged),
    )


def compliance_table(rows: Sequence[ComplianceRow], *, by: str) -> Table:
    """The rows for a terminal."""
    table = Table(title=f"Milestone compliance by {by}, beside the log's own verdict", title_justify="left")
    table.add_column("Milestone", overflow="fold")
    table.add_column(by.replace("_", " ").capitalize(), overflow="fold")
    handed_over = any(row.of(each) for row in rows for each in HANDOVERS)
    shown = [each for each in Outcome if handed_over or each not in HANDOVERS]
    names = [each.value.capitalize() for each in shown]
    for heading in ("Cases", *names, "In time", "Log: in time", "Log agrees"):
        table.add_column(heading, justify="right", overflow="fold")
    last = ""
    for row in rows:
        counts = (row.instances, *(row.of(each) for each in shown))
        judged = row.log_met + row.log_missed
        table.add_row(
            row.milestone if row.milestone != last else "",
            row.group,
            *map(str, counts),
            _shown(row.met_percent),
            _shown(row.log_met_percent),
            f"{row.agreed} of {judged}" if judged else "",
            end_section=row.group == ALL,
            style="bold" if row.group == ALL else "",
        )
        last = row.milestone
    return table


def _shown(percent: float | None) -> str:
    return "" if percent is None else share_text(percent)

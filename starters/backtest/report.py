"""What a backtest found, as values for tables, charts and programs: figures by milestone and group, pauses, trend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from pydantic import AwareDatetime

from domain.model import Value
from domain.reports.compliance import Outcome
from domain.reports.grouping import Period, fitting
from domain.reports.measures import Measured, is_near_miss
from domain.reports.tally import Counts, Figures, counts, figures
from domain.wording import plural
from starters.backtest.running import Backtest, CaseResult, TriggerKey


class Row(Value):
    """The figures of one milestone (None: of all together) in one group (None: in all of them)."""

    milestone: str | None
    group: str | None
    figures: Figures


class TrendRow(Value):
    """What became of the instances of one milestone whose target lay in one period."""

    milestone: str
    period: str
    counts: Counts


class PauseRow(Value):
    """Open time in which a milestone's clock stood, for one cause and in one state of the case.

    Attributes:
        pauses: stretches in that state; a pause over several states has one in each.
    """

    milestone: str
    cause: str
    state: str
    pauses: int
    open_seconds: int


class TriggerRow(Value):
    """How often a trigger fired."""

    milestone: str
    trigger: str
    fired: int


class CaseRow(Value):
    """An instance that was missed, or nearly."""

    case_id: str
    external_id: str | None = None
    milestone: str
    occurrence: int
    group: str
    outcome: Outcome
    target_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    margin_seconds: int | None
    overrun_seconds: int | None


class Report(Value):
    """What came of a log under one process.

    Attributes:
        name: of the process with its version, and its catalog where there are two.
        cases: of the log; `cases_missed` missed at least one milestone.
        log_met: cases that were in time by the log's own verdict; `log_missed` those that were not; `log_agreed` those
            of both that the process judges alike.
        entitlement: the id of what criteria saw as `entitlement`, and `account` likewise.
        by: what the groups are made by; None: there is only one.
        rows: for each milestone its groups and then all of them, and last those of all milestones together.
        trend_by: the periods of the trend, by targets.
        actions: how many of each kind the triggers would have made.
        failed: what was said of criteria that could not be evaluated, with the number of cases.
        decided: milestones that were completed at the opening, by what the log shows there, with the number of cases.
    """

    name: str
    process: str
    version: int
    entitlement: str | None
    account: str | None
    cases: int
    events: int
    cases_missed: int
    log_met: int
    log_missed: int
    log_agreed: int
    by: str | None
    milestones: list[str]
    rows: list[Row]
    trend_by: Period
    trend: list[TrendRow]
    pauses: list[PauseRow]
    triggers: list[TriggerRow]
    actions: dict[str, int]
    failed: dict[str, int]
    decided: dict[str, int]

    @property
    def doubts(self) -> Iterator[str]:
        """What makes the figures doubtful, in words."""
        for said, cases in self.failed.items():
            yield f"in {plural(cases, 'case')}: {said}"
        for name, cases in self.decided.items():
            yield f"in {plural(cases, 'case')}: {name!r} is completed at the opening, by what the first row has already"
        for name in self.milestones:
            everything = self.find(name, None)
            if everything is not None and everything.instances == 0:
                yield f"no case of the log has the milestone {name!r}"

    def of(self, milestone: str | None) -> list[Row]:
        """The rows of a milestone."""
        return [row for row in self.rows if row.milestone == milestone]

    def find(self, milestone: str | None, group: str | None) -> Figures | None:
        """The figures of a milestone and group, if there are any."""
        return next((r.figures for r in self.rows if (r.milestone, r.group) == (milestone, group)), None)


def report(tested: Backtest) -> Report:
    """What a backtest found."""
    tried = tested.tried
    milestones = [milestone.name for milestone in tried.process.milestones]
    trend_by, trend = _trend(tested, milestones)
    judged = [(not case.missed, case.kept) for case in tested.cases if case.kept is not None]
    return Report(
        name=tried.name,
        process=tried.process.name,
        version=tried.process.version,
        entitlement=tried.entitlement,
        account=tried.account,
        cases=len(tested.cases),
        events=tested.events,
        cases_missed=sum(case.missed for case in tested.cases),
        log_met=sum(kept for _, kept in judged),
        log_missed=sum(not kept for _, kept in judged),
        log_agreed=sum(in_time == kept for in_time, kept in judged),
        by=tested.grouping.name if tested.grouping else None,
        milestones=milestones,
        rows=_rows(tested, milestones),
        trend_by=trend_by,
        trend=trend,
        pauses=_pauses(tested, milestones),
        triggers=[
            TriggerRow(
                milestone=milestone.name, trigger=trigger.id, fired=tested.fired[TriggerKey(milestone.name, trigger.id)]
            )
            for milestone in tried.process.milestones
            for trigger in milestone.triggers
        ],
        actions=dict(sorted(tested.actions.items())),
        failed=dict(tested.failed.most_common()),
        decided=dict(tested.decided.most_common()),
    )


def _rows(tested: Backtest, milestones: Sequence[str]) -> list[Row]:
    found: dict[str | None, dict[str, list[Measured]]] = {name: {} for name in [*milestones, None]}
    for one, group in tested.instances():
        for name in (one.milestone, None):
            found[name].setdefault(group, []).append(one)
    rows = []
    for name, groups in found.items():
        if tested.grouping is not None:
            ordered = tested.grouping.ordered({group: len(instances) for group, instances in groups.items()})
            rows += [Row(milestone=name, group=group, figures=figures(groups[group])) for group in ordered]
        everything = [one for instances in groups.values() for one in instances]
        rows.append(Row(milestone=name, group=None, figures=figures(everything)))
    return rows


def _trend(tested: Backtest, milestones: Sequence[str]) -> tuple[Period, list[TrendRow]]:
    zone = tested.tried.zone
    days = [(o, o.target_at.astimezone(zone).date()) for o, _ in tested.instances() if o.target_at is not None]
    first = min((day for _, day in days), default=date.min)
    last = max((day for _, day in days), default=date.min)
    period = fitting(first, last)
    found: dict[tuple[str, str], list[Measured]] = {}
    for one, day in days:
        found.setdefault((one.milestone, period.label(day)), []).append(one)
    return period, [
        TrendRow(milestone=name, period=label, counts=counts(found.get((name, label), [])))
        for name in milestones
        for label in (period.labels(first, last) if days else [])
    ]


def _pauses(tested: Backtest, milestones: Sequence[str]) -> list[PauseRow]:
    rows = [
        PauseRow(milestone=k.milestone, cause=k.cause, state=k.state, pauses=tally.pauses, open_seconds=tally.seconds)
        for k, tally in tested.pauses.items()
    ]
    return sorted(rows, key=lambda row: (milestones.index(row.milestone), -row.open_seconds, row.cause, row.state))


def notable_cases(tested: Backtest) -> Iterator[CaseRow]:
    """The instances that were missed, the worst first, and then those that were nearly, the closest first."""
    found = [
        (case, one, group) for case in tested.cases for one, group in zip(case.instances, case.groups, strict=True)
    ]
    missed = [of for of in found if of[1].violated]
    yield from (_case_row(*of) for of in sorted(missed, key=lambda of: -(of[1].overrun_seconds or 0)))
    near = [of for of in found if is_near_miss(of[1])]
    yield from (_case_row(*of) for of in sorted(near, key=lambda of: of[1].margin_seconds or 0))


def _case_row(case: CaseResult, one: Measured, group: str) -> CaseRow:
    return CaseRow(
        case_id=case.case_id,
        external_id=case.external_id,
        milestone=one.milestone,
        occurrence=one.occurrence,
        group=group,
        outcome=one.outcome,
        target_at=one.target_at,
        ended_at=one.ended_at,
        margin_seconds=one.margin_seconds,
        overrun_seconds=one.overrun_seconds,
    )

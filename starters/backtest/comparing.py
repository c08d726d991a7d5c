"""Two backtests of one log side by side: which cases keep a promise under the one and miss it under the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum

from pydantic import AwareDatetime

from domain.model import Value
from domain.reports.compliance import Outcome
from domain.reports.measures import Measured
from starters.backtest.report import Report, report
from starters.backtest.running import Backtest, CaseResult


class Standing(StrEnum):
    """How a case fared in one milestone.

    Attributes:
        MET: completed in time, every time that it came.
        MISSED: past its target at least once.
        NEITHER: still open, or left open or removed before its target; or the case never had it.
    """

    MET = "met"
    MISSED = "missed"
    NEITHER = "neither"


class Side(Value):
    """How a case fared under one of the two. Of a milestone that came more than once, the time that decides.

    Attributes:
        margin_seconds: open seconds from the completion to the target, by this side's own calendar.
    """

    standing: Standing
    target_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    margin_seconds: int | None = None
    overrun_seconds: int | None = None


class Flip(Value):
    """A case that fares otherwise in a milestone under the second process than under the first."""

    case_id: str
    external_id: str | None = None
    milestone: str
    group: str | None
    before: Side
    after: Side


class FlipCount(Value):
    """How many cases go over from one standing to another."""

    milestone: str
    before: Standing
    after: Standing
    cases: int


class Comparison(Value):
    """Two backtests of one log.

    Attributes:
        milestones: of both, those of the first in its order and then those that only the second has.
        flips: counted, for milestones that both have.
        flipped: those cases, in the log's order.
    """

    first: Report
    second: Report
    milestones: list[str]
    flips: list[FlipCount]
    flipped: list[Flip]

    @property
    def shared(self) -> list[str]:
        """The milestones that both have."""
        return [name for name in self.milestones if name in self.first.milestones and name in self.second.milestones]

    def flip_count(self, milestone: str, before: Standing, after: Standing) -> int:
        """How many cases go over in a milestone from one standing to another."""
        wanted = (milestone, before, after)
        return next((flip.cases for flip in self.flips if (flip.milestone, flip.before, flip.after) == wanted), 0)


def compare(first: Backtest, second: Backtest) -> Comparison:
    """Hold two backtests of the same cases, in the same order, side by side."""
    one, other = report(first), report(second)
    shared = [name for name in one.milestones if name in other.milestones]
    flipped = [
        flip for before, after in zip(first.cases, second.cases, strict=True) for flip in _flips(before, after, shared)
    ]
    counted = Counter((flip.milestone, flip.before.standing, flip.after.standing) for flip in flipped)
    standings = list(Standing)
    return Comparison(
        first=one,
        second=other,
        milestones=[*one.milestones, *(name for name in other.milestones if name not in shared)],
        flips=[
            FlipCount(milestone=name, before=before, after=after, cases=counted[name, before, after])
            for name in shared
            for before in standings
            for after in standings
            if counted[name, before, after]
        ],
        flipped=flipped,
    )


def _flips(before: CaseResult, after: CaseResult, milestones: list[str]) -> Iterator[Flip]:
    for name in milestones:
        one, other = _side(before, name), _side(after, name)
        if one.standing is not other.standing:
            group = next((g for i, g in zip(before.instances, before.groups, strict=True) if i.milestone == name), None)
            yield Flip(
                case_id=before.case_id,
                external_id=before.external_id,
                milestone=name,
                group=group,
                before=one,
                after=other,
            )


def _side(case: CaseResult, milestone: str) -> Side:
    instances = [one for one in case.instances if one.milestone == milestone]
    missed = next((one for one in instances if one.violated), None)
    if missed is not None:
        return _shown(Standing.MISSED, missed)
    met = [one for one in instances if one.outcome is Outcome.MET]
    if met:
        closest = min(met, key=lambda one: (one.margin_seconds is None, one.margin_seconds or 0))
        return _shown(Standing.MET, closest)
    return _shown(Standing.NEITHER, instances[0]) if instances else Side(standing=Standing.NEITHER)


def _shown(standing: Standing, one: Measured) -> Side:
    return Side(
        standing=standing,
        target_at=one.target_at,
        ended_at=one.ended_at,
        margin_seconds=one.margin_seconds,
        overrun_seconds=one.overrun_seconds,
    )

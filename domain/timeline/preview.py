"""What a new plan would do to a running case, tried on a copy of its timeline: nothing is changed by looking.

It is the very timeline that the case itself runs, fed with the very event that a migration sends, so a preview and the
migration that follows agree to the second.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, Field, computed_field

from domain.errors import MilepostError
from domain.frozen import HorizonExceeded
from domain.model import Value
from domain.open_time.frozen import CalendarError
from domain.timeline.effects import Effect, TriggerFired
from domain.timeline.events import PlanReplaced
from domain.timeline.instances import InstanceState
from domain.timeline.machine import Timeline
from domain.timeline.plan import Plan
from domain.timeline.views import CaseView, MilestoneView

EVENT_ID = "preview"

Further = Callable[[Plan, datetime], Plan]
"""The same plan, its calendars frozen over a longer horizon."""


class Difference(StrEnum):
    """A way in which a milestone would differ."""

    MOVED = "moved"
    VIOLATED = "violated"
    NO_LONGER_VIOLATED = "no-longer-violated"
    APPEARS = "appears"
    GOES = "goes"


class MilestoneStanding(Value):
    """Where a milestone stands, before or after.

    Attributes:
        target_at: None while it lies past every horizon.
    """

    state: InstanceState
    span: str
    business_hours: str
    target_at: AwareDatetime | None
    violated: bool


class MilestoneChange(Value):
    """A milestone instance that would stand otherwise.

    Attributes:
        before: None: there is none yet.
        after: None: there would be none any more.
    """

    milestone: str
    occurrence: int
    process: str
    before: MilestoneStanding | None
    after: MilestoneStanding | None

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties; pydantic's own advice
    @property
    def differences(self) -> list[Difference]:
        """In which ways, of those that have a name; a new span alone, of one that is violated, has none."""
        before, after = self.before, self.after
        was_there, is_there = _is_there(before), _is_there(after)
        found = []
        if was_there and is_there and before and after and before.target_at != after.target_at:
            found.append(Difference.MOVED)
        if is_there and not was_there:
            found.append(Difference.APPEARS)
        if was_there and not is_there:
            found.append(Difference.GOES)
        was_violated, is_violated = bool(before and before.violated), bool(after and after.violated)
        if is_violated and not was_violated:
            found.append(Difference.VIOLATED)
        if was_violated and not is_violated:
            found.append(Difference.NO_LONGER_VIOLATED)
        return found


class FiredAtOnce(Value):
    """A trigger that the change itself would fire, because its time is past by the new plan."""

    milestone: str
    occurrence: int
    trigger: str
    due_at: AwareDatetime


class CasePreview(Value):
    """What a new plan would do to one case.

    Attributes:
        external_id: the id of another system that the case's was made of; not written where there is none.
        now: the instant of the case's clock at which it was tried.
        milestones: those that would stand otherwise; the others stay as they are.
        fires: what would be sent at once.
        refused: why the case would not take it, if so.
    """

    case_id: str
    external_id: str | None = Field(default=None, exclude_if=operator.not_)
    now: AwareDatetime
    process: str | None
    version_from: int | None
    version_to: int | None
    calendars: list[str] = Field(default_factory=list)
    milestones: list[MilestoneChange] = Field(default_factory=list)
    fires: list[FiredAtOnce] = Field(default_factory=list)
    refused: str | None = None

    def has(self, difference: Difference) -> bool:
        """Whether one of its milestones would differ so."""
        return any(difference in change.differences for change in self.milestones)


class PreviewTotals(Value):
    """What a migration would do, over all its cases.

    Attributes:
        cases: that would go over.
        cases_changed: of them, those with a milestone that would stand otherwise.
        earlier: targets that would move to an earlier instant; `later` to a later one, or past every horizon.
        fires: triggers that would fire at once.
    """

    cases: int = 0
    cases_changed: int = 0
    moved: int = 0
    earlier: int = 0
    later: int = 0
    violated: int = 0
    no_longer_violated: int = 0
    appear: int = 0
    go: int = 0
    fires: int = 0
    refused: int = 0

    def plus(self, case: CasePreview) -> PreviewTotals:
        """With one more case."""
        differences = [d for change in case.milestones for d in change.differences]
        shifts = [_shift(change) for change in case.milestones]
        return PreviewTotals(
            cases=self.cases + 1,
            cases_changed=self.cases_changed + bool(case.milestones),
            moved=self.moved + differences.count(Difference.MOVED),
            earlier=self.earlier + sum(shift < 0 for shift in shifts),
            later=self.later + sum(shift > 0 for shift in shifts),
            violated=self.violated + differences.count(Difference.VIOLATED),
            no_longer_violated=self.no_longer_violated + differences.count(Difference.NO_LONGER_VIOLATED),
            appear=self.appear + differences.count(Difference.APPEARS),
            go=self.go + differences.count(Difference.GOES),
            fires=self.fires + len(case.fires),
            refused=self.refused + (case.refused is not None),
        )


def preview(
    timeline: Timeline, replacement: Callable[[Timeline], Plan], now: datetime, *, further: Further
) -> CasePreview:
    """What a case would become if its plan were replaced at `now`.

    Args:
        timeline: the case as it was last recorded; it stays as it is.
        replacement: the plan that it would get, from its timeline as it stands at `now`.
        now: by the case's own clock.
        further: freezes a plan's calendars further, when a target lies past them.

    """
    before = _reaching(timeline.fork(), now, further)
    before.advance(now)
    was = before.view(now)
    ids = {"case_id": was.case_id, "external_id": was.external_id}
    known = {**ids, "now": now, "process": was.process, "version_from": was.process_version}
    try:
        plan = replacement(before)
        after, effects = _replaced(before, plan, now, further)
    except MilepostError as error:
        return CasePreview.model_validate({**known, "version_to": was.process_version, "refused": str(error)})
    fired = [effect for effect in effects if isinstance(effect, TriggerFired)]
    return CasePreview.model_validate(
        {
            **known,
            "version_to": plan.process.version if plan.process else None,
            "calendars": _edited(before.plan, plan),
            "milestones": list(_changes(_standings(before, was), _standings(after, after.view(now)))),
            "fires": [
                FiredAtOnce(milestone=f.milestone, occurrence=f.occurrence, trigger=f.trigger, due_at=f.due_at)
                for f in fired
            ],
        }
    )


def _replaced(before: Timeline, plan: Plan, now: datetime, further: Further) -> tuple[Timeline, list[Effect]]:
    """The timeline under the new plan, and what it does at once; with calendars that reach as far as its targets."""
    while True:
        after = before.fork()
        try:
            effects = after.apply(PlanReplaced(event_id=EVENT_ID, occurred_at=now, plan=plan), now)
        except HorizonExceeded:
            plan = further(plan, now)
            continue
        after = _reaching(after, now, further)
        return after, effects + after.advance(now)


def _reaching(timeline: Timeline, now: datetime, further: Further) -> Timeline:
    """The timeline with calendars that reach as far as its targets; where they never open again, as far as they go."""
    try:
        while not timeline.covers(now):
            timeline.extend_horizon(further(timeline.plan, now).calendars)
    except CalendarError:
        pass
    return timeline


def _edited(old: Plan, new: Plan) -> list[str]:
    """The business hours that the new plan has in another version."""
    return [
        name
        for name, version in new.calendar_versions.items()
        if name in old.calendar_versions and old.calendar_versions[name] != version
    ]


_Standings = dict[tuple[str, str, int], MilestoneStanding]
"""By process, milestone and occurrence."""


def _standings(timeline: Timeline, view: CaseView) -> _Standings:
    return {(m.process, m.milestone, m.occurrence): _standing(timeline.plan, m) for m in view.milestones}


def _standing(plan: Plan, milestone: MilestoneView) -> MilestoneStanding:
    return MilestoneStanding(
        state=milestone.state,
        span=milestone.span,
        # By the calendar's own name: one that is kept as it was before an edit stands in the plan under another.
        business_hours=plan.calendars[milestone.business_hours].name,
        target_at=milestone.target_at,
        violated=milestone.violated,
    )


def _changes(before: _Standings, after: _Standings) -> Iterator[MilestoneChange]:
    for key in [*after, *(key for key in before if key not in after)]:
        old, new = before.get(key), after.get(key)
        if old != new:
            process, milestone, occurrence = key
            yield MilestoneChange(milestone=milestone, occurrence=occurrence, process=process, before=old, after=new)


def _is_there(standing: MilestoneStanding | None) -> bool:
    return standing is not None and standing.state is not InstanceState.REMOVED


def _shift(change: MilestoneChange) -> int:
    """-1: its target would be earlier; 1: later; 0: neither."""
    if Difference.MOVED not in change.differences or change.before is None or change.after is None:
        return 0
    before, after = change.before.target_at, change.after.target_at
    if before is None or after is None:
        return 1 if after is None else -1
    return 1 if after > before else -1

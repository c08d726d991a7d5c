"""What a case's workflow asks its activities to do, and what they answer."""

from __future__ import annotations

import operator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pydantic import AwareDatetime, Field

from domain.frozen import FrozenCalendar, HorizonExceeded
from domain.ids import CaseId, Reference
from domain.messages.case_state import ActionFailure, ActionOutcome, CaseState, HoursQuestion, OveragePrompt
from domain.messages.cases import CaseIntake, CaseReopening, OverageChoice, TimeLogged
from domain.messages.coverage import CaseCoverage
from domain.model import Value
from domain.timeline.effects import Effect, Noted, NoteKind, TriggerFired
from domain.timeline.events import CaseReopened
from domain.timeline.instances import MilestoneInstance
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import SETS_CORNERS_RIGHT, Plan
from domain.timeline.state import Ended
from domain.timeline.views import CaseView, MilestoneView


class TimeTaken(Value):
    """What a time entry took.

    Attributes:
        lines: one for each entitlement that it went to.
        question: somebody has to decide about the part beyond the cap.
        is_known: it was logged before, and nothing came of it now.
    """

    lines: list[str]
    question: HoursQuestion | None = None
    is_known: bool = Field(default=False, exclude_if=operator.not_)


class CaseOpening(Value):
    """Asks for the plan of a new case: coverage, usage and calendars, frozen; writes its opening record.

    Attributes:
        opened_at: by the case's own clock.
        now: the case's clock when it asks.
        ahead: how far that clock is ahead of the workflow's.
    """

    intake: CaseIntake
    opened_at: AwareDatetime
    now: AwareDatetime
    ahead: timedelta = timedelta()


class EntitlementChangePlan(Value):
    """Asks for the plan of a case under another entitlement, of which it takes one.

    Attributes:
        event_id: of the request: asked once more under another, the entitlement looks again at what it has left.
        at: when the case goes over, or was opened if it should have had this one from then on: that has to lie within
            the term, and decides the period. None: an older build asks, and means now.
    """

    intake: CaseIntake
    event_id: str = ""
    entitlement: Reference | None
    opened_at: AwareDatetime
    now: AwareDatetime
    at: AwareDatetime | None = Field(default=None, exclude_if=operator.not_)


class OverageDecided(Value):
    """Asks for what follows from a decision, and for the plan that it leads to."""

    intake: CaseIntake
    prompt: OveragePrompt
    choice: OverageChoice
    opened_at: AwareDatetime
    now: AwareDatetime


class HoursDecided(Value):
    """Asks an entitlement to write down what was decided on a time entry."""

    intake: CaseIntake
    question: HoursQuestion
    choice: OverageChoice
    now: AwareDatetime


class TimeToTake(Value):
    """Asks to take work done from the entitlements of hours that match.

    Attributes:
        notes: of this entry, that the store may not have yet.
    """

    intake: CaseIntake
    entry: TimeLogged
    now: AwareDatetime
    notes: list[Noted] = Field(default_factory=list, exclude_if=operator.not_)


class TimeToReverse(Value):
    """Asks what stayed uncovered of a time entry that is to be undone.

    Attributes:
        notes: of this entry, that the store may not have yet.
    """

    case_id: CaseId
    entry: Reference
    notes: list[Noted] = Field(default_factory=list, exclude_if=operator.not_)


class MigrationPlan(Value):
    """Asks for the plan of a running case under another version of its process and its calendars as they are now.

    Attributes:
        earliest: the calendars have to reach back to here.
        process_version: None: the latest.
    """

    plan: Plan
    earliest: AwareDatetime
    now: AwareDatetime
    process_version: int | None = None


class MigratedPlan(Value):
    """The plan that a migration leads to."""

    plan: Plan


class OpenedCase(Value):
    """The plan of a new case, or of one that goes over to another entitlement, and how it came by that.

    Attributes:
        fields: of the intake, checked against the declared ones and normalised.
        reopened: of a reopening: the closed case as the store kept it; the plan is its plan.
        coverage: how a new case, or one on which somebody has decided, came by its entitlement, or to wait for a
            decision. None of a change of entitlement, which names the one that it wants.
        prompt: somebody has to decide first; until then a new case runs without an entitlement and without a process,
            and any other as before.
        feed_after: of a new case: the sequence number after which its events are counted, which is 0 unless another
            workflow has had the case. None: it was opened before there was a feed.
    """

    plan: Plan
    fields: dict[str, Any] = Field(default_factory=dict)
    account: str | None = None
    entitlement: str | None = None
    reopened: CaseState | None = Field(default=None, exclude_if=lambda value: value is None)
    coverage: CaseCoverage | None = Field(default=None, exclude_if=lambda value: value is None)
    prompt: OveragePrompt | None = None
    feed_after: int | None = Field(default=None, exclude_if=lambda number: number is None)


class Entered(NamedTuple):
    """A case as it has entered its timeline, and what followed from that at once."""

    timeline: Timeline
    effects: list[Effect]

    @property
    def notes(self) -> list[Noted]:
        """What was noted; the opening activity records it."""
        return [effect for effect in self.effects if isinstance(effect, Noted)]

    @property
    def fired(self) -> list[TriggerFired]:
        """The triggers that were due at the opening itself; the workflow does what they ask for."""
        return [effect for effect in self.effects if isinstance(effect, TriggerFired)]


def open_case(intake: CaseIntake, opened: OpenedCase, opened_at: datetime) -> Entered:
    """Enter a case into its timeline. The opening activity records it so, and the workflow goes on from the same.

    Raises:
        HorizonExceeded: a target lies past the horizon of the plan's calendars.
    """
    case = Case(case_id=intake.case_id, external_id=intake.external_id, channel=intake.channel, fields=opened.fields)
    timeline = Timeline.enter(opened.plan, case, opened_at)
    effects = timeline.advance(opened_at)
    if opened.coverage is not None:
        text = opened.coverage.text
        effects += timeline.remark(NoteKind.COVERED, opened_at, text, entitlement=opened.entitlement)
    return Entered(timeline, effects)


def opened_state(opened: OpenedCase, entered: Entered, ahead: timedelta) -> CaseState:
    """The state of a case that was just opened, of which the opening's notes are on record."""
    return CaseState(
        plan=entered.timeline.plan,
        state=entered.timeline.state,
        account=opened.account,
        entitlement=opened.entitlement,
        prompt=opened.prompt,
        recorded_notes=len(entered.notes),
        ahead=ahead,
        events=0 if opened.feed_after is None else opened.feed_after + len(entered.notes),
    )


class Reopened(NamedTuple):
    """A closed case as it is taken up again."""

    state: CaseState
    timeline: Timeline
    effects: list[Effect]


def reopen_case(stored: CaseState, asked: CaseReopening, now: datetime) -> Reopened:
    """Take a closed case up as the store has kept it; what its last run ordered was done by the time it ended.

    Args:
        stored: the case.
        asked: who reopens it, and when.
        now: the clock of the new run's workflow; that of the case may be ahead of it, and does not go back.

    Raises:
        Refused: it was asked for an instant that is not yet, or fields can not have those values.
        HorizonExceeded: it leads past the horizon of its calendars; `back_to` says to where, if that lies before it.
    """
    at = asked.occurred_at or now + stored.ahead
    ahead = max(stored.ahead, at - now) if stored.ahead else timedelta()
    timeline = Timeline(stored.plan, stored.state).fork()
    event = CaseReopened(event_id=asked.event_id, occurred_at=at, by=asked.by, reason=asked.reason, fields=asked.fields)
    try:
        effects = timeline.apply(event, now + ahead)
    except HorizonExceeded as exceeded:
        entered_at = timeline.state.entered_at
        if stored.plan.rules >= SETS_CORNERS_RIGHT and entered_at and entered_at < exceeded.horizon_start:
            exceeded.back_to = entered_at
        raise
    taken_up = {"runs": stored.runs + 1, "ahead": ahead, "orders": [], "stuck": None}
    return Reopened(stored.model_copy(update=taken_up), timeline, effects)


class FeedPart(Value):
    """Which events of the feed a record has. Their numbers come from the case's state, so that none is missed.

    Its events are, in order: the snapshot, what became of actions, and the notes and triggers of the record.

    Attributes:
        first: the sequence number of the first.
        is_snapshot: the first says how the case stands: it existed before the feed.
        fired_after: of each trigger fired, how many notes of the record come before it.
        outcomes: of actions that were done or dropped.
    """

    first: int
    is_snapshot: bool = Field(default=False, exclude_if=operator.not_)
    fired_after: list[int] = Field(default_factory=list, exclude_if=operator.not_)
    outcomes: list[ActionOutcome] = Field(default_factory=list, exclude_if=operator.not_)


class FoldedInstance(Value):
    """A milestone instance that the case keeps no more once the store has it.

    Attributes:
        instance: with all that happened to it.
        view: of it.
        follows: how the folded occurrence before it ended, of which the case has no more; None: there is none.
    """

    instance: MilestoneInstance
    view: MilestoneView
    follows: Ended | None = Field(default=None, exclude_if=lambda ended: ended is None)


class CaseRecord(Value):
    """The case as it stands, for the store. The newest counts, by `run`, `history`, `began_at` and `number`.

    A record may come of an attempt at a step that the server never took: a worker that was killed, a step done again
    because news came in between. What the case says after that has a longer history, and takes the place of all that
    the attempt has written. Only the first attempt at a task leaves events in the history, so of those after it the one
    that has begun later counts.

    Attributes:
        run: which run of the case it comes from.
        history: events in the history of that run when it was written.
        began_at: when the attempt at its task began, by the server's clock; None: a build wrote it that did not say so.
        number: grows with every record of a case, over all its runs.
        notes: what was noted since the last record, from `notes_from` on.
        actions: the triggers fired since then, with their actions; field updates among them have taken effect.
        carried: what another run goes on from: a reopening of the case, when it is closed.
        folded: instances that can no longer change and that `view` and `carried` have no more.
        settled_at: what the case's records said of the time before this instant is taken for good; None: nothing is.
        asked_at: of the record of an opening: when its workflow asked for it, by the server's clock.
        feed: which events it has; None: a case that began before the feed, whose run writes none.
    """

    run: int = 1
    history: int
    number: int
    notes_from: int
    run_id: str
    account: str | None
    entitlement: str | None
    view: CaseView
    notes: list[Noted] = Field(default_factory=list)
    fired: list[TriggerFired] = Field(default_factory=list)
    failures: list[ActionFailure] = Field(default_factory=list)
    carried: CaseState
    folded: list[FoldedInstance] = Field(default_factory=list, exclude_if=operator.not_)
    settled_at: AwareDatetime | None = Field(default=None, exclude_if=lambda at: at is None)
    asked_at: AwareDatetime | None = Field(default=None, exclude_if=lambda at: at is None)
    began_at: AwareDatetime | None = Field(default=None, exclude_if=lambda at: at is None)
    feed: FeedPart | None = Field(default=None, exclude_if=lambda feed: feed is None)

    @property
    def events(self) -> int:
        """How many events of the feed it has."""
        if self.feed is None:
            return 0
        return self.feed.is_snapshot + len(self.notes) + len(self.fired) + len(self.feed.outcomes)

    def counted_after(self, last: int) -> CaseRecord:
        """The record of a case that begins its feed, with its events counted on from `last`."""
        assert self.feed is not None  # noqa: S101  it begins the feed
        feed = self.feed.model_copy(update={"first": last + self.feed.first})
        carried = self.carried.model_copy(update={"events": last + self.carried.events})
        return self.model_copy(update={"feed": feed, "carried": carried})


class HorizonRequest(Value):
    """Asks for the calendars of a plan again, over a longer horizon.

    Attributes:
        back_to: the instant before they begin that they have to reach; None: they have to reach further on.
    """

    plan: Plan
    now: AwareDatetime
    back_to: AwareDatetime | None = Field(default=None, exclude_if=operator.not_)


class Horizon(Value):
    """The same calendars over a longer horizon."""

    calendars: dict[str, FrozenCalendar]

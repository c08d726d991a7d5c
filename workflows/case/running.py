"""A case that runs: its timeline, its clock and what travels with it. Every part of its workflow works on this."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from datetime import timedelta

    from domain.bounds import cut
    from domain.frozen import FrozenCalendar
    from domain.messages.case_state import CaseState, HoursQuestion, OveragePrompt
    from domain.messages.cases import Answer, CaseIntake
    from domain.messages.names import NOT_OPEN_YET
    from domain.timeline.effects import Effect, Noted, NoteKind
    from domain.timeline.events import Event
    from domain.timeline.instances import MilestoneInstance
    from domain.timeline.machine import Timeline
    from domain.timeline.views import CaseView, OpenDecision
    from workflows.case.jobs import Jobs
    from workflows.case.steps import Attempts, Step, Trial, Turn, applied, many_small, step_of, unit_cost
    from workflows.newer import NewerBuild

MOST_CARRIED_BYTES = 1_900_000
"""Of a workflow's argument, which may have 2 MB: the server ends a workflow that sends more."""

STEP_BYTES = 8 * 1024
EFFECT_BYTES = 1024
"""What a step adds at most to a small case, and what each of its effects adds. `many_small` says how many small ones a
case of many milestones is."""


class RunningCase:
    """What every part of a case's workflow works on.

    Its timeline never changes: another takes its place (`_stand`). So what was found out about it stays right for as
    long as it is there, and is forgotten with it.

    Attributes:
        intake: with what the case was opened.
        ahead: how far its own clock is ahead of the workflow's.
        refusal: why it is not opened.
        next_due, next_summary: when something happens next by itself, and what.
        is_covered: its calendars reach as far as they have to.
        lacks_from: an instant before they begin that they have to reach; None: there is none.
        settled_at: what happened before this instant is taken for good, by a run before this one.
        grown_bytes: the most that it can have grown by in this run; what it lost is not taken off.
        turn: of what changes its timeline.
        do: sets going what the timeline wants done, and shows the case as it then is, if that is known already.
        being_decided: questions on time entries about which an answer is on its way.
        prompt_being_decided: likewise.
    """

    def __init__(self, intake: CaseIntake) -> None:
        self.intake = intake
        self.case_id = intake.case_id
        self.ahead = timedelta()
        self.refusal: ApplicationError | NewerBuild | None = None
        self._timeline: Timeline | None = None
        self._trial: Trial | None = None
        self._seen: tuple[datetime, CaseView] | None = None
        self._kept: CaseState | None = None
        self.next_due: datetime | None = None
        self.next_summary = ""
        self.is_covered = True
        self.lacks_from: datetime | None = None
        self.settled_at: datetime | None = None
        self.grown_bytes = 0
        self.being_decided: dict[str, HoursQuestion] = {}
        self.prompt_being_decided: OveragePrompt | None = None
        self.turn = Turn()
        self.jobs = Jobs()
        self.do: Callable[[Sequence[Effect], CaseView | None], None] = _nothing
        self._attempts = Attempts("step")

    # --- where it stands ---

    def now(self) -> datetime:
        """The case's own clock: the workflow's, ahead by what its intake said."""
        return workflow.now() + self.ahead

    @property
    def is_open(self) -> bool:
        """Whether it has a timeline, closed or not."""
        return self._kept is not None

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, and not reopened."""
        return self._timeline is not None and self._timeline.state.closed_at is not None

    @property
    def kept(self) -> CaseState:
        """What travels with it; plan and timeline as they were when this run began.

        Raises:
            ApplicationError: it is not open yet.
        """
        if self._kept is None:
            raise ApplicationError(NOT_OPEN_YET, type="NotOpened", non_retryable=True)
        return self._kept

    @property
    def timeline(self) -> Timeline:
        """Its timeline.

        Raises:
            ApplicationError: it is not open yet.
        """
        if self._timeline is None:
            raise ApplicationError(NOT_OPEN_YET, type="NotOpened", non_retryable=True)
        return self._timeline

    @property
    def intake_with_fields(self) -> CaseIntake:
        """Its intake, with its fields as they are now."""
        return self.intake.model_copy(update={"fields": self.timeline.state.fields})

    def view(self, at: datetime | None = None) -> CaseView:
        """The case at an instant, now, if none is given, as an answer has it: what it does not hold is left out."""
        return self.newest(at).within()

    def newest(self, at: datetime | None = None) -> CaseView:
        """The case at an instant, now, if none is given; with the newest instances of each milestone."""
        return self.with_decisions(self.look(at or self.now()).newest())

    def look(self, at: datetime) -> CaseView:
        """The case at an instant, with every instance, and without what somebody is asked about."""
        if self._seen is None or self._seen[0] != at:
            self._seen = at, self.timeline.view(at)
        return self._seen[1]

    def with_decisions(self, view: CaseView) -> CaseView:
        """The view, with what somebody is asked about."""
        return view.model_copy(update={"open_decisions": self.open_decisions()})

    def open_decisions(self) -> list[OpenDecision]:
        """What somebody is asked about: the case itself first, then its time entries."""
        if self._kept is None:
            return []
        asked: list[tuple[str | None, OveragePrompt | HoursQuestion]] = [(q.entry, q) for q in self._kept.questions]
        if self._kept.prompt and not self.is_closed:
            asked.insert(0, (None, self._kept.prompt))
        return [OpenDecision(entry=e, entitlement=q.entitlement, text=q.text, until=q.until) for e, q in asked]

    def carried(self) -> CaseState:
        """The case as another run, or the store, gets it. What is on its way to being decided is asked again there."""
        kept, timeline = self.kept, self.timeline
        return kept.model_copy(
            update={
                "plan": timeline.plan,
                "state": timeline.state,
                "ahead": self.ahead,
                "prompt": kept.prompt or self.prompt_being_decided,
                "questions": [*kept.questions, *self.being_decided.values()],
            }
        )

    @property
    def fits(self) -> bool:
        """Another run can be given all that travels with the case. What the store has to be told first may not."""
        return len(self.carried().model_dump_json().encode()) <= MOST_CARRIED_BYTES

    # --- what happens to it ---

    def _stand(self, timeline: Timeline) -> None:
        """Let another timeline take the place of the one there was."""
        self._timeline = timeline
        self._trial = self._seen = None
        self.grown_bytes += STEP_BYTES * many_small(timeline)

    def begin(self, kept: CaseState, timeline: Timeline) -> None:
        """Take up a case that has entered its timeline."""
        self._kept, self.ahead = kept, kept.ahead
        self._stand(timeline)
        self._look_around()

    def extend_horizon(self, calendars: dict[str, FrozenCalendar]) -> None:
        """Take over the same calendars, frozen over a longer horizon."""
        timeline = self.timeline.fork()
        timeline.extend_horizon(calendars)
        self._stand(timeline)
        self._look_around()

    def fold(self, instances: Iterable[MilestoneInstance]) -> None:
        """Take instances out of the timeline that the store has for good. It has the case as it was looked at last."""
        timeline = self.timeline
        if leaving := list(instances):
            timeline = timeline.fork()
            timeline.fold(leaving)
        self._stand(timeline)

    def _look_around(self) -> None:
        """See anew when something is due, and whether the calendars reach."""
        now, timeline = self.now(), self.timeline
        self.next_due, self.next_summary = timeline.next_due, self.look(now).next_summary
        self.is_covered, self.lacks_from = timeline.covers(now), timeline.lacks_from

    async def ready(self) -> None:
        """Wait until the case is open.

        Raises:
            ApplicationError: it is not opened, and why.
        """
        if not self.is_open and self.refusal is None:
            await workflow.wait_condition(lambda: self.is_open or self.refusal is not None)
        if self.refusal is not None:
            raise self.refusal

    def tried(self, event: Event) -> Step:
        """What taking an event in now comes to. It is worked out once for the request that asks and is then taken.

        Raises:
            Refused: it makes no sense.
            HorizonExceeded: a target that follows from it lies past the horizon.
        """
        now = self.now()
        if self._trial is None or (self._trial.now, self._trial.event) != (now, event):
            timeline = self.timeline.fork()
            self._trial = Trial(event, now, step_of(timeline, applied(timeline, event, now), now))
        return self._trial.step

    def take(self, event: Event) -> Answer:
        """Take an event in, on a copy that takes the place of the timeline when all has gone well.

        Raises:
            ApplicationError: it makes no sense, or failed unexpectedly; nothing has changed.
            HorizonExceeded: a target that follows from it lies past the horizon; nothing has changed.
        """
        repeated = event.event_id in self.timeline.state.event_ids
        step = self._attempts.attempt(event.type, lambda: self.tried(event))
        self.turn.spend(unit_cost(step.timeline))
        self.commit(step)
        already = any(isinstance(e, Noted) and e.kind is NoteKind.ALREADY for e in step.effects)
        outcome = "repeated" if repeated else "already" if already else "taken"
        notes = [e.text for e in step.effects if isinstance(e, Noted)]
        return Answer.model_validate(
            {"outcome": outcome, "notes": notes, "case": self.with_decisions(step.view.newest().within())}
        )

    def advance(self, now: datetime, *, at_most: int, before: datetime | None = None) -> int:
        """Do some of what is due, and say how much that was.

        Args:
            now: up to and including this instant.
            at_most: so many things.
            before: only what is due before this instant.

        Raises:
            ApplicationError: it failed unexpectedly, and stays due.
            HorizonExceeded: likewise, until the calendars reach further.
        """

        def tried() -> Step:
            timeline = self.timeline.fork()
            return step_of(timeline, timeline.advance(now, at_most=at_most, before=before), now)

        step = self._attempts.attempt("time", tried)
        self.commit(step)
        return len(step.effects)

    def commit(self, step: Step) -> None:
        """Take a step over and set going what it wants done. Nothing here waits, so nothing here holds up the clock."""
        self._stand(step.timeline)
        self.grown_bytes += EFFECT_BYTES * len(step.effects)
        self._seen = step.now, step.view
        self.next_due, self.next_summary = step.next_due, step.view.next_summary
        self.is_covered, self.lacks_from = step.is_covered, step.lacks_from
        self.do(step.effects, self.with_decisions(step.view.newest()))

    def remark(self, kind: NoteKind, text: str, by: str | None = None, once: str | None = None, **facts: Any) -> None:
        """Put something on record that changes nothing; what has an id to be put there `once`, no second time."""
        if self._timeline is not None:
            timeline = self._timeline.fork()
            effects = timeline.remark(kind, self.now(), cut(text), by, once, **facts)
            self._stand(timeline)
            self.do(effects, None)


def _nothing(_effects: Sequence[Effect], _view: CaseView | None) -> None:
    """Do nothing: the case is not put together yet."""

"""The one teller of a case: writes down how the case stands, one record after another, and holds up nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from domain.messages.case_state import ActionFailure, ActionOrder, ActionOutcome
    from domain.messages.names import RECORD_CASE
    from domain.messages.steps import CaseRecord, FeedPart, FoldedInstance
    from domain.timeline.effects import Effect, Noted, TriggerFired
    from domain.timeline.machine import Timeline
    from domain.timeline.views import look_at
    from workflows.case.running import RunningCase
    from workflows.case.steps import Attempts
    from workflows.looks import Tasks
    from workflows.waiting import seal

QUICKLY = timedelta(seconds=2)
"""What a record has, with all its attempts, while the workflow task is held open and an answer waits for it."""
RECORDING = timedelta(seconds=10)
TRIED_AGAIN_AFTER = timedelta(minutes=1)

MOST_EFFECTS = 200
MOST_EFFECT_BYTES = 512 * 1024
"""Of one record; what is more goes into the next."""
MOST_OUTCOMES = 200
"""Of one record as well."""
MOST_FOLDED = 100
"""Instances that one record takes out of the case's state."""
MOST_SENT_BYTES = 1_500_000
"""Of a record that the server keeps while the store is down. It ends a workflow that sends it 2 MB."""

FEED = "feed-from-record-"
"""The patch, with the number of a record, since which a case that began before the feed has its events in it. Asked of
every record until then: a run that has written records without events replays so, and goes on with events."""


class Recorder:
    """Works off what the store has not confirmed.

    A record is written by a local activity, one at a time, within the workflow task of the step that it records: when
    live and on replay it ends before anything else comes in. While the store is down a normal activity waits for it,
    and its end is sealed by one more local record.

    Attributes:
        tasks: none is written in a look at the case.
        is_writing: somewhere.
        is_writing_here: by a local activity.
    """

    def __init__(self, case: RunningCase) -> None:
        self._case = case
        self._attempts = Attempts("record")
        self.tasks = Tasks()
        self._is_wanted = False
        self._due_outcomes: int | None = None
        self._written_at = 0
        self._confirmed: tuple[int, datetime] | None = None
        self._task: tuple[int, datetime] | None = None
        self.is_writing = False
        self.is_writing_here = False

    @property
    def is_idle(self) -> bool:
        """The store knows everything."""
        return not self.is_writing and not self._has_news()

    def tell(self, effects: Sequence[Effect]) -> None:
        """Have effects written down."""
        self._case.kept.unrecorded += effects

    def tell_failure(self, failure: ActionFailure) -> None:
        """Have it written down that an action failed for good."""
        self._case.kept.failures.append(failure)

    def tell_outcome(self, order: ActionOrder, dropped: str | None) -> None:
        """Have it in the feed what became of an action. A case that writes no events yet has no record of that.

        No record is written for that alone while the case is open. So the workflow task in which an action comes back
        may have no command, and on replay be one with the next, whose request comes first (`workflows.waiting.seal`):
        whether that request's record knew of the outcome can't be told. So no record has what came since the one before
        it: it is due after the first record of the same task or of a later one.

        Args:
            order: the action.
            dropped: why it was worth nothing any more; None: it was done.
        """
        kept = self._case.kept
        if kept.events:
            call = order.call
            # Its own instant, as the store has it: when it came back can't be told on replay either.
            outcome = ActionOutcome(
                key=call.key, do=call.action.do, milestone=order.milestone, at=order.at, dropped=dropped
            )
            due, self._due_outcomes = self._due, None
            kept.outcomes.append(outcome)
            is_same_task = self._written_at == workflow.info().get_current_history_length()
            self._due_outcomes = len(kept.outcomes) if is_same_task else due

    def wake(self) -> None:
        """Have the case written down as it stands, though nothing was noted."""
        self._is_wanted = True

    def _may_write(self) -> bool:
        return self.tasks.is_one() and self._has_news()

    def _has_news(self) -> bool:
        if not self._case.is_open:
            return False
        return self._has_other_news() or self._is_last_word()

    def _has_other_news(self) -> bool:
        kept = self._case.kept
        return self._is_wanted or bool(kept.unrecorded or kept.failures)

    def _is_last_word(self) -> bool:
        """Nothing is to come but what became of the last actions of a closed case."""
        kept = self._case.kept
        return self._case.is_closed and not kept.orders and bool(kept.outcomes)

    @property
    def _due(self) -> int:
        """How many outcomes, the first ones, may go into the next record: those that the run before has left, too."""
        return len(self._case.kept.outcomes) if self._due_outcomes is None else self._due_outcomes

    async def work(self) -> None:
        """Write down what there is, for as long as the case runs."""
        while True:
            await workflow.wait_condition(self._may_write)
            self.is_writing = True
            try:
                while self._may_write():
                    await self._write()
            except FailureError:  # it could not be made, which is logged, or is too large to wait with the server
                await workflow.sleep(TRIED_AGAIN_AFTER, summary="write the record again")
            finally:
                self.is_writing = False

    async def _write(self) -> None:
        begins = not self._case.kept.events and workflow.patched(f"{FEED}{self._case.kept.records + 1}")
        record = self._attempts.attempt("the record", lambda: self._next_record(begins_feed=begins))
        kept, self._is_wanted = self._case.kept, False
        kept.records = record.number
        self._written_at, self._due_outcomes = record.history, len(kept.outcomes)
        try:
            self.is_writing_here = True
            counted = await workflow.execute_local_activity(
                RECORD_CASE,
                record,
                schedule_to_close_timeout=QUICKLY,
                retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=3),
            )
        except FailureError:  # the store is down; a normal activity waits for it without holding anything up
            self.is_writing_here = False
            if len(record.model_dump_json().encode()) > MOST_SENT_BYTES:
                self._is_wanted = True
                raise
            counted = await workflow.execute_activity(
                RECORD_CASE, record, start_to_close_timeout=RECORDING, summary="record"
            )
            seal(recorded=record.number)
            self._is_wanted = True
        finally:
            self.is_writing_here = False
        self._confirmed = (record.history, record.carried.state.last_at)
        self._case.fold(each.instance for each in record.folded)
        kept.recorded_notes = record.carried.recorded_notes
        del kept.unrecorded[: len(record.notes) + len(record.fired)]
        del kept.failures[: len(record.failures)]
        if record.feed is not None:
            # The store goes on behind the events of earlier runs, which an older build may have forgotten since.
            kept.events = counted if isinstance(counted, int) else record.carried.events
            del kept.outcomes[: len(record.feed.outcomes)]
            self._due_outcomes = max(0, self._due - len(record.feed.outcomes))

    def _next_record(self, *, begins_feed: bool) -> CaseRecord:
        case, info = self._case, workflow.info()
        kept = case.carried()
        effects = _first(kept.unrecorded)
        notes = [effect for effect in effects if isinstance(effect, Noted)]
        number, last = kept.records + 1, notes[-1].number if notes else kept.recorded_notes
        feed = self._feed_part(effects) if kept.events or begins_feed else None
        settled_at = self._settle(info.get_current_history_length())
        timeline, folded = self._folded(settled_at)
        known = {"records": number, "recorded_notes": last, "unrecorded": [], "failures": [], "outcomes": []}
        known["state"] = timeline.state
        record = CaseRecord(
            run=kept.runs,
            history=info.get_current_history_length(),
            number=number,
            notes_from=kept.recorded_notes + 1,
            run_id=info.run_id,
            account=kept.account,
            entitlement=kept.entitlement,
            view=case.with_decisions((timeline.view(case.now()) if folded else case.look(case.now())).short()),
            notes=notes,
            fired=[effect for effect in effects if isinstance(effect, TriggerFired)],
            failures=list(kept.failures),
            carried=kept.model_copy(update=known),
            folded=folded,
            settled_at=settled_at,
            began_at=self._task_began_at(),
            feed=feed,
        )
        events = kept.events + record.events
        return record.model_copy(update={"carried": record.carried.model_copy(update={"events": events})})

    def _task_began_at(self) -> datetime:
        """When this task began. Within a task time goes on only while a record is written, so its first one knows."""
        history = workflow.info().get_current_history_length()
        if self._task is None or self._task[0] != history:
            self._task = history, workflow.now()
        return self._task[1]

    def _settle(self, history: int) -> datetime | None:
        """Up to when what the records said is taken for good: the server has taken the task of the record before."""
        if self._confirmed is not None and self._confirmed[0] < history:
            self._case.settled_at = self._confirmed[1]
        return self._case.settled_at

    def _folded(self, settled_at: datetime | None) -> tuple[Timeline, list[FoldedInstance]]:
        """The timeline without what can no longer change, and that. The case keeps it until the store has it."""
        timeline, now = self._case.timeline, self._case.now()
        leaving = timeline.foldable(settled_at, MOST_FOLDED) if settled_at is not None else []
        if not leaving:
            return timeline, []
        followed = {(f.process, f.milestone): f.ended for f in timeline.state.folded}
        folded = [
            FoldedInstance(
                instance=instance,
                view=look_at(timeline.plan, instance, now).short(),
                follows=followed.pop((instance.process, instance.milestone), None),
            )
            for instance in leaving
        ]
        rest = timeline.fork()
        rest.fold(leaving)
        return rest, folded

    def _feed_part(self, effects: Sequence[Effect]) -> FeedPart:
        """The events of a record, counted on from those before it."""
        kept = self._case.kept
        due = self._due if self._has_other_news() else len(kept.outcomes)
        notes = 0
        fired_after: list[int] = []
        for effect in effects:
            if isinstance(effect, Noted):
                notes += 1
            else:
                fired_after.append(notes)
        return FeedPart(
            first=kept.events + 1,
            is_snapshot=not kept.events,
            fired_after=fired_after,
            outcomes=kept.outcomes[: min(due, MOST_OUTCOMES)],
        )


def _first(effects: Sequence[Noted | TriggerFired]) -> list[Noted | TriggerFired]:
    """As many as go into one record."""
    size = 0
    for number, effect in enumerate(effects[:MOST_EFFECTS]):
        size += len(effect.model_dump_json())
        if number and size > MOST_EFFECT_BYTES:
            return list(effects[:number])
    return list(effects[:MOST_EFFECTS])

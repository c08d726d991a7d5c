"""The one teller of a case: writes down how the case stands, one record after another, and holds up nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from domain.messages.case_state import ActionFailure
    from domain.messages.names import RECORD_CASE
    from domain.messages.steps import CaseRecord
    from domain.timeline.effects import Effect, Noted, TriggerFired
    from workflows.case.running import RunningCase
    from workflows.case.steps import Attempts
    from workflows.waiting import seal

QUICKLY = timedelta(seconds=2)
"""What a record has, with all its attempts, while the workflow task is held open and an answer waits for it."""
RECORDING = timedelta(seconds=10)
TRIED_AGAIN_AFTER = timedelta(minutes=1)

MOST_EFFECTS = 200
"""Of one record; what is more goes into the next."""


class Recorder:
    """Works off what the store has not confirmed.

    A record is written by a local activity, one at a time, within the workflow task of the step that it records: when
    live and on replay it ends before anything else comes in. While the store is down a normal activity waits for it,
    and its end is sealed by one more local record.
    """

    def __init__(self, case: RunningCase) -> None:
        self._case = case
        self._attempts = Attempts("record")
        self._is_wanted = False
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

    def wake(self) -> None:
        """Have the case written down as it stands, though nothing was noted."""
        self._is_wanted = True

    def _has_news(self) -> bool:
        if not self._case.is_open:
            return False
        kept = self._case.kept
        return self._is_wanted or bool(kept.unrecorded or kept.failures)

    async def work(self) -> None:
        """Write down what there is, for as long as the case runs."""
        while True:
            await workflow.wait_condition(self._has_news)
            self.is_writing = True
            try:
                while self._has_news():
                    await self._write()
            except ApplicationError:  # the record could not be made; it is logged
                await workflow.sleep(TRIED_AGAIN_AFTER, summary="write the record again")
            finally:
                self.is_writing = False

    async def _write(self) -> None:
        record = self._attempts.attempt("the record", self._next_record)
        kept, self._is_wanted = self._case.kept, False
        kept.records = record.number
        try:
            self.is_writing_here = True
            await workflow.execute_local_activity(
                RECORD_CASE,
                record,
                schedule_to_close_timeout=QUICKLY,
                retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=3),
            )
        except FailureError:  # the store is down; a normal activity waits for it without holding anything up
            self.is_writing_here = False
            await workflow.execute_activity(RECORD_CASE, record, start_to_close_timeout=RECORDING, summary="record")
            seal(recorded=record.number)
            self._is_wanted = True
        finally:
            self.is_writing_here = False
        kept.recorded_notes = record.carried.recorded_notes
        del kept.unrecorded[: len(record.notes) + len(record.fired)]
        del kept.failures[: len(record.failures)]

    def _next_record(self) -> CaseRecord:
        case, info = self._case, workflow.info()
        kept = case.carried()
        effects = kept.unrecorded[:MOST_EFFECTS]
        notes = [effect for effect in effects if isinstance(effect, Noted)]
        number, last = kept.records + 1, notes[-1].number if notes else kept.recorded_notes
        known = {"records": number, "recorded_notes": last, "unrecorded": [], "failures": []}
        return CaseRecord(
            run=kept.runs,
            history=info.get_current_history_length(),
            number=number,
            notes_from=kept.recorded_notes + 1,
            run_id=info.run_id,
            account=kept.account,
            entitlement=kept.entitlement,
            view=case.view(),
            notes=notes,
            fired=[effect for effect in effects if isinstance(effect, TriggerFired)],
            failures=list(kept.failures),
            carried=kept.model_copy(update=known),
        )

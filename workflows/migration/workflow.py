"""The workflow of a migration: one batch that brings running cases to newer versions, whatever happens meanwhile.

It looks for the cases that hold an older version, page by page in the order of their ids, and asks each to go over.
Every page is a run of its own, so that a batch of any size has a short history.

Nothing is asked of it but questions. So its commands follow one another as its activities come back, and there is no
message that could come before or after them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta
from typing import Any, NoReturn

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.bounds import cut
    from domain.errors import Refused
    from domain.messages import migrations as messages
    from domain.messages.inbox import FORMAT, read_message, written_format
    from domain.messages.migrations import (
        CarriedMigration,
        CaseFailure,
        CaseMigrated,
        CaseMigration,
        MigrationOrder,
        MigrationProgress,
        MigrationTally,
        OutdatedCase,
        OutdatedPage,
        OutdatedRequest,
        Survey,
    )
    from workflows.barrier import barrier
    from workflows.failing import raised_by
    from workflows.migration.shown import migration_details
    from workflows.newer import NewerBuild, check_format, read_continued

CASES_A_RUN = 50
"""A case costs about six events, so a run has a few hundred."""

LOOKING = timedelta(minutes=10)
ASKING = timedelta(seconds=60)
DEAD_AFTER = timedelta(seconds=8)
"""Without a sign of life from whoever is at it, another worker does it."""

TRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10), maximum_attempts=8
)
"""How often a case is asked; while no worker runs, no attempt is used up."""

MOST_FAILURES_LISTED = 1000
MOST_FAILURES_BYTES = 128 * 1024
"""Of those listed: with them, what a batch is started again with is still a message."""
LONGEST_ERROR = 300


@workflow.defn(name=messages.MIGRATION_WORKFLOW)
class MigrationWorkflow:
    """One batch. Started with a `MigrationOrder`; id ``migration/{migration_id}``."""

    @workflow.init
    def __init__(self, *raw: Any) -> None:
        self.refusal: ApplicationError | NewerBuild | None = None
        self.given: MigrationOrder | None = None
        try:
            info = workflow.info()
            self.given = _read_order(raw, info.workflow_id, is_continued=info.continued_run_id is not None)
        except (Refused, NewerBuild) as error:
            self.refusal = raised_by(error)
        self.carried = self.given.carried if self.given else None
        self.tally = self.carried.tally if self.carried else MigrationTally()
        self.is_done = False

    @workflow.run
    async def run(self, *_raw: Any) -> MigrationProgress:
        """Migrate the next page of cases, and go on with the one after it in another run, until there are no more."""
        if self.refusal is not None:
            raise self.refusal
        if self.carried is None:
            await self._survey()
        page = await self._next_page(self._carried())
        await self._migrate(page)
        if len(page) == CASES_A_RUN:
            self._roll_over(self._order(after=page[-1].case_id))
        self._finish()
        return self._progress()

    async def _survey(self) -> None:
        """See what there is to do. The versions found now are those that every case of the batch goes to."""
        try:
            survey = await workflow.execute_activity(
                messages.SURVEY_MIGRATION,
                self.order.selection,
                result_type=Survey,
                start_to_close_timeout=LOOKING,
                heartbeat_timeout=DEAD_AFTER,
                summary="count the cases",
            )
        except ActivityError as error:
            raise _said(error) from error
        self.given = self.order.model_copy(update={"selection": survey.selection})
        self.carried = CarriedMigration(goals=survey.goals, total=survey.total)
        self._publish()

    async def _next_page(self, carried: CarriedMigration) -> list[OutdatedCase]:
        request = OutdatedRequest(
            selection=self.order.selection, goals=carried.goals, after=carried.after, limit=CASES_A_RUN
        )
        page: OutdatedPage = await workflow.execute_activity(
            messages.FIND_OUTDATED_CASES,
            request,
            result_type=OutdatedPage,
            start_to_close_timeout=LOOKING,
            heartbeat_timeout=DEAD_AFTER,
            summary=f"the next cases after {carried.after}" if carried.after else "the first cases",
        )
        return page.cases

    async def _migrate(self, page: list[OutdatedCase]) -> None:
        """All cases of a page, so many at a time."""
        waiting = deque(page)

        async def one_after_the_other() -> None:
            while waiting:
                await self._migrate_one(waiting.popleft())

        await asyncio.gather(*(one_after_the_other() for _ in range(self.order.at_once)))

    async def _migrate_one(self, case: OutdatedCase) -> None:
        """Ask one case. One that does not take it stays as it was, and stops nobody."""
        asked = CaseMigration(
            migration_id=self.order.migration_id,
            case_id=case.case_id,
            process_version=case.process_version,
            by=self.order.by,
            reason=self.order.reason,
        )
        try:
            came = await workflow.execute_activity(
                messages.MIGRATE_CASE,
                asked,
                result_type=CaseMigrated,
                start_to_close_timeout=ASKING,
                heartbeat_timeout=DEAD_AFTER,
                retry_policy=TRIES,
                summary=f"case {case.case_id}",
            )
        except ActivityError as error:
            self._count("unanswered", case.case_id, _said(error).message)
        else:
            self._count(came.outcome, case.case_id, came.said)

    def _count(self, outcome: str, case_id: str, said: str = "") -> None:
        changed: dict[str, Any] = {outcome: getattr(self.tally, outcome) + 1}
        if outcome in {"refused", "unanswered"}:
            listed = [*self.tally.failures, CaseFailure(case_id=case_id, error=cut(said, LONGEST_ERROR))]
            if len(listed) <= MOST_FAILURES_LISTED and _size(listed) <= MOST_FAILURES_BYTES:
                changed["failures"] = listed
        self.tally = self.tally.model_copy(update=changed)
        self._publish()

    def _finish(self) -> None:
        """Cases that were counted and not found again were closed, or went over by themselves."""
        gone = self._carried().total - self.tally.done
        if gone > 0:
            self.tally = self.tally.model_copy(update={"skipped": self.tally.skipped + gone})
        self.is_done = True
        self._publish()

    def _roll_over(self, order: MigrationOrder) -> NoReturn:
        """Go on in a new run; after a new deployment of the worker, on that one."""
        is_changed = workflow.info().is_target_worker_deployment_version_changed()
        behavior = workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE if is_changed else None
        workflow.continue_as_new(order, initial_versioning_behavior=behavior)

    # --- what it says ---

    @property
    def order(self) -> MigrationOrder:
        """What it was started with."""
        if self.given is None:
            raise Refused("bad_order", "a migration is started with one MigrationOrder")
        return self.given

    def _carried(self) -> CarriedMigration:
        if self.carried is None:
            raise ApplicationError("the cases are not counted yet", type="NotCounted")
        return self.carried.model_copy(update={"tally": self.tally})

    def _order(self, *, after: str) -> MigrationOrder:
        return self.order.model_copy(update={"carried": self._carried().model_copy(update={"after": after})})

    def _progress(self) -> MigrationProgress:
        carried = self.carried
        return MigrationProgress(
            migration_id=self.order.migration_id,
            state="done" if self.is_done else "counting" if carried is None else "migrating",
            total=max(carried.total, self.tally.done) if carried else None,
            goals=carried.goals if carried else messages.Versions(),
            tally=self.tally,
        )

    def _publish(self) -> None:
        try:
            with barrier("the details"):
                details = migration_details(self._progress())
        except ApplicationError as error:  # what is shown decides nothing
            details = error.message
        workflow.set_current_details(details)

    @workflow.query(name=messages.PROGRESS)
    def progress(self, *_: Any) -> MigrationProgress:
        """How far it is."""
        with barrier("progress"):
            return self._progress()

    @workflow.query(name=messages.ORDER)
    def order_query(self, *_: Any) -> MigrationOrder:
        """What to start it with so that it goes on where it is: for a batch that somebody has terminated."""
        with barrier("order"):
            return self.order if self.carried is None else self._order(after=self.carried.after)


def _read_order(raw: tuple[Any, ...], own_id: str, *, is_continued: bool) -> MigrationOrder:
    """The order of a batch.

    Raises:
        Refused: it is not one, or another batch's.
        NewerBuild: a newer build wrote it so that this one can't read it.
    """
    if raw:
        check_format(written_format(raw[0]), FORMAT)
    if is_continued:
        return read_continued(MigrationOrder, raw)
    try:
        order = read_message(MigrationOrder, raw)
    except Refused as refused:
        raise Refused("bad_order", str(refused)) from None
    wanted = messages.workflow_id(order.migration_id)
    if own_id != wanted:
        raise Refused(
            "wrong_id", f"workflow {own_id!r} can't be migration {order.migration_id!r}; its id is {wanted!r}"
        )
    return order


def _size(failures: list[CaseFailure]) -> int:
    return sum(len(failure.model_dump_json()) for failure in failures)


def _said(error: ActivityError) -> ApplicationError:
    """What an activity refused, or how it failed, in its own words."""
    cause = error.cause
    if isinstance(cause, ApplicationError):
        return ApplicationError(cause.message, type=cause.type, non_retryable=True)
    return ApplicationError(str(cause or error), type="Failed", non_retryable=True)

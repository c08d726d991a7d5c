"""One run of a subscription's workflow: how it begins, what it does next, how the next run goes on.

One thing is under way at a time: a batch, or a wait. So the order of its commands follows from the order in which
messages and answers come, and each answer leads to a command: the next batch, the next wait, or the store that keeps
how it stands (see `workflows.entitlement.outbox` on why that matters).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NoReturn, TypeVar, assert_never

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from domain.bounds import cut
from domain.errors import NOT_NOW, Refused
from domain.messages.inbox import FORMAT, read_message, written_format
from domain.subscriptions.machine import Await, Deliver, Rest, Step, Still, next_step
from domain.subscriptions.outcome import delivered, failed_unexpectedly, waited
from domain.subscriptions.requests import (
    NOT_BEGUN_YET,
    BeginRequest,
    DeliveryRequest,
    KeepRequest,
    SubscriptionStanding,
    SubscriptionStart,
    WaitRequest,
    workflow_id,
)
from domain.subscriptions.state import DeliveryReport, SubscriptionState, Trouble, WaitReport
from domain.wording import instant
from workflows.barrier import barrier
from workflows.entitlement.faults import Faults
from workflows.failing import raised_by
from workflows.newer import NewerBuild, check_format, read_continued
from workflows.subscription import doing
from workflows.subscription.shown import details, pause_in_words
from workflows.waiting import until

T = TypeVar("T")

QUIET_WITHIN = timedelta(seconds=2)
"""How long a run that is about to end waits for a batch under way; the next run sends again what did not come back."""

AGAIN_AFTER = timedelta(minutes=1)
"""After something that nobody expected."""


LONGEST_UNKNOWN_NAME = 100


class SubscriptionRun:
    """One run.

    Attributes:
        refusal: why it can't begin.
        is_ended: nothing goes on with it.
    """

    def __init__(self, raw: tuple[Any, ...]) -> None:
        self.refusal: ApplicationError | NewerBuild | None = None
        self.is_ended = False
        self._start: SubscriptionStart | None = None
        self._state: SubscriptionState | None = None
        self._kept: SubscriptionState | None = None
        self._is_caught_up = False
        self._is_asked = False
        self._moves = 0
        self._step_number = 0
        self._doing = "begins"
        self._faults = Faults()
        try:
            info = workflow.info()
            start = self._start = _read_start(raw, info.workflow_id, is_continued=info.continued_run_id is not None)
            self._state, self._faults.count = start.state, start.faults
        except (Refused, NewerBuild) as error:
            self.refusal = raised_by(error)

    # --- how it begins ---

    @property
    def subscription_id(self) -> str:
        """Which subscription."""
        return self._start.subscription_id if self._start else ""

    @property
    def state(self) -> SubscriptionState:
        """As it stands.

        Raises:
            Refused: it has not begun.
        """
        if self._state is None:
            raise Refused(NOT_NOW, NOT_BEGUN_YET)
        return self._state

    async def begin(self) -> None:
        """Learn where it begins, unless the run before has said so.

        Raises:
            ApplicationError: it can't; whoever waits for an answer has got this one.
        """
        if self.refusal is None and self._state is None:
            try:
                self._state = await doing.begin(BeginRequest(subscription_id=self.subscription_id))
            except ActivityError as error:
                cause = error.cause
                kind = cause.type if isinstance(cause, ApplicationError) else None
                said = cause.message if isinstance(cause, ApplicationError) else str(cause or error)
                self.refusal = ApplicationError(cut(said), type=kind or "not_begun", non_retryable=True)
        if self.refusal is not None:
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise self.refusal

    async def ready(self) -> None:
        """Wait until it has begun.

        Raises:
            ApplicationError: it can't begin.
        """
        await workflow.wait_condition(lambda: self._state is not None or self.refusal is not None)
        if self.refusal is not None:
            raise self.refusal

    # --- what it does ---

    async def step(self) -> None:
        """Do what comes next, until something else does."""
        self._is_asked = False
        now = workflow.now()
        comes = self._attempt("what comes next", lambda: next_step(self.state, now, is_caught_up=self._is_caught_up))
        self._show()
        match comes:
            case None:
                await self._rest(now + AGAIN_AFTER)
            case Still():
                await self._keep_still()
            case Rest():
                await self._rest(comes.until)
            case Await():
                await self._wait(comes)
            case Deliver():
                await self._deliver(comes)

    async def _keep_still(self) -> None:
        if self._kept != self.state:
            await self._keep()
        else:
            await workflow.wait_condition(self._wakes)

    async def _keep(self, *, is_ended: bool = False) -> None:
        self._kept = self.state
        request = KeepRequest(subscription_id=self.subscription_id, state=self.state, is_ended=is_ended)
        try:
            await doing.keep(request)
        except FailureError as error:
            workflow.logger.warning("the store could not be told how the subscription stands: %s", error)

    async def _rest(self, deadline: datetime) -> None:
        await until(lambda: deadline, self._wakes, summary=lambda: "wait to try again")

    async def _wait(self, comes: Await) -> None:
        """Wait for events, or until one is due again that failed."""
        moves = self._moves
        handle = doing.await_events(WaitRequest(subscription_id=self.subscription_id, state=self.state))
        summary = "an event is tried again"
        await until(lambda: comes.until, lambda: handle.done() or self._wakes(), summary=lambda: summary)
        if not handle.done():
            _leave(handle)
            return
        report: WaitReport | None = await self._answer(handle)
        if report is None or moves != self._moves:  # moved meanwhile: it is about another place
            return
        now = workflow.now()
        self._take("what was waited for", lambda: waited(self.state, report, now))
        self._is_caught_up = not report.found
        self._end_if(report.trouble)

    async def _deliver(self, comes: Deliver) -> None:
        state, moves = self.state, self._moves
        handle = doing.deliver(
            DeliveryRequest(
                subscription_id=self.subscription_id, state=state, due=list(comes.due), reads_on=comes.reads_on
            )
        )
        await workflow.wait_condition(lambda: handle.done() or self.should_roll_over)
        if not handle.done():  # a batch never holds up a new build: what has not come back is sent again
            await self._quiet(handle)
        if not handle.done():
            _leave(handle)
            await self.roll_over()
        report: DeliveryReport | None = await self._answer(handle)
        if report is None or moves != self._moves:  # likewise
            return
        now = workflow.now()
        self._take("what came of a batch", lambda: delivered(self.subscription_id, self.state, report, now))
        self._is_caught_up = report.is_last
        self._end_if(report.trouble)

    def _end_if(self, trouble: Trouble | None) -> None:
        if trouble is not None and trouble.kind == "ended":
            self.is_ended = True

    async def _quiet(self, handle: workflow.ActivityHandle[Any]) -> None:
        with suppress(TimeoutError):  # the next run sends it again
            await workflow.wait_condition(handle.done, timeout=QUIET_WITHIN, timeout_summary="finish what is under way")

    async def _answer(self, handle: workflow.ActivityHandle[Any]) -> Any:
        """What an activity answers; None: it failed for good, and is tried again after a while."""
        try:
            return await handle
        except FailureError as error:
            said, now = cut(str(error.cause or error)), workflow.now()
            self._state = failed_unexpectedly(self.state, said, now, AGAIN_AFTER)
            return None

    def _take(self, what: str, work: Callable[[], SubscriptionState]) -> None:
        """Take over a state; where that fails as nobody expected, the state before stays, and is tried again later."""
        after = self._attempt(what, work)
        now = workflow.now()
        self._state = after or failed_unexpectedly(self.state, f"unexpected, in {what}", now, AGAIN_AFTER)

    def _attempt(self, what: str, work: Callable[[], T]) -> T | None:
        self._step_number += 1
        try:
            return self._faults.attempt(what, f"step-{self._step_number}", work)
        except ApplicationError:
            return None

    # --- what is asked ---

    def change(self, what: str, key: str, work: Callable[[SubscriptionState, datetime], SubscriptionState]) -> None:
        """Make a change that somebody asks for.

        Args:
            what: is asked, for the log.
            key: names the request, alike on every replay.
            work: makes of the state what it is to be.

        Raises:
            ApplicationError: it is refused; nothing has changed.
        """
        now = workflow.now()
        self._state = self._faults.attempt(what, key, lambda: work(self.state, now))
        self._is_caught_up = False
        self._is_asked = True
        self._show()

    def forget_what_is_under_way(self) -> None:
        """Have what comes of the batch under way count for nothing."""
        self._moves += 1

    def finish(self) -> None:
        """End as soon as what is under way has come back."""
        self.is_ended = True
        self._is_asked = True

    def _wakes(self) -> bool:
        return self._is_asked or self.should_roll_over

    # --- going on in the next run, and the end ---

    @property
    def should_roll_over(self) -> bool:
        """Whether to go on in a new run."""
        info = workflow.info()
        return info.is_continue_as_new_suggested() or info.is_target_worker_deployment_version_changed()

    async def roll_over(self) -> NoReturn:
        """Go on in a new run."""
        if not workflow.all_handlers_finished():
            with suppress(TimeoutError):  # what is under way then is asked again of the next run
                await workflow.wait_condition(
                    workflow.all_handlers_finished, timeout=QUIET_WITHIN, timeout_summary="finish what is under way"
                )
        upgrade = workflow.info().is_target_worker_deployment_version_changed()
        workflow.continue_as_new(
            self.carried(),
            initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE if upgrade else None,
        )

    async def end(self) -> SubscriptionStanding:
        """Have the store know that it has ended."""
        await self._keep(is_ended=True)
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._doing = "ended"
        return self.standing()

    def carried(self) -> SubscriptionStart:
        """What the next run is given."""
        return SubscriptionStart(subscription_id=self.subscription_id, state=self._state, faults=self._faults.count)

    # --- what it says ---

    def standing(self) -> SubscriptionStanding:
        """How it stands."""
        return SubscriptionStanding(
            subscription_id=self.subscription_id, doing=self._doing, state=self.state, faults=self._faults.count
        )

    def note_unknown(self, name: str) -> None:
        """Log a signal that a subscription does not understand."""
        workflow.logger.warning("unknown signal %r", cut(name, LONGEST_UNKNOWN_NAME))

    def _show(self) -> None:
        """Show the Temporal UI how it stands."""
        try:
            with barrier("the details"):
                comes = next_step(self.state, workflow.now(), is_caught_up=self._is_caught_up)
                self._doing = _in_words(self.state, comes)
                said = details(self.state, self._doing)
        except ApplicationError as error:  # what is shown decides nothing
            said = error.message
        workflow.set_current_details(said)


def _in_words(state: SubscriptionState, comes: Step) -> str:
    match comes:
        case Still():
            return pause_in_words(state.paused) if state.paused else "paused"
        case Rest():
            return f"waits until {instant(comes.until)}: {state.trouble or 'too many subjects are behind'}"
        case Await():
            return "waits for events"
        case Deliver():
            return "sends"
        case _:
            assert_never(comes)


def _leave(handle: workflow.ActivityHandle[Any]) -> None:
    """Cancel what is under way, and never ask what came of it."""
    handle.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    handle.cancel()


def _read_start(raw: tuple[Any, ...], own_id: str, *, is_continued: bool) -> SubscriptionStart:
    """The argument of a run.

    Raises:
        Refused: it is none, or another subscription's.
        NewerBuild: a newer build wrote it so that this one can't read it.
    """
    if raw:
        check_format(written_format(raw[0]), FORMAT)
    if is_continued:
        return read_continued(SubscriptionStart, raw)
    start = read_message(SubscriptionStart, raw)
    wanted = workflow_id(start.subscription_id)
    if own_id != wanted:
        said = f"workflow {own_id!r} can't be subscription {start.subscription_id!r}; its id is {wanted!r}"
        raise Refused("wrong_id", cut(said))
    return start.model_copy(update={"state": None, "faults": 0})

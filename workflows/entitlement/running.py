"""One run of an entitlement's workflow: how it begins, what time it is, when it wakes, how the next run goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NoReturn, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from domain.bounds import cut
from domain.errors import NOT_NOW, Refused
from domain.usage import requests as messages
from domain.usage.effects import CatalogChange, PeriodsRequest, TermsRequest
from domain.usage.keeping import named_in
from domain.usage.machine import Usage
from domain.usage.periods import FrozenPeriods, Term
from domain.usage.requests import Balance, CarriedUsage, EntitlementTerms
from domain.wording import stamp
from workflows.barrier import barrier
from workflows.entitlement import doing
from workflows.entitlement.background import Background
from workflows.entitlement.capacity import MOST_CARRIED, check_size, check_told, is_full
from workflows.entitlement.counter import Counter, request_key
from workflows.entitlement.faults import Faults
from workflows.entitlement.keeping import Keeping
from workflows.entitlement.lanes import Lanes
from workflows.entitlement.outbox import Outbox
from workflows.entitlement.shown import balance_details
from workflows.entitlement.start import Start, carried_start, check_id, read_start
from workflows.failing import raised_by
from workflows.newer import NewerBuild

T = TypeVar("T")

QUIET_WITHIN = timedelta(seconds=2)
"""How long a run that is about to end waits for what is under way; the next run does again what did not come back."""

LOOKS_AGAIN_AFTER = timedelta(seconds=1)

FREEZES_AGAIN_AFTER = timedelta(days=1)
"""After periods could not be frozen; they are needed in years."""

MOST_CARRIED_BYTES = 1_900_000
"""Of a workflow's argument, which may have 2 MB; the references of very many cases may need most of it."""

MOST_UNKNOWN_NAMES = 20

READS_ITS_TERMS = "an-entitlement-reads-its-terms"
"""The patch of runs whose jobs and terms are those of this build, though their argument has the older shape."""


class EntitlementRun:
    """One run.

    Attributes:
        refusal: why it can't begin.
        updates: how many it has handled.
    """

    def __init__(self, raw: tuple[Any, ...]) -> None:
        self.refusal: ApplicationError | NewerBuild | None = None
        self.updates = 0
        self._counter: Counter | None = None
        self._jobs: Outbox | Lanes | None = None
        self._keeping: Keeping | None = None
        self._start: Start | None = None
        self._is_old = False
        self._ahead = timedelta()
        self._look_at: datetime | None = None
        self._freeze_at: datetime | None = None
        self._unknown: dict[str, int] = {}
        self._faults = Faults()
        self._background = Background([], self.show)
        self._read(raw)

    # --- how it begins ---

    def _read(self, raw: tuple[Any, ...]) -> None:
        """Read the arguments. What is known already begins at once: a request may come before the run's first step."""
        info = workflow.info()
        is_continued = info.continued_run_id is not None
        try:
            start = self._start = read_start(raw, is_continued=is_continued)
            self._is_old = start.is_old and not workflow.patched(READS_ITS_TERMS)
            if not self._is_old:
                check_id(start, info.workflow_id)
        except (Refused, NewerBuild) as error:
            self.refusal = raised_by(error)
            return
        if start.carried is not None:
            self._ahead = start.carried.ahead
        elif start.clock is not None:
            self._ahead = start.clock - info.workflow_start_time
        if start.terms is not None and (is_continued or self._is_old):
            self._count(start.terms, start.carried, self.now())

    def _count(self, terms: EntitlementTerms, carried: CarriedUsage | None, begins_at: datetime) -> None:
        usage = Usage(terms, carried.state) if carried else Usage.begin(terms, begins_at)
        box = carried.outbox if carried else messages.Outbox()
        self._background.failures = box.failures
        self._unknown = {**box.unknown, **self._unknown}
        self._faults.count = carried.faults if carried else 0
        jobs: Outbox | Lanes
        if self._is_old:
            jobs = Lanes(
                box,
                self._background,
                self.count,
                usage=lambda: self.counter.usage,
                now=self.now,
                came_of=self._count_outcome,
            )
        else:
            jobs = Outbox(box, self._background, self.count, look_again=self._look_again, came_of=self._count_outcome)
            self._keeping = Keeping(
                terms.entitlement_id, self.count, self._background, lambda: self.counter.usage.state, self._look_again
            )
        self._jobs = jobs
        self._counter = Counter(usage, jobs, self._faults, has_clock=bool(self._ahead))

    async def begin(self) -> None:
        """Begin to count, with the terms that the store has, and with what the run before has left to do.

        Raises:
            ApplicationError: there is nothing to count; whoever waits for an answer has got this one.
        """
        if self.refusal is None and self._counter is None:
            await self._read_terms()
        if self.refusal is not None:
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise self.refusal
        self.jobs.resume(self.counter.usage, self.now())

    async def _read_terms(self) -> None:
        assert self._start is not None  # noqa: S101  else there is a refusal
        started_at = workflow.info().workflow_start_time + self._ahead
        request = TermsRequest(entitlement_id=self._start.entitlement_id, now=started_at, clock=self._start.clock)
        try:
            terms = await doing.read_terms(request)
            with barrier("the beginning of the count"):
                self._count(terms, None, started_at)
        except (ActivityError, ApplicationError) as error:
            cause = error.cause if isinstance(error, ActivityError) else error
            kind = cause.type if isinstance(cause, ApplicationError) else None
            said = cause.message if isinstance(cause, ApplicationError) else str(cause or error)
            self.refusal = ApplicationError(cut(said), type=kind or "not_begun", non_retryable=True)

    async def ready(self) -> Counter:
        """The counter, as soon as there is one. Requests that come before the terms wait for them, in their order.

        Raises:
            ApplicationError: the run can't begin.
        """
        if self._counter is None and self.refusal is None:
            await workflow.wait_condition(lambda: self._counter is not None or self.refusal is not None)
        if self.refusal is not None:
            raise self.refusal
        return self.counter

    @property
    def is_counting(self) -> bool:
        """Whether there is a counter already."""
        return self._counter is not None

    @property
    def counter(self) -> Counter:
        """What counts."""
        if self._counter is None:
            raise Refused(NOT_NOW, messages.TERMS_ARE_READ)
        return self._counter

    def attempt(self, what: str, work: Callable[[], T]) -> T:
        """Do what comes before a request is put to the counter: read it, say what it needs. A fault of it counts too.

        Args:
            what: is asked, for the log.
            work: changes nothing.

        Raises:
            ApplicationError: it was refused, or failed as nobody expected.
        """
        return self._faults.attempt(what, f"{request_key()}/before", work)

    @property
    def jobs(self) -> Outbox | Lanes:
        """What is done in the background."""
        if self._jobs is None:
            raise Refused(NOT_NOW, messages.TERMS_ARE_READ)
        return self._jobs

    @property
    def failed(self) -> list[str]:
        """The keys of the actions that failed for good and can be tried again."""
        return self.jobs.failed if isinstance(self.jobs, Outbox) else []

    def check_retry(self, asked: messages.UsageActionRetry) -> None:
        """Refuse to try what has not failed.

        Raises:
            Refused: there is no such failed action.
        """
        if asked.key not in self.failed:
            known = ", ".join(self.failed) or "none"
            raise Refused("unknown_action", cut(f"no failed action {asked.key!r}; failed: {known}"))

    def retry(self, asked: messages.UsageActionRetry) -> str:
        """Try an action that failed for good again, under the key that it has."""
        if isinstance(self.jobs, Outbox):
            self.jobs.retry(asked.key, asked.by, self.now())
        return f"{asked.key} is tried again"

    # --- time ---

    def now(self) -> datetime:
        """The entitlement's own clock: the workflow's, ahead by what its start said."""
        return workflow.now() + self._ahead

    def step(self) -> None:
        """Do all that time has brought."""
        now = self.now()
        if self._look_at is not None and self._look_at <= now:
            self._look_at = None
        self.counter.step(now, now.isoformat())
        self._keep_horizon(now)
        self.settle()

    def next_due(self) -> datetime | None:
        """When to wake next. The term's beginning is for whoever looks: from then on it is active."""
        due = [at for at in (self.counter.next_due, self._look_at, self._begins_at()) if at is not None]
        return min(due, default=None)

    def _begins_at(self) -> datetime | None:
        begins = self.counter.usage.terms.periods.starts_at(0)
        if begins is None or begins <= self.now():
            return None
        return begins if not self._is_old or workflow.patched("wakes-when-its-term-begins") else None

    def timer_summary(self) -> str:
        """What the Temporal UI says of the timer."""
        if self.counter.stuck is not None:
            return "another try of what is stuck"
        due = self.next_due()
        if due == self._begins_at() and due != self.counter.next_due:
            return "the term begins"
        return "another look" if due == self._look_at else "a notice, or the end of a period"

    def _look_again(self) -> None:
        """Look again in a moment: starts a timer, so that this workflow task is not joined with the next (`outbox`)."""
        if not self._is_old:
            self._look_at = self.now() + LOOKS_AGAIN_AFTER

    def _count_outcome(self, change: CatalogChange, came_to: Any) -> None:
        self.counter.count_outcome(change, came_to, self.now())
        self.show()

    def _keep_horizon(self, now: datetime) -> None:
        wait = self._freeze_at is not None and now < self._freeze_at
        if not wait and not self.counter.usage.covers(now):
            self._background.begin("horizon", self._extend_horizon)

    async def _extend_horizon(self) -> None:
        """Get the periods further ahead, years before they are needed."""
        term = self.counter.usage.terms.periods.term
        self._freeze_at = self.now() + FREEZES_AGAIN_AFTER
        longer = await self.freeze(term, "freeze the periods further")
        self._look_again()
        usage = self.counter.usage
        if usage.terms.periods.term == term:  # else it was amended meanwhile
            usage.extend_horizon(longer)
            self._freeze_at = None

    async def freeze(self, term: Term, summary: str) -> FrozenPeriods:
        """The periods of a term.

        Raises:
            ActivityError: they can't be frozen.
        """
        allowance = self.counter.usage.terms.allowance
        return await doing.freeze(PeriodsRequest(allowance=allowance, term=term, now=self.now()), summary)

    # --- what it says ---

    @property
    def count(self) -> str:
        """Which count this is: the same over all its runs, another one after a termination."""
        return workflow.info().first_execution_run_id

    def balance(self, at: datetime | None = None) -> Balance:
        """The entitlement as it stands."""
        counter = self.counter
        stuck = counter.stuck
        also = {
            "count": self.count,
            "failures": self._background.failures,
            "faults": self._faults.count,
            "stuck": f"{stuck.said}; tried again at {stamp(stuck.again_at)}" if stuck else None,
        }
        return counter.usage.balance(at or self.now()).model_copy(update=also)

    def show(self) -> None:
        """Show the Temporal UI how it stands."""
        if self._counter is None:
            return
        try:
            with barrier("the details"):
                details = balance_details(self.balance())
        except ApplicationError as error:
            details = error.message
        workflow.set_current_details(details)

    def settle(self) -> None:
        """Show how it stands after something has come, and put away what is too much to remember."""
        self.show()
        if self._keeping is not None:
            self._keeping.settle(self.now())

    async def recall(self, raw: tuple[Any, ...]) -> bool:
        """Take back what was put away of the references that a request names. Returns whether the store was asked.

        Raises:
            ApplicationError: the store can't tell.
            Refused: not now.
        """
        return self._keeping is not None and await self._keeping.recall(named_in(raw))

    def lacks(self, raw: tuple[Any, ...]) -> bool:
        """Whether only the store can tell what is known of what a request names."""
        return self._keeping is not None and self._keeping.lacks(named_in(raw))

    def note_unknown(self, name: str) -> None:
        """Count a signal that an entitlement does not understand."""
        if name in self._unknown or len(self._unknown) < MOST_UNKNOWN_NAMES:
            self._unknown[name] = self._unknown.get(name, 0) + 1
        workflow.logger.warning("unknown signal %r", name)

    # --- going on in the next run ---

    @property
    def should_roll_over(self) -> bool:
        """Whether to go on in a new run. Not with more to tell than it could be given: a lagging store is awaited."""
        info = workflow.info()
        wanted = (
            info.is_continue_as_new_suggested()
            or self.updates >= messages.MOST_UPDATES_A_RUN
            or info.is_target_worker_deployment_version_changed()
        )
        return wanted and self.jobs.waiting <= MOST_CARRIED and self._fits()

    def _fits(self) -> bool:
        return self._is_old or len(self.carried().model_dump_json().encode()) <= MOST_CARRIED_BYTES

    def check_ready(self, *, may_shrink: bool = False) -> None:
        """Turn away what would be more than the next run can be given; it is asked again, and soon there is room.

        Args:
            may_shrink: what is asked may make less of what is remembered.

        Raises:
            Refused: not now.
        """
        if self._background.is_ending:  # what is asked of a run in its last moment gets no answer for a second
            raise Refused(NOT_NOW, "the count is about to go on in its next run; ask again in a moment")
        if self._jobs is None:
            return
        if self._keeping is not None:
            self._keeping.check_room()
        changes = self.jobs.changes if isinstance(self.jobs, Outbox) else 0
        check_told(self.jobs.waiting, changes, len(self._background.under_way), self.updates)
        if not self._is_old and not may_shrink and is_full(self.updates):
            check_size(self.carried, MOST_CARRIED_BYTES)

    async def roll_over(self) -> NoReturn:
        """Go on in a new run, with all that was taken and all that is still to be told. The state is taken last."""
        self._background.is_ending = True
        try:
            await workflow.wait_condition(
                lambda: not self._background.under_way and workflow.all_handlers_finished(),
                timeout=QUIET_WITHIN,
                timeout_summary="finish what is under way",
            )
        except TimeoutError:
            workflow.logger.info("what is under way goes on in the next run")
        upgrade = workflow.info().is_target_worker_deployment_version_changed()
        terms = self.counter.usage.terms.model_copy(update={"carried": None, "clock": None})
        workflow.continue_as_new(
            carried_start(terms, self.carried()),
            initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE if upgrade else None,
        )

    def carried(self) -> CarriedUsage:
        """What the next run is given."""
        outbox = self.jobs.carried().model_copy(
            update={"failures": self._background.failures, "unknown": self._unknown}
        )
        return CarriedUsage(state=self.counter.usage.state, outbox=outbox, ahead=self._ahead, faults=self._faults.count)

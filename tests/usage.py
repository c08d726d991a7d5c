"""Entitlements at work, for the tests of their workflow and of the gate."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any, Self

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.actions.dispatch import Dispatcher
from activities.counts import UsageActivities
from activities.rendering.renderer import Renderer
from domain.catalog.declarations import Account, Catalog, Entitlement, Organisation
from domain.catalog.mailing import MailTemplate, Person
from domain.errors import NotFound
from domain.feed.usage import UsageOutcome
from domain.usage.allowance import Allowance
from domain.usage.effects import READ_ENTITLEMENT_TERMS, TermsRequest, UsageRecords
from domain.usage.freezing import freeze
from domain.usage.keeping import KeptReferences, RecallRequest
from domain.usage.periods import Term
from domain.usage.requests import Consumption, EntitlementTerms
from domain.usage.rows import LedgerRow
from domain.usage.state import PeriodRecord
from domain.usage.takings import each_of
from store.values import FailedOrder
from tests.support import unique
from tests.workflows.stand_in_case import StandInCase
from worker.plugin import RUNNER
from worker.process import CACHED_WORKFLOWS, FINISHES_WITHIN, running
from workflows.entitlement.workflow import EntitlementWorkflow

NOON = datetime(2025, 2, 20, 12, tzinfo=UTC)
STARTS_ON = date(2025, 1, 15)
FAR = datetime(2040, 1, 1, tzinfo=UTC)


class RememberingStore:
    """Keeps what it is given; while `down` is set, it takes nothing."""

    def __init__(self) -> None:
        self.down = False
        self.rows: dict[tuple[str, int], LedgerRow] = {}
        self.periods: dict[tuple[str, int], PeriodRecord] = {}
        self.mails: dict[str, str] = {}
        self.tasks: dict[str, str] = {}
        self.done: set[str] = set()
        self.failed: dict[str, str] = {}
        self.refused = 0
        self.kept: dict[tuple[str, str, str], str] = {}
        self.recalls = 0

    def _check(self) -> None:
        if self.down:
            self.refused += 1
            raise ConnectionError("the store is down")

    @property
    def ledgers(self) -> Self:
        return self

    @property
    def references(self) -> Self:
        return self

    def keep(self, kept: KeptReferences) -> None:
        self._check()
        for name, groups in kept.ledgers.items():
            self.kept |= {(kept.entitlement_id, name, digest): took for digest, took in each_of(groups)}

    def recall(self, asked: RecallRequest) -> KeptReferences:
        self._check()
        self.recalls += 1
        ledgers: dict[str, dict[str, str]] = {}
        for (entitlement, name, digest), took in self.kept.items():
            if entitlement == asked.entitlement_id and digest in asked.digests:
                groups = ledgers.setdefault(name, {})
                groups[took] = groups.get(took, "") + digest
        return KeptReferences(entitlement_id=asked.entitlement_id, count=asked.count, ledgers=ledgers)

    @property
    def catalog(self) -> Self:
        return self

    def record(self, news: UsageRecords) -> int:
        self._check()
        found = {(news.entitlement_id, row.number): row for row in news.rows}
        self.rows |= found
        self.failed |= {one.key: one.error for one in news.failed}
        self.periods |= {(news.entitlement_id, period.period): period for period in news.periods}
        return len(found)

    def organisation(self) -> Organisation:
        return Organisation()

    def account(self, name: str) -> Account:
        raise NotFound(f"no account {name}")

    def entitlement(self, name: str) -> Entitlement:
        raise NotFound(f"no entitlement {name}")

    def apply(self, catalog: Catalog, *, by: str, dry_run: bool = False, tell: str | None = None) -> None:
        raise NotImplementedError  # its entitlements are in no catalog, so nothing gets as far as a change of one

    def change_entitlement(self, name: str, change: object, *, by: str) -> None:
        self.entitlement(name)

    def person(self, name: str) -> None:
        """Nobody is known."""

    def team(self, name: str) -> list[Person]:
        return []

    def asker(self, name: str) -> None:
        """Nobody is known."""

    def mail_template(self, name: str) -> MailTemplate:
        raise NotFound(f"no template {name}")

    def record_mail(
        self, key: str, to: Sequence[str], subject: str, body: str, at: datetime, *_: Any, **__: Any
    ) -> bool:
        self._check()
        assert key not in self.mails, f"{key} was sent twice"
        self.mails[key] = f"{', '.join(to)}: {subject}\n{body}"
        return True

    def record_task(
        self,
        key: str,
        *,
        subject: str,
        assign_to: str,
        body: str,
        at: datetime,
        due_at: datetime | None = None,
        account: str | None = None,
    ) -> bool:
        self._check()
        self.tasks[key] = subject
        return True

    def record_action_done(self, key: str, **_: Any) -> None:
        self._check()
        self.done.add(key)

    def record_action_retried(self, outcome: UsageOutcome) -> None:
        self._check()

    def keep_order(self, order: FailedOrder) -> None:
        raise AssertionError(f"{order.call.key} is of no case")

    def record_action_dropped(self, key: str, reason: str, **_: Any) -> None:
        raise AssertionError(f"{key} has not expired: {reason}")

    def milestone_completed_at(self, key: str) -> datetime | None:
        raise AssertionError(f"{key} is of no milestone")

    def was_sent(self, key: str) -> bool:
        raise AssertionError(f"{key} does not expire")

    def waits_since(self, key: str) -> datetime | None:
        raise AssertionError(f"{key} does not expire")


def terms(*, manager: str | None = None, clock: datetime | None = NOON, **allowance: Any) -> EntitlementTerms:
    """An entitlement of its own, from 15 January 2025 in New York, with a cap of 50."""
    declared = Allowance.model_validate({"cap": 50} | allowance)
    made = EntitlementTerms(
        entitlement_id=unique("E"),
        account="acme",
        name="Gold",
        allowance=declared,
        periods=freeze(declared, Term(starts_on=STARTS_ON, time_zone="America/New_York"), FAR),
        manager=manager,
        clock=clock,
    )
    return declare(made)


_DECLARED: dict[str, EntitlementTerms] = {}


def declare(made: EntitlementTerms) -> EntitlementTerms:
    """Have the entitlement's workflow find these terms when it begins."""
    _DECLARED[made.entitlement_id] = made
    return made


@activity.defn(name=READ_ENTITLEMENT_TERMS)
async def read_declared(request: TermsRequest) -> EntitlementTerms:
    """Stands in for the store, in which none of these entitlements is."""
    if request.entitlement_id not in _DECLARED:
        raise ApplicationError(f"no entitlement {request.entitlement_id}", type="NotFound", non_retryable=True)
    return _DECLARED[request.entitlement_id]


def consumption(reference: str, at: datetime = NOON, **more: Any) -> Consumption:
    return Consumption.model_validate(
        {"reference": reference, "event_id": f"take-{reference}", "occurred_at": at} | more
    )


@asynccontextmanager
async def counting(
    client: Client, task_queue: str, store: RememberingStore, *, cached_workflows: int = CACHED_WORKFLOWS
) -> AsyncIterator[None]:
    """Run a worker for entitlements while the context lasts."""
    renderer = Renderer()
    usage = UsageActivities(store, Dispatcher(store, store, renderer))
    worker = Worker(
        client,
        task_queue=task_queue,
        workflows=[EntitlementWorkflow, StandInCase],
        activities=[read_declared, *(one for one in usage.all if one != usage.read_entitlement_terms)],
        workflow_runner=RUNNER,
        graceful_shutdown_timeout=FINISHES_WITHIN,
        max_cached_workflows=cached_workflows,
    )
    async with renderer, running(worker):
        yield

"""A store with a feed, a worker and a receiver in a process of its own: subscriptions at work."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from activities.delivery.http import HookSender
from activities.delivery.means import Means
from clients.subscriptions import SubscriptionClient
from domain.catalog.documents import read_document
from domain.subscriptions.requests import workflow_id
from store import Store
from tests.feeds import Recorded
from tests.support import PATIENT, assert_eventually, unique
from tests.workflows.subscription.receiving import Receiver, receiver
from worker.process import CACHED_WORKFLOWS, working
from worker.subscribing import Subscribing

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
SEED = base64.b64encode(b"k" * 32).decode()
"""Of an ed25519 key."""

PACE = 500.0
"""Divides the delays: 5 s is 10 ms, 5 min 0.6 s."""


@dataclass
class Desk:
    """Subscriptions at work.

    Attributes:
        name: of the subscription.
        cases: what is recorded, by case.
    """

    client: Client
    store: Store
    receiver: Receiver
    task_queue: str
    name: str
    cases: dict[str, Recorded]

    @property
    def subscriptions(self) -> SubscriptionClient:
        return SubscriptionClient(self.client, task_queue=self.task_queue, patience=PATIENT)

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(workflow_id(self.name))

    def declare(self, **subscription: Any) -> None:
        """Apply a catalog with one endpoint and one subscription."""
        secrets = [{"file": str(file)} for file in sorted(self.receiver._folder.glob("*.secret"))]
        document = {
            "accounts": [{"id": "acme"}, {"id": "umbrella"}],
            "endpoints": [{"id": "desk", "url": self.receiver.url, "secrets": secrets}],
            "subscriptions": [{"id": self.name, "endpoint": "desk", **subscription}],
        }
        self.store.catalog.apply(read_document(document), by="test")

    async def follow(self) -> list[str]:
        """Have the workflow follow the catalog; what became of it."""
        followed = await Subscribing(self.client, self.store, self.task_queue).follow()
        assert followed.later is None
        return followed.done

    def write(self, case: str, *texts: str, account: str = "acme") -> None:
        """Record so many events of a case, and one more with its first."""
        if case not in self.cases:
            self.cases[case] = Recorded(case, account=account)
        self.store.cases.record(self.cases[case].remarks(*texts))

    def written(self) -> list[tuple[str, int]]:
        """Every event of the feed: its subject and its number there."""
        found: list[tuple[str, int]] = []
        after, is_last = None, False
        while not is_last:
            page = self.store.feed.read(after)
            found += [(event.subject, event.sequence) for event in page.events]
            after, is_last = page.cursor, page.is_last
        return found

    def taken(self) -> list[tuple[str, int]]:
        """What the receiver took, in order: subjects and numbers, with those that came twice."""
        return [(event["subject"], event["sequence"]) for event in self.receiver.taken()]

    async def all_have_arrived(self) -> None:
        """Wait until every event that is written was taken."""

        async def all_are_there() -> None:
            assert set(self.taken()) == set(self.written())

        await assert_eventually(all_are_there)

    async def stands(self, status: str) -> None:
        """Wait until the store says so."""

        async def is_so() -> None:
            assert self.store.subscriptions.standing(self.name).status == status

        await assert_eventually(is_so)


def first_arrivals_in_order(taken: list[tuple[str, int]]) -> bool:
    """Whether each subject's events came in the order of their numbers, what came twice left out."""
    last: dict[str, int] = {}
    for subject, number in dict.fromkeys(taken):
        if number != last.get(subject, 0) + 1:
            return False
        last[subject] = number
    return True


@asynccontextmanager
async def desk(
    client: Client,
    folder: Path,
    *,
    cached_workflows: int = CACHED_WORKFLOWS,
    pace: float = PACE,
    gives_up_after: float = 5,
    name: str | None = None,
    **subscription: Any,
) -> AsyncIterator[Desk]:
    """A desk whose subscription is declared and runs."""
    means = Means(hooks=HookSender(["127.0.0.1"], gives_up_after=gives_up_after), pace=pace)
    task_queue = unique("queue")
    async with receiver(folder / "receiver") as there:
        (folder / "receiver" / "a.secret").write_text(SECRET)
        (folder / "receiver" / "b.secret").write_text(f"whsk_{SEED}")
        with Store.open(f"sqlite:///{folder / 'milepost.db'}") as store:
            async with working(client, store, task_queue=task_queue, means=means, cached_workflows=cached_workflows):
                found = Desk(client, store, there, task_queue, name or unique("subscription"), {})
                found.declare(**subscription)
                assert await found.follow() == [f"subscription {found.name} has begun"]
                yield found
                with suppress(RPCError):
                    await found.handle.terminate()

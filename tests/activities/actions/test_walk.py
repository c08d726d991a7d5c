"""Cases walked on a real Temporal server, whose actions arrive at real receivers."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from activities.delivery.means import Means
from domain.catalog.documents import read_document
from store import Store
from tests.activities.actions.sending import mail_server_at
from tests.activities.delivery.mail_server import Behaviour, mail_server
from tests.support import assert_eventually
from tests.workflows.world import World, later
from worker.clock import VirtualClock
from worker.process import working

PACE = 200_000
"""Divides the schedule: its 75 hours are a second and a half."""


def mail(name: str) -> dict[str, Any]:
    subject = "{{ case.id }}: {{ milestone.name }} " + name
    return {"do": "email", "to": "desk@example.org", "subject": subject, "body": "Due {{ milestone.target_at }}."}


TRIGGERS = [
    *({"kind": "warning", "at": at, "actions": [mail(at)]} for at in ("50%", "75%", "15m")),
    {"kind": "violation", "at": "0", "actions": [mail("is late"), {"do": "task", "subject": "call {{ account.id }}"}]},
    {"kind": "violation", "at": "30m", "actions": [{"do": "field_update", "field": "escalated", "value": True}]},
    {"kind": "violation", "at": "1h", "actions": [mail("is an hour late")]},
    {"kind": "success", "actions": [mail("is done")]},
]
CATALOG = {
    "fields": {"escalated": "boolean"},
    "processes": [{"name": "Gold", "milestones": [{"name": "Answer", "within": "4h", "triggers": TRIGGERS}]}],
    "accounts": [{"id": "acme", "name": "Acme"}],
    "entitlements": [{"id": "acme-gold", "account": "acme", "process": "Gold"}],
}
Walking = Callable[[Means], AbstractAsyncContextManager[World]]


@pytest.fixture
def walking(store: Store, clock: VirtualClock, task_queue: str) -> Walking:
    """A worker that sends, for as long as a test needs it."""
    store.apply(read_document(CATALOG), by="test")

    @asynccontextmanager
    async def walk(means: Means) -> AsyncIterator[World]:
        async with working(clock.client, store, task_queue=task_queue, means=means):
            yield World(clock, store, task_queue)

    return walk


@dataclass
class BackLater(Behaviour):
    """Turns the first five attempts at each mail away."""

    tries: Counter[str] = field(default_factory=Counter)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's
        assert isinstance(envelope.content, bytes)
        key = message_from_bytes(envelope.content)["Message-ID"]
        self.tries[key] += 1
        return "421 back later" if self.tries[key] <= 5 else await super().handle_DATA(server, session, envelope)


async def walked(world: World) -> str:
    """A case whose milestone is warned of, violated and completed."""
    case = await world.open()
    await world.go_to(case, later(hours=5, minutes=10))
    await world.ask(case, "complete_milestone", later(hours=6), milestone="Answer")
    return case


MAILS = ["50%", "75%", "15m", "is late", "is an hour late", "is done"]


async def test_mail_that_is_turned_away_at_first_arrives(walking: Walking, store: Store) -> None:
    """Five times over, then by the schedule all of them, once each, in the thread of their case."""
    behaviour = BackLater()
    async with (
        mail_server(behaviour) as port,
        walking(Means(mail=mail_server_at(port), pace=PACE, sends_rehearsals=True)) as world,
    ):
        case = await walked(world)

        async def all_are_done() -> None:
            assert [action.status for action in store.actions(case)] == ["done"] * 8

        await assert_eventually(all_are_done)
    assert sorted(sent["Subject"] for sent in behaviour.taken) == sorted(f"{case}: Answer {name}" for name in MAILS)
    assert {sent["In-Reply-To"] for sent in behaviour.taken} == {f"<case/{case}@example.org>"}
    assert {(delivery.status, delivery.attempts) for delivery in store.deliveries(case)} == {("sent", 6)}
    assert len(store.mails(case)) == 6
    assert len(store.tasks(case)) == 1


async def test_a_replayed_case_mails_nobody(walking: Walking, store: Store) -> None:
    """Its clock is its own: what it orders goes to the log of sent mail alone."""
    behaviour = Behaviour()
    async with mail_server(behaviour) as port, walking(Means(mail=mail_server_at(port))) as world:
        case = await walked(world)

        async def all_are_done() -> None:
            assert [action.status for action in store.actions(case)] == ["done"] * 8

        await assert_eventually(all_are_done)
    assert behaviour.taken == []
    assert {logged.answer for logged in store.mails(case)} == {None}

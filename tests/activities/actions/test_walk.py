"""Cases walked on a real Temporal server, whose actions arrive at real receivers."""

import base64
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from standardwebhooks.webhooks import Webhook

from activities.delivery.http import HookSender
from activities.delivery.means import Means
from domain.catalog.documents import read_document
from store import Store
from tests.activities.actions.sending import mail_server_at
from tests.activities.delivery.mail_server import Behaviour, mail_server
from tests.activities.delivery.receiver import receiver, says
from tests.support import assert_eventually
from tests.workflows.world import World, later
from worker.clock import VirtualClock
from worker.process import working

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
PACE = 200_000
"""Divides the schedule: its 75 hours are a second and a half."""


def mail(name: str) -> dict[str, Any]:
    subject = "{{ case.id }}: {{ milestone.name }} " + name
    return {"do": "email", "to": "desk@example.org", "subject": subject, "body": "Due {{ milestone.target_at }}."}


HOOK = {"do": "outbound_message", "endpoint": "desk", "body": "{{ milestone.kind }}"}
TRIGGERS = [
    *({"kind": "warning", "at": at, "actions": [mail(at), HOOK]} for at in ("50%", "75%", "15m")),
    {
        "kind": "violation",
        "at": "0",
        "actions": [mail("is late"), {"do": "task", "subject": "call {{ account.id }}"}, HOOK],
    },
    {"kind": "violation", "at": "30m", "actions": [{"do": "field_update", "field": "escalated", "value": True}]},
    {"kind": "violation", "at": "1h", "actions": [mail("is an hour late")]},
    {"kind": "success", "actions": [mail("is done"), HOOK]},
]
CATALOG = {
    "fields": {"escalated": "boolean"},
    "processes": [{"name": "Gold", "milestones": [{"name": "Answer", "within": "4h", "triggers": TRIGGERS}]}],
    "accounts": [{"id": "acme", "name": "Acme"}],
    "entitlements": [{"id": "acme-gold", "account": "acme", "process": "Gold"}],
}
Walking = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def walking(store: Store, clock: VirtualClock, task_queue: str, monkeypatch: pytest.MonkeyPatch) -> Walking:
    """A worker that sends, for as long as a test needs it."""
    monkeypatch.setenv("DESK_SECRET", SECRET)

    @asynccontextmanager
    async def walk(means: Means, desk: str = "https://desk.example.org/") -> AsyncIterator[World]:
        endpoint = {"id": "desk", "url": desk, "secrets": [{"env": "DESK_SECRET"}]}
        store.catalog.apply(read_document({**CATALOG, "endpoints": [endpoint]}), by="test")
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


def sending(port: int, *, pace: float = PACE) -> Means:
    """All that a worker has to send with, also what a replayed log orders."""
    hooks = HookSender(["127.0.0.1"], gives_up_after=5)
    return Means(mail=mail_server_at(port), hooks=hooks, pace=pace, sends_rehearsals=True)


async def walked(world: World) -> str:
    """A case whose milestone is warned of, violated and completed."""
    case = await world.open()
    await world.go_to(case, later(hours=5, minutes=10))
    await world.ask(case, "complete_milestone", later(hours=6), milestone="Answer")
    return case


MAILS = ["50%", "75%", "15m", "is late", "is an hour late", "is done"]


async def done(store: Store, case: str) -> None:
    """Wait until all that its triggers asked for is done."""

    async def all_are_done() -> None:
        assert [action.status for action in store.actions.of_case(case)] == ["done"] * 13

    await assert_eventually(all_are_done)


async def test_every_action_arrives_once(walking: Walking, store: Store) -> None:
    """Warnings, violations and success, by mail and by signed message, each at its time with its content."""
    behaviour = Behaviour()
    async with (
        mail_server(behaviour) as port,
        receiver(says("204 No Content")) as desk,
        walking(sending(port), desk.url) as world,
    ):
        case = await walked(world)
        await done(store, case)
    assert sorted(sent["Subject"] for sent in behaviour.taken) == sorted(f"{case}: Answer {name}" for name in MAILS)
    told = [Webhook(SECRET).verify(got.body, got.headers) for got in desk.received]
    expected = [
        ("warning-50-percent", "milestone.warning", later(hours=2)),
        ("warning-75-percent", "milestone.warning", later(hours=3)),
        ("warning-15m", "milestone.warning", later(hours=3, minutes=45)),
        ("violation-0", "milestone.violation", later(hours=4)),
        ("success", "milestone.success", later(hours=6)),
    ]
    assert sorted((one["trigger"], one["type"], datetime.fromisoformat(one["due_at"])) for one in told) == sorted(
        expected
    )
    assert {(one["case"]["id"], one["text"], one["type"]) for one in told} == {
        (case, kind, f"milestone.{kind}") for kind in ("warning", "violation", "success")
    }
    assert len({got.headers["webhook-id"] for got in desk.received}) == len({one["key"] for one in told}) == 5
    assert len(store.tasks.find(case)) == 1
    assert {delivery.status for delivery in store.deliveries.of_case(case)} == {"sent"}
    assert len(store.deliveries.of_case(case)) == 11


async def test_a_dead_receiver_holds_up_no_other(walking: Walking, store: Store) -> None:
    """Mails go out and clocks go on while an endpoint answers nothing but 503."""
    behaviour = Behaviour()
    opened_at = datetime.now(UTC) - timedelta(hours=4) + timedelta(seconds=3)
    async with (
        mail_server(behaviour) as port,
        receiver(says("503 Service Unavailable")) as dead,
        walking(sending(port, pace=1), dead.url) as world,
    ):
        case = await world.open(clock=None, opened_at=opened_at)

        async def it_is_late() -> None:
            violated = (await world.milestone(case, "Answer")).violations
            assert [v.noticed_at - v.violated_at < timedelta(seconds=2) for v in violated] == [True]
            assert len(behaviour.taken) == 4
            assert len(store.tasks.find(case)) == 1
            assert {d.status for d in store.deliveries.of_case(case) if d.channel == "outbound_message"} == {"waits"}

        await assert_eventually(it_is_late)
        await world.milepost.handle(case).terminate()


async def test_sixty_messages_to_a_dead_receiver_hold_up_no_mail(
    store: Store, clock: VirtualClock, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one case, and more than it has under way at once: what is for another receiver goes past them."""
    monkeypatch.setenv("DESK_SECRET", SECRET)
    hook = [{"kind": "violation", "actions": [{"do": "outbound_message", "endpoint": "desk"}]}]
    last = {"name": "Last", "within": "2h", "triggers": [{"kind": "violation", "actions": [mail("is late")]}]}
    many = [{"name": f"Answer {number}", "within": "1h", "triggers": hook} for number in range(60)]
    behaviour = Behaviour()
    async with mail_server(behaviour) as port, receiver(says("503 Service Unavailable")) as dead:
        declared = {
            **CATALOG,
            "endpoints": [{"id": "desk", "url": dead.url, "secrets": [{"env": "DESK_SECRET"}]}],
            "processes": [{"name": "Gold", "milestones": [*many, last]}],
        }
        store.catalog.apply(read_document(declared), by="test")
        async with working(clock.client, store, task_queue=task_queue, means=sending(port, pace=1)):
            world = World(clock, store, task_queue)
            case = await world.open(clock=None, opened_at=datetime.now(UTC) - timedelta(hours=3))

            async def the_mail_is_there() -> None:
                assert [sent["Subject"] for sent in behaviour.taken] == [f"{case}: Last is late"]
                status = Counter(action.status for action in store.actions.of_case(case))
                assert status == {"ordered": 60, "done": 1}

            await assert_eventually(the_mail_is_there)
            assert await world.failed_tasks(case) == []
            await world.milepost.handle(case).terminate()


async def test_a_warning_of_a_completed_milestone_is_dropped(walking: Walking, store: Store) -> None:
    """It waited for a mail server that was away, and is not delivered after the fact."""
    behaviour = Behaviour(data="451 later")
    warning = {"kind": "warning", "at": "75%", "actions": [{**mail("is due"), "expires": "completed"}]}
    milestone = {"name": "Answer", "within": "4h", "triggers": [warning]}
    opened_at = datetime.now(UTC) - timedelta(hours=3, seconds=10)
    async with mail_server(behaviour) as port, walking(sending(port, pace=2)) as world:
        store.catalog.apply(read_document({"processes": [{"name": "Gold", "milestones": [milestone]}]}), by="test")
        case = await world.open(clock=None, opened_at=opened_at)

        async def it_waits() -> None:
            assert [delivery.answer for delivery in store.deliveries.of_case(case)] == ["451 later"]

        await assert_eventually(it_waits)
        await world.milepost.request(case, "complete_milestone", milestone="Answer")
        behaviour.data = "250 taken"

        async def it_is_dropped() -> None:
            [action] = store.actions.of_case(case)
            assert action.status == "dropped"
            assert (action.error or "").startswith("expired: its milestone was completed at")

        await assert_eventually(it_is_dropped)
        await world.milepost.handle(case).terminate()
    assert behaviour.taken == []


async def test_mail_that_is_turned_away_at_first_arrives(walking: Walking, store: Store) -> None:
    """Five times over, then by the schedule all of them, once each, in the thread of their case."""
    behaviour = BackLater()
    async with (
        mail_server(behaviour) as port,
        receiver(says("200 OK")) as desk,
        walking(sending(port), desk.url) as world,
    ):
        case = await walked(world)
        await done(store, case)
    assert sorted(sent["Subject"] for sent in behaviour.taken) == sorted(f"{case}: Answer {name}" for name in MAILS)
    assert {sent["In-Reply-To"] for sent in behaviour.taken} == {f"<case/{case}@example.org>"}
    assert {(delivery.status, delivery.attempts) for delivery in store.deliveries.of_case(case)} == {
        ("sent", 6),
        ("sent", 1),
    }
    assert len(store.actions.mails(case)) == 6
    assert len(store.tasks.find(case)) == 1


async def test_a_replayed_case_mails_nobody(walking: Walking, store: Store) -> None:
    """Its clock is its own: what it orders goes to the log of sent mail alone."""
    behaviour = Behaviour()
    async with mail_server(behaviour) as port, walking(Means(mail=mail_server_at(port), hooks=HookSender())) as world:
        case = await walked(world)
        await done(store, case)
    assert behaviour.taken == []
    assert {logged.answer for logged in store.actions.mails(case)} == {None}

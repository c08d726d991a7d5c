"""Receivers that are away for a while: all that waits arrives afterwards, once for each key, and no clock waits."""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from activities.delivery.http import HookSender
from activities.delivery.means import Means
from domain.catalog.documents import read_document
from store import Store
from tests.activities.actions.sending import mail_server_at
from tests.activities.delivery.mail_server import Behaviour, mail_server
from tests.activities.delivery.receiver import Received, receiver, says
from tests.support import assert_eventually
from tests.workflows.world import World
from worker.clock import VirtualClock
from worker.process import working

PACE = 2_000
"""Divides the schedule: its first five delays are fourteen seconds."""


AWAY_FOR = 5
"""Attempts that come to nothing."""
DUE = {"50%": 50, "75%": 75, "90%": 90}
"""Warnings by the hours after which they are due."""


def mail(name: str, **also: Any) -> dict[str, Any]:
    body = "{{ trigger.due_at }} {{ trigger.late }}"
    return {"do": "email", "to": "{{ case.id }}@example.org", "subject": name, "body": body, **also}


class Away(Behaviour):
    """Has no time for anybody, until it is well."""

    def __init__(self, well: asyncio.Event) -> None:
        super().__init__()
        self._well = well

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's
        return await super().handle_DATA(server, session, envelope) if self._well.is_set() else "421 back later"


def outage_catalog(desk: str) -> dict[str, Any]:
    """Two messages at each of three warnings, and a mail that is worth nothing after a while."""
    message = {"do": "outbound_message", "endpoint": "desk"}
    worthless = mail("worthless", expires="49h")
    warnings = [
        {"kind": "warning", "at": at, "actions": [mail(at), message, *([worthless] * (at == "50%"))]} for at in DUE
    ]
    late = [{"kind": "violation", "at": "0", "actions": [{"do": "task", "subject": "late"}]}]
    milestones = [
        {"name": "Answer", "within": "100h", "triggers": warnings},
        {"name": "Look", "by": "look_at", "triggers": late},
    ]
    return {
        "fields": {"look_at": "datetime"},
        "endpoints": [{"id": "desk", "url": desk, "secrets": [{"env": "DESK_SECRET"}]}],
        "processes": [{"name": "Gold", "milestones": milestones}],
        "accounts": [{"id": "acme"}],
        "entitlements": [{"id": "acme-gold", "account": "acme", "process": "Gold"}],
    }


async def test_what_receivers_missed_arrives_by_due_time_and_says_how_late(
    clock: VirtualClock, store: Store, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were away for the first five attempts. All arrives afterwards, of each case in the order in which it was
    due, and says how late it is; what had expired by then is not sent, and no clock waited."""
    monkeypatch.setenv("DESK_SECRET", SECRET)
    look_at = datetime.now(UTC) + timedelta(seconds=15)
    opened_at = (datetime.now(UTC) - timedelta(hours=98)).replace(microsecond=0)
    world = World(clock, store, task_queue)
    with dead_until() as (answer, well, keys):
        behaviour = Away(well)
        async with mail_server(behaviour) as port, receiver(answer) as desk:
            store.catalog.apply(read_document(outage_catalog(desk.url)), by="test")
            means = Means(mail=mail_server_at(port), hooks=HookSender(["127.0.0.1"]), pace=PACE)
            async with working(clock.client, store, task_queue=task_queue, means=means):
                fields = {"look_at": look_at.isoformat()}
                cases = [await world.open(clock=None, opened_at=opened_at, fields=fields) for _ in range(2)]

                async def all_have_tried() -> None:
                    for case in cases:
                        tried = Counter(
                            one.channel for one in store.deliveries.of_case(case) if one.attempts == AWAY_FOR
                        )
                        assert tried == {"email": 1, "outbound_message": 1}

                await assert_eventually(all_have_tried, within=60)
                well.set()

                async def all_are_done() -> None:
                    for case in cases:
                        statuses = Counter(action.status for action in store.actions.of_case(case))
                        assert statuses == {"done": 7, "dropped": 1}

                await assert_eventually(all_are_done, within=60)
                for case in cases:
                    [look] = (await world.milestone(case, "Look")).violations
                    assert look.noticed_at - look.violated_at < timedelta(seconds=3)
                    await world.milepost.handle(case).terminate()
    for case in cases:
        arrived = [sent for sent in behaviour.taken if sent["To"] == f"{case}@example.org"]
        assert [sent["Subject"] for sent in arrived] == list(DUE)
        for sent, hours in zip(arrived, DUE.values(), strict=True):
            due_at, said = str(sent.get_content()).split()
            assert datetime.fromisoformat(due_at) == opened_at + timedelta(hours=hours)
            late_by = timedelta(seconds=int(said)) - timedelta(hours=98 - hours)
            assert timedelta(seconds=13) < late_by < timedelta(minutes=5), "the outage is part of it"
        told = [key.split("/")[4] for key in keys if key.startswith(f"{case}/")]
        assert told == [f"warning-{at.replace('%', '-percent')}" for at in DUE]
        [dropped] = [action for action in store.actions.of_case(case) if action.status == "dropped"]
        assert (dropped.error or "").startswith("expired: 49h have passed since it was due")
        tries = sorted(one.attempts for one in store.deliveries.of_case(case) if one.status == "sent")
        assert tries == [1, 1, 1, 1, AWAY_FOR + 1, AWAY_FOR + 1], "what waits for its turn uses up no attempt"


SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


@contextmanager
def dead_until() -> Iterator[tuple[Any, asyncio.Event, list[str]]]:
    """Answers 503 until the event is set, then 204; and the keys of what it has taken."""
    well, taken = asyncio.Event(), list[str]()

    async def answer(got: Received, writer: asyncio.StreamWriter) -> None:
        if well.is_set():
            taken.append(json.loads(got.body)["key"])
        await says("204 No Content" if well.is_set() else "503 Service Unavailable")(got, writer)

    yield answer, well, taken

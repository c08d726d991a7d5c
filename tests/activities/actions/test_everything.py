"""One milestone with all the triggers that it may have and every kind of action, walked to its end.

The mail server and the receiver of messages are programs of their own; another workflow is signalled besides.
"""

import base64
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook
from temporalio.worker import Worker

from activities.delivery.http import HookSender
from activities.delivery.means import Means
from domain.catalog.documents import read_document
from domain.delivery.signing import Secret
from domain.process.triggers import MOST_TRIGGERS
from store import Store
from tests.activities.actions.outside_world import There, outside
from tests.activities.actions.receiving import Receiving
from tests.activities.actions.sending import mail_server_at
from tests.support import assert_eventually, unique
from tests.workflows.world import World, later
from worker.clock import VirtualClock
from worker.process import working

SHARED = "whsec_" + base64.b64encode(b"s" * 32).decode()
PRIVATE = "whsk_" + base64.b64encode(b"p" * 32).decode()

DUE = {
    "warning-25-percent": later(hours=1),
    "warning-50-percent": later(hours=2),
    "warning-75-percent": later(hours=3),
    "warning-30m": later(hours=3, minutes=30),
    "warning-10m": later(hours=3, minutes=50),
    "violation-0": later(hours=4),
    "violation-30m": later(hours=4, minutes=30),
    "violation-1h": later(hours=5),
    "violation-2h": later(hours=6),
}
"""When each trigger of a milestone of four hours is due; success is with the completion."""
DONE_AT = later(hours=7)


def _actions(trigger: str, reviewer: str) -> list[dict[str, Any]]:
    """All kinds that are sent, and a change of a field, which the texts of the next trigger see."""
    return [
        {"do": "email", "to": "desk@example.org", "subject": "{{ case.id }} " + trigger, "body": "{{ case.told }}"},
        {"do": "task", "subject": trigger, "assign_to": "{{ account.id }}", "due": "90m"},
        {"do": "outbound_message", "endpoint": "room", "body": "{{ milestone.kind }}"},
        {"do": "outbound_message", "endpoint": "desk"},
        {"do": "signal", "workflow": reviewer, "signal": "escalated", "args": [trigger, "{{ case.told }}"]},
        {"do": "field_update", "field": "told", "value": trigger},
    ]


def _catalog(web: int, reviewer: str) -> dict[str, Any]:
    ids = [*DUE, "success"]
    triggers = [
        {"kind": kind, **({"at": at.replace("-percent", "%")} if at else {}), "actions": _actions(one, reviewer)}
        for one in ids
        for kind, _, at in [one.partition("-")]
    ]
    assert len(triggers) == MOST_TRIGGERS
    return {
        "fields": {"told": "string"},
        "endpoints": [
            {"id": "room", "url": f"http://127.0.0.1:{web}/room", "secrets": [{"env": "SHARED"}, {"env": "PRIVATE"}]},
            {
                "id": "desk",
                "kind": "rest",
                "method": "PUT",
                "url": f"http://127.0.0.1:{web}/cases/{{{{ case.id }}}}",
                "body": '{"trigger": {{ event.trigger | tojson }}}',
            },
        ],
        "processes": [{"name": "Gold", "milestones": [{"name": "Answer", "within": "4h", "triggers": triggers}]}],
        "accounts": [{"id": "acme", "name": "Acme"}],
        "entitlements": [{"id": "acme-gold", "account": "acme", "process": "Gold"}],
    }


def _verified(got: dict[str, Any]) -> dict[str, Any]:
    """What a message says, once both of its signatures hold: by the standard's own library, and by its text."""
    headers, body = got["headers"], base64.b64decode(got["body"])
    told: dict[str, Any] = Webhook(SHARED).verify(body, headers)
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    [asymmetric] = [one for one in headers["webhook-signature"].split(" ") if one.startswith("v1a,")]
    public = base64.b64decode((Secret.parse(PRIVATE).public_key or "").removeprefix("whpk_"))
    Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(asymmetric[len("v1a,") :]), signed)
    assert "." not in headers["webhook-id"]
    return told


async def test_every_kind_arrives_once_at_its_time(
    store: Store, clock: VirtualClock, task_queue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all ten triggers: nothing a second before, everything at its instant, each once, with what was true then."""
    monkeypatch.setenv("SHARED", SHARED)
    monkeypatch.setenv("PRIVATE", PRIVATE)
    reviewer = unique("reviewer")
    async with (
        outside("mail", tmp_path) as mail,
        outside("web", tmp_path) as web,
        Worker(clock.client, task_queue=f"{task_queue}-other", workflows=[Receiving]),
    ):
        review = await clock.client.start_workflow(Receiving.run, id=reviewer, task_queue=f"{task_queue}-other")
        store.catalog.apply(read_document(_catalog(web.port, reviewer)), by="test")
        means = Means(mail=mail_server_at(mail.port), hooks=HookSender(["127.0.0.1"]), sends_rehearsals=True)
        async with working(clock.client, store, task_queue=task_queue, means=means):
            world = World(clock, store, task_queue)
            case = await world.open(fields={"told": "nothing"})
            arrived = Counter(number=0)
            for trigger, due_at in DUE.items():
                await world.go_to(case, due_at - timedelta(seconds=2))
                assert _counts(mail, web) == (arrived["number"], 2 * arrived["number"]), f"{trigger} came early"
                await world.go_to(case, due_at)
                arrived["number"] += 1
                await _have_arrived(world, case, mail, web, arrived["number"])
            await world.ask(case, "complete_milestone", DONE_AT, milestone="Answer")
            await _have_arrived(world, case, mail, web, MOST_TRIGGERS)
        heard = await review.query("told")
        await review.signal("end")
        await review.result()
    ids = [*DUE, "success"]
    before = dict(zip(ids, ["nothing", *DUE], strict=True))
    told = [(sent["headers"]["Subject"], sent["body"].strip()) for sent in mail.got()]
    assert sorted(told) == sorted((f"{case} {one}", before[one]) for one in ids)
    assert len({sent["headers"]["Message-ID"] for sent in mail.got()}) == MOST_TRIGGERS
    due = {**DUE, "success": DONE_AT}
    events = [_verified(got) for got in web.got() if got["line"].startswith("POST /room ")]
    assert {one["trigger"]: datetime.fromisoformat(one["due_at"]) for one in events} == due
    assert sorted((one["trigger"], one["case"]["told"], one["text"]) for one in events) == sorted(
        (one, before[one], one.partition("-")[0]) for one in ids
    )
    calls = [got for got in web.got() if got["line"] == f"PUT /cases/{case} HTTP/1.1"]
    assert sorted(base64.b64decode(got["body"]).decode() for got in calls) == sorted(
        f'{{"trigger": "{one}"}}' for one in ids
    )
    assert sorted(map(tuple, heard)) == sorted((one, before[one]) for one in ids)
    tasks = store.tasks.find(case)
    assert {(task.subject, task.assign_to, task.due_at) for task in tasks} == {
        (one, "acme", due[one] + timedelta(minutes=90)) for one in ids
    }
    actions = store.actions.of_case(case)
    assert Counter(action.action.do for action in actions if action.action) == Counter(
        one["do"] for trigger in ids for one in _actions(trigger, reviewer)
    )
    assert {action.status for action in actions} == {"done"}
    assert {action.due_at for action in actions} == set(due.values())


def _counts(mail: There, web: There) -> tuple[int, int]:
    return len(mail.got()), len(web.got())


async def _have_arrived(world: World, case: str, mail: There, web: There, triggers: int) -> None:
    """Wait until all that so many triggers ask for is done."""

    async def all_are_done() -> None:
        actions = world.store.actions.of_case(case)
        assert [action.status for action in actions] == ["done"] * (6 * triggers)
        assert _counts(mail, web) == (triggers, 2 * triggers)

    await assert_eventually(all_are_done)

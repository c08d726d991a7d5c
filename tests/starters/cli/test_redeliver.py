"""``redeliver``, against a real server, a real worker and real receivers."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client
from typer.testing import Result

from activities.delivery.http import HookSender
from activities.delivery.means import Means
from domain.catalog.documents import read_document
from domain.messages.redelivery import workflow_id
from store import Store
from tests.activities.actions.sending import mail_server_at
from tests.activities.delivery.mail_server import Behaviour, mail_server
from tests.activities.delivery.receiver import receiver, says
from tests.starters.command_line import environment_of, milepost
from tests.support import assert_eventually, unique
from worker.process import working

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
ACTIONS = [
    {"do": "email", "to": "desk@example.org", "subject": "{{ case.id }} is late"},
    {"do": "outbound_message", "endpoint": "desk"},
    {"do": "task", "subject": "call"},
    {"do": "field_update", "field": "late", "value": True},
]
KINDS = ("email", "outbound-message", "task", "field-update")


async def test_what_has_arrived_is_delivered_again_by_hand(
    client: Client, tmp_path: Path, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By key, or all that an endpoint has got since an instant; who asked is on record. Tasks and fields are not."""
    monkeypatch.setenv("DESK_SECRET", SECRET)
    database, begun = f"sqlite:///{tmp_path / 'milepost.db'}", datetime.now(UTC)
    environment = environment_of(client, tmp_path, database, task_queue)
    case, behaviour = unique("c"), Behaviour()
    mail, message, task, update = (f"{case}/gold/answer/1/violation-0/1/{kind}" for kind in KINDS)

    async def say(*arguments: str) -> Result:
        return await asyncio.to_thread(milepost, *arguments, env=environment)

    async with mail_server(behaviour) as port, receiver(says("200 OK", b"noted")) as desk:
        means = Means(mail=mail_server_at(port), hooks=HookSender(["127.0.0.1"]))
        triggers = [{"kind": "violation", "actions": ACTIONS}]
        catalog = {
            "fields": {"late": "boolean"},
            "processes": [{"name": "Gold", "milestones": [{"name": "Answer", "within": "4h", "triggers": triggers}]}],
            "accounts": [{"id": "acme"}],
            "entitlements": [{"id": "acme-gold", "account": "acme", "process": "Gold"}],
            "endpoints": [{"id": "desk", "url": desk.url, "secrets": [{"env": "DESK_SECRET"}]}],
        }
        with Store.open(database) as store:
            store.catalog.apply(read_document(catalog), by="test")
            async with working(client, store, task_queue=task_queue, means=means):
                await say("open", case, "--account", "acme", "--opened-at", (begun - timedelta(hours=4)).isoformat())

                async def all_are_done() -> None:
                    assert [one.status for one in store.actions.of_case(case)] == ["done"] * 4

                await assert_eventually(all_are_done)
                for key in (mail, message):
                    asked = await say("redeliver", key, "--by", "ana")
                    assert (asked.exit_code, asked.stdout) == (0, f"{key} is delivered again\n")
                for key in (mail, message):
                    await client.get_workflow_handle(workflow_id(key)).result()
                everything = await say("redeliver", "--endpoint", "desk", "--since", begun.isoformat(), "--by", "ben")
                assert everything.stdout == "1 of 1 are delivered again\n"
                await client.get_workflow_handle(workflow_id(message)).result()
                later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
                nothing = await say("redeliver", "--endpoint", "desk", "--since", later)
                assert nothing.stdout == "0 of 0 are delivered again\n"
                listed = (await say("actions", case)).stdout
                wrong = {
                    (task,): "a task is a row, and is there",
                    (update,): "a field update has taken effect on the case",
                    ("no/such/key",): "unknown action 'no/such/key'",
                    ("--endpoint", "nobody", "--since", later): "unknown endpoint 'nobody'",
                    (): "give either a key, or --endpoint ID",
                    ("--endpoint", "desk"): "give either a key, or --endpoint ID",
                    (mail, "--since", later): "give either a key, or --endpoint ID",
                }
                for arguments, why in wrong.items():
                    refused = await say("redeliver", *arguments)
                    assert refused.exit_code == 2, arguments
                    assert why in " ".join(refused.stderr.replace("│", " ").split())
    assert [str(sent["Message-ID"]) for sent in behaviour.taken] == [f"<{mail}@example.org>"] * 2
    assert len({got.headers["webhook-id"] for got in desk.received}) == len({got.body for got in desk.received}) == 1
    assert len(desk.received) == 3
    for who in ("ana", "ben"):
        assert f"delivered again by hand: {who} asked at " in listed
    assert listed.count("; sent, 1 attempt: HTTP 200: noted") == 2

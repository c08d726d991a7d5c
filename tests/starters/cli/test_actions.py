"""``actions``, ``retry`` and ``endpoints``, against a real server, a real worker and a real mail server."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from temporalio.client import Client
from typer.testing import Result

from activities.delivery.means import Means
from domain.catalog.documents import read_document
from domain.delivery.signing import Secret
from starters.cli.commands.actions import all_failed
from store import Store
from tests.activities.actions.sending import mail_server_at
from tests.activities.delivery.mail_server import Behaviour, mail_server
from tests.starters.command_line import environment_of, milepost
from tests.support import assert_eventually, unique
from worker.process import working

MAIL = {"do": "email", "to": "desk@example.org", "subject": "{{ case.id }} is late"}
CATALOG = {
    "processes": [
        {
            "name": "Gold",
            "milestones": [
                {"name": "Answer", "within": "4h", "triggers": [{"kind": "violation", "actions": [MAIL]}]},
            ],
        }
    ],
    "accounts": [{"id": "acme"}],
    "entitlements": [{"id": "acme-gold", "account": "acme", "process": "Gold"}],
    "endpoints": [
        {"id": "desk", "url": "https://desk.example.org/", "secrets": [{"env": "DESK_SECRET"}]},
        {"id": "room", "url": "https://room.example.org/", "secrets": [{"env": "ROOM_SECRET"}]},
    ],
}


async def test_what_failed_is_listed_and_tried_again(client: Client, tmp_path: Path, task_queue: str) -> None:
    """All that failed since an instant, by one command; what was sent is listed with the receiver's answer."""
    database, case, begun = f"sqlite:///{tmp_path / 'milepost.db'}", unique("c"), datetime.now(UTC)
    environment = environment_of(client, tmp_path, database, task_queue)
    key = f"{case}/gold/answer/1/violation-0/1/email"
    behaviour = Behaviour(recipient="550 no such user")

    async def say(*arguments: str) -> Result:
        return await asyncio.to_thread(milepost, *arguments, env=environment)

    with Store.open(database) as store:
        store.catalog.apply(read_document(CATALOG), by="test")
        async with (
            mail_server(behaviour) as port,
            working(client, store, task_queue=task_queue, means=Means(mail=mail_server_at(port))),
        ):
            await say("open", case, "--account", "acme", "--opened-at", (begun - timedelta(hours=4)).isoformat())

            async def it_has_failed() -> None:
                assert key in (await say("actions", "--failed", "--since", begun.isoformat())).stdout

            await assert_eventually(it_has_failed)
            listed = (await say("actions", case)).stdout
            assert f"email to desk@example.org: {{{{ case.id }}}} is late (failed)\n    {key}\n" in listed
            assert "failed to desk@example.org, 1 attempt" in listed
            assert listed.rstrip().endswith("recipient refused: 550 no such user")
            later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
            assert (await say("retry", "--since", later)).stdout == "0 of 0 are tried again\n"
            behaviour.recipient = "250 OK"
            assert (await say("retry", "--since", begun.isoformat())).stdout == "1 of 1 are tried again\n"

            async def it_is_sent() -> None:
                assert (await say("actions", case)).stdout.endswith(": taken as 4711\n")

            await assert_eventually(it_is_sent)
            assert (await say("actions", "--failed")).stdout == "no action has failed for good\n"
    assert [mail["Subject"] for mail in behaviour.taken] == [f"{case} is late"]
    for wrong in (["actions"], ["actions", case, "--failed"], ["retry", case], ["retry", case, "--since", later]):
        assert (await say(*wrong)).exit_code == 2, wrong


async def test_an_entitlements_failures_are_listed_and_retried(client: Client, tmp_path: Path, task_queue: str) -> None:
    """Beside those of cases, with their reason; by key, or all of one kind."""
    database, begun = f"sqlite:///{tmp_path / 'milepost.db'}", datetime.now(UTC).isoformat()
    environment = environment_of(client, tmp_path, database, task_queue)
    visits, behaviour = unique("visits"), Behaviour(recipient="550 no such user")
    mail = {"do": "email", "to": "desk@example.org", "subject": "{{ usage.used }} used"}
    allowance = {"unit": "visits", "cap": 10, "thresholds": [{"at": at, "actions": [mail]} for at in (1, 2)]}
    catalog = {
        "accounts": [{"id": "acme"}],
        "entitlements": [{"id": visits, "account": "acme", "allowance": allowance}],
    }
    keys = [f"{visits}/0/threshold/{at}/1/email-1" for at in (1, 2)]

    async def say(*arguments: str) -> Result:
        return await asyncio.to_thread(milepost, *arguments, env=environment)

    with Store.open(database) as store:
        store.catalog.apply(read_document(catalog), by="test")
        async with (
            mail_server(behaviour) as port,
            working(client, store, task_queue=task_queue, means=Means(mail=mail_server_at(port))),
        ):
            assert (await say("take", visits, "v-1", "--amount", "2")).exit_code == 0

            async def both_have_failed() -> None:
                listed = (await say("actions", "--failed", "--since", begun)).stdout
                # Both are tried at once, and are listed as they failed.
                assert sorted(line.strip() for line in listed.splitlines() if line.startswith("    ")) == keys
                assert listed.count(f"entitlement {visits}: NotDelivered: recipient refused: 550 no such user") == 2

            await assert_eventually(both_have_failed)
            assert (await say("retry", "--kind", "task")).stdout == "0 of 0 are tried again\n"
            behaviour.recipient = "250 OK"
            assert (await say("retry", visits, keys[0])).stdout == f"{keys[0]} is tried again\n"
            refused = await say("retry", visits, keys[0])
            assert (refused.exit_code, "no failed action" in refused.stderr) == (2, True)

            async def the_first_is_sent() -> None:
                assert keys[0] not in (await say("actions", "--failed")).stdout

            await assert_eventually(the_first_is_sent)
            assert (await say("retry", "--kind", "email")).stdout == "1 of 1 are tried again\n"

            async def none_is_left() -> None:
                assert (await say("actions", "--failed")).stdout == "no action has failed for good\n"

            await assert_eventually(none_is_left)
            told = store.feed.read(subject=f"entitlement/{visits}", types=["milepost.entitlement.action.*"]).events
            lives = {key: [one.type.split(".")[-2] for one in told if one.data["key"] == key] for key in keys}
            assert lives == {key: ["failed", "retried", "sent"] for key in keys}
            assert all(one.data["by"] for one in told if one.type.endswith(".retried.v1"))
            everything = store.feed.read(subject=f"entitlement/{visits}").events
            assert [one.sequence for one in everything] == list(range(1, len(everything) + 1))
    assert [sent["Subject"] for sent in behaviour.taken] == ["2 used", "2 used"]


@pytest.mark.parametrize("page", [1, 2, 5, 6])
def test_all_that_failed_is_listed(tmp_path: Path, page: int) -> None:
    """However many are read at once, each once and in order, of one kind or since an instant too."""
    begun = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        for number in range(5):
            key = f"c-{number}/gold/answer/1/success/1/email"
            store.actions.record_action_failed(key, "550", at=begun + timedelta(minutes=number // 2))
        found = [one.case_id for one in all_failed(store, None, None, page=page)]
        assert found == [f"c-{number}" for number in range(5)]
        later = (begun + timedelta(minutes=1)).isoformat()
        assert [one.case_id for one in all_failed(store, later, None, page=page)] == ["c-2", "c-3", "c-4"]
        assert all_failed(store, None, "email", page=page) == []


def test_the_public_key_of_an_endpoint_is_printed(tmp_path: Path) -> None:
    """Of each of its ed25519 keys, as a receiver takes it: it verifies what the private half has signed."""
    private = [Secret(seed * 32, is_private=True) for seed in (b"p", b"q")]
    texts = ["whsk_" + base64.b64encode(one.key).decode() for one in private]
    environment = {
        "MILEPOST_DATA": str(tmp_path),
        "MILEPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'milepost.db'}",
        "DESK_NEW": texts[0],
        "DESK_OLD": texts[1],
        "DESK_SHARED": "whsec_" + base64.b64encode(b"s" * 32).decode(),
    }

    def secrets(*names: str) -> dict[str, Any]:
        declared = {"id": "desk", "url": "https://desk.example.org/", "secrets": [{"env": name} for name in names]}
        return {"endpoints": [declared]}

    with Store.open(environment["MILEPOST_DATABASE_URL"]) as store:
        store.catalog.apply(read_document(secrets("DESK_NEW", "DESK_SHARED", "DESK_OLD")), by="test")
        printed = milepost("endpoints", "--public-key", "desk", env=environment).stdout.split()
        for key, one in zip(printed, private, strict=True):
            public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.removeprefix("whpk_")))
            public.verify(base64.b64decode(one.sign(b"told").removeprefix("v1a,")), b"told")
        for names, said in (
            (["DESK_SHARED"], "signs with no ed25519 key"),
            (["DESK_GONE"], "variable DESK_GONE is not"),
        ):
            store.catalog.apply(read_document(secrets(*names)), by="test")
            refused = milepost("endpoints", "--public-key", "desk", env=environment)
            assert (refused.exit_code, said in refused.stderr) == (2, True), refused.stderr
            assert not set(texts) & set(refused.stderr.split())


def test_endpoints_are_listed_and_switched_on(tmp_path: Path) -> None:
    """With how it goes there."""
    database = f"sqlite:///{tmp_path / 'milepost.db'}"
    environment = {"MILEPOST_DATA": str(tmp_path), "MILEPOST_DATABASE_URL": database}
    off_at = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)
    with Store.open(database) as store:
        assert milepost("endpoints", env=environment).stdout == "no endpoint is declared\n"
        store.catalog.apply(read_document(CATALOG), by="test")
        store.endpoints.switch("desk", off_at=off_at, said="HTTP 410")
        store.endpoints.failed("room", "HTTP 500", off_at)
    desk, room = milepost("endpoints", env=environment).stdout.splitlines()
    assert desk.startswith("desk  standard  https://desk.example.org/  OFF since Mon 2025-06-09 13:00 UTC: HTTP 410")
    assert room == "room  standard  https://room.example.org/  failed once: HTTP 500"
    assert milepost("endpoints", "--on", "desk", env=environment).stdout.startswith("endpoint desk is on")
    assert milepost("endpoints", env=environment).stdout.splitlines()[0].endswith("  well")
    unknown = milepost("endpoints", "--on", "desc", env=environment)
    assert (unknown.exit_code, "unknown endpoint 'desc'" in unknown.stderr) == (2, True)

"""``erase``, of mails and messages that went over a real wire."""

import asyncio
import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client
from typer.testing import Result

from activities.delivery.http import HookSender
from activities.delivery.means import Means
from domain.catalog.documents import read_document
from store import Store
from tests.activities.actions.sending import mail_server_at
from tests.activities.delivery.mail_server import Behaviour, mail_server
from tests.activities.delivery.receiver import receiver, says
from tests.starters.command_line import environment_of, milepost
from tests.support import assert_eventually, unique
from worker.process import working

ANN, BO = "ann@example.org", "bo@example.org"
ACTIONS = [
    {"do": "email", "to": "contact", "subject": "{{ case.id }} is late", "body": "Dear {{ case.contact }}"},
    {"do": "outbound_message", "endpoint": "desk"},
]


async def test_who_wrote_is_taken_out_of_what_was_sent(
    client: Client, tmp_path: Path, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is shown first; then no text has the address, each place says so, and another person's mail is as it was."""
    monkeypatch.setenv("DESK_SECRET", "whsec_" + base64.b64encode(b"s" * 32).decode())
    database = f"sqlite:///{tmp_path / 'milepost.db'}"
    environment = environment_of(client, tmp_path, database, task_queue)
    cases, behaviour = {ANN: unique("ann"), BO: unique("bo")}, Behaviour()

    async def say(*arguments: str) -> Result:
        return await asyncio.to_thread(milepost, *arguments, env=environment)

    async with mail_server(behaviour) as port, receiver(says("200 OK")) as desk:
        catalog = {
            "fields": {"contact": "string"},
            "processes": [
                {
                    "name": "Gold",
                    "milestones": [
                        {"name": "Answer", "within": "4h", "triggers": [{"kind": "violation", "actions": ACTIONS}]}
                    ],
                }
            ],
            "accounts": [{"id": "acme"}],
            "contacts": [{"id": "c-ann", "account": "acme", "mail": ANN}],
            "entitlements": [{"id": "acme-gold", "account": "acme", "process": "Gold"}],
            "endpoints": [{"id": "desk", "url": desk.url, "secrets": [{"env": "DESK_SECRET"}]}],
        }
        means = Means(mail=mail_server_at(port), hooks=HookSender(["127.0.0.1"]))
        with Store.open(database) as store:
            store.catalog.apply(read_document(catalog), by="test")
            async with working(client, store, task_queue=task_queue, means=means):
                opened_at = (datetime.now(UTC) - timedelta(hours=4)).isoformat()
                for who, case in cases.items():
                    asked = ("--account", "acme", "--opened-at", opened_at, "--field", f"contact={who}")
                    await say("open", case, *asked)

                async def all_are_done() -> None:
                    stand = [one.status for case in cases.values() for one in store.actions.of_case(case)]
                    assert stand == ["done"] * 4

                await assert_eventually(all_are_done)
                events = store.feed.read()
                shown = await say("erase", "c-ann")
                mail, message = (f"{cases[ANN]}/gold/answer/1/violation-0/1/{k}" for k in ("email", "outbound-message"))
                before = (await say("outbox", mail)).stdout
                erased = await say("erase", "c-ann", "--yes", "--by", "ana")
                again = await say("erase", ANN, "--json")
                listed = (await say("actions", cases[ANN])).stdout
                texts = [await say("outbox", key) for key in (mail, message)]
                redelivered = await say("redeliver", mail)
                assert store.feed.read() == events
        of_bo = (await say("outbox", mail.replace(cases[ANN], cases[BO]))).stdout
    assert (shown.exit_code, erased.exit_code, again.exit_code) == (2, 0, 0)
    assert "nothing was erased; --yes erases" in shown.stderr
    for told in (shown.stdout, erased.stdout):
        assert told.startswith("c-ann is named by 3 texts, from ")
        assert f"  1 mail\n  1 message\n  1 line on who got something, or what was answered\nof {cases[ANN]}\n" in told
    assert "\nerased\nnot erased by this:\n" in erased.stdout
    assert ANN in before
    assert (json.loads(again.stdout)["texts"], json.loads(again.stdout)["erased"]) == ([], False)
    assert listed.count(": erased on ") == 2
    assert listed.count(" by ana") == 2
    for text in (*texts, redelivered):
        assert text.exit_code == 2
    assert all("is not kept: it is sent, erased on " in text.stderr.replace("\n", " ") for text in texts)
    assert ANN not in listed
    assert f"Dear {BO}" in of_bo
    assert sorted(str(sent["To"]) for sent in behaviour.taken) == [ANN, BO]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("nobody",), "nobody is known as 'nobody'"),
        (("cy",), "no address is known of 'cy'"),
        ((" ",), "there is nothing to look for in a blank text"),
        ((ANN, "--also", " "), "there is nothing to look for in a blank text"),
    ],
)
def test_who_is_nobody_is_refused(offline: Callable[..., Result], arguments: tuple[str, ...], why: str) -> None:
    refused = offline("erase", *arguments)
    assert refused.exit_code == 2
    assert why in " ".join(refused.stderr.replace("│", " ").split())


@pytest.fixture
def offline(tmp_path: Path) -> Callable[..., Result]:
    """Types a command where there is a store, and no Temporal."""
    database = f"sqlite:///{tmp_path / 'milepost.db'}"
    with Store.open(database) as store:
        store.catalog.apply(read_document({"people": [{"id": "cy"}]}), by="test")
        store.actions.record_mail("c-1/k", [BO], "for Ann Miller", f"Dear {BO}", datetime.now(UTC))
    return lambda *arguments: milepost(
        *arguments, env={"MILEPOST_DATABASE_URL": database, "MILEPOST_DATA": str(tmp_path)}
    )


def test_other_words_name_somebody_too(offline: Callable[..., Result]) -> None:
    """Only those that are given: a name may be that of several people."""
    assert "no text that is kept names ann@example.org" in offline("erase", ANN, "--yes").stdout
    assert offline("erase", ANN, "--also", "ann miller", "--yes").exit_code == 0
    assert " by " in offline("outbox", "c-1/k").stdout
    assert "Miller" not in offline("outbox", "c-1/k").stdout

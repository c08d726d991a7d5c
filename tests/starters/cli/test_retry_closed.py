"""``retry`` of what failed for good of a case that runs or has ended, against a real server and a real mail server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from temporalio.client import Client, WorkflowExecutionStatus
from typer.testing import Result

from activities.delivery.means import Means
from domain.catalog.documents import read_document
from domain.messages.redelivery import workflow_id
from store import Store
from tests.activities.actions.sending import mail_server_at
from tests.activities.delivery.mail_server import Behaviour, mail_server
from tests.starters.command_line import environment_of, milepost
from tests.support import assert_eventually, unique
from worker.process import working

MAILS = [{"do": "email", "to": "desk@example.org", "subject": f"{{{{ case.id }}}} {word}"} for word in ("one", "two")]
CATALOG = {
    "processes": [
        {
            "name": "Gold",
            "milestones": [{"name": "Answer", "within": "4h", "triggers": [{"kind": "success", "actions": MAILS}]}],
        }
    ],
    "accounts": [{"id": "acme"}],
    "entitlements": [{"id": "acme-gold", "account": "acme", "process": "Gold"}],
}


@dataclass
class Desk:
    """A case of which two mails have failed, beside a worker and a mail server."""

    environment: dict[str, str]
    store: Store
    client: Client
    mail: Behaviour
    case: str

    @property
    def keys(self) -> tuple[str, str]:
        first = f"{self.case}/gold/answer/1/success/1/email"
        return first, f"{first}-2"

    async def say(self, *arguments: str) -> Result:
        return await asyncio.to_thread(milepost, *arguments, env=self.environment)

    async def refusal(self, *arguments: str) -> str:
        refused = await self.say(*arguments)
        assert (refused.exit_code, refused.stdout) == (2, "")
        return refused.stderr

    async def has_failed(self, key: str) -> None:
        sent, known = self.store.deliveries.get(key), self.store.actions.get(key)
        assert (sent and sent.status, known and known.status) == ("failed", "failed")

    async def has_ended(self) -> None:
        described = await self.client.get_workflow_handle(f"case/{self.case}").describe()
        assert described.status is WorkflowExecutionStatus.COMPLETED


@asynccontextmanager
async def desk_of(client: Client, folder: Path, task_queue: str) -> AsyncIterator[Desk]:
    database, mail = f"sqlite:///{folder / 'milepost.db'}", Behaviour(recipient="550 no such user")
    with Store.open(database) as store:
        store.catalog.apply(read_document(CATALOG), by="test")
        async with (
            mail_server(mail) as port,
            working(client, store, task_queue=task_queue, means=Means(mail=mail_server_at(port))),
        ):
            desk = Desk(environment_of(client, folder, database, task_queue), store, client, mail, unique("c"))
            await desk.say("open", desk.case, "--account", "acme")
            await desk.say("complete", desk.case, "Answer")
            for key in desk.keys:
                await assert_eventually(partial(desk.has_failed, key))
            yield desk


async def test_what_failed_of_a_closed_case_is_tried_again(client: Client, tmp_path: Path, task_queue: str) -> None:
    """Once, by its key or since an instant; it is done then, says who asked for it, and is not tried any more."""
    begun = datetime.now(UTC).isoformat()
    async with desk_of(client, tmp_path, task_queue) as desk:
        case, say, mail, (one, two) = desk.case, desk.say, desk.mail, desk.keys
        await say("close", case)
        await assert_eventually(desk.has_ended)
        mail.recipient = "450 later"
        assert (await say("retry", case, one, "--by", "ana")).stdout == f"{one} is tried again\n"
        assert "is being tried again already" in await desk.refusal("retry", case, one)
        await client.get_workflow_handle(workflow_id(one)).terminate()
        mail.recipient = "250 OK"
        assert (await say("retry", "--since", begun, "--by", "ana")).stdout == "2 of 2 are tried again\n"
        for key in (one, two):
            await client.get_workflow_handle(workflow_id(key)).result()
        assert sorted(str(sent["Subject"]) for sent in mail.taken) == [f"{case} one", f"{case} two"]
        listed = (await say("actions", case)).stdout
        assert listed.count("(done)") == 2
        assert listed.count("delivered again by hand: ana asked at ") == 3
        assert (await say("actions", "--failed")).stdout == "no action has failed for good\n"
        assert (await say("retry", "--since", begun)).stdout == "0 of 0 are tried again\n"
        assert f"no failed action {one!r}: it is done" in await desk.refusal("retry", case, one)
        assert len(mail.taken) == 2


async def test_what_is_not_kept_any_more_is_refused(client: Client, tmp_path: Path, task_queue: str) -> None:
    """And says why; so is what belongs to another case."""
    async with desk_of(client, tmp_path, task_queue) as desk:
        one, _ = desk.keys
        await desk.say("close", desk.case)
        await assert_eventually(desk.has_ended)
        assert "is known here" in await desk.refusal("retry", unique("c"), one)
        desk.store.texts.erase(datetime.now(UTC) + timedelta(days=1))
        assert "is not kept any more" in await desk.refusal("retry", desk.case, one)
        everything = await desk.say("retry", "--kind", "email")
        assert (everything.exit_code, everything.stdout) == (1, "0 of 2 are tried again\n")


async def test_a_case_that_runs_tries_it_alone(client: Client, tmp_path: Path, task_queue: str) -> None:
    """What it is trying is refused, and not taken for what it has forgotten."""
    async with desk_of(client, tmp_path, task_queue) as desk:
        one, _ = desk.keys
        desk.mail.recipient = "450 later"
        assert (await desk.say("retry", desk.case, one)).exit_code == 0
        assert "is being tried already" in await desk.refusal("retry", desk.case, one)
        desk.mail.recipient = "250 OK"

        async def is_done() -> None:
            known = desk.store.actions.get(one)
            assert known is not None
            assert known.status == "done"

        await assert_eventually(is_done)
        assert desk.store.redeliveries.of_case(desk.case) == []
        assert desk.store.actions.kept_order(one) is None
        assert len(desk.mail.taken) == 1

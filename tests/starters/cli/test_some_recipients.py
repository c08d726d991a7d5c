"""What a user sees of a mail that reached some of its recipients, against a real server, worker and mail server."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client
from typer.testing import Result

from activities.delivery.means import Means
from domain.catalog.documents import read_document
from store import Store
from tests.activities.actions.sending import mail_server_at
from tests.activities.actions.test_some_recipients import ANN, BO, LATER, Picky
from tests.activities.delivery.mail_server import mail_server
from tests.starters.command_line import environment_of, milepost
from tests.support import assert_eventually, unique
from worker.process import working

PACE = 200_000
"""All attempts within two seconds."""


async def test_an_action_that_reached_only_some_has_failed(client: Client, tmp_path: Path, task_queue: str) -> None:
    """It is listed with who has it and who has not; retried by hand it goes to those who have not."""
    database = f"sqlite:///{tmp_path / 'milepost.db'}"
    environment = environment_of(client, tmp_path, database, task_queue)
    case, picky = unique("c"), Picky(refuses={BO: LATER})
    key = f"{case}/gold/answer/1/violation-0/1/email"

    async def say(*arguments: str) -> Result:
        return await asyncio.to_thread(milepost, *arguments, env=environment)

    async with mail_server(picky) as port:
        actions = [{"do": "email", "to": [ANN, BO], "subject": "{{ case.id }} is late"}]
        milestone = {"name": "Answer", "within": "4h", "triggers": [{"kind": "violation", "actions": actions}]}
        catalog = {
            "processes": [{"name": "Gold", "milestones": [milestone]}],
            "accounts": [{"id": "acme"}],
            "entitlements": [{"id": "acme-gold", "account": "acme", "process": "Gold"}],
        }
        with Store.open(database) as store:
            store.catalog.apply(read_document(catalog), by="test")
            async with working(client, store, task_queue=task_queue, means=Means(mail_server_at(port), pace=PACE)):
                opened_at = datetime.now(UTC) - timedelta(hours=4)
                await say("open", case, "--account", "acme", "--opened-at", opened_at.isoformat())

                async def stands(status: str) -> None:
                    assert [one.status for one in store.actions.of_case(case)] == [status]

                await assert_eventually(lambda: stands("failed"))
                listed, failed = (await say("actions", case)).stdout, (await say("actions", "--failed")).stdout
                why = f"refused for now for {BO}: {LATER}; {ANN} has it"
                for said in (listed, failed):
                    assert why in " ".join(said.split())
                [told] = [event.data for event in store.feed.read().events if "failed" in event.type]
                assert f"refused for now for (address): {LATER}; (address) has it" in str(told)
                assert "@" not in str(told), "the feed is kept for good"
                assert f"email to {ANN}, {BO}: {case} is late (failed)" in " ".join(listed.split())
                assert [address for address, _ in picky.got] == [ANN]
                picky.refuses = {}
                assert (await say("retry", case, key)).exit_code == 0
                await assert_eventually(lambda: stands("done"))
    assert [address for address, _ in picky.got] == [ANN, BO]

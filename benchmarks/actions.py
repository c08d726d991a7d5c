"""How many actions a worker carries out a second, beside as many activities that do nothing.

    python benchmarks/actions.py [--actions N]

On a server of its own (or one that `TEMPORAL_ADDRESS` names): workflows that order ten activities each, of one kind at
a time, on one worker with a database in a file. The mail server and the receiver of messages are programs of their own,
and answer at once. Kinds take turns, and the fastest of three rounds counts, so that whatever else the machine does
weighs on all of them alike. Prints a table and writes it to `benchmarks/results/actions.json`. What counts is the share
of the empty activities' speed: the rest is texts, records and the wire.
"""
# ruff: noqa: E402 - the path is put right before anything is imported

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if Path(sys.path[0]).resolve() == ROOT / "benchmarks":
    sys.path[0] = str(ROOT)

import argparse
import asyncio
import base64
import json
import os
import platform
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from uuid import uuid4

from rich.console import Console
from rich.table import Table
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.delivery.http import HookSender
from activities.delivery.means import Means
from activities.delivery.smtp import MailServer
from domain.catalog.documents import read_document
from domain.delivery.encryption import Encryption
from domain.messages.case_state import ActionOrder
from domain.process.triggers import TriggerKind
from store import Store
from tests.activities.actions.outside_world import outside
from worker.connection import settle
from worker.embedded import running_server
from worker.process import working

ACTIONS = 1000
IN_A_WORKFLOW = 10
ROUNDS = 3
WITHIN = timedelta(minutes=10)

EMPTY = "empty"
KINDS: dict[str, dict[str, Any]] = {
    "task": {"subject": "call {{ account.name }}", "assign_to": "desk"},
    "email": {"to": "desk@example.org", "subject": "{{ case.id }}", "body": "Due {{ milestone.target_at }}."},
    "outbound_message": {"endpoint": "desk"},
    "signal": {"workflow": "listening", "signal": "heard"},
}


@workflow.defn
class Ordering:
    """Orders activities of one kind, all at once."""

    @workflow.run
    async def run(self, kind: str, queue: str, orders: list[dict[str, Any]]) -> None:
        """Return when all are done."""
        done = (
            workflow.execute_activity(kind, order, task_queue=queue, start_to_close_timeout=WITHIN) for order in orders
        )
        await asyncio.gather(*done)


@workflow.defn
class Listening:
    """Takes signals, and counts no more than the server does."""

    @workflow.run
    async def run(self) -> None:
        """Go on for ever."""
        await workflow.wait_condition(lambda: False)

    @workflow.signal
    def heard(self, event: dict[str, Any]) -> None:
        """Do nothing."""


@activity.defn(name=EMPTY)
async def nothing(order: dict[str, Any]) -> None:
    """Take what an action takes, and do nothing."""


def order(kind: str, case: str, number: int, now: datetime) -> dict[str, Any]:
    """An order as a case gives it; those of one instant wait for no other."""
    action = "task" if kind == EMPTY else kind
    made = ActionOrder.model_validate(
        {
            "case_id": case,
            "milestone": "Answer",
            "trigger": "violation-0",
            "kind": TriggerKind.VIOLATION,
            "due_at": now,
            "at": now,
            "call": {
                "key": f"{case}/gold/answer/1/violation-0/1/{kind}-{number}",
                "action": {"do": action, **KINDS[action]},
            },
            "context": {
                "case": {"id": case, "priority": "High"},
                "milestone": {"name": "Answer", "occurrence": 1, "kind": "violation", "target_at": now.isoformat()},
                "entitlement": {"id": "acme-gold"},
                "account": {"id": "acme", "name": "Acme"},
            },
        }
    )
    return made.model_dump(mode="json")


async def seconds(client: Client, kind: str, actions: int) -> float:
    """How long so many activities of one kind take, from the first order to the last answer."""
    queue = EMPTY if kind == EMPTY else "actions"
    cases = [f"{kind}-{uuid4().hex[:10]}" for _ in range(actions // IN_A_WORKFLOW)]
    begun, now = perf_counter(), datetime.now(UTC)
    await asyncio.gather(
        *(
            client.execute_workflow(
                Ordering.run,
                args=[kind, queue, [order(kind, case, number, now) for number in range(IN_A_WORKFLOW)]],
                id=case,
                task_queue="ordering",
            )
            for case in cases
        )
    )
    return perf_counter() - begun


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Client]:
    """Server, workers and receivers, for as long as the context lasts; nothing is kept."""
    os.environ["DESK_SECRET"] = "whsec_" + base64.b64encode(b"s" * 32).decode()
    async with AsyncExitStack() as stack:
        mail = await stack.enter_async_context(outside("mail", folder))
        web = await stack.enter_async_context(outside("web", folder))
        server = await stack.enter_async_context(running_server(virtual_clock=False))
        store = stack.enter_context(Store.open(f"sqlite:///{folder / 'milepost.db'}"))
        endpoint = {"id": "desk", "url": f"http://127.0.0.1:{web.port}/", "secrets": [{"env": "DESK_SECRET"}]}
        store.catalog.apply(read_document({"endpoints": [endpoint]}), by="benchmark")
        means = Means(
            mail=MailServer("127.0.0.1", "sla@example.org", mail.port, encryption=Encryption.NONE),
            hooks=HookSender(["127.0.0.1"]),
        )
        client = server.client
        await stack.enter_async_context(working(client, store, task_queue="actions", means=means))
        await stack.enter_async_context(Worker(client, task_queue=EMPTY, activities=[nothing]))
        await stack.enter_async_context(
            Worker(
                client,
                task_queue="ordering",
                workflows=[Ordering, Listening],
                workflow_runner=UnsandboxedWorkflowRunner(),
            )
        )
        await client.start_workflow(Listening.run, id="listening", task_queue="ordering")
        yield client


async def measured(actions: int) -> dict[str, float]:
    """The fastest round of each kind, in actions a second."""
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="milepost-benchmark-", ignore_cleanup_errors=True) as folder:
        async with running(Path(folder)) as client:
            await seconds(client, EMPTY, 10 * IN_A_WORKFLOW)
            for _ in range(ROUNDS):
                for kind in (EMPTY, *KINDS):
                    best[kind] = max(best.get(kind, 0.0), actions / await seconds(client, kind, actions))
            del client
        await settle()
    return best


def main(actions: int) -> None:
    """Measure, and say what came out."""
    best = asyncio.run(measured(actions))
    rows = {
        kind: {"per_second": round(rate, 1), "of_empty": round(rate / best[EMPTY], 2)} for kind, rate in best.items()
    }
    table = Table("kind", "actions a second", "of empty activities")
    for kind, row in rows.items():
        table.add_row(kind, f"{row['per_second']:,}", f"{row['of_empty']:.2f}")
    Console().print(table)
    found = {"python": platform.python_version(), "machine": platform.machine(), "actions": actions, "kinds": rows}
    (ROOT / "benchmarks" / "results" / "actions.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--actions", type=int, default=ACTIONS)
    main(parser.parse_args().actions)

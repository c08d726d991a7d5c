"""Whatever is thrown inside a handler becomes a refusal: its workflow goes on, and others are answered meanwhile.

Every handler of every workflow, as the classes define them, is sent a message that fits; again and again, each time
with another function failing that the handler calls.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio
import temporalio.worker.workflow_sandbox as sandbox
from temporalio.client import Client, WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.worker import Worker

from domain.messages.migrations import MIGRATION_WORKFLOW
from domain.messages.migrations import workflow_id as migration_id
from tests.abuse.harness import Besieged, Found, _answered, is_closed, refuse_failed_tasks
from tests.abuse.registry import CASE, ENTITLEMENT, MESSAGES, MIGRATION, SUBSCRIPTION, Message, defined
from tests.abuse.test_on_a_server import case_of, entitlement_of, subscription_of
from tests.abuse.throwing import Part, Thrower, Throwing, spread
from tests.support import unique
from tests.usage import RememberingStore, counting
from tests.workflows.subscription.standing_still import standing_still
from tests.workflows.world import World
from worker.clock import VirtualClock
from worker.plugin import RUNNER
from worker.process import running
from workflows.barrier import UNEXPECTED
from workflows.migration.workflow import MigrationWorkflow

MOST = 10_000 if os.environ.get("MILEPOST_ABUSE") == "all" else 9
"""Functions of one handler that fail, one after another."""
FIRST = 6
"""Of these the first ones that it calls."""

pytestmark = [
    # What was thrown between the making of a coroutine and its start.
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ENDING = {"close", "case_closed", "end"}
"""What ends a case, or a subscription."""

Starting = Callable[[], Awaitable[Besieged]]


@pytest.fixture(scope="module")
def thrower() -> Iterator[Thrower]:
    """Every worker of this module runs its workflows under it."""
    found = Thrower()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sandbox.SandboxedWorkflowRunner, "create_instance", found.instance_for)
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def begin(client: Client, thrower: Thrower, besieged: World) -> AsyncIterator[dict[str, Starting]]:
    """By the name of a workflow: starts one."""
    clock, task_queue = VirtualClock(client), unique("queue")

    async def migration() -> Besieged:
        batch = unique("batch")
        handle = await client.start_workflow(
            MIGRATION_WORKFLOW, {"migration_id": batch}, id=migration_id(batch), task_queue=f"{task_queue}-batches"
        )

        async def look() -> Any:
            return await handle.query("progress")

        async def nothing_is_due() -> None:
            await refuse_failed_tasks(handle)

        return Besieged(handle, look, look, nothing_is_due)

    # Nobody counts the cases for it, so it does not end.
    batches = Worker(client, task_queue=f"{task_queue}-batches", workflows=[MigrationWorkflow], workflow_runner=RUNNER)
    still = standing_still(client, f"{task_queue}-subscriptions")
    async with counting(clock.client, task_queue, RememberingStore()), running(batches), still:
        yield {
            CASE: lambda: case_of(besieged),
            ENTITLEMENT: lambda: entitlement_of(clock, task_queue),
            MIGRATION: migration,
            SUBSCRIPTION: lambda: subscription_of(client, f"{task_queue}-subscriptions"),
        }


def handlers() -> list[Any]:
    """Every handler and validator that a workflow defines, with a message that it takes."""
    samples = {(m.workflow, m.kind, m.name): m for m in MESSAGES if m.kind != "start"}
    found: list[tuple[Message, Part]] = []
    for workflow, kind, name in sorted(defined()):
        if kind == "start":
            continue
        sample = samples[workflow, kind, name]
        if kind == "update":
            found.append((sample, "validator"))
        found.append((sample, kind))
    return [pytest.param(message, part, id=f"{message.id}, {part}") for message, part in found]


def arguments(message: Message) -> list[Any]:
    """Of a message that is sent anew."""
    if message.model is None:
        return [] if message.sample is None else [message.sample]
    sample = dict(message.sample)
    for key in ("event_id", "id"):
        if key in sample:
            sample[key] = unique("thrown")
    if "milestone" in sample:
        sample["milestone"] = "First response"
    if message.name.startswith("consume"):
        sample["reference"] = unique("r")
    return [[sample]] if message.is_many else [sample]


class Assault:
    """One handler, thrown from again and again."""

    def __init__(self, begin: Starting, thrower: Thrower, message: Message, part: Part) -> None:
        self.begin = begin
        self.thrower = thrower
        self.message = message
        self.part: Part = part
        self.refused = 0
        self.target: Besieged | None = None

    async def once(self, number: int | None) -> Throwing:
        """Send the message and, at the same time, another request. Its workflow goes on.

        Raises:
            Found: it does not, or the other request has no answer.
        """
        if self.target is None or await is_closed(self.target.handle):
            self.target = await self.begin()
        target, update_id = self.target, unique("thrown")
        name = {"validator": update_id, "update": update_id}.get(self.part, self.message.name)
        throwing = self.thrower.throwing = Throwing(self.part, name, number)
        try:
            said, _ = await asyncio.gather(
                _answered(target.handle, self._send(target, update_id)), _answered(target.handle, self._ask(target))
            )
            if self.message.kind == "signal":
                await self._is_heard(target)
        except (Found, WorkflowUpdateFailedError) as found:
            raise Found(f"call {number}, {throwing.where}: {found}: {found.__cause__}") from found
        finally:
            self.thrower.throwing = None
        self.refused += said == UNEXPECTED
        return throwing

    async def _ask(self, target: Besieged) -> None:
        """Another request; of a workflow that is told to end it may come too late."""
        try:
            await target.ask()
        except (RPCError, WorkflowUpdateFailedError):
            if self.message.name not in ENDING:
                raise
        except WorkflowQueryFailedError as refused:  # of a migration nothing can be asked but the two questions
            if "under fault" not in str(refused):
                raise
            self.refused += 1

    async def _send(self, target: Besieged, update_id: str) -> str | None:
        """Send it; the type of a refusal."""
        sent = arguments(self.message)
        try:
            match self.message.kind:
                case "update":
                    await target.handle.execute_update(self.message.name, args=sent, id=update_id)
                case "signal":
                    await target.handle.signal(self.message.name, args=sent)
                case _:
                    await target.handle.query(self.message.name, args=sent)
        except WorkflowUpdateFailedError as refused:
            return refused.cause.type if isinstance(refused.cause, ApplicationError) else str(refused.cause)
        except WorkflowQueryFailedError as refused:
            return UNEXPECTED if "under fault" in str(refused) else str(refused)
        except RPCError:  # it was about to end already
            if self.message.name not in ENDING:
                raise
        return None

    async def _is_heard(self, target: Besieged) -> None:
        """A signal has no answer: what is asked after it is answered after it."""
        if self.message.name not in ENDING:
            await _answered(target.handle, target.look())
        await refuse_failed_tasks(target.handle)


@pytest.mark.parametrize(("message", "part"), handlers())
async def test_what_a_handler_throws_stops_nothing(
    begin: dict[str, Starting], thrower: Thrower, message: Message, part: Part
) -> None:
    """It is refused with a number, and nothing wedges or ends; a request that comes with it is answered."""
    assault = Assault(begin[message.workflow], thrower, message, part)
    calls = (await assault.once(None)).calls
    assert calls > 0, "it calls nothing of ours"
    thrown = [(await assault.once(number)).has_thrown for number in spread(calls, MOST, FIRST)]
    assert any(thrown)
    # What a validator lets pass, its handler puts on record; what a signal throws goes on record alone.
    assert message.kind == "signal" or part == "validator" or assault.refused > 0
    assert assault.target is not None
    assert not await is_closed(assault.target.handle) or message.name in ENDING
    await refuse_failed_tasks(assault.target.handle)
    with suppress(RPCError):
        await assault.target.handle.terminate()

"""Every message with ugly values, sent to running workflows: each goes on. A sample; `make abuse` sends all of them.

After each: an update is taken, a timer that is due fires, no workflow task has failed, and a refusal has left the state
as it was.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowFailureError, WorkflowQueryFailedError
from temporalio.service import RPCError
from temporalio.worker import Worker

from domain.messages.inbox import written_format
from domain.timeline.views import CaseView
from domain.usage.requests import PUTS_AWAY, Balance, workflow_id
from tests.abuse.harness import Besieged, Found, Handle, is_closed, raw, refuse_failed_tasks, settles, strike, taken
from tests.abuse.planted import Planted
from tests.abuse.registry import CASE, ENTITLEMENT, MESSAGES, SUBSCRIPTION, Message
from tests.abuse.ugly import messages_of, shapes
from tests.support import assert_eventually, unique
from tests.usage import NOON, RememberingStore, counting, terms
from tests.workflows.subscription import standing_still as still
from tests.workflows.world import MONDAY, World
from worker.clock import ClockStuck, VirtualClock
from worker.plugin import RUNNER
from worker.process import running

ALL = os.environ.get("MILEPOST_ABUSE") == "all"
SEED = int(os.environ.get("MILEPOST_ABUSE_SEED", "1"))
SAMPLE = 1
"""Values of each message that are sent where not all of them are, beside the worst ones."""
WORST = {"occurred_at: year 1", "argument: 1000 deep", "no argument"}
AT_ONCE = 8
HELD = timedelta(seconds=30)
"""After which a clock that does not move is held by something that does not end."""
SOON = 30.0
"""Seconds within which a timer that was due has fired, also beside much other work; one that is wedged never does."""


def ugly(message: Message) -> list[tuple[str, list[Any]]]:
    """What is sent of a message: all that there is, or a sample that a seed draws."""
    found: list[tuple[str, list[Any]]]
    if message.model is None:
        found = list(shapes(message.sample))
    elif message.is_many:
        made = messages_of(message.model, message.sample)
        found = [(label, [arguments]) for label, arguments in made] + list(shapes([message.sample]))
    else:
        found = list(messages_of(message.model, message.sample))
    if ALL:
        return found
    drawn = random.Random(f"{SEED} {message.id}").sample(found, SAMPLE)  # noqa: S311  nothing secret
    edges = [one for one in found if one[0] in WORST]
    return [*edges, *(one for one in drawn if one not in edges)]


async def siege(message: Message, strike_once: Callable[[list[Any]], Awaitable[None]]) -> list[str]:
    """Send all that is ugly of a message, each to a workflow of its own; returns what was found."""
    found: list[str] = []
    free = asyncio.Semaphore(AT_ONCE)

    async def one(label: str, arguments: list[Any]) -> None:
        async with free:
            try:
                await strike_once(arguments)
            except Found as wrong:
                found.append(f"{label}: {wrong}")

    await asyncio.gather(*(one(label, arguments) for label, arguments in ugly(message)))
    return found


def of(workflow: str, *kinds: str) -> list[Any]:
    """The messages of a workflow, with their names."""
    chosen: Iterable[Message] = (m for m in MESSAGES if m.workflow == workflow and m.kind in kinds)
    return [pytest.param(message, id=message.id) for message in chosen]


async def pass_time(clock: VirtualClock, handle: Handle, instant: datetime) -> None:
    """Move a workflow's clock a second past an instant. Something that is tried for ever holds it.

    Raises:
        Found: it does not get there.
    """
    try:
        await clock.go_to(handle, instant + timedelta(seconds=1), patience=HELD)
    except ClockStuck as stuck:
        raise Found(str(stuck)) from stuck


# --- cases ---


async def case_of(besieged: World) -> Besieged:
    """A case of its own with two milestones that run."""
    case = await besieged.open(fields={"priority": "High"})
    handle = besieged.milepost.handle(case)
    began_at = (await handle.describe()).start_time
    fixed = (datetime.now(UTC) + timedelta(days=30)).isoformat()  # as of then it says the same until something is taken

    async def look() -> Any:
        return await handle.query("timeline", fixed)

    async def ask() -> None:
        asked = {"event_id": unique("ask"), "fields": {"state": unique("state")}}
        answer = await taken(handle, "change_fields", asked)
        if answer["outcome"] != "taken":
            raise Found(f"the next request is {answer['outcome']}")

    async def tick() -> None:
        before: CaseView = await besieged.view(case)
        if before.next_due is None:
            return
        await pass_time(besieged.clock, handle, began_at + (before.next_due - MONDAY))

        async def happened() -> None:
            after: CaseView = await besieged.view(case)
            if after.next_due == before.next_due:
                raise Found(f"{before.next_summary} was due at {before.next_due} and did not happen")

        await assert_eventually(happened, within=SOON)

    return Besieged(handle, look, ask, tick)


@pytest.mark.parametrize("message", of(CASE, "update", "signal", "query"))
async def test_a_case_goes_on_whatever_it_is_sent(besieged: World, message: Message) -> None:
    """Each value to a case of its own."""

    async def once(arguments: list[Any]) -> None:
        target = await case_of(besieged)
        await strike(target, message.kind, message.name, arguments)
        with suppress(RPCError):
            await target.handle.terminate()

    assert await siege(message, once) == []


# --- entitlements ---


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def counted(client: Client) -> AsyncIterator[Callable[[], Awaitable[Besieged]]]:
    """Starts entitlements, each with a cap of 50 a month."""
    clock, task_queue = VirtualClock(client), unique("queue")
    async with counting(clock.client, task_queue, RememberingStore()):

        async def start() -> Besieged:
            return await entitlement_of(clock, task_queue)

        yield start


async def entitlement_of(clock: VirtualClock, task_queue: str) -> Besieged:
    started = terms(period="month")
    handle = await clock.client.start_workflow(
        ENTITLEMENT, started, id=workflow_id(started.entitlement_id), task_queue=task_queue
    )
    began_at = (await handle.describe()).start_time

    async def has_read_its_terms() -> None:
        try:
            await handle.query("balance")
        except WorkflowQueryFailedError as error:
            raise Found(str(error)) from error

    await assert_eventually(has_read_its_terms)

    async def look() -> Any:
        return await handle.query("balance", (NOON + timedelta(days=400)).isoformat())

    async def ask() -> None:
        asked = {"event_id": unique("ask"), "reference": unique("r"), "occurred_at": NOON.isoformat()}
        answer = await taken(handle, "consume", asked)
        if answer["outcome"] not in {"granted", "refused", "overflow"}:
            raise Found(f"the next request is {answer['outcome']}")

    async def tick() -> None:
        before = await handle.query("balance", result_type=Balance)
        if before.changes_at is None or before.status != "active":
            return
        await pass_time(clock, handle, began_at + (before.changes_at - NOON))

        async def is_over() -> None:
            after = await handle.query("balance", result_type=Balance)
            if after.current.period == before.current.period and after.status == before.status:
                raise Found(f"period {before.current.period} was over at {before.changes_at} and goes on")

        await assert_eventually(is_over, within=SOON)

    return Besieged(handle, look, ask, tick)


@pytest.mark.parametrize("message", of(ENTITLEMENT, "update", "signal", "query"))
async def test_an_entitlement_goes_on_whatever_it_is_sent(
    counted: Callable[[], Awaitable[Besieged]], message: Message
) -> None:
    """Each value to an entitlement of its own."""

    async def once(arguments: list[Any]) -> None:
        target = await counted()
        await strike(target, message.kind, message.name, arguments)
        with suppress(RPCError):
            await target.handle.terminate()

    assert await siege(message, once) == []


# --- subscriptions ---


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def subscribed(client: Client) -> AsyncIterator[Callable[[], Awaitable[Besieged]]]:
    """Starts subscriptions, each with nothing to send."""
    task_queue = unique("queue")
    async with still.standing_still(client, task_queue):

        async def start() -> Besieged:
            return await subscription_of(client, task_queue)

        yield start


async def subscription_of(client: Client, task_queue: str) -> Besieged:
    handle = await still.start(client, task_queue)

    async def look() -> Any:
        return (await handle.query("standing"))["state"]

    async def ask() -> None:
        await taken(handle, "resume", {"by": "ann"})

    async def nothing_is_due() -> None:
        await refuse_failed_tasks(handle)

    return Besieged(handle, look, ask, nothing_is_due)


@pytest.mark.parametrize("message", of(SUBSCRIPTION, "update", "signal", "query"))
async def test_a_subscription_goes_on_whatever_it_is_sent(
    subscribed: Callable[[], Awaitable[Besieged]], message: Message
) -> None:
    """Each value to a subscription of its own."""

    async def once(arguments: list[Any]) -> None:
        target = await subscribed()
        await strike(target, message.kind, message.name, arguments)
        with suppress(RPCError):
            await target.handle.terminate()

    assert await siege(message, once) == []


# --- starts ---


@pytest.mark.parametrize(
    "message", [row for name in sorted({m.workflow for m in MESSAGES}) for row in of(name, "start")]
)
async def test_a_start_fails_or_runs_whatever_it_is_given(besieged: World, message: Message) -> None:
    """One that does not fit fails its workflow: none runs for ever with a workflow task that fails.

    Only what a newer build may have written is left to that build.
    """
    client = besieged.clock.client

    async def once(arguments: list[Any]) -> None:
        prefixes = {CASE: "case", ENTITLEMENT: "entitlement", SUBSCRIPTION: "subscription"}
        prefix, name = prefixes.get(message.workflow, "migration"), unique("ugly")
        handle = await client.start_workflow(
            message.name,
            args=raw(under_its_name(arguments, message.sample, name)),
            id=f"{prefix}/{name}",
            task_queue=besieged.task_queue,
        )
        try:
            if is_of_a_newer_build(arguments):
                with pytest.raises(Found, match="this build reads formats up to"):
                    await settles(handle)
            else:
                await settles(handle)
        finally:
            with suppress(RPCError):
                await handle.terminate()

    assert await siege(message, once) == []


def under_its_name(arguments: list[Any], sample: Mapping[str, Any], name: str) -> list[Any]:
    """The arguments with the name of their workflow: it refuses another one, and looks at nothing else then."""
    own = next(iter(sample))
    first = arguments[0] if arguments else None
    if not isinstance(first, dict) or first.get(own) != sample[own]:
        return arguments
    return [{**first, own: name}, *arguments[1:]]


def is_of_a_newer_build(arguments: list[Any]) -> bool:
    written = written_format(arguments[0]) if arguments else None
    return written is not None and written > PUTS_AWAY  # the highest of all that start


# --- the harness itself ---


@pytest_asyncio.fixture(loop_scope="session")
async def planted(client: Client, task_queue: str) -> AsyncIterator[Callable[[], Awaitable[Besieged]]]:
    """Starts workflows of which some handlers are not guarded."""
    worker = Worker(client, task_queue=task_queue, workflows=[Planted], workflow_runner=RUNNER)

    async def start() -> Besieged:
        handle = await client.start_workflow(Planted.run, id=unique("planted"), task_queue=task_queue)

        async def nothing_is_due() -> None:
            await refuse_failed_tasks(handle)

        return Besieged(handle, lambda: handle.query("look"), lambda: handle.execute_update("ask"), nothing_is_due)

    async with running(worker):
        yield start


AT_THE_EDGE = {"occurred_at": "9999-12-31T23:59:59-14:00"}


async def test_what_fits_is_no_finding(planted: Callable[[], Awaitable[Besieged]]) -> None:
    """Neither of an update nor of a signal."""
    target = await planted()
    await strike(target, "update", "unguarded", [{"occurred_at": MONDAY.isoformat()}])
    await strike(target, "signal", "unguarded_news", [{"occurred_at": MONDAY.isoformat()}])
    assert not await is_closed(target.handle)
    await target.handle.terminate()


@pytest.mark.parametrize(
    ("kind", "name", "arguments", "why"),
    [
        ("update", "unguarded", [AT_THE_EDGE], "a workflow task failed: date value out of range"),
        ("update", "unguarded", [], "a workflow task failed: tuple index out of range"),
        ("signal", "unguarded_news", [{"occurred_at": 5}], "a workflow task failed: fromisoformat"),
        ("update", "careless", [1], "its state is another one"),
    ],
)
async def test_an_unguarded_handler_is_found(
    planted: Callable[[], Awaitable[Besieged]], kind: Any, name: str, arguments: list[Any], why: str
) -> None:
    """By the failed task, or by the state that a refusal has left."""
    target = await planted()
    with pytest.raises(Found, match=why):
        await strike(target, kind, name, arguments)
    with suppress(RPCError, WorkflowFailureError):
        await target.handle.terminate()

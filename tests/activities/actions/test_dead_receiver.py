"""A receiver that is dead while milestones come again hour by hour, and a change of build: nothing is lost or twice.

A sample runs with the tests; `make dead-receiver` is the full run, with ten thousand messages.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from activities.delivery.http import HookSender
from activities.delivery.means import Means
from clients.deployments import make_current
from domain.catalog.documents import read_document
from store import Store, tables
from tests.activities.delivery.receiver import Received, receiver, says
from tests.support import assert_eventually, unique
from tests.workflows.case.test_deployments import build_of
from tests.workflows.world import World
from worker.clock import VirtualClock
from worker.process import working

EVENTS = int(os.environ.get("MILEPOST_DEAD_EVENTS", "40"))
CASES = max(2, EVENTS // 100)
EACH = EVENTS // CASES
"""Messages of a case, half of them with the first build."""
PACE = 2_000 if EVENTS < 500 else 200 if EVENTS < 5_000 else 60
"""Divides the schedule, so that its 75 hours outlast the time for which the receiver is dead."""
WITHIN = 120.0 + EVENTS / 2
AT_ONCE = 8
HOUR = timedelta(minutes=61)
"""Each time a minute too late."""
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


class Desk:
    """A receiver that answers 503 until it is well; and the keys of what it has taken."""

    def __init__(self) -> None:
        self.is_well = False
        self.taken: list[str] = []
        self.turned_away = 0

    async def answer(self, got: Received, writer: asyncio.StreamWriter) -> None:
        if self.is_well:
            self.taken.append(json.loads(got.body)["key"])
        else:
            self.turned_away += 1
        await says("204 No Content" if self.is_well else "503 Service Unavailable")(got, writer)


def catalog(url: str) -> dict[str, Any]:
    violated = [{"kind": "violation", "at": "0", "actions": [{"do": "outbound_message", "endpoint": "desk"}]}]
    again = {"name": "Update", "within": "1h", "starts": "criteria", "recurrence": "independent", "triggers": violated}
    return {
        "fields": {"priority": "string"},
        "endpoints": [{"id": "desk", "url": url, "secrets": [{"env": "DESK_SECRET"}]}],
        "processes": [{"name": "Gold", "milestones": [again]}],
        "accounts": [{"id": "acme"}],
        "entitlements": [{"id": "acme-gold", "account": "acme", "process": "Gold"}],
    }


def statuses(store: Store) -> Counter[str]:
    """How many actions there are of each status, of the occurrences that are counted: a long run has more of them."""
    table = tables.actions
    with store._database.read() as connection:
        found = connection.execute(select(table.c.key, table.c.status)).all()
    return Counter(row.status for row in found if occurrence_of(row.key) <= EACH)


def occurrence_of(key: str) -> int:
    return int(key.split("/")[3])


async def of_each(cases: list[str], one: Callable[[str], Awaitable[object]]) -> None:
    """Do something with each case, some at once."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def in_turn(case: str) -> None:
        async with turn:
            await one(case)

    await asyncio.gather(*map(in_turn, cases))


async def test_a_dead_receiver_and_a_change_of_build_lose_nothing(
    clock: VirtualClock,
    store: Store,
    task_queue: str,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """What waits goes over to the new build with its case; when the receiver is well again each key arrives once, those
    of a case in the order in which they were due."""
    monkeypatch.setenv("DESK_SECRET", SECRET)
    world, desk, begun = World(clock, store, task_queue), Desk(), time.monotonic()
    world.milepost.patience = WITHIN  # what is lost is asked here, and not how soon somebody answers
    opened_at = datetime.now(UTC) - EACH * HOUR - timedelta(minutes=30)
    cases = [unique("c") for _ in range(CASES)]

    async def recurs(case: str, first: int, last: int) -> None:
        for number in range(first, last):
            at = (opened_at + number * HOUR).isoformat()
            await world.milepost.request(case, "complete_milestone", milestone="Update", occurred_at=at)

    async def begins(case: str) -> None:
        await world.open(case_id=case, clock=None, opened_at=opened_at)
        await recurs(case, 1, EACH // 2)

    async def moves(case: str) -> None:
        async def it_has_moved() -> None:
            await world.milepost.request(case, "change_fields", fields={"priority": unique("p")})
            assert await build_of(world, case) == "two"

        await assert_eventually(it_has_moved, within=WITHIN)
        await recurs(case, EACH // 2, EACH + 1)

    async def all_are_done() -> None:
        assert len(desk.taken) >= CASES * EACH  # reading all that is on record takes a worker's time from it
        assert statuses(store) == {"done": CASES * EACH}

    async with receiver(desk.answer) as listening:
        store.catalog.apply(read_document(catalog(listening.url)), by="test")
        means = Means(hooks=HookSender(["127.0.0.1"]), pace=PACE)
        async with working(clock.client, store, task_queue=task_queue, build_id="one", means=means):
            await make_current(world.milepost.temporal, "one", patience=30, anyway=True)
            await of_each(cases, begins)
            async with working(clock.client, store, task_queue=task_queue, build_id="two", means=means):
                await make_current(world.milepost.temporal, "two", patience=30, anyway=True)
                await of_each(cases, moves)
                assert statuses(store) == {"ordered": CASES * EACH}
                dead_for, desk.is_well = time.monotonic() - begun, True
                await assert_eventually(all_are_done, within=WITHIN)
                drained = time.monotonic() - begun - dead_for
                await of_each(cases, lambda case: world.milepost.handle(case).terminate())
    for case in cases:
        keys = [key for key in desk.taken if key.startswith(f"{case}/") and occurrence_of(key) <= EACH]
        assert keys == [f"{case}/gold/update/{n}/violation-0/1/outbound-message" for n in range(1, EACH + 1)]
    counted = {
        "messages": CASES * EACH,
        "cases": CASES,
        "turned away while dead": desk.turned_away,
        "dead for s": round(dead_for),
        "all arrived after s": round(drained),
    }
    record_property("dead receiver", counted)
    print(json.dumps(counted))  # noqa: T201  what the full run is for

"""Five hundred requests at once, through the clients: each is answered, and nobody sees an error of the connection."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from temporalio.client import Client

from clients.cases import MilepostClient
from clients.entitlements import NobodyCounts
from clients.gate import UsageGate
from clients.sending import NoAnswer
from domain.messages.cases import Answer, CaseIntake
from domain.timeline.views import CaseView
from tests.support import PATIENT, assert_eventually, unique
from tests.usage import NOON, RememberingStore, consumption, counting, terms
from tests.workflows.conftest import Working
from tests.workflows.world import MONDAY, World, later

MANY = 500
VERY_PATIENT = 3 * PATIENT
"""Seconds: a worker that keeps nothing in memory replays all of them with each few that it takes."""


async def test_five_hundred_requests_at_once_to_a_case(world: World) -> None:
    """Of three processes: each request is taken once, under its own id."""
    case = await world.open("four")
    await world.go_to(case, later(minutes=1))
    clients = [MilepostClient(world.clock.client, task_queue=world.task_queue, patience=VERY_PATIENT) for _ in range(3)]

    async def ask(number: int) -> Answer:
        return await clients[number % 3].request(
            case,
            "change_fields",
            event_id=f"e-{number}",
            occurred_at=MONDAY.isoformat(),
            fields={"state": f"s{number}"},
        )

    answers = await asyncio.gather(*(ask(number) for number in range(MANY)))
    assert {answer.outcome for answer in answers} <= {"taken", "repeated"}, "one that was lost is sent again"

    async def each_is_on_record() -> None:
        assert sum(note.kind == "changed" for note in world.store.cases.notes(case)) == MANY

    await assert_eventually(each_is_on_record, within=60)
    assert await world.failed_tasks(case) == []


async def test_five_hundred_requests_at_once_to_an_entitlement(client: Client, task_queue: str) -> None:
    """Consumptions, time entries and changes by hand, through two gates: all are counted."""
    of, gates = terms(cap=None), [UsageGate(client, task_queue, patience=VERY_PATIENT) for _ in range(2)]
    async with counting(client, task_queue, RememberingStore()):
        answers = await asyncio.gather(*(gates[n % 2].consume(of, consumption(f"C{n}")) for n in range(MANY)))
        assert sorted(answer.used for answer in answers) == list(range(1, MANY + 1))
        balances = await asyncio.gather(*(gates[n % 2].balance(of, NOON) for n in range(MANY // 5)))
        assert {balance.current.used for balance in balances} == {MANY}


async def test_without_a_worker_everybody_hears_that_nobody_answers(client: Client, task_queue: str) -> None:
    """Five hundred at once, and none hears of the connection."""
    milepost, of = MilepostClient(client, task_queue=task_queue, patience=3), terms()
    gate = UsageGate(client, task_queue, patience=3)
    case = unique("case")
    with pytest.raises(NoAnswer):
        await milepost.open(CaseIntake(case_id=case))
    asked = [milepost.request(case, "stop_clock") for _ in range(MANY // 2)]
    taken = [gate.consume(of, consumption(f"C{n}")) for n in range(MANY // 2)]
    met = await asyncio.gather(*asked, *taken, return_exceptions=True)
    assert Counter(type(one) for one in met) == {NoAnswer: MANY // 2, NobodyCounts: MANY // 2}


async def test_who_looks_before_the_opening_is_answered_after_it(idle_world: World, at_work: Working) -> None:
    """The question is put again until the case is open, within the patience."""
    case = unique("case")
    intake = CaseIntake(case_id=case, account="acme", clock=MONDAY, opened_at=MONDAY)
    await idle_world.clock.client.start_workflow(
        "CaseWorkflow", intake, id=f"case/{case}", task_queue=idle_world.task_queue
    )
    async with at_work():
        views: list[CaseView] = await asyncio.gather(*(idle_world.milepost.view(case) for _ in range(5)))
        assert {view.process for view in views} == {"Support"}
        assert (await idle_world.milepost.explanation(case)).case_id == case
        await idle_world.end_entitlements()
        assert views[0].opened_at - MONDAY < timedelta(seconds=1)

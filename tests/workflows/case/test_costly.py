"""Costly criteria: a workflow task takes fewer messages, and less of what is due, so that it ends in time."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from domain.catalog.declarations import Catalog
from domain.criteria.cost import MOST_NANOSECONDS_TOGETHER
from domain.timeline.plan import STAYS_SMALL, Plan
from store.store import Store
from tests.domain.timeline.bench import Bench
from tests.support import assert_eventually, unique
from tests.workflows.conftest import Working
from tests.workflows.replaying import replay
from tests.workflows.world import MONDAY, World
from workflows.case.passing import Passing
from workflows.case.steps import INSTANCES_A_UNIT, WORK_A_TASK, Turn, effect_cost, unit_cost

WAITING = 64
DEAR = "(case.note + case.note).contains(case.other + case.other + '{}')"

COSTLY = Catalog.model_validate(
    {
        "fields": {"note": "string", "other": "string", "state": "string"},
        "processes": [
            {
                "name": "Costly",
                "milestones": [
                    {"name": f"Milestone {number}", "within": "1h", "complete_when": DEAR.format(number)}
                    for number in range(4)
                ],
            }
        ],
        "accounts": [{"id": "costly", "name": "Costly"}],
        "entitlements": [{"id": "costly-1", "account": "costly", "process": "Costly"}],
    }
)


def timeline(criteria_ms: int, *, instances: int = 1, rules: int = STAYS_SMALL) -> Any:
    plan = Bench({"within": "1h"}, rules=rules).timeline.plan.model_copy(update={"criteria_ms": criteria_ms})
    return SimpleNamespace(plan=plan, state=SimpleNamespace(instances=[None] * instances))


@pytest.mark.parametrize(("criteria_ms", "cost"), [(0, 1), (14, 1), (15, 2), (200, 14), (500, 34)])
def test_a_step_costs_what_its_criteria_cost(criteria_ms: int, cost: int) -> None:
    """As much of what a task may take as of the time that it has; beside that what its instances cost."""
    assert unit_cost(timeline(criteria_ms)) == effect_cost(timeline(criteria_ms)) == cost
    assert unit_cost(timeline(criteria_ms, instances=3 * INSTANCES_A_UNIT)) == cost + 3


def test_a_task_takes_little_more_than_a_second_of_criteria() -> None:
    """Also of the costliest process: two steps, each of half a second."""
    costliest = timeline(MOST_NANOSECONDS_TOGETHER // 10**6)
    assert -(-WORK_A_TASK // unit_cost(costliest)) == 2


def test_under_older_rules_a_step_costs_what_it_did() -> None:
    """What a task takes decides the commands of a history."""
    assert unit_cost(timeline(500, rules=STAYS_SMALL - 1)) == effect_cost(timeline(500, rules=STAYS_SMALL - 1)) == 1


@pytest.mark.parametrize(("criteria_ms", "at_once"), [(0, WORK_A_TASK), (200, 4), (500, 1)])
async def test_what_is_due_is_done_in_slices_by_its_price(criteria_ms: int, at_once: int) -> None:
    """Each thing that is due may have all criteria evaluated anew."""
    asked: list[int] = []

    def advance(_now: object, *, at_most: int, before: object) -> int:
        asked.append(at_most)
        case.next_due = None
        return at_most

    case: Any = SimpleNamespace(
        kept=SimpleNamespace(stuck=None),
        next_due=MONDAY,
        now=lambda: MONDAY + timedelta(hours=1),
        timeline=timeline(criteria_ms),
        turn=Turn(),
        advance=advance,
    )
    plans: Any = SimpleNamespace(holds_up_time=False)
    nobody: Any = None
    await Passing(case, plans, nobody, nobody)._advance()
    assert asked == [at_once]
    assert case.turn._spent <= WORK_A_TASK


async def test_many_waiting_messages_to_a_costly_process_are_taken_over_several_tasks(
    idle_world: World, at_work: Working, store: Store
) -> None:
    """They came while no worker ran; each is taken once, no task fails, and a replay paces alike."""
    store.catalog.apply(COSTLY, by="test")
    world, case = idle_world, unique("case")
    async with at_work():
        await world.open("costly", case)
    plan: Plan = store.cases.get(case).carried.plan
    assert 120 < plan.criteria_ms < 200
    handle = world.milepost.handle(case)
    told = [{"event_id": f"e-{n}", "fields": {"state": str(n)}} for n in range(WAITING)]
    await asyncio.gather(*(handle.signal("fields_changed", one) for one in told))
    async with at_work():

        async def all_are_taken() -> None:
            assert sum(note.kind == "changed" for note in store.cases.notes(case)) == WAITING

        await assert_eventually(all_are_taken, within=60)
        assert await world.failed_tasks(case) == []
        history = await world.history(case)
    summaries = [event.user_metadata.summary.data.decode() for event in history.events]
    a_task = -(-WORK_A_TASK // (1 + plan.criteria_ms // 15))
    assert sum("the rest of what is waiting" in summary for summary in summaries) >= WAITING // a_task - 1
    replayed = await replay(history)
    assert (replayed.failure, replayed.differences) == (None, [])

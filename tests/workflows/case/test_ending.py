"""How a case ends, and what it has taken by then: whatever came with its close counts, and nothing of it lives on."""

from datetime import timedelta

import pytest

from domain.errors import Refused
from domain.timeline.instances import InstanceState
from domain.usage.requests import Balance, workflow_id
from domain.wording import instant
from tests.support import unique
from tests.workflows.conftest import Working
from tests.workflows.world import World, later


async def test_a_close_ends_a_paused_case(idle_world: World, at_work: Working) -> None:
    """Though no worker runs when it is sent: once there is one, the workflow completes."""
    case = unique("case")
    async with at_work():
        await idle_world.open("acme", case)
        await idle_world.ask(case, "stop_clock", later(hours=1))
    await idle_world.milepost.handle(case).signal("case_closed", {"event_id": "close"})
    async with at_work():
        closed = await idle_world.milepost.handle(case).result()
        await idle_world.end_entitlements()
    assert [m.state for m in closed.milestones] == [InstanceState.OPEN_AT_EXIT] * 2


async def test_what_comes_with_the_close_is_not_lost(idle_world: World, at_work: Working) -> None:
    """A completion from before the close that arrives right behind it counts."""
    case = unique("case")
    async with at_work():
        await idle_world.open("acme", case)
        await idle_world.ask(case, "stop_clock", later(hours=1))
        await idle_world.ask(case, "resume_clock", later(hours=1))
    handle = idle_world.milepost.handle(case)
    at = later(hours=1)
    await handle.signal("case_closed", {"event_id": "close", "occurred_at": at.isoformat()})
    done = {"event_id": "done", "occurred_at": (at - timedelta(minutes=1)).isoformat(), "milestone": "First response"}
    await handle.signal("milestone_completed", done)
    async with at_work():
        closed = await handle.result()
        await idle_world.end_entitlements()
    assert [m.state for m in closed.milestones] == [InstanceState.COMPLETED, InstanceState.OPEN_AT_EXIT]
    assert idle_world.store.cases.get(case).view.milestones == closed.milestones


async def test_who_asks_a_closed_case_is_told(world: World) -> None:
    """The request is refused; nobody takes it for done. It says since when, by the time of the closing."""
    case = await world.open()
    await world._go_to(case, later(hours=3))
    await world.milepost.request(case, "close", occurred_at=later(hours=1).isoformat())
    await world.milepost.handle(case).result()
    with pytest.raises(Refused, match=f"is closed, since {instant(later(hours=1))}"):
        await world.milepost.request(case, "stop_clock", occurred_at=later(hours=1).isoformat())


async def used(world: World, entitlement: str) -> int:
    handle = world.milepost.temporal.get_workflow_handle(workflow_id(entitlement))
    balance: Balance = await handle.query("balance", result_type=Balance)
    assert balance.current is not None
    return balance.current.used


async def test_a_reopened_case_takes_no_second_unit(world: World) -> None:
    """Nor does a closed one give its unit back."""
    case = await world.open("few")
    await world.ask(case, "close", later(hours=1))
    await world.milepost.handle(case).result()
    assert await used(world, "few-2") == 1
    await world.milepost.reopen(case, occurred_at=later(hours=1), by="ann")
    assert await used(world, "few-2") == 1


async def test_the_entitlement_gone_over_to_takes_one_and_the_old_keeps_its(world: World) -> None:
    """By the id of the case: going back takes no second one."""
    case = await world.open("capped", entitlement="capped-rest")
    await world.ask(case, "change_entitlement", later(hours=1), entitlement="capped-50")
    assert await used(world, "capped-50") == 1
    await world.ask(case, "change_entitlement", later(hours=2), entitlement="capped-rest")
    assert await used(world, "capped-50") == 1
    await world.ask(case, "change_entitlement", later(hours=3), entitlement="capped-50")
    assert await used(world, "capped-50") == 1

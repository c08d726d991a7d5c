"""What cases take from entitlements when they are opened."""

import asyncio
from collections import Counter

import pytest

from domain.entitlement_messages import Balance, workflow_id
from domain.errors import Refused
from tests.support import assert_eventually, unique
from tests.workflows.world import World


async def balance(world: World, entitlement: str) -> Balance:
    handle = world.milepost.temporal.get_workflow_handle(workflow_id(entitlement), result_type=Balance)
    found: Balance = await handle.query("balance", result_type=Balance)
    return found


async def test_a_hundred_cases_at_once_against_a_cap_of_fifty(world: World) -> None:
    """Exactly fifty are granted; the rest fall back to the next entitlement, are told so, and all are open."""
    cases = await asyncio.gather(*(world.open("capped", unique("capped")) for _ in range(100)))
    taken = Counter(world.store.case(case).entitlement for case in cases)
    assert taken == {"capped-50": 50, "capped-rest": 50}
    used = (await balance(world, "capped-50")).current
    assert (used.used, used.remaining, used.overflows) == (50, 0, 50)

    async def the_store_says_the_same() -> None:
        rows = [row for row in world.store.ledger("capped-50") if row.kind == "taken"]
        assert len(rows) == 50
        assert {row.reference for row in rows} <= set(cases)
        assert min(row.balance_after for row in rows if row.balance_after is not None) == 0

    async def the_cases_were_told() -> None:
        fallen = [case for case in cases if world.store.case(case).entitlement == "capped-rest"]
        told = [case for case in fallen if any(n.kind == "overflowed" for n in world.store.notes(case))]
        assert len(told) == 50

    async def the_manager_was_told() -> None:
        assert any("manager@example.com" in mail.to for mail in world.store.mails())

    await assert_eventually(the_store_says_the_same)
    await assert_eventually(the_cases_were_told)
    await assert_eventually(the_manager_was_told)


async def test_a_case_takes_one_however_often_it_is_opened(world: World) -> None:
    """Opening is idempotent by the case's id."""
    case = unique("once")
    await asyncio.gather(*(world.open("few", case) for _ in range(5)))
    assert (await balance(world, "few-2")).current.used == 1


async def test_a_case_may_be_opened_from_an_entitlement(world: World) -> None:
    """It fills in the account; one that does not match is refused with the reason."""
    case = await world.open(None, entitlement="slow-1")
    assert world.store.case(case).account == "slow"
    with pytest.raises(Refused, match="slow-1"):
        await world.open("acme", entitlement="slow-1")


async def test_a_case_that_nothing_covers_runs_without_milestones(world: World) -> None:
    """It is open, has no milestone, and can be closed."""
    case = await world.open(None)
    view = await world.view(case)
    assert (view.process, view.milestones, view.next_due) == (None, [], None)

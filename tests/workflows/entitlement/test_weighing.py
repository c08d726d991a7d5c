"""What hours count, at work on a server: rates, grace, grants, fractions and shares; each of an account of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest_asyncio
from temporalio.service import RPCError

from domain.catalog.declarations import Catalog
from domain.usage.requests import workflow_id
from tests.support import assert_eventually, unique
from tests.workflows.case.test_taking import Customer
from tests.workflows.world import MONDAY, World

FRIDAY = datetime(2025, 6, 6, 20, 30, tzinfo=UTC)
"""16:30 in New York, half an hour before the office closes."""

OUTSIDE: list[dict[str, Any]] = [
    {"when": 'entry.outside_hours && case.priority == "High"', "rate": 2},
    {"when": "entry.outside_hours", "rate": 1.5},
]
BANK: dict[str, Any] = {"unit": "hours", "cap": 20, "rates": OUTSIDE}


@pytest_asyncio.fixture(loop_scope="session")
async def customer(world: World) -> AsyncIterator[Customer]:
    found = Customer(world)
    yield found
    for entitlement in found.ids:
        with suppress(RPCError):  # one that nobody asked is not counted
            await world.clock.client.get_workflow_handle(workflow_id(entitlement)).terminate()


async def works(customer: Customer, case: str, minutes: int, **more: Any) -> list[str]:
    """Logs time of Friday 16:30 on a case; what each entitlement says."""
    entry = unique("entry")
    asked = {"event_id": entry, "id": entry, "minutes": minutes, "occurred_at": FRIDAY.isoformat(), "by": "ann", **more}
    said: list[str] = await customer.world.milepost.handle(case).execute_update("log_time", asked)
    return said


async def left(customer: Customer, entitlement: str) -> int | None:
    return (await customer.counted(entitlement))[0].remaining


async def test_work_is_weighed_by_the_hours_of_the_entitlement_and_the_case(customer: Customer) -> None:
    """Of its process, where it names none; the case as it is by then. Both minutes are on record."""
    bank = customer.buys("bank", process="Support", allowance=BANK | {"grace": "5m"})
    case = await customer.opens()
    [said] = await works(customer, case, 60)
    assert said == f"entitlement {bank}: granted, 1.25 hours taken for 1h of work, 18.75 hours left"
    await customer.world.milepost.handle(case).execute_update(
        "change_fields", {"event_id": unique("e"), "occurred_at": MONDAY.isoformat(), "fields": {"priority": "High"}}
    )
    assert " 1.5 hours taken for 1h of work" in (await works(customer, case, 60))[0]
    assert " 0 hours taken for 5m of work, 17.25 hours left" in (await works(customer, case, 5))[0]

    async def both_are_on_record() -> None:
        rows = customer.world.store.ledgers.rows(bank)
        assert [(row.amount, row.reason) for row in rows] == [
            (75, "1h of work count 1.25 hours"),
            (90, "1h of work count 1.5 hours"),
            (0, "5m of work count as none"),
        ]

    await assert_eventually(both_are_on_record)


async def test_what_goes_on_to_another_is_weighed_by_that_one(customer: Customer) -> None:
    """From 16:30 two hours: 50 minutes of work fill the first; from 17:20 on 70 count twice in the second."""
    bank = customer.buys(
        "bank", ends_on="2031-12-31", business_hours="Office", allowance=BANK | {"cap": 1, "rates": OUTSIDE[1:]}
    )
    reserve = customer.buys(
        "reserve",
        ends_on="2032-12-31",
        business_hours="Office",
        allowance={"unit": "hours", "cap": 9, "rates": [{"when": "entry.outside_hours", "rate": 2}]},
    )
    said = await works(customer, await customer.opens(), 120)
    assert [line.split(", ")[1] for line in said] == ["1 hour taken for 2h of work", "2h20m taken for 1h10m of work"]
    assert (await left(customer, bank), await left(customer, reserve)) == (0, 400)


async def test_late_work_is_weighed_by_the_rates_of_its_period(customer: Customer) -> None:
    """They were declared otherwise since; the worker is told by which, and weighs it anew."""
    allowance = {**BANK, "period": "month"}
    bank = customer.buys("bank", starts_on="2025-05-01", business_hours="Office", allowance=allowance)
    case = await customer.opens()
    assert " 1.25 hours taken" in (await works(customer, case, 60))[0]
    declared = allowance | {"rates": []}
    customer.world.store.catalog.apply(
        Catalog.model_validate(
            {
                "entitlements": [
                    {
                        "id": bank,
                        "account": customer.account,
                        "starts_on": "2025-05-01",
                        "business_hours": "Office",
                        "allowance": declared,
                    }
                ]
            }
        ),
        by="test",
    )
    await customer.asks(bank, "amend", allowance=declared)
    assert " 1 hour taken," in (await works(customer, case, 60))[0]
    late = datetime(2025, 5, 9, 20, 30, tzinfo=UTC)
    assert " 1.25 hours taken for 1h of work" in (await works(customer, case, 60, worked_at=late.isoformat()))[0]


async def test_a_grant_and_a_fraction_count_on_a_server(customer: Customer) -> None:
    """A quarter of an hour is granted, the cap becomes an hour and a half; catalog and ledger follow."""
    bank = customer.buys("bank", business_hours="Office", allowance={"unit": "hours", "cap": 1, "overflow": "block"})
    case = await customer.opens()
    await works(customer, case, 10)
    await customer.asks(bank, "grant", amount=15, until=FRIDAY.isoformat())
    await customer.asks(bank, "amend", cap="1h30m")
    await works(customer, case, 40)
    [current] = await customer.counted(bank)
    assert (current.used, current.grant_used, current.remaining, current.usage_percent) == (35, 15, 55, 38.9)

    async def the_catalog_follows() -> None:
        declared = customer.world.store.catalog.entitlement(bank).allowance
        assert declared is not None
        assert declared.cap == Fraction(3, 2)
        rows = [(row.kind, row.amount, row.used) for row in customer.world.store.ledgers.rows(bank)]
        assert rows == [("taken", 10, 10), ("granted", 15, 0), ("amended", 0, 0), ("taken", 40, 25)]

    await assert_eventually(the_catalog_follows)


async def test_a_first_month_has_its_share_on_a_server(customer: Customer) -> None:
    """From 20 May on, 12 of 31 days of ten; the next month has ten, and forty percent of four are carried."""
    visits = customer.buys(
        "visits",
        starts_on="2025-05-20",
        allowance={
            "cap": 10,
            "period": "month",
            "aligned": "calendar",
            "first_period": "prorated",
            "carry_over": "period",
            "carry_over_cap": "40%",
        },
    )
    await customer.opens()
    june, *_ = await customer.counted(visits)
    assert (june.cap, june.carried, june.used) == (11, 1, 1)

"""What a client says of itself at the start counts for nothing: ids agree, and states come from the store."""

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from tests.support import unique
from tests.workflows.world import MONDAY, World, later


async def started(world: World, *arguments: Any, id: str | None = None) -> WorkflowHandle[Any, Any]:  # noqa: A002 - the SDK's own name
    """A workflow of a case, started past the client."""
    return await world.milepost.temporal.start_workflow(
        "CaseWorkflow", args=arguments, id=id or f"case/{unique('forged')}", task_queue=world.task_queue
    )


async def failure(handle: WorkflowHandle[Any, Any]) -> ApplicationError:
    """Why it failed: within seconds, instead of running for ever."""
    with pytest.raises(WorkflowFailureError) as failed:
        await asyncio.wait_for(handle.result(), 20)
    assert isinstance(failed.value.cause, ApplicationError)
    return failed.value.cause


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [None],
        ["text"],
        [[]],
        [{}],
        [{"case_id": "x"}, {"case_id": "x"}],
        [{"case_id": "../x"}],
        [{"case_id": "x", "unknown": 1}],
        [{"case_id": "x", "clock": "0001-01-01T00:00:00+14:00"}],
        [{"case_id": "x", "opened_at": "9999-12-31T23:59:59-14:00"}],
        [{"case_id": "x", "by": "y" * 2000}],
    ],
    ids=repr,
)
async def test_a_start_that_does_not_fit_fails(world: World, arguments: list[Any]) -> None:
    """With what is wrong, and no task is tried for ever."""
    handle = await started(world, *arguments)
    assert (await failure(handle)).type == "bad_message"


async def test_a_workflow_under_the_id_of_another_case_fails(world: World) -> None:
    """The record of the case that it names stays as it is."""
    victim = await world.open()
    before = world.store.cases.get(victim)
    handle = await started(world, {"case_id": victim, "account": "capped"})
    assert (await failure(handle)).type == "wrong_id"
    assert world.store.cases.get(victim) == before


async def test_a_forged_state_counts_for_nothing(world: World) -> None:
    """Carried from another account's case, opened in 2020: the case is opened now, as its intake says."""
    other = world.store.cases.get(await world.open("few")).carried.model_dump(mode="json")
    other["state"]["opened_at"] = "2020-01-01T00:00:00Z"
    case = unique("forged")
    await started(world, {"case_id": case, "account": "acme", "carried": other}, id=f"case/{case}")
    answer = await world.milepost.handle(case).execute_update("open", result_type=dict)
    assert answer["case"]["opened_at"] > "2025"
    assert (await world.view(case)).entitlement == "acme-gold"


@pytest.mark.parametrize("carried", [{}, {"plan": {"business_hours": "x", "calendars": {}}, "state": {}}, 5])
async def test_a_carried_state_that_makes_no_sense_is_not_looked_at(world: World, carried: Any) -> None:
    """It says nothing of the case, whatever it is."""
    case = unique("forged")
    await started(world, {"case_id": case, "account": "acme", "carried": carried}, id=f"case/{case}")
    await world.milepost.handle(case).execute_update("open")
    assert (await world.view(case)).process == "Support"


async def test_a_reopening_goes_on_from_the_store(world: World) -> None:
    """Whatever else its start says; a case that the store does not know, or that is open, is not reopened."""
    case = await world.open("four")
    await world.ask(case, "complete_milestone", later(minutes=10), milestone="Answer")
    await world.ask(case, "close", later(minutes=20))
    await world.milepost.handle(case).result()
    forged = world.store.cases.get(await world.open()).carried.model_dump(mode="json")
    reopened = {"event_id": "again", "occurred_at": later(minutes=30).isoformat()}
    intake = {"case_id": case, "account": "acme", "carried": forged, "reopened": reopened}
    handle = await started(world, intake, id=f"case/{case}")
    await handle.execute_update("open")
    view = await world.view(case)
    assert (view.process, view.entitlement, view.opened_at) == ("Four", "four-1", MONDAY)
    nobody = unique("nobody")
    handle = await started(world, {"case_id": nobody, "reopened": reopened}, id=f"case/{nobody}")
    assert "unknown case" in str(await failure(handle))

"""A run that goes on from another resumes what that one has left, and nothing that it has ordered itself."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory

from domain.catalog.declarations import Catalog
from tests.support import assert_eventually, unique
from tests.workflows.conftest import Working
from tests.workflows.folding import joined, tasks
from tests.workflows.replaying import replay
from tests.workflows.world import World

MAIL = {"do": "email", "to": "desk@example.com", "subject": "{{ case.id }}"}
ANSWERED = Catalog.model_validate(
    {
        "processes": [
            {
                "name": "Answered",
                "milestones": [
                    {"name": "Answer", "within": "1h", "triggers": [{"kind": "success", "actions": [MAIL]}]},
                    {
                        "name": "Greeting",
                        "within": "2h",
                        "complete_when": "case.state == 'Greeted'",
                        "triggers": [{"kind": "success", "actions": [MAIL]}],
                    },
                ],
            }
        ],
        "accounts": [{"id": "answered"}],
        "entitlements": [{"id": "answered-1", "account": "answered", "process": "Answered"}],
    }
)


def ordered(history: WorkflowHistory) -> Counter[str]:
    """How often each activity was begun."""
    begun = (e.activity_task_scheduled_event_attributes for e in history.events)
    return Counter(each.activity_type.name for each in begun if each.activity_type.name)


async def test_an_update_behind_an_idle_beginning_orders_once(
    idle_world: World, at_work: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that comes anew gets a task that led to nothing and the update behind it as one, the update first."""
    world, case = idle_world, unique("case")
    world.store.catalog.apply(ANSWERED, by="test")
    handle = world.milepost.handle(case)
    full_at = [1_000_000]  # events: as the server says it, a replay of what came before finds it not full
    monkeypatch.setattr(
        workflow.Info,
        "is_continue_as_new_suggested",
        lambda info: not info.continued_run_id and info.get_current_history_length() > full_at[0],
    )
    async with at_work():
        await world.open("answered", case, clock=None, opened_at=datetime.now(UTC) - timedelta(seconds=5))
        await world.milepost.request(case, "stop_clock")
        full_at[0] = len((await world.history(case)).events)
        await world.milepost.request(case, "change_fields", fields={"state": "Open"})

        async def the_next_run_is_idle() -> None:
            history = await world.history(case)
            assert history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id
            assert tasks(history) == 1

        await assert_eventually(the_next_run_is_idle)
    async with at_work():
        await world.milepost.request(case, "complete_milestone", milestone="Answer")

        async def the_mail_is_sent() -> None:
            assert len(world.store.actions.mails(case)) == 1
            assert not (await handle.describe()).raw_description.pending_activities

        await assert_eventually(the_mail_is_sent)
    history = await world.history(case)
    assert ordered(history)["email"] == 1
    for cut in (history, joined(history)):
        replayed = await replay(cut)
        assert (replayed.failure, replayed.differences) == (None, [])


async def test_what_an_opening_orders_is_ordered_once(world: World) -> None:
    """A milestone that is complete when the case is opened has its success at once."""
    world.store.catalog.apply(ANSWERED, by="test")
    case = await world.open("answered", fields={"state": "Greeted"})

    async def the_mail_is_sent() -> None:
        assert len(world.store.actions.mails(case)) == 1

    await assert_eventually(the_mail_is_sent)
    history = await world.history(case)
    assert ordered(history)["email"] == 1
    assert (await replay(history)).failure is None

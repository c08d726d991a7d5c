"""A case, as a workflow on a real server, in virtual time."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.common import SearchAttributeKey

from clients.sending import persist
from domain.catalog.declarations import Catalog
from domain.errors import NotFound, Refused
from domain.timeline.instances import InstanceState
from domain.timeline.views import MilestoneStatus
from tests.support import assert_eventually
from tests.workflows.world import CATALOG, MONDAY, World, later


async def test_a_case_walks_its_timeline(world: World) -> None:
    """Opened, warned, violated, completed and closed, each at its instant and on record."""
    case = await world.open(fields={"priority": "High"})
    await world.go_to(case, later(hours=3))
    first = await world.milestone(case, "First response")
    assert [f.trigger for f in first.fired] == ["warning-75-percent"]
    assert first.fired[0].due_at == later(hours=3)
    await world.go_to(case, later(hours=4, minutes=5))
    first = await world.milestone(case, "First response")
    assert [(v.violated_at, v.noticed_at) for v in first.violations] == [(later(hours=4), later(hours=4))]
    assert (await world.view(case)).status is MilestoneStatus.OPEN_VIOLATION
    await world.ask(case, "complete_milestone", later(hours=4, minutes=30), milestone="First response", by="ann")
    await world.ask(case, "change_fields", later(hours=5), fields={"state": "Resolved"})
    answer = await world.ask(case, "close", later(hours=5))
    assert answer.case.status is MilestoneStatus.CLOSED_VIOLATION
    closed = await world.milepost.handle(case).result()
    assert [(m.milestone, m.state, m.violated) for m in closed.milestones] == [
        ("First response", InstanceState.COMPLETED, True),
        ("Resolution", InstanceState.COMPLETED, False),
    ]
    stored = world.store.cases.get(case)
    assert stored.view.milestones == closed.milestones
    assert stored.carried is not None
    assert [m.subject for m in world.store.actions.mails(case)] == [f"{case}: First response is due"]
    assert [t.subject for t in world.store.tasks.find(case)] == ["call Acme"]


async def test_the_standard_case_costs_little(world: World) -> None:
    """Two milestones, one warning fired, one pause, both completed by update, closed: 66 events, 25 actions."""
    case = await world.open()
    await world.go_to(case, later(hours=3, minutes=10))
    await world.ask(case, "stop_clock", later(hours=3, minutes=20))
    paused = await world.events(case)
    await world.go_to(case, later(days=200))
    assert await world.events(case) == paused, "a pause costs nothing while it lasts"
    await world.ask(case, "resume_clock", later(days=200, hours=1))
    await world.ask(case, "complete_milestone", later(days=200, hours=1, minutes=5), milestone="First response")
    await world.ask(case, "complete_milestone", later(days=200, hours=1, minutes=6), milestone="Resolution")
    await world.ask(case, "close", later(days=200, hours=1, minutes=7))
    await world.milepost.handle(case).result()
    events = await world.events(case)
    assert events["TIMER_FIRED"] == 1
    assert events["ACTIVITY_TASK_SCHEDULED"] == 2, "the opening, and the warning's mail"
    assert events.total() <= 66, events
    billed = (
        1
        + events["TIMER_STARTED"]
        + events["UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"]
        + events["WORKFLOW_EXECUTION_UPDATE_ACCEPTED"]
        + events["ACTIVITY_TASK_SCHEDULED"]
        + events["MARKER_RECORDED"]
    )
    assert billed <= 25, events


async def test_nothing_happens_while_a_case_is_paused(world: World) -> None:
    """No timer and no event while it is paused, for however long; then its targets have moved by open time."""
    case = await world.open()
    await world.ask(case, "stop_clock", later(hours=1))
    before = await world.events(case)
    await world.go_to(case, later(days=365))
    assert await world.events(case) == before
    await world.ask(case, "resume_clock", later(days=365))
    # Tuesday 9 June 2026, 9:00 in New York; three hours of four were left.
    assert (await world.milestone(case, "First response")).target_at == later(days=365, hours=3)


FAILED_ACTIONS = SearchAttributeKey.for_int("MilepostFailedActions")


async def standing(world: World, case: str) -> list[Any]:
    """How the milestones stand, without the seconds that pass."""
    milestones = (await world.view(case)).milestones
    return [(m.milestone, m.state, m.target_at, m.pauses, m.completed_at) for m in milestones]


@pytest.mark.parametrize("arguments", [[], [{}, {}], ["x"], [None], [{"event_id": 5}], [{"event_id": "e", "a": 1}]])
async def test_a_message_that_makes_no_sense_leaves_the_case_alive(world: World, arguments: list[Any]) -> None:
    """Signals go on record as refused, updates answer; the case goes on as if nothing had been sent."""
    case = await world.open()
    handle = world.milepost.handle(case)
    before = await standing(world, case)
    for signal in (
        "milestone_completed",
        "fields_changed",
        "clock_stopped",
        "clock_resumed",
        "case_closed",
        "nonsense",
    ):
        await handle.signal(signal, args=arguments)
    for update in (
        "complete_milestone",
        "change_fields",
        "stop_clock",
        "resume_clock",
        "clear_completion",
        "extend_milestone",
        "close",
        "retry_action",
    ):
        with pytest.raises(Refused):
            await persist(partial(handle.execute_update, update, args=arguments), patience=60, unanswered=_unanswered)
    assert await standing(world, case) == before
    answer = await world.ask(case, "complete_milestone", later(hours=1), milestone="First response")
    assert answer.outcome == "taken"

    async def six_are_refused() -> None:
        notes = [note.text for note in world.store.cases.notes(case) if note.kind == "refused"]
        assert len(notes) == 6, notes

    await assert_eventually(six_are_refused, within=60)


def _unanswered(why: object) -> Exception:
    return AssertionError(f"nobody answers within a minute: {why}")


async def test_undecodable_arguments_leave_the_case_alive(world: World) -> None:
    """A payload that is no JSON is dropped or refused; the case answers the next request."""
    case = await world.open()
    garbage = Payloads(payloads=[Payload(metadata={"encoding": b"json/plain"}, data=b"{no json")])
    for name in ("clock_stopped", "nonsense"):
        await world.milepost.temporal.workflow_service.signal_workflow_execution(
            SignalWorkflowExecutionRequest(
                namespace="default",
                workflow_execution=WorkflowExecution(workflow_id=f"case/{case}"),
                signal_name=name,
                input=garbage,
            )
        )
    assert (await world.ask(case, "stop_clock", later(hours=1))).outcome == "taken"


async def test_signals_say_the_same_as_updates(world: World) -> None:
    """For systems that only signal: completion, fields, stop, resume and close."""
    case = await world.open()
    handle = world.milepost.handle(case)
    at = MONDAY.isoformat()
    await handle.signal("clock_stopped", {"event_id": "1", "occurred_at": at})
    await handle.signal("clock_resumed", {"event_id": "2", "occurred_at": at})
    await handle.signal("fields_changed", {"event_id": "3", "occurred_at": at, "fields": {"priority": "High"}})
    await handle.signal("milestone_completed", {"event_id": "4", "occurred_at": at, "milestone": "First response"})
    await handle.signal("milestone_completed", {"event_id": "4", "occurred_at": at, "milestone": "First response"})
    await handle.signal("case_closed", {"event_id": "5"})
    closed = await handle.result()
    assert closed.fields["priority"] == "High"
    assert [m.state for m in closed.milestones] == [InstanceState.COMPLETED, InstanceState.OPEN_AT_EXIT]


async def test_the_same_event_is_taken_once(world: World) -> None:
    """An event_id that was taken before changes nothing and says so."""
    case = await world.open()
    await world.ask(
        case, "extend_milestone", later(hours=1), milestone="First response", open_seconds=600, event_id="x"
    )
    # A new update id: the ledger is the case's own, not the server's.
    answer = await world.milepost.handle(case).execute_update(
        "extend_milestone",
        {"event_id": "x", "milestone": "First response", "open_seconds": 600},
        id="another",
        result_type=None,
    )
    assert answer["outcome"] == "repeated"
    assert (await world.milestone(case, "First response")).target_at == later(hours=4, minutes=10)


async def test_requests_are_refused_with_what_would_be_right(world: World) -> None:
    """An unknown milestone, one that is completed, the future, the time before the case, an unknown case."""
    case = await world.open()

    async def refusal(update: str, **event: Any) -> str:
        with pytest.raises((Refused, NotFound)) as refused:
            await world.milepost.request(case, update, **{"occurred_at": MONDAY.isoformat(), **event})
        return str(refused.value)

    assert "process 'Support' has: First response, Resolution" in await refusal("complete_milestone", milestone="Nope")
    future = later(hours=1).isoformat()
    assert "is in the future" in await refusal("complete_milestone", milestone="Resolution", occurred_at=future)
    past = later(hours=-1).isoformat()
    assert "before the case was opened" in await refusal("stop_clock", occurred_at=past)
    assert "did you mean 'priority'" in await refusal("change_fields", fields={"priorty": "High"})
    await world.milepost.request(case, "complete_milestone", milestone="First response", occurred_at=MONDAY.isoformat())
    assert "already completed" in await refusal("complete_milestone", milestone="First response")
    history = await world.events(case)
    assert history["WORKFLOW_EXECUTION_UPDATE_ACCEPTED"] == 2, "nothing of a refusal is recorded"
    with pytest.raises(NotFound, match="no case 'nowhere'"):
        await world.milepost.request("nowhere", "close")


async def test_opening_is_refused_with_the_reason(world: World) -> None:
    """An unknown account, a field that was not declared, an account whose cases need an entitlement."""
    with pytest.raises(Refused, match="acne"):
        await world.open("acne")
    with pytest.raises(Refused, match="priorty"):
        await world.open(fields={"priorty": "High"})
    with pytest.raises(Refused, match="entitlement"):
        await world.open("strict")


async def test_an_open_case_is_not_opened_twice(world: World) -> None:
    """Opening it again answers with it as it stands; once it is closed, its id is not given to another."""
    case = await world.open()
    await world.ask(case, "stop_clock", later(hours=1))
    await world.open(case_id=case)
    assert (await world.view(case)).stopped
    await world.ask(case, "close", later(hours=1))
    await world.milepost.handle(case).result()
    events = await world.events(case)
    await world.open(case_id=case)
    assert await world.events(case) == events, "the answer is the first opening's; no second case began"


async def test_an_action_that_fails_for_good_stops_nothing_and_can_be_retried(world: World) -> None:
    """It is on record with the reason, the other clocks run on, and a retry keeps its key."""
    case = await world.open("broken")
    key = f"{case}/broken-mail/answer/1/warning-30m/1/email"

    async def failed() -> None:
        assert [(a.key, a.status) for a in world.store.actions.of_case(case)] == [(key, "failed")]

    await world.go_to(case, later(minutes=45))
    await assert_eventually(failed)
    await world.go_to(case, later(hours=2))
    assert [t.subject for t in world.store.tasks.find(case)] == ["late"]
    handle = world.milepost.handle(case)

    async def counted() -> None:
        """Found by a search in the Temporal UI, and told there with the reason."""
        assert (await handle.describe()).typed_search_attributes.get(FAILED_ACTIONS) == 1

    await assert_eventually(counted)
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    assert f"Actions that failed for good:\n- {key}: " in metadata.current_details
    with pytest.raises(Exception, match="update"):
        await handle.execute_update("retry_action", {"key": "nope"})
    assert await handle.execute_update("retry_action", {"key": key, "by": "ann"}) == f"{key} is tried again"


async def test_a_case_is_not_opened_ahead_of_its_clock(world: World) -> None:
    """Five seconds are the difference between two clocks; more is a mistake."""
    await world.open(opened_at=later(seconds=5))
    with pytest.raises(Refused, match=r"opened_at .+ is in the future"):
        await world.open(opened_at=later(seconds=20))


async def test_a_target_years_away_is_right(world: World) -> None:
    """240,000 open minutes of office hours are 500 business days; the horizon reaches as far as it has to."""
    case = await world.open("slow")
    target = (await world.milestone(case, "Audit")).target_at
    assert target is not None
    weekdays = 500
    day = MONDAY.date()
    while weekdays:
        weekdays -= day.weekday() < 5
        day += timedelta(days=1)
    assert target.date() == day - timedelta(days=1)
    assert target.hour in {21, 22}, "17:00 in New York"


async def test_two_cases_in_one_process(world: World) -> None:
    """The criteria's engine can be imported once a process only; the second workflow uses the same."""
    cases = await asyncio.gather(*(world.open(fields={"priority": "High"}) for _ in range(5)))
    for case in cases:
        assert (await world.milestone(case, "Resolution")).span == "8h"


async def test_a_case_goes_over_to_another_entitlement(world: World) -> None:
    """What is open stays open at exit; the new process is entered at the change."""
    case = await world.open("capped", asset="capped-asset")
    answer = await world.ask(case, "change_entitlement", later(hours=2), entitlement="capped-rest", reason="no matter")
    states = [(m.milestone, m.occurrence, m.state, m.start_at) for m in answer.case.milestones]
    assert states == [
        ("First response", 1, InstanceState.OPEN_AT_EXIT, MONDAY),
        ("Resolution", 1, InstanceState.OPEN_AT_EXIT, MONDAY),
        ("First response", 2, InstanceState.RUNNING, later(hours=2)),
        ("Resolution", 2, InstanceState.RUNNING, later(hours=2)),
    ]
    assert (await world.milestone(case, "First response")).target_at == later(hours=6)

    async def the_record_says_so() -> None:
        assert world.store.cases.get(case).entitlement == "capped-rest"

    await assert_eventually(the_record_says_so)
    with pytest.raises(Refused, match="nope"):
        await world.ask(case, "change_entitlement", later(hours=3), entitlement="nope")
    with pytest.raises(Refused, match="belongs to account 'acme'"):
        await world.ask(case, "change_entitlement", later(hours=3), entitlement="acme-gold")


async def test_a_case_is_migrated_to_a_new_version(world: World) -> None:
    """Running milestones take the new spans over from their start; the case's plan says which version it has."""
    case = await world.open()
    support = next(p for p in CATALOG.processes if p.name == "Support").model_dump(mode="json", exclude={"version"})
    support["milestones"][0]["within"] = "2h"
    world.store.catalog.apply(Catalog.model_validate({"processes": [support]}), by="test")
    assert (await world.milestone(case, "First response")).target_at == later(hours=4), "nothing moves by itself"
    answer = await world.ask(case, "migrate", later(hours=1), by="ann")
    assert answer.case.process_version == 2
    assert (await world.milestone(case, "First response")).target_at == later(hours=2)
    assert (await world.ask(case, "migrate", later(hours=1))).case.process_version == 2


async def test_a_closed_case_is_reopened(world: World) -> None:
    """By a new run of the same id, from what the store kept; the time between was a pause."""
    case = await world.open("few")
    await world.ask(case, "close", later(hours=1))
    await world.milepost.handle(case).result()
    with pytest.raises(Refused, match="before the case was opened"):
        await world.milepost.reopen(case, occurred_at=later(hours=-1))
    answer = await world.milepost.reopen(case, occurred_at=later(hours=1), by="ann")
    assert answer.case.closed_at is None
    assert [m.state for m in answer.case.milestones] == [InstanceState.RUNNING] * 2
    with pytest.raises(Refused, match="is open"):
        await world.milepost.reopen(case, occurred_at=later(hours=1), by="ann")


async def test_a_migration_to_a_target_past_the_horizon_freezes_further(world: World) -> None:
    """Six hundred business days reach past the calendars that were frozen; the case gets longer ones and goes on."""
    case = await world.open()
    support = next(p for p in CATALOG.processes if p.name == "Support").model_dump(mode="json", exclude={"version"})
    support["milestones"][0] |= {"within": "600bd", "triggers": []}
    world.store.catalog.apply(Catalog.model_validate({"processes": [support]}), by="test")
    answer = await world.ask(case, "migrate", later(hours=1))
    assert answer.case.process_version == 2
    # 120 weeks later, at the same local time: in summer it was 13:00 UTC, in late September it still is.
    assert (await world.milestone(case, "First response")).target_at == later(weeks=120)
    assert (await world.ask(case, "complete_milestone", later(hours=2), milestone="First response")).outcome == "taken"


@pytest.mark.parametrize("span", ["4h", "1bd"])
async def test_an_entry_years_back_is_missed_on_record(world: World, span: str) -> None:
    """The change waits for calendars that reach back to it, so that no close comes before what it missed."""
    support = next(p for p in CATALOG.processes if p.name == "Support").model_dump(mode="json", exclude={"version"})
    support["entry"] = "due_at"
    support["milestones"] = [{"name": "First response", "within": span, "triggers": []}]
    world.store.catalog.apply(Catalog.model_validate({"processes": [support]}), by="test")
    case = await world.open(fields={"due_at": MONDAY.isoformat()})
    changed = await world.ask(case, "change_fields", later(hours=1), fields={"due_at": "1970-01-05T14:00:00Z"})
    [milestone] = changed.case.milestones
    assert milestone.target_at is not None
    assert milestone.target_at.date().isoformat() == {"4h": "1970-01-05", "1bd": "1970-01-06"}[span]
    assert milestone.violations
    assert changed.case.status is MilestoneStatus.OPEN_VIOLATION
    answer = await world.ask(case, "close", later(hours=2))
    assert answer.case.status is MilestoneStatus.CLOSED_VIOLATION
    assert not await world.failed_tasks(case)


async def test_an_entry_in_years_of_unknown_holidays_is_refused(world: World) -> None:
    """With the reason; the case goes on with the calendars that it has, and gets longer ones."""
    support = next(p for p in CATALOG.processes if p.name == "Support").model_dump(mode="json", exclude={"version"})
    support |= {"entry": "due_at", "business_hours": "Zagreb"}
    rows = [{"when": 'case.priority == "High"', "span": "600bd"}, {"span": "4h"}]
    support["milestones"] = [{"name": "First response", "within": rows, "triggers": []}]
    world.store.catalog.apply(Catalog.model_validate({"processes": [support]}), by="test")
    case = await world.open(fields={"due_at": MONDAY.isoformat(), "priority": "Low"})
    with pytest.raises(Refused, match=r"can't be frozen back to 1970-01-05: the holidays of HR are known from 1992"):
        await world.ask(case, "change_fields", later(hours=1), fields={"due_at": "1970-01-05T14:00:00Z"})
    answer = await world.ask(case, "change_fields", later(hours=2), fields={"priority": "High"})
    [milestone] = answer.case.milestones
    assert milestone.start_at == MONDAY
    assert milestone.target_at is not None

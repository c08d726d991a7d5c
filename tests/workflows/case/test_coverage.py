"""What cases take from entitlements when they are opened."""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from activities.covering import Covering
from activities.reports.making import ReportWish, make_report
from domain.catalog.declarations import Catalog
from domain.errors import Refused
from domain.messages.cases import Answer
from domain.reports.result import ReportKind
from domain.timeline.instances import InstanceState
from domain.usage.allowance import Overflow
from domain.usage.requests import AMEND, Balance, EntitlementAmended, workflow_id
from tests.support import assert_eventually, unique
from tests.workflows.replaying import replay
from tests.workflows.world import CATALOG, MONDAY, World, later
from worker.relay import Counting
from workflows.case.taking import Taking


async def balance(world: World, entitlement: str) -> Balance:
    handle = world.milepost.temporal.get_workflow_handle(workflow_id(entitlement), result_type=Balance)
    found: Balance = await handle.query("balance", result_type=Balance)
    return found


async def has_taken(world: World, entitlement: str, case: str) -> bool:
    """Whether a count has taken one for a case; no, if it was never asked for anything in this test."""
    handle = world.milepost.temporal.get_workflow_handle(workflow_id(entitlement))
    with suppress(RPCError):
        # One that another test has ended would wait for that test's worker.
        if (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
            return bool(await handle.query("has_taken", case))
    return False


async def test_a_hundred_cases_at_once_against_a_cap_of_fifty(world: World) -> None:
    """Exactly fifty are granted; the rest fall back to the next entitlement, are told so, and all are open."""
    cases = await asyncio.gather(*(world.open("capped", unique("capped"), asset="capped-asset") for _ in range(100)))
    taken = Counter(world.store.cases.get(case).entitlement for case in cases)
    assert taken == {"capped-50": 50, "capped-rest": 50}
    used = (await balance(world, "capped-50")).current
    assert (used.used, used.remaining, used.overflows) == (50, 0, 50)

    async def the_store_says_the_same() -> None:
        rows = [row for row in world.store.ledgers.rows("capped-50") if row.kind == "taken"]
        assert len(rows) == 50
        assert {row.reference for row in rows} <= set(cases)
        assert min(row.balance_after for row in rows if row.balance_after is not None) == 0

    async def the_cases_were_told() -> None:
        fallen = [case for case in cases if world.store.cases.get(case).entitlement == "capped-rest"]
        told = [case for case in fallen if any(n.kind == "overflowed" for n in world.store.cases.notes(case))]
        assert len(told) == 50

    async def the_manager_was_told() -> None:
        assert any("manager@example.com" in mail.to for mail in world.store.actions.mails())

    await assert_eventually(the_store_says_the_same)
    await assert_eventually(the_cases_were_told)
    await assert_eventually(the_manager_was_told)


async def test_a_case_keeps_the_channel_by_which_it_came_in(world: World) -> None:
    """For reports, also when it was closed and is taken up again."""
    channel = unique("phone")
    case = await world.open(channel=channel)
    await world.ask(case, "close", later(hours=1))
    await world.milepost.handle(case).result()
    await world.milepost.reopen(case, occurred_at=later(hours=2), by="ann")
    assert (await world.view(case)).channel == channel
    made = make_report(world.store, ReportWish(ReportKind.COMPLIANCE, by=("channel",)))
    assert [row[1] for row in made.rows if row[0] == channel] == [2]


async def test_a_case_takes_one_however_often_it_is_opened(world: World) -> None:
    """Opening is idempotent by the case's id."""
    case = unique("once")
    await asyncio.gather(*(world.open("few", case) for _ in range(5)))
    assert (await balance(world, "few-2")).current.used == 1


@pytest.mark.parametrize(
    ("also", "says"),
    [
        ({"business_hours": "nope"}, "unknown business hours 'nope'"),
        ({"fields": {"due_at": "0001-01-01T00:00:00Z"}}, "'due_at' is .*1900 to 2999"),
        ({"fields": {"due_at": "1899-12-31T23:59:59Z"}}, "'due_at' is .*1900 to 2999"),
        ({"opened_at": datetime(1950, 1, 1, tzinfo=UTC), "business_hours": "Zagreb"}, "holidays of .* are known from"),
    ],
    ids=["hours that nobody knows", "year 1", "year 1899", "years of which no holidays are known"],
)
async def test_a_case_that_can_not_be_opened_takes_nothing(world: World, also: dict[str, Any], says: str) -> None:
    """It is refused before it is asked for."""
    case = unique("bad")
    with pytest.raises(Refused, match=says):
        await world.open("capped", case, asset="capped-asset", **also)
    assert not await has_taken(world, "capped-50", case)


@pytest.mark.parametrize(
    "also",
    [
        {"opened_at": datetime(1900, 1, 1, tzinfo=UTC)},
        {"opened_at": datetime(1900, 6, 1, tzinfo=UTC), "fields": {"due_at": "1900-01-01T00:00:00Z"}},
        {"fields": {"due_at": "1900-01-01T00:00:00Z"}},
    ],
    ids=["opened", "both", "field"],
)
async def test_a_case_may_be_as_old_as_anything(world: World, also: dict[str, Any]) -> None:
    """From the first instant of which something is promised on: what another system writes where it has no date."""
    case = await world.open(**also)
    assert (await world.view(case)).process is not None


async def test_a_case_may_be_opened_from_an_entitlement(world: World) -> None:
    """It fills in the account and the type; one that does not match is refused with the reason."""
    case = await world.open(None, entitlement="slow-1")
    assert world.store.cases.get(case).account == "slow"
    assert (await world.view(case)).fields == {"type": "Audit"}
    with pytest.raises(Refused, match="slow-1"):
        await world.open("acme", entitlement="slow-1")


async def test_a_case_that_nothing_covers_runs_without_milestones(world: World) -> None:
    """It is open, has no milestone, and can be closed."""
    case = await world.open(None)
    view = await world.view(case)
    assert (view.process, view.milestones, view.next_due) == (None, [], None)


async def test_a_blocked_case_is_refused_and_may_try_again(world: World) -> None:
    """The entitlement says no; a new attempt under the same id asks it anew, and has what there is by then."""
    await world.open("blocking")
    blocked = unique("blocked")
    for _ in range(2):
        with pytest.raises(Refused, match="takes no more cases"):
            await world.open("blocking", blocked)
    more = EntitlementAmended(event_id=unique("more"), by="ana", reason="they bought another", cap=2)
    await world.milepost.temporal.get_workflow_handle(workflow_id("blocking-1")).execute_update(AMEND, more)
    await world.open("blocking", blocked)
    assert world.store.cases.get(blocked).entitlement == "blocking-1"


async def prompted(world: World) -> str:
    """A case that waits for a decision: another one has taken what there was."""
    await world.open("asking", asset="asking-asset")
    case = await world.open("asking", asset="asking-asset")
    view = await world.view(case)
    assert (view.process, view.milestones) == (None, []), "it runs, without this entitlement"
    (asked,) = view.open_decisions
    assert (asked.entry, asked.entitlement) == (None, "asking-1")
    assert "one more at 85.00 EUR? Decide until 2025-06-10 13:00Z" in asked.text
    return case


async def test_yes_takes_one_more_at_the_overage_price(world: World) -> None:
    """The process is entered at the decision, and an override is written for billing."""
    case = await prompted(world)
    answer = await world.ask(case, "decide_overage", later(hours=2), approved=True, by="ann", reason="good customer")
    assert [(m.milestone, m.start_at) for m in answer.case.milestones] == [
        ("First response", later(hours=2)),
        ("Resolution", later(hours=2)),
    ]

    async def the_override_is_on_record() -> None:
        rows = [row for row in world.store.ledgers.rows("asking-1") if row.reference == case]
        assert [(row.kind, row.by) for row in rows if row.kind == "override"] == [("override", "ann")]

    await assert_eventually(the_override_is_on_record)
    with pytest.raises(Refused, match="nothing to decide"):
        await world.ask(case, "decide_overage", later(hours=3), approved=True, by="ann")


async def test_no_falls_back(world: World) -> None:
    """To the next entitlement that matches, whose process is entered at the decision."""
    case = await prompted(world)
    answer = await world.ask(case, "decide_overage", later(hours=1), approved=False, by="ann")
    assert [(m.milestone, m.start_at) for m in answer.case.milestones] == [("Answer", later(hours=1))]
    assert (await balance(world, "asking-1")).current.used == 1


async def test_silence_counts_as_no(world: World) -> None:
    """One business day of the entitlement's hours is the time that a decision has."""
    case = await prompted(world)
    await world.go_to(case, later(hours=23, minutes=59))
    assert (await world.view(case)).process is None
    await world.go_to(case, later(days=1, seconds=1))

    async def it_has_fallen_back() -> None:
        assert (await world.view(case)).process == "Quick"

    await assert_eventually(it_has_fallen_back)
    assert (await world.milestone(case, "Answer")).start_at == later(days=1)


@pytest.mark.parametrize("how", ["no", "yes", "silence"])
async def test_what_was_asked_is_decided_though_the_policy_changed(world: World, how: str) -> None:
    """A file that asks nobody any more is applied meanwhile: yes takes one more, no and silence fall back."""
    case = await prompted(world)
    asking = world.store.catalog.entitlement("asking-1")
    assert asking.allowance is not None
    falls_back = asking.allowance.model_copy(update={"overflow": Overflow.FALLBACK})
    world.store.catalog.apply(Catalog(entitlements=[asking.model_copy(update={"allowance": falls_back})]), by="ana")
    told = await Counting(world.clock.client, world.store, world.task_queue).tell()
    assert (told.done, told.refused) == (["asking-1: its rules are those that are declared now"], [])
    if how == "silence":
        await world.go_to(case, later(days=1, seconds=1))
    else:
        await world.ask(case, "decide_overage", later(hours=1), approved=how == "yes", by="ann")

    async def it_is_decided() -> None:
        view = await world.view(case)
        assert view.process == ("Support" if how == "yes" else "Quick")
        assert view.open_decisions == []

    await assert_eventually(it_is_decided)
    current = (await balance(world, "asking-1")).current
    assert (current.used, current.overage) == (1, 1 if how == "yes" else 0)


async def test_a_case_that_is_closed_while_it_waits_takes_nothing(world: World) -> None:
    """Nobody has decided, so nothing is taken."""
    case = await prompted(world)
    await world.ask(case, "close", later(hours=1))
    closed = await world.milepost.handle(case).result()
    assert closed.open_decisions == [], "nor is anybody asked any longer"
    assert (await balance(world, "asking-1")).current.used == 1


async def wants_to_change(world: World, **change: Any) -> str:
    """A case that asks to go over, after an hour, to an entitlement that has nothing left."""
    await world.open("asking", asset="asking-asset")
    case = await world.open("asking", asset="asking-asset", entitlement="asking-rest")
    asked = {"entitlement": "asking-1", "by": "ann", **change}
    answer = await world.ask(case, "change_entitlement", later(hours=1), **asked)
    assert ["one more at 85.00 EUR? Decide until 2025-06-10" in note for note in answer.notes] == [True]
    assert [asked.entitlement for asked in answer.case.open_decisions] == ["asking-1"]
    assert (answer.case.process, [m.start_at for m in answer.case.milestones]) == ("Quick", [MONDAY])
    return case


async def test_a_case_asks_before_it_goes_over_to_an_entitlement_that_is_spent(world: World) -> None:
    """Until somebody says yes it goes on with what it has."""
    case = await wants_to_change(world)
    answer = await world.ask(case, "decide_overage", later(hours=2), approved=True, by="bea", reason="good customer")
    assert [(m.milestone, m.state, m.start_at) for m in answer.case.milestones] == [
        ("Answer", InstanceState.OPEN_AT_EXIT, MONDAY),
        ("First response", InstanceState.RUNNING, later(hours=2)),
        ("Resolution", InstanceState.RUNNING, later(hours=2)),
    ]
    assert (await balance(world, "asking-1")).current.overage == 1


async def test_a_change_from_the_opening_on_is_one_after_a_decision_too(world: World) -> None:
    case = await wants_to_change(world, from_opening=True)
    answer = await world.ask(case, "decide_overage", later(hours=2), approved=True, by="bea")
    running = [m for m in answer.case.milestones if m.state is InstanceState.RUNNING]
    assert [(m.milestone, m.start_at) for m in running] == [("First response", MONDAY), ("Resolution", MONDAY)]


async def test_a_change_counts_at_its_own_time(world: World) -> None:
    """It is known late: the entitlement has to cover that instant, and pays in the period of it."""
    case = await world.open("few")
    await world._go_to(case, later(days=100))
    change = partial(world.milepost.request, case, "change_entitlement", entitlement="few-later")
    with pytest.raises(Refused, match="begins on 2025-08-01"):
        await change(occurred_at=later(days=1).isoformat())
    with pytest.raises(Refused, match="begins on 2025-08-01"):
        await change(occurred_at=later(days=70).isoformat(), from_opening=True)
    answer = Answer.model_validate(await change(occurred_at=later(days=60).isoformat()))
    assert answer.outcome == "taken"

    async def it_is_on_record() -> None:
        [row] = [row for row in world.store.ledgers.rows("few-later") if row.reference == case]
        assert (row.period, row.at) == (0, later(days=60))

    await assert_eventually(it_is_on_record)


async def test_a_change_that_is_refused_takes_nothing(world: World) -> None:
    """It is tried on the timeline before its entitlement is asked."""
    case = await world.open("few")
    await world._go_to(case, later(days=100))
    before = later(hours=-1).isoformat()
    with pytest.raises(Refused, match="before the case was opened"):
        await world.milepost.request(case, "change_entitlement", occurred_at=before, entitlement="few-later")
    assert not await has_taken(world, "few-later", case)


@pytest.mark.parametrize("is_tried_live", [True, False])
async def test_a_replay_goes_by_what_became_of_a_change(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_tried_live: bool
) -> None:
    """Whether it is tried at once depends on what comes with it, which a replay may find otherwise together."""
    case = await world.open("few")
    await world._go_to(case, later(days=100))
    before = later(hours=-1).isoformat()
    with monkeypatch.context() as patched:
        if not is_tried_live:
            patched.setattr(Taking, "try_out", lambda *_: None)
        with pytest.raises(Refused, match="before the case was opened" if is_tried_live else "begins on 2025-08-01"):
            await world.milepost.request(case, "change_entitlement", occurred_at=before, entitlement="few-later")
    history = await world.history(case)
    if is_tried_live:
        monkeypatch.setattr(Taking, "try_out", lambda *_: None)
    assert (await replay(history)).failure is None


async def test_no_to_a_change_leaves_the_case_with_what_it_has(world: World) -> None:
    """It neither changes nor falls back; asked once more the entitlement looks again at what it has left."""
    case = await wants_to_change(world)
    answer = await world.ask(case, "decide_overage", later(hours=2), approved=False, by="bea")
    assert answer.notes == ["one more of entitlement asking-1 is declined"]
    assert answer.case.open_decisions == []
    assert [(m.milestone, m.start_at) for m in answer.case.milestones] == [("Answer", MONDAY)]
    more = EntitlementAmended(event_id=unique("more"), by="ana", reason="they bought another", cap=2)
    await world.milepost.temporal.get_workflow_handle(workflow_id("asking-1")).execute_update(AMEND, more)
    answer = await world.ask(case, "change_entitlement", later(hours=3), entitlement="asking-1", by="ann")
    assert answer.case.process == "Support"


async def test_a_change_that_was_asked_for_twice_is_asked_and_done_once(world: World) -> None:
    """The same event: while somebody has to decide, and after the yes."""
    event_id = unique("change")
    case = await wants_to_change(world, event_id=event_id)
    change = {"event_id": event_id, "entitlement": "asking-1", "occurred_at": later(hours=1).isoformat(), "by": "ann"}

    async def again() -> Answer:
        """Under another id of the update, as after the case went on in a new run."""
        handle = world.milepost.handle(case)
        return Answer.model_validate(await handle.execute_update("change_entitlement", change, id=unique("again")))

    assert (await again()).outcome == "repeated"
    await world.ask(case, "decide_overage", later(hours=2), approved=True, by="bea")
    answer = await again()
    assert answer.outcome == "repeated"
    assert [m.occurrence for m in answer.case.milestones] == [1, 1, 1]


async def test_ids_as_long_as_they_may_be_wedge_nothing(world: World) -> None:
    """What is made of them is not longer than an id may be."""
    await world.open("asking", asset="asking-asset")
    long = unique("c").ljust(100, "x")
    case = await world.open("asking", long, asset="asking-asset", entitlement="asking-rest")
    event_id = unique("e").ljust(200, "x")
    await world.ask(case, "change_entitlement", later(hours=1), entitlement="asking-1", event_id=event_id)
    await world.go_to(case, later(days=1, hours=1, seconds=1))

    async def nobody_is_asked_any_longer() -> None:
        assert (await world.view(case)).open_decisions == []

    await assert_eventually(nobody_is_asked_any_longer)
    again = unique("e").ljust(200, "y")
    await world.ask(case, "change_entitlement", later(days=2), entitlement="asking-1", event_id=again)
    answer = await world.ask(
        case, "decide_overage", later(days=2, hours=1), approved=True, by="bea", event_id=unique("d").ljust(200, "z")
    )
    assert answer.case.process == "Support"


async def test_a_change_waits_for_a_decision_that_is_on_its_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the one would undo the other, and a question asked meanwhile be lost."""
    case = await prompted(world)
    decided, decide = asyncio.Event(), Covering.decide

    async def slowly(*args: Any, **kwargs: Any) -> Any:
        found = await decide(*args, **kwargs)
        await asyncio.sleep(0.5)
        decided.set()
        return found

    monkeypatch.setattr(Covering, "decide", slowly)
    no = asyncio.create_task(world.ask(case, "decide_overage", later(hours=1), approved=False, by="ann"))
    await asyncio.sleep(0.2)
    change = {"event_id": unique("change"), "entitlement": "asking-1", "occurred_at": later(hours=1).isoformat()}
    answer = await world.milepost.handle(case).execute_update("change_entitlement", change)
    assert decided.is_set()
    assert [asked["entitlement"] for asked in answer["case"]["open_decisions"]] == ["asking-1"]
    await no
    assert [asked.entitlement for asked in (await world.view(case)).open_decisions] == ["asking-1"]


async def test_nothing_more_is_taken_of_what_was_retired_while_the_case_waited(world: World) -> None:
    case = await prompted(world)
    declared = next(one for one in CATALOG.entitlements if one.id == "asking-1")
    retired = declared.model_copy(update={"retired": True})
    world.store.catalog.apply(Catalog(entitlements=[retired]), by="test", tell=None)
    with pytest.raises(Refused, match="is retired"):
        await world.ask(case, "decide_overage", later(hours=1), approved=True, by="ann")
    answer = await world.ask(case, "decide_overage", later(hours=2), approved=False, by="ann")
    assert answer.case.process == "Quick"


async def test_silence_on_a_change_counts_as_no(world: World) -> None:
    case = await wants_to_change(world)
    await world.go_to(case, later(days=1, hours=1, seconds=1))

    async def nobody_is_asked_any_longer() -> None:
        assert (await world.view(case)).open_decisions == []

    await assert_eventually(nobody_is_asked_any_longer)
    assert [m.start_at for m in (await world.view(case)).milestones] == [MONDAY]


async def test_a_change_settles_what_was_asked_before(world: World) -> None:
    """What is decided otherwise needs no decision, and silence changes nothing afterwards."""
    case = await prompted(world)
    answer = await world.ask(case, "change_entitlement", later(hours=1), entitlement="asking-rest", by="ann")
    assert (answer.case.process, (await world.view(case)).open_decisions) == ("Quick", [])
    await world.go_to(case, later(days=3))
    assert [m.start_at for m in (await world.view(case)).milestones] == [later(hours=1)]
    with pytest.raises(Refused, match="nothing to decide"):
        await world.ask(case, "decide_overage", later(days=3), approved=True, by="ann")


async def test_time_is_taken_from_a_bank_of_hours(world: World) -> None:
    """What is over the cap of the first goes to the next that matches; one entry counts once."""
    case = await world.open("banked")
    handle = world.milepost.handle(case)
    entry = {"event_id": "1", "occurred_at": MONDAY.isoformat(), "id": "t-1", "minutes": 150, "by": "ann"}
    lines = await handle.execute_update("log_time", entry)
    assert [line.split(":")[0] for line in lines] == ["entitlement banked-1", "entitlement banked-2"]
    await handle.execute_update("log_time", {**entry, "event_id": "2"})
    assert (await balance(world, "banked-1")).current.used == 120
    assert (await balance(world, "banked-2")).current.used == 30
    await handle.signal("time_logged", {**entry, "event_id": "3", "id": "t-2", "minutes": 10})

    async def the_signal_counts_too() -> None:
        assert (await balance(world, "banked-2")).current.used == 40

    await assert_eventually(the_signal_counts_too)


async def test_of_equal_entitlements_one_with_allowance_left_comes_first(world: World) -> None:
    """One that is spent blocks a case only if no other of its rank has anything left."""
    first, second = await world.open("two"), await world.open("two")
    assert [world.store.cases.get(case).entitlement for case in (first, second)] == ["two-first", "two-second"]
    with pytest.raises(Refused, match="takes no more cases"):
        await world.open("two")

"""The workflow of an entitlement, on a real server, in virtual time where time matters."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.worker import Replayer

from clients.entitlements import Entitlements
from clients.gate import UsageGate
from domain.errors import Refused
from domain.usage.effects import RECORD_USAGE
from domain.usage.requests import (
    ENTITLEMENT_WORKFLOW,
    Balance,
    Consumed,
    Consumption,
    EntitlementStart,
    EntitlementTerms,
    workflow_id,
)
from domain.usage.rows import RowKind
from tests.support import assert_eventually, unique
from tests.usage import NOON, RememberingStore, consumption, counting, declare, terms
from tests.workflows.stand_in_case import StandInCase
from worker.clock import VirtualClock
from worker.payloads import DATA_CONVERTER
from worker.plugin import RUNNER
from workflows.entitlement.workflow import EntitlementWorkflow

Handle = WorkflowHandle[Any, Any]

BROKEN = RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"{not json"))
UNKNOWN_ENCODING = RawValue(Payload(metadata={"encoding": b"binary/other"}, data=b"\xff"))


AGAIN_WITHIN = 120.0
"""Seconds within which what waited for a store is tried again: the server waits twice as long after every try."""


async def start(client: Client, task_queue: str, of: EntitlementTerms) -> Handle:
    begun = EntitlementStart(entitlement_id=declare(of).entitlement_id, clock=of.clock)
    return await client.start_workflow(
        ENTITLEMENT_WORKFLOW, begun, id=workflow_id(of.entitlement_id), task_queue=task_queue
    )


async def take(entitlement: Handle, *consumptions: Consumption) -> list[Consumed]:
    answers: list[Consumed] = await entitlement.execute_update(
        "consume_many", list(consumptions), result_type=list[Consumed]
    )
    return answers


async def balance(entitlement: Handle, at: datetime) -> Balance:
    found: Balance = await entitlement.query("balance", at.isoformat(), result_type=Balance)
    return found


async def patiently(client: Client, entitlement: Handle, asked: Consumption) -> Consumed:
    """Ask again under the same event id while a run rolls over into the next."""
    answers: list[Consumed] = []

    async def answered() -> None:
        try:
            answers.extend(await take(client.get_workflow_handle(entitlement.id), asked))
        except (WorkflowUpdateFailedError, RPCError) as error:
            raise AssertionError("the run rolls over") from error

    await assert_eventually(answered, within=AGAIN_WITHIN)
    return answers[0]


async def in_history(entitlement: Handle, kind: str) -> list[Any]:
    history = await entitlement.fetch_history()
    return [event for event in history.events if event.event_type == EventType.Value(f"EVENT_TYPE_{kind}")]


@pytest_asyncio.fixture(loop_scope="session")
async def entitlement(client: Client, task_queue: str) -> AsyncIterator[Handle]:
    """An entitlement of 50 cases, at work."""
    async with counting(client, task_queue, RememberingStore()):
        started = await start(client, task_queue, terms())

        async def counts() -> None:
            try:
                await started.query("balance")
            except WorkflowQueryFailedError as error:
                raise AssertionError("its terms are being read") from error

        await assert_eventually(counts)
        yield started


async def test_the_count_starts_anew_at_the_first_instant_of_the_date_in_the_zone(
    clock: VirtualClock, task_queue: str
) -> None:
    """In New York daylight saving began on 9 March: the period that began at 05:00Z ends on the 15th at 04:00Z."""
    begins = datetime(2025, 3, 8, 12, tzinfo=UTC)
    changes = datetime(2025, 3, 15, 4, tzinfo=UTC)
    async with counting(clock.client, task_queue, RememberingStore()):
        entitlement = await start(clock.client, task_queue, terms(cap=1, period="month", clock=begins))
        assert [a.outcome for a in await take(entitlement, consumption("C1", begins))] == ["granted"]
        started = (await entitlement.describe()).start_time
        # Virtual time runs on while the test asks: stop well before, then at the instant.
        await clock.go_to(entitlement, started + (changes - begins) - timedelta(minutes=1))
        just_before, at_the_change = changes - timedelta(microseconds=1), changes
        answers = await take(
            entitlement,
            consumption("C2", just_before),
            consumption("C3", at_the_change),
            consumption("C4", at_the_change),
        )
        assert [(a.outcome, a.first_day) for a in answers] == [
            ("overflow", date(2025, 2, 15)),
            ("granted", date(2025, 3, 15)),
            ("overflow", date(2025, 3, 15)),
        ]
        assert not await in_history(entitlement, "TIMER_FIRED")
        await clock.go_to(entitlement, started + (changes - begins))

        async def reported() -> None:
            scheduled = await in_history(entitlement, "ACTIVITY_TASK_SCHEDULED")
            batches = [
                json.loads(event.activity_task_scheduled_event_attributes.input.payloads[0].data)
                for event in scheduled
                if event.activity_task_scheduled_event_attributes.activity_type.name == RECORD_USAGE
            ]
            ended = [period for batch in batches for period in batch["periods"]]
            assert [
                (period["first_day"], period["ended_at"], period["used"], period["unused"]) for period in ended
            ] == [("2025-02-15", "2025-03-15T04:00:00Z", 1, 0)]

        await assert_eventually(reported)
        [fired] = await in_history(entitlement, "TIMER_FIRED")
        late = fired.event_time.ToDatetime(UTC) - (started + (changes - begins))
        assert timedelta() <= late < timedelta(seconds=1)
        # One timer waits, for the end of the next period, and that is all.
        timers = await in_history(entitlement, "TIMER_STARTED")
        assert len(timers) == 2
        waits = timers[1].timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
        assert timedelta() <= datetime(2025, 4, 15, 4, tzinfo=UTC) - changes - waits < timedelta(seconds=1)


async def test_consumptions_leave_the_timer_alone(client: Client, task_queue: str) -> None:
    async with counting(client, task_queue, RememberingStore()):
        entitlement = await start(client, task_queue, terms(period="month"))
        for number in range(5):
            await take(entitlement, consumption(f"C{number}"))
        assert len(await in_history(entitlement, "TIMER_STARTED")) == 1
        assert not await in_history(entitlement, "TIMER_CANCELED")


async def test_a_reference_counts_once_over_many_runs(
    client: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.usage.requests.MOST_UPDATES_A_RUN", 2)
    async with counting(client, task_queue, RememberingStore()):
        entitlement = await start(client, task_queue, terms(cap=3))
        runs = set()
        for reference in ["C1", "C2", "C3", "C4", "C1", "C2", "C4"]:
            answer = await patiently(client, entitlement, consumption(reference))
            assert answer.outcome in ({"overflow"} if reference == "C4" else {"granted", "already"})
            runs.add((await client.get_workflow_handle(entitlement.id).describe()).run_id)
        assert len(runs) > 2
        now = await balance(client.get_workflow_handle(entitlement.id), NOON)
        assert (now.current.used, now.current.overflows) == (3, 1)
        assert now.count == entitlement.first_execution_run_id


@pytest.mark.parametrize("update", ["consume", "consume_many"])
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [1, 2],
        ["text"],
        [None],
        [{}],
        [[]],
        [[{}]],
        [[1]],
        [{"reference": "C1"}],
        [{"reference": "C1", "event_id": "e", "occurred_at": "2025-02-20T12:00:00"}],
        [{"reference": "C1", "event_id": "e", "amount": 0}],
        [{"reference": "C1", "event_id": "e", "sort": "of"}],
        [[{"reference": f"C{n}", "event_id": "e"} for n in range(1001)]],
        [BROKEN],
        [UNKNOWN_ENCODING],
    ],
    ids=repr,
)
async def test_a_message_that_makes_no_sense_is_refused(entitlement: Handle, update: str, arguments: list[Any]) -> None:
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await entitlement.execute_update(update, args=arguments)
    assert isinstance(refused.value.cause, ApplicationError)
    undecodable = any(isinstance(argument, RawValue) for argument in arguments)
    assert undecodable or refused.value.cause.type == "bad_message"
    [answer] = await take(entitlement, consumption(unique("C")))
    assert answer.outcome == "granted"


CHANGES = ["log_hours", "approve_overage", "reverse", "adjust", "amend", "cancel", "renew", "carry_in"]


@pytest.mark.parametrize("update", CHANGES)
async def test_a_change_that_makes_no_sense_is_refused(entitlement: Handle, update: str) -> None:
    """And nothing of it is done: no row is written, and it goes on counting."""
    before = await entitlement.query("balance", result_type=Balance)
    senseless: list[list[Any]] = [[], [1, 2], ["text"], [None], [{}], [{"sort": "of"}], [BROKEN]]
    for arguments in senseless:
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await entitlement.execute_update(update, args=arguments)
        assert isinstance(refused.value.cause, ApplicationError)
    after = await entitlement.query("balance", result_type=Balance)
    assert (after.rows, after.current, after.status) == (before.rows, before.current, "active")
    assert (await take(entitlement, consumption(unique("C"))))[0].outcome == "granted"


async def test_a_refusal_says_what_would_be_right(entitlement: Handle) -> None:
    async def refusal(update: str, *arguments: Any) -> str:
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await entitlement.execute_update(update, args=arguments)
        return str(refused.value.cause)

    assert "one JSON object is expected (with reference" in await refusal("consume")
    assert "reference: is missing" in await refusal("consume", {"event_id": "e"})
    naive = {"reference": "C1", "event_id": "e", "occurred_at": "2025-02-20T12:00:00"}
    assert "consumption 1: occurred_at" in await refusal("consume_many", [{**naive, "occurred_at": NOON}, naive])
    assert "one JSON list of consumptions is expected, not 2 arguments" in await refusal("consume_many", [], [])
    assert "1 to 1000 consumptions at once, not 0" in await refusal("consume_many", [])


@pytest.mark.parametrize("name", ["consume", "no_such_signal"])
@pytest.mark.parametrize("arguments", [[], [1, 2], [BROKEN], [UNKNOWN_ENCODING]], ids=repr)
async def test_an_unknown_signal_leaves_it_alive(entitlement: Handle, name: str, arguments: list[Any]) -> None:
    await entitlement.signal(name, args=arguments)
    [answer] = await take(entitlement, consumption(unique("C")))
    assert answer.outcome == "granted"


async def test_an_unknown_update_leaves_it_alive(entitlement: Handle) -> None:
    with pytest.raises(WorkflowUpdateFailedError, match="Workflow update failed"):
        await entitlement.execute_update("no_such_update", args=[])
    assert (await take(entitlement, consumption(unique("C"))))[0].outcome == "granted"


@pytest.mark.parametrize("arguments", [["noon"], ["2025-02-20T12:00:00"], [1, 2], [None]], ids=repr)
async def test_a_balance_is_asked_for_at_one_instant(entitlement: Handle, arguments: list[Any]) -> None:
    with pytest.raises(WorkflowQueryFailedError, match="balance takes one instant, such as"):
        await entitlement.query("balance", args=arguments)
    assert (await entitlement.query("balance", result_type=Balance)).status == "active"


async def test_a_single_consumption_may_leave_out_its_instant(entitlement: Handle) -> None:
    """It is the entitlement's now: in the time that its clock says."""
    reference = unique("C")
    answer = await entitlement.execute_update(
        "consume", {"reference": reference, "event_id": reference}, result_type=Consumed
    )
    assert (answer.outcome, answer.first_day) == ("granted", date(2025, 1, 15))


async def test_terms_that_make_no_sense_fail_the_workflow(client: Client, task_queue: str) -> None:
    """It says what is wrong, instead of trying for ever."""
    async with counting(client, task_queue, RememberingStore()):
        handle = await client.start_workflow(
            "EntitlementWorkflow", {"entitlement_id": "E 1"}, id=unique("entitlement"), task_queue=task_queue
        )
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    assert "entitlement_id" in str(failed.value.cause)


async def test_an_overflow_is_told_to_its_case_and_to_the_manager(client: Client, task_queue: str) -> None:
    """A case that is not there, or closed, is no error; consumptions without a case have nobody to tell."""
    store = RememberingStore()
    there, closed = unique("C"), unique("C")
    async with counting(client, task_queue, store):
        cases = [
            await client.start_workflow(StandInCase.run, id=f"case/{one}", task_queue=task_queue)
            for one in (there, closed)
        ]
        await cases[1].signal(StandInCase.close)
        await cases[1].result()
        of = terms(cap=0, manager="manager@example.com")
        entitlement = await start(client, task_queue, of)
        await take(
            entitlement,
            consumption(unique("C"), case_id=unique("nobody")),
            consumption(closed, case_id=closed),
            consumption(there, case_id=there, by="portal"),
            consumption("visit-7"),
        )

        async def told() -> None:
            heard = await cases[0].query(StandInCase.told)
            assert [(one["entitlement_id"], one["reference"], one["cap"]) for one in heard] == [
                (of.entitlement_id, there, 0)
            ]
            key = f"{of.entitlement_id}/0/overflow/1-4/1/manager"
            assert list(store.mails) == [key]
            mail = store.mails[key]
            assert "manager@example.com: Entitlement Gold has overflowed" in mail
            assert f"- {there}, 2025-02-20T12:00:00Z" in mail
            assert "- visit-7" in mail
            assert store.done == {key}

        await assert_eventually(told)
        # Asked again, nobody is told again.
        await take(entitlement, consumption(there, case_id=there))
        assert len(await cases[0].query(StandInCase.told)) == 1


async def test_an_overflow_with_which_a_count_begins_is_mailed_once(client: Client, task_queue: str) -> None:
    """What starts the count is handled before the count itself begins to run."""
    store, of = RememberingStore(), terms(cap=0, manager="manager@example.com")
    async with counting(client, task_queue, store):
        await UsageGate(client, task_queue).consume(of, consumption("C1"))

        async def mailed() -> None:
            assert store.done == {f"{of.entitlement_id}/0/overflow/1-1/1/manager"}

        await assert_eventually(mailed)
        history = await client.get_workflow_handle(workflow_id(of.entitlement_id)).fetch_history()
    scheduled = (event.activity_task_scheduled_event_attributes.activity_type.name for event in history.events)
    assert Counter(name for name in scheduled if name) == {
        "read_entitlement_terms": 1,
        "record_usage": 1,
        "perform_usage_action": 1,
    }


async def test_a_threshold_mails_once(client: Client, task_queue: str) -> None:
    """8 of 10."""
    mail = {
        "do": "email",
        "to": "am@example.com",
        "subject": "{{ entitlement.name }}: {{ usage.used }} of {{ usage.cap }}",
    }
    store = RememberingStore()
    async with counting(client, task_queue, store):
        of = terms(cap=10, thresholds=[{"at": 8, "actions": [mail, {"do": "task", "subject": "call"}]}])
        entitlement = await start(client, task_queue, of)
        await take(entitlement, *(consumption(f"C{n}") for n in range(7)))
        assert not store.mails
        await take(entitlement, *(consumption(f"C{n}") for n in range(7, 10)))

        async def mailed() -> None:
            prefix = f"{of.entitlement_id}/0/threshold/8/1"
            assert store.mails == {f"{prefix}/email-1": "am@example.com: Gold: 8 of 10\n"}
            assert store.tasks == {f"{prefix}/task-2": "call"}

        await assert_eventually(mailed)


async def test_an_action_that_fails_for_good_shows_in_the_balance(client: Client, task_queue: str) -> None:
    broken = {"do": "email", "to": "am@example.com", "subject": "{{ usage. }}"}
    async with counting(client, task_queue, RememberingStore()):
        of = terms(cap=10, thresholds=[{"at": 1, "actions": [broken]}])
        entitlement = await start(client, task_queue, of)
        await take(entitlement, consumption("C1"))

        async def shown() -> None:
            failures = (await balance(entitlement, NOON)).failures
            assert [failure.key for failure in failures] == [f"{of.entitlement_id}/0/threshold/1/1/email-1"]
            assert "can't be rendered" in failures[0].error

        await assert_eventually(shown)
        assert (await take(entitlement, consumption("C2")))[0].outcome == "granted"


async def test_an_entitlements_failed_action_is_tried_again(client: Client, task_queue: str) -> None:
    """It is told to the store with its reason, and tried again under its key when it is asked for."""
    broken = {"do": "email", "to": "am@example.com", "subject": "{{ usage. }}"}
    store = RememberingStore()
    async with counting(client, task_queue, store):
        of = terms(cap=10, thresholds=[{"at": 1, "actions": [broken]}])
        entitlement, key = await start(client, task_queue, of), f"{of.entitlement_id}/0/threshold/1/1/email-1"
        await take(entitlement, consumption("C1"))

        async def told() -> None:
            assert "can't be rendered" in store.failed[key]

        await assert_eventually(told)
        entitlements = Entitlements(client, task_queue, patience=30)
        with pytest.raises(Refused, match=f"no failed action 'nope'; failed: {key}"):
            await entitlements.retry_action(of.entitlement_id, "nope", "ann")
        store.failed.clear()
        assert await entitlements.retry_action(of.entitlement_id, key, "ann") == f"{key} is tried again"
        await assert_eventually(told)  # it is as broken as before

        async def shown_once() -> None:
            assert [failure.key for failure in (await balance(entitlement, NOON)).failures] == [key]

        await assert_eventually(shown_once)


async def test_a_store_that_is_down_delays_nothing(client: Client, task_queue: str) -> None:
    """Answers come and a period ends on time meanwhile; what was taken is on record once the store is back."""
    store = RememberingStore()
    store.down = True
    changes = datetime(2025, 3, 15, 4, tzinfo=UTC)
    async with counting(client, task_queue, store):
        of = terms(period="month", clock=changes - timedelta(seconds=1))
        entitlement = await start(client, task_queue, of)
        for number in range(20):
            [answer] = await take(entitlement, consumption(f"C{number}"))
            assert answer.used == number + 1

        async def new_period() -> None:
            assert (await entitlement.query("balance", result_type=Balance)).current.first_day == date(2025, 3, 15)

        await assert_eventually(new_period, within=60)
        assert store.refused > 0
        assert not store.rows, "all of that with the store down"
        begun = (await entitlement.describe()).start_time
        for fired in await in_history(entitlement, "TIMER_FIRED"):  # none, if the worker first looked after the second
            assert fired.event_time.ToDatetime(UTC) >= begun + timedelta(seconds=1)
        store.down = False

        async def recorded() -> None:
            assert [row.kind for row in store.rows.values()].count(RowKind.TAKEN) == 20
            assert [period.first_day for period in store.periods.values()] == [date(2025, 2, 15)]

        await assert_eventually(recorded, within=60)


async def test_what_the_store_did_not_confirm_goes_into_the_next_run(
    client: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.usage.requests.MOST_UPDATES_A_RUN", 3)
    store = RememberingStore()
    store.down = True
    async with counting(client, task_queue, store):
        of = terms(cap=2, manager="manager@example.com")
        entitlement = await start(client, task_queue, of)
        first_run = (await entitlement.describe()).run_id
        for number in range(3):
            await take(entitlement, consumption(f"C{number}"))

        async def rolled_over() -> None:
            assert (await client.get_workflow_handle(entitlement.id).describe()).run_id != first_run

        await assert_eventually(rolled_over)
        store.down = False

        async def recorded() -> None:
            assert {(one.reference, one.kind) for one in store.rows.values()} == {
                ("C0", "taken"),
                ("C1", "taken"),
                ("C2", "overflow"),
            }
            assert list(store.mails) == [f"{of.entitlement_id}/0/overflow/1-1/1/manager"]

        await assert_eventually(recorded)


async def test_a_run_does_not_end_with_more_to_tell_than_the_next_can_be_given(
    client: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store is down it goes on counting, then turns requests away; it catches up when the store is back."""
    monkeypatch.setattr("domain.usage.requests.MOST_UPDATES_A_RUN", 2)
    store = RememberingStore()
    store.down = True
    async with counting(client, task_queue, store):
        entitlement = await start(client, task_queue, terms(cap=None))
        first_run = (await entitlement.describe()).run_id
        for number in range(2):
            await take(entitlement, *(consumption(f"L{number}-{n}") for n in range(500)))
        for number in range(101):
            await take(entitlement, consumption(f"C{number}"))
        adjusted = {"event_id": "a", "by": "ann", "reason": "counted twice", "amount": -1}
        for request in (take(entitlement, consumption("late")), entitlement.execute_update("adjust", adjusted)):
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await request
            assert isinstance(refused.value.cause, ApplicationError)
            assert refused.value.cause.type == "not_now"
        assert (await client.get_workflow_handle(entitlement.id).describe()).run_id == first_run
        store.down = False
        assert (await patiently(client, entitlement, consumption("late"))).used == 1102

        async def caught_up() -> None:
            assert len(store.rows) == 1102
            assert (await client.get_workflow_handle(entitlement.id).describe()).run_id != first_run

        await assert_eventually(caught_up, within=AGAIN_WITHIN)


async def test_periods_are_known_further_before_they_run_out(client: Client, task_queue: str) -> None:
    short = terms(period="year")
    known = short.periods.model_copy(
        update={"starts": short.periods.starts[:1], "known_until": short.periods.starts[1].at}
    )
    async with counting(client, task_queue, RememberingStore()):
        entitlement = await start(client, task_queue, short.model_copy(update={"periods": known}))

        async def extended() -> None:
            at = datetime(2030, 6, 1, tzinfo=UTC)
            [answer] = await take(entitlement, consumption(unique("C"), at))
            assert (answer.outcome, answer.first_day) == ("granted", date(2030, 1, 15))

        await assert_eventually(extended)


async def test_its_history_replays(client: Client, task_queue: str) -> None:
    mail = {"do": "email", "to": "am@example.com", "subject": "{{ usage.used }}"}
    store = RememberingStore()
    async with counting(client, task_queue, store):
        of = terms(cap=2, manager="m@example.com", period="month", thresholds=[{"at": 1, "actions": [mail]}])
        entitlement = await start(client, task_queue, of)
        await asyncio.gather(*(take(entitlement, consumption(f"C{n}", case_id="nobody")) for n in range(4)))

        async def quiet() -> None:
            assert len(store.rows) == 4

        await assert_eventually(quiet)
        history = await entitlement.fetch_history()
    replayer = Replayer(workflows=[EntitlementWorkflow], data_converter=DATA_CONVERTER, workflow_runner=RUNNER)
    assert (await replayer.replay_workflow(history)).replay_failure is None


async def test_it_can_be_read_in_the_temporal_ui(client: Client, task_queue: str) -> None:
    async with counting(client, task_queue, RememberingStore()):
        entitlement = await start(client, task_queue, terms(unit="hours", cap=20, period="month"))
        for entry, minutes in (("T1", 90), ("T2", 30)):
            await entitlement.execute_update("log_hours", {"id": entry, "minutes": minutes, "worked_at": NOON})
        metadata = await entitlement.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        details = metadata.current_details
    assert details.splitlines()[0] == "**18 hours left**, active"
    assert "- **2025-02-15**: 2 hours of 20 hours used (10%)" in details
    assert (await entitlement.describe()).status is WorkflowExecutionStatus.RUNNING

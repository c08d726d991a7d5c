"""What nobody expected of an entitlement wedges nothing, ends nothing, and is on record."""

from collections.abc import Awaitable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from clients.gate import UsageGate
from domain.errors import Refused
from domain.usage.allowance import Allowance
from domain.usage.freezing import freeze
from domain.usage.machine import Usage, UsageEffect
from domain.usage.periods import Term
from domain.usage.requests import (
    CONSUME_MANY,
    ENTITLEMENT_WORKFLOW,
    RETRY_ACTION,
    Balance,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementTerms,
    workflow_id,
)
from tests.support import assert_eventually, unique
from tests.usage import NOON, RememberingStore, consumption, counting, declare, terms
from tests.workflows.conftest import KEEPS_ITS_WORKFLOWS
from tests.workflows.replaying import replay
from worker.clock import VirtualClock
from workflows.entitlement import workflow as entitlement_workflow

WHO: dict[str, Any] = {"by": "ann", "reason": "agreed by phone"}


async def begin(client: Client, task_queue: str, of: EntitlementTerms) -> WorkflowHandle[Any, Any]:
    """An entitlement that has its terms."""
    await UsageGate(client, task_queue).begin(of)
    handle = client.get_workflow_handle(workflow_id(of.entitlement_id))
    await handle.execute_update("consume_many", [consumption("first")])
    return handle


async def said_to(asking: Awaitable[object]) -> str:
    """What came of a request, an answer or a refusal."""
    try:
        return repr(await asking)
    except Refused as refused:
        return str(refused)


async def no_task_failed(handle: WorkflowHandle[Any, Any]) -> None:
    history = await handle.fetch_history()
    assert not [e for e in history.events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED]


async def test_a_visit_beyond_a_shortened_term_wedges_nothing(client: Client, task_queue: str) -> None:
    """It was taken in a period that is no more; whoever asks again is answered, and so are the others."""
    allowance = Allowance.model_validate({"unit": "visits", "cap": 4, "period": "month"})
    term = Term(starts_on=date(2026, 11, 1), ends_on=date(2027, 6, 30), time_zone="UTC")
    planned, begun = datetime(2027, 3, 10, 12, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
    periods = freeze(allowance, term, datetime(2030, 1, 1, tzinfo=UTC))
    of = declare(terms().model_copy(update={"allowance": allowance, "periods": periods, "clock": begun}))
    gate = UsageGate(client, task_queue, patience=10)
    async with counting(client, task_queue, RememberingStore()):
        assert (await gate.consume(of, consumption("P-1", planned))).outcome == "granted"
        await gate.change(of, EntitlementAmended(event_id="a", ends_on=date(2027, 1, 31), **WHO))
        for attempt in ("once", "twice"):
            said = await said_to(gate.consume(of, consumption("P-1", planned, event_id=attempt)))
            assert "index out of range" not in said
            assert (await gate.consume(of, consumption(attempt, begun))).outcome == "granted"
        said = await said_to(gate.change(of, ConsumptionReversed(event_id="r", reference="P-1", **WHO)))
        assert "index out of range" not in said
        await no_task_failed(client.get_workflow_handle(workflow_id(of.entitlement_id)))


MESSAGES: dict[str, dict[str, Any]] = {
    "consume": {"reference": "bad", "event_id": "bad"},
    "log_hours": {"id": "bad", "minutes": 5, "worked_at": NOON.isoformat()},
    "approve_overage": {
        "reference": "bad",
        "event_id": "bad",
        "approved": True,
        "occurred_at": NOON.isoformat(),
        **WHO,
    },
    "reverse": {"reference": "bad", "event_id": "bad", **WHO},
    "adjust": {"amount": 1, "event_id": "bad", **WHO},
    "amend": {"cap": 9, "event_id": "bad", **WHO},
    "cancel": {"event_id": "bad", **WHO},
    "renew": {"event_id": "bad", **WHO},
    "carry_in": {"amount": 1, "event_id": "bad", **WHO},
    "carry_back": {"amount": 1, "event_id": "bad", **WHO},
    "cover_overage": {"reference": "bad", "event_id": "bad", **WHO},
    "void_overage": {"reference": "bad", "event_id": "bad", **WHO},
    "grant": {"amount": 1, "event_id": "bad", **WHO},
}


def test_every_update_of_one_thing_meets_a_fault() -> None:
    """Those of many at once have a test of their own: one that is bad fails alone. A retry asks no rule of usage."""
    defined = workflow._Definition.must_from_class(entitlement_workflow.EntitlementWorkflow).updates
    assert {name for name in defined if name is not None} == {*MESSAGES, CONSUME_MANY, RETRY_ACTION}


@KEEPS_ITS_WORKFLOWS
@pytest.mark.parametrize("update", MESSAGES)
async def test_an_unexpected_fault_is_a_refusal_on_record(
    client: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch, update: str
) -> None:
    """With a number, counted; the usage is as it was, others are answered, and a mended build replays the history."""

    def fails(*_: Any, **__: Any) -> Any:
        raise IndexError("tuple index out of range")

    with monkeypatch.context() as broken:
        async with counting(client, task_queue, RememberingStore()):
            handle = await begin(client, task_queue, terms(cap=50))
            before: Balance = await handle.query("balance", result_type=Balance)
            for rule in ("take", "log_hours", "decide", "change"):
                broken.setattr(Usage, rule, fails)
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await handle.execute_update(update, MESSAGES[update])
            assert isinstance(refused.value.cause, ApplicationError)
            assert refused.value.cause.type == "unexpected"
            assert "tuple index" not in refused.value.cause.message
            after: Balance = await handle.query("balance", result_type=Balance)
            assert (after.faults, after.rows, after.current) == (1, before.rows, before.current)
            broken.undo()
            [answer] = await handle.execute_update("consume_many", [consumption("next")])
            assert answer["outcome"] == "granted"
            await no_task_failed(handle)
            history = await handle.fetch_history()
    replayed = await replay(history)
    assert (replayed.failure, replayed.differences) == (None, [])
    assert replayed.instance._carried().faults == 1


@KEEPS_ITS_WORKFLOWS
@pytest.mark.parametrize(
    ("update", "where", "step"),
    [
        ("amend", Usage, "amended_term"),
        ("amend", entitlement_workflow, "read_message"),
        ("consume", entitlement_workflow, "read_event"),
        ("consume_many", entitlement_workflow, "read_consumptions"),
    ],
)
async def test_a_fault_before_the_count_is_counted_too(  # noqa: PLR0917 - fixtures, and a table
    client: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch, update: str, where: Any, step: str
) -> None:
    """Whatever a request does before it is counted: its fault is on record, and a mended build replays the history."""

    def fails(*_: Any, **__: Any) -> Any:
        raise IndexError("tuple index out of range")

    message: Any = {"cap": 9, "ends_on": "2027-12-31", "event_id": "bad", **WHO}
    if update != "amend":
        message = [consumption("bad")] if update == "consume_many" else consumption("bad")
    async with counting(client, task_queue, RememberingStore()):
        handle = await begin(client, task_queue, terms(cap=50))
        with monkeypatch.context() as broken:
            broken.setattr(where, step, fails)
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await handle.execute_update(update, message)
        assert isinstance(refused.value.cause, ApplicationError)
        assert refused.value.cause.type == "unexpected"
        assert (await handle.query("balance", result_type=Balance)).faults == 1
        assert (await handle.execute_update("consume_many", [consumption("next")]))[0]["outcome"] == "granted"
        history = await handle.fetch_history()
    replayed = await replay(history)
    assert (replayed.failure, replayed.differences) == (None, [])
    assert replayed.instance._carried().faults == 1


async def test_one_bad_consumption_fails_alone(
    client: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = Usage.take

    def fails(usage: Usage, asked: Any, now: datetime) -> Any:
        if asked.reference == "bad":
            raise KeyError("bad")
        return takes(usage, asked, now)

    monkeypatch.setattr(Usage, "take", fails)
    async with counting(client, task_queue, RememberingStore()):
        handle = await begin(client, task_queue, terms(cap=50))
        asked = [consumption("a"), consumption("bad"), consumption("b")]
        answers = await handle.execute_update("consume_many", asked)
        assert [one["outcome"] for one in answers] == ["granted", "refused", "granted"]
        assert "fault" in answers[1]["reason"]
        assert (await handle.query("balance", result_type=Balance)).current.used == 3


async def test_a_step_of_time_that_fails_stays_due(
    clock: VirtualClock, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows as stuck, holds up no request, is done when the build is mended, and the mended build replays it."""
    ends = datetime(2025, 3, 15, 4, tzinfo=UTC)
    store, advances = RememberingStore(), Usage.advance

    def fails(usage: Usage, now: datetime) -> list[UsageEffect]:
        if now >= ends and usage.state.period == 1:
            raise ZeroDivisionError("planted")
        return advances(usage, now)

    async with counting(clock.client, task_queue, store):
        of = terms(period="month", clock=ends - timedelta(minutes=1))
        gate = UsageGate(clock.client, task_queue)
        assert (await gate.consume(of, consumption("C1"))).outcome == "granted"
        handle = clock.client.get_workflow_handle(workflow_id(of.entitlement_id))
        started = (await handle.describe()).start_time
        with monkeypatch.context() as broken:
            broken.setattr(Usage, "advance", fails)
            await clock.go_to(handle, started + timedelta(minutes=1, seconds=5))

            async def stuck() -> None:
                said = (await handle.query("balance", result_type=Balance)).stuck
                assert said is not None
                assert "fault" in said

            await assert_eventually(stuck)
            assert (await gate.consume(of, consumption("C2", ends))).outcome == "granted"
        assert not store.periods
        await clock.go_to(handle, started + timedelta(minutes=3))

        async def done() -> None:
            assert [period.used for period in store.periods.values()] == [1]
            assert (await handle.query("balance", result_type=Balance)).stuck is None

        await assert_eventually(done)
        await no_task_failed(handle)
        history = await handle.fetch_history()
    replayed = await replay(history)
    assert (replayed.failure, replayed.differences) == (None, [])


FORGED = {"cap": 999_999, "unit": "cases"}


@pytest.mark.parametrize(
    "arguments",
    [[], [None], [1], ["E"], [{}], [{}, {}], [{"entitlement_id": "E", "sort": "of"}], [{"entitlement_id": "a b"}]],
    ids=repr,
)
async def test_an_argument_that_does_not_fit_fails_the_run(
    client: Client, task_queue: str, arguments: list[Any]
) -> None:
    async with counting(client, task_queue, RememberingStore()):
        handle = await client.start_workflow(
            ENTITLEMENT_WORKFLOW, args=arguments, id=workflow_id(unique("E")), task_queue=task_queue
        )
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)


async def test_an_entitlement_that_nobody_declared_is_refused(client: Client, task_queue: str) -> None:
    """Whoever asks it hears what is wrong; nobody waits."""
    of = terms().model_copy(update={"entitlement_id": unique("unknown")})
    async with counting(client, task_queue, RememberingStore()):
        with pytest.raises(Refused, match="no entitlement unknown-"):
            await UsageGate(client, task_queue).consume(of, consumption("C1"))


async def test_another_id_than_the_workflows_fails_the_run(client: Client, task_queue: str) -> None:
    of = terms()
    async with counting(client, task_queue, RememberingStore()):
        handle = await client.start_workflow(
            ENTITLEMENT_WORKFLOW,
            {"entitlement_id": of.entitlement_id},
            id=unique("entitlement/E"),
            task_queue=task_queue,
        )
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "wrong_id"


@pytest.mark.parametrize("shape", ["terms", "carried", "older"])
async def test_what_a_client_says_of_the_terms_counts_for_nothing(client: Client, task_queue: str, shape: str) -> None:
    """They are the store's: a forged cap, and a count that was never carried over, are not taken from anybody."""
    of = terms(cap=2)
    forged = of.model_copy(update={"allowance": Allowance.model_validate(FORGED)}).model_dump(mode="json")
    carried = {"state": {"begun_at": "2020-01-01T00:00:00Z"}, "outbox": {}}
    given: dict[str, Any] = {
        "terms": {"entitlement_id": of.entitlement_id, "terms": forged},
        "carried": {"entitlement_id": of.entitlement_id, "terms": forged, "carried": carried},
        "older": {**forged, "carried": carried},
    }[shape]
    given["clock"] = NOON.isoformat()
    async with counting(client, task_queue, RememberingStore()):
        handle = await client.start_workflow(
            ENTITLEMENT_WORKFLOW, given, id=workflow_id(of.entitlement_id), task_queue=task_queue
        )
        [answer] = await handle.execute_update("consume_many", [consumption("C1")])
        assert (answer["outcome"], answer["cap"]) == ("granted", 2)

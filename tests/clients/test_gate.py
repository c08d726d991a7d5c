"""The gate, on a real server."""

import asyncio
import json
from collections import Counter
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    QueryWorkflowInput,
    StartWorkflowUpdateWithStartInput,
    WorkflowExecutionStatus,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from clients.entitlements import NobodyCounts
from clients.gate import UsageGate, _that_fit
from clients.sending import marked
from domain.bounds import MOST_MESSAGE_BYTES
from domain.errors import NOT_NOW, Refused
from domain.messages.inbox import refuse_beyond_bounds
from domain.usage.requests import MOST_AT_ONCE, Consumed, workflow_id
from tests.support import assert_eventually
from tests.usage import NOON, RememberingStore, consumption, counting, terms
from worker.payloads import DATA_CONVERTER


async def test_of_200_at_once_against_a_cap_of_50_exactly_50_are_granted(client: Client, task_queue: str) -> None:
    """Through two gates, as of two workers; all of it is on record, each once."""
    gold, store = terms(), RememberingStore()
    gates = [UsageGate(client, task_queue) for _ in range(2)]
    async with counting(client, task_queue, store):
        answers = await asyncio.gather(*(gates[n % 2].consume(gold, consumption(f"C{n}")) for n in range(200)))
        assert Counter(answer.outcome for answer in answers) == {"granted": 50, "overflow": 150}
        assert [answer.reference for answer in answers] == [f"C{n}" for n in range(200)]
        balance = await gates[0].balance(gold, NOON)
        assert (balance.current.used, balance.current.remaining, balance.current.overflows) == (50, 0, 150)

        async def recorded() -> None:
            assert len(store.rows) == 200

        await assert_eventually(recorded)
    assert Counter(one.kind for one in store.rows.values()) == {"taken": 50, "overflow": 150}


async def test_many_at_once_share_few_updates(client: Client, task_queue: str) -> None:
    """One update is in flight; what comes meanwhile goes together into the next."""
    gold, gate = terms(cap=None), UsageGate(client, task_queue)
    async with counting(client, task_queue, RememberingStore()):
        answers = await asyncio.gather(*(gate.consume(gold, consumption(f"C{n}")) for n in range(2400)))
        assert sorted(answer.used for answer in answers) == list(range(1, 2401))
        history = await client.get_workflow_handle(workflow_id(gold.entitlement_id)).fetch_history()
    accepted = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    assert sum(event.event_type == accepted for event in history.events) == 3


async def test_a_request_has_the_size_of_a_message_as_a_whole(client: Client, task_queue: str) -> None:
    """600 consumptions of a kilobyte each go in three requests; a list over 256 KB is refused, and takes nothing."""
    gold, gate = terms(cap=None), UsageGate(client, task_queue)
    large = [consumption(f"C{n}", by="\N{SNOWMAN}" * 330) for n in range(600)]
    async with counting(client, task_queue, RememberingStore()):
        await gate.begin(gold)
        answers = await asyncio.gather(*(gate.consume(gold, one) for one in large))
        assert [answer.used for answer in answers] == list(range(1, 601))
        handle = client.get_workflow_handle(workflow_id(gold.entitlement_id))
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update("consume_many", [consumption(f"D{n}", by="x" * 1000) for n in range(300)])
        assert "a message has at most 256 KB" in str(refused.value.cause)
        assert (await gate.balance(gold, NOON)).current.used == 600
        history = await handle.fetch_history()
    accepted = [e.workflow_execution_update_accepted_event_attributes for e in history.events]
    sizes = [len(a.accepted_request.input.args.payloads[0].data) for a in accepted if a.accepted_request.input.name]
    assert len(sizes) == 3
    assert max(sizes) <= MOST_MESSAGE_BYTES


@pytest.mark.parametrize("length", [1, 20, *range(100, 200, 7), 1000])
def test_as_many_go_into_one_request_as_it_may_have(length: int) -> None:
    """As they are sent, with the number of their format: what goes together is never refused by its size."""
    waiting = [(consumption(f"C{n}", by="x" * length), None) for n in range(MOST_AT_ONCE)]
    count = _that_fit(waiting)
    sent = [one for one, _ in waiting[:count]]
    [payload] = DATA_CONVERTER.payload_converter.to_payloads([marked(sent)])
    refuse_beyond_bounds((json.loads(payload.data),))
    assert len(payload.data) <= MOST_MESSAGE_BYTES
    more = len(payload.data) + len(waiting[-1][0].model_dump_json()) + 20 + count
    assert count == MOST_AT_ONCE or more > MOST_MESSAGE_BYTES


async def test_the_same_again_takes_nothing(client: Client, task_queue: str) -> None:
    gold, gate = terms(), UsageGate(client, task_queue)
    async with counting(client, task_queue, RememberingStore()):
        first, again = await asyncio.gather(*(gate.consume(gold, consumption("C1")) for _ in range(2)))
        other = await UsageGate(client, task_queue).consume(gold, consumption("C1", event_id="another"))
    assert [first.outcome, again.outcome, other.outcome] == ["granted", "already", "already"]
    assert other.used == 1
    assert other.is_taken


async def test_entitlements_do_not_wait_for_one_another(client: Client, task_queue: str) -> None:
    gate = UsageGate(client, task_queue)
    several = [terms(cap=1) for _ in range(5)]
    async with counting(client, task_queue, RememberingStore()):
        answers = await asyncio.gather(*(gate.consume(one, consumption("C1")) for one in several))
    assert [answer.outcome for answer in answers] == ["granted"] * 5


async def test_nothing_is_lost_or_taken_twice_while_runs_roll_over(
    client: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of four updates, eight gates: the count is exact, and every reference is known in the last run too."""
    monkeypatch.setattr("domain.usage.requests.MOST_UPDATES_A_RUN", 4)
    gold, store = terms(cap=60), RememberingStore()
    gates = [UsageGate(client, task_queue) for _ in range(8)]

    async def one_after_another(gate: UsageGate, number: int) -> list[Consumed]:
        return [await gate.consume(gold, consumption(f"C{number}-{n}")) for n in range(10)]

    async with counting(client, task_queue, store):
        lists = await asyncio.gather(*(one_after_another(gate, n) for n, gate in enumerate(gates)))
        outcomes = Counter(answer.outcome for answers in lists for answer in answers)
        # An answer that was lost with a run is asked for again, and then says `already`.
        assert outcomes["granted"] + outcomes["already"] == 60
        assert outcomes["overflow"] == 20
        repeated = await asyncio.gather(
            *(gates[0].consume(gold, consumption(f"C{n}-{m}")) for n in range(8) for m in range(10))
        )
        assert Counter(answer.outcome for answer in repeated) == {"already": 60, "overflow": 20}
        assert (await gates[0].balance(gold, NOON)).current.used == 60

        async def recorded() -> None:
            assert len(store.rows) == 80

        await assert_eventually(recorded)
        handle = client.get_workflow_handle(workflow_id(gold.entitlement_id))
        described = await handle.describe()
        assert described.run_id != described.raw_description.workflow_execution_info.first_run_id


class _Faults(Interceptor):
    """Lets some of the gate's updates go wrong: before they reach the server, or on the way back."""

    def __init__(self, *faults: tuple[str, Exception]) -> None:
        self.faults = list(faults)

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  the SDK's own name
        return _FaultyClient(next, self.faults)


class _FaultyClient(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, faults: list[tuple[str, Exception]]) -> None:  # noqa: A002  likewise
        super().__init__(next)
        self.faults = faults

    async def start_update_with_start_workflow(
        self,
        input: StartWorkflowUpdateWithStartInput,  # noqa: A002  likewise
    ) -> WorkflowUpdateHandle[Any]:
        where, fault = self.faults.pop(0) if self.faults else ("", None)
        if fault is not None and where == "before":
            raise fault
        handle = await super().start_update_with_start_workflow(input)
        if fault is not None:
            raise fault
        return handle


NOT_READY = WorkflowUpdateFailedError(ApplicationError("the run is over", type="WorkflowNotReadyFailure"))
FULL = WorkflowUpdateFailedError(ApplicationError("too much is still to be told", type=NOT_NOW))


def rpc_error(status: RPCStatusCode) -> RPCError:
    return RPCError("made up for this test", status, b"")


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize(
    "fault",
    [
        NOT_READY,
        FULL,
        rpc_error(RPCStatusCode.FAILED_PRECONDITION),
        rpc_error(RPCStatusCode.NOT_FOUND),
        rpc_error(RPCStatusCode.UNAVAILABLE),
        rpc_error(RPCStatusCode.RESOURCE_EXHAUSTED),
        rpc_error(RPCStatusCode.DEADLINE_EXCEEDED),
        WorkflowUpdateRPCTimeoutOrCancelledError(),
    ],
    ids=lambda fault: getattr(getattr(fault, "status", None), "name", type(fault).__name__),
)
async def test_what_passes_by_itself_is_asked_again_under_the_same_ids(
    client: Client, task_queue: str, fault: Exception, where: str
) -> None:
    """Whether the request was lost or its answer: it is taken once."""
    config = client.config()
    config["interceptors"] = [_Faults((where, fault), (where, fault))]
    gold, gate = terms(), UsageGate(Client(**config), task_queue)
    async with counting(client, task_queue, RememberingStore()):
        answer = await gate.consume(gold, consumption("C1"))
        assert answer.outcome == ("granted" if where == "before" else "already")
        assert answer.used == 1


async def test_a_run_that_has_just_gone_on_in_the_next_is_not_taken_for_no_count(
    client: Client, task_queue: str
) -> None:
    """It would look as if everything were left."""

    class Meets(Interceptor):
        def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  the SDK's own name
            return MeetsTheEndOfARun(next)

    class MeetsTheEndOfARun(OutboundInterceptor):
        met = False

        async def query_workflow(self, input: QueryWorkflowInput) -> Any:  # noqa: A002  likewise
            if not self.met:
                self.met = True
                raise WorkflowQueryRejectedError(WorkflowExecutionStatus.CONTINUED_AS_NEW)
            return await super().query_workflow(input)

    config = client.config()
    config["interceptors"] = [Meets()]
    gold = terms()
    async with counting(client, task_queue, RememberingStore()):
        await UsageGate(client, task_queue).consume(gold, consumption("C1"))
        balance = await UsageGate(Client(**config), task_queue).balance(gold, NOON)
        assert balance.current.used == 1
        assert await UsageGate(Client(**config), task_queue).has_taken(gold.entitlement_id, "C1")


async def test_what_does_not_pass_is_not_tried_for_long(client: Client, task_queue: str) -> None:
    """The caller is told at once, and the next one is served."""
    config = client.config()
    denied = rpc_error(RPCStatusCode.PERMISSION_DENIED)
    refused = WorkflowUpdateFailedError(ApplicationError("not so", type="bad_message"))
    config["interceptors"] = [_Faults(("before", denied), ("before", refused))]
    gold, gate = terms(), UsageGate(Client(**config), task_queue)
    async with counting(client, task_queue, RememberingStore()):
        with pytest.raises(NobodyCounts, match="made up"):
            await gate.consume(gold, consumption("C1"))
        with pytest.raises(Refused, match="not so"):
            await gate.consume(gold, consumption("C1"))
        assert (await gate.consume(gold, consumption("C1"))).outcome == "granted"


async def test_the_balance_of_what_nobody_asked_for_yet_is_whole(client: Client, task_queue: str) -> None:
    balance = await UsageGate(client, task_queue).balance(terms(), NOON)
    assert (balance.current.used, balance.current.remaining) == (0, 50)


async def test_says_that_nobody_counts_when_no_worker_runs(client: Client, task_queue: str) -> None:
    gold, gate = terms(), UsageGate(client, task_queue, patience=0.3)
    with pytest.raises(NobodyCounts, match="is a worker running"):
        await gate.consume(gold, consumption("C1"))
    async with counting(client, task_queue, RememberingStore()):
        patient = UsageGate(client, task_queue)
        assert (await patient.consume(gold, consumption("C1"))).is_taken


async def test_one_caller_who_goes_away_takes_no_answer_from_the_others(client: Client, task_queue: str) -> None:
    gold, gate = terms(), UsageGate(client, task_queue)
    async with counting(client, task_queue, RememberingStore()):
        waiting = [asyncio.create_task(gate.consume(gold, consumption(f"C{n}"))) for n in range(3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[1], asyncio.CancelledError)
    assert [answer.outcome for answer in (answers[0], answers[2]) if isinstance(answer, Consumed)] == ["granted"] * 2

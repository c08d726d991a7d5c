"""Signals to other workflows, on a real server: what arrives, once for each key, and what fails for good."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from pydantic import ValidationError
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Worker

from activities.actions.dispatch import Dispatcher
from activities.actions.effect import Effect
from activities.actions.outside import Outside
from activities.delivery.means import Means
from activities.rendering.renderer import Renderer
from domain.process.actions import Signal
from store import Store
from tests.activities.actions.receiving import Receiving
from tests.activities.actions.sending import CONTEXT, KEY, effect
from tests.support import assert_eventually, unique
from worker.connection import connect
from worker.embedded import RunningServer
from worker.namespace import register_namespace

Told = WorkflowHandle[Any, Any]


@pytest_asyncio.fixture(loop_scope="session")
async def desk(client: Client, task_queue: str) -> AsyncIterator[Told]:
    """A workflow that keeps what it is told."""
    async with Worker(client, task_queue=task_queue, workflows=[Receiving]):
        yield await client.start_workflow(Receiving.run, id=unique("desk"), task_queue=task_queue)


async def perform(client: Client, store: Store, rendering: Renderer, asked: Effect, **means: Any) -> None:
    """Carry it out as a worker's activity does."""
    ways: dict[str, Any] = {"sends_rehearsals": True, **means}
    dispatcher = Dispatcher(store.actions, store.catalog, rendering, Outside(store, Means(**ways)))
    await ActivityEnvironment(client=client).run(dispatcher.perform, asked)


def signal(workflow: str, **also: Any) -> dict[str, Any]:
    return {"do": "signal", "workflow": workflow, "signal": "escalated", **also}


async def heard(desk: Told, *expected: list[Any]) -> None:
    async def told() -> None:
        assert await desk.query("told") == [*expected]

    await assert_eventually(told)


async def test_a_workflow_gets_the_arguments_that_are_asked_for(
    client: Client, desk: Told, store: Store, rendering: Renderer
) -> None:
    """Texts are templates, however deep; numbers stay numbers. So are the workflow's id and the signal's name."""
    arguments = ["{{ case.priority }} case", 3, {"of": ["{{ account.name }}", None, True]}]
    also: dict[str, Any] = {"args": arguments, "signal": "{{ 'ESCALATED' | lower }}"}
    asked = effect(signal("{{ case.queue }}", **also))
    asked.context["case"] = {"id": "c-1", "priority": "High", "queue": desk.id}
    try:
        await perform(client, store, rendering, asked)
    finally:
        del asked.context["case"]["queue"]
    await heard(desk, ["High case", 3, {"of": ["Acme", None, True]}])
    [sent] = store.deliveries.of_case("c-1")
    assert (sent.channel, sent.status, sent.attempts) == ("signal", "sent", 1)
    assert sent.answer == f"taken by workflow {desk.id}"


async def test_without_arguments_a_workflow_gets_the_event(
    client: Client, desk: Told, store: Store, rendering: Renderer
) -> None:
    """As a web hook's receiver does, with the key under which it is done once."""
    await perform(client, store, rendering, effect(signal(desk.id)))
    await heard(
        desk,
        [
            {
                "type": "milestone.warning",
                "key": KEY,
                **CONTEXT,
                "case": {"id": "c-1", "external_id": "c-1", "priority": "High"},
                "trigger": "warning-75-percent",
                "due_at": "2025-06-09T12:00:00Z",
                "at": "2025-06-09T12:00:00Z",
            }
        ],
    )


async def test_the_server_hands_a_key_on_once(client: Client, desk: Told, store: Store, rendering: Renderer) -> None:
    """A worker that died after the server took it sends it again; the workflow hears of it once."""
    for key in (KEY, KEY, f"{KEY}-2"):
        asked = effect(signal(desk.id, args=[key]), key=key)
        await perform(client, store, rendering, asked)
        with store._database.write() as connection:
            connection.exec_driver_sql("DELETE FROM deliveries")  # as if the worker had died before it wrote
    await heard(desk, [KEY], [f"{KEY}-2"])


async def test_a_workflow_that_is_not_there_fails_for_good(
    client: Client, desk: Told, store: Store, rendering: Renderer
) -> None:
    """Nor does one that has ended hear of anything; each with a line that says so."""
    await desk.signal("end")
    await desk.result()
    for number, gone in enumerate(("nobody", desk.id)):
        key = f"{KEY}-{number}"
        with pytest.raises(ApplicationError, match=f"workflow {gone} is not there, or has ended") as failed:
            await perform(client, store, rendering, effect(signal(gone), key=key))
        assert failed.value.non_retryable
    assert {(sent.status, sent.attempts) for sent in store.deliveries.of_case("c-1")} == {("failed", 1)}


@pytest.mark.parametrize(
    "own", ["case/4711", "entitlement/acme-gold", "migration/m", "redelivery/k", "report/r", "subscription/s"]
)
async def test_no_workflow_of_milepost_is_signalled(
    client: Client, store: Store, rendering: Renderer, own: str
) -> None:
    """It is refused where it is declared, and fails for good where a text comes to it."""
    with pytest.raises(ValidationError, match="is Milepost's own; a signal goes to other workflows"):
        Signal.model_validate(signal(own))
    asked = signal(f"{{{{ '{own}' }}}}")
    with pytest.raises(ApplicationError, match="is Milepost's own") as failed:
        await perform(client, store, rendering, effect(asked))
    assert failed.value.non_retryable
    with pytest.raises(ApplicationError, match="is Milepost's own"):
        await perform(client, store, rendering, effect(asked | {"namespace": client.namespace}, key=f"{KEY}-2"))


async def test_a_signal_goes_to_a_namespace_of_its_own(
    server: RunningServer, client: Client, store: Store, rendering: Renderer
) -> None:
    """On the same server; one that there is not fails for good, and is named."""
    other = await connect(address=server.address, namespace=unique("namespace"))
    await register_namespace(other, retention=timedelta(days=1))

    async def started() -> Told:
        try:
            return await other.start_workflow("Receiving", id="desk", task_queue="nobody")
        except Exception as error:  # a new namespace is known after a moment
            raise AssertionError(str(error)) from error

    await assert_eventually(started)
    await perform(client, store, rendering, effect(signal("desk", namespace=other.namespace)))
    history = await other.get_workflow_handle("desk").fetch_history()
    told = [event.workflow_execution_signaled_event_attributes for event in history.events]
    [signalled] = [one for one in told if one.signal_name]
    assert (signalled.signal_name, signalled.header.fields["milepost-key"].data) == ("escalated", f'"{KEY}"'.encode())
    assert store.deliveries.of_case("c-1")[0].to == f"workflow desk in namespace {other.namespace}"
    with pytest.raises(ApplicationError, match="Namespace nowhere is not found") as failed:
        await perform(client, store, rendering, effect(signal("desk", namespace="nowhere"), key=f"{KEY}-2"))
    assert failed.value.non_retryable


async def test_a_rehearsal_signals_nobody(client: Client, desk: Told, store: Store, rendering: Renderer) -> None:
    """Its texts are rendered, so that a mistake in one shows; what is far from now is of a replayed log."""
    asked = effect(signal(desk.id), case_id=None)
    await perform(client, store, rendering, asked, sends_rehearsals=False)
    assert store.deliveries.of_case("c-1") == []
    assert await desk.query("told") == []
    with pytest.raises(ApplicationError, match="can't be rendered"):
        await perform(client, store, rendering, effect(signal("{{ case. }}"), case_id=None), sends_rehearsals=False)

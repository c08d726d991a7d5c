"""Signals to other workflows: each under its key, which the server takes once of a workflow that still runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.api.common.v1 import Header, Payloads, WorkflowExecution
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.actions import hooks
from activities.actions.carrying_out import Tools, carries_out
from activities.actions.effect import Effect
from activities.delivery.outcomes import Delivered, NotDelivered
from activities.rendering.renderer import Renderer
from domain.bounds import cut
from domain.delivery.signing import webhook_id
from domain.process.actions import Signal, refuse_own_workflow

KEY_HEADER = "milepost-key"
"""The header of a signal that holds the effect's key, for whoever wants to know one again."""

_ANSWERS_WITHIN = timedelta(seconds=20)
_FOR_GOOD = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT})


@dataclass(frozen=True, slots=True)
class RenderedSignal:
    """A signal with its texts as they are sent.

    Attributes:
        namespace: of the workflow; empty: Milepost's own.
    """

    workflow: str
    name: str
    arguments: list[Any]
    namespace: str

    @property
    def receiver(self) -> str:
        """Who gets it, for people."""
        return f"workflow {self.workflow}" + (f" in namespace {self.namespace}" if self.namespace else "")


@carries_out(Signal)
async def send(action: Signal, effect: Effect, tools: Tools) -> None:
    """Send a signal; of a rehearsal its texts are rendered alone, so that a mistake in one shows."""
    asked = await _rendered(action, await tools.surrounded(effect), tools.renderer)

    async def attempt(_: int) -> Delivered:
        return await _signalled(activity.client(), asked, effect.key)

    if tools.outside is not None:
        await tools.outside.attempt(effect, action.do, asked.receiver, asked.receiver, attempt)


async def _rendered(action: Signal, effect: Effect, renderer: Renderer) -> RenderedSignal:
    """A signal as it is sent. Without arguments of its own it has one, the event.

    Raises:
        BadTemplate: a text of it can't be rendered.
    """

    async def value(declared: Any) -> Any:
        match declared:
            case str():
                return await renderer.render(declared, effect.context)
            case list():
                return [await value(one) for one in declared]
            case dict():
                return {name: await value(one) for name, one in declared.items()}
        return declared

    workflow = (await renderer.render(action.workflow, effect.context)).strip()
    name = (await renderer.render(action.signal, effect.context)).strip()
    arguments = [hooks.event(effect)] if action.args is None else await value(action.args)
    return RenderedSignal(workflow, name, arguments, action.namespace)


async def _signalled(client: Client, asked: RenderedSignal, key: str) -> Delivered:
    """Make one attempt. The server knows the key again, and hands it to one run of the workflow once.

    Args:
        client: of Milepost's own namespace; another one on the same server is asked by name.
        asked: what is sent.
        key: the effect's.

    Raises:
        NotDelivered: it has not arrived, or nobody knows.
    """
    namespace = asked.namespace or client.namespace
    if not asked.workflow or not asked.name:
        raise NotDelivered("the id of the workflow, or the name of the signal, was rendered to nothing", for_good=True)
    if namespace == client.namespace:
        try:
            refuse_own_workflow(asked.workflow)
        except ValueError as error:
            raise NotDelivered(str(error), for_good=True) from None
    request = SignalWorkflowExecutionRequest(
        namespace=namespace,
        workflow_execution=WorkflowExecution(workflow_id=asked.workflow),
        signal_name=asked.name,
        input=Payloads(payloads=await client.data_converter.encode(asked.arguments)),
        header=Header(fields={KEY_HEADER: client.data_converter.payload_converter.to_payload(key)}),
        identity=client.identity,
        request_id=webhook_id(key),
    )
    try:
        await client.workflow_service.signal_workflow_execution(request, timeout=_ANSWERS_WITHIN)
    except RPCError as error:
        raise _not_delivered(error, asked) from None
    return Delivered(f"taken by {asked.receiver}")


def _not_delivered(error: RPCError, asked: RenderedSignal) -> NotDelivered:
    said = cut(error.message, 200)
    if error.status is RPCStatusCode.NOT_FOUND:
        said = f"{asked.receiver} is not there, or has ended: {said}"
    return NotDelivered(
        f"Temporal answers: {said}",
        for_good=error.status in _FOR_GOOD,
        may_have_arrived=error.status in {RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED},
    )

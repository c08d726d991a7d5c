"""The activities of a case's actions, one for each kind, named as the kind is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from temporalio import activity

from activities.actions.dispatch import Dispatcher
from activities.actions.effect import Effect
from domain.messages.case_state import ActionOrder


class CaseActions:
    """Does what the triggers of cases ask for. Each returns why the action was dropped, if it was."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    @property
    def all(self) -> list[Callable[..., Any]]:
        """For the worker to register."""
        return [self.email, self.task, self.outbound_message]

    @activity.defn(name="email")
    async def email(self, order: ActionOrder) -> str | None:
        """Send a mail, or put it into the log of sent mail."""
        return await self._dispatcher.perform(_effect(order))

    @activity.defn(name="task")
    async def task(self, order: ActionOrder) -> str | None:
        """Make a task."""
        return await self._dispatcher.perform(_effect(order))

    @activity.defn(name="outbound_message")
    async def outbound_message(self, order: ActionOrder) -> str | None:
        """Send a request to an endpoint."""
        return await self._dispatcher.perform(_effect(order))


def _effect(order: ActionOrder) -> Effect:
    return Effect(
        call=order.call,
        context=order.context,
        at=order.at,
        due_at=order.due_at,
        event=f"milestone.{order.kind}",
        trigger=order.trigger,
        thread=f"case/{order.case_id}",
        case_id=order.case_id,
    )

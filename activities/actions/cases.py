"""The activities of a case's actions, one for each kind, named as the kind is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from temporalio import activity

from activities.actions.dispatch import Dispatcher
from activities.actions.effect import Effect
from activities.heartbeat import heartbeating
from domain.messages.case_state import ActionOrder
from domain.process.actions import SENT


class CaseActions:
    """Does what the triggers of cases ask for. Each returns why the action was dropped, if it was."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    @property
    def all(self) -> list[Callable[..., Any]]:
        """For the worker to register."""
        return [self._activity(kind) for kind in SENT]

    def _activity(self, kind: str) -> Callable[..., Any]:
        @activity.defn(name=kind)
        async def perform(order: ActionOrder) -> str | None:
            async with heartbeating():
                return await self._dispatcher.perform(_effect(order))

        return perform


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

"""The kinds of action that a trigger can have, each an activity of its own, under a key by which it is done once."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from typing import Any, assert_never

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.rendering.renderer import BadTemplate, Renderer
from domain.messages.case_state import ActionOrder
from domain.process import ActionCall, Email, FieldUpdate, Task
from store.store import Store


class Actions:
    """Does what triggers ask for."""

    def __init__(self, store: Store, renderer: Renderer) -> None:
        self.store = store
        self.renderer = renderer

    @activity.defn(name="email")
    async def email(self, order: ActionOrder) -> None:
        """Put a mail into the log of sent mail."""
        await self._perform(order.call, order.context, order.at, order.due_at)

    @activity.defn(name="task")
    async def task(self, order: ActionOrder) -> None:
        """Make a task."""
        await self._perform(order.call, order.context, order.at, order.due_at)

    async def _perform(self, call: ActionCall, context: dict[str, Any], at: datetime, due_at: datetime) -> None:
        try:
            await self._do(call, context, at, due_at)
        except BadTemplate as error:  # wrong today is wrong at every retry
            raise ApplicationError(str(error), type="BadTemplate", non_retryable=True) from error
        await asyncio.to_thread(self.store.record_action_done, call.key, at=at)

    async def _do(self, call: ActionCall, context: dict[str, Any], at: datetime, due_at: datetime) -> None:
        action, render = call.action, self.renderer.render
        match action:
            case Email():
                to = [await render(address, context) for address in action.to]
                subject, body = await render(action.subject, context), await render(action.body, context)
                record = partial(
                    self.store.record_mail, call.key, to=to, subject=subject, body=body, at=at, due_at=due_at
                )
            case Task():
                subject, assign_to = await render(action.subject, context), await render(action.assign_to, context)
                body = await render(action.body, context)
                record = partial(
                    self.store.record_task, call.key, subject=subject, assign_to=assign_to, body=body, at=at
                )
            case FieldUpdate():
                raise ApplicationError(
                    f"{call.key}: a field update takes effect on the timeline", type="Mistaken", non_retryable=True
                )
            case _:
                assert_never(action)
        await asyncio.to_thread(record)

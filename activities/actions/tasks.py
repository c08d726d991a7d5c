"""Tasks: rows of the store, one for each key."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Protocol

from activities.actions.effect import Effect
from activities.rendering.renderer import Renderer
from domain.process import Task


class TaskLog(Protocol):
    """Where tasks are kept."""

    def record_task(
        self,
        key: str,
        *,
        subject: str,
        assign_to: str,
        body: str,
        at: datetime,
        due_at: datetime | None = None,
        account: str | None = None,
    ) -> bool:
        """Make a task."""


async def make(action: Task, effect: Effect, renderer: Renderer, log: TaskLog) -> None:
    """Make a task.

    Raises:
        BadTemplate: a text of it can't be rendered.
    """
    subject = await renderer.render(action.subject, effect.context)
    assign_to = await renderer.render(action.assign_to, effect.context)
    body = await renderer.render(action.body, effect.context)
    account = (effect.context.get("account") or {}).get("id")
    await asyncio.to_thread(
        log.record_task,
        effect.key,
        subject=" ".join(subject.split()),
        assign_to=assign_to.strip(),
        body=body,
        at=effect.at,
        due_at=effect.call.due_at,
        account=None if account is None else str(account),
    )

"""Tasks: rows of the store, one for each key."""

from __future__ import annotations

import asyncio

from activities.actions.carrying_out import Tools, carries_out
from activities.actions.effect import Effect
from domain.process import Task


@carries_out(Task)
async def make(action: Task, effect: Effect, tools: Tools) -> None:
    """Make a task."""
    seen = (await tools.surrounded(effect)).context
    subject = await tools.renderer.render(action.subject, seen)
    assign_to = await tools.renderer.render(action.assign_to, seen)
    body = await tools.renderer.render(action.body, seen)
    account = (seen.get("account") or {}).get("id")
    await asyncio.to_thread(
        tools.log.record_task,
        effect.key,
        subject=" ".join(subject.split()),
        assign_to=assign_to.strip(),
        body=body,
        at=effect.at,
        due_at=effect.call.due_at,
        account=None if account is None else str(account),
    )

"""Whether an action is still worth doing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Protocol

from activities.actions.effect import Effect
from domain.process.actions import COMPLETED, FieldUpdate
from domain.wording import instant


class ExpiryLog(Protocol):
    """The part of the store that knows what became of a milestone, and how long an action waits."""

    def milestone_completed_at(self, key: str) -> datetime | None:
        """When the milestone of an action was completed; None: it is open."""

    def waits_since(self, key: str) -> datetime | None:
        """When the first attempt at an action began, by the wall clock; None: there was none."""

    def was_sent(self, key: str) -> bool:
        """Whether its receiver has it."""


async def expired(effect: Effect, log: ExpiryLog, *, pace: float, is_rehearsal: bool) -> str | None:
    """Why an action is worth nothing any more, in a sentence; None: it is to be done.

    Args:
        effect: the action.
        log: what is on record.
        pace: by which the delays between attempts are divided, so that a span of time is too.
        is_rehearsal: whether it belongs to a replayed log, whose time has nothing to do with this machine's.
    """
    action = effect.call.action
    if isinstance(action, FieldUpdate):
        return None
    if action.expires == COMPLETED:
        completed_at = await asyncio.to_thread(log.milestone_completed_at, effect.key)
        if completed_at is not None:
            return f"expired: its milestone was completed at {instant(completed_at)}"
        return None
    until = await expires_at(effect, log, pace=pace, is_rehearsal=is_rehearsal)
    if until is not None and until <= datetime.now(UTC):
        return f"expired: {action.expires} have passed since it was due"
    return None


async def expires_at(effect: Effect, log: ExpiryLog, *, pace: float, is_rehearsal: bool) -> datetime | None:
    """When an action that is worth something for a span of time is worth nothing any more, by the wall clock.

    None: no span says so. The parameters are those of `expired`.
    """
    action = effect.call.action
    if isinstance(action, FieldUpdate) or action.expires_after is None:
        return None
    since = await asyncio.to_thread(log.waits_since, effect.key) or datetime.now(UTC)
    late = effect.late_at(effect.at if is_rehearsal else since)
    return since + (action.expires_after - late) / pace

"""Faults planted in a worker, to show that the siege finds them. Nothing but the siege's own worker imports this."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from temporalio import activity

from clients.gate import UsageGate
from domain.usage.requests import Consumed, Consumption, EntitlementTerms
from store.cases.actions import ActionRecords

_LATER = 1.5
"""Seconds: long enough for a kill to come between."""


def _lose_mails_at_a_kill() -> None:
    """A mail counts as sent before it was: a worker that is killed in between loses it."""
    send = ActionRecords.record_mail

    def promise(records: ActionRecords, key: str, *given: Any, **named: Any) -> bool:
        sending = threading.Timer(_LATER, send, (records, key, *given), named)
        sending.daemon = True
        sending.start()
        return True

    ActionRecords.record_mail = promise  # type: ignore[method-assign, assignment]


def _count_twice_after_a_kill() -> None:
    """An opening that is tried again asks under another reference: the case is counted once more.

    It lingers after its first taking: the moment between that and its end is too short for most kills to meet.
    """
    consume = UsageGate.consume

    async def consume_again(gate: UsageGate, terms: EntitlementTerms, consumption: Consumption) -> Consumed:
        attempt = activity.info().attempt if activity.in_activity() else 1
        if attempt > 1:
            names = ("reference", "event_id")
            again = {name: f"{getattr(consumption, name)}-{attempt}" for name in names}
            consumption = consumption.model_copy(update=again)
        consumed = await consume(gate, terms, consumption)
        if attempt == 1:
            await asyncio.sleep(_LATER)
        return consumed

    UsageGate.consume = consume_again  # type: ignore[method-assign, assignment]


PLANTED: dict[str, Callable[[], None]] = {
    "lost-at-a-kill": _lose_mails_at_a_kill,
    "counted-twice": _count_twice_after_a_kill,
}

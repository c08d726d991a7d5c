"""Mails that wait for somebody to be at work."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from activities.actions.attempts import waits
from activities.actions.effect import Effect
from domain.calendar import HorizonExceeded
from domain.delivery.schedule import LONGEST_WAIT
from domain.errors import MilepostError
from domain.process import Email
from domain.wording import instant
from domain.zones import zone_named
from store.store import Store

_VIOLATION = "milestone.violation"


async def wait_for_opening(effect: Effect, to: str, store: Store, now: datetime | None = None) -> None:
    """Let a mail pass whose hours are open, or that has none.

    Args:
        effect: the mail.
        to: its receivers, for people.
        store: what is declared, and where it is put on record that the mail waits.
        now: by the wall clock, if left out.

    Raises:
        ApplicationError: they are closed; it says when they open.
    """
    now = now or datetime.now(UTC)
    name = await asyncio.to_thread(hours_of, effect, store)
    opens = None if name is None else await asyncio.to_thread(_opening, name, now, store)
    if opens is None:
        return
    at, line = opens
    await asyncio.to_thread(store.deliveries.hold_delivery, effect.key, "email", to, line, now)
    raise waits(line, at - now)


def hours_of(effect: Effect, store: Store) -> str | None:
    """The business hours for whose opening a mail waits: its own or its trigger's; else the organisation's.

    A violation waits for nobody unless it says so itself.
    """
    action = effect.call.action
    if isinstance(action, Email) and action.hours is not None:
        return action.hours
    quiet = store.catalog.organisation().quiet
    return None if quiet is None or effect.event == _VIOLATION else quiet.hours


def _opening(name: str, now: datetime, store: Store) -> tuple[datetime, str] | None:
    """When hours open next, and a line about it; None: they are open, or do not open for too long."""
    try:
        hours = store.catalog.business_hours(name).hours
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        frozen = hours.freeze(midnight - timedelta(days=2), midnight + LONGEST_WAIT + timedelta(days=2))
        opens = frozen.next_open(now)
    except (HorizonExceeded, MilepostError):
        return None  # late news is better than none
    if opens <= now or opens - now > LONGEST_WAIT:
        return None
    return opens, f"waits for {name} to open: {instant(opens, zone_named(hours.time_zone) or UTC)}"

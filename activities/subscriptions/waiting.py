"""Waiting until there is something to send: a look at the store twice a second, and none at Temporal."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.heartbeat import heartbeating
from activities.refusals import refusals
from domain.errors import Refused
from domain.feed.registry import chosen_types
from domain.subscriptions.requests import WAITS_SIGN_OF_LIFE, WaitRequest
from domain.subscriptions.state import Trouble, WaitReport
from store.store import Store
from store.subscriptions.places import place_in

LOOKS_EVERY = 0.5
"""Seconds between two looks."""

LONGEST = 600.0
"""Seconds after which the workflow hears that there is nothing: it may want to go on in a new build."""

MOST_AT_ONCE = 30
"""Subscriptions that wait in one worker; of a hundred activities that it does, others are to have their places."""

ASKS_AGAIN_AFTER = timedelta(seconds=10)
"""For a subscription that finds no room to wait."""

_BEATS_EVERY = WAITS_SIGN_OF_LIFE.total_seconds() / 3


class Waiting:
    """Waits for events, for some subscriptions at one time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting = 0
        self._turns: dict[str, int] = {}

    async def wait(self, request: WaitRequest) -> WaitReport:
        """Wait until there is something to send, or for ten minutes, or until this worker is about to end."""
        name, state = request.subscription_id, request.state
        turn = self.leave(name)
        await asyncio.to_thread(self._store.subscriptions.keep, name, state, datetime.now(UTC))
        if self._waiting >= MOST_AT_ONCE:
            found = await asyncio.to_thread(self._look, name, state.cursor, -1)
            report = found if isinstance(found, WaitReport) else WaitReport(found=False, cursor=found[0])
            return report if report.found else report.model_copy(update={"again_after": ASKS_AGAIN_AFTER})
        self._waiting += 1
        try:
            async with heartbeating(_BEATS_EVERY):
                with refusals():
                    return await self._wait(name, state.cursor, turn)
        finally:
            self._waiting -= 1

    def leave(self, name: str) -> int:
        """Have who waits for a subscription leave: its workflow has gone on. Returns the number of whose turn it is."""
        self._turns[name] = self._turns.get(name, 0) + 1
        return self._turns[name]

    async def _wait(self, name: str, cursor: str, turn: int) -> WaitReport:
        clock = asyncio.get_running_loop().time
        ends_at, seen = clock() + LONGEST, -1
        while True:
            found = await asyncio.to_thread(self._look, name, cursor, seen)
            if isinstance(found, WaitReport):
                return found
            cursor, seen = found
            if clock() >= ends_at or activity.is_worker_shutdown() or self._turns[name] != turn:
                return WaitReport(found=False, cursor=cursor)
            await asyncio.sleep(LOOKS_EVERY)

    def _look(self, name: str, cursor: str, seen: int) -> WaitReport | tuple[str, int]:
        """Whether there is something; if not, the cursor to go on from, and up to where the feed was looked at."""
        store = self._store
        declared = store.subscriptions.declared(name)
        if declared is None:
            return WaitReport(found=False, cursor=cursor, trouble=Trouble(kind="ended"))
        if store.dead_letters.waiting(name, 1):
            return WaitReport(found=True, cursor=cursor)
        last = store.feed.last()
        if last == seen:
            return cursor, seen
        try:
            page = store.feed.read(
                place_in(store.feed, cursor), types=chosen_types(declared.types), accounts=declared.accounts, limit=1
            )
        except Refused as refused:
            return WaitReport(found=False, cursor=cursor, trouble=Trouble(kind="cursor", said=str(refused)))
        if page.events:
            return WaitReport(found=True, cursor=cursor, behind=page.behind + 1)
        return page.cursor, last

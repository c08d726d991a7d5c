"""Sends one batch: subjects side by side, the events of each one after another."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from domain.subscriptions.lines import Line, report_of
from domain.subscriptions.state import Failure, LineReport, Trouble

AT_ONCE = 8
"""Subjects of which events are on their way at one time."""

BEGINS_NO_MORE_AFTER = 15.0
"""Seconds after which a batch sends nothing new; an attempt may take twenty, and the batch has sixty."""

Send = Callable[[int], Awaitable[Failure | Trouble | None]]
"""Makes one attempt at the event at a position; None: it has arrived."""


class Sending:
    """One batch on its way.

    Args:
        lines: what is to be sent, those in a hurry first.
        send: makes an attempt.
        arrived: how far an earlier try of this batch has come with each subject; written on while this one goes on.

    Attributes:
        sent: how many events arrived, those of an earlier try among them.
        trouble: why it came to an early end.
    """

    def __init__(self, lines: list[Line], send: Send, arrived: dict[str, int]) -> None:
        self._arrived = arrived
        self.sent = 0
        self.trouble: Trouble | None = None
        self._lines = lines
        self._send = send
        self._reports: list[LineReport] = []
        self._ends_at = asyncio.get_running_loop().time() + BEGINS_NO_MORE_AFTER

    async def run(self, *, looks_first: bool) -> list[LineReport]:
        """Send what can be sent, and say of each subject how far it came.

        Args:
            looks_first: the endpoint was left alone: one attempt shows how it does, before there are others.
        """
        waiting = deque(self._lines)
        while looks_first and waiting:
            line = waiting.popleft()
            await self._line(line, most=1)
            looks_first = not line.events

        async def one_after_the_other() -> None:
            while waiting:
                await self._line(waiting.popleft())

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(one_after_the_other())
        return self._reports

    async def _line(self, line: Line, most: int | None = None) -> None:
        done, failure = line.done, None
        before = self._arrived.get(line.subject, -1)
        for number, placed in enumerate(line.events):
            if placed.position > before:
                if self._is_over or number == most:
                    break
                said = await self._send(placed.position)
                if isinstance(said, Trouble):
                    self.trouble = self.trouble or said
                    break
                if said is not None:
                    failure = said
                    break
                self._arrived[line.subject] = placed.position
            done = placed.position
            self.sent += 1
        self._reports.append(report_of(line, done, failure))

    @property
    def _is_over(self) -> bool:
        return self.trouble is not None or asyncio.get_running_loop().time() > self._ends_at

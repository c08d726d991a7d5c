"""What a case does in the background."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Jobs:
    """Tasks that nobody waits for; each answers for its own errors."""

    def __init__(self) -> None:
        self._under_way: list[asyncio.Task[None]] = []

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Start one; it is held on to, or nothing would keep it from being collected."""
        task = asyncio.create_task(work)
        self._under_way.append(task)
        task.add_done_callback(self._under_way.remove)

    @property
    def are_done(self) -> bool:
        """None is under way."""
        return not self._under_way

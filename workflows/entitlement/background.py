"""Jobs that an entitlement does in the background: none holds up an answer, and none fails unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from temporalio.exceptions import ApplicationError, FailureError

from domain.bounds import cut
from domain.usage.effects import UsageActionFailure
from workflows.barrier import UNEXPECTED, barrier

MOST_FAILURES_KEPT = 100
LONGEST_FAILURE = 500


class Background:
    """The jobs that are under way, and what came of those that failed for good.

    Attributes:
        under_way: by their names.
        failures: the last ones.
        is_ending: the run is about to end, and no job begins any more.
    """

    def __init__(self, failures: list[UsageActionFailure], noted: Callable[[], None]) -> None:
        self.under_way: dict[str, asyncio.Task[None]] = {}
        self.failures = failures
        self.is_ending = False
        self._noted = noted

    def begin(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Begin a job, unless it is under way or the run is about to end. Returns whether it has begun."""
        if name in self.under_way or self.is_ending:
            return False
        self.under_way[name] = asyncio.create_task(self._finish(name, work()))
        return True

    async def _finish(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            with barrier(name):
                await work
        except FailureError as error:  # an exception of a task that nobody awaits would never be seen
            self.note_failure(name, error)
        finally:
            del self.under_way[name]

    def note_failure(self, key: str, error: FailureError) -> UsageActionFailure:
        """Keep a failure, for the balance to show."""
        said = error.message if isinstance(error, ApplicationError) and error.type == UNEXPECTED else error.cause
        kept = UsageActionFailure(key=cut(key, LONGEST_FAILURE), error=cut(str(said or error), LONGEST_FAILURE))
        self.failures = [*self.failures, kept][-MOST_FAILURES_KEPT:]
        self._noted()
        return kept

    def forget_failure(self, key: str) -> None:
        """Show a failure no more: what failed is tried again."""
        self.failures = [failure for failure in self.failures if failure.key != cut(key, LONGEST_FAILURE)]
        self._noted()

"""Has the store keep what an entitlement remembers of old references, and asks it before anything is asked of them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from domain.bounds import cut
from domain.errors import NOT_NOW, Refused
from domain.usage import keeping
from domain.usage.keeping import KeptReferences, RecallRequest
from domain.usage.state import UsageState
from workflows.entitlement import doing
from workflows.entitlement.background import Background

JOB = "put-away"


class Keeping:
    """What one run puts away and recalls.

    Args:
        entitlement_id: whose references they are.
        count: of it.
        background: where jobs run.
        state: of the usage, as it stands.
        look_again: leads to a command, so that what comes back is never joined with another message (`outbox`).
    """

    def __init__(
        self,
        entitlement_id: str,
        count: str,
        background: Background,
        state: Callable[[], UsageState],
        look_again: Callable[[], None],
    ) -> None:
        self._whose = {"entitlement_id": entitlement_id, "count": count}
        self._background = background
        self._state = state
        self._look_again = look_again
        self._times = 0

    def settle(self, now: datetime) -> None:
        """Begin to put away what is too much. A run whose history is from before this did not: it is asked each time.

        Args:
            now: the entitlement's.
        """
        is_busy = JOB in self._background.under_way or self._background.is_ending
        if is_busy or not keeping.is_over(self._state()) or not workflow.patched(f"puts-away-{now.isoformat()}"):
            return
        if kept := keeping.to_put_away(self._state()):
            self._background.begin(JOB, self._putting_away(kept))

    def _putting_away(self, kept: Mapping[str, dict[str, str]]) -> Callable[[], Coroutine[Any, Any, None]]:
        async def work() -> None:
            try:
                await doing.keep(KeptReferences.model_validate({**self._whose, "ledgers": kept}))
            except FailureError:
                self._look_again()
                raise
            keeping.drop(self._state(), kept)
            self._times += 1
            self._look_again()

        return work

    def check_room(self) -> None:
        """Turn away what would be more than can be remembered, while something is being put away.

        Raises:
            Refused: not now.
        """
        if JOB in self._background.under_way and keeping.is_full(self._state()):
            raise Refused(NOT_NOW, "what was taken is being put away into the store; ask again in a moment")

    def lacks(self, references: Iterable[str]) -> bool:
        """Whether the store has to be asked of some references."""
        return bool(keeping.missing(self._state(), references))

    async def recall(self, references: Iterable[str]) -> bool:
        """Take back what was put away of some references. Returns whether the store was asked.

        Raises:
            ApplicationError: it can't tell.
            Refused: not now.
        """
        was_asked = False
        while digests := keeping.missing(self._state(), references):
            times, was_asked = self._times, True
            try:
                kept = await doing.recall(RecallRequest.model_validate({**self._whose, "digests": digests}))
            except ActivityError as error:
                raise ApplicationError(cut(str(error.cause or error)), type=NOT_NOW, non_retryable=True) from error
            keeping.recall(self._state(), kept.ledgers)
            if times == self._times:  # else what came meanwhile may have been put away since the store looked
                break
        if was_asked:
            self.check_room()
        return was_asked

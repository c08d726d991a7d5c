"""Telling a workflow task from a look: from a run over a history for the sake of a question alone."""

from __future__ import annotations

from datetime import datetime

from temporalio import workflow


class Tasks:
    """Tells whether what runs now is a workflow task, or a look at what may become of one.

    A worker that has a workflow not in memory answers a query by running it over the history, and that may go on behind
    the last task. The SDK lets the workflow run over those events as if a task had begun with them, and carries out the
    local activities that it asks for; when the task itself comes, with more events, what came of them is kept. So their
    number and order depend on who asked when, and no replay can follow. Cadence had the same
    (https://github.com/cadence-workflow/cadence-go-client/pull/591).

    A task has an instant of its own, that of its beginning. A look has that of the task before it, with a longer
    history.
    """

    def __init__(self) -> None:
        self._began_at: datetime | None = None
        self._length = 0
        self.is_one()

    async def watch(self) -> None:
        """See every task, for as long as the workflow runs: a look is told by the task before it."""

        def never() -> bool:
            self.is_one()
            return False

        await workflow.wait_condition(never)

    def is_one(self) -> bool:
        """Whether this is a task."""
        now, length = workflow.now(), workflow.info().get_current_history_length()
        if now != self._began_at:
            self._began_at, self._length = now, length
        return length == self._length

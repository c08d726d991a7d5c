"""How a run of a case comes to its end before the next one goes on."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.case.actions import Actions
    from workflows.case.running import RunningCase

WINDS_DOWN_WITHIN = timedelta(seconds=3)
"""How long a run that is to go on in the next one waits for the actions that are under way. The server turns down the
end of a run to which something has come back meanwhile, and the worker then has to go through all of it again."""

LOOKS_AFTER = timedelta(milliseconds=1)

WINDS_DOWN = "a-run-winds-down"
"""The patch since which it does. Asked only by a run that is to go on in the next one."""


class WindingDown:
    """Has a run send nothing more for a moment before the next one; once, so that no action that hangs holds others up.

    It always waits for a timer first. What has come back by then came back before it, however the workflow tasks are
    cut: without one, a run that ends with a request would depend on whether an action that came back shortly before has
    been seen already.
    """

    def __init__(self, case: RunningCase, actions: Actions) -> None:
        self._case = case
        self._actions = actions
        self._looks_at: datetime | None = None
        self._ends_at: datetime | None = None

    @property
    def next_due(self) -> datetime | None:
        """When to look again."""
        if not self._actions.is_paused or self._looks_at is None:
            return None
        return self._looks_at if self._case.now() < self._looks_at else self._ends_at

    @property
    def is_to_begin(self) -> bool:
        """It has not begun. To be asked by a run that is to go on in the next one, and by no other."""
        return self._looks_at is None and workflow.patched(WINDS_DOWN)

    @property
    def is_over(self) -> bool:
        """The next run may go on: nothing is under way, or it was waited for long enough, or this run never does it.

        To be asked by a run that is to go on in the next one, and by no other.
        """
        if self.is_to_begin or not self._actions.is_paused:
            return not self.is_to_begin
        return not self._actions.are_under_way and self._looks_at is not None and self._looks_at <= self._case.now()

    def begin(self) -> None:
        """Send nothing more."""
        now = self._case.now()
        self._looks_at, self._ends_at = now + LOOKS_AFTER, now + WINDS_DOWN_WITHIN
        self._actions.pause()

    def give_up(self) -> None:
        """Send again, if something is under way for too long."""
        if self._actions.is_paused and self._ends_at is not None and self._ends_at <= self._case.now():
            self._actions.go_on()

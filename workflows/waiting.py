"""Waiting until an absolute instant: the one way in which a workflow of Milepost waits for time to pass."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from temporalio import workflow

SIGN_OF_LIFE = timedelta(seconds=10)
"""Without one for so long the worker that has an activity is taken to be gone, and another begins it anew."""

_MILLISECOND = timedelta(milliseconds=1)


async def until(
    deadline: Callable[[], datetime | None],
    wake: Callable[[], bool],
    *,
    now: Callable[[], datetime] = workflow.now,
    summary: Callable[[], str] = str,
) -> None:
    """Wait until the deadline is reached or `wake` says so.

    There is one timer, and only while there is a deadline; a message that leaves the deadline as it is leaves the timer
    alone too. A deadline that has moved gets a new timer. One that has passed is not waited for.

    Args:
        deadline: the instant to wait for, by the same clock as `now`; None while there is nothing to wait for.
        wake: whether there is something else to do.
        now: the workflow's clock, or the case's own.
        summary: what the Temporal UI says of the timer.
    """
    while not wake():
        waited_for = deadline()
        if waited_for is None:
            await workflow.wait_condition(lambda: wake() or deadline() is not None)
            continue
        left = waited_for - now()
        if left <= timedelta():
            return
        # Timers count whole milliseconds: rounded up, so that it is not a moment too early when one fires.
        rounded = -(-left // _MILLISECOND) * _MILLISECOND
        with suppress(TimeoutError):
            await workflow.wait_condition(
                _changed(deadline, wake, waited_for), timeout=rounded, timeout_summary=summary()
            )


def _changed(
    deadline: Callable[[], datetime | None], wake: Callable[[], bool], waited_for: datetime
) -> Callable[[], bool]:
    return lambda: wake() or deadline() != waited_for


async def end_of_task(why: str) -> None:
    """Let the workflow task end; what follows is done in the next. Costs a timer.

    A task that takes two seconds counts as a deadlock and fails, again and again. Yielding inside of it does not help.
    """
    await workflow.sleep(_MILLISECOND, summary=why)


def seal(**said: object) -> None:
    """Issue a command, so that this workflow task is not empty.

    When live, a task without commands and an update behind it reach the workflow one after the other; on replay as one,
    the update first. So what comes back to nobody who answers, and changes what follows, is sealed.
    """
    workflow.upsert_memo(said)

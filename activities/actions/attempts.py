"""What an attempt that failed ends with: another one by the schedule of deliveries, or the end."""

from __future__ import annotations

from datetime import timedelta

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.delivery.lanes import Busy
from activities.delivery.outcomes import NotDelivered
from domain.delivery.naming import without_addresses
from domain.delivery.schedule import delay_after

NOT_DELIVERED = "NotDelivered"
"""The type of the error of an attempt that failed."""

WAITS = "Waits"
"""The type of the error of what is not sent yet, since its time or its turn has not come. It counts as no attempt."""

_COMES_BACK_AFTER = timedelta(seconds=5)
"""What finds its receiver's lane taken. It counts as no attempt."""


def failure(number: int, key: str, error: NotDelivered, pace: float) -> tuple[timedelta | None, ApplicationError]:
    """How long to wait for another attempt, None after the last, and the error that says so.

    Args:
        number: of the attempt that failed.
        key: of what was sent.
        error: what went wrong.
        pace: divides every delay.
    """
    line = str(error)
    delay = None if error.for_good else delay_after(number, key, at_least=error.at_least, pace=pace)
    if delay is None:
        reason = line if error.for_good else f"{line}; that was attempt {number}, the last"
        return None, ApplicationError(reason, type=NOT_DELIVERED, non_retryable=True)
    return delay, _comes_again(f"attempt {number}: {line}", NOT_DELIVERED, delay)


def busy(error: Busy, pace: float) -> ApplicationError:
    """What ends an attempt that finds as many others under way to its receiver as may be."""
    return _comes_again(str(error), "Busy", _COMES_BACK_AFTER / pace)


def unnamed(error: ApplicationError) -> ApplicationError:
    """The same without mail addresses, as it goes into the history, the record of a case and its feed, for good.

    What the receiver said in full is with its delivery, where it can be erased.
    """
    return ApplicationError(
        without_addresses(error.message),
        type=error.type,
        non_retryable=error.non_retryable,
        next_retry_delay=error.next_retry_delay,
        category=error.category,
    )


def waits(line: str, delay: timedelta, *, pace: float = 1) -> ApplicationError:
    """What ends an attempt at something whose time has not come.

    Args:
        line: what it waits for.
        delay: for how long.
        pace: of deliveries; it comes again after a second at least, divided by this.
    """
    return _comes_again(line, WAITS, max(delay, timedelta(seconds=1) / pace))


def _comes_again(line: str, kind: str, delay: timedelta) -> ApplicationError:
    return ApplicationError(
        line,
        type=kind,
        next_retry_delay=delay,
        category=ApplicationErrorCategory.BENIGN,  # expected: no stack trace in the worker's log
    )

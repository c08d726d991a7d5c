"""What nobody expected of a request or a step of time: counted, on record, and the same on every replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.barrier import UNEXPECTED, barrier, fault_number

T = TypeVar("T")


class Faults:
    """Does what may fail, and remembers how often something failed in a way that nobody expected.

    A fault leaves a marker in the history. A build in which the fault is mended replays by the marker: what failed then
    fails again, with the same consequences, and only what comes after the history goes by the mended code.

    Attributes:
        count: of this entitlement, over all its runs.
    """

    def __init__(self, count: int = 0) -> None:
        self.count = count

    def attempt(self, what: str, key: str, work: Callable[[], T]) -> T:
        """Do something that changes nothing until it has succeeded.

        Args:
            what: is done, for the log.
            key: names this attempt, alike on every replay.
            work: does it.

        Raises:
            ApplicationError: it was refused, or failed as nobody expected (`UNEXPECTED`).
        """
        marker = f"fault-{key}"
        if workflow.unsafe.is_replaying() and workflow.patched(marker):
            self.count += 1
            raise ApplicationError(f"unexpected, in {what}; fault {fault_number()}", type=UNEXPECTED)
        try:
            with barrier(what):
                return work()
        except ApplicationError as error:
            if error.type == UNEXPECTED:
                self.count += 1
                workflow.patched(marker)
            raise


@contextmanager
def screening(what: str) -> Iterator[None]:
    """Turn away what is refused, before it leaves a trace in the history.

    What fails unexpectedly is let through: the handler, where it fails again, puts it on record.
    """
    with suppress(_Unexpected):
        try:
            with barrier(what):
                yield
        except ApplicationError as error:
            if error.type == UNEXPECTED:
                raise _Unexpected from error
            raise


class _Unexpected(Exception):
    """For `screening` alone."""

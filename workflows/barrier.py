"""The barrier at a workflow's border: whatever a message raises becomes a refusal, never a task that is tried for ever.

A plain exception in workflow code does not fail the workflow, it fails the workflow task, which the server hands out
again and again. So every handler, validator and query runs behind `barrier`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from domain.errors import Refused
    from workflows.failing import failure_of

Handler = TypeVar("Handler", bound=Callable[..., Coroutine[Any, Any, Any]])

UNEXPECTED = "unexpected"
"""The type of a refusal that nobody expected: a fault of Milepost, not of the message."""

_OF_THE_SDK = (
    FailureError,
    asyncio.CancelledError,
    MemoryError,
    workflow.ContinueAsNewError,
    workflow.NondeterminismError,
    workflow.ReadOnlyContextError,
)


@contextmanager
def barrier(what: str) -> Iterator[None]:
    """What is refused, or fails unexpectedly, leaves as an `ApplicationError` with a stable type.

    An unexpected one is logged with its traceback under a number that the refusal names. The SDK's own exceptions, and
    what the machine has run out of, pass.

    Args:
        what: what was being done, for the log: the name of a message.
    """
    try:
        yield
    except _OF_THE_SDK:
        raise
    except Refused as refused:
        raise failure_of(refused) from None
    except Exception as error:  # noqa: BLE001  whatever it is, it must not wedge the workflow
        number = fault_number()
        workflow.logger.exception("fault %s: unexpected, in %s", number, what)
        said = f"an unexpected {type(error).__name__}; the worker's log has more under fault {number}"
        raise ApplicationError(said, type=UNEXPECTED, non_retryable=True) from None


def guarded(handler: Handler) -> Handler:
    """Have all of an update's handler run behind the barrier, under the handler's name."""

    @wraps(handler)
    async def behind(*arguments: Any) -> Any:
        with barrier(handler.__name__):
            return await handler(*arguments)

    return cast("Handler", behind)


def fault_number() -> str:
    """Names a fault of this workflow: its run, and how far its history was. Alike on every replay."""
    info = workflow.info()
    return f"{info.run_id[:8]}-{info.get_current_history_length()}"

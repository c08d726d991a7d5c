"""Doing much of one kind: some at once, and what came of each in the order in which it was asked."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from clients.sending import NoAnswer
from store.errors import StoreError

A = TypeVar("A")
T = TypeVar("T")

AT_ONCE = 8
"""So many are under way together: more do not go faster on one server."""

PASSING = (NoAnswer, StoreError, SQLAlchemyError, RPCError)
"""Errors that say nothing of what was asked: somebody is away."""


async def in_order(
    asked: Iterable[A], do: Callable[[A], Awaitable[T]], *, at_once: int = AT_ONCE
) -> AsyncIterator[tuple[A, T | Exception]]:
    """Do something about each, and yield what came of it, in order.

    Once somebody is away nothing more is begun: what is left is answered with that error, without waiting for each.

    Args:
        asked: what it is about.
        do: does it.
        at_once: so many are under way together.

    Yields:
        Each with what was said of it, or the error that it came to.
    """
    away: list[Exception] = []

    async def done(one: A) -> T | Exception:
        if away:
            return away[0]
        try:
            return await do(one)
        except PASSING as error:
            away.append(error)
            return error
        except Exception as error:  # noqa: BLE001  it is of this one alone
            return error

    under_way: deque[tuple[A, asyncio.Task[T | Exception]]] = deque()
    try:
        for one in asked:
            under_way.append((one, asyncio.ensure_future(done(one))))
            if len(under_way) >= at_once:
                first, task = under_way.popleft()
                yield first, await task
        while under_way:
            first, task = under_way.popleft()
            yield first, await task
    finally:
        for _, task in under_way:
            task.cancel()
        await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)

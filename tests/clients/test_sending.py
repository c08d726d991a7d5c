"""Sending a request until it is answered: whoever stops waiting for it is not kept."""

import asyncio

import pytest
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError

from clients.sending import NoAnswer, persist

FOR_EVER = 600


async def test_who_is_cancelled_sends_no_more() -> None:
    """The SDK makes an error of its own of the cancellation, as it does of an attempt that takes too long."""
    attempts = 0

    async def attempt() -> None:
        nonlocal attempts
        attempts += 1
        raise WorkflowUpdateRPCTimeoutOrCancelledError

    sending = asyncio.create_task(persist(attempt, patience=FOR_EVER, unanswered=lambda _: NoAnswer("nobody")))
    await asyncio.sleep(0)  # it waits for the attempt
    await asyncio.sleep(0)  # which has ended
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(FOR_EVER / 10):
            await sending
    assert attempts == 1


async def test_who_waits_no_longer_than_a_while_is_told_so() -> None:
    """And not after the patience of the client."""

    async def attempt() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise WorkflowUpdateRPCTimeoutOrCancelledError from None

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await persist(attempt, patience=FOR_EVER, unanswered=lambda _: NoAnswer("nobody"))

"""The workflow of a subscription to the event feed: a thin, durable shell around its cursor.

It has batches of events sent, one after another, and waits where there is nothing to send. It decides nothing: which
events may go, and what a failure does, is in `domain/subscriptions/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.messages.inbox import read_message
    from domain.subscriptions import requests as messages
    from domain.subscriptions.machine import moved, paused, resumed
    from domain.subscriptions.requests import (
        SubscriptionEnd,
        SubscriptionPause,
        SubscriptionReplay,
        SubscriptionResume,
        SubscriptionStanding,
        SubscriptionStart,
    )
    from workflows.barrier import barrier, guarded
    from workflows.entitlement.counter import request_key
    from workflows.entitlement.faults import screening
    from workflows.subscription.running import SubscriptionRun

ABANDON = workflow.HandlerUnfinishedPolicy.ABANDON
"""Of a request that waits for the beginning. Whoever asked asks again if the run ends meanwhile."""


@workflow.defn(name=messages.SUBSCRIPTION_WORKFLOW)
class SubscriptionWorkflow:
    """One subscription. Started with a `SubscriptionStart`; id ``subscription/{subscription_id}``."""

    @workflow.init
    def __init__(self, *raw: Any) -> None:
        self.course = SubscriptionRun(raw)

    @workflow.run
    async def run(self, *_raw: Any) -> SubscriptionStanding:
        """Send what is in the feed, and what comes into it, until it is not declared any more."""
        course = self.course
        await course.begin()
        while not course.is_ended:
            if course.should_roll_over:
                await course.roll_over()
            await course.step()
        return await course.end()

    def _carried(self) -> SubscriptionStart:
        return self.course.carried()

    # --- what is asked ---

    @workflow.update(name=messages.PAUSE, unfinished_policy=ABANDON)
    @guarded
    async def pause(self, *raw: Any) -> SubscriptionStanding:
        """Send nothing until it is resumed (`SubscriptionPause`). What is under way is finished."""
        await self.course.ready()

        def work(state: Any, now: Any) -> Any:
            asked = read_message(SubscriptionPause, raw)
            return paused(state, now, by=asked.by, reason=asked.reason)

        self.course.change("pause", request_key(), work)
        return self.course.standing()

    @pause.validator
    def _check_pause(self, *raw: Any) -> None:
        with screening("pause"):
            read_message(SubscriptionPause, raw)

    @workflow.update(name=messages.RESUME, unfinished_policy=ABANDON)
    @guarded
    async def resume(self, *raw: Any) -> SubscriptionStanding:
        """Go on (`SubscriptionResume`), at once with all that waits."""
        await self.course.ready()

        def work(state: Any, _now: Any) -> Any:
            read_message(SubscriptionResume, raw)
            return resumed(state)

        self.course.change("resume", request_key(), work)
        return self.course.standing()

    @resume.validator
    def _check_resume(self, *raw: Any) -> None:
        with screening("resume"):
            read_message(SubscriptionResume, raw)

    @workflow.update(name=messages.REPLAY, unfinished_policy=ABANDON)
    @guarded
    async def replay(self, *raw: Any) -> SubscriptionStanding:
        """Go to a place in the feed (`SubscriptionReplay`), and send all that comes after it."""
        await self.course.ready()

        def work(state: Any, _now: Any) -> Any:
            return moved(state, read_message(SubscriptionReplay, raw).cursor)

        self.course.change("replay", request_key(), work)
        self.course.forget_what_is_under_way()
        return self.course.standing()

    @replay.validator
    def _check_replay(self, *raw: Any) -> None:
        with screening("replay"):
            read_message(SubscriptionReplay, raw)

    @workflow.update(name=messages.END, unfinished_policy=ABANDON)
    @guarded
    async def end(self, *raw: Any) -> SubscriptionStanding:
        """End, as it is not declared any more (`SubscriptionEnd`)."""
        await self.course.ready()

        def work(state: Any, _now: Any) -> Any:
            read_message(SubscriptionEnd, raw)
            return state

        self.course.change("end", request_key(), work)
        self.course.finish()
        return self.course.standing()

    @end.validator
    def _check_end(self, *raw: Any) -> None:
        with screening("end"):
            read_message(SubscriptionEnd, raw)

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, _: Sequence[RawValue]) -> None:
        """A subscription understands no signals."""
        with suppress(ApplicationError), barrier("an unknown signal"):
            self.course.note_unknown(name)

    @workflow.query(name=messages.STANDING)
    def standing(self, *_: Any) -> SubscriptionStanding:
        """How it stands: its cursor, what waits and why."""
        with barrier("standing"):
            return self.course.standing()

"""What a subscription has done by activities. A store that is down is waited for by the server, and by nobody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

from domain.subscriptions import requests
from domain.subscriptions.requests import WAITS_SIGN_OF_LIFE, BeginRequest, DeliveryRequest, KeepRequest, WaitRequest
from domain.subscriptions.state import DeliveryReport, SubscriptionState, WaitReport
from domain.wording import plural
from workflows.waiting import SIGN_OF_LIFE

READING = timedelta(seconds=30)
SENDING = timedelta(seconds=60)
"""Of a batch: it begins nothing new after fifteen seconds, and an attempt takes twenty."""
WAITING = timedelta(minutes=15)
"""Of a wait, which ends by itself after ten minutes."""

AGAIN = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=15))


async def begin(request: BeginRequest) -> SubscriptionState:
    """Learn where it begins, or goes on."""
    state: SubscriptionState = await workflow.execute_activity(
        requests.BEGIN_SUBSCRIPTION,
        request,
        result_type=SubscriptionState,
        start_to_close_timeout=READING,
        heartbeat_timeout=SIGN_OF_LIFE,
        retry_policy=AGAIN,
        summary="where it begins",
    )
    return state


async def keep(request: KeepRequest) -> None:
    """Have the store keep how it stands."""
    await workflow.execute_activity(
        requests.KEEP_SUBSCRIPTION,
        request,
        start_to_close_timeout=READING,
        heartbeat_timeout=SIGN_OF_LIFE,
        retry_policy=AGAIN,
        summary="keep how it stands",
    )


def deliver(request: DeliveryRequest) -> workflow.ActivityHandle[Any]:
    """Begin to send a batch."""
    behind = f", and of {plural(len(request.due), 'subject')} behind" if request.due else ""
    return workflow.start_activity(
        requests.DELIVER_EVENTS,
        request,
        result_type=DeliveryReport,
        start_to_close_timeout=SENDING,
        heartbeat_timeout=SIGN_OF_LIFE,
        retry_policy=AGAIN,
        summary=f"send what comes next{behind}" if request.reads_on else f"send what is left{behind}",
    )


def await_events(request: WaitRequest) -> workflow.ActivityHandle[Any]:
    """Begin to wait for events."""
    return workflow.start_activity(
        requests.AWAIT_EVENTS,
        request,
        result_type=WaitReport,
        start_to_close_timeout=WAITING,
        heartbeat_timeout=WAITS_SIGN_OF_LIFE,
        retry_policy=AGAIN,
        summary="wait for events",
    )

"""What a subscription is asked, and what its workflow asks to be done. All of it is JSON on the wire."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from domain.bounds import Words, clean
from domain.ids import Id
from domain.model import Value
from domain.subscriptions.state import SubscriptionState

SUBSCRIPTION_WORKFLOW = "SubscriptionWorkflow"

BEGIN_SUBSCRIPTION = "begin_subscription"
DELIVER_EVENTS = "deliver_events"
AWAIT_EVENTS = "await_events"
KEEP_SUBSCRIPTION = "keep_subscription"

PAUSE = "pause"
RESUME = "resume"
REPLAY = "replay"
END = "end"
STANDING = "standing"

NOT_BEGUN_YET = "the subscription has not begun yet"
"""What it says to what comes before it knows where it stands; asked again, it answers."""

WAITS_SIGN_OF_LIFE = timedelta(seconds=30)
"""Without one for so long the worker in which a subscription waits is taken to be gone. Each sign is a billed action,
three in this time; while something is sent, a worker that is gone is noticed sooner."""

LONGEST_CURSOR = 200

Cursor = Annotated[str, Field(min_length=1, max_length=LONGEST_CURSOR), AfterValidator(clean)]
"""A place in the feed: a cursor, `start` or `now`."""


def workflow_id(subscription_id: str) -> str:
    """The id of a subscription's workflow."""
    return f"subscription/{subscription_id}"


def delivery_key(subscription_id: str, event_id: str) -> str:
    """Names an event of a subscription: its `webhook-id` is made of this, alike for every attempt."""
    return f"subscription/{subscription_id}/{event_id}"


# --- from outside ---


class SubscriptionStart(Value):
    """The one argument with which a subscription is started; everything else is read from the store.

    Attributes:
        state: set by Milepost itself when it goes on in another run.
        faults: likewise: how often something failed that nobody expected.
    """

    subscription_id: Id
    state: SubscriptionState | None = None
    faults: int = 0


class SubscriptionPause(Value):
    """Sends nothing until it is resumed."""

    by: Words | None = None
    reason: Words = ""


class SubscriptionResume(Value):
    """Goes on where it stands."""

    by: Words | None = None


class SubscriptionReplay(Value):
    """Goes to a place in the feed and sends everything after it; what waited before is forgotten.

    Attributes:
        cursor: a cursor, `start` for the oldest event that is kept, or `now` for the end.
    """

    cursor: Cursor
    by: Words | None = None


class SubscriptionEnd(Value):
    """Ends: it is not declared any more."""

    by: Words | None = None


class SubscriptionStanding(Value):
    """How a subscription stands, as its workflow says.

    Attributes:
        doing: what it does, in words.
        faults: how often something failed that nobody expected.
    """

    subscription_id: str
    doing: str
    state: SubscriptionState
    faults: int = 0


# --- activities: what the workflow asks to be done ---


class BeginRequest(Value):
    """Asks where a subscription begins, or goes on."""

    subscription_id: str


class DeliveryRequest(Value):
    """Asks for the next batch to be sent.

    Attributes:
        state: as it stands; the store keeps it, and puts its dead letters on record, before anything is sent.
        due: subjects with lanes that may go now, in this order.
        reads_on: whether events after the cursor are sent too.
    """

    subscription_id: str
    state: SubscriptionState
    due: list[str]
    reads_on: bool


class WaitRequest(Value):
    """Asks to be told when there is something to send. The store keeps the state."""

    subscription_id: str
    state: SubscriptionState


class KeepRequest(Value):
    """Asks the store to keep the state, with no answer to wait for.

    Attributes:
        is_ended: nothing goes on with it.
    """

    subscription_id: str
    state: SubscriptionState
    is_ended: bool = False

"""How a subscription stands: up to where it has come in the feed, and which subjects are behind.

The cursor is the place up to which events were looked at. Each event before it has arrived, was given up, or belongs to
a subject with a lane: of such a subject everything after `Lane.done` is still to be sent. So the state grows with the
subjects that are in trouble, and never with their events.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from domain.bounds import cut
from domain.model import Value

LONGEST_REASON = 300
"""Bytes of why something failed."""

START, NOW = "start", "now"
"""Places in the feed that need no cursor: the oldest event that is kept, and the end."""

Why = Literal["hand", "endpoint", "cursor"]
"""Who paused it: a person, the endpoint that was switched off, or a cursor that the feed does not take."""


class Lane(Value):
    """A subject (a case or an entitlement) of which events are still to be sent, while others go on.

    Attributes:
        done: the position of its last event that arrived or was given up; those after it are to be sent, in order.
        event_id: of the event that fails; None: none does, they wait for their turn.
        attempts: how often that event has failed.
        failing_since: its first failure.
        due_at: before this it is not tried again; None: at once.
        reason: why it failed the last time.
    """

    subject: str
    done: int
    event_id: str | None = None
    attempts: int = 0
    failing_since: datetime | None = None
    due_at: datetime | None = None
    reason: str = ""


class DeadLetter(Value):
    """An event that was given up, with the reason.

    Attributes:
        position: in the feed.
        attempts: how often it was tried.
        at: when it was given up.
    """

    event_id: str
    position: int
    subject: str
    sequence: int
    type: str
    attempts: int
    reason: str
    at: datetime


class Pause(Value):
    """Nothing is sent until somebody resumes it.

    Attributes:
        by: who paused it, if a person did.
    """

    why: Why
    at: datetime
    reason: str = ""
    by: str | None = None


class SubscriptionState(Value):
    """A subscription as it stands: all that one run hands to the next, and that the store keeps.

    Attributes:
        cursor: the place up to which events were looked at; `START` and `NOW` stand for a cursor.
        lanes: the subjects that are behind; who was tried last stands last.
        given_up: dead letters that are not on record yet.
        paused: nothing is sent until somebody resumes it.
        held_until: the endpoint is left alone until then.
        is_down: the endpoint takes nothing at present, so that what fails says nothing of the event.
        arrived_at: when something arrived last.
        sent: how many events have arrived.
        dead: how many were given up.
        behind: how many events were written after the cursor when that was last looked at, chosen or not.
        trouble: what went wrong last; empty: nothing since something arrived.
        troubled_at: when that was.
    """

    cursor: str
    lanes: list[Lane] = Field(default_factory=list)
    given_up: list[DeadLetter] = Field(default_factory=list)
    paused: Pause | None = None
    held_until: datetime | None = None
    is_down: bool = False
    arrived_at: datetime | None = None
    sent: int = 0
    dead: int = 0
    behind: int = 0
    trouble: str = ""
    troubled_at: datetime | None = None


class Failure(Value):
    """An attempt at an event that failed, as far as it is the event's.

    Attributes:
        position: of the event in the feed.
        for_good: it would fail so for ever.
        at_least: for how long the receiver asks to be left alone.
    """

    event_id: str
    position: int
    sequence: int
    type: str
    reason: str
    for_good: bool = False
    at_least: timedelta = timedelta()


class LineReport(Value):
    """What came of the events of one subject in a batch; of a subject whose events all arrived there is none.

    Attributes:
        done: the position of the last one that has arrived, or of the one before the first.
        failure: why the one after that did not; None: it was not tried, or has not been read.
        is_through: nothing of the subject is left up to the new cursor.
    """

    subject: str
    done: int
    failure: Failure | None = None
    is_through: bool = False


class Trouble(Value):
    """Why a batch came to an early end, whatever the event.

    Attributes:
        kind: `ended`: the subscription is not declared any more; `off`: its endpoint is switched off; `held`: the
            endpoint is left alone for a while; `busy`: this worker has no room; `cursor`: the feed does not take the
            cursor.
        wait: for how long it is held, or busy.
    """

    kind: Literal["ended", "off", "held", "busy", "cursor"]
    said: str = ""
    wait: timedelta = timedelta()


class DeliveryReport(Value):
    """What came of a batch.

    Attributes:
        cursor: the place up to which events were looked at now.
        sent: how many events arrived.
        behind: how many were written after the cursor, chosen or not.
        is_last: there is nothing after the cursor yet.
        pace: divides the delays between attempts, for tests on a real wire.
    """

    cursor: str
    lines: list[LineReport] = Field(default_factory=list)
    sent: int = 0
    behind: int = 0
    is_last: bool = True
    trouble: Trouble | None = None
    pace: float = 1


class WaitReport(Value):
    """What came of waiting for events.

    Attributes:
        found: there is something to send.
        cursor: the place up to which nothing is to be sent.
        again_after: this worker has no room to wait; ask again after this span.
    """

    found: bool
    cursor: str
    behind: int = 0
    again_after: timedelta = timedelta()
    trouble: Trouble | None = None


def reason_of(text: str) -> str:
    """A reason within its bound."""
    return cut(text, LONGEST_REASON)

"""What a subscription does next, and what people ask of it: pure, from its state and the time.

- Events of one subject go in order: one that fails holds back those after it until it arrives or is given up.
- Subjects do not wait for one another, unless the endpoint takes nothing at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.subscriptions.state import Pause, SubscriptionState

MOST_LANES = 200
"""Subjects that are behind, beyond which nothing new is read: with so many it is the endpoint that fails."""

MOST_DUE_AT_ONCE = 100
"""Subjects that are behind and go in one batch."""


# --- what it does next ---


@dataclass(frozen=True, slots=True)
class Deliver:
    """Send a batch.

    Attributes:
        due: the subjects with lanes that may go, in this order.
        reads_on: whether events after the cursor are sent too.
    """

    due: tuple[str, ...]
    reads_on: bool


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until there is something to send.

    Attributes:
        until: at the latest until then: an event is tried again. None: for ever.
    """

    until: datetime | None


@dataclass(frozen=True, slots=True)
class Rest:
    """Do nothing until an instant."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Still:
    """Do nothing until somebody resumes it."""


Step = Deliver | Await | Rest | Still


def next_step(state: SubscriptionState, now: datetime, *, is_caught_up: bool) -> Step:
    """What comes next.

    Args:
        state: as it stands.
        now: the time.
        is_caught_up: there was nothing after the cursor when that was last looked at.
    """
    if state.paused is not None:
        return Still()
    if state.held_until is not None and now < state.held_until:
        return Rest(state.held_until)
    due = [lane.subject for lane in state.lanes if lane.due_at is None or lane.due_at <= now]
    has_room = len(state.lanes) < MOST_LANES
    if due or state.given_up or (has_room and not is_caught_up):
        return Deliver(tuple(due[:MOST_DUE_AT_ONCE]), reads_on=has_room)
    soonest = min((lane.due_at for lane in state.lanes if lane.due_at is not None), default=None)
    if not has_room and soonest is not None:
        return Rest(soonest)
    return Await(soonest)


# --- what people ask ---


def paused(state: SubscriptionState, now: datetime, *, by: str | None, reason: str) -> SubscriptionState:
    """Paused by hand. One that is paused already stays as it is."""
    if state.paused is not None:
        return state
    return state.model_copy(update={"paused": Pause(why="hand", at=now, reason=reason, by=by)})


def resumed(state: SubscriptionState) -> SubscriptionState:
    """Goes on, and at once with everything that waits."""
    lanes = [lane.model_copy(update={"due_at": None}) for lane in state.lanes]
    return state.model_copy(update={"paused": None, "held_until": None, "lanes": lanes})


def moved(state: SubscriptionState, cursor: str) -> SubscriptionState:
    """Moved to a place in the feed: everything after it goes, in order, and what waited before is forgotten.

    One that was paused because of its cursor goes on; one that somebody paused does not.
    """
    pause = state.paused
    return state.model_copy(
        update={
            "cursor": cursor,
            "lanes": [],
            "held_until": None,
            "paused": None if pause is not None and pause.why == "cursor" else pause,
        }
    )

"""Whose turn a delivery is: what one case sends to one receiver arrives in the order in which it was due.

A pure function of how the deliveries of a case stand. An outage brings everything back at once, each delivery with a
schedule and a jitter of its own; without a turn they would arrive in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from domain.delivery.schedule import ATTEMPT, DELAYS, JITTER
from domain.model import Value

LONGEST_TURN = sum(DELAYS, timedelta()) * (1 + JITTER)
"""For so long, as long as a delivery is tried altogether, another one waits for those before it."""

_A_MOMENT = timedelta(seconds=1)
"""After which a delivery looks again whether the attempt that is under way before it has ended."""

_SHOWS_ITSELF_WITHIN = timedelta(seconds=5)
"""What was due earlier and is not under way: its worker begins it about now, after an outage of the workers too."""

_SHORTEST = timedelta(milliseconds=100)


class Earlier(Value):
    """A delivery of the same case to the same receiver that was due earlier and is not done.

    Attributes:
        key: of its action.
        tried_until: until when an attempt at it is under way, or the next one awaited; None: it has not begun.
    """

    key: str
    tried_until: datetime | None


class Wait(Value):
    """How long a delivery waits, and for which one."""

    until: datetime
    key: str


def wait_for_turn(
    now: datetime, first_at: datetime, earlier: Sequence[Earlier], *, is_expected: bool, pace: float = 1
) -> Wait | None:
    """How long a delivery waits for those before it; None: it is its turn.

    Args:
        now: by the wall clock.
        first_at: since when it has been tried, or waited.
        earlier: what goes before it.
        is_expected: it comes when it said that it would. What comes late, or for the first time, may have been away
            with all others: it gives them a moment to show themselves. One that never does holds up nothing.
        pace: divides every delay, for tests on a real wire.
    """
    at_last = first_at + LONGEST_TURN / pace
    if now >= at_last:
        return None
    waits = [
        Wait(until=min(until, at_last), key=one.key)
        for one in earlier
        if (until := _looks_again_at(now, one.tried_until, len(earlier), is_expected=is_expected, pace=pace))
        is not None
    ]
    return max(waits, key=lambda wait: wait.until, default=None)


def _looks_again_at(
    now: datetime, tried_until: datetime | None, ahead: int, *, is_expected: bool, pace: float
) -> datetime | None:
    """When to look again whether an earlier delivery is done; None: it is not waited for.

    The more are ahead the later, or a long line would look all the time and send little.
    """
    if tried_until is None or tried_until < now:
        return None if is_expected else now + max(_SHOWS_ITSELF_WITHIN / pace, _SHORTEST)
    begins_at, moment = tried_until - ATTEMPT, max(_A_MOMENT / pace, _SHORTEST)
    if begins_at > now:
        return begins_at + moment
    return now + max(ahead * moment, now - begins_at)  # one that takes its time is looked at less and less often

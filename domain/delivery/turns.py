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
"""What was due earlier and is not under way: its worker begins it about now, after an outage of the workers too. With a
pace that is no less than a moment: a busy machine is as late with it."""

_LONGEST_OF_EACH = timedelta(seconds=5)
"""So long at most each of those ahead is taken to need: a receiver that hung once may be quick again. No pace divides
it: what a busy machine needs for each does not shrink with the delays. Were it less than looking takes when thousands
wait, all would look all the time, the late looks would make the lines longer, and little would be sent."""

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
    tried = [(one.tried_until, one.key) for one in earlier if one.tried_until is not None and one.tried_until >= now]
    absent = [one.key for one in earlier if one.tried_until is None or one.tried_until < now]
    if tried:
        tried_until, key = min(tried)
        return Wait(until=min(_turn_comes(now, tried_until - ATTEMPT, len(tried), pace), at_last), key=key)
    if absent and not is_expected:
        return Wait(until=min(now + max(_SHOWS_ITSELF_WITHIN / pace, _A_MOMENT), at_last), key=absent[0])
    return None


def _turn_comes(now: datetime, begins_at: datetime, ahead: int, pace: float) -> datetime:
    """About when those ahead are done, or look again themselves.

    Args:
        now: by the wall clock.
        begins_at: when the attempt at the first of them began, or begins.
        ahead: how many there are. Each is taken to need as long as the first has needed so far, or a line would look
            all the time and send little.
        pace: divides every delay.
    """
    moment = max(_A_MOMENT / pace, _SHORTEST)
    if begins_at > now:
        return begins_at + ahead * moment
    needed = now - begins_at
    return now + max(needed, ahead * max(moment, min(needed, _LONGEST_OF_EACH)))

"""When a receiver that keeps failing is left alone for a while, so that the attempts at it hold up nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta

OPENS_AFTER = 5
"""Failures in a row."""

SHORTEST, LONGEST = timedelta(seconds=30), timedelta(minutes=5)
"""For which it is left alone: after each further failure twice as long."""


SLOWED = SHORTEST
"""For which one is left alone, at least, that says it has too much to do."""

GIVEN_UP_AFTER = timedelta(days=5)
"""Of failures without a success between them: then it is switched off."""


def is_given_up(failing_since: datetime, at: datetime) -> bool:
    """Whether a receiver has failed for so long that it is switched off.

    Args:
        failing_since: its first failure since its last success.
        at: its last one.
    """
    return at - failing_since >= GIVEN_UP_AFTER


def open_for(failures: int, *, pace: float = 1) -> timedelta | None:
    """How long a receiver is left alone after so many failures in a row; None: not at all.

    Args:
        failures: since its last success.
        pace: divides the time, for tests on a real wire.
    """
    if failures < OPENS_AFTER:
        return None
    doublings: int = min(failures - OPENS_AFTER, 10)
    return min(SHORTEST * (1 << doublings), LONGEST) / pace

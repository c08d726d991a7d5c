"""When a receiver that keeps failing is left alone for a while, so that the attempts at it hold up nothing else."""

from __future__ import annotations

from datetime import timedelta

OPENS_AFTER = 5
"""Failures in a row."""

SHORTEST, LONGEST = timedelta(seconds=30), timedelta(minutes=5)
"""For which it is left alone: after each further failure twice as long."""


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

"""How many requests a key may make: a bucket of each key fills steadily, and every request takes one out of it.

Each process counts for itself: of several replicas a key may ask each as much. What all together may take is the
business of the proxy before them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from starters.http.problems import Problem

USUAL_RATE = 100.0
_BURST_SECONDS = 2.0
_MOST_BUCKETS = 10_000


class RateLimit:
    """The buckets of all keys.

    Args:
        per_second: requests of one key; in a burst it may make as many as in two seconds.
        clock: seconds that never go back.
    """

    def __init__(self, per_second: float = USUAL_RATE, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second * _BURST_SECONDS)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, subject: str) -> None:
        """Take one of a key's bucket.

        Raises:
            Problem: it is empty; with the seconds after which there is one again.
        """
        now = self._clock()
        left, since = self._buckets.get(subject, (self._most, now))
        left = min(self._most, left + (now - since) * self._per_second)
        if left < 1:
            wait = math.ceil((1 - left) / self._per_second)
            said = f"the key makes more than {self._per_second:g} requests a second; ask again in {wait} s"
            raise Problem("too_many_requests", said, headers={"Retry-After": str(wait)})
        if len(self._buckets) >= _MOST_BUCKETS and subject not in self._buckets:
            self._forget_full(now)
        self._buckets[subject] = (left - 1, now)

    def _forget_full(self, now: float) -> None:
        """Forget the buckets that are full again: a new one is full, too."""
        fills_in = self._most / self._per_second
        self._buckets = {name: kept for name, kept in self._buckets.items() if now - kept[1] < fills_in}

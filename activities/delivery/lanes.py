"""How many attempts go to one receiver at once, so that one that hangs takes the worker's places from nobody else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

MOST_AT_ONCE = 20
"""Attempts of one process to one receiver. A worker does a hundred activities at once."""


class Busy(Exception):
    """As many attempts as may be are under way to that receiver."""


class Lanes:
    """A lane for each receiver."""

    def __init__(self, most: int = MOST_AT_ONCE) -> None:
        self._most = most
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def taken(self, receiver: str) -> Iterator[None]:
        """A place in the lane, while the context lasts.

        Raises:
            Busy: there is none.
        """
        if self._under_way[receiver] >= self._most:
            raise Busy(f"{self._most} attempts to {receiver} are under way already")
        self._under_way[receiver] += 1
        try:
            yield
        finally:
            self._under_way[receiver] -= 1
            if not self._under_way[receiver]:
                del self._under_way[receiver]

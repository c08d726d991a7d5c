"""Pauses, counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class PauseTally:
    """How many pauses there were, and for how long.

    Attributes:
        close: began with at most so much open time left to their target as was asked for.
        after: began after it.
    """

    many: int = 0
    open_seconds: int = 0
    close: int = 0
    after: int = 0

    def add(self, *, many: int = 0, open_seconds: int = 0, close: int = 0, after: int = 0) -> None:
        """Count some more."""
        self.many += many
        self.open_seconds += open_seconds
        self.close += close
        self.after += after

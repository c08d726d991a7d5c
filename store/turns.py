"""Turns of the writers of one process: one at a time, and those that can't wait long before all others."""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """A lock whose holders follow one another as they came. Those in a hurry come before those who are not."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._is_taken = False
        self._hurried: deque[threading.Event] = deque()
        self._patient: deque[threading.Event] = deque()

    def acquire(self, timeout: float, *, in_a_hurry: bool = False) -> bool:
        """Wait for a turn; whether it came within `timeout` seconds."""
        waiting = self._hurried if in_a_hurry else self._patient
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return True
            mine = threading.Event()
            waiting.append(mine)
        if mine.wait(timeout):
            return True
        with self._guard:
            if mine.is_set():
                return True  # it came in the last moment
            waiting.remove(mine)
            return False

    def release(self) -> None:
        """Let the next one have it."""
        with self._guard:
            waiting = self._hurried or self._patient
            if waiting:
                waiting.popleft().set()
            else:
                self._is_taken = False

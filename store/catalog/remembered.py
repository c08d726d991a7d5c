"""What was read of the catalog, for as long as nobody has changed it."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any

from sqlalchemy import Connection, select

from store import tables

MOST = 10_000
"""Declarations."""

Read = dict[Hashable, Any]
"""What was read of one catalog, by what was asked."""

_NEWEST = select(tables.applications.c.id, tables.applications.c.at).order_by(tables.applications.c.id.desc()).limit(1)


class Remembered:
    """What this process has read of the catalog, as its newest change has left it. For any number of threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._of: Any = None
        self._read: Read = {}

    def as_of(self, connection: Connection) -> Read:
        """What is known of the catalog that a snapshot sees, and sees as long as it lasts; to be added to."""
        newest = connection.execute(_NEWEST).first()
        place = None if newest is None else tuple(newest)  # with its time: a database that is restored counts again
        with self._guard:
            if place != self._of or len(self._read) > MOST:
                self._of, self._read = place, {}
            return self._read

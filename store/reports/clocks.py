"""The calendars of running cases, for what grows by itself: nobody has recorded the instant that a report is about."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from pydantic import TypeAdapter
from sqlalchemy import Connection, Text, cast, select

from domain.frozen import FrozenCalendar, HorizonExceeded
from store import tables

AT_ONCE = 500
"""Cases whose calendars are read at a time."""

_CALENDARS = TypeAdapter(dict[str, FrozenCalendar])


class Clocks:
    """The calendars that cases are on record with, read once for those that have the same."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, dict[str, FrozenCalendar]] = {}

    def know(self, case_ids: Iterable[str]) -> None:
        """Read the calendars of some cases, and forget those of others."""
        wanted = sorted(set(case_ids))
        self._known = {}
        table = tables.cases.c
        written = cast(table.carried["plan"]["calendars"], Text)
        for first in range(0, len(wanted), AT_ONCE):
            some = select(table.case_id, written).where(table.case_id.in_(wanted[first : first + AT_ONCE]))
            self._known |= {case_id: _read(text) for case_id, text in self._connection.execute(some)}

    def elapsed(self, case_id: str, business_hours: str, begin: datetime, end: datetime) -> int:
        """Open seconds between two instants by a calendar of a case; none past its horizon, or backwards."""
        calendar = self._known.get(case_id, {}).get(business_hours)
        if calendar is None or end <= begin:
            return 0
        try:
            return calendar.elapsed(begin, end)
        except HorizonExceeded:
            return 0


@lru_cache(maxsize=64)
def _read(text: str) -> dict[str, FrozenCalendar]:
    return _CALENDARS.validate_python(json.loads(text))

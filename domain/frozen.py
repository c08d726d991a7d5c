"""Frozen calendars, for whoever uses one: importing this reads no time zones and no holidays."""

from domain.open_time.frozen import FrozenCalendar, HorizonExceeded

__all__ = ["FrozenCalendar", "HorizonExceeded"]

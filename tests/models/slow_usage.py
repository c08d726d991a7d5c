"""Usage as the specification says it, without a thought for speed: every answer from the whole list of what was asked.

Nothing here is shared with the rules: periods are found by walking through the days of the account's zone.
"""

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass
class SlowUsage:
    cap: int | None
    period: str
    aligned: str
    starts_on: date
    ends_on: date
    zone: ZoneInfo
    granted: list[tuple[str, date, int]] = field(default_factory=list)
    refused: dict[str, date] = field(default_factory=dict)

    def begins_a_period(self, day: date) -> bool:
        if day == self.starts_on:
            return True
        if self.period == "term":
            return False
        months = MONTHS[self.period]
        if self.aligned == "calendar":
            return day.day == 1 and (day.month - 1) % months == 0
        since = (day.year - self.starts_on.year) * 12 + day.month - self.starts_on.month
        last = monthrange(day.year, day.month)[1]
        return since % months == 0 and day.day == min(self.starts_on.day, last)

    def first_day(self, at: datetime) -> date | None:
        """The first date of the period of an instant: the last one that began, on its own date or before."""
        day = at.astimezone(self.zone).date()
        if not self.starts_on <= day <= self.ends_on:
            return None
        while not self.begins_a_period(day):
            day -= timedelta(days=1)
        return day

    def used(self, first_day: date) -> int:
        return sum(amount for _, day, amount in self.granted if day == first_day)

    def take(self, reference: str, event_id: str, at: datetime, amount: int) -> str:
        if any(known == reference for known, _, _ in self.granted):
            return "already"
        if event_id in self.refused:
            return "overflow"
        day = self.first_day(at)
        if day is None:
            return "refused"
        if self.cap is not None and self.used(day) + amount > self.cap:
            self.refused[event_id] = day
            return "overflow"
        self.granted.append((reference, day, amount))
        return "granted"

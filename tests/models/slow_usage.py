"""Usage as the specification says it, without a thought for speed: every answer from the whole list of what was asked.

Nothing here is shared with the rules: periods are found by walking through the days of the account's zone, what is
carried over follows from what was used before, and whether something fits is found by trying it.
"""

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}


@dataclass
class Entry:
    """What one reference, or one adjustment, came to."""

    day: date
    used: int
    overage: int = 0
    left_over: int = 0
    is_reversed: bool = False


@dataclass
class SlowUsage:
    cap: int | None
    period: str
    aligned: str
    starts_on: date
    ends_on: date
    zone: ZoneInfo
    policy: str = "fallback"
    carries: bool = False
    most_carried: int | None = None
    entries: dict[str, Entry] = field(default_factory=dict)
    adjustments: list[Entry] = field(default_factory=list)
    refused: dict[str, date] = field(default_factory=dict)
    declined: set[str] = field(default_factory=set)
    approved: set[str] = field(default_factory=set)
    caps: list[tuple[date, int | None]] = field(default_factory=list)
    today: date = date.min

    # --- periods ---

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
        return self.first_day_of(day) if self.starts_on <= day <= self.ends_on else None

    def first_day_of(self, day: date) -> date:
        while not self.begins_a_period(day):
            day -= timedelta(days=1)
        return day

    def advance(self, now: datetime) -> None:
        self.today = max(self.today, now.astimezone(self.zone).date())

    # --- counts ---

    def everything(self) -> list[Entry]:
        return [*self.entries.values(), *self.adjustments]

    def used(self, first_day: date) -> int:
        return sum(entry.used for entry in self.everything() if entry.day == first_day)

    def overage(self, first_day: date) -> int:
        return sum(entry.overage for entry in self.everything() if entry.day == first_day)

    def declared(self, first_day: date) -> int | None:
        amended = [cap for day, cap in self.caps if day <= first_day]
        return amended[-1] if amended else self.cap

    def carried(self, first_day: date) -> int:
        """What was left of the period before, if that is over."""
        if not self.carries or first_day == self.starts_on or first_day > self.today:
            return 0
        before = self.first_day_of(first_day - timedelta(days=1))
        limit = self.limit(before)
        left = 0 if limit is None else max(limit - self.used(before), 0)
        return left if self.most_carried is None else min(left, self.most_carried)

    def limit(self, first_day: date) -> int | None:
        declared = self.declared(first_day)
        return None if declared is None else declared + self.carried(first_day)

    def too_much(self) -> dict[date, int]:
        """Of each period that has begun, or in which something was taken, by how much more than its limit was taken."""
        days = {entry.day for entry in self.everything()}
        day = self.starts_on
        while day <= min(self.today, self.ends_on):
            if self.begins_a_period(day):
                days.add(day)
            day += timedelta(days=1)
        limits = {day: self.limit(day) for day in days}
        return {day: max(self.used(day) - limit, 0) for day, limit in limits.items() if limit is not None}

    def fits(self, day: date, amount: int) -> bool:
        """Whether taking it leaves every period within its limit, or no further beyond it than it was."""
        before = self.too_much()
        self.adjustments.append(Entry(day, amount))
        after = self.too_much()
        self.adjustments.pop()
        return all(more <= before.get(day, 0) for day, more in after.items())

    # --- requests ---

    def take(self, reference: str, event_id: str, at: datetime, amount: int) -> str:
        over = {"fallback": "overflow", "block": "blocked", "prompt": "prompt"}[self.policy]
        if reference in self.entries:
            return "already"
        if event_id in self.refused:
            return "overflow" if reference in self.declined else over
        day = self.first_day(at)
        if day is None:
            return "refused"
        if not self.fits(day, amount):
            self.refused[event_id] = day
            self.declined.discard(reference)
            return over
        self.entries[reference] = Entry(day, amount)
        return "granted"

    def log(self, reference: str, at: datetime, minutes: int, step: int, *, has_fallback: bool) -> Entry | None:
        """Minute by minute, as long as there is room."""
        if reference in self.entries:
            return self.entries[reference]
        day = self.first_day(at)
        if day is None:
            return None
        while minutes % step:
            minutes += 1
        fits = 0
        while fits < minutes and self.fits(day, fits + 1):
            fits += 1
        left_over = minutes - fits if has_fallback and self.policy == "fallback" else 0
        self.entries[reference] = Entry(day, fits, minutes - fits - left_over, left_over)
        return self.entries[reference]

    def has_room(self, reference: str, at: datetime) -> bool:
        """Whether a time entry that is not known yet would find anything left; yes for one that is known."""
        day = self.first_day(at)
        return reference in self.entries or day is None or self.fits(day, 1)

    def decide(self, reference: str, at: datetime, amount: int, *, yes: bool) -> str:
        """Of a case or visit."""
        if self.policy != "prompt":
            return "refused"
        if reference in self.entries:
            return "already"
        if not yes:  # takes nothing, inside the term or not
            self.declined.add(reference)
            return "overflow"
        day = self.first_day(at)
        if day is None:
            return "refused"
        self.declined.discard(reference)
        if self.fits(day, amount):
            self.entries[reference] = Entry(day, amount)
        else:
            self.entries[reference] = Entry(day, 0, amount)
            self.approved.add(reference)
        return "granted"

    def approve(self, reference: str) -> str:
        """Of a time entry."""
        entry = self.entries.get(reference)
        if self.policy != "prompt" or entry is None or not entry.overage:
            return "refused"
        if reference in self.approved:
            return "already"
        self.approved.add(reference)
        return "granted"

    def reverse(self, reference: str) -> bool:
        entry = self.entries.get(reference)
        if entry is None or entry.is_reversed or not (entry.used or entry.overage):
            return False
        entry.used -= min(entry.used, self.used(entry.day))
        entry.overage, entry.left_over, entry.is_reversed = 0, 0, True
        self.approved.discard(reference)
        return True

    def adjust(self, at: datetime, amount: int) -> bool:
        day = self.first_day(at)
        if day is None or amount == 0 or self.used(day) + amount < 0:
            return False
        if amount > 0 and not self.fits(day, amount):
            return False
        self.adjustments.append(Entry(day, amount))
        return True

    def amend(self, cap: int | None) -> bool:
        if self.today > self.ends_on:
            return False
        self.caps.append((self.first_day_of(max(self.today, self.starts_on)), cap))
        return True

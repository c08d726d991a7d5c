"""What was used of entitlements, period by period, and where it leads at the pace so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from domain.reports.shares import share

_LEAST_SHARE = 0.02
"""Of a period: before so much of it has passed nobody can tell where it leads."""


@dataclass(frozen=True)
class PeriodUse:
    """What was used of an entitlement in one period. Amounts are in the smallest measure of the unit.

    Attributes:
        begins_at: None of a term without a start; `ends_at` the first instant after it, None if it does not end.
        first_day: in the account's zone, and so is `last_day`; None where the period has no such instant.
        is_current: it is the period of the report's instant.
        cap: with what was carried over; None: unlimited.
    """

    entitlement: str
    account: str
    unit: str
    period: int
    first_day: date | None
    last_day: date | None
    begins_at: datetime | None
    ends_at: datetime | None
    is_current: bool
    used: int
    overage: int
    cap: int | None

    @property
    def remaining(self) -> int | None:
        """What is left of the cap, never below 0; None: unlimited."""
        return None if self.cap is None else max(self.cap - self.used, 0)

    @property
    def percent(self) -> float | None:
        """Of the cap; None without one, or with one of 0."""
        return None if self.cap is None else share(self.used, self.cap)

    def projected(self, now: datetime) -> int | None:
        """What is used by the end of the period, overage among it, if it goes on as since the period began.

        None of a period that is not the current one or has no end, and while next to nothing of it has passed.
        """
        if not self.is_current or self.begins_at is None or self.ends_at is None:
            return None
        whole = (self.ends_at - self.begins_at).total_seconds()
        passed = (now - self.begins_at).total_seconds()
        if not 0 < passed <= whole or passed < _LEAST_SHARE * whole:
            return None
        return round((self.used + self.overage) * whole / passed)


@dataclass(frozen=True)
class UsedTogether:
    """What was used in some periods of one unit, together. Amounts are in the smallest measure of the unit.

    Attributes:
        periods: how many there are.
        cap: of all of them; None: one of them is unlimited. So with `remaining`.
        projected: by the end of each of them, if it goes on at its pace so far; None: none of them has a pace.
    """

    periods: int
    used: int
    overage: int
    cap: int | None
    remaining: int | None
    projected: int | None

    @property
    def percent(self) -> float | None:
        """Of the cap; None without one, or with one of 0."""
        return None if self.cap is None else share(self.used, self.cap)


def together(uses: Sequence[PeriodUse], now: datetime) -> UsedTogether:
    """What some periods of one unit come to together, at least one."""
    caps, left = [use.cap for use in uses], [use.remaining for use in uses]
    paces = [use.projected(now) for use in uses]
    so_far = [use.used + use.overage for use in uses]
    led_to = [sofar if pace is None else pace for sofar, pace in zip(so_far, paces, strict=True)]
    return UsedTogether(
        periods=len(uses),
        used=sum(use.used for use in uses),
        overage=sum(use.overage for use in uses),
        cap=None if None in caps else sum(cap or 0 for cap in caps),
        remaining=None if None in left else sum(one or 0 for one in left),
        projected=sum(led_to) if any(pace is not None for pace in paces) else None,
    )

"""When the count of an entitlement begins of which nothing was taken: a while before there is something to tell of it.

This freezes periods, and so reads the time-zone database: no workflow imports it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from domain.catalog.declarations import Entitlement
from domain.catalog.status import EntitlementStatus, status
from domain.usage.freezing import freeze
from domain.usage.periods import Term

BEGINS_AHEAD = timedelta(days=3)
"""How long before a period or a term ends its count begins at the latest: longer than a weekend without a worker."""


def begins_unused(entitlement: Entitlement, now: datetime, zone: ZoneInfo) -> bool:
    """Whether an entitlement is counted by now though nothing was taken of it: its period or its term ends soon.

    At the end of a period what was unused is reported, so without a cap there is nothing to say before the term ends.
    Until then an entitlement without a count can be changed as a new one can.

    Args:
        entitlement: as it is declared. One with `term_end` is counted since then, so it does not begin so.
        now: an aware instant.
        zone: of its dates, see `zone_of`.
    """
    allowance, opening = entitlement.allowance, entitlement.opening
    if allowance is None or entitlement.term_end is not None or entitlement.retired:
        return False
    # A count learns of a cancellation when that is declared: one that begins later would not know it.
    if entitlement.cancelled_at is not None or status(entitlement, now, zone) is not EntitlementStatus.ACTIVE:
        return False
    if opening is not None and opening.as_of > now.astimezone(zone).date():
        return False
    term = Term(
        starts_on=entitlement.starts_on,
        ends_on=entitlement.ends_on,
        time_zone=zone.key,
        reckoned_from=entitlement.reckoned_from,
    )
    periods = freeze(allowance, term, now)
    period = periods.number(now)
    if period is None or (allowance.cap is None and not periods.is_last(period)):
        return False
    ends_at = periods.ends_before(period)
    return ends_at is not None and ends_at <= now + BEGINS_AHEAD

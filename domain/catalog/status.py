"""Whether an entitlement counts at an instant: derived from its dates, never stored."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from domain.bounds import is_within_the_years
from domain.catalog.declarations import Account, Entitlement, Organisation
from domain.years import FIRST_YEAR

_FIRST_INSTANT = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)


class EntitlementStatus(StrEnum):
    """Where an entitlement stands."""

    INACTIVE = "inactive"
    ACTIVE = "active"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


def zone_of(account: Account, organisation: Organisation) -> ZoneInfo:
    """The zone of an account's dates: its own, or else the organisation's."""
    return ZoneInfo(account.time_zone or organisation.time_zone)


def status(entitlement: Entitlement, at: datetime, zone: ZoneInfo) -> EntitlementStatus:
    """The status at an instant, whose local date in `zone` is what counts.

    Active from the first instant of `starts_on` to the last of `ends_on`; cancelled from the instant of cancelling,
    whatever the dates say. Without a start it is active from ever, without an end for ever.

    Args:
        entitlement: as it was declared.
        at: an aware instant.
        zone: see `zone_of`.
    """
    if entitlement.cancelled_at is not None and entitlement.cancelled_at <= at:
        return EntitlementStatus.CANCELLED
    today = at.astimezone(zone).date()
    if entitlement.starts_on is not None and today < entitlement.starts_on:
        return EntitlementStatus.INACTIVE
    if entitlement.ends_on is not None and entitlement.ends_on < today:
        return EntitlementStatus.EXPIRED
    return EntitlementStatus.ACTIVE


def cancelled_from(entitlement: Entitlement) -> datetime | None:
    """The instant from which an entitlement is cancelled, ahead or behind; None: it is not.

    What was stored before instants of a catalog had bounds may lie in no year of promises, where zones have no dates.
    Past the last year it is never cancelled; before the first it always was.
    """
    at = entitlement.cancelled_at
    if at is None or is_within_the_years(at):
        return at
    return _FIRST_INSTANT if at < _FIRST_INSTANT else None

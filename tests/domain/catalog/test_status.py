"""The derived status at the edges of days: in the account's zone, over daylight saving and dates that were skipped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.catalog.declarations import Account, Entitlement, Organisation
from domain.catalog.status import EntitlementStatus, status, zone_of
from domain.coverage.matching import Candidate, CoverageScope, choose

SECOND = timedelta(seconds=1)


def entitlement(**also: Any) -> Entitlement:
    return Entitlement.model_validate({"id": "e", "account": "acme", **also})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "first", "after"),
    [
        pytest.param("UTC", "2026-06-10", "2026-06-10T00:00", "2026-06-11T00:00", id="a plain day"),
        pytest.param("America/New_York", "2026-03-08", "2026-03-08T05:00", "2026-03-09T04:00", id="23 hours"),
        pytest.param("America/New_York", "2026-11-01", "2026-11-01T04:00", "2026-11-02T05:00", id="25 hours"),
        pytest.param("Europe/London", "2026-03-29", "2026-03-29T00:00", "2026-03-29T23:00", id="London, spring"),
        pytest.param("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00", "2026-04-05T13:30", id="half an hour"),
        pytest.param("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00", "2018-11-05T02:00", id="midnight skipped"),
        pytest.param("America/Havana", "2026-11-01", "2026-11-01T04:00", "2026-11-02T05:00", id="midnight twice"),
        pytest.param("Pacific/Kiritimati", "2026-06-10", "2026-06-09T10:00", "2026-06-10T10:00", id="far ahead"),
        pytest.param("Pacific/Pago_Pago", "2026-06-10", "2026-06-10T11:00", "2026-06-11T11:00", id="far behind"),
    ],
)
def test_a_day_is_active_from_its_first_to_its_last_second(zone: str, day: str, first: str, after: str) -> None:
    """However long it is. A midnight that does not exist is no first second, one that comes twice is both times it."""
    one_day = entitlement(starts_on=day, ends_on=day)
    at = {
        utc(first) - SECOND: EntitlementStatus.INACTIVE,
        utc(first): EntitlementStatus.ACTIVE,
        utc(after) - SECOND: EntitlementStatus.ACTIVE,
        utc(after): EntitlementStatus.EXPIRED,
    }
    assert {instant: status(one_day, instant, ZoneInfo(zone)) for instant in at} == at


def test_a_date_that_the_zone_skipped_has_no_second() -> None:
    """Apia went from 29 to 31 December 2011: the 30th ends with the 29th and begins with the 31st."""
    apia, change = ZoneInfo("Pacific/Apia"), utc("2011-12-30T10:00")
    assert status(entitlement(ends_on="2011-12-30"), change - SECOND, apia) is EntitlementStatus.ACTIVE
    assert status(entitlement(ends_on="2011-12-30"), change, apia) is EntitlementStatus.EXPIRED
    assert status(entitlement(starts_on="2011-12-30"), change - SECOND, apia) is EntitlementStatus.INACTIVE
    assert status(entitlement(starts_on="2011-12-30"), change, apia) is EntitlementStatus.ACTIVE


def test_the_zone_is_the_accounts_or_the_organisations() -> None:
    """At 03:00 UTC it is still yesterday in New York, and today in London."""
    organisation = Organisation(time_zone="America/New_York")
    one, at = entitlement(ends_on="2026-06-10"), utc("2026-06-11T03:00")
    assert status(one, at, zone_of(Account(id="a"), organisation)) is EntitlementStatus.ACTIVE
    assert (
        status(one, at, zone_of(Account(id="a", time_zone="Europe/London"), organisation)) is EntitlementStatus.EXPIRED
    )
    assert zone_of(Account(id="a"), Organisation()) == ZoneInfo("UTC")


def test_without_dates_it_is_active_for_ever() -> None:
    for at in (datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)):
        assert status(entitlement(), at, ZoneInfo("America/New_York")) is EntitlementStatus.ACTIVE


def test_cancelled_counts_from_its_instant_whatever_the_dates_say() -> None:
    """The second before, it is what its dates say; afterwards it never expires."""
    at = utc("2026-06-10T12:00")
    cancelled = entitlement(starts_on="2026-01-01", ends_on="2026-12-31", cancelled_at=at)
    zone = ZoneInfo("America/New_York")
    assert status(cancelled, at - SECOND, zone) is EntitlementStatus.ACTIVE
    assert status(cancelled, at, zone) is EntitlementStatus.CANCELLED
    assert status(cancelled, utc("2030-01-01T00:00"), zone) is EntitlementStatus.CANCELLED


def test_coverage_follows_the_status_over_the_hour_that_is_missing() -> None:
    """The successor of what ends on the day of the change takes over with the first second of the next."""
    pair = [entitlement(id="old", ends_on="2026-03-08"), entitlement(id="new", starts_on="2026-03-09")]
    candidates = [Candidate(entitlement=one, time_zone="America/New_York") for one in pair]

    def chosen(at: str) -> str | None:
        found = choose(CoverageScope(at=utc(at), accounts=["acme"]), candidates).chosen
        return found.id if found else None

    assert (chosen("2026-03-09T03:59:59"), chosen("2026-03-09T04:00:00")) == ("old", "new")

"""The count of what nobody used begins before there is something to tell of it, and no sooner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.catalog.count_beginning import BEGINS_AHEAD, begins_unused
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Account, Entitlement, Organisation
from domain.process import Email
from domain.usage.effects import UsageActionOrder
from domain.usage.machine import Usage
from domain.usage.rows import LedgerRow, RowKind

SECOND = timedelta(seconds=1)
YEAR = {"starts_on": "2026-01-01", "ends_on": "2026-12-31"}
FROM_15TH = {"starts_on": "2026-01-15", "ends_on": "2026-12-31"}
CAPPED = {"unit": "visits", "cap": 4}
MONTHLY = {**CAPPED, "period": "month"}
UNLIMITED = {"unit": "visits"}
AT_END = datetime(2026, 12, 30, 12, tzinfo=UTC)
"""Within three days of the end of the year, and of a month."""


def entitlement(**also: Any) -> Entitlement:
    return Entitlement.model_validate({"id": "gold", "account": "acme", "allowance": CAPPED, **YEAR, **also})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("declared", "zone", "ends"),
    [
        pytest.param({}, "UTC", "2027-01-01T00:00", id="a term"),
        pytest.param({"starts_on": None}, "UTC", "2027-01-01T00:00", id="a term without a start"),
        pytest.param({}, "America/New_York", "2027-01-01T05:00", id="in the zone of its dates"),
        pytest.param({"allowance": UNLIMITED}, "UTC", "2027-01-01T00:00", id="a term without a cap"),
        pytest.param({"allowance": {**UNLIMITED, "period": "month"}}, "UTC", "2027-01-01T00:00", id="periods without"),
        pytest.param({"allowance": {**CAPPED, "cap": 0}}, "UTC", "2027-01-01T00:00", id="nothing to use"),
        pytest.param({**FROM_15TH, "allowance": MONTHLY}, "UTC", "2026-02-15T00:00", id="the first period"),
        pytest.param(
            {**FROM_15TH, "allowance": {**MONTHLY, "aligned": "calendar"}}, "UTC", "2026-02-01T00:00", id="a calendar's"
        ),
        pytest.param(
            {"starts_on": "2026-02-28", "reckoned_from": "2026-01-31", "ends_on": None, "allowance": MONTHLY},
            "UTC",
            "2026-03-31T00:00",
            id="reckoned from the first record",
        ),
    ],
)
def test_a_count_begins_three_days_before_an_end(declared: dict[str, Any], zone: str, ends: str) -> None:
    """Of a period of which something may be unused, and of the term whatever it has."""
    unused, begins = entitlement(**declared), utc(ends) - timedelta(days=3)
    assert [begins_unused(unused, at, ZoneInfo(zone)) for at in (begins - SECOND, begins, utc(ends) - SECOND)] == [
        False,
        True,
        True,
    ]


def test_a_count_that_missed_an_end_begins_before_the_next() -> None:
    """Whether nobody was there to begin it, or it was declared late."""
    monthly = entitlement(allowance=MONTHLY)
    begins = {at.day: begins_unused(monthly, at, ZoneInfo("UTC")) for at in map(utc, ("2026-05-02", "2026-05-30"))}
    assert begins == {2: False, 30: True}


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param({"allowance": None}, id="nothing is counted"),
        pytest.param({"ends_on": None}, id="it does not end"),
        pytest.param({"ends_on": "9999-12-31"}, id="nor so"),
        pytest.param({"ends_on": None, "allowance": {**UNLIMITED, "period": "month"}}, id="nor do its periods matter"),
        pytest.param({"ends_on": "2026-12-29"}, id="it has expired"),
        pytest.param({"starts_on": "2026-12-31"}, id="its start is ahead"),
        pytest.param({"retired": True}, id="retired"),
        pytest.param({"cancelled_at": "2026-03-01T00:00:00Z"}, id="cancelled"),
        pytest.param({"cancelled_at": "2026-12-31T00:00:00Z"}, id="cancelled from an instant ahead on"),
        pytest.param({"term_end": {"policy": "expire"}}, id="counted since it was declared"),
        pytest.param({"opening": {"as_of": "2026-12-31"}}, id="counted elsewhere still"),
    ],
)
def test_a_count_does_not_begin_where_nothing_is_to_be_told(declared: dict[str, Any]) -> None:
    assert begins_unused(entitlement(), AT_END, ZoneInfo("UTC"))
    assert not begins_unused(entitlement(**declared), AT_END, ZoneInfo("UTC"))


def test_an_opening_balance_counts_from_its_date_on() -> None:
    at_last = entitlement(opening={"as_of": "2026-12-31"})
    assert begins_unused(at_last, AT_END + timedelta(days=1), ZoneInfo("UTC"))


def test_the_renewals_contact_hears_of_what_nobody_used() -> None:
    """A count that begins so has the end of its term before it."""
    account = Account.model_validate({"id": "acme", "renewals_mail": "renewals@example.com"})
    ends = utc("2027-01-01T00:00")
    begins = ends - BEGINS_AHEAD
    usage = Usage.begin(entitlement_terms(entitlement(), account, Organisation(), now=begins), begins)
    assert usage.advance(begins) == []
    effects = usage.advance(ends)
    rows = [(one.kind, one.amount) for one in effects if isinstance(one, LedgerRow)]
    assert rows == [(RowKind.RESET, 4), (RowKind.EXPIRED, 0)]
    [order] = [one for one in effects if isinstance(one, UsageActionOrder)]
    assert isinstance(order.call.action, Email)
    assert order.call.action.to == ["renewals@example.com"]

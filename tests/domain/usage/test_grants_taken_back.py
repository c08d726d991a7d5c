"""Grants that are taken back by hand: as far as they have not paid, and once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.errors import Refused
from domain.messages.coverage import Left
from domain.usage.requests import UsageGranted
from domain.usage.rows import LedgerRow
from tests.domain.usage.test_grants import WHO, Visits, day
from tests.domain.usage.test_renewals import APRIL, FEBRUARY, Months


@pytest.mark.parametrize(
    ("taken", "back", "left"),
    [(0, 1, [1, 1]), (0, 2, [1, 0]), (0, 3, [0, 0]), (1, 1, [0, 1]), (1, 2, [0, 0]), (3, 0, [0, 0])],
)
def test_what_a_grant_has_not_paid_is_taken_back(taken: int, back: int, left: list[int]) -> None:
    """The one that pays last first; what was paid stays paid, and one more than is left is refused."""
    visits = Visits()
    visits.grant(1, until=day(10))
    visits.grant(2)
    if taken:
        visits.take("A", taken)
    if back:
        changed = visits.grant(-back)
        assert changed.balance.grant_left == sum(left)
    assert [grant.rest for grant in visits.usage.state.grants] == left
    assert visits.stands()[:2] == (0, taken)
    before = visits.usage.state.model_dump_json()
    with pytest.raises(Refused, match="left that can be taken back"):
        visits.grant(-sum(left) - 1)
    assert visits.usage.state.model_dump_json() == before


def test_a_taking_back_is_on_record_once_with_who_and_why() -> None:
    visits = Visits(unit="hours", cap=1)
    visits.grant(90)
    asked = UsageGranted(event_id="back", amount=-60, **WHO)
    changed, [row, *_] = visits.usage.change(asked, visits.now)
    assert isinstance(row, LedgerRow)
    assert (row.kind, row.amount, row.used, row.by) == ("granted", -60, 0, "ana")
    assert row.reason == "1 hour of what was granted taken back: goodwill"
    assert (changed.balance.granted, changed.balance.grant_left) == (30, 30)
    assert visits.usage.change(asked, visits.now)[0].outcome == "already"
    assert visits.usage.balance_of(0).granted == 30


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"amount": 0}, "a grant of 0 gives nothing"),
        ({"amount": -1, "until": day(20)}, "neither ends .* nor carries over"),
        ({"amount": -1, "carries_over": True}, "neither ends .* nor carries over"),
        ({"amount": -1}, "grants of that period have 0 visits left that can be taken back, not 1 visit"),
        ({"amount": -1, "occurred_at": datetime(2027, 1, 1, tzinfo=UTC)}, "is outside the term"),
    ],
)
def test_a_taking_back_that_makes_no_sense_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        Visits().grant(**fields)


@pytest.mark.parametrize(("taken_in_april", "there"), [(0, 3), (11, 2), (13, 0)])
def test_what_was_carried_over_is_taken_back_unless_used(taken_in_april: int, there: int) -> None:
    """Three went on into April: as many come back as April has not used, and its balance shrinks."""
    visits = Visits()
    visits.grant(3, carries_over=True)
    visits.to(day(2, 4))
    if taken_in_april:
        visits.take("A", taken_in_april)
    with pytest.raises(Refused, match=f"have {there} visits? left"):
        visits.grant(-there - 1, occurred_at=day(5))
    if there:
        visits.grant(-there, occurred_at=day(5))
    assert visits.usage.balance_of(1).carried == 3 - there
    visits.stands(1)


def test_what_went_into_a_renewal_is_not_taken_back() -> None:
    """It is the renewal's by then: adjust that. What did not go on still is."""
    record = Months()
    record.grant(2, FEBRUARY)
    record.account.advance(APRIL)
    assert record.carried == 5
    with pytest.raises(Refused, match="have 0 visits left"):
        record.account.change("old", UsageGranted(event_id="x", amount=-1, occurred_at=FEBRUARY, **WHO))
    march = datetime(2025, 3, 10, tzinfo=UTC)
    record.account.change("old", UsageGranted(event_id="y", amount=1, occurred_at=march, **WHO))
    record.account.change("old", UsageGranted(event_id="z", amount=-1, occurred_at=march, **WHO))
    record.account.check()
    assert record.carried == 5


def test_a_grant_that_was_taken_back_pays_nothing() -> None:
    visits = Visits(cap=0)
    visits.grant(2)
    visits.grant(-1)
    assert visits.take("A").granted == 1
    assert visits.take("B").outcome == "blocked"


# --- what is left, as it is said ---


def test_an_answer_says_what_grants_still_pay() -> None:
    """Of its own instant: one that ended before pays nothing of it."""
    visits = Visits()
    visits.grant(2, until=day(10))
    assert visits.take("A").grant_left == 1
    assert visits.take("B", at=day(20)).grant_left == 0
    assert visits.take("A").grant_left == 1


@pytest.mark.parametrize(
    ("left", "says"),
    [
        (Left(unit="visits", cap=4, remaining=0, granted=2), "0 of 4 visits left and 2 granted"),
        (Left(unit="hours", cap=240, remaining=90, granted=30), "1.5 of 4 hours left and 0.5 granted"),
        (Left(unit="cases", cap=4, remaining=3), "3 of 4 cases left"),
        (Left(unit="cases", cap=None, remaining=None), "unlimited cases"),
    ],
)
def test_an_intake_says_what_is_granted_beside_the_cap(left: Left, says: str) -> None:
    assert left.text == says

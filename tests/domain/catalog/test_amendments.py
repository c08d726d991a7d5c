"""What of an entitlement stays as it was declared first, by how it stands."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.catalog.amendments import (
    Standing,
    is_same_kind,
    refused_at_once,
    refused_changes,
    refused_ends,
    refused_without_end,
    with_what_was_written,
)
from domain.catalog.declarations import Entitlement

AT = datetime(2026, 5, 1, 2, tzinfo=UTC)
"""In New York it is still 30 April."""
CANCELLED_AT = "2026-03-01T12:30:00Z"
GOLD: dict[str, Any] = {
    "id": "gold",
    "account": "acme",
    "starts_on": "2026-01-01",
    "ends_on": "2026-12-31",
    "allowance": {"unit": "cases", "cap": 50},
}


def gold(**also: Any) -> Entitlement:
    return Entitlement.model_validate({**GOLD, **also})


def standing(zone: str = "America/New_York", **also: Any) -> Standing:
    return Standing(at=AT, zone=ZoneInfo(zone), **also)


def at_once(old: Entitlement, new: Entitlement, **also: Any) -> list[str]:
    return [f"{'.'.join(path)}: {said}" for path, said in refused_at_once(old, new, standing(**also))]


@pytest.mark.parametrize(
    ("changed", "keys"),
    [
        ({}, []),
        ({"ends_on": "2027-12-31"}, []),
        ({"account": "globex"}, ["account"]),
        ({"starts_on": "2026-02-01"}, ["starts_on"]),
        ({"allowance": {"unit": "visits", "cap": 50, "period": "month"}}, ["allowance"]),
        ({"allowance": {"unit": "cases", "cap": 60, "period": "month"}}, ["allowance"]),
        ({"allowance": None}, ["allowance"]),
    ],
)
def test_what_was_counted_by_stays(changed: dict[str, Any], keys: list[str]) -> None:
    """Another unit is said once: the rest of the allowance is another then, too."""
    assert [key for key, _ in refused_changes(gold(), gold(**changed))] == keys


def test_what_was_written_is_not_taken_back() -> None:
    """By files that do not speak of it; what they do say goes on to be judged."""
    old = gold(cancelled_at=CANCELLED_AT, renews="bronze")
    assert with_what_was_written(old, gold()) == old
    later = gold(cancelled_at="2026-04-01T00:00:00Z")
    assert with_what_was_written(old, later).cancelled_at == later.cancelled_at


def test_one_goes_on_as_another_of_its_account_and_unit() -> None:
    assert is_same_kind(gold(), gold(id="gold-2"))
    assert not is_same_kind(gold(), gold(account="globex"))
    assert not is_same_kind(gold(), gold(allowance={"unit": "hours", "cap": 5}))
    assert not is_same_kind(gold(), gold(allowance=None))


def test_of_a_cancelled_one_nothing_changes() -> None:
    """Neither its instant nor what it is counted by."""
    old = gold(cancelled_at=CANCELLED_AT)
    assert at_once(old, old) == []
    [instant] = at_once(old, gold(cancelled_at="2026-04-01T00:00:00Z"))
    assert "cannot change to 2026-04-01" in instant
    found = at_once(old, gold(cancelled_at=CANCELLED_AT, ends_on="2027-01-31", allowance={"unit": "cases", "cap": 5}))
    assert [said.partition(":")[0] for said in found] == ["allowance.cap", "ends_on"]
    assert all("was cancelled at" in said and "another under a new id" in said for said in found)
    assert at_once(gold(cancelled_at=CANCELLED_AT, allowance=None), gold(cancelled_at=CANCELLED_AT)) == []


def test_of_an_expired_one_that_was_used_nothing_changes() -> None:
    """It can be renewed. One that nothing was taken of may be declared as people like."""
    old, new = gold(ends_on="2026-03-31"), gold(ends_on="2026-12-31")
    [said] = at_once(old, new, is_counted=True)
    assert said == (
        "ends_on: the term of entitlement 'gold' ended on 2026-03-31: "
        "its ends_on stays 2026-03-31, not 2026-12-31; declare it so, or renew it"
    )
    assert at_once(old, new) == []


OPENING = {"as_of": "2026-02-01", "used": 9}
AT_END = {"policy": "renew"}


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ({}, {"opening": OPENING}, "leave opening out"),
        ({"opening": OPENING}, {"opening": OPENING | {"used": 8}}, "declare opening as it was"),
        ({"opening": OPENING}, {}, "declare opening as it was"),
    ],
)
def test_the_opening_of_a_count_that_has_begun_stays(
    before: dict[str, Any], after: dict[str, Any], *, says: str
) -> None:
    """It begins with its declaration, if the end of its term is awaited; or else with the first that it takes."""
    message = "opening: entitlement 'gold' is counted already, and an opening balance is of a new one; "
    expected = [f"{message}{says}, and adjust by hand what was used"]
    assert at_once(gold(**before), gold(**after), is_counted=True) == expected
    assert at_once(gold(term_end=AT_END, **before), gold(term_end=AT_END, **after)) == expected
    assert at_once(gold(**before), gold(**after)) == []
    assert at_once(gold(**after), gold(**after), is_counted=True) == []
    ended = {"ends_on": "2026-03-31"}
    assert at_once(gold(**before, **ended), gold(**after, **ended), is_counted=True) == expected


def test_what_was_not_counted_may_open_with_something_used() -> None:
    assert at_once(gold(allowance=None), gold(opening=OPENING)) == []


def test_of_a_renewed_one_the_end_stays() -> None:
    renewal = gold(id="gold-2", starts_on="2027-01-01", ends_on="2027-12-31")
    [said] = at_once(gold(), gold(ends_on="2026-11-30"), renewal=renewal)
    assert "goes on as 'gold-2' from 2027-01-01" in said
    assert at_once(gold(), gold(allowance={"unit": "cases", "cap": 60}), renewal=renewal) == []


@pytest.mark.parametrize(
    "term_end", [AT_END, {"notices": [{"days_before": 3, "actions": [{"do": "task", "subject": "t"}]}]}]
)
def test_the_last_date_there_is_is_no_end_to_renew_at(term_end: dict[str, Any]) -> None:
    """Nor one to tell of. What stands so may go on to say so."""
    never = gold(ends_on="9999-12-31", term_end=term_end)
    says = (
        "9999-12-31 means that its term does not end, and term_end is of one that does; "
        "give another date, or leave term_end out"
    )
    for old in (None, gold(), gold(ends_on="9999-12-31"), gold(term_end=term_end)):
        assert list(refused_without_end(old, never)) == [(("ends_on",), says)]
    assert not list(refused_without_end(never, never.model_copy(update={"name": "Gold"})))
    assert not list(refused_without_end(None, gold(ends_on="9999-12-30", term_end=term_end)))
    assert not list(refused_without_end(None, gold(ends_on="9999-12-31", term_end={"policy": "expire"})))


@pytest.mark.parametrize(
    ("zone", "ends_on", "refused"),
    [
        ("America/New_York", "2026-04-30", False),
        ("America/New_York", "2026-04-29", True),
        ("Europe/London", "2026-04-30", True),
        ("Europe/London", "2026-05-01", False),
    ],
)
def test_a_new_end_is_today_or_later_where_it_lives(zone: str, ends_on: str, *, refused: bool) -> None:
    found = list(refused_ends(gold(), gold(ends_on=ends_on), standing(zone)))
    assert bool(found) is refused
    if refused:
        assert f"can't end on {date.fromisoformat(ends_on)}, which is over" in found[0][1]


def test_an_end_that_is_over_may_stay() -> None:
    """What is unchanged, not counted, or cancelled already refuses nothing."""
    over = gold(ends_on="2026-01-31")
    assert not list(refused_ends(over, over, standing()))
    assert not list(refused_ends(gold(allowance=None), gold(allowance=None, ends_on="2026-01-31"), standing()))
    assert not list(refused_ends(gold(cancelled_at=CANCELLED_AT), over, standing()))

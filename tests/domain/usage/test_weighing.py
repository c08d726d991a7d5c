"""Each list that an entitlement remembers has its bound in bytes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from domain.errors import Refused
from domain.usage.allowance import Allowance
from domain.usage.due import _give_notice
from domain.usage.machine import Usage
from domain.usage.overage import MOST_COVERS, _check_room
from domain.usage.periods import NoticeDue
from domain.usage.planned import MOST_PLANNED
from domain.usage.prices import note_price
from domain.usage.requests import RULES
from domain.usage.state import Cover, FormerRules
from domain.usage.taking import MOST_ASKED
from domain.usage.takings import ShortLedger, Taking
from domain.usage.weighing import (
    BOUNDS_BYTES,
    MOST_FORMER_BYTES,
    MOST_NOTICED,
    MOST_REFERENCES_BYTES,
    without_oldest,
)
from tests.domain.usage.test_usage import NOON, consumption, usage

LONG = "\N{CHEERING MEGAPHONE}" * 90
"""The beginning of an id with as many bytes as an id may have."""


def under(rules: int, **allowance: Any) -> Usage:
    """A count that began under a version of the rules."""
    of = usage(**allowance)
    return Usage(of.terms.model_copy(update={"rules": rules}), of.state)


@pytest.mark.parametrize(
    ("rules", "name", "planned"),
    [(RULES, LONG, 282), (BOUNDS_BYTES - 1, LONG, MOST_PLANNED), (RULES, "v" * 95, MOST_PLANNED)],
)
def test_what_is_planned_has_a_bound_in_bytes(rules: int, name: str, planned: int) -> None:
    """Long ids in letters of four bytes; a thousand of others."""
    visits, ahead = under(rules, unit="visits", cap=None), NOON + timedelta(days=9)
    answers = [visits.take(consumption(f"{name}{number:04}", ahead), NOON).answer for number in range(MOST_PLANNED + 1)]
    assert sum(answer.outcome == "granted" for answer in answers) == planned
    assert f"{planned} are planned ahead" in str(answers[-1].reason)
    visits.take(consumption(f"{name}-now", NOON), NOON)
    assert visits.state.uses[0].used == planned + 1


@pytest.mark.parametrize(
    ("rules", "name", "most"), [(RULES, LONG, 281), (BOUNDS_BYTES - 1, LONG, MOST_ASKED), (RULES, "v" * 95, MOST_ASKED)]
)
def test_what_is_asked_has_a_bound_in_bytes(rules: int, name: str, most: int) -> None:
    """Of more the oldest is forgotten, as of more than a thousand."""
    cases = under(rules, cap=0, overflow="prompt", overage_price="10 EUR")
    for number in range(MOST_ASKED + 10):
        cases.take(consumption(f"{name}{number:04}"), NOON)
    assert len(cases.state.asked) == most
    assert f"{name}{MOST_ASKED + 9:04}" in cases.state.asked
    if rules == RULES:
        assert sum(len(reference.encode()) for reference in cases.state.asked) <= MOST_REFERENCES_BYTES


def test_overage_is_covered_in_so_many_parts() -> None:
    """Also where all are of one reference."""
    book = under(RULES)._book
    book.state.covers["V"] = [Cover(period=1, amount=1)] * (MOST_COVERS - 1)
    _check_room(book, "V")
    book.state.covers["V"].append(Cover(period=1, amount=1))
    with pytest.raises(Refused, match="1000 times"):
        _check_room(book, "V")
    _check_room(under(BOUNDS_BYTES - 1)._book, "V")


def test_former_rules_are_kept_by_their_size() -> None:
    """The newest, and one that is larger than all may be."""
    mail = {"do": "email", "to": "am@example.com", "subject": "x", "body": "x" * 20_000}
    allowance = Allowance.model_validate({"cap": 9, "thresholds": [{"at": 5, "actions": [mail]}]})
    former = [FormerRules(before_period=number, allowance=allowance) for number in range(20)]
    kept = without_oldest(former)
    assert [rules.before_period for rules in kept] == list(range(20 - len(kept), 20))
    assert len(kept) == MOST_FORMER_BYTES // 20_500
    large = mail | {"body": "x" * 30_000}
    many = {"cap": 9, "thresholds": [{"at": at, "actions": [large]} for at in range(1, 7)]}
    huge = FormerRules(before_period=1, allowance=Allowance.model_validate(many))
    assert without_oldest([huge, huge]) == [huge]


def test_only_so_many_notices_are_known() -> None:
    """However often the last date is amended."""
    book = under(RULES)._book
    for number in range(MOST_NOTICED + 20):
        last = date(2026, 1, 1) + timedelta(days=number)
        _give_notice(book, NoticeDue(at=NOON, ends_on=last, days_before=30), NOON)
    assert len(book.state.noticed) == MOST_NOTICED


def test_prices_of_what_was_withdrawn_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the price that they were approved at stays the same."""
    monkeypatch.setattr(ShortLedger, "most", 20)
    book = under(RULES, overage_price="1 EUR")._book
    for number in range(200):
        taking = Taking(0, 0, number + 1)
        book.state.approved.add(f"V{number}", taking)
        note_price(book, f"V{number}", taking, f"{number % 50 + 2} EUR")
    assert sum(map(len, book.state.prices.values())) <= 21
    assert "51 EUR" in book.state.prices

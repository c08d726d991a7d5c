"""Thresholds that are passed, and terms that expire, are rows of the ledger, and so events of the feed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.usage.allowance import Allowance
from domain.usage.audit import audit
from domain.usage.freezing import freeze
from domain.usage.machine import Usage
from domain.usage.periods import Term
from domain.usage.requests import RULES, Consumption, EntitlementTerms
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.term_end import TermEnd

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def usage(rules: int = RULES, **also: Any) -> Usage:
    allowance = Allowance.model_validate(
        {"unit": "visits", "cap": 4, "period": "month", "overflow": "block", "thresholds": [{"at": "50%"}, {"at": 3}]}
    )
    term = Term(time_zone="UTC", starts_on=date(2026, 1, 1), ends_on=date(2026, 2, 28))
    periods = freeze(allowance, term, BEGIN + timedelta(days=900))
    terms = EntitlementTerms(
        entitlement_id="gold", account="acme", allowance=allowance, periods=periods, rules=rules, **also
    )
    return Usage.begin(terms, BEGIN)


def taken(of: Usage, number: int) -> list[LedgerRow]:
    at = BEGIN + timedelta(days=number)
    effects = of.take(Consumption(reference=f"V{number}", event_id=f"e-{number}", occurred_at=at), at).effects
    return [effect for effect in effects if isinstance(effect, LedgerRow)]


def test_a_threshold_is_a_row_when_it_is_passed() -> None:
    """Each once a period, behind the row that passed it; the ledger and the balance agree."""
    of = usage()
    rows = [row for number in range(1, 5) for row in taken(of, number)]
    assert [(row.kind, row.reference) for row in rows] == [
        (RowKind.TAKEN, "V1"),
        (RowKind.TAKEN, "V2"),
        (RowKind.THRESHOLD, "50-percent"),
        (RowKind.TAKEN, "V3"),
        (RowKind.THRESHOLD, "3"),
        (RowKind.TAKEN, "V4"),
    ]
    assert [row.number for row in rows] == list(range(1, 7))
    assert rows[2].reason == "threshold 50% is passed"
    assert audit(rows, of.balance(BEGIN + timedelta(days=5))) == []


def test_a_count_of_older_rules_has_no_such_rows() -> None:
    """Its rows keep the numbers that its history has."""
    of = usage(rules=3)
    rows = [row for number in range(1, 5) for row in taken(of, number)]
    assert {row.kind for row in rows} == {RowKind.TAKEN}
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("term_end", "expires"),
    [({"policy": "expire"}, True), ({"policy": "renew", "term": "2 months"}, False)],
    ids=["expires", "is renewed"],
)
def test_an_expiry_is_a_row_at_the_end_of_the_term(term_end: dict[str, Any], expires: bool) -> None:  # noqa: FBT001
    """Only where no other term follows."""
    of = usage(term_end=TermEnd.model_validate(term_end))
    effects = of.advance(BEGIN + timedelta(days=90))
    rows = [effect for effect in effects if isinstance(effect, LedgerRow)]
    ended = [row for row in rows if row.kind is RowKind.EXPIRED]
    assert bool(ended) is expires
    if expires:
        assert ended[0].at == datetime(2026, 3, 1, tzinfo=UTC)
        assert ended[0].reason == "its term ended on 2026-02-28"

"""The page of the bounds says what `domain.bounds` says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from domain import bounds
from domain.bounds import MOST_MILESTONES
from domain.criteria.cost import DEEPEST_LOOP, MOST_NANOSECONDS, MOST_NANOSECONDS_TOGETHER
from domain.criteria.patterns import MOST_STATES
from domain.ids import LONGEST
from domain.open_time.spans import MAX_BUSINESS_DAYS
from domain.orders.placing import MOST_LINES
from domain.usage.amending import MOST_FORMER_RULES
from domain.usage.grants import MOST_GRANTS
from domain.usage.overage import MOST_COVERS
from domain.usage.planned import MOST_PLANNED
from domain.usage.taking import MOST_ASKED
from domain.usage.takings import Ledger, ShortLedger
from domain.usage.weighing import MOST_FORMER_BYTES, MOST_NOTICED, MOST_REFERENCES_BYTES
from starters.http.routing import MOST_CATALOG_BYTES
from workflows.entitlement.capacity import MOST_CARRIED
from workflows.entitlement.running import MOST_CARRIED_BYTES

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
PAGE = (REFERENCE / "bounds.md").read_text(encoding="utf-8")
CATALOG = (REFERENCE / "catalog.md").read_text(encoding="utf-8")
LINES = PAGE.splitlines()
SAID_ELSEWHERE = {"MOST_QUOTED"}
"""How much a refusal repeats is nobody's business but ours."""


def constants() -> dict[str, int]:
    """The bounds, and the years between which instants lie."""
    return {
        name: value
        for name, value in vars(bounds).items()
        if name.startswith(("MOST_", "FIRST_", "LAST_")) and isinstance(value, int)
    }


def written(name: str, value: int) -> str:
    """A bound as a page writes it."""
    if name.endswith("_BYTES") and value % 1024 == 0:
        return f"{value // 1024} KB"
    return str(value) if name.endswith("_YEAR") else f"{value:,}"


@pytest.mark.parametrize("name", sorted(set(constants()) - SAID_ELSEWHERE))
def test_every_bound_is_on_the_page_with_its_value(name: str) -> None:
    """In the line that names the constant."""
    said = [line for line in LINES if f"`{name}`" in line]
    assert said
    assert all(written(name, constants()[name]) in line for line in said)


def test_no_constant_is_named_that_there_is_not() -> None:
    """One that was renamed would stand there for ever."""
    assert set(re.findall(r"`([A-Z]+_[A-Z_]+)`", PAGE)) <= set(constants())


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("a span in business days", f"{MAX_BUSINESS_DAYS:,}bd"),
        ("an id", f"an `event_id` {LONGEST}"),
        ("a criterion on a case", f"{MOST_NANOSECONDS // 10**6} ms"),
        ("all criteria of a process", f"{MOST_NANOSECONDS_TOGETHER // 10**6} ms"),
        ("`exists` and `all` within", {2: "twice"}[DEEPEST_LOOP]),
        ("the pattern of `matches`", f"{MOST_STATES} parts"),
        ("an order", f"{MOST_LINES:,} lines"),
        ("a catalog over HTTP", f"{MOST_CATALOG_BYTES // 1024**2} MB"),
        ("changes of the rate", f"{bounds.MOST_LIST_ITEMS:,}"),
        ("grants", f"{MOST_GRANTS}"),
        ("what is taken ahead", f"{MOST_PLANNED:,}"),
        ("parts of overage", f"{MOST_COVERS:,}"),
        ("what is taken ahead", f"{MOST_REFERENCES_BYTES // 1024} KB"),
        ("all that it remembers", f"{MOST_CARRIED_BYTES:,} bytes"),
    ],
)
def test_bounds_that_are_kept_elsewhere_are_on_the_page(line: str, value: str) -> None:
    """Of spans, ids, criteria, orders and entitlements."""
    [said] = [one for one in LINES if one.startswith(f"| {line}")]
    assert value in said


def test_the_bytes_of_what_an_entitlement_remembers_are_on_the_page() -> None:
    """Of what was taken, and of all that happens less often."""
    assert f"What was taken by them has {Ledger.most_bytes // 1024} KB in the count itself" in PAGE
    assert f"{ShortLedger.most_bytes // 1024} KB each" in PAGE
    assert f"the last {MOST_ASKED:,} are known, and {MOST_REFERENCES_BYTES // 1024} KB" in PAGE
    assert f"the last {MOST_FORMER_RULES}, and {MOST_FORMER_BYTES // 1024} KB" in PAGE
    assert f"given the last {MOST_NOTICED:,}" in PAGE
    assert f"more than {MOST_CARRIED} changes of the catalog" in PAGE


def test_the_catalog_reference_says_so_too() -> None:
    """Where somebody who writes a catalog looks."""
    assert f"at most {MOST_MILESTONES}" in CATALOG
    assert f"{MAX_BUSINESS_DAYS:,}bd" in CATALOG
    assert "(bounds.md)" in CATALOG

"""By which hours, and until when, a decision on overage is waited for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.count_rules import CountRules
from domain.catalog.declarations import Catalog
from domain.open_time.spans import Span
from domain.usage.requests import Consumed
from store import Store

FRIDAY = datetime(2025, 6, 13, 15, tzinfo=UTC)
OFFICE: dict[str, Any] = {"time_zone": "UTC", "week": {day: ["09:00-17:00"] for day in ("mon", "wed", "fri")}}


def decided_until(folder: Path, within: str, *, of: str) -> datetime:
    """Until when somebody may decide, where one of the three that may have hours has those of an office."""
    names = {whose: {"business_hours": "Office"} if whose == of else {} for whose in ("organisation", "process", "own")}
    catalog = {
        "organisation": {"name": "Us", **names["organisation"]},
        "business_hours": [{"name": "Office", **OFFICE}],
        "processes": [{"name": "Gold", "milestones": [{"name": "M", "within": "1h"}], **names["process"]}],
        "accounts": [{"id": "acme"}],
        "entitlements": [{"id": "e", "account": "acme", "process": "Gold", **names["own"]}],
    }
    with Store.open(f"sqlite:///{folder / 'milepost.db'}") as store:
        store.catalog.apply(Catalog.model_validate(catalog), by="ann")
        asked = Consumed(reference="c", outcome="prompt", unit="cases", prompt_within=Span.parse(within))
        return CountRules(store).decide_until(store.catalog.entitlement("e"), asked, FRIDAY)


@pytest.mark.parametrize("of", ["own", "process", "organisation"])
def test_a_decision_is_waited_for_by_the_nearest_hours(tmp_path: Path, of: str) -> None:
    """The entitlement's own, else its process's, else the organisation's."""
    assert decided_until(tmp_path, "1bd", of=of) == datetime(2025, 6, 16, 15, tzinfo=UTC)


def test_a_decision_is_waited_for_at_most_two_years(tmp_path: Path) -> None:
    """However long the span that is declared."""
    assert decided_until(tmp_path, "3000bd", of="own") == datetime(2027, 6, 13, 15, tzinfo=UTC)

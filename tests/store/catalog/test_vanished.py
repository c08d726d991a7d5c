"""Keys that mattered, and are not in a file any more, of what is a whole document: somebody is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domain.catalog.documents import read_document
from starters.files.catalogs import apply_files
from store import Store

CATALOGS = Path(__file__).parents[3] / "catalogs"
ALONE = [*CATALOGS.glob("*.yaml"), *CATALOGS.glob("patterns/*.yaml")]
SAMPLES = [[one] for one in ALONE if not one.name.endswith((".mapping.yaml", ".order.yaml"))]
"""What is applied together; sources of intake lean on a desk."""


@pytest.mark.parametrize("changed", ["processes", "milestones", "business_hours", "fields"])
def test_what_is_whole_loses_no_key_before_somebody_says_yes(store: Store, changed: str) -> None:
    """Hours of a process or milestone, holidays and dates of a calendar, values of a field."""
    hours = {"name": "Office", "week": "always", "holidays": {"country": "US"}, "dates": {"2026-12-24": []}}
    milestone = {"name": "Answer", "within": "4h"}
    now: dict[str, Any] = {
        "fields": {"priority": {"type": "string", "values": ["Low", "High"]}},
        "business_hours": [hours],
        "processes": [
            {"name": "Gold", "business_hours": "Office", "milestones": [milestone | {"business_hours": "24x7"}]}
        ],
    }
    store.catalog.apply(read_document(now), by="ana", consent=False)
    gold = now["processes"][0]
    without: dict[str, Any] = {
        "processes": {"processes": [{key: gold[key] for key in ("name", "milestones")}]},
        "milestones": {"processes": [gold | {"milestones": [milestone]}]},
        "business_hours": {"business_hours": [{key: hours[key] for key in ("name", "week")}]},
        "fields": {"fields": {"priority": "string"}},
    }
    keys = {
        "processes": ["business_hours"],
        "milestones": ["milestones.Answer.business_hours"],
        "business_hours": ["holidays", "dates"],
        "fields": ["values"],
    }
    stood, catalog = store.catalog.everything(), read_document(now | without[changed])
    asked = store.catalog.apply(catalog, by="ana", consent=False)
    assert (asked.asks, [one.key for one in asked.to_be_asked]) == (True, keys[changed])
    assert store.catalog.everything() == stood
    assert len(store.catalog.apply(catalog, by="ana").changes) == 1
    assert store.catalog.apply(catalog, by="ana", consent=False).against == []


@pytest.mark.parametrize("files", [*SAMPLES, [CATALOGS / "intake"]], ids=lambda files: files[0].stem)
def test_a_sample_that_is_applied_again_asks_nothing(files: list[Path], store: Store) -> None:
    for _ in range(2):
        diff = apply_files(store, files, by="ana", consent=False)
        assert (diff.asks, diff.against) == (False, [])
    assert diff.changes == []

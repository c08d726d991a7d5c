"""Keys that mattered, and are not in a newer file any more, of processes, business hours and fields."""

from __future__ import annotations

from typing import Any

import pytest

from domain.catalog.declarations import MODELS, Catalog
from domain.catalog.kinds import Kind
from domain.catalog.vanished import vanished, vanished_values

ANSWER: dict[str, Any] = {"name": "Answer", "within": "4h", "business_hours": "Office"}
GOLD: dict[str, Any] = {"name": "Gold", "business_hours": "Office", "milestones": [ANSWER]}
OFFICE: dict[str, Any] = {
    "name": "Office",
    "time_zone": "UTC",
    "week": {"mon": ["09:00-17:00"]},
    "holidays": {"country": "US"},
    "dates": {"2026-12-24": []},
}


def without(document: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in keys}


def asked(kind: Kind, before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    read = MODELS[kind].model_validate
    return [str(one) for one in vanished(kind, read(now), read(before))]


@pytest.mark.parametrize(
    ("now", "keys"),
    [
        (GOLD, []),
        (without(GOLD, "business_hours"), ["business_hours"]),
        (GOLD | {"business_hours": None}, []),
        (GOLD | {"business_hours": "Night"}, []),
        (GOLD | {"milestones": [without(ANSWER, "business_hours")]}, ["milestones.Answer.business_hours"]),
        (GOLD | {"milestones": [ANSWER | {"business_hours": None}]}, []),
        (GOLD | {"milestones": [without(ANSWER, "business_hours") | {"name": "Other"}]}, []),
    ],
)
def test_hours_that_a_process_loses_are_asked_about(now: dict[str, Any], keys: list[str]) -> None:
    """Its own and a milestone's; null is said, and so is another name."""
    said = "is not in the file any more: Office becomes none"
    assert asked(Kind.PROCESSES, GOLD, now) == [f"left out       processes Gold: {key} {said}" for key in keys]
    assert asked(Kind.PROCESSES, now, now) == []


@pytest.mark.parametrize(
    ("now", "keys"),
    [
        (OFFICE, []),
        (without(OFFICE, "holidays"), ["holidays"]),
        (without(OFFICE, "holidays", "dates"), ["holidays", "dates"]),
        (OFFICE | {"holidays": {}, "dates": {}}, []),
    ],
)
def test_dates_that_a_calendar_loses_are_asked_about(now: dict[str, Any], keys: list[str]) -> None:
    """Its holidays, and the dates that have windows of their own; what is left empty is said."""
    read = MODELS[Kind.BUSINESS_HOURS].model_validate
    found = list(vanished(Kind.BUSINESS_HOURS, read(now), read(OFFICE)))
    assert [(one.why, one.name, one.key) for one in found] == [("left_out", "Office", key) for key in keys]
    assert asked(Kind.BUSINESS_HOURS, now, now) == []


def test_values_that_a_field_loses_are_asked_about() -> None:
    """One that is not declared again keeps them, and another list is said."""
    before: dict[str, list[str | int]] = {"priority": ["Low", "High"], "status": ["new"], "level": [1, 2]}
    fields = {"priority": "string", "level": "integer", "group": "string"}
    catalog = Catalog.model_validate({"fields": fields, "values": {"level": [1]}})
    [found] = vanished_values(catalog, before)
    assert str(found) == "left out       fields priority: values is not in the file any more: a list of 2 becomes none"

"""What a migration would do, as a program reads it."""

from __future__ import annotations

import json

from starters.terminal.migrations import Foresight
from store.catalog.values import DroppedValue


def test_a_plan_as_json_has_the_dropped_values() -> None:
    """With how many running cases have each, and the versions that name it; none without files."""
    dropped = DroppedValue(field="priority", value="Mid", cases=2, processes=["Gold 1"])
    seen = Foresight(dropped=[dropped])
    assert json.loads(seen.as_json())["dropped"] == [
        {"field": "priority", "value": "Mid", "cases": 2, "processes": ["Gold 1"]}
    ]
    assert json.loads(Foresight().as_json())["dropped"] == []


def test_a_line_names_five_versions_that_name_a_dropped_value() -> None:
    """And says how many more there are."""
    dropped = DroppedValue(field="priority", value="Mid", cases=1, processes=[f"Gold {n}" for n in range(1, 8)])
    named = "named by Gold 1, Gold 2, Gold 3, Gold 4, Gold 5 and 2 more"
    assert str(dropped) == f"value 'Mid' is dropped: 1 running case has it, and may keep it; {named}"

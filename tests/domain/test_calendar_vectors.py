"""The results that the tests of other business-time projects state, all of them."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.calendar import BusinessHours, FrozenCalendar

CASES: list[dict[str, Any]] = json.loads(Path(__file__, "../../vectors/business_time.json").resolve().read_text())
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def without(windows: list[list[str]], breaks: list[list[str]]) -> list[list[str]]:
    """Take the breaks out of the windows of a day."""
    for begin, end in breaks:
        windows = [
            part
            for opens, closes in windows
            for part in ([opens, min(closes, begin)], [max(opens, end), closes])
            if part[0] < part[1]
        ]
    return windows


def calendar_of(case: Mapping[str, Any]) -> FrozenCalendar:
    given = case["calendar"]
    dates = dict(given.get("overrides", {}))
    for day, breaks in given["breaks"].items():
        weekday = DAYS[datetime.fromisoformat(day).weekday()]
        dates[day] = without(dates.get(day, given["weekly"].get(weekday, [])), breaks)
    for day in given["holidays"]:
        dates[day] = []
    # One case (ext-0357) has dates only, which Milepost refuses as a week; it ends before the first Sunday.
    weekly = given["weekly"] or {"sun": [["00:00", "24:00"]]}
    hours = BusinessHours.model_validate(
        {
            "name": case["id"],
            "time_zone": given["tz"],
            "week": {day: [f"{a}-{b}" for a, b in windows] for day, windows in weekly.items()},
            "dates": {day: [f"{a}-{b}" for a, b in windows] for day, windows in dates.items()},
        }
    )
    start = datetime.fromisoformat(case["start"])
    end = datetime.fromisoformat(case.get("end", case["start"]))
    return hours.freeze(min(start, end) - timedelta(days=400), max(start, end) + timedelta(days=400))


def test_all_cases_are_here() -> None:
    """A file that was cut short would pass every test."""
    assert len(CASES) == 222


@pytest.mark.parametrize("case", CASES, ids=[f"{case['id']}-{case['op']}" for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    """Where a result falls on a closing time, it is that closing, not the next opening."""
    calendar = calendar_of(case)
    start = datetime.fromisoformat(case["start"])
    paused = sum(calendar.elapsed(*map(datetime.fromisoformat, pause)) for pause in case.get("pauses", ()))
    if case["op"] == "elapsed":
        assert calendar.elapsed(start, datetime.fromisoformat(case["end"])) - paused == case["expected"]
        return
    seconds = -case["seconds"] if case["op"] == "sub" else case["seconds"] + paused
    expected = case["boundary"]["close"] if "boundary" in case else case["expected"]
    assert calendar.add(start, seconds) == datetime.fromisoformat(expected)

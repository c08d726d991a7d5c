"""A frozen calendar as data: what it is made of, how it travels, and what it does without."""

import copy
import json
import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from domain.calendar import ALWAYS, BusinessHours
from domain.frozen import FrozenCalendar, HorizonExceeded

START = datetime(2025, 1, 1, tzinfo=UTC)
OFFICE = BusinessHours.model_validate(
    {
        "name": "New York office",
        "time_zone": "America/New_York",
        "week": {day: ["09:00-12:00", "13:00-17:30"] for day in ("mon", "tue", "wed", "thu", "fri")},
        "holidays": {"country": "US", "subdivision": "NY", "add": ["2025-12-24..2026-01-02"]},
        "dates": {"2025-07-03": ["09:00-12:00"]},
    }
)


def office() -> FrozenCalendar:
    return OFFICE.freeze(START, START + timedelta(days=400))


@pytest.mark.parametrize(
    "calendar", [office(), ALWAYS.freeze(START, START + timedelta(days=400))], ids=["office", "24x7"]
)
def test_it_goes_through_json_and_back(calendar: FrozenCalendar) -> None:
    """The same data, the same answers; asking has left no trace in it."""
    again = FrozenCalendar.model_validate_json(calendar.model_dump_json())
    assert again == calendar
    assert hash(again) == hash(calendar)
    assert again.add(START, 10**6) == calendar.add(START, 10**6)
    assert again.model_dump_json() == calendar.model_dump_json()
    assert again.start.tzinfo is UTC
    assert FrozenCalendar.model_validate(calendar.model_dump(mode="json")) == calendar


def test_four_hundred_days_are_a_small_piece_of_json() -> None:
    """It travels with every case, and people read it."""
    text = office().model_dump_json()
    assert len(text) < 1000
    data = json.loads(text)
    assert data["week"]["mon"] == ["09:00-12:00", "13:00-17:30"]
    assert data["dates"]["2025-07-03"] == ["09:00-12:00"]
    assert data["dates"]["2025-07-04"] == []
    assert data["offset_changes"] == [["2025-03-09T07:00:00Z", -14400], ["2025-11-02T06:00:00Z", -18000]]


def test_it_can_be_pickled_and_copied() -> None:
    """What it compiled for itself stays behind."""
    calendar = office()
    calendar.add(START, 60)
    for again in (pickle.loads(pickle.dumps(calendar)), copy.copy(calendar), copy.deepcopy(calendar)):  # noqa: S301
        assert again == calendar
        assert again.add(START, 60) == calendar.add(START, 60)
    assert len(pickle.dumps(calendar)) < 3000


def test_a_changed_copy_answers_by_its_own_data() -> None:
    """No answer comes from what the original had compiled."""
    calendar = office()
    at = datetime(2025, 6, 9, 14, tzinfo=UTC)
    assert calendar.is_open(at)
    assert not calendar.model_copy(update={"dates": {at.date(): ()}}).is_open(at)


def test_equal_calendars_are_compiled_once() -> None:
    """A plan that is decoded again finds its calendars compiled."""
    text = office().model_dump_json()
    first, second = FrozenCalendar.model_validate_json(text), FrozenCalendar.model_validate_json(text)
    assert first is not second
    assert first._open_time is second._open_time


def test_it_cannot_be_changed() -> None:
    """It is a value."""
    with pytest.raises(ValidationError, match="frozen"):
        office().name = "another"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"end": START}, "a horizon ends after it starts"),
        ({"start": "2025-01-01T00:00:00"}, "timezone"),
        ({"utc_offset": 86_400}, "less than 86400"),
        ({"offset_changes": [["2025-11-02T06:00:00Z", 0], ["2025-03-09T07:00:00Z", 0]]}, "in order"),
        ({"week": "always"}, "has no dates of its own"),
        ({"week": {"mon": ["9-17"]}}, "bad window '9-17'"),
        ({"zone": "UTC"}, "Extra inputs"),
    ],
)
def test_data_from_outside_is_checked(changes: dict[str, Any], says: str) -> None:
    """A plan may be written by a client in another language."""
    with pytest.raises(ValidationError, match=says):
        FrozenCalendar.model_validate({**office().model_dump(mode="json"), **changes})


def test_the_error_says_how_far_the_calendar_reaches() -> None:
    """It goes through pickle, as every exception should."""
    with pytest.raises(HorizonExceeded) as caught:
        office().add(START, 10**8)
    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert str(error) == (
        "calendar 'New York office' is frozen from 2025-01-01T00:00:00+00:00 to 2026-02-05T00:00:00+00:00 and does not "
        "reach 100000000 open seconds after 2025-01-01T00:00:00+00:00; freeze it again over a longer horizon"
    )
    assert (error.calendar, error.horizon_end) == ("New York office", START + timedelta(days=400))


def test_the_wall_clock_is_for_people_to_read() -> None:
    """By the frozen offsets: winter, then summer."""
    assert office().local(datetime(2025, 3, 9, 6, 59, tzinfo=UTC)).isoformat() == "2025-03-09T01:59:00-05:00"
    assert office().local(datetime(2025, 3, 9, 7, tzinfo=UTC)).isoformat() == "2025-03-09T03:00:00-04:00"


@pytest.mark.parametrize("module", ["domain.frozen", "domain.open_time.frozen", "domain.open_time.spans"])
def test_a_workflow_can_import_it(module: str) -> None:
    """Neither `zoneinfo` nor `holidays` comes with it: they are taken away, and everything it does works without them.

    Pydantic imports `zoneinfo` for itself when the first model is made, which reads nothing; so that happens before.
    """
    program = f"""
import sys
import pydantic
class First(pydantic.BaseModel):
    field: int
sys.modules.update(dict.fromkeys(("zoneinfo", "holidays", "tzdata")))  # None: an import fails
import {module}
from domain.frozen import FrozenCalendar
from domain.open_time.spans import Span
calendar = FrozenCalendar.model_validate_json(sys.argv[1])
print(calendar.add(calendar.start, 3600).isoformat())
print(Span.parse("2bd eod").target(calendar, calendar.start).isoformat())
"""
    root = Path(__file__).resolve().parents[3]
    ran = subprocess.run(
        [sys.executable, "-c", program, office().model_dump_json()],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("2025-01-02T15:00:00+00:00\n2025-01-06T22:30:00+00:00\n", "")

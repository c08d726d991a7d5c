"""The groups of a report: values of a field, and periods of targets."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from domain.criteria.fields import FieldType
from domain.errors import NotFound
from domain.reports.grouping import Grouping, Period, fitting, grouping, text_of
from domain.timeline.instances import InstanceState
from domain.timeline.views import MilestoneView

FIELDS = {"priority": FieldType.STRING, "reopen_count": FieldType.INTEGER}


def run(target: datetime | None = None, ran_under: dict[str, object] | None = None) -> MilestoneView:
    """An instance with that target, and with the fields under which it ran."""
    return MilestoneView(
        milestone="M",
        occurrence=1,
        process="P",
        state=InstanceState.RUNNING,
        span="4h",
        business_hours="24x7",
        start_at=datetime(2016, 1, 1, tzinfo=UTC),
        target_at=target,
        completed_at=None,
        completed_by=None,
        removed_at=None,
        exited_at=None,
        violated=False,
        ran_under=ran_under or {},
        violations=[],
        elapsed_seconds=0,
        paused_seconds=0,
        actual_seconds=0,
        remaining_seconds=None,
        pauses=[],
        fired=[],
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "none"), (True, "true"), (3, "3"), ("High", "High"), (["a", "b"], "a, b"), ([], "none")],
)
def test_values_name_groups(value: object, expected: str) -> None:
    assert text_of(value) == expected
    assert grouping("priority", FIELDS, UTC).group({"priority": value}, run()) == expected


@pytest.mark.parametrize(
    ("ran_under", "expected"),
    [({}, "High"), ({"priority": "Low"}, "Low"), ({"priority": None}, "none"), ({"owner": "Low"}, "High")],
)
def test_a_stay_is_of_the_group_that_had_it(ran_under: dict[str, object], expected: str) -> None:
    """Where the milestone restarts on the field; every other milestone is of the value in the end."""
    assert grouping("priority", FIELDS, UTC).group({"priority": "High"}, run(ran_under=ran_under)) == expected


def test_a_field_that_a_case_does_not_have_is_none() -> None:
    assert grouping("priority", FIELDS, UTC).group({}, run()) == "none"


@pytest.mark.parametrize(("by", "label"), [("week", "2015-W53"), ("month", "2015-12"), ("year", "2015")])
def test_a_period_is_that_of_the_target_on_the_zones_own_date(by: str, label: str) -> None:
    """1 January 2016 02:00Z is still December in New York; its ISO week belongs to 2015 all the same."""
    target = datetime(2016, 1, 1, 2, tzinfo=UTC)
    found = grouping(by, FIELDS, ZoneInfo("America/New_York"))
    assert found.group({}, run(target)) == label
    assert found.group({}, run()) == "none"


def test_a_declared_field_comes_before_a_period_of_its_name() -> None:
    found = grouping("week", {"week": FieldType.STRING}, UTC)
    assert found.group({"week": "A"}, run(datetime(2016, 1, 1, tzinfo=UTC))) == "A"


def test_an_unknown_field_is_named_with_the_nearest() -> None:
    with pytest.raises(NotFound, match=r"no field 'priorty' to group by; did you mean 'priority'\?"):
        grouping("priorty", FIELDS, UTC)
    with pytest.raises(NotFound, match=r"there are month, priority, quarter, reopen_count, week, year"):
        grouping("zzz", FIELDS, UTC)


def test_groups_come_in_a_readable_order() -> None:
    """Declared values as declared; numbers by size; other values the largest first; what has none last."""
    declared = Grouping("priority", None, UTC, ["Critical", "High", "Low"])
    assert declared.ordered({"Low": 9, "none": 99, "Odd": 1, "Critical": 1}) == ["Critical", "Low", "Odd", "none"]
    numbers = Grouping("reopen_count", None, UTC)
    assert numbers.ordered({"10": 9, "2": 1, "none": 5, "-1": 1}) == ["-1", "2", "10", "none"]
    names = Grouping("assigned_to", None, UTC)
    assert names.ordered({"b": 1, "a": 1, "c": 7, "none": 9}) == ["c", "a", "b", "none"]
    weeks = Grouping("week", Period.WEEK, UTC)
    assert weeks.ordered({"2016-W10": 9, "2016-W09": 1, "none": 1}) == ["2016-W09", "2016-W10", "none"]


@pytest.mark.parametrize(
    ("period", "first", "last", "expected"),
    [
        (Period.WEEK, date(2015, 12, 24), date(2016, 1, 4), ["2015-W52", "2015-W53", "2016-W01"]),
        (Period.MONTH, date(2015, 12, 31), date(2016, 3, 1), ["2015-12", "2016-01", "2016-02", "2016-03"]),
        (Period.YEAR, date(2016, 2, 29), date(2018, 1, 1), ["2016", "2017", "2018"]),
        (Period.WEEK, date(2016, 1, 4), date(2016, 1, 4), ["2016-W01"]),
    ],
)
def test_a_trend_leaves_no_period_out(period: Period, first: date, last: date, expected: list[str]) -> None:
    assert list(period.labels(first, last)) == expected
    assert next(period.labels(first, last)) == period.label(first)


def test_a_long_log_has_a_coarse_trend() -> None:
    """At most some sixty columns."""
    begin = date(2016, 1, 1)
    ends = {date(2016, 6, 1): Period.WEEK, date(2018, 1, 1): Period.MONTH, date(2036, 1, 1): Period.YEAR}
    assert {end: fitting(begin, end) for end in ends} == ends
    assert all(len(list(period.labels(begin, end))) <= 61 for end, period in ends.items())

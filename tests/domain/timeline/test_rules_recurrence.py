"""The rules of recurrence: one open instance at a time, and when the next one starts."""

from __future__ import annotations

from typing import Any

import pytest

from domain.timeline.instances import InstanceState
from domain.timeline.plan import RULES, SETS_CORNERS_RIGHT
from domain.timeline.views import MilestoneView
from tests.domain.timeline.bench import Bench, plan, process, told, triggers

HOUR: dict[str, Any] = {"within": "60m", "starts": "criteria", "when": 'case.state != "off"'}
ON = {"state": "on"}
OUT = {"when": 'case.state != "off"'}


def recurring(recurrence: str, **also: Any) -> dict[str, Any]:
    return {**HOUR, "recurrence": recurrence, **also}


def spans(runs: list[MilestoneView]) -> list[tuple[str, str]]:
    """From when to which target each occurrence runs."""
    return [(told(m.start_at), told(m.target_at)) for m in runs]


# --- none ---


@pytest.mark.parametrize("starts", ["process", "criteria"])
def test_without_recurrence_there_is_one_completion(starts: str) -> None:
    """In a stay in the process, however often the criteria turn false and true again."""
    bench = Bench({"within": "4h", "starts": starts, **OUT}, fields=ON).complete("Mon 10:00")
    bench.change("Mon 11:00", state="off").change("Mon 12:00", state="on")
    assert [m.state for m in bench.runs("Mon 12:00")] == [InstanceState.COMPLETED]


def test_a_removed_instance_comes_back_when_it_starts_at_the_process() -> None:
    """The same occurrence from the same start, with its pauses and what it fired."""
    declared = {"within": "4h", **OUT, "triggers": triggers("warning 3h", "violation 0")}
    bench = Bench(declared, fields=ON).stop("Mon 10:00").resume("Mon 11:00").to("Mon 11:00")
    bench.change("Mon 11:30", state="off").change("Mon 12:00", state="on").to("Mon 14:00")
    (m,) = bench.runs("Mon 14:00")
    assert (m.occurrence, told(m.start_at), told(m.target_at)) == (1, "Mon 09:00", "Mon 14:00")
    assert bench.fired == ["M warning-3h Mon 11:00", "M violation-0 Mon 14:00"]


def test_a_removed_instance_comes_back_when_it_starts_after_another() -> None:
    """From the same completion."""
    second = {"name": "Second", "within": "4h", "starts": {"after": "M"}, **OUT}
    bench = Bench({"within": "4h"}, second, fields=ON).complete("Mon 10:00")
    bench.change("Mon 11:00", state="off").change("Mon 12:00", state="on")
    (m,) = bench.runs("Mon 12:00", "Second")
    assert (m.state, m.occurrence, told(m.start_at)) == (InstanceState.RUNNING, 1, "Mon 10:00")


def test_what_starts_by_its_criteria_gets_a_new_occurrence() -> None:
    """From when they turned true again; the removed one stays on record."""
    bench = Bench({"within": "4h", "starts": "criteria", **OUT}, fields=ON)
    bench.change("Mon 11:00", state="off").change("Mon 12:00", state="on")
    assert [(m.occurrence, m.state, told(m.start_at)) for m in bench.runs("Mon 12:00")] == [
        (1, InstanceState.REMOVED, "Mon 09:00"),
        (2, InstanceState.RUNNING, "Mon 12:00"),
    ]


def test_e30_a_start_in_the_past_counts_the_stops_since_then() -> None:
    """E30: from 09:00, the case stopped 10-12, criteria true at 13:00: target 15:00."""
    bench = Bench({"within": "240m", "when": 'case.state == "go"'}).stop("Mon 10:00").resume("Mon 12:00")
    bench.change("Mon 13:00", state="go")
    assert (bench.start("Mon 13:00"), bench.target("Mon 13:00")) == ("Mon 09:00", "Mon 15:00")


# --- e12, e13: the next one after a completion ---


@pytest.mark.parametrize(
    ("recurrence", "completed", "start", "target"),
    [
        ("sequential", "Mon 12:30", "Mon 13:00", "Mon 14:00"),
        ("independent", "Mon 12:30", "Mon 12:30", "Mon 13:30"),
        ("sequential", "Mon 13:20", "Mon 13:20", "Mon 14:20"),
        ("sequential", "Mon 13:00", "Mon 13:00", "Mon 14:00"),
    ],
)
def test_e12_the_next_occurrence(recurrence: str, completed: str, start: str, target: str) -> None:
    """E12: sequential waits for the target of one completed in time, independent does not."""
    bench = Bench(recurring(recurrence), hours="X", opened="Mon 12:00", fields=ON).complete(completed)
    assert spans(bench.runs(completed)) == [("Mon 12:00", "Mon 13:00"), (start, target)]


@pytest.mark.parametrize(
    ("recurrence", "start", "target"),
    [("sequential", "Tue 09:30", "Tue 10:30"), ("independent", "Mon 16:45", "Tue 09:45")],
)
def test_e13_the_next_occurrence_over_night(recurrence: str, start: str, target: str) -> None:
    """E13: from Monday 16:30, target Tuesday 09:30, completed Monday 16:45."""
    bench = Bench(recurring(recurrence), opened="Mon 16:30", fields=ON).complete("Mon 16:45")
    assert spans(bench.runs("Mon 16:45")) == [("Mon 16:30", "Tue 09:30"), (start, target)]


def test_e28_a_scheduled_occurrence_goes_with_its_criteria() -> None:
    """E28: completed 12:30, criteria false 12:40, true again 15:00: the next one starts at 15:00."""
    bench = Bench(recurring("sequential"), hours="X", opened="Mon 12:00", fields=ON).complete("Mon 12:30")
    bench.change("Mon 12:40", state="off").to("Mon 14:00")
    assert {m.state for m in bench.runs("Mon 14:00")} == {InstanceState.COMPLETED, InstanceState.REMOVED}
    bench.change("Mon 15:00", state="on")
    assert spans(bench.runs("Mon 15:00"))[-1] == ("Mon 15:00", "Mon 16:00")


def test_e29_a_scheduled_occurrence_counts_a_stop_from_its_start() -> None:
    """E29: scheduled for 13:00, the case stopped 12:40-13:20: target 14:20."""
    bench = Bench(recurring("sequential"), hours="X", opened="Mon 12:00", fields=ON).complete("Mon 12:30")
    assert bench.milestone("Mon 12:35").state is InstanceState.SCHEDULED
    bench.stop("Mon 12:40").resume("Mon 13:20")
    assert spans(bench.runs("Mon 13:20"))[-1] == ("Mon 13:00", "Mon 14:20")


# --- one open at a time ---


@pytest.mark.parametrize("recurrence", ["independent", "sequential"])
def test_one_is_open_at_a_time(recurrence: str) -> None:
    """While one is open no other starts, whatever changes."""
    bench = Bench(recurring(recurrence), fields=ON).change("Mon 09:30", state="still on").to("Mon 12:00")
    assert len(bench.runs("Mon 12:00")) == 1


def test_an_independent_one_starts_whenever_its_criteria_hold() -> None:
    """At the completion while they do, or else when they turn true."""
    bench = Bench(recurring("independent"), hours="X", fields=ON).complete("Mon 09:10").complete("Mon 09:20")
    bench.change("Mon 09:30", state="off").change("Mon 09:50", state="on")
    assert [told(m.start_at) for m in bench.runs("Mon 09:50")] == ["Mon 09:00", "Mon 09:10", "Mon 09:20", "Mon 09:50"]
    rule = recurring("independent", complete_when='case.state == "off"')
    ended = Bench(rule, hours="X", fields=ON).change("Mon 09:30", state="off").change("Mon 09:50", state="on")
    assert [told(m.start_at) for m in ended.runs("Mon 09:50")] == ["Mon 09:00", "Mon 09:50"]


def test_a_scheduled_occurrence_takes_no_completion() -> None:
    """Until its start; nor does anything fire before."""
    declared = recurring("sequential", triggers=triggers("warning 30m"))
    bench = Bench(declared, hours="X", opened="Mon 12:00", fields=ON).complete("Mon 12:15")
    assert bench.refused(bench.complete, "Mon 12:45") == "before_start"
    assert bench.complete("Mon 13:00").milestone("Mon 13:00").occurrence == 3
    assert bench.to("Mon 14:30").fired == ["M warning-30m Mon 14:30"]


def test_a_rule_completes_no_scheduled_occurrence() -> None:
    """It turned true before the start, so the next one does not start while it is true."""
    declared = recurring("sequential", complete_when='case.state == "done"')
    bench = Bench(declared, hours="X", opened="Mon 12:00", fields=ON).complete("Mon 12:15")
    bench.change("Mon 12:30", state="done")
    assert bench.milestone("Mon 12:59").state is InstanceState.SCHEDULED
    assert not any(told(m.completed_at) == "Mon 12:30" for m in bench.runs("Mon 12:59"))


# --- what people build of it ---


def test_a_follow_up_every_48_hours_until_the_status_changes() -> None:
    """Each completion begins the next, until the criteria are false."""
    declared = {"within": "48h", "starts": "criteria", "when": 'case.state == "open"', "recurrence": "independent"}
    bench = Bench(declared, hours="X", fields={"state": "open"}).complete("Tue 09:00").complete("Wed 12:00")
    bench.change("Thu 09:00", state="solved").to("Mon+1 09:00")
    assert [(told(m.start_at), m.state) for m in bench.runs("Mon+1 09:00")] == [
        ("Mon 09:00", InstanceState.COMPLETED),
        ("Tue 09:00", InstanceState.COMPLETED),
        ("Wed 12:00", InstanceState.REMOVED),
    ]


def test_an_update_every_business_day_before_it_ends() -> None:
    """With the span eod; the one of Friday is followed by Monday's."""
    declared = {"within": "eod", "starts": "criteria", "recurrence": "sequential"}
    bench = Bench(declared, opened="Thu 10:00").complete("Thu 11:00").to("Fri 09:00")
    assert [told(m.target_at) for m in bench.runs("Fri 09:00")] == ["Thu 17:00", "Fri 17:00"]
    bench.complete("Fri 10:00").to("Sat 12:00")
    assert told(bench.milestone("Sat 12:00").target_at) == "Mon+1 17:00"


def test_what_is_held_back_misses_nothing() -> None:
    """The next one would start at 10:00, and its rule of completion holds: it has not started by the end."""
    update = {"within": "1h", "starts": "criteria", "recurrence": "sequential", "complete_when": 'case.state == "done"'}
    bench = Bench(update, fields={"state": "on"}).complete("Mon 09:30").change("Mon 09:45", state="done")
    assert str(bench.to("Mon 12:00").view("Mon 12:00").status) == "compliant"
    assert [(str(m.state), m.violated) for m in bench.runs("Mon 12:00")] == [("completed", False), ("scheduled", False)]
    assert str(bench.close("Mon 13:00").view("Mon 14:00").status) == "compliant"


DONE = 'case.state == "done"'
HIGH = 'case.priority == "High"'


def held_back(rules: int = RULES, on_change: str = "retroactive") -> Bench:
    """The second occurrence would have started at 13:00."""
    spans = [{"when": HIGH, "span": "30m"}, {"span": "1h"}]
    declared = recurring("sequential", complete_when=DONE, within=spans, on_change=on_change)
    bench = Bench(declared, hours="X", opened="Mon 12:00", fields=ON, rules=rules)
    return bench.complete("Mon 12:30").change("Mon 12:45", state="done").to("Mon 13:05")


@pytest.mark.parametrize("on_change", ["retroactive", "restart", "carry"])
@pytest.mark.parametrize("is_migrated", [False, True])
def test_no_new_span_starts_what_is_held_back(on_change: str, *, is_migrated: bool) -> None:
    """Nor does a new version. It starts when its rule turns false, with the span of then."""
    bench = held_back(on_change=on_change)
    if is_migrated:
        declared = recurring("sequential", complete_when=DONE, within="30m", on_change=on_change)
        bench.migrate("Mon 13:10", plan(process(declared, version=2), "X"))
    else:
        bench.change("Mon 13:10", priority="High")
    assert [str(m.state) for m in bench.runs("Mon 13:15")] == ["completed", "scheduled"]
    bench.change("Mon 13:20", state="on")
    assert (bench.start("Mon 13:20"), bench.target("Mon 13:20")) == ("Mon 13:20", "Mon 13:50")
    assert [str(m.state) for m in bench.runs("Mon 13:20")] == ["completed", "running"]


def test_under_older_rules_a_new_span_starts_what_is_held_back() -> None:
    """So that the history of such a case replays."""
    bench = held_back(SETS_CORNERS_RIGHT - 1).change("Mon 13:10", priority="High")
    assert told(bench.milestone("Mon 13:15").completed_at) == "Mon 13:10"

"""The rules of processes and milestones, each by what it does to a case."""

from __future__ import annotations

from typing import Any

import pytest

from domain.process import Trigger, TriggerKind
from domain.timeline.effects import NoteKind
from domain.timeline.instances import InstanceState
from domain.timeline.plan import AT_ITS_START, RULES
from domain.timeline.views import MilestoneStatus
from tests.domain.timeline.bench import Bench, field_at, ny, plan, process, told, triggers

# --- entry and exit ---


def test_a_process_is_entered_at_the_opening() -> None:
    """Unless it says otherwise."""
    bench = Bench({"within": "4h"}, opened="Mon 10:00")
    assert (bench.start("Mon 10:00"), bench.target("Mon 10:00")) == ("Mon 10:00", "Mon 14:00")


def test_a_process_is_entered_at_the_instant_of_a_field() -> None:
    """While the field is null the case is not in the process; once set, its instant is the entry, past or ahead."""
    bench = Bench({"within": "4h"}, entry="entry_at", opened="Mon 09:00")
    assert bench.to("Mon 12:00").view("Mon 12:00").milestones == []
    assert bench.view("Mon 12:00").entered_at is None
    bench.change("Mon 12:00", entry_at=field_at("Mon 10:00"))
    assert (bench.start("Mon 12:00"), bench.target("Mon 12:00")) == ("Mon 10:00", "Mon 14:00")
    ahead = Bench({"within": "4h"}, entry="entry_at", fields={"entry_at": field_at("Mon 11:00")})
    assert ahead.to("Mon 10:00").view("Mon 10:00").milestones == []
    assert ahead.to("Mon 11:00").milestone("Mon 11:00").state is InstanceState.RUNNING


def test_an_edited_entry_moves_the_start_of_open_milestones() -> None:
    """Of those that start at the process; one that started by its criteria and one that is completed stay."""
    bench = Bench(
        {"name": "Open", "within": "4h"},
        {"name": "Done", "within": "4h"},
        {"name": "By criteria", "within": "4h", "starts": "criteria"},
        entry="entry_at",
        fields={"entry_at": field_at("Mon 09:00")},
    )
    bench.complete("Mon 09:30", "Done").change("Mon 10:00", entry_at=field_at("Mon 11:00"))
    assert [bench.start("Mon 10:00", name) for name in ("Open", "Done", "By criteria")] == [
        "Mon 11:00",
        "Mon 09:00",
        "Mon 09:00",
    ]
    assert bench.target("Mon 10:00", "Open") == "Mon 15:00"


def test_a_case_leaves_its_process_when_its_exit_criteria_hold() -> None:
    """Whatever is open stays open at exit, at that instant."""
    bench = Bench({"within": "4h"}, exit_when='case.state == "done"').change("Mon 10:00", state="done")
    assert told(bench.view("Mon 10:00").exited_at) == "Mon 10:00"
    assert bench.milestone("Mon 10:00").state is InstanceState.OPEN_AT_EXIT


def test_a_closed_case_leaves_its_process() -> None:
    """Also a process with exit criteria of its own, which do not hold."""
    for exit_when in ("", 'case.state == "done"'):
        bench = Bench({"within": "4h"}, exit_when=exit_when).close("Mon 10:00")
        assert told(bench.view("Mon 10:00").exited_at) == "Mon 10:00"


def test_a_case_without_a_process_has_no_milestones() -> None:
    """It takes events all the same, but no completion."""
    bench = Bench({"within": "4h"})
    bench.go_over("Mon 10:00", plan(None)).change("Mon 11:00", state="done")
    view = bench.to("Mon+1 09:00").view("Mon+1 09:00")
    assert [m.state for m in view.milestones] == [InstanceState.OPEN_AT_EXIT]
    assert (view.process, view.status) == (None, MilestoneStatus.COMPLIANT)
    assert bench.refused(bench.complete, "Mon+1 09:00") == "unknown_milestone"


# --- criteria ---


def test_no_criteria_means_always() -> None:
    """And a milestone whose criteria are false does not start."""
    bench = Bench({"within": "4h"}, {"name": "Never", "within": "4h", "when": "1 > 2"})
    assert [m.milestone for m in bench.view("Mon 09:00").milestones] == ["M"]


def test_criteria_see_the_case_its_entitlement_and_its_account() -> None:
    """Entitlement and account as the case took them: what its plan holds."""
    names = {"case": 'case.state == "new"', "entitlement": 'entitlement.type == "Gold"', "account": 'account.id == "a"'}
    bench = Bench(
        *({"name": name, "within": "4h", "when": when} for name, when in names.items()),
        fields={"state": "new"},
        entitlement={"type": "Gold"},
        account={"id": "a"},
    )
    assert [m.milestone for m in bench.view("Mon 09:00").milestones] == list(names)


def test_criteria_that_cannot_be_evaluated_are_false_and_noted_once() -> None:
    """When it begins, and when it begins again; not at every change. The case goes on."""
    when = 'case.priority.startsWith("H")'
    bench = Bench({"within": "4h", "when": when}, {"name": "Other", "within": "4h"})
    for minute in range(1, 4):
        bench.change(f"Mon 09:0{minute}", count=minute)
    noted = bench.notes(NoteKind.CRITERIA_FAILED)
    assert [told(note.at) for note in noted] == ["Mon 09:00"]
    assert "the field 'priority' is not set" in noted[0].text
    assert bench.runs("Mon 09:05") == []
    assert bench.milestone("Mon 09:05", "Other").state is InstanceState.RUNNING
    bench.change("Mon 10:00", priority="High")
    assert bench.milestone("Mon 10:00").state is InstanceState.RUNNING
    bench.change("Mon 11:00", priority=None)
    assert len(bench.notes(NoteKind.CRITERIA_FAILED)) == 2
    assert bench.milestone("Mon 11:00").state is InstanceState.REMOVED


# --- the span table and its calendars ---

TABLE = [
    {"when": 'case.priority == "High"', "span": "1h", "business_hours": "X"},
    {"when": 'case.priority != "Low"', "span": "2h"},
    {"span": "4h"},
]


@pytest.mark.parametrize(
    ("priority", "span", "hours", "target"),
    [("High", "1h", "X", "Mon 17:30"), ("Normal", "2h", "B", "Tue 10:30"), ("Low", "4h", "B", "Tue 12:30")],
)
def test_the_first_row_whose_criteria_hold_gives_the_span(priority: str, span: str, hours: str, target: str) -> None:
    """And the calendar, if the row names one; the last row is for all others."""
    bench = Bench({"within": TABLE}, opened="Mon 16:30", fields={"priority": priority})
    m = bench.milestone("Mon 16:30")
    assert (m.span, m.business_hours, told(m.target_at)) == (span, hours, target)


@pytest.mark.parametrize(
    ("row", "milestone", "of_process", "of_plan", "expected"),
    [
        ("X", "A", "B", "B", "X"),
        (None, "A", "B", "X", "A"),
        (None, None, "A", "X", "A"),
        (None, None, None, "A", "A"),
    ],
)
def test_the_nearest_business_hours_count(
    row: str | None, milestone: str | None, of_process: str | None, of_plan: str, expected: str
) -> None:
    """The row's, else the milestone's, else the process's, else those of the case's plan."""
    declared = {"within": [{"span": "4h", "business_hours": row}], "business_hours": milestone}
    bench = Bench(declared, business_hours=of_process, hours=of_plan)
    assert bench.milestone("Mon 09:00").business_hours == expected


# --- deadlines from a field ---


def test_a_deadline_is_the_instant_of_its_field() -> None:
    """Also in closed time; nothing is counted to get there."""
    bench = Bench({"by": "due_at", "triggers": triggers("violation 0")}, fields={"due_at": field_at("Sat 12:00")})
    assert bench.target("Mon 09:00") == "Sat 12:00"
    assert bench.to("Sun 12:00").fired == ["M violation-0 Sat 12:00"]


def test_a_deadline_fires_while_its_case_is_stopped() -> None:
    """Neither a stop of the case nor a pause by rule touches it, and its target does not move."""
    declared = {"by": "due_at", "pause_when": 'case.state == "wait"', "triggers": triggers("warning 1h", "violation 0")}
    bench = Bench(declared, fields={"due_at": field_at("Mon 12:00")})
    bench.stop("Mon 10:00").change("Mon 10:30", state="wait").to("Mon 15:00")
    assert bench.fired == ["M warning-1h Mon 11:00", "M violation-0 Mon 12:00"]
    m = bench.milestone("Mon 15:00")
    assert (m.state, m.violated, told(m.target_at), m.pauses) == (InstanceState.RUNNING, True, "Mon 12:00", [])


def test_a_milestone_waits_for_its_deadline() -> None:
    """It does not start while the field is null."""
    bench = Bench({"by": "due_at"})
    assert bench.to("Mon 11:00").runs("Mon 11:00") == []
    bench.change("Mon 11:00", due_at=field_at("Mon 15:00"))
    assert bench.target("Mon 11:00") == "Mon 15:00"


def test_a_deadline_follows_its_field() -> None:
    """Earlier and later; one that moves past now is no longer missed."""
    bench = Bench({"by": "due_at"}, fields={"due_at": field_at("Mon 15:00")})
    bench.change("Mon 10:00", due_at=field_at("Mon 11:00")).to("Mon 12:00")
    assert bench.violations == ["Mon 11:00"]
    bench.change("Mon 12:00", due_at=field_at("Tue 20:00"))
    assert (bench.violations, bench.target("Mon 12:00")) == (["Mon 11:00 corrected Mon 12:00"], "Tue 20:00")


def test_offsets_of_a_deadline_are_open_time() -> None:
    """An hour before and after Saturday noon are Friday 16:00 and Monday 10:00 in office hours."""
    declared = {"by": "due_at", "triggers": triggers("warning 1h", "violation 1h")}
    bench = Bench(declared, fields={"due_at": field_at("Sat 12:00")}).to("Mon+1 12:00")
    assert bench.fired == ["M warning-1h Fri 16:00", "M violation-1h Mon+1 10:00"]


@pytest.mark.parametrize(("rules", "missed"), [(RULES, []), (AT_ITS_START - 1, ["Mon 12:00"])])
def test_what_was_scheduled_and_is_complete_at_its_start_is_in_time(rules: int, missed: list[str]) -> None:
    """As what starts at once is, though its deadline was over before its entry came."""
    declared = {"by": "due_at", "complete_when": 'case.state == "done"', "triggers": triggers("violation 0", "success")}
    fields = {"due_at": field_at("Mon 12:00"), "entry_at": field_at("Mon 10:00")}
    bench = Bench(declared, entry="entry_at", fields=fields, rules=rules)
    bench.change("Mon 10:30", entry_at=field_at("Mon 14:00")).change("Mon 13:00", state="done").to("Mon 15:00")
    (m,) = bench.runs("Mon 15:00")
    assert (told(m.start_at), told(m.completed_at), m.elapsed_seconds) == ("Mon 14:00", "Mon 14:00", 0)
    assert (bench.violations, bench.fired) == (missed, ["M success Mon 14:00"])


# --- starts ---


def test_a_milestone_starts_after_another() -> None:
    """From its completion; also when its own criteria turn true later."""
    second = {"name": "Second", "within": "4h", "starts": {"after": "M"}}
    late = {**second, "name": "Late", "when": 'case.state == "go"'}
    bench = Bench({"within": "4h"}, second, late)
    assert bench.runs("Mon 10:00", "Second") == []
    bench.complete("Mon 11:00")
    assert (bench.start("Mon 11:00", "Second"), bench.target("Mon 11:00", "Second")) == ("Mon 11:00", "Mon 15:00")
    assert bench.runs("Mon 11:00", "Late") == []
    bench.change("Mon 13:00", state="go")
    assert (bench.start("Mon 13:00", "Late"), bench.target("Mon 13:00", "Late")) == ("Mon 11:00", "Mon 15:00")


# --- completed by rule ---


def test_a_milestone_is_completed_by_its_rule() -> None:
    """At the instant of the change, without anybody asking; and it stays so when the rule turns false again."""
    bench = Bench({"within": "4h", "complete_when": 'case.state == "done"', "triggers": triggers("success")})
    bench.change("Mon 11:00", state="done").change("Mon 12:00", state="new")
    m = bench.milestone("Mon 12:00")
    assert (m.state, told(m.completed_at), m.completed_by) == (InstanceState.COMPLETED, "Mon 11:00", "complete_when")
    assert bench.fired == ["M success Mon 11:00"]


def test_what_is_complete_when_it_starts_is_completed_at_that_instant() -> None:
    """A milestone that does not recur starts and is completed at once, with nothing elapsed."""
    declared = {"within": "4h", "complete_when": 'case.state == "done"', "triggers": triggers("success")}
    bench = Bench(declared, fields={"state": "done"}).to("Mon 12:00")
    m = bench.milestone("Mon 12:00")
    assert (told(m.start_at), told(m.completed_at), m.elapsed_seconds) == ("Mon 09:00", "Mon 09:00", 0)
    assert bench.fired == ["M success Mon 09:00"]


@pytest.mark.parametrize(("recurrence", "again"), [("independent", "Mon 14:00"), ("sequential", "Mon 15:00")])
def test_a_recurring_milestone_does_not_start_complete(recurrence: str, again: str) -> None:
    """It waits until its completion rule is false; a sequential one for the target of the last as well."""
    declared: dict[str, Any] = {"within": "4h", "starts": "criteria", "recurrence": recurrence}
    bench = Bench({**declared, "complete_when": 'case.state == "done"'}, fields={"state": "done"})
    assert bench.to("Mon 10:00").runs("Mon 10:00") == []
    bench.change("Mon 11:00", state="new").change("Mon 12:00", state="done")
    assert [(told(m.start_at), told(m.completed_at)) for m in bench.runs("Mon 12:00")] == [("Mon 11:00", "Mon 12:00")]
    bench.change("Mon 14:00", state="new")
    assert told(bench.runs("Mon 14:00")[1].start_at) == again


# --- spans that follow the calendar's days ---


@pytest.mark.parametrize(
    ("span", "opened", "target"),
    [
        ("1bd", "Sat 12:00", "Tue+1 09:00"),
        ("2bd", "Mon 14:00", "Wed 14:00"),
        ("eod", "Mon 14:00", "Mon 17:00"),
        ("eod", "Mon 18:00", "Tue 17:00"),
        ("2bd eod", "Mon 14:00", "Wed 17:00"),
    ],
)
def test_a_span_in_days_is_the_target_itself(span: str, opened: str, target: str) -> None:
    """By the calendar of the milestone."""
    assert Bench({"within": span}, opened=opened).target(opened) == target


def test_a_pause_moves_a_target_in_days_by_open_time() -> None:
    """Two open hours of pause move Monday's closing time to Tuesday 11:00."""
    bench = Bench({"within": "eod"}).stop("Mon 10:00").resume("Mon 12:00")
    assert bench.target("Mon 12:00") == "Tue 11:00"


def test_percentages_of_a_span_in_days_are_of_its_open_seconds() -> None:
    """From Monday 13:00 to the end of Tuesday there are twelve hours; 75% of them are used on Tuesday at 14:00."""
    bench = Bench({"within": "1bd eod", "triggers": triggers("warning 75%")}, opened="Mon 13:00").to("Tue 17:00")
    assert bench.fired == ["M warning-75-percent Tue 14:00"]


def test_carry_counts_the_open_seconds_of_a_span_in_days() -> None:
    """Six of the twelve from Monday 13:00 are used on Tuesday at 11:00; of four hours two are left."""
    table = [{"when": 'case.priority == "High"', "span": "4h"}, {"span": "1bd eod"}]
    bench = Bench({"within": table, "on_change": "carry"}, opened="Mon 13:00").change("Tue 11:00", priority="High")
    assert bench.target("Tue 11:00") == "Tue 13:00"


# --- what its timeline begins from ---


def test_one_process_declares_what_every_case_of_it_has() -> None:
    """Its name and version can be read off the case."""
    view = Bench({"within": "4h"}).view("Mon 09:00")
    assert (view.process, view.process_version, view.opened_at) == ("P", 1, ny("Mon 09:00"))


def test_milestones_keep_the_order_of_their_process() -> None:
    """As they were declared, not by name or target."""
    declared = [{"name": name, "within": span} for name, span in (("C", "9h"), ("A", "1h"), ("B", "4h"))]
    assert [m.name for m in process(*declared).milestones] == ["C", "A", "B"]
    assert [m.milestone for m in Bench(*declared).view("Mon 09:00").milestones] == ["C", "A", "B"]


@pytest.mark.parametrize("at", ["75", 75, "100"])
def test_a_warning_without_a_unit_is_told_all_that_it_may_be(at: Any) -> None:
    """Minutes, hours, or a percentage."""
    with pytest.raises(ValueError, match=f"write {at}m or {at}h before the target, or '{at}%' of a span"):
        Trigger(kind=TriggerKind.WARNING, at=at)

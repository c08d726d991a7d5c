"""The rules of local times, cutoffs, handing over, completions that are taken back, and targets that are no promise."""

from __future__ import annotations

from typing import Any

import pytest

from domain.process import Milestone
from domain.reports.compliance import compliance
from domain.timeline.instances import InstanceState
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import RULES, SETS_CORNERS_RIGHT
from domain.timeline.views import MilestoneStatus
from tests.domain.timeline.bench import Bench, ny, plan, process, sets, told, triggers

ON = 'case.state == "on"'
DONE = 'case.state == "done"'


@pytest.mark.parametrize(
    ("span", "cutoff", "opened", "target"),
    [
        ("1bd 16:00", None, "Mon 10:00", "Tue 16:00"),
        ("1bd 16:00", "14:00", "Mon 13:59:59", "Tue 16:00"),
        ("1bd 16:00", "14:00", "Mon 14:00", "Wed 16:00"),
        ("0bd 16:00", None, "Mon 10:00", "Mon 16:00"),
        ("0bd 16:00", None, "Mon 16:00", "Tue 16:00"),
        ("0bd 20:00", None, "Mon 10:00", "Mon 17:00"),
        ("1bd 08:00", None, "Mon 10:00", "Tue 09:00"),
        ("1bd 16:00", None, "Sat 10:00", "Tue+1 16:00"),
    ],
)
def test_e31_by_a_local_time_of_an_open_date(span: str, cutoff: str | None, opened: str, target: str) -> None:
    """Of the Nth open date, moved into its windows; with a cutoff, counted from the next opening."""
    assert Bench({"within": span, "cutoff": cutoff}, opened=opened).target(opened) == target


@pytest.mark.parametrize(
    ("span", "opened", "target"),
    [
        ("2h", "Mon 13:59:59", "Mon 15:59:59"),
        ("2h", "Mon 14:00", "Tue 11:00"),
        ("2h", "Mon 18:00", "Tue 11:00"),
        ("2h", "Fri 16:00", "Mon+1 11:00"),
        ("2h", "Sat 16:00", "Mon+1 11:00"),
        ("eod", "Mon 15:00", "Tue 17:00"),
        ("1bd", "Mon 15:00", "Wed 09:00"),
    ],
)
def test_after_its_cutoff_a_start_counts_from_the_next_opening(span: str, opened: str, target: str) -> None:
    """For every kind of span; on a closed date it does nothing. The start itself stays."""
    bench = Bench({"within": span, "cutoff": "14:00"}, opened=opened)
    assert (bench.start(opened), bench.target(opened)) == (opened, target)


def test_a_pause_before_the_opening_after_a_cutoff_moves_nothing() -> None:
    """It is elapsed and paused time all the same."""
    bench = Bench({"within": "2h", "cutoff": "14:00"}, opened="Mon 15:00").stop("Mon 15:30").resume("Mon 16:30")
    assert bench.target("Mon 17:00") == "Tue 11:00"
    assert bench.complete("Tue 10:00").minutes("Tue 10:00") == (180, 60, 120)


def test_carry_of_days_after_a_cutoff_knows_no_pause_before_the_opening() -> None:
    """`eod` from Mon 15:00 is Tue 17:00: 10h of open time; at Tue 13:00 6h of them are used, and 40% of 5h are left."""
    rows = [{"when": 'case.priority == "High"', "span": "5h"}, {"span": "eod"}]
    bench = Bench({"within": rows, "on_change": "carry", "cutoff": "14:00"}, opened="Mon 15:00")
    bench.stop("Mon 15:30").resume("Mon 16:30").change("Tue 13:00", priority="High")
    assert bench.target("Tue 13:00") == "Tue 15:00"


def test_a_cutoff_holds_for_starts_by_completion_and_restart() -> None:
    """After another milestone, and by a change of span that restarts."""
    after = {"name": "B", "within": "1h", "starts": {"after": "M"}, "cutoff": "14:00"}
    assert Bench({"within": "8h"}, after).complete("Mon 15:00").target("Mon 15:00", "B") == "Tue 10:00"
    rows = [{"when": 'case.priority == "High"', "span": "1h"}, {"span": "8h"}]
    restarted = Bench({"within": rows, "on_change": "restart", "cutoff": "14:00"}).change("Mon 15:00", priority="High")
    assert (restarted.start("Mon 15:00"), restarted.target("Mon 15:00")) == ("Mon 15:00", "Tue 10:00")


# --- restart_on ---

STAY = {"within": "2h", "starts": "criteria", "when": ON, "restart_on": ["priority"]}
"""Each priority has a clock of its own."""


def stays(milestone: dict[str, Any] = STAY, **fields: Any) -> Bench:
    return Bench(milestone, fields={"state": "on", "priority": "High", **fields}, hours="X")


def test_a_change_of_its_field_hands_a_milestone_over() -> None:
    """The running instance ends with its verdict, and another begins, though the span stays."""
    bench = stays().change("Mon 10:00", priority="Low").change("Mon 13:00", priority="High")
    seen = [(told(m.start_at), str(m.state), m.violated, m.handed_over) for m in bench.runs("Mon 13:00")]
    assert seen == [
        ("Mon 09:00", "removed", False, True),
        ("Mon 10:00", "removed", True, True),
        ("Mon 13:00", "running", False, False),
    ]
    assert bench.violations == ["Mon 12:00"]


def test_the_first_value_of_an_empty_field_hands_nothing_over() -> None:
    """Nor does the same value again."""
    bench = stays(priority=None).change("Mon 10:00", priority="Low").change("Mon 11:00", priority="Low", count=1)
    assert len(bench.runs("Mon 11:00")) == 1


def test_a_completed_one_begins_anew_when_its_field_changes() -> None:
    """While its criteria hold; and then the completion is not cleared any more."""
    bench = stays().complete("Mon 09:30").change("Mon 10:00", priority="Low")
    assert [m.state for m in bench.runs("Mon 10:00")] == [InstanceState.COMPLETED, InstanceState.RUNNING]
    assert bench.refused(bench.clear, "Mon 10:30") in {"not_completed", "later_occurrence"}


@pytest.mark.parametrize(("own", "occurrence"), [("Mon 09:59:59", 1), ("Mon 10:00", 2)])
def test_a_completion_goes_to_the_occurrence_that_was_open_then(own: str, occurrence: int) -> None:
    """News of what was done before the handing over."""
    bench = stays().change("Mon 10:00", priority="Low").complete("Mon 10:30", occurred=own)
    completed = [m.occurrence for m in bench.runs("Mon 10:30") if m.completed_at]
    assert completed == [occurrence]


AFTER = {"name": "Then", "within": "1h", "starts": {"after": "M"}}


def waited_for(rules: int = RULES, **also: Any) -> Bench:
    """What comes after a milestone that restarts on the priority."""
    return Bench(STAY | also, AFTER, fields={"state": "on", "priority": "High"}, hours="X", rules=rules)


@pytest.mark.parametrize("on_time", [True, False])
def test_what_waits_for_a_stay_that_was_handed_over_follows_its_completion(*, on_time: bool) -> None:
    """From its time, whenever news of it comes; the completion of the stay after it moves that no more."""
    bench = waited_for()
    if on_time:
        bench.complete("Mon 10:00").change("Mon 11:00", priority="Low")
    else:
        bench.change("Mon 11:00", priority="Low").complete("Mon 11:00", occurred="Mon 10:00")
    bench.to("Mon 11:30").complete("Mon 12:00")
    seen = [(m.milestone, m.occurrence, told(m.start_at), str(m.state)) for m in bench.view("Mon 12:00").milestones]
    assert sorted(seen) == [
        ("M", 1, "Mon 09:00", "completed"),
        ("M", 2, "Mon 11:00", "completed"),
        ("Then", 1, "Mon 10:00", "running"),
    ]


def test_late_news_of_a_stay_leaves_what_has_followed_another() -> None:
    """It has started from the completion of the stay after that."""
    bench = waited_for().change("Mon 10:00", priority="Low").complete("Mon 10:30").change("Mon 11:00", priority="High")
    bench.complete("Mon 11:30", occurred="Mon 09:30")
    assert [told(m.start_at) for m in bench.runs("Mon 11:30", "Then")] == ["Mon 10:30"]


def test_late_news_of_a_stay_brings_back_what_waited_for_it_again() -> None:
    """Its first completion had been cleared; it starts from the next one."""
    bench = waited_for().complete("Mon 09:20").clear("Mon 09:30").change("Mon 10:00", priority="Low")
    bench.complete("Mon 10:30", occurred="Mon 09:50")
    assert [(told(m.start_at), str(m.state)) for m in bench.runs("Mon 10:30", "Then")] == [("Mon 09:50", "running")]


def test_late_news_of_a_stay_of_before_begins_nothing_in_another() -> None:
    """Where each stay in the process begins anew, what comes after waits for a completion of it."""
    bench = waited_for(on_reentry="restart").change("Mon 10:00", priority="Low").close("Mon 10:30").reopen("Mon 11:00")
    bench.complete("Mon 11:30", occurred="Mon 09:30")
    assert [m.completed_at is not None for m in bench.runs("Mon 11:30")] == [True, False, False]
    assert bench.runs("Mon 11:30", "Then") == []


def test_late_news_begins_what_begins_anew_at_the_reentry() -> None:
    """Where only what comes after begins anew with each stay in the process."""
    after = AFTER | {"on_reentry": "restart"}
    bench = Bench(STAY, after, fields={"state": "on", "priority": "High"}, hours="X").change(
        "Mon 10:00", priority="Low"
    )
    bench.close("Mon 10:30").reopen("Mon 11:00").complete("Mon 11:30", occurred="Mon 09:30")
    assert [told(m.start_at) for m in bench.runs("Mon 11:30", "Then")] == ["Mon 11:00"]


def test_under_older_rules_late_news_of_a_stay_begins_nothing() -> None:
    """So that the history of such a case replays."""
    bench = waited_for(rules=SETS_CORNERS_RIGHT - 1).change("Mon 10:00", priority="Low")
    assert bench.complete("Mon 10:30", occurred="Mon 09:30").runs("Mon 10:30", "Then") == []


@pytest.mark.parametrize(
    ("events", "had_by"),
    [
        ([("change", "Mon 10:00", {"priority": "Low"})], ["High", "Low"]),
        ([("change", "Mon 12:00", {"priority": "Low"}), ("complete", "Mon 12:30", {})], ["High", "Low"]),
        ([("complete", "Mon 09:30", {}), ("change", "Mon 10:00", {"priority": "Low"})], ["High", "Low"]),
        ([("close", "Mon 09:30", {}), ("change", "Mon 10:00", {"priority": "Low"})], ["High"]),
        ([("change", "Mon 09:30", {"state": "off"}), ("change", "Mon 10:00", {"priority": "Low"})], ["High"]),
        (
            [
                ("complete", "Mon 09:20", {}),
                ("change", "Mon 09:30", {"state": "off"}),
                ("change", "Mon 10:00", {"priority": "Low"}),
            ],
            ["High"],
        ),
        (
            [("change", "Mon 10:00", {"priority": "Low"}), ("complete", "Mon 11:00", {"occurred": "Mon 09:30"})],
            ["High"],
        ),
        ([("change", "Mon 10:00", {"priority": None})], ["High", None]),
        (
            [
                ("complete", "Mon 09:30", {}),
                ("change", "Mon 09:40", {"state": "off"}),
                ("change", "Mon 10:00", {"priority": "Low"}),
                ("clear", "Mon 10:30", {}),
            ],
            ["High"],
        ),
    ],
)
def test_each_stay_is_of_whoever_had_it(
    events: list[tuple[str, str, dict[str, Any]]], had_by: list[str | None]
) -> None:
    """Whatever the field becomes once it was handed over, completed, removed or left open at the exit."""
    bench = stays()
    for name, when, content in events:
        getattr(bench, name)(when, **content)
    assert [m.ran_under["priority"] for m in bench.runs("Mon 13:00")][: len(had_by)] == had_by
    assert [m.ran_under["priority"] for m in bench.through_json().runs("Mon 13:00")][: len(had_by)] == had_by


@pytest.mark.parametrize(("before", "had_by"), [(None, "Low"), ("High", "High")])
def test_a_change_that_completes_is_of_whoever_had_it(before: str | None, had_by: str) -> None:
    """Completed by its rule as its field changes; the first value of an empty field is of that very change."""
    bench = Bench({**STAY, "complete_when": DONE, "when": ""}, fields={"state": "on", "priority": before}, hours="X")
    bench.change("Mon 10:00", priority="Low", state="done")
    assert bench.runs("Mon 10:00")[0].ran_under == {"priority": had_by}


def test_a_field_that_a_round_changes_hands_over_in_the_next() -> None:
    """All of a round see the same fields: the criteria that the change turns false remove, they hand nothing over."""
    success = triggers("success", actions=sets(state="off"))
    first = {"name": "First", "within": "1h", "complete_when": "case.count == 1", "triggers": success}
    stay = {**STAY, "restart_on": ["state"]}
    bench = Bench(first, stay, fields={"state": "on"}, hours="X").change("Mon 09:30", count=1)
    assert [(m.state, m.handed_over) for m in bench.runs("Mon 09:30")] == [(InstanceState.REMOVED, False)]


# --- when_undone ---

UNDONE = {"within": "4h", "complete_when": DONE, "when_undone": "resume"}


def test_a_completion_whose_rule_turns_false_is_taken_back() -> None:
    """The time since it was a pause."""
    bench = Bench(UNDONE).change("Mon 10:00", state="done").change("Mon 12:00", state="open")
    m = bench.milestone("Mon 12:00")
    assert (m.state, bench.target("Mon 12:00")) == (InstanceState.RUNNING, "Mon 15:00")
    assert bench.complete("Mon 13:00").minutes("Mon 13:00") == (240, 120, 120)


def test_a_completion_stays_unless_it_may_be_undone() -> None:
    """`keep`, which nobody has to write."""
    bench = Bench({"within": "4h", "complete_when": DONE}).change("Mon 10:00", state="done")
    assert bench.change("Mon 12:00", state="open").milestone("Mon 12:00").state is InstanceState.COMPLETED


@pytest.mark.parametrize(("rearm", "times"), [(False, 1), (True, 2)])
def test_success_fires_again_only_if_it_rearms(rearm: bool, times: int) -> None:  # noqa: FBT001 - a table
    """With the completion that follows one that was taken back."""
    bench = Bench({**UNDONE, "triggers": triggers("success", rearm=rearm)}).change("Mon 10:00", state="done")
    bench.change("Mon 11:00", state="open").change("Mon 12:00", state="done")
    assert len(bench.fired) == times


def test_a_completion_is_taken_back_whoever_made_it() -> None:
    """If the rule held since; one whose rule never held stays."""
    bench = Bench(UNDONE).complete("Mon 10:00").change("Mon 10:30", state="done").change("Mon 11:00", state="open")
    assert bench.target("Mon 11:00") == "Mon 14:00"
    stays = Bench(UNDONE, fields={"state": "new"}).complete("Mon 10:00").change("Mon 11:00", state="open")
    assert stays.milestone("Mon 11:00").state is InstanceState.COMPLETED


@pytest.mark.parametrize(
    ("on_reentry", "state", "target"), [("keep", "running", "Mon 15:00"), ("restart", "running", "Mon 16:00")]
)
def test_a_rule_that_turned_false_outside_counts_at_the_reentry(on_reentry: str, state: str, target: str) -> None:
    """The time since the completion is one pause; `restart` wins over it."""
    bench = Bench({**UNDONE, "on_reentry": on_reentry}).change("Mon 10:00", state="done").close("Mon 10:30")
    bench.change("Mon 11:00", state="open").reopen("Mon 12:00")
    assert (str(bench.milestone("Mon 12:00").state), bench.target("Mon 12:00")) == (state, target)


@pytest.mark.parametrize(
    ("own", "corrected", "target"),
    [("Mon 12:30", True, "Mon 16:30"), ("Mon 13:00", True, "Mon 16:00"), ("Mon 14:00", False, "Mon 15:00")],
)
def test_what_is_taken_back_was_not_missed_while_completed(own: str, *, corrected: bool, target: str) -> None:
    """News of a completion in time corrects the record; the pause since then leaves it corrected."""
    bench = Bench(UNDONE, fields={"state": "new"}).to("Mon 14:30").complete("Mon 14:30", occurred=own)
    bench.change("Mon 14:45", state="done").change("Mon 16:00", state="open")
    assert bench.target("Mon 16:00") == target
    assert [v.corrected_at is not None for v in bench.milestone("Mon 16:00").violations] == [corrected]


def test_what_waits_for_a_completion_goes_and_comes_with_it() -> None:
    """From the next completion; one that is completed itself stays."""
    after = {"within": "1h", "starts": {"after": "M"}}
    bench = Bench(UNDONE, {"name": "Open", **after}, {"name": "Done", **after}).change("Mon 10:00", state="done")
    bench.complete("Mon 10:15", "Done").change("Mon 10:30", state="open")
    states = [bench.milestone("Mon 10:30", name).state for name in ("Open", "Done")]
    assert states == [InstanceState.REMOVED, InstanceState.COMPLETED]
    assert bench.change("Mon 12:00", state="done").start("Mon 12:00", "Open") == "Mon 12:00"


# --- promise ---


def test_without_a_process_nothing_is_promised() -> None:
    """Which is another thing than a promise that is kept."""
    timeline = Timeline.enter(plan(None), Case(case_id="c", fields={}), ny("Mon 09:00"))
    assert timeline.view(ny("Mon 10:00")).status is MilestoneStatus.NOTHING_PROMISED


def test_a_target_that_is_no_promise_is_not_violated() -> None:
    """Its triggers fire as usual; neither record nor status knows of it."""
    reminder = {"within": "1h", "promise": False, "triggers": triggers("violation 0", actions=sets(state="on"))}
    bench = Bench(reminder).to("Mon 11:00")
    assert (bench.fired, bench.violations) == (["M violation-0 Mon 10:00"], [])
    assert bench.view("Mon 11:00").status is MilestoneStatus.COMPLIANT
    assert bench.complete("Mon 12:00").milestone("Mon 12:00").violated is False


@pytest.mark.parametrize(
    ("migrated", "violations"), [("Mon 09:30", ["Mon 10:00"]), ("Mon 11:00", [])], ids=["before", "after"]
)
def test_whether_it_was_a_promise_is_decided_when_it_passes(migrated: str, violations: list[str]) -> None:
    """A version that makes it one says nothing of what had passed."""
    bench = Bench({"within": "1h", "promise": False}).to(migrated)
    bench.migrate(migrated, plan(process({"within": "1h"}, version=2))).to("Mon 12:00")
    assert bench.violations == violations


# --- what is refused ---


@pytest.mark.parametrize(
    ("milestone", "said"),
    [
        ({"by": "due_at", "cutoff": "14:00"}, "leave out the cutoff"),
        ({"within": "4h", "cutoff": "25:00"}, "HH:MM"),
        ({"within": "4h", "restart_on": ["priority"]}, "needs starts: criteria"),
        ({"within": "4h", "when_undone": "resume"}, "has no complete_when"),
        ({"within": "4h", "starts": "criteria", "recurrence": "independent", **UNDONE}, "recurs"),
    ],
)
def test_rules_that_contradict_one_another_are_refused(milestone: dict[str, Any], said: str) -> None:
    """With what would be right."""
    with pytest.raises(ValueError, match=said):
        Milestone.model_validate({"name": "M", **milestone})


def test_compliance_leaves_out_what_is_no_promise() -> None:
    """A reminder that passed is neither met nor missed."""
    reminder = {"name": "Reminder", "within": "1h", "promise": False}
    view = Bench({"within": "1h"}, reminder).to("Mon 12:00").view("Mon 12:00")
    assert [row.milestone for row in compliance([(view, None)], by="priority")] == ["M", "M"]

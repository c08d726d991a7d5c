"""The rules of pausing, resuming and changing: of spans and calendars, of stays in the process, of entitlements."""

from __future__ import annotations

from typing import Any

import pytest

from domain.timeline.effects import NoteKind
from domain.timeline.instances import InstanceState
from domain.timeline.plan import PLAIN_NOTES, RULES
from tests.domain.timeline.bench import Bench, plan, process, told, triggers

FOUR_HOURS: dict[str, Any] = {"within": "240m"}

# --- stopping the clock ---


@pytest.mark.parametrize(
    ("example", "opened", "pauses", "target", "paused"),
    [
        ("E11a", "Mon 09:00", [("Mon 10:00", "Mon 12:00")], "Mon 15:00", 120),
        ("E11b", "Mon 09:00", [("Mon 10:00", "Tue 10:00")], "Tue 13:00", 480),
        ("E11c", "Mon 15:00", [("Mon 18:00", "Tue 08:00")], "Tue 11:00", 0),
        ("E11f", "Mon 09:00", [("Mon 10:00", "Mon 11:00"), ("Mon 12:00", "Mon 12:30")], "Mon 14:30", 90),
    ],
)
def test_e11_resuming_moves_the_target_by_open_time(
    example: str, opened: str, pauses: list[tuple[str, str]], target: str, paused: int
) -> None:
    """E11a-c and E11f: within the day, over night, in closed time only, twice."""
    bench = Bench(FOUR_HOURS, opened=opened)
    for stopped, resumed in pauses:
        bench.stop(stopped).resume(resumed)
    last = pauses[-1][1]
    assert (bench.target(last), bench.minutes(last)[1]) == (target, paused), example


def test_e11e_a_missed_target_moves_too() -> None:
    """E11e: missed at 13:00, stopped 13:30-15:30: target 15:00, still violated, half an hour over."""
    bench = Bench(FOUR_HOURS).stop("Mon 13:30").resume("Mon 15:30")
    m = bench.milestone("Mon 15:30")
    assert (told(m.target_at), m.violated, m.remaining_seconds) == ("Mon 15:00", True, -1800)


def test_resuming_moves_each_target_by_its_own_calendar() -> None:
    """Over a night: by eight hours of office time, by 24 around the clock."""
    bench = Bench({"name": "Office", **FOUR_HOURS}, {"name": "Always", **FOUR_HOURS, "business_hours": "X"}).stop(
        "Mon 10:00"
    )
    bench.resume("Tue 10:00")
    assert (bench.target("Tue 10:00", "Office"), bench.target("Tue 10:00", "Always")) == ("Tue 13:00", "Tue 13:00")
    assert [bench.minutes("Tue 10:00", name)[1] for name in ("Office", "Always")] == [480, 1440]


def test_stopping_the_case_pauses_every_running_instance() -> None:
    """And nothing fires, however long it takes; who and why are on record."""
    bench = Bench(*({"name": name, **FOUR_HOURS, "triggers": triggers("violation 0")} for name in "AB"))
    bench.stop("Mon 10:00", by="ann", reason="waiting").to("Fri 09:00")
    assert [m.state for m in bench.view("Fri 09:00").milestones] == [InstanceState.PAUSED] * 2
    assert (bench.fired, bench.timeline.next_due, bench.view("Fri 09:00").stopped) == ([], None, True)
    note = bench.notes(NoteKind.CLOCK_STOPPED)[0]
    assert (note.by, note.reason) == ("ann", "waiting")
    resumed = bench.resume("Fri 10:00", by="bob", reason="answered").notes(NoteKind.CLOCK_RESUMED)[0]
    assert (resumed.by, resumed.reason) == ("bob", "answered")


def test_one_milestone_can_be_stopped_alone() -> None:
    """The others run on; who and why are on record."""
    bench = Bench({"name": "A", **FOUR_HOURS}, {"name": "B", **FOUR_HOURS}).stop("Mon 10:00", "A", by="ann", reason="x")
    assert [m.state for m in bench.view("Mon 11:00").milestones] == [InstanceState.PAUSED, InstanceState.RUNNING]
    bench.resume("Mon 12:00", "A")
    assert (bench.target("Mon 12:00", "A"), bench.target("Mon 12:00", "B")) == ("Mon 15:00", "Mon 13:00")
    note = bench.notes(NoteKind.CLOCK_STOPPED)[0]
    assert (note.milestone, note.by, note.reason) == ("A", "ann", "x")


def test_a_rule_pauses() -> None:
    """While its criteria hold, with the rule as the cause."""
    bench = Bench({**FOUR_HOURS, "pause_when": 'case.state == "wait"'}).change("Mon 10:00", state="wait")
    m = bench.milestone("Mon 11:00")
    assert (m.state, m.pauses[0].causes) == (InstanceState.PAUSED, ("pause_when",))
    bench.change("Mon 12:00", state="new")
    assert (bench.milestone("Mon 12:00").state, bench.target("Mon 12:00")) == (InstanceState.RUNNING, "Mon 15:00")


def test_an_instance_runs_again_when_nothing_pauses_it() -> None:
    """Three causes, taken away one by one; all of them are named."""
    bench = Bench({**FOUR_HOURS, "pause_when": 'case.state == "wait"'})
    bench.stop("Mon 10:00").stop("Mon 10:00", "M").change("Mon 10:00", state="wait")
    assert sorted(bench.milestone("Mon 10:00").pauses[0].causes) == ["case stopped", "milestone stopped", "pause_when"]
    bench.resume("Mon 10:30").change("Mon 11:00", state="new")
    assert bench.milestone("Mon 11:00").state is InstanceState.PAUSED
    bench.resume("Mon 11:30", "M")
    assert (bench.milestone("Mon 11:30").state, bench.target("Mon 11:30")) == (InstanceState.RUNNING, "Mon 14:30")


def test_what_starts_while_the_case_is_stopped_starts_paused() -> None:
    """Its clock begins when the case is resumed."""
    declared = {**FOUR_HOURS, "starts": "criteria", "when": 'case.state == "go"'}
    bench = Bench(declared).stop("Mon 10:00").change("Mon 11:00", state="go")
    assert bench.milestone("Mon 11:00").state is InstanceState.PAUSED
    assert bench.resume("Mon 12:00").target("Mon 12:00") == "Mon 16:00"


def test_a_case_that_is_paused_by_rule_from_the_start_uses_nothing_up() -> None:
    """It need not change first."""
    declared = {**FOUR_HOURS, "pause_when": 'case.state == "wait"', "triggers": triggers("violation 0")}
    bench = Bench(declared, fields={"state": "wait"}).to("Tue 09:00")
    assert (bench.fired, bench.minutes("Tue 09:00")) == ([], (480, 480, 0))


def test_a_case_that_is_created_outside_its_process_uses_nothing_up() -> None:
    """Its exit criteria hold from the opening on: that time is a pause."""
    declared = {**FOUR_HOURS, "triggers": triggers("violation 0")}
    bench = Bench(declared, exit_when='case.state == "out"', fields={"state": "out"}).to("Tue 09:00")
    assert bench.fired == []
    bench.change("Tue 10:00", state="in")
    assert (bench.target("Tue 10:00"), bench.minutes("Tue 10:00")) == ("Tue 14:00", (540, 540, 0))


def test_stopping_what_is_stopped_answers_already() -> None:
    """And changes nothing; so does resuming what runs, closing what is closed, a value that a field has."""
    bench = Bench(FOUR_HOURS).stop("Mon 10:00").stop("Mon 11:00")
    assert ["already stopped" in note.text for note in bench.notes(NoteKind.ALREADY)] == [True]
    assert bench.resume("Mon 12:00").resume("Mon 12:30").target("Mon 12:30") == "Mon 15:00"
    bench.stop("Mon 13:00", "M").stop("Mon 13:10", "M").resume("Mon 13:30", "M").resume("Mon 13:40", "M")
    bench.change("Mon 14:00", state="x").change("Mon 14:00", state="x").close("Mon 14:30").close("Mon 14:40")
    assert len(bench.notes(NoteKind.ALREADY)) == 6
    assert bench.target("Mon 15:00") == "Mon 15:30"


@pytest.mark.parametrize(
    ("rules", "case", "milestone", "closed", "extension"),
    [
        (RULES, "2025-06-09 14:00:00Z", "2025-06-09 15:00:00Z", "2025-06-09 16:00:00Z", "1h30m"),
        (
            PLAIN_NOTES - 1,
            "Mon 2025-06-09 14:00 UTC",
            "2025-06-09T15:00:00+00:00",
            "Mon 2025-06-09 16:00 UTC",
            "1:30:00",
        ),
    ],
)
def test_notes_write_spans_and_instants_as_all_others_do(
    rules: int, case: str, milestone: str, closed: str, extension: str
) -> None:
    """So that whoever shows them can put them in a zone; a case of older rules goes on in its own words."""
    bench = Bench({"within": "4h"}, rules=rules).extend("Mon 09:30", open_seconds=5400)
    bench.stop("Mon 10:00").stop("Mon 10:30").resume("Mon 10:40")
    bench.stop("Mon 11:00", "M").stop("Mon 11:30", "M").close("Mon 12:00").close("Mon 12:30")
    assert [note.text for note in bench.notes(NoteKind.ALREADY)] == [
        f"the clock is already stopped, since {case}",
        f"M is already stopped, since {milestone}",
        f"the case is already closed, since {closed}",
    ]
    (extended,) = bench.notes(NoteKind.EXTENDED)
    assert extended.text == f"M extended by {extension} of open time, target 2025-06-09 18:30:00Z"


# --- a new span or calendar ---

PRIORITY = [{"when": 'case.priority == "High"', "span": "240m"}, {"span": "1440m"}]


@pytest.mark.parametrize(
    ("on_change", "target"), [("retroactive", "Mon 13:00"), ("restart", "Mon 16:00"), ("carry", "Mon 15:30")]
)
def test_e21_a_new_span(on_change: str, target: str) -> None:
    """E21: 1,440 minutes around the clock from 09:00; at 12:00 they become 240."""
    bench = Bench({"within": PRIORITY, "on_change": on_change}, hours="X").change("Mon 12:00", priority="High")
    assert bench.target("Mon 12:00") == target


def test_a_new_span_is_retroactive_unless_it_is_declared_otherwise() -> None:
    """From the same start."""
    bench = Bench({"within": PRIORITY}, hours="X").change("Mon 12:00", priority="High")
    assert (bench.start("Mon 12:00"), bench.target("Mon 12:00")) == ("Mon 09:00", "Mon 13:00")


def test_retroactive_counts_pauses_again_by_the_new_calendar() -> None:
    """Stopped over night: eight hours by office hours, 24 around the clock."""
    table = [{"when": 'case.priority == "High"', "span": "4h", "business_hours": "X"}, {"span": "16h"}]
    bench = Bench({"within": table}).stop("Mon 10:00").resume("Tue 10:00")
    assert bench.minutes("Tue 10:00")[1] == 480
    bench.change("Tue 10:00", priority="High")
    assert (bench.target("Tue 10:00"), bench.minutes("Tue 10:00")[1]) == ("Tue 13:00", 1440)


def test_restart_forgets_the_pauses() -> None:
    """The start is now, and only what comes after counts."""
    bench = Bench({"within": PRIORITY, "on_change": "restart"}, hours="X").stop("Mon 10:00").resume("Mon 11:00")
    bench.change("Mon 12:00", priority="High")
    assert (bench.start("Mon 12:00"), bench.target("Mon 12:00")) == ("Mon 12:00", "Mon 16:00")
    assert bench.minutes("Mon 12:30") == (30, 0, 30)


def test_a_restart_while_stopped_is_paused_from_its_start() -> None:
    """The pause before it is forgotten, the one after it counts."""
    bench = Bench({"within": PRIORITY, "on_change": "restart"}, hours="X").stop("Mon 10:00")
    bench.change("Mon 12:00", priority="High").resume("Mon 13:00")
    assert bench.target("Mon 13:00") == "Mon 17:00"


def test_carry_takes_the_fraction_used_up_to_the_pause() -> None:
    """An eighth is used at 12:00, where it was stopped; changed at 14:00 and resumed at 15:00."""
    bench = Bench({"within": PRIORITY, "on_change": "carry"}, hours="X").stop("Mon 12:00")
    assert bench.change("Mon 14:00", priority="High").target("Mon 14:00") == "Mon 15:30"
    assert bench.resume("Mon 15:00").target("Mon 15:00") == "Mon 18:30"


def test_carry_leaves_out_earlier_pauses() -> None:
    """Three hours of which one was paused: a twelfth of 24 hours is used, eleven twelfths of four are left."""
    bench = Bench({"within": PRIORITY, "on_change": "carry"}, hours="X").stop("Mon 10:00").resume("Mon 11:00")
    assert bench.change("Mon 12:00", priority="High").target("Mon 12:00") == "Mon 15:40"


def test_carry_rounds_what_is_left_up_to_the_second() -> None:
    """One second of 90 minutes is used; of a span of 100 s, 99.98 s are left."""
    table = [{"when": 'case.priority == "High"', "span": "100s"}, {"span": "90m"}]
    bench = Bench({"within": table, "on_change": "carry"}, hours="X").change("Mon 09:00:01", priority="High")
    assert bench.target("Mon 09:00:01") == "Mon 09:01:41"


def test_over_100_percent_carried_stays_violated() -> None:
    """What was missed keeps the target of its record, whatever the new span; nothing is corrected."""
    table = [{"when": 'case.priority == "Low"', "span": "1440m"}, {"span": "240m"}]
    bench = Bench({"within": table, "on_change": "carry"}, hours="X").change("Mon 13:30", priority="Low")
    m = bench.milestone("Mon 13:30")
    assert (told(m.target_at), m.violated, bench.violations) == ("Mon 13:00", True, ["Mon 13:00"])


def test_a_change_that_leaves_span_and_calendar_alone_moves_nothing() -> None:
    """Another row with the same span, or no row at all."""
    table = [{"when": 'case.priority == "High"', "span": "90m"}, {"span": "1h30m"}]
    bench = Bench({"within": table, "on_change": "restart"}).change("Mon 10:00", priority="High", count=3)
    assert (bench.start("Mon 10:00"), bench.notes(NoteKind.MOVED)) == ("Mon 09:00", [])


def test_e14_from_the_process_or_from_the_criteria() -> None:
    """E14: entered Monday 10:00, criteria met 14:00, 240 minutes: Monday 14:00, or Tuesday 10:00."""
    when = {**FOUR_HOURS, "when": 'case.state == "go"'}
    bench = Bench(
        {"name": "Process", **when, "starts": "process"},
        {"name": "Criteria", **when, "starts": "criteria"},
        opened="Mon 10:00",
    ).change("Mon 14:00", state="go")
    assert (bench.target("Mon 14:00", "Process"), bench.target("Mon 14:00", "Criteria")) == ("Mon 14:00", "Tue 10:00")


# --- leaving and coming back ---


@pytest.mark.parametrize("way", ["close", "exit_when"])
def test_time_outside_the_process_is_a_pause(way: str) -> None:
    """Whether the case was closed and reopened, or its exit criteria turned false again."""
    bench = Bench({**FOUR_HOURS, "triggers": triggers("violation 0")}, exit_when='case.state == "out"')
    if way == "close":
        bench.close("Mon 10:00").reopen("Mon 12:00")
    else:
        bench.change("Mon 10:00", state="out").change("Mon 12:00", state="in")
    m = bench.milestone("Mon 12:00")
    assert (m.state, m.occurrence, told(m.target_at)) == (InstanceState.RUNNING, 1, "Mon 15:00")
    assert bench.to("Mon 15:00").fired == ["M violation-0 Mon 15:00"]


def test_a_reopened_case_is_not_violated_at_once() -> None:
    """Closed for days, long past its target: what was left of it is left still."""
    bench = Bench({**FOUR_HOURS, "triggers": triggers("violation 0")}).close("Mon 12:00").reopen("Fri 09:00")
    assert (bench.milestone("Fri 09:00").violated, bench.fired, bench.target("Fri 09:00")) == (False, [], "Fri 10:00")


def test_completed_stays_completed_when_the_case_comes_back() -> None:
    """A first response was given once; that is the default."""
    bench = Bench(FOUR_HOURS).complete("Mon 10:00").close("Mon 11:00").reopen("Tue 09:00")
    assert [m.state for m in bench.runs("Tue 09:00")] == [InstanceState.COMPLETED]


def test_restart_at_reentry_is_a_new_occurrence() -> None:
    """From the re-entry, with the whole span; what was before stays as it was."""
    declared = {**FOUR_HOURS, "on_reentry": "restart"}
    bench = Bench({"name": "Done", **declared}, {"name": "Open", **declared}).complete("Mon 10:00", "Done")
    bench.close("Mon 11:00").reopen("Tue 09:00")
    assert [m.state for m in bench.runs("Tue 09:00", "Done")] == [InstanceState.COMPLETED, InstanceState.RUNNING]
    assert [m.state for m in bench.runs("Tue 09:00", "Open")] == [InstanceState.OPEN_AT_EXIT, InstanceState.RUNNING]
    for name in ("Done", "Open"):
        assert (bench.start("Tue 09:00", name), bench.target("Tue 09:00", name)) == ("Tue 09:00", "Tue 13:00")


def test_a_closed_case_takes_neither_a_stop_nor_a_resume() -> None:
    """Nor a change of its entitlement."""
    bench = Bench(FOUR_HOURS).close("Mon 10:00")
    assert bench.refused(bench.stop, "Mon 11:00") == "closed"
    assert bench.refused(bench.resume, "Mon 11:00") == "closed"
    assert bench.refused(bench.go_over, "Mon 11:00", plan(None)) == "closed"


# --- another entitlement ---

OTHER = plan(process({"name": "Other", "within": "8h"}, name="Q"), entitlement={"type": "Silver"})


def test_a_change_of_entitlement_enters_the_new_process_at_the_change() -> None:
    """What is open in the old one is open at exit, what is completed there stays."""
    bench = Bench({"name": "Done", **FOUR_HOURS}, FOUR_HOURS).complete("Mon 10:00", "Done")
    bench.go_over("Mon 11:00", OTHER, by="ann", reason="upgrade")
    assert [(m.milestone, m.process, m.state) for m in bench.view("Mon 11:00").milestones] == [
        ("Done", "p", InstanceState.COMPLETED),
        ("M", "p", InstanceState.OPEN_AT_EXIT),
        ("Other", "q", InstanceState.RUNNING),
    ]
    assert (bench.start("Mon 11:00", "Other"), bench.target("Mon 11:00", "Other")) == ("Mon 11:00", "Tue 11:00")
    note = bench.notes(NoteKind.ENTITLEMENT_CHANGED)[0]
    assert (note.by, note.reason) == ("ann", "upgrade")


def test_a_wrong_choice_of_entitlement_is_corrected_from_the_opening() -> None:
    """When the request says so."""
    bench = Bench(FOUR_HOURS).go_over("Mon 11:00", OTHER, from_opening=True)
    assert (bench.start("Mon 11:00", "Other"), bench.target("Mon 11:00", "Other")) == ("Mon 09:00", "Mon 17:00")


def test_criteria_see_the_new_entitlement() -> None:
    """From the change on."""
    gold = {"within": "4h", "when": 'entitlement.type == "Silver"'}
    bench = Bench(gold, entitlement={"type": "Gold"})
    assert bench.runs("Mon 10:00") == []
    bench.go_over("Mon 11:00", plan(process(gold), entitlement={"type": "Silver"}))
    assert bench.start("Mon 11:00") == "Mon 11:00"

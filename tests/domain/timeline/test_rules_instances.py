"""The rules of milestone instances: targets, violations, completions, and the order of events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.errors import Refused
from domain.timeline.effects import NoteKind
from domain.timeline.events import FieldsChanged, MilestoneCompleted
from domain.timeline.instances import InstanceState
from domain.timeline.machine import Case, Timeline
from domain.timeline.views import MilestoneStatus
from tests.domain.timeline.bench import Bench, field_at, ny, plan, process, sets, told, triggers

FOUR_HOURS: dict[str, Any] = {"within": "240m"}
VIOLATION = {**FOUR_HOURS, "triggers": triggers("violation 0")}
OPEN_VIOLATION, CLOSED_VIOLATION, COMPLIANT = (
    MilestoneStatus.OPEN_VIOLATION,
    MilestoneStatus.CLOSED_VIOLATION,
    MilestoneStatus.COMPLIANT,
)

# --- where an instance stands ---


def test_every_state_can_be_read() -> None:
    """Scheduled, running, paused, completed, removed, open at exit."""
    when = 'case.state != "out"'
    bench = Bench(
        {"name": "Open", **FOUR_HOURS},
        {"name": "Done", **FOUR_HOURS},
        {"name": "Gone", **FOUR_HOURS, "when": when},
        entry="entry_at",
        fields={"entry_at": field_at("Mon 09:00"), "state": "new"},
    )
    bench.change("Mon 09:15", entry_at=field_at("Mon 10:00"))
    assert {m.state for m in bench.view("Mon 09:30").milestones} == {InstanceState.SCHEDULED}
    bench.to("Mon 10:00")
    assert {m.state for m in bench.view("Mon 10:00").milestones} == {InstanceState.RUNNING}
    bench.stop("Mon 11:00")
    assert {m.state for m in bench.view("Mon 11:00").milestones} == {InstanceState.PAUSED}
    bench.resume("Mon 11:30").complete("Mon 12:00", "Done").change("Mon 12:00", state="out").close("Mon 13:00")
    assert [m.state for m in bench.view("Mon 13:00").milestones] == [
        InstanceState.OPEN_AT_EXIT,
        InstanceState.COMPLETED,
        InstanceState.REMOVED,
    ]


def test_what_is_removed_stays_on_record_with_its_violation() -> None:
    """It is never deleted."""
    bench = Bench({**VIOLATION, "when": 'case.state != "out"'}, fields={"state": "new"})
    bench.to("Mon 14:00").change("Mon 14:00", state="out")
    m = bench.milestone("Tue 09:00")
    assert (m.state, told(m.removed_at), m.violated) == (InstanceState.REMOVED, "Mon 14:00", True)
    assert (bench.violations, bench.view("Tue 09:00").status) == (["Mon 13:00"], CLOSED_VIOLATION)


def test_instants_are_cut_to_whole_seconds() -> None:
    """Of the opening, of events, and of the time: completed within the second of the target is in time."""
    quarter, three_quarters = timedelta(milliseconds=250), timedelta(milliseconds=750)
    timeline = Timeline.enter(plan(process(FOUR_HOURS)), Case(case_id="c"), ny("Mon 09:00") + quarter)
    missed = timeline.fork()
    event = MilestoneCompleted(milestone="M", event_id="1", occurred_at=ny("Mon 13:00") + three_quarters)
    timeline.apply(event, ny("Mon 13:00") + three_quarters)
    (m,) = timeline.view(ny("Mon 13:00")).milestones
    assert (m.start_at, m.target_at, m.completed_at) == (ny("Mon 09:00"), ny("Mon 13:00"), ny("Mon 13:00"))
    assert not m.violated
    missed.advance(ny("Mon 13:00") + three_quarters)
    (violation,) = missed.view(ny("Mon 13:00")).milestones[0].violations
    assert (violation.violated_at, violation.noticed_at) == (ny("Mon 13:00"), ny("Mon 13:00"))


# --- targets ---


def test_a_target_is_span_pauses_and_extensions_from_the_start() -> None:
    """Each added in open time: four hours, one of pause over night, half an hour and an hour."""
    bench = Bench(FOUR_HOURS, opened="Mon 13:00").stop("Mon 16:30").resume("Tue 09:30")
    bench.extend("Tue 09:45", open_seconds=1800).extend("Tue 09:45", open_seconds=3600)
    assert bench.target("Tue 09:45") == "Tue 11:30"


def test_e27_an_open_pause_ends_with_the_completion() -> None:
    """E27: stopped at 10:00 and completed at 14:00 while still stopped: in time, 60 minutes of work."""
    bench = Bench(FOUR_HOURS).stop("Mon 10:00").complete("Mon 14:00")
    assert bench.target("Mon 14:00") == "Mon 17:00"
    assert not bench.milestone("Mon 14:00").violated
    assert bench.minutes("Mon 14:00") == (300, 240, 60)
    assert bench.resume("Mon 16:00").target("Mon 16:00") == "Mon 17:00", "what comes after the completion is not his"


@pytest.mark.parametrize("end", ["removal", "exit"])
def test_a_pause_ends_with_its_instance(end: str) -> None:
    """At its removal, or when the case leaves the process."""
    bench = Bench({**FOUR_HOURS, "when": 'case.state != "out"'}, fields={"state": "new"}).stop("Mon 10:00")
    ended = bench.close("Mon 11:00") if end == "exit" else bench.change("Mon 11:00", state="out").resume("Mon 15:00")
    assert (ended.target("Mon 15:00"), ended.minutes("Mon 15:00")) == ("Mon 14:00", (120, 60, 60))


def test_overlapping_pauses_count_once() -> None:
    """The case 10:00-12:00, the milestone alone 11:00-13:00, by rule 12:30-14:00: four hours."""
    bench = Bench({**FOUR_HOURS, "pause_when": 'case.state == "wait"'}).stop("Mon 10:00").stop("Mon 11:00", "M")
    bench.resume("Mon 12:00").change("Mon 12:30", state="wait").resume("Mon 13:00", "M").change(
        "Mon 14:00", state="new"
    )
    assert (bench.target("Mon 14:00"), bench.minutes("Mon 14:00")) == ("Mon 17:00", (300, 240, 60))


def test_time_before_the_start_counts_for_nothing() -> None:
    """The case is stopped 09:00-11:00, the milestone starts at 10:00: one hour of pause."""
    bench = Bench({**FOUR_HOURS, "starts": "criteria", "when": 'case.state == "go"'}).stop("Mon 09:00")
    bench.change("Mon 10:00", state="go").resume("Mon 11:00")
    assert (bench.target("Mon 11:00"), bench.minutes("Mon 11:00")) == ("Mon 15:00", (60, 60, 0))


def test_an_open_pause_moves_no_target() -> None:
    """Only its end does."""
    bench = Bench(FOUR_HOURS).stop("Mon 10:00").to("Mon 12:00")
    assert bench.target("Mon 12:00") == "Mon 13:00"
    assert bench.resume("Mon 12:00").target("Mon 12:00") == "Mon 15:00"


def test_e20_elapsed_less_paused_is_actual() -> None:
    """E20: Monday 09:00 to Tuesday 10:00 with a pause of two hours: 540, 120 and 420 minutes."""
    bench = Bench({"within": "16h"}).stop("Mon 10:00").resume("Mon 12:00").complete("Tue 10:00")
    assert bench.minutes("Tue 10:00") == (540, 120, 420)


# --- violated ---


def test_e1_completed_before_the_target_is_in_time() -> None:
    """E1: four hours around the clock from 10:00, completed 13:00: target 14:00, 180 minutes, not violated."""
    bench = Bench(FOUR_HOURS, hours="X", opened="Mon 10:00").complete("Mon 13:00").to("Tue 09:00")
    m = bench.milestone("Tue 09:00")
    assert (told(m.target_at), m.elapsed_seconds, m.violated) == ("Mon 14:00", 180 * 60, False)


def test_e19_completed_at_the_target_is_in_time() -> None:
    """E19: exactly at the target is met, one second later is missed."""
    in_time, late = Bench(FOUR_HOURS).complete("Mon 13:00"), Bench(FOUR_HOURS).complete("Mon 13:00:01")
    assert not in_time.milestone("Tue 09:00").violated
    assert late.milestone("Tue 09:00").violated
    assert (in_time.violations, late.violations) == ([], ["Mon 13:00"])


def test_an_open_milestone_is_violated_after_its_target() -> None:
    """Not up to it."""
    bench = Bench(FOUR_HOURS)
    assert not bench.milestone("Mon 13:00").violated
    assert bench.milestone("Mon 13:00:01").violated


def test_a_paused_milestone_is_judged_at_its_pause() -> None:
    """However long it stands, it is not missed; missed before it stays missed."""
    bench = Bench(FOUR_HOURS).stop("Mon 13:00").to("Fri 09:00")
    assert (bench.milestone("Fri 09:00").violated, bench.view("Fri 09:00").status) == (False, COMPLIANT)
    missed = Bench(FOUR_HOURS).stop("Mon 13:00:01").to("Fri 09:00")
    assert (missed.milestone("Fri 09:00").violated, missed.view("Fri 09:00").status) == (True, OPEN_VIOLATION)


@pytest.mark.parametrize("paused", [False, True])
def test_a_closed_case_never_becomes_violated(*, paused: bool) -> None:
    """Its milestones are judged at the exit, or at their pause then; no timer is left."""
    bench = Bench(VIOLATION)
    if paused:
        bench.stop("Mon 10:00")
    bench.close("Mon 12:00").to("Fri 09:00")
    assert (bench.milestone("Fri 09:00").violated, bench.view("Fri 09:00").status) == (False, COMPLIANT)
    assert (bench.fired, bench.violations, bench.timeline.next_due) == ([], [], None)
    deadline = Bench({"by": "due_at"}, fields={"due_at": field_at("Mon 15:00")}).close("Mon 12:00").to("Fri 09:00")
    assert not deadline.milestone("Fri 09:00").violated


@pytest.mark.parametrize("paused", [False, True])
def test_a_removed_milestone_never_becomes_violated(*, paused: bool) -> None:
    """It is judged at its removal, or at its pause then."""
    bench = Bench({**VIOLATION, "when": 'case.state != "out"'}, fields={"state": "new"})
    if paused:
        bench.stop("Mon 10:00")
    bench.change("Mon 12:00", state="out").to("Fri 09:00")
    assert (bench.milestone("Fri 09:00").violated, bench.fired, bench.violations) == (False, [], [])


@pytest.mark.parametrize("end", ["close", "remove"])
def test_a_missed_milestone_that_ends_in_a_pause_stays_violated(end: str) -> None:
    """The pause that it is judged at is not counted in the target that it missed."""
    bench = Bench({**FOUR_HOURS, "when": 'case.state != "out"'}, fields={"state": "new"}).to("Mon 13:30")
    bench.stop("Mon 13:30")
    ended = bench.close("Tue 11:00") if end == "close" else bench.change("Tue 11:00", state="out")
    assert (ended.milestone("Fri 09:00").violated, ended.view("Fri 09:00").status) == (True, CLOSED_VIOLATION)


def test_closing_completes_nothing() -> None:
    """What is open is open at exit."""
    bench = Bench(FOUR_HOURS).close("Mon 12:00")
    m = bench.milestone("Mon 12:00")
    assert (m.state, m.completed_at, told(m.exited_at)) == (InstanceState.OPEN_AT_EXIT, None, "Mon 12:00")


def test_the_status_of_a_case() -> None:
    """Open violation while an open instance is violated in the process, closed once none is, else compliant."""
    bench = Bench(FOUR_HOURS, {"name": "Other", "within": "16h"})
    assert bench.to("Mon 13:00").view("Mon 12:59").status is not CLOSED_VIOLATION
    assert Bench(FOUR_HOURS).complete("Mon 12:00").view("Mon 14:00").status is COMPLIANT
    assert bench.view("Mon 14:00").status is OPEN_VIOLATION
    assert bench.complete("Mon 14:00").view("Mon 14:00").status is CLOSED_VIOLATION
    left = Bench(FOUR_HOURS).to("Mon 13:00:01").close("Mon 14:00")
    assert left.view("Mon 14:00").status is CLOSED_VIOLATION


# --- violations on record ---


def test_a_violation_is_recorded_once_at_its_target() -> None:
    """With the time at which it was noticed."""
    bench = Bench(FOUR_HOURS).to("Tue 11:00").to("Tue 12:00").through_json().to("Wed 12:00")
    violation = bench.milestone("Wed 12:00").violations[0]
    assert (told(violation.violated_at), told(violation.noticed_at)) == ("Mon 13:00", "Tue 11:00")
    assert (bench.violations, len(bench.notes(NoteKind.VIOLATED))) == (["Mon 13:00"], 1)


def test_a_resume_never_corrects_a_violation() -> None:
    """E11e: it keeps the target of its time, and stands after the target has moved."""
    bench = Bench(VIOLATION).stop("Mon 13:30").resume("Mon 15:30")
    m = bench.milestone("Mon 15:30")
    assert (told(m.target_at), m.violated, bench.violations) == ("Mon 15:00", True, ["Mon 13:00"])
    assert Bench(VIOLATION).stop("Mon 13:01").resume("Mon 16:00").violations == ["Mon 13:00"]


def test_an_extension_corrects_a_violation() -> None:
    """With the reason on record; a new target missed in turn is a second violation; what was fired stays fired."""
    bench = Bench(VIOLATION).extend("Mon 14:00", open_seconds=3600)
    assert bench.violations == ["Mon 13:00 corrected Mon 14:00"]
    assert not bench.milestone("Mon 14:00").violated
    assert bench.runs("Mon 14:00")[0].violations[0].correction == "its target was extended"
    bench.to("Mon 15:00")
    assert bench.violations == ["Mon 13:00 corrected Mon 14:00", "Mon 14:00"]
    assert bench.fired == ["M violation-0 Mon 13:00"]


def test_an_extension_that_ends_before_now_corrects_nothing() -> None:
    """The target moved, and it is still past."""
    bench = Bench(FOUR_HOURS).extend("Mon 15:00", open_seconds=3600)
    assert (bench.target("Mon 15:00"), bench.violations) == ("Mon 14:00", ["Mon 13:00"])


def test_a_new_span_corrects_a_violation() -> None:
    """The target moves past now."""
    table = [{"when": 'case.priority == "Low"', "span": "8h"}, {"span": "4h"}]
    bench = Bench({"within": table}).change("Mon 14:00", priority="Low")
    assert (bench.violations, bench.target("Mon 14:00")) == (["Mon 13:00 corrected Mon 14:00"], "Mon 17:00")
    assert not bench.milestone("Mon 14:00").violated


def test_late_news_of_a_completion_in_time_corrects_a_violation() -> None:
    """Completed at 12:00, known at 15:00: it takes effect at the violation, whose action had gone out."""
    bench = Bench(VIOLATION).to("Mon 14:00").complete("Mon 15:00", occurred="Mon 12:00")
    assert bench.violations == ["Mon 13:00 corrected Mon 13:00"]
    m = bench.milestone("Mon 15:00")
    assert (m.violated, told(m.completed_at)) == (False, "Mon 12:00")
    assert bench.fired == ["M violation-0 Mon 13:00"]
    assert (told(bench.notes(NoteKind.COMPLETED)[0].occurred_at), bench.view("Mon 15:00").status) == (
        "Mon 12:00",
        COMPLIANT,
    )


# --- completions ---


def test_success_fires_once_also_when_late() -> None:
    """At once, by request or by rule; clearing a completion and completing again does not repeat it."""
    bench = Bench({**FOUR_HOURS, "triggers": triggers("success")}).complete("Mon 15:00")
    assert bench.fired == ["M success Mon 15:00"]
    bench.clear("Mon 15:30").complete("Mon 16:00")
    assert bench.fired == ["M success Mon 15:00"]


def test_a_completion_is_refused_before_the_start_in_the_future_and_twice() -> None:
    """And what is refused changes nothing."""
    late = {**FOUR_HOURS, "name": "Late", "starts": "criteria", "when": 'case.state == "go"'}
    bench = Bench(FOUR_HOURS, late).change("Mon 10:00", state="go")
    assert bench.refused(bench.complete, "Mon 11:00", "Late", occurred="Mon 09:59") == "before_start"
    assert bench.refused(bench.complete, "Mon 11:00", occurred="Mon 11:01") == "in_the_future"
    assert bench.complete("Mon 11:00").refused(bench.complete, "Mon 11:00") == "already_completed"


def test_a_late_completion_has_the_verdict_of_its_time() -> None:
    """E11e, completed at 13:20, heard of at 16:00: the stop, span and extension after its time do not count."""
    bench = Bench(FOUR_HOURS).stop("Mon 13:30").resume("Mon 15:30").complete("Mon 16:00", occurred="Mon 13:20")
    assert (bench.target("Mon 16:00"), bench.milestone("Mon 16:00").violated) == ("Mon 13:00", True)
    extended = Bench(FOUR_HOURS).extend("Mon 13:30", open_seconds=3600).complete("Mon 16:00", occurred="Mon 13:20")
    assert (extended.target("Mon 16:00"), extended.milestone("Mon 16:00").violated) == ("Mon 13:00", True)
    table = [{"when": 'case.priority == "High"', "span": "1h"}, {"span": "4h"}]
    shorter = Bench({"within": table}).change("Mon 13:00", priority="High").complete("Mon 14:00", occurred="Mon 12:00")
    assert (shorter.target("Mon 14:00"), shorter.milestone("Mon 14:00").violated) == ("Mon 13:00", False)


def test_a_late_completion_may_come_after_the_removal_or_the_exit() -> None:
    """On arriving in time it would have been taken."""
    bench = Bench({**FOUR_HOURS, "when": 'case.state != "out"'}, fields={"state": "new"})
    bench.change("Mon 11:00", state="out").complete("Mon 12:00", occurred="Mon 10:00")
    assert bench.milestone("Mon 12:00").state is InstanceState.COMPLETED
    closed = Bench(FOUR_HOURS).close("Mon 11:00")
    assert closed.refused(closed.complete, "Mon 12:00") == "not_open"
    assert closed.complete("Mon 12:00", occurred="Mon 10:00").milestone("Mon 12:00").state is InstanceState.COMPLETED


def test_what_follows_a_late_completion_starts_from_its_time() -> None:
    """The milestone after it, and its own next occurrence."""
    bench = Bench(FOUR_HOURS, {"name": "Second", "within": "4h", "starts": {"after": "M"}})
    bench.complete("Mon 12:00", occurred="Mon 10:00")
    assert (bench.start("Mon 12:00", "Second"), bench.target("Mon 12:00", "Second")) == ("Mon 10:00", "Mon 14:00")
    again = Bench({**FOUR_HOURS, "starts": "criteria", "recurrence": "independent"})
    again.complete("Mon 12:00", occurred="Mon 10:00")
    assert [told(m.start_at) for m in again.runs("Mon 12:00")] == ["Mon 09:00", "Mon 10:00"]


def test_a_completion_can_be_cleared() -> None:
    """As if it had never been: what fell due meanwhile fires, late; who and why are on record."""
    bench = (
        Bench({**FOUR_HOURS, "triggers": triggers("warning 1h", "violation 0")}).complete("Mon 11:00").to("Mon 14:00")
    )
    assert bench.fired == []
    bench.clear("Mon 15:00", by="ann", reason="not answered").to("Mon 15:00")
    assert bench.fired == ["M warning-1h Mon 12:00 at Mon 15:00", "M violation-0 Mon 13:00 at Mon 15:00"]
    assert bench.violations == ["Mon 13:00"]
    note = bench.notes(NoteKind.CLEARED)[0]
    assert (note.by, note.reason) == ("ann", "not answered")


def test_a_completion_is_not_cleared_once_a_later_occurrence_has_started() -> None:
    """While the later one is only scheduled, it can be."""
    recurring = {**FOUR_HOURS, "starts": "criteria", "recurrence": "sequential"}
    bench = Bench(recurring).complete("Mon 10:00")
    assert [m.state for m in bench.runs("Mon 11:00")] == [InstanceState.COMPLETED, InstanceState.SCHEDULED]
    started = Bench(recurring).complete("Mon 10:00").to("Mon 13:00")
    assert started.refused(started.clear, "Mon 13:00") == "later_occurrence"
    bench.clear("Mon 11:00")
    assert [m.state for m in bench.runs("Mon 11:00") if m.occurrence == 1] == [InstanceState.RUNNING]
    nothing = Bench(FOUR_HOURS)
    assert nothing.refused(nothing.clear, "Mon 10:00") == "not_completed"


# --- extensions ---


def test_an_extension_to_an_instant_adds_the_open_time_until_it() -> None:
    """To Saturday noon on office hours gives Friday 17:00, and the answer says so; who and why are on record."""
    bench = Bench(FOUR_HOURS).extend("Mon 10:00", until=ny("Sat 12:00"), by="ann", reason="agreed")
    assert bench.target("Mon 10:00") == "Fri 17:00"
    note = bench.notes(NoteKind.EXTENDED)[0]
    assert (note.by, note.reason) == ("ann", "agreed")
    assert note.text.endswith("target 2025-06-13 21:00:00Z")


def test_an_extension_is_only_later() -> None:
    """Neither earlier nor by closed time alone, which adds nothing."""
    bench = Bench(FOUR_HOURS, opened="Mon 13:00")
    assert bench.refused(bench.extend, "Mon 14:00", until=ny("Mon 16:00")) == "not_later"
    assert bench.refused(bench.extend, "Mon 14:00", until=ny("Tue 08:00")) == "not_later"


def test_a_new_span_keeps_an_extension() -> None:
    """An hour was granted; the shorter span has it too."""
    table = [{"when": 'case.priority == "High"', "span": "2h"}, {"span": "4h"}]
    bench = Bench({"within": table}).extend("Mon 10:00", open_seconds=3600).change("Mon 10:30", priority="High")
    assert bench.target("Mon 10:30") == "Mon 12:00"


# --- the order of events ---


def test_what_was_due_before_an_event_comes_first() -> None:
    """The violation of 13:00 is there before the completion of 13:30 is judged, though nothing woke it up at 13:00."""
    bench = Bench({**FOUR_HOURS, "triggers": triggers("violation 0", "success")}).complete("Mon 13:30")
    assert bench.fired == ["M violation-0 Mon 13:00", "M success Mon 13:30"]


def test_an_event_at_the_instant_of_a_trigger_comes_before_it() -> None:
    """A completion and a pause at the target: nothing fires."""
    assert Bench(VIOLATION).complete("Mon 13:00").to("Tue 09:00").fired == []
    assert Bench(VIOLATION).stop("Mon 13:00").to("Tue 09:00").fired == []


def test_time_that_reaches_a_target_violates_it() -> None:
    """Up to and including: at the second before nothing happens, at the target it does."""
    bench = Bench(VIOLATION).to("Mon 12:59:59")
    assert bench.fired == []
    assert told(bench.timeline.next_due) == "Mon 13:00"
    assert bench.to("Mon 13:00").fired == ["M violation-0 Mon 13:00"]
    assert bench.violations == ["Mon 13:00"]


def test_offset_nothing_is_the_target_itself() -> None:
    """A target at closing time is not missed at the next opening."""
    bench = Bench(VIOLATION, opened="Mon 13:00").to("Tue 12:00")
    assert bench.fired == ["M violation-0 Mon 17:00"]


def test_events_of_one_instant_are_taken_in_order_of_arrival() -> None:
    """Stopped, then completed; completed, then refused."""
    bench = Bench(FOUR_HOURS).stop("Mon 10:00").complete("Mon 10:00")
    assert [n.kind for n in bench.effects][-3:] == [NoteKind.CLOCK_STOPPED, NoteKind.PAUSED, NoteKind.COMPLETED]
    other = Bench(FOUR_HOURS).complete("Mon 10:00")
    assert other.refused(other.stop, "Mon 10:00", "M") == "not_open"


def test_an_old_event_takes_effect_at_the_last_one() -> None:
    """A stop of 10:00 that is heard of at 11:30, after an event of 11:00: it counts from 11:00."""
    bench = Bench(FOUR_HOURS).change("Mon 11:00", count=1).stop("Mon 11:30", occurred="Mon 10:00").resume("Mon 12:00")
    assert bench.target("Mon 12:00") == "Mon 14:00"
    fired = (
        Bench({**FOUR_HOURS, "triggers": triggers("warning 1h")})
        .to("Mon 12:30")
        .stop("Mon 12:30", occurred="Mon 11:00")
    )
    assert fired.resume("Mon 13:00").target("Mon 13:00") == "Mon 14:00", "it counts from the warning of 12:00"


def test_an_old_event_has_both_its_times_on_record() -> None:
    """When it happened, and when it took effect."""
    bench = Bench(FOUR_HOURS).change("Mon 11:00", count=1).stop("Mon 11:30", occurred="Mon 10:00")
    note = bench.notes(NoteKind.CLOCK_STOPPED)[0]
    assert (told(note.at), told(note.occurred_at)) == ("Mon 11:00", "Mon 10:00")


def test_up_to_five_seconds_ahead_is_clock_skew() -> None:
    """It is kept as it is; six are refused."""
    bench = Bench(FOUR_HOURS)
    assert bench.refused(bench.complete, "Mon 10:00", occurred="Mon 10:00:06") == "in_the_future"
    bench.complete("Mon 10:00", occurred="Mon 10:00:05")
    assert told(bench.milestone("Mon 10:00").completed_at) == "Mon 10:00:05"


def test_an_event_from_before_the_case_is_refused() -> None:
    """Whatever it is."""
    bench = Bench(FOUR_HOURS)
    assert bench.refused(bench.stop, "Mon 10:00", occurred="Mon 08:59:59") == "before_case"


def test_the_same_event_is_taken_once() -> None:
    """By its id, also through JSON."""
    bench = Bench(FOUR_HOURS).extend("Mon 10:00", open_seconds=600, event_id="x").through_json()
    bench.extend("Mon 11:00", open_seconds=600, event_id="x")
    assert bench.target("Mon 11:00") == "Mon 13:10"


# --- every change is evaluated at once ---


def test_a_completion_is_judged_by_the_span_before_the_change() -> None:
    """One change completes the milestone and shortens its span: it was in time."""
    table = [{"when": 'case.state == "done"', "span": "1h"}, {"span": "4h"}]
    bench = Bench({"within": table, "complete_when": 'case.state == "done"'}).change("Mon 12:00", state="done")
    m = bench.milestone("Mon 12:00")
    assert (told(m.target_at), m.violated, bench.violations) == ("Mon 13:00", False, [])


def test_completed_wins_over_removed() -> None:
    """One change makes both rules true; and what is completed is never removed."""
    when = {"when": 'case.state != "done"', "complete_when": 'case.state == "done"'}
    bench = Bench({**FOUR_HOURS, **when}, fields={"state": "new"}).change("Mon 12:00", state="done")
    bench.change("Mon 12:30", state="done", count=1)
    assert bench.milestone("Mon 12:30").state is InstanceState.COMPLETED


def test_completed_wins_over_exit() -> None:
    """One change makes both rules true."""
    bench = Bench({**FOUR_HOURS, "complete_when": 'case.state == "done"'}, exit_when='case.state == "done"')
    assert bench.change("Mon 12:00", state="done").milestone("Mon 12:00").state is InstanceState.COMPLETED


def test_removed_comes_before_a_new_span() -> None:
    """A milestone whose criteria turn false keeps the span that it had."""
    table = [{"when": 'case.priority == "High"', "span": "1h"}, {"span": "4h"}]
    declared = {"within": table, "when": 'case.state != "out"'}
    bench = Bench(declared, fields={"state": "new"}).change("Mon 12:00", state="out", priority="High")
    m = bench.milestone("Mon 12:00")
    assert (m.state, m.span, m.violated) == (InstanceState.REMOVED, "4h", False)


def test_a_new_span_comes_before_a_pause() -> None:
    """A target that one change moves to the past and pauses at the same instant is violated at that pause."""
    table = [{"when": 'case.state == "wait"', "span": "1h"}, {"span": "4h"}]
    bench = Bench({"within": table, "pause_when": 'case.state == "wait"'}).change("Mon 12:00", state="wait")
    kinds = [n.kind for n in bench.effects if n.kind in (NoteKind.MOVED, NoteKind.PAUSED)]
    assert kinds == [NoteKind.MOVED, NoteKind.PAUSED]
    assert bench.milestone("Mon 12:00").violated


def test_evaluation_goes_on_until_nothing_changes() -> None:
    """A success sets a field, which completes another milestone, which starts a third, all at one instant."""
    bench = Bench(
        {"name": "Third", "within": "4h", "starts": {"after": "Second"}},
        {"name": "Second", "within": "4h", "complete_when": 'case.state == "done"'},
        {"within": "4h", "triggers": triggers("success", actions=sets(state="done"))},
    ).complete("Mon 10:00")
    assert told(bench.milestone("Mon 10:00", "Second").completed_at) == "Mon 10:00"
    assert bench.start("Mon 10:00", "Third") == "Mon 10:00"


def test_rules_that_chase_one_another_are_stopped() -> None:
    """Two milestones that call each other up at their starts: after ten rounds, on record; the case goes on."""
    bench = Bench(
        *(
            {
                "name": name,
                "within": "4h",
                "starts": "criteria",
                "when": f'case.state == "{here}"',
                "triggers": triggers("warning 4h", actions=sets(state=there)),
            }
            for name, here, there in (("Tick", "a", "b"), ("Tock", "b", "a"))
        ),
        {"name": "Other", "within": "8h", "triggers": triggers("violation 0")},
        fields={"state": "a"},
    ).to("Mon 09:00")
    guard = bench.notes(NoteKind.GUARD)
    assert [told(note.at) for note in guard] == ["Mon 09:00"]
    assert "after 10 rounds" in guard[0].text
    assert bench.to("Mon 17:00").fired[-1] == "Other violation-0 Mon 17:00"


def test_nobodys_change_is_exempt() -> None:
    """A field that an action sets is evaluated as one that a person sets, whoever it is."""
    milestone = {"name": "Escalated", "within": "4h", "starts": "criteria", "when": 'case.priority == "High"'}
    by_action = Bench({**FOUR_HOURS, "triggers": triggers("warning 1h", actions=sets(priority="High"))}, milestone)
    assert by_action.to("Mon 12:00").start("Mon 12:00", "Escalated") == "Mon 12:00"
    by_robot = Bench(FOUR_HOURS, milestone).change("Mon 12:00", by="robot", priority="High")
    assert by_robot.start("Mon 12:00", "Escalated") == "Mon 12:00"


def test_a_value_that_a_field_does_not_list_is_refused() -> None:
    """As its plan has the list; what the case has already may be said again."""
    bench = Bench(FOUR_HOURS, fields={"priority": "Urgent"}, values={"priority": ["Low", "High"]})
    event = FieldsChanged(event_id="e", occurred_at=ny("Mon 10:00"), fields={"priority": "high"})
    with pytest.raises(Refused, match=r"case\.priority: 'high' is none of its values; did you mean 'High'") as refused:
        bench.timeline.apply(event)
    assert refused.value.code == "bad_field"
    bench.change("Mon 10:00", priority="Urgent", state="New").change("Mon 11:00", priority=None)
    assert bench.refused(bench.change, "Mon 12:00", priority="Urgent") == "bad_field"
    assert bench.change("Mon 12:00", priority="Low").view("Mon 12:00").fields == {"priority": "Low", "state": "New"}


def test_an_unknown_field_or_milestone_is_refused() -> None:
    """With the names that there are, and without a trace."""
    bench = Bench(FOUR_HOURS)
    assert bench.refused(bench.complete, "Mon 10:00", "Nope") == "unknown_milestone"
    assert bench.refused(bench.change, "Mon 10:00", nope=1) == "bad_field"
    event = FieldsChanged(event_id="e", occurred_at=ny("Mon 10:00"), fields={"count": "many"})
    with pytest.raises(Exception, match="count"):
        bench.timeline.apply(event)

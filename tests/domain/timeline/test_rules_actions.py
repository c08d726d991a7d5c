"""The rules of warnings, violations and successes: when they fire, in which order, and what they carry."""

from __future__ import annotations

from typing import Any

import pytest

from domain.process import Milestone
from domain.timeline.effects import NoteKind, TriggerFired
from domain.timeline.instances import InstanceState
from tests.domain.timeline.bench import Bench, field_at, sets, told, triggers

FOUR_HOURS: dict[str, Any] = {"within": "240m"}

# --- when they are due ---


def test_e10_offsets_are_open_time() -> None:
    """E10: 240 minutes from Wednesday 15:00: target Thursday 11:00, and offsets before and after it."""
    offsets = triggers("warning 180m", "warning 150m", "warning 60m", "violation 0", "violation 60m", "violation 420m")
    bench = Bench({**FOUR_HOURS, "triggers": offsets}, opened="Wed 15:00").to("Fri 17:00")
    assert [told(e.due_at) for e in bench.effects if isinstance(e, TriggerFired)] == [
        "Wed 16:00",
        "Wed 16:30",
        "Thu 10:00",
        "Thu 11:00",
        "Thu 12:00",
        "Fri 10:00",
    ]


def test_a_percentage_is_counted_back_from_the_target() -> None:
    """Half of 240 minutes from Wednesday 15:00 is Thursday 09:00, not Wednesday at closing time."""
    half = Bench({**FOUR_HOURS, "triggers": triggers("warning 50%")}, opened="Wed 15:00").to("Thu 11:00")
    assert half.fired == ["M warning-50-percent Thu 09:00"]
    bench = Bench({**FOUR_HOURS, "triggers": triggers("warning 75%")}).to("Mon 13:00")
    assert bench.fired == ["M warning-75-percent Mon 12:00"]


def test_a_percentage_follows_the_target() -> None:
    """A pause of an hour moves it by an hour: it is of the span, not of span and pause."""
    bench = Bench({**FOUR_HOURS, "triggers": triggers("warning 75%")}).stop("Mon 10:00").resume("Mon 11:00")
    assert bench.to("Mon 14:00").fired == ["M warning-75-percent Mon 13:00"]


def test_a_warning_longer_than_its_row_fires_at_the_start() -> None:
    """It is not longer than the other row's span, so it could be declared."""
    table = [{"when": 'case.priority == "High"', "span": "1h"}, {"span": "4h"}]
    bench = Bench({"within": table, "triggers": triggers("warning 2h")}, fields={"priority": "High"}).to("Mon 10:00")
    assert bench.fired == ["M warning-2h Mon 09:00"]


# --- what field updates do ---


def test_a_field_update_takes_effect_when_its_trigger_was_due() -> None:
    """After an outage too: the milestone that it calls up starts at the violation, not when the engine came back."""
    bench = Bench(
        {**FOUR_HOURS, "triggers": triggers("violation 0", actions=sets(state="late"))},
        {"name": "Escalated", "within": "1h", "starts": "criteria", "when": 'case.state == "late"'},
    ).to("Tue 10:00")
    assert bench.start("Tue 10:00", "Escalated") == "Mon 13:00"
    assert bench.violations == ["Mon 13:00", "Mon 14:00"]
    note = bench.notes(NoteKind.CHANGED)[0]
    assert (told(note.at), note.by) == ("Mon 13:00", "M: violation-0")


def test_a_field_update_may_end_what_was_still_to_fire() -> None:
    """The first of two violations at one instant completes the other milestone, which is then in time."""
    bench = Bench(
        {**FOUR_HOURS, "triggers": triggers("warning 60m", actions=sets(state="done"))},
        {"name": "Other", "within": "3h", "complete_when": 'case.state == "done"', "triggers": triggers("violation 0")},
    ).to("Mon 12:00")
    assert bench.fired == ["M warning-60m Mon 12:00"]
    assert not bench.milestone("Mon 12:00", "Other").violated


# --- if and only if it is open ---


def test_a_trigger_fires_once_while_its_milestone_is_open() -> None:
    """Not again, however often time is told, nor after the state went through JSON."""
    bench = Bench({**FOUR_HOURS, "triggers": triggers("warning 1h", "violation 0")})
    for when in ("Mon 12:00", "Mon 12:00", "Mon 13:00", "Tue 09:00"):
        bench.to(when).through_json()
    assert bench.fired == ["M warning-1h Mon 12:00", "M violation-0 Mon 13:00"]


def test_nothing_fires_once_it_is_completed_removed_or_left() -> None:
    """A violation after the target does not fire for a milestone that was completed late before it."""
    declared = {**FOUR_HOURS, "when": 'case.state != "out"', "triggers": triggers("warning 1h", "violation 60m")}
    fields = {"state": "new"}
    assert Bench(declared, fields=fields).complete("Mon 11:00").to("Fri 09:00").fired == []
    assert Bench(declared, fields=fields).change("Mon 11:00", state="out").to("Fri 09:00").fired == []
    assert Bench(declared, fields=fields).close("Mon 11:00").to("Fri 09:00").fired == []
    late = Bench(declared, fields=fields).complete("Mon 13:30").to("Fri 09:00")
    assert late.fired == ["M warning-1h Mon 12:00"]


def test_what_is_due_at_a_pause_fires_after_it() -> None:
    """Stopped exactly at the target of 13:00 until 15:00: the target is 15:00, and so is the violation."""
    bench = Bench({**FOUR_HOURS, "triggers": triggers("violation 0")}).stop("Mon 13:00").resume("Mon 15:00")
    assert bench.fired == []
    assert bench.target("Mon 15:00") == "Mon 15:00"
    assert bench.to("Mon 15:00").fired == ["M violation-0 Mon 15:00"]


def test_what_a_resume_does_not_move_past_the_pause_fires_at_the_resume() -> None:
    """Stopped over the night at the target of 17:00: no open time passed, so it fires at the resume, late."""
    declared = {**FOUR_HOURS, "triggers": triggers("violation 0")}
    bench = Bench(declared, opened="Mon 13:00").stop("Mon 17:00").to("Tue 07:00").resume("Tue 08:00").to("Tue 08:00")
    assert bench.fired == ["M violation-0 Mon 17:00 at Tue 08:00"]


def test_a_pause_in_every_gap_skips_nothing() -> None:
    """Stopped and resumed between all triggers: each fires exactly once, at its moved time."""
    declared = {"within": "4h", "triggers": triggers("warning 50%", "warning 75%", "violation 0", "violation 1h")}
    bench = Bench(declared, hours="X")
    for hour in range(9, 21):
        bench.stop(f"Mon {hour}:20").through_json().to(f"Mon {hour}:40").resume(f"Mon {hour}:50")
    assert bench.fired == [
        "M warning-50-percent Mon 13:00",
        "M warning-75-percent Mon 15:00",
        "M violation-0 Mon 17:00",
        "M violation-1h Mon 19:00",
    ]


# --- in which order ---


def test_warnings_come_before_violations_then_the_order_of_the_process() -> None:
    """At one instant, 13:00: all warnings, then all violations, each by milestone, then by definition."""
    bench = Bench(
        {"name": "Z", "within": "4h", "triggers": triggers("violation 0", "violation 0")},
        {"name": "C", "within": "3h", "triggers": triggers("violation 1h")},
        {"name": "B", "within": "5h", "triggers": triggers("warning 60m", "warning 80%")},
        {"name": "A", "within": "6h", "triggers": triggers("warning 2h")},
    ).to("Mon 13:00")
    assert bench.fired == [
        "B warning-60m Mon 13:00",
        "B warning-80-percent Mon 13:00",
        "A warning-2h Mon 13:00",
        "Z violation-0 Mon 13:00",
        "Z violation-0-2 Mon 13:00",
        "C violation-1h Mon 13:00",
    ]


# --- late ---


def test_a_warning_whose_time_is_past_at_the_start_fires_at_once() -> None:
    """The milestone starts at noon from 09:00 on; skip leaves it out."""
    when = {"within": "4h", "when": 'case.state == "go"'}
    bench = Bench({**when, "triggers": triggers("warning 2h", "violation 0")}).change("Mon 12:00", state="go")
    assert bench.to("Mon 13:00").fired == ["M warning-2h Mon 11:00 at Mon 12:00", "M violation-0 Mon 13:00"]
    skipped = Bench({**when, "triggers": triggers("warning 2h", late="skip")}).change("Mon 12:00", state="go")
    assert skipped.to("Mon 13:00").fired == []


def test_a_warning_that_a_shorter_span_puts_into_the_past_fires_at_once() -> None:
    """The target moves from 13:00 to 11:30; skip leaves it out."""
    table = [{"when": 'case.priority == "High"', "span": "150m"}, {"span": "4h"}]
    bench = Bench({"within": table, "triggers": triggers("warning 1h")}).change("Mon 11:00", priority="High")
    assert bench.to("Mon 11:00").fired == ["M warning-1h Mon 10:30 at Mon 11:00"]
    skip = Bench({"within": table, "triggers": triggers("warning 1h", late="skip")}).change(
        "Mon 11:00", priority="High"
    )
    assert skip.to("Mon 12:00").fired == []


def test_only_the_violation_fires_when_the_target_is_no_longer_ahead() -> None:
    """At a start in the past, at a shorter span, and at a deadline that was over when the case was opened."""
    both = triggers("warning 30m", "violation 0")
    started = Bench({"within": "1h", "when": 'case.state == "go"', "triggers": both}).change("Mon 12:00", state="go")
    assert started.to("Mon 12:00").fired == ["M violation-0 Mon 10:00 at Mon 12:00"]
    table = [{"when": 'case.priority == "High"', "span": "1h"}, {"span": "4h"}]
    shorter = Bench({"within": table, "triggers": both}).change("Mon 12:00", priority="High")
    assert shorter.to("Mon 12:00").fired == ["M violation-0 Mon 10:00 at Mon 12:00"]
    over = Bench({"by": "due_at", "triggers": both}, opened="Mon 12:00", fields={"due_at": field_at("Mon 10:00")})
    assert over.to("Mon 12:00").fired == ["M violation-0 Mon 10:00 at Mon 12:00"]


def test_after_an_outage_everything_missed_fires_in_order() -> None:
    """Each with the time at which it was due, and how late the engine is."""
    declared = [
        {"name": "First", "within": "4h", "triggers": triggers("warning 1h", "violation 0", "violation 1h")},
        {"name": "Second", "within": "270m", "triggers": triggers("warning 1h", "violation 0")},
    ]
    bench = Bench(*declared).to("Mon 16:00")
    assert bench.fired == [
        "First warning-1h Mon 12:00",
        "Second warning-1h Mon 12:30",
        "First violation-0 Mon 13:00",
        "Second violation-0 Mon 13:30",
        "First violation-1h Mon 14:00",
    ]
    late = [e.late_seconds // 60 for e in bench.effects if isinstance(e, TriggerFired)]
    assert late == [240, 210, 180, 150, 120]


def test_what_fired_does_not_fire_again_when_its_target_moves() -> None:
    """Unless it rearms; then under a key of its own."""
    for rearm, expected in ((False, 1), (True, 2)):
        actions = [{"do": "task", "subject": "call"}]
        declared = {**FOUR_HOURS, "triggers": triggers("warning 1h", rearm=rearm, actions=actions)}
        bench = Bench(declared).extend("Mon 12:30", open_seconds=7200).to("Mon 15:00")
        keys = [call.key for e in bench.effects if isinstance(e, TriggerFired) for call in e.calls]
        assert keys == [f"c/p/m/1/warning-1h/{n}/task" for n in range(1, expected + 1)]


def test_what_rearms_fires_again_only_past_its_last_firing() -> None:
    """A target that moves earlier does not repeat it."""
    table = [{"when": 'case.priority == "High"', "span": "200m"}, {"span": "4h"}]
    declared = {"within": table, "triggers": triggers("warning 1h", rearm=True)}
    bench = Bench(declared).to("Mon 12:00").change("Mon 12:10", priority="High").to("Mon 12:20")
    assert bench.fired == ["M warning-1h Mon 12:00"]


# --- what an effect carries ---


def calls(bench: Bench) -> list[str]:
    return [call.key for e in bench.effects if isinstance(e, TriggerFired) for call in e.calls]


def test_each_action_has_a_key_of_its_own() -> None:
    """Case, process, milestone, occurrence, trigger, firing, action: from names to ids that are safe in URLs."""
    actions = [{"do": "email", "to": "a@example.com", "subject": "x"}, {"do": "task", "subject": "x"}]
    again = [{"do": "task", "subject": "y", "id": "call_Them"}, {"do": "task", "subject": "z"}]
    declared = {
        "name": "First response (é)",
        "within": "4h",
        "triggers": [*triggers("warning 75%", actions=actions), *triggers("violation 0", id="missed", actions=again)],
    }
    bench = Bench(declared).to("Mon 13:00")
    assert calls(bench) == [
        "c/p/first-response/1/warning-75-percent/1/email",
        "c/p/first-response/1/warning-75-percent/1/task",
        "c/p/first-response/1/missed/1/call_Them",
        "c/p/first-response/1/missed/1/task",
    ]


def test_occurrences_are_counted_over_the_life_of_a_case() -> None:
    """Over removals, stays in the process and JSON; a number is never used again."""
    task = [{"do": "task", "subject": "x"}]
    declared = {
        "within": "1h",
        "starts": "criteria",
        "when": 'case.state != "out"',
        "on_reentry": "restart",
        "triggers": triggers("violation 0", actions=task),
    }
    bench = Bench(declared, fields={"state": "new"}).to("Mon 10:00").change("Mon 10:30", state="out")
    bench.change("Mon 11:00", state="new").to("Mon 12:00").close("Mon 12:30").through_json()
    bench.reopen("Mon 13:00").to("Mon 14:00")
    assert calls(bench) == [f"c/p/m/{n}/violation-0/1/task" for n in (1, 2, 3)]
    assert [m.state for m in bench.runs("Mon 14:00")] == [
        InstanceState.REMOVED,
        InstanceState.OPEN_AT_EXIT,
        InstanceState.RUNNING,
    ]


def test_templates_see_case_milestone_entitlement_and_account() -> None:
    """As they stand when the trigger fires."""
    task = [{"do": "task", "subject": "x"}]
    bench = Bench(
        {"within": "4h", "triggers": triggers("violation 0", actions=task)},
        entitlement={"id": "gold"},
        account={"name": "Acme"},
    )
    bench.change("Mon 12:00", state="waiting").to("Mon 13:00")
    fired = next(e for e in bench.effects if isinstance(e, TriggerFired))
    assert fired.context["case"] == {"id": "c", "state": "waiting"}
    assert (fired.context["entitlement"], fired.context["account"]) == ({"id": "gold"}, {"name": "Acme"})
    milestone = fired.context["milestone"]
    assert (milestone["name"], milestone["kind"], milestone["occurrence"]) == ("M", "violation", 1)
    assert milestone["target_at"] == "2025-06-09T17:00:00+00:00"


def test_ten_triggers_are_allowed_each_with_several_actions() -> None:
    """Over warning, violation and success together."""
    task = [{"do": "task", "subject": "x"}, {"do": "task", "subject": "y"}]
    ten = triggers(*(f"warning {n}m" for n in range(1, 9)), "violation 0", "success", actions=task)
    assert len(Milestone.model_validate({"name": "M", "within": "4h", "triggers": ten}).triggers) == 10
    with pytest.raises(ValueError, match="milestone 'M' has 11 triggers; at most 10"):
        Milestone.model_validate({"name": "M", "within": "4h", "triggers": [*ten, *triggers("violation 5m")]})

"""What an explanation says of cutoffs, local times, handing over, what was undone, reminders, and carried spans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from domain.explanation.explaining import explain
from domain.explanation.text import explanation_text
from domain.timeline.instances import MOST_CLEARED
from domain.timeline.plan import BOUNDS_INSTANTS, KEEPS_CLEARED, RULES
from tests.domain.timeline.bench import Bench, field_at, ny, plan, process, triggers

ON = 'case.state == "on"'
DONE = 'case.state == "done"'
HIGH = 'case.priority == "High"'


def said(bench: Bench, now: str, milestone: str | None = None) -> str:
    """The explanation in words, its lines joined."""
    bench.to(now)
    found = explain(bench.timeline.plan, bench.timeline.state, ny(now), milestone)
    return " ".join(explanation_text(found).split())


@pytest.mark.parametrize(
    ("milestone", "opened", "sentences"),
    [
        (
            {"within": "2h", "cutoff": "14:00"},
            "Mon 15:00",
            [
                "Start Mon 2025-06-09 15:00 (19:00Z): the case was opened.",
                "It started at or after 14:00: counted from the opening of the next open date.",
                "2h the span, counted from the opening after the cutoff, Tue 2025-06-10 09:00 (13:00Z)",
                "Target Tue 2025-06-10 11:00 (15:00Z)",
            ],
        ),
        (
            {"within": "1bd 16:00", "cutoff": "14:00"},
            "Mon 14:00",
            [
                "Span 1bd 16:00, that local time 1 business day later. It started at or after 14:00",
                "Days Tue 2025-06-10 09:00 (13:00Z) start Wed 2025-06-11 16:00 (20:00Z) business day 1, the end of the",
                "the end of the span Target Wed 2025-06-11 16:00 (20:00Z)",
            ],
        ),
        (
            {"within": "0bd 16:00"},
            "Mon 16:30",
            [
                "0bd 16:00, that local time on the same business day. On the date of the start that leaves no open ",
                "no open time, so that it is of the next open date. Days",
            ],
        ),
        (
            {"within": "0bd 20:00"},
            "Mon 10:00",
            ["That date is not open at that time: moved to its next opening, or else last closing. Days"],
        ),
    ],
)
def test_a_local_time_and_a_cutoff_are_told(milestone: dict[str, Any], opened: str, sentences: list[str]) -> None:
    """From where it is counted, which date it is of, and where it was moved to."""
    words = said(Bench(milestone, opened=opened), opened)
    assert [sentence for sentence in sentences if sentence not in words] == []


@pytest.mark.parametrize(("span", "opened"), [("1bd 16:00", "Mon 10:00"), ("0bd 16:00", "Mon 16:00")])
def test_a_local_time_in_its_windows_is_not_said_to_be_moved(span: str, opened: str) -> None:
    """`0bd` from 16:00 on is of the next date; neither is outside its windows."""
    assert "is not open at that time" not in said(Bench({"within": span}, opened=opened), opened)


def test_a_pause_before_the_opening_after_a_cutoff_is_not_counted() -> None:
    """It says so, and from where the time is counted."""
    bench = Bench({"within": "2h", "cutoff": "14:00"}, opened="Mon 15:00").stop("Mon 15:30").resume("Mon 16:30")
    words = said(bench, "Tue 10:00")
    assert "Before Tue 2025-06-10 09:00 (13:00Z), from where the time is counted; it moves nothing." in words


def test_what_was_handed_over_says_so_and_how() -> None:
    """In the heading in time or late, and at its end why; the next one says what it begins with."""
    stay = {"within": "2h", "starts": "criteria", "when": ON, "restart_on": ["priority"]}
    bench = Bench(stay, fields={"state": "on", "priority": "High"}, hours="X")
    words = said(bench.change("Mon 10:00", priority="Low").change("Mon 13:00", priority="High"), "Mon 13:30")
    for sentence in (
        "M: target Mon 2025-06-09 11:00 (15:00Z), handed over in time",
        "10:00 (14:00Z): handed over, since a field of its restart_on changed, 1h before the target.",
        "M (2): target Mon 2025-06-09 12:00 (16:00Z), handed over late",
        "10:00 (14:00Z): a field of its restart_on changed, so that another began.",
        "M (3): target Mon 2025-06-09 15:00 (19:00Z), running",
    ):
        assert sentence in words


def test_what_was_undone_is_a_pause_that_says_so() -> None:
    """The time since the completion; what waited for it says why it is gone."""
    undone = {"within": "4h", "complete_when": DONE, "when_undone": "resume"}
    bench = Bench(undone, {"name": "B", "within": "1h", "starts": {"after": "M"}})
    words = said(bench.change("Mon 10:00", state="done").change("Mon 10:30", state="open"), "Mon 12:30")
    assert "+ 30m the clock stood Mon 2025-06-09 10:00 to 10:30 (14:00Z to 14:30Z) It was completed; " in words
    assert "its rule took that back. = 4h30m of open time, counted from the start" in words
    assert "10:30 (14:30Z): removed, since the completion of M was taken back, 30m before the target." in words


def test_what_restarts_while_it_is_paused_has_its_whole_span_left() -> None:
    """Time before the start counts for nothing, also if the pause has stood since before it. Older views had it so."""
    for rules, left in ((RULES, 60), (BOUNDS_INSTANTS, 180)):
        table = [{"when": HIGH, "span": "1h"}, {"span": "4h"}]
        restarted = {"within": table, "on_change": "restart"}
        bench = Bench(restarted, fields={"priority": "Low"}, hours="X", rules=rules)
        bench.stop("Mon 10:00").change("Mon 12:00", priority="High")
        assert bench.milestone("Mon 12:30").remaining_seconds == left * 60
        assert "Paused since Mon 2025-06-09 12:00 (16:00Z), 1h before the target." in said(bench, "Mon 12:30")


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        (lambda bench: bench.change("Mon 12:00", state="off"), "removed, since its criteria were no longer true"),
        (lambda bench: bench.close("Mon 12:00"), "still open when the case left the process"),
    ],
)
def test_what_ends_while_it_is_paused_ended_then(ends: Callable[[Bench], Bench], words: str) -> None:
    """And is judged as of its pause, by the target of then."""
    bench = ends(Bench({"within": "4h", "when": ON}, fields={"state": "on"}).stop("Mon 10:00"))
    assert f"Mon 2025-06-09 12:00 (16:00Z): {words}, 3h before the target." in said(bench, "Mon 12:30")


def test_what_ends_in_a_pause_at_its_target_is_neither_before_nor_after_it() -> None:
    """However long the pause went on by the wall clock."""
    bench = Bench({"within": "4h"}).stop("Mon 13:00").close("Tue 08:00")
    assert "still open when the case left the process, exactly at the target." in said(bench, "Tue 08:00")


def test_what_was_completed_as_it_started_starts_from_that() -> None:
    """Taken back by its rule it keeps that start, though no span has changed."""
    undone = {"within": "4h", "complete_when": DONE, "when_undone": "resume"}
    words = said(Bench(undone, fields={"state": "done"}).change("Mon 10:00", state="new"), "Mon 10:00")
    assert "Start Mon 2025-06-09 09:00 (13:00Z): it was completed as it started, and its rule took that back." in words
    assert "on_change" not in words


def test_a_span_that_changed_begins_afresh_also_of_what_was_completed_as_it_started() -> None:
    """The start that counts is that of the change."""
    table = [{"when": HIGH, "span": "1h"}, {"span": "4h"}]
    undone = {"within": table, "on_change": "restart", "complete_when": DONE, "when_undone": "resume"}
    bench = Bench(undone, fields={"state": "done", "priority": "Low"}).change("Mon 10:00", state="new")
    words = said(bench.change("Mon 11:00", priority="High"), "Mon 11:00")
    assert "Start Mon 2025-06-09 11:00 (15:00Z): its span changed, and with on_change: restart" in words


def test_what_a_clear_removes_says_so() -> None:
    """The criteria of the next occurrence hold as before."""
    bench = Bench({"within": "1h", "starts": "criteria", "recurrence": "sequential"}, hours="X", opened="Mon 12:00")
    words = said(bench.complete("Mon 12:30").clear("Mon 12:40"), "Mon 12:45")
    assert "removed, since the completion of the occurrence before it was cleared" in words


@pytest.mark.parametrize(
    ("entry_at", "why"),
    [
        (field_at("Mon 12:00"), "its field entry_at says Mon 2025-06-09 12:00 (16:00Z)."),
        (None, "its field entry_at is not set."),
    ],
)
def test_a_case_that_has_not_entered_says_what_its_entry_is(entry_at: str | None, why: str) -> None:
    """An instant ahead is told."""
    bench = Bench({"within": "4h"}, entry="entry_at", fields={"entry_at": entry_at})
    assert f"M: not started, because the case is not in the process yet: {why}" in said(bench, "Mon 10:00")


def test_a_recurring_one_that_is_complete_says_why_it_does_not_start() -> None:
    """It waits for its rule, not for whatever happens next."""
    recurring = {"within": "4h", "starts": "criteria", "recurrence": "independent", "complete_when": DONE}
    words = said(Bench(recurring, fields={"state": "done"}), "Mon 10:00")
    assert "not started, because its complete_when is true, and while it is a recurring one does not start." in words


def test_what_was_used_of_business_days_counts_from_the_start() -> None:
    """Also where a cutoff moves the opening from which they are counted."""
    days = {"within": [{"when": HIGH, "span": "8h"}, {"span": "1bd 16:00"}], "cutoff": "14:00", "on_change": "carry"}
    bench = Bench(days, opened="Mon 15:00", fields={"priority": "Low"}).change("Tue 11:00", priority="High")
    assert "4h of 17h was used, which is 23.53%; 6h07m04s of the new span was left" in said(bench, "Tue 11:00")


def test_a_warning_longer_than_its_row_is_due_at_the_start() -> None:
    """Not before it: until then it is to come."""
    table = [{"when": HIGH, "span": "4h"}, {"span": "1h"}]
    recurring = {"within": table, "starts": "criteria", "recurrence": "sequential", "triggers": triggers("warning 90m")}
    bench = Bench(recurring, hours="X", opened="Mon 12:00", fields={"priority": "Low"}).complete("Mon 12:30")
    words = said(bench, "Mon 12:45")
    assert "warning, 90m before the target: to come, due Mon 2025-06-09 13:00 (17:00Z)." in words
    assert "about to fire" not in words


@pytest.mark.parametrize("completed", [False, True])
def test_what_is_no_promise_is_neither_late_nor_in_time(*, completed: bool) -> None:
    """Its heading and its end say that it is none."""
    bench = Bench({"within": "1h", "promise": False, "triggers": triggers("violation 0")})
    if completed:
        bench.complete("Mon 12:00")
    words = said(bench, "Mon 12:00")
    state = "completed" if completed else "running"
    assert f"M: target Mon 2025-06-09 10:00 (14:00Z), {state}, no promise" in words
    end = "completed by unknown" if completed else "Running at Mon 2025-06-09 12:00 (16:00Z)"
    assert f"{end}, 2h after the target." in words
    assert "It is no promise (promise: false): passing its target violates nothing." in words
    assert "violation: fired Mon 2025-06-09 10:00 (14:00Z)." in words


def _version(bench: Bench) -> Bench:
    return bench.migrate("Mon 10:00", plan(process({"name": "Other", "within": "4h"}, version=2)))


@pytest.mark.parametrize(
    ("milestone", "fields", "change", "why"),
    [
        (
            {"within": "4h", "when": ON},
            {"state": "on"},
            lambda bench: bench.change("Mon 10:00", state="off"),
            "its criteria were no longer true",
        ),
        (
            {"by": "due_at"},
            {"due_at": field_at("Mon 12:00")},
            lambda bench: bench.change("Mon 10:00", due_at=None),
            "its deadline, the field due_at, was emptied",
        ),
        ({"within": "4h"}, {}, _version, "the newer version of its process has it no more"),
    ],
)
def test_what_was_removed_says_why(
    milestone: dict[str, Any], fields: dict[str, Any], change: Callable[[Bench], Bench], why: str
) -> None:
    """Criteria, a deadline that was emptied, a version that has it no more."""
    assert f"10:00 (14:00Z): removed, since {why}" in said(change(Bench(milestone, fields=fields)), "Mon 10:30", "M")


CROSS = [{"when": HIGH, "span": "8h"}, {"span": "12h", "business_hours": "X"}]


@pytest.mark.parametrize(
    ("rows", "opened", "changed", "sentences"),
    [
        (
            CROSS,
            "Mon 15:00",
            "Mon 18:00",
            [
                "12h of X became 8h of B (on_change: carry): 3h of 12h was used, which is 25%; 6h of the new span was",
                "Sum 6h what was left of the span at the change, Mon 2025-06-09 18:00 (22:00Z)",
                "4h of open time since the start.",
            ],
        ),
        (
            [{"when": HIGH, "span": "2h"}, {"span": "4h"}],
            "Mon 09:00",
            "Mon 13:00",
            ["4h of 4h was used, which is 100%; nothing was left of the new span.", "Target Mon 2025-06-09 13:00"],
        ),
        (
            [{"when": HIGH, "span": "2h"}, {"span": "4h"}],
            "Mon 09:00",
            "Mon 13:30",
            ["Sum 0m what was missed before the change keeps its target, Mon 2025-06-09 13:00 (17:00Z)"],
        ),
    ],
)
def test_a_carried_span_says_what_was_used(
    rows: list[dict[str, Any]], opened: str, changed: str, sentences: list[str]
) -> None:
    """Across calendars, at exactly the whole, and after it was missed."""
    bench = Bench({"within": rows, "on_change": "carry"}, opened=opened).change(changed, priority="High")
    words = said(bench, "Tue 10:00")
    assert [sentence for sentence in sentences if sentence not in words] == []


def test_an_extension_that_a_kept_target_has_is_told_and_not_counted_again() -> None:
    """That of 10:00 is in the target of 14:00, which was missed and kept; that of 15:10 is not."""
    rows = [{"when": HIGH, "span": "2h"}, {"when": ON, "span": "121m"}, {"span": "4h"}]
    bench = Bench({"within": rows, "on_change": "carry"}).extend("Mon 10:00", open_seconds=3600)
    told = "Extended by 1h on Mon 2025-06-09 10:00 (14:00Z): the target that a change kept has it already."
    bench.change("Mon 15:00", priority="High")
    assert told in said(bench, "Mon 15:05")
    bench.extend("Mon 15:10", open_seconds=5400).change("Mon 15:10:30", priority="Low", state="on")
    words = said(bench, "Mon 15:20")
    assert told in words
    assert (words.count("extended on"), "= 18m55s of open time, counted from the change" in words) == (1, True)


# --- what was taken back by hand ---


def test_a_completion_that_was_cleared_is_told() -> None:
    """Who took it back, when and why, and what it had been: in time at first, then late; neither stands any more."""
    bench = Bench({"within": "4h"}).complete("Mon 11:00", by="ann").clear("Mon 12:00", by="bob", reason="wrong case")
    bench.to("Mon 13:00").complete("Mon 14:00", by="ann").clear("Mon 15:00", by="bob").through_json()
    words = said(bench, "Mon 16:00")
    assert (
        "Outcome Mon 2025-06-09 12:00 (16:00Z): the completion of Mon 2025-06-09 11:00 (15:00Z) by ann, in time, was "
        'taken back by bob, "wrong case". Mon 2025-06-09 13:00 (17:00Z): violated; that was the target then. '
        "Mon 2025-06-09 15:00 (19:00Z): the completion of Mon 2025-06-09 14:00 (18:00Z) by ann, late, was taken back "
        "by bob. Running at Mon 2025-06-09 16:00 (20:00Z), 3h after the target."
    ) in words


def test_a_cleared_completion_is_told_of_the_next_one_too() -> None:
    """Completed by its rule, cleared, and completed again: the text and the values have both."""
    milestone = {"within": "4h", "complete_when": DONE, "promise": False}
    bench = Bench(milestone, fields={"state": "on"}).change("Mon 10:00", state="done").change("Mon 11:00", state="on")
    bench.clear("Mon 12:00", by="bob").complete("Mon 12:30", by="ann").to("Mon 13:00")
    words = said(bench, "Mon 13:00")
    assert (
        "of Mon 2025-06-09 10:00 (14:00Z) by its rule complete_when was taken back by bob. Mon 2025-06-09 12:30"
        in words
    )
    [instance] = explain(bench.timeline.plan, bench.timeline.state, ny("Mon 13:00")).instances
    [cleared] = instance.outcome.cleared
    assert (cleared.at, cleared.by, cleared.reason) == (ny("Mon 12:00"), "bob", None)
    assert (cleared.completed_at, cleared.completed_by, cleared.violated) == (ny("Mon 10:00"), "complete_when", False)


def test_the_newest_cleared_completions_are_kept() -> None:
    """However often a completion comes and goes, its instance does not grow without bound."""
    bench = Bench({"within": "8h"})
    for minute in range(MOST_CLEARED + 1):
        bench.complete(f"Mon 10:{minute:02}", by="ann").clear(f"Mon 10:{minute:02}", by="bob")
    [instance] = explain(bench.timeline.plan, bench.timeline.state, ny("Mon 11:00")).instances
    assert [one.at for one in instance.outcome.cleared] == [ny(f"Mon 10:{m:02}") for m in range(1, MOST_CLEARED + 1)]


def test_a_case_of_older_rules_keeps_nothing_of_what_was_cleared() -> None:
    """So that its state stays what its history has."""
    bench = Bench({"within": "4h"}, rules=KEEPS_CLEARED - 1).complete("Mon 10:00", by="ann").clear("Mon 11:00")
    assert "cleared" not in bench.timeline.state.instances[0].model_dump_json()
    assert "taken back" not in said(bench, "Mon 12:00")

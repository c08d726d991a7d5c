"""Corners of the rules: what two of them come to together, each as a table of its kind."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import Refused
from domain.timeline.effects import NoteKind
from domain.timeline.instances import InstanceState
from domain.timeline.plan import AS_BEFORE, BOUNDS_INSTANTS, CORNERS, LATE_NEWS, RULES, SETS_CORNERS_RIGHT, TOLD
from domain.timeline.preview import preview
from tests.domain.timeline.bench import Bench, field_at, ny, plan, process, sets, told, triggers

HIGH = 'case.priority == "High"'
ON = 'case.state == "on"'
DONE = 'case.state == "done"'


def rows(high: str, low: str) -> list[dict[str, Any]]:
    """A span for high priority, and another for all else."""
    return [{"when": HIGH, "span": high}, {"span": low}]


def version_two(*milestones: dict[str, Any], **also: Any) -> Any:
    return plan(process(*milestones, version=2, **also))


# --- migration ---

MISSED = [
    ({"by": "due_at", "starts": "criteria"}, {"within": "4h"}, "Mon 10:00"),
    ({"by": "due_at"}, {"within": "1bd", "starts": "criteria"}, "Mon 10:00"),
    ({"within": "1h"}, {"by": "due_at"}, "Mon 10:00"),
    ({"within": "1h"}, {"within": "8h"}, "Mon 10:00"),
    ({"within": "1h", "starts": "criteria"}, {"within": "8h", "starts": "process"}, "Mon 10:00"),
    ({"within": "1h"}, {"within": "1h", "cutoff": "08:00"}, "Mon 10:00"),
    ({"within": "1h"}, {"within": "8h", "promise": False}, "Mon 10:00"),
    ({"within": "1h"}, {"within": "2bd eod", "on_change": "carry"}, "Mon 10:00"),
]


@pytest.mark.parametrize(("old", "new", "target"), MISSED)
def test_a_migration_keeps_what_was_missed(old: dict[str, Any], new: dict[str, Any], target: str) -> None:
    """Its start, its target and its record, whatever the new version declares instead."""
    fields = {"due_at": field_at("Mon 10:00"), "entry_at": field_at("Mon 09:00")}
    bench = Bench(old, entry="entry_at", fields=fields).to("Mon 11:00")
    before = (bench.start("Mon 11:00"), bench.target("Mon 11:00"), bench.violations)
    bench.migrate("Mon 11:00", version_two(new, entry="entry_at")).to("Mon 16:00")
    assert (bench.start("Mon 16:00"), bench.target("Mon 16:00"), bench.violations) == before
    assert (before[1], before[2]) == (target, [target])
    assert bench.milestone("Mon 16:00").violated


@pytest.mark.parametrize(("old", "new", "target"), MISSED)
def test_a_migrated_case_takes_an_edited_entry(old: dict[str, Any], new: dict[str, Any], target: str) -> None:
    """What was kept goes on under the new version; no edit of the entry ends in an error."""
    fields = {"due_at": field_at("Mon 10:00"), "entry_at": field_at("Mon 09:00")}
    bench = Bench(old, entry="entry_at", fields=fields).to("Mon 11:00")
    bench.migrate("Mon 11:00", version_two(new, entry="entry_at"))
    bench.change("Mon 12:00", entry_at=field_at("Mon 09:30")).to("Mon 13:00")
    assert bench.milestone("Mon 13:00").state is InstanceState.RUNNING
    assert bench.violations[0].startswith(target)


@pytest.mark.parametrize(("old", "new", "target"), MISSED)
def test_a_plan_shows_that_what_was_missed_stays(old: dict[str, Any], new: dict[str, Any], target: str) -> None:
    """A preview of the migration ends in no error, and nothing of it moves, comes or goes."""
    fields = {"due_at": field_at("Mon 10:00"), "entry_at": field_at("Mon 09:00")}
    bench = Bench(old, entry="entry_at", fields=fields).to("Mon 11:00")
    later = version_two(new, entry="entry_at")
    found = preview(bench.timeline, lambda _: later, ny("Mon 11:00"), further=lambda plan, _: plan)
    assert (found.refused, found.milestones) == (None, [])
    assert bench.target("Mon 11:00") == target


def test_what_was_kept_stays_kept_when_its_completion_is_cleared() -> None:
    """Completed at 09:30 with a target of 13:00; the new version's 1h has no say in it."""
    bench = Bench({"within": "4h"}).complete("Mon 09:30").migrate("Mon 10:30", version_two({"within": "1h"}))
    assert bench.clear("Mon 11:00").target("Mon 11:00") == "Mon 13:00"
    assert bench.violations == []


@pytest.mark.parametrize("starts", ["process", {"after": "First"}])
def test_a_migration_keeps_what_was_missed_in_an_earlier_stay(starts: Any) -> None:
    """Also where the new version would have begun it anew at the re-entry."""
    first = {"name": "First", "within": "8h"}
    declared = {"within": "1h", "starts": starts}
    bench = Bench(first, declared).complete("Mon 09:00", "First").to("Mon 10:30").close("Mon 11:00").reopen("Mon 12:00")
    bench.migrate("Mon 12:30", version_two(first, {**declared, "on_reentry": "restart"})).to("Mon 16:00")
    assert (bench.start("Mon 16:00"), bench.target("Mon 16:00")) == ("Mon 09:00", "Mon 11:00")
    assert bench.violations == ["Mon 10:00"]


def test_a_migration_may_drop_what_was_completed() -> None:
    """What went on behind its completion goes with it, and time goes on."""
    declared = {"within": "4h", "triggers": triggers("warning 30m", "violation 0")}
    bench = Bench({"name": "Old", **declared}, {"name": "New", "within": "8h"}).complete("Mon 10:00", "Old")
    bench.migrate("Mon 11:00", version_two({"name": "New", "within": "8h"})).change("Mon 14:00", count=1)
    assert bench.to("Tue 12:00").milestone("Tue 12:00", "Old").state is InstanceState.COMPLETED
    assert bench.fired == []


# --- nothing is violated without a record ---


@pytest.mark.parametrize(
    ("milestone", "events"),
    [
        ({"within": "1h", "when": ON}, [("stop", "Mon 12:00", {}), ("change", "Mon 13:00", {"state": "on"})]),
        (
            {"within": rows("1h", "8h")},
            [("stop", "Mon 12:00", {}), ("change", "Mon 13:00", {"priority": "High"})],
        ),
        (
            {"within": "1h", "when": ON},
            [("change", "Mon 13:00", {"state": "on"})],
        ),
        (
            {"within": "1h", "when": ON},
            [
                ("stop", "Mon 12:00", {}),
                ("change", "Mon 13:00", {"state": "on"}),
                ("change", "Mon 13:30", {"state": "off"}),
            ],
        ),
    ],
)
def test_nothing_is_violated_without_a_record(
    milestone: dict[str, Any], events: list[tuple[str, str, dict[str, Any]]]
) -> None:
    """A violation that arises by a change is recorded at that change, with the target as its time."""
    bench = Bench(milestone)
    for name, when, content in events:
        getattr(bench, name)(when, **content)
    bench.close("Mon 14:00")
    m = bench.milestone("Mon 14:00")
    assert (m.violated, bench.violations) == (True, ["Mon 10:00"])
    assert [note.text for note in bench.notes(NoteKind.VIOLATED)] == ["M violated at 2025-06-09 14:00:00Z"]


def test_the_triggers_of_what_was_missed_by_a_change_wait_for_the_resume() -> None:
    """And lapse if it is completed before."""
    missed = {"within": rows("1h", "8h"), "triggers": triggers("violation 0")}
    bench = Bench(missed).stop("Mon 12:00").change("Mon 13:00", priority="High")
    assert bench.to("Mon 14:00").fired == []
    assert Bench(missed).stop("Mon 12:00").change("Mon 13:00", priority="High").complete("Mon 13:30").fired == []
    assert bench.resume("Mon 14:00").to("Mon 15:00").fired == ["M violation-0 Mon 12:00 at Mon 14:00"]


# --- re-entry ---


@pytest.mark.parametrize("recompleted", [False, True])
def test_what_keeps_runs_on_though_its_predecessor_begins_anew(*, recompleted: bool) -> None:
    """It follows the completion that it came after, and has its timer."""
    first = {"name": "A", "within": "1h", "on_reentry": "restart"}
    bench = Bench(first, {"name": "B", "within": "4h", "starts": {"after": "A"}})
    bench.complete("Mon 09:30", "A").close("Mon 10:00").reopen("Mon 11:00")
    if recompleted:
        bench.complete("Mon 11:30", "A")
    assert (bench.start("Mon 12:00", "B"), bench.target("Mon 12:00", "B")) == ("Mon 09:30", "Mon 14:30")
    assert bench.to("Mon 15:00").milestone("Mon 15:00", "B").violated


def test_what_begins_anew_waits_for_a_predecessor_that_does_not() -> None:
    """With each stay both begin anew; the first has no part in the second stay, so nothing of it is completed there."""
    first = {"name": "A", "within": "1h", "starts": "criteria", "when": 'case.state != "off"', "on_reentry": "restart"}
    then = {"name": "B", "within": "4h", "starts": {"after": "A"}, "on_reentry": "restart"}
    bench = Bench(first, then, fields={"state": "on"})
    bench.complete("Mon 09:30", "A").close("Mon 10:00").change("Mon 10:30", state="off").reopen("Mon 11:00")
    again = [(m.milestone, m.occurrence, str(m.state)) for m in bench.view("Mon 12:00").milestones]
    assert again == [("A", 1, "completed"), ("B", 1, "open at exit")]
    bench.change("Mon 12:30", state="on").complete("Mon 13:00", "A")
    assert bench.start("Mon 13:30", "B") == "Mon 13:00"


# --- late news of a completion ---


@pytest.mark.parametrize(
    ("done", "violations"),
    [("Mon 12:00", ["Mon 10:00 corrected Mon 13:00", "Mon 11:00"]), ("Mon 13:00", ["Mon 10:00"])],
)
def test_late_news_is_judged_by_what_a_change_had_recorded_then(done: str, violations: list[str]) -> None:
    """Stopped at 11:00; at 13:00 it comes to life, missed at 10:00. The pause moves the target of a completion."""
    bench = Bench({"within": "1h", "when": ON}, fields={"state": "off"}).stop("Mon 11:00")
    bench.change("Mon 13:00", state="on").complete("Mon 14:00", occurred=done)
    assert bench.violations == violations


# --- cases that were opened under older rules ---


def test_under_older_rules_late_news_leaves_what_a_change_recorded() -> None:
    """So that the history of such a case replays."""
    bench = Bench({"within": "1h", "when": ON}, fields={"state": "off"}, rules=LATE_NEWS - 1).stop("Mon 11:00")
    bench.change("Mon 13:00", state="on").complete("Mon 14:00", occurred="Mon 12:00")
    assert bench.violations == ["Mon 10:00"]


def test_under_older_rules_a_completion_of_the_stay_before_counts() -> None:
    """So that the history of such a case replays."""
    first = {"name": "A", "within": "1h", "starts": "criteria", "when": 'case.state != "off"', "on_reentry": "restart"}
    then = {"name": "B", "within": "4h", "starts": {"after": "A"}, "on_reentry": "restart"}
    bench = Bench(first, then, fields={"state": "on"}, rules=CORNERS - 1)
    bench.complete("Mon 09:30", "A").close("Mon 10:00").change("Mon 10:30", state="off").reopen("Mon 11:00")
    assert bench.start("Mon 12:00", "B") == "Mon 11:00"


@pytest.mark.parametrize(("rules", "violations"), [(CORNERS - 1, ["Mon 10:00"]), (CORNERS, ["Mon 10:00", "Mon 09:30"])])
def test_under_older_rules_a_violation_of_the_second_of_a_change_stays(rules: int, violations: list[str]) -> None:
    """A migration moves the target back, in the very second in which it was missed."""
    bench = Bench({"within": "1h"}, rules=rules).to("Mon 10:00")
    bench.migrate("Mon 10:00", plan(process({"within": "30m"}, version=2), rules=rules))
    assert [told(one.violated_at) for one in bench.milestone("Mon 10:30").violations] == violations


@pytest.mark.parametrize(("rules", "state"), [(CORNERS - 1, "running"), (CORNERS, "removed")])
def test_under_older_rules_what_a_migration_kept_behind_a_completion_runs_on(rules: int, state: str) -> None:
    """Both were completed at their start, and both rules turn false."""
    done = {"complete_when": 'case.state == "on"', "when_undone": "resume"}
    both: list[dict[str, Any]] = [
        {"name": "A", "within": "8h", **done},
        {"name": "B", "within": "1h", "starts": {"after": "A"}, **done},
    ]
    bench = Bench(*both, fields={"state": "on"}, rules=rules)
    bench.migrate("Mon 10:00", plan(process(*both, version=2), rules=rules)).change("Mon 12:00", state="off")
    assert str(bench.milestone("Mon 13:00", "B").state) == state


@pytest.mark.parametrize(
    ("rules", "before", "since", "is_promise"),
    [(RULES, True, False, True), (RULES, False, True, False), (AS_BEFORE - 1, True, False, False)],
)
def test_what_a_migration_removes_is_a_promise_if_it_was_one(
    rules: int, *, before: bool, since: bool, is_promise: bool
) -> None:
    """Its target never passes, so nothing decides otherwise. Under older rules the new version did."""
    bench = Bench({"within": "1h", "promise": before}, fields={"state": "off"}, rules=rules)
    bench.migrate("Mon 09:30", plan(process({"within": "1h", "promise": since, "when": ON}, version=2), rules=rules))
    removed = bench.milestone("Mon 12:00")
    assert (str(removed.state), removed.promise) == ("removed", is_promise)


@pytest.mark.parametrize(
    ("rules", "told_of"), [(RULES, [("removed", 1), ("violated", 2), ("removed", 2)]), (TOLD - 1, [])]
)
def test_a_clear_tells_what_came_about_behind_the_completion(rules: int, told_of: list[tuple[str, int]]) -> None:
    """The first was removed, and a second one began, missed its target and was removed. Older rules kept it back."""
    bench = Bench({"within": "1h", "starts": "criteria", "when": ON}, fields={"state": "on"}, rules=rules)
    bench.complete("Mon 09:30").change("Mon 09:45", state="off").change("Mon 10:00", state="on")
    bench.change("Mon 12:00", state="off").clear("Mon 13:00")
    notes = [note for kind in (NoteKind.REMOVED, NoteKind.VIOLATED) for note in bench.notes(kind)]
    assert [(str(one.kind), one.occurrence) for one in sorted(notes, key=lambda note: note.number)] == told_of
    seen = [(str(run.state), run.violated) for run in bench.runs("Mon 13:00")]
    assert seen == [("removed", False), ("removed", True)]
    since = [told(note.occurred_at) for note in bench.notes(NoteKind.REMOVED)]
    assert since == ["Mon 09:45", "Mon 12:00"][: len(notes)]


@pytest.mark.parametrize(("rules", "told_of"), [(RULES, "Mon 12:00"), (BOUNDS_INSTANTS, "Mon 13:00")])
def test_a_clear_tells_of_the_target_that_it_brings_to_light(rules: int, told_of: str) -> None:
    """A span that came to count behind the completion counts; older rules told of the one before it."""
    bench = Bench({"within": rows("3h", "4h")}, fields={"priority": "Low"}, rules=rules)
    bench.complete("Mon 09:30").change("Mon 10:00", priority="High").clear("Mon 11:00")
    [note] = bench.notes(NoteKind.CLEARED)
    assert note.facts is not None
    assert (told(note.facts.target_at), bench.target("Mon 11:00")) == (told_of, "Mon 12:00")


@pytest.mark.parametrize(("rules", "told_of"), [(RULES, "Mon 15:00"), (BOUNDS_INSTANTS, "Mon 13:00")])
def test_what_its_rule_takes_back_tells_of_its_target_then(rules: int, told_of: str) -> None:
    """The time since the completion was a pause."""
    undone = {"within": "4h", "complete_when": DONE, "when_undone": "resume"}
    bench = Bench(undone, fields={"state": "new"}, rules=rules)
    bench.change("Mon 10:00", state="done").change("Mon 12:00", state="new")
    [note] = bench.notes(NoteKind.CLEARED)
    assert note.facts is not None
    assert (told(note.facts.target_at), bench.target("Mon 12:00")) == (told_of, "Mon 15:00")


def test_a_clear_tells_of_a_stay_that_was_handed_over_behind_the_completion() -> None:
    """The next occurrence that everybody saw had not begun, so the completion could be cleared."""
    owned = {"within": "8h", "starts": "criteria", "recurrence": "sequential", "restart_on": ["priority"]}
    bench = Bench(owned, fields={"priority": "Low"}).complete("Mon 09:30")
    bench.change("Mon 10:00", priority="High").clear("Mon 11:00")
    why = [(note.occurrence, note.facts and note.facts.why) for note in bench.notes(NoteKind.REMOVED)]
    assert why == [(2, "handed over"), (3, "the completion before it is cleared"), (1, "handed over")]


# --- carry ---

THREE = [
    {"when": HIGH, "span": "2h"},
    {"when": 'case.priority == "Mid"', "span": "121m"},
    {"when": 'case.priority == "Same"', "span": "2h", "business_hours": "X"},
    {"span": "4h"},
]
"""Four hours, until the priority is one of three."""


@pytest.mark.parametrize(
    ("hours", "span", "change", "target"),
    [
        ("X", ("2h", "4h"), "Mon 13:00:01", "Mon 13:00"),
        ("X", ("4h", "8h"), "Mon 18:00", "Mon 17:00"),
        ("B", ("8h", "5h"), "Tue 08:00", "Mon 14:00"),
        ("B", ("8h", "8h"), "Tue 08:00", "Mon 17:00"),
    ],
)
def test_carry_keeps_the_target_of_what_was_missed(hours: str, span: tuple[str, str], change: str, target: str) -> None:
    """It is not corrected, and not missed a second time."""
    table = [{"when": HIGH, "span": span[0], "business_hours": "X"}, {"span": span[1]}]
    bench = Bench({"within": table, "on_change": "carry"}, hours=hours).to(change).change(change, priority="High")
    assert bench.to("Tue 12:00").target("Tue 12:00") == target
    assert bench.violations == [target]


def test_carry_in_the_very_second_of_a_target_leaves_its_record() -> None:
    """The trigger at the target changes the span: what was missed then is not corrected, and not missed twice."""
    raised = triggers("violation 0", actions=sets(priority="High"))
    bench = Bench({"within": rows("2h", "4h"), "on_change": "carry", "triggers": raised}, hours="X").to("Mon 13:00")
    assert (bench.target("Mon 13:00"), bench.to("Mon 14:00").violations) == ("Mon 13:00", ["Mon 13:00"])


def test_carry_at_exactly_the_whole_is_in_time_at_that_instant() -> None:
    """Four hours of four are used at 13:00, and nothing is missed before that instant passes."""
    bench = Bench({"within": rows("2h", "4h"), "on_change": "carry"}, hours="X").change("Mon 13:00", priority="High")
    assert (bench.target("Mon 13:00"), bench.violations) == ("Mon 13:00", [])
    assert bench.complete("Mon 13:00").milestone("Mon 13:00").violated is False


@pytest.mark.parametrize("promise", [True, False])
def test_carry_at_exactly_an_extended_whole_is_that_instant(promise: bool) -> None:  # noqa: FBT001
    """The trigger at the target changes the calendar: all of the span and of its extension is used."""
    table = [{"when": HIGH, "span": "4h", "business_hours": "B"}, {"span": "4h"}]
    raised = triggers("violation 0", actions=sets(priority="High"))
    declared = {"within": table, "on_change": "carry", "promise": promise, "triggers": raised}
    bench = (
        Bench(declared, hours="X", opened="Sat 09:00")
        .extend("Sat 10:00", open_seconds=600, by="ann", reason="agreed")
        .to("Mon+1 12:00")
    )
    assert bench.target("Mon+1 12:00") == "Sat 13:10"
    assert bench.violations == (["Sat 13:10"] if promise else [])


@pytest.mark.parametrize(
    ("rules", "targets"),
    [
        (RULES, ["Mon 13:00", "Mon 15:00", "Mon 14:59:15"]),
        (SETS_CORNERS_RIGHT - 1, ["Mon 13:00", "Mon 15:00", "Mon 15:59:45"]),
    ],
)
def test_carry_after_an_extension_of_what_was_missed_knows_what_was_over(rules: int, targets: list[str]) -> None:
    """At 14:30 210 minutes of 120 are used: 90 minutes too many, which are 90:45 of 121, and the two hours."""
    bench = Bench({"within": THREE, "on_change": "carry"}, hours="X", rules=rules)
    seen = [bench.change("Mon 14:00", priority="High").target("Mon 14:00")]
    seen.append(bench.extend("Mon 14:10", open_seconds=7200).target("Mon 14:10"))
    seen.append(bench.change("Mon 14:30", priority="Mid").target("Mon 14:30"))
    assert seen == targets


@pytest.mark.parametrize("priority", ["Mid", "Same"])
def test_carry_adds_an_extension_once(priority: str) -> None:
    """That of 10:00 is in the target of 14:00, which was kept; a span of the same length moves nothing."""
    bench = Bench({"within": THREE, "on_change": "carry"}, hours="X").extend("Mon 10:00", open_seconds=3600)
    bench.change("Mon 15:00", priority="High").extend("Mon 15:10", open_seconds=5400)
    assert bench.target("Mon 15:10") == "Mon 15:30"
    bench.change("Mon 15:10:30", priority=priority)
    assert bench.target("Mon 15:20") == {"Mid": "Mon 15:29:25", "Same": "Mon 15:30"}[priority]
    bench.change("Mon 15:25", priority="High")
    assert bench.target("Mon 15:25") == {"Mid": "Mon 15:30:08", "Same": "Mon 15:30"}[priority]


def test_elapsed_after_carry_is_counted_by_the_calendar_of_then() -> None:
    """Monday 15:00 to 18:00 around the clock, from then on in office hours: 3h, and 1h on Tuesday."""
    table = [{"when": HIGH, "span": "8h"}, {"span": "12h", "business_hours": "X"}]
    bench = Bench({"within": table, "on_change": "carry"}, opened="Mon 15:00").change("Mon 18:00", priority="High")
    assert bench.complete("Tue 10:00").minutes("Tue 10:00") == (240, 0, 240)


# --- complete_when at a start that lies back ---


@pytest.mark.parametrize("span", ["1h", "4h", "1bd", "eod"])
def test_what_is_complete_as_it_starts_is_in_time(span: str) -> None:
    """However far back its start would have lain; nothing has elapsed."""
    bench = Bench({"within": span, "when": ON, "complete_when": ON}).change("Tue 14:00", state="on")
    m = bench.milestone("Tue 14:00")
    assert (m.state, m.violated, m.elapsed_seconds, bench.violations) == (InstanceState.COMPLETED, False, 0, [])


@pytest.mark.parametrize("backwards", [False, True])
def test_a_chain_that_is_complete_as_it_starts_is_one_step(*, backwards: bool) -> None:
    """Of twenty, in whatever order they are declared; the guard has nothing to end."""
    names = [f"M{n}" for n in range(20)]
    starts: list[Any] = ["process", *({"after": name} for name in names)]
    declared = [
        {"name": name, "within": "1h", "when": ON, "complete_when": ON, "starts": start}
        for name, start in zip(names, starts, strict=False)
    ]
    bench = Bench(*(declared[::-1] if backwards else declared)).change("Mon 14:00", state="on")
    assert {m.state for m in bench.view("Mon 14:00").milestones} == {InstanceState.COMPLETED}
    assert (len(bench.view("Mon 14:00").milestones), bench.notes(NoteKind.GUARD)) == (20, [])


# --- clear ---


def done(milestone: dict[str, Any], **also: Any) -> Bench:
    return Bench(milestone, fields={"state": "on"}, **also).complete("Mon 10:00")


@pytest.mark.parametrize(
    ("milestone", "events", "expected"),
    [
        (
            {"within": "4h", "when": ON},
            [("change", "Mon 11:00", {"state": "off"})],
            ("removed", "Mon 09:00", "Mon 13:00", []),
        ),
        (
            {"within": "1h", "when": ON},
            [("change", "Mon 11:00", {"state": "off"})],
            ("removed", "Mon 09:00", "Mon 10:00", ["Mon 10:00"]),
        ),
        ({"within": "4h"}, [("close", "Mon 13:30", {})], ("open at exit", "Mon 09:00", "Mon 13:00", ["Mon 13:00"])),
        (
            {"within": rows("2h", "8h"), "on_change": "restart"},
            [("change", "Mon 11:00", {"priority": "High"})],
            ("running", "Mon 11:00", "Mon 13:00", ["Mon 13:00"]),
        ),
        (
            {"within": "4h"},
            [("stop", "Mon 11:00", {}), ("resume", "Mon 13:00", {})],
            ("running", "Mon 09:00", "Mon 15:00", []),
        ),
        (
            {"within": "4h"},
            [("stop", "Mon 13:15", {}), ("resume", "Mon 13:45", {})],
            ("running", "Mon 09:00", "Mon 13:30", ["Mon 13:00"]),
        ),
    ],
)
def test_a_clear_is_as_if_it_had_never_been_completed(
    milestone: dict[str, Any], events: list[tuple[str, str, dict[str, Any]]], expected: tuple[Any, ...]
) -> None:
    """State, start, target and records are those of a case without that completion."""
    cleared, never = done(milestone), Bench(milestone, fields={"state": "on"})
    for bench in (cleared, never):
        for name, when, content in events:
            getattr(bench, name)(when, **content)
        bench.to("Mon 14:30")
    cleared.clear("Mon 14:30")
    for bench in (cleared, never):
        m = bench.milestone("Mon 14:30")
        assert (str(m.state), bench.start("Mon 14:30"), bench.target("Mon 14:30"), bench.violations) == expected


def test_a_clear_outside_the_process_is_as_if_it_had_never_been_completed() -> None:
    """Left at 15:00, missed at 13:00 by then; cleared at 16:00, back at 16:30: the record is that of 13:00."""
    declared = {"within": "4h"}
    cleared, never = (Bench(declared, fields={"state": "on"}, exit_when='case.state == "off"') for _ in range(2))
    cleared.complete("Mon 10:00")
    for bench in (cleared, never):
        bench.change("Mon 15:00", state="off")
    cleared.clear("Mon 16:00")
    for bench in (cleared, never):
        m = bench.change("Mon 16:30", state="on").milestone("Mon 16:30")
        assert (m.state, bench.violations, bench.target("Mon 16:30")) == (
            InstanceState.RUNNING,
            ["Mon 13:00"],
            "Mon 14:30",
        )


@pytest.mark.parametrize("cleared_first", [False, True])
@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("Tue 10:00", ("scheduled", "Tue 10:00", "Tue 14:00", [])),
        ("Mon 10:30", ("running", "Mon 10:30", "Mon 14:30", [])),
        ("Mon 08:00", ("running", "Mon 08:00", "Mon 13:00", [])),
    ],
)
def test_a_clear_of_what_was_complete_as_it_started(
    entry: str, expected: tuple[Any, ...], *, cleared_first: bool
) -> None:
    """It follows its entry, wherever that is moved, like a case without that completion."""
    declared = {"within": "4h", "complete_when": DONE}
    cleared = Bench(declared, opened="Mon 11:00", **_of_entry("done"))
    assert cleared.milestone("Mon 11:00").state is InstanceState.COMPLETED
    never = Bench({"within": "4h"}, opened="Mon 11:00", **_of_entry("on"))
    for bench in (cleared, never):
        bench.change("Mon 11:30", state="on")
        if bench is cleared and cleared_first:
            bench.clear("Mon 11:45")
        bench.change("Mon 12:00", entry_at=field_at(entry))
        if bench is cleared and not cleared_first:
            bench.clear("Mon 12:15")
        m = bench.milestone("Mon 12:30")
        found = (str(m.state), bench.start("Mon 12:30"), bench.target("Mon 12:30"), bench.violations)
        assert found == expected


def test_a_clear_leaves_the_start_of_what_was_complete_as_it_started() -> None:
    """It is that instant, while nobody moves its entry."""
    bench = Bench({"within": "4h", "complete_when": DONE}, opened="Mon 11:00", **_of_entry("done"))
    bench.change("Mon 11:30", state="on").clear("Mon 12:00")
    assert (bench.start("Mon 12:00"), bench.target("Mon 12:00")) == ("Mon 11:00", "Mon 15:00")


def _of_entry(state: str) -> dict[str, Any]:
    return {"entry": "entry_at", "fields": {"entry_at": field_at("Mon 09:00"), "state": state}}


def test_a_clear_brings_the_occurrence_that_began_behind_it() -> None:
    """Criteria that were false for a while would have begun another: it is there, from then."""
    declared = {"within": "4h", "starts": "criteria", "when": ON}
    bench = done(declared).change("Mon 11:00", state="off").change("Mon 12:00", state="on").clear("Mon 13:00")
    first, second = bench.runs("Mon 13:00")
    assert (first.state, second.state) == (InstanceState.REMOVED, InstanceState.RUNNING)
    assert bench.target("Mon 13:00") == "Mon 16:00"


def test_what_fell_due_behind_a_completion_fires_at_the_clear() -> None:
    """In the order in which it was due, late."""
    declared = {"within": "4h", "triggers": triggers("warning 30m", "violation 0")}
    bench = done(declared).clear("Mon 14:00")
    assert bench.fired == ["M warning-30m Mon 12:30 at Mon 14:00", "M violation-0 Mon 13:00 at Mon 14:00"]


def test_what_its_rule_would_complete_again_is_not_cleared() -> None:
    """The refusal names the rule and what it reads."""
    bench = Bench({"within": "4h", "complete_when": DONE}).change("Mon 10:00", state="done")
    assert bench.refused(bench.clear, "Mon 11:00") == "rule_holds"
    assert bench.change("Mon 12:00", state="open").clear("Mon 12:30").milestone("Mon 12:30").completed_at is None


@pytest.mark.parametrize(
    ("rule", "reads"),
    [
        (DONE, ", where case.state is 'done'"),
        ('case["state"] == "done"', ", where case.state is 'done'"),
        (f'entitlement.type == "x" || {DONE}', ", where entitlement.type is 'gold', case.state is 'done'"),
        (f"{DONE} && account.name == null", ", where case.state is 'done', account.name is null"),
        ("!has(case.note)", ", where case.note is not set"),
        (f"{DONE} || {DONE}", ", where case.state is 'done'"),
        (
            'case.tags.exists(t, t == case.state) && case.id == "c"',
            ", where case.tags is [\"done\"], case.state is 'done', case.id is 'c'",
        ),
        ("true", ""),
    ],
)
def test_the_refusal_of_a_clear_says_what_its_rule_reads(rule: str, reads: str) -> None:
    """Of case, entitlement and account, in the rule's order, each once; a field that is not set, too."""
    known: dict[str, Any] = {"entitlement": {"type": "gold"}, "account": {"name": None}, "fields": {"tags": ["done"]}}
    bench = Bench({"within": "4h", "complete_when": rule}, **known).change("Mon 10:00", state="done")
    with pytest.raises(Refused) as refusal:
        bench.clear("Mon 11:00")
    assert str(refusal.value) == f"M would be completed again at once: complete_when {rule!r} holds{reads}"


def test_a_rule_that_reads_no_entitlement_says_so() -> None:
    bench = Bench({"within": "4h", "complete_when": f"entitlement.x == 1 || {DONE}"}).change("Mon 10:00", state="done")
    with pytest.raises(
        Refused, match=r"entitlement\.x is not set, since there is no entitlement, case\.state is 'done'"
    ):
        bench.clear("Mon 11:00")


# --- late news, and rearming ---


@pytest.mark.parametrize(
    ("own", "records"),
    [
        ("Mon 13:05", ["Mon 13:00 corrected Mon 13:10", "Mon 13:50 corrected Mon 13:50", "Mon 13:00"]),
        ("Mon 13:30", ["Mon 13:00 corrected Mon 13:10", "Mon 13:50 corrected Mon 13:50"]),
        ("Mon 13:55", ["Mon 13:00 corrected Mon 13:10", "Mon 13:50"]),
    ],
)
def test_the_record_of_a_late_completion_is_that_of_its_time(own: str, records: list[str]) -> None:
    """Missed 13:00, extended to 13:50, missed again; what stands is what had been missed when it was completed."""
    bench = Bench({"within": "4h"}).to("Mon 13:00").extend("Mon 13:10", open_seconds=3000)
    bench.to("Mon 14:00").complete("Mon 15:00", occurred=own)
    assert bench.violations == records


@pytest.mark.parametrize(
    ("stop", "resume", "fired"),
    [
        ("Mon 13:30", "Mon 15:30", ["M warning-60m Mon 12:00"]),
        ("Mon 12:30", "Mon 13:00", ["M warning-60m Mon 12:00"]),
        ("Mon 12:30", "Mon 15:00", ["M warning-60m Mon 12:00"]),
    ],
)
def test_a_trigger_rearms_only_if_its_new_time_is_ahead(stop: str, resume: str, fired: list[str]) -> None:
    """A pause after it fired moves the target, and not its time past the resume."""
    declared = {"within": "4h", "triggers": triggers("warning 60m", rearm=True)}
    bench = Bench(declared).stop(stop).resume(resume).stop("Mon 15:40").resume("Mon 15:45")
    assert bench.to("Tue 12:00").fired == fired


def test_a_trigger_rearms_when_an_extension_puts_it_ahead() -> None:
    """Fired at 12:00; the target goes to 15:00 at 13:30."""
    declared = {"within": "4h", "triggers": triggers("warning 60m", rearm=True)}
    bench = Bench(declared).extend("Mon 13:30", open_seconds=7200)
    assert bench.to("Mon 16:00").fired == ["M warning-60m Mon 12:00", "M warning-60m Mon 14:00"]


@pytest.mark.parametrize(
    ("within", "trigger", "fired", "change"),
    [
        # The same end of the day by a calendar that opens an hour earlier: the warning would fall on Tuesday at 08:00.
        (
            [{"when": ON, "span": "1bd eod"}, {"span": "1bd eod", "business_hours": "A"}],
            "warning 9h",
            "Mon 16:00",
            {"state": "off"},
        ),
        # The same end of the day from a later entry: half of what is between is later.
        ([{"span": "eod"}], "warning 50%", "Mon 13:00", {"entry_at": field_at("Mon 11:00")}),
    ],
)
def test_a_change_that_moves_no_target_rearms_nothing(
    within: list[dict[str, Any]], trigger: str, fired: str, change: dict[str, Any]
) -> None:
    """What fired fires again only if its target moves."""
    bench = entered({"within": within, "triggers": triggers(trigger, rearm=True)})
    when = f"{fired[:6]}:45"
    bench.to(when)
    target = bench.target(when)
    bench.change(when, **change).to("Tue 12:00")
    assert (bench.target("Tue 12:00"), [text[-9:] for text in bench.fired]) == (target, [fired])


# --- the entry ---


def entered(*milestones: dict[str, Any], at: str = "Mon 09:00") -> Bench:
    return Bench(*milestones, entry="entry_at", fields={"entry_at": field_at(at), "state": "on"})


@pytest.mark.parametrize("starts", ["process", "criteria"])
def test_nothing_runs_before_an_entry_that_lies_ahead(starts: str) -> None:
    """No instance, nothing missed; at its instant the process is entered by itself."""
    bench = entered({"within": "1h", "starts": starts}, at="Mon 12:00").to("Mon 11:59")
    assert (bench.view("Mon 11:59").milestones, bench.violations) == ([], [])
    assert bench.to("Mon 12:00").target("Mon 12:00") == "Mon 13:00"


def test_an_entry_moved_ahead_schedules_and_pauses() -> None:
    """What starts at the process waits for it, what runs is paused until then, and nothing starts."""
    late = {"name": "Late", "within": "1h", "starts": "criteria", "when": 'case.priority == "High"'}
    bench = entered({"name": "P", "within": "2h"}, {"name": "C", "within": "2h", "starts": "criteria"}, late)
    bench.change("Mon 10:00", entry_at=field_at("Mon 12:00")).change("Mon 11:00", priority="High")
    states = {m.milestone: str(m.state) for m in bench.view("Mon 11:00").milestones}
    assert states == {"P": "scheduled", "C": "paused"}
    bench.to("Mon 12:00")
    targets = [bench.target("Mon 12:00", name) for name in ("P", "C", "Late")]
    assert targets == ["Mon 14:00", "Mon 13:00", "Mon 13:00"]


@pytest.mark.parametrize("told_at", ["Mon 10:30", "Mon 12:30"])
@pytest.mark.parametrize(
    ("cutoff", "own", "seen"),
    [
        (None, "Mon 10:30", ("Mon 12:00", "Mon 15:00")),
        ("11:00", "Mon 10:30", ("Mon 12:00", "Tue 12:00")),
        (None, "Mon 09:50", ("Mon 09:50", "Mon 14:50")),
    ],
)
def test_what_is_completed_while_the_entry_lies_ahead_is_followed_from_it(
    cutoff: str | None, own: str, told_at: str, seen: tuple[str, str]
) -> None:
    """None starts in the wait, whenever news comes; what would have started before the wait stood in it."""
    bench = entered({"within": "3h", "starts": "criteria", "recurrence": "independent", "cutoff": cutoff})
    bench.change("Mon 10:00", entry_at=field_at("Mon 12:00")).complete(told_at, occurred=own).to("Mon 13:00")
    assert (bench.start("Mon 13:00"), bench.target("Mon 13:00")) == seen


def test_under_older_rules_one_starts_back_in_the_wait_for_an_entry() -> None:
    """So that the history of such a case replays."""
    recurs = {"within": "3h", "starts": "criteria", "recurrence": "independent"}
    fields = {"entry_at": field_at("Mon 09:00")}
    bench = Bench(recurs, entry="entry_at", fields=fields, rules=SETS_CORNERS_RIGHT - 1)
    bench.change("Mon 10:00", entry_at=field_at("Mon 12:00")).complete("Mon 10:30").to("Mon 12:00")
    assert bench.start("Mon 12:00") == "Mon 10:30"


def test_an_entry_that_becomes_null_again_changes_nothing() -> None:
    """Once entered."""
    bench = entered({"within": "4h"}).change("Mon 10:00", entry_at=None)
    assert bench.target("Mon 10:00") == "Mon 13:00"


@pytest.mark.parametrize(
    ("on_change", "entry", "start", "target"),
    [
        ("restart", "Mon 09:30", "Mon 10:00", "Mon 12:00"),
        ("carry", "Mon 09:30", "Mon 09:30", "Mon 11:45"),
        ("carry", "Mon 10:00", "Mon 10:00", "Mon 12:00"),
        ("carry", "Mon 10:30", "Mon 10:30", "Mon 12:30"),
        ("retroactive", "Mon 09:30", "Mon 09:30", "Mon 11:30"),
    ],
)
def test_a_moved_entry_after_a_change_of_span(on_change: str, entry: str, start: str, target: str) -> None:
    """A restarted one stays; a carried one keeps its target, unless its start is moved past the carrying."""
    declared = {"within": rows("2h", "8h"), "on_change": on_change}
    bench = entered(declared).change("Mon 10:00", priority="High").change("Mon 11:00", entry_at=field_at(entry))
    assert (bench.start("Mon 11:00"), bench.target("Mon 11:00")) == (start, target)


# --- the very second ---


@pytest.mark.parametrize("looked", [False, True])
@pytest.mark.parametrize(
    ("request_", "content"),
    [("stop", {}), ("close", {}), ("change", {"state": "off"}), ("complete", {}), ("extend", {"open_seconds": 600})],
)
def test_what_happens_in_the_second_of_a_target_comes_before_it(
    request_: str, content: dict[str, Any], *, looked: bool
) -> None:
    """Whatever its kind, and whoever looked when: what stands is the same."""
    bench = Bench({"within": "4h", "when": 'case.state != "off"'}, fields={"state": "on"})
    if looked:
        bench.to("Mon 13:00")
    getattr(bench, request_)("Mon 13:00", **content)
    m = bench.milestone("Mon 13:00")
    assert [v for v in m.violations if v.corrected_at is None] == []
    assert not m.violated


@pytest.mark.parametrize("looked", [False, True])
def test_two_events_in_the_second_of_a_target_both_come_before_it(*, looked: bool) -> None:
    """The second is no later than the first."""
    bench = Bench({"within": "4h"})
    if looked:
        bench.to("Mon 13:00")
    assert not bench.change("Mon 13:00", count=1).close("Mon 13:00").milestone("Mon 13:00").violated


def test_an_unrelated_event_in_the_second_of_a_target_leaves_its_record() -> None:
    """It comes first, and the target is missed all the same."""
    bench = Bench({"within": "4h"}).to("Mon 13:00").change("Mon 13:00", count=1)
    assert bench.to("Mon 14:00").violations == ["Mon 13:00"]


def test_a_view_of_the_past_says_so() -> None:
    """It answers for the last thing that happened, and names what it was asked."""
    bench = Bench({"within": "1h"}).to("Mon 11:00")
    view = bench.view("Mon 09:30")
    assert view.asked_at is not None
    assert (view.now > view.asked_at, bench.view("Mon 11:00").asked_at) == (True, None)


def test_a_name_with_a_colon_is_a_name() -> None:
    """What is known of the rows of A is not what is known of a milestone that is called 'A: row 2'."""
    bench = Bench({"name": "A", "within": rows("1h", "4h")}, {"name": "A: row 2", "within": "4h", "when": ON})
    assert bench.change("Mon 10:00", state="on", priority="High").target("Mon 10:00", "A") == "Mon 10:00"
    assert bench.runs("Mon 10:00", "A: row 2")


def test_a_field_update_can_undo_what_it_completed() -> None:
    """The rules that chase one another are stopped, on record."""
    undone = {
        "complete_when": DONE,
        "when_undone": "resume",
        "triggers": triggers("success", actions=sets(state="open")),
    }
    bench = Bench({"within": "4h", **undone}).change("Mon 10:00", state="done")
    assert bench.milestone("Mon 10:00").state is InstanceState.RUNNING
    assert bench.fired == ["M success Mon 10:00"]


# --- fields ---


@pytest.mark.parametrize("sent", ["1899-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "3000-01-01T00:00:00Z"])
def test_a_field_has_no_instant_of_which_nothing_is_promised(sent: str) -> None:
    """Other systems write so that they have none. What stands from before may be sent again."""
    with pytest.raises(Refused, match=r"'due_at' is .*; an instant lies in the years 1900 to 2999"):
        Bench({"within": "1h"}).change("Mon 09:30", due_at=sent)
    before = Bench({"within": "1h"}, rules=BOUNDS_INSTANTS - 1).change("Mon 09:30", due_at=sent)
    assert before.timeline.state.fields["due_at"] == sent
    Bench({"within": "1h"}, fields={"due_at": sent}).change("Mon 09:30", due_at=sent, state="on")


@pytest.mark.parametrize("sent", ["1900-01-01T00:00:00Z", "2999-12-31T23:59:59Z"])
def test_the_first_and_the_last_instant_may_be_in_a_field(sent: str) -> None:
    assert Bench({"within": "1h"}).change("Mon 09:30", due_at=sent).timeline.state.fields["due_at"] == sent

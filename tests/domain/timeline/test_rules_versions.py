"""The rules of versions: what a migration does to a running case, and what it leaves alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.calendar import BusinessHours
from domain.timeline.effects import NoteKind
from domain.timeline.events import Event, FieldsChanged, PlanReplaced
from domain.timeline.instances import InstanceState
from domain.timeline.plan import RULES, SETS_CORNERS_RIGHT, Plan
from domain.timeline.views import MilestoneStatus
from tests.domain.timeline.bench import FIELDS, Bench, calendars, field_at, ny, plan, process, sets, told, triggers
from tests.models.both_timelines import AnyTimeline, Opening, RealTimeline, SlowTimeline


def version_two(*milestones: dict[str, Any], **also: Any) -> Plan:
    return plan(process(*milestones, version=2, **also))


def test_a_case_keeps_its_version_until_it_is_migrated() -> None:
    """Then it says which one it has, and who and why are on record."""
    bench = Bench({"within": "4h"})
    assert bench.view("Mon 10:00").process_version == 1
    bench.migrate("Mon 10:00", version_two({"within": "4h"}), by="ann", reason="new terms")
    assert bench.view("Mon 10:00").process_version == 2
    note = bench.notes(NoteKind.MIGRATED)[0]
    assert (note.by, note.reason) == ("ann", "new terms")


def test_a_migration_moves_the_targets_of_running_instances() -> None:
    """From the same start, with the pauses that they had; what was due by the new target fires."""
    bench = Bench({"within": "4h"}).stop("Mon 10:00").resume("Mon 11:00")
    new = {"within": "2h", "triggers": triggers("warning 1h", "violation 0")}
    bench.migrate("Mon 11:30", version_two(new)).to("Mon 12:00")
    assert (bench.start("Mon 12:00"), bench.target("Mon 12:00")) == ("Mon 09:00", "Mon 12:00")
    assert bench.fired == ["M warning-1h Mon 11:00 at Mon 11:30", "M violation-0 Mon 12:00"]


def test_what_is_completed_or_violated_keeps_what_happened_to_it() -> None:
    """Neither target nor verdict of it changes."""
    spans = {"Done": "4h", "Missed": "1h"}
    bench = Bench(*({"name": name, "within": span} for name, span in spans.items())).complete("Mon 09:30", "Done")
    bench.to("Mon 10:30").migrate("Mon 10:30", version_two(*({"name": name, "within": "8h"} for name in spans)))
    done, missed = (bench.milestone("Mon 11:00", name) for name in spans)
    assert (told(done.target_at), done.state, done.violated) == ("Mon 13:00", InstanceState.COMPLETED, False)
    assert (told(missed.target_at), missed.violated, bench.violations) == ("Mon 10:00", True, ["Mon 10:00"])


def test_a_milestone_that_the_new_version_lacks_is_removed() -> None:
    """It stays on record; one that is new starts."""
    bench = Bench({"name": "Old", "within": "4h"}).migrate("Mon 10:00", version_two({"name": "New", "within": "4h"}))
    assert [(m.milestone, m.state) for m in bench.view("Mon 10:00").milestones] == [
        ("Old", InstanceState.REMOVED),
        ("New", InstanceState.RUNNING),
    ]
    assert bench.start("Mon 10:00", "New") == "Mon 09:00"


def test_a_migration_takes_edited_calendars_over() -> None:
    """Office hours that now begin at 11:00 move a running target; a violated one keeps the hours it had."""
    week = {day: ["11:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
    edited = BusinessHours.model_validate({"name": "B", "time_zone": "America/New_York", "week": week})
    frozen = edited.freeze(datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    milestones = [{"name": "Running", "within": "4h"}, {"name": "Missed", "within": "30m"}]
    bench = Bench(*milestones).to("Mon 10:00")
    new = version_two(*milestones).model_copy(update={"calendars": {**calendars(), "B": frozen}})
    bench.migrate("Mon 10:00", new)
    assert (bench.target("Mon 10:00", "Running"), bench.target("Mon 10:00", "Missed")) == ("Mon 15:00", "Mon 09:30")


def test_a_migration_is_to_the_same_process() -> None:
    """Going over to another is a change of entitlement."""
    bench = Bench({"within": "4h"})
    assert bench.refused(bench.migrate, "Mon 10:00", plan(process({"within": "4h"}, name="Q"))) == "another_process"
    closed = Bench({"within": "4h"}).close("Mon 10:00")
    assert closed.refused(closed.migrate, "Mon 11:00", version_two({"within": "4h"})) == "closed"


# --- in what order a migration is evaluated ---

ON = 'case.state == "on"'


@pytest.mark.parametrize(
    ("new", "also", "state", "target"),
    [
        ({"within": "1h", "when": ON}, {}, "removed", "Mon 13:00"),
        ({"within": "1h", "complete_when": 'case.state == "off"'}, {}, "completed", "Mon 13:00"),
        ({"within": "1h"}, {"exit_when": 'case.state == "off"'}, "open at exit", "Mon 13:00"),
        ({"within": "1h"}, {}, "running", "Mon 10:00"),
    ],
)
def test_a_migration_is_evaluated_as_every_change(
    new: dict[str, Any], also: dict[str, Any], state: str, target: str
) -> None:
    """First completions, then exit, then removals, each by the span before; only what goes on has the new span."""
    bench = Bench({"within": "4h"}, fields={"state": "off"}).migrate("Mon 11:00", version_two(new, **also))
    m = bench.milestone("Mon 11:00")
    assert (str(m.state), bench.target("Mon 11:00")) == (state, target)
    assert bench.violations == (["Mon 10:00"] if state == "running" else [])


def test_what_comes_back_after_a_migration_has_the_new_span() -> None:
    """From the same start, whatever `on_change` says: the case did not change."""
    declared = {"when": ON, "on_change": "restart"}
    bench = Bench({"within": "4h", **declared}, fields={"state": "on"}).change("Mon 10:00", state="off")
    bench.migrate("Mon 11:00", version_two({"within": "6h", **declared}))
    assert bench.target("Mon 11:00") == "Mon 13:00"
    assert bench.change("Mon 12:00", state="on").target("Mon 12:00") == "Mon 15:00"


@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize("missed", [False, True])
def test_a_migration_to_a_deadline_leaves_no_pause(*, resumed: bool, missed: bool) -> None:
    """A deadline fires while the case is stopped, and no stop of before moves it; what was missed runs on too."""
    span = "1h" if missed else "8h"
    bench = Bench({"within": span}, fields={"due_at": field_at("Mon 14:00")}).stop("Mon 11:00")
    if resumed:
        bench.resume("Mon 12:00")
    new = {"by": "due_at", "triggers": triggers("violation 4h")}
    bench.migrate("Mon 13:00", version_two(new)).to("Tue 12:00")
    assert str(bench.milestone("Tue 12:00").state) == "running"
    assert bench.violations == (["Mon 10:00"] if missed else ["Mon 14:00"])
    assert len(bench.fired) == 1


def test_a_migration_from_a_deadline_counts_the_stops_since_the_start() -> None:
    """As if the span had held from the start: stopped for an hour."""
    bench = Bench({"by": "due_at"}, fields={"due_at": field_at("Mon 16:00")}).stop("Mon 10:00").resume("Mon 11:00")
    assert bench.migrate("Mon 12:00", version_two({"within": "4h"})).target("Mon 12:00") == "Mon 14:00"


@pytest.mark.parametrize(
    ("old", "new", "violations"), [(False, True, ["Mon 10:00"]), (True, False, []), (True, True, ["Mon 10:00"])]
)
def test_a_target_that_a_migration_moves_behind_is_judged_by_the_new_version(
    *, old: bool, new: bool, violations: list[str]
) -> None:
    """It passes at the migration, and whether it was a promise is decided then."""
    bench = Bench({"within": "4h", "promise": old}).to("Mon 11:00")
    bench.migrate("Mon 11:00", version_two({"within": "1h", "promise": new})).to("Tue 12:00")
    assert bench.violations == violations


@pytest.mark.parametrize("late", ["fire", "skip"])
def test_a_warning_that_a_migration_adds_to_what_was_missed_is_past(late: str) -> None:
    """Its target is no longer ahead."""
    bench = Bench({"within": "1h"}).to("Mon 11:00")
    bench.migrate("Mon 11:00", version_two({"within": "1h", "triggers": triggers("warning 30m", late=late)}))
    assert bench.to("Mon 12:00").fired == []


@pytest.mark.parametrize("late", ["fire", "skip"])
def test_a_warning_is_past_also_where_the_migration_ends_a_pause(late: str) -> None:
    """Missed at 10:00 and paused at 10:30; the end of the pause moves the target to 11:30, and the warning to 11:00."""
    fields = {"state": "on"}
    bench = Bench({"within": "1h", "pause_when": 'case.state == "off"'}, fields=fields).change("Mon 10:30", state="off")
    bench.migrate("Mon 12:00", version_two({"within": "1h", "triggers": triggers("warning 30m", late=late)}))
    assert bench.to("Mon 13:00").fired == []
    assert bench.target("Mon 13:00") == "Mon 11:30"


# --- what fires again after a migration, and what follows from it ---

DEADLINE = {"due_at": field_at("Tue 10:00")}


def rearming(kind: str, at: str) -> dict[str, Any]:
    return {"triggers": [{"id": "t", "kind": kind, "at": at, "rearm": True}]}


UNMOVED = [
    # Another calendar, by which the warning falls on Tuesday at 08:00: the target is no matter of open time.
    ({"by": "due_at", **rearming("warning", "2h")}, {"by": "due_at", "business_hours": "X"}, "Mon 16:00"),
    ({"within": "1bd eod", **rearming("warning", "9h")}, {"within": "1bd eod", "business_hours": "A"}, "Mon 16:00"),
    # Another share or span before the target, or after one that was missed.
    ({"within": "8h", **rearming("warning", "75%")}, {"within": "8h", **rearming("warning", "90%")}, "Mon 15:00"),
    ({"within": "9h", **rearming("warning", "3h")}, {"within": "9h", **rearming("warning", "1h")}, "Mon 15:00"),
    ({"within": "7h", **rearming("violation", "0")}, {"within": "7h", **rearming("violation", "2h")}, "Mon 16:00"),
]
"""What a milestone was, what it is by the new version, with the same target, and when its trigger fired."""


@pytest.mark.parametrize(("old", "new", "fired"), UNMOVED)
def test_a_migration_that_moves_no_target_rearms_nothing(old: dict[str, Any], new: dict[str, Any], fired: str) -> None:
    """What fired fires again only if its target moves, whatever else makes its time another."""
    bench = Bench(old, fields=DEADLINE).to("Mon 16:30")
    target = bench.target("Mon 16:30")
    bench.migrate("Mon 16:30", version_two(old | new)).through_json().to("Wed 12:00")
    assert (bench.target("Wed 12:00"), bench.fired) == (target, [f"M t {fired}"])


@pytest.mark.parametrize(("old", "new", "fired"), [case for case in UNMOVED if "within" in case[0]])
def test_what_a_migration_did_not_rearm_an_extension_does(old: dict[str, Any], new: dict[str, Any], fired: str) -> None:
    """Then the target moves, and the new time is ahead."""
    bench = Bench(old).to("Mon 16:30").migrate("Mon 16:30", version_two(old | new))
    bench.extend("Mon 16:30", open_seconds=12 * 3600).to("Fri 12:00")
    assert (bench.fired[0], len(bench.fired)) == (f"M t {fired}", 2)


def test_what_had_rearmed_before_a_migration_fires_again() -> None:
    """Its target had moved, and its new time was ahead then; the migration moves it no more."""
    old = {"within": "8h", **rearming("warning", "2h")}
    bench = Bench(old).extend("Mon 15:30", open_seconds=3600 * 4)
    new = {**old, **rearming("warning", "1h")}
    assert bench.migrate("Mon 16:00", version_two(new)).to("Wed 09:00").fired == ["M t Mon 15:00", "M t Tue 12:00"]


SETS_OFF = [
    {"within": "1h", "triggers": triggers("violation 0", actions=sets(state="on"))},
    {"within": "4h", "triggers": triggers("warning 3h", actions=sets(state="on"))},
    {"within": "4h", "complete_when": "true", "triggers": triggers("success", actions=sets(state="on"))},
]
"""New versions of a milestone with a trigger that fires in the second of the migration, and sets a field."""


@pytest.mark.parametrize(
    ("on_change", "seen"), [("retroactive", ("Mon 09:00", "Mon 12:00")), ("restart", ("Mon 11:00", "Mon 14:00"))]
)
@pytest.mark.parametrize("first", SETS_OFF)
def test_what_a_migration_sets_off_is_a_change(first: dict[str, Any], on_change: str, seen: tuple[str, str]) -> None:
    """The migration itself is retroactive; a field set in its very second changes a span as `on_change` says."""
    rows = [{"when": ON, "span": "3h"}, {"span": "6h"}]
    old = ({"name": "First", "within": "6h"}, {"within": "8h"})
    new = version_two({"name": "First", **first}, {"within": rows, "on_change": on_change})
    bench = Bench(*old, fields={"state": "off"}).migrate("Mon 11:00", new)
    assert (bench.start("Mon 11:00"), bench.target("Mon 11:00")) == seen


UNDONE: dict[str, Any] = {"within": "1bd 12:00", "complete_when": ON, "when_undone": "resume"}


@pytest.mark.parametrize(("cutoff", "target"), [(None, "Thu 12:00"), ("08:00", "Thu 13:00")])
def test_no_pause_before_the_opening_moves_what_is_kept(cutoff: str | None, target: str) -> None:
    """What goes on behind a completion counts its pauses after a migration as before it."""
    bench = Bench(dict(UNDONE, cutoff=cutoff), fields={"state": "off"}).change("Mon 10:00", state="on")
    bench.migrate("Mon 11:00", version_two(dict(UNDONE, cutoff=cutoff))).change("Wed 10:00", state="off")
    assert bench.target("Wed 10:00") == target


KEPT: list[dict[str, Any]] = [
    {"within": "1h"},
    {"within": "1bd 12:00"},
    {"within": "eod"},
    {"within": "1h", "cutoff": "09:30"},
    {"within": "1h", "cutoff": "14:00"},
    {"within": "1h", "promise": False},
]
"""What a milestone was; by Wednesday its target has passed."""


@pytest.mark.parametrize("new", [{"within": "6h"}, {"within": "2bd"}, {"within": "3h", "cutoff": "09:15"}])
@pytest.mark.parametrize("old", KEPT)
def test_an_edited_entry_moves_what_was_kept_by_its_own_span(old: dict[str, Any], new: dict[str, Any]) -> None:
    """What a migration kept has the start and the target that it would have without one."""
    seen = []
    for version in (None, version_two(old, entry="entry_at"), version_two(old | new, entry="entry_at")):
        bench = Bench(old, entry="entry_at", fields={"entry_at": field_at("Mon 09:00")}).to("Wed 09:00")
        if version is not None:
            bench.migrate("Wed 09:00", version)
        bench.change("Wed 10:00", entry_at=field_at("Tue 10:00"))
        seen.append((bench.start("Wed 10:00"), bench.target("Wed 10:00"), bench.violations))
    assert seen[1:] == [seen[0], seen[0]]


@pytest.mark.parametrize("looked_at", ["Mon 09:30", "Mon 10:00"])
@pytest.mark.parametrize(
    ("old", "new", "violations"),
    [
        ({"promise": False}, {"promise": True}, 1),
        ({"promise": True}, {"promise": False}, 0),
        ({"promise": True}, {"promise": True}, 1),
        ({"within": "1h"}, {"within": "4h"}, 0),
        ({"by": "due_at", "within": None}, {"by": "due_at", "within": None, "promise": False}, 0),
    ],
)
def test_a_migration_in_the_second_of_a_target_comes_before_it(
    old: dict[str, Any], new: dict[str, Any], violations: int, looked_at: str
) -> None:
    """As everything does that is asked in that second: the new version says what becomes of it, whoever looked."""
    bench = Bench({"within": "1h"} | old, fields={"due_at": field_at("Mon 10:00")})
    bench.to(looked_at).migrate("Mon 10:00", version_two({"within": "1h"} | new)).to("Mon 10:30")
    assert bench.milestone("Mon 10:30").violated == bool(violations)


@pytest.mark.parametrize("looked_at", ["Mon 09:30", "Mon 10:00"])
def test_a_migration_that_leaves_a_target_where_it_is_leaves_one_violation(looked_at: str) -> None:
    """In the very second of the target too, by other business hours that are open alike: it is not taken back and put
    on record again."""
    bench = Bench({"within": "1h", "business_hours": "B"})
    bench.to(looked_at).migrate("Mon 10:00", version_two({"within": "1h", "business_hours": "A"})).to("Mon 10:30")
    assert [(told(v.violated_at), v.corrected_at) for v in bench.milestone("Mon 10:30").violations] == [
        ("Mon 10:00", None)
    ]


@pytest.mark.parametrize("looked_at", ["Mon 09:45", "Mon 10:00"])
def test_a_migration_that_moves_a_target_back_is_missed_there(looked_at: str) -> None:
    """In the very second of the target too: the violation that stands is of the new one, whoever looked."""
    bench = Bench({"within": "1h"}).to(looked_at).migrate("Mon 10:00", version_two({"within": "30m"}))
    standing = [v.violated_at for v in bench.milestone("Mon 10:30").violations if v.corrected_at is None]
    assert [told(at) for at in standing] == ["Mon 09:30"]


def test_a_missed_deadline_that_is_gone_stays_gone() -> None:
    """Its milestone was removed with the field that named it; a migration does not bring it back for a moment."""
    bench = Bench({"by": "due_at"}, fields={"due_at": field_at("Mon 10:00")}).change("Mon 11:00", due_at=None)
    removed = bench.milestone("Mon 11:30")
    bench.migrate("Mon 12:00", version_two({"by": "due_at"}))
    kept = bench.milestone("Mon 12:30")
    assert kept.state is InstanceState.REMOVED
    assert (kept.target_at, kept.elapsed_seconds, kept.violated) == (removed.target_at, removed.elapsed_seconds, True)
    assert len(bench.notes(NoteKind.REMOVED)) == 1


def test_what_is_taken_back_took_the_new_version_over_once() -> None:
    """Behind its completion, at the migration that completed it; a change after that is a change as usual."""
    rows = [{"when": 'case.state == "on"', "span": "4h"}, {"span": "2h"}]
    new = {"within": rows, "on_change": "restart", "complete_when": 'case.state == "on"', "when_undone": "resume"}
    bench = Bench({"within": "8h", "complete_when": "case.missing == 1"}, fields={"state": "on"})
    bench.migrate("Mon 10:00", version_two(new)).change("Mon 15:00", state="off")
    running = bench.milestone("Mon 15:30")
    assert (told(running.start_at), told(running.target_at), running.violated) == ("Mon 15:00", "Mon 17:00", False)


def test_what_was_kept_outlives_the_field_of_its_deadline() -> None:
    """It has started and missed its target, and goes on without one; another deadline is followed as ever."""
    bench = Bench({"by": "due_at"}, fields={"due_at": field_at("Mon 10:00")}).to("Mon 11:00")
    bench.migrate("Mon 11:00", version_two({"by": "due_at"})).change("Mon 12:00", due_at=None)
    kept = bench.milestone("Mon 12:30")
    assert (kept.state, told(kept.target_at), kept.violated) == (InstanceState.RUNNING, "Mon 10:00", True)
    assert bench.change("Mon 13:00", due_at=field_at("Tue 10:00")).target("Mon 13:00") == "Tue 10:00"


def test_what_comes_back_follows_its_predecessor_at_once() -> None:
    """Gone again in the same second, since that was taken back, it has not missed the target of its first start."""
    first = {
        "name": "First",
        "within": "8h",
        "complete_when": 'case.state == "on"',
        "when_undone": "resume",
        "triggers": triggers("success", rearm=True, actions=sets(state="off")),
    }
    bench = Bench(first, {"name": "Then", "within": "1h", "starts": {"after": "First"}}, fields={"state": "off"})
    bench.change("Mon 10:00", state="on").change("Mon 15:00", state="on")
    then = bench.milestone("Mon 16:00", "Then")
    assert (then.state, then.violated, told(then.start_at)) == (InstanceState.REMOVED, False, "Mon 15:00")


REFUSED = {"name": "First", "within": "8h", "complete_when": 'case.state == "on"', "when_undone": "resume"}
TAKES_IT_BACK = {**REFUSED, "complete_when": 'case.state == "never"'}
FOLLOWS = {"name": "Then", "within": "1h", "starts": {"after": "First"}}


@pytest.mark.parametrize(("new", "then"), [(TAKES_IT_BACK, "on"), (REFUSED, "off")], ids=["by the version", "later"])
def test_what_was_missed_waits_again_for_a_completion_that_is_taken_back(new: dict[str, Any], then: str) -> None:
    """Kept by a migration or not; that it was missed stays on record."""
    bench = Bench(REFUSED, FOLLOWS, fields={"state": "off"}).change("Mon 10:00", state="on")
    bench.migrate("Mon 12:00", version_two(new, FOLLOWS)).change("Mon 13:00", state=then)
    missed = bench.milestone("Mon 14:00", "Then")
    assert (missed.state, told(missed.violations[0].violated_at)) == (InstanceState.REMOVED, "Mon 11:00")


@pytest.mark.parametrize("is_migrated", [False, True])
def test_what_was_completed_at_its_start_waits_with_its_predecessor(*, is_migrated: bool) -> None:
    """Both rules turn false: the second has nothing to follow, whatever a migration kept of it meanwhile."""
    after = {**FOLLOWS, "complete_when": 'case.state == "on"', "when_undone": "resume"}
    bench = Bench(REFUSED, after, fields={"state": "on"})
    if is_migrated:
        bench.migrate("Mon 10:00", version_two(REFUSED, after))
    bench.change("Mon 12:00", state="off")
    states = [str(bench.milestone("Mon 13:00", name).state) for name in ("First", "Then")]
    assert states == ["running", "removed"]


# --- what begins anew by a new version ---

STAYS: dict[str, Any] = {"within": "4h", "starts": "criteria"}


@pytest.mark.parametrize(
    ("old", "new"),
    [(["priority"], []), (["priority"], ["state"]), (["priority", "state"], ["priority"]), ([], ["priority"])],
)
def test_a_migration_that_names_other_fields_hands_nothing_over(old: list[str], new: list[str]) -> None:
    """No field changed: what is completed stays so, and what is missed is open; a change after it counts."""
    declared = version_two(STAYS | {"restart_on": new})
    completed, missed = (
        Bench(STAYS | {"restart_on": old}, fields={"priority": "High", "state": "on"}, hours="X") for _ in range(2)
    )
    completed.complete("Mon 10:00").migrate("Wed 09:00", declared)
    missed.to("Mon 14:00").migrate("Mon 15:00", declared)
    seen = [[str(run.state) for run in bench.runs("Wed 09:00")] for bench in (completed, missed)]
    assert (seen, missed.view("Mon 15:00").status) == ([["completed"], ["running"]], MilestoneStatus.OPEN_VIOLATION)
    for name in ("priority", "state"):
        before = len(missed.runs("Wed 10:00"))
        missed.change("Wed 10:00", **{name: "other"})
        assert len(missed.runs("Wed 10:00")) - before == (name in new)


def test_a_stay_is_of_the_fields_of_the_new_version() -> None:
    """Of those who have it at the migration."""
    bench = Bench(STAYS | {"restart_on": ["priority"]}, fields={"priority": "High", "state": "on"}, hours="X")
    bench.migrate("Mon 10:00", version_two(STAYS | {"restart_on": ["state"]}))
    assert bench.milestone("Mon 10:00").ran_under == {"state": "on"}
    bench.migrate("Mon 10:30", version_two(STAYS))
    assert bench.milestone("Mon 10:30").ran_under == {}


def test_under_older_rules_a_migration_hands_over() -> None:
    """So that the history of such a case replays."""
    older = SETS_CORNERS_RIGHT - 1
    bench = Bench(STAYS | {"restart_on": ["priority"]}, fields={"priority": "High"}, rules=older)
    bench.migrate("Mon 10:00", plan(process(STAYS, version=2), rules=older))
    assert [run.handed_over for run in bench.runs("Mon 10:00")] == [True, False]


@pytest.mark.parametrize(
    ("rules", "start", "violations"), [(RULES, "Wed 09:00", []), (SETS_CORNERS_RIGHT - 1, "Mon 10:00", ["Mon 14:00"])]
)
def test_what_recurs_by_a_new_version_starts_with_it(rules: int, start: str, violations: list[str]) -> None:
    """Nothing could follow from a completion of before. Under older rules the next one started from that."""
    bench = Bench(STAYS, hours="X", rules=rules).complete("Mon 10:00")
    again = plan(process(STAYS | {"recurrence": "independent"}, version=2), "X", rules=rules)
    bench.migrate("Wed 09:00", again)
    assert (bench.start("Wed 09:00"), bench.violations) == (start, violations)


def test_what_recurred_before_a_migration_follows_from_its_completion() -> None:
    """Also where news of that comes after it."""
    recurs = STAYS | {"recurrence": "independent"}
    bench = Bench(recurs, hours="X").migrate("Mon 10:00", version_two(recurs))
    assert bench.complete("Mon 11:00", occurred="Mon 09:30").start("Mon 11:00") == "Mon 09:30"


# --- the model that migrations are held against ---


def _event(when: str, what: Plan | str) -> Event:
    """A new version, another entry if it is an instant, or else another state."""
    if isinstance(what, str):
        fields = {"entry_at": field_at(what)} if " " in what else {"state": what}
        return FieldsChanged(event_id=when, occurred_at=ny(when), fields=fields)
    return PlanReplaced(event_id=when, occurred_at=ny(when), plan=what)


def told_to_both(
    milestones: list[dict[str, Any]], *story: tuple[str, Plan | str], entry: str = "opened_at"
) -> list[dict[str, Any]]:
    """How the timeline and the model see a case after a story of new versions and new values of its fields."""
    by, fields = process(*milestones, entry=entry), {"state": "off", "entry_at": field_at("Mon 09:00")}
    case = Opening(by, calendars(), "B", fields, ny("Mon 09:00"), FIELDS)
    found: list[dict[str, Any]] = []
    timelines: list[AnyTimeline] = [RealTimeline(case), SlowTimeline(case)]
    for each in timelines:
        for when, what in story:
            each.apply(_event(when, what))
        found.append(each.snapshot(ny(story[-1][0])))
    return found


@pytest.mark.parametrize("first", SETS_OFF)
def test_the_model_sees_what_a_migration_sets_off(first: dict[str, Any]) -> None:
    """As a change of the case, in the second of the migration too."""
    rows = [{"when": ON, "span": "3h"}, {"span": "6h"}]
    new = version_two({"name": "First", **first}, {"within": rows, "on_change": "restart"})
    real, model = told_to_both([{"name": "First", "within": "6h"}, {"within": "8h"}], ("Mon 11:00", new))
    assert model == real


@pytest.mark.parametrize("on_change", ["retroactive", "restart"])
def test_the_model_migrates_what_comes_back_later(on_change: str) -> None:
    """From the same start, whatever `on_change` says."""
    declared = {"when": 'case.state != "out"', "on_change": on_change}
    story: list[tuple[str, Plan | str]] = [
        ("Mon 10:00", "out"),
        ("Mon 11:00", version_two({"within": "6h", **declared})),
        ("Mon 12:00", "off"),
    ]
    real, model = told_to_both([{"within": "4h", **declared}], *story)
    assert model == real


@pytest.mark.parametrize("cutoff", [None, "08:00", "10:00"])
def test_the_model_counts_pauses_of_what_is_kept_alike(cutoff: str | None) -> None:
    """Those before the opening after a cutoff move nothing."""
    declared = {**UNDONE, "cutoff": cutoff}
    real, model = told_to_both(
        [declared], ("Mon 10:00", "on"), ("Mon 11:00", version_two(declared)), ("Wed 10:00", "off")
    )
    assert model == real


@pytest.mark.parametrize("old", KEPT)
def test_the_model_moves_what_was_kept_with_its_entry(old: dict[str, Any]) -> None:
    """By the span that it kept."""
    new = version_two({**old, "within": "6h"}, entry="entry_at")
    real, model = told_to_both([old], ("Wed 09:00", new), ("Wed 10:00", "Tue 10:00"), entry="entry_at")
    assert model == real


@pytest.mark.parametrize(("new", "then"), [(TAKES_IT_BACK, "on"), (REFUSED, "off")], ids=["by the version", "later"])
def test_the_model_has_what_was_missed_wait_again(new: dict[str, Any], then: str) -> None:
    """Whatever a migration kept of it."""
    story: list[tuple[str, Plan | str]] = [
        ("Mon 10:00", "on"),
        ("Mon 12:00", version_two(new, FOLLOWS)),
        ("Mon 13:00", then),
        ("Mon 14:00", "elsewhere"),
    ]
    real, model = told_to_both([REFUSED, FOLLOWS], *story)
    assert model == real

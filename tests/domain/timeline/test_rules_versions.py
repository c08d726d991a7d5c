"""The rules of versions: what a migration does to a running case, and what it leaves alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.calendar import BusinessHours
from domain.timeline.effects import NoteKind
from domain.timeline.instances import InstanceState
from domain.timeline.plan import Plan
from tests.domain.timeline.bench import Bench, calendars, field_at, plan, process, told, triggers


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

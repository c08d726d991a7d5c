"""Every numbered example of the specification's sections on timelines, and every rule there that has no number.

Each is told to the real timeline and to the slow model that the real one is held against. Times are those of New York
in the week of Monday, 9 June 2025; B is Mon-Fri 09:00-17:00 there, A Mon-Fri 08:00-17:00, X is 24x7.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.calendar import BusinessHours, FrozenCalendar
from domain.criteria.evaluating import evaluate
from domain.criteria.fields import FieldType
from domain.process import EntitlementProcess
from domain.timeline.effects import Noted, NoteKind
from domain.timeline.events import (
    CaseClosed,
    CaseReopened,
    ClockResumed,
    ClockStopped,
    CompletionCleared,
    FieldsChanged,
    MilestoneCompleted,
    MilestoneExtended,
)
from tests.models.both_timelines import AnyTimeline, Opening, RealTimeline, SlowTimeline, slow_process
from tests.models.specified.slow_calendar import SlowCalendar
from tests.models.specified.slow_timeline import Model, RefusedError

NEW_YORK = ZoneInfo("America/New_York")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
OFFICE_DAYS = ("mon", "tue", "wed", "thu", "fri")
HOURS: dict[str, dict[str, Any]] = {
    "A": {"week": {day: ["08:00-17:00"] for day in OFFICE_DAYS}},
    "B": {"week": {day: ["09:00-17:00"] for day in OFFICE_DAYS}},
    "X": {"week": "always"},
    "B with the Fourth of July": {
        "week": {day: ["09:00-17:00"] for day in OFFICE_DAYS},
        "holidays": {"add": ["2025-07-04"]},
    },
    "B at Christmas": {
        "week": {day: ["09:00-17:00"] for day in OFFICE_DAYS},
        "holidays": {"add": ["2025-12-25"]},
        "dates": {"2025-12-24": ["09:00-13:00"]},
    },
    "London": {"time_zone": "Europe/London", "week": {day: ["09:00-17:00"] for day in OFFICE_DAYS}},
    "with lunch": {"week": {day: ["08:00-12:00", "13:00-17:00"] for day in OFFICE_DAYS}},
    "Monday night": {"week": {"mon": ["22:00-06:00"]}},
}
FIELDS = {
    "priority": FieldType.STRING,
    "status": FieldType.STRING,
    "vip": FieldType.BOOLEAN,
    "unset": FieldType.INTEGER,
    "due_at": FieldType.DATETIME,
    "entry_at": FieldType.DATETIME,
}


@cache
def calendars() -> dict[str, FrozenCalendar]:
    start, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    return {
        name: BusinessHours(name=name, **{"time_zone": "America/New_York", **hours}).freeze(start, end)
        for name, hours in HOURS.items()
    }


def at(when: str) -> datetime:
    """`Tue 11:00`, `Tue 11:00:01`, `next Mon 09:00`, or an ISO instant."""
    words = when.removeprefix("next ").split()
    if words[0] not in DAYS:
        return datetime.fromisoformat(when).astimezone(UTC)
    day = datetime(2025, 6, 9 + DAYS.index(words[0]), tzinfo=NEW_YORK) + timedelta(days=7 * when.startswith("next "))
    hour, minute, *second = (int(part) for part in words[1].split(":"))
    return day.replace(hour=hour, minute=minute, second=second[0] if second else 0).astimezone(UTC)


class Story:
    """A case, told event by event to one timeline."""

    def __init__(
        self,
        kind: type[AnyTimeline],
        *milestones: dict[str, Any],
        hours: str = "X",
        opened: str = "Mon 09:00",
        fields: dict[str, Any] | None = None,
        **process: Any,
    ) -> None:
        named = [{"name": f"M{n}" if n else "M", **m} for n, m in enumerate(milestones)]
        values = {"priority": "low", "status": "new", "vip": False, "due_at": None, "entry_at": None, **(fields or {})}
        values = {k: at(v).isoformat() if v is not None and k.endswith("_at") else v for k, v in values.items()}
        declared = EntitlementProcess.model_validate({"name": "P", "milestones": named, **process})
        self.timeline = kind(Opening(declared, calendars(), hours, values, at(opened), FIELDS))
        self.numbers = count()
        self.now = at(opened)

    def _apply(self, kind: Any, when: str, noticed: str | None = None, **content: Any) -> None:
        self.now = max(self.now, at(when))
        event = kind(event_id=f"e{next(self.numbers)}", occurred_at=at(when), **content)
        self.timeline.apply(event, at(noticed) if noticed else self.now)

    def complete(self, when: str, milestone: str = "M", noticed: str | None = None) -> None:
        self._apply(MilestoneCompleted, when, noticed, milestone=milestone)

    def change(self, when: str, **fields: Any) -> None:
        values = {k: at(v).isoformat() if v is not None and k.endswith("_at") else v for k, v in fields.items()}
        self._apply(FieldsChanged, when, fields=values)

    def stop(self, when: str, milestone: str | None = None) -> None:
        self._apply(ClockStopped, when, milestone=milestone)

    def resume(self, when: str, milestone: str | None = None) -> None:
        self._apply(ClockResumed, when, milestone=milestone)

    def stopped(self, since: str, until: str) -> None:
        self.stop(since)
        self.resume(until)

    def close(self, when: str) -> None:
        self._apply(CaseClosed, when)

    def reopen(self, when: str) -> None:
        self._apply(CaseReopened, when)

    def clear(self, when: str, milestone: str = "M") -> None:
        self._apply(CompletionCleared, when, milestone=milestone)

    def extend(self, when: str, milestone: str = "M", *, minutes: int | None = None, until: str | None = None) -> None:
        seconds = minutes * 60 if minutes else None
        self._apply(
            MilestoneExtended, when, milestone=milestone, open_seconds=seconds, until=at(until) if until else None
        )

    def advance(self, when: str) -> None:
        self.now = max(self.now, at(when))
        self.timeline.advance(self.now)

    def look(self, when: str | None = None, milestone: str = "M", occurrence: int = 1) -> Any:
        """An instance, after everything that was due by then."""
        if when:
            self.advance(when)
        instances: dict[Any, dict[str, Any]] = self.timeline.snapshot(self.now)["instances"]
        return Look(instances[milestone, occurrence])

    def exists(self, milestone: str = "M", occurrence: int = 1) -> bool:
        return (milestone, occurrence) in self.timeline.snapshot(self.now)["instances"]

    @property
    def status(self) -> str:
        return str(self.timeline.snapshot(self.now)["status"])

    @property
    def fired(self) -> list[tuple[str, str, datetime, datetime]]:
        """What fired: milestone, trigger, when it was due, when it fired."""
        self.timeline.advance(self.now)
        return [(name, trigger, due_at, fired_at) for name, _, trigger, due_at, fired_at in self.timeline.fired]

    @property
    def firings(self) -> list[tuple[str, datetime]]:
        """Which triggers fired, and when."""
        return [(trigger, fired_at) for _, trigger, _, fired_at in self.fired]


class Look:
    """One instance as it was seen; seconds as minutes."""

    def __init__(self, seen: dict[str, Any]) -> None:
        self.state: str = seen["state"]
        self.start: datetime = seen["start"]
        self.target: datetime = seen["target"]
        self.completed_at: datetime | None = seen["completed_at"]
        self.violated: bool = seen["violated"]
        self.violations: list[tuple[datetime, bool]] = seen["violations"]
        self.elapsed = seen["elapsed"] / 60
        self.paused = seen["paused"] / 60
        self.actual = seen["actual"] / 60


def warning(offset: str, **more: Any) -> dict[str, Any]:
    return {"kind": "warning", "at": offset, "id": f"-{offset.rstrip('%')}", **more}


def violation(offset: str = "0", **more: Any) -> dict[str, Any]:
    return {"kind": "violation", "at": offset, "id": f"-v{offset}", **more}


def success(**more: Any) -> dict[str, Any]:
    return {"kind": "success", "id": "success", **more}


def updates(field: str, value: Any) -> list[dict[str, Any]]:
    return [{"do": "field_update", "field": field, "value": value}]


VIP_FIRST = [{"when": "case.vip", "span": "4h"}, {"span": "24h"}]

Kind = type[AnyTimeline]


@pytest.fixture(params=[RealTimeline, SlowTimeline], ids=["real", "slow"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Either timeline."""
    found: Kind = request.param
    return found


# --- §1: targets -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "start", "span", "target"),
    [
        pytest.param("X", "Wed 10:00", "4h", "Wed 14:00", id="E1"),
        pytest.param("B", "Wed 15:00", "16h", "Fri 15:00", id="E2"),
        pytest.param("B", "Wed 15:00", "32h", "next Tue 15:00", id="E2"),
        pytest.param("A", "Wed 16:00", "2h", "Thu 09:00", id="E3"),
        pytest.param("A", "Fri 16:45", "60m", "next Mon 08:45", id="E4"),
        pytest.param("X", "Fri 16:45", "60m", "Fri 17:45", id="E4"),
        pytest.param("B", "Sat 12:00", "240m", "next Mon 13:00", id="E5"),
        pytest.param("B with the Fourth of July", "2025-07-03T16:00-04:00", "240m", "2025-07-07T12:00-04:00", id="E6"),
        pytest.param("B at Christmas", "2025-12-24T11:00-05:00", "240m", "2025-12-26T11:00-05:00", id="E7"),
        pytest.param("X", "2025-03-09T01:30-05:00", "60m", "2025-03-09T07:30Z", id="E8"),
        pytest.param("X", "2025-11-02T00:30-04:00", "120m", "2025-11-02T06:30Z", id="E9"),
        pytest.param("London", "2025-06-13T12:00-04:00", "240m", "2025-06-16T12:00Z", id="E17"),
        pytest.param("London", "2025-03-28T16:00Z", "120m", "2025-03-31T09:00Z", id="E17"),
        pytest.param("B", "Mon 16:00", "60m", "Mon 17:00", id="E22"),
        pytest.param("B", "Mon 16:00", "61m", "Tue 09:01", id="E22"),
        pytest.param("with lunch", "Mon 11:30", "60m", "Mon 13:30", id="E23"),
        pytest.param("Monday night", "Mon 23:00", "240m", "Tue 03:00", id="E24"),
        pytest.param("B", "Sat 12:00", "1bd", "next Tue 09:00", id="1bd"),
        pytest.param("B", "Mon 14:20", "1bd", "Tue 14:20", id="1bd"),
        pytest.param("B", "Mon 14:00", "eod", "Mon 17:00", id="eod"),
        pytest.param("B", "Mon 18:00", "eod", "Tue 17:00", id="eod"),
        pytest.param("B", "Thu 14:00", "2bd eod", "next Mon 17:00", id="2bd eod"),
    ],
)
def test_e1_to_e9_e17_e22_to_e24_targets(kind: Kind, hours: str, start: str, span: str, target: str) -> None:
    """The target of a milestone is its span after its start, in open time."""
    story = Story(kind, {"within": span}, hours=hours, opened=start)
    assert story.look().target == at(target)


def test_e1_completed_in_time(kind: Kind) -> None:
    """X, 10:00, 4h, completed 13:00: target 14:00, elapsed 180 min, not violated."""
    story = Story(kind, {"within": "4h"}, opened="Wed 10:00")
    story.complete("Wed 13:00")
    look = story.look("Wed 20:00")
    assert (look.target, look.elapsed, look.violated) == (at("Wed 14:00"), 180, False)


def test_a_pause_moves_a_day_span_by_its_open_time(kind: Kind) -> None:
    """The target of `eod` is the closing itself; a pause moves it by add(target, paused)."""
    story = Story(kind, {"within": "eod"}, hours="B", opened="Mon 14:00")
    story.stopped("Mon 15:00", "Mon 16:00")
    assert story.look().target == at("Tue 10:00")


def test_percentages_of_a_day_span_count_the_open_time_to_it(kind: Kind) -> None:
    """75% of `eod` from 13:00 (four hours) is an hour before the closing."""
    story = Story(kind, {"within": "eod", "triggers": [warning("75%")]}, hours="B", opened="Mon 13:00")
    story.advance("Mon 18:00")
    assert story.firings == [("-75", at("Mon 16:00"))]


# --- §3: processes and milestones --------------------------------------------------------------------------------


def test_a_null_entry_is_not_in_the_process_yet(kind: Kind) -> None:
    """Nothing starts while the entry field is null; then it starts at the field's instant."""
    story = Story(kind, {"within": "4h"}, entry="entry_at")
    assert not story.exists()
    story.change("Mon 10:00", entry_at="Mon 09:30")
    assert story.look().start == at("Mon 09:30")


def test_nothing_runs_before_an_entry_that_lies_ahead(kind: Kind) -> None:
    """There is no instance until then, and nothing to complete."""
    story = Story(kind, {"within": "4h"}, entry="entry_at", fields={"entry_at": "Mon 12:00"})
    assert not story.exists()
    with pytest.raises(RefusedError):
        story.complete("Mon 10:00")
    assert story.look("Mon 12:00").state == "running"


def test_editing_the_entry_moves_the_start_of_open_milestones(kind: Kind) -> None:
    """Of those that start at `process`; one that was completed stays as it was."""
    story = Story(
        kind,
        {"within": "4h"},
        {"within": "4h"},
        {"within": "4h", "starts": "criteria"},
        entry="entry_at",
        fields={"entry_at": "Mon 09:00"},
    )
    story.complete("Mon 09:30", "M1")
    story.change("Mon 10:00", entry_at="Mon 08:00")
    assert story.look().target == at("Mon 12:00")
    assert story.look(milestone="M1").target == at("Mon 13:00")
    assert story.look(milestone="M2").target == at("Mon 13:00")


def test_the_first_row_that_matches_gives_span_and_hours(kind: Kind) -> None:
    """Critical: 4h of 24x7, else 8h of office hours."""
    rows = [{"when": "case.vip", "span": "4h", "business_hours": "X"}, {"span": "8h"}]
    assert Story(kind, {"within": rows}, hours="B", opened="Mon 15:00").look().target == at("Tue 15:00")
    vip = Story(kind, {"within": rows}, hours="B", opened="Mon 15:00", fields={"vip": True})
    assert vip.look().target == at("Mon 19:00")


def test_hours_of_row_then_milestone_then_process_then_case(kind: Kind) -> None:
    """The nearest calendar wins."""
    row = {"within": [{"when": "case.vip", "span": "1h", "business_hours": "X"}, {"span": "1h"}], "business_hours": "A"}
    more: dict[str, Any] = {"opened": "Mon 07:00", "hours": "X", "business_hours": "B"}
    vip = Story(kind, row, {"within": "1h"}, fields={"vip": True}, **more)
    assert vip.look().target == at("Mon 08:00")
    assert vip.look(milestone="M1").target == at("Mon 10:00")
    assert Story(kind, row, **more).look().target == at("Mon 09:00")


def test_a_deadline_by_a_field_is_the_instant_itself(kind: Kind) -> None:
    """Also in closed time; stops do not touch it; when the field changes it follows; null: it does not start."""
    story = Story(kind, {"by": "due_at", "triggers": [warning("60m"), violation()]}, hours="B")
    assert not story.exists()
    story.change("Mon 10:00", due_at="Tue 20:00")
    story.stop("Mon 11:00")
    assert story.look().target == at("Tue 20:00")
    assert story.look().state == "running"
    story.change("Mon 12:00", due_at="Mon 20:00")
    look = story.look("Tue 08:00")
    assert (look.target, look.violated, look.paused) == (at("Mon 20:00"), True, 0)
    assert story.firings == [("-60m", at("Mon 16:00")), ("-v0", at("Mon 20:00"))]


def test_after_starts_from_the_completion_of_the_other(kind: Kind) -> None:
    """Even if the criteria turn true later."""
    story = Story(
        kind,
        {"within": "4h"},
        {"within": "4h", "starts": {"after": "M"}},
        {"within": "4h", "starts": {"after": "M"}, "when": "case.vip"},
    )
    assert not story.exists("M1")
    story.complete("Mon 10:00")
    story.change("Mon 11:00", vip=True)
    assert story.look(milestone="M1").start == at("Mon 10:00")
    assert story.look(milestone="M2").start == at("Mon 10:00")


def test_complete_when_is_true_at_the_start(kind: Kind) -> None:
    """A `none` milestone starts and is completed at that instant, elapsed 0; a recurring one does not start."""
    rule = {"within": "4h", "complete_when": "case.vip", "starts": "criteria"}
    story = Story(kind, rule, {**rule, "recurrence": "independent"}, fields={"vip": True})
    look = story.look()
    assert (look.state, look.completed_at, look.elapsed) == ("completed", at("Mon 09:00"), 0)
    assert not story.exists("M1")
    story.change("Mon 10:00", vip=False)
    assert story.look().state == "completed", "it stays when its rule turns false again"
    assert story.look(milestone="M1").start == at("Mon 10:00")


def test_an_evaluation_error_is_false(kind: Kind) -> None:
    """A field that is not set does not stop the case."""
    story = Story(kind, {"within": "4h", "when": "case.unset > 1"}, {"within": "4h"})
    assert not story.exists()
    assert story.exists("M1")


# --- §4: targets, pauses, verdicts -------------------------------------------------------------------------------


def test_instants_are_cut_to_whole_seconds(kind: Kind) -> None:
    """Fractions of a second are dropped."""
    story = Story(kind, {"within": "4h"}, opened="2025-06-09T13:00:00.900+00:00")
    assert story.look().target == at("Mon 13:00")
    story.complete("2025-06-09T17:00:00.999+00:00")
    assert story.look().completed_at == at("Mon 13:00")
    assert not story.look().violated


def test_e19_exactly_at_the_target_is_in_time(kind: Kind) -> None:
    """Completing exactly at the target is in time; one second later is not."""
    story = Story(kind, {"within": "4h"})
    story.complete("Mon 13:00")
    assert not story.look("Mon 14:00").violated
    late = Story(kind, {"within": "4h"})
    late.complete("Mon 13:00:01")
    assert late.look("Mon 14:00").violated
    assert late.look().violations == [(at("Mon 13:00"), False)]


def test_e20_elapsed_less_pauses_is_actual(kind: Kind) -> None:
    """B, Mon 09:00 to Tue 10:00, paused Mon 10-12: elapsed 540, paused 120, actual 420 min."""
    story = Story(kind, {"within": "16h"}, hours="B")
    story.stopped("Mon 10:00", "Mon 12:00")
    story.complete("Tue 10:00")
    look = story.look()
    assert (look.elapsed, look.paused, look.actual) == (540, 120, 420)


def test_e27_completed_while_stopped(kind: Kind) -> None:
    """B, Mon 09:00, 240m, stopped at 10:00, completed at 14:00: target 17:00, in time, 300 / 240 / 60 min."""
    story = Story(kind, {"within": "240m"}, hours="B")
    story.stop("Mon 10:00")
    assert story.look("Mon 13:30").target == at("Mon 13:00"), "an open pause moves no target until it ends"
    story.complete("Mon 14:00")
    look = story.look("Tue 12:00")
    assert (look.target, look.violated) == (at("Mon 17:00"), False)
    assert (look.elapsed, look.paused, look.actual) == (300, 240, 60)


def test_overlapping_pauses_count_once(kind: Kind) -> None:
    """The case from 10 to 12, the milestone from 11 to 13: three hours. It runs again when nothing pauses it."""
    story = Story(kind, {"within": "4h"})
    story.stop("Mon 10:00")
    story.stop("Mon 11:00", "M")
    story.resume("Mon 12:00")
    assert story.look().state == "paused"
    story.resume("Mon 13:00", "M")
    assert story.look().state == "running"
    assert story.look().target == at("Mon 16:00")


def test_time_before_the_start_counts_for_nothing(kind: Kind) -> None:
    """A stop that began before the start counts from the start on; what starts while the case is stopped is paused."""
    story = Story(kind, {"within": "4h", "when": "case.vip", "starts": "criteria"})
    story.stop("Mon 09:30")
    story.change("Mon 10:00", vip=True)
    assert story.look().state == "paused"
    story.resume("Mon 11:00")
    assert story.look().target == at("Mon 15:00")


def test_a_removed_paused_instance_is_judged_at_its_pause(kind: Kind) -> None:
    """Paused before its target and removed long after it: never violated. Paused after it: violated for good."""
    for stop, violated in (("Mon 12:00", False), ("Mon 13:00", False), ("Mon 13:30", True)):
        story = Story(kind, {"within": "4h", "when": "!case.vip"})
        story.stop(stop)
        story.change("Mon 18:00", vip=True)
        look = story.look("Tue 12:00")
        assert (look.state, look.violated) == ("removed", violated), stop
        assert story.status == ("closed violation" if violated else "compliant")


def test_a_closed_case_never_becomes_violated(kind: Kind) -> None:
    """Closing does not complete: open at exit, timers cancelled; violated only if it was so then."""
    story = Story(kind, {"within": "4h", "triggers": [violation(), success()]}, {"within": "1h"})
    story.close("Mon 12:00")
    look = story.look("Fri 12:00")
    assert (look.state, look.violated, look.violations) == ("open at exit", False, [])
    assert story.look(milestone="M1").violated
    assert story.status == "closed violation"
    assert story.firings == []


def test_leaving_by_rule_is_an_exit(kind: Kind) -> None:
    """`exit_when` opens at exit what is open."""
    story = Story(kind, {"within": "4h"}, exit_when='case.status == "solved"')
    story.change("Mon 10:00", status="solved")
    assert story.look("Fri 12:00").state == "open at exit"


def test_success_fires_once_also_when_late(kind: Kind) -> None:
    """At once; and not again when the completion is cleared and comes again."""
    story = Story(kind, {"within": "1h", "triggers": [success()]})
    story.complete("Mon 12:00")
    story.clear("Mon 13:00")
    story.complete("Mon 14:00")
    assert story.firings == [("success", at("Mon 12:00"))]


def test_the_violation_keeps_the_target_of_its_time(kind: Kind) -> None:
    """Recorded once, at the target; a resume that moves the target never corrects it."""
    story = Story(kind, {"within": "4h"})
    story.stopped("Mon 13:30", "Mon 15:30")
    assert story.look("Mon 18:00").violations == [(at("Mon 13:00"), False)]


def test_an_extension_past_now_corrects_the_violation(kind: Kind) -> None:
    """And a new target missed in turn is a second violation; what was fired stays fired, and fires only once."""
    story = Story(kind, {"within": "4h", "triggers": [violation()]})
    story.advance("Mon 14:00")
    story.extend("Mon 14:00", minutes=120)
    look = story.look()
    assert (look.target, look.violated, look.violations) == (at("Mon 15:00"), False, [(at("Mon 13:00"), True)])
    look = story.look("Mon 16:00")
    assert (look.violated, look.violations) == (True, [(at("Mon 13:00"), True), (at("Mon 15:00"), False)])
    assert story.firings == [("-v0", at("Mon 13:00"))]


def test_an_extension_that_does_not_reach_now_corrects_nothing(kind: Kind) -> None:
    """The violation keeps standing."""
    story = Story(kind, {"within": "4h"})
    story.extend("Mon 16:00", minutes=120)
    assert story.look().violations == [(at("Mon 13:00"), False)]


def test_an_extension_to_exactly_now_corrects(kind: Kind) -> None:
    """It says "to or past the effective now"."""
    story = Story(kind, {"within": "4h"})
    story.extend("Mon 15:00", minutes=120)
    assert story.look().violations[0] == (at("Mon 13:00"), True)


def test_a_new_span_past_now_corrects_the_violation(kind: Kind) -> None:
    """Lowering the priority moves the target."""
    story = Story(kind, {"within": VIP_FIRST}, fields={"vip": True})
    story.change("Mon 14:00", vip=False)
    look = story.look()
    assert (look.target, look.violations, look.violated) == (at("Tue 09:00"), [(at("Mon 13:00"), True)], False)


def test_news_of_a_completion_in_time_corrects(kind: Kind) -> None:
    """A completion that carries its own time has the verdict that it would have had on arriving in time."""
    story = Story(kind, {"within": "4h", "triggers": [violation(), success()]})
    story.advance("Mon 15:00")
    assert story.status == "open violation"
    story.complete("Mon 12:00")
    look = story.look()
    assert (look.completed_at, look.violated, look.violations) == (at("Mon 12:00"), False, [(at("Mon 13:00"), True)])
    assert story.status == "compliant"
    assert story.firings == [("-v0", at("Mon 13:00")), ("success", at("Mon 13:00"))]


def test_stops_spans_and_extensions_after_a_late_completion_do_not_count(kind: Kind) -> None:
    """E11e completed at 13:20: target 13:00, violated; the same against an extension and a new span."""
    stopped = Story(kind, {"within": "240m"}, hours="B")
    stopped.stopped("Mon 13:30", "Mon 15:30")
    extended = Story(kind, {"within": "240m"}, hours="B")
    extended.extend("Mon 14:00", minutes=120)
    changed = Story(kind, {"within": VIP_FIRST, "on_change": "restart"}, hours="B", fields={"vip": True})
    changed.change("Mon 14:00", vip=False)
    for story in (stopped, extended, changed):
        story.complete("Mon 13:20")
        look = story.look("Mon 17:00")
        assert (look.target, look.violated, look.start) == (at("Mon 13:00"), True, at("Mon 09:00"))
        assert story.status == "closed violation"


def test_a_late_completion_wins_over_a_shorter_span(kind: Kind) -> None:
    """The span of its own time was long enough."""
    story = Story(kind, {"within": VIP_FIRST})
    story.change("Mon 14:00", vip=True)
    assert story.look().violated
    story.complete("Mon 13:30")
    assert not story.look().violated


def test_what_follows_a_late_completion_starts_from_its_time(kind: Kind) -> None:
    """`after`, and the next occurrence; with the stops since then."""
    again = {"within": "4h", "starts": "criteria", "recurrence": "independent"}
    story = Story(kind, {"within": "4h"}, {"within": "4h", "starts": {"after": "M"}}, {**again, "name": "R"})
    story.stopped("Mon 11:00", "Mon 12:00")
    story.complete("Mon 10:00")
    story.complete("Mon 10:30", "R")
    assert (story.look(milestone="M1").start, story.look(milestone="M1").target) == (at("Mon 10:00"), at("Mon 15:00"))
    assert story.look(milestone="R", occurrence=2).start == at("Mon 10:30")
    assert story.look(milestone="R", occurrence=2).target == at("Mon 15:30")


def test_the_next_occurrence_after_a_late_completion_counts_the_time_outside(kind: Kind) -> None:
    """It starts from its time, also when the case was away since then."""
    story = Story(kind, {"within": "4h", "starts": "criteria", "recurrence": "independent"})
    story.close("Mon 11:00")
    story.reopen("Mon 12:00")
    story.complete("Mon 10:00")
    look = story.look(occurrence=2)
    assert (look.start, look.target) == (at("Mon 10:00"), at("Mon 15:00"))


def test_a_completion_before_the_start_is_refused(kind: Kind) -> None:
    """And one in the future, and one of what has no instance, and a second one."""
    story = Story(kind, {"within": "4h", "starts": "criteria", "when": "case.vip"})
    with pytest.raises(RefusedError):
        story.complete("Mon 10:00")
    story.change("Mon 12:00", vip=True)
    with pytest.raises(RefusedError):
        story.complete("Mon 11:00")
    with pytest.raises(RefusedError):
        story.complete("Mon 13:00", noticed="Mon 12:30")
    with pytest.raises(RefusedError):
        story.complete("Mon 12:30", "Typo")
    assert story.look().state == "running"
    story.complete("Mon 12:30")
    with pytest.raises(RefusedError):
        story.complete("Mon 12:40")


def test_the_clock_may_be_five_seconds_off(kind: Kind) -> None:
    """Up to 5 s ahead is kept as it is; 6 s ahead, or before the case was opened, is refused."""
    story = Story(kind, {"within": "4h"})
    story.complete("Mon 10:00:05", noticed="Mon 10:00")
    assert story.look().completed_at == at("Mon 10:00:05")
    for when in ("Mon 10:00:06", "Mon 08:59:59"):
        with pytest.raises(RefusedError):
            Story(kind, {"within": "4h"}).complete(when, noticed="Mon 10:00")


def test_a_cleared_completion_had_never_been(kind: Kind) -> None:
    """What fell due meanwhile fires, late; stops in between count."""
    story = Story(kind, {"within": "4h", "triggers": [warning("60m"), violation()]})
    story.complete("Mon 10:00")
    story.stopped("Mon 10:00", "Mon 11:00")
    story.clear("Mon 15:00")
    look = story.look()
    assert (look.state, look.target, look.violations) == ("running", at("Mon 14:00"), [(at("Mon 14:00"), False)])
    assert story.fired == [
        ("M", "-60m", at("Mon 13:00"), at("Mon 15:00")),
        ("M", "-v0", at("Mon 14:00"), at("Mon 15:00")),
    ]


@pytest.mark.parametrize("recurrence", ["none", "sequential"])
def test_a_pause_that_ended_before_the_clearing(kind: Kind, recurrence: str) -> None:
    """A rule that paused it until 10:00 paused it until 10:00, whatever followed the completion meanwhile."""
    again = {"within": "4h", "starts": "criteria", "recurrence": recurrence, "pause_when": 'case.status == "waiting"'}
    story = Story(kind, again, fields={"status": "waiting"})
    story.complete("Mon 09:30")
    story.change("Mon 10:00", status="new")
    story.clear("Mon 11:00")
    assert (story.look().target, story.look().paused) == (at("Mon 14:00"), 60)


@pytest.mark.parametrize(
    ("recurrence", "stopped"), [("none", "Mon 09:15"), ("sequential", "Mon 09:15"), ("sequential", "Mon 10:00")]
)
def test_a_stop_of_a_milestone_outlasts_a_cleared_completion(kind: Kind, recurrence: str, stopped: str) -> None:
    """Whether it was stopped before the completion or after it, as its next occurrence: it is stopped still."""
    story = Story(kind, {"within": "4h", "starts": "criteria", "recurrence": recurrence})
    if stopped == "Mon 09:15":
        story.stop(stopped, "M")
    story.complete("Mon 09:30")
    if stopped == "Mon 10:00":
        story.stop(stopped, "M")
    story.clear("Mon 11:00")
    assert (story.look().state, story.look().target) == ("paused", at("Mon 13:00"))
    story.resume("Mon 12:00", "M")
    paused = 165 if stopped == "Mon 09:15" else 120
    assert (story.look().state, story.look().paused) == ("running", paused)
    assert story.look().target == at("Mon 13:00") + timedelta(minutes=paused)


def test_what_follows_a_completion_runs_on_over_a_reentry(kind: Kind) -> None:
    """Also if the milestone before begins anew with each stay, but has no occurrence in this one."""
    first = {"within": "4h", "when": 'case.status == "new"', "on_reentry": "restart"}
    story = Story(kind, first, {"within": "4h", "starts": {"after": "M"}}, fields={"status": "new"})
    story.complete("Mon 10:00")
    story.close("Mon 11:00")
    story.change("Mon 11:30", status="open")
    story.reopen("Mon 12:00")
    assert (story.look(milestone="M1").state, story.look(milestone="M1").target) == ("running", at("Mon 15:00"))


def test_a_clear_across_a_reentry_is_as_if_it_had_never_been(kind: Kind) -> None:
    """What was completed in the stay before is open at its exit, and the one that began anew at the re-entry runs."""
    again = {"within": "4h", "starts": "criteria", "recurrence": "sequential", "on_reentry": "restart"}
    story = Story(kind, again)
    story.complete("Mon 09:30")
    story.close("Mon 10:00")
    story.reopen("Mon 11:00")
    story.clear("Mon 12:00")
    assert story.look(occurrence=1).state == "open at exit"
    seen = story.timeline.snapshot(story.now)["instances"].values()
    assert [i["occurrence"] for i in seen if i["state"] in {"scheduled", "running"}] == [4]


def test_clearing_is_refused_once_a_later_occurrence_has_started(kind: Kind) -> None:
    """One that is only scheduled is taken back."""
    again = {"within": "1h", "starts": "criteria", "recurrence": "sequential"}
    story = Story(kind, again)
    story.complete("Mon 09:30")
    story.clear("Mon 09:45")
    assert (story.look().state, story.look(occurrence=2).state) == ("running", "removed")
    story.complete("Mon 09:50")
    story.advance("Mon 10:30")
    with pytest.raises(RefusedError):
        story.clear("Mon 10:30")
    with pytest.raises(RefusedError):
        Story(kind, {"within": "1h"}).clear("Mon 09:30")


def test_what_followed_a_cleared_completion_is_removed(kind: Kind) -> None:
    """And starts anew from the next completion."""
    story = Story(kind, {"within": "4h"}, {"within": "4h", "starts": {"after": "M"}})
    story.complete("Mon 10:00")
    story.clear("Mon 11:00")
    assert story.look(milestone="M1").state == "removed"
    story.complete("Mon 12:00")
    look = story.look(milestone="M1")
    assert (look.state, look.start, look.target) == ("running", at("Mon 12:00"), at("Mon 16:00"))


def test_an_extension_adds_open_time(kind: Kind) -> None:
    """By seconds, or to an instant: to Sat 12:00 on B gives Fri 17:00. A new span keeps it. Never earlier."""
    story = Story(kind, {"within": [{"when": "case.vip", "span": "4h"}, {"span": "8h"}]}, hours="B", opened="Fri 09:00")
    story.change("Fri 09:00", vip=True)
    story.extend("Fri 10:00", until="Sat 12:00")
    assert story.look().target == at("Fri 17:00")
    for until in ("Fri 16:00", "Fri 17:00", "Sat 13:00"):
        with pytest.raises(RefusedError):
            story.extend("Fri 10:00", until=until)
    story.change("Fri 11:00", vip=False)
    assert story.look().target == at("next Mon 13:00"), "8h and the 4h of the extension"
    story.complete("Fri 12:00")
    with pytest.raises(RefusedError):
        story.extend("Fri 12:00", minutes=10)


def test_the_status_of_the_case(kind: Kind) -> None:
    """Open violation, else closed violation (tombstones too), else compliant."""
    story = Story(kind, {"within": "1h"}, {"within": "2h", "when": "!case.vip"}, {"within": "8h"})
    assert story.status == "compliant"
    story.advance("Mon 12:00")
    assert story.status == "open violation"
    story.change("Mon 12:00", vip=True)
    story.complete("Mon 12:00")
    assert story.status == "closed violation"


# --- §4: the order of events -------------------------------------------------------------------------------------


def test_a_completion_or_a_pause_at_the_triggers_instant_comes_first(kind: Kind) -> None:
    """`apply` does what was due before the event's instant, `advance` what is due at it too."""
    milestone = {"within": "4h", "triggers": [warning("60m"), violation()]}
    done = Story(kind, milestone)
    done.complete("Mon 12:00")
    assert done.firings == []
    paused = Story(kind, milestone)
    paused.stop("Mon 12:00")
    assert paused.firings == []
    late = Story(kind, milestone)
    late.complete("Mon 13:00:01")
    assert late.firings == [("-60m", at("Mon 12:00")), ("-v0", at("Mon 13:00"))]
    story = Story(kind, milestone)
    story.advance("Mon 13:00")
    assert story.firings == [("-60m", at("Mon 12:00")), ("-v0", at("Mon 13:00"))]
    assert story.look().violations == [(at("Mon 13:00"), False)]


def test_an_older_event_takes_effect_at_the_last_one(kind: Kind) -> None:
    """Or at the last trigger fired; but not at the time that nothing happened at."""
    story = Story(kind, {"within": "4h", "triggers": [warning("60m")]}, {"within": "8h"})
    story.advance("Mon 10:30")
    story.stopped("Mon 10:00", "Mon 11:00")
    assert story.look(milestone="M1").target == at("Mon 18:00")
    story.advance("Mon 13:15")
    story.stop("Mon 12:30")
    story.resume("Mon 14:00")
    assert story.look().target == at("Mon 15:00"), "stopped from 13:00, when the warning fired"


def test_the_same_event_is_taken_once(kind: Kind) -> None:
    """By its id."""
    story = Story(kind, {"within": "4h"})
    event = ClockStopped(event_id="twice", occurred_at=at("Mon 10:00"))
    story.timeline.apply(event)
    story.resume("Mon 11:00")
    story.timeline.apply(event)
    assert story.look("Mon 11:30").state == "running"


def test_a_refused_event_leaves_everything(kind: Kind) -> None:
    """Except that what was due before it has been done."""
    story = Story(kind, {"within": "1h", "triggers": [violation()]})
    with pytest.raises(RefusedError):
        story.clear("Mon 12:00")
    assert story.firings == [("-v0", at("Mon 10:00"))]
    story.stop("Mon 11:00")
    assert story.look("Mon 12:00").paused == 60


def test_a_completion_is_judged_by_the_span_before_the_change(kind: Kind) -> None:
    """First completions, then new spans."""
    story = Story(kind, {"within": VIP_FIRST, "complete_when": 'case.status == "done"'})
    story.change("Mon 15:00", vip=True, status="done")
    look = story.look()
    assert (look.state, look.target, look.violated) == ("completed", at("Tue 09:00"), False)


def test_completed_wins_over_removed_and_over_exit(kind: Kind) -> None:
    """In one change, and a completed instance is never removed."""
    story = Story(
        kind,
        {"within": "4h", "when": "!case.vip", "complete_when": "case.vip"},
        {"within": "4h", "complete_when": "case.vip"},
        exit_when="case.vip",
    )
    story.change("Mon 10:00", vip=True)
    assert story.look().state == "completed"
    assert story.look(milestone="M1").state == "completed"


def test_a_late_completion_wins_over_removal_and_exit(kind: Kind) -> None:
    """It was open at its time."""
    story = Story(kind, {"within": "4h", "when": "!case.vip"}, {"within": "4h"})
    story.change("Mon 10:00", vip=True)
    story.close("Mon 11:00")
    story.complete("Mon 09:30")
    story.complete("Mon 10:30", "M1")
    assert story.look().state == story.look(milestone="M1").state == "completed"
    with pytest.raises(RefusedError):
        story.complete("Mon 12:00", "M1")


def test_exit_comes_before_start(kind: Kind) -> None:
    """A change that ends the stay starts nothing."""
    story = Story(kind, {"within": "4h", "when": "case.vip"}, exit_when="case.vip")
    story.change("Mon 10:00", vip=True)
    assert not story.exists()


def test_the_guard_ends_an_endless_change() -> None:
    """Two milestones that complete each other for ever stop after ten rounds, and it is on record."""
    again = {"within": "4h", "starts": "criteria", "recurrence": "independent", "when": "!case.vip"}
    ping = {"complete_when": 'case.status == "ping"', "triggers": [success(actions=updates("status", "pong"))]}
    pong = {"complete_when": 'case.status == "pong"', "triggers": [success(actions=updates("status", "ping"))]}
    story = Story(RealTimeline, {**again, **ping}, {**again, **pong})
    story.change("Mon 10:00", status="ping")
    timeline = story.timeline
    assert isinstance(timeline, RealTimeline)
    notes = [n.kind for n in timeline.effects if isinstance(n, Noted)]
    assert notes.count(NoteKind.GUARD) == 1
    assert notes.count(NoteKind.COMPLETED) == 10
    slow = Story(SlowTimeline, {**again, **ping}, {**again, **pong})
    slow.change("Mon 10:00", status="ping")
    assert story.timeline.snapshot(story.now) == slow.timeline.snapshot(slow.now)


# --- §5: triggers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (warning("60m"), "Thu 10:00"),
        (warning("150m"), "Wed 16:30"),
        (warning("180m"), "Wed 16:00"),
        (violation("60m"), "Thu 12:00"),
        (violation("420m"), "Fri 10:00"),
        (warning("50%"), "Thu 09:00"),
        (warning("75%"), "Thu 10:00"),
        (warning("100%"), "Thu 11:00"),
        (violation("0"), "Thu 11:00"),
    ],
)
def test_e10_offsets_are_open_time(kind: Kind, trigger: dict[str, Any], expected: str) -> None:
    """B, Wed 15:00, 240m, target Thu 11:00; 50% is Thu 09:00, not Wed 17:00."""
    milestone = {"within": [{"when": "case.vip", "span": "8h"}, {"span": "240m"}], "triggers": [trigger]}
    story = Story(kind, milestone, hours="B", opened="Wed 15:00")
    story.advance("Fri 17:00")
    assert story.firings == [(trigger["id"], at(expected))]
    assert story.fired[0][2] == at(expected)


def test_a_warning_follows_its_target(kind: Kind) -> None:
    """Counted back from the target, wherever that moves."""
    story = Story(kind, {"within": "4h", "triggers": [warning("75%")]})
    story.stopped("Mon 10:00", "Mon 11:00")
    story.extend("Mon 11:00", minutes=30)
    story.advance("Mon 18:00")
    assert story.firings == [("-75", at("Mon 13:30"))]


def test_a_warning_longer_than_its_row_fires_at_the_start(kind: Kind) -> None:
    """Longer than every span it would be refused."""
    story = Story(kind, {"within": [{"when": "case.vip", "span": "8h"}, {"span": "1h"}], "triggers": [warning("4h")]})
    story.advance("Mon 09:00")
    assert story.firings == [("-4h", at("Mon 09:00"))]


def test_nothing_fires_while_paused_and_all_of_it_after(kind: Kind) -> None:
    """Stopped exactly at a 13:00 target until 15:00: target 15:00, violation at 15:00."""
    story = Story(kind, {"within": "4h", "triggers": [violation()]})
    story.stop("Mon 13:00")
    story.advance("Mon 14:00")
    assert story.firings == []
    story.resume("Mon 15:00")
    assert story.look("Mon 16:00").violations == [(at("Mon 15:00"), False)]
    assert story.firings == [("-v0", at("Mon 15:00"))]


def test_what_a_resume_does_not_move_fires_at_the_resume(kind: Kind) -> None:
    """A target at closing time, stopped overnight: no open time passed, so it is due at 17:00 and fires at 08:00."""
    story = Story(kind, {"within": "8h", "triggers": [warning("100%"), violation()]}, hours="B")
    story.stopped("Mon 17:00", "Tue 08:00")
    story.advance("Tue 12:00")
    assert story.fired == [
        ("M", "-100", at("Mon 17:00"), at("Tue 08:00")),
        ("M", "-v0", at("Mon 17:00"), at("Tue 08:00")),
    ]


def test_at_one_instant_all_warnings_then_all_violations(kind: Kind) -> None:
    """Each in the process's order, then definition order."""
    first = {"within": "4h", "triggers": [violation(), warning("2h"), warning("60m")]}
    second = {"within": "5h", "triggers": [violation(), {**warning("60m"), "id": "b"}, {**warning("60m"), "id": "a"}]}
    story = Story(kind, first, {**second, "name": "N"})
    story.advance("Mon 15:00")
    assert [(name, trigger) for name, trigger, _, _ in story.fired] == [
        ("M", "-2h"),
        ("M", "-60m"),
        ("N", "b"),
        ("N", "a"),
        ("M", "-v0"),
        ("N", "-v0"),
    ]


def test_a_warning_that_is_past_at_the_start_fires_at_once(kind: Kind) -> None:
    """Unless it says `late: skip`; each with the time at which it was due."""
    triggers = [warning("3h"), warning("2h", late="skip"), warning("60m")]
    story = Story(kind, {"within": "4h", "when": "case.vip", "triggers": triggers})
    story.change("Mon 11:30", vip=True)
    story.advance("Mon 18:00")
    assert story.fired == [
        ("M", "-3h", at("Mon 10:00"), at("Mon 11:30")),
        ("M", "-60m", at("Mon 12:00"), at("Mon 12:00")),
    ]


def test_if_the_target_is_no_longer_ahead_only_the_violation_fires(kind: Kind) -> None:
    """When the instance starts, or the target moves earlier."""
    triggers = [warning("60m"), violation()]
    started = Story(kind, {"within": "4h", "when": "case.vip", "triggers": triggers})
    started.change("Mon 15:00", vip=True)
    assert started.fired == [("M", "-v0", at("Mon 13:00"), at("Mon 15:00"))]
    moved = Story(kind, {"within": VIP_FIRST, "triggers": triggers})
    moved.change("Mon 15:00", vip=True)
    assert moved.fired == [("M", "-v0", at("Mon 13:00"), at("Mon 15:00"))]
    by = Story(kind, {"by": "due_at", "triggers": triggers}, fields={"due_at": "Mon 08:00"})
    assert by.fired == [("M", "-v0", at("Mon 08:00"), at("Mon 09:00"))]


def test_a_warning_that_is_past_when_the_target_moves_earlier_fires_at_once(kind: Kind) -> None:
    """At 12:30 a target of Tue 09:00 becomes 13:00."""
    triggers = [warning("60m"), {**warning("45m"), "late": "skip"}]
    story = Story(kind, {"within": VIP_FIRST, "triggers": triggers})
    story.change("Mon 12:30", vip=True)
    story.advance("Tue 12:00")
    assert story.fired == [("M", "-60m", at("Mon 12:00"), at("Mon 12:30"))]


def test_after_an_outage_everything_missed_fires_in_order(kind: Kind) -> None:
    """Each at the instant at which it was due."""
    story = Story(kind, {"within": "4h", "triggers": [violation("60m"), violation(), warning("60m"), warning("50%")]})
    story.advance("Fri 12:00")
    assert story.firings == [
        ("-50", at("Mon 11:00")),
        ("-60m", at("Mon 12:00")),
        ("-v0", at("Mon 13:00")),
        ("-v60m", at("Mon 14:00")),
    ]


def test_what_fired_does_not_fire_again_unless_it_is_rearmed(kind: Kind) -> None:
    """When its target moves."""
    triggers = [warning("60m"), {**warning("60m"), "id": "again", "rearm": True}]
    story = Story(kind, {"within": "4h", "triggers": triggers})
    story.extend("Mon 12:30", minutes=120)
    story.advance("Mon 18:00")
    assert story.firings == [("-60m", at("Mon 12:00")), ("again", at("Mon 12:00")), ("again", at("Mon 14:00"))]


def test_a_trigger_fires_only_while_its_milestone_is_open(kind: Kind) -> None:
    """Not after a completion, a removal or an exit."""
    milestone = {"within": "4h", "when": "!case.vip", "triggers": [warning("60m"), violation(), violation("60m")]}
    done, removed, closed = (Story(kind, milestone) for _ in range(3))
    done.complete("Mon 11:00")
    removed.change("Mon 11:00", vip=True)
    closed.close("Mon 11:00")
    for story in (done, removed, closed):
        story.advance("Fri 12:00")
        assert story.firings == []


def test_a_field_update_takes_effect_when_its_trigger_was_due(kind: Kind) -> None:
    """And the timeline is evaluated again at that instant, also after an outage."""
    story = Story(
        kind,
        {"within": "4h", "triggers": [warning("60m", actions=updates("vip", value=True))]},
        {"within": "1h", "when": "case.vip", "starts": "criteria", "triggers": [violation()]},
    )
    story.advance("Fri 12:00")
    assert story.look(milestone="M1").start == at("Mon 12:00")
    assert story.firings == [("-60m", at("Mon 12:00")), ("-v0", at("Mon 13:00"))]


# --- §6: recurrence ----------------------------------------------------------------------------------------------

AGAIN = {"within": "60m", "starts": "criteria", "when": "!case.vip"}


@pytest.mark.parametrize(
    ("recurrence", "completed", "start"),
    [
        ("sequential", "Mon 12:30", "Mon 13:00"),
        ("independent", "Mon 12:30", "Mon 12:30"),
        ("sequential", "Mon 13:20", "Mon 13:20"),
        ("independent", "Mon 13:20", "Mon 13:20"),
    ],
)
def test_e12_recurrence(kind: Kind, recurrence: str, completed: str, start: str) -> None:
    """60m, X, 12:00: sequential does not start before the target of a previous one completed in time."""
    story = Story(kind, {**AGAIN, "recurrence": recurrence}, opened="Mon 12:00")
    story.complete(completed)
    look = story.look(occurrence=2)
    assert (look.start, look.target) == (at(start), at(start) + timedelta(hours=1))
    assert look.state == ("scheduled" if at(start) > at(completed) else "running")


@pytest.mark.parametrize(
    ("recurrence", "start", "target"),
    [("sequential", "Tue 09:30", "Tue 10:30"), ("independent", "Mon 16:45", "Tue 09:45")],
)
def test_e13_recurrence_in_office_hours(kind: Kind, recurrence: str, start: str, target: str) -> None:
    """60m, B, Mon 16:30 (target Tue 09:30), completed Mon 16:45."""
    story = Story(kind, {**AGAIN, "recurrence": recurrence}, hours="B", opened="Mon 16:30")
    assert story.look().target == at("Tue 09:30")
    story.complete("Mon 16:45")
    assert (story.look(occurrence=2).start, story.look(occurrence=2).target) == (at(start), at(target))


def test_e28_a_scheduled_one_is_removed(kind: Kind) -> None:
    """X, 60m from 12:00, completed 12:30, criteria false 12:40, true again 15:00: starts 15:00, as occurrence 3."""
    story = Story(kind, {**AGAIN, "recurrence": "sequential"}, opened="Mon 12:00")
    story.complete("Mon 12:30")
    story.change("Mon 12:40", vip=True)
    assert story.look(occurrence=2).state == "removed"
    story.change("Mon 15:00", vip=False)
    assert story.look(occurrence=3).start == at("Mon 15:00")


def test_e29_a_scheduled_one_is_stopped(kind: Kind) -> None:
    """Starts 13:00, case stopped 12:40-13:20: target 14:20; until its start it takes no completion."""
    story = Story(kind, {**AGAIN, "recurrence": "sequential"}, opened="Mon 12:00")
    story.complete("Mon 12:30")
    with pytest.raises(RefusedError):
        story.complete("Mon 12:35")
    story.stopped("Mon 12:40", "Mon 13:20")
    assert (story.look(occurrence=2).start, story.look(occurrence=2).target) == (at("Mon 13:00"), at("Mon 14:20"))


def test_e30_stops_since_the_start_count(kind: Kind) -> None:
    """B, Mon 09:00, `process`, 240m, stopped 10-12, criteria true at 13:00: target 15:00."""
    story = Story(kind, {"within": "240m", "when": "case.vip"}, hours="B")
    story.stopped("Mon 10:00", "Mon 12:00")
    story.change("Mon 13:00", vip=True)
    assert (story.look().start, story.look().target) == (at("Mon 09:00"), at("Mon 15:00"))


def test_none_is_one_completion_per_stay(kind: Kind) -> None:
    """Criteria that turn false and true again start nothing new."""
    for starts in ("process", "criteria"):
        story = Story(kind, {"within": "4h", "when": "!case.vip", "starts": starts})
        story.complete("Mon 10:00")
        story.change("Mon 11:00", vip=True)
        story.change("Mon 12:00", vip=False)
        assert story.look().state == "completed"
        assert not story.exists(occurrence=2)


def test_criteria_true_again(kind: Kind) -> None:
    """From `process` the removed instance comes back, with what it fired; from `criteria` there is a new one."""
    milestone = {"within": "4h", "when": "!case.vip", "triggers": [warning("3h")]}
    back = Story(kind, milestone)
    back.change("Mon 10:30", vip=True)
    back.change("Mon 11:00", vip=False)
    assert (back.look().state, back.look().target) == ("running", at("Mon 13:00"))
    assert back.firings == [("-3h", at("Mon 10:00"))]
    assert not back.exists(occurrence=2)
    new = Story(kind, {**milestone, "starts": "criteria"})
    new.change("Mon 10:30", vip=True)
    new.change("Mon 11:00", vip=False)
    assert (new.look().state, new.look(occurrence=2).target) == ("removed", at("Mon 15:00"))


def test_a_recurring_one_runs_until_the_criteria_are_false(kind: Kind) -> None:
    """Every business day before it ends, until the status changes."""
    milestone = {"within": "eod", "starts": "criteria", "recurrence": "sequential", "when": 'case.status == "new"'}
    story = Story(kind, milestone, hours="B")
    story.complete("Mon 10:00")
    story.advance("Mon 20:00")
    assert story.look(occurrence=2).target == at("Tue 17:00")
    story.complete("Tue 11:00")
    assert story.look(occurrence=3).target == at("Wed 17:00")
    story.change("Tue 12:00", status="done")
    assert story.look(occurrence=3).state == "removed"
    assert not story.exists(occurrence=4)


# --- §7: pause, resume, change, re-entry -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "stops", "target", "paused"),
    [
        pytest.param("Mon 09:00", [("Mon 10:00", "Mon 12:00")], "Mon 15:00", 120, id="E11a"),
        pytest.param("Mon 09:00", [("Mon 10:00", "Tue 10:00")], "Tue 13:00", 480, id="E11b"),
        pytest.param("Mon 15:00", [("Mon 18:00", "Tue 08:00")], "Tue 11:00", 0, id="E11c"),
        pytest.param("Mon 09:00", [("Mon 10:00", "Mon 11:00"), ("Mon 12:00", "Mon 12:30")], "Mon 14:30", 90, id="E11f"),
    ],
)
def test_e11_stops_move_the_target_by_open_time(
    kind: Kind, start: str, stops: list[tuple[str, str]], target: str, paused: int
) -> None:
    """B, 240m: resuming moves the target by the open time that passed."""
    story = Story(kind, {"within": "240m"}, hours="B", opened=start)
    for stop in stops:
        story.stopped(*stop)
    assert (story.look().target, story.look().paused) == (at(target), paused)


def test_e11e_a_missed_target_moves_and_stays_violated(kind: Kind) -> None:
    """Target 13:00 missed, stopped 13:30-15:30: target 15:00, still violated, overdue 30 min."""
    story = Story(kind, {"within": "240m"}, hours="B")
    story.stopped("Mon 13:30", "Mon 15:30")
    look = story.look()
    assert (look.target, look.violated, look.violations) == (at("Mon 15:00"), True, [(at("Mon 13:00"), False)])
    assert story.now - look.target == timedelta(minutes=30)


def test_e14_process_and_criteria(kind: Kind) -> None:
    """Entry Mon 10:00, criteria met 14:00, 240m, B: from the process Mon 14:00, from the criteria Tue 10:00."""
    for starts, target in (("process", "Mon 14:00"), ("criteria", "Tue 10:00")):
        story = Story(kind, {"within": "240m", "when": "case.vip", "starts": starts}, hours="B", opened="Mon 10:00")
        story.change("Mon 14:00", vip=True)
        assert story.look().target == at(target)


@pytest.mark.parametrize(
    ("on_change", "start", "target"),
    [
        ("retroactive", "Mon 09:00", "Mon 13:00"),
        ("restart", "Mon 12:00", "Mon 16:00"),
        ("carry", "Mon 09:00", "Mon 15:30"),
    ],
)
def test_e21_a_change_of_span(kind: Kind, on_change: str, start: str, target: str) -> None:
    """1,440m X from Mon 09:00; at 12:00 it becomes 240m."""
    story = Story(kind, {"within": VIP_FIRST, "on_change": on_change})
    story.change("Mon 12:00", vip=True)
    assert (story.look().start, story.look().target) == (at(start), at(target))


@pytest.mark.parametrize(
    ("on_change", "target"), [("retroactive", "Mon 15:00"), ("restart", "Mon 17:00"), ("carry", "Mon 16:40")]
)
def test_pauses_before_a_change(kind: Kind, on_change: str, target: str) -> None:
    """Stopped 10-12, changed at 13:00: restart forgets it, carry has used 2 of 24 hours."""
    story = Story(kind, {"within": VIP_FIRST, "on_change": on_change})
    story.stopped("Mon 10:00", "Mon 12:00")
    story.change("Mon 13:00", vip=True)
    assert story.look().target == at(target)


@pytest.mark.parametrize(
    ("on_change", "target"), [("retroactive", "Mon 15:00"), ("restart", "Mon 16:00"), ("carry", "Mon 15:50")]
)
def test_a_change_while_paused(kind: Kind, on_change: str, target: str) -> None:
    """Stopped 10-12, changed at 11:00: restart forgets the first hour of it, carry has used 1 of 24 hours."""
    story = Story(kind, {"within": VIP_FIRST, "on_change": on_change})
    story.stop("Mon 10:00")
    story.change("Mon 11:00", vip=True)
    story.resume("Mon 12:00")
    assert story.look().target == at(target)


def test_carry_over_100_percent_stays_violated(kind: Kind) -> None:
    """4h of X, at 15:00 150% are used; of 24h that is 12 hours over."""
    story = Story(kind, {"within": VIP_FIRST, "on_change": "carry"}, fields={"vip": True})
    story.change("Mon 15:00", vip=False)
    look = story.look()
    assert look.violated
    assert look.violations == [(at("Mon 13:00"), False)]
    assert look.target < at("Mon 15:00")


def test_carry_over_100_percent_stays_violated_on_a_closed_calendar(kind: Kind) -> None:
    """Also when the new calendar had no open time since the start."""
    rows = [{"when": "case.vip", "span": "30m", "business_hours": "B"}, {"span": "30m"}]
    story = Story(kind, {"within": rows, "on_change": "carry"}, opened="Sat 09:00")
    story.change("Sat 10:00", vip=True)
    assert story.look().violations == [(at("Sat 09:30"), False)]
    assert story.look("next Mon 12:00").violated


def test_carry_rounds_up_to_the_second(kind: Kind) -> None:
    """A third of 61 seconds is left of a span of 3 hours: 21 seconds."""
    rows = [{"when": "case.vip", "span": "61s"}, {"span": "3h"}]
    story = Story(kind, {"within": rows, "on_change": "carry"})
    story.change("Mon 11:00", vip=True)
    assert story.look().target == at("Mon 11:00:21")


def test_a_new_calendar_counts_the_pauses_again(kind: Kind) -> None:
    """Stopped overnight, 15 hours of X and none of the morning's of B: 16:00 to 10:00 is two hours of B."""
    rows = [{"when": "case.vip", "span": "8h", "business_hours": "B"}, {"span": "24h"}]
    story = Story(kind, {"within": rows}, opened="Mon 09:00")
    story.stopped("Mon 16:00", "Tue 10:00")
    assert story.look().target == at("Wed 03:00")
    story.change("Tue 10:00", vip=True)
    assert story.look().target == at("Tue 11:00")


def test_stopping_one_milestone_only(kind: Kind) -> None:
    """Only that one; stopping what is stopped, and resuming what runs, changes nothing."""
    story = Story(kind, {"within": "4h"}, {"within": "4h"})
    story.stop("Mon 10:00", "M")
    story.stop("Mon 10:30", "M")
    assert (story.look().state, story.look(milestone="M1").state) == ("paused", "running")
    story.resume("Mon 11:00", "M")
    story.resume("Mon 11:30", "M")
    assert (story.look().target, story.look(milestone="M1").target) == (at("Mon 14:00"), at("Mon 13:00"))


def test_pause_when_pauses_by_rule(kind: Kind) -> None:
    """While the status is waiting."""
    story = Story(kind, {"within": "4h", "pause_when": 'case.status == "waiting"'})
    story.change("Mon 10:00", status="waiting")
    assert story.look().state == "paused"
    story.change("Mon 11:00", status="new")
    assert (story.look().state, story.look().target) == ("running", at("Mon 14:00"))


def test_a_pause_and_resume_in_every_gap_fires_everything_once(kind: Kind) -> None:
    """Half an hour on, half an hour off: each trigger exactly once, at twice the distance."""
    triggers = [warning("3h"), warning("50%"), warning("60m"), violation(), violation("60m")]
    story = Story(kind, {"within": "4h", "triggers": triggers})
    for hour in range(9, 21):
        story.stopped(f"Mon {hour}:30", f"Mon {hour + 1}:00")
    assert story.firings == [
        ("-3h", at("Mon 11:00")),
        ("-50", at("Mon 13:00")),
        ("-60m", at("Mon 15:00")),
        ("-v0", at("Mon 17:00")),
        ("-v60m", at("Mon 19:00")),
    ]


def test_time_outside_of_the_process_is_a_pause(kind: Kind) -> None:
    """Closed 10-12, or out by rule: open runs on, completed stays completed."""
    closed = Story(kind, {"within": "4h"}, {"within": "4h"})
    closed.complete("Mon 09:30", "M1")
    closed.close("Mon 10:00")
    closed.reopen("Mon 12:00")
    out = Story(kind, {"within": "4h"}, {"within": "4h"}, exit_when="case.vip")
    out.complete("Mon 09:30", "M1")
    out.change("Mon 10:00", vip=True)
    out.change("Mon 12:00", vip=False)
    for story in (closed, out):
        assert (story.look().state, story.look().target) == ("running", at("Mon 15:00"))
        assert story.look(milestone="M1").state == "completed"
        assert not story.exists("M1", 2)


def test_restart_on_reentry(kind: Kind) -> None:
    """A new occurrence from the re-entry; the old one stays as it was left."""
    again = {"within": "4h", "on_reentry": "restart"}
    story = Story(kind, again, again)
    story.complete("Mon 09:30", "M1")
    story.close("Mon 10:00")
    story.reopen("Mon 12:00")
    assert story.look().state == "open at exit"
    assert story.look(milestone="M1").state == "completed"
    for name in ("M", "M1"):
        assert (story.look(milestone=name, occurrence=2).start) == at("Mon 12:00")
    assert story.look(occurrence=2).target == at("Mon 16:00")


def test_a_case_that_reenters_stopped_stays_paused(kind: Kind) -> None:
    """The pause outside and the stop are one."""
    story = Story(kind, {"within": "4h"})
    story.stop("Mon 10:00")
    story.close("Mon 11:00")
    story.reopen("Mon 12:00")
    assert story.look().state == "paused"
    story.resume("Mon 13:00")
    assert story.look().target == at("Mon 16:00")


# --- the model itself ----------------------------------------------------------------------------------------------


def test_the_model_runs_on_the_slow_calendar_too() -> None:
    """E11b, with both models: no code of the real calendar and the real timeline takes part."""
    office = {"time_zone": "America/New_York", **HOURS["B"]}
    slow: Any = {"B": SlowCalendar(office, at("Mon 00:00"), at("next Mon 00:00"))}
    declared = EntitlementProcess.model_validate({"name": "P", "milestones": [{"name": "M", "within": "240m"}]})
    model = Model.enter(slow_process(declared), slow, "B", {}, at("Mon 09:00"), evaluate=evaluate)
    model.apply(ClockStopped(event_id="1", occurred_at=at("Mon 10:00")))
    model.apply(ClockResumed(event_id="2", occurred_at=at("Tue 10:00")))
    seen = model.snapshot(at("Tue 10:00"))["instances"]["M", 1]
    assert (seen["target"], seen["paused"]) == (at("Tue 13:00"), 480 * 60)

# mypy: ignore-errors
"""The corners that were reported as wrong in an engine, and the examples of the specification, as the model answers them.

python3.11 check_corners.py
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parent))

from slow_calendar import DAY, WEEKDAYS, SlowCalendar  # noqa: E402
from slow_inputs import (  # noqa: E402
    CaseClosed,
    CaseMigrated,
    CaseReopened,
    ClockResumed,
    ClockStopped,
    CompletionCleared,
    EntitlementProcess,
    FieldsChanged,
    FieldUpdate,
    Milestone,
    MilestoneCompleted,
    MilestoneExtended,
    Row,
    Trigger,
    evaluate,
    span,
)
from slow_timeline import Model, RefusedError  # noqa: E402

NY = ZoneInfo("America/New_York")
SINCE, UNTIL = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
WEEK = {day: ["09:00-17:00"] for day in WEEKDAYS[:5]}


def calendar(**said):
    return SlowCalendar({"time_zone": "America/New_York", "week": WEEK, **said}, SINCE, UNTIL)


CALENDARS = {"B": calendar(), "X": calendar(week="always")}
D = {"mon": 9, "tue": 10, "wed": 11, "thu": 12, "fri": 13, "sat": 14, "mon2": 16, "tue2": 17}


def at(text):
    """`10:00` on Mon 9 June 2025, or `fri 17:00`."""
    day, _, clock = text.rpartition(" ")
    return datetime.combine(date(2025, 6, D[day or "mon"]), time.fromisoformat(clock), NY)


class Case:
    def __init__(self, *milestones, hours="X", opened="09:00", fields=None, **process):
        self.process = EntitlementProcess(list(milestones), **process)
        self.model = Model.enter(self.process, CALENDARS, hours, fields or {}, at(opened), evaluate=evaluate)
        self.number = 0

    def tell(self, event, when, *args, **more):
        self.number += 1
        self.model.apply(event(str(self.number), at(when), *args, **more))
        return self

    def set(self, when, **fields):
        return self.tell(FieldsChanged, when, fields)

    def stop(self, when, name=None):
        return self.tell(ClockStopped, when, name)

    def resume(self, when, name=None):
        return self.tell(ClockResumed, when, name)

    def close(self, when):
        return self.tell(CaseClosed, when)

    def reopen(self, when):
        return self.tell(CaseReopened, when)

    def done(self, when, name="M"):
        return self.tell(MilestoneCompleted, when, name)

    def clear(self, when, name="M"):
        return self.tell(CompletionCleared, when, name)

    def extend(self, when, minutes, name="M"):
        return self.tell(MilestoneExtended, when, name, 60 * minutes)

    def migrate(self, when, *milestones, **process):
        return self.tell(CaseMigrated, when, EntitlementProcess(list(milestones), **process))

    def to(self, when):
        self.model.advance(at(when))
        return self

    def look(self, when, name="M", occurrence=1):
        return self.model.snapshot(at(when))["instances"].get((name, occurrence))

    def status(self, when):
        return self.model.snapshot(at(when))["status"]

    def names(self, when):
        return sorted(self.model.snapshot(at(when))["instances"])


def expect(found, **wanted):
    for key, value in wanted.items():
        value = at(value) if isinstance(value, str) and ":" in value else value
        if key in ("violations", "fired"):
            value = [tuple(at(v) if isinstance(v, str) and ":" in v else v for v in item) for item in value]
        assert found is not None, "no such instance"
        assert found[key] == value, f"{key}: {found[key]!r} and not {value!r}"


def refuses(code, act):
    try:
        act()
    except RefusedError as refused:
        assert refused.code == code, refused.code
    else:
        raise AssertionError(f"not refused: {code}")


MISSED = Trigger("late", "violation")


# --- the calendar (§1) ------------------------------------------------------------------------------------------------


def check_spans_of_the_calendar():
    for start, cutoff, within, target in [
        ("10:00", None, "1bd 16:00", "tue 16:00"),
        ("13:59:59", "14:00", "1bd 16:00", "tue 16:00"),  # E31
        ("14:00", "14:00", "1bd 16:00", "wed 16:00"),
        ("14:00", "14:00", "4h", "tue 13:00"),
        ("20:00", "14:00", "1bd 16:00", "wed 16:00"),
        ("sat 15:00", "14:00", "4h", "mon2 13:00"),  # on a closed date it does nothing
        ("15:59", None, "0bd 16:00", "16:00"),
        ("16:00", None, "0bd 16:00", "tue 16:00"),
        ("sat 12:00", None, "0bd 16:00", "mon2 16:00"),
        ("sat 12:00", None, "1bd", "tue2 09:00"),
        ("14:00", None, "eod", "17:00"),
        ("18:00", None, "eod", "tue 17:00"),
        ("10:00", None, "1bd 18:00", "tue 17:00"),
        ("07:00", None, "0bd 08:00", "tue 09:00"),
    ]:
        case = Case(Milestone("M", within, cutoff=cutoff), hours="B", opened=start)
        expect(case.look(start), start=start, target=target)
    # "the start itself stays (completions, elapsed), and a pause before that opening moves nothing"
    case = Case(Milestone("M", "4h", cutoff="14:00"), hours="B", opened="15:00").stop("15:30").resume("16:30")
    expect(case.look("tue 10:00"), start="15:00", target="tue 13:00", elapsed=3 * 3600, paused=3600)
    case.stop("tue 10:00").resume("tue 11:00")
    expect(case.look("tue 11:00"), target="tue 14:00")
    case = Case(Milestone("M", "1bd 16:00"), hours="B", opened="10:00").stop("11:00").resume("13:00")
    expect(case.look("13:00"), target="wed 10:00")


def check_nights():
    night = calendar(week={day: ["22:00-06:00"] for day in WEEKDAYS[:5]})
    assert night.business_day_at(at("23:00"), 0, "05:00") == at("tue 05:00")
    assert night.business_day_at(at("tue 05:30"), 0, "05:00") == at("wed 05:00")
    assert night.after_cutoff(at("tue 02:00"), "23:00") == at("tue 22:00")
    assert night.after_cutoff(at("22:30"), "03:00") == at("22:30")


def check_dates():
    c = calendar(
        dates={"12-24": ["09:00-13:00"], "12-31": [], "2025-12-20..2025-12-26": [], "2025-12-22": ["10:00-11:00"]},
        holidays={
            "by_category": {
                "public": [date(2025, 7, 4)],
                "half_day": [date(2025, 7, 3), date(2025, 7, 4), date(2025, 7, 5)],
                "weekend_workdays": [date(2025, 7, 12)],
            },
            "half_days": ["09:00-13:00"],
            "working_weekends": ["10:00-12:00"],
        },
    )

    def hours(month, day):
        midnight = datetime(2025, month, day, tzinfo=NY)
        return c.elapsed(midnight, midnight + DAY) / 3600

    assert [hours(12, d) for d in (19, 22, 23, 24, 26, 29, 31)] == [8, 1, 0, 0, 0, 8, 0]
    assert [hours(7, d) for d in (3, 4, 5, 7, 12, 13)] == [4, 0, 0, 8, 2, 0]
    half = {"by_category": {"public": [date(2025, 12, 24)]}}
    yearly = calendar(dates={"12-24": ["09:00-13:00"]}, holidays=half)
    assert yearly.elapsed(datetime(2025, 12, 24, tzinfo=NY), datetime(2025, 12, 25, tzinfo=NY)) == 4 * 3600


# --- the examples of §4 to §7 -----------------------------------------------------------------------------------------


def check_examples():
    expect(Case(Milestone("M", "4h"), opened="10:00").done("13:00").look("13:00"), target="14:00", violated=False)
    case = Case(Milestone("M", "240m", triggers=(MISSED,)), hours="B").stop("10:00").resume("12:00")
    expect(case.look("12:00"), target="15:00")  # E11a
    case = Case(Milestone("M", "240m"), hours="B").to("13:30").stop("13:30").resume("15:30")  # E11e
    expect(case.look("15:30"), target="15:00", violated=True, violated_at="13:00")
    case = Case(Milestone("M", "240m"), hours="B").stop("10:00").done("14:00")  # E27
    expect(case.look("15:00"), target="17:00", violated=False, elapsed=18000, paused=14400, actual=3600)
    case = Case(Milestone("M", "60m", recurrence="sequential", starts="criteria"), opened="12:00").done("12:30")  # E12
    expect(case.look("12:30", occurrence=2), state="scheduled", start="13:00", target="14:00")
    for change, target in [("retroactive", "13:00"), ("restart", "16:00"), ("carry", "15:30")]:  # E21
        rows = [Row(span("240m"), "case.p == 1"), Row(span("1440m"))]
        expect(Case(Milestone("M", rows, on_change=change)).set("12:00", p=1).look("12:00"), target=target)
    case = Case(Milestone("M", "240m", when="case.on"), hours="B").stop("10:00").resume("12:00").set("13:00", on=True)
    expect(case.look("13:00"), target="15:00")  # E30
    case = Case(Milestone("M", "4h", triggers=(MISSED,))).stop("13:00").resume("15:00")  # §5
    expect(case.look("15:00"), target="15:00", violated=False)
    expect(case.to("15:00").look("15:00"), violated=True, fired=[("late", "15:00", "15:00")])


# --- A to I -----------------------------------------------------------------------------------------------------------


def check_a_migration_of_a_violated_by():
    fields = {"due": at("10:00").isoformat(), "on": True}
    case = Case(Milestone("M", by="due", starts="criteria", when="case.on"), opened="09:00", fields=fields)
    case.to("12:00").migrate("12:00", Milestone("M", "8h", starts="process", when="case.on"))
    expect(case.look("12:00"), start="09:00", target="10:00", violated=True, violations=[("10:00", False)])
    fields = {"due": at("10:00").isoformat()}  # criteria at 09:30, so that the start differs too
    case = Case(Milestone("M", by="due", starts="criteria", when="case.on"), opened="09:00", fields=fields)
    case.set("09:30", on=True).to("12:00").migrate("12:00", Milestone("M", "8h", starts="process", when="case.on"))
    expect(case.look("12:00"), start="09:30", target="10:00", violated=True, violations=[("10:00", False)])
    # "what is still to come of them (triggers not fired, criteria, pauses, completion) is the new version's"
    case.stop("13:00").resume("14:00")
    expect(case.look("14:00"), start="09:30", target="11:00", violated=True, violations=[("10:00", False)])


def check_b_migration_to_by_and_to_another_start():
    case = Case(Milestone("M", "1h"), opened="10:00", fields={"due": at("tue 12:00").isoformat()})
    case.to("12:00").migrate("12:00", Milestone("M", by="due"))
    for when in ("12:00", "14:00", "tue 13:00"):
        expect(case.to(when).look(when), target="11:00", violated=True, violations=[("11:00", False)])
    case = Case(Milestone("M", "1h", starts="criteria", when="case.on")).set("14:00", on=True).to("15:30")
    case.migrate("15:30", Milestone("M", "1h", starts="process", when="case.on"))
    expect(case.look("15:30"), start="14:00", target="15:00", violated=True, violations=[("15:00", False)])
    # completed ones too, also if cleared later
    case = Case(Milestone("M", "4h"), fields={"due": at("tue 12:00").isoformat()}).done("10:00")
    case.migrate("11:00", Milestone("M", by="due"))
    expect(case.look("11:00"), start="09:00", target="13:00", completed_at="10:00", violated=False)
    case.clear("12:00")
    expect(case.look("12:00"), start="09:00", target="13:00", state="running", violated=False)
    expect(case.to("14:00").look("14:00"), violated=True, violations=[("13:00", False)])
    # "Whether a target was a promise is decided when it passes."
    case = Case(Milestone("M", "1h")).to("11:00").migrate("11:00", Milestone("M", "1h", promise=False))
    expect(case.look("11:00"), violated=True)
    case = Case(Milestone("M", "1h", promise=False)).to("11:00").migrate("11:00", Milestone("M", "1h"))
    expect(case.to("12:00").look("12:00"), violated=False, violations=[])


def check_c_violated_while_paused():
    process = Milestone("M", "1h", when="case.on", triggers=(MISSED,))
    case = Case(process).stop("12:00").set("13:00", on=True)
    expect(case.look("13:00"), state="paused", target="10:00", violated=True, violations=[("10:00", False)], fired=[])
    case.close("14:00").to("15:00")
    expect(case.look("15:00"), state="open at exit", violated=True, violations=[("10:00", False)], fired=[])
    rows = [Row(span("1h"), "case.p == 1"), Row(span("8h"))]
    case = Case(Milestone("M", rows, triggers=(MISSED,))).stop("12:00").set("13:00", p=1)
    expect(case.look("13:00"), state="paused", target="10:00", violated=True, violations=[("10:00", False)], fired=[])
    case.close("14:00").to("15:00")
    expect(case.look("15:00"), state="open at exit", violated=True, violations=[("10:00", False)], fired=[])
    # "its triggers wait for the resume and lapse if it is completed before"
    case = Case(Milestone("M", rows, triggers=(MISSED,))).stop("12:00").set("13:00", p=1).resume("14:00").to("14:00")
    expect(case.look("14:00"), target="12:00", violations=[("10:00", False)], fired=[("late", "12:00", "14:00")])
    case = Case(Milestone("M", rows, triggers=(MISSED,))).stop("12:00").set("13:00", p=1).done("13:30").to("15:00")
    expect(case.look("15:00"), violated=True, violations=[("10:00", False)], fired=[])


def check_d_the_predecessor_begins_anew():
    case = Case(Milestone("A", "8h", on_reentry="restart"), Milestone("B", "8h", after="A"))
    case.done("09:30", "A").close("10:00").reopen("11:00")
    expect(case.look("11:00", "A", 2), state="running", start="11:00")
    expect(case.look("11:00", "B"), state="running", start="09:30", target="18:30")
    case.done("12:00", "A")
    expect(case.look("12:00", "B"), state="running", start="09:30", target="18:30")
    assert case.names("12:00") == [("A", 1), ("A", 2), ("B", 1)]


def check_e_carry():
    rows = [Row(span("2h"), "case.p == 1"), Row(span("4h"))]
    case = Case(Milestone("M", rows, on_change="carry")).set("13:00:01", p=1)
    expect(case.look("13:00:01"), target="13:00", violated=True, violations=[("13:00", False)])
    expect(case.to("18:00").look("18:00"), target="13:00", violated=True, violations=[("13:00", False)])
    rows = [Row(span("8h"), "case.p == 1"), Row(span("4h"))]
    case = Case(Milestone("M", rows, on_change="carry"), hours="B", opened="fri 13:00").set("sat 12:00", p=1)
    expect(case.look("sat 12:00"), target="fri 17:00", violated=True, violations=[("fri 17:00", False)])
    # "at exactly 100% the target is that instant, and nothing is violated before it passes"
    case = Case(Milestone("M", rows, on_change="carry"), hours="B", opened="fri 13:00").set("fri 17:00", p=1)
    expect(case.look("fri 17:00"), target="fri 17:00", violated=False, violations=[])
    expect(case.to("fri 17:00:01").look("fri 17:00:01"), violated=True, violations=[("fri 17:00", False)])
    case = Case(Milestone("M", rows, on_change="carry"), hours="B", opened="fri 13:00").stop("fri 17:00")
    expect(case.set("sat 12:00", p=1).look("sat 12:00"), target="fri 17:00", violated=False, violations=[])
    # "elapsed counts each stretch by the calendar that ruled it"
    rows = [Row(span("8h"), "case.p == 1", "X"), Row(span("4h"), "", "B")]
    case = Case(Milestone("M", rows, on_change="carry"), opened="fri 15:00").set("sat 12:00", p=1)
    expect(case.look("sat 14:00"), target="sat 16:00", elapsed=4 * 3600)


def check_f_completed_at_its_start():
    won = Trigger("won", "success")
    milestone = Milestone("M", "4h", when="case.on", complete_when="case.ok", triggers=(MISSED, won))
    case = Case(milestone, fields={"ok": True}).set("14:00", on=True).to("15:00")
    expect(case.look("15:00"), state="completed", start="14:00", completed_at="14:00", elapsed=0, violated=False)
    expect(case.look("15:00"), violations=[], fired=[("won", "14:00", "14:00")])
    for turn in (1, -1):
        chain = [Milestone("M1", "1h", complete_when="case.ok", when="case.on")]
        chain += [Milestone(f"M{n}", "1h", after=f"M{n - 1}", complete_when="case.ok") for n in range(2, 13)]
        case = Case(*chain[::turn], fields={"ok": True}).set("14:00", on=True)
        states = [case.look("14:00", f"M{n}") for n in range(1, 13)]
        assert all(s is not None and s["state"] == "completed" and s["elapsed"] == 0 for s in states), states
        assert case.model.guards == 0
    # "a recurring one does not start while it is true"
    case = Case(Milestone("M", "1h", starts="criteria", recurrence="independent", complete_when="case.ok"))
    case.set("09:30", ok=True).set("11:00", ok=False)
    expect(case.look("11:00"), completed_at="09:30")
    expect(case.look("11:00", occurrence=2), start="11:00")


def check_g_clear():
    for starts in ("process", "criteria"):
        milestone = Milestone("M", "4h", when="case.on", starts=starts, triggers=(MISSED,))
        case = Case(milestone, fields={"on": True}).done("10:00").set("11:00", on=False).to("14:00").clear("14:00")
        expect(case.to("15:00").look("15:00"), state="removed", violated=False, violations=[], fired=[], elapsed=7200)
    case = Case(Milestone("M", "8h")).done("10:00").close("15:00").clear("16:00")
    expect(case.look("16:00"), state="open at exit", elapsed=6 * 3600)
    case.reopen("16:30")
    expect(case.look("16:30"), state="running", target="18:30", paused=5400)
    rows = [Row(span("2h"), "case.p == 1"), Row(span("8h"))]
    case = Case(Milestone("M", rows, on_change="restart", triggers=(MISSED,))).done("10:00").set("11:00", p=1)
    case.to("14:30")
    expect(case.look("14:30"), start="09:00", target="17:00", completed_at="10:00")
    case.clear("14:30")
    expect(case.look("14:30"), state="running", start="11:00", target="13:00", violated=True)
    expect(case.look("14:30"), violations=[("13:00", False)], fired=[("late", "13:00", "14:30")])
    # the rule refuses; a later occurrence refuses
    case = Case(Milestone("M", "4h", complete_when="case.ok")).set("10:00", ok=True)
    refuses("rule_holds", lambda: case.clear("11:00"))
    case = Case(Milestone("M", "4h", starts="criteria", recurrence="independent")).done("10:00")
    refuses("later_occurrence", lambda: case.clear("11:00"))
    # criteria that were true again meanwhile: the occurrence that would have started then
    case = Case(Milestone("M", "4h", when="case.on", starts="criteria"), fields={"on": True}).done("10:00")
    case.set("11:00", on=False).set("12:00", on=True).clear("14:00")
    expect(case.look("14:00"), state="removed", elapsed=7200)
    expect(case.look("14:00", occurrence=2), state="running", start="12:00", target="16:00")
    # a late completion that corrected, cleared: violated again, its trigger does not fire again
    case = Case(Milestone("M", "4h", triggers=(MISSED,))).to("13:30").done("12:00")
    expect(case.look("13:30"), violated=False, violations=[("13:00", True)])
    case.clear("15:00")
    expect(case.look("15:00"), violations=[("13:00", True), ("13:00", False)], fired=[("late", "13:00", "13:00")])


def check_h_late_completions():
    case = Case(Milestone("M", "4h")).to("13:00").extend("13:10", 50).to("13:50").to("15:00").done("13:05")
    expect(case.look("15:00"), completed_at="13:05", target="13:00", violated=True, violated_at="13:00")
    expect(case.look("15:00"), violations=[("13:00", True), ("13:50", True), ("13:00", False)])
    case = Case(Milestone("M", "240m"), hours="B").to("13:30").stop("13:30").resume("15:30").done("13:20")
    expect(case.look("15:30"), target="13:00", violated=True, violations=[("13:00", False)])
    case = Case(Milestone("M", "4h")).to("13:05").done("13:00")
    expect(case.look("13:05"), violated=False, violations=[("13:00", True)])
    refuses("before_start", lambda: Case(Milestone("M", "4h", when="case.on", starts="criteria")).set(
        "10:00", on=True).done("09:30"))
    # rearm only if still ahead when the target moves
    warn = Trigger("warn", "warning", 3600, rearm=True)
    case = Case(Milestone("M", "240m", triggers=(warn,)), hours="B").to("13:30").stop("13:30").resume("15:30")
    expect(case.to("16:00").look("16:00"), target="15:00", fired=[("warn", "12:00", "12:00")])
    case = Case(Milestone("M", "240m", triggers=(warn,)), hours="B").to("12:10").extend("12:10", 60).to("14:30")
    expect(case.look("14:30"), target="14:00", fired=[("warn", "12:00", "12:00"), ("warn", "13:00", "13:00")])


def check_i_entry():
    process = Milestone("P", "4h")
    others = [Milestone("C", "4h", starts="criteria", when="case.on"), Milestone("N", "4h", starts="criteria", when="case.n")]
    fields = {"entry": at("11:00").isoformat(), "on": True}
    case = Case(process, *others, entry="entry", fields=fields)
    assert case.names("10:59") == []  # "not in the process yet: nothing of it runs until then"
    refuses("not_started", lambda: case.done("10:30", "P"))
    case.to("11:00")
    expect(case.look("11:00", "P"), state="running", start="11:00", target="15:00")
    expect(case.look("11:00", "C"), state="running", start="11:00")
    case.set("12:00", entry=None)  # "once entered, null changes nothing"
    expect(case.look("12:00", "P"), state="running", start="11:00", target="15:00")
    case.set("12:00", entry=at("13:00").isoformat()).set("12:30", n=True)
    expect(case.look("12:30", "P"), state="scheduled", start="13:00", target="17:00")
    expect(case.look("12:30", "C"), state="paused", start="11:00")
    assert case.look("12:30", "N") is None  # "and starts none"
    case.to("13:00")
    expect(case.look("13:00", "P"), state="running")
    expect(case.look("13:00", "C"), state="running", target="16:00")
    expect(case.look("13:00", "N"), state="running", start="13:00")
    case.set("14:00", entry=at("09:30").isoformat()).to("14:00")
    expect(case.look("14:00", "P"), start="09:30", target="13:30", violated=True, violations=[("13:30", False)], paused=0)
    # after a restart the start stays; of a carried one see below
    rows = [Row(span("2h"), "case.p == 1"), Row(span("4h"))]
    fields = {"entry": at("09:00").isoformat()}
    case = Case(Milestone("M", rows, on_change="restart"), entry="entry", fields=fields).set("10:00", p=1)
    case.set("11:00", entry=at("08:00").isoformat())
    expect(case.look("11:00"), start="10:00", target="12:00")
    case.set("11:00", entry=at("11:30").isoformat()).to("11:30")
    expect(case.look("11:30"), start="10:00", target="12:30")  # one of "the others": paused until then
    case = Case(Milestone("M", rows, on_change="carry"), entry="entry", fields=fields).set("10:00", p=1)
    expect(case.look("10:00"), target="11:30")
    case.set("10:30", entry=at("08:00").isoformat())
    expect(case.look("10:30"), start="08:00", target="11:30", elapsed=9000)
    case.set("10:40", entry=at("10:20").isoformat())
    expect(case.look("10:40"), start="10:20", target="12:20", elapsed=1200)


def check_i_more_of_the_entry():
    # ahead, then null: it still waits; closed meanwhile: entered and left at once
    case = Case(Milestone("P", "4h"), entry="entry", fields={"entry": at("09:00").isoformat()})
    case.set("10:00", entry=at("12:00").isoformat()).set("11:00", entry=None)
    expect(case.look("11:00", "P"), state="scheduled", start="12:00")
    expect(case.to("12:00").look("12:00", "P"), state="running", target="16:00")
    case = Case(Milestone("P", "4h"), entry="entry", fields={"entry": at("11:00").isoformat()}).close("10:00").to("12:00")
    assert case.names("12:00") == []
    expect(case.reopen("13:00").look("13:00", "P"), state="running", start="11:00", target="17:00", paused=7200)
    # null at first, then an instant that lies back: violated at once, on record at that change
    case = Case(Milestone("P", "1h"), entry="entry").set("14:00", entry=at("10:00").isoformat())
    expect(case.look("14:00", "P"), start="10:00", target="11:00", violated=True, violations=[("11:00", False)])


def check_the_guard():
    ping = Milestone("A", "4h", complete_when="case.n == 1", starts="criteria", recurrence="independent", triggers=(
        Trigger("a", "success", actions=(FieldUpdate("n", 2),)),))
    pong = Milestone("B", "4h", complete_when="case.n == 2", starts="criteria", recurrence="independent", triggers=(
        Trigger("b", "success", actions=(FieldUpdate("n", 1),)),))
    assert Case(ping, pong).set("10:00", n=1).model.guards == 1


def check_i_the_second_of_a_target():
    for rearm in (False, True):
        late = Trigger("late", "violation", rearm=rearm)
        case = Case(Milestone("M", "4h", triggers=(late,))).to("13:00").stop("13:00")
        expect(case.look("13:00"), state="paused", target="13:00", violated=False, violations=[("13:00", True)])
        case.resume("15:00").to("15:00")
        fired = [("late", "13:00", "13:00"), ("late", "15:00", "15:00")][: 1 + rearm]
        expect(case.look("15:00"), target="15:00", violations=[("13:00", True), ("15:00", False)], fired=fired)
    # "with nothing applied since"
    case = Case(Milestone("M", "4h")).to("13:00").set("13:00", x=1).to("13:00").set("13:00:01", x=2)
    expect(case.look("13:00:01"), violated=True, violated_at="13:00")
    for end in ("close", "done"):
        case = Case(Milestone("M", "4h")).to("13:00")
        getattr(case, end)("13:00").to("14:00")
        expect(case.look("14:00"), violated=False, violations=[("13:00", True)])


# --- more of §3 -------------------------------------------------------------------------------------------------------


def check_restart_on():
    milestone = Milestone("M", "2h", starts="criteria", restart_on=("group",))
    case = Case(milestone).set("09:30", group="a")
    assert case.names("09:30") == [("M", 1)]  # "The first value of an empty field is no change."
    case.set("10:00", group="b")
    expect(case.look("10:00"), state="removed", handed_over=True, violated=False)
    expect(case.look("10:00", occurrence=2), state="running", start="10:00", target="12:00")
    case.done("09:45")  # "goes to the occurrence then open"
    expect(case.look("10:00"), state="completed", completed_at="09:45")
    case.done("11:00").set("12:00", group="c")
    expect(case.look("12:00", occurrence=2), state="completed")
    expect(case.look("12:00", occurrence=3), state="running", start="12:00")


def check_when_undone():
    a = Milestone("A", "4h", complete_when="case.solved", when_undone="resume")
    b = Milestone("B", "4h", after="A")
    case = Case(a, b).set("10:00", solved=True).set("12:00", solved=False)
    expect(case.look("12:00", "A"), state="running", target="15:00", paused=7200, actual=3600)
    expect(case.look("12:00", "B"), state="removed")
    case.set("13:00", solved=True)
    expect(case.look("13:00", "A"), state="completed", violated=False)
    expect(case.look("13:00", "B"), state="running", start="13:00", target="17:00")
    # outside: one pause up to the re-entry
    case = Case(a).set("10:00", solved=True).close("11:00").set("12:00", solved=False)
    expect(case.look("12:00", "A"), state="completed")
    case.reopen("13:00")
    expect(case.look("13:00", "A"), state="running", target="16:00", paused=3 * 3600)
    # by an agent, the rule held since; and not
    case = Case(a).done("10:00", "A").set("11:00", solved=True).set("12:00", solved=False)
    expect(case.look("12:00", "A"), state="running", target="15:00")
    expect(Case(a).done("10:00", "A").set("11:00", x=1).look("11:00", "A"), state="completed")
    # the target passed while it was completed, and nothing was missed
    case = Case(a).set("10:00", solved=True).to("14:00").set("15:00", solved=False)
    expect(case.look("15:00", "A"), state="running", target="18:00", violated=False, violations=[])
    # "`restart` wins over both"
    r = Milestone("A", "4h", complete_when="case.solved", when_undone="resume", on_reentry="restart")
    case = Case(r).set("10:00", solved=True).close("11:00").set("12:00", solved=False).reopen("13:00")
    expect(case.look("13:00", "A"), state="completed")
    expect(case.look("13:00", "A", 2), state="running", start="13:00")
    # "success fires again only with `rearm`"
    for rearm in (False, True):
        won = Trigger("won", "success", rearm=rearm)
        m = Milestone("A", "4h", complete_when="case.solved", when_undone="resume", triggers=(won,))
        case = Case(m).set("10:00", solved=True).set("11:00", solved=False).set("12:00", solved=True)
        assert len(case.look("12:00", "A")["fired"]) == 1 + rearm


def check_promise():
    case = Case(Milestone("M", "1h", promise=False, triggers=(MISSED,))).to("11:00")
    expect(case.look("11:00"), violated=False, violations=[], fired=[("late", "10:00", "10:00")])
    assert case.status("11:00") == "compliant"
    expect(case.done("12:00").look("12:00"), violated=False)


def check_by():
    case = Case(Milestone("M", by="due", triggers=(MISSED,))).set("10:00", due=at("12:00").isoformat()).stop("11:00")
    expect(case.to("13:00").look("13:00"), start="09:00", target="12:00", fired=[("late", "12:00", "12:00")])
    case.set("13:00", due=at("14:00").isoformat())
    expect(case.look("13:00"), target="14:00", violated=False, violations=[("12:00", True)])


def check_field_updates_re_evaluate():
    esc = Trigger("esc", "violation", actions=(FieldUpdate("p", 1),))
    case = Case(Milestone("M", "1h", triggers=(esc,)), Milestone("N", "1h", starts="criteria", when="case.p == 1"))
    expect(case.to("10:30").look("11:00", "N"), start="10:00", target="11:00")


if __name__ == "__main__":
    failed = 0
    for name, check in list(globals().items()):
        if name.startswith("check_"):
            try:
                check()
                print("ok    ", name)
            except Exception as error:  # noqa: BLE001
                failed += 1
                import traceback

                line = traceback.extract_tb(error.__traceback__)
                where = next(f.lineno for f in reversed(line) if f.name.startswith("check_"))
                print("FAILED", name, where, type(error).__name__, error, line[-1].lineno)
    sys.exit(failed > 0)

"""Migrations against the slow model: a case that goes over to other versions of its process, in any story.

`HYPOTHESIS_PROFILE=thorough` runs it with 5,000 examples; otherwise it takes seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from hypothesis import assume, given
from hypothesis import strategies as st

from domain.calendar import BusinessHours, FrozenCalendar
from domain.process import EntitlementProcess
from domain.timeline.events import Event, PlanReplaced
from domain.timeline.plan import Plan
from tests.domain.timeline import test_model as plain


class Migrated(NamedTuple):
    """A world with one step of the kind `migrate`, and the version that it goes over to.

    Attributes:
        edited: the calendars are edited as well.
    """

    world: plain.World
    version: EntitlementProcess
    edited: bool


SAME = ("starts", "by", "on_reentry", "when_undone", "triggers")
"""What a milestone of the new version has in common with that of the old one."""


@cache
def edited_calendars() -> dict[str, FrozenCalendar]:
    """Calendars of the same names after an edit: the office closes later, and lunch is worked."""
    start, end = datetime(2005, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    week = {day: ["09:00-19:00"] for day in plain.WEEKDAYS}
    edits: dict[str, dict[str, Any]] = {
        "office": {"time_zone": "America/New_York", "week": week},
        "lunch": {"time_zone": "Europe/London", "week": {day: ["08:00-17:00"] for day in plain.WEEKDAYS}},
    }
    edited = {name: BusinessHours(name=name, **hours).freeze(start, end) for name, hours in edits.items()}
    return {**plain.calendars(), **edited}


@st.composite
def versions(draw: st.DrawFn, first: EntitlementProcess) -> EntitlementProcess:
    """The process with some milestones declared otherwise, some dropped and some added."""
    found: list[dict[str, Any]] = []
    for name in ("A", "B", "C"):
        old = first.milestone(name)
        kind = draw(st.sampled_from(["same", "other", "other", "other", "drop"] if old else ["other", "drop", "drop"]))
        names = [milestone["name"] for milestone in found]
        if kind == "drop" or (old is not None and old.predecessor is not None and old.predecessor not in names):
            continue
        new = draw(plain.milestones(name, found))
        if old is not None:
            kept = {"restart_on": [], "when_undone": "keep", **old.model_dump()}
            new = kept if kind == "same" else {**new, **{key: kept[key] for key in SAME}}
            if kept["by"]:
                new = {**new, "within": None, "cutoff": None}
            elif not new.get("within") or new.get("by"):
                new = {**new, "within": kept["within"]}
            if new["starts"] != "criteria":
                new["restart_on"] = []
            if new["starts"] != "criteria" or any(other.predecessor == name for other in first.milestones):
                new["recurrence"] = kept["recurrence"]
            if new.get("recurrence", "none") != "none":
                new["when_undone"] = "keep"
            if new["on_change"] == "carry":
                new["on_change"] = "retroactive"  # of what share of a kept span was used the rules say nothing
            if not new.get("complete_when"):
                new["when_undone"] = "keep"
        assume(plain.is_allowed(new))
        found.append(new)
    assume(found)
    return EntitlementProcess.model_validate({**first.model_dump(), "version": 2, "milestones": found})


@st.composite
def migrated_worlds(draw: st.DrawFn) -> Migrated:
    """A world, and one step among its own at which it is migrated."""
    world = draw(plain.worlds())
    names = [milestone.name for milestone in world.process.milestones]
    step = draw(plain.steps(world.opened_at, names))._replace(kind="migrate", delay=0)
    place = draw(st.integers(0, len(world.steps)))
    steps = [*world.steps[:place], step, *world.steps[place:]]
    return Migrated(world._replace(steps=steps), draw(versions(world.process)), draw(st.booleans()))


def event_of(found: Migrated, step: plain.Step, number: int, now: datetime) -> Event | None:
    if step.kind != "migrate":
        return plain.event_of(step, number, now)
    return PlanReplaced(event_id=str(number), occurred_at=now, plan=plan_of(found))


def plan_of(found: Migrated) -> Plan:
    """The plan that a world goes over to."""
    calendars = edited_calendars() if found.edited else plain.calendars()
    return Plan(process=found.version, business_hours=found.world.hours, calendars=calendars, fields=plain.FIELDS)


def tell(found: Migrated) -> None:
    """Tell a story to both, which have to agree after every step."""
    both, now = plain.Both(found.world), found.world.opened_at
    for number, step in enumerate(found.world.steps):
        now += timedelta(seconds=step.passed)
        if step.advances:
            both.advance(now)
        both.agree(now)
        event = event_of(found, step, number, now)
        if event is not None:
            both.apply(event, now)
            both.agree(now)
        if step.through_json:
            both.real.through_json()
    for later in (timedelta(0), timedelta(days=20)):
        both.advance(now + later)
        both.agree(now + later)


@plain.PROFILE
@given(migrated_worlds())
def test_a_migrated_timeline_is_the_model(found: Migrated) -> None:
    """States, targets, violations, pauses and every fired trigger are the same after every step, also through JSON."""
    tell(found)

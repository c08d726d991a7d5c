"""Reports over random cases, against the slow model and against a slow recomputation from the event feed.

Every case is recorded step by step, as a workflow does it, under an account of its own; reports of that account have to
say what the slow timeline says of it, and what the events of the feed come to. `MILEPOST_RANDOM_CASES=2000` draws more.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.reports.making import ReportWish, make_report
from domain.catalog.declarations import Catalog
from domain.feed.envelope import FeedEvent
from domain.reports.grouping import text_of
from domain.reports.result import ReportKind
from domain.timeline.events import Event
from domain.timeline.plan import Plan
from store import Store
from tests.domain.timeline import test_model_migration as migrations
from tests.domain.timeline.test_model import FIELDS, Step, World, calendars, event_of, worlds
from tests.models.both_timelines import Opening, SlowTimeline
from tests.models.specified.slow_timeline import RefusedError
from tests.recorded import RecordedCase
from tests.support import unique

MANY = int(os.environ.get("MILEPOST_RANDOM_CASES", "40"))

Rows = dict[tuple[Any, ...], dict[str, Any]]


@pytest.fixture(scope="module")
def recorded_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all cases."""
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('random') / 'milepost.db'}") as store:
        store.catalog.apply(Catalog(fields=FIELDS), by="test")
        yield store


Story = World | migrations.Migrated
STORIES: st.SearchStrategy[Story] = st.one_of(worlds(), migrations.migrated_worlds())


class Lived:
    """A random case that was recorded, migrated or not, beside the slow model of it."""

    def __init__(self, store: Store, story: Story) -> None:
        self.migrated = story if isinstance(story, migrations.Migrated) else None
        world = story.world if isinstance(story, migrations.Migrated) else story
        self.store, self.world, self.account = store, world, unique("account")
        plan = Plan(process=world.process, business_hours=world.hours, calendars=calendars(), fields=FIELDS)
        opening = Opening(world.process, calendars(), world.hours, world.fields, world.opened_at, FIELDS)
        self.slow = SlowTimeline(opening)
        self.real = RecordedCase(
            store, plan, self.account, world.fields, world.opened_at, account=self.account, entitlement="e"
        )

    def walk(self) -> Iterator[datetime]:
        """Let everything happen; from time to time, with all that is due done, say what time it is."""
        now = self.world.opened_at
        for number, step in enumerate(self.world.steps):
            now += timedelta(seconds=step.passed)
            event = self._event_of(step, number, now)
            if event is not None:
                then = max(now, event.occurred_at)
                self.real.apply(event, then)
                with suppress(RefusedError):
                    self.slow.apply(event, then)
            if step.advances:
                self.advance(now)
                yield max(now, self.real.timeline.state.last_at)
        now += timedelta(days=3)
        self.advance(now)
        yield now
        due = self.real.timeline.next_due
        yield now + ((due - now) / 2 if due is not None else timedelta(hours=5))

    def _event_of(self, step: Step, number: int, now: datetime) -> Event | None:
        if self.migrated is None:
            return event_of(step, number, now)
        return migrations.event_of(self.migrated, step, number, now)

    def advance(self, now: datetime) -> None:
        self.real.advance(now)
        self.slow.advance(now)

    def rows(self, kind: ReportKind, now: datetime, *by: str) -> Rows:
        """The rows of a report of this case alone."""
        made = make_report(self.store, ReportWish(kind, by=by, account=self.account, now=now))
        many, names = len(made.groups), [column.name for column in made.columns]
        return {row[:many]: dict(zip(names[many:], row[many:], strict=True)) for row in made.rows}

    def events(self) -> list[FeedEvent]:
        return self.store.feed.read(subject=f"case/{self.account}").events


@settings(
    max_examples=MANY,
    deadline=None,
    derandomize=MANY <= 40,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(story=STORIES)
def test_reports_say_what_the_slow_model_and_the_feed_say(recorded_in: Store, story: Story) -> None:
    """At any instant: outcomes, response times, overruns, pauses, and who held it for how long; migrated or not."""
    lived = Lived(recorded_in, story)
    for now in lived.walk():
        seen = {key: _look(lived.slow.model, one, now) for key, one in _instances(lived.slow.model).items()}
        promised = [one for one in seen.values() if one["promise"]]
        assert _outcomes(lived.rows(ReportKind.COMPLIANCE, now, "milestone")) == _slow_outcomes(promised)
        _assert_times(lived, now, promised)
        assert _pauses(lived, now) == _slow_pauses(lived.slow.model, now)
        for holder in ("group", "p"):
            rows = lived.rows(ReportKind.BREAKDOWN, now, "milestone", holder)
            held = {key: row["open_seconds"] for key, row in rows.items() if row["open_seconds"]}
            assert held == _slow_breakdown(lived, now, holder), holder
    assert _outcomes(lived.rows(ReportKind.COMPLIANCE, now, "milestone")) == _fed_outcomes(lived)


def test_an_audit_finds_that_they_agree(recorded_in: Store) -> None:
    """Of every case that was recorded above: the timeline worked out anew, the reports, and the feed."""
    audited = list(recorded_in.reports.audit())
    assert {one.case_id: one.discrepancies for one in audited if one.discrepancies} == {}
    assert sum(one.instances for one in audited) > len(audited) > 0


def _outcomes(rows: Rows) -> dict[str, dict[str, int]]:
    """How many of each milestone came to what, of those that there are."""
    names = ("met", "met_late", "violated", "open", "removed", "handed_over", "handed_over_late")
    return {key[0]: {name: row[name] for name in names if row.get(name)} for key, row in rows.items()}


# --- by the slow model ---


def _instances(model: Any) -> dict[tuple[str, int], Any]:
    return {(one.milestone.name, one.occurrence): one for one in model.instances}


def _look(model: Any, instance: Any, now: datetime) -> dict[str, Any]:
    return {**model._look_at(instance, now), "promise": _is_promise(instance)}


def _is_promise(instance: Any) -> bool:
    """Whether its target is or was a promise: that is decided when it passes."""
    passed = instance.standing_record()
    return bool(passed.promised if passed is not None else instance.milestone.promise)


def _outcome(one: dict[str, Any]) -> str:
    if one["state"] == "completed":
        return "met_late" if one["violated"] else "met"
    if one["handed_over"]:
        return "handed_over_late" if one["violated"] else "handed_over"
    if one["violated"]:
        return "violated"
    return "removed" if one["state"] == "removed" else "open"


def _slow_outcomes(promised: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for one in promised:
        found[one["milestone"]][_outcome(one)] += 1
    return {name: dict(counts) for name, counts in found.items()}


def _assert_times(lived: Lived, now: datetime, promised: list[dict[str, Any]]) -> None:
    """Mean response and overrun of each milestone, and how many there are."""
    actual: dict[str, list[int]] = defaultdict(list)
    for one in promised:
        if one["completed_at"] is not None:
            actual[one["milestone"]].append(one["actual"])
    rows = lived.rows(ReportKind.RESPONSE, now, "milestone")
    said = {key[0]: (row["completed"], row["response_mean_seconds"]) for key, row in rows.items()}
    assert said == {name: (len(some), round(sum(some) / len(some), 1)) for name, some in actual.items()}
    over: dict[str, list[int]] = defaultdict(list)
    model = lived.slow.model
    for key, instance in _instances(model).items():
        one = _look(model, instance, now)
        if one["promise"] and one["violated"]:
            end = one["completed_at"] or model._effective_now(instance, now)
            calendar = instance.term(instance.ended_at).calendar
            over[key[0]].append(max(calendar.elapsed(one["target"], end), 0))
    rows = lived.rows(ReportKind.OVERRUN, now, "milestone")
    assert {key[0]: row["overrun_mean_seconds"] for key, row in rows.items()} == {
        name: round(sum(some) / len(some), 1) for name, some in over.items()
    }


def _pauses(lived: Lived, now: datetime) -> dict[str, int]:
    rows = lived.rows(ReportKind.PAUSES, now, "milestone")
    return {key[0]: row["open_seconds"] for key, row in rows.items() if row["open_seconds"]}


def _life(instance: Any, now: datetime) -> tuple[datetime, datetime]:
    start = instance.term(instance.ended_at).start
    return start, instance.ended_at or max(now, start)


def _slow_pauses(model: Any, now: datetime) -> dict[str, int]:
    found: Counter[str] = Counter()
    for instance in model.instances:
        start, end = _life(instance, now)
        calendar = instance.term(instance.ended_at).calendar
        times = model._paused_times(instance, start, end)
        found[instance.milestone.name] += sum(calendar.elapsed(a, b) for a, b in times)
    return {name: seconds for name, seconds in found.items() if seconds}


def _slow_breakdown(lived: Lived, now: datetime, holder: str) -> dict[tuple[str, str], int]:
    """By the changes that the feed tells of."""
    model: Any = lived.slow.model
    changes = [event for event in lived.events() if event.type == "milepost.case.fields_changed.v1"]
    points = [(lived.world.opened_at, lived.world.fields.get(holder))]
    points += [(one.time, one.data["fields"][holder]) for one in changes if holder in one.data["fields"]]
    held: Counter[tuple[str, str]] = Counter()
    for instance in model.instances:
        if not _is_promise(instance):
            continue
        start, end = _life(instance, now)
        calendar = instance.term(instance.ended_at).calendar
        for place, (since, value) in enumerate(points):
            until = points[place + 1][0] if place + 1 < len(points) else end
            a, b = (start if place == 0 else max(since, start)), min(until, end)
            if a < b:
                rested = sum(calendar.elapsed(x, y) for x, y in model._paused_times(instance, a, b))
                held[instance.milestone.name, text_of(value)] += calendar.elapsed(a, b) - rested
    return {key: seconds for key, seconds in held.items() if seconds}


# --- from the feed ---


def _fed_outcomes(lived: Lived) -> dict[str, dict[str, int]]:
    """What the events of a case come to, one after the other."""
    ends: dict[tuple[str, int], str] = {}
    violations: Counter[tuple[str, int]] = Counter()
    for event in lived.events():
        kind = event.type.removeprefix("milepost.case.").removesuffix(".v1")
        key = (event.data.get("milestone", ""), event.data.get("occurrence", 0))
        match kind:
            case "milestone.started" | "milestone.scheduled":
                ends.setdefault(key, "open")
            case "milestone.cleared" | "milestone.returned":
                ends[key] = "open"
            case "milestone.completed":
                ends[key] = "completed"
            case "milestone.removed":
                ends[key] = "handed over" if event.data.get("why") == "handed over" else "removed"
            case "milestone.violated":
                violations[key] += 1
            case "milestone.corrected":
                violations[key] -= 1
    found: dict[str, Counter[str]] = defaultdict(Counter)
    promises = {key: _is_promise(one) for key, one in _instances(lived.slow.model).items()}
    for key, end in ends.items():
        late = violations[key] > 0
        ended = {"completed": ("met", "met_late"), "handed over": ("handed_over", "handed_over_late")}
        in_time, too_late = ended.get(end, (end, "violated"))
        if promises[key]:
            found[key[0]][too_late if late else in_time] += 1
    return {name: dict(counts) for name, counts in found.items()}

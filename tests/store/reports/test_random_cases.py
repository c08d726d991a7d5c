"""Reports over random cases, against the slow model and against a slow recomputation from the event feed.

Every case is recorded step by step, as a workflow does it, under an account of its own; reports of that account have to
say what the slow timeline says of it, and what the events of the feed come to. `MILEPOST_RANDOM_CASES=2000` draws more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.catalog.declarations import Catalog
from domain.feed.envelope import FeedEvent
from domain.timeline.events import Event
from domain.timeline.plan import Plan
from store import Store
from tests.domain.timeline import test_model_migration as migrations
from tests.domain.timeline.test_model import FIELDS, Step, World, calendars, event_of, worlds
from tests.models.both_timelines import Opening, SlowTimeline
from tests.models.slow_reports import told_outcomes, worked_out
from tests.models.specified.slow_timeline import RefusedError
from tests.models.told_story import told_slowly
from tests.recorded import RecordedCase
from tests.reported import Said, reported
from tests.support import unique

MANY = int(os.environ.get("MILEPOST_RANDOM_CASES", "20"))

PERSONS = ("ann", "bo", None, "cy")
HOLDERS = ("group", "p")
"""Fields among whose values the time of a case is divided."""


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
        self.opening = Opening(world.process, calendars(), world.hours, world.fields, world.opened_at, FIELDS)
        self.slow = SlowTimeline(self.opening)
        self.real = RecordedCase(
            store, plan, self.account, world.fields, world.opened_at, account=self.account, entitlement="e"
        )
        self.slow.advance(world.opened_at)  # as the first record does

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
        """What happens, by one of three persons or by nobody."""
        if self.migrated is None:
            event = event_of(step, number, now)
        else:
            event = migrations.event_of(self.migrated, step, number, now)
        return None if event is None else event.model_copy(update={"by": PERSONS[number % len(PERSONS)]})

    def advance(self, now: datetime) -> None:
        self.real.advance(now)
        self.slow.advance(now)

    def worked_out(self, now: datetime) -> Said:
        return worked_out(self.opening, self.slow, self.events(), now, HOLDERS)

    def told(self) -> SlowTimeline:
        """The slow model of the case, by its events alone."""
        plans = {}
        if self.migrated is not None:
            plans[self.migrated.version.version] = migrations.plan_of(self.migrated)
        return told_slowly(self.opening, self.events(), plans)

    def events(self) -> list[FeedEvent]:
        return self.store.feed.read(subject=f"case/{self.account}").events


@settings(
    max_examples=MANY,
    deadline=None,
    derandomize=MANY <= 20,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(story=STORIES)
def test_reports_say_what_the_slow_model_and_the_feed_say(recorded_in: Store, story: Story) -> None:
    """At any instant: outcomes, times, pauses with cause and person, and who held it for how long; migrated or not."""
    lived = Lived(recorded_in, story)
    for now in lived.walk():
        said = reported(recorded_in, lived.account, now, HOLDERS)
        assert said == lived.worked_out(now)
    slow = lived.told()
    slow.advance(now)
    assert said == worked_out(lived.opening, slow, lived.events(), now, HOLDERS)
    told = told_outcomes(lived.opening, lived.events(), lived.slow)
    assert reported(recorded_in, lived.account, now, ()).outcomes == told


def test_an_audit_finds_that_they_agree(recorded_in: Store) -> None:
    """Of every case that was recorded above: the timeline worked out anew, the reports, and the feed."""
    audited = list(recorded_in.reports.audit())
    assert {one.case_id: one.discrepancies for one in audited if one.discrepancies} == {}
    assert 2 * sum(one.instances for one in audited) > len(audited) > 0

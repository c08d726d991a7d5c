"""A step of time is never refused: what fails stays due, is tried again, and nothing else waits for it."""

from datetime import timedelta
from typing import Any

import pytest

from domain.timeline.machine import Timeline
from tests.support import assert_eventually
from tests.workflows.replaying import replay
from tests.workflows.world import World, later


class Planted(Exception):
    """A fault of Milepost's own."""


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Plants a fault in the passing of time of one case, from its first trigger on; says how to mend it.

    What is due at the opening is left alone: a build that fails there can't follow the history of one that did not.
    """
    broken: set[str] = set()
    right = Timeline.advance

    def advance(self: Timeline, now: Any, **given: Any) -> Any:
        due = self.next_due
        if self.state.case_id in broken and due is not None and self.state.opened_at < due <= now:
            self.state.instances.clear()
            raise Planted
        return right(self, now, **given)

    monkeypatch.setattr(Timeline, "advance", advance)
    return broken


async def state_of(world: World, case: str) -> str:
    described = await world.milepost.handle(case).describe()
    return str(described.search_attributes["MilepostState"][0])


async def test_a_step_that_fails_is_done_by_the_mended_build(world: World, plant: set[str]) -> None:
    """The violation arrives late; messages are taken meanwhile, other cases go on, and the history replays."""
    case, other = await world.open("four"), await world.open("four")
    plant.add(case)
    for one in (case, other):
        await world.go_to(one, later(minutes=16))

    async def it_shows() -> None:
        assert await state_of(world, case) == "stuck"

    await assert_eventually(it_shows)
    assert [len(m.fired) for m in (await world.view(other)).milestones] == [1]
    assert [len(m.fired) for m in (await world.view(case)).milestones] == [0]
    await world.go_to(case, later(minutes=25))
    answer = await world.milepost.request(case, "change_fields", fields={"priority": "High"}, event_id="news",
                                          occurred_at=later(minutes=14).isoformat())  # fmt: skip
    assert answer.outcome == "taken", "what comes from before the step is taken"
    plant.clear()
    await world.go_to(case, later(hours=2))
    view = await world.view(case)
    assert [f.due_at for f in view.milestones[0].fired] == [later(minutes=m) for m in (15, 30, 45, 60)]
    assert view.milestones[0].violations[0].violated_at == later(hours=1)
    assert await state_of(world, case) == "open"
    assert await world.failed_tasks(case) == []
    replayed = await replay(await world.history(case))
    assert replayed.failure is None
    assert replayed.differences == []


async def test_a_stuck_step_is_tried_after_1_5_and_30_minutes(world: World, plant: set[str]) -> None:
    """And every 30 minutes from then on."""
    case = await world.open("four")
    plant.add(case)
    await world.go_to(case, later(minutes=80))

    async def it_was_tried() -> None:
        stuck = world.store.cases.get(case).carried.stuck
        assert stuck is not None
        assert stuck.tries == 4
        assert stuck.again_at - later(minutes=15 + 1 + 5 + 30 + 30) < timedelta(seconds=5)

    await assert_eventually(it_was_tried)


async def test_what_is_due_before_the_faulty_step_is_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three things that are due at once the last one fails: the first two are done."""
    right = Timeline._do

    def do(self: Timeline, book: Any, due: Any) -> None:
        if due.at == later(minutes=-5):
            raise Planted
        right(self, book, due)

    monkeypatch.setattr(Timeline, "_do", do)
    case = await world.open("four", opened_at=later(minutes=-50))

    async def two_have_fired() -> None:
        fired = [f.due_at for m in (await world.view(case)).milestones for f in m.fired]
        assert fired == [later(minutes=-35), later(minutes=-20)]

    await assert_eventually(two_have_fired)

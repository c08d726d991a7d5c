"""A case that has become large: whatever it answers the server takes, and it can always go on in a new run, and end."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic_core import to_json
from temporalio import workflow

from domain.errors import Refused
from domain.messages.case_state import CaseState
from domain.messages.cases import CaseIntake
from domain.timeline.events import FieldsChanged, MilestoneExtended
from domain.timeline.plan import STAYS_SMALL
from tests.domain.timeline.bench import Bench, ny
from tests.domain.timeline.test_large import CHANGES, handed_over, long
from tests.support import assert_eventually
from tests.workflows.case.test_state import full_state
from tests.workflows.replaying import replay
from tests.workflows.world import World, later
from workflows.case import asked, size
from workflows.case.running import RunningCase
from workflows.case.size import Size

NOW = ny("Mon 10:00")
MOST_ANSWER_BYTES = 10**6
"""The server takes 2 MB."""


def run_of(monkeypatch: pytest.MonkeyPatch, now: datetime = NOW) -> None:
    """Have the code of a workflow believe that it runs."""
    info = SimpleNamespace(run_id="0123456789", get_current_history_length=lambda: 3)
    monkeypatch.setattr(workflow, "info", lambda: info)
    monkeypatch.setattr(workflow, "now", lambda: now)
    monkeypatch.setattr(workflow, "patched", lambda _: True)
    monkeypatch.setattr(workflow.unsafe, "is_replaying", lambda: False)


def case_of(bench: Bench) -> RunningCase:
    """A case that goes on from where a timeline stands, with nothing else to do."""
    timeline, case = bench.timeline, RunningCase(CaseIntake(case_id="c"))
    left: dict[str, Any] = {
        "prompt": None,
        "questions": [],
        "orders": [],
        "failed": {},
        "unrecorded": [],
        "failures": [],
    }
    kept = full_state().model_copy(update={"plan": timeline.plan, "state": timeline.state, "ahead": NOW - NOW} | left)
    case.begin(kept, timeline)
    return case


def test_answers_of_a_case_that_keeps_long_texts_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """To a request, to a query, and at its end; the Temporal UI is shown all the same as ever."""
    run_of(monkeypatch)
    case = case_of(handed_over(rules=STAYS_SMALL - 1))
    told: list[Any] = []
    case.do = lambda _effects, view: told.append(view)
    answer = case.take(FieldsChanged(event_id="e", occurred_at=NOW, fields={"state": long(CHANGES)}))
    assert len(to_json(case.look(NOW).newest())) > 2 * MOST_ANSWER_BYTES
    assert len(to_json(answer)) < MOST_ANSWER_BYTES
    assert len(to_json(case.view())) < MOST_ANSWER_BYTES
    assert told == [case.newest()]


def test_an_explanation_that_is_too_large_is_of_the_very_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each milestone; it says how many the others are."""
    run_of(monkeypatch)
    parts: Any = SimpleNamespace(case=case_of(handed_over(rules=STAYS_SMALL)))
    whole = asked.explanation(parts, ())
    assert len(whole.instances) > 3
    monkeypatch.setattr(asked, "MOST_EXPLAINED_BYTES", len(to_json(whole)) - 1)
    short = asked.explanation(parts, ())
    assert [one.occurrence for one in short.instances] == [CHANGES] * 3
    assert [one.occurrences for one in short.more] == [CHANGES - 1] * 3


# --- what a case carries ---


def growing(count: int) -> Bench:
    """A case with so many extensions, each with a kilobyte of reasons, under the rules that bound none."""
    bench = Bench({"within": "4h"}, rules=STAYS_SMALL - 1)
    for _ in range(count):
        bench.extend("Mon 10:00", open_seconds=1, reason="x" * 1000)
    return bench


def test_what_makes_a_case_larger_is_refused_before_it_no_longer_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what else there is; what was taken before is answered. All that it waits for beside is not counted."""
    run_of(monkeypatch)
    monkeypatch.setattr(size, "MOST_GROWN_BYTES", 200_000)
    bench = growing(50)
    case = case_of(bench)
    case.kept.orders.extend([full_state().orders[0].model_copy(update={"context": {"x": "x" * 200_000}})] * 2)
    checked = Size(case)
    checked.check("another")
    for number in range(200):
        case.take(extension(f"more-{number}"))
    with pytest.raises(Refused, match=r"has grown too large: .* close it, and open another") as refusal:
        checked.check("another")
    assert refusal.value.code == "case_too_large"
    assert case.fits
    checked.check("more-3")


def extension(event_id: str) -> MilestoneExtended:
    return MilestoneExtended(event_id=event_id, occurred_at=NOW, milestone="M", open_seconds=1, reason="x" * 1000)


def test_a_small_case_is_hardly_ever_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a large one once for each step, however often it is asked."""
    run_of(monkeypatch)
    case = case_of(growing(1))
    checked, measured = Size(case), 0

    def carried() -> CaseState:
        nonlocal measured
        measured += 1
        return RunningCase.carried(case)

    monkeypatch.setattr(case, "carried", carried)
    for number in range(100):
        case.take(extension(f"more-{number}"))
        checked.check("another")
    assert measured == 1
    monkeypatch.setattr(size, "MOST_GROWN_BYTES", 1000)
    case.take(extension("the last"))
    for _ in range(10):
        with pytest.raises(Refused):
            checked.check("another")
    assert measured == 2


async def test_a_case_that_is_too_large_is_completed_and_rolls_over_and_closes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests and news that would make it larger are refused; a replay refuses the same."""
    monkeypatch.setattr(size, "MOST_GROWN_BYTES", 25_000)
    case, text = await world.open(), "x" * 25_000
    await world.ask(case, "stop_clock", later(minutes=1))
    await world.ask(case, "change_fields", later(minutes=2), fields={"state": text})
    with pytest.raises(Refused) as refusal:
        await world.ask(case, "change_fields", later(minutes=3), fields={"priority": "High"})
    assert refusal.value.code == "case_too_large"
    handle = world.milepost.handle(case)
    await handle.signal("fields_changed", {"event_id": "news", "fields": {"priority": "High"}})
    await world.ask(case, "resume_clock", later(minutes=4))
    history = await world.history(case)
    replayed = await replay(history)
    assert (replayed.failure, replayed.differences) == (None, [])

    def is_suggested(info: workflow.Info) -> bool:
        """By what is still ahead: a worker that replays all that has been comes to the same."""
        return not info.continued_run_id and info.get_current_history_length() > len(history.events)

    monkeypatch.setattr(workflow.Info, "is_continue_as_new_suggested", is_suggested)
    await world.ask(case, "complete_milestone", later(minutes=5), milestone="First response")

    async def the_next_run_goes_on() -> None:
        info = (await handle.describe()).raw_description.workflow_execution_info
        assert info.first_run_id != info.execution.run_id

    await assert_eventually(the_next_run_goes_on)
    assert (await world.view(case)).fields == {"state": text}
    await world.ask(case, "close", later(minutes=6))
    closed = await handle.result()
    assert [str(one.state) for one in closed.milestones] == ["completed", "open at exit"]
    refused = [note.text for note in world.store.cases.notes(case) if note.kind == "refused"]
    assert ["too large" in text for text in refused] == [True]

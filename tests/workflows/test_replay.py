"""Recorded histories replay to the same commands, word for word, and to the same state."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory

from domain.timeline.instances import MilestoneInstance
from tests.histories.record import SCENARIOS
from tests.workflows.folding import IN_VAIN, tasks, tried_before
from tests.workflows.replaying import replay, state_of

HISTORIES = sorted(
    path for path in (Path(__file__).parents[1] / "histories").glob("*.json") if not path.name.endswith(".state.json")
)


def history(path: Path) -> WorkflowHistory:
    recorded = json.loads(path.read_text())
    began = recorded["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(began["workflowId"], recorded)


def test_there_is_a_history_of_every_workflow() -> None:
    """A file that went missing would make every other test here pass."""
    assert {path.stem for path in HISTORIES} == set(SCENARIOS)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_history_replays(path: Path) -> None:
    """Not only the sequence of commands: timers, inputs, attributes, answers, result, and the state at the end."""
    replayed = await replay(history(path))
    assert replayed.failure is None
    assert replayed.differences == []
    assert state_of(replayed.instance) == json.loads(path.with_suffix(".state.json").read_text())


@pytest.mark.parametrize("ended", IN_VAIN)
@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_tasks_that_were_tried_in_vain_change_nothing(path: Path, ended: str) -> None:
    """Failed by the server while much came in, or lost with a worker, and whatever came in before the next attempt."""
    recorded = history(path)
    retried = tried_before(recorded, ended)
    assert len(retried.events) >= len(recorded.events) + 3 * (tasks(recorded) // 2)
    replayed = await replay(retried)
    assert (replayed.failure, replayed.differences) == (None, [])


async def test_a_shifted_target_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty seconds more in the rules: a plain replay stays green; timers, answers and result differ."""
    right = MilestoneInstance.target_at

    def shifted(*args: Any, **kwargs: Any) -> datetime:
        return right(*args, **kwargs) + timedelta(seconds=60)

    monkeypatch.setattr(MilestoneInstance, "target_at", shifted)
    path = next(path for path in HISTORIES if path.stem == "case-short")
    replayed = await replay(history(path))
    assert replayed.failure is None, "this is why the rest is compared"
    kinds = {difference.split()[1] for difference in replayed.differences}
    assert {"timer", "answer", "result"} <= kinds

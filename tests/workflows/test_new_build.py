"""A step of time that failed is tried at once by the next build, of a case and of an entitlement."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio import workflow

from domain.messages.case_state import Stuck
from domain.messages.cases import CaseIntake
from domain.timeline.machine import Timeline
from domain.usage.machine import Usage
from tests.usage import NOON, terms
from tests.workflows.case.test_state import AT, full_state
from workflows.case.opening import take_up
from workflows.case.passing import Passing
from workflows.case.running import RunningCase
from workflows.entitlement.counter import Counter
from workflows.entitlement.faults import Faults


def stuck_case(monkeypatch: pytest.MonkeyPatch, build: list[str]) -> tuple[RunningCase, Passing]:
    """A case whose violation was due an hour after the opening, two hours after it; a fault of the build held it up."""
    now = AT + timedelta(hours=2)
    info = SimpleNamespace(get_current_build_id=lambda: build[-1])
    monkeypatch.setattr(workflow, "now", lambda: now)
    monkeypatch.setattr(workflow, "info", lambda: info)
    monkeypatch.setattr(workflow.unsafe, "is_replaying", lambda: False)
    monkeypatch.setattr(workflow, "patched", lambda _mark: True)
    state = full_state().model_copy(update={"stuck": None, "prompt": None, "ahead": timedelta()})
    case = RunningCase(CaseIntake(case_id="c"))
    take_up(case, state)
    nothing: Any = SimpleNamespace(
        show=lambda: None, wake=lambda: None, holds_up_time=False, hold_up_time=lambda: False, needs_horizon=False
    )
    return case, Passing(case, nothing, nothing, nothing)


def is_awake(passing: Passing) -> bool:
    """Whether the case has something to do at once."""
    return passing.has_news


def tries(counter: Counter) -> int:
    """How often an entitlement's step has failed; 0 while none does."""
    return counter.stuck.tries if counter.stuck else 0


async def test_a_new_build_tries_a_stuck_step_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same build waits for its minute; another one wakes the case, and does what was due."""
    build = ["old"]
    case, passing = stuck_case(monkeypatch, build)

    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("planted")

    with monkeypatch.context() as broken:
        broken.setattr(Timeline, "advance", fails)
        monkeypatch.setattr("workflows.barrier.fault_number", lambda: "1")
        monkeypatch.setattr(workflow.logger, "exception", lambda *_: None)
        monkeypatch.setattr(workflow.logger, "error", lambda *_: None)
        await passing.catch_up()
    stuck = case.kept.stuck
    assert isinstance(stuck, Stuck)
    assert stuck.tries == 1
    assert not is_awake(passing), "the same build has nothing new to try"
    assert passing.next_due == stuck.again_at
    build.append("mended")
    assert is_awake(passing)
    await passing.catch_up()
    assert case.kept.stuck is None
    assert case.timeline.state.instances[0].violations
    assert not is_awake(passing)


async def test_a_new_build_that_fails_alike_waits_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried once by each build, not again and again."""
    build = ["old"]
    case, passing = stuck_case(monkeypatch, build)

    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("planted")

    monkeypatch.setattr(Timeline, "advance", fails)
    monkeypatch.setattr("workflows.barrier.fault_number", lambda: "1")
    monkeypatch.setattr(workflow.logger, "exception", lambda *_: None)
    monkeypatch.setattr(workflow.logger, "error", lambda *_: None)
    await passing.catch_up()
    build.append("no better")
    assert is_awake(passing)
    await passing.catch_up()
    assert case.kept.stuck is not None
    assert case.kept.stuck.tries == 2
    assert not is_awake(passing)


def test_an_entitlement_s_stuck_step_is_tried_by_a_new_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same build waits for its minute; another one is due at once, and ends the period."""
    build = ["old"]
    monkeypatch.setattr(workflow, "info", lambda: SimpleNamespace(get_current_build_id=lambda: build[-1]))
    monkeypatch.setattr(workflow.unsafe, "is_replaying", lambda: False)
    monkeypatch.setattr(workflow, "patched", lambda _mark: True)
    monkeypatch.setattr("workflows.barrier.fault_number", lambda: "1")
    monkeypatch.setattr(workflow.logger, "exception", lambda *_: None)
    begun: list[Any] = []
    jobs: Any = SimpleNamespace(plan=lambda _usage, effects, *_: effects, start=begun.append)
    counter = Counter(Usage.begin(terms(period="month"), NOON), jobs, Faults(), has_clock=False)
    now = NOON + timedelta(days=60)

    def fails(*_: Any) -> Any:
        raise RuntimeError("planted")

    with monkeypatch.context() as broken:
        broken.setattr(Usage, "advance", fails)
        counter.step(now, "first")
        counter.step(now, "too early")
        assert tries(counter) == 1
        assert counter.next_due == now + timedelta(minutes=1)
        build.append("no better")
        assert counter.next_due is not None
        assert counter.next_due <= now
        counter.step(now, "by another build")
        assert tries(counter) == 2
        assert counter.next_due == now + timedelta(minutes=5)
    build.append("mended")
    counter.step(now, "by the mended build")
    assert tries(counter) == 0
    assert counter.usage.next_due is not None
    assert counter.usage.next_due > now

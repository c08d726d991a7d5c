"""A refused update leaves nothing in a history, and changes nothing of what comes beside it in one task."""

from collections.abc import Callable
from typing import Any

import pytest
from temporalio import workflow
from temporalio.bridge.proto.workflow_activation import DoUpdate, WorkflowActivation, WorkflowActivationJob
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import WorkflowHistory

from tests.support import assert_eventually, unique
from tests.workflows.conftest import Working
from tests.workflows.replaying import replay
from tests.workflows.world import World
from worker import sandbox

INTRUDER = "intruder"
FULL_AT = 18
"""Events after which a run is to end, and the next to go on."""


Activate = Callable[[Any, WorkflowActivation], WorkflowActivationCompletion]


class Intruder:
    """Puts an update that makes no sense beside whatever comes back, and takes its refusal out of the answer.

    Attributes:
        refused: how often it was refused.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refused = 0
        self._activate: Activate = sandbox._PlainInstance.activate
        intruder = self

        def activate(instance: Any, act: WorkflowActivation) -> WorkflowActivationCompletion:
            return intruder.activate(instance, act)

        monkeypatch.setattr(sandbox._PlainInstance, "activate", activate)

    def activate(self, instance: Any, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Handle an activation; a replay has none of it."""
        comes_back = any(job.HasField("resolve_activity") for job in act.jobs)
        if not comes_back or act.is_replaying or act.history_length <= FULL_AT:
            return self._activate(instance, act)
        nonsense = DoUpdate(id=INTRUDER, protocol_instance_id=INTRUDER, name="log_time", run_validator=True)
        act.jobs.insert(0, WorkflowActivationJob(do_update=nonsense))
        done = self._activate(instance, act)
        kept = [one for one in done.successful.commands if one.update_response.protocol_instance_id != INTRUDER]
        self.refused += len(done.successful.commands) - len(kept)
        del done.successful.commands[:]
        done.successful.commands.extend(kept)
        return done


@pytest.fixture
def intruder(monkeypatch: pytest.MonkeyPatch) -> Intruder:
    """Beside whatever comes back to a run that is to end."""
    monkeypatch.setattr(
        workflow.Info,
        "is_continue_as_new_suggested",
        lambda info: not info.continued_run_id and info.get_current_history_length() > FULL_AT,
    )
    return Intruder(monkeypatch)


async def first_run(world: World, case: str) -> WorkflowHistory:
    """The history of a run, once the next one has taken over."""
    handle = world.milepost.handle(case)

    async def the_next_run_goes_on() -> None:
        info = (await handle.describe()).raw_description.workflow_execution_info
        assert info.first_run_id != info.execution.run_id

    await assert_eventually(the_next_run_goes_on)
    first = (await handle.describe()).raw_description.workflow_execution_info.first_run_id
    return await world.milepost.temporal.get_workflow_handle(handle.id, run_id=first).fetch_history()


async def test_a_run_that_is_to_end_does_the_same_beside_a_refusal(world: World, intruder: Intruder) -> None:
    """What came back is dealt with before the run winds down, though the refusal had it look around first."""
    case = unique("case")
    await world.open("quick", case, clock=None)
    await world.milepost.log_time(case, id="T-1", minutes=30)
    history = await first_run(world, case)
    assert intruder.refused
    assert (await replay(history)).failure is None


async def test_so_does_a_run_that_an_older_build_has_begun(
    idle_world: World, at_work: Working, intruder: Intruder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first tasks are replayed as they were done."""
    world, case = idle_world, unique("case")
    with monkeypatch.context() as before:
        before.setattr(sandbox, "_FLAGS", frozenset())
        async with at_work():
            await world.open("quick", case, clock=None)
    async with at_work():
        await world.milepost.log_time(case, id="T-1", minutes=30)
        history = await first_run(world, case)
    assert intruder.refused
    assert (await replay(history)).failure is None

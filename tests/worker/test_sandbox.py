"""Milepost's runner: workflows run in the SDK's sandbox, which is not entered for each payload."""

from typing import Any

import pytest
from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import Replayer, WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import Info

from tests.workflows.test_replay import HISTORIES, history
from worker.payloads import DATA_CONVERTER
from worker.plugin import RUNNER, WORKFLOWS


class Watched(WorkflowInstance):
    """The instance in the SDK's sandbox, with a count of what it is asked for payloads."""

    asked = 0

    def __init__(self, sandboxed: WorkflowInstance) -> None:
        self._sandboxed = sandboxed

    def activate(self, act: Any) -> Any:
        """Handle an activation."""
        return self._sandboxed.activate(act)

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        """Count the question."""
        Watched.asked += 1
        return self._sandboxed.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        """Count the question."""
        Watched.asked += 1
        return self._sandboxed.get_external_store_context(command_info)

    def get_info(self) -> Info:
        """What is known of the run."""
        return self._sandboxed.get_info()


async def test_the_sandbox_is_not_entered_for_payloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a whole case no payload asks the workflow for its context; the SDK's own runner asks for each of them."""
    own = SandboxedWorkflowRunner.create_instance

    def watched(runner: SandboxedWorkflowRunner, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return Watched(own(runner, det))

    monkeypatch.setattr(SandboxedWorkflowRunner, "create_instance", watched)
    [closed] = [path for path in HISTORIES if path.stem == "case-closed"]
    asked = {}
    for name, runner in (("the SDK's", SandboxedWorkflowRunner(restrictions=RUNNER.restrictions)), ("ours", RUNNER)):
        Watched.asked = 0
        replayer = Replayer(workflows=WORKFLOWS, workflow_runner=runner, data_converter=DATA_CONVERTER)
        await replayer.replay_workflow(history(closed))
        asked[name] = Watched.asked
    assert asked["ours"] == 0
    assert asked["the SDK's"] > 100

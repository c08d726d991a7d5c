"""The sandbox of the SDK, which is entered to run workflows and not for every payload.

For each payload that comes or goes the SDK asks the workflow, in its sandbox, four times for the context in which the
payload is written. Entering the sandbox costs as much as a small step of a case: for the standard case it came to a
quarter of what Python did in the worker. Milepost's payloads are plain JSON whatever workflow they belong to, and none
lies outside the history, so the answer is always the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker._workflow_instance import _WorkflowLogicFlag
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import Info

_FLAGS = frozenset({_WorkflowLogicFlag.PROCESS_WORKFLOW_ACTIVATION_JOBS_AS_SINGLE_BATCH})
"""What a task brings is dealt with before any condition is looked at. An update that is refused leaves nothing in the
history; without the flag it had conditions looked at before what else came with it, and a replay did not. The SDK knows
the flag and does not set it by itself yet. It is on record in the histories of those runs that have it."""


class PlainRunner(SandboxedWorkflowRunner):
    """Runs workflows in the SDK's sandbox, and answers for them what does not depend on them."""

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Make the instance of a run."""
        return _PlainInstance(super().create_instance(replace(det, default_workflow_logic_flags=_FLAGS)))


class _PlainInstance(WorkflowInstance):
    """A workflow in its sandbox, whose payloads have no context."""

    def __init__(self, sandboxed: WorkflowInstance) -> None:
        self._sandboxed = sandboxed

    def activate(self, act: Any) -> Any:
        """Handle an activation in the sandbox."""
        return self._sandboxed.activate(act)

    def get_serialization_context(self, _command_info: object) -> SerializationContext | None:
        """None: Milepost's converter writes every payload alike."""
        return None

    def get_external_store_context(self, _command_info: object) -> StorageDriverStoreContext:
        """Nothing is stored elsewhere."""
        return _NOWHERE

    def get_info(self) -> Info:
        """What is known of the run."""
        return self._sandboxed.get_info()

    def get_thread_id(self) -> int | None:
        """The thread that it runs on, for the message of a deadlock."""
        return self._sandboxed.get_thread_id()


_NOWHERE = StorageDriverStoreContext(target=None)

"""Throws what nobody expected from inside a handler: from the n-th function of ours that it calls.

The handler is found by the stack: below the SDK's own call of it. So nothing of ours has to be prepared for this, and a
handler, or a function that it calls, can't be left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import temporalio.worker
import temporalio.worker.workflow_sandbox as sandbox
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails

Part = Literal["validator", "update", "signal", "query"]

ROOT = Path(__file__).parents[2]
OURS = tuple(f"{ROOT / room}/" for room in ("domain", "workflows"))
REFUSES = tuple(str(ROOT / "workflows" / file) for file in ("barrier.py", "failing.py", "entitlement/faults.py"))
"""What turns an exception into a refusal. What it calls itself is not thrown from."""
BORDER = (*REFUSES, str(ROOT / "workflows" / "case" / "handlers.py"))
OF_THE_SDK = f"{Path(temporalio.worker.__file__).parents[1]}/"

FREES = {"__exit__", "__aexit__"}
"""What gives back a turn that was taken: if that fails, nothing can be said."""

_PARTS: dict[str, Part] = {
    "handle_update_validator": "validator",
    "handle_update_handler": "update",
    "handle_signal": "signal",
    "handle_query": "query",
}
_NAMES: dict[Part, str] = {"validator": "id", "update": "id", "signal": "signal", "query": "query"}


class Thrown(Exception):
    """What nobody expected."""


@dataclass
class Throwing:
    """One exception, thrown from one handler.

    Attributes:
        part: of the message: its validator, or what handles it.
        name: the id of the update, or the name of the signal or query.
        number: from which call of a function of ours it is thrown; None: none, they are counted.
        calls: so many there were.
        has_thrown: it was thrown.
    """

    part: Part
    name: str
    number: int | None = None
    calls: int = 0
    has_thrown: bool = False
    where: str = ""
    _seen: dict[int, FrameType] = field(default_factory=dict)

    def trace(self, frame: FrameType, event: str, _: Any) -> None:
        """For `sys.settrace`."""
        if event != "call" or self.has_thrown or not self._may_throw(frame) or not self._is_within(frame):
            return
        self._seen[id(frame)] = frame
        self.calls += 1
        if self.calls == self.number:
            self.has_thrown = True
            self.where = f"{frame.f_code.co_qualname} of {Path(frame.f_code.co_filename).relative_to(ROOT)}"
            raise Thrown(self.where)

    def _may_throw(self, frame: FrameType) -> bool:
        """Whether a function of ours begins: no coroutine goes on, and it is neither a handler nor of the border."""
        code, caller = frame.f_code, frame.f_back
        if not code.co_filename.startswith(OURS) or code.co_filename in BORDER or caller is None:
            return False
        if id(frame) in self._seen or code.co_name in FREES:
            return False
        by = caller.f_code.co_filename
        return not by.startswith(OF_THE_SDK) and by not in REFUSES

    def _is_within(self, frame: FrameType) -> bool:
        at: FrameType | None = frame
        while at is not None:
            part = _PARTS.get(at.f_code.co_name)
            if part is not None and at.f_code.co_filename.startswith(OF_THE_SDK):
                return part == self.part and getattr(at.f_locals["input"], _NAMES[part], None) == self.name
            at = at.f_back
        return False


class Thrower:
    """Has workflows run so that one of their handlers throws, once it is told which."""

    def __init__(self) -> None:
        self.throwing: Throwing | None = None

    @property
    def instance_for(self) -> Callable[[sandbox.SandboxedWorkflowRunner, WorkflowInstanceDetails], WorkflowInstance]:
        """In place of the runner's `create_instance`."""
        return lambda runner, det: _Instance(_create_instance(runner, det), self)


_create_instance = sandbox.SandboxedWorkflowRunner.create_instance


class _Instance(WorkflowInstance):
    def __init__(self, inner: WorkflowInstance, thrower: Thrower) -> None:
        self.inner = inner
        self.thrower = thrower

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        throwing = self.thrower.throwing
        if throwing is None:
            return self.inner.activate(act)
        for job in act.jobs:
            if throwing.part == "update" and job.HasField("do_update") and job.do_update.id == throwing.name:
                job.do_update.run_validator = False  # what it would refuse comes to the handler, too
        before = sys.gettrace()
        sys.settrace(throwing.trace)
        try:
            return self.inner.activate(act)
        finally:
            sys.settrace(before)

    def get_info(self) -> Any:
        return self.inner.get_info()

    def get_serialization_context(self, command_info: Any) -> Any:
        return self.inner.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        return self.inner.get_external_store_context(command_info)


def spread(calls: int, most: int, first: int) -> Sequence[int]:
    """Numbers of calls to throw from: the first ones, and some of the others up to the last; all if they are few."""
    if calls <= most:
        return range(1, calls + 1)
    others = most - first
    return [*range(1, first + 1), *(first + (calls - first) * (n + 1) // others for n in range(others))]

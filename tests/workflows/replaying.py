"""Replays recorded histories, and compares what the workflow says with what the history recorded.

A plain replay only notices a changed sequence of commands. A changed rule changes timers, inputs and answers and leaves
the sequence alone: it would corrupt running cases silently. So everything that a workflow says is compared, and the
state that it ends in.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import temporalio.bridge.proto.workflow_activation
import temporalio.bridge.proto.workflow_completion
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.client import WorkflowHistory
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    Replayer,
    WorkflowInboundInterceptor,
    WorkflowInstance,
    WorkflowInstanceDetails,
    WorkflowInterceptorClassInput,
    WorkflowRunner,
)

from worker.payloads import DATA_CONVERTER
from worker.plugin import RUNNER, WORKFLOWS
from workflows.case.workflow import CaseWorkflow
from workflows.redelivery import RedeliveryWorkflow
from workflows.report import ReportWorkflow

Said = Counter[tuple[str, str]]
"""What was said: kind and content, with how often."""

INSTANCES: dict[str, Any] = {}
"""By run id, the workflow objects that were replayed; open ones too."""


@dataclass(frozen=True)
class Replayed:
    """What a replay came to."""

    instance: Any
    failure: BaseException | None
    said: Said
    taken_back: Said
    recorded: Said

    @property
    def differences(self) -> list[str]:
        """What was said and not recorded (+), or recorded and not said (-).

        What is begun and taken back within one task leaves nothing on record.
        """
        new = [f"+ {kind} {content}" for kind, content in (self.said - self.recorded - self.taken_back).elements()]
        return new + [f"- {kind} {content}" for kind, content in (self.recorded - self.said).elements()]


async def replay(history: WorkflowHistory) -> Replayed:
    """Replay one run."""
    listener = _Listener(RUNNER)
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=DATA_CONVERTER,
        workflow_runner=listener,
        interceptors=[_Grab()],
    )
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    run_id = history.events[0].workflow_execution_started_event_attributes.original_execution_run_id
    return Replayed(
        instance=INSTANCES.pop(run_id, None),
        failure=result.replay_failure,
        said=Counter(_commands(listener.commands)),
        taken_back=Counter(_commands(_taken_back(listener.commands))),
        recorded=Counter(_events(history)),
    )


OF_PATCHES = "TemporalChangeVersion"
"""The SDK itself keeps the patches of a workflow in this search attribute; the workflow does not set it."""


def _commands(commands: Iterable[WorkflowCommand]) -> Iterable[tuple[str, str]]:
    for command in commands:
        match command.WhichOneof("variant"):
            case "start_timer":
                yield "timer", f"{command.start_timer.start_to_fire_timeout.ToMilliseconds()} ms"
            case "schedule_activity":
                yield "activity", _contents(command.schedule_activity.arguments)
            case "upsert_workflow_search_attributes":
                fields = command.upsert_workflow_search_attributes.search_attributes.indexed_fields
                yield "search attributes", _named(fields)
            case "update_response" if command.update_response.HasField("completed"):
                yield "answer", _contents([command.update_response.completed])
            case "complete_workflow_execution":
                yield "result", _contents([command.complete_workflow_execution.result])
            case "continue_as_new_workflow_execution":
                yield "next run", _contents(command.continue_as_new_workflow_execution.arguments)


def _taken_back(commands: Sequence[WorkflowCommand]) -> list[WorkflowCommand]:
    """The timers and activities that are cancelled later, whether they were on record by then or not."""
    timers = {command.cancel_timer.seq for command in commands if command.HasField("cancel_timer")}
    activities = {
        command.request_cancel_activity.seq for command in commands if command.HasField("request_cancel_activity")
    }
    return [
        command
        for command in commands
        if (command.HasField("start_timer") and command.start_timer.seq in timers)
        or (command.HasField("schedule_activity") and command.schedule_activity.seq in activities)
    ]


def _events(history: WorkflowHistory) -> Iterable[tuple[str, str]]:
    for event in history.events:
        match event.WhichOneof("attributes"):
            case "timer_started_event_attributes":
                timer = event.timer_started_event_attributes
                yield "timer", f"{timer.start_to_fire_timeout.ToMilliseconds()} ms"
            case "activity_task_scheduled_event_attributes":
                yield "activity", _contents(event.activity_task_scheduled_event_attributes.input.payloads)
            case "upsert_workflow_search_attributes_event_attributes":
                fields = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
                if set(fields) != {OF_PATCHES}:
                    yield "search attributes", _named(fields)
            case "workflow_execution_update_completed_event_attributes":
                outcome = event.workflow_execution_update_completed_event_attributes.outcome
                if outcome.HasField("success"):
                    yield "answer", _contents(outcome.success.payloads)
            case "workflow_execution_completed_event_attributes":
                yield "result", _contents(event.workflow_execution_completed_event_attributes.result.payloads)
            case "workflow_execution_continued_as_new_event_attributes":
                yield "next run", _contents(event.workflow_execution_continued_as_new_event_attributes.input.payloads)


def _contents(payloads: Sequence[Payload]) -> str:
    return json.dumps([json.loads(p.data) if p.data else None for p in payloads], sort_keys=True)


def _named(fields: Any) -> str:
    return json.dumps({name: json.loads(fields[name].data or b"null") for name in fields}, sort_keys=True)


class _Grab(Interceptor):
    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002 - the SDK's own name
    ) -> type[WorkflowInboundInterceptor] | None:
        return _GrabInstance


class _GrabInstance(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 - the SDK's own name
        INSTANCES[workflow.info().run_id] = workflow.instance()
        return await super().execute_workflow(input)


class _Listener(WorkflowRunner):
    """Runs workflows as they always run, and writes down what they say."""

    def __init__(self, inner: WorkflowRunner) -> None:
        self.inner = inner
        self.commands: list[WorkflowCommand] = []

    def prepare_workflow(self, defn: Any) -> None:
        self.inner.prepare_workflow(defn)

    def set_worker_level_failure_exception_types(self, types: Sequence[type[BaseException]]) -> None:
        self.inner.set_worker_level_failure_exception_types(types)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _Tap(self.inner.create_instance(det), self.commands)


class _Tap(WorkflowInstance):
    def __init__(self, inner: WorkflowInstance, commands: list[WorkflowCommand]) -> None:
        self.inner = inner
        self.commands = commands

    def activate(
        self, act: temporalio.bridge.proto.workflow_activation.WorkflowActivation
    ) -> temporalio.bridge.proto.workflow_completion.WorkflowActivationCompletion:
        done = self.inner.activate(act)
        # Copies: the SDK goes on to encode the payloads of these very objects.
        self.commands += [WorkflowCommand.FromString(c.SerializeToString()) for c in done.successful.commands]
        return done

    def get_info(self) -> workflow.Info:
        return self.inner.get_info()

    def get_serialization_context(self, command_info: Any) -> Any:
        return self.inner.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        return self.inner.get_external_store_context(command_info)


def state_of(instance: Any) -> Any:
    """What a workflow object would carry into its next run, as JSON; of one that has no next run its order."""
    if isinstance(instance, RedeliveryWorkflow):
        return json.loads(instance.order.model_dump_json()) if instance.order else None
    if isinstance(instance, ReportWorkflow):
        return json.loads(instance.due.model_dump_json()) if instance.due else None
    carried = instance.case.carried() if isinstance(instance, CaseWorkflow) else instance._carried()
    return json.loads(carried.model_dump_json())

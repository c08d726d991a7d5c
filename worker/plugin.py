"""What client, worker and replayer share: the converter and the workflows."""

from temporalio.plugin import SimplePlugin
from temporalio.worker.workflow_sandbox import SandboxRestrictions

from worker.payloads import DATA_CONVERTER
from worker.sandbox import PlainRunner
from workflows.case.workflow import CaseWorkflow
from workflows.entitlement.workflow import EntitlementWorkflow
from workflows.migration.workflow import MigrationWorkflow
from workflows.redelivery import RedeliveryWorkflow
from workflows.report import ReportWorkflow
from workflows.subscription.workflow import SubscriptionWorkflow

WORKFLOWS = [
    CaseWorkflow,
    EntitlementWorkflow,
    MigrationWorkflow,
    RedeliveryWorkflow,
    ReportWorkflow,
    SubscriptionWorkflow,
]

PASSED_THROUGH = (
    "domain",
    "workflows",
    "pydantic",
    "pydantic_core",
    "cel_expr_python",
    "google",
)
"""Modules that the sandbox takes as they are. Importing them for each workflow anew was a third of what opening a case
cost the worker; the criteria's engine can't be imported twice at all. What the sandbox would find in them when they
run, a look at the clock or at the machine, `make check` finds before: see domain/ruff.toml, workflows/ruff.toml and the
import contracts."""

RUNNER = PlainRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))


def plugin() -> SimplePlugin:
    """The plugin of every client, worker and replayer of Milepost.

    No error of a value ends a workflow: workflows read themselves what they are given, and refuse what does not fit.
    What this build can't read of what another has written is left to that one.
    """
    return SimplePlugin(
        "milepost",
        data_converter=DATA_CONVERTER,
        workflows=WORKFLOWS,
        workflow_runner=RUNNER,
    )

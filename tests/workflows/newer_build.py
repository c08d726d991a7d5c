"""Workflows of a newer build, as far as an older one has to do with them: they hand over what it does not know."""

from typing import Any, NoReturn

from temporalio import workflow

TAKEN = "taken by the newer build"


def _hand_over(task_queue: str, given: Any) -> NoReturn:
    workflow.continue_as_new(given, task_queue=task_queue)


@workflow.defn(name="CaseWorkflow")
class NewerCase:
    """Goes on in a second run, on the task queue that its memo names; what comes back to this build it takes."""

    @workflow.run
    async def run(self, given: Any) -> str:
        if workflow.info().continued_run_id:
            return TAKEN
        _hand_over(workflow.memo_value("then_on", type_hint=str), given)


@workflow.defn(name="EntitlementWorkflow")
class NewerEntitlement:
    """Likewise."""

    @workflow.run
    async def run(self, given: Any) -> str:
        if workflow.info().continued_run_id:
            return TAKEN
        _hand_over(workflow.memo_value("then_on", type_hint=str), given)

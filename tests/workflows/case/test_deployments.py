"""Workers of two deployments: a running case stays with the version that opened it until it rolls over."""

from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest

from clients.deployments import make_current
from store.store import Store
from tests.support import assert_eventually, unique
from tests.workflows.world import World, later
from worker.clock import VirtualClock
from worker.process import working


async def build_of(world: World, case_id: str) -> str:
    """The build that the newest run of a case is pinned to."""
    request = DescribeWorkflowExecutionRequest(namespace="default")
    request.execution.workflow_id = f"case/{case_id}"
    described = await world.milepost.temporal.workflow_service.describe_workflow_execution(request)
    return described.workflow_execution_info.versioning_info.deployment_version.build_id


async def test_a_running_case_moves_to_a_new_deployment_with_its_data(
    clock: VirtualClock, store: Store, task_queue: str
) -> None:
    """Pinned while it runs; at its next step it goes on in a new run of the new version, and nothing is recomputed."""
    world = World(clock, store, task_queue)
    async with working(clock.client, store, task_queue=task_queue, build_id="one"):
        await make_current(clock.client, "one", patience=30, anyway=True)
        case = await world.open()
        first_run = (await world.milepost.handle(case).describe()).run_id
        await world.ask(case, "stop_clock", later(hours=1))
        assert await build_of(world, case) == "one"
        async with working(clock.client, store, task_queue=task_queue, build_id="two"):
            await make_current(clock.client, "two", patience=30, anyway=True)
            await world.ask(case, "resume_clock", later(hours=2))

            async def the_case_has_moved() -> None:
                # At its next step after the server has told its parts of the new version, which takes a moment.
                at = later(hours=2).isoformat()
                await world.milepost.request(case, "change_fields", occurred_at=at, fields={"priority": unique("p")})
                assert (await world.milepost.handle(case).describe()).run_id != first_run
                assert await build_of(world, case) == "two"

            await assert_eventually(the_case_has_moved)
            assert (await world.milestone(case, "First response")).target_at == later(hours=5)
            await world.ask(case, "close", later(hours=2))
            await world.milepost.handle(case).result()

"""Workers of two builds: a running case stays with the build that opened it until it goes on in a new run.

The steps of docs/guide/upgrades.md.
"""

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
    # At a request that meets the moment in which the server renews a connection the SDK tries again only if asked to.
    described = await world.milepost.temporal.workflow_service.describe_workflow_execution(request, retry=True)
    return described.workflow_execution_info.versioning_info.deployment_version.build_id


async def goes_over_to(world: World, case: str, build: str) -> None:
    """Wait for a case to go on in a run of a build: at its next step after the server's parts have heard of it."""

    async def is_there() -> None:
        at = later(hours=2).isoformat()
        await world.milepost.request(case, "change_fields", occurred_at=at, fields={"priority": unique("p")})
        assert await build_of(world, case) == build

    await assert_eventually(is_there)


async def test_a_running_case_follows_an_upgrade_and_a_rollback(
    clock: VirtualClock, store: Store, task_queue: str
) -> None:
    """Pinned while it runs; at its next step it goes on in a new run of the current build, and nothing is recomputed.

    The way back is the same: a case that the newer build took over, and one that it opened, go on with the older one.
    """
    world = World(clock, store, task_queue)
    async with (
        working(clock.client, store, task_queue=task_queue, build_id="one"),
        working(clock.client, store, task_queue=task_queue, build_id="two"),
    ):
        await make_current(clock.client, "one", patience=30, anyway=True)
        case = await world.open()
        first_run = (await world.milepost.handle(case).describe()).run_id
        await world.ask(case, "stop_clock", later(hours=1))
        assert await build_of(world, case) == "one"
        await make_current(clock.client, "two", patience=30, anyway=True)
        await world.ask(case, "resume_clock", later(hours=2))
        await goes_over_to(world, case, "two")
        assert (await world.milepost.handle(case).describe()).run_id != first_run
        assert (await world.milestone(case, "First response")).target_at == later(hours=5)
        of_the_newer = await world.open()
        assert await build_of(world, of_the_newer) == "two"
        await make_current(clock.client, "one", patience=30, anyway=True)
        await world.go_to(of_the_newer, later(hours=2))
        for each, target in ((case, later(hours=5)), (of_the_newer, later(hours=4))):
            await goes_over_to(world, each, "one")
            assert (await world.milestone(each, "First response")).target_at == target
            await world.milepost.request(each, "close", occurred_at=later(hours=2).isoformat())
            await world.milepost.handle(each).result()

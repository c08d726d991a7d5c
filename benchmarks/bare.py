"""A workflow that issues the commands of a standard case, and nothing else: what the engine's own work is measured by.

It runs as Milepost's workflows do (the same sandbox, the same converter), and its answers have the size of theirs.
"""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.common import SearchAttributeKey

STATUS = SearchAttributeKey.for_keyword("MilepostStatus")
ANSWER = "x" * 1400
"""As long as what a case answers."""

CANCELS = {"stop_clock": True, "resume_clock": False, "complete_milestone": True, "close": False}
STARTS = {"stop_clock": False, "resume_clock": True, "complete_milestone": True, "close": False}
MILESTONES = 2
WITHIN = timedelta(seconds=10)


@activity.defn(name="bare_work")
async def work(_asked: str) -> str:
    """Open a case, or carry an action out: nothing."""
    return ANSWER


@activity.defn(name="bare_record")
async def record(_asked: dict[str, Any]) -> None:
    """Write a record: nothing."""


@workflow.defn(name="BareWorkflow")
class BareWorkflow:
    """One case without rules and without a store."""

    def __init__(self) -> None:
        self._is_open = False
        self._is_closed = False
        self._records = 0
        self._milestones = 0
        self._timer: asyncio.Task[None] | None = None

    @workflow.run
    async def run(self, _intake: dict[str, Any]) -> str:
        """Open, fire the warning, and go on until it is closed."""
        await workflow.execute_activity(work, ANSWER[:300], start_to_close_timeout=WITHIN)
        self._publish()
        self._start_timer()
        acting = asyncio.create_task(self._act())
        self._is_open = True
        await self._record()
        await workflow.wait_condition(lambda: self._is_closed)
        await acting
        await workflow.wait_condition(workflow.all_handlers_finished)
        return ANSWER

    async def _act(self) -> None:
        await workflow.execute_activity(work, ANSWER[:500], start_to_close_timeout=WITHIN)

    @workflow.update
    async def open(self, _request: dict[str, Any]) -> str:
        """Answer once it is open."""
        await workflow.wait_condition(lambda: self._is_open)
        return ANSWER

    @workflow.update
    async def step(self, asked: dict[str, Any]) -> str:
        """Do what a case does for one request."""
        request = asked["request"]
        is_last = request == "close"
        self._milestones += request == "complete_milestone"
        if not is_last:
            self._publish()
        if CANCELS[request]:
            self._cancel_timer()
        if STARTS[request] and self._milestones < MILESTONES:
            self._start_timer()
        asyncio.get_running_loop().create_task(self._record_last(is_last=is_last))
        return ANSWER

    async def _record_last(self, *, is_last: bool) -> None:
        await self._record()
        self._is_closed = is_last

    async def _record(self) -> None:
        self._records += 1
        about = {"number": self._records, "of": ANSWER}
        await workflow.execute_local_activity(record, about, start_to_close_timeout=WITHIN)

    def _publish(self) -> None:
        workflow.upsert_search_attributes([STATUS.value_set(f"Open {self._records}")])

    def _start_timer(self) -> None:
        self._timer = asyncio.create_task(asyncio.sleep(3600))

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

"""A workflow that does one thing: it notes the time at which it woke at each of its instants."""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow


@workflow.defn
class WaitingWorkflow:
    def __init__(self) -> None:
        self.woke: list[datetime] = []

    @workflow.run
    async def run(self, hours: list[int], began: datetime | None = None, rolls_over: int = 0) -> list[datetime]:
        began = began or workflow.now()
        for done, hour in enumerate(hours, start=1):
            await asyncio.sleep((began + timedelta(hours=hour) - workflow.now()).total_seconds())
            self.woke.append(workflow.now())
            if rolls_over and done < len(hours):
                workflow.continue_as_new(args=[hours[done:], began, rolls_over])
        return self.woke

    @workflow.query
    def awake(self) -> list[datetime]:
        return self.woke

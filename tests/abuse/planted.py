"""A workflow with a handler that nothing guards: what the harness has to find."""

from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow


@workflow.defn
class Planted:
    """It takes a date-time without looking at it, in an update and in a signal."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: len(self.taken) > 1000)

    @workflow.update
    def unguarded(self, *raw: Any) -> str:
        later = datetime.fromisoformat(raw[0]["occurred_at"]) + timedelta(days=1)
        self.taken.append(later.isoformat())
        return self.taken[-1]

    @workflow.signal
    def unguarded_news(self, *raw: Any) -> None:
        self.taken.append(datetime.fromisoformat(raw[0]["occurred_at"]).isoformat())

    @workflow.update
    def careless(self, *raw: Any) -> str:
        """Refuses after it has changed something."""
        self.taken.append("careless")
        return self.taken[-1]

    @careless.validator
    def _check_careless(self, *raw: Any) -> None:
        self.taken.append(str(len(raw)))
        raise ValueError("no")

    @workflow.update
    def ask(self) -> int:
        return len(self.taken)

    @workflow.query
    def look(self) -> list[str]:
        return self.taken

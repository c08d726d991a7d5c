"""A case that only listens, for the tests of entitlements."""

from typing import Any

from temporalio import workflow


@workflow.defn
class StandInCase:
    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.closed = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self.closed)

    @workflow.signal
    def entitlement_overflowed(self, *raw: Any) -> None:
        self.heard += raw

    @workflow.signal
    def close(self) -> None:
        self.closed = True

    @workflow.query
    def told(self) -> list[Any]:
        return self.heard

"""A workflow of somebody else's, which keeps what it is told."""

from typing import Any

from temporalio import workflow


@workflow.defn
class Receiving:
    def __init__(self) -> None:
        self.got: list[list[Any]] = []
        self.is_over = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self.is_over)

    @workflow.signal
    def escalated(self, *arguments: Any) -> None:
        self.got.append(list(arguments))

    @workflow.signal
    def end(self) -> None:
        self.is_over = True

    @workflow.query
    def told(self) -> list[list[Any]]:
        return self.got

"""The workflow of one delivery by hand, of what had arrived or failed for good, with all its attempts; then it ends.

Nothing is asked of it, so its one command follows from its argument alone.
"""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.delivery.schedule import ATTEMPT, GIVES_UP_AFTER
    from domain.errors import Refused
    from domain.messages.inbox import FORMAT, read_message, written_format
    from domain.messages.redelivery import REDELIVER, REDELIVERY_WORKFLOW, RedeliveryOrder, workflow_id
    from workflows.failing import failed_activity, raised_by
    from workflows.newer import NewerBuild, check_format
    from workflows.waiting import SIGN_OF_LIFE


@workflow.defn(name=REDELIVERY_WORKFLOW)
class RedeliveryWorkflow:
    """One delivery by hand. Started with a `RedeliveryOrder`; id ``redelivery/{key}``."""

    @workflow.init
    def __init__(self, *raw: Any) -> None:
        self.refusal: ApplicationError | NewerBuild | None = None
        self.order: RedeliveryOrder | None = None
        try:
            self.order = _read_order(raw, workflow.info().workflow_id)
        except (Refused, NewerBuild) as error:
            self.refusal = raised_by(error)

    @workflow.run
    async def run(self, *_raw: Any) -> str:
        """Deliver it again, and return what the receiver says. What failed for good ends the run with its reason."""
        if self.refusal is not None:
            raise self.refusal
        assert self.order is not None  # noqa: S101  else there is a refusal
        try:
            answer: str = await workflow.execute_activity(
                REDELIVER,
                self.order,
                result_type=str,
                start_to_close_timeout=ATTEMPT,
                heartbeat_timeout=SIGN_OF_LIFE,
                schedule_to_close_timeout=GIVES_UP_AFTER,
                summary="deliver again",
            )
        except ActivityError as error:
            raise failed_activity(error) from error
        return answer


def _read_order(raw: tuple[Any, ...], own_id: str) -> RedeliveryOrder:
    """What is to be delivered again.

    Raises:
        Refused: it is no order, or another delivery's.
        NewerBuild: a newer build wrote it so that this one can't read it.
    """
    if raw:
        check_format(written_format(raw[0]), FORMAT)
    try:
        order = read_message(RedeliveryOrder, raw)
    except Refused as refused:
        raise Refused("bad_order", str(refused)) from None
    wanted = workflow_id(order.key)
    if own_id != wanted:
        raise Refused("wrong_id", f"workflow {own_id!r} can't deliver {order.key!r} again; its id is {wanted!r}")
    return order

"""The actions of a case: each is sent until it is done, under its key; so many at once, and none holds anything up."""

from __future__ import annotations

from collections import deque

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from domain.bounds import cut
    from domain.delivery.schedule import ATTEMPT, GIVES_UP_AFTER
    from domain.messages.case_state import ActionFailure, ActionOrder
    from domain.process import FieldUpdate
    from domain.timeline.effects import NoteKind, TriggerFired
    from workflows.case.recorder import Recorder
    from workflows.case.running import RunningCase
    from workflows.waiting import seal

MOST_AT_ONCE = 50
"""Actions that a run sends without looking at what became of any other; and as many, of those after, under way."""
MOST_BYTES = 512 * 1024
"""Of both likewise. What one workflow task sends off has to stay under 2 MB."""
MOST_FAILED = 100
MOST_SUMMARY_BYTES = 200


class Actions:
    """Sends the orders of a case.

    The first `MOST_AT_ONCE` of a run are sent at once, and nothing depends on when they come back. Those after wait for
    one another, and each that comes back issues a command: the order of all commands is then a function of what
    happened alone, however the tasks are cut.
    """

    def __init__(self, case: RunningCase, recorder: Recorder) -> None:
        self._case = case
        self._recorder = recorder
        self._sent = 0
        self._sent_bytes = 0
        self._waiting: deque[tuple[ActionOrder, int]] = deque()
        self._under_way = 0
        self._under_way_bytes = 0

    @property
    def are_done(self) -> bool:
        """None is under way, and none waits."""
        return not self._case.kept.orders

    @property
    def can_be_carried(self) -> bool:
        """What is not done fits into the argument of another run."""
        return sum(size for _, size in self._waiting) + self._under_way_bytes <= MOST_BYTES

    def resume(self) -> None:
        """Send again what an earlier run did not see done."""
        for order in self._case.kept.orders:
            self._send(order)

    def start(self, fired: TriggerFired) -> None:
        """Order what a trigger asks for. What it does to the case's own fields has taken effect already."""
        for call in fired.calls:
            if isinstance(call.action, FieldUpdate):
                continue
            self.order(
                ActionOrder(
                    case_id=self._case.case_id,
                    milestone=fired.milestone,
                    trigger=fired.trigger,
                    kind=fired.kind,
                    due_at=fired.due_at,
                    at=fired.at,
                    call=call,
                    context=fired.context,
                )
            )

    def order(self, order: ActionOrder) -> None:
        """Have an action carried out."""
        self._case.kept.orders.append(order)
        self._send(order)

    def _send(self, order: ActionOrder) -> None:
        size = len(order.model_dump_json())
        if self._sent < MOST_AT_ONCE and self._sent_bytes + size <= MOST_BYTES:
            self._sent += 1
            self._sent_bytes += size
            self._case.jobs.start(self._carry_out(order))
        else:
            self._waiting.append((order, size))
            self._send_waiting()

    def _send_waiting(self) -> bool:
        """Whether any was sent."""
        before = len(self._waiting)
        while self._waiting and self._under_way < MOST_AT_ONCE:
            order, size = self._waiting[0]
            if self._under_way and self._under_way_bytes + size > MOST_BYTES:
                break
            self._waiting.popleft()
            self._under_way += 1
            self._under_way_bytes += size
            self._case.jobs.start(self._carry_out_next(order, size))
        return len(self._waiting) < before

    async def _carry_out_next(self, order: ActionOrder, size: int) -> None:
        await self._carry_out(order)
        self._under_way -= 1
        self._under_way_bytes -= size
        if not self._send_waiting():
            seal(actions_under_way=self._under_way)

    async def _carry_out(self, order: ActionOrder) -> None:
        """Carry an action out. One that fails for good goes on record, and stops nothing."""
        summary = f"{order.milestone}: {order.kind}, {order.call.action.do}"
        try:
            await workflow.execute_activity(
                order.call.action.do,
                order,
                start_to_close_timeout=ATTEMPT,
                schedule_to_close_timeout=GIVES_UP_AFTER,
                summary=cut(summary, MOST_SUMMARY_BYTES),
            )
        except FailureError as error:
            self._give_up(order, cut(str(error.cause or error)))
        self._case.kept.orders.remove(order)

    def _give_up(self, order: ActionOrder, reason: str) -> None:
        failed = self._case.kept.failed
        failed[order.call.key] = order
        while len(failed) > MOST_FAILED:
            failed.pop(next(iter(failed)))
        self._recorder.tell_failure(ActionFailure(key=order.call.key, error=reason))
        self._case.remark(NoteKind.ACTION_FAILED, cut(f"{order.call.key} failed for good: {reason}"))

    def retry(self, key: str, by: str | None) -> str:
        """Try a failed action again, under the key that it has."""
        order = self._case.kept.failed.pop(key)
        said = f"{key} is tried again"
        self._case.remark(NoteKind.ACTION_RETRIED, said, by)
        self.order(order)
        return said

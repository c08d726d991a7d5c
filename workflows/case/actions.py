"""The actions of a case: each is sent until it is done, under its key; so many at once, and none holds anything up."""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from domain.bounds import cut
    from domain.delivery.schedule import ATTEMPT, GIVES_UP_AFTER
    from domain.messages.case_state import ActionFailure, ActionOrder
    from domain.process import FieldUpdate
    from domain.process.actions import OutboundMessage
    from domain.timeline.effects import NoteKind, TriggerFired
    from workflows.case.recorder import Recorder
    from workflows.case.running import RunningCase
    from workflows.waiting import SIGN_OF_LIFE, seal

MOST_AT_ONCE = 20
"""Actions that a run sends without looking at what became of any other; and as many, of those after, under way. Each
leaves two events for a workflow task that is under way; the server fails the task when a hundred wait for it."""
MOST_TO_ONE = 10
"""Of those after, under way to one receiver: one that is dead leaves room for all others."""
MOST_BYTES = 512 * 1024
"""Of both likewise. What one workflow task sends off has to stay under 2 MB."""
MOST_FAILED = 100
MOST_FAILED_BYTES = 512 * 1024
"""Of those that failed for good and can be retried; of more, the oldest are forgotten."""
MOST_SUMMARY_BYTES = 200

MOST_AT_ONCE_BEFORE = 50
FEWER_AT_ONCE = "fewer-actions-at-once"
"""The patch since which `MOST_AT_ONCE` holds. Asked only by a run that sends more."""

LEAVES_ROOM = "a-receiver-leaves-room-for-others"
"""The patch since which `MOST_TO_ONE` holds. Asked only where so many are under way to one receiver."""

WAITS_FOR_ITS_INSTANT = "an-action-waits-for-its-instant"
"""The patch since which an action is not sent before its instant. Asked only of one that has to wait."""

RESUMES_WHAT_WAS_CARRIED = "what-was-carried-is-resumed"
"""The patch since which a run resumes only what the one before it has left. Asked at the beginning of every run that
goes on from another: so its first task is never empty, and an update behind it never comes before it."""

CARRIES_WHAT_FITS = "what-fits-is-carried"
"""The patch since which a run goes on in the next one with more than `MOST_BYTES` of actions that are not done, if all
that the case carries fits. Asked only where both are so."""

SHOWS_FAILED_ACTIONS = "failed-actions-are-shown"
"""The patch since which an action that failed for good is kept with its reason, and shown by a search attribute."""


class Actions:
    """Sends the orders of a case.

    The first `MOST_AT_ONCE` of a run are sent at once, and nothing depends on when they come back. Those after wait for
    one another, and each that comes back issues a command: the order of all commands is then a function of what
    happened alone, however the tasks are cut.

    A message may be ahead of the case's clock by as much as two clocks differ, and brings forward what is due before
    it. What that calls for is not sent before its instant: it is held until the clock has reached it.
    """

    def __init__(self, case: RunningCase, recorder: Recorder) -> None:
        self._case = case
        self._recorder = recorder
        self._ordered: set[str] = set()  # the keys of what this run has ordered itself
        self._sent = 0
        self._out = 0
        self.is_paused = False
        self._sent_bytes = 0
        self._held: list[ActionOrder] = []
        self._held_bytes = 0
        self._waiting: deque[tuple[ActionOrder, int]] = deque()
        self._waiting_for: Counter[str] = Counter()
        self._under_way = 0
        self._under_way_bytes = 0
        self._under_way_to: Counter[str] = Counter()

    @property
    def are_done(self) -> bool:
        """None is under way, and none waits."""
        return not self._case.kept.orders

    @property
    def are_under_way(self) -> bool:
        """At least one was sent by this run, and has not come back."""
        return self._out > 0

    @property
    def can_be_carried(self) -> bool:
        """What is not done fits into the argument of another run, beside all else that the case carries."""
        waiting_bytes = sum(size for _, size in self._waiting)
        if self._held_bytes + waiting_bytes + self._under_way_bytes <= MOST_BYTES:
            return True
        return self._case.fits and workflow.patched(CARRIES_WHAT_FITS)

    @property
    def next_due(self) -> datetime | None:
        """When the next of those that are held is to be sent; None: none is held."""
        return min((order.at for order in self._held), default=None)

    def pause(self) -> None:
        """Send nothing until `go_on`, so that what is under way comes to an end."""
        self.is_paused = True

    def go_on(self) -> None:
        """Send again."""
        self.is_paused = False
        self._send_waiting()

    def send_due(self) -> None:
        """Send those of which the instant has come, in the order in which they were ordered."""
        held, now = self._held, self._case.now()
        self._held = [order for order in held if order.at > now]
        for order in held:
            if order.at <= now:
                size = _size(order)
                self._held_bytes -= size
                self._send(order, size)

    def resume(self, *, is_continued: bool) -> None:
        """Send again what an earlier run did not see done. A message may have come first: what it orders is on its way.

        Args:
            is_continued: another run of the case has ended for this one to go on.
        """
        orders, ordered = self._case.kept.orders, self._ordered
        is_asked = is_continued or any(order.call.key in ordered for order in orders)
        if not is_asked or not workflow.patched(RESUMES_WHAT_WAS_CARRIED):
            ordered = set()
        for order in [order for order in orders if order.call.key not in ordered]:
            self._send_or_hold(order)

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
        self._ordered.add(order.call.key)
        self._case.kept.orders.append(order)
        self._send_or_hold(order)

    def _send_or_hold(self, order: ActionOrder) -> None:
        size = _size(order)
        if order.at > self._case.now() and workflow.patched(WAITS_FOR_ITS_INSTANT):
            self._held.append(order)
            self._held_bytes += size
        else:
            self._send(order, size)

    def _send(self, order: ActionOrder, size: int) -> None:
        unseen = not self.is_paused and self._sent_bytes + size <= MOST_BYTES
        if unseen and (self._sent < MOST_AT_ONCE or self._sent < self._most_at_once):
            self._sent += 1
            self._sent_bytes += size
            self._out += 1
            self._case.jobs.start(self._carry_out(order))
        else:
            self._waiting.append((order, size))
            self._waiting_for[_receiver(order)] += 1
            self._send_waiting()

    def _send_waiting(self) -> bool:
        """Whether any was sent."""
        before = len(self._waiting)
        while self._waiting and not self.is_paused and self._under_way < self._most_at_once:
            place = self._next_place()
            if place is None:
                break
            order, size = self._waiting[place]
            if self._under_way and self._under_way_bytes + size > MOST_BYTES:
                break
            del self._waiting[place]
            self._waiting_for[_receiver(order)] -= 1
            self._under_way += 1
            self._under_way_bytes += size
            self._under_way_to[_receiver(order)] += 1
            self._out += 1
            self._case.jobs.start(self._carry_out_next(order, size))
        return len(self._waiting) < before

    def _next_place(self) -> int | None:
        """Which of those that wait goes next: the first to a receiver to which not too many are under way.

        None: there is none.
        """
        # Thousands may wait for a receiver that is dead: asked by each of them, and each time another comes back.
        free = {to for to, many in self._waiting_for.items() if many and self._under_way_to[to] < MOST_TO_ONE}
        goes = (place for place, (order, _) in enumerate(self._waiting) if _receiver(order) in free)
        place = next(goes, None) if free else None
        return place if place == 0 or workflow.patched(LEAVES_ROOM) else 0

    @property
    def _most_at_once(self) -> int:
        return MOST_AT_ONCE if workflow.patched(FEWER_AT_ONCE) else MOST_AT_ONCE_BEFORE

    async def _carry_out_next(self, order: ActionOrder, size: int) -> None:
        await self._carry_out(order)
        self._under_way -= 1
        self._under_way_bytes -= size
        self._under_way_to[_receiver(order)] -= 1
        if not self._send_waiting():
            seal(actions_under_way=self._under_way)

    async def _carry_out(self, order: ActionOrder) -> None:
        """Carry an action out. One that fails for good goes on record, and stops nothing."""
        summary = f"{order.milestone}: {order.kind}, {order.call.action.do}"
        try:
            dropped = await workflow.execute_activity(
                order.call.action.do,
                order,
                start_to_close_timeout=ATTEMPT,
                heartbeat_timeout=SIGN_OF_LIFE,
                schedule_to_close_timeout=GIVES_UP_AFTER,
                summary=cut(summary, MOST_SUMMARY_BYTES),
            )
        except FailureError as error:
            self._give_up(order, cut(str(error.cause or error)))
        else:
            self._recorder.tell_outcome(order, dropped if isinstance(dropped, str) else None)
        self._out -= 1
        self._case.kept.orders.remove(order)

    def _give_up(self, order: ActionOrder, reason: str) -> None:
        failed = self._case.kept.failed
        kept = order.model_copy(update={"error": reason}) if workflow.patched(SHOWS_FAILED_ACTIONS) else order
        failed[order.call.key] = kept
        while len(failed) > MOST_FAILED or (len(failed) > 1 and self._size_of(failed) > MOST_FAILED_BYTES):
            failed.pop(next(iter(failed)))
        self._recorder.tell_failure(ActionFailure(key=order.call.key, error=reason))
        key = order.call.key
        self._case.remark(NoteKind.ACTION_FAILED, cut(f"{key} failed for good: {reason}"), key=key, error=reason)

    @staticmethod
    def _size_of(orders: dict[str, ActionOrder]) -> int:
        return sum(len(order.model_dump_json()) for order in orders.values())

    def retry(self, key: str, by: str | None) -> str:
        """Try a failed action again, under the key that it has."""
        order = self._case.kept.failed.pop(key).model_copy(update={"error": None})
        said = f"{key} is tried again"
        self._case.remark(NoteKind.ACTION_RETRIED, said, by, key=key)
        self.order(order)
        return said


def _receiver(order: ActionOrder) -> str:
    """Who gets it, as far as the order says so."""
    action = order.call.action
    return f"endpoint {action.endpoint}" if isinstance(action, OutboundMessage) else action.do


def _size(order: ActionOrder) -> int:
    """In bytes, on the wire."""
    return len(order.model_dump_json())

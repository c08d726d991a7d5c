"""What becomes of a subscription after a batch: which subjects are behind, what a failure does, what is given up.

An event is given up when its attempts are spent, and the endpoint has taken others since it began to fail, or there are
no others. While the endpoint takes nothing at all, that says nothing of an event: after five days it is switched off.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.delivery.schedule import DELAYS, delay_after
from domain.subscriptions.requests import delivery_key
from domain.subscriptions.state import (
    DeadLetter,
    DeliveryReport,
    Failure,
    Lane,
    LineReport,
    Pause,
    SubscriptionState,
    Trouble,
    WaitReport,
    reason_of,
)

SHORTEST_HOLD = timedelta(milliseconds=100)
"""For which an endpoint is left alone at least, so that a hold never makes a loop without a rest."""


def delivered(
    subscription_id: str, state: SubscriptionState, report: DeliveryReport, now: datetime
) -> SubscriptionState:
    """The state after a batch.

    Args:
        subscription_id: whose.
        state: with which the batch was sent; its dead letters are on record now.
        report: what came of it.
        now: the time.
    """
    lanes, given_up = _Lanes(subscription_id, state, report, now).after()
    if report.sent and state.is_down:
        lanes = [_awake(lane, state.arrived_at) for lane in lanes]
    after: dict[str, object] = {
        "cursor": report.cursor,
        "lanes": lanes,
        "given_up": given_up,
        "sent": state.sent + report.sent,
        "dead": state.dead + len(given_up),
        "behind": report.behind,
        "held_until": None,
        **_what_failed(report, now),
    }
    if report.sent:
        after |= {"arrived_at": now, "is_down": False}
    return _with_trouble(state.model_copy(update=after), report.trouble, now)


def waited(state: SubscriptionState, report: WaitReport, now: datetime) -> SubscriptionState:
    """The state after waiting for events."""
    after: dict[str, object] = {"cursor": report.cursor, "behind": report.behind, "given_up": []}
    if report.again_after:
        after["held_until"] = now + report.again_after
    return _with_trouble(state.model_copy(update=after), report.trouble, now)


def failed_unexpectedly(state: SubscriptionState, said: str, now: datetime, wait: timedelta) -> SubscriptionState:
    """The state after a batch of which nothing is known: it is tried again after a while."""
    return state.model_copy(update={"trouble": reason_of(said), "troubled_at": now, "held_until": now + wait})


def _awake(lane: Lane, arrived_at: datetime | None) -> Lane:
    """A lane after the endpoint has taken something again: what failed only while it took nothing goes at once."""
    if arrived_at is not None and lane.failing_since is not None and lane.failing_since <= arrived_at:
        return lane
    return lane.model_copy(update={"due_at": None})


@dataclass(frozen=True, slots=True)
class _Lanes:
    """The lanes before a batch, and what came of it."""

    subscription_id: str
    state: SubscriptionState
    report: DeliveryReport
    now: datetime

    def after(self) -> tuple[list[Lane], list[DeadLetter]]:
        """The lanes after it, those that failed last; and the events that are given up."""
        lines = {line.subject: line for line in self.report.lines}
        front: list[Lane] = []
        back: list[Lane] = []
        given_up: list[DeadLetter] = []
        for lane in self._all():
            line = lines.get(lane.subject)
            if line is None:
                front.append(lane)
            elif line.failure is not None:
                after, letter = self._failed(lane, line, line.failure)
                back.append(after)
                given_up += [letter] if letter else []
            elif not line.is_through:
                front.append(lane if line.done <= lane.done else Lane(subject=lane.subject, done=line.done))
        return [*front, *back], given_up

    def _all(self) -> list[Lane]:
        known = {lane.subject for lane in self.state.lanes}
        new = [line for line in self.report.lines if line.subject not in known and not line.is_through]
        return [*self.state.lanes, *(Lane(subject=line.subject, done=line.done) for line in new)]

    def _failed(self, lane: Lane, line: LineReport, failure: Failure) -> tuple[Lane, DeadLetter | None]:
        """The lane after a failure, and a dead letter if the event is given up."""
        is_same = lane.event_id == failure.event_id
        attempts = lane.attempts + 1 if is_same else 1
        since = lane.failing_since if is_same and lane.failing_since is not None else self.now
        reason, delay = reason_of(failure.reason), self._delay(failure, attempts)
        if delay is None and not failure.for_good and not self._is_its_own(since):
            attempts, delay = lane.attempts, DELAYS[-1] / self.report.pace
        if delay is None:
            told = {name: getattr(failure, name) for name in ("event_id", "position", "sequence", "type")}
            letter = DeadLetter(**told, subject=lane.subject, attempts=attempts, reason=reason, at=self.now)
            return Lane(subject=lane.subject, done=failure.position), letter
        failing = Lane(
            subject=lane.subject,
            done=max(lane.done, line.done),
            event_id=failure.event_id,
            attempts=attempts,
            failing_since=since,
            due_at=self.now + delay,
            reason=reason,
        )
        return failing, None

    def _delay(self, failure: Failure, attempts: int) -> timedelta | None:
        if failure.for_good:
            return None
        key = delivery_key(self.subscription_id, failure.event_id)
        return delay_after(attempts, key, at_least=failure.at_least, pace=self.report.pace)

    def _is_its_own(self, since: datetime) -> bool:
        """Whether what has failed since then says something of the event, and not of the endpoint alone."""
        arrived_at = self.state.arrived_at
        if self.report.sent or (arrived_at is not None and arrived_at >= since):
            return True
        return len(self._all()) == 1 and self.report.is_last


def _what_failed(report: DeliveryReport, now: datetime) -> dict[str, object]:
    """What is shown as the last trouble: the last failure of a batch; nothing after one in which all arrived."""
    failures = [line.failure for line in report.lines if line.failure is not None]
    if failures:
        return {"trouble": reason_of(f"{failures[-1].event_id}: {failures[-1].reason}"), "troubled_at": now}
    return {"trouble": "", "troubled_at": None} if report.sent else {}


def _with_trouble(state: SubscriptionState, trouble: Trouble | None, now: datetime) -> SubscriptionState:
    if trouble is None or trouble.kind == "ended":
        return state
    said = reason_of(trouble.said)
    update: dict[str, object] = {"trouble": said, "troubled_at": now}
    match trouble.kind:
        case "busy":
            update |= {"held_until": now + max(trouble.wait, SHORTEST_HOLD)}
        case "held":
            update |= {"held_until": now + max(trouble.wait, SHORTEST_HOLD), "is_down": True}
        case "off":
            update |= {"paused": state.paused or Pause(why="endpoint", at=now, reason=said), "is_down": True}
        case "cursor":
            update["paused"] = Pause(why="cursor", at=now, reason=said)
    return state.model_copy(update=update)

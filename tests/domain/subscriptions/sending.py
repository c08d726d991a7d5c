"""A feed, a receiver and a worker in a few lines: sends what a subscription wants, without a server or a store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from domain.subscriptions.lines import Line, Placed, line_of_lane, lines_of_page, report_of
from domain.subscriptions.machine import Await, Deliver, Rest, Still, next_step
from domain.subscriptions.outcome import delivered
from domain.subscriptions.state import DeliveryReport, Failure, LineReport, SubscriptionState, Trouble

BEGAN_AT = datetime(2026, 6, 1, 9, tzinfo=UTC)
PAGE, OF_A_LANE = 5, 2

Receiver = Callable[[int, int], str | None]
"""Takes the event at a position, by the number of the attempt at it: why not, or None."""


@dataclass
class World:
    """A subscription at work.

    Attributes:
        feed: the subjects of the events, by their positions from 1.
        takes: what the receiver does.
        is_down: the receiver takes nothing, and its circuit is open.
        arrived: positions, in the order in which they arrived.
        dead: positions that were given up.
    """

    feed: list[str]
    takes: Receiver
    is_down: bool = False
    now: datetime = BEGAN_AT
    state: SubscriptionState = field(default_factory=lambda: SubscriptionState(cursor="0"))
    arrived: list[int] = field(default_factory=list)
    dead: set[int] = field(default_factory=set)
    attempts: dict[int, int] = field(default_factory=dict)
    out_of_order: list[int] = field(default_factory=list)
    is_caught_up: bool = False
    most_lanes: int = 0

    def step(self, *, loses_the_answer: bool = False) -> None:
        """Do what comes next; time passes where nothing is to be done."""
        comes = next_step(self.state, self.now, is_caught_up=self.is_caught_up)
        match comes:
            case Deliver():
                report = self._deliver(comes)
                if loses_the_answer:  # the worker was killed with it
                    return
                self.state = delivered("s", self.state, report, self.now)
                self.is_caught_up = report.is_last
                self.dead |= {letter.position for letter in self.state.given_up}
                self.most_lanes = max(self.most_lanes, len(self.state.lanes))
            case Rest():
                self.now = comes.until
            case Await():
                self.now = comes.until or self.now
                self.is_caught_up = int(self.state.cursor) >= len(self.feed)
            case Still():
                return

    def _deliver(self, comes: Deliver) -> DeliveryReport:
        cursor = int(self.state.cursor)
        page = [Placed(at, self.feed[at - 1]) for at in range(cursor + 1, len(self.feed) + 1)][:PAGE]
        if not comes.reads_on:
            page = []
        end = cursor + len(page)
        lines = [self._lane(subject, end) for subject in comes.due]
        lines += lines_of_page(page, [lane.subject for lane in self.state.lanes])
        said: list[LineReport] = []
        trouble: Trouble | None = None
        sent = 0
        for line in lines:
            report, trouble, arrived = self._line(line, trouble)
            said.append(report)
            sent += arrived
        return DeliveryReport(
            cursor=str(end),
            lines=said,
            sent=sent,
            behind=len(self.feed) - end,
            is_last=comes.reads_on and len(page) < PAGE,
            trouble=trouble,
        )

    def _lane(self, subject: str, end: int) -> Line:
        [lane] = [one for one in self.state.lanes if one.subject == subject]
        rest = [Placed(at, subject) for at in range(lane.done + 1, end + 1) if self.feed[at - 1] == subject]
        return line_of_lane(lane, rest[:OF_A_LANE], OF_A_LANE)

    def _line(self, line: Line, trouble: Trouble | None) -> tuple[LineReport, Trouble | None, int]:
        done, arrived, failure = line.done, 0, None
        for placed in line.events:
            if trouble is None and self.is_down:
                trouble = Trouble(kind="held", said="left alone", wait=timedelta(minutes=5))
                failure = _failure(placed.position, "no connection")
            if trouble is not None:
                break
            self.attempts[placed.position] = self.attempts.get(placed.position, 0) + 1
            said = self.takes(placed.position, self.attempts[placed.position])
            if said is not None:
                failure = _failure(placed.position, said)
                break
            self._arrive(placed)
            done = placed.position
            arrived += 1
        return report_of(line, done, failure), trouble, arrived

    def _arrive(self, placed: Placed) -> None:
        earlier = [at for at in range(1, placed.position) if self.feed[at - 1] == placed.subject]
        if any(at not in self.arrived and at not in self.dead for at in earlier):
            self.out_of_order.append(placed.position)
        self.arrived.append(placed.position)


def _failure(position: int, said: str) -> Failure:
    return Failure(event_id=f"e{position}", position=position, sequence=position, type="t", reason=said)

"""What is to be sent of the feed: read at one moment, so that the page and those that are behind fit together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict

from domain.catalog.subscriptions import Subscription
from domain.feed.envelope import FeedEvent
from domain.feed.registry import chosen_types
from domain.subscriptions.lines import Line, Placed, line_of_lane, lines_of_page
from domain.subscriptions.requests import DeliveryRequest
from store.store import Store
from store.subscriptions.places import place_in

PAGE = 100
"""Events after the cursor in one batch."""

OF_A_LANE = 20
"""Events of one subject that is behind, in one batch."""


class Chosen(TypedDict):
    """Which events of the feed a subscription wants."""

    types: list[str]
    accounts: list[str]


@dataclass(frozen=True)
class Batch:
    """What one batch sends.

    Attributes:
        lines: those that are behind first.
        events: by their positions.
        cursor: up to where it goes.
        behind: how many events come after that, of any kind.
        is_last: no chosen one of them is there yet.
    """

    lines: list[Line]
    cursor: str
    behind: int
    is_last: bool
    events: dict[int, FeedEvent] = field(repr=False)


def read_batch(store: Store, declared: Subscription, request: DeliveryRequest) -> Batch:
    """Read what the next batch sends.

    Raises:
        Refused: the feed does not take the cursor.
    """
    chosen: Chosen = {"types": chosen_types(declared.types), "accounts": declared.accounts}
    state, events = request.state, dict[int, FeedEvent]()
    with store.snapshot() as view:
        cursor = place_in(view.feed, state.cursor)
        if request.reads_on or cursor is None:
            page = view.feed.read(cursor, **chosen, limit=PAGE)
            cursor, until, behind, is_last = page.cursor, page.end, page.behind, page.is_last
            placed = [Placed(at, event.subject) for at, event in zip(page.positions, page.events, strict=True)]
            events.update(zip(page.positions, page.events, strict=True))
        else:
            until, is_last, placed = view.feed.position(cursor), False, []
            behind = view.feed.last() - until
        lines: list[Line] = []
        due = set(request.due)
        for lane in state.lanes:
            if lane.subject in due:
                rest = view.feed.rest_of(lane.subject, after=lane.done, until=until, **chosen, limit=OF_A_LANE)
                events.update(rest)
                lines.append(line_of_lane(lane, [Placed(at, lane.subject) for at, _ in rest], OF_A_LANE))
    lines += lines_of_page(placed, [lane.subject for lane in state.lanes])
    return Batch(lines, cursor, behind, is_last, events)

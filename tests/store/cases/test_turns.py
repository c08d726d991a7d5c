"""What a case sends to one receiver has its turn in the order in which it was due."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from domain.delivery.schedule import ATTEMPT
from store import Store, tables
from store.cases.deliveries import Turn, lane_of
from tests.feeds import Recorded

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Desk:
    """Takes turns in one store, at instants that a test says."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def turn(self, name: str, due: int, *, case: str = "c-1", at: datetime = NOW, **also: Any) -> Turn:
        channel, to = also.get("channel", "email"), also.get("to", "ann@example.org")
        return self.store.deliveries.take_turn(f"{case}/{name}", channel, to, at, NOW + due * HOUR - 24 * HOUR)

    def fails(self, name: str, *, case: str = "c-1", again_in: timedelta = HOUR, lane: str | None = "email") -> None:
        self.store.deliveries.record_attempt(
            f"{case}/{name}", "waits", "451 later", NOW, again_at=NOW + again_in, lane=lane
        )


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


def test_a_later_one_waits_for_an_earlier_one(desk: Desk) -> None:
    """Without using up an attempt; of an equal instant neither waits; what was due before it goes at once."""
    assert desk.turn("b", due=2).wait is None
    desk.fails("b")
    later = desk.turn("c", due=3)
    assert later.wait is not None
    assert (later.wait.key, later.wait.until) == ("c-1/b", NOW + HOUR + timedelta(seconds=1))
    assert desk.turn("d", due=2).wait is None
    assert desk.turn("a", due=1).wait is None
    waiting = desk.store.deliveries.get("c-1/c")
    assert waiting is not None
    assert (waiting.status, waiting.attempts, waiting.answer) == (
        "waits",
        0,
        "waits for c-1/b, which was due earlier",
    )


@pytest.mark.parametrize("outcome", ["sent", "failed"])
def test_what_is_over_is_waited_for_no_more(desk: Desk, outcome: Any) -> None:
    desk.turn("a", due=1)
    desk.fails("a")
    assert desk.turn("b", due=2).wait is not None
    desk.store.deliveries.record_attempt("c-1/a", outcome, "over", NOW)
    assert desk.turn("b", due=2).wait is None


def test_what_is_dropped_is_waited_for_no_more(desk: Desk) -> None:
    desk.turn("a", due=1)
    desk.fails("a")
    desk.store.actions.record_action_dropped("c-1/a", "expired")
    assert desk.turn("b", due=2).wait is None


def test_other_cases_and_other_receivers_do_not_wait(desk: Desk) -> None:
    """A dead endpoint holds up neither another endpoint nor a mail, and nobody else's."""
    hook: dict[str, Any] = {"channel": "outbound_message", "to": "desk"}
    desk.turn("a", due=1, **hook)
    desk.fails("a", lane=lane_of("outbound_message", "desk"))
    assert desk.turn("b", due=2, **hook).wait is not None
    assert desk.turn("b", due=2, case="c-2", **hook).wait is None
    assert desk.turn("c", due=2, channel="outbound_message", to="room").wait is None
    assert desk.turn("d", due=2).wait is None


def test_what_a_receiver_refuses_by_itself_holds_up_nothing(desk: Desk) -> None:
    desk.turn("a", due=1)
    desk.fails("a", lane=None)
    assert desk.turn("b", due=2).wait is None


def test_a_refused_recipient_holds_up_mails_to_it_alone(desk: Desk) -> None:
    """While a mail server that is away holds up all mails of a case."""
    desk.turn("a", due=1, to="full@example.org")
    desk.fails("a", lane=lane_of("email", "full@example.org", recipients_alone=True))
    assert desk.turn("b", due=2, to="ann@example.org").wait is None
    assert desk.turn("c", due=2, to="full@example.org").wait is not None
    desk.fails("a")
    assert desk.turn("d", due=2, to="ben@example.org").wait is not None


def test_a_mail_that_is_held_holds_up_nothing(desk: Desk) -> None:
    """One that waits for opening hours lets a violation go."""
    desk.store.deliveries.hold_delivery("c-1/a", "email", "ann@example.org", "waits for Office to open", NOW)
    assert desk.turn("b", due=2).wait is None


def test_one_that_never_comes_back_holds_up_nothing(desk: Desk) -> None:
    """What comes late as well gives it a moment to show itself, once."""
    desk.turn("a", due=1)
    desk.fails("a", again_in=timedelta(0))
    much_later = NOW + 2 * ATTEMPT
    first = desk.turn("b", due=2, at=much_later)
    assert first.wait is not None
    assert first.wait.until - much_later == timedelta(seconds=5)
    assert desk.turn("b", due=2, at=first.wait.until).wait is None


@pytest.mark.parametrize(
    ("action", "others"),
    [
        ({"do": "email", "to": ["ann@example.org"], "subject": "s"}, {"channel": "outbound_message", "to": "desk"}),
        ({"do": "outbound_message", "endpoint": "desk"}, {"channel": "outbound_message", "to": "room"}),
    ],
)
def test_what_was_ordered_and_nobody_has_begun_gets_a_moment(
    desk: Desk, action: dict[str, Any], others: dict[str, Any]
) -> None:
    """All that an outage of the workers held up is begun at once: what was due earlier goes first, if it comes soon."""
    mine: dict[str, Any] = {"channel": action["do"], "to": action.get("endpoint", "ann@example.org")}
    desk.store.cases.record(Recorded("c-1").remarks("opened"))
    due_at = NOW - 23 * HOUR
    trigger = {"key": "c-1/t", "case_id": "c-1", "milestone": "Answer", "occurrence": 1, "trigger": "w"}
    trigger |= {"kind": "warning", "firing": 1, "due_at": due_at, "at": due_at, "noticed_at": NOW}
    ordered = {"key": "c-1/a", "case_id": "c-1", "position": 0, "trigger_key": "c-1/t", "status": "ordered"}
    with desk.store._database.write() as connection:
        connection.execute(insert(tables.triggers), trigger)
        connection.execute(insert(tables.actions), {**ordered, "action": action})
    first = desk.turn("b", due=2, **mine)
    assert first.wait is not None
    assert (first.wait.key, first.wait.until) == ("c-1/a", NOW + timedelta(seconds=5))
    assert desk.turn("b", due=2, at=first.wait.until, **mine).wait is None, "it did not show itself"
    assert desk.turn("c", due=1, **mine).wait is None
    assert desk.turn("d", due=2, **others).wait is None


def test_a_case_that_is_opened_anew_waits_for_nothing_of_before(desk: Desk) -> None:
    """Its workflow was ended, and what that had to deliver is tried by nobody."""
    desk.turn("a", due=1)
    desk.fails("a", again_in=24 * HOUR)
    assert desk.turn("b", due=2).wait is not None
    desk.store.cases.record(Recorded("c-1").remarks("opened").model_copy(update={"history": 0}))
    assert desk.turn("b", due=2).wait is None


def test_one_that_is_retried_by_hand_has_its_turn_again(desk: Desk) -> None:
    """What is due later waits for it as before."""
    desk.turn("a", due=1)
    desk.store.deliveries.record_attempt("c-1/a", "failed", "550 no", NOW)
    assert desk.turn("b", due=2).wait is None
    assert desk.turn("a", due=1).delivery.attempts == 0
    assert desk.turn("b", due=2).wait is not None

"""The events of entitlements: each row of the ledger is one, in order, whatever order the rows come in."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from domain.feed.envelope import FeedEvent
from domain.feed.registry import event_types
from domain.feed.usage import UsageOutcome
from domain.feed.usage_data import ROWS
from domain.process import Email
from domain.usage.effects import FailedUsageAction, UsageRecords
from domain.usage.rows import LedgerRow, RowKind
from store import Store, tables

T0 = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)


def row(number: int, kind: RowKind = RowKind.TAKEN) -> LedgerRow:
    return LedgerRow(
        number=number,
        kind=kind,
        reference=f"C{number}",
        event_id=f"e-{number}",
        period=0,
        first_day=None,
        amount=1,
        used=1,
        used_after=number,
        overage_after=0,
        cap_after=50,
        balance_after=50 - number,
        at=T0 + timedelta(minutes=number),
        recorded_at=T0 + timedelta(hours=1),
        by="ann",
    )


def news(*numbers: int, count: str = "count-1", entitlement: str = "gold") -> UsageRecords:
    rows = [row(number) for number in numbers]
    return UsageRecords(entitlement_id=entitlement, count=count, account="acme", unit="cases", rows=rows, periods=[])


def told(store: Store) -> list[tuple[int, int]]:
    """The sequence number and the row of each event, in the order of reading."""
    return [(one.sequence, one.data["row"]) for one in read(store)]


def read(store: Store) -> Iterator[FeedEvent]:
    yield from store.feed.read(subject="entitlement/gold").events


def test_every_row_is_an_event(store: Store) -> None:
    """Under the number of the row, at the instant that decided its period; the same rows again change nothing."""
    for _ in range(2):
        store.ledgers.record(news(1, 2))
    first, second = read(store)
    assert (first.type, first.subject, first.sequence) == (
        "milepost.entitlement.consumed.v1",
        "entitlement/gold",
        1,
    )
    assert (second.sequence, second.time) == (2, T0 + timedelta(minutes=2))
    assert second.data["text"] == "taken C2: 1 case"
    assert second.data["balance_after"] == 48
    assert store.feed.read(account="acme").events == [first, second]


def test_what_goes_into_a_renewal_is_told_from_what_comes_of_one(store: Store) -> None:
    """By the data, and not by its words alone; of whatever carries nothing out it is left out."""
    out = row(2, RowKind.CARRIED).model_copy(update={"used": 0, "carried_out": 4})
    into = row(3, RowKind.CARRIED).model_copy(update={"used": 0, "carried": 4})
    store.ledgers.record(news(1).model_copy(update={"rows": [row(1), out, into]}))
    carried = [(one.data["carried"], one.data.get("carried_out")) for one in read(store)]
    assert carried == [(0, None), (0, 4), (4, None)]


@pytest.mark.parametrize("order", list(permutations([(1, 2), (3,), (4, 5)])))
def test_rows_in_any_order_are_events_in_theirs(store: Store, order: tuple[tuple[int, ...], ...]) -> None:
    """What comes too early waits in the ledger for what is missing."""
    for numbers in order:
        store.ledgers.record(news(*numbers))
    assert told(store) == [(number, number) for number in range(1, 6)]


def test_rows_recorded_side_by_side_are_all_events(store: Store) -> None:
    """However many transactions there are at once, none leaves a row behind that is no event."""
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(store.ledgers.record, [news(number) for number in range(1, 61)]))
    assert told(store) == [(number, number) for number in range(1, 61)]


def test_what_was_counted_before_the_feed_is_a_snapshot(store: Store) -> None:
    """One event stands for all rows from before; what comes later goes on from there."""
    store.ledgers.record(news(1, 2, 3))
    with store._database.write() as connection:
        connection.execute(tables.events.delete())
    store.ledgers.record(news(5))
    store.ledgers.record(news(4))
    store.ledgers.record(news(6))
    assert told(store) == [(3, 3), (4, 4), (5, 5), (6, 6)]
    begins = next(read(store))
    assert (begins.type, begins.data["stands_for_from"]) == ("milepost.entitlement.snapshot.v1", 1)
    assert begins.data["balance_after"] == 47


def test_another_count_goes_on_with_the_numbers(store: Store) -> None:
    """A count that begins after a termination numbers its rows anew; the sequence of the entitlement is one."""
    store.ledgers.record(news(1, 2, 3))
    store.ledgers.record(news(1, 2, count="count-2"))
    store.ledgers.record(news(3, count="count-2"))
    store.ledgers.record(news(4))
    assert told(store) == [(1, 1), (2, 2), (3, 3), (4, 1), (5, 2), (6, 3)]


# --- what became of actions ---


KEY = "gold/0/threshold/8/1/email-1"
MAIL = Email(do="email", to=["ann@example.org"], subject="8 of 10")


def outcome(kind: Any = "sent", key: str = KEY, **also: Any) -> UsageOutcome:
    facts: dict[str, Any] = {"entitlement": "gold", "account": "acme", "key": key, "do": "email", "at": T0, **also}
    return UsageOutcome(kind=kind, **facts)


def done(store: Store, key: str = KEY) -> None:
    store.actions.record_action_done(key, at=T0, outcome=outcome(key=key))


def failed(store: Store, key: str = KEY) -> None:
    told = FailedUsageAction(key=key, error="550 no such user", action=MAIL)
    store.ledgers.record(news().model_copy(update={"failed": [told]}))


@pytest.mark.parametrize("place", range(4))
def test_an_action_is_told_behind_what_came_before(store: Store, place: int) -> None:
    """With the next number of all; the rows that come after it go on behind it, whichever was the first."""
    for number in range(1, 4):
        if number == place + 1:
            done(store)
        store.ledgers.record(news(number))
    if place == 3:
        done(store)
    found = list(read(store))
    assert [one.sequence for one in found] == [1, 2, 3, 4]
    assert [one.data["row"] for one in found if "used_after" in one.data] == [1, 2, 3]
    sent = found[place]
    assert (sent.type, sent.time) == ("milepost.entitlement.action.sent.v1", T0)
    assert (sent.data["key"], sent.data["do"], sent.data["row"]) == (KEY, "email", place)
    assert sent in store.feed.read(account="acme").events


def test_the_life_of_an_action_is_told_once_each(store: Store) -> None:
    """Failed, tried again by whom, failed again, and sent at last: what is recorded twice is told once."""
    store.ledgers.record(news(1))
    for _ in range(2):
        failed(store)
    for by in ("ana", "ben"):
        for _ in range(2):
            store.actions.record_action_retried(outcome("retried", by=by))
        if by == "ana":
            failed(store)
    for _ in range(2):
        done(store)
    failed(store)
    dropped = outcome("dropped", key="gold/x", said="expired: 2h have passed")
    for _ in range(2):
        store.actions.record_action_dropped("gold/x", "expired: 2h have passed", outcome=dropped)
    told = [(one.type.split(".")[-2], [one.data.get(part) for part in ("by", "error", "why")]) for one in read(store)]
    assert told == [
        ("consumed", ["ann", None, None]),
        ("failed", [None, "550 no such user", None]),
        ("retried", ["ana", None, None]),
        ("failed", [None, "550 no such user", None]),
        ("retried", ["ben", None, None]),
        ("sent", [None, None, None]),
        ("expired", [None, None, "expired: 2h have passed"]),
    ]
    stored = store.actions.get(KEY)
    assert stored is not None
    assert (stored.status, stored.entitlement) == ("done", "gold")
    assert [one.sequence for one in read(store)] == list(range(1, 8))


def test_another_count_goes_on_behind_actions(store: Store) -> None:
    """Also with the late outcome of an action of the count before."""
    store.ledgers.record(news(1, 2))
    done(store, "gold/a")
    store.ledgers.record(news(1, count="count-2"))
    done(store, "gold/b")
    store.ledgers.record(news(2, count="count-2"))
    store.ledgers.record(news(3))
    assert told(store) == [(1, 1), (2, 2), (3, 2), (4, 1), (5, 1), (6, 2)]


def test_actions_and_rows_side_by_side_leave_no_gap(store: Store) -> None:
    """However many are recorded at once: all are there, the rows in their order."""

    def both(number: int) -> None:
        store.ledgers.record(news(number))
        done(store, f"gold/{number}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(both, range(1, 31)))
    found = list(read(store))
    assert [one.sequence for one in found] == list(range(1, 61))
    assert [one.data["row"] for one in found if "used_after" in one.data] == list(range(1, 31))
    assert len({one.data["key"] for one in found if "key" in one.data}) == 30


def test_what_became_of_an_action_says_what_its_type_has(store: Store) -> None:
    """All parts of its type, and no others."""
    failed(store)
    store.actions.record_action_retried(outcome("retried", by="ana"))
    done(store)
    for event in read(store):
        model = event_types()[event.type]
        assert model.model_validate(event.data).model_dump(mode="json", exclude_none=True) == event.data


def test_every_kind_of_row_has_a_type() -> None:
    """A row that were no event would be missing in the feed."""
    assert set(ROWS) == set(RowKind)
    assert len(set(ROWS.values())) == len(ROWS)

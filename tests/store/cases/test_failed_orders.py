"""Actions that failed for good are kept as they were ordered, until they are done, erased, or too old."""

from datetime import UTC, datetime, timedelta

import pytest

from store import Store
from tests.store.failed_orders import NOON, failed_order

KEY = "c-1/gold/answer/1/success/1/email"


def test_what_failed_is_kept_until_it_is_done(store: Store) -> None:
    """As it was ordered the last time that it failed."""
    assert store.actions.kept_order(KEY) is None
    for contact in ("ann@example.org", "bo@example.org"):
        store.actions.keep_order(failed_order(KEY, contact, body="\0 and \N{SNOWMAN}"))
    assert store.actions.kept_order(KEY) == failed_order(KEY, "bo@example.org", body="\0 and \N{SNOWMAN}")
    store.actions.record_action_failed(KEY, "550 no such user")
    assert store.actions.kept_order(KEY) is not None
    store.actions.record_action_done("c-1/gold/answer/1/success/1/task", at=NOON)
    assert store.actions.kept_order(KEY) is not None
    store.actions.record_action_done(KEY, at=NOON)
    assert store.actions.kept_order(KEY) is None


def test_what_is_worth_nothing_any_more_is_not_kept(store: Store) -> None:
    """Nobody tries it again."""
    store.actions.keep_order(failed_order(KEY, "ann@example.org"))
    store.actions.record_action_dropped(KEY, "expired: 2h have passed since it was due")
    assert store.actions.kept_order(KEY) is None


def test_it_is_kept_for_as_long_as_texts_are(store: Store) -> None:
    """Since it failed, by the clock on the wall."""
    store.actions.keep_order(failed_order(KEY, "ann@example.org"))
    store.texts.erase(datetime.now(UTC) - timedelta(hours=1))
    assert store.actions.kept_order(KEY) is not None
    store.texts.erase(datetime.now(UTC) + timedelta(hours=1))
    assert store.actions.kept_order(KEY) is None


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_what_failed_is_read_page_by_page(store: Store, size: int) -> None:
    """Each once and in order, though several failed at one instant."""
    for number in range(6):
        key = f"c-{number}/gold/answer/1/success/1/email"
        store.actions.record_action_failed(key, "550", at=NOON + timedelta(minutes=number // 4))
    everything = store.actions.failed()
    found = store.actions.failed(limit=size)
    while more := store.actions.failed(after=found[-1], limit=size):
        assert len(more) <= size
        found += more
    assert found == everything
    assert len(found) == 6

"""Events are forgotten after the days that are set, by one worker at a time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from store import Store
from tests.feeds import Recorded
from tests.support import assert_eventually
from worker.retention import EVERY, forget, forgetting


def test_one_of_all_workers_forgets(tmp_path: Path) -> None:
    """Another one has nothing to do within the hour; what is younger stays."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        store.cases.record(Recorded("c-1").remarks("one", "two"))
        now, month = datetime.now(UTC), timedelta(days=30)
        assert forget(store, month, "a", now) == 0
        later = now + timedelta(days=31)
        assert forget(store, month, "a", later) == 2, "of each case the last one is kept, and not shown"
        store.cases.record(Recorded("c-2").remarks("one"))
        assert forget(store, timedelta(), "b", later + timedelta(minutes=5)) == 0
        assert len(store.feed.read().events) == 2
        assert forget(store, timedelta(), "b", later + EVERY) == 1


async def test_a_worker_forgets_what_is_older_than_set(tmp_path: Path) -> None:
    """From the start on; with nothing set everything is kept."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        store.cases.record(Recorded("c-1").remarks("one", "two"))
        async with forgetting(store, None):
            assert len(store.feed.read().events) == 3

        async def is_empty() -> None:
            assert store.feed.read().events == []

        async with forgetting(store, 0):
            await assert_eventually(is_empty)

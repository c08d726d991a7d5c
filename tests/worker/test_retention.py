"""What is old is forgotten after the days that are set, by one worker at a time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from domain.errors import Refused
from store import Store
from store.answers import KEPT_FOR, Asked
from tests.feeds import Recorded
from tests.support import assert_eventually
from worker.retention import EVERY, Kept, forget, forgetting
from worker.settings import Settings

MONTH = Kept.of_days(events=30, texts=30)
NOTHING = Kept.of_days(events=0, texts=0)


def test_one_of_all_workers_forgets(tmp_path: Path) -> None:
    """Another one has nothing to do within the hour; what is younger stays."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        store.cases.record(Recorded("c-1").remarks("one", "two"))
        store.actions.record_mail("c-1/a", ["ann@example.org"], "due", "soon", datetime.now(UTC))
        now = datetime.now(UTC)
        assert forget(store, MONTH, "a", now) == (0, 0)
        later = now + timedelta(days=31)
        assert forget(store, MONTH, "a", later) == (2, 1), "of each case the last event is kept, and not shown"
        store.cases.record(Recorded("c-2").remarks("one"))
        assert forget(store, NOTHING, "b", later + timedelta(minutes=5)) == (0, 0)
        assert len(store.feed.read().events) == 2
        assert forget(store, NOTHING, "b", later + EVERY) == (1, 0)


def test_answers_are_forgotten_when_their_days_are_over(tmp_path: Path) -> None:
    """Those of the HTTP API, which are kept for seven."""
    now, asked = datetime.now(UTC), Asked("key/1", "k", "d", "a")
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        store.answers.begin(asked, now)
        forget(store, MONTH, "a", now + KEPT_FOR - EVERY)
        with pytest.raises(Refused, match="used for another request"):
            store.answers.begin(asked._replace(digest="other"), now)
        forget(store, MONTH, "a", now + KEPT_FOR + EVERY)
        assert store.answers.begin(asked._replace(digest="other"), now) is None


def test_events_are_kept_for_good_unless_set(tmp_path: Path) -> None:
    """Texts go after a month by themselves, and never at once."""
    settings = Settings()
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        store.cases.record(Recorded("c-1").remarks("one"))
        kept = Kept.of_days(events=settings.feed_days, texts=settings.message_days)
        assert kept.texts == timedelta(days=30)
        assert forget(store, kept, "a", datetime.now(UTC) + timedelta(days=10_000)) == (0, 0)
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Settings(message_days=0)


async def test_a_worker_forgets_what_is_older_than_set(tmp_path: Path) -> None:
    """From the start on."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        store.cases.record(Recorded("c-1").remarks("one", "two"))

        async def is_empty() -> None:
            assert store.feed.read().events == []

        async with forgetting(store, NOTHING):
            await assert_eventually(is_empty)

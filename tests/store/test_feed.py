"""The event feed: a reader at a cursor misses nothing and sees nothing twice, whoever commits when."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import event, text, update

from domain.errors import Refused
from domain.feed.envelope import FeedEvent
from domain.messages.steps import FeedPart
from store import Store, tables
from store.cases.feed import FeedGap
from store.events import _LAST, _STORED
from store.feed import FeedPage
from tests.feeds import Recorded

ROOT = Path(__file__).parents[2]


def read_all(store: Store, after: str | None = None, **which: Any) -> list[FeedEvent]:
    """Every event from a cursor on, page by page."""
    found: list[FeedEvent] = []
    while True:
        page = store.feed.read(after, limit=7, **which)
        found += page.events
        after = page.cursor
        if page.is_last:
            return found


def numbers(events: list[FeedEvent]) -> list[int]:
    return [one.sequence for one in events]


def test_events_are_written_with_their_record(store: Store) -> None:
    """Each note is an event in a CloudEvents envelope, numbered from 1; the same record again changes nothing."""
    case = Recorded("c-1")
    first = case.remarks("one", "two")
    for _ in range(2):
        store.cases.record(first)
    page = store.feed.read()
    assert [(one.sequence, one.type) for one in page.events] == [
        (1, "milepost.case.opened.v1"),
        (2, "milepost.case.news_refused.v1"),
        (3, "milepost.case.news_refused.v1"),
    ]
    shown = page.events[1].model_dump(mode="json")
    assert shown["specversion"] == "1.0"
    assert shown["subject"] == "case/c-1"
    assert shown["source"].startswith("urn:milepost:")
    assert shown["dataschema"] == "urn:milepost:schema:milepost.case.news_refused.v1"
    assert shown["data"] == {"case_id": "c-1", "account": "acme", "text": "one"}
    assert page.is_last
    assert store.feed.read(page.cursor).events == []


def test_a_gap_is_refused_with_its_record(store: Store) -> None:
    """Nothing of a record is stored before the events that come before its own; then it is taken."""
    case = Recorded("c-1")
    store.cases.record(case.remarks("one"))
    missing, early = case.remarks("two"), case.remarks("three")
    with pytest.raises(FeedGap, match="event 3 has not come yet, and 4 is here"):
        store.cases.record(early)
    assert len(store.cases.notes("c-1")) == 2
    store.cases.record(missing)
    store.cases.record(early)
    assert numbers(read_all(store)) == [1, 2, 3, 4]


def test_what_was_lost_is_bridged_by_a_snapshot(store: Store) -> None:
    """After a restore the missing events never come: one snapshot stands for them, and says for which."""
    case = Recorded("c-1")
    store.cases.record(case.remarks("one"))
    case.remarks("lost", "lost as well")
    store.cases.record(case.remarks("next"), bridges=True)
    found = read_all(store)
    assert numbers(found) == [1, 2, 4, 5]
    assert found[2].type == "milepost.case.snapshot.v1"
    assert found[2].data["stands_for_from"] == 3


def test_a_case_that_an_older_build_has_served_goes_on_with_its_numbers(store: Store) -> None:
    """A run that begins the feed anew goes on behind the events of earlier runs, however often it is tried, and is
    told how many its case has had."""
    case = Recorded("c-1")
    store.cases.record(case.remarks("one"))
    seen = read_all(store)
    again = Recorded("c-1", run_id="newer")
    begins = again.remarks("two")
    begins = begins.model_copy(
        update={
            "run": 3,
            "feed": FeedPart(first=1, is_snapshot=True),
            "carried": begins.carried.model_copy(update={"events": 3}),
        }
    )
    for _ in range(2):
        assert store.cases.record(begins) == 5
        assert store.cases.get("c-1").carried.events == 5
    found = read_all(store)
    assert found[:2] == seen
    assert numbers(found) == [1, 2, 3, 4, 5]
    assert (found[2].type, found[4].data["text"]) == ("milepost.case.snapshot.v1", "two")
    with pytest.raises(FeedGap, match="event 6 has not come yet, and 7 is here"):
        store.cases.record(again.remarks("late").model_copy(update={"run": 3, "feed": FeedPart(first=7)}))


def attempts(store: Store, lost: Sequence[str], taken: Sequence[str]) -> FeedPage:
    """What two attempts at the second step of a case remark, of which the server took the later one; between them a
    reader sees what is returned."""
    case, again = Recorded("c-1"), Recorded("c-1")
    store.cases.record(case.remarks("one"))
    store.cases.record(case.remarks(*lost))
    seen = store.feed.read()
    again.remarks("one")
    again.history += 5
    store.cases.record(again.remarks(*taken))
    return seen


def test_what_another_attempt_says_takes_its_place(store: Store) -> None:
    """Events that stay the same are not seen again; those of an attempt that came to nothing are superseded."""
    seen = attempts(store, ("two", "never", "never at all"), ("two", "so it was"))
    assert [one.data["text"] for one in read_all(store)] == ["case c-1 opened", "one", "two", "so it was"]
    later = store.feed.read(seen.cursor).events
    assert [(one.sequence, one.data["text"]) for one in later] == [(4, "so it was")]
    assert later[0].id not in {one.id for one in seen.events}


def test_what_says_the_same_behind_it_stays_behind_it(store: Store) -> None:
    """An attempt noticed one thing at another time, and then what it had noticed before: the order is that of the
    numbers, and the one that is the same is known by its id."""
    seen = attempts(store, ("at three", "already so"), ("at four", "already so"))
    assert [one.data["text"] for one in read_all(store)] == ["case c-1 opened", "one", "at four", "already so"]
    assert [one.sequence for one in read_all(store)] == [1, 2, 3, 4]
    later = store.feed.read(seen.cursor).events
    assert [(one.sequence, one.data["text"]) for one in later] == [(3, "at four"), (4, "already so")]
    assert [one.id in {each.id for each in seen.events} for one in later] == [False, True]


def test_a_reader_misses_no_slow_commit(store: Store) -> None:
    """A transaction that has its position and is slow to end holds later ones up: no higher one is seen before it."""
    slow, fast = Recorded("slow").remarks("one"), Recorded("fast").remarks("one")
    written, go_on = threading.Event(), threading.Event()

    def wait(connection: Any) -> None:
        if threading.current_thread().name.startswith("slow"):
            written.set()
            assert go_on.wait(60)

    event.listen(store._database._engine, "commit", wait)
    with ThreadPoolExecutor(1, "slow") as one, ThreadPoolExecutor(1, "fast") as other:
        first = one.submit(store.cases.record, slow)
        assert written.wait(60)
        second = other.submit(store.cases.record, fast)
        page = store.feed.read()
        assert page.events == []
        assert not second.done()
        go_on.set()
        first.result()
        second.result()
    subjects = [found.subject for found in read_all(store, page.cursor)]
    assert subjects == ["case/slow"] * 2 + ["case/fast"] * 2


WRITERS, CASES, RECORDS, NOTES = 4, 5, 25, 20
"""Each writer's cases, each case's records, each record's notes: 10,000 events and one opening for each case."""


def test_ten_thousand_events_are_each_read_once(store: Store) -> None:
    """While four writers write, a reader with a cursor gets every event once, and each case's in order."""

    def write(writer: int) -> None:
        cases = [Recorded(f"c-{writer}-{number}", account=f"a-{writer}") for number in range(CASES)]
        for step in range(RECORDS):
            for case in cases:
                store.cases.record(case.remarks(*(f"{step} {number}" for number in range(NOTES))))

    found: list[FeedEvent] = []
    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(write, number) for number in range(WRITERS)]
        after: str | None = None
        pages = 0
        while True:
            are_done = all(each.done() for each in writing)
            page = store.feed.read(after, limit=300)
            found += page.events
            after = page.cursor
            pages += 1
            if are_done and page.is_last:
                break
        for each in writing:
            each.result()
    expected = WRITERS * CASES * (RECORDS * NOTES + 1)
    assert expected > 10_000
    assert pages > 10, "the reader has read while they wrote"
    assert len(found) == expected
    assert len({one.id for one in found}) == expected
    by_case: dict[str, list[int]] = defaultdict(list)
    for one in found:
        by_case[one.subject].append(one.sequence)
    assert all(sequence == list(range(1, RECORDS * NOTES + 2)) for sequence in by_case.values())
    of_one = store.feed.read(account="a-2", limit=expected).events
    assert of_one == [one for one in found if one.data["account"] == "a-2"]


def test_readers_choose_by_type_account_and_subject(store: Store) -> None:
    """A cursor goes on behind what was not chosen too."""
    for case_id, account in (("c-1", "acme"), ("c-2", "other")):
        store.cases.record(Recorded(case_id, account=account).remarks("one", "two"))
    opened = "milepost.case.opened.v1"
    assert [one.subject for one in read_all(store, types=[opened])] == ["case/c-1", "case/c-2"]
    assert len(read_all(store, types=["milepost.case.news*", opened])) == 6
    assert {one.data["case_id"] for one in read_all(store, account="other")} == {"c-2"}
    page = store.feed.read(subject="case/c-1")
    assert numbers(page.events) == [1, 2, 3]
    assert store.feed.read(page.cursor).events == []


@pytest.mark.parametrize("cursor", ["", "abc", "e30", "WzEsMl0", "\N{SNOWMAN}", "W10"])
def test_what_is_no_cursor_is_refused(store: Store, cursor: str) -> None:
    """Whatever somebody makes up."""
    with pytest.raises(Refused) as refused:
        store.feed.read(cursor)
    assert refused.value.code == "bad_cursor"


@contextmanager
def restored(store: Store) -> Iterator[None]:
    """What is written within the context is not there any more after it, as after the restore of a backup."""
    with store._database.read() as connection:
        last = connection.execute(text("SELECT last FROM feed")).scalar_one()
    yield
    with store._database.write() as connection:
        connection.execute(tables.events.delete().where(tables.events.c.position > last))
        connection.execute(update(tables.feed).values(last=last))


@pytest.mark.parametrize("written_since", [0, 1, 5])
def test_a_cursor_from_before_a_restore_is_told_so(store: Store, written_since: int) -> None:
    """Also when as many events have come since then, or more."""
    store.cases.record(Recorded("c-1").remarks("one"))
    kept = store.feed.read().cursor
    with restored(store):
        store.cases.record(Recorded("c-2").remarks("lost"))
        ahead = store.feed.read().cursor
    for number in range(written_since):
        store.cases.record(Recorded(f"n-{number}").remarks("new"))
    assert len(store.feed.read(kept).events) == 2 * written_since
    with pytest.raises(Refused, match="before a restore") as refused:
        store.feed.read(ahead)
    assert refused.value.code == "cursor_before_restore"


def test_a_cursor_of_another_feed_is_told_so(store: Store) -> None:
    """Two installations have nothing to do with one another."""
    store.cases.record(Recorded("c-1").remarks("one"))
    cursor = store.feed.read().cursor
    with store._database.write() as connection:
        connection.execute(update(tables.feed).values(source="urn:milepost:another-feed"))
    with pytest.raises(Refused) as refused:
        store.feed.read(cursor)
    assert refused.value.code == "cursor_of_another_feed"


def test_a_cursor_older_than_what_is_kept_is_told_so(store: Store) -> None:
    """What is forgotten is gone for readers; the numbers of quiet cases go on where they were."""
    quiet = Recorded("quiet")
    store.cases.record(quiet.remarks("one"))
    old = store.feed.read(limit=1).cursor
    assert store.feed.prune(datetime.now(UTC) - timedelta(days=1)) == 0
    store.feed.prune(datetime.now(UTC) + timedelta(seconds=1))
    with pytest.raises(Refused, match="older than what is kept") as refused:
        store.feed.read(old)
    assert refused.value.code == "cursor_too_old"
    assert store.feed.read().events == []
    store.cases.record(quiet.remarks("two"))
    assert numbers(store.feed.read().events) == [3]


def test_another_workflow_of_a_case_counts_on(store: Store) -> None:
    """A case whose workflow was terminated and begun anew has one sequence."""
    first = Recorded("c-1", run_id="first")
    store.cases.record(first.remarks("one"))
    assert store.feed.last_before("c-1", "first") == 0
    assert store.feed.last_before("c-1", "second") == 2
    second = Recorded("c-1", run_id="second")
    second.events = 2
    opening = second.remarks("anew").model_copy(update={"history": 0})
    store.cases.record(opening.model_copy(update={"asked_at": datetime.now(UTC)}))
    assert numbers(read_all(store)) == [1, 2, 3, 4]


def test_a_record_reads_its_own_events_alone(store: Store) -> None:
    """However many events there are: by the index of subjects, whose condition each database spells its own way."""
    store.cases.record(Recorded("c-1").remarks("one"))
    asked = "EXPLAIN QUERY PLAN" if store._database._engine.dialect.name == "sqlite" else "EXPLAIN"
    with store._database.write() as connection:
        if asked == "EXPLAIN":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        for statement, values in ((_STORED, {"from_sequence": 1}), (_LAST, {})):
            compiled = statement.compile(connection.engine)
            parameters = {**compiled.params, "of_subject": "case/c-1", **values}
            given = [parameters[name] for name in compiled.positiontup or ()]
            plan = connection.exec_driver_sql(f"{asked} {compiled}", tuple(given) or parameters).all()
            assert "ix_events_subject_sequence" in str(plan)


def test_a_database_from_before_the_feed_gets_one(url: str) -> None:
    """What is in it stays; its cases begin with their next record."""
    case = Recorded("c-1")
    with Store.open(url) as store:
        store.cases.record(case.remarks("one").model_copy(update={"feed": None}))
        with store._database.write() as connection:
            config = Config()
            config.set_main_option("script_location", str(ROOT / "store" / "migrations"))
            config.attributes["connection"] = connection
            command.downgrade(config, "0008")
    with Store.open(url) as store:
        assert len(store.cases.notes("c-1")) == 2
        assert store.feed.read().events == []
        case.events = 0
        begins = case.remarks("two")
        assert begins.feed is not None
        store.cases.record(begins.model_copy(update={"feed": begins.feed.model_copy(update={"is_snapshot": True})}))
        found = store.feed.read().events
        assert [one.type for one in found] == ["milepost.case.snapshot.v1", "milepost.case.news_refused.v1"]
        assert numbers(found) == [1, 2]

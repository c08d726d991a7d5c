"""Tasks: one under each key, found by whose they are and when they are due, done and undone on record."""

import random
import string
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from domain.bounds import cut_for_search
from domain.errors import NotFound
from store import Store, tables

T0 = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
KEY = "c-1/gold/answer/1/violation-0/1/task"


def hours(count: int) -> datetime:
    return T0 + timedelta(hours=count)


def put(store: Store, key: str = KEY, **also: Any) -> bool:
    facts: dict[str, Any] = {"subject": "call", "assign_to": "desk", "body": "", "at": T0, **also}
    return store.actions.record_task(key, **facts)


def test_a_task_is_done_and_undone_on_record(store: Store) -> None:
    """By whom and when, each time; the same twice changes nothing."""
    put(store)
    assert store.tasks.tick(KEY, done=True, by="ana", at=hours(1))
    assert not store.tasks.tick(KEY, done=True, by="ben", at=hours(2))
    [task] = store.tasks.find()
    assert (task.done_at, task.done_by) == (hours(1), "ana")
    assert store.tasks.tick(KEY, done=False, by="ben", at=hours(3))
    assert not store.tasks.tick(KEY, done=False, by="ana", at=hours(4))
    [task] = store.tasks.find(done=False)
    assert (task.done_at, task.done_by) == (None, None)
    ticks = [(tick.number, tick.is_done, tick.at, tick.by) for tick in store.tasks.ticks(KEY)]
    assert ticks == [(1, True, hours(1), "ana"), (2, False, hours(3), "ben")]


def test_a_retry_makes_no_second_task(store: Store) -> None:
    """And opens none that was done meanwhile."""
    assert put(store)
    store.tasks.tick(KEY, done=True, by="ana", at=hours(1))
    assert not put(store)
    assert [task.done_by for task in store.tasks.find()] == ["ana"]


def test_a_task_is_found_by_a_long_owner_too(store: Store) -> None:
    """What a template says may be longer than any index takes."""
    owner = "".join(random.Random(3).choices(string.ascii_letters, k=30_000))  # noqa: S311  not a secret
    put(store, assign_to=owner)
    [task] = store.tasks.find(owner=owner)
    assert task.assign_to == cut_for_search(owner)


def test_many_who_tick_a_task_off_are_one(store: Store) -> None:
    """Eight at once: one of them has done it."""
    put(store)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda n: store.tasks.tick(KEY, done=True, by=f"p-{n}", at=hours(n)), range(8)))
    assert (done.count(True), len(store.tasks.ticks(KEY))) == (1, 1)


def test_a_task_says_what_another_system_calls_its_case(store: Store) -> None:
    """One by one and in a list; nothing where there is no other id, or no case."""
    kept = {"run": 1, "history": 1, "number": 1, "run_id": "r", "view": {}, "carried": {}}
    stands = {"status": "compliant", "stopped": False, "opened_at": T0}
    with store._database.write() as connection:
        connection.execute(tables.cases.insert(), {"case_id": "INC~2F1", "external_id": "INC/1", **kept, **stands})
    put(store, "INC~2F1/gold/answer/1/violation-0/1/task")
    put(store)
    assert [task.external_id for task in store.tasks.find()] == ["INC/1", None]
    assert [task.external_id for task in store.tasks.find("INC~2F1")] == ["INC/1"]
    assert store.tasks.get("INC~2F1/gold/answer/1/violation-0/1/task").external_id == "INC/1"


def test_an_unknown_task_is_said_to_be_none(store: Store) -> None:
    """Neither done nor undone."""
    for done in (True, False):
        with pytest.raises(NotFound, match="unknown task 'c-9/x'"):
            store.tasks.tick("c-9/x", done=done, by="ana", at=T0)


def test_tasks_are_found_by_what_they_are(store: Store) -> None:
    """Open or done, an owner's, a case's, an account's, due before an instant; and by all of these together."""
    put(store, "c-1/a", account="acme", due_at=hours(2))
    put(store, "c-1/b", account="acme", assign_to="", at=hours(1))
    put(store, "c-2/a", account="umbrella", due_at=hours(4), at=hours(2))
    store.tasks.tick("c-2/a", done=True, by="ana", at=hours(3))

    def keys(*case: str, **wanted: Any) -> list[str]:
        return [task.key for task in store.tasks.find(*case, **wanted)]

    assert keys() == ["c-1/a", "c-1/b", "c-2/a"]
    assert keys(done=False) == ["c-1/a", "c-1/b"]
    assert keys(done=True) == ["c-2/a"]
    assert keys(owner="desk") == ["c-1/a", "c-2/a"]
    assert keys(owner="") == ["c-1/b"]
    assert keys("c-1") == ["c-1/a", "c-1/b"]
    assert keys(account="umbrella") == ["c-2/a"]
    assert keys(due_before=hours(4)) == ["c-1/a"]
    assert keys("c-1", done=False, owner="desk", account="acme", due_before=hours(3)) == ["c-1/a"]
    assert keys(limit=2) == ["c-1/a", "c-1/b"]


def test_tasks_from_before_they_had_a_due_time_are_kept(store: Store) -> None:
    """They are open, nobody's account and due at no time; and can be ticked off."""
    put(store)
    with store._database.write() as connection:
        config = Config()
        config.set_main_option("script_location", "store:migrations")
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        assert connection.execute(text("SELECT subject FROM tasks")).scalars().all() == ["call"]
        command.upgrade(config, "head")
    [task] = store.tasks.find(done=False)
    assert (task.key, task.subject, task.at, task.account, task.due_at) == (KEY, "call", T0, None, None)
    assert store.tasks.tick(KEY, done=True, by="ana", at=hours(1))

"""Waiting for events: until there is one that is chosen, and no longer than somebody wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.subscriptions import waiting
from activities.subscriptions.waiting import ASKS_AGAIN_AFTER, Waiting
from domain.catalog.documents import read_document
from domain.subscriptions.requests import WaitRequest
from domain.subscriptions.state import DeadLetter, SubscriptionState, WaitReport
from store import Store
from tests.feeds import T0, Recorded


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(waiting, "LOOKS_EVERY", 0.01)
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as opened:
        declare(opened)
        yield opened


def declare(store: Store, **also: Any) -> None:
    endpoint = {"id": "desk", "url": "https://desk.example.com", "secrets": [{"env": "S"}]}
    declared = {"id": "s", "endpoint": "desk", "types": ["case.opened"], **also}
    store.catalog.apply(read_document({"endpoints": [endpoint], "subscriptions": [declared]}), by="test")


def wait(waits: Waiting, cursor: str) -> asyncio.Task[WaitReport]:
    request = WaitRequest(subscription_id="s", state=SubscriptionState(cursor=cursor))
    return asyncio.create_task(ActivityEnvironment().run(waits.wait, request))


async def test_waiting_ends_with_a_chosen_event(store: Store) -> None:
    """Others move the cursor past them, which is kept when it ends."""
    case = Recorded("c-1")
    store.cases.record(case.remarks("a"))
    begun = store.feed.end()
    waits = wait(Waiting(store), begun)
    store.cases.record(case.remarks("b"))
    await asyncio.sleep(0.1)
    assert not waits.done()
    before = store.feed.end()
    store.cases.record(Recorded("c-2").remarks("a"))
    report = await asyncio.wait_for(waits, 30)
    assert report.found
    assert report.cursor in {begun, before}
    assert [one.subject for one in store.feed.read(report.cursor, types=["milepost.case.opened.v1"]).events] == [
        "case/c-2"
    ]


async def test_waiting_ends_when_its_workflow_has_gone_on(store: Store) -> None:
    """What waited before leaves its place to what waits now; so it does when the worker is about to end."""
    waits = Waiting(store)
    first = wait(waits, store.feed.end())
    await asyncio.sleep(0.05)
    second = wait(waits, store.feed.end())
    assert not (await asyncio.wait_for(first, 30)).found
    assert not second.done()
    waits.leave("s")
    assert not (await asyncio.wait_for(second, 30)).found


async def test_waiting_ends_with_the_declaration(store: Store) -> None:
    """And a dead letter that is to be sent again is something to send."""
    letter = {
        "event_id": "e",
        "position": 1,
        "subject": "case/1",
        "sequence": 1,
        "type": "t",
        "attempts": 10,
        "reason": "",
    }
    given_up = [DeadLetter.model_validate({**letter, "at": T0})]
    store.subscriptions.keep("s", SubscriptionState(cursor="c", given_up=given_up), T0)
    waits = wait(Waiting(store), store.feed.end())
    store.dead_letters.send_again("s")
    assert (await asyncio.wait_for(waits, 30)).found
    store.dead_letters.settle("s", "e", arrived=True, said="", at=T0)
    waits = wait(Waiting(store), store.feed.end())
    declare(store, retired=True)
    report = await asyncio.wait_for(waits, 30)
    assert report.trouble is not None
    assert report.trouble.kind == "ended"


async def test_who_finds_no_room_asks_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that wait take no more than their share of a worker; what is there is found all the same."""
    monkeypatch.setattr(waiting, "MOST_AT_ONCE", 0)
    begun = store.feed.end()
    report = await wait(Waiting(store), begun)
    assert (report.found, report.again_after) == (False, ASKS_AGAIN_AFTER)
    store.cases.record(Recorded("c-1").remarks("a"))
    report = await wait(Waiting(store), begun)
    assert (report.found, report.again_after.total_seconds()) == (True, 0)


async def test_a_cursor_that_the_feed_does_not_take_ends_it(store: Store) -> None:
    """With what is wrong with it."""
    report = await wait(Waiting(store), "nonsense")
    assert report.trouble is not None
    assert (report.trouble.kind, "no cursor" in report.trouble.said) == ("cursor", True)

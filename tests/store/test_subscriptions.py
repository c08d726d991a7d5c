"""Subscriptions in the store: how each stands, what it gave up, what workflows are to be told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from domain.catalog.documents import read_document
from domain.errors import NotFound, Refused
from domain.subscriptions.state import DeadLetter, Lane, Pause, SubscriptionState
from store import Store, tables
from store.database import Database, _address, _engine
from tests.feeds import Recorded

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 6, 1, 9, tzinfo=UTC)


def declare(store: Store, *names: str, **also: Any) -> None:
    endpoint = {"id": "desk", "url": "https://desk.example.com", "secrets": [{"env": "S"}]}
    declared = [{"id": name, "endpoint": "desk", **also} for name in names]
    store.catalog.apply(read_document({"endpoints": [endpoint], "subscriptions": declared}), by="test")


def letter(number: int, **also: Any) -> DeadLetter:
    told = {"event_id": f"e{number}", "position": number, "subject": "case/1", "sequence": number, "type": "t"}
    return DeadLetter.model_validate({**told, "attempts": 10, "reason": "HTTP 500", "at": AT, **also})


def test_how_one_stands_is_kept(store: Store) -> None:
    """With all that another run begins with; before it has told anything it has not begun."""
    declare(store, "s")
    assert store.subscriptions.standing("s").status is None
    state = SubscriptionState(cursor="c", sent=3)
    store.subscriptions.keep("s", state, AT)
    standing = store.subscriptions.standing("s")
    assert (standing.state, standing.status, standing.told_at) == (state, "running", AT)
    paused = state.model_copy(update={"paused": Pause(why="hand", at=AT, by="ann")})
    store.subscriptions.keep("s", paused, AT)
    assert [(one.state, one.status) for one in store.subscriptions.standings()] == [(paused, "paused")]
    with pytest.raises(NotFound, match="unknown subscription 'x'"):
        store.subscriptions.standing("x")


def test_what_is_still_to_be_sent_is_not_forgotten(store: Store) -> None:
    """Of a case that one is behind with; once it is through, it goes as all that is old."""
    declare(store, "s", "other", "gone")
    for case_id in ("held", "quiet"):
        store.cases.record(Recorded(case_id).remarks("one", "two", "three"))
    positions = [at for at, _ in store.feed.rest_of("case/held", after=0, until=99)]
    for name, done in (("other", positions[2]), ("s", positions[1]), ("gone", 0)):
        state = SubscriptionState(cursor="c", lanes=[Lane(subject="case/held", done=done)])
        store.subscriptions.keep(name, state, AT, is_ended=name == "gone")
    assert store.subscriptions.still_to_send() == {"case/held": positions[1]}
    soon = datetime.now(UTC) + timedelta(seconds=1)
    assert store.feed.prune(soon, store.subscriptions.still_to_send()) == 2 + len(positions) - 1
    assert [at for at, _ in store.feed.rest_of("case/held", after=0, until=99)] == positions[2:]
    for name in ("s", "other"):
        store.subscriptions.keep(name, SubscriptionState(cursor="c"), AT)
    store.cases.record(Recorded("later").remarks("one"))
    store.feed.prune(datetime.now(UTC) + timedelta(seconds=1), store.subscriptions.still_to_send())
    assert [at for at, _ in store.feed.rest_of("case/held", after=0, until=99)] == positions[-1:]


def test_what_workflows_are_to_be_told(store: Store) -> None:
    """Those that have not begun, those that are retired, and those whose endpoint is on again."""
    declare(store, "new", "old", "off")
    store.subscriptions.keep("old", SubscriptionState(cursor="c"), AT)
    pause = Pause(why="endpoint", at=AT)
    store.subscriptions.keep("off", SubscriptionState(cursor="c", paused=pause), AT)
    store.endpoints.switch("desk", off_at=AT, said="HTTP 410")
    assert store.subscriptions.unsynchronised() == (["new"], [], [])
    store.endpoints.switch("desk", off_at=None)
    declare(store, "old", retired=True)
    assert store.subscriptions.unsynchronised() == (["new"], ["old"], ["off"])
    assert store.subscriptions.active() == ["new", "off"]
    store.subscriptions.has_ended("old")
    assert store.subscriptions.unsynchronised().to_end == []
    declare(store, "old")
    assert store.subscriptions.unsynchronised().to_begin == ["new", "old"]


def test_dead_letters_are_kept_apart_and_sent_again(store: Store) -> None:
    """Those of one subscription are no other's. Told twice one is on record once, as it stands by then."""
    declare(store, "s", "other")
    state = SubscriptionState(cursor="c", given_up=[letter(1), letter(2)])
    store.subscriptions.keep("s", state, AT)
    store.subscriptions.keep("other", SubscriptionState(cursor="c", given_up=[letter(1)]), AT)
    assert store.subscriptions.standing("s").dead == 2
    assert store.dead_letters.send_again("s", ["e1"]) == 1
    assert store.dead_letters.waiting("s", 10) == [letter(1)]
    store.dead_letters.settle("s", "e1", arrived=True, said="arrived", at=AT)
    store.subscriptions.keep("s", state, AT)  # by a run that did not hear that they are on record
    assert [one.letter.event_id for one in store.dead_letters.listed("s")] == ["e2"]
    assert store.dead_letters.send_again("s") == 1
    store.dead_letters.settle("s", "e2", arrived=False, said="HTTP 503", at=AT)
    [kept] = store.dead_letters.listed("s")
    assert (kept.status, kept.said) == ("given_up", "HTTP 503")
    assert [one.letter.event_id for one in store.dead_letters.listed("other")] == ["e1"]
    with pytest.raises(Refused, match="'e9' is no dead letter"):
        store.dead_letters.send_again("s", ["e2", "e9"])
    assert store.dead_letters.waiting("s", 10) == []
    assert store.dead_letters.prune(AT + timedelta(seconds=1)) == 3


def test_one_that_is_given_up_again_is_dead_again(store: Store) -> None:
    """After a replay, say; with the reason that it has now."""
    declare(store, "s")
    store.subscriptions.keep("s", SubscriptionState(cursor="c", given_up=[letter(1)]), AT)
    store.dead_letters.send_again("s")
    store.dead_letters.settle("s", "e1", arrived=True, said="arrived", at=AT)
    again = letter(1, at=AT + timedelta(days=5), reason="HTTP 400")
    store.subscriptions.keep("s", SubscriptionState(cursor="c", given_up=[again]), AT)
    assert [one.letter for one in store.dead_letters.listed("s")] == [again]


def test_the_rest_of_a_subject_is_read_between_positions(store: Store) -> None:
    """Of that subject alone, chosen as the feed is, each event with its position."""
    cases = [Recorded("c-1"), Recorded("c-2", account="umbrella")]
    for text in ("a", "b", "c"):
        for case in cases:
            store.cases.record(case.remarks(text))
    page = store.feed.read()
    assert page.positions == list(range(1, 9))
    assert (page.end, page.behind) == (8, 0)
    mine = [at for at, event in zip(page.positions, page.events, strict=True) if event.subject == "case/c-1"]
    rest = store.feed.rest_of("case/c-1", after=mine[0], until=mine[-2])
    assert [at for at, _ in rest] == mine[1:-1]
    assert store.feed.rest_of("case/c-2", after=0, until=8, accounts=["acme"]) == []
    assert len(store.feed.rest_of("case/c-2", after=0, until=8, accounts=["umbrella"], limit=2)) == 2
    assert len(store.feed.read(accounts=["umbrella"]).events) == 4
    assert store.feed.at(mine[0]) == rest_event(store, mine[0])
    assert store.feed.position(store.feed.end()) == store.feed.last() == 8
    assert store.feed.position(None) == 0
    assert store.feed.at(99) is None


def rest_event(store: Store, position: int) -> Any:
    page = store.feed.read()
    return page.events[page.positions.index(position)]


def test_a_database_from_before_subscriptions_gets_them(url: str) -> None:
    """With rows of the first schema; what is in it stays."""
    old = Database(_engine(_address(url)))
    with old.write() as connection:
        config = Config()
        config.set_main_option("script_location", str(ROOT / "store" / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        row = {"id": "acme", "name": "", "retired": False, "definition": {"id": "acme", "name": "Acme"}}
        connection.execute(tables.accounts.insert().values(row))
    old.close()
    with Store.open(url) as store:
        assert store.catalog.account("acme").name == "Acme"
        declare(store, "s")
        store.subscriptions.keep("s", SubscriptionState(cursor="c", given_up=[letter(1)]), AT)
        assert store.subscriptions.standing("s").dead == 1

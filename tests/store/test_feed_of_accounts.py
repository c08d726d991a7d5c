"""The event feed of some accounts: an event says which one it follows, where what lies between was another's."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, text

from store import Store
from store.feed import _newest_before
from tests.feeds import Recorded

ACME, GLOBEX = ("acme",), ("globex",)
Marks = dict[tuple[str, int], int | None]


def moved(store: Store, case_id: str, *steps: tuple[str | None, int]) -> None:
    """A case that goes from account to account, with so many remarks in each; its opening is one event more."""
    case = Recorded(case_id)
    for account, many in steps:
        case.account = account
        store.cases.record(case.remarks(*(f"{account} {number}" for number in range(many))))


def marks(store: Store, accounts: Collection[str], *, limit: int = 1000, **which: Any) -> Marks:
    """What each event of some accounts says that it follows, page by page."""
    found: Marks = {}
    after: str | None = None
    while True:
        page = store.feed.read(after, accounts=accounts, marks_gaps=True, limit=limit, **which)
        found |= {(one.subject, one.sequence): one.follows for one in page.events}
        after = page.cursor
        if page.is_last:
            return found


def marked(found: Marks) -> dict[str, int]:
    """Those that say so, in short."""
    return {f"{subject} {sequence}": number for (subject, sequence), number in found.items() if number is not None}


@pytest.fixture
def cases(store: Store) -> Store:
    """A store with a case that was another account's twice in between, once nobody's, and with two other cases."""
    moved(store, "c-1", ("acme", 2), ("globex", 2), ("acme", 1), (None, 1), ("globex", 1), ("acme", 2))
    moved(store, "c-2", ("globex", 3), ("acme", 2))
    moved(store, "c-3", ("acme", 3))
    return store


def test_an_event_says_which_it_follows_past_others(cases: Store) -> None:
    """The number of the newest one before it that its reader may see; 0: there is none. No other event says so."""
    assert marked(marks(cases, ACME)) == {"case/c-1 6": 3, "case/c-1 9": 6, "case/c-2 5": 0}
    assert marked(marks(cases, GLOBEX)) == {"case/c-1 4": 0, "case/c-1 8": 5}
    assert marked(marks(cases, ACME + GLOBEX)) == {"case/c-1 8": 6}
    assert {one.follows for one in cases.feed.read(accounts=ACME).events} == {None}
    assert "follows" not in cases.feed.read(accounts=ACME).events[0].model_dump()


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_what_it_follows_depends_on_no_page(cases: Store, limit: int) -> None:
    """Wherever a page begins or ends."""
    assert marks(cases, ACME, limit=limit) == marks(cases, ACME)


@pytest.mark.parametrize(
    "which",
    [
        {"types": ["milepost.case.news*"]},
        {"types": ["milepost.case.opened.v1"]},
        {"account": "acme"},
        {"account": "globex"},
        {"subject": "case/c-1"},
        {"subject": "case/c-2", "types": ["milepost.case.news*"]},
    ],
)
@pytest.mark.parametrize("accounts", [ACME, GLOBEX, ACME + GLOBEX])
def test_what_it_follows_depends_on_no_choice(cases: Store, accounts: tuple[str, ...], which: dict[str, Any]) -> None:
    """Whatever else is asked for: only what the reader's accounts may see counts."""
    whole = marks(cases, accounts)
    chosen = marks(cases, accounts, **which)
    assert chosen == {place: whole[place] for place in chosen}


def test_what_was_superseded_is_followed_by_nothing(store: Store) -> None:
    """Of an attempt that came to nothing."""
    case = Recorded("c-1")
    store.cases.record(case.remarks("one"))
    store.cases.record(case.remarks("two", "never"))
    again = Recorded("c-1")
    again.remarks("one")
    again.history += 5
    again.account = "globex"
    store.cases.record(again.remarks("so it was"))
    again.account = "acme"
    store.cases.record(again.remarks("back"))
    assert marked(marks(store, ACME)) == {"case/c-1 4": 2}


def test_what_is_forgotten_is_followed_by_nothing(store: Store) -> None:
    """The first one of a subject that is kept follows none; one that the store still has is followed."""
    case = Recorded("c-1")
    store.cases.record(case.remarks("one"))
    before = datetime.now(UTC)
    store.cases.record(case.remarks("two", "three"))
    assert store.feed.prune(before) == 2
    assert marks(store, ACME) == {("case/c-1", 3): 0, ("case/c-1", 4): None}


def test_a_page_is_marked_by_one_statement(cases: Store) -> None:
    """However many cases it is about; by none, where nothing is to be found out."""
    asked: list[str] = []
    event.listen(cases._database._engine, "before_cursor_execute", lambda _c, _k, said, *_: asked.append(said))

    def statements(*, marks_gaps: bool, **which: Any) -> int:
        asked.clear()
        assert cases.feed.read(accounts=ACME, marks_gaps=marks_gaps, **which).events
        return len(asked)

    expected: list[tuple[dict[str, Any], int]] = [({}, 1), ({"limit": 1}, 0), ({"subject": "case/c-3"}, 0)]
    for which, more in expected:
        assert statements(marks_gaps=True, **which) == statements(marks_gaps=False, **which) + more


def test_an_index_leads_to_what_an_event_follows(cases: Store) -> None:
    """To the events of its own subject alone, from the newest on."""
    engine = cases._database._engine
    asked = _newest_before([1, 2, 3], ACME).compile(engine, compile_kwargs={"literal_binds": True})
    with cases._database.write() as connection:
        if engine.dialect.name == "sqlite":
            plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}").all())
            assert "SCAN" not in plan
        else:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            plan = str(connection.exec_driver_sql(f"EXPLAIN {asked}").all())
    assert "ix_events_subject_sequence" in plan

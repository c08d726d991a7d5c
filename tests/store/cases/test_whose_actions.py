"""Actions of a case that went over to another account: each account sees those of its own time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.process import ActionCall, Email, TriggerKind
from domain.timeline.effects import NoteKind, TriggerFired
from store import Store
from tests.feeds import Recorded, at

ACME, GLOBEX = ["acme"], ["globex"]
SETTLED = at(1000)
"""What fired before stays, though the case's own timeline knows nothing of it."""


class Stored(Recorded):
    """A case whose records are stored as they are made."""

    def __init__(self, store: Store, case_id: str) -> None:
        super().__init__(case_id)
        self.store = store

    def fires(self, process: str, minute: int) -> str:
        """A trigger fires; the key of its one action, a mail that can't be sent."""
        key = f"{self.timeline.state.case_id}/{process}/answer/1/success/1/email"
        mail = Email(do="email", id="email", to=["a@example.com"], subject="x")
        fired = TriggerFired(
            milestone="Answer",
            occurrence=1,
            trigger="success",
            kind=TriggerKind.SUCCESS,
            firing=1,
            due_at=at(minute),
            at=at(minute),
            noticed_at=at(minute),
            calls=[ActionCall(key=key, action=mail)],
        )
        self.store.cases.record(self.record([fired], settled_at=SETTLED))
        self.store.actions.record_action_failed(key, "no such host")
        return key

    def goes_over(self, account: str, minute: int) -> None:
        """To an entitlement of an account."""
        self.account = account
        effects = self.timeline.remark(NoteKind.ENTITLEMENT_CHANGED, at(minute), "the case goes over")
        self.store.cases.record(self.record(effects, settled_at=SETTLED))


def seen(store: Store, accounts: list[str] | None) -> list[str]:
    """The keys of the actions that some accounts see, however they are asked for."""
    keys = [action.key for action in store.actions.of_case("c-1", accounts=accounts)]
    assert [action.key for action in store.actions.failed(accounts=accounts)] == keys
    assert [key for key in keys if store.actions.get(key, accounts=accounts) is None] == []
    return keys


@pytest.fixture
def case(store: Store) -> Stored:
    """A case of acme."""
    return Stored(store, "c-1")


def test_actions_from_before_a_case_was_an_accounts_are_not_seen(store: Store, case: Stored) -> None:
    """They stay the other account's, of which the case is no more; whoever is bound to none sees all."""
    before = case.fires("gold", 1)
    assert seen(store, ACME) == [before]
    case.goes_over("globex", 2)
    after = case.fires("silver", 3)
    assert (seen(store, GLOBEX), seen(store, ACME), seen(store, None)) == ([after], [], [before, after])
    assert store.actions.get(before, accounts=GLOBEX) is None
    assert seen(store, [*ACME, *GLOBEX]) == [before, after]
    case.goes_over("acme", 4)
    assert seen(store, ACME) == [before]


def test_a_change_within_an_account_hides_nothing(store: Store, case: Stored) -> None:
    """Another entitlement of the same account."""
    before = case.fires("gold", 1)
    case.goes_over("acme", 2)
    after = case.fires("silver", 3)
    assert seen(store, ACME) == [before, after]


def test_where_the_feed_has_forgotten_only_what_came_later_is_seen(store: Store, case: Stored) -> None:
    """Whose it was before a case went over is not known then."""
    before = case.fires("gold", 1)
    case.goes_over("globex", 2)
    after = case.fires("silver", 3)
    case.goes_over("globex", 4)
    last = case.fires("bronze", 5)
    store.cases.record(
        case.record(case.timeline.remark(NoteKind.REFUSED, at(6), "the newest stays"), settled_at=SETTLED)
    )
    store.feed.prune(datetime.now(UTC) + timedelta(days=1))
    assert (seen(store, GLOBEX), seen(store, None)) == ([last], [before, after, last])

"""Lists of tasks, of what goes out and of entitlements: an index leads to what is shown, whatever else there is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from domain.catalog.declarations import Catalog
from starters.operations.running_out import RunningOut
from store import Store
from tests.store.asked import Asked

T0 = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)
CATALOG = {
    "accounts": [{"id": "acme"}],
    "entitlements": [{"id": "gold", "account": "acme", "allowance": {"unit": "cases", "cap": 9}}],
}
SENT, UNSENT = "ix_deliveries_last_at", "ix_deliveries_status_last_at"
LISTS: dict[str, tuple[Callable[[Store], object], list[str]]] = {
    "tasks": (lambda store: store.tasks.find(), ["ix_tasks_at_key"]),
    "open tasks": (lambda store: store.tasks.find(done=False), ["ix_tasks_at_undone"]),
    "tasks due": (lambda store: store.tasks.find(done=False, due_before=T0), ["ix_tasks_at_undone"]),
    "tasks after": (lambda store: store.tasks.find(after=(T0, "k")), ["ix_tasks_at_key"]),
    "somebody's tasks": (lambda store: store.tasks.find(owner="ann"), ["ix_tasks_assign_to_at"]),
    "an account's tasks": (lambda store: store.tasks.find(account="acme"), ["ix_tasks_account_at"]),
    "outbox": (lambda store: store.outbox.newest(limit=50), [SENT, SENT, "ix_mails_unasked"]),
    "what waits": (lambda store: store.outbox.newest(status="waits", limit=50), [UNSENT, UNSENT]),
    "what is kept": (lambda store: store.outbox.newest(status="kept", limit=50), ["ix_mails_unasked"]),
    "messages": (
        lambda store: store.outbox.newest(channel="outbound_message", limit=50),
        ["ix_deliveries_channel_last_at", "ix_deliveries_channel_last_at"],
    ),
    "messages that failed": (
        lambda store: store.outbox.newest(channel="outbound_message", status="failed", limit=50),
        ["ix_deliveries_channel_status", "ix_deliveries_channel_status"],
    ),
}


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", LISTS)
def test_an_index_leads_to_what_is_listed(store: Store, name: str) -> None:
    """In its order, so that nothing is sorted but what was never tried yet."""
    ask, indexes = LISTS[name]
    with Asked(store) as asked:
        ask(store)
    plans = {said: plan for said, plan in asked.plans().items() if " IN (" not in said}
    assert len(plans) == len(indexes)
    for (said, plan), index in zip(plans.items(), indexes, strict=True):
        assert index in plan
        assert "TEMP B-TREE" not in plan or "last_at IS NULL" in said


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_is_left_of_an_entitlement_is_its_last_row(store: Store) -> None:
    """Of the ledger nothing else is read, and no account by itself."""
    store.catalog.apply(Catalog.model_validate(CATALOG), by="test")
    with Asked(store) as asked:
        RunningOut(store).soonest(now=T0, by="left", limit=9)
    [plan] = [plan for said, plan in asked.plans().items() if "FROM entitlements JOIN ledger" in said]
    assert "SCAN" not in plan
    assert "SEARCH row USING INDEX sqlite_autoindex_ledger_1 (entitlement=? AND count=? AND number=?)" in plan
    assert "SEARCH found USING INDEX ix_ledger_period (entitlement=? AND count=?)" in plan
    assert "SEARCH newest USING COVERING INDEX ix_ledger_newest (entitlement=?)" in plan

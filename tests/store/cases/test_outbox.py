"""What goes out is listed, whatever became of it, the newest first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from store import Store, tables
from store.cases.outbox import Outgoing

T0 = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def filled(store: Store) -> Store:
    """A mail that was sent, one that waits, one that failed, one that no server got, and a message."""
    sent = store.deliveries
    for number, (key, channel) in enumerate(
        [("c-1/a", "email"), ("c-1/b", "email"), ("c-2/c", "email"), ("c-2/d", "outbound_message")]
    ):
        sent.begin_delivery(key, channel, "desk", T0 + number * MINUTE)
    sent.record_attempt("c-1/a", "sent", "250 OK", T0 + 10 * MINUTE)
    sent.record_attempt("c-2/c", "failed", "550 nobody", T0 + 12 * MINUTE)
    sent.record_attempt("c-2/d", "waits", "503", T0 + 11 * MINUTE)
    for key, subject in (("c-1/a", "A"), ("c-9/e", "E")):
        store.actions.record_mail(key, ["desk@example.com"], subject, "text", T0)
    with store._database.write() as connection:
        connection.execute(tables.mails.update().values(written_at=T0 + 20 * MINUTE))
    return store


def _keys(found: list[Outgoing]) -> list[str]:
    return [one.key for one in found]


def test_what_was_touched_last_comes_first(filled: Store) -> None:
    """Also what was never tried, and what went to the log of mail alone."""
    found = filled.outbox.newest(limit=9)
    assert [(one.key, one.status, one.subject) for one in found] == [
        ("c-9/e", "kept", "E"),
        ("c-2/c", "failed", None),
        ("c-2/d", "waits", None),
        ("c-1/a", "sent", "A"),
        ("c-1/b", "waits", None),
    ]
    assert found[0].to == "desk@example.com"
    assert _keys(filled.outbox.newest(limit=2)) == ["c-9/e", "c-2/c"]


def test_it_is_narrowed_down(filled: Store) -> None:
    """By case, kind and what became of it."""
    assert _keys(filled.outbox.newest(case_id="c-2", limit=9)) == ["c-2/c", "c-2/d"]
    assert _keys(filled.outbox.newest(channel="outbound_message", limit=9)) == ["c-2/d"]
    assert _keys(filled.outbox.newest(status="waits", limit=9)) == ["c-2/d", "c-1/b"]
    assert _keys(filled.outbox.newest(status="kept", limit=9)) == ["c-9/e"]
    assert _keys(filled.outbox.newest(status="dropped", limit=9)) == []

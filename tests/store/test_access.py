"""API keys in the store: made once, looked up by what is shown, listed, revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from domain.access import ApiKey, NewKey
from domain.errors import NotFound, Refused
from domain.scopes import Scope
from store import Store

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
DESK = NewKey(name="desk", scopes=[Scope.INTAKE, Scope.AGENT], accounts=["acme"])


def test_a_key_is_shown_once_and_kept_as_a_digest(store: Store) -> None:
    """It has 256 random bits, and nothing that is stored leads back to it."""
    made = store.keys.create(DESK, by="ana", at=NOW)
    prefix, known_as, secret = made.text.split("_", 2)
    assert (prefix, known_as, len(secret)) == ("mp", made.key.id, 43)
    with store._database.read() as connection:
        row = connection.execute(text("SELECT * FROM api_keys")).one()
    assert secret not in str(row)
    assert store.keys.create(DESK, by="ana", at=NOW).text != made.text


def test_a_key_is_known_by_what_its_holder_shows(store: Store) -> None:
    """By all of it, and nothing else."""
    made = store.keys.create(DESK, by="ana", at=NOW)
    found = store.keys.authenticate(made.text, NOW)
    assert found == made.key
    assert (found.name, found.scopes, found.accounts) == ("desk", [Scope.INTAKE, Scope.AGENT], ["acme"])
    for other in ("", made.key.id, made.text[:-1], made.text + "x", made.text.upper(), "mp_\ud800"):
        assert store.keys.authenticate(other, NOW) is None


def test_an_expired_or_revoked_key_counts_for_nothing(store: Store) -> None:
    """From its very instant on; both say so."""
    until = store.keys.create(DESK.model_copy(update={"expires_at": NOW + timedelta(hours=1)}), by="ana", at=NOW)
    assert until.key.why_not(NOW + timedelta(minutes=59)) is None
    assert until.key.why_not(NOW + timedelta(hours=1)) == "expired"
    assert store.keys.revoke(until.key.id, by="bo", at=NOW)
    assert not store.keys.revoke(until.key.id, by="cy", at=NOW)
    found = store.keys.authenticate(until.text, NOW)
    assert found is not None
    assert (found.why_not(NOW), found.revoked_by, found.last_used_at) == ("revoked", "bo", None)


def test_last_use_is_written_down_once_a_minute(store: Store) -> None:
    """Not at every request."""
    made = store.keys.create(DESK, by="ana", at=NOW)
    for seconds, known in ((0, 0), (30, 0), (59, 0), (61, 61)):
        store.keys.authenticate(made.text, NOW + timedelta(seconds=seconds))
        [key] = store.keys.all()
        assert key.last_used_at == NOW + timedelta(seconds=known)


def test_last_use_waits_for_nobody(store: Store) -> None:
    """While another writer holds the database, a key counts all the same."""
    made = store.keys.create(DESK, by="ana", at=NOW)
    with store._database.write() as held:
        held.execute(text("UPDATE api_keys SET name = 'x'"))
        assert store.keys.authenticate(made.text, NOW) is not None


def test_keys_that_can_not_be_are_refused(store: Store) -> None:
    """Without a scope or a name, for no account, for admin of some accounts, or expired from the beginning."""
    wrongs: list[dict[str, object]] = [
        {"scopes": []},
        {"name": ""},
        {"name": "a" * 101},
        {"accounts": []},
        {"scopes": ["root"]},
        {"scopes": [Scope.ADMIN]},
    ]
    for wrong in wrongs:
        with pytest.raises(ValidationError):
            NewKey.model_validate(DESK.model_dump() | wrong)
    with pytest.raises(Refused, match="expires in the future"):
        store.keys.create(DESK.model_copy(update={"expires_at": NOW}), by="ana", at=NOW)
    with pytest.raises(NotFound, match="milepost keys list"):
        store.keys.revoke("nope", by="ana", at=NOW)


def test_a_key_is_made_once_by_an_id(store: Store) -> None:
    """What it is shown as nobody can be told again; another key by the same id is another request."""
    until = DESK.model_copy(update={"expires_at": NOW + timedelta(hours=1, microseconds=1)})
    made = store.keys.create(until, by="ana", at=NOW, known_as="0123456789")
    assert (made.key.id, made.text.startswith("mp_0123456789_")) == ("0123456789", True)
    for asked, code in ((until, "made_before"), (DESK, "key_used_otherwise")):
        with pytest.raises(Refused) as refused:
            store.keys.create(asked, by="bo", at=NOW, known_as="0123456789")
        assert refused.value.code == code
    assert store.keys.all() == [made.key]
    assert store.keys.authenticate(made.text, NOW) == made.key


def test_a_key_has_each_scope_once() -> None:
    """However often it was asked for."""
    asked = NewKey(name="desk", scopes=[Scope.AGENT, Scope.INTAKE, Scope.AGENT])
    assert asked.scopes == [Scope.AGENT, Scope.INTAKE]


def test_pages_have_each_key_once_and_in_order(store: Store) -> None:
    """Also those that were made at one instant."""
    for number in range(6):
        store.keys.create(DESK, by="ana", at=NOW + timedelta(seconds=number // 3))
    every, found = store.keys.all(), list[ApiKey]()
    while page := store.keys.all(after=(found[-1].created_at, found[-1].id) if found else None, limit=2):
        found += page
    assert found == every
    assert len(every) == 6


def test_keys_are_listed_newest_first(store: Store) -> None:
    """Those that count for nothing too."""
    first = store.keys.create(DESK, by="ana", at=NOW)
    second = store.keys.create(DESK, by="ana", at=NOW + timedelta(seconds=1))
    store.keys.revoke(second.key.id, by="ana", at=NOW)
    assert [key.id for key in store.keys.all()] == [second.key.id, first.key.id]

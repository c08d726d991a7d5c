"""Links to customers' pages on record: made for an account, listed, revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.errors import NotFound, Refused
from starters.files.catalogs import apply_files
from store import Store

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
UNTIL = NOW + timedelta(days=30)


@pytest.fixture
def of_two(store: Store, tmp_path: Path) -> Store:
    """With two accounts."""
    (file := tmp_path / "catalog.yaml").write_text("accounts: [{id: acme}, {id: globex}]")
    apply_files(store, [file], by="test")
    return store


def test_a_link_stands_for_its_account_until_it_is_revoked(of_two: Store) -> None:
    """One that was never made stands for nobody, however well it is signed."""
    link = of_two.customer_links.make("acme", until=UNTIL, by="ana", at=NOW)
    assert of_two.customer_links.stands(link.id, "acme")
    assert not of_two.customer_links.stands(link.id, "globex")
    assert not of_two.customer_links.stands("f" * 16, "acme")
    assert of_two.customer_links.revoke(link.id, by="bo", at=NOW)
    assert not of_two.customer_links.stands(link.id, "acme")
    assert not of_two.customer_links.revoke(link.id, by="cy", at=NOW)
    [kept] = of_two.customer_links.all("acme")
    assert (kept.why_not(NOW), kept.revoked_by, kept.expires_at) == ("revoked", "bo", UNTIL)


def test_a_link_that_is_asked_for_again_is_the_one_that_was_made(of_two: Store) -> None:
    """By days or an instant; asked for otherwise, or once it is revoked, it is none."""
    made = of_two.customer_links.make("acme", until=UNTIL, by="ana", at=NOW, known_as="a" * 16)
    later = timedelta(minutes=5, microseconds=999_999)
    again = [
        of_two.customer_links.make("acme", until=until, by="ana", at=NOW + later, known_as=made.id)
        for until in (UNTIL, UNTIL + later)
    ]
    assert again == [made, made]
    for account, days in (("acme", 1), ("globex", 30)):
        until = NOW + later + timedelta(days=days)
        with pytest.raises(Refused, match="under this key a link") as refused:
            of_two.customer_links.make(account, until=until, by="ana", at=NOW + later, known_as=made.id)
        assert refused.value.code == "key_used_otherwise"
    of_two.customer_links.revoke(made.id, by="bo", at=NOW)
    with pytest.raises(Refused, match="is revoked; take another key"):
        of_two.customer_links.make("acme", until=UNTIL, by="ana", at=NOW, known_as=made.id)


def test_links_are_listed_the_last_first(of_two: Store) -> None:
    first = of_two.customer_links.make("acme", until=UNTIL, by="ana", at=NOW)
    other = of_two.customer_links.make("globex", until=UNTIL, by="ana", at=NOW + timedelta(hours=1))
    assert [link.id for link in of_two.customer_links.all()] == [other.id, first.id]
    assert [link.id for link in of_two.customer_links.all("acme")] == [first.id]
    assert of_two.customer_links.all()[0].why_not(UNTIL) == "expired"


def test_a_link_that_could_open_nothing_is_not_made(of_two: Store) -> None:
    with pytest.raises(Refused, match="a later instant"):
        of_two.customer_links.make("acme", until=NOW, by="ana", at=NOW)
    with pytest.raises(NotFound, match="milepost links list"):
        of_two.customer_links.revoke("nobody", by="ana", at=NOW)

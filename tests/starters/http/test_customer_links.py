"""Links to customers' pages over HTTP: made once, listed, revoked, for the accounts that exist for a manager."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio

from activities.reports import illustrating
from domain.access import NewKey
from domain.scopes import Scope
from starters.files.catalogs import apply_files
from starters.http.app import create_app
from starters.http.backend import Backend
from store import Store

PATH = "/v1/customer-links"
CATALOG = """
organisation: {name: Example Support, customer_page: {secrets: [{env: PAGE_SECRET}]}}
accounts: [{id: acme, name: Acme Ltd}, {id: globex, name: Globex Corporation}]
"""


@dataclass
class Links:
    """The API over a store of two accounts, as a manager sees it."""

    http: httpx.AsyncClient
    store: Store

    def key(self, *accounts: str) -> str:
        asked = NewKey(name="desk", scopes=[Scope.MANAGER], accounts=list(accounts) or None)
        return self.store.keys.create(asked, by="test", at=datetime.now(UTC)).text

    async def ask(
        self, method: str, path: str, json: Any = None, *, key: str, once: str | None = None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"} | ({} if once is None else {"Idempotency-Key": once})
        return await self.http.request(method, path, json=json, headers=headers)

    async def made(self, account: str = "acme", *, key: str, **asked: Any) -> dict[str, Any]:
        answer = await self.ask("POST", PATH, {"account": account, **asked}, key=key)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def listed(self, query: str = "", *, key: str) -> list[tuple[str, bool]]:
        found = (await self.ask("GET", PATH + query, key=key)).json()["links"]
        return [(link["account"], link["opens"]) for link in found]


@pytest_asyncio.fixture(loop_scope="session")
async def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Links]:
    monkeypatch.setenv("PAGE_SECRET", "whsec_" + base64.b64encode(b"a" * 32).decode())
    monkeypatch.setattr(illustrating, "can_draw", lambda: False)
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        (file := tmp_path / "catalog.yaml").write_text(CATALOG)
        apply_files(store, [file], by="test")
        app = create_app(Backend(cast("Any", None), store, "queue"), api_url="https://sla.example.com/")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
            yield Links(http, store)


async def test_a_link_is_made_listed_and_revoked(links: Links) -> None:
    """It opens the page of its account until it is revoked; the list shows no link itself."""
    key = links.key()
    made = await links.made(key=key, days=7, by="ann")
    assert made["url"].startswith("https://sla.example.com/pages/")
    assert (made["link"]["account"], made["link"]["created_by"]) == ("acme", "ann via desk")
    lasts = datetime.fromisoformat(made["link"]["expires_at"]) - datetime.fromisoformat(made["link"]["created_at"])
    assert timedelta(days=7) - timedelta(seconds=1) <= lasts <= timedelta(days=7)
    page = made["url"].removeprefix("https://sla.example.com")
    assert "Acme Ltd" in (await links.http.get(page)).text
    await links.made("globex", key=key)
    assert sorted(await links.listed(key=key)) == [("acme", True), ("globex", True)]
    assert await links.listed("?account=acme", key=key) == [("acme", True)]
    assert page not in (await links.ask("GET", PATH, key=key)).text
    where = f"{PATH}/{made['link']['id']}/revoke"
    for changed in (True, False):
        revoked = (await links.ask("POST", where, {"by": "bo"}, key=key)).json()
        assert (revoked["changed"], revoked["link"]["opens"]) == (changed, False)
        assert revoked["link"]["revoked_by"] == "bo via desk"
    assert (await links.http.get(page)).status_code == 404
    assert await links.listed("?account=acme", key=key) == [("acme", False)]


async def test_sent_again_under_its_key_it_is_the_same_link(links: Links) -> None:
    """Nothing of the link is kept for that: who can read the database has none."""
    key = links.key()
    answers = [await links.ask("POST", PATH, {"account": "acme"}, key=key, once="k-1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len(links.store.customer_links.all()) == 1
    with links.store._database.read() as connection:
        tables = [row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")]
        kept = [str(row) for table in tables for row in connection.exec_driver_sql(f"SELECT * FROM {table}")]  # noqa: S608  names of our own
    assert kept
    assert not any(answers[0].json()["url"].rpartition(".")[2] in row for row in kept)
    other = await links.ask("POST", PATH, {"account": "globex"}, key=key, once="k-1")
    assert (other.status_code, other.json()["code"]) == (422, "key_used_otherwise")


async def test_a_bound_key_makes_lists_and_revokes_those_of_its_accounts(links: Links) -> None:
    """Of the links of others it is told as of such that there are not."""
    everyone, bound = links.key(), links.key("globex")
    others = await links.made(key=everyone)
    await links.made("globex", key=bound)
    assert await links.listed(key=bound) == [("globex", True)]
    assert await links.listed("?account=acme", key=bound) == []
    said = [
        (await links.ask("POST", path, asked, key=bound)).json()
        for path, asked in (
            (PATH, {"account": "acme"}),
            (PATH, {"account": "nobody"}),
            (f"{PATH}/{others['link']['id']}/revoke", None),
            (f"{PATH}/{'0' * 16}/revoke", None),
        )
    ]
    assert {one["code"] for one in said} == {"not_found"}
    detail = [one["detail"].replace(others["link"]["id"], "0" * 16).replace("acme", "nobody") for one in said]
    assert (detail[0], detail[2]) == (detail[1], detail[3])
    assert await links.listed("?account=acme", key=everyone) == [("acme", True)]


async def test_what_cannot_be_a_link_is_refused(links: Links, monkeypatch: pytest.MonkeyPatch) -> None:
    key = links.key()
    for asked, status, code in (
        ({"account": "nobody"}, 404, "not_found"),
        ({"account": "acme", "until": "2020-01-01T00:00:00Z"}, 422, "bad_dates"),
        ({"account": "acme", "until": "2999-01-01T00:00:00Z"}, 422, "bad_dates"),
        ({"account": "acme", "days": 401}, 422, "bad_message"),
        ({"account": "acme", "days": 0}, 422, "bad_message"),
    ):
        answer = await links.ask("POST", PATH, asked, key=key)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    monkeypatch.delenv("PAGE_SECRET")
    answer = await links.ask("POST", PATH, {"account": "acme"}, key=key)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_signed")
    assert links.store.customer_links.all() == []

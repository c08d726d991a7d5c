"""Keys over HTTP: made once and told once, listed without themselves, revoked at once, by whoever has `admin` alone."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from domain.access import NewKey
from domain.scopes import Scope
from starters.files.catalogs import apply_files
from starters.http.app import create_app
from starters.http.backend import Backend
from store import Store
from tests.starters.http_api import refusal_is_told

PATH = "/v1/keys"
CATALOG = "accounts: [{id: acme}, {id: globex}]"
DESK = {"name": "desk", "scopes": ["intake", "agent"], "accounts": ["acme"], "by": "ann"}
NOBODYS = "0123456789"


@dataclass
class Keys:
    """The API over a store of two accounts, as somebody with `admin` sees it."""

    app: FastAPI
    http: httpx.AsyncClient
    store: Store
    admin: str = ""

    def key(self, *scopes: Scope, name: str = "root") -> str:
        asked = NewKey(name=name, scopes=list(scopes))
        return self.store.keys.create(asked, by="test", at=datetime.now(UTC)).text

    async def ask(
        self, method: str, path: str = PATH, json: Any = None, *, key: str = "", once: str | None = None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key or self.admin}"} | ({} if once is None else {"Idempotency-Key": once})
        answer = await self.http.request(method, path, json=json, headers=headers)
        assert refusal_is_told(self.app, answer), answer.text
        return answer

    async def made(self, **asked: Any) -> dict[str, Any]:
        answer = await self.ask("POST", json={**DESK, **asked})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def rows(self) -> list[str]:
        """Everything that the store holds."""
        with self.store._database.read() as connection:
            names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
            return [str(row) for name in names for row in connection.exec_driver_sql(f"SELECT * FROM {name}")]  # noqa: S608  names of our own


@pytest_asyncio.fixture(loop_scope="session")
async def keys(tmp_path: Path) -> AsyncIterator[Keys]:
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        (file := tmp_path / "catalog.yaml").write_text(CATALOG)
        apply_files(store, [file], by="test")
        app = create_app(Backend(cast("Any", None), store, "queue"))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
            there = Keys(app, http, store)
            there.admin = there.key(Scope.ADMIN)
            yield there


def the(found: Iterable[dict[str, Any]], known_as: str) -> dict[str, Any]:
    return next(one for one in found if one["id"] == known_as)


async def test_a_key_is_made_listed_and_revoked(keys: Keys) -> None:
    """It is what it was asked to be, opens what its scopes say, and counts for nothing from its revocation on."""
    made = await keys.made(scopes=["intake", "agent", "intake"], expires_at="2999-01-01T00:00:00+01:00")
    key, secret = made["key"], made["secret"]
    assert secret.startswith(f"mp_{key['id']}_")
    assert (key["name"], key["scopes"], key["accounts"]) == ("desk", ["intake", "agent"], ["acme"])
    assert (key["created_by"], key["expires_at"], key["counts"]) == ("ann via root", "2998-12-31T23:00:00Z", True)
    used = await keys.ask("GET", "/v1/cases", key=secret)
    assert used.status_code == 200, used.text
    listed = the((await keys.ask("GET")).json()["keys"], key["id"])
    assert listed["last_used_at"] is not None
    assert listed == {**key, "last_used_at": listed["last_used_at"]}
    for changed in (True, False):
        revoked = (await keys.ask("POST", f"{PATH}/{key['id']}/revoke", {"by": "bo"})).json()
        assert (revoked["changed"], revoked["key"]["counts"]) == (changed, False)
        assert revoked["key"]["revoked_by"] == "bo via root"
        ended = await keys.ask("GET", "/v1/cases", key=secret)
        assert (ended.status_code, ended.json()["code"]) == (401, "revoked_key")


async def test_a_key_itself_is_in_one_answer_and_nowhere_else(keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    """Not in the store, whoever sends the request under a key of its own; not in a log, a list or a revocation."""
    caplog.set_level(logging.DEBUG)
    answers = [await keys.ask("POST", json=DESK, once=once) for once in (None, "k-1")]
    secrets = [answer.json()["secret"].split("_", 2)[2] for answer in answers]
    assert [answer.headers["cache-control"] for answer in answers] == ["no-store"] * 2
    known_as = answers[1].json()["key"]["id"]
    later = [
        await keys.ask("GET"),
        await keys.ask("POST", json=DESK, once="k-1"),
        await keys.ask("POST", f"{PATH}/{known_as}/revoke", once="k-2"),
    ]
    held = [*keys.rows(), caplog.text, *(answer.text for answer in later)]
    assert any(known_as in text for text in held)
    assert [secret for secret in secrets if any(secret in text for text in held)] == []


async def test_sent_again_under_its_key_it_makes_no_second_one(keys: Keys) -> None:
    """It is refused with which one was made: what that is shown as nobody knows any more."""
    made = (await keys.ask("POST", json=DESK, once="k-1")).json()["key"]
    for asked, status, code in ((DESK, 409, "made_before"), ({**DESK, "accounts": None}, 422, "key_used_otherwise")):
        again = await keys.ask("POST", json=asked, once="k-1")
        assert (again.status_code, again.json()["code"]) == (status, code)
        assert (made["id"] in again.json()["detail"]) == (code == "made_before")
    other = await keys.ask("POST", json=DESK, once="k-1", key=keys.key(Scope.ADMIN, name="other"))
    assert other.status_code == 201, other.text
    assert [one.name for one in keys.store.keys.all()].count("desk") == 2


async def test_whoever_has_admin_makes_keys_of_any_scopes(keys: Keys) -> None:
    """Of all accounts, too: who hands keys out needs no other scope for that. It is on record who did."""
    made = await keys.made(scopes=[scope.value for scope in Scope], accounts=None, name="all")
    assert (made["key"]["accounts"], made["key"]["created_by"]) == (None, "ann via root")
    tried = await keys.ask("GET", "/v1/events", key=made["secret"])
    assert tried.status_code == 200, tried.text
    assert (await keys.ask("GET", "/v1/events")).json()["code"] == "scope_too_small"


async def test_keys_are_listed_page_by_page(keys: Keys) -> None:
    """Each once, the newest first, also those that count for nothing."""
    now = datetime.now(UTC)
    for number in range(5):  # three of one instant
        at = now + timedelta(seconds=max(0, number - 2))
        keys.store.keys.create(NewKey(name=f"k{number}", scopes=[Scope.AGENT]), by="test", at=at)
    keys.store.keys.revoke(keys.store.keys.all()[0].id, by="test", at=now)
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        page = (await keys.ask("GET", f"{PATH}?limit=2{after}")).json()
        found += page["keys"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert [one["id"] for one in found] == [one.id for one in keys.store.keys.all()]
    assert [one["counts"] for one in found] == [False, True, True, True, True, True]
    assert [one["name"] for one in found][:2] == ["k4", "k3"]
    refused = await keys.ask("GET", f"{PATH}?after=nonsense")
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")


async def test_a_key_may_revoke_itself(keys: Keys) -> None:
    """It is answered, and that was all: so a program takes the place of its own key."""
    own = keys.admin.split("_")[1]
    assert (await keys.ask("POST", f"{PATH}/{own}/revoke")).json()["changed"]
    assert (await keys.ask("GET")).json()["code"] == "revoked_key"


@pytest.mark.parametrize(
    ("asked", "status", "code", "says"),
    [
        ({"scopes": ["root"]}, 422, "bad_message", "/scopes/0"),
        ({"scopes": []}, 422, "bad_message", "/scopes"),
        ({"scopes": ["agent"] * 1001}, 422, "bad_message", "/scopes"),
        ({"scopes": ["admin"]}, 422, "bad_message", "the scope admin concerns all accounts"),
        ({"name": ""}, 422, "bad_message", "/name"),
        ({"name": "x" * 101}, 422, "bad_message", "/name"),
        ({"accounts": []}, 422, "bad_message", "/accounts"),
        ({"accounts": ["acme"] * 1001}, 422, "bad_message", "/accounts"),
        ({"accounts": ["acme", "nobody"]}, 422, "unknown_name", "unknown account 'nobody'"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422, "bad_dates", "a key expires in the future"),
        ({"expires_at": "3000-01-01T00:00:00Z"}, 422, "bad_message", "1900 to 2999"),
        ({"expires_at": 4102444800}, 422, "bad_message", "a number is no time"),
        ({"by": "x" * 1025}, 422, "bad_message", "at most 1024 bytes"),
        ({"digest": "x"}, 422, "bad_message", "/digest"),
    ],
)
async def test_a_key_that_can_not_be_is_refused(
    keys: Keys, asked: dict[str, Any], status: int, code: str, says: str
) -> None:
    """With what would be right; none is made."""
    refused = await keys.ask("POST", json={**DESK, **asked})
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert says in refused.text
    assert [one.name for one in keys.store.keys.all()] == ["root"]


async def test_a_key_that_there_is_not_is_revoked_by_nobody(keys: Keys) -> None:
    """What is sent in place of its id is not repeated: it may be a key."""
    for path in (NOBODYS, keys.admin):
        refused = await keys.ask("POST", f"{PATH}/{path}/revoke")
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
        assert path not in refused.text
    assert (await keys.ask("POST", f"{PATH}/{'x' * 101}/revoke")).json()["code"] == "bad_message"


async def test_only_admin_and_only_unbound_sees_to_keys(keys: Keys) -> None:
    """All other scopes together do not; a key that is bound hears the same of a key that there is and of none."""
    others = keys.key(*(scope for scope in Scope if scope is not Scope.ADMIN))
    # No way in makes one; a row may have been written by hand.
    asked = NewKey.model_construct(name="bound", scopes=[Scope.ADMIN], accounts=["acme"], expires_at=None)
    bound = keys.store.keys.create(asked, by="test", at=datetime.now(UTC))
    known = [one.id for one in keys.store.keys.all()]
    for key, code in ((others, "scope_too_small"), (bound.text, "bound_key")):
        refused = [
            await keys.ask("GET", key=key),
            await keys.ask("POST", json={**DESK, "accounts": ["nobody"]}, key=key),
            await keys.ask("POST", json=DESK, key=key, once="k"),
            *[await keys.ask("POST", f"{PATH}/{one}/revoke", key=key) for one in (bound.key.id, NOBODYS)],
        ]
        assert [(one.status_code, one.json()["code"]) for one in refused] == [(403, code)] * 5
        assert len({one.text for one in refused}) == 1
    assert [one.id for one in keys.store.keys.all() if one.revoked_at is None] == known

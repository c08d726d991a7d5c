"""Who may do what: every route asks for a key, and for a scope; what lies outside a key's accounts does not exist."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import event
from starlette.routing import BaseRoute
from temporalio.client import Client

from domain.access import NewKey
from domain.scopes import Scope
from starters.http.access import needs
from starters.http.backend import Backend
from starters.http.pages import problems_page
from starters.http.rate import RateLimit
from starters.http.routing import GuardedRoute, guarded_router
from starters.http.signed import SignedRoute
from tests.starters.http_api import Api
from tests.support import unique
from worker.connection import connect

OPEN = {"/healthz", "/readyz", "/problems", "/pages/x"}
"""The only routes that nobody has to show a key for: health, what problems mean, and a page whose link is the key."""


def routes(app: FastAPI) -> Iterator[tuple[str, str, BaseRoute]]:
    """Every method of every route of the table, with a path that leads there."""
    for route in _flat(app.routes):
        path = re.sub(r"\{[^}]*\}", "x", getattr(route, "path", ""))
        for method in getattr(route, "methods", None) or ["GET"]:
            yield method, path, route


def _flat(found: list[BaseRoute]) -> Iterator[BaseRoute]:
    for route in found:
        inside = getattr(route, "routes", None)
        yield from _flat(list(inside)) if inside else [route]


async def test_every_route_wants_a_key_that_counts(api: Api) -> None:
    """Without a key, with a wrong, an expired, a revoked one, or one shown otherwise; before the body is looked at."""
    now = datetime.now(UTC)
    asked = NewKey(name="old", scopes=list(Scope), expires_at=now - timedelta(hours=1))
    expired = api.store.keys.create(asked, by="test", at=now - timedelta(days=1)).text
    revoked = api.store.keys.create(NewKey(name="gone", scopes=list(Scope)), by="test", at=now)
    api.store.keys.revoke(revoked.key.id, by="test", at=now)
    good = api.keys["all"]
    shown: list[tuple[list[tuple[str, str]], str]] = [
        ([], "no_key"),
        ([("Authorization", "")], "no_key"),
        ([("Authorization", f"Basic {good}")], "no_key"),
        ([("Authorization", good)], "no_key"),
        ([("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")], "no_key"),
        ([("Authorization", f"Bearer {good}x")], "unknown_key"),
        ([("Authorization", f"Bearer {good[:-1]}")], "unknown_key"),
        ([("Authorization", "Bearer mp_x")], "unknown_key"),
        ([("Authorization", f"Bearer {expired}")], "expired_key"),
        ([("Authorization", f"Bearer {revoked.text}")], "revoked_key"),
    ]
    seen = 0
    for method, path, route in routes(api.app):
        if path in OPEN or isinstance(route, SignedRoute):
            continue
        for headers, code in shown:
            answer = await api.http.request(method, path, content=b"{", headers=headers)
            assert answer.status_code == 401, (method, path, code)
            assert answer.json()["code"] == code
            assert answer.headers["www-authenticate"].startswith("Bearer")
            seen += 1
    assert seen > 10 * 15


async def test_every_route_wants_one_of_its_scopes(api: Api) -> None:
    """A key with all other scopes is refused before anything of the request is looked at."""
    for method, path, route in routes(api.app):
        if path in OPEN or isinstance(route, SignedRoute):
            continue
        assert isinstance(route, GuardedRoute), path
        others = [scope for scope in Scope if scope not in route.scopes]
        if not others:
            continue
        answer = await api.http.request(
            method, path, content=b"{", headers={"Authorization": f"Bearer {api.key(*others)}"}
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_too_small"), (method, path)


async def test_only_health_problems_and_customers_pages_are_open(api: Api) -> None:
    """Health and problems say nothing of what is kept here, and a page nothing to whoever has no link."""
    others = {path for _, path, route in routes(api.app) if not isinstance(route, GuardedRoute | SignedRoute)}
    assert others == OPEN
    assert (await api.http.get("/healthz")).json() == {"status": "ok"}
    assert (await api.http.get("/readyz")).json() == {"store": True, "temporal": True}
    assert (await api.http.get("/problems")).content == problems_page().body
    assert (await api.http.get("/pages/nothing")).status_code == 404


async def test_what_a_refusal_means_is_read_without_a_key(api: Api) -> None:
    """Its type leads to its place on a page that is open, and that is the same whoever asks."""
    refused = await api.http.get("/v1/cases")
    page, _, code = refused.json()["type"].partition("#")
    shown = await api.http.get(page)
    assert (refused.status_code, code, shown.status_code) == (401, "no_key", 200)
    assert f'<tr id="{code}">' in shown.text
    assert shown.content == (await api.get(page)).content


async def test_a_route_of_intake_wants_a_signature_and_no_key(api: Api) -> None:
    """A key opens nothing there, not even one with every scope; what a source has to show, its own tests say."""
    signed = [(method, path) for method, path, route in routes(api.app) if isinstance(route, SignedRoute)]
    assert signed == [("POST", "/v1/intake/x")]
    for method, path in signed:
        for headers in ({}, {"Authorization": f"Bearer {api.keys['all']}"}):
            answer = await api.http.request(method, path, content=b"{", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")
            assert answer.headers["cache-control"] == "no-store"


def test_a_route_that_says_no_scope_is_not_made() -> None:
    """So a new route cannot forget it."""
    router = guarded_router("/v1/new", "New")

    async def forgetful() -> None: ...

    with pytest.raises(TypeError, match="says no scope"):
        router.get("")(forgetful)
    router.get("")(needs(Scope.AGENT)(forgetful))


async def test_a_case_of_another_account_is_as_one_that_there_is_not(api: Api) -> None:
    """For a key that is bound to accounts: the same status, the same words, whatever is asked."""
    theirs = await api.opened(account="globex")
    nobodys = unique("c")
    assert (await api.post("/v1/cases", {"case_id": nobodys})).status_code == 201
    bound = api.key(Scope.INTAKE, Scope.AGENT, Scope.MANAGER, accounts=["acme"])
    asked: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("GET", "/explanation", None),
        ("POST", "/complete_milestone", {"milestone": "First response"}),
        ("POST", "/change_fields", {"fields": {"priority": "x"}}),
        ("POST", "/stop_clock", {}),
        ("POST", "/log_time", {"id": "T", "minutes": 1}),
        ("POST", "/reverse_time", {"entry": "T", "reason": "x"}),
        ("POST", "/decide_overage", {"approved": True}),
        ("POST", "/change_entitlement", {"entitlement": None}),
        ("POST", "/retry_action", {"key": "x"}),
        ("POST", "/reopen", {}),
        ("POST", "/close", {}),
    ]
    for method, path, said in asked:
        missing = unique("c")
        expected = await api.ask(method, f"/v1/cases/{missing}{path}", said, key=bound)
        assert (expected.status_code, expected.json()["code"]) == (404, "not_found")
        for case_id in (theirs, nobodys):
            answer = await api.ask(method, f"/v1/cases/{case_id}{path}", said, key=bound)
            assert answer.status_code == expected.status_code, path
            assert answer.text.replace(case_id, missing) == expected.text, path


async def test_an_agent_who_decides_hears_of_its_accounts_alone(api: Api) -> None:
    """A case of another account is as one that there is not, before it is looked at what it asks."""
    bound, theirs, missing = api.key(Scope.AGENT, accounts=["acme"]), await api.opened(account="globex"), unique("c")
    said = [
        await api.post(f"/v1/cases/{case_id}/decide_overage", {"approved": True}, key=bound)
        for case_id in (theirs, missing)
    ]
    assert [answer.status_code for answer in said] == [404, 404]
    assert said[0].text.replace(theirs, missing) == said[1].text


@contextmanager
def standing_in(app: FastAPI, name: str, part: object) -> Iterator[None]:
    """Another part of an app for a while; after `monkeypatch` its state, which is no plain object, would have none."""
    before = getattr(app.state, name)
    setattr(app.state, name, part)
    try:
        yield
    finally:
        setattr(app.state, name, before)


@pytest_asyncio.fixture(loop_scope="session")
async def to_temporal(api: Api, client: Client, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """The calls that the API alone makes to Temporal, over a connection of its own; a worker goes on by another."""
    own = await connect(address=client.service_client.config.target_host, namespace=client.namespace)
    call, called = own.service_client._rpc_call, list[str]()

    async def noted(rpc: str, *args: Any, **named: Any) -> Any:
        called.append(rpc)
        return await call(rpc, *args, **named)

    monkeypatch.setattr(own.service_client, "_rpc_call", noted)
    with standing_in(api.app, "backend", Backend(own, api.store, api.app.state.backend.task_queue)):
        yield called


async def test_the_time_of_an_answer_tells_no_case_of_another_account(api: Api, to_temporal: list[str]) -> None:
    """The same questions are put to the database, and none to Temporal, whether there is such a case or not."""
    bound = api.key(Scope.INTAKE, Scope.AGENT, Scope.MANAGER, accounts=["acme"])
    ours, theirs, missing = await api.opened(), await api.opened(account="globex"), unique("c")
    asked: list[str] = []

    def note(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    engine = api.store._database._engine
    questions: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("GET", "/explanation", None),
        ("GET", "/events", None),
        ("POST", "/complete_milestone", {"milestone": "First response"}),
        ("POST", "/log_time", {"id": "T", "minutes": 1}),
        ("POST", "/retry_action", {"key": "x"}),
        ("POST", "/close", {}),
        ("POST", "/reopen", {}),
    ]
    for method, what, said in questions:
        work: list[list[str]] = []
        for case_id in (theirs, missing):
            path = f"/v1/cases/{case_id}{what}"
            await api.ask(method, path, said, key=bound)  # when a key was last used is written once
            asked.clear()
            to_temporal.clear()
            event.listen(engine, "before_cursor_execute", note)
            try:
                answer = await api.ask(method, path, said, key=bound)
            finally:
                event.remove(engine, "before_cursor_execute", note)
            assert (answer.status_code, to_temporal) == (404, []), what
            work.append([one for one in asked if "api_keys" in one or one.startswith("SELECT cases.account")])
        assert work[0] == work[1] != [], what
        await api.ask(method, f"/v1/cases/{ours}{what}", said, key=bound)
        # Of a case that exists the same is asked for; the store alone says what there is of events and of actions.
        assert (to_temporal != []) == (what not in {"/events", "/retry_action"}), what


async def test_a_bound_key_opens_cases_of_its_accounts_alone(api: Api) -> None:
    """Nothing that it names may lead to another account; the answer is the same for what there is not."""
    bound = api.key(Scope.INTAKE, accounts=["acme"])
    refused: list[dict[str, str]] = [
        {},
        {"account": "globex"},
        {"account": "nope"},
        {"account": "acme", "asset": "globex-router"},
        {"account": "acme", "asset": "nope"},
        {"account": "acme", "contact": "globex-bo"},
        {"asset": "globex-router"},
        {"account": "acme", "entitlement": api.named("globex-gold")},
        {"entitlement": api.named("globex-gold")},
        {"entitlement": "nope"},
    ]
    said = set()
    for named in refused:
        answer = await api.post("/v1/cases", {"case_id": unique("c"), **named}, key=bound)
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_name"), named
        if named:
            said.add(answer.text)
    assert len(said) == 1
    for named in ({"account": "acme"}, {"asset": "acme-router"}, {"entitlement": api.named("acme-gold")}):
        opened = await api.post("/v1/cases", {"case_id": unique("c"), **named}, key=bound)
        assert opened.status_code == 201, opened.text
        assert (await api.get(opened.headers["location"], key=api.keys["all"])).json()["case"]["account"] == "acme"


async def test_an_id_of_another_accounts_case_shows_nothing_of_it(api: Api) -> None:
    """That it is taken cannot be hidden; whether the case is open or closed is."""
    bound = api.key(Scope.INTAKE, accounts=["acme"])
    theirs, closed = await api.opened(account="globex"), await api.opened(account="globex")
    await api.post(f"/v1/cases/{closed}/close", {})
    said = set()
    for case_id in (theirs, closed):
        answer = await api.post("/v1/cases", {"case_id": case_id, "account": "acme"}, key=bound)
        assert (answer.status_code, answer.json()["code"]) == (409, "case_id_taken")
        said.add(answer.text)
    assert len(said) == 1


async def test_a_bound_key_goes_over_to_entitlements_of_its_accounts_alone(api: Api) -> None:
    """One of another account is as one that there is not."""
    bound = api.key(Scope.AGENT, accounts=["acme"])
    case_id = await api.opened()
    theirs, missing = [
        await api.post(f"/v1/cases/{case_id}/change_entitlement", {"entitlement": name}, key=bound)
        for name in (api.named("globex-gold"), "nope")
    ]
    assert (theirs.status_code, theirs.text) == (missing.status_code, missing.text)
    assert theirs.json()["code"] == "unknown_name"


async def test_when_a_key_was_last_used_is_known(api: Api) -> None:
    """To the minute; a key that does not count is not used."""
    key = api.key(Scope.AGENT, name=unique("seldom"))
    assert _named(api, key).last_used_at is None
    await api.get(f"/v1/cases/{unique('x')}", key=key)
    used = _named(api, key).last_used_at
    assert used is not None
    await api.get(f"/v1/cases/{unique('x')}", key=key)
    assert _named(api, key).last_used_at == used


def _named(api: Api, text: str) -> Any:
    return next(key for key in api.store.keys.all() if text.startswith(f"mp_{key.id}_"))


async def test_what_a_proxy_says_counts_for_nothing(api: Api) -> None:
    """Nobody gets in, and no link leads elsewhere, by X-Forwarded headers."""
    forged = {
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "for=127.0.0.1;host=evil.example",
        "X-Original-URL": "/healthz",
        "X-HTTP-Method-Override": "GET",
    }
    refused = await api.http.post("/v1/cases", json={"case_id": "x"}, headers=forged)
    assert refused.status_code == 401
    opened = await api.post("/v1/cases", {"case_id": unique("c"), "account": "acme"}, headers=forged)
    assert opened.headers["location"].startswith("/v1/cases/")
    assert "evil" not in opened.text + str(opened.headers)


async def test_a_key_that_asks_too_much_is_told_to_wait(api: Api) -> None:
    """Before its body is read; health is never limited."""
    with standing_in(api.app, "rate", RateLimit(0.5)):
        first, second = [await api.get(f"/v1/cases/{unique('x')}") for _ in range(2)]
    assert (first.status_code, second.status_code, second.json()["code"]) == (404, 429, "too_many_requests")
    assert int(second.headers["retry-after"]) >= 1
    for _ in range(5):
        assert (await api.http.get("/healthz")).status_code == 200

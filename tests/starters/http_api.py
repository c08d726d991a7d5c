"""The HTTP API beside a worker, as programs see it: over real HTTP, on the loopback, with a key of each scope."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Match
from temporalio.client import Client

from activities.delivery.means import Means
from domain.access import NewKey
from domain.scopes import Scope
from starters.files.catalogs import apply_files
from starters.http.app import create_app
from starters.http.backend import Backend
from starters.http.problems import MEDIA_TYPE
from starters.http.refusals import OF_ANY
from starters.http.refusing import refusals_of
from starters.http.serving import serving
from store import Store
from tests.starters.command_line import environment_of
from tests.support import PATIENT, unique
from worker.process import working

CATALOG = """
fields: {priority: string, status: string, tickets: integer}
processes:
  - name: Support
    milestones:
      - name: First response
        within: 4h
      - name: Resolution
        within: [{when: case.priority == "High", span: 8h}, {span: 16h}]
        triggers:
          - {kind: success, actions: [{do: email, to: desk@example.com, subject: "{{ case.id }} is done"}]}
accounts: [{id: acme}, {id: globex}, {id: full, without_entitlement: refuse}]
assets: [{id: acme-router, account: acme}, {id: globex-router, account: globex}]
contacts: [{id: acme-ann, account: acme}, {id: globex-bo, account: globex}]
entitlements:
  - {id: ACME-gold, account: acme, process: Support}
  - {id: ACME-other, account: acme, process: Support}
  - {id: ACME-bank, account: acme, allowance: {unit: hours, cap: 2, overflow: prompt}}
  - {id: ACME-visits, account: acme, starts_on: 2026-01-01, ends_on: 2099-12-31, allowance: {unit: visits, cap: 4}}
  - {id: ACME-terms, account: acme, starts_on: 2026-01-01, ends_on: 2099-12-31, allowance: {unit: terms, cap: 4}}
  - {id: GLOBEX-gold, account: globex, process: Support}
  - {id: GLOBEX-visits, account: globex, starts_on: 2026-01-01, allowance: {unit: visits, cap: 4}}
"""


@dataclass
class Api:
    """The API that runs.

    Attributes:
        prefix: of the ids of entitlements, of which a server has one count each.
        keys: a key of each scope, by its name; `all` has every scope.
    """

    http: httpx.AsyncClient
    store: Store
    app: FastAPI
    prefix: str
    keys: dict[str, str]
    environment: dict[str, str]

    def named(self, entitlement: str) -> str:
        """The id of an entitlement of the catalog above."""
        return f"{self.prefix}{entitlement}"

    def key(self, *scopes: Scope, accounts: Sequence[str] | None = None, name: str = "desk") -> str:
        """A new key."""
        asked = NewKey(name=name, scopes=list(scopes), accounts=None if accounts is None else list(accounts))
        return self.store.keys.create(asked, by="test", at=datetime.now(UTC)).text

    async def ask(
        self, method: str, path: str, json: Any = None, *, key: str | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send a request with a key; with every scope, if none is given."""
        sent = {"Authorization": f"Bearer {key or self.keys['all']}", **(headers or {})}
        answer = await self.http.request(method, path, json=json, headers=sent)
        assert refusal_is_told(self.app, answer), f"{method} {path} says nothing of {answer.json()['code']!r}"
        return answer

    async def get(self, path: str, **named: Any) -> httpx.Response:
        """Ask for something."""
        return await self.ask("GET", path, **named)

    async def post(self, path: str, json: Any = None, **named: Any) -> httpx.Response:
        """Send something."""
        return await self.ask("POST", path, json, **named)

    async def opened(self, **intake: Any) -> str:
        """The id of a case that was just opened."""
        case_id = unique("c")
        answer = await self.post("/v1/cases", {"case_id": case_id, "account": "acme", **intake})
        assert answer.status_code == 201, answer.text
        return case_id


def refusal_is_told(app: FastAPI, answer: httpx.Response) -> bool:
    """Whether an answer is no refusal or, of a route of the document, one of which the document tells."""
    if answer.headers.get("content-type") != MEDIA_TYPE:
        return True
    asked = {"type": "http", "method": answer.request.method, "path": answer.request.url.path, "root_path": ""}
    found = next((route for route in app.routes if route.matches(asked)[0] is Match.FULL), None)
    if not isinstance(found, APIRoute) or not found.include_in_schema:
        return True
    return answer.json()["code"] in {*OF_ANY, *refusals_of(found.endpoint)}


@asynccontextmanager
async def api_beside_a_worker(
    client: Client, folder: Path, *catalogs: str, means: Means | None = None
) -> AsyncIterator[Api]:
    """The API over a store of its own, in a folder, with a worker. Catalogs are applied one after the other."""
    prefix, database, task_queue = f"{unique('e')}-", f"sqlite:///{folder / 'milepost.db'}", unique("queue")
    with Store.open(database) as store:
        for number, catalog in enumerate(catalogs or [CATALOG]):
            named = catalog.replace("ACME-", f"{prefix}acme-").replace("GLOBEX-", f"{prefix}globex-")
            (file := folder / f"catalog{number}.yaml").write_text(named)
            apply_files(store, [file], by="test")
        app = create_app(Backend(client, store, task_queue))
        async with (
            working(client, store, task_queue=task_queue, means=means),
            serving(app, host="127.0.0.1", port=0) as url,
            httpx.AsyncClient(base_url=url, timeout=PATIENT) as http,
        ):
            api = Api(http, store, app, prefix, {}, environment_of(client, folder, database, task_queue))
            api.keys = {scope.value: api.key(scope) for scope in Scope} | {"all": api.key(*Scope)}
            yield api

"""Occurrences that a case keeps no more, over HTTP: shown and explained from what the store has of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio

from domain.access import NewKey
from domain.errors import NotFound
from domain.scopes import Scope
from domain.timeline.folding import NEWEST
from starters.http.app import create_app
from starters.http.backend import Backend
from starters.operations import cases as operations
from starters.operations.at_work import AtWork
from store import Store
from tests.store.cases.test_folded import Recorded

COMPLETED = NEWEST + 20
ALL = list(range(1, COMPLETED + 2))


class Forgotten:
    """What Temporal no longer has, so that the store's record is shown."""

    async def view(self, case_id: str) -> None:
        raise NotFound(case_id)

    explanation = view


@pytest_asyncio.fixture(loop_scope="session")
async def http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """The API over a store with a case that has recurred, and that has folded most of that."""

    async def is_at_work(*_: object) -> AtWork:
        return AtWork()

    monkeypatch.setattr(operations, "at_work", is_at_work)
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        case = Recorded(store)
        for number in range(1, COMPLETED + 1):
            case.complete(40 * number)
        backend = Backend(cast("Any", None), store, "queue")
        backend.cases.client = cast("Any", Forgotten())
        asked = NewKey(name="desk", scopes=[Scope.AGENT], accounts=None)
        key = store.keys.create(asked, by="test", at=datetime.now(UTC)).text
        app, sent = create_app(backend), {"Authorization": f"Bearer {key}"}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test/v1/cases", headers=sent) as http:
            yield http


async def test_a_case_is_shown_with_what_only_the_store_has(http: httpx.AsyncClient) -> None:
    """If it is asked for; else with the newest, and how many more there are."""

    async def shown(query: str) -> dict[str, Any]:
        answer = await http.get(f"/c-1{query}")
        assert answer.status_code == 200, answer.text
        return cast("dict[str, Any]", answer.json()["case"])

    newest, every = await shown(""), await shown("?everything=true")
    assert [m["occurrence"] for m in newest["milestones"]] == ALL[-NEWEST:]
    assert newest["more"][0]["occurrences"] == len(ALL) - NEWEST
    assert ([m["occurrence"] for m in every["milestones"]], every.get("more", [])) == (ALL, [])
    assert await shown("?everything=false") == newest


async def test_an_occurrence_is_explained_that_only_the_store_has(http: httpx.AsyncClient) -> None:
    """As one is that the case has; one that there is not is not found."""
    for occurrence in (1, ALL[-1]):
        answer = await http.get(f"/c-1/explanation?milestone=M&occurrence={occurrence}")
        [part] = answer.json()["explanation"]["instances"]
        assert (part["milestone"], part["occurrence"]) == ("M", occurrence)
    missing = await http.get(f"/c-1/explanation?occurrence={len(ALL) + 1}")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert missing.json()["detail"] == (
        f"case c-1: there is no occurrence {len(ALL) + 1}; M has {len(ALL)} occurrences"
    )
    assert (await http.get("/c-1/explanation?occurrence=0")).status_code == 422

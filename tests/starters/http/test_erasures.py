"""Erasing a person over HTTP, as `milepost erase` does: shown first, all or nothing, by whoever has `admin` alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import select

from domain.access import NewKey
from domain.scopes import Scope
from starters.files.catalogs import apply_files
from starters.http.app import create_app
from starters.http.backend import Backend
from starters.operations.erasing import NOT_ERASED
from store import Store, tables
from tests.starters.command_line import milepost
from tests.starters.http_api import refusal_is_told

PATH, DRY = "/v1/erasures", "/v1/erasures?dry_run=true"
ANN, BO = "ann@example.org", "bo@example.org"
CATALOG = f"""
accounts: [{{id: acme}}]
people: [{{id: cy}}]
contacts: [{{id: c-ann, account: acme, mail: {ANN}}}]
"""
MAILS = (("c-1/a", [ANN], "your case"), ("c-1/b", [ANN, BO], "both"), ("c-2/c", [BO], "for Ann M"))


@dataclass
class Erasing:
    """The API over a store in which mails name two people, with a key that has `admin`."""

    app: FastAPI
    http: httpx.AsyncClient
    store: Store
    environment: dict[str, str]

    def key(self, *scopes: Scope, accounts: list[str] | None = None) -> str:
        asked = NewKey.model_construct(name="root", scopes=list(scopes), accounts=accounts, expires_at=None)
        return self.store.keys.create(asked, by="test", at=datetime.now(UTC)).text

    async def ask(self, path: str, asked: Any, *, key: str = "", once: str | None = None) -> httpx.Response:
        shown = key or self.key(Scope.ADMIN)
        headers = {"Authorization": f"Bearer {shown}"} | ({} if once is None else {"Idempotency-Key": once})
        answer = await self.http.post(path, json=asked, headers=headers)
        assert refusal_is_told(self.app, answer), answer.text
        return answer

    def mails(self) -> list[dict[str, Any]]:
        with self.store._database.read() as connection:
            return [dict(row) for row in connection.execute(select(tables.mails).order_by("key")).mappings()]


@pytest_asyncio.fixture(loop_scope="session")
async def erasing(tmp_path: Path) -> AsyncIterator[Erasing]:
    database = f"sqlite:///{tmp_path / 'milepost.db'}"
    with Store.open(database) as store:
        (file := tmp_path / "catalog.yaml").write_text(CATALOG)
        apply_files(store, [file], by="test")
        for key, to, about in MAILS:
            store.actions.record_mail(key, to, about, f"Dear {to[0]}", datetime.now(UTC))
        app = create_app(Backend(cast("Any", None), store, "queue"))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
            yield Erasing(app, http, store, {"MILEPOST_DATABASE_URL": database, "MILEPOST_DATA": str(tmp_path)})


async def test_who_wrote_is_shown_first_and_then_erased(erasing: Erasing) -> None:
    """What is shown is what the command shows; each place says when it was erased, and by whom."""
    before = erasing.mails()
    shown = (await erasing.ask(DRY, {"who": "c-ann"})).json()
    assert erasing.mails() == before
    assert [(text["what"], text["key"], text["others"]) for text in shown["texts"]] == [
        ("mail", "c-1/a", False),
        ("mail", "c-1/b", True),
    ]
    typed = await asyncio.to_thread(milepost, "erase", "c-ann", "--json", env=erasing.environment)
    by_command = json.loads(typed.stdout)
    for told in (by_command, shown):
        for text in told["texts"]:
            text["at"] = datetime.fromisoformat(text["at"])
    assert shown == by_command == {**shown, "erased": False, "not_reached": list(NOT_ERASED)}
    erased = (await erasing.ask(PATH, {"who": ANN, "by": "ana"})).json()
    assert (erased["erased"], [text["key"] for text in erased["texts"]]) == (True, ["c-1/a", "c-1/b"])
    a, b, c = erasing.mails()
    assert a["subject"].startswith("erased on ")
    assert a["subject"].endswith(" by ana via root")
    assert (a["to"], b["to"], a["body"], b["body"]) == (["(erased)"], ["(erased)", BO], "", "")
    assert c == before[2]
    again = (await erasing.ask(PATH, {"who": ANN})).json()
    assert (again["texts"], again["erased"]) == ([], False)


async def test_other_words_name_somebody_too(erasing: Erasing) -> None:
    """Only those that are given."""
    found = [(await erasing.ask(DRY, {"who": ANN, "also": also})).json()["texts"] for also in ([], ["ann m", "0170 1"])]
    assert [[text["key"] for text in texts] for texts in found] == [["c-1/a", "c-1/b"], ["c-1/a", "c-1/b", "c-2/c"]]
    assert len((await erasing.ask(DRY, {"who": ANN, "also": [f"w{n}" for n in range(50)]})).json()["texts"]) == 2


async def test_sent_again_under_its_key_it_has_the_same_report(erasing: Erasing) -> None:
    """Which is what somebody keeps of it, and names nobody."""
    key = erasing.key(Scope.ADMIN)
    first, again = [await erasing.ask(PATH, {"who": ANN}, key=key, once="k-1") for _ in range(2)]
    assert (first.json()["erased"], again.content) == (True, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    with erasing.store._database.read() as connection:
        kept = connection.execute(select(tables.kept_answers)).all()
    assert len(kept) == 1
    assert ANN not in str(kept)


async def test_while_something_waits_nothing_is_erased(erasing: Erasing) -> None:
    """It is named, and the dry run says so before."""
    told = json.dumps({"from": ANN})
    kept, _ = erasing.store.intake.receive("desk", "d-1", told, {}, datetime.now(UTC))
    before = erasing.mails()
    shown = (await erasing.ask(DRY, {"who": ANN})).json()["texts"]
    assert [(text["key"], text["waits"]) for text in shown][-1] == (str(kept.number), True)
    refused = await erasing.ask(PATH, {"who": ANN})
    assert (refused.status_code, refused.json()["code"]) == (409, "still_waits")
    assert erasing.mails() == before


@pytest.mark.parametrize(
    ("asked", "code", "says"),
    [
        ({"who": "nobody"}, "unknown_name", "nobody is known as 'nobody'"),
        ({"who": "cy"}, "no_address", "no address is known of 'cy'"),
        ({"who": " "}, "bad_message", "nothing to look for in a blank text"),
        ({"who": ANN, "also": ["Ann", "\t"]}, "bad_message", "nothing to look for in a blank text"),
        ({"who": ""}, "bad_message", "/who"),
        ({}, "bad_message", "/who"),
        ({"who": ANN, "also": "Ann"}, "bad_message", "/also"),
        ({"who": ANN, "also": ["x"] * 51}, "bad_message", "/also"),
        ({"who": f"{'x' * 1024}@example.org"}, "bad_message", "at most 1024 bytes"),
        ({"who": ANN, "reason": "she asked"}, "bad_message", "/reason"),
    ],
)
async def test_who_is_nobody_is_refused(erasing: Erasing, asked: dict[str, Any], code: str, says: str) -> None:
    """By a dry run too."""
    before = erasing.mails()
    for path in (PATH, DRY):
        refused = await erasing.ask(path, asked)
        assert (refused.status_code, refused.json()["code"]) == (422, code), refused.text
        assert says in refused.text
    assert erasing.mails() == before


async def test_only_admin_and_only_unbound_erases(erasing: Erasing) -> None:
    """All other scopes together do not; a key that is bound hears the same of whoever there is and of nobody."""
    others = erasing.key(*(scope for scope in Scope if scope is not Scope.ADMIN))
    bound = erasing.key(Scope.ADMIN, accounts=["acme"])  # no way in makes one; a row may have been written by hand
    before = erasing.mails()
    for key, code in ((others, "scope_too_small"), (bound, "bound_key")):
        refused = [await erasing.ask(path, {"who": who}, key=key) for path in (PATH, DRY) for who in (ANN, "nobody")]
        assert [(one.status_code, one.json()["code"]) for one in refused] == [(403, code)] * 4
        assert len({one.text for one in refused}) == 1
    assert erasing.mails() == before

"""A customer's page by its link: it works, ends, is revoked, outlives a rotation, shows that account alone."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import event

from activities.planning import Planner
from activities.reports import illustrating, opening
from activities.reports.opening import make_link
from domain.errors import NotFound, Refused
from domain.ids import case_id_of
from domain.messages.cases import CaseIntake
from starters.files.catalogs import apply_files
from starters.http.app import create_app
from starters.http.backend import Backend
from store import Store
from tests.recorded import RecordedCase

NOW = datetime.now(UTC)
EVIL = '<img src=x onerror="alert(1)">'
CATALOG = """
organisation:
  name: Example Support
  process: Support
  customer_page: {secrets: [{env: PAGE_SECRET}], SHOWN}
fields: {subject: string, assigned_to: string}
processes:
  - name: Support
    milestones: [{name: First response, within: 4h}, {name: Resolution, within: 16h}]
accounts: [{id: acme, name: Acme Ltd}, {id: globex, name: Globex Corporation}]
"""


def secret(letter: str) -> str:
    return "whsec_" + base64.b64encode(letter.encode() * 32).decode()


@dataclass
class Pages:
    """The pages that are served, over a store of two accounts."""

    http: httpx.AsyncClient
    store: Store
    folder: Path
    applied: list[str] = field(default_factory=list)

    def apply(self, *changes: tuple[str, str]) -> None:
        """Apply the catalog with other words in it."""
        text = CATALOG
        for before, after in changes:
            text = text.replace(before, after)
        (file := self.folder / "catalog.yaml").write_text(text.replace(", SHOWN", ""))
        apply_files(self.store, [file], by="test")

    def link(self, account: str = "acme", *, until: timedelta = timedelta(days=30), at: datetime = NOW) -> str:
        return make_link(self.store, account, until=at + until, by="ana", now=at)[1]

    async def get(self, link: str) -> httpx.Response:
        return await self.http.get(f"/pages/{link}")


@pytest_asyncio.fixture(loop_scope="session")
async def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pages]:
    monkeypatch.setenv("PAGE_SECRET", secret("a"))
    monkeypatch.setattr(illustrating, "can_draw", lambda: False)
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        app = create_app(Backend(cast("Any", None), store, "queue"))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            served = Pages(http, store, tmp_path)
            served.apply()
            for account, name in (("acme", "INC-ACME"), ("globex", "INC-GLOBEX")):
                at = NOW - timedelta(hours=6)
                intake = CaseIntake(case_id=name, account=account)
                plan = Planner(store).plan(intake, at, entitlement=None, account=account)
                fields = {"subject": f"{EVIL} of {account}", "assigned_to": "Agent Smith"}
                RecordedCase(store, plan, name, fields, at, account=account).advance(NOW)
            yield served


async def test_it_shows_the_account_and_nothing_else(pages: Pages) -> None:
    """Its open cases with what is late, its compliance; nothing of another, and nobody of ours by name."""
    answer = await pages.get(pages.link())
    assert answer.status_code == 200
    for part in ("Acme Ltd", "INC-ACME", "First response", "1 open case, 1 late"):
        assert part in answer.text, part
    for other in ("lobex", "GLOBEX", "Agent Smith", "acme-", "ana"):
        assert other not in answer.text, other


async def test_its_cases_have_the_ids_that_the_customer_knows(pages: Pages) -> None:
    """Those of the system in which they were made; ours are of no use to anybody there."""
    foreign = "INC/2024/001"
    plan = Planner(pages.store).plan(
        CaseIntake(case_id=case_id_of(foreign), account="acme"), NOW, entitlement=None, account="acme"
    )
    RecordedCase(pages.store, plan, case_id_of(foreign), {}, NOW, account="acme", external_id=foreign)
    shown = (await pages.get(pages.link())).text
    assert ("INC-ACME" in shown, foreign in shown, case_id_of(foreign) in shown) == (True, True, False)


async def test_it_runs_and_loads_nothing(pages: Pages) -> None:
    """What cases say stays text; the page is kept by nobody, and found by no search engine."""
    pages.apply((", SHOWN", ", fields: [subject]"))
    answer = await pages.get(pages.link())
    assert "&lt;img src=x" in answer.text
    assert EVIL not in answer.text
    assert "<script" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"


async def test_people_are_named_only_where_it_is_set(pages: Pages) -> None:
    assert "Agent Smith" not in (await pages.get(pages.link())).text
    pages.apply((", SHOWN", ", fields: [assigned_to]"))
    assert "Agent Smith" in (await pages.get(pages.link())).text


async def test_it_expires(pages: Pages) -> None:
    assert (await pages.get(pages.link(until=timedelta(days=1)))).status_code == 200
    before = NOW - timedelta(days=2)
    assert (await pages.get(pages.link(until=timedelta(days=1), at=before))).status_code == 404


async def test_it_is_revoked(pages: Pages) -> None:
    link, text = make_link(pages.store, "acme", until=NOW + timedelta(days=1), by="ana", now=NOW)
    other = pages.link()
    assert (await pages.get(text)).status_code == 200
    pages.store.customer_links.revoke(link.id, by="bo", at=NOW)
    assert (await pages.get(text)).status_code == 404
    assert (await pages.get(other)).status_code == 200


async def test_it_outlives_a_rotation(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new secret goes first; links of the old one are good until it goes. A secret that is gone opens nothing."""
    old = pages.link()
    monkeypatch.setenv("PAGE_SECRET_2", secret("b"))
    pages.apply(("[{env: PAGE_SECRET}]", "[{env: PAGE_SECRET_2}, {env: PAGE_SECRET}]"))
    new = pages.link()
    assert [(await pages.get(each)).status_code for each in (old, new)] == [200, 200]
    pages.apply(("[{env: PAGE_SECRET}]", "[{env: PAGE_SECRET_2}]"))
    assert [(await pages.get(each)).status_code for each in (old, new)] == [404, 200]
    monkeypatch.delenv("PAGE_SECRET_2")
    assert (await pages.get(new)).status_code == 404


async def test_its_parameters_widen_nothing(pages: Pages) -> None:
    """Whatever stands beside a link, the page is the same; whatever is changed in it, there is none."""
    link = pages.link()
    plain = (await pages.get(link)).text
    for more in ("?account=globex", "?accounts=globex&by=account", "?fields=assigned_to", "?period=2020", "?now=2020"):
        shown = (await pages.get(link + more)).text
        assert ("lobex" in shown, "Agent Smith" in shown) == (False, False)
        assert shown.partition("as of")[0] == plain.partition("as of")[0]
    said, key, signature = link.split(".")
    told = json.loads(base64.urlsafe_b64decode(said + "=="))
    wider = base64.urlsafe_b64encode(json.dumps(told | {"account": "globex"}).encode()).rstrip(b"=").decode()
    assert (await pages.get(f"{wider}.{key}.{signature}")).status_code == 404
    assert (await pages.http.post(f"/pages/{link}")).status_code == 405
    assert (await pages.http.get(f"/pages/{link}/globex")).status_code == 404


@contextmanager
def asked_of(store: Store) -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    found: list[str] = []

    def note(_c: object, _u: object, statement: str, *_: object) -> None:
        found.append(statement)

    engine = store._database._engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_a_refusal_says_nothing_of_why(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is the same answer to the letter, and the same work: one signature, and the same questions to the store."""
    link, text = make_link(pages.store, "acme", until=NOW + timedelta(days=1), by="ana", now=NOW)
    pages.store.customer_links.revoke(link.id, by="bo", at=NOW)
    expired = pages.link(until=timedelta(days=1), at=NOW - timedelta(days=2))
    monkeypatch.setenv("PAGE_SECRET", secret("z"))
    forged = pages.link()
    monkeypatch.setenv("PAGE_SECRET", secret("a"))
    said, key, signature = pages.link().split(".")
    refused = [
        text,
        expired,
        forged,
        f"{said}.{key}.{signature[:-1]}A" if signature[-1] != "A" else f"{said}.{key}.{signature[:-1]}B",
        f"{said}.{'0' * 12}.{signature}",
        "nothing",
        "a.b.c",
        "x" * 5000,
        "%00",
        "%C3%A9.b.c",
    ]
    answers, work = set(), set()
    for each in refused:
        with asked_of(pages.store) as asked:
            answer = await pages.get(each)
        headers = {name: value for name, value in answer.headers.items() if name != "date"}
        answers.add((answer.status_code, answer.text, json.dumps(headers)))
        work.add(tuple(asked))
    assert len(answers) == 1
    assert len(work) == 1
    assert any("customer_links" in statement for statement in work.pop())
    [(status, shown, _)] = answers
    assert status == 404
    assert "acme" not in shown.lower()


async def test_a_link_that_is_not_on_record_opens_nothing(pages: Pages) -> None:
    """Whoever has a secret has no link yet."""
    link = pages.link()
    with pages.store._database.write() as connection:
        connection.exec_driver_sql("DELETE FROM customer_links")
    assert (await pages.get(link)).status_code == 404


async def test_nothing_is_signed_without_a_secret(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound, match="unknown account 'nobody'"):
        pages.link("nobody")
    monkeypatch.delenv("PAGE_SECRET")
    with pytest.raises(Refused, match="environment variable PAGE_SECRET is not set"):
        pages.link()
    monkeypatch.setenv("PAGE_SECRET", "whsk_" + base64.b64encode(b"a" * 32).decode())
    with pytest.raises(Refused, match="links take a whsec_ secret"):
        pages.link()
    pages.apply(("secrets: [{env: PAGE_SECRET}]", "months: 1"))
    with pytest.raises(Refused, match="nothing signs links"):
        pages.link()
    assert pages.store.customer_links.all() == []
    assert opening.opened_page(pages.store, "x", NOW) is None

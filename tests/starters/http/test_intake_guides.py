"""The pages on intake, followed: a ticket comes in as the page says, and its due time goes back to it."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client

from activities.delivery.http import HookSender
from activities.delivery.means import Means
from starters.files.catalogs import read_catalog
from tests.activities.delivery.receiver import Received, Receiver, receiver, says
from tests.starters.http_api import api_beside_a_worker
from tests.starters.intakes import FOLDER, SECRET, VARIABLES, sent, signed
from tests.support import assert_eventually, unique

GUIDE = Path(__file__).parents[3] / "docs" / "guide"
BACK = {
    "zammad": ("https://zammad.example.com", "ZAMMAD_TOKEN", "Token token=hunter2", "/api/v1/tickets/{}"),
    "zendesk": ("https://example.zendesk.com", "ZENDESK_LOGIN", "Basic hunter2", "/api/v2/tickets/{}.json"),
}
STEPS = (("created", "First response is due"), ("answered", "Resolution is due"), ("closed", "Resolved"))
"""What is told, and what comes back."""


def catalog_of(product: str) -> str:
    """The catalog that a page has people save."""
    [found] = re.findall(r"^```yaml title=\"desk.yaml\"\n(.*?)^```", page(product), flags=re.MULTILINE | re.DOTALL)
    return str(found)


def page(name: str) -> str:
    return (GUIDE / f"{name}.md").read_text(encoding="utf-8")


def mapping_of(product: str) -> str:
    return (FOLDER / f"{product}.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("product", BACK)
def test_the_page_has_a_catalog_that_can_be_applied(product: str, tmp_path: Path) -> None:
    """Beside the shipped mapping, and it names what that wants."""
    (tmp_path / "desk.yaml").write_text(catalog_of(product), encoding="utf-8")
    (tmp_path / f"{product}.yaml").write_text(mapping_of(product), encoding="utf-8")
    catalog = read_catalog([tmp_path])
    assert [one.id for one in catalog.intake] == [product]
    said = page(product)
    assert f"https://milepost.example.com/v1/intake/{product}" in said
    assert VARIABLES[product] in said
    assert BACK[product][1] in said


@pytest.mark.parametrize("product", BACK)
async def test_a_ticket_is_told_when_it_is_due(
    product: str, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, again after its answer, and in the end: with the token of the way back, at the ticket's own address."""
    origin, variable, login, path = BACK[product]
    monkeypatch.setenv(VARIABLES[product], SECRET)
    monkeypatch.setenv(variable, "hunter2")
    begun, named = (datetime.now(UTC) - timedelta(minutes=45)).replace(microsecond=0), str(uuid4().int % 10**9)
    means = Means(hooks=HookSender(["127.0.0.1"], gives_up_after=5))
    async with receiver(says("200 OK")) as desk:
        catalog = catalog_of(product).replace(origin, f"http://127.0.0.1:{desk.port}").replace("acme-support", "ACME-a")
        async with api_beside_a_worker(client, tmp_path, catalog, mapping_of(product), means=means) as api:
            for step, text in STEPS:
                what = sent(product, step, begun, named)
                headers = {**what.headers, **signed(product, unique("d"), what.body)}
                answer = await api.http.post(f"/v1/intake/{product}", content=what.body, headers=headers)
                assert (answer.status_code, answer.json()["status"]) == (200, "taken"), answer.text
                got = await _came(desk, text)
                assert got.line == f"PUT {path.format(named)} HTTP/1.1"
                assert got.headers["authorization"] == login
                if step == "created" and product == "zammad":
                    due = (begun + timedelta(hours=4)).isoformat()
                    assert json.loads(got.body) == {"milepost_due": due, "milepost_state": text}


async def _came(desk: Receiver, text: str) -> Received:
    """The request with a text, as soon as it has come."""
    found: list[Received] = []

    async def came() -> None:
        found.extend(one for one in desk.received if text in _texts(json.loads(one.body)))
        assert found, [one.body for one in desk.received]

    await assert_eventually(came)
    return found[0]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []

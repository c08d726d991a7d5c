"""The reference of the API: written from the code, with every operation, and each of its commands does what it says."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import re
import shlex
import subprocess
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from temporalio.client import Client

from activities.reports.opening import make_link
from domain.access import NewKey
from domain.scopes import Scope
from starters.http.app import routed
from starters.http.document import document_of
from starters.http.reference.api import operations_of, page
from starters.http.routes import actions, tasks
from starters.http.routes.customer_links import LINK
from starters.http.routes.keys import KEY_ID
from tests.starters.http_api import Api, api_beside_a_worker
from tests.support import assert_eventually

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "api.md"

SECRET = "of the ticket system, long enough"  # noqa: S105  of this test alone

CATALOG = """
organisation: {name: Example Support, customer_page: {secrets: [{env: PAGE_SECRET}]}}
fields: {priority: string, status: string, tickets: integer}
processes:
  - name: Gold
    milestones:
      - name: First response
        within: 4h
        triggers:
          - kind: success
            actions:
              - {do: email, to: desk@example.com, subject: "{{ 60 // case.tickets }} minutes for each"}
              - {do: task, subject: "Call {{ case.id }}", assign_to: desk}
      - {name: Resolution, within: 16h}
  - name: Bronze
    milestones: [{name: Resolution, within: 40h}]
entitlement_templates: [{id: gold, term: 1 year, process: Gold}]
products: [{id: gold-support, entitlement_templates: [gold]}]
accounts: [{id: acme}]
assets: [{id: acme-router-1, account: acme}]
entitlements:
  - {id: acme-gold, account: acme, process: Gold}
  - {id: acme-bronze, account: acme, process: Bronze, asset: acme-router-1}
  - {id: acme-bank, account: acme, starts_on: 2026-01-01, allowance: {unit: hours, cap: 1, overflow: prompt}}
  - id: acme-visits
    account: acme
    starts_on: 2026-01-01
    ends_on: 2099-12-31
    allowance: {unit: visits, cap: 4, overflow: prompt}
intake:
  - id: tickets
    signature: {scheme: hub-sha256, secrets: [{env: TICKETS_SECRET}]}
    case: payload.ticket.id
    account: '"nobody"'
"""
"""What the names of the page are. The mail of a first response fails for good, since no case says `tickets`."""


class Shown(NamedTuple):
    """A command of the page, and the statuses with which it may be answered."""

    title: str
    command: str
    statuses: set[int]


def shown_commands() -> Iterator[Shown]:
    """The commands of the page, in its order."""
    for part in re.split(r"^### ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        [command] = re.findall(r"^```sh\n(.*?)\n```$", rest, re.MULTILINE | re.DOTALL)
        yield Shown(title, command, {int(status) for status in re.findall(r"^- \*\*(2\d\d)\*\* ", rest, re.MULTILINE)})


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document of the API."""
    return document_of(routed())


def test_the_page_is_written_from_the_code() -> None:
    """Written anew by `python -m starters.http.reference api > docs/reference/api.md`."""
    assert PAGE.read_text() == page()


def test_the_page_has_every_operation(document: dict[str, Any]) -> None:
    """A new route cannot forget it: each has a heading with a command, and a line of the contents."""
    operations = [one.title for one in operations_of(document)]
    assert len(operations) > 50
    assert [shown.title for shown in shown_commands()] == operations
    assert [title for title in operations if f"| [{title}](#" not in PAGE.read_text()] == []
    assert all(shown.statuses for shown in shown_commands())


def test_everything_that_is_sent_is_described(document: dict[str, Any]) -> None:
    """Each parameter of each operation, and each part of each body, says what it is."""
    schemas, missing = document["components"]["schemas"], []
    for one in operations_of(document):
        body = one.told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        properties = schemas.get(str(body.get("$ref")).rpartition("/")[2], {}).get("properties", {})
        parts = {part["name"]: part for part in one.told.get("parameters", ())} | properties
        missing += [f"{one.title}: {name}" for name, part in parts.items() if not part.get("description")]
    assert missing == []


class World:
    """What has to be so before a command of the page can be typed."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.before: dict[str, Callable[[], Awaitable[None]]] = {
            "POST /v1/cases/{case}/retry_action": self._mail_has_failed,
            "POST /v1/cases/{case}/reverse_time": self._work_stayed_uncovered,
            "POST /v1/cases/{case}/migrate": self._bronze_has_another_version,
            "POST /v1/entitlements/{entitlement}/amend": self._visits_are_used_up,
            "POST /v1/tasks/{key}/done": self._task_is_there,
            "POST /v1/actions/{key}/retry": self._mail_has_failed,
            "POST /v1/customer-links/{link}/revoke": self._link_is_there,
            "POST /v1/keys/{key_id}/revoke": self._key_is_there,
        }

    async def _mail_has_failed(self) -> None:
        async def has_failed() -> None:
            failed = (await self._api.get("/v1/actions")).json()["actions"]
            assert actions.KEY in [action["key"] for action in failed]

        await assert_eventually(has_failed)

    async def _work_stayed_uncovered(self) -> None:
        said = {"id": "T-0", "minutes": 30, "worked_at": "2025-12-01T09:00:00Z"}
        await self._done("/v1/cases/4711/log_time", said)

    async def _task_is_there(self) -> None:
        async def is_there() -> None:
            listed = (await self._api.get("/v1/tasks")).json()["tasks"]
            assert tasks.KEY in [task["key"] for task in listed]

        await assert_eventually(is_there)

    async def _bronze_has_another_version(self) -> None:
        bronze = {"name": "Bronze", "milestones": [{"name": "Resolution", "within": "80h"}]}
        await self._done("/v1/catalog", {"processes": [bronze]}, headers={"If-Match": "*"})

    async def _visits_are_used_up(self) -> None:
        for reference, amount in (("V-2", 5), ("V-7", 1), ("V-8", 1)):
            said = {"reference": reference, "amount": amount, "overage": "agreed by phone"}
            await self._done("/v1/entitlements/acme-visits/take", said)

    async def _link_is_there(self) -> None:
        now = datetime.now(UTC)
        make_link(self._api.store, "acme", until=now + timedelta(days=1), by="ann", now=now, known_as=LINK)

    async def _key_is_there(self) -> None:
        asked = NewKey(name="helpdesk", scopes=[Scope.AGENT])
        self._api.store.keys.create(asked, by="ann", at=datetime.now(UTC), known_as=KEY_ID)

    async def _done(self, path: str, said: dict[str, Any], **named: Any) -> None:
        answer = await self._api.post(path, said, **named)
        assert answer.status_code == 200, answer.text


def typed(shown: Shown, environment: dict[str, str]) -> tuple[int, str]:
    """The status with which a command of the page is answered, and what curl prints."""
    words = shlex.split(shown.command)
    body = words[words.index("-d") + 1] if "-d" in words else ""
    signed = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
    ran = subprocess.run(
        ["bash", "-c", shown.command],
        env={**os.environ, **environment, "SIGNED": signed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{shown.command}\n{ran.stderr}"
    printed, _, status = ran.stdout.rpartition("\n")
    return int(status), printed


async def test_each_command_of_the_page_is_answered_as_it_says(
    alone: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed in its order by a shell, with real curl."""
    monkeypatch.setenv("TICKETS_SECRET", SECRET)
    monkeypatch.setenv("PAGE_SECRET", f"whsec_{b64encode(SECRET.encode()).decode()}")
    (tmp_path / ".curlrc").write_text('silent\nshow-error\nwrite-out = "\\n%{http_code}"\n')
    async with api_beside_a_worker(alone, tmp_path, CATALOG) as api:
        environment = {
            "API": str(api.http.base_url).rstrip("/"),
            "KEY": api.keys["all"],
            "CURL_HOME": str(tmp_path),
        }
        world = World(api)
        for shown in shown_commands():
            if shown.title in world.before:
                await world.before[shown.title]()
            status, printed = await asyncio.to_thread(typed, shown, environment)
            assert status in shown.statuses, f"{shown.command}\n{printed}"

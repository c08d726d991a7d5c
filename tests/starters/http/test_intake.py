"""Intake from other systems, to the end: seven products from a signed payload to a running case to a closed one."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from standardwebhooks.webhooks import Webhook
from temporalio.client import Client

from domain.catalog.intake import IntakeSource
from domain.criteria.payloads import Delivered
from domain.errors import Refused
from domain.ids import case_id_of
from domain.intake.news import Place, read_place
from domain.scopes import Scope
from starters.files.catalogs import apply_files
from starters.http.backend import Backend
from starters.intake.taking import Taker
from tests.starters.http_api import Api, api_beside_a_worker
from tests.starters.intakes import FOLDER, PRODUCTS, SECRET, STEPS, VARIABLES, Sent, sent, signed
from tests.support import unique
from worker.process import working

MAPPINGS = [(FOLDER / f"{name}.yaml").read_text(encoding="utf-8") for name in ("desk", *PRODUCTS)]
CHAT_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  of tests alone
TWO_OF_ONE = """
intake:
  - id: mail
    signature: {scheme: basic, user: milepost, secrets: [{env: ZAMMAD_SIGNATURE_TOKEN}]}
    delivery_header: X-Id
    case: payload.ticket
    occurred_at: payload.at
    opened_at: payload.created
    account: '"acme"'
    fields: {status: payload.status}
    stop: payload.status == "waiting"
    resume: payload.status == "open"
    close: payload.status == "done"
    reopen: payload.status != "done"
  - id: chat
    signature: {scheme: standard, secrets: [{env: CHAT_SECRET}]}
    delivery_header: webhook-id
    on_error: skip
    case: payload.ticket
    occurred_at: payload.at
    account: '"acme"'
    fields: {priority: payload.priority}
    open: payload.opens
  - id: rotated
    signature: {scheme: basic, user: milepost, secrets: [{env: ROTATED_SECRET}, {env: ZAMMAD_SIGNATURE_TOKEN}]}
    delivery_header: X-Id
    case: payload.ticket
    occurred_at: payload.at
    account: '"acme"'
"""

URGENCIES = """
fields: {{urgency: {{type: string, values: [{listed}]}}}}
intake:
  - id: ward
    signature: {{scheme: basic, user: milepost, secrets: [{{env: ZAMMAD_SIGNATURE_TOKEN}}]}}
    delivery_header: X-Id
    case: payload.ticket
    occurred_at: payload.at
    account: '"acme"'
    fields: {{urgency: payload.urgency, status: payload.status}}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def api(client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """The API with all seven mappings, and two sources of the same tickets."""
    patch = pytest.MonkeyPatch()
    for variable in VARIABLES.values():
        patch.setenv(variable, SECRET)
    patch.setenv("CHAT_SECRET", CHAT_SECRET)
    catalog = [
        *(
            text.replace("acme-support", "ACME-support").replace("globex-support", "GLOBEX-support")
            for text in MAPPINGS
        ),
        TWO_OF_ONE,
    ]
    async with api_beside_a_worker(client, tmp_path_factory.mktemp("intake"), *catalog) as running:
        yield running
    patch.undo()


async def deliver(api: Api, product: str, what: Sent, delivery: str | None = None, **also: Any) -> httpx.Response:
    """Send what a product sends."""
    body = what.body
    headers = {**what.headers, **signed(product, delivery or unique("d"), body), **also}
    return await api.http.post(f"/v1/intake/{product}", content=body, headers=headers)


def ticket() -> str:
    """A name of a ticket that no other test has."""
    return str(uuid4().int % 10**9)


async def case_of(api: Api, foreign: str) -> dict[str, Any]:
    shown = await api.get(f"/v1/cases/{case_id_of(foreign)}")
    assert shown.status_code == 200, shown.text
    found: dict[str, Any] = shown.json()["case"]
    return found


def milestones(case: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["milestone"]: one for one in case["milestones"]}


@pytest.mark.parametrize("product", PRODUCTS)
async def test_a_ticket_becomes_a_case_that_runs_and_is_closed(api: Api, product: str) -> None:
    """With the source's own times, its fields, its waiting and its milestones; the verdict is that of the events."""
    begun = (datetime.now(UTC) - timedelta(minutes=45)).replace(microsecond=0)
    named = ticket()
    answers = {step: await deliver(api, product, sent(product, step, begun, named)) for step in STEPS[:1]}
    assert answers["created"].status_code == 200, answers["created"].text
    opened = answers["created"].json()
    assert opened["status"] == "taken"
    case = await case_of(api, opened["external_id"])
    assert (case["account"], case["process"], case["stopped"]) == ("acme", "Support", False)
    assert case["fields"]["priority"] == "Normal"
    own_time = product != "freshdesk"
    if own_time:
        assert datetime.fromisoformat(case["opened_at"]) == begun
    for step, (priority, stopped) in {
        "raised": ("High", False),
        "waiting": ("High", True),
        "answered": ("High", False),
    }.items():
        answer = await deliver(api, product, sent(product, step, begun, named))
        assert (answer.status_code, answer.json()["status"]) == (200, "taken"), answer.text
        case = await case_of(api, opened["external_id"])
        assert (case["fields"]["priority"], case["stopped"]) == (priority, stopped), (step, answer.text)
    reached = milestones(case)["First response"]
    assert reached["state"] == "completed"
    assert reached["completed_by"].endswith(f"intake/{product}")
    if own_time:
        assert datetime.fromisoformat(reached["completed_at"]) == begun + timedelta(minutes=30)
        assert reached["paused_seconds"] == 600
        assert not reached["violated"]
    closing = await deliver(api, product, sent(product, "closed", begun, named))
    assert closing.status_code == 200, closing.text
    case = await case_of(api, opened["external_id"])
    assert case["closed_at"] is not None
    assert milestones(case)["Resolution"]["state"] == "completed"
    assert not [line for line in closing.json()["did"] if "left out" in line]
    if own_time:
        assert datetime.fromisoformat(case["closed_at"]) == begun + timedelta(minutes=40)


@pytest.mark.parametrize("product", PRODUCTS)
async def test_a_wrong_signature_is_refused(api: Api, product: str) -> None:
    """Of another secret, of another body, or none at all; in the words that a source gets that there is not."""
    what = sent(product, "created", datetime.now(UTC), "9001")
    body = what.body
    others = [
        {**what.headers, **signed(product, unique("d"), body, secret=SECRET[::-1])},
        {"Content-Type": "application/json"},
    ]
    if product not in {"freshdesk", "servicenow"}:
        others.append({**what.headers, **signed(product, unique("d"), body + b" ")})
    said = set()
    for headers in others:
        answer = await api.http.post(f"/v1/intake/{product}", content=body, headers=headers)
        said.add((answer.status_code, answer.text))
    unknown = await api.http.post("/v1/intake/nobody", content=body, headers=others[0])
    assert said == {(401, unknown.text)}
    assert unknown.json()["code"] == "bad_signature"
    assert SECRET not in unknown.text


async def test_a_source_without_its_secret_stops_no_other(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It alone hears to send again, and the log names the variable; all else is answered as ever."""
    monkeypatch.delenv("CHAT_SECRET")
    refused = await chat(api, {"ticket": ticket()})
    assert (refused.status_code, refused.json()["code"]) == (503, "not_now")
    assert "CHAT_SECRET" in caplog.text
    assert "CHAT_SECRET" not in refused.text
    now = datetime.now(UTC).isoformat()
    told = {"ticket": ticket(), "status": "open", "created": now, "at": now}
    assert (await mail(api, told)).json()["status"] == "taken"
    assert (await mail(api, told, source="nobody")).status_code == 401
    for path in ("/readyz", "/v1/cases?limit=1", "/v1/intake/deliveries"):
        assert (await api.get(path)).status_code == 200


async def test_each_secret_that_is_there_counts(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of several, while one is rotated: the one that is not set yet keeps nothing from being taken."""
    monkeypatch.delenv("ROTATED_SECRET", raising=False)
    now = datetime.now(UTC).isoformat()
    told = {"ticket": ticket(), "at": now}
    assert (await mail(api, told, source="rotated")).json()["status"] == "taken"
    assert "ROTATED_SECRET" in caplog.text
    monkeypatch.setenv("ROTATED_SECRET", SECRET[::-1])
    assert (await mail(api, told, source="rotated")).json()["status"] == "taken"
    monkeypatch.delenv("ROTATED_SECRET")
    monkeypatch.delenv("ZAMMAD_SIGNATURE_TOKEN")
    assert (await mail(api, told, source="rotated")).status_code == 503


async def test_a_delivery_signed_long_ago_is_refused(api: Api) -> None:
    """Where the time is part of what is signed: nobody sends again what he once overheard."""
    what = sent("zendesk", "created", datetime.now(UTC), "9002")
    for minutes in (-6, 6):
        headers = signed("zendesk", unique("d"), what.body, now=datetime.now(UTC) + timedelta(minutes=minutes))
        answer = await api.http.post("/v1/intake/zendesk", content=what.body, headers=headers)
        assert answer.status_code == 401


async def test_a_replayed_delivery_is_answered_as_before(api: Api) -> None:
    """And does nothing again, whatever its body is by now: Zammad makes it anew for each attempt."""
    begun, delivery, named = datetime.now(UTC) - timedelta(hours=1), unique("d"), ticket()
    first = await deliver(api, "zammad", sent("zammad", "created", begun, named), delivery)
    later = await deliver(api, "zammad", sent("zammad", "raised", begun, named), unique("d"))
    again = await deliver(api, "zammad", sent("zammad", "created", begun, named), delivery)
    other = await deliver(api, "zammad", sent("zammad", "closed", begun, named), delivery)
    assert first.status_code == later.status_code == again.status_code == 200
    assert first.json() == again.json() == other.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    case = await case_of(api, f"zammad-{named}")
    assert (case["fields"]["priority"], case["closed_at"]) == ("High", None)


BAD_BODIES = [
    (b'{"ticket": "' + b"a" * 5 * 1024 * 1024 + b'"}', 413, "too_large", "1024 KB"),
    (b'{"a":' * 1000 + b"1" + b"}" * 1000, 422, "bad_message", "32 deep"),
    (b"[" * 1000 + b"]" * 1000, 422, "bad_message", "32 deep"),
    (b'{"ticket": 1, "ticket": 2}', 400, "bad_json", "'ticket' is given twice"),
    (b'{"ticket": NaN}', 400, "bad_json", "NaN"),
    (b'{"ticket": 1e999}', 422, "bad_message", "Infinity"),
    (b'{"ticket": "\\ud800"}', 422, "bad_message", "half a surrogate pair"),
    (b'{"ticket": "a\\u0000"}', 422, "bad_message", "NUL"),
    (b"\xff\xfe", 400, "bad_json", "no UTF-8"),
    (b"", 400, "bad_json", "no JSON"),
    (b"ticket=1", 400, "bad_json", "no JSON"),
]


@pytest.mark.parametrize(("body", "status", "code", "says"), BAD_BODIES, ids=lambda one: None)
async def test_a_delivery_that_is_not_plain_json_is_refused(
    api: Api, body: bytes, status: int, code: str, says: str
) -> None:
    """And kept nowhere: no mended mapping could take it."""
    before = api.store.intake.counts()
    headers = signed("zammad", unique("d"), body)
    answer = await api.http.post("/v1/intake/zammad", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert says in answer.json()["detail"]
    assert api.store.intake.counts() == before


async def test_a_number_that_nothing_can_hold_is_read_as_its_digits(api: Api) -> None:
    """So an id may be as long as it likes."""
    what, name = sent("zammad", "created", datetime.now(UTC), "1"), 10**30 + uuid4().int % 10**9
    what.payload["ticket"]["id"] = name
    answer = await deliver(api, "zammad", what)
    assert (answer.status_code, answer.json()["status"]) == (200, "taken")
    assert answer.json()["case_id"] == f"zammad-{name}"


async def test_two_deliveries_in_the_wrong_order_come_out_as_in_the_right_one(api: Api) -> None:
    """The update opens the case as of the ticket's creation, and the creation then changes nothing that is newer."""
    begun = (datetime.now(UTC) - timedelta(minutes=45)).replace(microsecond=0)
    shown = []
    for named, order in ((ticket(), ("created", "raised", "waiting")), (ticket(), ("waiting", "raised", "created"))):
        for step in order:
            answer = await deliver(api, "zammad", sent("zammad", step, begun, named))
            assert (answer.status_code, answer.json()["status"]) == (200, "taken"), answer.text
        case = await case_of(api, f"zammad-{named}")
        stand = {key: case[key] for key in ("opened_at", "stopped", "fields", "closed_at")}
        stand["fields"] = {**stand["fields"], "ticket": ""}
        targets = {one["milestone"]: (one["start_at"], one["target_at"]) for one in case["milestones"]}
        paused = {one["milestone"]: one["pauses"][0]["from_at"] for one in case["milestones"]}
        shown.append((stand, targets, paused))
    assert shown[0] == shown[1]
    assert shown[0][0]["fields"]["status"] == "pending reminder"


async def test_an_update_that_opens_nothing_waits_for_its_case(api: Api) -> None:
    """It is a dead letter until there is the case, and holds up nothing."""
    named, at = unique("T-"), (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=0)
    early = await chat(api, {"ticket": named, "at": at.isoformat(), "priority": "High", "opens": False})
    assert (early.status_code, early.json()["code"]) == (202, "no_case"), early.text
    opened = await mail(api, {"ticket": named, "at": at.isoformat(), "created": at.isoformat(), "status": "open"})
    assert opened.status_code == 200
    assert (await case_of(api, named))["fields"] == {"status": "open", "priority": "High"}
    assert (await api.get(f"/v1/intake/deliveries/{early.json()['number']}")).json()["status"] == "taken"


async def test_the_same_ticket_from_two_sources_is_one_case(api: Api) -> None:
    """Each tells of its own fields, and deliveries of two sources may have one id."""
    named, delivery = unique("INC/1.#"), unique("d")
    at = (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=0)
    first = await mail(
        api, {"ticket": named, "at": at.isoformat(), "created": at.isoformat(), "status": "open"}, delivery
    )
    then = (at - timedelta(minutes=5)).isoformat()
    second = await chat(api, {"ticket": named, "at": then, "priority": "High", "opens": True}, delivery)
    assert (first.json()["status"], second.json()["status"]) == ("taken", "taken"), second.text
    assert first.json()["case_id"] == second.json()["case_id"] == case_id_of(named)
    assert second.json()["external_id"] == named
    assert any("before the case was opened" in line for line in second.json()["did"])
    case = await case_of(api, named)
    assert case["fields"] == {"status": "open", "priority": "High"}
    assert datetime.fromisoformat(case["opened_at"]) == at


async def test_a_mapping_that_names_a_missing_key_is_mended_and_tried_again(api: Api, tmp_path: Path) -> None:
    """The dead letter says which key; later deliveries of its case wait behind it; all are taken once it is mended."""
    named, at = unique("T-"), (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=0)
    said = {"ticket": named, "created": at.isoformat()}
    lacking = await mail(api, {**said, "at": at.isoformat(), "state": "open"})
    assert (lacking.status_code, lacking.json()["status"]) == (202, "dead")
    assert lacking.json()["reason"] == "fields.status: the field 'status' is not set"
    later = await mail(api, {**said, "at": (at + timedelta(minutes=9)).isoformat(), "status": "done"})
    assert (later.status_code, later.json()["status"]) == (202, "waits"), later.text
    key = api.key(Scope.INTAKE)
    listed = (await api.get("/v1/intake/deliveries?source=mail", key=key)).json()["deliveries"]
    assert [one["status"] for one in listed] == ["dead", "waits"]
    number = lacking.json()["number"]
    stays = await api.post(f"/v1/intake/deliveries/{number}/retry", key=key)
    assert (stays.status_code, stays.json()["status"]) == (200, "dead")
    assert stays.json()["did"] == ["tried again by desk"]
    apply(api, tmp_path, TWO_OF_ONE.replace("payload.status", 'payload.?status.orValue(payload.?state.orValue(""))'))
    again = await api.post(f"/v1/intake/deliveries/{number}/retry", {"by": "ann"}, key=key)
    assert (again.status_code, again.json()["status"]) == (200, "taken"), again.text
    assert again.json()["did"][:2] == ["tried again by desk", "tried again by ann via desk"]
    case = await case_of(api, named)
    assert datetime.fromisoformat(case["closed_at"]) == at + timedelta(minutes=9)
    assert (await api.get(f"/v1/intake/deliveries/{later.json()['number']}", key=key)).json()["status"] == "taken"
    twice = await api.post(f"/v1/intake/deliveries/{number}/retry", key=key)
    assert (twice.status_code, twice.json()["code"]) == (409, "no_dead_letter")


async def test_a_value_that_was_dropped_is_taken_of_a_case_that_has_it(api: Api, tmp_path: Path) -> None:
    """A ticket names all its fields every time. No other case takes that value, and none is opened with it."""
    urgent, other = unique("T-"), unique("T-")
    start = datetime.now(UTC) - timedelta(hours=1)

    async def says(named: str, minutes: int, urgency: str, status: str) -> dict[str, Any]:
        at = (start + timedelta(minutes=minutes)).isoformat()
        told = await mail(api, {"ticket": named, "at": at, "urgency": urgency, "status": status}, source="ward")
        found: dict[str, Any] = told.json()
        return found

    apply(api, tmp_path, URGENCIES.format(listed="Low, Urgent"))
    opened = [await says(urgent, 0, "Urgent", "new"), await says(other, 0, "Low", "new")]
    assert [one["status"] for one in opened] == ["taken", "taken"], opened
    apply(api, tmp_path, URGENCIES.format(listed="Low"))
    again = await says(urgent, 9, "Urgent", "open")
    assert again["status"] == "taken", again
    assert (await case_of(api, urgent))["fields"] == {"urgency": "Urgent", "status": "open"}
    for named in (other, unique("T-")):
        dead = await says(named, 9, "Urgent", "open")
        said = "fields: case.urgency: 'Urgent' is none of its values; there are Low"
        assert (dead["status"], dead["code"], dead["reason"]) == ("dead", "unreadable", said)
    assert (await case_of(api, other))["fields"] == {"urgency": "Low", "status": "new"}


async def test_a_value_that_was_added_is_taken_once_its_case_is_migrated(api: Api, tmp_path: Path) -> None:
    """Until then the case keeps the list of its opening; the dead letter says what to do."""
    named, at = unique("T-"), datetime.now(UTC) - timedelta(hours=1)
    said = {"ticket": named, "status": "new"}
    apply(api, tmp_path, URGENCIES.format(listed="Low"))
    opened = await mail(api, {**said, "at": at.isoformat(), "urgency": "Low"}, source="ward")
    assert opened.json()["status"] == "taken", opened.text
    apply(api, tmp_path, URGENCIES.format(listed="Low, High"))
    dead = (await mail(api, {**said, "at": datetime.now(UTC).isoformat(), "urgency": "High"}, source="ward")).json()
    assert (dead["status"], dead["code"]) == ("dead", "bad_field"), dead
    assert dead["reason"].endswith(f"`milepost migrate --redeclared --case {named}`")
    migrated = await api.post(f"/v1/cases/{named}/migrate", {})
    assert migrated.status_code == 200, migrated.text
    again = await api.post(f"/v1/intake/deliveries/{dead['number']}/retry")
    assert again.json()["status"] == "taken", again.text
    assert (await case_of(api, named))["fields"]["urgency"] == "High"


@pytest.mark.parametrize("at", [None, "noon", "2026-11-02T09:00:00", "0001-01-01T00:00:00+01:00"])
async def test_a_dead_letter_without_a_time_keeps_its_place(api: Api, at: str | None) -> None:
    """Its case is known: it is listed with it, and what comes later of the case waits until it is out of the way."""
    named, now = unique("T-"), datetime.now(UTC).replace(microsecond=0)
    told = {"ticket": named, "created": (now - timedelta(hours=1)).isoformat(), "status": "open"}
    opened = await mail(api, {**told, "at": told["created"]})
    dead = await mail(api, {**told, "status": "waiting", **({} if at is None else {"at": at})})
    later = await mail(api, {**told, "at": (now - timedelta(minutes=9)).isoformat(), "status": "done"})
    assert [one.json()["status"] for one in (opened, dead, later)] == ["taken", "dead", "waits"], later.text
    listed = (await api.get(f"/v1/intake/deliveries?case={named}")).json()["deliveries"]
    assert [one["number"] for one in listed] == [one.json()["number"] for one in (dead, later)]
    await api.post(f"/v1/intake/deliveries/{dead.json()['number']}/drop", {"by": "ann"})
    taken = await api.get(f"/v1/intake/deliveries/{later.json()['number']}")
    assert taken.json()["status"] == "taken"


async def test_a_dead_letter_has_a_code_of_the_table(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an activity calls it."""

    async def unknown(*_: Any, **__: Any) -> None:
        raise Refused("NotFound", "there is no account 'acme'")

    monkeypatch.setattr(api.app.state.backend.cases, "open", unknown)
    at = datetime.now(UTC).isoformat()
    dead = await mail(api, {"ticket": unique("T-"), "at": at, "created": at, "status": "open"})
    assert (dead.json()["status"], dead.json()["code"]) == ("dead", "unknown_name"), dead.text


async def test_letters_that_are_tried_again_are_overtaken_by_nothing(api: Api, tmp_path: Path) -> None:
    """All have their places before any is told: a pause of an earlier one is not lost to a later one that waited."""
    named, now = unique("T-"), datetime.now(UTC).replace(microsecond=0)
    times = [(now - timedelta(minutes=minutes)).isoformat() for minutes in (50, 40, 30)]
    said = {"ticket": named, "created": times[0]}
    begins = await mail(api, {**said, "when": times[0], "status": "open"})
    stops = await mail(api, {**said, "when": times[1], "status": "waiting"})
    goes_on = await mail(api, {**said, "at": times[2], "status": "open"})
    assert [one.json()["status"] for one in (begins, stops, goes_on)] == ["dead", "dead", "waits"]
    apply(api, tmp_path, TWO_OF_ONE.replace("payload.at\n", 'payload.?at.orValue(payload.?when.orValue(""))\n'))
    numbers = [one.json()["number"] for one in (begins, stops)]
    again = await api.app.state.backend.intake.retry(numbers, by="ann")
    assert [one.status for one in again] == ["taken", "taken"]
    assert any(line.startswith("stop the clock") for line in again[1].did)
    last = api.store.intake.get(goes_on.json()["number"])
    assert [line.split(" at ")[0] for line in last.did if "clock" in line] == ["let the clock go on"]


async def test_what_nobody_expected_stops_one_delivery(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours makes it a dead letter whose reason names the line of the log; what waits beside it is told."""
    taker: Taker = api.app.state.backend.intake
    broken, well = unique("T-"), unique("T-")
    at = (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=0).isoformat()
    kept = {}
    for named in (broken, well):
        text = json.dumps({"ticket": named, "at": at, "created": at, "status": "open"})
        kept[named], _ = api.store.intake.receive("mail", unique("d"), text, {}, datetime.now(UTC))

    def breaks(source: IntakeSource, delivered: Delivered, received_at: datetime) -> Place | None:
        found = read_place(source, delivered, received_at)
        if found is not None and found.external_id == broken:
            raise KeyError("nobody expected this")
        return found

    monkeypatch.setattr("starters.intake.taking.read_place", breaks)
    await taker.take_up(datetime.now(UTC) + timedelta(seconds=1))
    stopped = api.store.intake.get(kept[broken].number)
    assert (stopped.status, stopped.code) == ("dead", "unexpected")
    assert stopped.reason.startswith("an unexpected error; the log has more under fault ")
    assert api.store.intake.get(kept[well].number).status == "taken"


async def test_a_dead_letter_is_dropped_and_what_waited_goes_on(api: Api) -> None:
    """It stays on record with who gave it up."""
    named, at = unique("T-"), (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=0)
    said = {"ticket": named, "created": at.isoformat()}
    dead = await mail(api, {**said, "at": at.isoformat(), "status": 7})
    waits = await mail(api, {**said, "at": (at + timedelta(minutes=1)).isoformat(), "status": "open"})
    assert (dead.json()["status"], waits.json()["status"]) == ("dead", "waits")
    assert "not a text" in dead.json()["reason"]
    dropped = await api.post(f"/v1/intake/deliveries/{dead.json()['number']}/drop", {"by": "ann"})
    assert dropped.json()["status"] == "dropped"
    assert "dropped by ann via desk" in dropped.json()["reason"]
    assert (await case_of(api, named))["fields"]["status"] == "open"


async def test_what_nobody_answers_waits_and_is_taken_up(api: Api) -> None:
    """What was acknowledged is not lost: it is taken as soon as somebody answers."""
    named, at = unique("T-"), (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=0)
    payload = json.dumps({"ticket": named, "at": at.isoformat(), "created": at.isoformat(), "status": "open"})
    kept, is_new = api.store.intake.receive("mail", unique("d"), payload, {}, datetime.now(UTC))
    assert is_new
    backend = api.app.state.backend
    taker = Taker(api.store, backend.cases)
    assert await taker.take_up(datetime.now(UTC) - timedelta(minutes=1)) == 0  # it has only just come
    assert await taker.take_up(datetime.now(UTC) + timedelta(seconds=1)) == 1
    assert api.store.intake.get(kept.number).status == "taken"
    assert (await case_of(api, named))["fields"]["status"] == "open"


async def test_nobody_tells_a_case_for_longer_than_it_is_theirs(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left when half of the lease is over waits for the next go: another process may begin to tell it."""
    named, at = unique("T-"), (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=0).isoformat()
    payload = json.dumps({"ticket": named, "at": at, "created": at, "status": "open"})
    kept, _ = api.store.intake.receive("mail", unique("d"), payload, {}, datetime.now(UTC))
    taker: Taker = api.app.state.backend.intake
    with monkeypatch.context() as patched:
        patched.setattr("starters.intake.taking._LEASE", timedelta())
        await taker.take_up(datetime.now(UTC) + timedelta(seconds=1))
    assert api.store.intake.get(kept.number).status == "waits"
    await taker.take_up(datetime.now(UTC) + timedelta(seconds=1))
    assert api.store.intake.get(kept.number).status == "taken"


async def test_deliveries_at_once_are_told_one_after_the_other(api: Api) -> None:
    """Of one ticket, and each of them twice: every one is taken once, and the newest word stands."""
    named, at = unique("T-"), (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=0)
    said = [
        {"ticket": named, "at": (at + timedelta(minutes=n)).isoformat(), "created": at.isoformat(), "status": f"s{n}"}
        for n in (3, 1, 5, 0, 4, 2)
    ]
    answers = await asyncio.gather(*(mail(api, one, f"{named}-{one['status']}") for one in [*said, *said]))
    assert {(one.status_code, one.json()["status"]) for one in answers} == {(200, "taken")}
    assert len({one.json()["number"] for one in answers}) == len(said)
    case = await case_of(api, named)
    assert (case["fields"]["status"], datetime.fromisoformat(case["opened_at"])) == ("s5", at)


async def test_what_comes_while_no_worker_runs_is_taken_by_the_next_one(api: Api, client: Client) -> None:
    """It is acknowledged as waiting, with why; and told once somebody answers, in the order of its own time."""
    named, at, queue = unique("T-"), (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=0), unique("queue")
    backend = Backend(client, api.store, queue, patience=0.5)
    for minutes, status in ((1, "open"), (2, "done")):
        said = {"ticket": named, "at": (at + timedelta(minutes=minutes)).isoformat(), "created": at.isoformat()}
        text = json.dumps({**said, "status": status})
        kept, _ = await backend.intake.receive("mail", unique("d"), text, {})
        assert (kept.status, kept.case_id) == ("waits", named)
    assert "nobody answers" in api.store.intake.listed(case_id=named)[0].reason
    async with working(client, api.store, task_queue=queue):
        assert await backend.intake.take_up(datetime.now(UTC) + timedelta(seconds=1)) == 2
        view = (await backend.cases.show(named)).view
    assert api.store.intake.listed(case_id=named) == []
    assert (view.opened_at, view.closed_at) == (at, at + timedelta(minutes=2))


async def test_dead_letters_are_for_keys_of_intake(api: Api) -> None:
    """Of the whole organisation: they hold what anybody sent."""
    bound = api.key(Scope.INTAKE, accounts=["acme"])
    for method, path in (("GET", ""), ("GET", "/1"), ("POST", "/1/retry"), ("POST", "/1/drop")):
        refused = await api.ask(method, f"/v1/intake/deliveries{path}", key=bound)
        assert (refused.status_code, refused.json()["code"]) == (403, "bound_key")
        missing = await api.ask(
            method, f"/v1/intake/deliveries{path.replace('1', '999999')}", key=api.key(Scope.INTAKE)
        )
        assert missing.status_code == (404 if path else 200)


async def test_no_secret_is_kept(api: Api) -> None:
    """Neither the one in a header nor a password: what is kept of a delivery has none of them."""
    answer = await deliver(api, "servicenow", sent("servicenow", "created", datetime.now(UTC), "7777"))
    kept = await api.get(f"/v1/intake/deliveries/{answer.json()['number']}")
    assert SECRET not in kept.text
    assert "x-milepost-delivery" in kept.json()["headers"]


async def test_what_does_not_concern_us_is_ignored(api: Api) -> None:
    """A ping of GitHub has no issue, and a pull request is none."""
    ping = await deliver(api, "github", Sent({"zen": "Keep it simple."}, {"X-GitHub-Event": "ping"}))
    assert (ping.status_code, ping.json()["status"]) == (200, "ignored")


def apply(api: Api, folder: Path, text: str) -> None:
    (file := folder / "mended.yaml").write_text(text, encoding="utf-8")
    apply_files(api.store, [file], by="test")


async def mail(
    api: Api, payload: dict[str, Any], delivery: str | None = None, *, source: str = "mail"
) -> httpx.Response:
    """Send something with a user and a password."""
    shown = base64.b64encode(f"milepost:{SECRET}".encode()).decode()
    headers = {"Authorization": f"Basic {shown}", "X-Id": delivery or unique("d")}
    return await api.http.post(f"/v1/intake/{source}", json=payload, headers=headers)


async def chat(api: Api, payload: dict[str, Any], delivery: str | None = None) -> httpx.Response:
    """Send something by Standard Webhooks."""
    name, now, body = delivery or unique("d"), datetime.now(UTC), json.dumps(payload)
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(CHAT_SECRET).sign(name, now, body),
        "Content-Type": "application/json",
    }
    return await api.http.post("/v1/intake/chat", content=body, headers=headers)

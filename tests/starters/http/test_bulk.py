"""Many at once: a verdict on each, and what is sent again is done once."""

from datetime import UTC, datetime
from typing import Any

import httpx

from clients.sending import NoAnswer
from domain.scopes import Scope
from tests.starters.http_api import Api
from tests.support import unique


async def batch(api: Api, *cases: dict[str, Any], **named: Any) -> httpx.Response:
    return await api.post("/v1/cases:batch", {"cases": list(cases)}, **named)


async def test_each_case_has_its_verdict(api: Api) -> None:
    """One that is refused holds up no other, and what is sent again is open already."""
    one, two = unique("c"), f"INC/{unique('c')}"
    asked: list[dict[str, Any]] = [
        {"case_id": one, "account": "acme"},
        {"case_id": unique("c"), "account": "nobody"},
        {"case_id": two, "account": "acme", "fields": {"priority": "High"}},
        {"case_id": unique("c"), "account": "acme", "fields": {"nope": 1}},
    ]
    first = (await batch(api, *asked)).json()
    assert [(verdict["row"], verdict["status"]) for verdict in first["verdicts"]] == [
        (1, 201),
        (2, 422),
        (3, 201),
        (4, 422),
    ]
    assert [verdict.get("code") for verdict in first["verdicts"]] == [None, "unknown_name", None, "bad_field"]
    assert first["done"] == 2
    again = (await batch(api, *asked)).json()
    assert [verdict["status"] for verdict in again["verdicts"]] == [200, 422, 200, 422]
    shown = (await api.get(f"/v1/cases/{two.replace('/', '%2F')}")).json()["case"]
    assert shown["case_id"] == two.replace("/", "~2F")


async def test_a_batch_that_does_not_fit_is_refused_whole(api: Api) -> None:
    """With the place of each thing that is wrong."""
    refused = await batch(api, {"case_id": unique("c"), "account": "acme"}, {"account": "acme"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/cases/1/case_id")
    assert (await batch(api)).status_code == 422
    many = [{"case_id": f"c{number}", "account": "acme"} for number in range(201)]
    assert (await batch(api, *many)).status_code == 422


async def test_a_bound_key_opens_its_accounts_cases_alone(api: Api) -> None:
    """Of any other account it is answered as of one that there is not."""
    bound = api.key(Scope.INTAKE, accounts=["acme"])
    ours, theirs, nobodys = [{"case_id": unique("c"), "account": a} for a in ("acme", "globex", "nobody")]
    verdicts = (await batch(api, ours, theirs, nobodys, key=bound)).json()["verdicts"]
    assert [verdict["status"] for verdict in verdicts] == [201, 422, 422]
    assert verdicts[1]["text"] == verdicts[2]["text"]


async def test_time_entries_count_once(api: Api) -> None:
    """Under their own ids, whichever request brings them."""
    case_id, entry = await api.opened(entitlement=api.named("acme-bank")), unique("T")
    entries = [{"case": case_id, "id": entry, "minutes": 45}, {"case": unique("nope"), "id": unique("T"), "minutes": 1}]
    for _ in range(2):
        said = (await api.post("/v1/time_entries:batch", {"entries": entries})).json()
        assert [verdict["status"] for verdict in said["verdicts"]] == [200, 404]
    left = (await api.get(f"/v1/entitlements/{api.named('acme-bank')}")).json()
    assert left["current"]["used"] == 45


async def test_two_rows_of_one_event_id_are_not_one(api: Api) -> None:
    """The second is refused, unless it is the first once more; under an event id of before another entry counts."""
    case_id, name = await api.opened(entitlement=api.named("acme-bank")), unique("k")
    rows = [{"case": case_id, "id": unique("T"), "minutes": minutes, "event_id": name} for minutes in (3, 6)]
    said = (await api.post("/v1/time_entries:batch", {"entries": [*rows, rows[0]]})).json()
    assert [one.get("code") for one in said["verdicts"]] == [None, "key_used_otherwise", None]
    assert "0.05 hours taken" in said["verdicts"][2]["text"]
    later = (await api.post("/v1/time_entries:batch", {"entries": [rows[1]]})).json()
    assert "0.1 hours taken" in later["verdicts"][0]["text"]


async def test_rows_of_one_id_come_one_after_the_other(api: Api) -> None:
    """In the order of the batch, and each is answered as a request by itself would be."""
    foreign = f"INC/{unique('c')}"
    asked = [
        {"case_id": foreign, "account": "acme", "fields": {"priority": "High"}},
        {"case_id": foreign.replace("/", "~2F"), "account": "acme", "fields": {"priority": "Low"}},
    ]
    said = (await batch(api, *asked)).json()["verdicts"]
    assert [(one["status"], one["text"]) for one in said] == [(201, "opened"), (200, "is open already")]
    shown = (await api.get(f"/v1/cases/{foreign.replace('/', '~2F')}")).json()["case"]
    assert shown["fields"]["priority"] == "High"
    case_id, entry = await api.opened(entitlement=api.named("acme-bank")), unique("T")
    rows = [{"case": case_id, "id": entry, "minutes": minutes} for minutes in (6, 12, 6)]
    logged = (await api.post("/v1/time_entries:batch", {"entries": rows})).json()["verdicts"]
    assert ["0.1 hours taken" in logged[0]["text"], "logged before with 6m, and not 12m" in logged[1]["text"]] == [
        True
    ] * 2
    assert logged[2]["text"] == logged[0]["text"]


async def test_what_was_refused_of_a_batch_runs_again_under_its_key(api: Api) -> None:
    """No refusal is answered from memory; what was done is answered as it stands."""
    key = {"Idempotency-Key": unique("k")}
    case_id, later, entry = await api.opened(entitlement=api.named("acme-bank")), unique("c"), unique("T")
    entries = [{"case": case_id, "id": entry, "minutes": 1}, {"case": later, "id": unique("T"), "minutes": 1}]
    first = (await api.post("/v1/time_entries:batch", {"entries": entries}, headers=key)).json()
    assert [one["status"] for one in first["verdicts"]] == [200, 404]
    await api.post("/v1/cases", {"case_id": later, "account": "acme"})
    again = await api.post("/v1/time_entries:batch", {"entries": entries}, headers=key)
    assert [one["status"] for one in again.json()["verdicts"]] == [200, 200]
    assert again.json()["verdicts"][0] == first["verdicts"][0]
    stamped = [{**one, "occurred_at": datetime.now(UTC).isoformat()} for one in entries]
    kept = await api.post("/v1/time_entries:batch", {"entries": stamped}, headers=key)
    assert (kept.content, "idempotent-replayed" in kept.headers) == (again.content, True)


async def test_once_nobody_answers_nothing_more_is_begun(api: Api, monkeypatch: Any) -> None:
    """All that is left is told so at once, and the answer is not kept under its key: sent again it does the rest."""
    asked = [{"case_id": unique("c"), "account": "acme"} for _ in range(20)]
    desk = api.app.state.backend.cases
    tried: list[str] = []

    async def nobody(intake: Any) -> Any:
        tried.append(intake.case_id)
        raise NoAnswer("nobody answers")

    key = {"Idempotency-Key": unique("k")}
    with monkeypatch.context() as patched:
        patched.setattr(desk, "open", nobody)
        away = await batch(api, *asked, headers=key)
    assert {verdict["code"] for verdict in away.json()["verdicts"]} == {"no_answer"}
    assert (away.headers["retry-after"], len(tried) <= 8) == ("5", True)
    done = await batch(api, *asked, headers=key)
    assert (done.json()["done"], "idempotent-replayed" in done.headers) == (20, False)

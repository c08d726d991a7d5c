"""A request under an Idempotency-Key is done once and answered the same, whoever sends it again, and how often."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from domain.scopes import Scope
from store.answers import KEPT_FOR, Asked
from tests.starters.http_api import Api
from tests.support import unique

DONE = {"milestone": "First response", "by": "ann"}


async def test_the_same_request_again_has_the_same_answer(api: Api) -> None:
    """To the letter, as does one whose body is laid out otherwise or stamped anew; it says that it is a repetition."""
    case_id = await api.opened()
    path, key = f"/v1/cases/{case_id}/complete_milestone", {"Idempotency-Key": unique("k")}
    first = await api.post(path, DONE, headers=key)
    again = await api.post(path, DONE, headers=key)
    turned = await api.post(path, dict(reversed(DONE.items())), headers=key)
    stamped = await api.post(path, {**DONE, "occurred_at": datetime.now(UTC).isoformat()}, headers=key)
    assert first.status_code == 200
    assert [one.content for one in (again, turned, stamped)] == [first.content] * 3
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    assert again.headers["content-type"] == first.headers["content-type"]


async def test_an_opening_is_repeated_with_its_status_and_place(api: Api) -> None:
    """It was made, and is where it was said to be."""
    asked, key = {"case_id": unique("c"), "account": "acme"}, {"Idempotency-Key": unique("k")}
    first, again = [await api.post("/v1/cases", asked, headers=key) for _ in range(2)]
    assert (again.status_code, again.headers["location"]) == (201, first.headers["location"])
    assert again.json()["outcome"] == "taken"


@pytest.mark.parametrize("other", ["body", "path", "query"])
async def test_another_request_under_the_key_is_refused(api: Api, other: str) -> None:
    """Whatever is different of it."""
    case_id, key = await api.opened(), {"Idempotency-Key": unique("k")}
    path = f"/v1/cases/{case_id}/complete_milestone"
    await api.post(path, DONE, headers=key)
    asked = {
        "body": (path, {**DONE, "by": "bo"}),
        "path": (f"/v1/cases/{case_id}/stop_clock", DONE),
        "query": (f"{path}?x=1", DONE),
    }[other]
    refused = await api.post(*asked, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (422, "key_used_otherwise")


async def test_each_sender_has_keys_of_its_own(api: Api) -> None:
    """What one has sent is not answered to another."""
    key, one, other = {"Idempotency-Key": unique("k")}, await api.opened(), await api.opened()
    desk, shop = api.key(Scope.AGENT), api.key(Scope.AGENT)
    for case_id, who in ((one, desk), (other, shop)):
        done = await api.post(f"/v1/cases/{case_id}/complete_milestone", DONE, headers=key, key=who)
        assert (done.status_code, done.json()["case"]["case_id"]) == (200, case_id)


async def test_what_two_senders_ask_of_one_thing_under_one_key_is_done_twice(api: Api) -> None:
    """Neither is taken for the other, whatever they ask for: of a case, of a time entry, of a count."""
    key, bank, visits = {"Idempotency-Key": unique("k")}, api.named("acme-bank"), api.named("acme-visits")
    case_id = await api.opened(entitlement=bank)
    path, count = f"/v1/cases/{case_id}", f"/v1/entitlements/{visits}"
    used = (await api.get(count)).json()["current"]["used"]
    desk, shop = api.key(*Scope), api.key(*Scope)
    told = await api.post(f"{path}/change_fields", {"fields": {"status": "New"}}, headers=key, key=desk)
    stopped = await api.post(f"{path}/stop_clock", {}, headers=key, key=shop)
    assert [told.json()["outcome"], stopped.json()["outcome"]] == ["taken", "taken"]
    assert stopped.json()["case"]["stopped"]
    again, more = ({"Idempotency-Key": unique("k")} for _ in range(2))
    lines = [
        (await api.post(f"{path}/log_time", {"id": unique("T"), "minutes": minutes}, headers=again, key=who)).json()
        for minutes, who in ((3, desk), (6, shop))
    ]
    assert ["0.05 hours taken" in lines[0]["lines"][0], "0.1 hours taken" in lines[1]["lines"][0]] == [True, True]
    for who in (desk, shop):
        said = await api.post(f"{count}/adjust", {"amount": 1, "reason": "by phone"}, headers=more, key=who)
        assert said.status_code == 200, said.text
    assert (await api.get(count)).json()["current"]["used"] == used + 2


async def test_the_event_id_in_a_body_is_its_key(api: Api) -> None:
    """Another request under it is refused as under the header's, and not passed over."""
    case_id, name = await api.opened(), unique("k")
    path = f"/v1/cases/{case_id}"
    first, again = [await api.post(f"{path}/complete_milestone", {**DONE, "event_id": name}) for _ in range(2)]
    assert (first.json()["outcome"], again.content, "idempotent-replayed" in again.headers) == (
        *("taken", first.content),
        True,
    )
    other = await api.post(f"{path}/change_fields", {"fields": {"status": "New"}, "event_id": name})
    assert (other.status_code, other.json()["code"]) == (422, "key_used_otherwise")


async def test_of_many_at_once_one_is_done(api: Api) -> None:
    """The others are told to ask again in a moment, or have the answer already."""
    case_id, key = await api.opened(), {"Idempotency-Key": unique("k")}
    path = f"/v1/cases/{case_id}/complete_milestone"
    answers = await asyncio.gather(*(api.post(path, DONE, headers=key) for _ in range(8)))
    assert {one.status_code for one in answers} <= {200, 409}
    done = {one.content for one in answers if one.status_code == 200}
    assert len(done) == 1
    for one in answers:
        if one.status_code == 409:
            assert (one.json()["code"], one.headers["retry-after"]) == ("still_running", "1")


async def test_what_was_refused_runs_again(api: Api) -> None:
    """It came to nothing: the same request is taken when it can be, and the key is free for another."""
    case_id, key = unique("c"), {"Idempotency-Key": unique("k")}
    path = f"/v1/cases/{case_id}/complete_milestone"
    early = await api.post(path, DONE, headers=key)
    assert early.status_code == 404
    await api.post("/v1/cases", {"case_id": case_id, "account": "acme"})
    assert (await api.post(path, DONE, headers=key)).status_code == 200


async def test_after_seven_days_the_case_itself_knows_the_key(api: Api) -> None:
    """The event id is made of it: what was taken under it is not taken again, and answered as it stands."""
    case_id, key = await api.opened(), unique("k")
    path = f"/v1/cases/{case_id}/complete_milestone"
    await api.post(path, DONE, headers={"Idempotency-Key": key})
    await api.post(f"/v1/cases/{case_id}/stop_clock", {})
    api.store.answers.prune(datetime.now(UTC) + KEPT_FOR + timedelta(seconds=1))
    late = await api.post(path, DONE, headers={"Idempotency-Key": key})
    assert (late.status_code, late.json()["outcome"]) == (200, "repeated")
    assert late.json()["case"]["stopped"]


async def test_a_request_whose_process_was_killed_runs_again(api: Api) -> None:
    """Not while it may still be worked on."""
    case_id, key = await api.opened(), unique("k")
    known = next(one for one in api.store.keys.all() if api.keys["all"].startswith(f"mp_{one.id}_"))
    path = f"/v1/cases/{case_id}/complete_milestone"
    await api.post(path, DONE, headers={"Idempotency-Key": key})
    with api.store._database.write() as connection:
        connection.exec_driver_sql("UPDATE kept_answers SET status = NULL, body = NULL WHERE key = ?", (key,))
    busy = await api.post(path, DONE, headers={"Idempotency-Key": key})
    assert (busy.status_code, busy.json()["code"]) == (409, "still_running")
    with api.store._database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE kept_answers SET begun_at = '2020-01-01 00:00:00.000000' WHERE key = ?", (key,)
        )
    again = await api.post(path, DONE, headers={"Idempotency-Key": key})
    assert (again.status_code, again.json()["outcome"]) == (200, "repeated")
    asked = Asked(f"key/{known.id}", key, "other", "x")
    with pytest.raises(Exception, match="used for another request"):
        api.store.answers.begin(asked, datetime.now(UTC))


@pytest.mark.parametrize("key", ["", '""', "x" * 201, "a\tb"])
async def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    """Before anything is done."""
    refused = await api.post("/v1/cases", {"case_id": unique("c"), "account": "acme"}, headers={"Idempotency-Key": key})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")


async def test_header_and_body_name_one_event(api: Api) -> None:
    """A key in quotes is what stands between them; where both are given they agree."""
    case_id, key = await api.opened(), unique("k")
    path = f"/v1/cases/{case_id}/complete_milestone"
    differ = await api.post(path, {**DONE, "event_id": "other"}, headers={"Idempotency-Key": key})
    assert (differ.status_code, differ.json()["code"]) == (422, "bad_message")
    assert (await api.post(path, {**DONE, "event_id": key}, headers={"Idempotency-Key": f'"{key}"'})).status_code == 200
    assert "idempotent-replayed" in (await api.post(path, {**DONE, "event_id": key})).headers

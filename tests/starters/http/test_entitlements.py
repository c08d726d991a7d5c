"""Entitlements over HTTP: what they have left, what is taken of them, and what is done to them by hand."""

from typing import Any

import pytest

from domain.ids import case_id_of
from domain.scopes import Scope
from tests.starters.http_api import Api
from tests.support import assert_eventually, unique


async def test_coverage_says_who_covers_a_customer(api: Api) -> None:
    """What is chosen, what is left, and why no other; nothing is taken."""
    said = (await api.get("/v1/coverage?account=acme", key=api.keys["dispatcher"])).json()
    assert (said["next_case"], said["covered_by"]) == ("covered", api.named("acme-gold"))
    assert {other["entitlement"] for other in said["others"]} >= {api.named("acme-other")}
    bound = api.key(Scope.DISPATCHER, accounts=["acme"])
    theirs, missing = [await api.get(f"/v1/coverage?account={name}", key=bound) for name in ("globex", "nope")]
    assert (theirs.status_code, theirs.text) == (missing.status_code, missing.text)


async def test_a_visit_is_taken_once_and_given_back_once(api: Api) -> None:
    """With what is left before and after, live."""
    name, visit = api.named("acme-visits"), unique("V")
    path, key = f"/v1/entitlements/{name}", api.keys["dispatcher"]
    before = (await api.get(path, key=key)).json()["current"]["remaining"]
    taken = await api.post(f"{path}/take", {"reference": visit, "by": "dispatch"}, key=key)
    assert (taken.status_code, taken.json()["answer"]["outcome"]) == (200, "granted")
    again = await api.post(f"{path}/take", {"reference": visit}, key=key)
    assert again.json()["answer"]["outcome"] == "already"
    assert (await api.get(path, key=key)).json()["current"]["remaining"] == before - 1
    given = await api.post(f"{path}/reverse", {"reference": visit, "reason": "not needed"}, key=key)
    assert given.status_code == 200, given.text
    twice = await api.post(f"{path}/reverse", {"reference": visit, "reason": "not needed"}, key=key)
    assert (twice.status_code, twice.json()["code"]) == (409, "already_reversed")

    async def the_ledger_has_both() -> None:
        rows = (await api.get(f"{path}/ledger", key=key)).json()["rows"]
        assert [row["kind"] for row in rows if row["reference"] == visit] == ["taken", "reversed"]
        assert next(row["by"] for row in rows if row["reference"] == visit) == "dispatch via desk"

    await assert_eventually(the_ledger_has_both)
    first = (await api.get(f"{path}/ledger?limit=1", key=key)).json()
    assert (len(first["rows"]), first["next"]) == (1, 1)


async def test_a_manager_changes_what_an_entitlement_has(api: Api) -> None:
    """Each change with who and why; the answer says what is left."""
    path, key = f"/v1/entitlements/{api.named('globex-visits')}", api.keys["manager"]
    steps: list[tuple[str, dict[str, Any]]] = [
        ("adjust", {"amount": 1}),
        ("adjust", {"amount": "-1"}),
        ("grant", {"amount": 2}),
        ("grant", {"amount": "-1"}),
        ("amend", {"cap": 6}),
        ("amend", {"cap": "unlimited"}),
        ("amend", {"cap": 8, "ends_on": "2099-12-31"}),
        ("renew", {}),
        ("cancel", {"with_renewal": True}),
    ]
    for change, said in steps:
        whatever_it_is = {"If-Match": "*"} if change == "amend" else {}
        answer = await api.post(f"{path}/{change}", {**said, "reason": "so agreed"}, key=key, headers=whatever_it_is)
        assert answer.status_code == 200, (change, said, answer.text)
        assert answer.json()["entitlement"] == api.named("globex-visits")
    balances = (await api.get("/v1/entitlements?account=globex", key=key)).json()["entitlements"]
    assert api.named("globex-visits") not in {one["entitlement_id"] for one in balances}


@pytest.mark.parametrize(
    ("change", "said", "code"),
    [
        ("adjust", {"amount": "nope"}, "bad_amount"),
        ("adjust", {"amount": True}, "bad_message"),
        ("adjust", {"amount": 1.5}, "bad_message"),
        ("adjust", {"amount": 10**12}, "bad_amount"),
        ("adjust", {"amount": 1, "reason": ""}, "bad_message"),
        ("amend", {}, "nothing_to_amend"),
        ("amend", {"cap": "some"}, "bad_amount"),
        ("amend", {"cap": -1}, "bad_message"),
        ("amend", {"ends_on": "2026-02-30"}, "bad_message"),
        ("renew", {"ends_on": 20000}, "bad_message"),
        ("cancel", {"on": "0", "with_renewal": 1}, "bad_message"),
        ("cancel", {"on": "2026-12-31", "at": "2026-12-31T00:00Z"}, "bad_dates"),
        *(
            (change, {**more, part: day}, "bad_dates")
            for change, part, more in (
                ("grant", "until", {"amount": 1}),
                ("cancel", "on", {}),
                ("amend", "ends_on", {}),
                ("renew", "ends_on", {}),
            )
            for day in ("9999-12-31", "3000-01-01", "1899-12-31", "0001-01-01")
        ),
        ("cover", {"reference": "nope"}, "no_overage"),
        ("void", {"reference": "nope"}, "no_overage"),
        ("reverse", {"reference": "nope"}, "unknown_reference"),
        ("take", {"reference": "v", "amount": 0}, "bad_amount"),
    ],
)
async def test_what_can_not_be_asked_of_an_entitlement_is_refused(
    api: Api, change: str, said: dict[str, Any], code: str
) -> None:
    """With its code; nothing is changed."""
    asked = said if change == "take" else {"reason": "so agreed", **said}
    whatever_it_is = {"If-Match": "*"} if change == "amend" else {}
    path = f"/v1/entitlements/{api.named('acme-visits')}/{change}"
    refused = await api.post(path, asked, headers=whatever_it_is)
    assert refused.json()["code"] == code, refused.text
    assert code != "bad_dates" or "at" in said or "the years 1900 to 2999" in refused.json()["detail"]
    assert "datetime." not in refused.text
    assert 400 <= refused.status_code < 500


@pytest.mark.parametrize(("at", "status"), [("2999-06-01T00:00Z", "expired"), ("2020-01-01T00:00Z", "inactive")])
async def test_what_is_taken_outside_the_term_is_refused_as_that(api: Api, at: str, status: str) -> None:
    """With the term: it was called refused, and nothing else."""
    path = f"/v1/entitlements/{api.named('acme-terms')}/take"
    refused = (await api.post(path, {"reference": unique("V"), "at": at})).json()
    assert (refused["code"], refused["title"]) == ("outside_term", "The instant lies outside the term")
    assert f"is {status} at" in refused["detail"]
    assert refused["detail"].endswith("its term is 2026-01-01 to 2099-12-31, UTC; what is taken lies within the term")


async def test_a_balance_beyond_what_is_known_is_refused(api: Api) -> None:
    """As whatever is taken there is; it was that of the last period that is known."""
    account, visits = unique("account"), unique("visits")
    allowance = {"unit": "visits", "cap": 4, "period": "month"}
    entitlement = {"id": visits, "account": account, "starts_on": "2026-01-01", "allowance": allowance}
    declared = {"accounts": [{"id": account}], "entitlements": [entitlement]}
    made = await api.post("/v1/catalog", declared, headers={"If-Match": "*"})
    assert made.status_code == 200, made.text
    path = f"/v1/entitlements/{visits}"
    untouched = (await api.get(f"{path}?at=2998-07-01T00:00Z")).json()
    assert untouched["current"]["first_day"] == "2998-07-01", "nothing of it is counted yet"
    await api.post(f"{path}/take", {"reference": "V-1"})
    for asked in (f"{path}?at=2999-01-01T00:00Z", f"/v1/entitlements?account={account}&at=2999-01-01T00:00Z"):
        refused = await api.get(asked)
        assert (refused.status_code, refused.json().get("code")) == (422, "period_unknown"), refused.text
        assert "which does not reach" in refused.json()["detail"]
    far = await api.post(f"{path}/take", {"reference": "V-2", "at": "2999-01-01T00:00Z"})
    assert (far.status_code, far.json()["code"]) == (422, "period_unknown"), far.text
    assert "Take what is dispatched before" in far.json()["detail"]
    late = await api.post(f"{path}/adjust", {"amount": 1, "reason": "x", "at": "2999-01-01T00:00Z"})
    assert (late.status_code, late.json()["code"]) == (422, "period_unknown"), late.text
    assert (await api.get(path)).json()["current"]["used"] == 1


async def test_a_visit_is_taken_for_a_case_by_either_id(api: Api) -> None:
    """Also by the one that another system has given it; a case of another account is none."""
    account, visits = unique("account"), unique("visits")
    allowance = {"unit": "visits", "cap": 4}
    entitlement = {"id": visits, "account": account, "starts_on": "2026-01-01", "allowance": allowance}
    declared = {"accounts": [{"id": account}], "entitlements": [entitlement]}
    made = await api.post("/v1/catalog", declared, headers={"If-Match": "*"})
    assert made.status_code == 200, made.text
    path, theirs, ours = f"/v1/entitlements/{visits}/take", f"INC/{unique('c')}", f"INC/{unique('c')}"
    await api.post("/v1/cases", {"case_id": theirs, "account": "globex"})
    await api.post("/v1/cases", {"case_id": ours, "account": account})
    key = api.key(Scope.DISPATCHER, accounts=[account])
    for named in (ours, case_id_of(ours)):
        taken = await api.post(path, {"reference": unique("V"), "case_id": named}, key=key)
        assert (taken.status_code, taken.json()["answer"]["outcome"]) == (200, "granted"), taken.text
    refused = await api.post(path, {"reference": unique("V"), "case_id": theirs}, key=key)
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


async def test_overage_is_decided_by_managers_alone(api: Api) -> None:
    """A dispatcher who is asked passes the question on."""
    path = f"/v1/entitlements/{api.named('acme-visits')}/take"
    refused = await api.post(path, {"reference": unique("V"), "overage": "so agreed"}, key=api.keys["dispatcher"])
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_too_small")


async def test_a_dispatcher_who_is_asked_about_overage_may_say_no(api: Api) -> None:
    """Nothing is taken, nothing is billed, and it is on record; nobody says yes and no at once."""
    account, visits = unique("account"), unique("visits")
    allowance = {"unit": "visits", "cap": 0, "overflow": "prompt", "overage_price": "90.00 EUR"}
    entitlement = {"id": visits, "account": account, "starts_on": "2026-01-01", "allowance": allowance}
    declared = {"accounts": [{"id": account}], "entitlements": [entitlement]}
    made = await api.post("/v1/catalog", declared, headers={"If-Match": "*"})
    assert made.status_code == 200, made.text
    path, dispatcher = f"/v1/entitlements/{visits}", api.keys["dispatcher"]
    asked = (await api.post(f"{path}/take", {"reference": "V-1"}, key=dispatcher)).json()
    assert (asked["answer"]["outcome"], "declined" in asked) == ("prompt", False)
    no = {"reference": "V-1", "declined": "too dear", "by": "ann"}
    answer = (await api.post(f"{path}/take", no, key=dispatcher)).json()
    assert (answer["answer"]["outcome"], answer["declined"]) == ("overflow", [visits])
    both = await api.post(f"{path}/take", {**no, "overage": "agreed"})
    assert (both.status_code, "write one of them" in both.text) == (422, True), both.text

    async def the_no_is_on_record() -> None:
        rows = (await api.get(f"{path}/ledger")).json()["rows"]
        assert [(row["reason"], row["used"], row["overage"]) for row in rows if row["kind"] == "declined"] == [
            ("too dear", 0, 0)
        ]
        assert "override" not in {row["kind"] for row in rows}

    await assert_eventually(the_no_is_on_record)


async def test_an_entitlement_of_another_account_is_as_one_that_there_is_not(api: Api) -> None:
    """Whatever is asked of it."""
    bound = api.key(*(scope for scope in Scope if scope is not Scope.ADMIN), accounts=["acme"])
    theirs, missing = api.named("globex-visits"), unique("nope")
    why = {"reason": "so agreed"}
    asked: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("GET", "/ledger", None),
        ("POST", "/take", {"reference": "v"}),
        ("POST", "/reverse", {"reference": "v", **why}),
        ("POST", "/adjust", {"amount": 1, **why}),
        ("POST", "/grant", {"amount": 1, **why}),
        ("POST", "/amend", {"cap": 1, **why}),
        ("POST", "/renew", why),
        ("POST", "/cancel", why),
        ("POST", "/cover", {"reference": "v", **why}),
        ("POST", "/void", {"reference": "v", **why}),
    ]
    for method, path, said in asked:
        one = await api.ask(method, f"/v1/entitlements/{theirs}{path}", said, key=bound)
        other = await api.ask(method, f"/v1/entitlements/{missing}{path}", said, key=bound)
        assert (one.status_code, one.text.replace(theirs, missing)) == (404, other.text), path
    for account in ("globex", "nope"):
        answer = await api.get(f"/v1/entitlements?account={account}", key=bound)
        assert (answer.status_code, answer.json()["detail"]) == (404, f"there is no account '{account}'")


async def test_an_amendment_that_came_in_between_is_not_lost(api: Api) -> None:
    """By the ETag of the terms, which what is taken leaves alone; sent again under its key it is answered the same."""
    path, key = f"/v1/entitlements/{api.named('acme-terms')}", api.keys["manager"]

    async def tag() -> str:
        return str((await api.get(path, key=key)).headers["etag"])

    async def amend(cap: int, if_match: str, **more: str) -> tuple[int, str]:
        answer = await api.post(
            f"{path}/amend", {"cap": cap, "reason": "agreed"}, headers={"If-Match": if_match, **more}
        )
        return answer.status_code, answer.json().get("code") or answer.json()["answer"]["outcome"]

    seen = await tag()
    assert seen == '"4/2099-12-31"'
    taken = await api.post(f"{path}/take", {"reference": unique("V")}, key=api.keys["dispatcher"])
    assert (taken.status_code, await tag()) == (200, seen)
    again = {"Idempotency-Key": unique("k")}
    assert await amend(6, seen, **again) == (200, "done")
    assert await amend(6, seen, **again) == (200, "done")
    assert await tag() == '"6/2099-12-31"'
    refused = await api.post(f"{path}/amend", {"cap": 7, "reason": "agreed"}, headers={"If-Match": seen})
    assert (refused.status_code, refused.json()["code"]) == (412, "changed_meanwhile")
    assert "cap and last date are 6/2099-12-31, not 4/2099-12-31" in refused.json()["detail"]
    missing = await api.post(f"{path}/amend", {"cap": 7, "reason": "agreed"})
    assert (missing.status_code, missing.json()["code"]) == (428, "if_match_missing")
    assert await tag() == '"6/2099-12-31"'
    nothing = await api.post(f"{path}/amend", {"cap": 7, "reason": "agreed"}, headers={"If-Match": ""})
    assert (nothing.status_code, nothing.json()["code"]) == (428, "if_match_missing")
    for tag_of_none in ('"*"', '""', 'W/"6/2099-12-31"', '"6/2099', f'"{"x" * 200}"', f"{seen}, W/{seen}"):
        assert await amend(7, tag_of_none) == (412, "changed_meanwhile"), tag_of_none
    assert await amend(8, f'{seen} , "6/2099-12-31"') == (200, "done")
    assert await amend(7, "*") == (200, "done")
    assert "etag" not in (await api.get(f"{path}?at=2026-06-01T00:00Z", key=key)).headers

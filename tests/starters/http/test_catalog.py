"""The catalog and orders over HTTP: read, checked, applied whole, and no update lost."""

from typing import Any

from sqlalchemy import select

from domain.scopes import Scope
from store import tables
from tests.starters.http_api import Api
from tests.support import assert_eventually, unique


async def _tag(api: Api) -> str:
    return (await api.get("/v1/catalog")).headers["etag"]


async def test_a_catalog_is_tried_and_applied(api: Api) -> None:
    """A dry run stores nothing, and is a manager's too; what is applied is there."""
    name = unique("account")
    document = {"accounts": [{"id": name, "name": "New"}]}
    tried = await api.post("/v1/catalog?dry_run=true", document, key=api.keys["manager"])
    assert [change["name"] for change in tried.json()["changed"]["changes"]] == [name]
    assert name not in (await api.get("/v1/catalog")).text
    refused = await api.post("/v1/catalog", document, key=api.keys["manager"], headers={"If-Match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_too_small")
    applied = await api.post("/v1/catalog", document, key=api.keys["admin"], headers={"If-Match": await _tag(api)})
    assert applied.status_code == 200, applied.text
    assert name in (await api.get("/v1/catalog", key=api.keys["manager"])).text
    assert applied.headers["etag"] == await _tag(api)


async def test_what_is_shown_can_be_sent_back(api: Api) -> None:
    """Whole, and nothing has changed; or changed, and that alone has."""
    name = unique("account")
    await api.post("/v1/catalog", {"organisation": {}}, headers={"If-Match": "*"})  # where none is declared it is shown
    shown = await api.get("/v1/catalog")
    seen, document = {"If-Match": shown.headers["etag"]}, shown.json()
    assert document["processes"][0]["version"]
    tried = await api.post("/v1/catalog?dry_run=true", document, headers=seen)
    assert (tried.status_code, tried.json()["changed"]["changes"]) == (200, []), tried.text
    document["accounts"].append({"id": name})
    applied = await api.post("/v1/catalog", document, headers=seen)
    assert [change["name"] for change in applied.json()["changed"]["changes"]] == [name], applied.text


async def test_an_update_that_came_in_between_is_not_lost(api: Api) -> None:
    """Who does not say what they have seen is asked to."""
    seen = await _tag(api)
    document = {"accounts": [{"id": unique("account")}]}
    missing = await api.post("/v1/catalog", document)
    assert (missing.status_code, missing.json()["code"]) == (428, "if_match_missing")
    assert (await api.post("/v1/catalog", document, headers={"If-Match": seen})).status_code == 200
    for tag in (seen, '"nope"', '"999999999999"'):
        late = await api.post("/v1/catalog", {"accounts": [{"id": unique("x")}]}, headers={"If-Match": tag})
        assert (late.status_code, late.json()["code"]) == (412, "changed_meanwhile")
        tried = await api.post("/v1/catalog?dry_run=true", {"accounts": []}, headers={"If-Match": tag})
        assert (tried.status_code, tried.json()["code"]) == (412, "changed_meanwhile"), "so does a dry run"
    assert await _tag(api) != seen
    either = {"If-Match": f"{seen}, {await _tag(api)}"}
    assert (await api.post("/v1/catalog", {"accounts": [{"id": unique("x")}]}, headers=either)).status_code == 200


async def test_every_problem_of_a_catalog_is_told_at_its_place(api: Api) -> None:
    """As JSON pointers; nothing is stored."""
    before = await _tag(api)
    wrong: dict[str, Any] = {
        "processes": [{"name": "P", "milestones": [{"name": "M", "within": "soon"}]}],
        "entitlements": [{"id": "e/1", "account": "nope"}],
        "nope": 1,
    }
    refused = await api.post("/v1/catalog", wrong, headers={"If-Match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_catalog")
    places = {one["pointer"] for one in refused.json()["errors"]}
    assert {"/nope", "/processes/0/milestones/0/within"} <= places
    assert await _tag(api) == before


async def test_what_was_amended_by_hand_is_not_overwritten_silently(api: Api) -> None:
    """Somebody has to say yes to it."""
    entitlement, account = unique("e"), unique("a")

    def declared(cap: int) -> dict[str, Any]:
        allowance = {"unit": "visits", "cap": cap}
        return {
            "accounts": [{"id": account}],
            "entitlements": [{"id": entitlement, "account": account, "allowance": allowance}],
        }

    anything = {"If-Match": "*"}
    assert (await api.post("/v1/catalog", declared(4), headers=anything)).status_code == 200
    await api.post(f"/v1/entitlements/{entitlement}/amend", {"cap": 6, "reason": "two more"}, headers=anything)

    async def it_is_on_record() -> None:
        assert api.store.catalog.entitlement(entitlement).allowance.cap == 6  # type: ignore[union-attr]

    await assert_eventually(it_is_on_record)  # the counter has answered before
    asks = await api.post("/v1/catalog", declared(5), headers=anything)
    assert (asks.status_code, asks.json()["code"]) == (409, "asks_for_consent")
    agreed = await api.post("/v1/catalog?consent=true", declared(5), headers=anything)
    assert agreed.status_code == 200
    assert agreed.json()["counts"]["refused"] == []


async def test_the_catalog_is_not_for_bound_keys(api: Api) -> None:
    """It is of the whole organisation."""
    bound = api.key(Scope.MANAGER, accounts=["acme"])
    for answer in (await api.get("/v1/catalog", key=bound), await api.post("/v1/catalog?dry_run=1", {}, key=bound)):
        assert (answer.status_code, answer.json()["code"]) == (403, "bound_key")


async def test_who_applies_and_orders_is_on_record(api: Api) -> None:
    """The person whom the request names beside the key; the key alone, if it names nobody."""
    account, product, desk = unique("account"), unique("p"), api.key(Scope.ADMIN, name="desk")
    anything, order = {"If-Match": "*"}, {"id": unique("O"), "account": account, "lines": [{"product": product}]}
    declared = {"accounts": [{"id": account}], "products": [{"id": product}]}
    by_ann = await api.post("/v1/catalog?by=ann", declared, key=desk, headers=anything)
    by_bo = await api.post("/v1/orders?by=bo", order, key=desk)
    by_key = await api.post("/v1/catalog", {"accounts": [{"id": account, "name": "New"}]}, key=desk, headers=anything)
    assert [one.status_code for one in (by_ann, by_bo, by_key)] == [200] * 3, by_bo.text
    applications, orders = tables.applications.c, tables.orders.c
    with api.store._database.read() as connection:
        applied = connection.execute(select(applications.by).order_by(applications.id)).scalars().all()
        ordered = connection.execute(select(orders.by).where(orders.id == order["id"])).scalar_one()
    assert (applied[-3:], ordered) == (["ann via desk", "bo via desk", "desk"], "bo via desk")
    long = await api.post(f"/v1/catalog?dry_run=true&by={'x' * 1100}", {"accounts": []}, key=desk)
    assert long.status_code == 422, long.text


async def test_an_order_is_placed_and_shown(api: Api) -> None:
    """The same again changes nothing; what is wrong of one is told at its place."""
    product, template, order = unique("p"), unique("t"), unique("O")
    catalog = {
        "products": [{"id": product, "entitlement_templates": [template]}],
        "entitlement_templates": [{"id": template, "term": "1 year", "allowance": {"unit": "visits", "cap": 2}}],
    }
    made = await api.post("/v1/catalog", catalog, headers={"If-Match": "*"})
    if made.status_code != 200:  # the product names its templates, or the template its products
        raise AssertionError(made.text)
    asked = {"id": order, "account": "acme", "lines": [{"product": product, "quantity": 2}]}
    tried = await api.post("/v1/orders?dry_run=true", asked)
    assert (tried.json()["changed"]["dry_run"], "etag" in tried.headers) == (True, False)
    assert (await api.get(f"/v1/orders/{order}")).status_code == 404
    placed = await api.post("/v1/orders", asked, key=api.keys["admin"])
    assert (placed.status_code, placed.json()["revision"]) == (200, 1), placed.text
    again = await api.post("/v1/orders", asked)
    assert (again.json()["revision"], again.json()["changed"]["changes"]) == (1, [])
    shown = await api.get(f"/v1/orders/{order}", key=api.keys["manager"])
    assert shown.headers["etag"] == again.headers["etag"] == placed.headers["etag"] == '"1"'
    assert (shown.json()["account"], shown.json()["revision"]) == ("acme", 1)
    assert (await api.get(f"/v1/orders/{order}", key=api.key(Scope.MANAGER, accounts=["globex"]))).status_code == 404
    wrong = {"id": unique("O"), "account": "acme", "lines": [{"product": "nope"}]}
    refused = await api.post("/v1/orders", wrong)
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_order")
    assert [one["pointer"] for one in refused.json()["errors"]] == ["/lines/0/product"]


async def test_a_change_of_an_order_that_came_in_between_is_not_lost(api: Api) -> None:
    """Who changes one says of which revision; the same again, a new one and a dry run need not."""
    product, template, order = unique("p"), unique("t"), unique("O")
    catalog = {
        "products": [{"id": product, "entitlement_templates": [template]}],
        "entitlement_templates": [{"id": template, "term": "1 year", "allowance": {"unit": "visits", "cap": 2}}],
    }
    assert (await api.post("/v1/catalog", catalog, headers={"If-Match": "*"})).status_code == 200

    def asked(quantity: int) -> dict[str, Any]:
        return {"id": order, "account": "acme", "lines": [{"product": product, "quantity": quantity}]}

    async def place(quantity: int, if_match: str | None = None, **query: str) -> tuple[int, str]:
        headers = {"If-Match": if_match} if if_match else {}
        path = "/v1/orders" + "".join(f"?{name}={value}" for name, value in query.items())
        answer = await api.post(path, asked(quantity), headers=headers)
        return answer.status_code, answer.json().get("code") or answer.headers["etag"]

    assert await place(1, '"3"') == (412, "changed_meanwhile"), "there is none yet"
    assert await place(1) == (200, '"1"')
    assert await place(1) == (200, '"1"'), "the same again"
    assert await place(2) == (428, "if_match_missing")
    assert await place(2, dry_run="true") == (200, '"1"'), "the ETag of what stands"
    assert await place(2, '"7"', dry_run="true") == (412, "changed_meanwhile")
    assert await place(2, '"1"') == (200, '"2"')
    for tag in ('"1"', '"nope"', 'W/"2"', '"*"', '"1", "nope"'):
        assert await place(3, tag) == (412, "changed_meanwhile")
    assert await place(2, '"1"') == (200, '"2"'), "it stands so already: the answer was lost, not the change"
    refused = await api.post("/v1/orders", asked(3), headers={"If-Match": '"nope"'})
    assert "is revision 2; what it is said to be a change of is none of its revisions" in refused.json()["detail"]
    assert await place(4, '"1", "2"') == (200, '"3"')
    assert await place(3, "*") == (200, '"4"')

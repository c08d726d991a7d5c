"""Reports over HTTP: for managers, of the accounts that exist for the caller, in each form."""

from __future__ import annotations

from typing import Any

import pytest

from domain.scopes import Scope
from tests.starters.http_api import Api
from tests.support import assert_eventually


async def _counts(api: Api, query: str = "", **named: Any) -> dict[str, int]:
    """How many instances each account has."""
    found = (await api.get(f"/v1/reports/compliance?by=account{query}", **named)).json()
    return {row["account"]: row["instances"] for row in found["rows"]}


async def test_a_report_has_what_was_recorded_and_a_bound_key_its_accounts_alone(api: Api) -> None:
    """Rows, findings and filters of other accounts do not exist for it, whatever it asks for."""
    await api.opened()
    await api.opened(account="globex")

    async def both() -> bool:
        return {"acme", "globex"} <= set(await _counts(api))

    await assert_eventually(both)
    bound = api.key(Scope.MANAGER, accounts=["globex"])
    assert set(await _counts(api, key=bound)) == {"globex"}
    assert await _counts(api, "&account=acme", key=bound) == {}
    for kind in ("response", "margin", "overrun", "usage", "overrides", "actions", "pauses"):
        found = await api.get(f"/v1/reports/{kind}", key=bound)
        assert found.status_code == 200, found.text
        assert "acme" not in found.text.lower()
        page = await api.get(f"/v1/reports/{kind}?form=html", key=bound)
        assert "acme" not in page.text.lower()


async def test_a_report_comes_as_a_table_for_spreadsheets_and_as_a_page(api: Api) -> None:
    """With what a browser needs to know: a page runs nothing."""
    await api.opened()
    table = await api.get("/v1/reports/compliance?by=milestone&by=month&form=csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.startswith("milestone,month,instances,")
    page = await api.get("/v1/reports/compliance?form=html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "asked",
    [
        *("cases?by=account", "cases?period=2026", "cases?last=2026-01-01", "compliance?minutes=15"),
        *("compliance?new=true", "usage?export=1", "compliance?dark=true", "compliance?dark=true&form=html"),
    ],
)
async def test_what_makes_no_difference_to_a_report_is_refused(api: Api, asked: str) -> None:
    """Whoever says it means another report."""
    found = await api.get(f"/v1/reports/{asked}")
    assert (found.status_code, found.json()["code"]) == (422, "bad_report"), found.text


async def test_what_cannot_be_reported_is_refused(api: Api) -> None:
    for query, code in (
        ("period=nonsense", "bad_report"),
        ("by=week&by=month", "bad_report"),
        ("where=priority", "bad_report"),
        ("where=tickets%3Dmany", "bad_report"),
        ("by=nonsense", "not_found"),
        ("first=2026-02-01&last=2026-01-01", "bad_report"),
    ):
        found = await api.get(f"/v1/reports/compliance?{query}")
        assert found.json()["type"].endswith(code), found.text
    for kind in ("compliance", "response", "margin", "overrun", "actions", "pauses", "usage", "overrides"):
        for query in ("last=9999-12-31", "first=0001-01-01"):
            found = await api.get(f"/v1/reports/{kind}?{query}")
            assert (found.status_code, found.json()["code"]) == (422, "bad_report"), (kind, query, found.text)
            assert "the years 1900 to 2999" in found.json()["detail"]
    assert (await api.get("/v1/reports/breakdown")).json()["type"].endswith("bad_report")
    assert (await api.get("/v1/reports/compliance", key=api.keys["agent"])).status_code == 403

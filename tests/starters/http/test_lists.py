"""Lists: by filters, page by page, and of what exists for the caller alone."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.process import ActionCall, Email, TriggerKind
from domain.scopes import Scope
from domain.timeline.effects import NoteKind, TriggerFired
from tests.feeds import T0, Recorded
from tests.starters.http_api import Api
from tests.store.failed_orders import failed_order
from tests.support import assert_eventually, unique


async def _pages(api: Api, query: str, name: str = "cases", **named: Any) -> list[dict[str, Any]]:
    """All that a list has, two at a time."""
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        page = (await api.get(f"/v1/{name}?limit=2&{query}{after}", **named)).json()
        assert len(page[name]) <= 2
        found += page[name]
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"


async def test_cases_are_listed_page_by_page(api: Api) -> None:
    """Those opened last first, each once, with what is due first."""
    opened = [await api.opened(account="globex") for _ in range(5)]
    found = await _pages(api, "account=globex")
    assert [case["case_id"] for case in found if case["case_id"] in opened] == sorted(
        opened, key=lambda one: (next(c["opened_at"] for c in found if c["case_id"] == one), one), reverse=True
    )
    assert all(case["due_milestone"] == "First response" and case["due_at"] for case in found)
    assert len({case["case_id"] for case in found}) == len(found)


async def test_cases_are_filtered_by_each_part(api: Api) -> None:
    """And by several together."""
    plain, stopped, closed, late = [await api.opened() for _ in range(4)]
    await api.post(f"/v1/cases/{stopped}/stop_clock", {})
    await api.post(f"/v1/cases/{closed}/close", {})
    await api.post(f"/v1/cases/{late}/complete_milestone", {"milestone": "First response"})
    past = unique("c")
    await api.post("/v1/cases", {"case_id": past, "account": "acme", "opened_at": "2025-06-09T09:00Z"})
    ours = {plain, stopped, closed, late, past}
    soon = (datetime.now(UTC) + timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    wanted: dict[str, set[str]] = {
        "account=acme": ours,
        "account=globex": set(),
        "state=open": ours - {closed},
        "state=closed": {closed},
        "state=stopped": {stopped},
        f"entitlement={api.named('acme-gold')}": ours,
        f"entitlement={api.named('acme-bank')}": set(),
        "status=compliant": ours - {past},
        "violated=true": {past},
        "violated=false": ours - {past},
        "milestone=First response": {plain, stopped, past},
        "milestone=Resolution": {plain, stopped, late, past},
        "milestone=Nope": set(),
        f"due_before={soon}": {plain, stopped, past},
        f"due_before={soon}&milestone=Resolution": {past},
        f"due_before={soon}&violated=false": {plain, stopped},
        "milestone=First response&violated=true": {past},
        f"due_before={soon}&state=stopped&account=acme": {stopped},
    }

    async def all_are_recorded() -> None:
        for query, expected in wanted.items():
            found = {case["case_id"] for case in await _pages(api, query)}
            assert found & ours == expected, query

    await assert_eventually(all_are_recorded)  # a record follows its answer


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/cases?state=nope", "bad_message"),
        ("/v1/cases?limit=0", "bad_message"),
        ("/v1/cases?limit=10000", "bad_message"),
        ("/v1/cases?due_before=soon", "bad_message"),
        ("/v1/cases?due_before=1764000000", "bad_message"),
        ("/v1/cases?due_before=-1.5e3", "bad_message"),
        ("/v1/entitlements/x?at=1764000000", "bad_message"),
        ("/v1/coverage?account=acme&at=0", "bad_message"),
        ("/v1/cases?nope=1", "bad_message"),
        ("/v1/cases?account=acme&account=globex", "bad_message"),
        ("/v1/entitlements?account=acme&account=globex", "bad_message"),
        ("/v1/entitlements/x?att=2026-01-01T00:00Z", "bad_message"),
        ("/v1/reports/compliance?period=2026&period=2025", "bad_message"),
        ("/v1/events?limit=1&limit=2", "bad_message"),
        ("/v1/cases?after=nope", "bad_cursor"),
        ("/v1/cases?after=%00", "bad_cursor"),
        ("/v1/cases?after=bnVsbA", "bad_cursor"),
        ("/v1/cases?after=" + "W" * 1999, "bad_cursor"),
        ("/v1/tasks?after=e30", "bad_cursor"),
        ("/v1/events?after=nope", "bad_cursor"),
        ("/v1/events?type=nope", "unknown_type"),
        ("/v1/events?case=a&entitlement=b", "bad_message"),
        ("/v1/actions?kind=nope", "bad_message"),
        ("/v1/coverage", "bad_message"),
        ("/v1/coverage?account=nope", "unknown_name"),
        ("/v1/coverage?account=acme&at=2026-01-01", "bad_message"),
        ("/v1/entitlements", "bad_message"),
    ],
)
async def test_a_query_that_does_not_fit_is_refused(api: Api, path: str, code: str) -> None:
    """With the parameter."""
    refused = await api.get(path)
    assert refused.json()["code"] == code, refused.text


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("dry_run=true&dry_run=false", "dry_run: is given 2 times, and takes one value"),
        ("dry-run=true", "dry-run: is unknown here"),
    ],
)
@pytest.mark.parametrize("path", ["orders", "catalog"])
async def test_a_change_is_not_made_by_half_of_its_query(api: Api, path: str, query: str, says: str) -> None:
    """A dry run above all, of which the last word would have made a change."""
    refused = await api.post(f"/v1/{path}?{query}", {"id": unique("O"), "account": "acme"})
    assert (refused.status_code, refused.json()["detail"]) == (422, says)
    assert refused.json()["errors"][0]["parameter"] == query.partition("=")[0]


async def test_parameters_that_take_several_values_take_them(api: Api) -> None:
    """As ever."""
    assert (await api.get("/v1/reports/compliance?by=account&by=month")).status_code == 200
    assert (await api.get("/v1/events?type=milepost.case.opened.v1&type=case.milestone.*")).status_code == 200


async def test_a_place_that_no_database_has_is_no_cursor_of_the_feed(api: Api) -> None:
    """However it is asked for."""
    case_id, source = await api.opened(), api.store.feed.source()[-12:]
    for place in (2**63, -1, True):
        said = json.dumps([source, place, "x"]).encode()
        cursor = base64.urlsafe_b64encode(said).decode().rstrip("=")
        for path in (f"/v1/events?after={cursor}", f"/v1/cases/{case_id}/events?after={cursor}"):
            refused = await api.get(path)
            assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor"), (place, path)
        stream = {"Accept": "text/event-stream", "Last-Event-ID": cursor}
        refused = await api.get("/v1/events", headers=stream)
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")


async def test_a_cursor_goes_with_its_filters_alone(api: Api) -> None:
    """Another list has other places."""
    for _ in range(3):
        await api.opened()
    page = (await api.get("/v1/cases?limit=1&account=acme")).json()
    refused = await api.get(f"/v1/cases?limit=1&account=globex&after={page['next']}")
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")


async def test_a_bound_key_lists_what_its_accounts_have(api: Api) -> None:
    """No other, neither by filter nor by cursor."""
    ours, theirs = await api.opened(), await api.opened(account="globex")
    bound = api.key(Scope.AGENT, Scope.MANAGER, accounts=["acme"])
    found = {case["case_id"] for case in await _pages(api, "", key=bound)}
    assert ours in found
    assert theirs not in found
    assert await _pages(api, "account=globex", key=bound) == []
    assert await _pages(api, "milestone=Resolution&account=globex", key=bound) == []
    whole = (await api.get("/v1/cases?limit=1")).json()["next"]
    page = (await api.get(f"/v1/cases?limit=50&after={whole}", key=bound)).json()
    assert theirs not in {case["case_id"] for case in page["cases"]}
    events = (await api.get("/v1/events?limit=1000", key=bound)).json()["events"]
    assert events
    assert {event["data"].get("account") for event in events} == {"acme"}
    assert (await api.get("/v1/events?account=globex", key=bound)).json()["events"] == []
    assert (await api.get(f"/v1/events?case={theirs}", key=bound)).json()["events"] == []
    assert (await api.get(f"/v1/cases/{theirs}/events", key=bound)).status_code == 404


async def test_events_of_a_case_are_read_from_a_cursor_on(api: Api) -> None:
    """Nothing is missed, and nothing comes twice."""
    case_id = await api.opened()
    first = (await api.get(f"/v1/cases/{case_id}/events?limit=1")).json()
    assert (len(first["events"]), first["is_last"]) == (1, False)
    await api.post(f"/v1/cases/{case_id}/close", {})
    seen, cursor = first["events"], first["cursor"]

    async def all_come() -> None:
        nonlocal cursor
        page = (await api.get(f"/v1/cases/{case_id}/events?after={cursor}")).json()
        seen.extend(page["events"])
        cursor = page["cursor"]
        assert seen[-1]["type"] == "milepost.case.left.v1"

    await assert_eventually(all_come)
    assert [event["sequence"] for event in seen] == list(range(1, len(seen) + 1))
    assert (await api.get(f"/v1/cases/{unique('nope')}/events")).status_code == 404


async def test_tasks_are_listed_and_ticked_off(api: Api) -> None:
    """By whoever says so; of another account they are as if there were none."""
    now = datetime.now(UTC)
    ours, theirs = f"{unique('c')}/gold/answer/1/x/1/task", f"{unique('c')}/gold/answer/1/x/1/task"
    for key, account in ((ours, "acme"), (theirs, "globex")):
        api.store.actions.record_task(key, "call", "desk", "", now, due_at=now, account=account)
    assert {task["key"] for task in await _pages(api, "owner=desk", "tasks")} >= {ours, theirs}
    bound = api.key(Scope.AGENT, accounts=["acme"])
    assert {task["key"] for task in await _pages(api, "done=false", "tasks", key=bound)} == {ours}
    done = await api.post(f"/v1/tasks/{ours}/done", {"by": "ana"}, key=bound)
    assert (done.json()["changed"], done.json()["task"]["done_by"]) == (True, "ana via desk")
    assert (await api.post(f"/v1/tasks/{ours}/done", key=bound)).json()["changed"] is False
    assert (await api.post(f"/v1/tasks/{ours}/undone", key=bound)).json()["task"]["done_at"] is None
    unknown = f"{unique('c')}/x"
    refused, missing = [await api.post(f"/v1/tasks/{key}/done", key=bound) for key in (theirs, unknown)]
    assert (refused.status_code, refused.text.replace(theirs, unknown)) == (404, missing.text)


async def test_actions_are_listed_and_tried_again(api: Api) -> None:
    """Those of a case, and of all those that failed for good."""
    case_id = await api.opened()
    await api.post(f"/v1/cases/{case_id}/complete_milestone", {"milestone": "Resolution"})

    async def it_is_done() -> None:
        [action] = (await api.get(f"/v1/actions?case={case_id}")).json()["actions"]
        assert action["status"] == "done"

    await assert_eventually(it_is_done)
    theirs = await api.opened(account="globex")
    for whose in (case_id, theirs):
        api.store.actions.record_action_failed(f"{whose}/p/m/1/t/1/email", "no such host")
    failed = (await api.get("/v1/actions")).json()["actions"]
    assert {action["case_id"] for action in failed} >= {case_id, theirs}
    bound = api.key(Scope.AGENT, accounts=["acme"])
    assert {action["case_id"] for action in (await api.get("/v1/actions", key=bound)).json()["actions"]} == {case_id}
    refused = await api.post(f"/v1/actions/{case_id}/p/m/1/t/1/email/retry", key=bound)
    assert (refused.status_code, refused.json()["code"]) == (410, "not_kept")  # the case knows nothing of it either
    for key in (f"{theirs}/p/m/1/t/1/email", "nope"):
        assert (await api.post(f"/v1/actions/{key}/retry", key=bound)).json()["code"] == "not_found"
    assert (await api.get(f"/v1/actions?case={theirs}", key=bound)).status_code == 404


async def test_an_action_of_a_closed_case_is_tried_again(api: Api) -> None:
    """By either route and whoever may see it, as long as it is kept what was ordered."""
    case_id = await api.opened()
    await api.post(f"/v1/cases/{case_id}/close", {})
    keys = [f"{case_id}/p/m/1/t/1/email-{number}" for number in (1, 2, 3)]
    for key in keys:
        api.store.actions.record_action_failed(key, "no such host")
    for key in keys[:2]:
        api.store.actions.keep_order(failed_order(key, "ann@example.org"))
    theirs = api.key(Scope.AGENT, accounts=["globex"])
    assert (await api.post(f"/v1/actions/{keys[0]}/retry", key=theirs)).json()["code"] == "not_found"
    ours = api.key(Scope.AGENT, accounts=["acme"])
    said = await api.post(f"/v1/actions/{keys[0]}/retry", key=ours)
    assert (said.status_code, said.json()) == (200, {"text": f"{keys[0]} is tried again"})
    said = await api.post(f"/v1/cases/{case_id}/retry_action", {"key": keys[1]}, key=ours)
    assert (said.status_code, said.json()["text"]) == (200, f"{keys[1]} is tried again")
    refused = await api.post(f"/v1/actions/{keys[2]}/retry", key=ours)
    assert (refused.status_code, refused.json()["code"]) == (410, "not_kept")

    async def both_are_done() -> None:
        known = [api.store.actions.get(key) for key in keys]
        assert [one and one.status for one in known] == ["done", "done", "failed"]

    await assert_eventually(both_are_done)
    refused = await api.post(f"/v1/actions/{keys[0]}/retry", key=ours)
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_action")


async def test_a_bound_key_sees_no_action_from_before_a_case_was_its_accounts(api: Api) -> None:
    """Neither lists nor tries it again, by whatever route; of the time when the case was its account's it does."""
    case_id = unique("c")
    case = Recorded(case_id)
    keys = [f"{case_id}/{process}/answer/1/success/1/email" for process in ("gold", "silver")]
    for key, account in zip(keys, ("acme", "globex"), strict=True):
        case.account = account
        effects = case.timeline.remark(NoteKind.ENTITLEMENT_CHANGED, T0, f"goes over to {account}")
        api.store.cases.record(case.record([*effects, fired(key)], settled_at=datetime.now(UTC)))
        api.store.actions.record_action_failed(key, "no such host")
    bound = api.key(Scope.AGENT, accounts=["globex"])
    for path in (f"/v1/actions?case={case_id}", "/v1/actions"):
        seen = (await api.get(path, key=bound)).json()["actions"]
        assert [one["key"] for one in seen if one["case_id"] == case_id] == keys[1:]
    assert len((await api.get(f"/v1/actions?case={case_id}")).json()["actions"]) == 2
    refused = await api.post(f"/v1/actions/{keys[0]}/retry", key=bound)
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    refused = await api.post(f"/v1/cases/{case_id}/retry_action", {"key": keys[0]}, key=bound)
    assert (refused.json()["code"], refused.json()["detail"]) == ("unknown_action", f"no failed action {keys[0]!r}")


def fired(key: str) -> TriggerFired:
    """A trigger whose one action, a mail, has this key."""
    mail = Email(do="email", id="email", to=["a@example.com"], subject="x")
    return TriggerFired(
        milestone="Answer",
        occurrence=1,
        trigger="success",
        kind=TriggerKind.SUCCESS,
        firing=1,
        due_at=T0,
        at=T0,
        noticed_at=T0,
        calls=[ActionCall(key=key, action=mail)],
    )

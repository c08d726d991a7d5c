"""Every operation of the document has a call of the Python client that can say all that it takes; each is made here."""

import asyncio
import inspect
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, ParamSpec, TypeVar, get_args, get_type_hints

import httpx
import pytest
import pytest_asyncio
from pydantic import BaseModel
from temporalio.client import Client

from milepost.http import MilepostHttp, Refused, models
from milepost.http.left_out import LEFT_OUT
from milepost.http.models import NewCase, Order, OrderLine, RecordChanged, ReportKind, StoredAction, WorkOnCase
from tests.starters.http.everything import CATALOG, show_secrets
from tests.starters.http_api import Api, api_beside_a_worker
from tests.support import PATIENT, unique

P = ParamSpec("P")
T = TypeVar("T")

WHOLE = {
    "POST /v1/cases:batch": "cases",
    "POST /v1/time_entries:batch": "entries",
    "POST /v1/catalog": "document",
    "POST /v1/orders": "order",
}
"""Operations whose body is one argument of their call."""
CALLED = {
    ("POST /v1/cases/{case}/log_time", "id"): "entry",
    ("GET /v1/reports/{kind}", "form"): "form",
}
"""What has another name in a call."""
BY_ITSELF = {"accept", "last-event-id", "after"}
"""What a call sees to: it asks for JSON, and goes on by cursors."""


class Noting(httpx.HTTPTransport):
    """A connection that notes what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and note it."""
        self.sent.append(f"{request.method} {request.url.raw_path.decode().partition('?')[0]}")
        return super().handle_request(request)


@dataclass
class Walked:
    """A client that makes its calls, each of the operation that it is said to be of.

    Attributes:
        calls: of each operation that was reached.
    """

    api: Api
    document: dict[str, Any]
    client: MilepostHttp
    noting: Noting
    calls: dict[str, list[Callable[..., Any]]] = field(default_factory=dict)

    def call(self, operation: str, method: Callable[P, T], *args: P.args, **said: P.kwargs) -> T:
        """Make a call, and see that it reaches its operation and no other."""
        self.noting.sent.clear()
        answer = method(*args, **said)
        self._note(operation, method)
        return answer

    def all(self, operation: str, method: Callable[P, Iterator[T]], *args: P.args, **said: P.kwargs) -> list[T]:
        """The same, of a list that is read to its end."""
        self.noting.sent.clear()
        answers = list(method(*args, **said))
        self._note(operation, method)
        return answers

    def _note(self, operation: str, method: Callable[..., Any]) -> None:
        assert {self._reached(one) for one in self.noting.sent} == {operation}
        self.calls.setdefault(operation, []).append(method)

    def _reached(self, sent: str) -> str:
        """The operation of the document that a request is of: of several the one that names most of its path."""
        found = [name for name in operations(self.document) if re.fullmatch(_pattern(name), sent)]
        return min(found, key=lambda name: name.count("{"))


def operations(document: dict[str, Any]) -> list[str]:
    return [f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods]


def _pattern(operation: str) -> str:
    """Of its requests; a key has slashes as they are."""
    return re.sub(r"\\\{(\w+)\\\}", lambda part: ".+" if part[1] == "key" else "[^/]+", re.escape(operation))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def walked(client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Walked]:
    """A client that has lived through everything that can be asked."""
    with pytest.MonkeyPatch.context() as patched:
        show_secrets(patched)
        async with api_beside_a_worker(client, tmp_path_factory.mktemp("calls"), CATALOG) as api:
            document = (await api.get("/openapi.json")).json()
            letters = [(await api.app.state.backend.intake.receive("mail", unique("d"), "{}", {}))[0] for _ in range(2)]
            noting = Noting()
            with MilepostHttp(str(api.http.base_url), api.keys["all"], transport=noting) as caller:
                there = Walked(api, document, caller, noting)
                for lived in (of_cases, of_many_cases, of_time, of_actions, of_entitlements, of_overage, of_terms):
                    await asyncio.to_thread(lived, there)
                for lived in (of_the_catalog, of_orders, of_tasks, of_events, of_reports, of_links, of_keys, of_people):
                    await asyncio.to_thread(lived, there)
                await asyncio.to_thread(of_deliveries, there, [letter.number for letter in letters])
                yield there


def of_cases(walked: Walked) -> None:
    """A case from its opening to its second life."""
    client, case, path = walked.client, unique("INC/1"), "POST /v1/cases/{case}/"
    now = datetime.now(UTC)
    opened = walked.call("POST /v1/cases", client.open, case, account="acme", fields={"tickets": 1}, opened_at=now)
    assert (opened.outcome, opened.case.fields) == ("taken", {"tickets": 1})
    done = walked.call(f"{path}complete_milestone", client.complete_milestone, case, "First response", by="ann")
    assert [one.state for one in done.case.milestones] == ["completed", "running"]
    assert walked.call(f"{path}clear_completion", client.clear_completion, case, "First response", reason="no").notes
    priority = walked.call(f"{path}change_fields", client.change_fields, case, {"priority": "Low"})
    assert priority.case.fields["priority"] == "Low"
    assert client.change_fields(case, {"priority": None}).case.fields.get("priority") is None
    stopped = walked.call(f"{path}stop_clock", client.stop_clock, case, milestone="Resolution")
    assert [one.state for one in stopped.case.milestones] == ["running", "paused"]
    assert walked.call(f"{path}resume_clock", client.resume_clock, case, milestone="Resolution").outcome == "taken"
    walked.call(f"{path}extend_milestone", client.extend_milestone, case, "Resolution", open_seconds=60)
    later = client.extend_milestone(case, "Resolution", until=now + timedelta(days=3))
    assert later.case.milestones[1].target_at == now.replace(microsecond=0) + timedelta(days=3)
    other = walked.call(f"{path}change_entitlement", client.change_entitlement, case, "acme-bronze", from_opening=True)
    assert "the case goes over to entitlement acme-bronze" in other.notes
    assert "acme-bronze" not in str(client.change_entitlement(case, None).notes)
    client.change_entitlement(case, "acme-bronze")
    assert walked.call(f"{path}migrate", client.migrate, case, process_version=1).case.process_version == 1
    assert walked.call(f"{path}close", client.close, case, event_id=f"{case}-c").case.closed_at is not None
    assert client.request(case, "close", event_id=f"{case}-c").outcome == "taken"
    reopened = walked.call(f"{path}reopen", client.reopen, case, fields={"status": "New"})
    assert (reopened.case.closed_at, reopened.case.fields["status"]) == (None, "New")
    shown = walked.call("GET /v1/cases/{case}", client.show, case)
    assert len(client.show(case, everything=True).milestones) == len(shown.milestones)
    assert (shown.external_id, shown.account) == (case, "acme")
    why = walked.call("GET /v1/cases/{case}/explanation", client.explanation, case, milestone="Resolution")
    assert {one.milestone for one in why.instances} == {"Resolution"}
    first = client.explanation(case, milestone="Resolution", occurrence=1)
    assert {(one.milestone, one.occurrence) for one in first.instances} == {("Resolution", 1)}
    happened = walked.all("GET /v1/cases/{case}/events", client.history, case, limit=2)
    assert [one.sequence for one in happened] == list(range(1, len(happened) + 1))
    assert len(happened) > 10


def of_many_cases(walked: Walked) -> None:
    """Opened together, and listed page by page."""
    client, ids = walked.client, [unique("c") for _ in range(3)]
    asked: list[NewCase | dict[str, Any]] = [
        NewCase(case_id=ids[0], account="acme"),
        {"case_id": ids[1], "account": "nope"},
        NewCase(case_id=ids[2]),
    ]
    verdicts = walked.call("POST /v1/cases:batch", client.open_many, asked)
    assert [(one.case, one.status, one.code) for one in verdicts] == [
        (ids[0], 201, None),
        (ids[1], 422, "unknown_name"),
        (ids[2], 201, None),
    ]
    every = walked.all("GET /v1/cases", client.cases, account="acme", state="open", paused=False, limit=1)
    assert ids[0] in (listed := [one.case_id for one in every])
    assert len(listed) == len(set(listed)) > 1
    due = list(client.cases(milestone="Resolution", due_before=datetime.now(UTC) + timedelta(days=9), violated=False))
    assert due[0].due_at == min(one.due_at for one in due if one.due_at)
    assert list(client.cases(priority="Never", owner="nobody", status=None, entitlement="nope")) == []


def of_time(walked: Walked) -> None:
    """Logged one by one and together; what is beyond the cap somebody decides."""
    client, case, entry = walked.client, unique("c"), unique("T")
    client.open(case, account="acme", entitlement=walked.api.named("acme-gold"))
    worked = datetime.now(UTC) - timedelta(seconds=1)
    path = "POST /v1/cases/{case}/"
    taken = walked.call(f"{path}log_time", client.log_time, case, entry, 300, note="on the phone", by="ann")
    assert len(taken) == 2
    decided = walked.call(f"{path}decide_overage", client.decide_overage, case, approved=True, entry=entry, by="bo")
    assert decided.outcome == "taken"
    entries: list[WorkOnCase | dict[str, Any]] = [
        WorkOnCase(case=case, id=unique("T"), minutes=5),
        {"case": "nope", "id": "T", "minutes": 5},
    ]
    verdicts = walked.call("POST /v1/time_entries:batch", client.log_many, entries)
    assert [one.status for one in verdicts] == [200, 404]
    assert client.log_time(case, unique("T"), 5, worked_at=worked) != []
    other = unique("c")
    client.open(other, account="globex")
    assert client.log_time(other, entry, 30)[0].startswith("30m uncovered")
    undone = walked.call(f"{path}reverse_time", client.reverse_time, other, entry, reason="wrong case", by="bo")
    assert undone.outcome == "taken"


def of_actions(walked: Walked) -> None:
    """One that fails, told and tried again: by its case, and by its key."""
    client, case = walked.client, unique("c")
    client.open(case, account="acme", fields={"tickets": 0})
    client.complete_milestone(case, "First response")
    [action] = _when_failed(client, case)
    failed = walked.call("GET /v1/actions", client.actions.all, kind="email", since=action.failed_at, limit=9)
    assert [one.key for one in failed] == [action.key]
    other = unique("c")
    client.open(other, account="acme", fields={"tickets": 0})
    client.complete_milestone(other, "First response")
    walked.call("POST /v1/cases/{case}/retry_action", client.retry_action, case, action.key, by="ann")
    [another] = _when_failed(client, other)
    walked.call("POST /v1/actions/{key}/retry", client.actions.retry, another.key, by="ann")


def _when_failed(client: MilepostHttp, case: str) -> list[StoredAction]:
    """The actions of a case, once all have failed for good."""
    deadline = time.monotonic() + PATIENT
    while any(one.status != "failed" for one in client.actions.all(case=case)) or not client.actions.all(case=case):
        assert time.monotonic() < deadline, client.actions.all(case=case)
        time.sleep(0.05)
    return client.actions.all(case=case)


def of_entitlements(walked: Walked) -> None:
    """What they have left, taken and given back; more by hand."""
    client, visits, path = walked.client, walked.api.named("acme-1"), "POST /v1/entitlements/{entitlement}/"
    rooms = client.entitlements
    why: Any = {"reason": "goodwill", "by": "bo"}
    taken = walked.call(f"{path}take", rooms.take, visits, "V-1", amount=2, by="dispatch")
    assert (taken.is_taken, taken.answer.taken, taken.answer.remaining) == (True, 2, 7)
    assert client.take(visits, "V-1", amount=2).answer.outcome == "already"
    assert walked.call(f"{path}reverse", rooms.reverse, visits, "V-1", **why).parts[0].entitlement == visits
    assert walked.call(f"{path}adjust", rooms.adjust, visits, 3, **why).answer.balance.remaining == 6
    soon = date.today() + timedelta(days=9)  # noqa: DTZ011  any day ahead
    assert walked.call(f"{path}grant", rooms.grant, visits, 2, until=soon, **why).answer.balance.grant_left == 2
    balance = walked.call("GET /v1/entitlements/{entitlement}", rooms.balance, visits)
    assert (balance.unit, balance.current.remaining, balance.terms) == ("visits", 6, "9/2099-12-31")
    assert client.balance(visits, at=datetime(2026, 1, 2, tzinfo=UTC)).status == "active"
    listed = walked.call("GET /v1/entitlements", rooms.balances, "acme")
    assert balance.entitlement_id in [one.entitlement_id for one in listed]
    rows = walked.all("GET /v1/entitlements/{entitlement}/ledger", rooms.ledger, visits, limit=1)
    assert [row.number for row in rows] == list(range(1, balance.rows + 1))


def of_overage(walked: Walked) -> None:
    """Taken beyond the cap, paid from what there is, and let go."""
    client, over, path = (
        walked.client.entitlements,
        walked.api.named("acme-over"),
        "POST /v1/entitlements/{entitlement}/",
    )
    for number in range(3):
        assert client.take(over, f"OVER-{number}", overage="agreed").is_taken
    no = client.take(over, "OVER-NO", declined="too dear")
    assert (no.is_taken, no.declined) == (False, [over])
    client.amend(over, cap=2, reason="one more", if_match="*")
    assert walked.call(f"{path}cover", client.cover, over, "OVER-1", reason="raised").entitlement == over
    assert walked.call(f"{path}void", client.void, over, "OVER-2", reason="goodwill", amount=1).entitlement == over
    with pytest.raises(Refused) as none:
        client.void(over, "OVER-1", reason="goodwill")
    assert none.value.code == "no_overage"


def of_terms(walked: Walked) -> None:
    """Amended by what was seen, renewed and cancelled; also what counts nothing."""
    client, ours, path = walked.client.entitlements, walked.api.named("acme-2"), "POST /v1/entitlements/{entitlement}/"
    seen = client.balance(ours).terms
    amended = walked.call(
        f"{path}amend", client.amend, ours, cap=6, ends_on=date(2098, 12, 31), reason="by order", if_match=seen
    )
    assert amended.answer.text
    with pytest.raises(Refused) as late:
        client.amend(ours, cap=7, reason="by order", if_match=seen)
    assert late.value.code == "changed_meanwhile"
    renewed = walked.call(f"{path}renew", client.renew, ours, ends_on=date(2099, 6, 30), reason="by phone")
    assert renewed.entitlement == ours
    ended = walked.call(f"{path}cancel", client.cancel, ours, on=date(2098, 6, 30), reason="over", with_renewal=True)
    assert not isinstance(ended, RecordChanged)
    assert [one.entitlement for one in ended.with_it] != []
    assert isinstance(client.cancel(walked.api.named("acme-gold"), reason="over"), RecordChanged)


def of_the_catalog(walked: Walked) -> None:
    """Read, changed by what was seen, and not changed when somebody else has."""
    client = walked.client.catalog
    shown = walked.call("GET /v1/catalog", client.show)
    assert "acme" in [account.id for account in shown.catalog.accounts]
    assert client.apply(shown.catalog, dry_run=True).changed.changes == []
    document = {"accounts": [{"id": "initech"}], "fields": {"tier": {"type": "string", "values": ["a", "b"]}}}
    applied = walked.call("POST /v1/catalog", client.apply, document, if_match=shown.revision, by="ann")
    assert applied.revision > shown.revision
    assert client.show().catalog.values == {"tier": ["a", "b"]}
    with pytest.raises(Refused) as late:
        client.apply(document, if_match=shown.revision)
    assert late.value.code == "changed_meanwhile"


def of_orders(walked: Walked) -> None:
    """Placed, shown and changed."""
    client = walked.client.orders
    order = Order(id=unique("O"), account="acme", lines=[OrderLine(product="gold-support", quantity=2)])
    placed = walked.call("POST /v1/orders", client.place, order, by="ann")
    shown = walked.call("GET /v1/orders/{order}", client.show, order.id)
    assert (shown.revision, shown.lines[0].line.quantity) == (placed.revision, 2) == (1, 2)
    more = order.model_copy(update={"lines": [OrderLine(product="gold-support", quantity=3)], "starts_on": None})
    assert client.place(more, dry_run=True, if_match=1).changed.changes
    assert client.place(more, if_match=shown.revision).revision == 2


def of_tasks(walked: Walked) -> None:
    """Listed, ticked off, and taken back."""
    client, case = walked.client.tasks, unique("c")
    now = datetime.now(UTC)
    keys = [f"{case}/gold/answer/1/x/{number}/task" for number in range(2)]
    for key in keys:
        walked.api.store.actions.record_task(key, "call", "desk", "", now, due_at=now, account="acme")
    soon = now + timedelta(hours=1)
    asked = walked.all("GET /v1/tasks", client.all, done=False, owner="desk", account="acme", due_before=soon, limit=1)
    assert [one.key for one in asked] == keys
    ticked = walked.call("POST /v1/tasks/{key}/done", client.tick, keys[0], by="ana")
    assert (ticked.changed, ticked.task.done_at is None) == (True, False)
    assert [one.key for one in client.all(done=True, case=case)] == keys[:1]
    assert walked.call("POST /v1/tasks/{key}/undone", client.untick, keys[0]).task.done_at is None


def of_events(walked: Walked) -> None:
    """Of the feed, page by page, and customers by what covers them."""
    client = walked.client
    first = walked.call("GET /v1/events", client.events, limit=2)
    assert (len(first.events), first.is_last) == (2, False)
    pages = walked.all("GET /v1/events", client.event_pages, first.cursor, type=["case.*"], account="acme", limit=50)
    assert pages[-1].is_last
    assert len({event.id for page in pages for event in page.events}) == sum(len(page.events) for page in pages) > 5
    covered = walked.call("GET /v1/coverage", client.coverage, account="acme", channel="phone")
    assert (covered.next_case, covered.covered_by is None) == ("covered", False)


def of_reports(walked: Walked) -> None:
    """As rows, as a file, and for billing."""
    client = walked.client.reports
    where = ["status=New"]
    shown = walked.call("GET /v1/reports/{kind}", client.show, "compliance", by=["milestone"], where=where)
    assert (shown.report, shown.by) == (ReportKind.COMPLIANCE, ["milestone"])
    table = walked.call("GET /v1/reports/{kind}", client.written, ReportKind.COMPLIANCE, "csv", first=date(2026, 1, 1))
    assert table.decode().count("\n") > 1
    taken = walked.call("POST /v1/reports/overrides/exports", client.take_overrides, account="acme", by="ann")
    assert len(taken.rows) > 0
    assert client.take_overrides(account="acme").rows == []


def of_links(walked: Walked) -> None:
    """Made, listed and revoked."""
    client = walked.client.customer_links
    made = walked.call("POST /v1/customer-links", client.create, "acme", days=3, by="ann")
    assert "/pages/" in made.url
    listed = walked.call("GET /v1/customer-links", client.all, "acme", limit=9)
    assert [one.id for one in listed] == [made.link.id]
    gone = walked.call("POST /v1/customer-links/{link}/revoke", client.revoke, made.link.id, by="ann")
    assert (gone.changed, gone.link.opens) == (True, False)


def of_keys(walked: Walked) -> None:
    """Made, listed page by page, and revoked."""
    client = walked.client.keys
    until = datetime.now(UTC) + timedelta(days=9)
    said: Any = {"accounts": ["acme"], "expires_at": until, "by": "ann"}
    made = walked.call("POST /v1/keys", client.create, "shop", ["intake"], **said)
    assert made.secret.startswith(f"mp_{made.key.id}_")
    assert (made.key.accounts, made.key.expires_at) == (["acme"], until)
    listed = walked.all("GET /v1/keys", client.all, limit=2)
    assert [one.id for one in listed] == [one.id for one in walked.api.store.keys.all()]
    assert listed[0].id == made.key.id
    gone = walked.call("POST /v1/keys/{key_id}/revoke", client.revoke, made.key.id, by="ann")
    assert (gone.changed, gone.key.counts) == (True, False)
    client.create("other", ["intake"], event_id="once")
    with pytest.raises(Refused) as again:
        client.create("other", ["intake"], event_id="once")
    assert again.value.code == "made_before"


def of_people(walked: Walked) -> None:
    """Looked for in what is kept, and erased."""
    client, who = walked.client.erasures, "ann@example.net"
    walked.api.store.actions.record_mail(unique("k"), [who], "hello", "", datetime.now(UTC))
    tried = walked.call("POST /v1/erasures", client.erase, who, also=["Ann Miller"], dry_run=True)
    assert (len(tried.texts), tried.erased) == (1, False)
    assert client.erase(who, by="ana") == tried.model_copy(update={"erased": True})
    assert client.erase(who).texts == []


def of_deliveries(walked: Walked, numbers: list[int]) -> None:
    """Dead letters: listed, looked at, tried again, and given up."""
    client, path = walked.client.deliveries, "/v1/intake/deliveries"
    dead = walked.all(f"GET {path}", client.all, source="mail", status="dead", limit=1)
    assert [one.number for one in dead] == numbers
    assert walked.call(f"GET {path}/{{number}}", client.show, numbers[0]).payload == "{}"
    assert walked.call(f"POST {path}/{{number}}/retry", client.retry, numbers[0], by="ann").status == "dead"
    assert walked.call(f"POST {path}/{{number}}/drop", client.drop, numbers[0], by="ann").status == "dropped"
    assert [one.number for one in client.all(case="nope")] == []


async def test_every_operation_of_the_document_has_a_call(walked: Walked) -> None:
    """Or a reason why it has none."""
    assert set(walked.calls) | set(LEFT_OUT) == set(operations(walked.document))
    assert set(walked.calls) & set(LEFT_OUT) == set()


async def test_a_call_can_say_all_that_its_operation_takes(walked: Walked) -> None:
    """Each parameter and each key of the body, by its name."""
    missing = {
        operation: unsaid
        for operation, methods in walked.calls.items()
        if (unsaid := _takes(walked.document, operation) - set().union(*map(_says, methods)))
    }
    assert missing == {}


def _takes(document: dict[str, Any], operation: str) -> set[str]:
    method, _, path = operation.partition(" ")
    found = document["paths"][path][method.lower()]
    names = {one["name"].lower() for one in found.get("parameters", []) if one["in"] != "path"} - BY_ITSELF
    names = {{"if-match": "if_match", "idempotency-key": "event_id"}.get(name, name) for name in names}
    if operation in WHOLE:
        return names - {"event_id"} | {WHOLE[operation]}
    body = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    reference = body.get("$ref") or next((one["$ref"] for one in body.get("allOf", [])), "")
    properties = document["components"]["schemas"][reference.rpartition("/")[2]]["properties"] if reference else {}
    return names | {CALLED.get((operation, name), name) for name in properties}


def _says(method: Callable[..., Any]) -> set[str]:
    """The arguments of a call, with the keys of those that are alike in many."""
    names: set[str] = set()
    for name, parameter in inspect.signature(method).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            names |= set(get_type_hints(method)[name].__args__[0].__annotations__)
        else:
            names.add(name)
    return names


async def test_types_of_calls_can_be_named(walked: Walked) -> None:
    """Every model that a call takes or answers with is to be had from one module."""
    methods = {method for found in walked.calls.values() for method in found}
    named = {one.__name__ for method in methods for hint in get_type_hints(method).values() for one in _models(hint)}
    assert named - set(models.__all__) == set()
    assert len(named) > 20


def _models(hint: Any) -> set[type[BaseModel]]:
    inside = {one for part in get_args(hint) for one in _models(part)}
    return inside | ({hint} if isinstance(hint, type) and issubclass(hint, BaseModel) else set())

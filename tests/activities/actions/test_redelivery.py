"""Deliveries by hand: what had arrived is sent again as it was, under its key, and on record."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from sqlalchemy import select
from standardwebhooks.webhooks import Webhook
from temporalio.exceptions import ApplicationError

from activities.actions.attempts import NOT_DELIVERED
from activities.actions.dispatch import Dispatcher
from activities.actions.outside import Outside
from activities.actions.redelivering import Redelivering
from activities.delivery.http import HookSender
from activities.delivery.means import Means
from activities.rendering.renderer import Renderer
from domain.catalog.documents import read_document
from domain.delivery.schedule import MOST_ATTEMPTS, delay_after
from domain.feed.registry import event_types
from domain.feed.usage import UsageOutcome
from domain.messages.redelivery import RedeliveryOrder
from store import Store, tables
from tests.activities.actions.sending import CONTEXT, KEY, NOON, effect, mail_server_at
from tests.activities.delivery.mail_server import Behaviour, mail_server
from tests.activities.delivery.receiver import receiver, says

OLD, NEW = ("whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"o", b"n"))
HOOK = {"do": "outbound_message", "endpoint": "desk", "body": "{{ case.priority }}"}
MAIL = {
    "do": "email",
    "to": "ann@example.org",
    "subject": "{{ case.priority }} is due",
    "body": "Soon: {{ trigger.late }}.",
    "html": "<b>Soon</b>",
}
ORDER = RedeliveryOrder(key=KEY, by="ana", asked_at=NOON)


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET", OLD)
    monkeypatch.setenv("DESK_TOKEN", "hunter2")


class Office:
    """A worker's side of actions and of deliveries by hand, on one store."""

    def __init__(self, store: Store, rendering: Renderer, **how: Any) -> None:
        outside = Outside(store, Means(hooks=HookSender(["127.0.0.1"]), sends_rehearsals=True, **how))
        self.store = store
        self.actions = Dispatcher(store.actions, store.catalog, rendering, outside)
        self.again = Redelivering(store, outside, self.actions)

    def declare(self, url: str, **endpoint: Any) -> None:
        declared = {"id": "desk", "url": url, "secrets": [{"env": "DESK_SECRET"}], **endpoint}
        document = {"fields": {"priority": "string"}, "endpoints": [declared]}
        self.store.catalog.apply(read_document(document), by="test")

    async def refusal(self, run_id: str = "r") -> ApplicationError:
        with pytest.raises(ApplicationError) as refused:
            await self.again.attempt(ORDER, run_id)
        assert refused.value.type == NOT_DELIVERED
        return refused.value


async def test_a_message_comes_again_as_it_was(
    store: Store, rendering: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same id and body, whatever the case says by now; signed anew, by the secret of today."""
    office = Office(store, rendering)
    async with receiver(says("200 OK", b"noted")) as desk:
        office.declare(desk.url, headers={"X-Account": "acme", "X-Token": {"env": "DESK_TOKEN"}})
        await office.actions.perform(effect(HOOK))
        monkeypatch.setenv("DESK_SECRET", NEW)
        monkeypatch.setenv("DESK_TOKEN", "hunter3")
        said = await office.again.attempt(ORDER, "r-1")
        assert await office.again.attempt(ORDER, "r-1") == said, "a repeated attempt sends nothing"
    first, second = desk.received
    assert (second.headers["webhook-id"], second.body) == (first.headers["webhook-id"], first.body)
    assert second.headers["idempotency-key"] == first.headers["idempotency-key"]
    assert [got.headers["x-token"] for got in desk.received] == ["hunter2", "hunter3"]
    assert second.headers["x-account"] == "acme"
    traces = [got.headers["traceparent"].split("-") for got in desk.received]
    assert len({trace for _, trace, _, _ in traces}) == 1
    assert len({span for _, _, span, _ in traces}) == 2
    for secret, got in ((OLD, first), (NEW, second)):
        Webhook(secret).verify(got.body, got.headers)
    [again] = store.redeliveries.of_case("c-1")
    assert (again.key, again.by, again.asked_at, again.status, again.attempts) == (KEY, "ana", NOON, "sent", 1)
    assert again.answer == said == "HTTP 200: noted"
    [sent] = store.deliveries.of_case("c-1")
    assert (sent.status, sent.attempts) == ("sent", 1), "what became of the action itself stays as it was"


async def test_what_is_kept_of_a_message_has_no_secret(store: Store, rendering: Renderer) -> None:
    """Neither that of a signature nor that of a header."""
    office = Office(store, rendering)
    async with receiver(says("204 No Content")) as desk:
        office.declare(desk.url, headers={"X-Token": {"env": "DESK_TOKEN", "prefix": "Bearer "}})
        await office.actions.perform(effect(HOOK))
    with store._database.read() as connection:
        [row] = connection.execute(select(tables.sent_requests)).mappings()
    assert KEY in row["request"]["body"]
    for secret in ("hunter2", OLD, "Bearer", "signature"):
        assert secret not in json.dumps(row["request"])


async def test_a_call_comes_again_only_where_it_went(store: Store, rendering: Renderer) -> None:
    """With its method, path and body; not to a place that was declared since, which would get its secrets."""
    office = Office(store, rendering)
    rest = {"kind": "rest", "method": "PUT", "secrets": [], "headers": {"Authorization": {"env": "DESK_TOKEN"}}}
    async with receiver(says("200 OK")) as desk, receiver(says("200 OK")) as other:
        office.declare(f"http://127.0.0.1:{desk.port}/cases/{{{{ case.id }}}}", **rest)
        await office.actions.perform(effect({**HOOK, "body": '{"priority": "{{ case.priority }}"}'}))
        await office.again.attempt(ORDER, "r-1")
        office.declare(other.url, **rest)
        refused = await office.refusal("r-2")
    assert [(got.line, got.body) for got in desk.received] == [("PUT /cases/c-1 HTTP/1.1", b'{"priority": "High"}')] * 2
    assert other.received == []
    assert (refused.non_retryable, "declared anew since" in refused.message) == (True, True)


async def test_a_mail_comes_again_as_it_was(store: Store, rendering: Renderer) -> None:
    """In its thread, with the same id and the same texts, though it would be later by now."""
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        office = Office(store, rendering, mail=mail_server_at(port))
        await office.actions.perform(effect(MAIL, at=NOON + timedelta(minutes=1)))
        said = await office.again.attempt(ORDER, "r-1")
    first, second = behaviour.taken
    for name in ("Message-ID", "Subject", "To"):
        assert second[name] == first[name]
    assert [part.get_content() for part in second.iter_parts()] == [part.get_content() for part in first.iter_parts()]
    assert "4711" in said
    assert len(store.actions.mails("c-1")) == 1


async def test_a_delivery_by_hand_is_tried_by_the_schedule(store: Store, rendering: Renderer) -> None:
    """A receiver that is away gets it later; after ten attempts it has failed, and may be asked for again."""
    office = Office(store, rendering)
    async with receiver(says("204 No Content")) as desk:
        office.declare(desk.url)
        await office.actions.perform(effect(HOOK))
    async with receiver(says("503 Service Unavailable")) as away:
        office.declare(away.url)
        failed = await office.refusal("r-1")
        assert (failed.non_retryable, failed.next_retry_delay) == (False, delay_after(1, KEY))
        for number in range(2, MOST_ATTEMPTS):
            again = await office.refusal("r-1")
            assert again.next_retry_delay is not None
            assert again.next_retry_delay >= (delay_after(number, KEY) or timedelta())
        assert (await office.refusal("r-1")).non_retryable
    async with receiver(says("204 No Content")) as desk:
        office.declare(desk.url)
        store.endpoints.switch("desk", off_at=None)
        await office.again.attempt(ORDER, "r-2")
    assert [(one.status, one.attempts) for one in store.redeliveries.of_case("c-1")] == [("failed", 10), ("sent", 1)]


@pytest.mark.parametrize("status", ["waits", "failed"])
async def test_what_has_not_arrived_is_not_delivered_again(store: Store, rendering: Renderer, status: Any) -> None:
    """It is tried by its own schedule, or retried."""
    office = Office(store, rendering)
    store.deliveries.begin_delivery(KEY, "email", "ann@example.org", datetime.now(UTC))
    store.deliveries.record_attempt(KEY, status, "451 later", datetime.now(UTC))
    refused = await office.refusal()
    assert (refused.non_retryable, refused.message) == (
        True,
        "it has not arrived, so it can't be delivered again",
    )


async def test_all_of_an_endpoint_since_an_instant_are_found(store: Store, rendering: Renderer) -> None:
    """What has arrived there, then or later, in the order in which it arrived."""
    office, keys = Office(store, rendering), [f"c-{number}/gold/answer/1/violation-0/1/hook" for number in (1, 2, 3)]
    async with receiver(says("204 No Content")) as desk:
        office.declare(desk.url)
        for key in keys[:2]:
            await office.actions.perform(effect(HOOK, key=key))
        since = datetime.now(UTC)
        await office.actions.perform(effect(HOOK, key=keys[2]))
    with pytest.raises(ApplicationError):
        await office.actions.perform(effect(HOOK, key="c-4/gold/answer/1/violation-0/1/hook"))
    assert store.deliveries.arrived_at("desk", NOON) == keys
    assert store.deliveries.arrived_at("desk", since) == keys[2:]
    assert store.deliveries.arrived_at("room", NOON) == []
    assert CONTEXT["case"] == {"id": "c-1", "priority": "High"}


async def test_a_delivery_by_hand_is_an_event(store: Store, rendering: Renderer) -> None:
    """One that has ended, arrived or not: typed, told once, of a subject of its own, read with its case's."""
    office = Office(store, rendering)
    async with receiver(says("200 OK", b"noted")) as desk:
        office.declare(desk.url)
        await office.actions.perform(effect(HOOK))
        for _ in range(2):
            await office.again.attempt(ORDER, "r-1")
        store.endpoints.switch("desk", off_at=NOON)
        for _ in range(2):
            await office.refusal("r-2")
    done, failed = store.feed.read(subject="case/c-1").events
    assert [(one.subject, one.sequence) for one in (done, failed)] == [(f"redelivery/{KEY}", n) for n in (1, 2)]
    assert store.feed.read(subject="case/c").events == store.feed.read(subject="entitlement/c-1").events == []
    for event in (done, failed):
        model = event_types()[event.type]
        assert model.model_validate(event.data).model_dump(mode="json", exclude_none=True) == event.data
    told = {"case_id": "c-1", "key": KEY, "do": "outbound_message", "by": "ana", "asked_at": "2025-06-09T12:00:00Z"}
    assert done.type == "milepost.case.action.redelivered.v1"
    assert done.data == {**told, "attempts": 1, "text": f"{KEY} was delivered again"}
    assert failed.type == "milepost.case.action.redelivery_failed.v1"
    assert failed.data["error"].startswith("endpoint 'desk' is switched off")


async def test_that_of_an_entitlement_has_its_next_number(store: Store) -> None:
    """Behind what became of its actions, whose key it has."""
    key = "gold/0/threshold/8/1/email"
    arrived = UsageOutcome(kind="sent", key=key, entitlement="gold", account=None, do="email", at=NOON)
    store.deliveries.begin_delivery(key, "email", "ann@example.org", NOON)
    store.deliveries.record_attempt(key, "sent", "250 OK", NOON)
    store.actions.record_action_done(key, at=NOON, outcome=arrived)
    ends: list[tuple[str, Literal["sent", "failed"]]] = [("r-1", "sent"), ("r-2", "failed")]
    for run_id, status in ends:
        store.redeliveries.begin(key, run_id, by="ana", asked_at=NOON)
        store.redeliveries.record_attempt(key, run_id, "waits", "451 later", NOON)
        store.redeliveries.record_attempt(key, run_id, status, "that is it", NOON)
    found = store.feed.read().events
    assert [(one.subject, one.sequence) for one in found] == [("entitlement/gold", n) for n in (1, 2, 3)]
    assert [one.type.removeprefix("milepost.entitlement.action.") for one in found[1:]] == [
        "redelivered.v1",
        "redelivery_failed.v1",
    ]
    assert (found[2].data["error"], found[2].data["attempts"], found[2].data["by"]) == ("that is it", 2, "ana")

"""Outbound messages on a real wire: signed or as a help desk wants them, and one line for each way to fail."""

import asyncio
import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook
from temporalio.exceptions import ApplicationError

from activities.actions.attempts import NOT_DELIVERED
from activities.actions.dispatch import Dispatcher
from activities.actions.effect import Effect
from activities.actions.hooks import event
from activities.actions.outside import Outside
from activities.delivery.http import LONGEST_BODY, HookSender
from activities.delivery.means import Means
from activities.rendering.renderer import Renderer
from domain.catalog.documents import read_document
from domain.delivery.circuit import OPENS_AFTER
from domain.delivery.schedule import MOST_ATTEMPTS
from domain.delivery.signing import Secret
from store import Store
from tests.activities.actions.sending import CONTEXT, KEY, NOON, effect
from tests.activities.delivery.receiver import Answer, Received, Receiver, receiver, says

OLD, NEW = "whsec_" + base64.b64encode(b"o" * 32).decode(), "whsec_" + base64.b64encode(b"n" * 32).decode()
PRIVATE = "whsk_" + base64.b64encode(b"p" * 32).decode()
HOOK = {"do": "outbound_message", "endpoint": "desk"}


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_OLD", OLD)
    monkeypatch.setenv("DESK_NEW", NEW)
    monkeypatch.setenv("DESK_PRIVATE", PRIVATE)
    monkeypatch.setenv("DESK_TOKEN", "hunter2")


def dispatcher(store: Store, rendering: Renderer, **how: Any) -> Dispatcher:
    sender = HookSender(how.pop("allowed", ["127.0.0.1"]), gives_up_after=5)
    return Dispatcher(
        store.actions,
        store.catalog,
        rendering,
        Outside(store, Means(hooks=sender, **{"sends_rehearsals": True, **how})),
    )


def declare(store: Store, at: str, **endpoint: Any) -> None:
    declared = {"id": "desk", "url": at, "secrets": [{"env": "DESK_OLD"}], **endpoint}
    store.catalog.apply(read_document({"fields": {"priority": "string"}, "endpoints": [declared]}), by="test")


async def failure(one: Dispatcher, wanted: Effect) -> ApplicationError:
    with pytest.raises(ApplicationError) as failed:
        await one.perform(wanted)
    assert failed.value.type == NOT_DELIVERED
    assert not {"\n", "hunter2", OLD} & set(failed.value.message.split(" "))
    return failed.value


# --- what arrives ---


async def test_a_path_of_any_script_arrives(store: Store, rendering: Renderer) -> None:
    """Of a standard endpoint, and of a call, whose text came to it."""
    async with receiver(says("200 OK")) as desk:
        declare(store, f"http://127.0.0.1:{desk.port}/häuser")
        await dispatcher(store, rendering).perform(effect(HOOK))
        declare(store, f"http://127.0.0.1:{desk.port}/{{{{ 'größe' }}}}", kind="rest", secrets=[])
        await dispatcher(store, rendering).perform(effect(HOOK, key=f"{KEY}-2"))
    lines = [one.line for one in desk.received]
    assert lines == ["POST /h%C3%A4user HTTP/1.1", "POST /gr%C3%B6%C3%9Fe HTTP/1.1"]


async def test_an_error_that_nobody_foresaw_is_on_record(
    store: Store, rendering: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is an attempt of the schedule, and after the last the action has failed; the endpoint is not well."""

    def stream(*_: Any, **__: Any) -> Any:
        raise TypeError("planted")

    monkeypatch.setattr(httpcore.AsyncConnectionPool, "stream", stream)
    declare(store, "http://127.0.0.1:9/hooks")
    one = dispatcher(store, rendering, pace=20_000)
    said = await failure(one, effect(HOOK))
    assert said.next_retry_delay is not None
    assert said.message == "attempt 1: not sent, by an unexpected error: TypeError: planted"
    [waiting] = store.deliveries.of_case("c-1")
    assert (waiting.status, waiting.attempts) == ("waits", 1)
    assert store.endpoints.state("desk").failures == 1
    while not said.non_retryable:
        said = await failure(one, effect(HOOK))
    [failed] = store.deliveries.of_case("c-1")
    assert (failed.status, failed.attempts) == ("failed", MOST_ATTEMPTS)


async def test_a_receiver_verifies_both_signatures(store: Store, rendering: Renderer) -> None:
    """With the standard's own library, for the old secret and the new one; and by the public key alone."""
    async with receiver(says("204 No Content")) as desk:
        declare(store, desk.url, secrets=[{"env": name} for name in ("DESK_OLD", "DESK_NEW", "DESK_PRIVATE")])
        await dispatcher(store, rendering).perform(effect({**HOOK, "body": "{{ case.priority }} case"}))
    [got] = desk.received
    for secret in (OLD, NEW):
        told = Webhook(secret).verify(got.body, got.headers)
    assert told == {
        "type": "milestone.warning",
        "key": KEY,
        **CONTEXT,
        "case": {"id": "c-1", "external_id": "c-1", "priority": "High"},
        "trigger": "warning-75-percent",
        "due_at": "2025-06-09T12:00:00Z",
        "at": "2025-06-09T12:00:00Z",
        "text": "High case",
    }
    public = base64.b64decode((Secret.parse(PRIVATE).public_key or "").removeprefix("whpk_"))
    [asymmetric] = [one for one in got.headers["webhook-signature"].split() if one.startswith("v1a,")]
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(asymmetric.removeprefix("v1a,")), signed)
    assert abs(int(got.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    [sent] = store.deliveries.of_case("c-1")
    assert (sent.channel, sent.to, sent.status, sent.answer) == ("outbound_message", "desk", "sent", "HTTP 204")


async def test_a_help_desk_gets_the_call_it_wants(store: Store, rendering: Renderer, tmp_path: Path) -> None:
    """Its own method, path and body as templates; a header from a secret, with what goes before it."""
    (tmp_path / "tenant").write_text("acme-tenant\n")
    async with receiver(says("200 OK", b'{"id": 7}')) as desk:
        declare(
            store,
            f"http://127.0.0.1:{desk.port}/tickets/{{{{ case.id | urlencode }}}}?why={{{{ event.type }}}}",
            kind="rest",
            method="PATCH",
            headers={
                "Authorization": {"env": "DESK_TOKEN", "prefix": "Bearer "},
                "X-Tenant": {"file": str(tmp_path / "tenant")},
                "X-Account": "{{ account.id }}",
            },
            body='{"note": {{ event.text | tojson }}, "urgent": {{ (case.priority == "High") | tojson }}}',
            secrets=[],
        )
        await dispatcher(store, rendering).perform(effect({**HOOK, "body": 'It says "due"'}))
    [got] = desk.received
    assert got.line == "PATCH /tickets/c-1?why=milestone.warning HTTP/1.1"
    assert [got.headers[name] for name in ("authorization", "x-tenant", "x-account")] == [
        "Bearer hunter2",
        "acme-tenant",
        "acme",
    ]
    assert json.loads(got.body) == {"note": 'It says "due"', "urgent": True}
    assert "webhook-signature" not in got.headers
    assert store.deliveries.of_case("c-1")[0].answer == 'HTTP 200: {"id": 7}'


async def test_a_large_case_is_told_by_its_id(store: Store, rendering: Renderer) -> None:
    """The body stays below 20 KB."""
    large = effect(HOOK)
    large.context["case"] = {"id": "c-1", "text": "ü" * LONGEST_BODY}
    try:
        async with receiver(says("200 OK")) as desk:
            declare(store, desk.url)
            await dispatcher(store, rendering).perform(large)
    finally:
        large.context["case"] = {"id": "c-1", "priority": "High"}
    told = json.loads(desk.received[0].body)
    assert (told["case"], told["shortened"]) == ({"id": "c-1"}, True)


# --- what does not ---


def repeating(status: str) -> Answer:
    """Says which secrets it was sent, and which it knows, in its answer."""

    async def answer(got: Received, writer: asyncio.StreamWriter) -> None:
        basic = base64.b64decode(got.headers["x-login"].removeprefix("Basic ")).decode()
        said = [got.headers["authorization"], got.headers["x-login"], basic, OLD, OLD.removeprefix("whsec_"), PRIVATE]
        await says(status, "\n".join(said).encode())(got, writer)

    return answer


@pytest.mark.parametrize("status", ["401 Unauthorized", "410 Gone", "202 Accepted"])
async def test_a_secret_that_a_receiver_repeats_is_kept_nowhere(
    store: Store, rendering: Renderer, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    """Not in the error, hence in no history; not with the delivery, nor with the endpoint, of which mails tell."""
    monkeypatch.setenv("DESK_LOGIN", base64.b64encode(b"milepost:open-sesame").decode())
    headers = {
        "Authorization": {"env": "DESK_TOKEN", "prefix": "Bearer "},
        "X-Login": {"env": "DESK_LOGIN", "prefix": "Basic "},
    }
    async with receiver(repeating(status)) as desk:
        declare(store, desk.url, headers=headers, secrets=[{"env": "DESK_OLD"}, {"env": "DESK_PRIVATE"}])
        try:
            await dispatcher(store, rendering).perform(effect(HOOK))
            message = ""
        except ApplicationError as error:
            message = error.message
        login = desk.received[0].headers["x-login"].removeprefix("Basic ")
    [delivery] = store.deliveries.of_case("c-1")
    told = [message, delivery.answer, *(state.said for state in store.endpoints.states())]
    assert "***" in delivery.answer
    for secret in ("hunter2", login, "open-sesame", OLD[6:], PRIVATE[5:]):
        assert not [line for line in told if secret in line]


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [
        ({"secrets": [{"env": "DESK_MISSING"}]}, "the environment variable DESK_MISSING is not set"),
        ({"secrets": [{"env": "DESK_TOKEN"}]}, "the environment variable DESK_TOKEN holds no secret to sign with"),
        ({"secrets": [{"file": "/no/such/file"}]}, "a secret can't be read: file /no/such/file"),
        ({"kind": "rest", "secrets": [], "body": "{{ case.id }} is due"}, "the body that was rendered is no JSON"),
        ({"kind": "rest", "secrets": [], "body": '{"v": NaN}'}, "is no JSON: NaN is no number in JSON"),
        ({"kind": "rest", "secrets": [], "body": '{"v": [-Infinity]}'}, "is no JSON: -Infinity is no number in JSON"),
        ({"kind": "rest", "secrets": [], "body": '{"v": 1e999}'}, "is no JSON: the number 1e999 is too large"),
        (
            {"kind": "rest", "secrets": [], "body": "{{ case.id + 1 }}"},
            "template '{{ case.id + 1 }}' can't be rendered",
        ),
        ({"kind": "rest", "secrets": [], "headers": {"X-Name": "ü"}}, "the header X-Name has a value that no header"),
    ],
)
async def test_what_cannot_be_sent_fails_for_good(
    store: Store, rendering: Renderer, endpoint: dict[str, Any], line: str
) -> None:
    """With one line that names what is missing, never its value; nothing is sent."""
    async with receiver(says("200 OK")) as desk:
        declare(store, desk.url, **endpoint)
        failed = await failure(dispatcher(store, rendering), effect(HOOK))
    assert failed.non_retryable
    assert line in failed.message
    assert desk.received == []
    assert store.deliveries.of_case("c-1")[0].status == "failed"


async def test_a_private_address_is_open_by_name_only(store: Store, rendering: Renderer) -> None:
    """What `MILEPOST_HOOK_HOSTS` does not name is refused for good."""
    async with receiver(says("200 OK")) as desk:
        declare(store, desk.url)
        failed = await failure(dispatcher(store, rendering, allowed=[]), effect(HOOK))
    assert failed.non_retryable
    assert failed.message.startswith("host 127.0.0.1 leads to 127.0.0.1, an address inside a network")
    assert desk.received == []


async def test_gone_switches_the_endpoint_off(store: Store, rendering: Renderer) -> None:
    """410: nothing more is sent there until somebody switches it on again."""
    async with receiver(says("410 Gone")) as desk:
        declare(store, desk.url)
        one = dispatcher(store, rendering)
        assert (await failure(one, effect(HOOK))).non_retryable
        second = await failure(one, effect(HOOK, key="c-1/second"))
        assert second.non_retryable
        assert second.message.startswith("endpoint 'desk' is switched off since")
        assert len(desk.received) == 1
        assert [(state.endpoint, state.off_at is not None) for state in store.endpoints.states()] == [("desk", True)]
        store.endpoints.switch("desk", off_at=None)
        await failure(one, effect(HOOK, key="c-1/third"))
    assert len(desk.received) == 2


async def test_a_failing_endpoint_is_left_alone(store: Store, rendering: Renderer) -> None:
    """After five failures in a row; another endpoint hears nothing of it, and the last attempt is always made."""
    async with receiver(says("500 Oops")) as desk, receiver(says("200 OK")) as other:
        declare(store, desk.url)
        declare(store, other.url, id="other")
        one = dispatcher(store, rendering)
        for number in range(OPENS_AFTER):
            assert (await failure(one, effect(HOOK, key=f"c-1/{number}"))).message == "attempt 1: HTTP 500"
        waits = await failure(one, effect(HOOK, key="c-1/waits"))
        assert "not tried: endpoint 'desk' has failed 5 times in a row: HTTP 500" in waits.message
        assert waits.next_retry_delay is not None
        assert waits.next_retry_delay > timedelta(seconds=15)
        assert len(desk.received) == OPENS_AFTER
        await one.perform(effect({**HOOK, "endpoint": "other"}, key="c-1/other"))
        for _ in range(MOST_ATTEMPTS - 1):
            last = await failure(one, effect(HOOK, key="c-1/waits"))
        assert last.message == "HTTP 500; that was attempt 10, the last"
        assert len(desk.received) == OPENS_AFTER + 1


@pytest.mark.parametrize(("status", "is_tried"), [(429, False), (502, False), (504, False), (503, True), (500, True)])
async def test_one_that_asks_for_less_gets_less(
    store: Store,
    rendering: Renderer,
    status: int,
    is_tried: bool,  # noqa: FBT001  a row
) -> None:
    """After 429, 502 and 504 every message for it waits, as long as it says; after other failures the next one goes."""
    async with receiver(says(f"{status} Later", Retry_After="120")) as desk:
        declare(store, desk.url)
        one = dispatcher(store, rendering)
        await failure(one, effect(HOOK, key="c-1/first"))
        second = await failure(one, effect(HOOK, key="c-1/second"))
    assert len(desk.received) == (2 if is_tried else 1)
    if not is_tried:
        assert f"not tried: endpoint 'desk' has failed once: HTTP {status}" in second.message
        assert second.next_retry_delay is not None
        assert second.next_retry_delay > timedelta(seconds=110)


def test_five_days_of_failures_switch_it_off(store: Store) -> None:
    """Since its last success; to the second. Nobody has been told of it then."""
    days = [NOON + timedelta(days=n) for n in range(12)]
    store.endpoints.failed("desk", "HTTP 500", days[0])
    store.endpoints.failed("desk", "HTTP 500", days[4])
    store.endpoints.answered("desk")
    store.endpoints.failed("desk", "HTTP 500", days[5])
    store.endpoints.failed("desk", "HTTP 500", days[10] - timedelta(seconds=1))
    assert store.endpoints.untold() == []
    store.endpoints.failed("desk", "HTTP 502", days[10])
    store.endpoints.failed("desk", "HTTP 500", days[11])
    [state] = store.endpoints.untold()
    assert state.off_at == days[10]
    assert state.said.startswith("it has failed since Sat 2025-06-14 12:00 UTC, at last: HTTP 502")


async def test_an_endpoint_that_answers_again_is_well(store: Store, rendering: Renderer) -> None:
    """One attempt looks how it does when the while is over; then nothing is held against it."""
    answers = iter(["500 Oops"] * OPENS_AFTER + ["200 OK"] * 2)

    async def answer(got: Any, writer: Any) -> None:
        await says(next(answers))(got, writer)

    async with receiver(answer) as desk:
        declare(store, desk.url)
        one = dispatcher(store, rendering, pace=1e9)
        for number in range(OPENS_AFTER):
            await failure(one, effect(HOOK, key=f"c-1/{number}"))
        assert store.endpoints.state("desk").failures == OPENS_AFTER
        await one.perform(effect(HOOK, key="c-1/again"))
    state = store.endpoints.state("desk")
    assert (state.failures, state.open_until, state.failing_since) == (0, None, None)


async def test_a_rehearsal_sends_no_message(store: Store, rendering: Renderer) -> None:
    """What is far from now is of a replayed log."""
    desk: Receiver
    async with receiver(says("200 OK")) as desk:
        declare(store, desk.url)
        one = dispatcher(store, rendering, sends_rehearsals=False)
        await one.perform(effect(HOOK, at=NOON, case_id=None, key="gold/1"))
    assert desk.received == []
    kept = store.actions.get("gold/1")
    assert kept is not None
    assert kept.status == "done"


def test_what_an_older_build_has_ordered_is_posted_with_what_it_has() -> None:
    """Its context may lack what is always written now; a schema is no reason to send nothing."""
    older = replace(effect({"do": "outbound_message", "endpoint": "desk"}), context={"case": {"id": "4711"}})
    told = event(older)
    assert (told["case"], told["milestone"], told["entitlement"]) == ({"id": "4711"}, None, None)

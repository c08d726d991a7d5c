"""Mails of actions, handed to a real server: once by key, again by the schedule, and on record."""

import asyncio
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.actions.attempts import NOT_DELIVERED
from activities.actions.dispatch import Dispatcher
from activities.actions.effect import Effect
from activities.actions.outside import Outside
from activities.actions.surroundings import Links
from activities.counts import UsageActivities
from activities.delivery.means import Means
from activities.rendering.renderer import Renderer
from domain.catalog.documents import read_document
from domain.delivery.schedule import MOST_ATTEMPTS, delay_after
from domain.process import ActionCall
from domain.usage.effects import UsageActionOrder
from store import Store
from tests.activities.actions.sending import CONTEXT, KEY, NOON, effect, mail_server_at
from tests.activities.delivery.mail_server import Behaviour, mail_server

MAIL = {
    "do": "email",
    "to": ["ann@example.org", "{{ case.id }}@example.org"],
    "subject": "{{ milestone.name }} is due",
    "body": "Of {{ account.name }}.",
}


def dispatcher(store: Store, rendering: Renderer, port: int, **means: Any) -> Dispatcher:
    sending = Means(mail=mail_server_at(port), **{"sends_rehearsals": True, **means})
    return Dispatcher(store.actions, store.catalog, rendering, Outside(store, sending))


async def failure(one: Dispatcher, wanted: Effect) -> ApplicationError:
    with pytest.raises(ApplicationError) as failed:
        await one.perform(wanted)
    assert failed.value.type == NOT_DELIVERED
    assert "\n" not in failed.value.message
    return failed.value


async def test_a_mail_is_handed_in_and_logged(store: Store, rendering: Renderer) -> None:
    """As it was rendered, with its key and the thread of its case; the log has what the server said."""
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        await dispatcher(store, rendering, port).perform(effect(MAIL))
    [mail] = behaviour.taken
    assert mail["Message-ID"].strip() == f"<{KEY}@example.org>"
    assert mail["In-Reply-To"] == "<case/c-1@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert (mail["To"], mail["Subject"]) == ("ann@example.org, c-1@example.org", "First response is due")
    assert mail.get_content().strip() == "Of Acme."
    [logged] = store.actions.mails("c-1")
    assert (logged.subject, logged.due_at) == ("First response is due", NOON)
    assert "4711" in (logged.answer or "")
    [sent] = store.deliveries.of_case("c-1")
    assert (sent.status, sent.attempts, sent.to) == ("sent", 1, "ann@example.org, c-1@example.org")
    assert store.actions.of_case("c-1")[0].status == "done"


async def test_html_goes_beside_the_text(store: Store, rendering: Renderer) -> None:
    """One mail with two alternatives; whatever a case holds is no markup in the second."""
    behaviour = Behaviour()
    html = "<p>Answer <b>{{ case.id }}</b> of {{ account.name }} by {{ '2025-06-09T12:30:00Z' | local }}.</p>"
    wanted = replace(effect({**MAIL, "html": html}), context=CONTEXT | {"account": {"name": "A & <i>B</i>"}})
    async with mail_server(behaviour) as port:
        await dispatcher(store, rendering, port).perform(wanted)
    [mail] = behaviour.taken
    assert mail.get_content_type() == "multipart/alternative"
    text, other = mail.iter_parts()
    assert (text.get_content_type(), text.get_content().strip()) == ("text/plain", "Of A & <i>B</i>.")
    assert other.get_content_type() == "text/html"
    shown = "<p>Answer <b>c-1</b> of A &amp; &lt;i&gt;B&lt;/i&gt; by Mon 9 Jun 2025, 12:30 UTC.</p>"
    assert other.get_content().strip() == shown


async def test_a_text_sees_where_more_can_be_seen(store: Store, rendering: Renderer) -> None:
    """Links to the console and to the Temporal UI, the trigger with how late it is, and the account's zone."""
    store.catalog.apply(read_document({"accounts": [{"id": "acme", "time_zone": "Europe/Berlin"}]}), by="test")
    links = Links(console="https://sla.example.org/", temporal_ui="http://127.0.0.1:8233", namespace="default")
    body = (
        "{{ links.console }} {{ links.temporal }} {{ trigger.id }} {{ trigger.late|duration }} {{ trigger.at|local }}"
    )
    asked = effect({**MAIL, "body": body}, at=NOON + timedelta(minutes=90))
    wanted = replace(asked, context=CONTEXT | {"account": {"id": "acme"}})
    await Dispatcher(store.actions, store.catalog, rendering, None, links).perform(wanted)
    unlinked = effect({**MAIL, "body": "[{{ links.console }}]"}, key="c-1/x")
    await Dispatcher(store.actions, store.catalog, rendering).perform(unlinked)
    bodies = {mail.key: mail.body for mail in store.actions.mails("c-1")}
    assert bodies[KEY] == (
        "https://sla.example.org/cases/c-1 http://127.0.0.1:8233/namespaces/default/workflows/case%2Fc-1 "
        "warning-75-percent 1 hour 30 minutes Mon 9 Jun 2025, 15:30 CEST"
    )
    assert bodies["c-1/x"] == "[]"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("{{ case. }}", "expected name or number"),
        ("{{ case.priority | local }}", "local is for instants and dates"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "is unsafe"),
        ("{{ 'a' * 70000 }}", "its text is longer than 64 KB"),
    ],
)
async def test_a_mail_that_cannot_be_rendered_is_not_sent(
    store: Store, rendering: Renderer, body: str, why: str
) -> None:
    """A mistake, a way out of the sandbox, too much text: it fails for good, and the next one goes out."""
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        one = dispatcher(store, rendering, port)
        with pytest.raises(ApplicationError) as refused:
            await one.perform(effect({**MAIL, "html": body}))
        await one.perform(effect(MAIL, key="c-1/next"))
    failed = refused.value
    assert (failed.type, failed.non_retryable) == ("BadTemplate", True)
    assert why in failed.message
    assert "\n" not in failed.message
    assert [mail["Message-ID"].strip() for mail in behaviour.taken] == ["<c-1/next@example.org>"]


async def test_without_a_server_mail_goes_to_the_log(store: Store, rendering: Renderer) -> None:
    """Alone: with the same texts, and no answer."""
    await Dispatcher(store.actions, store.catalog, rendering, Outside(store, Means())).perform(effect(MAIL))
    [logged] = store.actions.mails("c-1")
    assert (logged.subject, logged.answer) == ("First response is due", None)
    assert store.deliveries.of_case("c-1") == []


async def test_a_failed_mail_comes_again_by_the_schedule(store: Store, rendering: Renderer) -> None:
    """Each delay is that of the schedule, divided by the pace; the tenth attempt is the last, and says so."""
    async with mail_server(Behaviour(data="451 try again later")) as port:
        one = dispatcher(store, rendering, port, pace=2000)
        for attempt in range(1, MOST_ATTEMPTS):
            failed = await failure(one, effect(MAIL))
            assert failed.next_retry_delay == delay_after(attempt, KEY, pace=2000)
            assert failed.message == f"attempt {attempt}: 451 try again later"
            assert not failed.non_retryable
        last = await failure(one, effect(MAIL))
    assert last.non_retryable
    assert last.message == "451 try again later; that was attempt 10, the last"
    assert store.actions.mails("c-1") == []
    [delivery] = store.deliveries.of_case("c-1")
    assert (delivery.status, delivery.attempts, delivery.answer) == ("failed", 10, "451 try again later")


async def test_what_was_retried_by_hand_begins_anew(store: Store, rendering: Renderer) -> None:
    """After it had failed for good, it has all its attempts again."""
    behaviour = Behaviour(recipient="550 no such user")
    async with mail_server(behaviour) as port:
        one = dispatcher(store, rendering, port)
        assert (await failure(one, effect(MAIL))).non_retryable
        behaviour.recipient, behaviour.data = "250 OK", "451 later"
        assert (await failure(one, effect(MAIL))).message == "attempt 1: 451 later"
        behaviour.data = "250 taken"
        await one.perform(effect(MAIL))
    assert store.deliveries.of_case("c-1")[0].status == "sent"


@pytest.mark.parametrize(
    ("behaviour", "to", "line"),
    [
        (Behaviour(recipient="550 no such user"), "ann@example.org", "recipient refused: 550 no such user"),
        (Behaviour(data="554 looks like spam"), "ann@example.org", "554 looks like spam"),
    ],
)
async def test_a_mail_refused_for_good_fails_with_one_line(
    store: Store, rendering: Renderer, behaviour: Behaviour, to: str, line: str
) -> None:
    """It is not tried again, and the reason is on record."""
    async with mail_server(behaviour) as port:
        failed = await failure(dispatcher(store, rendering, port), effect({**MAIL, "to": to}))
    assert failed.non_retryable
    assert failed.message.startswith(line)
    assert store.deliveries.of_case("c-1")[0].answer == failed.message
    assert behaviour.taken == []


async def test_what_has_arrived_is_not_sent_again(store: Store, rendering: Renderer) -> None:
    """A worker that died after the server took it, before the action was done, leaves the rest to the next."""
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        store.deliveries.begin_delivery(KEY, "email", "ann@example.org", NOON)
        store.deliveries.record_attempt(KEY, "sent", "250 taken", NOON)
        await dispatcher(store, rendering, port).perform(effect(MAIL))
    assert behaviour.taken == []
    assert store.actions.mails("c-1")[0].answer == "250 taken"


async def test_a_replayed_entitlement_mails_nobody(store: Store, rendering: Renderer) -> None:
    """What is ordered at an instant far from now is of a replayed log: it goes to the log of sent mail alone."""
    behaviour = Behaviour()
    now = datetime.now(UTC)
    async with mail_server(behaviour) as port:
        one = dispatcher(store, rendering, port, sends_rehearsals=False)
        for number, at in enumerate([NOON, now + timedelta(days=90), now - timedelta(days=3)]):
            wanted = effect(MAIL, key=f"gold/{number}", at=at, case_id=None, thread="entitlement/gold")
            await one.perform(wanted)
    assert [mail["Message-ID"].strip() for mail in behaviour.taken] == ["<gold/2@example.org>"]
    assert [bool(mail.answer) for mail in store.actions.mails("gold")] == [False, True, False]


async def test_an_entitlement_mails_the_same_way(store: Store, rendering: Renderer) -> None:
    """By the same dispatcher: to the server, in the entitlement's own thread."""
    behaviour = Behaviour()
    order = UsageActionOrder(
        entitlement_id="acme-gold",
        cause="threshold",
        at=NOON,
        call=ActionCall.model_validate({"key": "acme-gold/0/threshold/8/1/email", "action": MAIL}),
        context=CONTEXT,
    )
    async with mail_server(behaviour) as port:
        usage = UsageActivities(store, dispatcher(store, rendering, port))
        await usage.perform_usage_action(order)
    assert behaviour.taken[0]["In-Reply-To"] == "<entitlement/acme-gold@example.org>"
    assert len(store.actions.mails("acme-gold")) == 1


async def test_a_server_that_hangs_takes_few_places(store: Store, rendering: Renderer) -> None:
    """Beyond twenty at once the others come back soon, without having used an attempt up."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=100)
    try:
        one = dispatcher(store, rendering, listening.getsockname()[1])
        wanted = [effect({**MAIL, "to": "ann@example.org"}, key=f"c-1/{number}") for number in range(25)]
        tasks = [asyncio.create_task(one.perform(each)) for each in wanted]
        while sum(task.done() for task in tasks) < 5:
            await asyncio.wait(tasks, timeout=0.1, return_when=asyncio.FIRST_COMPLETED)
        turned_away = [task.exception() for task in tasks if task.done()]
        assert {
            (error.type, error.next_retry_delay) for error in turned_away if isinstance(error, ApplicationError)
        } == {("Busy", timedelta(seconds=5))}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        listening.close()
    assert {delivery.attempts for delivery in store.deliveries.of_case("c-1")} == {0}

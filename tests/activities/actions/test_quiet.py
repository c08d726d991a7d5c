"""Mails within their limits: so many an hour, the rest in a digest."""

import re
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, select, update
from temporalio.exceptions import ApplicationError

from activities.actions.attempts import NOT_DELIVERED, WAITS
from activities.actions.dispatch import Dispatcher
from activities.actions.outside import Outside
from activities.delivery.means import Means
from activities.planning import Planner
from activities.rendering.renderer import Renderer
from domain.catalog.documents import read_document
from domain.messages.cases import CaseIntake
from store import Store
from store.tables import deliveries, digests, held_mails, sent_mails
from tests.activities.actions.sending import NOON, effect, mail_server_at
from tests.activities.delivery.mail_server import Behaviour, mail_server
from tests.recorded import RecordedCase

MAIL = {"do": "email", "to": "Ann <ann@example.org>", "subject": "<b>{{ trigger.id }}</b> is due", "body": "Soon."}


def limited(store: Store, **quiet: int) -> None:
    zone = {"organisation": {"time_zone": "Europe/Berlin", "quiet": quiet}}
    store.catalog.apply(read_document(zone), by="test")


def sender(store: Store, rendering: Renderer, port: int) -> Dispatcher:
    return Dispatcher(
        store.actions, store.catalog, rendering, Outside(store, Means(mail=mail_server_at(port), sends_rehearsals=True))
    )


def key(number: int, case: str = "c-1") -> str:
    return f"{case}/gold/answer/1/warning-{number}/1/email"


async def performed(one: Dispatcher, number: int, case: str = "c-1", **mail: Any) -> ApplicationError | None:
    """What became of one of many mails; None: it was sent, by itself or in a digest."""
    due_at = NOON + timedelta(minutes=number)
    wanted = effect({**MAIL, **mail}, key=key(number, case), due_at=due_at, at=due_at, trigger=f"warning-{number}")
    try:
        await one.perform(wanted)
    except ApplicationError as error:
        return error
    return None


def pass_an_hour(store: Store) -> None:
    """Everything that is on record of mails becomes an hour older."""
    moved: list[tuple[Table, str]] = [(sent_mails, "at"), (held_mails, "held_at"), (digests, "made_at")]
    moved.append((digests, "taken_until"))
    with store._database.write() as connection:
        for table, name in moved:
            for at in set(connection.execute(select(table.c[name])).scalars()):
                assert isinstance(at, datetime)
                earlier = {name: at - timedelta(minutes=61)}
                connection.execute(update(table).where(table.c[name] == at).values(earlier))


def plain(mail: Any, kind: str = "plain") -> str:
    body: str = mail.get_body((kind,)).get_content()
    return body


async def test_more_than_so_many_an_hour_come_in_a_digest(store: Store, rendering: Renderer) -> None:
    """It lists every key with its due time, in their order, and counts as the delivery of each."""
    limited(store, mails_per_recipient=2)
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        one = sender(store, rendering, port)
        first = [await performed(one, number) for number in (1, 2, 5, 4, 3)]
        assert first[:2] == [None, None]
        for error in first[2:]:
            assert error is not None
            assert (error.type, error.non_retryable) == (WAITS, False)
            assert error.next_retry_delay is not None
            assert timedelta(minutes=50) < error.next_retry_delay <= timedelta(hours=1)
        assert len(behaviour.taken) == 2
        [waiting] = [one for one in store.deliveries.of_case("c-1") if one.key == key(5)]
        assert (waiting.status, waiting.attempts) == ("waits", 0)
        assert re.match(r"held for a digest to ann@example.org, at \w{3} 20\d\d-", waiting.answer)
        pass_an_hour(store)
        assert [await performed(one, number) for number in (4, 3, 5)] == [None, None, None]
    digest = behaviour.taken[2]
    assert len(behaviour.taken) == 3
    assert (digest["To"], digest["Subject"]) == ("Ann <ann@example.org>", "3 messages about c-1")
    assert digest["Auto-Submitted"] == "auto-generated"
    lines = [line.strip() for line in plain(digest).splitlines() if line.strip()]
    assert lines[-9:] == [
        line
        for number, at in ((3, "14:03"), (4, "14:04"), (5, "14:05"))
        for line in (f"<b>warning-{number}</b> is due", f"due Mon 9 Jun 2025, {at} CEST", key(number))
    ]
    html = plain(digest, "html")
    assert "&lt;b&gt;warning-3&lt;/b&gt; is due" in html
    assert "<b>" not in html
    assert {action.status for action in store.actions.of_case("c-1")} == {"done"}
    answers = {mail.key: mail.answer or "" for mail in store.actions.mails("c-1")}
    assert all(answers[key(number)].startswith("in the digest +digest/") for number in (3, 4, 5))
    assert {one.status for one in store.deliveries.of_case("c-1")} == {"sent"}


async def test_a_digest_names_a_case_by_both_of_its_ids(store: Store, rendering: Renderer) -> None:
    """That of another system too, on every line that has a key and in the subject; in one line, and as text."""
    limited(store, mails_per_recipient=1)
    plan = Planner(store).plan(CaseIntake(case_id="4711~2F1"), NOON, entitlement=None, account=None)
    RecordedCase(store, plan, "4711~2F1", {}, NOON, external_id="4711/1 <b>\n&")
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        one = sender(store, rendering, port)
        assert await performed(one, 1) is None
        held = [(2, "4711~2F1"), (3, "4711~2F1"), (4, "c-1")]
        assert None not in [await performed(one, number, case) for number, case in held]
        pass_an_hour(store)
        assert await performed(one, 2, "4711~2F1") is None
    digest = behaviour.taken[1]
    assert digest["Subject"] == "3 messages about 4711~2F1 (4711/1 <b> &), c-1"
    lines = [line.strip() for line in plain(digest).splitlines()]
    named = [f"{key(number, '4711~2F1')} (4711/1 <b> &)" for number in (2, 3)]
    assert [line for line in lines if line.endswith("/email") or "4711/1" in line] == [*named, key(4)]
    assert plain(digest, "html").count("(4711/1 &lt;b&gt; &amp;)") == 2


async def test_a_case_has_its_limit_whoever_gets_its_mails(store: Store, rendering: Renderer) -> None:
    """And each of its people a digest of their own; another case is not concerned."""
    limited(store, mails_per_case=1)
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        one = sender(store, rendering, port)
        assert await performed(one, 1) is None
        held = [await performed(one, number, to=f"p{number}@example.org") for number in (2, 3)]
        assert [error.type for error in held if error] == [WAITS, WAITS]
        assert await performed(one, 1, case="c-2") is None
        pass_an_hour(store)
        assert [await performed(one, number, to=f"p{number}@example.org") for number in (2, 3)] == [None, None]
    assert [mail["To"] for mail in behaviour.taken][2:] == ["p2@example.org", "p3@example.org"]


async def test_without_limits_nothing_is_held(store: Store, rendering: Renderer) -> None:
    """They are off unless set."""
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        one = sender(store, rendering, port)
        assert [await performed(one, number) for number in range(12)] == [None] * 12
    assert len(behaviour.taken) == 12


async def test_only_those_who_had_too_many_wait_for_a_digest(store: Store, rendering: Renderer) -> None:
    """The others get the mail at once, and nobody gets it twice."""
    limited(store, mails_per_recipient=1)
    behaviour = Behaviour()
    both = ["ann@example.org", "bo@example.org"]
    async with mail_server(behaviour) as port:
        one = sender(store, rendering, port)
        assert await performed(one, 1) is None
        assert await performed(one, 2, to=both) is not None
        assert await performed(one, 2, to=both) is not None
        pass_an_hour(store)
        assert await performed(one, 2, to=both) is None
    assert [mail["To"] for mail in behaviour.taken] == [
        "Ann <ann@example.org>",
        "bo@example.org",
        "ann@example.org",
    ]
    [answer] = [mail.answer or "" for mail in store.actions.mails("c-1") if mail.key == key(2)]
    assert "; in the digest +digest/" in answer


async def test_nothing_overtakes_what_is_held(store: Store, rendering: Renderer) -> None:
    """While anything waits for somebody's digest, whatever else is for them waits too."""
    limited(store, mails_per_recipient=1)
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        one = sender(store, rendering, port)
        assert await performed(one, 1) is None
        assert await performed(one, 2) is not None
        pass_an_hour(store)
        assert await performed(one, 3) is None
        assert await performed(one, 2) is None
        assert await performed(one, 4) is not None
    assert [mail["Subject"] for mail in behaviour.taken] == ["<b>warning-1</b> is due", "2 messages about c-1"]


async def test_a_mail_that_did_not_go_counts_for_no_limit(store: Store, rendering: Renderer) -> None:
    """So an outage of the mail server uses nobody's hour up."""
    limited(store, mails_per_recipient=1)
    behaviour = Behaviour(data="451 later")
    async with mail_server(behaviour) as port:
        one = sender(store, rendering, port)
        for case in ("c-1", "c-2"):
            failed = await performed(one, 1, case)
            assert failed is not None
            assert failed.type == NOT_DELIVERED
        behaviour.data = "250 taken"
        assert await performed(one, 1, "c-2") is None
        held = await performed(one, 1, "c-1")
    assert held is not None
    assert held.type == WAITS


async def test_a_digest_that_is_turned_away_comes_again(store: Store, rendering: Renderer) -> None:
    """Under the same id, by the schedule; whoever else is in it waits as long."""
    limited(store, mails_per_recipient=1)
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        one = sender(store, rendering, port)
        for number in (1, 2, 3):
            await performed(one, number)
        pass_an_hour(store)
        behaviour.data = "451 later"
        turned_away, waits = await performed(one, 2), await performed(one, 3)
        assert turned_away is not None
        assert waits is not None
        assert turned_away.message.endswith("attempt 1: 451 later")
        assert turned_away.next_retry_delay is not None
        assert timedelta(seconds=5) <= turned_away.next_retry_delay < timedelta(seconds=6)
        assert (waits.type, turned_away.type) == (WAITS, WAITS)
        pass_an_hour(store)
        behaviour.data = "250 taken"
        assert [await performed(one, 3), await performed(one, 2)] == [None, None]
    assert len(behaviour.taken) == 2


async def test_a_digest_that_fails_fails_all_that_it_lists(store: Store, rendering: Renderer) -> None:
    """Each with the reason; one that is tried again by hand goes by itself."""
    limited(store, mails_per_recipient=1)
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        one = sender(store, rendering, port)
        for number in (1, 2, 3):
            await performed(one, number)
        pass_an_hour(store)
        behaviour.recipient = "550 gone"
        for number in (2, 3):
            failed = await performed(one, number)
            assert failed is not None
            assert failed.non_retryable
            assert failed.message.endswith("failed: recipient refused: 550 gone")
        behaviour.recipient = "250 OK"
        assert await performed(one, 3) is None
    assert [mail["Subject"] for mail in behaviour.taken][1:] == ["<b>warning-3</b> is due"]


async def test_what_is_held_expires_by_when_it_was_due(store: Store, rendering: Renderer) -> None:
    """Two hours at a mail server that was away are two of its three, though it is held only now."""
    limited(store, mails_per_recipient=1)
    behaviour = Behaviour(data="451 later")
    async with mail_server(behaviour) as port:
        one = sender(store, rendering, port)
        assert await performed(one, 2, expires="3h") is not None
        with store._database.write() as connection:
            began = connection.execute(select(deliveries.c.first_at).where(deliveries.c.key == key(2))).scalar_one()
            earlier = {"first_at": began - timedelta(hours=2)}
            connection.execute(update(deliveries).where(deliveries.c.key == key(2)).values(earlier))
        behaviour.data = "250 taken as 4711"
        assert await performed(one, 1) is None
        held = await performed(one, 2, expires="3h")
    assert held is not None
    assert held.type == WAITS
    with store._database.read() as connection:
        expires_at = connection.execute(select(held_mails.c.expires_at)).scalar_one()
    assert expires_at == began + timedelta(hours=1)


async def test_what_has_expired_is_in_no_digest(store: Store, rendering: Renderer) -> None:
    """It is dropped by itself."""
    limited(store, mails_per_recipient=1)
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        one = sender(store, rendering, port)
        await performed(one, 1)
        await performed(one, 2, expires="30m")
        await performed(one, 3)
        with store._database.write() as connection:
            expired = {"expires_at": NOON}
            connection.execute(update(held_mails).where(held_mails.c.key == key(2)).values(expired))
        pass_an_hour(store)
        assert await performed(one, 3) is None
    assert behaviour.taken[1]["Subject"] == "1 message about c-1"
    assert key(2) not in plain(behaviour.taken[1])
    store.actions.record_action_dropped(key(2), "expired")
    assert store.quiet.held_for(key(2)) == []

"""One person is taken out of the texts that are kept for a while; what was done, the feed and everybody else stay."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from domain.catalog.documents import read_document
from domain.delivery.naming import ERASED, Names
from domain.delivery.schedule import GIVES_UP_AFTER
from domain.errors import NotFound, Refused
from domain.subscriptions.state import DeadLetter
from store import Store, tables
from store.erasing import What
from store.quiet import Limits, MailInHand
from store.subscriptions.dead_letters import put_dead_letters
from store.values import MailRecipient, SentRequest
from tests.feeds import Recorded
from tests.store.failed_orders import failed_order

NOW = datetime.now(UTC)
BO = "bo@example.org"
SAID = "erased on Sun 2026-11-29 by ana"
ADDRESSES = ("ann@example.org", "o'brien+sla@example.org", "jörg@exämple.org")

TEXTS = (
    *("mails", "mail_recipients", "sent_requests", "deliveries", "redeliveries", "held_mails", "digests", "sent_mails"),
    *("failed_orders", "dead_letters", "intake_deliveries"),
)
"""The tables of what is kept for a while, word for word."""


def key_of(name: str) -> str:
    return f"c-1/gold/answer/1/violation-0/1/{name}"


def request(body: Any) -> SentRequest:
    return SentRequest(
        endpoint="desk",
        declared_url="https://desk",
        method="POST",
        url="https://desk",
        headers={},
        body=json.dumps(body),
    )


def deliver(store: Store, key: str, channel: str, to: str, status: Any = "sent", **also: Any) -> None:
    store.deliveries.begin_delivery(key, channel, to, NOW)
    store.deliveries.record_attempt(key, status, f"{to}: noted", NOW, **also)


def mail_to(store: Store, name: str, to: Sequence[str], status: str = "sent") -> str:
    """A mail that was handed in, with what is on record of it."""
    key = key_of(name)
    store.actions.record_mail(key, to, f"for {to[0]}", f"Dear {to[0]}", NOW, answer="250 ok", html=f"<i>{to[0]}</i>")
    deliver(store, key, "email", ", ".join(to), status)
    recipients = {one: MailRecipient(address=f"<{one}>", has_it=True, answer=f"{one} has it") for one in to}
    store.mail_recipients.record(key, recipients, NOW)
    return key


def message_to(store: Store, name: str, body: Any) -> str:
    key = key_of(name)
    deliver(store, key, "outbound_message", "desk", request=request(body))
    return key


def put(store: Store, whose: str) -> None:
    """All that names somebody: by mail, by messages, held for a digest, given up, told by another system."""
    name = whose.partition("@")[0]
    mail_to(store, f"{name}-mail", [whose])
    hook = message_to(store, f"{name}-hook", {"case": {"contact": whose}})
    store.actions.keep_order(failed_order(key_of(f"{name}-failed"), f"<{whose}>"))
    store.redeliveries.begin(hook, "run", by="ben", asked_at=NOW)
    store.redeliveries.record_attempt(hook, "run", "sent", f"{whose} is known here", NOW)
    limits = Limits(per_case=None, per_recipient=1, window=timedelta(hours=1))
    for number in (1, 2):
        held = MailInHand(key=key_of(f"{name}-{number}"), to={whose: f"<{whose}>"}, subject=f"for {whose}", due_at=NOW)
        store.quiet.admit(held, limits, NOW)
    turn = store.quiet.take_digest(
        key_of(f"{name}-2"), whose, NOW + timedelta(hours=2), window=limits.window, lease=timedelta(minutes=2)
    )
    deliver(store, turn.key, "digest", turn.to, "waits")
    store.quiet.digest_sent(turn.key, "250 ok", NOW)
    store.deliveries.record_attempt(turn.key, "sent", "250 ok", NOW)
    store.actions.record_mail(turn.key, [turn.to], "2 messages", f"for {whose}", NOW, answer="250 ok")
    letter = DeadLetter(
        event_id=f"e-{name}", position=1, subject="case/c-1", sequence=1, type="t", attempts=1, reason=whose, at=NOW
    )
    with store._database.write() as connection:
        put_dead_letters(connection, "all", [letter])
    tell(store, f"{name}-told", whose, "taken")


def tell(store: Store, delivery: str, whose: str, status: Any) -> int:
    """What another system told of somebody."""
    kept, _ = store.intake.receive("zammad", delivery, json.dumps({"from": f"<{whose}>"}), {"x-who": whose}, NOW)
    if status != "waits":
        store.intake.settle(kept.number, status, NOW, reason=f"{whose} is unknown", did=["opened", f"contact {whose}"])
    return kept.number


def rows(store: Store, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    with store._database.read() as connection:
        return {
            name: [dict(row) for row in connection.execute(select(tables.metadata.tables[name])).mappings()]
            for name in names
        }


def naming(store: Store, whose: str) -> list[str]:
    """The columns of the tables of texts that name somebody still."""
    names = Names([whose])
    return [
        f"{table}.{column}"
        for table, found in rows(store, TEXTS).items()
        for row in found
        for column, value in row.items()
        if names.are_in(value)
    ]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_text_names_who_was_erased(store: Store, address: str) -> None:
    """However the address is written; the feed is the same, byte for byte, and so is everything of a second person."""
    store.cases.record(Recorded("c-1").remarks("one", "two"))
    for whose in (address, BO):
        put(store, whose)
    others = [table.name for table in tables.metadata.sorted_tables if table.name not in TEXTS]
    untouched, texts = rows(store, others), rows(store, TEXTS)
    assert {place.partition(".")[0] for place in naming(store, address)} == set(TEXTS)
    found = store.erasing.naming(Names([address]), NOW)
    erased = store.erasing.erase(Names([address]), SAID, NOW)
    assert [text.key for text in erased] == [text.key for text in found]
    assert naming(store, address) == []
    assert rows(store, others) == untouched, "the feed is among these"
    after, bo = rows(store, TEXTS), Names([BO])
    for name in TEXTS:
        assert [row for row in after[name] if bo.are_in(row)] == [row for row in texts[name] if bo.are_in(row)]
    assert store.erasing.naming(Names([address]), NOW) == []


def test_keys_instants_and_outcomes_stay(store: Store) -> None:
    """Where a text was it says when it was erased, and by whom."""
    put(store, ADDRESSES[0])
    kept = ("key", "case_id", "channel", "status", "attempts", "first_at", "last_at", "asked_at", "by", "has_it", "at")

    def outcomes() -> list[Any]:
        return [
            sorted(str({name: row[name] for name in kept if name in row}) for row in found)
            for found in rows(
                store, ["deliveries", "redeliveries", "mail_recipients", "sent_mails", "held_mails"]
            ).values()
        ]

    before = outcomes()
    store.erasing.erase(Names([ADDRESSES[0]]), SAID, NOW)
    assert outcomes() == before
    for delivery in store.deliveries.of_case("c-1"):
        assert delivery.answer == SAID
        assert ADDRESSES[0] not in delivery.to
    [again] = store.redeliveries.of_case("c-1")
    assert (again.status, again.by, again.answer) == ("sent", "ben", SAID)
    assert store.actions.mails() == []
    [told] = store.intake.listed(statuses=["taken"])
    assert (told.payload, told.headers, told.did, told.reason) == (json.dumps(SAID), {}, ["opened", SAID], SAID)


def test_a_mail_to_several_loses_its_text_for_all(store: Store) -> None:
    """It names both. Who else has it stays, and the preview counts it."""
    key = mail_to(store, "both", [ADDRESSES[0], BO])
    assert [text.key for text in store.erasing.naming(Names([ADDRESSES[0]]), NOW) if text.others] == [key]
    store.erasing.erase(Names([ADDRESSES[0]]), SAID, NOW)
    [delivery] = store.deliveries.of_case("c-1")
    assert (delivery.to, delivery.answer, delivery.status) == (f"{ERASED}, {BO}", SAID, "sent")
    assert store.actions.mail(key) is None
    assert store.mail_recipients.of(key)[BO].has_it
    assert {one.has_it for one in store.mail_recipients.of(key).values()} == {True}


def test_a_mail_of_the_log_alone_says_that_it_was_erased(store: Store) -> None:
    """Without a mail server nothing else is on record of it."""
    store.actions.record_mail(
        key_of("email"), [ADDRESSES[0], BO], "Ann", f"Dear {ADDRESSES[0]}", NOW, html="<b>Ann</b>"
    )
    store.erasing.erase(Names([ADDRESSES[0]]), SAID, NOW)
    [mail] = store.actions.mails()
    assert (mail.to, mail.subject, mail.body, mail.html, mail.answer) == ([ERASED, BO], SAID, "", None, None)
    [shown] = store.outbox.newest(limit=9)
    assert (shown.status, shown.to, shown.subject) == ("kept", f"{ERASED}, {BO}", SAID)


def waits_as_delivery(store: Store) -> str:
    return mail_to(store, "later", [ADDRESSES[0], BO], "waits")


def waits_for_a_digest(store: Store) -> str:
    key, limits = key_of("held"), Limits(per_case=0, per_recipient=None, window=timedelta(hours=1))
    held = MailInHand(key=key, to={ADDRESSES[0]: ADDRESSES[0]}, subject="due", due_at=NOW)
    assert store.quiet.admit(held, limits, NOW) == []
    store.deliveries.hold_delivery(key, "email", "somebody", "held for a digest", NOW)
    return key


def waits_by_hand(store: Store) -> str:
    key = mail_to(store, "again", [ADDRESSES[0]])
    store.redeliveries.begin(key, "run", by="ben", asked_at=NOW)
    return key


def waits_to_be_taken(store: Store) -> str:
    return str(tell(store, "new", ADDRESSES[0], "waits"))


@pytest.mark.parametrize("waiting", [waits_as_delivery, waits_for_a_digest, waits_by_hand, waits_to_be_taken])
def test_while_anything_waits_nothing_is_erased(store: Store, waiting: Any) -> None:
    """What is still to be sent would be lost, or written again by the next attempt."""
    key, arrived = waiting(store), mail_to(store, "sent", [ADDRESSES[0]])
    before = rows(store, TEXTS)
    assert {text.key for text in store.erasing.naming(Names([ADDRESSES[0]]), NOW) if text.waits} == {key}
    with pytest.raises(Refused, match=f"still to be sent, or to be taken.*: {key};") as refused:
        store.erasing.erase(Names([ADDRESSES[0]]), SAID, NOW)
    assert (refused.value.code, arrived in str(refused.value)) == ("still_waits", False)
    assert rows(store, TEXTS) == before


def test_what_nobody_tries_any_more_is_erased(store: Store) -> None:
    """Its workflow was ended from outside: nothing waits for longer than an action is tried."""
    waits_as_delivery(store)
    later = NOW + GIVES_UP_AFTER + timedelta(hours=1)
    store.erasing.erase(Names([ADDRESSES[0]]), SAID, later)
    assert naming(store, ADDRESSES[0]) == []


def test_a_dead_letter_is_dropped(store: Store) -> None:
    """Without its payload it can't be tried again, so it holds nothing up; what waits behind it goes on."""
    number = tell(store, "dead", ADDRESSES[0], "dead")
    [found] = store.erasing.naming(Names([ADDRESSES[0]]), NOW)
    assert (found.what, found.key, found.is_dead_letter) == (What.DELIVERY, str(number), True)
    store.erasing.erase(Names([ADDRESSES[0]]), SAID, NOW)
    letter = store.intake.get(number)
    assert (letter.status, letter.reason, letter.payload) == ("dropped", SAID, json.dumps(SAID))
    with pytest.raises(Refused, match="it is dropped"):
        store.intake.retry([number], by="ann")


def test_a_mail_that_failed_can_be_tried_again(store: Store) -> None:
    """What it says then is written anew, for whomever the case names then."""
    key = mail_to(store, "failed", [ADDRESSES[0]], "failed")
    store.erasing.erase(Names([ADDRESSES[0]]), SAID, NOW)
    assert store.deliveries.begin_delivery(key, "email", BO, NOW).status == "waits"
    assert store.actions.record_mail(key, [BO], "again", "Dear Bo", NOW)


def test_a_person_has_the_addresses_of_the_catalog(store: Store) -> None:
    """Also of somebody who has left."""
    people = [{"id": "ann", "mail": ADDRESSES[0], "retired": True}, {"id": "cy"}]
    store.catalog.apply(read_document({"people": people}), by="test")
    assert store.catalog.addresses_of("ann") == [ADDRESSES[0]]
    assert store.catalog.addresses_of("cy") == []
    with pytest.raises(NotFound, match="nobody is known as 'dee'"):
        store.catalog.addresses_of("dee")


def test_mails_of_an_older_milepost_are_found(store: Store) -> None:
    """Those that do not say when they were written are of when they were ordered."""
    store.actions.record_mail(key_of("old"), [ADDRESSES[0]], "due", "soon", NOW - timedelta(days=3))
    with store._database.write() as connection:
        connection.execute(update(tables.mails).values({"written_at": None}))
    [found] = store.erasing.naming(Names([ADDRESSES[0]]), NOW)
    assert found.at == NOW - timedelta(days=3)

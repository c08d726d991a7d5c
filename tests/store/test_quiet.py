"""Limits of mails over all workers, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from store import Store
from store.quiet import DigestTurn, Limits, MailInHand

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEASE = timedelta(minutes=2)


def mail(number: int, to: str = "ann@example.org") -> MailInHand:
    return MailInHand(key=f"c-{number % 5}/x/{number}", to={to: to}, subject=f"{number}", due_at=NOW)


def test_workers_that_ask_at_once_let_exactly_so_many_through(store: Store) -> None:
    """Each asks in a transaction of its own, and the next one knows what it decided."""
    limits = Limits(per_case=None, per_recipient=10, window=HOUR)
    with ThreadPoolExecutor(8) as workers:
        free = list(workers.map(lambda number: store.quiet.admit(mail(number), limits, NOW), range(40)))
    assert sum(map(len, free)) == 10
    later = NOW + HOUR
    again = [store.quiet.admit(mail(number), limits, later) for number in range(40) if not free[number]]
    assert again == [[]] * 30


def test_one_of_all_who_ask_sends_a_digest(store: Store) -> None:
    """The others wait for its lease to end; when it has arrived they are done."""
    limits = Limits(per_case=None, per_recipient=1, window=HOUR)
    for number in range(9):
        store.quiet.admit(mail(number), limits, NOW)
    held = [mail(number).key for number in range(9) if store.quiet.held_for(mail(number).key)]
    assert len(held) == 8

    def turn(key: str, at: datetime = NOW + HOUR) -> DigestTurn:
        return store.quiet.take_digest(key, "ann@example.org", at, window=HOUR, lease=LEASE)

    assert {turn(key, NOW + HOUR - timedelta(seconds=1)).what for key in held} == {"wait"}
    with ThreadPoolExecutor(8) as workers:
        turns = list(workers.map(turn, held))
    assert sorted(one.what for one in turns) == ["send", *["wait"] * 7]
    [sent] = [one for one in turns if one.what == "send"]
    assert sorted(listed.key for listed in sent.mails) == sorted(held)
    store.deliveries.begin_delivery(sent.key, "digest", sent.to, NOW)
    store.deliveries.record_attempt(sent.key, "sent", "250 OK", NOW)
    store.quiet.digest_sent(sent.key, "250 OK", NOW + HOUR)
    assert {turn(key).what for key in held} == {"sent"}
    assert store.quiet.admit(mail(99), limits, NOW + HOUR) == []


@pytest.mark.parametrize("first", ["ann@example.org", "bo@example.org"])
def test_each_digest_of_a_mail_is_for_its_recipient_alone(store: Store, first: str) -> None:
    """The mail has ended when the last has; one that was refused leaves what the other one says."""
    limits, key = Limits(per_case=None, per_recipient=1, window=HOUR), "c-9/x/both"
    ann, bo = "ann@example.org", "bo@example.org"
    for number, one in enumerate((ann, bo)):
        store.quiet.admit(mail(number, one), limits, NOW)
    both = MailInHand(key=key, to={ann: ann, bo: f"Bo <{bo}>"}, subject="both", due_at=NOW)
    assert store.quiet.admit(both, limits, NOW) == []
    store.deliveries.begin_delivery(key, "email", f"{ann}, {bo}", NOW)
    made = {
        one: store.quiet.take_digest(key, one, NOW + HOUR, window=HOUR, lease=LEASE).key
        for one in sorted((ann, bo), key=lambda one: one != first)
    }
    for one, digest in made.items():
        assert store.deliveries.status(key) == "waits"
        if one == ann:
            store.quiet.digest_sent(digest, "250 OK", NOW + HOUR)
        else:
            store.quiet.digest_refused(digest, "550 gone", NOW + HOUR)
    has_it = {name: one.has_it for name, one in store.mail_recipients.of(key).items()}
    assert has_it == {ann: True, bo: False}
    delivery = store.deliveries.get(key)
    assert delivery is not None
    assert delivery.status == "sent"
    assert delivery.answer == (
        f"in the digest {made[ann]}: 250 OK; refused for good for Bo <{bo}>: the digest {made[bo]} failed: 550 gone"
    )


def test_a_mail_to_one_whose_digest_arrived_needs_no_record_of_its_recipient(store: Store) -> None:
    limits = Limits(per_case=None, per_recipient=1, window=HOUR)
    for number in (1, 2):
        store.quiet.admit(mail(number), limits, NOW)
    store.deliveries.begin_delivery(mail(2).key, "email", "ann@example.org", NOW)
    turn = store.quiet.take_digest(mail(2).key, "ann@example.org", NOW + HOUR, window=HOUR, lease=LEASE)
    store.quiet.digest_sent(turn.key, "250 OK", NOW + HOUR)
    assert store.mail_recipients.of(mail(2).key) == {}
    assert store.deliveries.status(mail(2).key) == "sent"


def test_what_a_mail_ends_with_is_on_record_whatever_was_before(store: Store) -> None:
    """It was sent to some by itself; that others were never reached is known later."""
    store.deliveries.begin_delivery("c-1/x", "email", "ann@example.org", NOW)
    store.deliveries.record_attempt("c-1/x", "sent", "250 OK", NOW)
    store.deliveries.record_end("c-1/x", "failed", "ann@example.org, bo@example.org", "not reached", NOW)
    delivery = store.deliveries.get("c-1/x")
    assert delivery is not None
    assert (delivery.status, delivery.answer) == ("failed", "not reached")
    assert (delivery.to, delivery.attempts) == ("ann@example.org, bo@example.org", 1)

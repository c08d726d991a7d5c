"""Limits of mails over all workers, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

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

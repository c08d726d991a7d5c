"""What became of each recipient of a mail that was taken for some only, on both databases."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from store import Store
from store.tables import sent_mails
from store.values import MailRecipient

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
KEY = "c-1/gold/answer/1/violation-0/1/email"


def became(address: str, *, has_it: bool, answer: str = "said") -> dict[str, MailRecipient]:
    return {address.lower(): MailRecipient(address=address, has_it=has_it, answer=answer)}


def test_the_last_word_on_a_recipient_counts(store: Store) -> None:
    """It is known by the key of the mail and by the recipient, and is of no other mail."""
    assert store.mail_recipients.of(KEY) == {}
    ann, bo = became("Ann@example.org", has_it=True), became("bo@example.org", has_it=False)
    store.mail_recipients.record(KEY, ann | bo, NOW)
    assert store.mail_recipients.of(KEY) == ann | bo
    assert store.mail_recipients.of("c-1/other") == {}
    later = became("bo@example.org", has_it=True)
    store.mail_recipients.record(KEY, later, NOW)
    assert store.mail_recipients.of(KEY) == ann | later


def test_a_retry_by_hand_forgets_refusals_alone(store: Store) -> None:
    """Who has the mail still has it."""
    ann = became("ann@example.org", has_it=True)
    store.mail_recipients.record(KEY, ann | became("bo@example.org", has_it=False), NOW)
    store.mail_recipients.forgive(KEY)
    assert store.mail_recipients.of(KEY) == ann


def test_words_are_erased_and_who_has_it_stays(store: Store) -> None:
    """As with answers to all other deliveries."""
    store.mail_recipients.record(KEY, became("ann@example.org", has_it=True), NOW)
    store.texts.erase(NOW)
    assert store.mail_recipients.of(KEY) == became("ann@example.org", has_it=True)
    store.texts.erase(NOW + timedelta(seconds=1))
    assert store.mail_recipients.of(KEY) == became("ann@example.org", has_it=True, answer="")


def test_a_mail_that_did_not_go_counts_for_who_has_it(store: Store) -> None:
    """Limits forget the others alone."""
    with store._database.write() as connection:
        rows = [{"key": KEY, "recipient": name, "case_id": "c-1", "at": NOW} for name in ("ann", "bo")]
        connection.execute(sent_mails.insert(), rows)
    store.quiet.withdraw(KEY, ["ann"])
    assert counted(store) == ["ann"]
    store.quiet.release(KEY, ["ann"])
    assert counted(store) == ["ann"]
    store.quiet.withdraw(KEY)
    assert counted(store) == []


def counted(store: Store) -> list[str]:
    with store._database.read() as connection:
        return list(connection.execute(select(sent_mails.c.recipient)).scalars())

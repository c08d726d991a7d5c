"""Mails, requests and answers are erased after a while; what was sent, when and to whom stays, and so does the feed."""

from datetime import UTC, datetime, timedelta
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import insert, select, text

from store import Store, tables
from store.values import SentRequest
from tests.feeds import Recorded

NOW = datetime.now(UTC)
MAIL, HOOK, FAILED, WAITS = (f"c-1/gold/answer/1/violation-0/1/{name}" for name in ("email", "hook", "no", "later"))
REQUEST = SentRequest(
    endpoint="desk", declared_url="https://desk", method="POST", url="https://desk", headers={}, body='{"who": "Ann"}'
)


def put(store: Store) -> None:
    """A mail and a message that arrived, one that failed and one that is tried still, each with an answer."""
    store.actions.record_mail(MAIL, ["ann@example.org"], "Ann's case", "Dear Ann", NOW, answer="250 Ann has it")
    known: list[tuple[str, str, str, Any]] = [
        (MAIL, "email", "ann@example.org", "sent"),
        (HOOK, "outbound_message", "desk", "sent"),
        (FAILED, "outbound_message", "desk", "failed"),
        (WAITS, "outbound_message", "desk", "waits"),
    ]
    for key, channel, to, status in known:
        store.deliveries.begin_delivery(key, channel, to, NOW)
        also: Any = {"request": REQUEST} if key == HOOK else {}
        store.deliveries.record_attempt(key, status, "Ann is known here", NOW, **also)
    store.redeliveries.begin(HOOK, "run", by="ben", asked_at=NOW)
    store.redeliveries.record_attempt(HOOK, "run", "sent", "Ann is known here", NOW)


def everything(store: Store) -> str:
    """All that the database says."""
    with store._database.read() as connection:
        rows = [connection.execute(select(table)).all() for table in tables.metadata.sorted_tables]
    return repr(rows)


def test_what_was_said_is_erased_and_what_was_done_stays(store: Store) -> None:
    """Texts, bodies and answers of a person are gone; key, receiver, instant and outcome are not."""
    store.cases.record(Recorded("c-1").remarks("one", "two"))
    put(store)
    before = store.feed.read()
    assert store.texts.erase(NOW - timedelta(hours=1)) == 0
    assert (store.actions.mail(MAIL), store.deliveries.request(HOOK)) != (None, None)
    assert store.texts.erase(NOW + timedelta(days=1)) == 2
    assert (store.actions.mail(MAIL), store.deliveries.request(HOOK)) == (None, None)
    sent = {one.key: (one.to, one.status, one.attempts, one.last_at, one.answer) for one in all_of(store)}
    assert sent == {
        MAIL: ("ann@example.org", "sent", 1, NOW, ""),
        HOOK: ("desk", "sent", 1, NOW, ""),
        FAILED: ("desk", "failed", 1, NOW, ""),
        WAITS: ("desk", "waits", 1, NOW, "Ann is known here"),
    }
    [again] = store.redeliveries.of_case("c-1")
    assert (again.by, again.asked_at, again.status, again.answer) == ("ben", NOW, "sent", "")
    assert everything(store).count("Ann") == 1, "the answer of what is tried still"
    assert store.feed.read() == before


def all_of(store: Store) -> list[Any]:
    return store.deliveries.of_case("c-1")


def test_what_is_sent_stays_sent_without_its_text(store: Store) -> None:
    """An attempt that comes late finds that it has arrived, and sends nothing."""
    put(store)
    store.texts.erase(NOW + timedelta(days=1))
    assert store.deliveries.begin_delivery(MAIL, "email", "ann@example.org", NOW).status == "sent"


def test_mails_from_before_there_was_a_retention_are_kept_as_new(store: Store) -> None:
    """Those of the first schema, and those that an older Milepost writes beside this one; then they go too."""
    first = {"key": "c-1/old", "case_id": "c-1", "to": ["ann@example.org"], "subject": "due", "body": "soon", "at": NOW}
    with store._database.write() as connection:
        config = Config()
        config.set_main_option("script_location", "store:migrations")
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        connection.execute(insert(tables.mails), first)
        assert connection.execute(text("SELECT subject FROM mails")).scalars().all() == ["due"]
        command.upgrade(config, "head")
    assert store.texts.erase(NOW - timedelta(days=30)) == 0
    [mail] = store.actions.mails()
    assert (mail.key, mail.to, mail.subject, mail.answer) == ("c-1/old", ["ann@example.org"], "due", None)
    assert store.texts.erase(datetime.now(UTC) + timedelta(days=1)) == 1
    assert store.actions.mails() == []


def test_deliveries_from_before_there_were_turns_are_kept(store: Store) -> None:
    """They hold up nothing, are tried as before, and have their turn from the next attempt on."""
    put(store)
    with store._database.write() as connection:
        config = Config()
        config.set_main_option("script_location", "store:migrations")
        config.attributes["connection"] = connection
        command.downgrade(config, "0012")
        command.upgrade(config, "head")
    assert len(all_of(store)) == 4
    later = store.deliveries.take_turn("c-1/new", "outbound_message", "desk", NOW, NOW)
    assert later.wait is None
    earlier = store.deliveries.take_turn(WAITS, "outbound_message", "desk", NOW, NOW - timedelta(hours=1))
    assert (earlier.wait, earlier.delivery.attempts) == (None, 1)
    assert store.deliveries.take_turn("c-1/new", "outbound_message", "desk", NOW, NOW).wait is not None

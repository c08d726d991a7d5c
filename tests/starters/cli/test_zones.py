"""Whatever prints an instant prints it as every other command does: on the wall clock of the person, with its zone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.access import NewKey
from domain.catalog.documents import read_document
from domain.intake.news import Place
from domain.scopes import Scope
from store import Store
from tests.starters.command_line import milepost

AT = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
CATALOG = {
    "organisation": {"time_zone": "America/New_York"},
    "accounts": [{"id": "acme"}],
    "endpoints": [{"id": "desk", "url": "https://desk.example.org/", "secrets": [{"env": "DESK_SECRET"}]}],
    "intake": [
        {
            "id": "mail",
            "signature": {"scheme": "basic", "user": "m", "secrets": [{"env": "MAIL_SECRET"}]},
            "delivery_header": "X-Id",
            "case": "payload.ticket",
        }
    ],
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A store in which things have happened at one instant; nobody changes it."""
    folder = tmp_path_factory.mktemp("zones")
    database = f"sqlite:///{folder / 'milepost.db'}"
    with Store.open(database) as store:
        store.catalog.apply(read_document(CATALOG), by="test")
        store.actions.record_task("c-1/gold/answer/1/x/1/task", "call", "desk", "", AT, due_at=AT, account="acme")
        store.endpoints.switch("desk", off_at=AT, said="HTTP 410")
        store.keys.create(NewKey(name="desk", scopes=[Scope.AGENT], expires_at=AT.replace(year=2099)), by="x", at=AT)
        store.customer_links.make("acme", until=AT.replace(year=2099), by="test", at=AT)
        delivery, _ = store.intake.receive("mail", "d-1", "{}", {}, AT)
        store.intake.put_in_place(delivery.number, Place(case_id="c-1", external_id="c-1", occurred_at=AT))
        store.actions.record_action_failed("c-1/gold/answer/1/x/1/email", "550 no such user", at=AT)
    return {"MILEPOST_DATA": str(folder), "MILEPOST_DATABASE_URL": database}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["tasks"], "due {at}  desk: call"),
        (["endpoints"], "OFF since {at}: HTTP 410"),
        (["keys", "list"], "until {at_in_2099}; never used"),
        (["links", "list"], "opens its page until {at_in_2099}; made {at} by test"),
        (["intake", "list"], "mail case c-1: waits, happened {at}"),
        (["intake", "show", "1"], "id: d-1, received {at}"),
        (["actions", "--failed"], "{at}  case c-1: 550 no such user"),
    ],
    ids=lambda one: one[0] if isinstance(one, list) else "",
)
def test_instants_are_shown_on_one_wall_clock(desk: dict[str, str], command: list[str], said: str) -> None:
    """The person's, if they have set one; else the organisation's."""
    tokyo = {"at": "Thu 2026-07-02 07:30 Asia/Tokyo", "at_in_2099": "Thu 2099-07-02 07:30 Asia/Tokyo"}
    new_york = {"at": "Wed 2026-07-01 18:30 America/New_York", "at_in_2099": "Wed 2099-07-01 18:30 America/New_York"}
    assert said.format(**tokyo) in milepost(*command, env={**desk, "MILEPOST_TIME_ZONE": "Asia/Tokyo"}).stdout
    assert said.format(**new_york) in milepost(*command, env=desk).stdout

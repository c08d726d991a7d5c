"""Of an endpoint that was switched off somebody hears by mail: once, and as soon as the mail can be handed in."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.catalog.documents import read_document
from domain.catalog.endpoints import Endpoint
from store import Store
from tests.activities.actions.sending import mail_server_at
from tests.activities.delivery.mail_server import Behaviour, mail_server
from tests.support import assert_eventually
from worker.besides import besides
from worker.clock import VirtualClock
from worker.settings import Settings
from worker.switched_off import tell_of_endpoints

OFF_AT = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as opened:
        declared: dict[str, Any] = {"url": "https://x.example.org/", "secrets": [{"env": "X"}]}
        told = {"id": "desk", "name": "Help desk", "told": ["ops@example.org", "ana@example.org"], **declared}
        opened.catalog.apply(read_document({"endpoints": [told, {"id": "room", **declared}]}), by="test")
        opened.endpoints.switch("desk", off_at=OFF_AT, said="HTTP 410; the receiver wants nothing more")
        opened.endpoints.switch("room", off_at=OFF_AT, said="HTTP 410")
        yield opened


async def test_who_is_named_hears_of_it_once(store: Store) -> None:
    """However many workers look at once; the mail says since when, why, and what to do. Nobody hears of the other."""
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        await asyncio.gather(*(tell_of_endpoints(store, mail_server_at(port)) for _ in range(4)))
        await tell_of_endpoints(store, mail_server_at(port))
    [mail] = behaviour.taken
    assert (mail["To"], mail["Subject"]) == ("ops@example.org, ana@example.org", "Endpoint Help desk is switched off")
    text = mail.get_content()
    assert "since Sat 2026-11-28 09:30 UTC: HTTP 410; the receiver wants nothing more" in text
    assert "milepost endpoints --on desk" in text
    assert store.endpoints.untold() == []
    [logged] = store.actions.mails()
    assert (logged.to, logged.answer) == (["ops@example.org", "ana@example.org"], "taken as 4711")


async def test_a_mail_server_that_is_away_is_asked_again(store: Store) -> None:
    """Until it takes the mail; one that refuses it for good is not asked again."""
    behaviour = Behaviour(data="451 later")
    async with mail_server(behaviour) as port:
        await tell_of_endpoints(store, mail_server_at(port))
        assert [state.endpoint for state in store.endpoints.untold()] == ["desk"]
        behaviour.data = "554 never"
        await tell_of_endpoints(store, mail_server_at(port))
        assert store.endpoints.untold() == []
    assert behaviour.taken == []


async def test_each_time_that_it_is_switched_off_is_told(store: Store) -> None:
    """Without a mail server, to the log of sent mail alone."""
    await tell_of_endpoints(store, None)
    store.endpoints.switch("desk", off_at=None)
    store.endpoints.switch("desk", off_at=OFF_AT.replace(hour=10), said="HTTP 410")
    await tell_of_endpoints(store, None)
    assert [mail.at for mail in store.actions.mails()] == [OFF_AT, OFF_AT.replace(hour=10)]


async def test_a_worker_tells_of_them_beside_its_work(store: Store, clock: VirtualClock, task_queue: str) -> None:
    """Without being asked."""

    async def it_was_told() -> None:
        assert [mail.to for mail in store.actions.mails()] == [["ops@example.org", "ana@example.org"]]

    async with besides(clock.client, store, Settings(), task_queue=task_queue):
        await assert_eventually(it_was_told, within=30)


@pytest.mark.parametrize("told", ["ops", "a b@example.org", "ops@example.org\nBcc: x@example.org"])
def test_who_is_told_has_an_address(told: str) -> None:
    """One address, or a list."""
    declared: dict[str, Any] = {"id": "desk", "url": "https://x.example.org/", "secrets": [{"env": "X"}]}
    with pytest.raises(ValueError, match="is no mail address"):
        Endpoint.model_validate({**declared, "told": told})
    assert Endpoint.model_validate({**declared, "told": "ops@example.org"}).told == ["ops@example.org"]
    assert "told" not in Endpoint.model_validate(declared).model_dump()

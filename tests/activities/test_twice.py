"""Every activity may be tried again, by a worker that knows nothing of the one that died in the midst of it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from email.message import EmailMessage
from pathlib import Path
from shutil import copyfile

import pytest
import pytest_asyncio
from sqlalchemy import select
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.delivery.smtp import MailServer, Said
from activities.rendering.renderer import Renderer
from clients.gate import UsageGate
from domain.catalog.documents import read_document
from domain.usage.requests import Consumed, Consumption, EntitlementTerms
from store import Store
from store.database import Database
from store.tables import sent_mails
from tests.activities.actions.test_quiet import pass_an_hour
from tests.activities.samples import CATALOG, MAIL, SAMPLES, Sample, of_nothing, order
from tests.activities.small_world import SmallWorld, watched_writes

Made = Callable[[str], SmallWorld]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def renderer() -> AsyncIterator[Renderer]:
    async with Renderer() as running:
        yield running


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the catalog, to be copied."""
    file = tmp_path_factory.mktemp("template") / "milepost.db"
    with Store.open(f"sqlite:///{file}") as store:
        store.catalog.apply(read_document(CATALOG), by="test")
    return file


@pytest.fixture
def made(renderer: Renderer, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    """Makes worlds, all alike; one lives at a time."""
    monkeypatch.setenv("DESK_SECRET", "whsec_" + base64.b64encode(b"s" * 32).decode())
    for user in ("clients.gate", "activities.catalog_records"):
        monkeypatch.setattr(f"{user}.Entitlements", lambda client, *_, **__: client.counts)
    living: list[SmallWorld] = []

    async def hand_in(server: MailServer, mail: EmailMessage, to: Sequence[str]) -> dict[str, Said]:
        return await living[-1].outbound.hand_in(server, mail, to)

    monkeypatch.setattr("activities.delivery.smtp.send", hand_in)
    with watched_writes(lambda: living[-1].life if living else None, Database.write) as write:
        monkeypatch.setattr(Database, "write", write)

    def make(name: str) -> SmallWorld:
        end()
        copyfile(template, tmp_path / name)
        living.append(SmallWorld(f"sqlite:///{tmp_path / name}", renderer))
        return living[0]

    def end() -> None:
        while living:
            living.pop().store.close()

    yield make
    end()


def test_every_activity_is_tried_twice(made: Made) -> None:
    """One that a worker registers and nobody tries here would be forgotten."""
    assert SAMPLES.keys() == made("any").activities.keys()


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        pytest.param(name, sample, id=f"{name}-{number}")
        for name, samples in SAMPLES.items()
        for number, sample in enumerate(samples)
    ],
)
async def test_a_second_attempt_comes_to_the_same(made: Made, name: str, sample: Sample) -> None:
    """Wherever its first died: the same rows, counts and messages as if none had, each known by its receiver."""
    assert await differences(made, name, sample) == []


async def test_an_opening_that_counts_twice_is_found(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted fault: a second attempt asks under another reference."""
    consume = UsageGate.consume

    async def consume_again(gate: UsageGate, terms: EntitlementTerms, asked: Consumption) -> Consumed:
        other = f"{asked.reference}-{activity.info().attempt}"
        return await consume(gate, terms, asked.model_copy(update={"reference": other, "event_id": other}))

    monkeypatch.setattr(UsageGate, "consume", consume_again)
    assert await differences(made, "open_case", of_nothing)


async def test_a_digest_is_on_record_wherever_its_worker_died(made: Made) -> None:
    """In the log of mail, and among those that are counted: another worker sends it again when its turn is over."""
    for after in range(1, 12):
        world = made(f"dies-{after}")
        world.store.catalog.apply(read_document({"organisation": {"quiet": {"mails_per_recipient": 1}}}), by="test")
        first, second = order(MAIL), order({**MAIL, "subject": "once more"}, number=2)
        await world.run("email", first)
        with pytest.raises(ApplicationError, match="held for a digest"):
            await world.run("email", second)
        pass_an_hour(world.store)
        await world.dies("email", second, after)
        pass_an_hour(world.store)
        await world.run("email", second, attempt=2)
        logged = [mail.key for mail in world.store.actions.mails()]
        assert [one for one in logged if one.startswith("+digest/")], f"after {after} effects"
        with world.store._database.read() as connection:
            counted = set(connection.execute(select(sent_mails.c.key)).scalars())
        assert {one for one in counted if one.startswith("+digest/")}, f"after {after} effects"


async def differences(made: Made, name: str, sample: Sample) -> list[str]:
    """Where a first attempt may die so that a second comes to something else."""
    calm = made("calm")
    asked = await sample(calm)
    calm.life.effects = 0
    answer = str(await calm.run(name, asked))
    wanted, effects = calm.left_behind(), calm.life.effects
    assert all(len(said) == 1 for said in wanted["sent"].values())
    found: list[str] = []
    for after in [*range(1, effects + 1), None]:
        world = made(f"dies-{after}")
        asked = await sample(world)
        await world.dies(name, asked, after)
        again = str(await world.run(name, asked, attempt=2))
        if (again, world.left_behind()) != (answer, wanted):
            found.append(f"after {after} of {effects} effects: {again}, {world.left_behind()}")
    return found

"""The instant of asking is sent along: a case opens, and is reopened, as of it, however late a worker takes that up."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

import clients.cases
from clients.cases import MilepostClient
from clients.sending import NoAnswer
from domain.errors import MilepostError
from domain.messages.cases import CaseIntake
from store import Store
from tests.support import PATIENT, assert_eventually, unique
from worker.process import working

SECOND = timedelta(seconds=1)
MONDAY = datetime(2025, 6, 9, 9, tzinfo=UTC)


class Sent(MilepostError):
    """Stands for all that follows once something was sent."""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """With what workflows are started, in place of a server that starts them."""
    started: list[dict[str, Any]] = []

    async def nobody(*_: object) -> None:
        return None

    async def send(_: object, __: str, ___: str, start: Any, *____: str) -> None:
        start()
        raise Sent

    def starts(_: str, argument: dict[str, Any], **__: object) -> None:
        started.append(argument)

    monkeypatch.setattr(MilepostClient, "_described", nobody)
    monkeypatch.setattr(MilepostClient, "_start", send)
    monkeypatch.setattr(clients.cases, "WithStartWorkflowOperation", starts)
    return started


@pytest.fixture
def milepost() -> MilepostClient:
    """One that is connected to nothing."""
    return MilepostClient(None)  # type: ignore[arg-type]


async def test_a_case_is_opened_as_of_the_asking(milepost: MilepostClient, sent: list[dict[str, Any]]) -> None:
    """Unless the intake says when, or gives the case a clock of its own."""
    earliest = datetime.now(UTC)
    for given in ({}, {"opened_at": MONDAY}, {"clock": MONDAY}):
        with pytest.raises(Sent):
            await milepost.open(CaseIntake.model_validate({"case_id": "4711", **given}))
    now, told, own = [one["opened_at"] for one in sent]
    assert earliest <= datetime.fromisoformat(now) <= datetime.now(UTC)
    assert (datetime.fromisoformat(told), own) == (MONDAY, None)


async def test_a_case_is_reopened_as_of_the_asking(milepost: MilepostClient, sent: list[dict[str, Any]]) -> None:
    """Unless it is said when."""
    earliest = datetime.now(UTC)
    for given in (None, MONDAY):
        with pytest.raises(Sent):
            await milepost.reopen("4711", occurred_at=given)
    now, told = [datetime.fromisoformat(one["reopened"]["occurred_at"]) for one in sent]
    assert earliest <= now <= datetime.now(UTC)
    assert told == MONDAY


async def test_a_case_opens_as_of_the_asking_after_an_outage(client: Client, task_queue: str, tmp_path: Path) -> None:
    """The worker was away meanwhile, which is no time that the customer gives away; so it is of a reopening."""
    case = unique("case")
    hasty = MilepostClient(client, task_queue=task_queue, patience=2)
    patient = MilepostClient(client, task_queue=task_queue, patience=PATIENT)
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        asked_at = datetime.now(UTC)
        with pytest.raises(NoAnswer):
            await hasty.open(CaseIntake(case_id=case))
        async with working(client, store, task_queue=task_queue):
            again = await patient.open(CaseIntake(case_id=case))
            assert (again.outcome, again.case.opened_at - asked_at < SECOND) == ("already", True)
            await patient.request(case, "close")
            await patient.handle(case).result()
        asked_at = datetime.now(UTC)
        with pytest.raises(NoAnswer):
            await hasty.reopen(case)
        async with working(client, store, task_queue=task_queue):

            async def it_is_reopened_as_of_then() -> None:
                [noted] = [note for note in store.cases.notes(case) if note.kind == "reopened"]
                assert noted.at - asked_at < SECOND

            await assert_eventually(it_is_reopened_as_of_then)

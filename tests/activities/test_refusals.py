"""What an activity refuses is an answer and stays out of the worker's log; what goes wrong is in it, with its trace."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment

from activities.opening import Opening
from activities.refusals import refusals
from clients.cases import MilepostClient
from clients.sending import NoAnswer
from domain.catalog.declarations import Catalog
from domain.errors import MilepostError, NotFound, Refused
from domain.messages.cases import CaseIntake, OverageChoice, TimeLogged
from domain.messages.steps import TimeToTake
from store import Store, StoreError
from tests.support import assert_eventually, unique
from tests.usage import NOON
from worker.process import working

CATALOG = {
    "fields": {"kind": "string"},
    "values": {"kind": ["fault", "question"]},
    "accounts": [{"id": "acme"}, {"id": "strict", "without_entitlement": "refuse"}, {"id": "full"}],
    "entitlements": [
        {"id": unique("spent"), "account": "full", "allowance": {"unit": "cases", "cap": 0, "overflow": "block"}},
        {"id": "bank", "account": "acme", "ends_on": "2020-12-31", "allowance": {"unit": "hours", "cap": 1}},
    ],
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cases(client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MilepostClient]:
    """Cases, beside a worker whose catalog has little to give."""
    queue = unique("queue")
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('refusals') / 'milepost.db'}") as store:
        store.catalog.apply(Catalog.model_validate(CATALOG), by="test")
        async with working(client, store, task_queue=queue):
            yield MilepostClient(client, task_queue=queue)


@pytest.mark.parametrize(
    ("intake", "code"),
    [
        ({"account": "nobody"}, "NotFound"),
        ({"account": "full"}, "blocked"),
        ({"account": "strict"}, "not_entitled"),
        ({"account": "acme", "fields": {"colour": "red"}}, "FieldsError"),
        ({"account": "acme", "fields": {"kind": "fualt"}}, "FieldsError"),
        ({"account": "acme", "entitlement": "bank"}, "not_entitled"),
    ],
)
async def test_a_refused_opening_leaves_nothing_in_the_log(
    cases: MilepostClient, caplog: pytest.LogCaptureFixture, intake: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        await cases.open(CaseIntake(case_id=unique("c"), **intake))
    assert refused.value.code == code
    assert loud(caplog) == []


async def test_a_refused_request_leaves_nothing_in_the_log(
    cases: MilepostClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether an activity, the workflow or a validator refuses it."""
    case = unique("c")
    await cases.open(CaseIntake(case_id=case, account="acme"))
    with pytest.raises(Refused):
        await cases.request(case, "change_entitlement", entitlement="nothing")
    with pytest.raises(Refused):
        await cases.request(case, "complete_milestone", milestone="nothing")
    with pytest.raises(Refused):
        await cases.log_time(case, id="T-1")
    assert loud(caplog) == []


async def test_an_unexpected_error_is_logged_with_its_trace(
    cases: MilepostClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(Opening, "_open", broken)
    case = unique("c")
    opening = asyncio.create_task(cases.open(CaseIntake(case_id=case, account="acme")))

    async def logged() -> None:
        assert [record.exc_info[0] for record in loud(caplog) if record.exc_info] == [ZeroDivisionError]

    await assert_eventually(logged)
    await cases.handle(case).terminate()
    with suppress(MilepostError, NoAnswer):
        await opening


def loud(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("error", "type_"),
    [(Refused("blocked", "no"), "blocked"), (NotFound("no"), "NotFound")],
    ids=["refused", "unknown"],
)
def test_a_refusal_is_for_good_and_expected(error: MilepostError, type_: str) -> None:
    with pytest.raises(ApplicationError) as refused, refusals():
        raise error
    said = refused.value
    assert (said.message, said.type, said.non_retryable) == ("no", type_, True)
    assert said.category is ApplicationErrorCategory.BENIGN


def test_a_store_that_is_down_passes_by_itself(tmp_path: Path) -> None:
    """It is tried again, and logged: it is no refusal."""
    with pytest.raises(StoreError), refusals():
        Store.open(f"sqlite:///{tmp_path / 'none' / 'milepost.db'}")


def test_what_no_message_can_be_made_of_is_an_answer() -> None:
    """Tried again it would be no better, and whoever waits for it would wait for ever."""
    with pytest.raises(ApplicationError, match="event_id: String should have at most 200") as refused, refusals():
        OverageChoice(event_id="x" * 201, occurred_at=NOON, by="ann", approved=True)
    assert (refused.value.type, refused.value.non_retryable) == ("bad_message", True)


def test_what_an_activity_refuses_is_short() -> None:
    """However much of a message its error quotes: an answer as long as a message fails for ever."""
    with pytest.raises(ApplicationError) as refused, refusals():
        raise NotFound("x" * 1_900_000)
    assert len(refused.value.message) <= 1024


async def test_time_that_no_entry_can_be_made_of_is_refused() -> None:
    """A name that fits a case and no time entry is an answer, not an activity that is tried for ever."""
    broken: Any = 5
    entry = TimeLogged.model_construct(event_id="e", occurred_at=NOON, id="T-1", minutes=30, by=broken, note=None)
    asked = TimeToTake.model_construct(intake=CaseIntake(case_id="c"), entry=entry, now=NOON)
    opening = Opening.__new__(Opening)  # nothing of it is asked
    with pytest.raises(ApplicationError, match="by: Input should be a valid string") as refused:
        await ActivityEnvironment().run(opening.log_time, asked)
    assert refused.value.non_retryable

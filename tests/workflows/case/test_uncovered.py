"""Work that nothing covers: on record once, and undone once, through the workflow of its case."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.exc import OperationalError
from temporalio.service import RPCError

from domain.catalog.declarations import Catalog
from domain.errors import Refused
from domain.feed.envelope import FeedEvent
from domain.messages.cases import Answer
from domain.usage.requests import workflow_id
from store.cases.records import CaseRecords
from tests.support import assert_eventually, unique
from tests.workflows.replaying import replay
from tests.workflows.world import MONDAY, World, later

UNCOVERED = "30m uncovered: nothing that covers the case counts hours"
BEFORE = "30m uncovered: logged before"
UNDONE = "30m of work (T-1): reversed, and uncovered no more"


class Work:
    """A case of an account of its own, which nothing covers at first, and what is logged on it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.account = unique("uncovered")
        self.case = ""
        self.banks: list[str] = []

    def declares(self, **allowance: Any) -> str:
        """A bank of hours of the account; its id."""
        self.banks.append(f"{self.account}-bank")
        bank = {"id": self.banks[-1], "account": self.account, "allowance": {"unit": "hours", **allowance}}
        self.world.store.catalog.apply(Catalog.model_validate({"entitlements": [bank]}), by="test")
        return self.banks[-1]

    async def logs(self, entry: str = "T-1", minutes: int = 30) -> list[str]:
        """Under an event id of its own each time."""
        at = MONDAY.isoformat()
        return await self.world.milepost.log_time(self.case, id=entry, minutes=minutes, occurred_at=at, by="ann")

    async def undoes(self, entry: str = "T-1", **fields: Any) -> Answer:
        asked = {"by": "bo", "reason": "wrong case", "occurred_at": MONDAY.isoformat(), **fields}
        return await self.world.milepost.request(self.case, "reverse_time", entry=entry, **asked)

    def notes(self) -> list[tuple[str, str, str | None, str | None]]:
        """What is noted of work: kind, text, who and why."""
        notes = self.world.store.cases.notes(self.case)
        return [(n.kind.value, n.text, n.by, n.reason) for n in notes if n.kind.value.startswith("time_")]

    def taken(self, bank: str) -> list[tuple[str | None, str]]:
        """What a bank took, or has too much."""
        return [(row.reference, row.kind.value) for row in self.world.store.ledgers.rows(bank)]

    def events(self) -> list[FeedEvent]:
        found = self.world.store.feed.read(subject=f"case/{self.case}").events
        return [one for one in found if one.type.startswith("milepost.case.time_")]

    async def replays(self) -> None:
        """What was decided is decided again by a worker that knows nothing of it."""
        replayed = await replay(await self.world.history(self.case))
        assert (replayed.failure, replayed.differences) == (None, [])


@pytest_asyncio.fixture(loop_scope="session")
async def work(world: World) -> AsyncIterator[Work]:
    found = Work(world)
    world.store.catalog.apply(Catalog.model_validate({"accounts": [{"id": found.account}]}), by="test")
    found.case = await world.open(found.account)
    yield found
    for bank in found.banks:
        with suppress(RPCError):  # one that nobody asked is not counted
            await world.clock.client.get_workflow_handle(workflow_id(bank)).terminate()


LOGGED = ("time_logged", f"30m of work (T-1): {UNCOVERED}", "ann", None)
REVERSED = ("time_reversed", UNDONE, "bo", "wrong case")


async def test_an_entry_is_uncovered_once(work: Work) -> None:
    """Whatever the event id; other minutes under its id are told not to count."""
    assert await work.logs() == [UNCOVERED]
    assert await work.logs() == [BEFORE]
    assert await work.logs(minutes=45) == [
        BEFORE,
        "logged before with 30m, and not 45m; more is logged under another id",
    ]
    assert await work.logs("T-2") == [UNCOVERED]

    async def each_is_on_record_once() -> None:
        assert work.notes() == [LOGGED, ("time_logged", f"30m of work (T-2): {UNCOVERED}", "ann", None)]
        assert [(one.data["entry"], one.data["minutes"]) for one in work.events()] == [("T-1", 30), ("T-2", 30)]

    await assert_eventually(each_is_on_record_once)
    await work.replays()


async def test_two_at_the_same_moment_are_one(work: Work) -> None:
    """As requests and as news."""
    told = {"event_id": "told", "occurred_at": MONDAY.isoformat(), "id": "T-1", "minutes": 30, "by": "ann"}
    await work.world.milepost.handle(work.case).signal("time_logged", told)
    said = await asyncio.gather(*(work.logs() for _ in range(4)))
    assert {line for lines in said for line in lines} <= {UNCOVERED, BEFORE}
    assert sum(lines == [UNCOVERED] for lines in said) <= 1
    assert await work.logs() == [BEFORE]

    async def it_is_on_record_once() -> None:
        assert work.notes() == [LOGGED]

    await assert_eventually(it_is_on_record_once)
    await work.replays()


async def test_what_covers_the_case_by_now_takes_nothing_of_it(work: Work) -> None:
    """By its id it counts once; it is undone, and the work logged under another."""
    assert await work.logs() == [UNCOVERED]
    bank = work.declares(cap=2)
    assert await work.logs() == [BEFORE]
    await work.undoes()
    assert await work.logs("T-2") == [f"entitlement {bank}: granted, 0.5 hours taken, 1.5 hours left"]


@pytest.mark.parametrize("overflow", ["fallback", "block"])
async def test_an_entry_that_stayed_uncovered_in_part_is_on_record_once(work: Work, overflow: str) -> None:
    """The ledger knows it: it answers the same, and nothing is added, neither there nor on the case."""
    bank = work.declares(cap=2, overflow=overflow)
    lines = await work.logs(minutes=150)
    assert ["0.5 hours beyond the cap" in line for line in lines] == [True]

    async def it_is_in_the_ledger() -> None:
        assert work.taken(bank) == [("T-1", "taken"), ("T-1", "overage")]

    await assert_eventually(it_is_in_the_ledger)
    assert await work.logs(minutes=150) == lines
    with pytest.raises(Refused, match=f"reverse it where it was taken: milepost reverse {bank} T-1"):
        await work.undoes()
    await work.logs("T-2", 5)

    async def each_is_on_record_once() -> None:
        assert work.taken(bank) == [("T-1", "taken"), ("T-1", "overage"), ("T-2", "overage")]
        assert [one.data["entry"] for one in work.events()] == ["T-1", "T-2"]
        assert [text.partition(":")[0] for _, text, *_ in work.notes()] == ["2h30m of work (T-1)", "5m of work (T-2)"]

    await assert_eventually(each_is_on_record_once)
    await work.replays()


async def test_uncovered_work_is_undone_once(work: Work) -> None:
    """On the record, with who and why; the feed says so, and another id is needed from then on."""
    await work.logs()
    answer = await work.undoes()
    assert (answer.outcome, answer.notes) == ("taken", [UNDONE])
    again = await work.undoes(by="cy")
    assert (again.outcome, again.notes) == ("already", [UNDONE])
    with pytest.raises(Refused, match="time entry 'T-1' was reversed; log the work again under another id") as refused:
        await work.logs()
    assert refused.value.code == "reversed"

    async def it_is_on_record_once() -> None:
        assert work.notes() == [LOGGED, REVERSED]
        logged, undone = work.events()
        assert undone.type == "milepost.case.time_reversed.v1"
        assert (undone.data["entry"], undone.data["minutes"], undone.data["reason"]) == ("T-1", 30, "wrong case")
        assert (logged.data["entry"], logged.data["minutes"]) == ("T-1", 30)

    await assert_eventually(it_is_on_record_once)
    await work.replays()


async def test_two_who_undo_it_at_the_same_moment_undo_it_once(work: Work) -> None:
    await work.logs()
    answers = await asyncio.gather(*(work.undoes(by="bo") for _ in range(3)))
    assert sorted(answer.outcome for answer in answers) == ["already", "already", "taken"]

    async def it_is_on_record_once() -> None:
        assert work.notes() == [LOGGED, REVERSED]

    await assert_eventually(it_is_on_record_once)
    await work.replays()


async def test_what_was_not_logged_is_not_undone(work: Work) -> None:
    """Nor of another case, nor without saying why."""
    with pytest.raises(Refused, match="no time entry 'T-1' of the case stayed uncovered") as refused:
        await work.undoes()
    assert refused.value.code == "not_uncovered"
    await work.logs()
    with pytest.raises(Refused, match="reason"):
        await work.undoes(reason="")
    first, work.case = work.case, await work.world.open(work.account)
    with pytest.raises(Refused, match="no time entry 'T-1' of the case stayed uncovered"):
        await work.undoes()
    assert await work.logs() == [UNCOVERED], "of another case it is another entry"
    work.case = first
    assert (await work.undoes()).outcome == "taken"


async def test_it_is_known_in_a_run_after_the_one_in_which_it_was_logged(work: Work) -> None:
    """The case was closed and taken up again: what it said then counts."""
    await work.logs()
    await work.world.ask(work.case, "close", later(hours=1))
    await work.world.milepost.handle(work.case).result()
    await work.world.milepost.reopen(work.case, occurred_at=later(hours=1))
    assert await work.logs() == [BEFORE]
    assert (await work.undoes()).outcome == "taken"


async def test_it_is_known_while_nothing_can_be_recorded(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is read and not written for a while: what is still to be written counts; then it is on record once."""

    def down(*_: Any, **__: Any) -> Any:
        raise OperationalError("INSERT", {}, Exception("the database is down"))

    with monkeypatch.context() as patched:
        patched.setattr(CaseRecords, "record_all", down)
        patched.setattr(CaseRecords, "record", down)
        assert await work.logs() == [UNCOVERED]
        assert await work.logs() == [BEFORE]
        assert (await work.undoes()).outcome == "taken"
        assert (await work.undoes()).outcome == "already"
        with pytest.raises(Refused, match="was reversed"):
            await work.logs()
        assert work.notes() == []

    async def it_is_on_record_once() -> None:
        assert work.notes() == [LOGGED, REVERSED]

    # The retries of a normal activity come by the workflow's own clock.
    await work.world.go_to(work.case, later(hours=3))
    await assert_eventually(it_is_on_record_once)
    await work.replays()

"""What cases take, of which period and by whose hours; each of an account of its own."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError

from domain.catalog.declarations import Catalog
from domain.errors import Refused
from domain.messages.cases import CaseIntake
from domain.messages.coverage import CaseCoverage, Left, NotMatched
from domain.timeline.effects import NoteKind
from domain.usage.requests import Balance, PeriodBalance, workflow_id
from tests.support import assert_eventually, unique
from tests.workflows.replaying import replay
from tests.workflows.world import MONDAY, World, later

FRIDAY = datetime(2025, 6, 13, 19, tzinfo=UTC)
"""15:00 in New York."""


class Customer:
    """An account with entitlements of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.account = unique("customer")
        self.ids: list[str] = []
        self.cases: list[str] = []

    def buys(self, name: str, **fields: Any) -> str:
        """An entitlement, by its id."""
        declared = {"id": f"{self.account}-{name}", "account": self.account, **fields}
        self.world.store.catalog.apply(
            Catalog.model_validate({"accounts": [{"id": self.account}], "entitlements": [declared]}), by="test"
        )
        self.ids.append(declared["id"])
        return self.ids[-1]

    async def opens(self, **intake: Any) -> str:
        """A case, by its id."""
        return await self.world.open(self.account, **intake)

    async def covered(self, **intake: Any) -> CaseCoverage:
        """Opens a case; what is said of its entitlement."""
        self.cases.append(unique("case"))
        asked = CaseIntake(case_id=self.cases[-1], account=self.account, clock=MONDAY, opened_at=MONDAY, **intake)
        coverage = (await self.world.milepost.open(asked)).coverage
        assert coverage is not None
        return coverage

    async def works(self, case: str, entry: str, minutes: int) -> list[str]:
        """Logs time on a case; what each entitlement says."""
        asked = {"event_id": entry, "occurred_at": MONDAY.isoformat(), "id": entry, "minutes": minutes, "by": "ann"}
        said: list[str] = await self.world.milepost.handle(case).execute_update("log_time", asked)
        return said

    async def counted(self, entitlement: str) -> list[PeriodBalance]:
        """The current period of an entitlement and those before it."""
        handle = self.world.milepost.temporal.get_workflow_handle(workflow_id(entitlement))
        balance: Balance = await handle.query("balance", result_type=Balance)
        return [balance.current, *balance.past]

    async def asks(self, entitlement: str, update: str, **fields: Any) -> None:
        """Changes an entitlement by hand."""
        asked = {"event_id": unique("change"), "by": "ann", "reason": "agreed", **fields}
        await self.world.milepost.temporal.get_workflow_handle(workflow_id(entitlement)).execute_update(update, asked)


@pytest_asyncio.fixture(loop_scope="session")
async def customer(world: World) -> AsyncIterator[Customer]:
    found = Customer(world)
    yield found
    for entitlement in found.ids:
        with suppress(RPCError):  # one that nobody asked is not counted
            await world.clock.client.get_workflow_handle(workflow_id(entitlement)).terminate()


async def test_a_case_belongs_to_the_period_in_which_it_was_opened(customer: Customer) -> None:
    """Not to the one in which it is reported."""
    monthly = customer.buys("monthly", starts_on="2025-01-01", allowance={"cap": 5, "period": "month"})
    await customer.opens()
    await customer.opens(opened_at=MONDAY - timedelta(days=20))
    assert [(one.first_day.isoformat(), one.used) for one in await customer.counted(monthly) if one.first_day] == [
        ("2025-06-01", 1),
        ("2025-05-01", 1),
    ]


@pytest.mark.parametrize(
    "hours", [{"business_hours": "Office"}, {"process": "Support"}], ids=["its own", "its process"]
)
async def test_a_decision_has_a_business_day_of_the_entitlement_s_hours(
    customer: Customer, hours: dict[str, str]
) -> None:
    """Or of its process's. Asked on Friday at 15:00, until Monday at 15:00."""
    customer.buys("asking", **hours, allowance={"cap": 0, "overflow": "prompt"})
    case = await customer.opens(clock=FRIDAY)

    async def it_says_until_when() -> None:
        prompted = [note.text for note in customer.world.store.cases.notes(case) if note.kind == "prompted"]
        assert ["2025-06-16" in text and "19:00" in text for text in prompted] == [True]

    await assert_eventually(it_says_until_when)


async def test_a_case_waits_for_one_decision_at_a_time(customer: Customer) -> None:
    """A change that would have to be asked about as well is refused until the first is decided."""
    first = customer.buys("first", ends_on="2030-12-31", allowance={"cap": 0, "overflow": "prompt"})
    second = customer.buys("second", ends_on="2031-12-31", allowance={"cap": 0, "overflow": "prompt"})
    case = await customer.opens()
    change = {"entitlement": second, "by": "ann"}
    with pytest.raises(Refused, match=f"waits for a decision on entitlement {first}; decide that first"):
        await customer.world.ask(case, "change_entitlement", MONDAY, **change)
    assert [d.entitlement for d in (await customer.world.view(case)).open_decisions] == [first]


async def test_a_higher_cap_lets_the_next_case_in_at_once(customer: Customer) -> None:
    """One that was blocked took nothing."""
    blocking = customer.buys("blocking", allowance={"cap": 0, "overflow": "block"})
    with pytest.raises(Refused, match="takes no more cases"):
        await customer.opens()
    await customer.asks(blocking, "amend", cap=1)
    await customer.opens()
    assert [(one.used, one.overflows) for one in await customer.counted(blocking)] == [(1, 1)]


async def test_an_opening_says_what_covers_the_case_and_why_nothing_else_does(customer: Customer) -> None:
    """With what is left after the case has taken its part; it goes on record."""
    customer.world.store.catalog.apply(Catalog.model_validate({"accounts": [{"id": customer.account}]}), by="test")
    nothing = await customer.covered()
    assert (nothing.verdict, nothing.others) == ("no entitlement covers it", [])
    first = customer.buys("first", ends_on="2030-12-31", allowance={"cap": 2})
    second = customer.buys("second", ends_on="2031-12-31", allowance={"cap": 5})
    over = customer.buys("over", ends_on="2024-12-31")
    expired = NotMatched(entitlement=over, why="it expired at the end of 2024-12-31")
    for remaining in (1, 0):
        assert await customer.covered() == CaseCoverage(
            entitlement=first,
            by="account",
            left=Left(unit="cases", cap=2, remaining=remaining),
            others=[
                NotMatched(entitlement=second, why=f"{first!r} expires sooner, on 2030-12-31; this on 2031-12-31"),
                expired,
            ],
        )
    spent = await customer.covered()
    assert (spent.entitlement, spent.left) == (second, Left(unit="cases", cap=5, remaining=4))
    assert spent.others == [
        NotMatched(entitlement=first, why=f"its allowance is used up, that of {second!r} is not"),
        expired,
    ]
    said = [note.text for note in customer.world.store.cases.notes(customer.cases[-1]) if note.kind == "covered"]
    assert said == [spent.text]
    view = await customer.world.view(customer.cases[-1])
    assert (view.account, view.entitlement) == (customer.account, second)


async def test_an_opening_says_when_more_do_not_match_than_it_names(customer: Customer) -> None:
    """Covered or not, in the answer and on record."""
    over = [
        {"id": f"{customer.account}-{n:02}", "account": customer.account, "ends_on": "2024-12-31"} for n in range(21)
    ]
    declared = {"accounts": [{"id": customer.account}], "entitlements": over}
    customer.world.store.catalog.apply(Catalog.model_validate(declared), by="test")
    nothing = await customer.covered()
    assert ([other.entitlement for other in nothing.others], nothing.more) == ([one["id"] for one in over[:20]], True)
    customer.buys("gold")
    assert (await customer.covered()).more
    said = [note.text for note in customer.world.store.cases.notes(customer.cases[-1]) if note.kind == "covered"]
    assert [text.endswith("; and others, which do not match either") for text in said] == [True]


async def test_an_opening_says_what_it_fell_back_from(customer: Customer) -> None:
    """And what is left of hours, of which a case takes none."""
    asset = unique("press")
    customer.world.store.catalog.apply(
        Catalog.model_validate(
            {"accounts": [{"id": customer.account}], "assets": [{"id": asset, "account": customer.account}]}
        ),
        by="test",
    )
    press = customer.buys("press", asset=asset, allowance={"cap": 0})
    bank = customer.buys("bank", allowance={"unit": "hours", "cap": 3})
    coverage = await customer.covered(asset=asset)
    assert coverage.verdict == f"covered by {bank}, which matches by its account; 3 of 3 hours left"
    assert coverage.others == [NotMatched(entitlement=press, why="nothing is left of it")]


class Waiting(NamedTuple):
    """A case that waits for a decision on what its asset has; its account has another, and one that has ended."""

    case: str
    said: CaseCoverage
    asks: str
    next: str
    ended: NotMatched


@pytest_asyncio.fixture(loop_scope="session")
async def waiting(customer: Customer) -> Waiting:
    asset = unique("press")
    declared = {"accounts": [{"id": customer.account}], "assets": [{"id": asset, "account": customer.account}]}
    customer.world.store.catalog.apply(Catalog.model_validate(declared), by="test")
    asking = {"unit": "cases", "cap": 0, "overflow": "prompt", "prompt_within": "2h"}
    first = customer.buys("first", asset=asset, process="Support", allowance=asking)
    second = customer.buys("second", process="Quick")
    over = customer.buys("over", ends_on="2024-12-31")
    said = await customer.covered(asset=asset)
    ended = NotMatched(entitlement=over, why="it expired at the end of 2024-12-31")
    return Waiting(customer.cases[-1], said, first, second, ended)


async def says(customer: Customer, case: str, *texts: str) -> None:
    """What is on record of a case's coverage, in its notes and in the feed; and its history replays."""
    store = customer.world.store

    async def it_is_on_record() -> None:
        assert [note.text for note in store.cases.notes(case) if note.kind == "covered"] == list(texts)
        events = store.feed.read(subject=f"case/{case}").events
        assert [one.data["text"] for one in events if one.type == "milepost.case.covered.v1"] == list(texts)

    await assert_eventually(it_is_on_record)
    assert (await replay(await customer.world.history(case))).failure is None


async def test_a_case_that_waits_says_what_for_and_why_nothing_else(customer: Customer, waiting: Waiting) -> None:
    """And with a yes that it has that, and why it has no other."""
    worse = f"it matches by its account, {waiting.asks!r} by its asset"
    others = [NotMatched(entitlement=waiting.next, why=worse, process="Quick"), waiting.ended]
    left = Left(unit="cases", cap=0, remaining=0)
    assert waiting.said == CaseCoverage(entitlement=None, asks=waiting.asks, by="asset", left=left, others=others)
    answer = await customer.world.ask(waiting.case, "decide_overage", later(hours=1), approved=True, by="ann")
    assert answer.coverage == CaseCoverage(entitlement=waiting.asks, by="asset", left=left, others=others)
    await says(customer, waiting.case, waiting.said.text, answer.coverage.text)


@pytest.mark.parametrize("how", ["no", "silence"])
async def test_a_case_that_falls_back_says_why_it_has_nothing_better(
    customer: Customer, waiting: Waiting, how: str
) -> None:
    """What was declined, also by silence, is among what it does not have."""
    declined = NotMatched(entitlement=waiting.asks, why="one more of it was declined", process="Support")
    falls_back = CaseCoverage(entitlement=waiting.next, by="account", others=[declined, waiting.ended])
    if how == "silence":
        await customer.world.go_to(waiting.case, later(hours=2))
    else:
        answer = await customer.world.ask(waiting.case, "decide_overage", later(hours=1), approved=False, by="ann")
        assert answer.coverage == falls_back
    await says(customer, waiting.case, waiting.said.text, falls_back.text)
    assert customer.world.store.cases.get(waiting.case).entitlement == waiting.next


async def test_a_no_falls_back_to_nothing_if_the_next_blocks(customer: Customer) -> None:
    """A case that runs can't be refused any more, and the no is on record."""
    customer.buys("asking", ends_on="2030-12-31", process="Support", allowance={"cap": 0, "overflow": "prompt"})
    customer.buys("blocking", ends_on="2031-12-31", process="Support", allowance={"cap": 0, "overflow": "block"})
    customer.buys("after", ends_on="2032-12-31", process="Support", allowance={"cap": 0})
    case = await customer.opens()
    answer = await customer.world.ask(case, "decide_overage", MONDAY, approved=False, by="ann", reason="too dear")
    assert (answer.case.process, answer.case.open_decisions) == (None, [])
    asking, blocking, after = customer.ids
    assert answer.coverage is not None
    assert (answer.coverage.entitlement, [(other.entitlement, other.why) for other in answer.coverage.others]) == (
        None,
        [
            (after, f"{blocking!r} comes before it, and blocks"),
            (blocking, "nothing is left of it, and it blocks"),
            (asking, "one more of it was declined"),
        ],
    )

    async def it_is_on_record() -> None:
        decided = [note.text for note in customer.world.store.cases.notes(case) if note.kind == "decided"]
        assert decided == [f"one more of entitlement {customer.ids[0]} is declined: too dear"]

    await assert_eventually(it_is_on_record)


async def test_a_case_is_told_of_hours_in_hours(customer: Customer) -> None:
    """Not in the minutes in which they are counted."""
    bank = customer.buys("bank", allowance={"unit": "hours", "cap": 2})
    case = await customer.opens()
    await customer.works(case, unique("entry"), 150)

    async def it_is_told() -> None:
        told = [note.text for note in customer.world.store.cases.notes(case) if note.kind == "overflowed"]
        assert told == [f"entitlement {bank} has nothing left: 2 of 2 hours used"]

    await assert_eventually(it_is_told)


async def test_an_entry_that_comes_again_with_other_minutes_is_remarked(customer: Customer) -> None:
    """It counts once, by its id; what rounds to the same is the same."""
    customer.buys("bank", allowance={"unit": "hours", "cap": 20, "round_up_to": "15m"})
    case, entry = await customer.opens(), unique("entry")
    assert len(await customer.works(case, entry, 40)) == 1
    assert len(await customer.works(case, entry, 45)) == 1
    [_, remark] = await customer.works(case, entry, 60)
    assert remark == "logged before with 45m, and not 1h; more is logged under another id"


async def test_an_entry_of_another_case_is_refused(customer: Customer) -> None:
    """By its id an entry counts once, so the second would not be counted at all, and nobody would know."""
    bank = customer.buys("bank", allowance={"unit": "hours", "cap": 1})
    first, second = await customer.opens(), await customer.opens()
    entry = unique("entry")
    await customer.works(first, entry, 30)

    async def it_is_on_record() -> None:
        assert len(customer.world.store.ledgers.rows(bank)) == 1

    await assert_eventually(it_is_on_record)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await customer.works(second, entry, 20)
    assert str(refused.value.cause) == (
        f"entry_of_another_case: time entry {entry!r} was logged on case {first} before; give this one an id of its own"
    )
    assert "already" in (await customer.works(first, entry, 30))[0]
    assert [one.used for one in await customer.counted(bank)] == [30]


async def test_work_is_taken_from_hours_only_and_rounded_once(customer: Customer) -> None:
    """An entitlement of cases ranks first and has no part in it; what goes on to the reserve is not rounded again."""
    customer.buys("a-cases", ends_on="2030-12-31", allowance={"unit": "cases", "cap": 5})
    bank = customer.buys("bank", ends_on="2031-12-31", allowance={"unit": "hours", "cap": 1, "round_up_to": "7m"})
    reserve = customer.buys("reserve", ends_on="2032-12-31", allowance={"unit": "hours", "cap": 9, "round_up_to": "1h"})
    case = await customer.opens()
    said = await customer.works(case, unique("entry"), 62)
    assert [line.split(":")[0] for line in said] == [f"entitlement {bank}", f"entitlement {reserve}"]
    assert [one.used for name in (bank, reserve) for one in await customer.counted(name)] == [60, 3]


async def test_a_case_that_is_told_twice_of_one_overflow_notes_it_once(customer: Customer) -> None:
    """A worker that dies as it tells many cases tells them again; the entitlement's count of overflows names each."""
    customer.buys("capped")
    case = await customer.opens()
    told = {
        "event_id": "o",
        "entitlement_id": "capped",
        "reference": "r",
        "case_id": case,
        "occurred_at": MONDAY.isoformat(),
        "unit": "cases",
        "amount": 1,
        "used": 2,
        "cap": 2,
        "period": 0,
        "first_day": None,
    }
    for number in (1, 1, 2, 1):
        await customer.world.milepost.handle(case).signal("entitlement_overflowed", {**told, "number": number})

    async def it_is_on_record() -> None:
        assert [note.kind for note in customer.world.store.cases.notes(case)].count(NoteKind.OVERFLOWED) == 2

    await customer.works(case, "later", 30)  # all four are heard before
    await assert_eventually(it_is_on_record)

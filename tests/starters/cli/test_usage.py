"""`take`, `adjust`, `reverse`, `amend`, `cancel` and `renew`, against a real server and a real worker."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client
from typer.testing import Result

from clients.gate import UsageGate
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Catalog, Entitlement
from domain.errors import MilepostError, Refused
from domain.usage.requests import ConsumptionReversed, EntitlementTerms, TimeEntry, workflow_id
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.units import HOURS
from domain.wording import instant
from starters.operations.taking import Taking
from starters.operations.usage import UsageDesk
from starters.operations.usage_amounts import read_amount
from store import Store, tables
from store.usage.ledgers import Ledgers
from tests.starters.command_line import beside_a_worker, milepost
from tests.support import assert_eventually, unique

YEAR = {"starts_on": "2026-01-01", "ends_on": "2099-12-31"}
WORKED_AT = "2026-06-01T12:00Z"


class Desk:
    """Commands beside a worker, and a catalog to which each test adds what it needs."""

    def __init__(self, client: Client, environment: dict[str, str], store: Store) -> None:
        self.client = client
        self.environment = environment
        self.store = store
        self.gate = UsageGate(client, environment["MILEPOST_TASK_QUEUE"])

    async def say(self, *arguments: str) -> Result:
        return await asyncio.to_thread(milepost, *arguments, env=self.environment)

    async def done(self, *arguments: str) -> str:
        result = await self.say(*arguments)
        assert (result.exit_code, result.stderr) == (0, "")
        return result.stdout

    async def refused(self, *arguments: str) -> str:
        """What a command says that can't be done: nothing else, and no traceback."""
        result = await self.say(*arguments)
        assert (result.exit_code, result.stdout, "Traceback" in result.stderr) == (2, "", False)
        return " ".join(result.stderr.split())

    def declare(self, account: str, *entitlements: dict[str, Any], **more: Any) -> None:
        declared = [{"account": account, **entitlement} for entitlement in entitlements]
        catalog = {"accounts": [{"id": account}], "entitlements": declared, **more}
        self.store.catalog.apply(Catalog.model_validate(catalog), by="test")

    def terms(self, entitlement: str) -> EntitlementTerms:
        declared, organisation = self.store.catalog.entitlement(entitlement), self.store.catalog.organisation()
        return entitlement_terms(
            declared, self.store.catalog.account(declared.account), organisation, now=datetime.now(UTC)
        )

    def visits(self, account: str | None = None, **allowance: Any) -> str:
        """A new entitlement of four visits, of an account of its own unless one is named."""
        name = unique("visits")
        self.declare(
            account or f"of-{name}", {"id": name, **YEAR, "allowance": {"unit": "visits", "cap": 4} | allowance}
        )
        return name

    def bank(self) -> str:
        """A new entitlement of twenty hours."""
        name = unique("bank")
        self.declare("acme", {"id": name, **YEAR, "allowance": {"unit": "hours", "cap": 20}})
        return name


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    folder = tmp_path_factory.mktemp("usage")
    async with beside_a_worker(client, folder) as environment:
        with Store.open(environment["MILEPOST_DATABASE_URL"]) as store:
            desk = Desk(client, environment, store)
            desk.declare("acme")
            yield desk


# --- take ---


async def test_a_visit_is_taken_once_and_says_what_is_left(desk: Desk) -> None:
    visits = desk.visits()
    said = await desk.done("take", visits, "V-1", "--by", "dispatch")
    assert said == f"V-1: 1 visit taken of {visits}; 3 of 4 visits left in the period from 2026-01-01\n"
    assert "V-1: taken of" in await desk.done("take", visits, "V-1")
    answer = json.loads(await desk.done("take", visits, "V-2", "--amount", "2", "--json"))["answer"]
    assert (answer["outcome"], answer["taken"], answer["remaining"]) == ("granted", 2, 1)

    async def the_ledger_says_who() -> None:
        assert [(row.reference, row.by) for row in desk.store.ledgers.rows(visits)][:1] == [("V-1", "dispatch")]

    await assert_eventually(the_ledger_says_who)


async def test_a_visit_falls_back_to_the_next_that_counts_visits(desk: Desk) -> None:
    """Once: also if the first has room again when the same is taken again."""
    account = unique("two")
    first, second = desk.visits(account, cap=1), desk.visits(account, cap=1)
    first, second = sorted((first, second))
    desk.declare(account, {"id": unique("hours"), **YEAR, "allowance": {"unit": "hours", "cap": 20}})
    await desk.done("take", first, "V-1")
    said = await desk.done("take", first, "V-2")
    left = "0 of 1 visit left in the period from 2026-01-01"
    assert said == f"V-2: 1 visit taken of {second}; {left}; {first} had not enough left\n"
    over = await desk.say("take", first, "V-3")
    assert (over.exit_code, over.stdout.endswith(f"nothing else matches; {first} had not enough left\n")) == (3, True)
    await desk.done("amend", first, "--cap", "2", "--reason", "one more")
    assert await desk.done("take", first, "V-2") == f"V-2: taken of {second} before; {left}\n"


async def test_a_visit_counts_once_whichever_entitlement_is_named(desk: Desk) -> None:
    """Also when what took it was cancelled since; what another account or unit has by that id is something else."""
    account, other = unique("account"), unique("account")
    first, second, theirs, lessons = desk.visits(account), desk.visits(account), desk.visits(other), unique("lessons")
    desk.declare(account, {"id": lessons, **YEAR, "allowance": {"unit": "lessons", "cap": 4}})
    await desk.done("take", first, "V-1")
    await desk.done("cancel", first, "--reason", "moved")

    async def it_is_on_record() -> None:
        assert desk.store.ledgers.takers("V-1", account=account, unit="visits") == [first]
        assert desk.store.catalog.entitlement(first).cancelled_at is not None

    await assert_eventually(it_is_on_record)
    said = f"V-1: taken of {first} before; 3 of 4 visits left in the period from 2026-01-01\n"
    assert await desk.done("take", second, "V-1") == await desk.done("take", first, "V-1") == said
    assert "1 visit taken" in await desk.done("take", theirs, "V-1")
    assert "1 lesson taken" in await desk.done("take", lessons, "V-1")


async def test_a_visit_taken_before_says_how_many_it_took(desk: Desk) -> None:
    """If another number is asked for now."""
    visits = desk.visits()
    await desk.done("take", visits, "V-1")
    left = "3 of 4 visits left in the period from 2026-01-01"
    assert await desk.done("take", visits, "V-1", "--amount", "2") == (
        f"V-1: taken of {visits} before, 1 visit and not 2; more is taken under another id; {left}\n"
    )
    assert await desk.done("take", visits, "V-1", "--amount", "1") == f"V-1: taken of {visits} before; {left}\n"


async def test_a_visit_that_was_reversed_is_not_taken_again(desk: Desk) -> None:
    """It says so, and ends with 3: whoever dispatches it has to know that nothing is counted."""
    account = unique("account")
    first, second = desk.visits(account), desk.visits(account)
    await desk.done("take", first, "V-1")
    await desk.done("reverse", first, "V-1", "--reason", "nobody was at home")
    again = await desk.say("take", first, "V-1")
    said = f"V-1: nothing taken of {first}: V-1 was reversed; take it under another id; 4 of 4 visits left"
    assert (again.exit_code, again.stdout) == (3, f"{said} in the period from 2026-01-01\n")
    assert json.loads((await desk.say("take", first, "V-1", "--json")).stdout)["answer"]["is_reversed"] is True
    assert "1 visit taken" in await desk.done("take", second, "V-1"), "there it was never taken"

    async def it_is_on_record() -> None:
        assert len(desk.store.ledgers.takers("V-1", account=account, unit="visits")) == 2

    await assert_eventually(it_is_on_record)
    assert f"V-1: taken of {second} before" in await desk.done("take", first, "V-1")


async def test_a_visit_is_planned_ahead(desk: Desk) -> None:
    """It belongs to the period in which it will be dispatched."""
    visits = desk.visits(period="month")
    ahead = datetime.now(UTC) + timedelta(days=40)
    said = await desk.done("take", visits, "V-1", "--at", ahead.isoformat())
    assert f"3 of 4 visits left in the period from {ahead:%Y-%m}-01" in said


async def test_a_visit_belongs_to_the_period_in_which_it_is_dispatched(desk: Desk) -> None:
    visits = desk.visits(period="month")
    said = await desk.done("take", visits, "V-1", "--at", "2026-03-31T23:59:59Z")
    assert "3 of 4 visits left in the period from 2026-03-01" in said
    assert "4 visits left" in await desk.done("balance", visits, "--at", "2026-04-01T00:00Z")


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({"overflow": "block"}, "2 is more, and it blocks: take less, or raise the cap"),
        ({}, "it falls back, and nothing else matches"),
        (
            {"overflow": "prompt", "overage_price": "90.00 EUR"},
            "it asks: --overage, with a --reason, takes it beyond the cap at 90.00 EUR",
        ),
    ],
)
async def test_an_overflow_says_so_by_its_policy_and_ends_with_3(desk: Desk, policy: dict[str, Any], says: str) -> None:
    visits = desk.visits(**policy)
    await desk.done("take", visits, "V-1", "--amount", "3")
    over = await desk.say("take", visits, "V-2", "--amount", "2")
    said = f"V-2: nothing taken of {visits}; 1 of 4 visits left in the period from 2026-01-01; {says}\n"
    assert (over.exit_code, over.stdout) == (3, said)


async def test_one_overflow_is_one(desk: Desk) -> None:
    """For whoever reads the balance, or looks into the Temporal UI."""
    visits = desk.visits(cap=0, overflow="block")
    for visit, says in (("V-1", "1 overflow"), ("V-2", "2 overflows")):
        assert (await desk.say("take", visits, visit)).exit_code == 3
        assert (await desk.done("balance", visits)).splitlines()[1].endswith(f", {says}")
        count = desk.client.get_workflow_handle(workflow_id(visits))
        metadata = await count.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        assert metadata.current_details.endswith(f" · {says}")


async def test_the_case_is_told_of_an_overflow(desk: Desk) -> None:
    visits, case = desk.visits(cap=0, overflow="block"), unique("c")
    await desk.done("open", case, "--account", "acme")
    assert (await desk.say("take", visits, "V-1", "--case", case)).exit_code == 3

    async def the_case_knows() -> None:
        assert any(f"entitlement {visits} has nothing left" in note.text for note in desk.store.cases.notes(case))

    await assert_eventually(the_case_knows)


async def test_yes_to_the_overage_price_is_taken_beyond_the_cap(desk: Desk) -> None:
    """Once; who asks for it where there is room, or where nobody asks, gets no override."""
    visits = desk.visits(cap=1, overflow="prompt", overage_price="90.00 EUR")
    yes = ("--overage", "--reason", "agreed by phone")
    assert "1 visit taken" in await desk.done("take", visits, "V-1", *yes)
    said = await desk.done("take", visits, "V-2", *yes)
    assert said.startswith(
        f"V-2: 1 visit taken of {visits}, beyond the cap at 90.00 EUR: an override for billing; 0 of"
    )
    assert "taken of" in await desk.done("take", visits, "V-2", *yes)

    async def one_override() -> None:
        rows = [row for row in desk.store.ledgers.rows(visits) if row.kind is RowKind.OVERRIDE]
        assert [(row.reference, row.amount, row.price) for row in rows] == [("V-2", 1, "90.00 EUR")]

    await assert_eventually(one_override)
    assert "go together" in await desk.refused("take", visits, "V-3", "--overage")
    blocking = desk.visits(cap=0, overflow="block")
    assert (await desk.say("take", blocking, "V-1", *yes)).exit_code == 3


async def test_no_to_the_overage_price_is_on_record_and_takes_nothing(desk: Desk) -> None:
    """Where there is room it is taken all the same; and who says yes afterwards has it."""
    visits = desk.visits(cap=1, overflow="prompt", overage_price="90.00 EUR")
    no = ("--no-overage", "--reason", "too dear")
    assert "1 visit taken" in await desk.done("take", visits, "V-1", *no)
    said = await desk.say("take", visits, "V-2", "--by", "dispatch", *no)
    left = "0 of 1 visit left in the period from 2026-01-01"
    declined = f"nothing taken of {visits}; {left}; taking it beyond the cap is declined, and nothing else matches"
    assert (said.exit_code, said.stdout) == (3, f"V-2: {declined}\n")

    async def the_no_is_on_record() -> None:
        rows = [row for row in desk.store.ledgers.rows(visits) if row.kind in {RowKind.DECLINED, RowKind.OVERRIDE}]
        assert [(row.kind, row.reference, row.by, row.reason) for row in rows] == [
            (RowKind.DECLINED, "V-2", "dispatch", "too dear")
        ]

    await assert_eventually(the_no_is_on_record)
    assert "go together" in await desk.refused("take", visits, "V-3", "--no-overage")
    yes = await desk.done("take", visits, "V-2", "--overage", "--reason", "they will pay")
    assert f"1 visit taken of {visits}, beyond the cap at 90.00 EUR" in yes


async def test_after_a_no_the_next_that_matches_is_asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the entitlement fell back: it gives the visit, or decides itself. Without a no nobody else is asked."""
    account, asks = unique("two"), {"cap": 0, "overflow": "prompt"}
    first = desk.visits(account, **asks)
    blocks = desk.visits(account, cap=0, overflow="block")
    no = ("--no-overage", "--reason", "too dear")
    declined = f"{first} had not enough left; taking it beyond the cap of {first} is declined"
    over = await desk.say("take", first, "V-1", *no)
    assert over.exit_code == 3
    assert over.stdout.startswith(f"V-1: nothing taken of {blocks}; 0 of 0 visits left")
    assert over.stdout.endswith(f"it blocks until the cap is higher; {declined}\n")

    async def nothing_is_left(_: Taking, asked: list[Entitlement], *__: object) -> list[str]:
        return [one.id for one in asked]

    await desk.done("amend", blocks, "--cap", "1", "--reason", "one more, just now")
    monkeypatch.setattr(Taking, "_with_nothing_left", nothing_is_left)
    asked = await desk.say("take", first, "V-2")
    assert (asked.exit_code, f"nothing taken of {first}" in asked.stdout) == (3, True)
    said = await desk.done("take", first, "V-2", *no)
    assert said == f"V-2: 1 visit taken of {blocks}; 0 of 1 visit left in the period from 2026-01-01; {declined}\n"
    assert f"V-2: taken of {blocks} before" in await desk.done("take", first, "V-2")


NO_TAKING: list[tuple[list[str], str]] = [
    (["--amount", "0"], "take 1 or more"),
    (["--amount", "-1"], "take 1 or more"),
    (["--amount", "1.5"], "'1.5' is no amount of visits; write a whole number"),
    (["--amount", "9999999999"], "is a slip of the pen; at most 1,000,000,000"),
    (["--case", ""], "case_id: "),
    (["--at", "noon"], "is no time; write one like"),
    (["--at", "2025-12-31T12:00Z"], "is inactive at"),
    (["--at", "2101-01-01T12:00Z"], "is expired at"),
    (["--by", "x" * 1025], "by: "),
]


async def test_dates_that_no_calendar_reaches_are_refused(desk: Desk) -> None:
    """With the years that there are."""
    visits = desk.visits()
    for command in (
        ["grant", visits, "1", "--until", "9999-12-31"],
        ["cancel", visits, "--on", "9999-12-31"],
        ["cancel", visits, "--on", "0001-01-01"],
    ):
        assert "the years 1900 to 2999" in await desk.refused(*command, "--reason", "x"), command


async def test_a_taking_too_far_ahead_says_until_when_one_can_be(desk: Desk) -> None:
    """The periods of a term without an end are reckoned some years ahead; an instant of no year is told the years."""
    visits = unique("visits")
    allowance = {"unit": "visits", "cap": 4, "period": "month"}
    desk.declare("acme", {"id": visits, "starts_on": "2026-01-01", "allowance": allowance})
    said = await desk.refused("take", visits, "V-1", "--at", "2990-01-01T12:00Z")
    assert "which does not reach Fri 2990-01-01 12:00 UTC: periods are reckoned about ten years ahead. Take" in said
    assert "and this once it is nearer" in said
    assert "1900 to 2999" in await desk.refused("take", visits, "V-1", "--at", "3100-01-01T12:00Z")
    assert "4 visits left" in await desk.done("balance", visits)


async def test_a_taking_that_cannot_be_ends_with_2(desk: Desk) -> None:
    visits = desk.visits()
    for arguments, says in NO_TAKING:
        assert says in await desk.refused("take", visits, "V-1", *arguments)
    assert "4 visits left" in await desk.done("balance", visits)


@pytest.mark.parametrize("command", [["take"], ["reverse", "--reason", "x"]], ids=lambda command: str(command[0]))
@pytest.mark.parametrize("reference", ["", "x" * 101], ids=len)
async def test_an_id_that_is_none_is_refused_in_words(desk: Desk, command: list[str], reference: str) -> None:
    said = await desk.refused(*command, desk.visits(), reference)
    assert f"'REFERENCE': an id has 1 to 100 characters, not {len(reference)}" in said


async def test_cases_and_hours_are_not_taken_by_hand(desk: Desk) -> None:
    cases = unique("cases")
    desk.declare("acme", {"id": cases, "allowance": {"unit": "cases", "cap": 4}})
    assert "when it is opened: milepost open" in await desk.refused("take", cases, "4711")
    assert "taken by time entries: milepost log-time" in await desk.refused("take", desk.bank(), "T-1")


async def test_what_the_catalog_has_ended_takes_nothing_more(desk: Desk) -> None:
    """Also before its count knows; what was taken before stays taken."""
    visits, cancelled = desk.visits("acme"), unique("visits")
    await desk.done("take", visits, "V-1")
    desk.declare("acme", {"id": visits, **YEAR, "allowance": {"unit": "visits", "cap": 4}, "retired": True})
    assert "it is retired" in await desk.refused("take", visits, "V-2")
    assert "before" in await desk.done("take", visits, "V-1")
    assert "is retired" in await desk.refused("renew", visits, "--reason", "x")
    ended = {"cancelled_at": "2026-02-01T00:00:00Z", "allowance": {"unit": "visits", "cap": 4}}
    desk.declare("acme", {"id": cancelled, **YEAR, **ended})
    assert "it was cancelled at Sun 2026-02-01 00:00 UTC" in await desk.refused("take", cancelled, "V-7")
    assert "was cancelled at Sun 2026-02-01 00:00 UTC" in await desk.refused("adjust", cancelled, "1", "--reason", "x")
    account = unique("gone")
    of_account = desk.visits(account)
    desk.store.catalog.apply(Catalog.model_validate({"accounts": [{"id": account, "retired": True}]}), by="test")
    assert f"it is of account {account}, which is retired" in await desk.refused("take", of_account, "V-8")


# --- adjust ---


async def test_an_adjustment_carries_who_and_why(desk: Desk) -> None:
    bank = desk.bank()
    said = await desk.done("adjust", bank, "2h", "--reason", "from paper", "--by", "ann")
    assert said == f"{bank}: adjusted by +2 hours; 18 of 20 hours left in the period from 2026-01-01\n"
    assert "adjusted by -1.5 hours; 19.5 of 20" in await desk.done("adjust", bank, "-90m", "--reason", "goodwill")

    async def it_is_on_record() -> None:
        rows = desk.store.ledgers.rows(bank)
        assert [(row.kind, row.used, row.by) for row in rows][:1] == [(RowKind.ADJUSTED, 120, "ann")]
        assert "from paper" in (rows[0].reason or "")

    await assert_eventually(it_is_on_record)


async def test_a_grant_is_used_before_the_cap(desk: Desk) -> None:
    """With who, why and until when; a date is the last day that it pays, in the account's zone."""
    visits = desk.visits(period="month")
    today = datetime.now(UTC).date()
    asked = ("2", "--until", today.isoformat(), "--reason", "goodwill", "--by", "ann", "--event-id", "g-1")
    said = await desk.done("grant", visits, *asked)
    granted = f"2 visits granted until {today:%a %Y-%m-%d} 23:59:59 UTC"
    assert said.startswith(f"{visits}: {granted}; 4 of 4 visits left and 2 granted in the period")
    assert "made before" in await desk.done("grant", visits, *asked)
    taken = await desk.done("take", visits, unique("V"))
    assert f"1 visit taken of {visits}, 1 by a grant; 4 of 4 visits left and 1 granted" in taken
    assert "4 visits left and 1 visit granted, active" in await desk.done("balance", visits)
    assert "0 visits used of 4 visits (0%), 1 visit of 2 visits granted used" in await desk.done("balance", visits)

    async def it_is_on_record() -> None:
        rows = [(row.kind, row.amount, row.used, row.by) for row in desk.store.ledgers.rows(visits)]
        assert rows[:1] == [(RowKind.GRANTED, 2, 0, "ann")]

    await assert_eventually(it_is_on_record)
    assert "all as the ledger says" in await desk.done("audit", visits)
    back = ("grant", visits, "-1", "--reason", "given twice")
    said = await desk.done(*back, "--event-id", "g-2")
    assert said.startswith(f"{visits}: 1 visit of what was granted taken back; 4 of 4 visits left in the period")
    assert "have 0 visits left that can be taken back, not 1 visit" in await desk.refused(*back)


async def test_a_grant_that_cannot_be_ends_with_2(desk: Desk) -> None:
    visits = desk.visits()
    for arguments, says in (
        (["1.5", "--reason", "x"], "'1.5' is no amount of visits"),
        (["0", "--reason", "x"], "take 1 or more"),
        (["1", "--reason", "x", "--until", "soon"], "'soon' is no date"),
        (["1", "--reason", "x", "--carry-over", "--until", "2098-01-01"], "leaves nothing that is carried over"),
        (["1", "--reason", "x", "--until", "2025-12-31"], "lies before the period, so nothing could meet it"),
    ):
        assert says in await desk.refused("grant", visits, *arguments)


async def test_a_bank_is_amended_to_half_hours(desk: Desk) -> None:
    bank = desk.bank()
    said = await desk.done("amend", bank, "--cap", "7.5", "--reason", "x")
    assert said.startswith(f"{bank}: the cap is 7h30m hours; 7.5 of 7.5 hours left")
    assert "6.25 of 7.5 hours left" in await desk.done("adjust", bank, "1.25", "--reason", "x")
    visits = desk.visits()
    assert "visits are whole; give a cap such as 7" in await desk.refused(
        "amend", visits, "--cap", "7.5", "--reason", "x"
    )


async def test_hours_given_back_are_no_option(desk: Desk) -> None:
    """`-2h` is an amount, not a request for help."""
    bank = desk.bank()
    await desk.done("adjust", bank, "3h", "--reason", "x")
    assert "19 of 20 hours left" in await desk.done("adjust", bank, "-2h", "--reason", "x")


async def test_an_adjustment_sent_again_counts_once(desk: Desk) -> None:
    visits = desk.visits(period="month")
    again = ("adjust", visits, "2", "--reason", "x", "--at", "2026-03-02T12:00Z", "--event-id", "a-1")
    assert "2 of 4 visits left in the period from 2026-03-01" in await desk.done(*again)
    assert "made before; 2 of 4 visits left in the period from 2026-03-01" in await desk.done(*again)


NO_ADJUSTMENT: list[tuple[list[str], str]] = [
    (["1"], "Missing option '--reason'"),
    (["1", "--reason", "  "], "say why: it goes on record"),
    (["1", "--reason", "x" * 1025], "reason: "),
    (["0", "--reason", "x"], "an adjustment of 0 changes nothing"),
    (["-1", "--reason", "x"], "only 0 visits can be given back, not 1 visit; to give more than was used, grant it"),
    (["5", "--reason", "x"], "only 4 visits can be taken, not 5 visits; amend the cap first"),
    (["90m", "--reason", "x"], "'90m' is no amount of visits; write a whole number"),
    (["-2000000000", "--reason", "x"], "is a slip of the pen"),
    (["1", "--reason", "x", "--at", "2025-12-31T12:00Z"], "outside the term"),
    (["1", "--reasn", "x"], "Missing option '--reason'"),
]


async def test_an_adjustment_that_cannot_be_ends_with_2(desk: Desk) -> None:
    visits = desk.visits()
    for arguments, says in NO_ADJUSTMENT:
        assert says in await desk.refused("adjust", visits, *arguments)
    assert "4 visits left" in await desk.done("balance", visits)


@pytest.mark.parametrize(
    ("text", "unit", "amount"),
    [("2h", HOURS, 120), ("-90m", HOURS, -90), ("+1h30m", HOURS, 90), ("120s", HOURS, 2), ("-3", "visits", -3)],
)
def test_amounts_are_read_as_people_write_them(text: str, unit: str, amount: int) -> None:
    assert read_amount(text, unit) == amount


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        *((HOURS, text) for text in ("90", "90s", "1.5h", "1d", "--1h", "", "900000000h")),
        *(("visits", text) for text in ("", "-", "+-1", "1e3", "1.0", "\u0663")),
    ],
)
def test_what_is_no_amount_is_refused(unit: str, text: str) -> None:
    """What it is told to write is taken there."""
    with pytest.raises(Refused, match="is no amount of") as refusal:
        read_amount(text, unit)
    hints = re.findall(r"-?[0-9][0-9hm.]*", str(refusal.value).partition("; write ")[2])
    assert hints
    assert all(isinstance(read_amount(hint, unit), int) for hint in hints)


# --- reverse ---


async def test_a_reversal_undoes_a_visit_once(desk: Desk) -> None:
    visits = desk.visits()
    await desk.done("take", visits, "V-1", "--amount", "3")
    again = ("reverse", visits, "V-1", "--reason", "the customer was not there", "--event-id", "r-1")
    assert await desk.done(*again) == (
        f"{visits}: V-1 gives back 3 visits; 4 of 4 visits left in the period from 2026-01-01\n"
    )
    assert "made before" in await desk.done(*again)
    assert "'V-1' was reversed before" in await desk.refused("reverse", visits, "V-1", "--reason", "x")
    assert "'V-9' took nothing of" in await desk.refused("reverse", visits, "V-9", "--reason", "x")
    assert "Missing option '--reason'" in await desk.refused("reverse", visits, "V-1")


async def test_work_whose_entry_was_reversed_is_logged_under_another_id(desk: Desk) -> None:
    bank, reserve = await split(desk)
    case = next(row.case_id for row in desk.store.ledgers.rows(reserve)) or ""
    await desk.done("reverse", bank, "T-1", "--reason", "wrong case")
    refused = await desk.refused("log-time", case, "T-1", "180", "--worked-at", WORKED_AT)
    assert "time entry 'T-1' was reversed; log the work again under another id" in refused
    assert f"{bank}: overflow, 1 hour taken" in await desk.done(
        "log-time", case, "T-2", "180", "--worked-at", WORKED_AT
    )


NO_WORK: list[tuple[list[str], str]] = [
    (["T-1", "1.5h"], "bad span '1.5h'; write 1h30m; or in minutes, such as 90"),
    (["T-1", "ninety"], "or in minutes, such as 90"),
    (["T-1", "90s"], "'MINUTES': 90s is not in whole minutes; write 90, or 1h30m"),
    (["T-1", "0"], "'MINUTES': 0 minutes are no work; give 1 to 44640 (31 days)"),
    (["T-1", "44641"], "'MINUTES': 44641 minutes are a slip of the pen; give 1 to 44640 (31 days)"),
    (["", "60"], "'ENTRY': an id has 1 to 100 characters, not 0"),
    (["x" * 101, "60"], "'ENTRY': an id has 1 to 100 characters, not 101"),
    (["T-1", "60", "--worked-at", "2098-01-01T12:00Z"], "worked_at Wed 2098-01-01 12:00 UTC is in the future"),
]


async def test_work_that_cannot_be_ends_with_2(desk: Desk) -> None:
    account, bank, case = unique("account"), unique("bank"), unique("c")
    desk.declare(account, {"id": bank, **YEAR, "allowance": {"unit": "hours", "cap": 20}})
    await desk.done("open", case, "--account", account)
    for arguments, says in NO_WORK:
        assert says in await desk.refused("log-time", case, *arguments)
    assert "20 hours left" in await desk.done("balance", bank)


async def test_a_case_gives_nothing_back(desk: Desk) -> None:
    account, cases, case = unique("account"), unique("cases"), unique("c")
    desk.declare(account, {"id": cases, "allowance": {"unit": "cases", "cap": 4}})
    await desk.done("open", case, "--account", account)
    assert "never gives back" in await desk.refused("reverse", cases, case, "--reason", "x")


async def split(desk: Desk, through: str | None = None) -> tuple[str, str]:
    """An entry of three hours, of which a bank took one and a reserve two.

    Args:
        desk: where.
        through: the contact or service contract of the case by which it has the reserve of another account; None: both
            are its own account's.
    """
    account, bank, reserve, case = (unique(name) for name in ("account", "bank", "reserve", "c"))
    hours = {"unit": "hours", "cap": 1}
    first = {"id": bank, "starts_on": "2026-01-01", "ends_on": "2099-06-30", "allowance": hours}
    second = {"id": reserve, **YEAR, "allowance": hours | {"cap": 10}}
    whose: list[str] = []
    if through is None:
        desk.declare(account, first, second)
    else:
        another, by = unique("account"), unique(through)
        desk.declare(account, first)
        desk.declare(another, second, **{f"{through}s": [{"id": by, "account": another}]})
        whose = [f"--{through.replace('_', '-')}", by]
    await desk.done("open", case, "--account", account, *whose, "--opened-at", WORKED_AT)
    taken = await desk.done("log-time", case, "T-1", "180", "--worked-at", WORKED_AT)
    assert f"{bank}: overflow, 1 hour taken" in taken
    assert f"{reserve}: granted, 2 hours taken" in taken
    return bank, reserve


@pytest.mark.parametrize(
    ("named", "through"), [("bank", None), ("reserve", None), ("reserve", "contact"), ("bank", "service_contract")]
)
async def test_a_reversal_undoes_all_parts_of_a_split_entry(desk: Desk, named: str, through: str | None) -> None:
    """Once, whichever of its entitlements is named, and whosever they are; not what another case has by the same id."""
    bank, reserve = await split(desk, through)
    another_bank, another_reserve = await split(desk, through)
    first, second = (bank, reserve) if named == "bank" else (reserve, bank)
    found = json.loads(await desk.done("reverse", first, "T-1", "--reason", "wrong case", "--json"))
    assert ([part["entitlement"] for part in found["parts"]], found["missing"]) == ([first, second], 0)
    assert "1 hour left" in await desk.done("balance", bank)
    assert "10 hours left" in await desk.done("balance", reserve)
    assert "0 hours left" in await desk.done("balance", another_bank)
    assert "8 hours left" in await desk.done("balance", another_reserve)
    assert "was reversed before" in await desk.refused("reverse", second, "T-1", "--reason", "wrong case")


async def test_a_reversal_that_was_cut_short_is_completed(desk: Desk) -> None:
    """One part was undone already: the same again undoes the other."""
    bank, reserve = await split(desk)
    cut_short = ConsumptionReversed(reference="T-1", by="ann", reason="wrong case", event_id="r-1")
    await desk.gate.change(desk.terms(bank), cut_short)
    said = await desk.done("reverse", bank, "T-1", "--reason", "wrong case")
    assert said.startswith(f"{reserve}: T-1 gives back 2 hours; 10 of 10")


async def test_a_reversal_waits_for_parts_that_the_ledger_does_not_have_yet(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written in the background: at first it has nothing of the entry, then what came first."""
    bank, reserve = await split(desk)
    entry_rows, looks = Ledgers.entry_rows, iter([[], [bank]])

    def written_late(ledgers: Ledgers, entitlement: str, reference: str) -> dict[str, list[LedgerRow]]:
        found = entry_rows(ledgers, entitlement, reference)
        return {one: found[one] for one in next(looks, found)}

    monkeypatch.setattr(Ledgers, "entry_rows", written_late)
    found = json.loads(await desk.done("reverse", bank, "T-1", "--reason", "wrong case", "--json"))
    assert ([part["entitlement"] for part in found["parts"]], found["missing"]) == ([bank, reserve], 0)


async def test_what_no_other_entitlement_has_taken_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reverses an entry that is still on its way to the next entitlement has to know."""
    monkeypatch.setattr("starters.operations.split_entries.ARRIVES_WITHIN", 0.5)
    bank, worked_at = desk.bank(), datetime.fromisoformat(WORKED_AT)
    entry = TimeEntry(id="T-1", minutes=21 * 60, worked_at=worked_at, has_fallback=True)
    await desk.gate.log_hours(desk.terms(bank), entry)
    said = await desk.done("reverse", bank, "T-1", "--reason", "wrong case")
    assert said.splitlines()[0].startswith(f"{bank}: T-1 gives back 20 hours")
    assert said.splitlines()[1].startswith("in no ledger: 1 hour, left over for another entitlement")


async def test_a_part_of_a_count_that_was_terminated_is_not_undone(desk: Desk) -> None:
    """Its rows are still there, but nothing is left of it to give back; nor does another count begin for it."""
    bank, reserve = await split(desk, "contact")
    await desk.client.get_workflow_handle(workflow_id(bank)).terminate()
    found = json.loads(await desk.done("reverse", reserve, "T-1", "--reason", "wrong case", "--json"))
    assert ([part["entitlement"] for part in found["parts"]], found["missing"]) == ([reserve], 0)
    assert await desk.gate.running(bank) is None


async def test_an_entry_of_another_case_with_the_same_id_is_left_alone(desk: Desk) -> None:
    account, banks = unique("account"), [unique("bank"), unique("bank")]
    hours = {"unit": "hours", "cap": 10}
    assets = [unique("asset"), unique("asset")]
    desk.declare(
        account,
        *({"id": bank, "asset": asset, **YEAR, "allowance": hours} for bank, asset in zip(banks, assets, strict=True)),
        assets=[{"id": asset, "account": account} for asset in assets],
    )
    for asset in assets:
        case = unique("c")
        await desk.done("open", case, "--asset", asset, "--opened-at", WORKED_AT)
        await desk.done("log-time", case, "T-1", "60", "--worked-at", WORKED_AT)
    said = await desk.done("reverse", banks[0], "T-1", "--reason", "wrong case")
    assert said.splitlines() == [
        f"{banks[0]}: T-1 gives back 1 hour; 10 of 10 hours left in the period from 2026-01-01"
    ]
    assert "9 hours left" in await desk.done("balance", banks[1])


# --- amend, cancel, renew ---


async def test_cap_and_end_are_amended_and_the_catalog_follows(desk: Desk) -> None:
    visits = desk.visits()
    await desk.done("take", visits, "V-1", "--amount", "4")
    said = await desk.done("amend", visits, "--cap", "6", "--ends-on", "2098-12-31", "--reason", "order 1204")
    assert said == (
        f"{visits}: it ends on 2098-12-31; the cap is 6 visits; 2 of 6 visits left in the period from 2026-01-01\n"
    )

    async def the_catalog_says_so() -> None:
        declared = desk.store.catalog.entitlement(visits)
        assert declared.allowance is not None
        assert (declared.allowance.cap, str(declared.ends_on)) == (6, "2098-12-31")

    await assert_eventually(the_catalog_says_so)
    said = await desk.done("amend", visits, "--cap", "unlimited", "--ends-on", "never", "--reason", "x")
    assert said == f"{visits}: it does not end; the cap is unlimited; unlimited in the period from 2026-01-01\n"


NO_AMENDMENT: list[tuple[list[str], str]] = [
    ([], "say what changes: --cap, --ends-on or both"),
    (["--cap", "-1"], "'-1' is neither a whole number from 0 nor unlimited"),
    (["--cap", "2h"], "visits are whole; give a cap such as 2"),
    (["--cap", "1.501"], "'1.501' is neither"),
    (["--cap", "9999999999"], "is a slip of the pen"),
    (["--ends-on", "soon"], "'soon' is no date; write one like"),
    (["--ends-on", "2025-06-30"], "lies before the first, 2026-01-01"),
    (["--ends-on", "2026-01-31"], "2026-01-31 is over"),
]


async def test_an_amendment_that_cannot_be_ends_with_2(desk: Desk) -> None:
    visits = desk.visits()
    for arguments, says in NO_AMENDMENT:
        assert says in await desk.refused("amend", visits, *arguments, "--reason", "x")
    assert "4 visits left, active" in await desk.done("balance", visits)


async def test_cancelled_it_takes_nothing_from_that_instant(desk: Desk) -> None:
    visits = desk.visits()
    await desk.done("take", visits, "V-1")
    cancel = ("cancel", visits, "--reason", "the contract was terminated", "--event-id", "c-1")
    said = await desk.done(*cancel)
    assert said == f"{visits}: cancelled; 3 of 4 visits were left in the period from 2026-01-01\n"
    assert "made before" in await desk.done(*cancel)
    assert "cancelled already" in await desk.refused("cancel", visits, "--reason", "x")
    assert "was cancelled at" in await desk.refused("amend", visits, "--cap", "9", "--reason", "x")

    async def the_catalog_says_so() -> None:
        assert desk.store.catalog.entitlement(visits).cancelled_at is not None

    await assert_eventually(the_catalog_says_so)
    assert "cancelled" in await desk.refused("take", visits, "V-3")


async def test_it_is_renewed_early_once(desk: Desk) -> None:
    visits, dated = desk.visits(), desk.visits()
    renew = ("renew", visits, "--reason", "by phone", "--event-id", "r-1", "--json")
    answer = json.loads(await desk.done(*renew))["answer"]
    assert (answer["outcome"], answer["renewal"]) == ("done", f"{visits}~2")
    assert json.loads(await desk.done(*renew))["answer"]["outcome"] == "already"
    assert "is renewed already" in await desk.refused("renew", visits, "--reason", "x")
    assert "it can't end on 2099-12-31" in await desk.refused(
        "renew", dated, "--ends-on", "2099-12-31", "--reason", "x"
    )
    said = await desk.done("renew", dated, "--ends-on", "2100-06-30", "--reason", "x")
    assert said.startswith(f"{dated}: goes on as {dated}~2, 2100-01-01 to 2100-06-30; 4 of 4 visits left")

    async def the_new_record_is_there() -> None:
        assert "inactive" in await desk.done("balance", f"{dated}~2")

    await assert_eventually(the_new_record_is_there)


# --- what is not there ---

UNCOUNTED = [
    (["take", "{}", "V-1"], "give it an allowance in the catalog: milepost apply"),
    (["adjust", "{}", "1", "--reason", "x"], "give it an allowance in the catalog: milepost apply"),
    (["reverse", "{}", "V-1", "--reason", "x"], "give it an allowance in the catalog: milepost apply"),
    (["amend", "{}", "--cap", "9", "--reason", "x"], "give it an allowance, with its cap, in the catalog: milepost"),
    (["amend", "{}", "--cap", "9", "--ends-on", "never", "--reason", "x"], "give it an allowance, with its cap, in"),
    (["renew", "{}", "--reason", "x"], "to let it go on, move its ends_on, in the catalog or with milepost"),
]


@pytest.mark.parametrize(("command", "says"), UNCOUNTED, ids=lambda value: str(value[0]))
async def test_what_is_not_counted_has_no_count_to_change(desk: Desk, command: list[str], says: str) -> None:
    uncounted = unique("phone")
    desk.declare("acme", {"id": uncounted, "ends_on": "2099-12-31"})
    nothing = await desk.refused(*(word.format(uncounted) for word in command))
    assert nothing.startswith(f"milepost: entitlement '{uncounted}' counts nothing; {says}")
    assert str(desk.store.catalog.entitlement(uncounted).ends_on) == "2099-12-31"


async def test_what_is_not_counted_is_cancelled_in_the_catalog(desk: Desk) -> None:
    """From this instant it matches nothing; once."""
    account, uncounted = unique("account"), unique("phone")
    desk.declare(account, {"id": uncounted})
    before = datetime.now(UTC)
    cancel = ("cancel", uncounted, "--reason", "the contract was terminated", "--by", "ann")
    assert await desk.done(*cancel) == f"{uncounted}: cancelled; it counts nothing\n"
    cancelled_at = desk.store.catalog.entitlement(uncounted).cancelled_at
    assert cancelled_at is not None
    assert before <= cancelled_at <= datetime.now(UTC)
    assert f"cancelled already, at {instant(cancelled_at)}" in await desk.refused(*cancel)
    assert "was cancelled at" in await desk.refused("amend", uncounted, "--ends-on", "never", "--reason", "x")
    assert desk.store.unsynchronised.entitlements() == []
    with desk.store._database.read() as connection:
        assert "ann: the contract was terminated" in connection.execute(select(tables.applications.c.by)).scalars()
    over = unique("phone")
    desk.declare(account, {"id": over, "ends_on": "2026-01-31"})
    assert "its term has ended; there is nothing to cancel" in await desk.refused("cancel", over, "--reason", "x")


async def test_what_is_not_counted_ends_on_an_amended_date(desk: Desk) -> None:
    """In the catalog, which has nobody to tell; the same again changes nothing."""
    uncounted = unique("phone")
    desk.declare("acme", {"id": uncounted, "starts_on": "2026-01-01"})

    def amend(ends_on: str) -> tuple[str, ...]:
        return ("amend", uncounted, "--ends-on", ends_on, "--reason", "order 1204")

    said = f"{uncounted}: it ends on 2098-12-31; it counts nothing\n"
    assert await desk.done(*amend("2098-12-31")) == said
    assert str(desk.store.catalog.entitlement(uncounted).ends_on) == "2098-12-31"
    answer = json.loads(await desk.done(*amend("2098-12-31"), "--json"))
    assert answer == {"entitlement": uncounted, "answer": {"outcome": "done", "text": "nothing differs"}}
    assert "does not end" in await desk.done(*amend("never"))
    assert desk.store.catalog.entitlement(uncounted).ends_on is None
    assert "2026-01-31 is over; give today or a later date, or cancel it" in await desk.refused(*amend("2026-01-31"))
    assert "2025-12-31 lies before the first, 2026-01-01" in await desk.refused(*amend("2025-12-31"))
    desk.declare("acme", {"id": uncounted, "starts_on": "2026-01-01", "retired": True})
    assert "is retired" in await desk.refused(*amend("2098-12-31"))


COMMANDS = [
    ["take", "{}", "V-1"],
    ["adjust", "{}", "1", "--reason", "x"],
    ["reverse", "{}", "V-1", "--reason", "x"],
    ["amend", "{}", "--cap", "9", "--reason", "x"],
    ["cancel", "{}", "--reason", "x"],
    ["renew", "{}", "--reason", "x"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command[0]))
async def test_what_is_not_declared_is_unknown(desk: Desk, command: list[str]) -> None:
    unknown = await desk.refused(*(word.format("nothing") for word in command))
    assert unknown.startswith("milepost: unknown entitlement 'nothing'; ")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command[0]))
async def test_every_command_shows_an_example(desk: Desk, command: list[str]) -> None:
    assert f"Example: milepost {command[0]} acme-" in await desk.done(command[0], "--help")


async def test_nobody_answering_says_how_to_go_on(desk: Desk) -> None:
    """Nothing is done twice by whoever follows it."""
    visits, bank = desk.visits(), desk.bank()
    usage = UsageDesk(desk.client, desk.store, unique("nobody"), patience=0.2)
    goes_on = r"is a worker running\?.* the same command again with --event-id e-1, and it is done once"
    who = {"by": "ann", "event_id": "e-1"}
    with pytest.raises(MilepostError, match=goes_on):
        await usage.take(visits, "V-1", amount="1", at=None, case=None, **who)
    with pytest.raises(MilepostError, match=goes_on):
        await usage.adjust(bank, "1h", at=None, reason="x", **who)
    with pytest.raises(MilepostError, match=goes_on):
        await usage.reverse(bank, "T-1", reason="x", **who)


async def test_no_server_at_all_ends_with_1(desk: Desk) -> None:
    nowhere = {**desk.environment, "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    result = await asyncio.to_thread(milepost, "take", desk.visits(), "V-1", env=nowhere)
    assert (result.exit_code, "127.0.0.1:1" in result.stderr, "Traceback" in result.stderr) == (1, True, False)


# --- overage afterwards, and ends at a date ---


async def test_an_overage_is_voided_and_another_covered(desk: Desk) -> None:
    """Each withdraws its override; what is covered is used of the raised cap."""
    visits = desk.visits(cap=1, overflow="prompt", overage_price="85.00 EUR")
    await desk.done("take", visits, "V-1")
    for name in ("V-2", "V-3"):
        await desk.done("take", visits, name, "--overage", "--reason", "agreed by phone")
    assert "1 visit of the overage of V-2 voided" in await desk.done("void", visits, "V-2", "--reason", "goodwill")
    assert "nothing is left" in await desk.refused("cover", visits, "V-3", "--reason", "paid")
    await desk.done("amend", visits, "--cap", "2", "--reason", "one more")
    said = await desk.done("cover", visits, "V-3", "--reason", "the cap was raised for it")
    left = "0 of 2 visits left in the period from 2026-01-01"
    assert said == f"{visits}: 1 visit of the overage of V-3 covered; {left}\n"
    assert "no overage" in await desk.refused("void", visits, "V-3", "--reason", "again")

    async def nothing_is_billed() -> None:
        rows = [row for row in desk.store.ledgers.rows(visits) if row.kind is RowKind.OVERRIDE]
        assert [row.amount for row in rows] == [1, 1, -1, -1]

    await assert_eventually(nothing_is_billed)
    assert (await desk.say("audit", visits)).exit_code == 0


async def test_it_is_cancelled_at_a_date_with_what_follows_listed(desk: Desk) -> None:
    """Visits planned after it are reversed and named; until then it is taken of, and coverage follows the date."""
    visits = desk.visits()
    await desk.done("take", visits, "P-1", "--at", "2098-03-10T09:00Z")
    await desk.done("take", visits, "P-2", "--at", "2098-09-10T09:00Z")
    said = await desk.done("cancel", visits, "--on", "2098-06-30", "--reason", "moved away")
    assert "cancelled from Tue 2098-07-01 00:00 UTC on" in said
    assert "planned after that, and reversed: P-2" in said
    assert "stays taken" not in said
    assert "1 visit used of 4 visits" in await desk.done("balance", visits)
    assert "cancelled at" in await desk.refused("take", visits, "P-3", "--at", "2098-07-01T00:00Z")
    assert "cancelled already" in await desk.refused("cancel", visits, "--reason", "again")


async def test_cancelling_behind_lists_what_stays_taken(desk: Desk) -> None:
    visits = desk.visits()
    await desk.done("take", visits, "V-1", "--at", "2026-03-10T09:00Z")

    async def it_is_on_record() -> None:
        assert len(desk.store.ledgers.rows(visits)) == 1

    await assert_eventually(it_is_on_record)
    said = await desk.done("cancel", visits, "--at", "2026-02-01T00:00Z", "--reason", "it was never paid")
    assert "taken after that, and stays taken: V-1" in said


async def test_a_visit_beyond_a_new_end_answers_and_is_reversed(desk: Desk) -> None:
    """Nothing that is asked of a period that is not there any more holds up the count."""
    visits = unique("visits")
    monthly = {"unit": "visits", "cap": 4, "period": "month"}
    dates = {"starts_on": "2026-01-01", "ends_on": "2098-06-30"}
    desk.declare(f"of-{visits}", {"id": visits, **dates, "allowance": monthly})
    planned = ("take", visits, "P-1", "--at", "2030-03-10T09:00Z")
    await desk.done(*planned)
    await desk.done("amend", visits, "--ends-on", "2029-01-31", "--reason", "shorter")
    assert "taken of" in await desk.done(*planned)
    assert "1 visit taken" in await desk.done("take", visits, "V-1")
    assert "P-1 gives back 1 visit" in await desk.done("reverse", visits, "P-1", "--reason", "not needed")
    assert (await desk.say("audit", visits)).exit_code == 0


async def test_the_balance_of_an_account_names_the_soonest_exhausted_first(desk: Desk) -> None:
    """By the share that is left; what has ended or counts nothing is left out."""
    account = unique("account")
    few, many, gone = (desk.visits(account, cap=cap) for cap in (4, 10, 1))
    await desk.done("take", few, "V-1")
    await desk.done("take", many, "V-2", "--amount", "8")
    await desk.done("cancel", gone, "--reason", "moved")
    desk.declare(account, {"id": unique("uncounted"), "ends_on": "2099-12-31"})
    found = json.loads(await desk.done("balance", "--account", account, "--json"))
    assert [one["entitlement_id"] for one in found] == [many, few]
    lines = (await desk.done("balance", "--account", account)).splitlines()
    assert lines[0] == f"{many}, account {account}: 2 visits left, active"
    assert "name an entitlement" in await desk.refused("balance")

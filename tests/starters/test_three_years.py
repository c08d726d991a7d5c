"""A contract of three years, walked as its manager does: by commands, on a real server; each record has its own clock.

Sold by order; amended twice by hand, with the old file applied again after each; an overage approved and voided;
renewed early, with work that is heard of late; cancelled at a date. Ledger, balance, reports of periods and mails are
looked at on the way.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest_asyncio
from temporalio.client import WorkflowHandle
from typer.testing import Result

from clients.gate import UsageGate
from domain.catalog.count_terms import entitlement_terms
from domain.usage.requests import Balance, workflow_id
from domain.usage.rows import RowKind
from store import Store
from tests.starters.command_line import milepost
from tests.support import assert_eventually, unique
from worker.clock import VirtualClock
from worker.process import CACHED_WORKFLOWS, working

NEW_YORK = ZoneInfo("America/New_York")

FILE = """\
organisation: {{time_zone: America/New_York}}
accounts: [{{id: acme, manager_mail: manager@example.com, renewals_mail: renewals@example.com}}]
entitlement_templates:
  - id: care
    term: 1 year
    allowance: &allowance
      unit: visits
      cap: {cap}
      period: quarter
      carry_over: renewal
      carry_over_cap: 2
      overflow: prompt
      overage_price: {price}
      thresholds:
        - at: 75%
          actions:
            - {{do: email, to: manager@example.com, subject: "{{{{ usage.used }}}} of {{{{ usage.cap }}}}"}}
    term_end: &term_end
      policy: renew
      notices:
        - days_before: 30
          actions:
            - {{do: email, to: manager@example.com, subject: "{{{{ entitlement.id }}}} ends"}}
products: [{{id: site, entitlement_templates: [care]}}]
"""

CARE = """\
entitlements:
  - id: {id}
    account: acme
    service_contract: {order}
    contract_line_item: {order}.site
    starts_on: 2031-01-15
    ends_on: 2032-01-14
    allowance: *allowance
    term_end: *term_end
"""


def at(day: str, hour: int = 12) -> datetime:
    """An instant of a date in New York."""
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=NEW_YORK).astimezone(UTC)


class Manager:
    """Whoever looks after the contract, and what the commands say to her."""

    def __init__(self, clock: VirtualClock, store: Store, environment: dict[str, str]) -> None:
        self.clock = clock
        self.store = store
        self.environment = environment
        self.folder = Path(environment["MILEPOST_DATA"])
        self.order = unique("o")
        self.care = f"{self.order}.site.care"
        self.began: dict[str, tuple[datetime, datetime]] = {}

    async def say(self, *arguments: str | Path, **environment: str) -> Result:
        return await asyncio.to_thread(milepost, *arguments, env=self.environment | environment)

    async def done(self, *arguments: str | Path) -> str:
        result = await self.say(*arguments, "--by", "mia")
        assert result.exit_code == 0, (arguments, result.output)
        return result.stdout

    async def apply(self, *options: str, cap: int = 4, price: str = "85.00 EUR", declares: bool = True) -> Result:
        """Apply the file, with what it says now."""
        file, of_it = self.folder / "catalog.yaml", CARE.format(id=self.care, order=self.order) if declares else ""
        file.write_text(FILE.format(cap=cap, price=price) + of_it)
        return await self.say("apply", file, *options, "--by", "mia")

    async def begin(self, name: str, day: str) -> None:
        """Let its count begin, with a clock that says that date."""
        declared, organisation = self.store.catalog.entitlement(name), self.store.catalog.organisation()
        account, now = self.store.catalog.account(declared.account), at(day)
        gate = UsageGate(self.clock.client, self.environment["MILEPOST_TASK_QUEUE"])
        await gate.begin(entitlement_terms(declared, account, organisation, now=now, clock=now))

    async def to(self, day: str, name: str, hour: int = 12) -> None:
        """Let time pass for one record, up to an hour of a date in New York."""
        handle: WorkflowHandle[Any, Any] = self.clock.client.get_workflow_handle(workflow_id(name))
        if name not in self.began:
            found: Balance = await handle.query("balance", result_type=Balance)
            self.began[name] = (await self.clock.now(handle), found.at)
        real, own = self.began[name]
        await self.clock.go_to(handle, real + (at(day, hour) - own) + timedelta(seconds=2))

    async def balance(self, name: str, day: str) -> tuple[int, int, int | None, int]:
        """Used, overage, remaining and carried of the period of a date."""
        said = await self.say("balance", name, "--at", at(day).isoformat(), "--json")
        assert said.exit_code == 0, said.output
        current = json.loads(said.stdout)["current"]
        return current["used"], current["overage"], current["remaining"], current["carried"]

    async def visits(self, name: str, prefix: str, number: int, day: str, *options: str) -> None:
        """Take so many visits of a date."""
        for one in range(1, number + 1):
            said = await self.done("take", name, f"{prefix}-{one}", "--at", at(day).isoformat(), *options)
            assert f"1 visit taken of {name}" in said

    async def refused(self, *arguments: str) -> str:
        result = await self.say(*arguments, "--by", "mia")
        assert (result.exit_code, "Traceback" in result.stderr) == (2, False), result.output
        return result.stderr

    async def reports(self, name: str, expected: list[tuple[str, int, int, int | None, int | None, int]]) -> None:
        async def arrived() -> None:
            assert self.periods(name) == expected

        await assert_eventually(arrived)

    async def heard(self, name: str, *expected: tuple[str, str]) -> None:
        """These mails were sent about a record, and no others."""

        async def sent() -> None:
            assert sorted(self.mails(name)) == sorted(expected)

        await assert_eventually(sent)

    def periods(self, name: str) -> list[tuple[str, int, int, int | None, int | None, int]]:
        """What was reported last of each period: first date, used, overage, cap, unused, carried over."""
        return [
            (str(one.first_day), one.used, one.overage, one.cap, one.unused, one.carried_over)
            for one in self.store.ledgers.periods(name)
        ]

    def ledger(self, name: str) -> list[tuple[str, str | None, int]]:
        return [(str(row.kind), row.reference, row.amount) for row in self.store.ledgers.rows(name)]

    def mails(self, name: str) -> list[tuple[str, str]]:
        """To whom and about what, in their order."""
        found = [mail for mail in self.store.actions.mails() if mail.key.startswith(f"{name}/")]
        return [(mail.to[0].split("@")[0], mail.subject) for mail in found]

    async def agrees(self) -> None:
        result = await self.say("audit")
        assert result.exit_code == 0, result.output


@pytest_asyncio.fixture(loop_scope="session")
async def manager(clock: VirtualClock, task_queue: str, tmp_path: Path) -> AsyncIterator[Manager]:
    database = f"sqlite:///{tmp_path / 'milepost.db'}"
    environment = {
        "TEMPORAL_ADDRESS": clock.client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": clock.client.namespace,
        "MILEPOST_DATA": str(tmp_path),
        "MILEPOST_DATABASE_URL": database,
        "MILEPOST_TASK_QUEUE": task_queue,
    }
    with Store.open(database) as store:
        async with working(clock.client, store, task_queue=task_queue, cached_workflows=CACHED_WORKFLOWS):
            yield Manager(clock, store, environment)


async def test_a_contract_of_three_years(manager: Manager) -> None:
    """Every figure at every step, up to the last: the ledgers add up to the balances."""
    await is_sold(manager)
    await is_amended_twice(manager)
    await is_renewed_early(manager)
    await hears_of_work_late(manager)
    await is_cancelled_at_a_date(manager)
    await manager.agrees()


async def is_sold(manager: Manager) -> None:
    """By order. The file that declares the same since then changes nothing."""
    care, order = manager.care, manager.folder / "order.json"
    assert (await manager.apply(declares=False)).exit_code == 0
    sold = {"id": manager.order, "account": "acme", "starts_on": "2031-01-15", "lines": [{"product": "site"}]}
    order.write_text(json.dumps(sold))
    # Nobody may begin its count before it has a clock of its own.
    said = await manager.say("order", order, TEMPORAL_ADDRESS="127.0.0.1:1")
    assert (said.exit_code, f"created   entitlements         {care}" in said.stdout) == (0, True)
    await manager.begin(care, "2031-01-10")
    assert (await manager.apply()).stdout == "nothing to change; 5 unchanged\n"
    assert "2031-01-15 to 2032-01-14" in await manager.refused(
        "take", care, "V-0", "--at", at("2031-01-12").isoformat()
    )
    await manager.to("2031-01-20", care)
    await manager.visits(care, "V", 3, "2031-01-20")
    assert await manager.balance(care, "2031-01-20") == (3, 0, 1, 0)


async def is_amended_twice(manager: Manager) -> None:
    """The cap, then the end. What the file said before is no change; a new price is one; another cap asks."""
    care = manager.care
    await manager.to("2031-02-20", care)
    assert "the cap is 6 visits; 3 of 6" in await manager.done("amend", care, "--cap", "6", "--reason", "a larger site")
    said = await manager.apply()
    assert (said.exit_code, said.stdout.splitlines()[0]) == (0, "nothing to change; 5 unchanged")
    assert amended(said) == ["allowance.cap is 6 and stays so; the file says 4"]
    await manager.visits(care, "W", 3, "2031-02-20")
    await manager.visits(care, "X", 1, "2031-02-20", "--overage", "--reason", "agreed by phone")
    assert await manager.balance(care, "2031-02-20") == (6, 1, 0, 0)

    await manager.to("2031-05-02", care)
    await manager.reports(care, [("2031-01-15", 6, 1, 6, 0, 0)])
    await manager.done("amend", care, "--ends-on", "2032-04-14", "--reason", "one more quarter")
    said = await manager.apply(price="90.00 EUR")
    assert "allowance.overage_price: 85.00 EUR -> 90.00 EUR" in said.stdout
    stays = "ends_on is 2032-04-14 and stays so; the file says 2032-01-14"
    assert amended(said) == [stays, "allowance.cap is 6 and stays so; the file says 4"]
    assert await manager.balance(care, "2031-05-02") == (0, 0, 6, 0)

    asked = await manager.apply(price="90.00 EUR", cap=8)
    assert (asked.exit_code, "allowance.cap was amended to 6, and the file now says 8" in asked.stderr) == (2, True)
    assert await manager.balance(care, "2031-05-02") == (0, 0, 6, 0)
    said = await manager.apply("--yes", price="90.00 EUR", cap=8)
    assert (said.exit_code, amended(said)) == (0, [stays])
    assert await manager.balance(care, "2031-05-02") == (0, 0, 8, 0)
    shown = await manager.apply("--show-amended", price="90.00 EUR", cap=8)
    assert shown.stdout == f"entitlements:\n- id: {care}\n  ends_on: '2032-04-14'\n"

    assert "1 visit of the overage of X-1 voided" in await manager.done("void", care, "X-1", "--reason", "goodwill")
    await manager.reports(care, [("2031-01-15", 6, 0, 6, 0, 0)])
    overrides = [(row.amount, row.price) for row in manager.store.ledgers.rows(care) if row.kind is RowKind.OVERRIDE]
    assert overrides == [(1, "85.00 EUR"), (-1, "85.00 EUR")]


async def is_renewed_early(manager: Manager) -> None:
    """Months ahead; two of the three that are left at the end go on, and the rest has lapsed."""
    care, second = manager.care, f"{manager.care}~2"
    await manager.to("2031-12-01", care)
    said = await manager.done("renew", care, "--ends-on", "2033-04-14", "--reason", "they stay")
    assert f"goes on as {second}, 2032-04-15 to 2033-04-14" in said
    assert "already" in await manager.refused("renew", care, "--reason", "once more")
    await manager.to("2032-02-01", care)
    await manager.visits(care, "Y", 5, "2032-02-01")
    await manager.to("2032-04-15", care)
    await manager.reports(
        care,
        [
            ("2031-01-15", 6, 0, 6, 0, 0),
            ("2031-04-15", 0, 0, 8, 8, 0),
            ("2031-07-15", 0, 0, 8, 8, 0),
            ("2031-10-15", 0, 0, 8, 8, 0),
            ("2032-01-15", 5, 0, 8, 3, 2),
        ],
    )
    made = manager.store.catalog.entitlement(second)
    assert (made.renews, made.allowance and (made.allowance.cap, made.allowance.overage_price)) == (
        care,
        (8, "90.00 EUR"),
    )

    async def went_over() -> None:
        assert await manager.balance(second, "2032-04-15") == (0, 0, 10, 2)

    await assert_eventually(went_over)


async def hears_of_work_late(manager: Manager) -> None:
    """Within the old cap: the carry shrinks. What the renewal has used of it by then is overage of the old record."""
    care, second = manager.care, f"{manager.care}~2"
    await manager.to("2032-04-20", second)
    await manager.visits(care, "late", 2, "2032-04-10")

    async def is_asked_back() -> None:
        assert await manager.balance(second, "2032-04-20") == (0, 0, 9, 1)

    await assert_eventually(is_asked_back)
    assert await manager.balance(care, "2032-04-10") == (7, 0, 1, 0)
    await manager.visits(second, "Z", 9, "2032-04-20")
    await manager.visits(care, "later", 1, "2032-04-11")

    async def is_overage() -> None:
        assert await manager.balance(care, "2032-04-10") == (7, 1, 1, 0)

    await assert_eventually(is_overage)
    assert await manager.balance(second, "2032-04-20") == (9, 0, 0, 1)
    await manager.heard(
        care,
        ("manager", "3 of 4"),
        ("manager", f"Entitlement {care} has overflowed"),
        ("manager", f"{care} ends"),
        ("renewals", f"Entitlement {care}: the term to 2032-04-14 has ended"),
        ("manager", "6 of 8"),
    )


async def is_cancelled_at_a_date(manager: Manager) -> None:
    """The third year: what is planned after its last day is reversed, and what is unused then is told."""
    second, third = f"{manager.care}~2", f"{manager.care}~3"
    await manager.to("2033-04-15", second)
    quarters = [("2032-07-15", 0, 0, 8, 8, 0), ("2032-10-15", 0, 0, 8, 8, 0), ("2033-01-15", 0, 0, 8, 8, 2)]
    await manager.reports(second, [("2032-04-15", 9, 0, 9, 0, 0), *quarters])
    await manager.visits(third, "A", 1, "2033-06-01")
    await manager.to("2033-08-01", third)
    await manager.visits(third, "planned", 1, "2033-12-05")
    await manager.visits(third, "before", 1, "2033-10-20")
    said = await manager.done("cancel", third, "--on", "2033-10-31", "--reason", "moved away")
    assert said.splitlines()[1:] == ["planned after that, and reversed: planned-1"]
    assert "cancelled from Tue 2033-11-01 04:00 UTC on" in said
    assert await manager.balance(third, "2033-08-01") == (0, 0, 8, 0)
    await manager.to("2033-11-02", third)
    halves = [("2033-04-15", 1, 0, 10, 9, 0), ("2033-07-15", 0, 0, 8, 8, 0)]
    await manager.reports(third, [*halves, ("2033-10-15", 1, 0, 8, 7, 0)])
    kinds = [
        *(("carried", None, 2), ("taken", "A-1", 1), ("reset", None, 9), ("taken", "planned-1", 1)),
        *(("taken", "before-1", 1), ("cancelled", None, 0), ("reversed", "planned-1", -1), ("reset", None, 8)),
    ]
    assert manager.ledger(third) == kinds
    await manager.heard(third, ("renewals", f"Entitlement {third} was cancelled"))
    assert "it was cancelled at" in await manager.refused("take", third, "B-1", "--at", at("2033-11-01").isoformat())


def amended(said: Result) -> list[str]:
    """What an application says was amended since."""
    return [line.split(": ", 1)[1] for line in said.stdout.splitlines() if line.startswith("amended since")]

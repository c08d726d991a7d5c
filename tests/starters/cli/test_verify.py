"""`verify`: who covers a customer, what is left, and why no other; by the live count, or by what the store has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.service import RPCError

from clients.entitlements import Entitlements
from domain.coverage.matching import CoverageQuestion
from domain.usage.effects import UsageRecords
from domain.usage.requests import workflow_id
from domain.usage.rows import LedgerRow, RowKind
from starters.cli.commands.coverage import NOT_COVERED
from starters.files.catalogs import apply_files
from starters.operations.verifying import Verified, Verifying
from store import Store
from tests.starters.command_line import milepost
from tests.support import assert_eventually, unique
from worker.embedded import RunningServer
from worker.process import working

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)

CATALOG = """
organisation: {time_zone: America/New_York}
accounts:
  - {id: acme, name: Acme}
  - {id: strict, without_entitlement: refuse}
  - {id: blocked}
  - {id: asked}
  - {id: counted, time_zone: Europe/London}
products: [{id: router}]
assets: [{id: r1, account: acme, product: router}]
contacts: [{id: ann, account: acme}]
service_contracts:
  - {id: frame, account: acme}
  - {id: year, account: acme, parent: frame}
contract_line_items:
  - {id: hall, service_contract: year}
  - {id: lathes, service_contract: year, parent: hall}
entitlements:
  - {id: of-account, account: acme}
  - {id: of-frame, account: acme, service_contract: frame, ends_on: 2099-12-31}
  - {id: of-hall, account: acme, contract_line_item: hall, ends_on: 2099-12-31}
  - {id: of-asset, account: acme, asset: r1, process: Support, type: phone}
  - {id: of-ann, account: acme, contacts: [ann], process: Support}
  - {id: by-phone, account: acme, channels: [phone], ends_on: 2025-12-31}
  - {id: blocked-0, account: blocked, allowance: {unit: cases, cap: 0, overflow: block}}
  - {id: asked-0, account: asked, allowance: {unit: cases, cap: 0, overflow: prompt}}
  - {id: PREFIX-few, account: counted, starts_on: 2026-01-01, ends_on: 2099-06-30, allowance: {cap: 2, period: quarter}}
  - {id: PREFIX-few-more, account: counted, starts_on: 2026-01-01, ends_on: 2099-12-31, allowance: {cap: 5}}
  - {id: PREFIX-hours, account: counted, channels: [work], starts_on: 2026-01-01, allowance: {unit: hours, cap: 20}}
processes: [{name: Support, milestones: [{name: First response, within: 4h}]}]
"""


@pytest.fixture(scope="module")
def prefix() -> str:
    return unique("e")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, prefix: str) -> str:
    """The address of a store with the catalog."""
    folder = tmp_path_factory.mktemp("verify")
    (folder / "catalog.yaml").write_text(CATALOG.replace("PREFIX", prefix))
    url = f"sqlite:///{folder / 'milepost.db'}"
    with Store.open(url) as store:
        apply_files(store, [folder / "catalog.yaml"], by="test")
    return url


@pytest.fixture
def alone(database: str, tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has the store, and no Temporal."""
    return {"MILEPOST_DATABASE_URL": database, "MILEPOST_DATA": str(tmp_path)}


def answer(environment: dict[str, str], *options: str, code: int = 0) -> Verified:
    result = milepost("verify", *options, "--json", env=environment)
    assert result.exit_code == code, result.output
    return Verified.model_validate(json.loads(result.stdout))


# --- without a server: by the catalog ---


@pytest.mark.parametrize(
    ("options", "chosen", "by"),
    [
        ("--account acme", "of-frame", "account"),
        ("--contract year", "of-frame", "service contract"),
        ("--line-item lathes", "of-hall", "contract line item"),
        ("--asset r1", "of-asset", "asset"),
        ("--contact ann --asset r1", "of-ann", "contact"),
        ("--entitlement of-account --contact ann", "of-account", "name"),
        ("--account acme --channel phone --at 2025-06-01T12:00Z", "by-phone", "account"),
    ],
)
def test_the_best_match_is_chosen(alone: dict[str, str], options: str, chosen: str, by: str) -> None:
    """Account, contract, line item, asset, contact and name; parents count, and the instant."""
    found = answer(alone, *options.split())
    assert found.chosen
    assert (found.chosen.entitlement, found.chosen.by, found.next_case) == (chosen, by, "covered")


def test_every_other_says_why_not(alone: dict[str, str]) -> None:
    found = answer(alone, "--asset", "r1")
    others = {other.entitlement: other.why for other in found.others}
    assert others.keys() == {"of-account", "of-frame", "of-hall", "of-ann", "by-phone"}
    assert others["of-ann"] == "it covers contact 'ann', and the case names no contact"
    assert others["by-phone"] == "it expired at the end of 2025-12-31"
    assert others["of-account"] == "it has no process, 'of-asset' has 'Support'"


def test_the_answer_as_people_read_it(alone: dict[str, str]) -> None:
    result = milepost("verify", "--asset", "r1", "--contract", "year", env=alone)
    assert result.stdout.splitlines() == [
        "covered by of-asset, which matches by its asset",
        "  type            phone",
        "  process         Support",
        "  term            always to no end, America/New_York",
        "  allowance       nothing is counted",
        "not chosen:",
        "  of-frame    it has no process, 'of-asset' has 'Support'",
        "  of-hall     it has no process, 'of-asset' has 'Support'",
        "  of-account  it has no process, 'of-asset' has 'Support'",
        "  by-phone    it expired at the end of 2025-12-31",
        "  of-ann      it covers contact 'ann', and the case names no contact",
    ]


def test_a_case_from_an_entitlement_that_does_not_match_would_be_refused(alone: dict[str, str]) -> None:
    """As its opening is; whatever else would match."""
    found = answer(alone, "--account", "acme", "--entitlement", "by-phone", code=NOT_COVERED)
    assert (found.chosen, found.next_case, found.covered_by) == (None, "refused", None)
    others = {other.entitlement: other.why for other in found.others}
    assert others["of-account"] == "it matches, but the case is to be opened from 'by-phone'"
    assert others["by-phone"] == "it expired at the end of 2025-12-31"


@pytest.mark.parametrize(
    ("account", "next_case", "says"),
    [
        ("strict", "refused", "not covered: no entitlement matches; a case would be refused"),
        ("blocked", "blocked", "nothing is left of it; a case would be refused"),
        ("asked", "asked", "nothing is left of it; somebody would be asked about one more"),
    ],
)
def test_who_is_not_covered_ends_with_3(alone: dict[str, str], account: str, next_case: str, says: str) -> None:
    """Which is no error: 1 is that it went wrong, 2 that it can't be asked like that."""
    assert answer(alone, "--account", account, code=NOT_COVERED).next_case == next_case
    result = milepost("verify", "--account", account, env=alone)
    assert result.exit_code == NOT_COVERED == 3
    assert says in result.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--account acne", "unknown account 'acne'; did you mean 'acme'?"),
        ("--account acme --asset r2", "unknown asset 'r2'; there are r1"),
        ("--account acme --at yesterday", "is no time; write one like"),
        ("--account acme --at 0001-01-01T00:00Z", "'0001-01-01T00:00Z' is outside the years 1900 to 2999"),
        ("--account acme --at 9999-12-31T23:59Z", "'9999-12-31T23:59Z' is outside the years 1900 to 2999"),
        ("--channel phone", "say who it is: --account"),
    ],
)
def test_what_cannot_be_asked_ends_with_2(alone: dict[str, str], options: str, says: str) -> None:
    result = milepost("verify", *options.split(), env=alone)
    assert (result.exit_code, "Traceback" in result.output) == (2, False)
    assert says in " ".join(result.output.split())


def test_without_a_count_the_store_says_what_was_left(alone: dict[str, str], prefix: str) -> None:
    """Of an entitlement of which nothing was ever taken everything is left; who is asked is told where that is from."""
    found = answer(alone, "--account", "counted", "--at", "2027-02-20T12:00Z")
    assert found.chosen
    left = found.chosen.allowance
    assert left
    assert (found.chosen.entitlement, left.remaining, left.cap, left.live) == (f"{prefix}-few", 2, 2, False)
    assert str(left.period_from) == "2027-01-01"
    text = milepost("verify", "--account", "counted", "--at", "2027-02-20T12:00Z", env=alone).stdout
    assert "2 of 2 cases left, until Thu 2027-04-01 00:00; as the store recorded it last" in text


# --- with a server: by the live count ---


def test_a_case_that_is_promised_nothing_is_told(alone: dict[str, str]) -> None:
    """Where another entitlement of the account has a process, with why it is not the one; else it is not."""
    said = milepost("verify", "--account", "acme", env=alone).stdout
    promises = "has process 'Support', but it covers contact 'ann', and the case names no contact, and 1 more"
    assert f"  nothing is promised: of-ann {promises}\n" in said
    assert answer(alone, "--account", "acme", "--contact", "ann").unpromised is None
    assert answer(alone, "--account", "blocked", code=NOT_COVERED).unpromised is None


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def live(
    server: RunningServer, client: Client, database: str, prefix: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, str]]:
    """The environment of somebody beside whom a worker is at work."""
    task_queue = unique("queue")
    with Store.open(database) as store:
        async with working(client, store, task_queue=task_queue):
            yield {
                "TEMPORAL_ADDRESS": server.address,
                "TEMPORAL_NAMESPACE": client.namespace,
                "MILEPOST_DATA": str(tmp_path_factory.mktemp("live")),
                "MILEPOST_DATABASE_URL": database,
                "MILEPOST_TASK_QUEUE": task_queue,
            }
            with suppress(RPCError):  # it was never asked
                await client.get_workflow_handle(workflow_id(f"{prefix}-few")).terminate()


async def _command(environment: dict[str, str], *arguments: str) -> Any:
    result = await asyncio.to_thread(milepost, *arguments, "--json", env=environment)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


async def test_what_is_left_is_counted_live_and_decides(
    live: dict[str, str], database: str, client: Client, prefix: str
) -> None:
    """Two cases empty the first of two that match alike; then the other is chosen, and the answer says why."""

    async def verify() -> Verified:
        return Verified.model_validate(await _command(live, "verify", "--account", "counted"))

    before = await verify()
    assert before.chosen
    assert before.chosen.allowance
    assert (before.chosen.entitlement, before.chosen.allowance.remaining) == (f"{prefix}-few", 2)
    assert before.chosen.allowance.live
    case = unique("case")
    for one in (unique("case"), case):
        opened = await _command(live, "open", one, "--account", "counted")
    assert (opened["coverage"]["entitlement"], opened["coverage"]["left"]["remaining"]) == (f"{prefix}-few", 0)
    shown = (await asyncio.to_thread(milepost, "show", case, env=live)).stdout
    assert f"account counted, covered by {prefix}-few" in shown
    assert f"covered by {prefix}-few, which matches by its account; 0 of 2 cases left. Not " in shown
    after = await verify()
    assert after.chosen
    assert (after.chosen.entitlement, after.covered_by) == (f"{prefix}-few-more",) * 2
    why = next(other.why for other in after.others if other.entitlement == f"{prefix}-few")
    assert why == f"its allowance is used up, that of '{prefix}-few-more' is not"
    named = await _command(live, "verify", "--entitlement", f"{prefix}-few")
    assert (named["chosen"]["entitlement"], named["next_case"]) == (f"{prefix}-few", "falls_back")
    assert (named["chosen"]["allowance"]["remaining"], named["covered_by"]) == (0, f"{prefix}-few-more")

    async def recorded() -> None:  # the same by the store, when nobody answers any more
        with Store.open(database) as store:
            question = CoverageQuestion(entitlement=f"{prefix}-few", at=datetime.now(UTC))
            found = await Verifying(store, None).verify(question)
        assert found.chosen
        assert found.chosen.allowance
        assert (found.chosen.allowance.remaining, found.chosen.allowance.live) == (0, False)

    await assert_eventually(recorded)


async def test_a_count_that_does_not_answer_is_passed_over(live: dict[str, str], database: str, client: Client) -> None:
    """The store's word counts then, and the answer says so."""
    started = unique("E")
    await client.start_workflow("Nobody", id=workflow_id(started), task_queue=unique("nobody"))
    try:
        with Store.open(database) as store:
            verifying = Verifying(store, Entitlements(client, "nowhere", patience=0.5))
            entitlement = store.catalog.entitlement("blocked-0").model_copy(update={"id": started})
            left = await verifying._left_of(entitlement, datetime.now(UTC))
        assert left
        assert (left.remaining, left.live) == (0, False)
    finally:
        await client.get_workflow_handle(workflow_id(started)).terminate()


async def test_a_count_that_was_terminated_does_not_count(database: str, client: Client, prefix: str) -> None:
    """Nobody runs: the next taking begins from nothing. By the store alone, the newest count says what is left."""
    row = LedgerRow(
        number=1,
        kind=RowKind.TAKEN,
        period=0,
        first_day=date(2026, 1, 1),
        used_after=60,
        overage_after=0,
        cap_after=1200,
        balance_after=1140,
        at=AT,
        recorded_at=AT,
    )
    newer = row.model_copy(update={"used_after": 120, "balance_after": 1080, "recorded_at": AT + timedelta(days=1)})
    with Store.open(database) as store:
        for count, one in (("zeroth", newer), ("later", row)):
            store.ledgers.record(
                UsageRecords(
                    entitlement_id=f"{prefix}-hours",
                    count=count,
                    account="counted",
                    unit="hours",
                    rows=[one],
                    periods=[],
                )
            )
        hours = store.catalog.entitlement(f"{prefix}-hours")
        stored = await Verifying(store, None)._left_of(hours, AT)
        live = await Verifying(store, Entitlements(client, "nowhere", patience=5))._left_of(hours, AT)
    assert stored
    assert live
    assert (stored.remaining, stored.live) == (18, False)
    assert (live.remaining, live.live) == (20, True)

"""``milepost import``: a verdict on each row, and a second run that repeats nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from starters.files.catalogs import apply_files
from store import Store
from tests.starters.command_line import beside_a_worker, milepost
from tests.support import unique

CATALOG = """
fields: {priority: string}
processes: [{name: Support, milestones: [{name: First response, within: 4h}]}]
accounts: [{id: acme}]
entitlements:
  - {id: GOLD, account: acme, process: Support}
  - {id: BANK, account: acme, starts_on: 2025-01-01, allowance: {unit: hours, cap: 10}}
"""
MAPPING = Path(__file__).parents[3] / "catalogs"


@pytest_asyncio.fixture(loop_scope="session")
async def environment(client: Client, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """Of a worker that is at work."""
    (tmp_path / "catalog.yaml").write_text(CATALOG.replace("BANK", unique("bank")).replace("GOLD", unique("gold")))
    async with beside_a_worker(client, tmp_path, tmp_path / "catalog.yaml") as environment:
        yield environment


async def test_an_import_ends_where_it_was_and_repeats_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    """Open, closed and wrong rows; run again, all that was taken is there already."""
    one, two = unique("c"), f"INC/{unique('c')}"
    (cases := tmp_path / "cases.csv").write_text(
        "Ticket,Customer,Opened,Agent,Prio,Answered,Closed\n"
        f"{one},Acme Corp.,01.12.2025 09:00,ann,1,01.12.2025 10:00,\n"
        f"{two},Acme Corp.,01.12.2025 09:00,ann,2,01.12.2025 15:00,02.12.2025 09:00\n"
        f"{unique('c')},Nobody,01.12.2025 09:00,ann,2,,\n"
    )

    async def imported(*arguments: str | Path) -> tuple[int, list[str], str]:
        done = await asyncio.to_thread(milepost, "import", cases, *arguments, env=environment)
        return done.exit_code, done.stdout.splitlines(), done.stderr

    mapping = ("--mapping", MAPPING / "cases.mapping.yaml")
    code, said, _ = await imported(*mapping, "--dry-run")
    assert (code, len(said)) == (2, 3)
    code, said, told = await imported(*mapping)
    assert code == 2, told
    assert said[0] == f"row 1  {one}  taken: opened, First response completed"
    assert said[1] == f"row 2  {two}  taken: opened, First response completed, closed"
    assert said[2].endswith("unreadable: column 'Customer': unknown value 'Nobody'; there are Acme Corp.")
    assert "3 rows: 2 taken, 1 unreadable" in told
    code, said, _ = await imported(*mapping, "--json")
    assert [json.loads(line)["outcome"] for line in said] == ["already", "already", "unreadable"]
    code, said, _ = await imported(*mapping, "--after", "2")
    assert [line.split()[1] for line in said] == ["3"]
    shown = json.loads(
        (await asyncio.to_thread(milepost, "show", two.replace("/", "~2F"), "--json", env=environment)).stdout
    )
    [milestone] = shown["milestones"]
    assert (milestone["violated"], shown["closed_at"]) == (True, "2025-12-02T08:00:00Z")


async def test_time_entries_count_once_however_often_they_are_imported(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """Those without an id of their own too; one of a case that there is not is refused."""
    case = unique("c")
    await asyncio.to_thread(
        milepost, "open", case, "--account", "acme", "--opened-at", "2025-12-01T09:00Z", env=environment
    )
    (entries := tmp_path / "entries.csv").write_text(
        f"Ticket,Time,Day\n{case},90,01.12.2025 12:00\n{unique('nope')},5,01.12.2025 12:00\n"
    )
    (mapping := tmp_path / "m.yaml").write_text(
        "rows: time_entries\ncase_id: Ticket\nworked: Time\nworked_at: Day\n"
        'times: {format: "%d.%m.%Y %H:%M", time_zone: UTC}\n'
    )
    for _ in range(2):
        done = await asyncio.to_thread(milepost, "import", entries, "--mapping", mapping, env=environment)
        assert done.exit_code == 2, done.stderr
        assert [line.split()[3] for line in done.stdout.splitlines()] == ["taken:", "refused:"]
    balance = await asyncio.to_thread(milepost, "balance", "--account", "acme", "--json", env=environment)
    [bank] = json.loads(balance.stdout)
    assert bank["current"]["used"] == 90, balance.stdout
    unknown = await asyncio.to_thread(milepost, "balance", "--account", "acm", env=environment)
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert "unknown account 'acm'; did you mean 'acme'?" in unknown.stderr


@pytest.mark.parametrize("arguments", [("nope.csv",), ()])
def test_what_is_not_there_is_told(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """In one line, with exit code 2."""
    env = {"MILEPOST_DATA": str(tmp_path), "MILEPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'm.db'}"}
    Store.open(env["MILEPOST_DATABASE_URL"]).close()
    done = milepost("import", *arguments, "--mapping", MAPPING / "cases.mapping.yaml", env=env)
    assert done.exit_code == 2


def test_a_dry_run_says_what_the_catalog_has_against_a_row(tmp_path: Path) -> None:
    """Names that nobody knows, fields that do not fit, milestones of another process, cases that there are not."""
    environment = stored(tmp_path)
    (cases := tmp_path / "cases.csv").write_text(
        "Ticket,Customer,From,Prio,Opened,Answered\n"
        "1,acme,,High,2026-03-02 09:00,\n"
        "2,acm,,High,2026-03-02 09:00,\n"
        "3,acme,GOLD,7,2026-03-02 09:00,2026-03-02 10:00\n"
        "4,strict,,High,2026-03-02 09:00,\n"
        "5,strict,GOLD,High,2026-03-02 09:00,\n"
        "6,acme,,High,2199-03-02 09:00,\n"
    )
    (mapping := tmp_path / "cases.mapping.yaml").write_text(
        "case_id: Ticket\naccount: Customer\nentitlement: From\nfields: {priority: Prio}\nopened_at: Opened\n"
        "completed: {Answer: Answered}\ntimes: {format: '%Y-%m-%d %H:%M', time_zone: UTC}\n"
    )
    done = milepost("import", cases, "--mapping", mapping, "--dry-run", env=environment)
    assert done.exit_code == 2
    said = [line.split(": ", 1) for line in done.stdout.splitlines()]
    assert [outcome.split()[-1] for outcome, _ in said] == ["taken", *["refused"] * 5]
    *texts, future = (text for _, text in said)
    assert future.startswith("opened_at Sat 2199-03-02 09:00 UTC is in the future")
    assert texts == [
        "would be sent: open",
        "unknown account 'acm'; did you mean 'acme'?",
        "unknown milestone 'Answer' of process 'Support'; there are First response",
        "account 'strict' takes no case without an entitlement",
        "the case can't have entitlement 'GOLD': it belongs to account 'acme', the case to 'strict'",
    ]
    (entries := tmp_path / "entries.csv").write_text("Ticket,Time\n1,90\n")
    mapping.write_text("rows: time_entries\ncase_id: Ticket\nworked: Time\ntimes: {time_zone: UTC}\n")
    done = milepost("import", entries, "--mapping", mapping, "--dry-run", env=environment)
    assert done.stdout == "row 1  1  refused: unknown case '1'\n"


def test_a_mapping_that_is_nested_too_deeply_is_told(tmp_path: Path) -> None:
    environment = stored(tmp_path)
    (cases := tmp_path / "cases.csv").write_text("Ticket\n1\n")
    (mapping := tmp_path / "m.yaml").write_text(f"case_id: Ticket\naccount: {'[' * 3000}{']' * 3000}\n")
    done = milepost("import", cases, "--mapping", mapping, env=environment)
    assert (done.exit_code, done.stderr) == (2, f"milepost: {mapping}: no YAML: it is nested too deeply\n")


def stored(folder: Path) -> dict[str, str]:
    """A store with the catalog, and an account that takes no case without an entitlement; where it is."""
    url = f"sqlite:///{folder / 'milepost.db'}"
    (file := folder / "catalog.yaml").write_text(
        CATALOG.replace("accounts: [{id: acme}]", "accounts: [{id: acme}, {id: strict, without_entitlement: refuse}]")
    )
    with Store.open(url) as store:
        apply_files(store, [file], by="test")
    return {"MILEPOST_DATA": str(folder), "MILEPOST_DATABASE_URL": url}


def test_times_that_clocks_skipped_or_had_twice_are_told(tmp_path: Path) -> None:
    """They are taken, and the verdict of their row says as what."""
    environment = stored(tmp_path)
    (cases := tmp_path / "cases.csv").write_text(
        "Ticket,Opened\nINC/1,29.03.2026 02:30\nINC/2,25.10.2026 02:30\nINC/3,25.10.2026 03:30\n"
    )
    (mapping := tmp_path / "cases.mapping.yaml").write_text(
        "case_id: Ticket\naccount: {value: acme}\nopened_at: Opened\n"
        "times: {format: '%d.%m.%Y %H:%M', time_zone: Europe/Berlin}\n"
    )
    done = milepost("import", cases, "--mapping", mapping, "--dry-run", env=environment)
    skipped, twice, plain = done.stdout.splitlines()
    assert skipped == (
        "row 1  INC/1  taken: would be sent: open; 29.03.2026 02:30 never was in Europe/Berlin, whose clocks went "
        "forward then; taken as 2026-03-29T01:30:00Z"
    )
    assert twice == (
        "row 2  INC/2  taken: would be sent: open; 25.10.2026 02:30 was twice in Europe/Berlin, whose clocks went back "
        "then; taken as 2026-10-25T00:30:00Z, the first"
    )
    assert plain == "row 3  INC/3  taken: would be sent: open"

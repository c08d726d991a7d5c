"""``balance`` and ``audit``: what is left of entitlements, and whether their ledgers say the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli import arguments, completion, zones
from starters.cli.options import InPeriod, argument, option
from starters.cli.running import connected, run, stored

if TYPE_CHECKING:
    from datetime import tzinfo

    from domain.usage.requests import Balance, PeriodBalance
    from starters.operations.auditing import Audited, AuditedCases, Auditor


def balance(
    entitlement: Annotated[
        str | None, argument("[ENTITLEMENT]", "The id of the entitlement.", completion.entitlements)
    ] = None,
    account: Annotated[
        str | None,
        option("--account", "ID", "All of an account that have not ended, soonest exhausted first."),
    ] = None,
    at: InPeriod = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the balance as JSON.")] = False,
) -> None:
    """Show what an entitlement has left, and what was used of it in this period and the ones before.

    Example: milepost balance acme-gold
    """
    import json

    if (entitlement is None) == (account is None):
        raise typer.BadParameter("name an entitlement, or an account with --account")
    if account is not None:
        instant = None if at is None else arguments.instant(at, "--at", zones.of_account(account))
        all_of_it = run(_balances(account, instant))
        if not all_of_it:
            with stored() as store:
                store.names.check(account=account)
        if as_json:
            typer.echo(json.dumps([one.model_dump(mode="json") for one in all_of_it], indent=2, ensure_ascii=False))
        else:
            zone = zones.shown(zones.of_account(account))
            shown = [line for one in all_of_it for line in _shown(one, one.status, zone).splitlines()[:2]]
            typer.echo("\n".join(shown) or f"nothing of account {account} is counted")
        return
    assert entitlement is not None  # noqa: S101  checked just now
    instant = None if at is None else arguments.instant(at, "--at", zones.of_entitlement(entitlement))
    found, is_retired = run(_balance(entitlement, instant))
    status = "retired" if is_retired else found.status
    if as_json:
        said = json.dumps(found.model_dump(mode="json") | {"status": status}, indent=2, ensure_ascii=False)
    else:
        said = _shown(found, status, zones.shown(zones.of_entitlement(entitlement)))
    typer.echo(said)


def audit(
    entitlements: Annotated[
        list[str] | None,
        argument("[ENTITLEMENT]...", "Their ids; left out: all that have a ledger.", completion.entitlements),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print the result as JSON, a line for each entitlement, and each case that is not at work.",
        ),
    ] = False,
) -> None:
    """Check that the ledger of each entitlement adds up to its balance, and that each open case is at work.

    Exit code 1: a ledger does not add up, or a case or an entitlement is not at work. A ledger does not add up if its
    workflow was terminated: counting began again, and what was used before in the current period is missing until an
    adjustment adds it. A case is not at work if its workflow was terminated, cancelled or reset; cases that changed
    within ten minutes are left out of this. Nor is a case or an entitlement that is held up: stuck in a step that is
    due and fails, or wedged, with a workflow that fails at all that it is to do.

    Without a name, each case on record is checked too: what reports are made from, what its timeline works out anew and
    what its events say must agree.

    Example: milepost audit acme-gold
    """
    found, cases = run(_audit(entitlements or [], as_json))
    wrong = sum(not one.agrees for one in found)
    reports = _Reports() if entitlements else _audit_reports(as_json)
    if not as_json:
        rows = sum(one.rows for one in found)
        said = f"{wrong} not as the ledger says" if wrong else "all as the ledger says"
        typer.echo(f"entitlements: {len(found)}, rows: {rows}; {said}")
        if cases is not None:
            counts = {"ended from outside": len(cases.ended), "held up": len(cases.held_up)}
            said = ", ".join(f"{many} {so}" for so, many in counts.items() if many) or "all at work"
            typer.echo(f"open cases that have not changed for ten minutes: {cases.checked}; {said}")
        if not entitlements:
            said = (
                f"{reports.wrong} not as reports or the feed say"
                if reports.wrong
                else "all as reports and the feed say"
            )
            typer.echo(f"cases: {reports.cases}, milestones: {reports.instances}; {said}")
    at_work = cases is None or not (cases.ended or cases.held_up)
    if wrong or reports.wrong or not at_work or any(one.stuck for one in found):
        raise typer.Exit(1)


@dataclass
class _Reports:
    """How many cases were held against reports and the feed, and how many of them do not agree."""

    cases: int = 0
    instances: int = 0
    wrong: int = 0


def _audit_reports(as_json: bool) -> _Reports:
    import json

    found = _Reports()
    with stored() as store:
        for one in store.reports.audit():
            found.cases += 1
            found.instances += one.instances
            found.wrong += bool(one.discrepancies)
            if as_json and one.discrepancies:
                typer.echo(json.dumps(one._asdict(), ensure_ascii=False))
            elif not as_json:
                for line in one.discrepancies:
                    typer.echo(f"case {one.case_id}: {line}")
    return found


async def _balances(account: str, instant: datetime | None) -> list[Balance]:
    async with _auditor() as auditor:
        return await auditor.balances(account, instant)


async def _balance(entitlement: str, instant: datetime | None) -> tuple[Balance, bool]:
    async with _auditor() as auditor:
        return await auditor.balance(entitlement, instant), await auditor.is_retired(entitlement)


async def _audit(entitlements: list[str], as_json: bool) -> tuple[list[Audited], AuditedCases | None]:
    found: list[Audited] = []
    cases: AuditedCases | None = None
    async with _auditor() as auditor:
        if not entitlements:  # before any is asked: one that is wedged does not answer
            cases = await auditor.audit_cases()
            for case in cases.ended:
                typer.echo(case.model_dump_json() if as_json else f"case {case.case_id}: {case.text}")
            for held in cases.held_up:
                typer.echo(held.model_dump_json() if as_json else f"{held.workflow}: {held.text}")
        async for one in auditor.audit(entitlements):
            found.append(one)
            if as_json:
                typer.echo(one.model_dump_json())
            else:
                stuck = [f"stuck: {one.stuck}"] if one.stuck else []
                for line in (*one.discrepancies, *(count.text for count in one.ended), *stuck):
                    typer.echo(f"{one.entitlement}: {line}")
    return found, cases


@asynccontextmanager
async def _auditor() -> AsyncIterator[Auditor]:
    from starters.operations.auditing import Auditor

    async with connected() as (client, store, task_queue):
        yield Auditor(client, store, task_queue)


def _shown(balance: Balance, status: str, zone: tzinfo) -> str:
    from domain.usage.units import amount_text
    from domain.wording import instant

    left = balance.current.remaining
    said = "unlimited" if left is None else f"{amount_text(left, balance.unit)} left"
    if balance.current.grant_left:
        said += f" and {amount_text(balance.current.grant_left, balance.unit)} granted"
    name = f"{balance.entitlement_id} ({balance.name})" if balance.name else balance.entitlement_id
    lines = [
        f"{name}, account {balance.account}: {said}, {status}",
        *(_period(period, balance.unit) for period in (balance.current, *balance.past)),
    ]
    if balance.changes_at:
        lines.append(f"changes at {instant(balance.changes_at, zone)}")
    if balance.renewal:
        lines.append(f"goes on as {balance.renewal}")
    if balance.stuck:
        lines.append(f"stuck: {balance.stuck}")
    lines += [f"failed for good: {failure.key}: {failure.error}" for failure in balance.failures]
    return "\n".join(lines)


def _period(period: PeriodBalance, unit: str) -> str:
    from domain.reports.shares import share
    from domain.usage.units import amount_text

    parts = [f"{amount_text(period.used, unit)} used"]
    if period.cap is not None:
        parts[0] += f" of {amount_text(period.cap, unit)}"
        used = share(period.used, period.cap)
        parts[0] += "" if used is None else f" ({used:g}%)"
    if period.carried:
        parts.append(f"{amount_text(period.carried, unit)} of them carried over")
    if period.granted:
        parts.append(f"{amount_text(period.grant_used, unit)} of {amount_text(period.granted, unit)} granted used")
    if period.overage:
        parts.append(f"{amount_text(period.overage, unit)} beyond")
    if period.overflows:
        parts.append(amount_text(period.overflows, "overflows"))
    return f"  from {period.first_day or 'ever'}: {', '.join(parts)}"

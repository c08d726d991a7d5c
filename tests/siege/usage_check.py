"""Entitlements counted once more: a slow counter, fed the requests that their histories have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from domain.catalog.declarations import Entitlement
from domain.usage.audit import audit
from domain.usage.requests import Balance
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.units import measures_per_unit
from store.values import Mail, TaskEntry
from tests.models.slow_usage import SlowUsage
from tests.siege.histories import Asked, Run

_FIRST = date(2000, 1, 1)
_LAST = date(2100, 1, 1)


class Recount:
    """One entitlement, counted slowly.

    Attributes:
        wrong: what its workflow answered otherwise.
    """

    def __init__(self, declared: Entitlement) -> None:
        allowance = declared.allowance
        assert allowance is not None
        self.declared, self.allowance = declared, allowance
        self.per_unit = measures_per_unit(allowance.unit)
        self.model = SlowUsage(
            None if allowance.cap is None else int(allowance.cap * self.per_unit),
            allowance.period,
            allowance.aligned,
            declared.starts_on or _FIRST,
            declared.ends_on or _LAST,
            ZoneInfo("Etc/UTC"),
            policy=allowance.overflow,
        )
        self.wrong: list[str] = []
        self._changed: set[str] = set()

    def walk(self, runs: Iterable[Run]) -> None:
        """Go through all runs of the entitlement."""
        for run in runs:
            for step in run.steps:
                for asked in step.asked:
                    self.model.advance(step.now)
                    self._take(asked)

    def _take(self, asked: Asked) -> None:
        if not asked.is_answered:
            self.wrong.append(f"{asked.name} was accepted and never answered")
            return
        if asked.refused is not None:
            return  # accepted, and refused in the end: nothing is counted
        [given] = asked.arguments
        match asked.name:
            case "consume":
                self._consume(given, asked.answer)
            case "consume_many":
                for one, answer in zip(given, asked.answer, strict=True):
                    self._consume(one, answer)
            case "log_hours":
                self._log(given, asked.answer)
            case "approve_overage":
                self._decide(given, asked.answer)
            case _:
                self._change(asked.name, given, asked.answer)

    def _consume(self, given: dict[str, Any], answer: dict[str, Any]) -> None:
        at = datetime.fromisoformat(given["occurred_at"])
        said = self.model.take(given["reference"], given["event_id"], at, given.get("amount", 1))
        self._compare(f"consume {given['reference']}", answer["outcome"], said)

    def _log(self, given: dict[str, Any], answer: dict[str, Any]) -> None:
        at, minutes = datetime.fromisoformat(given["worked_at"]), given["minutes"]
        if given.get("yields") and not self.model.has_room(given["id"], at):
            # Another has something left and is asked next: nothing of it goes on record here.
            self._compare(f"hours of {given['id']}", (answer["outcome"], answer["taken"]), ("exhausted", 0))
            return
        step = 1 if given.get("is_rest") else self.allowance.minutes_counted(1)  # rounds only
        said = self.model.log(given["id"], at, minutes, step, has_fallback=bool(given.get("has_fallback")))
        if said is not None:
            taken = answer["taken"], answer["overage"], answer["left_over"]
            self._compare(f"hours of {given['id']}", taken, (said.used, said.overage, said.left_over))

    def _decide(self, given: dict[str, Any], answer: dict[str, Any]) -> None:
        reference = given["reference"]
        if self.allowance.unit != "hours":
            at = datetime.fromisoformat(given["occurred_at"])
            said = self.model.decide(reference, at, given.get("amount", 1), yes=given["approved"])
            self._compare(f"decision on {reference}", answer["outcome"], said)
        elif given["approved"]:
            self._compare(f"decision on {reference}", answer["outcome"], self.model.approve(reference))

    def _change(self, name: str, given: dict[str, Any], answer: dict[str, Any]) -> None:
        repeated = given["event_id"] in self._changed
        self._changed.add(given["event_id"])
        self._compare(f"{name} {given['event_id']} again", answer["outcome"] == "already", repeated)
        if repeated:
            return
        match name:
            case "adjust":
                done = self.model.adjust(datetime.fromisoformat(given["occurred_at"]), given["amount"])
            case "reverse":
                done = self.model.reverse(given["reference"])
            case "amend" if isinstance(given.get("cap"), int):
                done = self.model.amend(given["cap"] * self.per_unit)
            case _:
                done = True  # changes nothing that is counted here
        self._compare(f"{name} {given['event_id']}", "done", "done" if done else "refused")

    def _compare(self, what: str, engine: object, slow: object) -> None:
        if engine != slow:
            self.wrong.append(f"{what}: {engine} by the engine and {slow} by the slow counter")


def usage_findings(
    declared: Entitlement, runs: Sequence[Run], balance: Balance, rows: Sequence[LedgerRow]
) -> Iterator[str]:
    """What does not agree between the slow counter, the ledger and the balance of one entitlement."""
    recount = Recount(declared)
    recount.walk(runs)
    yield from recount.wrong
    yield from audit(rows, balance)
    entries = recount.model.everything()
    used, overage = sum(entry.used for entry in entries), sum(entry.overage for entry in entries)
    current = balance.current
    if (current.used, current.overage) != (used, overage):
        counted = current.used, current.overage
        yield f"used and beyond the cap: {counted} by the balance, {(used, overage)} by the slow counter"
    added = sum(row.used for row in rows), sum(row.overage for row in rows)
    if added != (used, overage):
        yield f"the ledger adds up to {added}, the slow counter to {(used, overage)}"
    twice = Counter(row.reference for row in rows if row.kind is RowKind.TAKEN)
    yield from (f"{reference} was taken {times} times" for reference, times in twice.items() if times > 1)


def mail_findings(
    declared: Entitlement,
    rows: Sequence[LedgerRow],
    mails: Sequence[Mail],
    tasks: Sequence[TaskEntry],
    *,
    has_manager: bool,
) -> Iterator[str]:
    """Whether each mark that was passed, and each overflow, was told once.

    Args:
        declared: the entitlement as it began.
        rows: its ledger.
        mails: those under its keys.
        tasks: likewise.
        has_manager: whether somebody is told of every overflow.
    """
    assert declared.allowance is not None
    keys = [*(mail.key for mail in mails), *(task.key for task in tasks)]
    told = Counter(key.split("/")[3] for key in keys if "/threshold/" in key)
    passed: set[str] = set()
    for row in rows:
        if row.cap_after is not None and row.kind is not RowKind.AMENDED:
            cap = row.cap_after
            passed |= {t.id for t in declared.allowance.thresholds if row.used > 0 and row.used_after >= t.of(cap)}
    yield from (f"the mark {mark} was passed and not told" for mark in sorted(passed - set(told)))
    yield from (f"the mark {mark} was told {times} times" for mark, times in told.items() if times > 1)
    if not has_manager:
        return
    wanted = Counter(str(row.reference) for row in rows if row.kind is RowKind.OVERFLOW)
    lines = Counter(line for mail in mails if "/overflow/" in mail.key for line in _overflows(mail))
    yield from (f"the overflow of {reference} was not mailed" for reference in (wanted - lines))
    yield from (f"the overflow of {reference} was mailed too often" for reference in (lines - wanted))


def _overflows(mail: Mail) -> Iterator[str]:
    for line in mail.body.splitlines():
        if line.startswith("- "):
            yield line.removeprefix("- ").partition(",")[0]


def covered_findings(
    entitlement: str, rows: Sequence[LedgerRow], planned: Mapping[str, set[str]], covered: Iterable[str]
) -> Iterator[str]:
    """Whether an entitlement counted exactly the cases that took it.

    Args:
        entitlement: its id.
        rows: its ledger.
        planned: of every case the entitlements that it was ever planned under.
        covered: the cases that have it now.
    """
    taken = {str(row.reference) for row in rows if row.kind in {RowKind.TAKEN, RowKind.OVERRIDE}}
    cases = {reference for reference in taken if not reference.startswith("walk-")}
    for case_id in sorted(cases):
        if case_id not in planned:
            yield f"{case_id} was counted, and there is no such case"
        elif entitlement not in planned[case_id]:
            yield f"{case_id} was counted, and never had this entitlement"
    yield from (f"{case_id} has it and was not counted" for case_id in sorted(set(covered) - cases))

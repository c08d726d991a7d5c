"""Overrides for billing: what was taken beyond a cap by somebody's decision, with who and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from domain.reports.asking import ReportAsked
from domain.reports.billing import Override, costs_together
from domain.reports.grouping import NONE
from domain.reports.kinds import parts
from domain.reports.kinds.adding_up import added_up
from domain.reports.result import Cell, Column, ColumnKind, Report
from domain.usage.units import HOURS, measures_per_unit
from domain.wording import plural

NOTES = (
    "Counted is each decision by which something beyond a cap is billed, as the ledger has it.",
    "A negative amount takes an earlier decision back: what was exported is paid back, what was not is not billed.",
    "The price is of one unit, as it was when somebody was asked. The cost is rounded once a line, half up.",
    "Export: which export took it; each is taken by one, once. What was taken back whole before, none takes.",
    "Each lies in the period of its own instant; what takes one back before any export took it lies in the same.",
)
ADDED_UP = (
    NOTES[0],
    "A decision and what takes it back again both count; their amounts and costs are added up.",
    "Each lies in the period of its own instant, on the wall clock of its account.",
    "What takes one back before any export took it lies in the same period.",
)
SUMS = ("account", "entitlement", "unit", "decided_by")
"""What decisions can be added up by, beside the calendar periods in which they lie."""

_DIGITS = 6
"""Of hours: a minute is 0.016667 of one."""

COLUMNS = (
    Column("account", "Account", ColumnKind.TEXT, is_group=True),
    Column("entitlement", "Entitlement", ColumnKind.TEXT, is_group=True),
    Column("reference", "For", ColumnKind.TEXT, is_group=True),
    Column("at", "At", ColumnKind.INSTANT),
    Column("amount", "Amount", ColumnKind.AMOUNT),
    Column("unit", "Unit", ColumnKind.TEXT),
    Column("price", "Price", ColumnKind.MONEY),
    Column("cost", "Cost", ColumnKind.MONEY),
    Column("decided_by", "Decided by", ColumnKind.TEXT),
    Column("reason", "Reason", ColumnKind.TEXT),
    Column("export", "Export", ColumnKind.COUNT),
)


def overrides_report(asked: ReportAsked, found: list[Override]) -> Report:
    """The overrides, in the order in which they were recorded; or added up."""
    ordered = sorted(found, key=lambda one: (one.recorded_at, one.entitlement, one.count, one.number))
    costs = costs_together(ordered)
    said = plural(len(ordered), "override") + (f", {costs} together" if costs else "")
    finding = said if ordered else "Nothing is to be billed"
    if asked.by:
        return added_up(
            asked,
            ordered,
            word=partial(_word, asked),
            figures=_sums,
            columns=(
                parts.count_column("overrides"),
                Column("amount", "Amount", ColumnKind.AMOUNT),
                Column("cost", "Cost", ColumnKind.MONEY),
            ),
            title="Overrides for billing",
            finding=finding,
            notes=ADDED_UP,
        )
    return parts.report(
        asked,
        title="Overrides for billing",
        finding=finding,
        columns=COLUMNS,
        rows=[_row(one) for one in ordered],
        notes=NOTES,
    )


def _row(one: Override) -> tuple[Cell, ...]:
    reference = one.reference if one.reference is not None else one.case_id
    amount, decided = _in_units(one.amount, one.unit), (one.by, one.reason)
    return (
        one.account,
        one.entitlement,
        reference,
        one.at,
        amount,
        one.unit,
        one.price,
        one.cost,
        *decided,
        one.export,
    )


def _word(asked: ReportAsked, name: str, one: Override) -> str:
    if name == "decided_by":
        return one.by or NONE
    if name in SUMS:
        return str(getattr(one, name))
    return NONE if asked.period is None or one.day is None else asked.period.label(one.day)


def _sums(found: Sequence[Override]) -> tuple[Cell, ...]:
    amount = _in_units(sum(one.amount for one in found), found[0].unit)
    return len(found), amount, costs_together(found) or None


def _in_units(amount: int, unit: str) -> int | float:
    """An amount in its unit, so fine that the cost of a line can be worked out from it."""
    return round(amount / measures_per_unit(unit), _DIGITS) if unit == HOURS else amount

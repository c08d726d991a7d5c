"""Usage: used, cap, remaining, percent and overage of entitlements, period by period, with where it leads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from domain.reports.asking import ReportAsked
from domain.reports.grouping import NONE
from domain.reports.kinds import parts
from domain.reports.kinds.adding_up import added_up
from domain.reports.result import Cell, Column, ColumnKind, Report
from domain.reports.shares import share_text
from domain.reports.using import PeriodUse, together
from domain.usage.units import amount_text, in_units, number_text
from domain.wording import day_text, plural

NOTES = (
    "Counted is what the ledgers say: a line for each period in which anything was asked for, and the current one.",
    "Used is within the cap, overage beyond it; what a grant paid is in neither.",
    "The cap has in it what was carried over.",
    "Hours are hours of work as they were rated and rounded.",
    "At this pace: used and overage so far, times the length of the period over what has passed, in calendar time.",
)
ADDED_UP = (
    *NOTES[1:],
    "Added up are periods of one unit: those that are over, with what was used of them, and the current ones.",
    "A period lies in the week, month, quarter or year in which it begins, on the wall clock of its account.",
)
SUMS = ("account", "entitlement", "unit")
"""What periods can be added up by, beside the calendar periods in which they begin."""

_FIGURES = (
    Column("used", "Used", ColumnKind.AMOUNT),
    Column("cap", "Cap", ColumnKind.AMOUNT),
    Column("remaining", "Remaining", ColumnKind.AMOUNT),
    Column("used_percent", "Used %", ColumnKind.SHARE),
    Column("overage", "Overage", ColumnKind.AMOUNT),
    Column("at_this_pace", "At this pace", ColumnKind.AMOUNT),
)


def usage_report(asked: ReportAsked, uses: Sequence[PeriodUse]) -> Report:
    """What was used, of the periods that overlap the days that are asked for; each by itself, or added up."""
    shown = sorted((use for use in uses if _overlaps(use, asked)), key=_order)
    if asked.by:
        return added_up(
            asked,
            shown,
            word=partial(_word, asked),
            figures=lambda uses: _figures(uses, asked),
            columns=(parts.count_column("periods"), *_FIGURES),
            title="Usage of entitlements",
            finding=_finding(shown, asked),
            notes=ADDED_UP,
        )
    return parts.report(
        asked,
        title="Usage of entitlements",
        finding=_finding(shown, asked),
        columns=(
            Column("account", "Account", ColumnKind.TEXT, is_group=True),
            Column("entitlement", "Entitlement", ColumnKind.TEXT, is_group=True),
            Column("period", "From", ColumnKind.TEXT, is_group=True),
            Column("unit", "Unit", ColumnKind.TEXT, is_group=True),
            *_FIGURES,
        ),
        rows=[_row(use, asked) for use in shown],
        notes=NOTES,
    )


def _word(asked: ReportAsked, name: str, use: PeriodUse) -> str:
    if name in SUMS:
        return str(getattr(use, name))
    return NONE if asked.period is None or use.first_day is None else asked.period.label(use.first_day)


def _figures(uses: Sequence[PeriodUse], asked: ReportAsked) -> tuple[Cell, ...]:
    found, unit = together(uses, asked.now), uses[0].unit

    def said(amount: int | None) -> Cell:
        return None if amount is None else in_units(amount, unit)

    amounts = (said(found.used), said(found.cap), said(found.remaining), found.percent, said(found.overage))
    return (found.periods, *amounts, said(found.projected))


def _overlaps(use: PeriodUse, asked: ReportAsked) -> bool:
    first, last = asked.days.first, asked.days.last
    if last is not None and use.first_day is not None and use.first_day > last:
        return False
    return first is None or use.last_day is None or use.last_day >= first


def _order(use: PeriodUse) -> tuple[str, str, int]:
    return use.account, use.entitlement, -use.period


def _row(use: PeriodUse, asked: ReportAsked) -> tuple[Cell, ...]:
    def said(amount: int | None) -> Cell:
        return None if amount is None else in_units(amount, use.unit)

    begins = use.first_day.isoformat() if use.first_day else "ever"
    amounts = (said(use.used), said(use.cap), said(use.remaining), use.percent, said(use.overage))
    return (use.account, use.entitlement, begins, use.unit, *amounts, said(use.projected(asked.now)))


def use_text(use: PeriodUse, asked: ReportAsked) -> str:
    """What was used in a period, as people write it: ``45 of 50 cases (90%), at this pace 61 by Tue 2026-03-31``."""
    if use.cap is None:
        said = f"{amount_text(use.used, use.unit)} used, without a cap"
    else:
        share = "" if use.percent is None else f" ({share_text(use.percent)})"
        said = f"{number_text(use.used, use.unit)} of {amount_text(use.cap, use.unit)} used{share}"
    if use.overage:
        said += f", {amount_text(use.overage, use.unit)} beyond"
    projected = use.projected(asked.now)
    if projected is not None and use.last_day is not None and projected > use.used + use.overage:
        said += f", at this pace {number_text(projected, use.unit)} by {day_text(use.last_day)}"
    return said


def _finding(uses: Sequence[PeriodUse], asked: ReportAsked) -> str:
    current = [use for use in uses if use.is_current]
    if not current:
        return "Nothing was used in these days" if not uses else f"{plural(len(uses), 'period')}, all of them over"
    fullest = max(current, key=lambda use: (use.percent or 0, use.overage, use.entitlement))
    said = f"{parts.called((fullest.entitlement,))}: {use_text(fullest, asked)}"
    return said if len(current) == 1 else f"{plural(len(current), 'entitlement')}; fullest is {said}"

"""The action log, counted: what triggers ordered, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from domain.reports.asking import ReportAsked
from domain.reports.kinds import parts
from domain.reports.kinds.parts import Group
from domain.reports.result import Cell, Report
from domain.wording import plural

NAMES = ("trigger", "action")
"""What else can make groups of actions."""

_STATUSES = {"done": "Done", "ordered": "Under way", "failed": "Failed", "dropped": "Dropped"}
NOTES = (
    "Counted are the actions of milestones' triggers, and of entitlements' thresholds, overflows, notices and ends.",
    "An action lies in the period in which its trigger fired, on the wall clock of its account.",
    "One of an entitlement is counted when something has become of it, and lies in the period in which that was.",
    "Done: carried out, or taken by its receiver. Under way: ordered, waiting, or tried again.",
    "Failed: for good; it can be retried. Dropped: it had expired, or its case fell back on a digest.",
)


def actions_report(asked: ReportAsked, counts: Mapping[Group, Counter[str]]) -> Report:
    """What became of actions."""
    total = sum(counts.values(), Counter[str]())
    ordered = parts.in_order({group: one.total() for group, one in counts.items()}, asked)
    failed = f", {total['failed']:,} of them failed for good" if total["failed"] else ", none failed for good"
    return parts.report(
        asked,
        title=parts.titled("Actions", asked),
        finding=plural(total.total(), "action") + failed if total else "Nothing was ordered in these days",
        columns=(
            *parts.group_columns(asked),
            parts.count_column("actions", "Count"),
            *(parts.count_column(name, said) for name, said in _STATUSES.items()),
        ),
        rows=[(*group, *_cells(counts[group])) for group in ordered],
        notes=NOTES,
        periods=parts.every_period(counts, asked),
        total=(*parts.no_groups(asked), *_cells(total)),
    )


def _cells(count: Counter[str]) -> tuple[Cell, ...]:
    return (count.total(), *(count[name] for name in _STATUSES))

"""What reports say of one case, as plain figures that a slow recomputation can be held against."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from activities.reports.making import ReportWish, make_report
from domain.reports.result import ReportKind
from store import Store

_OUTCOMES = ("met", "met_late", "violated", "open", "removed", "handed_over", "handed_over_late")

Rows = dict[tuple[Any, ...], dict[str, Any]]


class Said(NamedTuple):
    """What is said of a case, by milestone. What there is nothing of is not there.

    Attributes:
        outcomes: how many came to what.
        responses: how many were completed, and how long that took them in the mean.
        overruns: how far past their targets those went that were violated, in the mean.
        paused: for how many open seconds.
        held: by field; by milestone and value, for how many open seconds it held.
    """

    outcomes: dict[str, dict[str, int]]
    responses: dict[str, tuple[int, float]]
    overruns: dict[str, float]
    paused: dict[str, int]
    held: dict[str, dict[tuple[str, str], int]]


def reported(store: Store, account: str, now: datetime, fields: Sequence[str]) -> Said:
    """What reports say of the cases of an account at an instant.

    Args:
        store: has the cases.
        account: whose.
        now: the instant.
        fields: among whose values the time is divided.
    """

    def of(kind: ReportKind, *by: str) -> Rows:
        made = make_report(store, ReportWish(kind, by=by, account=account, now=now))
        many, names = len(made.groups), [column.name for column in made.columns]
        return {row[:many]: dict(zip(names[many:], row[many:], strict=True)) for row in made.rows}

    compliance, responses = of(ReportKind.COMPLIANCE, "milestone"), of(ReportKind.RESPONSE, "milestone")
    overruns, paused = of(ReportKind.OVERRUN, "milestone"), of(ReportKind.PAUSES, "milestone")
    held = {name: of(ReportKind.BREAKDOWN, "milestone", name) for name in fields}
    return Said(
        outcomes={name: {one: row[one] for one in _OUTCOMES if row.get(one)} for (name,), row in compliance.items()},
        responses={name: (row["completed"], row["response_mean_seconds"]) for (name,), row in responses.items()},
        overruns={name: row["overrun_mean_seconds"] for (name,), row in overruns.items()},
        paused={name: row["open_seconds"] for (name,), row in paused.items() if row["open_seconds"]},
        held={
            field: {(name, value): row["open_seconds"] for (name, value), row in rows.items() if row["open_seconds"]}
            for field, rows in held.items()
        },
    )

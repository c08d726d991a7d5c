"""What reports say of one case, as plain figures that a slow recomputation can be held against."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from activities.reports.making import ReportWish, make_report
from domain.reports.result import ReportKind
from store import Store

_OUTCOMES = ("met", "met_late", "violated", "open", "removed", "handed_over", "handed_over_late")

_RESPONSES = ("completed", *(f"response_{name}_seconds" for name in ("mean", "median", "p90")))
_MARGINS = (
    "met",
    *(f"margin_{name}_seconds" for name in ("mean", "median", "p10", "p90")),
    *("two_hours_ahead", "last_hour"),
)
_OVERRUNS = tuple(f"overrun_{name}_seconds" for name in ("mean", "median", "p90"))
_PAUSES = ("pauses", "open_seconds", "close", "after")

Rows = dict[tuple[Any, ...], dict[str, Any]]


class Said(NamedTuple):
    """What is said of a case, by milestone. What there is nothing of is not there.

    Attributes:
        outcomes: how many came to what.
        responses: how many were completed, and how long that took them: mean, median and ninetieth percentile.
        margins: how many were met, and how long before their targets: mean, median, tenth and ninetieth percentile; how
            many two hours before or more, and how many in the last hour.
        overruns: how far past their targets those went that were violated: mean, median and ninetieth percentile.
        pauses: by milestone and cause: how many, for how many open seconds, how many began just before their target,
            and how many after it.
        stopped: by milestone and person, how many began because the case was stopped.
        held: by field; by milestone and value, for how many open seconds it held.
    """

    outcomes: dict[str, dict[str, int]]
    responses: dict[str, tuple[float, ...]]
    margins: dict[str, tuple[float, ...]]
    overruns: dict[str, tuple[float, ...]]
    pauses: dict[tuple[str, str], tuple[int, ...]]
    stopped: dict[tuple[str, str], int]
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
    overruns, margins = of(ReportKind.OVERRUN, "milestone"), of(ReportKind.MARGIN, "milestone")
    pauses = of(ReportKind.PAUSES, "milestone", "cause", "person")
    held = {name: of(ReportKind.BREAKDOWN, "milestone", name) for name in fields}
    return Said(
        outcomes={name: {one: row[one] for one in _OUTCOMES if row.get(one)} for (name,), row in compliance.items()},
        responses={name: _figures(row, _RESPONSES) for (name,), row in responses.items()},
        margins={name: _figures(row, _MARGINS) for (name,), row in margins.items() if row["met"]},
        overruns={name: _figures(row, _OVERRUNS) for (name,), row in overruns.items()},
        pauses=_by_cause(pauses),
        stopped=_by_person(pauses),
        held={
            field: {(name, value): row["open_seconds"] for (name, value), row in rows.items() if row["open_seconds"]}
            for field, rows in held.items()
        },
    )


def _figures(row: dict[str, Any], names: Sequence[str]) -> tuple[float, ...]:
    return tuple(row[name] for name in names)


def _by_cause(rows: Rows) -> dict[tuple[str, str], tuple[int, ...]]:
    found: dict[tuple[str, str], tuple[int, ...]] = {}
    for (milestone, cause, _), row in rows.items():
        known = found.get((milestone, cause), (0,) * len(_PAUSES))
        found[milestone, cause] = tuple(a + row[name] for a, name in zip(known, _PAUSES, strict=True))
    return found


def _by_person(rows: Rows) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for (milestone, cause, person), row in rows.items():
        if cause.startswith("case stopped"):
            found[milestone, person] = found.get((milestone, person), 0) + row["pauses"]
    return found

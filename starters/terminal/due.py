"""Which reports are sent next, as people see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from activities.reports.sending import zone_of_report
from domain.catalog.reports import ScheduledReport
from domain.wording import instant
from store import Store


@dataclass(frozen=True)
class Due:
    """A report that is sent.

    Attributes:
        due_at: when it is next.
        zone: on whose wall clock.
        last: for which instant it went out last; None: for none that is kept.
    """

    declared: ScheduledReport
    due_at: datetime
    zone: ZoneInfo
    last: datetime | None


def reports_due(store: Store, now: datetime) -> list[Due]:
    """The reports that are declared, those that are sent next first."""
    found = []
    for declared in store.report_schedules.active():
        zone = zone_of_report(store, declared)
        due_at = next(declared.when.after(now, zone))
        found.append(Due(declared, due_at, zone, store.report_schedules.last_due(declared.id)))
    return sorted(found, key=lambda due: (due.due_at, due.declared.id))


def due_lines(found: Sequence[Due]) -> Iterator[str]:
    """A line for each."""
    for due in found:
        said = due.declared
        of = f" of {said.account}" if said.account else ""
        last = f"; last {instant(due.last, due.zone)}" if due.last else ""
        yield f"{instant(due.due_at, due.zone)}  {said.id}: {said.kind}{of}, {said.when}, to {', '.join(said.to)}{last}"
    if not found:
        yield "no report is sent; declare some under reports: in the catalog"


def due_data(found: Sequence[Due]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            "report": due.declared.id,
            "kind": due.declared.kind,
            "account": due.declared.account,
            "due_at": due.due_at.isoformat(),
            "time_zone": due.zone.key,
            "to": due.declared.to,
            "last_due_at": due.last.isoformat() if due.last else None,
        }
        for due in found
    ]

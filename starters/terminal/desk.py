"""Lists as people read them in a terminal: open cases by what is due, and entitlements by what they have left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from domain.timeline.instances import InstanceState
from domain.timeline.views import MilestoneStatus
from domain.wording import clock, instant, plural, span, zone_name
from starters.operations.desk import COUNTED, CaseOnDesk

_OVERDUE = "bold red"


def desk_table(cases: Sequence[CaseOnDesk], in_all: int, zone: tzinfo, now: datetime) -> RenderableType:
    """Cases, a line each; columns in which no case has anything are left out.

    Args:
        cases: in their order.
        in_all: how many the list has, of which these are the first; counted as `Desk.cases` does.
        zone: in which instants are shown.
        now: at which they were looked at.
    """
    if not cases:
        return Text(f"no open case, {instant(now.replace(microsecond=0), zone)}", style="dim")
    table = plain_table()
    table.add_column("case", style="bold", no_wrap=True)
    possible = ("external_id", "account", "owner", "priority")
    columns = [name for name in possible if any(getattr(case, name) for case in cases)]
    for name in columns:
        table.add_column(name.replace("_", " "), overflow="fold")
    table.add_column("due next", overflow="fold")
    table.add_column("left", justify="right", no_wrap=True)
    table.add_column("due at", no_wrap=True)
    table.add_column("", overflow="fold")
    for case in cases:
        table.add_row(
            case.case_id,
            *(getattr(case, name) or "" for name in columns),
            case.due_milestone or Text("nothing", style="dim"),
            _left(case),
            clock(case.due_at, zone) if case.due_at else "",
            _remark(case),
        )
    at = clock(now.replace(microsecond=0), zone)
    foot = f"{_how_many(len(cases), in_all)}, {at} ({zone_name(zone)}; time left is open time)"
    return Group(table, Text(foot, style="dim"))


def _how_many(shown: int, in_all: int) -> str:
    if in_all > max(shown, COUNTED):
        return f"the first {shown:,} of more than {plural(in_all - 1, 'open case')}"
    these = f"the first {shown:,} of " if in_all > shown else ""
    return f"{these}{plural(in_all, 'open case')}"


def plain_table() -> Table:
    """A table without lines but one under its headings."""
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)


def _left(case: CaseOnDesk) -> Text:
    left = case.left_seconds
    if left is None:
        return Text()
    return Text(f"{span(-left)} over", style=_OVERDUE) if left < 0 else Text(span(left))


def _remark(case: CaseOnDesk) -> Text:
    said = []
    if case.status in {MilestoneStatus.OPEN_VIOLATION, MilestoneStatus.CLOSED_VIOLATION}:
        said.append("violated")
    if case.stopped:
        said.append("clock stopped")
    elif case.due_state is InstanceState.PAUSED:
        said.append("paused")
    elif case.paused:
        said.append("another is paused")
    if case.due_state is InstanceState.SCHEDULED:
        said.append("not begun")
    return Text(", ".join(said), style="yellow" if said in (["paused"], ["clock stopped"]) else "red")

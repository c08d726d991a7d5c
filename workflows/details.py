"""What the Temporal UI shows of a case: its timeline as a table in Markdown."""

from __future__ import annotations

from datetime import datetime

from domain.instance import InstanceState
from domain.views import CaseView, MilestoneView


def case_details(view: CaseView) -> str:
    """The current details of a case. Instants are UTC, spans open time."""
    process = f"**{view.process}** version {view.process_version}" if view.process else "no process"
    stopped = ", clock stopped" if view.stopped else ""
    lines = [f"{process}, milestone status **{view.status}**{stopped}"]
    if view.next_due:
        lines.append(f"Next: {view.next_summary}, {_clock(view.next_due)}")
    if view.milestones:
        lines += ["", "| milestone | state | target | left | |", "|---|---|---|---|---|"]
        lines += [_row(m) for m in view.milestones]
    return "\n".join(lines)


def _row(milestone: MilestoneView) -> str:
    name = milestone.milestone if milestone.occurrence == 1 else f"{milestone.milestone} ({milestone.occurrence})"
    target = _clock(milestone.target_at) if milestone.target_at else "past the horizon"
    left = _span(milestone.remaining_seconds) if milestone.remaining_seconds is not None else ""
    if milestone.state is InstanceState.COMPLETED and milestone.completed_at:
        left = f"completed {_clock(milestone.completed_at)}"
    return f"| {name} | {milestone.state} | {target} | {left} | {'**violated**' if milestone.violated else ''} |"


def _clock(instant: datetime) -> str:
    return f"{instant:%a %Y-%m-%d %H:%M:%S}Z"


def _span(seconds: int) -> str:
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    return f"{sign}{seconds // 3600}h{seconds % 3600 // 60:02}m{seconds % 60:02}s"

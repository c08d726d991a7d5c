"""What the Temporal UI shows of a case: its timeline as a list in Markdown (the UI draws tables without any space)."""

from __future__ import annotations

from datetime import datetime

from domain.timeline.instances import InstanceState
from domain.timeline.views import CaseView, MilestoneView


def case_details(view: CaseView) -> str:
    """The current details of a case, which stand until its next event. Instants are UTC, spans open time."""
    process = f"**{view.process}** version {view.process_version}" if view.process else "no process"
    stopped = ", clock stopped" if view.stopped else ""
    lines = [f"{process}, milestone status **{view.status}**{stopped}"]
    if view.next_due:
        lines += ["", f"Next: {view.next_summary}, {_clock(view.next_due)}"]
    lines += ["", *(f"- {_line(milestone)}" for milestone in view.milestones)]
    return "\n".join(lines).rstrip()


def _line(milestone: MilestoneView) -> str:
    name = milestone.milestone if milestone.occurrence == 1 else f"{milestone.milestone} ({milestone.occurrence})"
    said = [f"**{name}** {milestone.state}"]
    if milestone.completed_at:
        said.append(f"at {_clock(milestone.completed_at)}")
    target = _clock(milestone.target_at) if milestone.target_at else "past the horizon"
    said.append(f"· target {target} ({milestone.span} of {milestone.business_hours})")
    if milestone.state is InstanceState.PAUSED and milestone.remaining_seconds is not None:
        said.append(f"· {_span(milestone.remaining_seconds)} left")
    if milestone.violated:
        said.append("· **violated**")
    return " ".join(said)


def _clock(instant: datetime) -> str:
    return f"{instant:%a %Y-%m-%d %H:%M:%S}Z"


def _span(seconds: int) -> str:
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    return f"{sign}{seconds // 3600}h{seconds % 3600 // 60:02}m{seconds % 60:02}s"

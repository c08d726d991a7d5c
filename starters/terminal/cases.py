"""A case as people see it in a terminal: where its milestones stand, and what happened on its timeline."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from domain.messages.coverage import unpromised
from domain.timeline.effects import Noted, NoteKind
from domain.timeline.instances import InstanceState
from domain.timeline.views import CaseView, MilestoneStatus, MilestoneView, MoreInstances
from domain.wording import clock, instant, numbered, plural, span, with_stamps_in, zone_name

if TYPE_CHECKING:
    from domain.messages.cases import Answer
    from domain.timeline.facts import Pause
    from starters.terminal.actions import ShownAction

PIPE_WIDTH = 160
"""Columns of what is written into a pipe or file, where nobody has a width."""

_STATE_STYLES = {
    InstanceState.SCHEDULED: "cyan",
    InstanceState.RUNNING: "bold",
    InstanceState.PAUSED: "yellow",
    InstanceState.COMPLETED: "green",
    InstanceState.REMOVED: "dim",
    InstanceState.OPEN_AT_EXIT: "dim",
}
_STATUS_STYLES = {
    MilestoneStatus.NOTHING_PROMISED: "dim",
    MilestoneStatus.COMPLIANT: "green",
    MilestoneStatus.OPEN_VIOLATION: "bold red",
    MilestoneStatus.CLOSED_VIOLATION: "red",
}


def console(*, stderr: bool = False) -> Console:
    """A console for output that may be read by a person or go into a pipe."""
    stream = sys.stderr if stderr else sys.stdout
    knows_width = stream.isatty() or "COLUMNS" in os.environ
    return Console(stderr=stderr, highlight=False, width=None if knows_width else PIPE_WIDTH)


def case_timeline(
    view: CaseView,
    *,
    zone: tzinfo = UTC,
    note: str | None = None,
    actions: Sequence[ShownAction] = (),
    notes: Sequence[Noted] = (),
) -> RenderableType:
    """Everything about a case at one instant.

    Args:
        view: the case.
        zone: in which instants are shown.
        note: where this comes from, if not from the running case.
        actions: of the triggers that fired, with what became of them, as far as the store is at hand.
        notes: what was noted of it, likewise.
    """
    parts: list[RenderableType] = [_heading(view, zone)]
    if note:
        parts.append(Text(note, style="yellow"))
    if view.milestones:
        parts += [Text(), _milestones(view, zone), *(Text(_older(more), style="dim") for more in view.more)]
    else:
        parts.append(Text("no milestones", style="dim"))
    parts += [Text(), Padding(_moments_table(view, zone, actions, notes), (0, 0, 0, 1))]
    return Group(*parts)


def _heading(view: CaseView, zone: tzinfo) -> Text:
    heading = Text()
    heading.append(f"Case {view.case_id}", style="bold")
    if view.external_id:
        heading.append(f" ({view.external_id})")
    heading.append(f"  {view.process} v{view.process_version}" if view.process else "  in no process")
    heading.append("  ")
    heading.append(str(view.status), style=_STATUS_STYLES[view.status])
    if view.closed_at:
        heading.append("  closed", style="dim")
    elif view.stopped:
        heading.append("  clock stopped", style="yellow")
    if view.account or view.entitlement:  # a timeline by itself knows neither
        heading.append(f"\n{_whose(view)}")
    heading.append(f"\nopened {clock(view.opened_at, zone)}, ", style="dim")
    heading.append(
        f"closed {clock(view.closed_at, zone)}" if view.closed_at else f"now {clock(view.now, zone)}", style="dim"
    )
    heading.append(f" ({zone_name(zone)}; spans are open time)", style="dim")
    if view.next_due and not view.closed_at:
        ahead = int((view.next_due - view.now).total_seconds())
        heading.append("\nnext   ", style="dim")
        heading.append(view.next_summary, style="bold")
        heading.append(f" {clock(view.next_due, zone)}, in {span(max(ahead, 0))} by the wall clock")
    elif not view.closed_at:
        heading.append("\nnext   ", style="dim")
        heading.append("nothing is due by itself")
    for decision in view.open_decisions:
        heading.append("\ndecide ", style="dim")
        heading.append(decision.text, style="yellow")
    if view.fields:
        shown = "  ".join(f"{name}={_value(value)}" for name, value in view.fields.items() if value is not None)
        heading.append(f"\nfields {shown}", style="dim")
    return heading


def _whose(view: CaseView) -> str:
    covered = f"covered by {view.entitlement}" if view.entitlement else "covered by no entitlement"
    return f"account {view.account}, {covered}" if view.account else covered


def _value(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) and " " in value else str(value)


def _older(more: MoreInstances) -> str:
    how_many = plural(more.occurrences, "earlier occurrence")
    violated = ", one or more of them violated" if more.violated else ""
    return f"{more.milestone}: {how_many}, up to number {more.last}{violated}; the store has them (--all shows them)"


def _milestones(view: CaseView, zone: tzinfo) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in ("milestone", "state", "start", "target"):
        table.add_column(name, overflow="fold")
    for name in ("elapsed", "paused", "left"):
        table.add_column(name, justify="right", no_wrap=True)
    for milestone in view.milestones:
        table.add_row(
            _name(milestone),
            _state(milestone),
            clock(milestone.start_at, zone),
            clock(milestone.target_at, zone) if milestone.target_at else "past the horizon",
            *(_seconds(s) for s in (milestone.elapsed_seconds, milestone.paused_seconds)),
            _left(milestone),
        )
    return table


def _name(milestone: MilestoneView) -> Text:
    name = Text(milestone.milestone, style="bold")
    if milestone.occurrence > 1:
        name.append(f" ({milestone.occurrence})")
    name.append(f"\n{milestone.span} of {milestone.business_hours}", style="dim not bold")
    return name


def _state(milestone: MilestoneView) -> Text:
    state = Text(str(milestone.state), style=_STATE_STYLES[milestone.state])
    if milestone.violated:
        state.append("\nviolated", style="bold red")
    return state


def _seconds(seconds: int | None) -> str:
    return "" if seconds is None else span(seconds) if seconds else "-"


def _left(milestone: MilestoneView) -> Text:
    left = milestone.remaining_seconds
    if left is None:
        return Text()
    return Text(f"{span(-left)} over", style="bold red") if left < 0 else Text(span(left))


# --- what happened ----------------------------------------------------------------------------------------------------


class _Moment(NamedTuple):
    """Something on the timeline; sorts by when, then by what comes first at one instant."""

    at: datetime
    rank: int
    milestone: str
    text: str
    style: str = ""


_TOLD = {
    NoteKind.COVERED,
    NoteKind.OVERFLOWED,
    NoteKind.PROMPTED,
    NoteKind.DECIDED,
    NoteKind.TIME_LOGGED,
    NoteKind.TIME_REVERSED,
    NoteKind.ENTITLEMENT_CHANGED,
    NoteKind.MIGRATED,
    NoteKind.REFUSED,
    NoteKind.REOPENED,
}
"""Notes of what is not to be seen of the milestones themselves."""


def _moments_table(view: CaseView, zone: tzinfo, actions: Sequence[ShownAction], notes: Sequence[Noted]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True)
    table.add_column()
    day = ""
    told = [_moment_of_note(note, zone) for note in notes if note.kind in _TOLD or _is_undone(note, view)]
    for moment in sorted([*_moments(view, zone, actions), *told], key=lambda m: (m.at, m.rank)):
        shown = clock(moment.at, zone)
        date, time = shown.rsplit(" ", 1)
        table.add_row(
            shown if date != day else f"{'':{len(date)}} {time}",
            Text(moment.milestone, style="bold" if moment.milestone else ""),
            Text(moment.text, style=moment.style),
        )
        day = date
    return table


def _is_undone(note: Noted, view: CaseView) -> bool:
    """Whether it is of a closing after which the case was reopened."""
    return note.kind is NoteKind.CLOSED and note.at != view.closed_at


def _moments(view: CaseView, zone: tzinfo, actions: Sequence[ShownAction]) -> Iterator[_Moment]:
    yield _Moment(view.opened_at, 0, "", "case opened")
    if view.entered_at and view.entered_at != view.opened_at:
        yield _Moment(view.entered_at, 1, "", f"enters {view.process}")
    for milestone in view.milestones:
        done = [a for a in actions if (a.milestone, a.occurrence) == (milestone.milestone, milestone.occurrence)]
        yield from _moments_of(milestone, zone, done)
    if view.exited_at and view.exited_at != view.closed_at:
        yield _Moment(view.exited_at, 8, "", f"leaves {view.process}")
    if view.closed_at:
        yield _Moment(view.closed_at, 9, "", "case closed")
    elif view.next_due:
        name, _, what = view.next_summary.partition(": ")
        yield _Moment(max(view.next_due, view.now), 10, name, f"next: {what}", "dim")


def _moments_of(milestone: MilestoneView, zone: tzinfo, actions: Sequence[ShownAction]) -> Iterator[_Moment]:
    name = numbered(milestone.milestone, milestone.occurrence)
    yield _Moment(milestone.start_at, 2, name, f"starts, {milestone.span} of {milestone.business_hours}")
    for pause in _pauses(milestone):
        yield _Moment(pause.from_at, 5, name, f"paused: {_listed(pause.causes)}", "yellow")
        if pause.to_at and pause.to_at not in (milestone.completed_at, milestone.exited_at, milestone.removed_at):
            yield _Moment(pause.to_at, 3, name, f"goes on, after {span(_wall_seconds(pause.from_at, pause.to_at))}")
    for firing in milestone.fired:
        late = _wall_seconds(firing.due_at, firing.at)
        fired = f"{firing.trigger} fires" + (f", {span(late)} late (due {clock(firing.due_at, zone)})" if late else "")
        yield _Moment(firing.at, 6, name, fired, "red" if firing.trigger.startswith("violation") else "magenta")
        for action in actions:
            if (action.trigger, action.due_at) == (firing.trigger, firing.due_at):
                yield _moment_of(action, firing.at)
    for violation in milestone.violations:
        late = _wall_seconds(violation.violated_at, violation.noticed_at)
        noticed = f", noticed {span(late)} later" if late > 1 else ""
        yield _Moment(violation.violated_at, 4, name, f"violated{noticed}", "bold red")
        if violation.corrected_at:
            why = with_stamps_in(violation.correction or "", zone)
            yield _Moment(violation.corrected_at, 6, name, f"violation corrected: {why}", "green")
    if milestone.completed_at:
        by = f" by {milestone.completed_by}" if milestone.completed_by else ""
        yield _Moment(milestone.completed_at, 5, name, f"completed{by}, {_verdict(milestone)}", "green")
    elif milestone.removed_at:
        yield _Moment(milestone.removed_at, 7, name, "removed: its criteria turned false", "dim")
    elif milestone.exited_at:
        yield _Moment(milestone.exited_at, 7, name, "open at exit", "dim")


def _pauses(milestone: MilestoneView) -> list[Pause]:
    """The pauses that count: those that began before its end."""
    end = milestone.completed_at or milestone.removed_at or milestone.exited_at
    return [pause for pause in milestone.pauses if end is None or pause.from_at < end]


def _moment_of_note(note: Noted, zone: tzinfo) -> _Moment:
    by = f", by {note.by}" if note.by else ""
    return _Moment(note.at, 1, "", f"{with_stamps_in(note.text, zone)}{by}{f': {note.reason}' if note.reason else ''}")


def _moment_of(action: ShownAction, at: datetime) -> _Moment:
    became = {"failed": f"failed for good: {action.error}", "dropped": f"dropped: {action.error}"}.get(
        action.status, action.status
    )
    return _Moment(at, 6, "", f"  {action.text} ({became})", "bold red" if action.status == "failed" else "dim")


def _verdict(milestone: MilestoneView) -> str:
    taken = f" in {span(milestone.actual_seconds)}" if milestone.actual_seconds is not None else ""
    return f"late{taken}" if milestone.violated else f"in time{taken}"


def _listed(causes: Iterable[str]) -> str:
    return ", ".join(causes)


def _wall_seconds(a: datetime, b: datetime) -> int:
    return (b - a) // timedelta(seconds=1)


def answer_lines(answer: Answer, zone: tzinfo = UTC) -> Text:
    """What came of a request, a line for each thing that followed, and what is next; targets in a zone."""
    view = answer.case
    text = Text()
    match answer.outcome:
        case "taken":
            pass
        case "already":
            text.append("nothing changed: ", style="yellow")
        case "repeated":
            text.append("nothing changed: this event was taken before\n", style="yellow")
    for note in answer.notes:
        text.append(f"{with_stamps_in(note, zone)}\n")
    if answer.coverage is not None:
        text.append(f"{answer.coverage.verdict}\n")
        text.append("".join(f"  not {other.entitlement}: {other.why}\n" for other in answer.coverage.others), "dim")
        text.append("  and others, which do not match either\n" if answer.coverage.more else "", "dim")
        said = unpromised(answer.coverage.others) if view.process is None and not view.open_decisions else None
        text.append(f"  {said}\n" if said else "", "yellow")
    text.append(f"case {view.case_id}{f' ({view.external_id})' if view.external_id else ''}: ")
    text.append(str(view.status), style=_STATUS_STYLES[view.status])
    if view.closed_at:
        text.append(", closed")
    elif view.stopped:
        text.append(", clock stopped", style="yellow")
    if view.process is None:
        text.append(", in no process", style="yellow")
    for decision in view.open_decisions:
        text.append("\n  to decide: ").append(decision.text, style="yellow")
    for milestone in view.milestones:
        if milestone.remaining_seconds is not None and milestone.target_at is not None:
            text.append(f"\n  {milestone.milestone}: {milestone.state}, target {instant(milestone.target_at, zone)}, ")
            text.append_text(_left(milestone))
            text.append(" left" if milestone.remaining_seconds >= 0 else "")
    return text

"""Whether a case, the reports and the event feed say the same of it: live numbers are report numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from domain.messages.case_state import CaseState
from domain.reports.compliance import Outcome, outcome
from domain.reports.retelling import Key
from domain.timeline.machine import Timeline
from domain.timeline.views import CaseView, MilestoneView
from domain.wording import numbered

Place = tuple[str, str, int]
"""A milestone instance of a case: process, milestone, occurrence."""


def disagreements(
    recorded: CaseView,
    carried: CaseState,
    counted: Mapping[Place, Outcome],
    told: Mapping[Key, Outcome] | None,
    *,
    folded: Sequence[MilestoneView] = (),
) -> Iterator[str]:
    """What does not agree about a case, a line each.

    Args:
        recorded: the case as it was last recorded, with the instances that it keeps.
        carried: its state, from which the pure timeline works everything out anew.
        counted: the outcomes that reports count, of all its instances.
        told: what the events of the feed come to; None: the feed does not have all of them.
        folded: instances that the case keeps no more, as they were recorded.
    """
    worked_out = Timeline(carried.plan, carried.state).fork().view(recorded.now)
    if worked_out.status is not recorded.status:
        yield f"its status is {recorded.status.value}, and works out as {worked_out.status.value}"
    views = [*worked_out.milestones, *folded]
    pure = {(view.process, view.milestone, view.occurrence): outcome(view) for view in views}
    yield from _between(pure, counted, "reports count")
    processes = {view.process for view in views}
    if told is not None and len(processes) == 1:  # an event does not say which one it is of
        process = processes.pop()
        yield from _between(pure, {(process, *key): one for key, one in told.items()}, "the feed tells")


def outcome_by(outcome: Outcome, violated_after: datetime | None, now: datetime) -> Outcome:
    """The outcome that reports count at an instant, by the row of an instance."""
    return Outcome.VIOLATED if violated_after is not None and violated_after < now else outcome


def _between(pure: Mapping[Place, Outcome], other: Mapping[Place, Outcome], who: str) -> Iterator[str]:
    for place in sorted({*pure, *other}):
        expected, found = pure.get(place), other.get(place)
        if expected is not found:
            _, milestone, occurrence = place
            says = "nothing of it" if found is None else f"it as {found.value}"
            is_what = "not there" if expected is None else expected.value
            yield f"{numbered(milestone, occurrence)} is {is_what}, and {who} {says}"

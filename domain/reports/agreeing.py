"""Whether a case, the reports and the event feed say the same of it: live numbers are report numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from domain.reports.comparing import said
from domain.reports.compliance import Outcome, outcome
from domain.reports.holding import FieldChange
from domain.reports.retelling import Place, Retold
from domain.timeline.views import CaseView, MilestoneView
from domain.wording import numbered, stamp


def disagreements(
    recorded: CaseView,
    worked_out: CaseView,
    counted: Mapping[Place, Outcome],
    told: Retold | None,
    *,
    folded: Sequence[MilestoneView] = (),
    changes: Sequence[FieldChange] = (),
) -> Iterator[str]:
    """What does not agree about a case, a line each.

    Args:
        recorded: the case as it was last recorded, with the instances that it keeps.
        worked_out: the same as the pure timeline works it out anew.
        counted: the outcomes that reports count, of all its instances.
        told: what the events of the feed come to; None: the feed does not have all of them.
        folded: instances that the case keeps no more, as they were recorded.
        changes: of its fields, as reports have them, in order.
    """
    if worked_out.status is not recorded.status:
        yield f"its status is {recorded.status.value}, and works out as {worked_out.status.value}"
    views = [*worked_out.milestones, *folded]
    pure = {(view.process, view.milestone, view.occurrence): outcome(view) for view in views}
    yield from _between(pure, counted, "reports count")
    if told is not None:
        yield from _between(pure, told.outcomes, "the feed tells")
        yield from _changes(changes, told)


def _changes(stored: Sequence[FieldChange], told: Retold) -> Iterator[str]:
    """Whether changes of fields are stored as the feed tells of them."""
    known, heard = Counter(one.at for one in stored), Counter(one.at for one in told.changes)
    for at in sorted(heard - known):
        yield f"the feed tells of a change of fields at {stamp(at)}, and none is stored"
    for at in sorted(known - heard):
        yield f"a change of fields at {stamp(at)} is stored, and the feed tells of none"
    if known != heard:
        return
    for one, other in zip(stored, told.changes, strict=True):
        values = (one.fields, one.before)
        if other.values is not None and values != other.values:
            pairs = zip(values, other.values, strict=True)
            new, old = next(pair for pair in pairs if pair[0] != pair[1])
            yield f"the change of fields at {stamp(one.at)} is {said(new)} as stored, and {said(old)} as the feed tells"


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

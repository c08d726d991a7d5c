"""Occurrences of a milestone that a case keeps no more: put back from what the store recorded of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from domain.bounds import cut
from domain.errors import NotFound
from domain.explanation.stops import TOLD, names_a_stop, with_stops
from domain.wording import plural

if TYPE_CHECKING:
    from domain.explanation import Explanation
    from domain.timeline.views import CaseView, MilestoneView
    from store import Store


def with_older(view: CaseView, stored: Sequence[MilestoneView]) -> CaseView:
    """A case with all that the store has of the instances that the case does not show; what is missing stays in `more`.

    Args:
        view: of the case.
        stored: its milestone instances as they were last recorded.
    """
    last = {(each.process, each.milestone): each.last for each in view.more}
    shown = {(m.process, m.milestone, m.occurrence) for m in view.milestones}
    older = [
        m
        for m in stored
        if m.occurrence <= last.get((m.process, m.milestone), 0) and (m.process, m.milestone, m.occurrence) not in shown
    ]
    found = Counter((m.process, m.milestone) for m in older)
    missing = [
        each.model_copy(update={"occurrences": each.occurrences - found[each.process, each.milestone]})
        for each in view.more
    ]
    milestones = sorted([*older, *view.milestones], key=_start)
    return view.model_copy(update={"milestones": milestones, "more": [m for m in missing if m.occurrences > 0]})


def _start(milestone: MilestoneView) -> tuple[object, int]:
    return milestone.start_at, milestone.occurrence


def of_occurrence(explanation: Explanation, occurrence: int, store: Store) -> Explanation:
    """The part of an explanation about one occurrence, which the case or the store has.

    Raises:
        NotFound: neither of them has it.
    """
    instances = [part for part in explanation.instances if part.occurrence == occurrence]
    if not instances:
        names = dict.fromkeys(each.milestone for each in explanation.more if occurrence <= each.last)
        instances = [part for name in names for part in store.cases.explained(explanation.case_id, name, occurrence)]
    if not instances:
        raise NotFound(f"case {explanation.case_id}: {_how_many(explanation, occurrence)}")
    found = explanation.model_copy(update={"instances": instances, "more": [], "not_started": []})
    return with_stops(found, store.cases.notes(found.case_id, TOLD)) if names_a_stop(found) else found


def _how_many(explanation: Explanation, missing: int) -> str:
    """Of which number each milestone has its last occurrence, where one that is asked for is missing."""
    last = {part.milestone: 0 for part in explanation.not_started}
    for part in explanation.instances:
        last[part.milestone] = max(part.occurrence, last.get(part.milestone, 0))
    for more in explanation.more:
        last[more.milestone] = max(more.last, last.get(more.milestone, 0))
    if any(missing <= number for number in last.values()):
        return f"neither it nor the store has occurrence {missing} any more"
    said = ", ".join(f"{name} has {plural(number, 'occurrence')}" for name, number in last.items())
    return cut(f"there is no occurrence {missing}; {said or 'it has no milestones'}")

"""How milestone instances are listed, held against what the timeline says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from domain.reports.comparing import LISTED, differences, in_view
from domain.reports.retelling import Place
from domain.timeline.views import CaseView, MilestoneView
from store.listed import milestone_row
from store.reports.anew import as_stored
from store.reports.rows import Row


def listed_differences(
    worked_out: CaseView, stored: Sequence[Row], views: Mapping[Place, MilestoneView], folded: Sequence[MilestoneView]
) -> Iterator[str]:
    """What differs between the instances of a case as they are listed and as they are worked out, a line each.

    Args:
        worked_out: the case, as the timeline works it out.
        stored: its instances as they are listed.
        views: of these, as they stand beside the columns.
        folded: those that it keeps no more: of them the view is what there is.
    """
    found = [_with_view(row, views[row["process"], row["milestone"], row["occurrence"]]) for row in stored]
    expected = [_with_view(milestone_row(worked_out.case_id, view), view) for view in (*worked_out.milestones, *folded)]
    yield from differences(LISTED, found, as_stored(expected))


def _with_view(row: Row, view: MilestoneView) -> Row:
    """A row with the figures of its view, which may have the newest pauses only."""
    shown = view.short().model_dump(mode="json")
    return row | {in_view(name): shown.get(name) for name in MilestoneView.model_fields}

"""The compliance of milestones beside the verdict of the system that wrote the log."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from domain.reports.compliance import Outcome, compliance, compliance_table, outcome
from domain.timeline.instances import InstanceState
from domain.timeline.views import CaseView, MilestoneStatus, MilestoneView
from tests.starters.incidents import mapping, walked

START = datetime(2025, 6, 9, 13, tzinfo=UTC)


def milestone(state: InstanceState, *, violated: bool, name: str = "Resolution", occurrence: int = 1) -> MilestoneView:
    return MilestoneView(
        milestone=name,
        occurrence=occurrence,
        process="gold",
        state=state,
        span="4h",
        business_hours="24x7",
        start_at=START,
        target_at=START + timedelta(hours=4),
        completed_at=None,
        completed_by=None,
        removed_at=None,
        exited_at=None,
        violated=violated,
        violations=[],
        elapsed_seconds=0,
        paused_seconds=0,
        actual_seconds=0,
        remaining_seconds=None,
        pauses=[],
        fired=[],
    )


def seen(*milestones: MilestoneView, priority: str | None = "High") -> CaseView:
    return CaseView(
        case_id="A",
        now=START,
        opened_at=START,
        closed_at=None,
        process="gold",
        process_version=1,
        entered_at=START,
        exited_at=None,
        stopped=False,
        status=MilestoneStatus.COMPLIANT,
        fields={"priority": priority},
        milestones=list(milestones),
    )


@pytest.mark.parametrize(
    ("state", "violated", "expected"),
    [
        (InstanceState.COMPLETED, False, Outcome.MET),
        (InstanceState.COMPLETED, True, Outcome.MET_LATE),
        (InstanceState.RUNNING, True, Outcome.VIOLATED),
        (InstanceState.PAUSED, True, Outcome.VIOLATED),
        (InstanceState.OPEN_AT_EXIT, True, Outcome.VIOLATED),
        (InstanceState.REMOVED, True, Outcome.VIOLATED),
        (InstanceState.RUNNING, False, Outcome.OPEN),
        (InstanceState.PAUSED, False, Outcome.OPEN),
        (InstanceState.SCHEDULED, False, Outcome.OPEN),
        (InstanceState.OPEN_AT_EXIT, False, Outcome.OPEN),
        (InstanceState.REMOVED, False, Outcome.REMOVED),
    ],
)
def test_every_state_has_its_outcome(state: InstanceState, *, violated: bool, expected: Outcome) -> None:
    assert outcome(milestone(state, violated=violated)) is expected


@pytest.mark.parametrize(
    ("state", "violated", "expected"),
    [
        (InstanceState.REMOVED, False, Outcome.HANDED_OVER),
        (InstanceState.REMOVED, True, Outcome.HANDED_OVER_LATE),
        (InstanceState.COMPLETED, False, Outcome.MET),
        (InstanceState.COMPLETED, True, Outcome.MET_LATE),
    ],
)
def test_what_was_handed_over_is_counted_apart(state: InstanceState, *, violated: bool, expected: Outcome) -> None:
    """In time and late, not among the removed or violated; a completion dated before it counts as a completion."""
    over = milestone(state, violated=violated).model_copy(update={"handed_over": True})
    assert outcome(over) is expected
    (row, _) = compliance([(seen(over), None)], by="priority")
    assert {each for each in Outcome if getattr(row, each.key)} == {expected}
    assert row.met_percent == {Outcome.MET: 100.0, Outcome.MET_LATE: 0.0}.get(expected)


def test_handing_over_is_shown_where_there_is_any() -> None:
    """A table of milestones that are never handed over has no columns for it."""
    over = milestone(InstanceState.REMOVED, violated=True).model_copy(update={"handed_over": True})
    met = milestone(InstanceState.COMPLETED, violated=False)
    headings = [
        [str(column.header) for column in compliance_table(compliance([(view, None)], by="priority"), by="p").columns]
        for view in (seen(met), seen(met, over))
    ]
    assert [heading for heading in headings[1] if heading not in headings[0]] == ["Handed over", "Handed over late"]


def test_groups_are_counted_and_summed() -> None:
    """Met in time is of those that were met or missed; what is open or removed is in neither."""
    met = milestone(InstanceState.COMPLETED, violated=False)
    late = milestone(InstanceState.COMPLETED, violated=True)
    missed = milestone(InstanceState.RUNNING, violated=True)
    running = milestone(InstanceState.RUNNING, violated=False)
    removed = milestone(InstanceState.REMOVED, violated=False)
    results = [
        (seen(met), True),
        (seen(met, priority="Low"), False),
        (seen(late), False),
        (seen(missed), True),
        (seen(running), None),
        (seen(removed, priority=None), True),
    ]
    rows = compliance(results, by="priority", groups=["Low"])
    assert [(r.group, r.instances, r.met, r.met_late, r.violated, r.open, r.removed) for r in rows] == [
        ("Low", 1, 1, 0, 0, 0, 0),
        ("High", 4, 1, 1, 1, 1, 0),
        ("none", 1, 0, 0, 0, 0, 1),
        ("all", 6, 2, 1, 1, 1, 1),
    ]
    assert [(r.log_met, r.log_missed, r.agreed) for r in rows] == [(0, 1, 0), (2, 1, 2), (1, 0, 1), (3, 2, 3)]
    assert [r.met_percent for r in rows] == [100.0, 33.3, None, 50.0]
    assert [r.log_met_percent for r in rows] == [0.0, 66.7, 100.0, 60.0]


def test_a_case_agrees_if_none_of_its_occurrences_was_missed() -> None:
    once = milestone(InstanceState.COMPLETED, violated=False)
    again = milestone(InstanceState.COMPLETED, violated=True, occurrence=2)
    (high, _) = compliance([(seen(once, again), False)], by="priority")
    assert (high.instances, high.met, high.met_late) == (2, 1, 1)
    assert (high.log_met, high.log_missed, high.agreed) == (0, 1, 1)


def test_each_stay_counts_for_whoever_had_it() -> None:
    """Of a milestone that restarts on the field; others count for the value that the case has in the end."""
    first = milestone(InstanceState.REMOVED, violated=True, name="Stay").model_copy(
        update={"handed_over": True, "ran_under": {"priority": "Low"}}
    )
    last = milestone(InstanceState.COMPLETED, violated=False, name="Stay", occurrence=2).model_copy(
        update={"ran_under": {"priority": "High"}}
    )
    view = seen(first, last, milestone(InstanceState.COMPLETED, violated=False))
    rows = compliance([(view, False)], by="priority", groups=["Low", "High"])
    assert [(r.milestone, r.group, r.instances, r.met, r.handed_over_late) for r in rows] == [
        ("Stay", "Low", 1, 0, 1),
        ("Stay", "High", 1, 1, 0),
        ("Stay", "all", 2, 1, 1),
        ("Resolution", "High", 1, 1, 0),
        ("Resolution", "all", 1, 1, 0),
    ]
    assert [(r.log_missed, r.agreed) for r in rows] == [(1, 1), (1, 0), (1, 1), (1, 0), (1, 0)]


def test_no_cases_make_no_rows() -> None:
    assert compliance([], by="priority") == []


def results() -> Iterator[tuple[CaseView, bool | None]]:
    for found in walked().values():
        yield found.view, found.kept


def test_the_sample_by_priority_beside_the_logs_own_verdict() -> None:
    """Milestones in the process's order, priorities in the mapping's; every incident once for each milestone."""
    order = list((mapping().fields["priority"].values or {}).values())
    rows = compliance(results(), by="priority", groups=order)
    assert [(r.milestone, r.group) for r in rows] == [
        (name, group)
        for name in ("First response", "Resolution")
        for group in ("Critical", "High", "Moderate", "Low", "all")
    ]
    for row in rows:
        assert row.instances == sum(getattr(row, each.key) for each in Outcome)
        assert row.instances == row.log_met + row.log_missed
    assert [(r.instances, r.met, r.met_late, r.log_met, r.agreed) for r in rows if r.milestone == "Resolution"] == [
        (8, 4, 4, 1, 5),
        (20, 8, 12, 0, 12),
        (94, 60, 34, 51, 79),
        (28, 24, 4, 12, 16),
        (150, 96, 54, 64, 112),
    ]


def test_the_table_shows_both_verdicts() -> None:
    out = StringIO()
    rows = compliance(results(), by="priority", groups=["Critical", "High", "Moderate", "Low"])
    Console(file=out, width=120).print(compliance_table(rows, by="priority"))
    lines = out.getvalue().splitlines()
    assert lines[0].rstrip() == "Milestone compliance by priority, beside the log's own verdict"
    last = next(line for line in reversed(lines) if "all" in line)
    assert [cell.strip() for cell in last.strip("│").split("│")] == [
        "", "all", "150", "96", "54", "0", "0", "0", "64%", "43%", "112 of 150",
    ]  # fmt: skip


def test_a_row_goes_to_json_with_its_percentages() -> None:
    (row, _) = compliance([(seen(milestone(InstanceState.COMPLETED, violated=False)), True)], by="priority")
    assert row.model_dump(mode="json")["met_percent"] == 100.0

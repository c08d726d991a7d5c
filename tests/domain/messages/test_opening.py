"""A case is opened, and taken up again, by pure rules that activity and workflow share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.calendar import ALWAYS
from domain.messages.cases import CaseIntake, CaseReopening
from domain.messages.coverage import CaseCoverage, Left, NotMatched
from domain.messages.names import case_workflow_id
from domain.messages.steps import Entered, OpenedCase, open_case, opened_state, reopen_case
from domain.process import EntitlementProcess
from domain.timeline.effects import Noted, NoteKind
from domain.timeline.events import CaseClosed
from domain.timeline.instances import InstanceState
from domain.timeline.plan import Plan

T0 = datetime(2026, 5, 4, 9, tzinfo=UTC)
WARNS_AT_ONCE = {
    "at": "4h",
    "kind": "warning",
    "actions": [{"do": "task", "id": "look", "subject": "Look", "assign_to": "desk"}],
}
COVERED = CaseCoverage(entitlement="gold", by="account", left=Left(unit="cases", cap=5, remaining=4))


def opened(**also: Any) -> OpenedCase:
    milestone = {"name": "Answer", "within": "4h", "triggers": [WARNS_AT_ONCE]}
    process = EntitlementProcess.model_validate({"name": "Support", "version": 1, "milestones": [milestone]})
    plan = Plan(
        process=process,
        business_hours=ALWAYS.name,
        calendars={ALWAYS.name: ALWAYS.freeze(T0 - timedelta(days=30), T0 + timedelta(days=400))},
        calendar_versions={ALWAYS.name: 0},
    )
    return OpenedCase(plan=plan, account="acme", entitlement="gold", **also)


def entered(**also: Any) -> Entered:
    return open_case(CaseIntake(case_id="c-1"), opened(**also), T0)


def test_a_case_enters_with_what_is_due_at_once() -> None:
    """The activity records it so, and the workflow goes on from the same."""
    found = entered(coverage=COVERED)
    assert [fired.kind for fired in found.fired] == ["warning"]
    assert [note.kind for note in found.notes if note.kind is NoteKind.COVERED] == [NoteKind.COVERED]
    assert entered(coverage=COVERED).effects == found.effects
    assert NoteKind.COVERED not in {note.kind for note in entered().notes}


def test_an_opened_state_knows_what_is_on_record() -> None:
    """All that the opening noted; the next record begins behind it."""
    found = entered(coverage=COVERED)
    state = opened_state(opened(), found, timedelta(hours=1))
    assert (state.account, state.entitlement, state.ahead) == ("acme", "gold", timedelta(hours=1))
    assert state.recorded_notes == len(found.notes) > 0
    assert state.state == found.timeline.state


def test_an_open_case_stays_open() -> None:
    """It is noted that it was asked for, and nothing more."""
    state = opened_state(opened(), entered(), timedelta())
    taken_up = reopen_case(state, CaseReopening(event_id="r-1"), T0 + timedelta(hours=1))
    assert [(note.kind, note.text) for note in taken_up.effects if isinstance(note, Noted)] == [
        (NoteKind.ALREADY, "the case is open")
    ]


@pytest.mark.parametrize("ahead", [timedelta(), timedelta(days=2)])
def test_a_closed_case_is_taken_up_by_its_own_clock(ahead: timedelta) -> None:
    """In another run, with its milestones open again; a clock that was ahead of the server's stays so."""
    found = entered()
    found.timeline.apply(
        CaseClosed(event_id="x-1", occurred_at=T0 + ahead + timedelta(hours=1)), T0 + ahead + timedelta(hours=1)
    )
    state = opened_state(opened(), found, ahead)
    taken_up = reopen_case(state, CaseReopening(event_id="r-1", by="ann"), T0 + timedelta(hours=2))
    assert (taken_up.state.runs, taken_up.state.ahead) == (state.runs + 1, ahead)
    view = taken_up.timeline.view(T0 + ahead + timedelta(hours=2))
    assert view.closed_at is None
    assert state.state.closed_at is not None, "what the store kept stays as it is"
    assert {milestone.state for milestone in view.milestones} & {InstanceState.RUNNING}


def test_coverage_is_said_in_a_line() -> None:
    other = NotMatched(entitlement="silver", why="it is retired")
    assert COVERED.text == "covered by gold, which matches by its account; 4 of 5 cases left"
    assert COVERED.model_copy(update={"others": [other]}).text.endswith(". Not silver: it is retired")
    with_more = COVERED.model_copy(update={"others": [other], "more": True})
    assert with_more.text.endswith(". Not silver: it is retired; and others, which do not match either")
    assert (with_more.model_dump()["more"], "more" in COVERED.model_dump()) == (True, False), (
        "histories stay as they are"
    )
    assert CaseCoverage(entitlement=None).verdict == "no entitlement covers it"
    assert Left(unit="hours", cap=None, remaining=None).text == "unlimited hours"


def test_coverage_says_what_a_case_waits_for() -> None:
    """And, once somebody has said yes, that it has that; why no other covers it stays as it was."""
    nothing_left = Left(unit="cases", cap=5, remaining=0)
    others = [NotMatched(entitlement="silver", why="it is retired")]
    waits = CaseCoverage(entitlement=None, asks="gold", by="asset", left=nothing_left, others=others)
    assert waits.verdict == ("waits for a decision on one more of gold, which matches by its asset; 0 of 5 cases left")
    assert waits.text == f"{waits.verdict}. Not silver: it is retired"
    assert waits.approved(nothing_left) == CaseCoverage(
        entitlement="gold", by="asset", left=nothing_left, others=others
    )
    assert ("asks" in waits.model_dump(), "asks" in COVERED.model_dump()) == (True, False), "histories stay as they are"


def test_a_case_that_waits_for_a_decision_says_so_on_record() -> None:
    """Of nothing that covers it, since nothing does yet."""
    waits = CaseCoverage(entitlement=None, asks="gold", by="asset")
    found = open_case(CaseIntake(case_id="c-1"), opened(coverage=waits).model_copy(update={"entitlement": None}), T0)
    [note] = [note for note in found.notes if note.kind is NoteKind.COVERED]
    assert (note.text, note.facts and note.facts.entitlement) == (waits.text, None)


def test_a_case_has_the_workflow_of_its_id() -> None:
    assert case_workflow_id("c-1") == "case/c-1"

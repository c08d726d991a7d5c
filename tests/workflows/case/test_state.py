"""The state of a case travels whole: to the next run, to the store, and back."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import workflow

from domain.calendar import ALWAYS
from domain.messages.case_state import (
    FORMAT,
    ActionFailure,
    ActionOrder,
    ActionOutcome,
    CaseState,
    HoursQuestion,
    OveragePrompt,
    Stuck,
)
from domain.messages.cases import CaseIntake
from domain.messages.coverage import CaseCoverage, NotMatched
from domain.process import ActionCall, EntitlementProcess, TriggerKind
from domain.process.actions import Task
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from workflows.case.opening import take_up
from workflows.case.running import RunningCase

AT = datetime(2025, 6, 9, 13, tzinfo=UTC)


def full_state() -> CaseState:
    """A state in which every attribute says something."""
    process = EntitlementProcess.model_validate({"name": "P", "milestones": [{"name": "M", "within": "1h"}]})
    hours = ALWAYS.freeze(AT - timedelta(days=300), AT + timedelta(days=600))
    plan = Plan(process=process, business_hours=ALWAYS.name, calendars={ALWAYS.name: hours})
    timeline = Timeline.enter(plan, Case(case_id="c"), AT)
    unrecorded = timeline.advance(AT)
    order = ActionOrder(
        case_id="c",
        milestone="M",
        trigger="t",
        kind=TriggerKind.WARNING,
        due_at=AT,
        at=AT,
        call=ActionCall(key="c/p/m/1/t/1/1/task", action=Task(do="task", subject="s")),
        context={},
    )
    hours_question = HoursQuestion(entry="t-1", entitlement="e", minutes=5, overage_price=None, worked_at=AT, until=AT)
    coverage = CaseCoverage(entitlement=None, asks="e", by="account", others=[NotMatched(entitlement="f", why="so")])
    prompt = OveragePrompt(
        entitlement="e", overage_price=None, used=1, cap=1, occurred_at=AT, until=AT, coverage=coverage
    )
    return CaseState(
        plan=plan,
        state=timeline.state,
        account="a",
        entitlement="e",
        prompt=prompt,
        questions=[hours_question],
        runs=3,
        records=7,
        recorded_notes=2,
        ahead=timedelta(hours=5),
        orders=[order],
        failed={order.call.key: order},
        unrecorded=unrecorded,
        failures=[ActionFailure(key="k", error="no")],
        stuck=Stuck(since=AT, tries=2, again_at=AT),
        events=9,
        outcomes=[ActionOutcome(key="k", do="task", milestone="M", at=AT, dropped="expired")],
    )


def defaults() -> Mapping[str, Any]:
    return {
        n: f.get_default(call_default_factory=True) for n, f in CaseState.model_fields.items() if not f.is_required()
    }


def test_every_attribute_survives_continue_as_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Carried, through JSON, taken up by the next run and carried again: only the count of the runs grows."""
    monkeypatch.setattr(workflow, "now", lambda: AT)
    state = full_state()
    silent = [name for name, default in defaults().items() if getattr(state, name) == default and name != "format"]
    assert silent == [], "the test has to set every attribute"
    carried = CaseState.model_validate_json(state.model_dump_json())
    assert carried == state
    case = RunningCase(CaseIntake(case_id="c", carried=carried))
    take_up(case, carried)
    again = CaseState.model_validate_json(case.carried().model_dump_json())
    assert again == state.model_copy(update={"runs": state.runs + 1})


def test_a_key_of_a_newer_build_is_ignored() -> None:
    """An older build goes on with what it knows; the format says which build wrote it."""
    written = full_state().model_dump(mode="json") | {"from_the_future": 1}
    assert CaseState.model_validate(written) == full_state()
    assert written["format"] == FORMAT

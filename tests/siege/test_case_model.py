"""The model of the checker knows every order of a task that the rules allow, and no other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from temporalio.client import WorkflowHistory

from domain.errors import Refused
from domain.timeline.effects import Effect, Noted
from domain.timeline.events import ClockStopped, Event, MilestoneCompleted
from domain.timeline.machine import Case, Timeline
from tests.domain.timeline.bench import ny, plan, process
from tests.siege.case_model import CaseModel
from tests.siege.histories import Asked, Done, Run, Step

PLAN = plan(process({"name": "Answer", "within": "10m"}, {"name": "Repair", "within": "15m"}))
OPENED, BEFORE, STOPPED, NOW = ny("Mon 09:00"), ny("Mon 09:08"), ny("Mon 09:12"), ny("Mon 09:20")

STOP = ClockStopped(event_id="stop", occurred_at=STOPPED, milestone="Nothing")
REPAIRED = MilestoneCompleted(event_id="repaired", occurred_at=BEFORE, milestone="Repair")


def _opened() -> tuple[Timeline, list[Effect]]:
    timeline = Timeline.enter(PLAN, Case(case_id="c", fields={}), OPENED)
    return timeline, timeline.advance(OPENED)


def _asked(name: str, event: Event, *, notes: Sequence[str] = (), refused: str | None = None) -> Asked:
    answer = {"notes": list(notes)} if refused is None else None
    argument = event.model_dump(mode="json", exclude={"type"})
    return Asked(name, [argument], answer=answer, refused=refused, is_answered=True)


def _walked(on_record: Sequence[Effect], *asked: Asked) -> CaseModel:
    """The model after an opening, and one task at 09:20 in which all that is `asked` came together."""
    opened: dict[str, Any] = {"plan": PLAN.model_dump(mode="json")}
    opening = Done("open_case", {"opened_at": OPENED.isoformat()}, 0, opened, failed=False)
    steps = [Step(OPENED, OPENED, done=[opening]), Step(NOW, NOW, asked=list(asked))]
    model = CaseModel("c", [effect for effect in on_record if isinstance(effect, Noted)])
    model.walk([Run(WorkflowHistory("case/c", []), OPENED, goes_on=False, argument={}, steps=steps)])
    return model


def test_what_was_due_before_a_refused_message_comes_before_the_next_one() -> None:
    """Its time had come; the next message happened earlier and leaves it as it is."""
    timeline, on_record = _opened()
    on_record += timeline.advance(NOW, before=STOPPED)
    with pytest.raises(Refused) as refusal:
        timeline.fork().apply(STOP, NOW)
    done = timeline.apply(REPAIRED, NOW)
    notes = [effect.text for effect in done if isinstance(effect, Noted)]
    model = _walked(
        [*on_record, *done],
        _asked("stop_clock", STOP, refused=refusal.value.code),
        _asked("complete_milestone", REPAIRED, notes=notes),
    )
    assert model.broken is None
    assert [order.timeline.view(NOW) for order in model.orders] == [timeline.view(NOW)]


def test_a_record_that_no_order_comes_to_is_told() -> None:
    """The completion was answered, and something else is on record in its place."""
    timeline, on_record = _opened()
    done = timeline.fork().apply(REPAIRED, NOW)
    notes = [effect.text for effect in done if isinstance(effect, Noted)]
    stray = [effect.model_copy(update={"text": "otherwise"}) for effect in done if isinstance(effect, Noted)]
    model = _walked([*on_record, *stray], _asked("complete_milestone", REPAIRED, notes=notes))
    assert model.broken is not None
    assert "no order explains" in model.broken

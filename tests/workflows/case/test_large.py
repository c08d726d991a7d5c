"""A case that has become large: whatever it answers the server takes."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic_core import to_json
from temporalio import workflow

from domain.messages.cases import CaseIntake
from domain.timeline.events import FieldsChanged
from domain.timeline.plan import STAYS_SMALL
from tests.domain.timeline.bench import Bench, ny
from tests.domain.timeline.test_large import CHANGES, handed_over, long
from tests.workflows.case.test_state import full_state
from workflows.case import asked
from workflows.case.running import RunningCase

NOW = ny("Mon 10:00")
MOST_ANSWER_BYTES = 10**6
"""The server takes 2 MB."""


def run_of(monkeypatch: pytest.MonkeyPatch, now: datetime = NOW) -> None:
    """Have the code of a workflow believe that it runs."""
    info = SimpleNamespace(run_id="0123456789", get_current_history_length=lambda: 3)
    monkeypatch.setattr(workflow, "info", lambda: info)
    monkeypatch.setattr(workflow, "now", lambda: now)
    monkeypatch.setattr(workflow, "patched", lambda _: True)
    monkeypatch.setattr(workflow.unsafe, "is_replaying", lambda: False)


def case_of(bench: Bench) -> RunningCase:
    """A case that goes on from where a timeline stands, with nothing else to do."""
    timeline, case = bench.timeline, RunningCase(CaseIntake(case_id="c"))
    left = {"prompt": None, "questions": [], "orders": [], "failed": {}, "unrecorded": [], "failures": []}
    kept = full_state().model_copy(update={"plan": timeline.plan, "state": timeline.state, "ahead": NOW - NOW} | left)
    case.begin(kept, timeline)
    return case


def test_answers_of_a_case_that_keeps_long_texts_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """To a request, to a query, and at its end; the Temporal UI is shown all the same as ever."""
    run_of(monkeypatch)
    case = case_of(handed_over(rules=STAYS_SMALL - 1))
    told: list[Any] = []
    case.do = lambda _effects, view: told.append(view)
    answer = case.take(FieldsChanged(event_id="e", occurred_at=NOW, fields={"state": long(CHANGES)}))
    assert len(to_json(case.look(NOW).newest())) > 2 * MOST_ANSWER_BYTES
    assert len(to_json(answer)) < MOST_ANSWER_BYTES
    assert len(to_json(case.view())) < MOST_ANSWER_BYTES
    assert told == [case.newest()]


def test_an_explanation_that_is_too_large_is_of_the_very_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each milestone; it says how many the others are."""
    run_of(monkeypatch)
    parts: Any = SimpleNamespace(case=case_of(handed_over(rules=STAYS_SMALL)))
    whole = asked.explanation(parts, ())
    assert len(whole.instances) > 3
    monkeypatch.setattr(asked, "MOST_EXPLAINED_BYTES", len(to_json(whole)) - 1)
    short = asked.explanation(parts, ())
    assert [one.occurrence for one in short.instances] == [CHANGES] * 3
    assert [one.occurrences for one in short.more] == [CHANGES - 1] * 3

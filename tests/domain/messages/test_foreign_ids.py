"""The id of another system that a case's id was made of is kept, and goes wherever the case is told of."""

from __future__ import annotations

from datetime import UTC, timedelta
from io import StringIO
from typing import cast

import pytest
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from domain.explanation import explain
from domain.explanation.text import explanation_text
from domain.feed.cases import case_events
from domain.ids import CaseName, case_id_of
from domain.messages.cases import CaseIntake, CaseReopening
from domain.messages.steps import CaseRecord, FeedPart, open_case, opened_state, reopen_case
from domain.process.templates import of_a_milestone, template_problem
from domain.timeline.events import CaseClosed
from domain.timeline.preview import preview
from starters.terminal.migrations import Foresight, foresight
from tests.domain.messages.test_opening import T0, opened

FOREIGN = "INC/2024/001"
OURS = case_id_of(FOREIGN)
HOUR = timedelta(hours=1)


def test_an_intake_has_one_id_in_two_forms() -> None:
    """Another foreign id would be that of another case, and nobody would find this one by it."""
    assert CaseIntake(case_id=OURS, external_id=FOREIGN).external_id == FOREIGN
    with pytest.raises(ValidationError, match=r"external_id 'INC/7' is that of case INC~2F7, not of INC~2F2024~2F001"):
        CaseIntake(case_id=OURS, external_id="INC/7")


def test_an_intake_without_one_is_written_as_before() -> None:
    """A build that does not know the key reads what has no need of it."""
    assert "external_id" not in CaseIntake(case_id="4711").model_dump(mode="json")


@pytest.mark.parametrize(("named", "case_id"), [(FOREIGN, OURS), (OURS, OURS), ("4711", "4711"), ("#4711", "~234711")])
def test_a_case_is_named_by_either_id(named: str, case_id: str) -> None:
    assert TypeAdapter(CaseName).validate_python(named) == case_id


def test_a_foreign_id_and_a_channel_go_wherever_the_case_is_told_of() -> None:
    """How it stands, its events, the texts of its actions; also when it is closed and taken up again."""
    entered = open_case(CaseIntake(case_id=OURS, external_id=FOREIGN, channel="phone"), opened(), T0)
    view = entered.timeline.view(T0)
    assert (view.external_id, view.channel) == (FOREIGN, "phone")
    [warned] = entered.fired
    assert warned.context["case"] == {"id": OURS, "external_id": FOREIGN}
    state = opened_state(opened(), entered, timedelta())
    record = CaseRecord(
        history=1,
        number=1,
        notes_from=1,
        run_id="r",
        account="acme",
        entitlement=None,
        view=view,
        notes=entered.notes,
        carried=state,
        feed=FeedPart(first=1),
    )
    assert {(event.data["external_id"], event.data["channel"]) for event in case_events(record)} == {(FOREIGN, "phone")}
    entered.timeline.apply(CaseClosed(event_id="x-1", occurred_at=T0 + HOUR), T0 + HOUR)
    closed = opened_state(opened(), entered, timedelta())
    taken_up = reopen_case(closed, CaseReopening(event_id="r-1"), T0 + 2 * HOUR)
    seen = taken_up.timeline.view(T0 + 2 * HOUR)
    assert (seen.external_id, seen.channel) == (FOREIGN, "phone")


def test_a_foreign_id_stands_where_a_case_is_explained_and_foreseen() -> None:
    """Why its targets are what they are, and what another version would make of them."""
    entered = open_case(CaseIntake(case_id=OURS, external_id=FOREIGN), opened(), T0)
    plan, state = entered.timeline.plan, entered.timeline.state
    explanation = explain(plan, state, T0)
    assert explanation.external_id == FOREIGN
    assert explanation_text(explanation).startswith(f"Case {OURS} ({FOREIGN}), explained as of ")
    foreseen = preview(entered.timeline, lambda _: plan, T0 + HOUR, further=lambda same, _: same)
    assert foreseen.external_id == FOREIGN
    seen = Foresight()
    seen.add(foreseen)
    console = Console(width=200, file=StringIO())
    console.print(*foresight(seen, UTC))
    assert f"{OURS} ({FOREIGN})" in cast("StringIO", console.file).getvalue()


def test_a_case_of_an_id_of_ours_says_nothing_of_another() -> None:
    """What is written of it is what was written before."""
    entered = open_case(CaseIntake(case_id="4711"), opened(), T0)
    explanation = explain(entered.timeline.plan, entered.timeline.state, T0)
    for written in (entered.timeline.view(T0), entered.timeline.state, explanation):
        assert {"external_id", "channel"}.isdisjoint(written.model_dump(mode="json"))
    assert entered.fired[0].context["case"] == {"id": "4711"}


def test_texts_may_name_the_foreign_id() -> None:
    assert template_problem("{{ case.external_id }}", of_a_milestone({})) is None

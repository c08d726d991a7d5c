"""What is said of a case that is open already: how it stands, and not what it waited for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from clients.cases import MilepostClient
from domain.messages.cases import Answer, CaseIntake
from domain.messages.coverage import CaseCoverage
from domain.timeline.machine import Case, Timeline
from domain.timeline.views import CaseView, OpenDecision
from starters.operations.cases import CaseDesk
from tests.feeds import PLAN, T0

WAITS = CaseCoverage(entitlement=None, asks="gold", by="asset")
COVERED = CaseCoverage(entitlement="gold", by="asset")
ASKED = OpenDecision(entry=None, entitlement="gold", text="one more?", until=T0 + timedelta(days=1))


class Answers:
    """Stands for the case, and for a server that gives its first answer again.

    Args:
        coverage: that was said first.
        decisions: what somebody is asked now.
    """

    def __init__(self, coverage: CaseCoverage, *decisions: OpenDecision) -> None:
        view = Timeline.enter(PLAN, Case(case_id="c"), T0).view(T0)
        self._answer = Answer(outcome="already", notes=[], case=view, coverage=coverage)
        self._view = view.model_copy(update={"open_decisions": list(decisions)})

    async def open(self, _: CaseIntake) -> Answer:
        return self._answer

    async def view(self, _: str) -> CaseView:
        return self._view


@pytest.mark.parametrize(
    ("first", "now", "said"),
    [
        (WAITS, [ASKED], WAITS),
        (WAITS, [], None),
        (WAITS, [ASKED.model_copy(update={"entitlement": "silver"})], None),
        (WAITS, [ASKED.model_copy(update={"entry": "T-1"})], None),
        (COVERED, [], COVERED),
    ],
    ids=["it waits still", "it was decided", "it waits for another", "its work waits", "it never waited"],
)
async def test_who_opens_a_case_again_does_not_hear_what_it_waited_for(
    first: CaseCoverage, now: list[OpenDecision], said: CaseCoverage | None
) -> None:
    """Once that is decided; the decision has said what covers it."""
    desk = CaseDesk(cast("MilepostClient", Answers(first, *now)), cast("Any", None))
    answer = await desk.open(CaseIntake(case_id="c"))
    assert (answer.coverage, answer.case.open_decisions) == (said, now)

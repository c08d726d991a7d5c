"""What is said of a case: how one that is open already stands, from when news counts, who stopped a milestone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from clients.cases import MilepostClient
from domain.explanation import Explanation, explain
from domain.messages.cases import Answer, CaseIntake
from domain.messages.coverage import CaseCoverage
from domain.timeline.effects import NoteKind
from domain.timeline.events import CaseClosed
from domain.timeline.machine import Case, Timeline
from domain.timeline.views import CaseView, OpenDecision
from starters.operations.cases import CaseDesk
from tests.domain.timeline.bench import Bench, ny
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


@pytest.mark.parametrize(
    ("said", "since"),
    [(T0 + timedelta(hours=2), "2025-06-09 15:00:00Z"), (T0, "2025-06-09 14:00:00Z")],
    ids=["after the closing", "before it"],
)
async def test_who_reopens_a_case_hears_from_when_it_counts(said: datetime, since: str) -> None:
    """Never before the last thing that happened to it, whatever was said."""
    closed = Timeline.enter(PLAN, Case(case_id="c"), T0)
    closed.apply(CaseClosed(event_id="closed", occurred_at=T0 + timedelta(hours=1)))
    stored = SimpleNamespace(view=closed.view(said), carried=SimpleNamespace(state=closed.state))
    open_view = Timeline.enter(PLAN, Case(case_id="c"), T0).view(T0)

    async def reopen(_: str, **__: Any) -> Answer:
        return Answer(outcome="taken", notes=[], case=open_view)

    async def ask_store(_: object) -> object:
        return stored

    desk = CaseDesk(cast("MilepostClient", SimpleNamespace(reopen=reopen)), cast("Any", ask_store))
    answer = await desk.reopen("c", occurred_at=said)
    assert answer.notes == [f"the case is reopened, and counts on from {since}"]


async def test_who_asks_why_hears_who_stopped_a_milestone() -> None:
    """From the notes in the store; where that is not at hand the explanation is the case's own."""
    bench = Bench({"within": "4h"}).stop("Mon 10:00", "M", by="ann", reason="waits for a part")
    own = explain(bench.timeline.plan, bench.timeline.state, ny("Mon 11:00"))
    notes = bench.notes(NoteKind.CLOCK_STOPPED)
    store = SimpleNamespace(cases=SimpleNamespace(notes=lambda *_: notes))

    async def explanation(_: str) -> Explanation:
        return own

    async def ask_store(ask: Callable[[Any], Any]) -> object:
        return ask(store)

    async def no_store(_: object) -> None:
        return None

    client = cast("MilepostClient", SimpleNamespace(explanation=explanation))
    told, _ = await CaseDesk(client, cast("Any", ask_store)).explain("c")
    (cause,) = told.instances[0].pauses[0].causes
    assert (cause.by, cause.reason) == ("ann", "waits for a part")
    assert await CaseDesk(client, cast("Any", no_store)).explain("c") == (own, None)

"""What every way in asks of a case: opened and told as it stands now, taken up again, shown, explained.

The case itself answers. Where Temporal no longer has it, or no worker answers, the store's record says what it knows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from clients.cases import MilepostClient
from clients.sending import NoAnswer
from domain.errors import NotFound, Refused
from domain.explanation import Explanation
from domain.explanation import explain as explain_by
from domain.explanation.coverage import TOLD, CoverageExplained, explain_coverage
from domain.explanation.stops import TOLD as STOPS_TOLD
from domain.explanation.stops import names_a_stop, with_stops
from domain.messages.cases import Answer, CaseIntake
from domain.model import Value
from domain.timeline.folding import NEWEST
from domain.timeline.views import CaseView
from domain.wording import instant, stamp
from starters.operations.at_work import at_work, standing_still, stuck_text
from store import Store

T = TypeVar("T")

_FROM_RECORD = "from the store's record"
_REOPENED = "the case is reopened"
"""As its timeline says it, where its last run still had something to do; a new run says nothing of it."""


class AskStore(Protocol):
    """Puts a question to the store; None where it knows nothing of it, or is not at hand."""

    async def __call__(self, question: Callable[[Store], T]) -> T | None:
        """What the store says."""


class ShownCase(Value):
    """A case as it stands.

    Attributes:
        note: where this comes from if not from the case itself, or why nothing goes on with it.
        ended: how and when its workflow was ended from outside; None: it goes on, or is closed.
        stuck: since when something that was due fails; None: it does not.
    """

    view: CaseView
    note: str | None = None
    ended: str | None = None
    stuck: str | None = None


class CaseDesk:
    """Opens cases and looks at them.

    Args:
        client: asks the cases.
        ask_store: asks the store.

    Attributes:
        client: likewise.
    """

    def __init__(self, client: MilepostClient, ask_store: AskStore) -> None:
        self.client = client
        self._ask_store = ask_store

    async def open(self, intake: CaseIntake) -> Answer:
        """Open a case, or say how the one of this id stands now.

        Raises:
            Refused: it cannot be opened so, or was opened before and is closed.
            NoAnswer: nobody answers.
        """
        answer = await self.client.open(intake)
        if answer.outcome != "already":
            return answer
        # Asked again, Temporal gives the first answer again, even of a case that is closed by now.
        view = await self.client.view(intake.case_id)
        if view.closed_at is not None:
            said = f"case {intake.case_id} was opened before and is closed, since {instant(view.closed_at)}"
            raise Refused("closed", said)
        asked = {decision.entitlement for decision in view.open_decisions if decision.entry is None}
        is_decided = answer.coverage is not None and answer.coverage.asks not in {None, *asked}
        return answer.model_copy(update={"case": view, "coverage": None if is_decided else answer.coverage})

    async def request(self, case_id: str, update: str, *, milestone: str | None = None, **asked: Any) -> Answer:
        """Ask a case for a change.

        Args:
            case_id: the case.
            update: what is asked for.
            milestone: of which milestone; in any case of letters, where the store knows the case's process.
            **asked: the rest of what `MilepostClient.request` takes.

        Raises:
            NotFound, Refused, NoAnswer: as `MilepostClient.request`.
        """
        if milestone is None:
            return await self.client.request(case_id, update, **asked)
        try:
            return await self.client.request(case_id, update, milestone=milestone, **asked)
        except Refused as refused:
            if refused.code != "unknown_milestone":
                raise
            known = await self._ask_store(lambda store: _spelt(store, case_id, milestone))
            if known is None:
                raise
        return await self.client.request(case_id, update, milestone=known, **asked)

    async def reopen(self, case_id: str, *, occurred_at: datetime | None, **asked: Any) -> Answer:
        """Take a closed case up again. The answer says from when its clocks go on: never before it was closed.

        Args:
            case_id: the case.
            occurred_at: when; None: now.
            **asked: the rest of what `MilepostClient.reopen` takes.

        Raises:
            NotFound: there is no such case.
            Refused: it is open, or was refused when it was opened.
            NoAnswer: nobody answers.
        """
        found = await self._ask_store(lambda store: store.cases.get(case_id))
        if found is None:
            await self.client.view(case_id)  # says so itself if it is not known, or was refused
            raise NotFound(f"the store has no record of case {case_id!r}, from which it would be taken up again")
        at, foreign = occurred_at or datetime.now(UTC), found.view.external_id
        answer = await self.client.reopen(case_id, occurred_at=at, external_id=foreign, **asked)
        if found.view.closed_at is None or answer.outcome != "taken":
            return answer
        since = max(at.replace(microsecond=0), found.carried.state.last_at)
        said = f"{_REOPENED}, and counts on from {stamp(since)}"
        return answer.model_copy(update={"notes": [said, *(note for note in answer.notes if note != _REOPENED)]})

    async def show(self, case_id: str) -> ShownCase:
        """The case as it stands; a closed one that Temporal has forgotten as it was recorded last.

        Raises:
            NotFound, Refused, NoAnswer: as `MilepostClient.view`.
        """
        shown = await self._look(case_id)
        if shown.view.closed_at is not None:
            return shown
        now = await at_work(self.client, case_id)
        ended = now.ended or await self._marked(case_id)
        if ended is not None:
            said = f"{ended}; nothing goes on with it by itself"
            return ShownCase(view=standing_still(shown.view), note=said, ended=ended)
        if not now.is_stuck:
            return shown
        said = stuck_text(await self._ask_store(lambda store: store.cases.get(case_id).carried.stuck))
        return ShownCase(view=shown.view, note=said, stuck=said)

    async def _look(self, case_id: str) -> ShownCase:
        try:
            return ShownCase(view=await self.client.view(case_id))
        except NotFound:
            found = await self._ask_store(lambda store: store.cases.get(case_id))
            if found is None:
                raise
            whose = {"account": found.account, "entitlement": found.entitlement}
            note = f"{_FROM_RECORD}: Temporal no longer has the history of this case"
            return ShownCase(view=found.view.model_copy(update=whose), note=note)

    async def _marked(self, case_id: str) -> str | None:
        """That its workflow is gone, as somebody who looked after it has found."""
        marks = await self._ask_store(lambda store: store.ended.rows(case_id)) or []
        return next((mark.text for mark in marks if mark.how == "unknown to Temporal"), None)

    async def explain(self, case_id: str) -> tuple[Explanation, str | None]:
        """Why its targets are what they are, and where this comes from if not from the case itself.

        Raises:
            NotFound, Refused, NoAnswer: as `MilepostClient.explanation`.
        """
        explanation, note = await self._explained(case_id)
        if names_a_stop(explanation):
            notes = await self._ask_store(lambda store: store.cases.notes(case_id, STOPS_TOLD))
            explanation = with_stops(explanation, notes or [])
        return explanation, note

    async def _explained(self, case_id: str) -> tuple[Explanation, str | None]:
        try:
            return await self.client.explanation(case_id), None
        except (NotFound, NoAnswer) as nobody:
            recorded = await self._ask_store(lambda store: store.cases.get(case_id).carried)
            if recorded is None:
                raise
            state = recorded.state
            known = (
                "Temporal no longer has the history of this case"
                if isinstance(nobody, NotFound)
                else "no worker answers"
            )
            until = max(state.last_at, state.closed_at or state.last_at)
            explanation = explain_by(recorded.plan, state, until, newest=NEWEST)
            return explanation, f"{_FROM_RECORD}: {known}"

    async def coverage(self, case_id: str) -> CoverageExplained | None:
        """What covers a case and why, as the store has it; None: that is not at hand, or has no record of it yet."""
        return await self._ask_store(lambda store: _coverage(store, case_id))


def _coverage(store: Store, case_id: str) -> CoverageExplained:
    case = store.cases.get(case_id)
    notes = store.cases.notes(case_id, TOLD)
    return explain_coverage(case.carried.plan, notes, account=case.account, entitlement=case.entitlement)


def _spelt(store: Store, case_id: str, name: str) -> str | None:
    """The one milestone of a case whose name differs in capitals alone."""
    process = store.cases.get(case_id).carried.plan.process
    names = [milestone.name for milestone in process.milestones] if process else []
    alike = [one for one in names if one.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None

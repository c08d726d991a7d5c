"""Taking messages in: each in its turn, over a longer horizon if it needs one, and judged by its own time."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.frozen import HorizonExceeded
    from domain.messages.cases import Answer
    from domain.timeline.effects import NoteKind
    from domain.timeline.events import EntitlementChanged, Event, PlanReplaced
    from workflows.case.passing import Passing
    from workflows.case.plans import Plans
    from workflows.case.running import RunningCase


class Taking:
    """Takes in what is asked of a case and what it is told."""

    def __init__(self, case: RunningCase, plans: Plans, passing: Passing) -> None:
        self._case = case
        self._plans = plans
        self._passing = passing

    def try_out(self, event: Event) -> None:
        """Refuse an event before anything of it is recorded: try it on a copy of the timeline.

        One behind which much is due is tried when it is its turn: a trial does all of it at once.

        Raises:
            Refused: it makes no sense.
        """
        case = self._case
        if not case.is_open or not case.turn.is_free or (case.next_due and case.next_due < event.occurred_at):
            return
        try:
            case.tried(event)
        except HorizonExceeded:
            return  # it waits for a longer one

    async def take(self, event: Event) -> Answer:
        """Take an event in when it is its turn.

        Raises:
            ApplicationError: it is refused; nothing has changed.
        """
        await self._case.ready()
        while True:
            async with self._case.turn:
                await self._case.turn.pace()
                await self._passing.catch_up_before(event.occurred_at)
                try:
                    return self._case.take(event)
                except HorizonExceeded as exceeded:
                    beyond = exceeded
            if self._plans.ends(beyond.back_to):
                said = str(beyond) if beyond.back_to is None else self._plans.why_past_ends
                raise ApplicationError(said, type="past_the_horizon", non_retryable=True)
            if isinstance(event, EntitlementChanged | PlanReplaced):
                event = await self._plans.over_a_longer_horizon(event, beyond.back_to)
            else:
                await self._plans.longer(beyond.back_to)

    def refuse_news(self, refusal: ApplicationError) -> None:
        """Put a refused signal on record."""
        self._case.remark(NoteKind.REFUSED, f"refused: {refusal.message}")

"""Since when a request counts: not before the last thing that happened to its case, whatever was said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from domain.messages.cases import Answer
from domain.timeline.facts import Pause
from domain.timeline.views import CaseView

_BY_A_STOP = {"case stopped", "milestone stopped"}


def counts_from(answer: Answer, update: str, occurred_at: datetime) -> datetime | None:
    """The instant to which a request was moved, as far as the case shows it; None: it counts from when it was said.

    Args:
        answer: to the request.
        update: its name. Of a stopped or resumed clock and of a closing the case shows it; a completion is judged by
            its own time.
        occurred_at: when it happened, as somebody said.
    """
    if answer.outcome != "taken":
        return None
    instants: list[datetime] = []
    match update:
        case "stop_clock":
            instants = [last.from_at for last in _last_stops(answer.case) if last.to_at is None]
        case "resume_clock":
            instants = [last.to_at for last in _last_stops(answer.case) if last.to_at is not None]
        case "close":
            instants = [answer.case.closed_at] if answer.case.closed_at else []
    since = max(instants, default=occurred_at)
    return since if since > occurred_at else None


def _last_stops(view: CaseView) -> Iterator[Pause]:
    """Of each milestone the last pause, if it began as a clock was stopped."""
    for milestone in view.milestones:
        if milestone.is_open and milestone.pauses and milestone.pauses[-1].causes[0] in _BY_A_STOP:
            yield milestone.pauses[-1]

"""How large a case has become: beyond a bound it takes nothing that makes it larger, so that it can go on in a new run.

What a case carries to its next run has a limit (`running.MOST_CARRIED_BYTES`). One that is larger stays in its run,
until the server ends that for its length. So requests that make a case larger are refused some way before. Completions,
the end of a stop, its close and what time brings still go.
"""

from __future__ import annotations

from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic_core import to_json

    from domain.errors import Refused
    from domain.timeline import events
    from workflows.case.running import RunningCase
    from workflows.case.steps import Attempts

MOST_GROWN_BYTES = 1_500_000
"""Of what stays with a case. What comes to an end by itself, such as actions on their way, is carried beside it."""

LARGER: tuple[type[Any], ...] = (
    events.FieldsChanged,
    events.ClockStopped,
    events.CompletionCleared,
    events.MilestoneExtended,
    events.CaseReopened,
)
"""The events that a case takes only while it is not too large."""

_TEMPORARY: dict[str, Any] = {"orders": [], "unrecorded": [], "failures": [], "outcomes": []}


class Size:
    """Refuses what makes a case larger that is too large already.

    The case is measured when it may have grown past the bound since it was measured last, by the most that its steps
    add: a small case hardly ever, one near the bound at most once for each step.
    """

    def __init__(self, case: RunningCase) -> None:
        self._case = case
        self._attempts = Attempts("size")
        self._bytes = 0
        self._measured_at: int | None = None

    def check(self, event_id: str) -> None:
        """Refuse a request that makes the case larger, unless it was taken before.

        To be asked where a refusal leaves nothing in the history: by a validator.

        Raises:
            Refused: the case is too large.
        """
        case = self._case
        if not case.is_open or event_id in case.timeline.state.event_ids or self._measured() <= MOST_GROWN_BYTES:
            return
        raise Refused(
            "case_too_large",
            f"case {case.case_id} has grown too large: it carries {self._bytes:,} bytes, of at most "
            f"{MOST_GROWN_BYTES:,}. It takes completions, the end of a stop and its close, and nothing that makes it "
            "larger: close it, and open another",
        )

    def foresee(self, event_id: str) -> None:
        """The same of news, whose refusal is in the history: a replay goes by its marks.

        Raises:
            ApplicationError: the case is too large.
        """
        self._attempts.foresee("the size", lambda: self.check(event_id))

    def _measured(self) -> int:
        grown, before = self._case.grown_bytes, self._measured_at
        if before is None or (grown > before and self._bytes + grown - before > MOST_GROWN_BYTES):
            self._bytes = len(to_json(self._case.carried().model_copy(update=_TEMPORARY)))
            self._measured_at = grown
        return self._bytes

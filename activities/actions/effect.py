"""One action as the dispatcher sees it, whoever ordered it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.process import ActionCall


@dataclass(frozen=True, slots=True)
class Effect:
    """One action to be carried out once, under its key.

    Attributes:
        call: the action with its key.
        context: what its texts see.
        at: when it was ordered, by the clock of who ordered it.
        due_at: when its trigger was due; None for an entitlement's.
        event: what happened, in words with dots, such as ``milestone.warning``.
        thread: what its mails have in common with others, such as ``case/4711``.
        trigger: which trigger fired; None for an entitlement's.
        case_id: whose it is; None for an entitlement's.
    """

    call: ActionCall
    context: dict[str, Any]
    at: datetime
    event: str
    thread: str
    due_at: datetime | None = None
    trigger: str | None = None
    case_id: str | None = None

    @property
    def key(self) -> str:
        """Under which its receiver takes it once."""
        return self.call.key

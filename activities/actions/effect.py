"""One action as the dispatcher sees it, whoever ordered it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from domain.process import ActionCall
from store.values import FailedOrder

_OLD_OR_AHEAD = timedelta(days=30)


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

    @classmethod
    def ordered_before(cls, order: FailedOrder) -> Self:
        """That of an action that failed for good, as it was ordered."""
        return cls(**{name: getattr(order, name) for name in FailedOrder.model_fields})

    def as_ordered(self) -> FailedOrder:
        """To be kept when it fails for good. Only of a case: an entitlement keeps its own."""
        return FailedOrder(**{name: getattr(self, name) for name in FailedOrder.model_fields})

    def is_of_now(self, now: datetime) -> bool:
        """Whether it was ordered about now. What was not is of a replayed log."""
        return abs(now - self.at) <= _OLD_OR_AHEAD

    def late_at(self, now: datetime) -> timedelta:
        """How long after its trigger was due an instant is, an outage among it; of a replayed log: until it fired."""
        due_at = self.due_at or self.at
        return max((now if self.is_of_now(now) else self.at) - due_at, timedelta())

    @property
    def key(self) -> str:
        """Under which its receiver takes it once."""
        return self.call.key

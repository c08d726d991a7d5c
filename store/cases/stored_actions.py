"""An action as the store has it: what was ordered, and what became of it."""

from __future__ import annotations

import operator
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from domain.model import Value
from domain.process import TriggerKind
from domain.process.actions import Action


class StoredAction(Value):
    """An action and what became of it.

    Attributes:
        status: of one that is dropped, `error` says why and `failed_at` when.
        external_id: the id of another system that the case's was made of; not written where there is none.
        entitlement: whose it is, if it is no case's: then `case_id` is its id too.
        action: None while only its outcome is known, not yet the record of its case; so with the trigger's facts.
    """

    key: str
    case_id: str
    external_id: str | None = Field(default=None, exclude_if=operator.not_)
    status: Literal["ordered", "done", "failed", "dropped"]
    milestone: str | None
    occurrence: int | None
    trigger: str | None
    kind: TriggerKind | None
    firing: int | None
    due_at: AwareDatetime | None
    at: AwareDatetime | None
    noticed_at: AwareDatetime | None
    action: Action | None
    done_at: AwareDatetime | None
    result: dict[str, Any] | None
    failed_at: AwareDatetime | None
    error: str | None
    entitlement: str | None = None

"""What a delivery by hand is started with: what had arrived is sent again, or what had failed for good tried again."""

from __future__ import annotations

import operator

from pydantic import Field

from domain.bounds import Instant, Words
from domain.model import Value

REDELIVERY_WORKFLOW = "RedeliveryWorkflow"

REDELIVER = "redeliver"


class RedeliveryOrder(Value):
    """Something is to be delivered again under its key: what had arrived, or what had failed for good.

    Attributes:
        key: of the action.
        by: who asks for it.
        asked_at: when.
        failed: it had failed for good: its action is carried out. Else it had arrived, and is sent as it was.
    """

    key: Words = Field(min_length=1)
    by: Words
    asked_at: Instant
    failed: bool = Field(default=False, exclude_if=operator.not_)


def workflow_id(key: str) -> str:
    """The id of the workflow that delivers something again: of each one at a time."""
    return f"redelivery/{key}"

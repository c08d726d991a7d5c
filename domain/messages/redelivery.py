"""What a delivery by hand is started with: a mail or a message that had arrived is sent again."""

from __future__ import annotations

from pydantic import Field

from domain.bounds import Instant, Words
from domain.model import Value

REDELIVERY_WORKFLOW = "RedeliveryWorkflow"

REDELIVER = "redeliver"


class RedeliveryOrder(Value):
    """Something that had arrived is to be delivered again, under its key.

    Attributes:
        key: of the action.
        by: who asks for it.
        asked_at: when.
    """

    key: Words = Field(min_length=1)
    by: Words
    asked_at: Instant


def workflow_id(key: str) -> str:
    """The id of the workflow that delivers something again: of each one at a time."""
    return f"redelivery/{key}"

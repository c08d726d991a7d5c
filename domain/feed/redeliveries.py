"""The events of deliveries by hand of a case's actions: each that has ended is one, of a subject of its own.

A case may be closed long before, and its numbers come from its workflow, which a delivery by hand does not ask. So the
subject is that of the workflow that delivers, ``redelivery/KEY``, and its sequence counts the deliveries of one key.
"""

from __future__ import annotations

from pydantic import AwareDatetime

from domain.bounds import cut
from domain.feed.case_data import REDELIVERED, REDELIVERY_FAILED
from domain.feed.envelope import Draft, type_name
from domain.feed.fitting import fitted
from domain.feed.usage import WORDS
from domain.messages.redelivery import workflow_id
from domain.model import Value


class CaseRedelivery(Value):
    """A delivery by hand that has ended.

    Attributes:
        account, entitlement: of the case, as it was last recorded.
        milestone: of the action; None: nobody knows any more.
        do: the kind of action.
        by: who asked for it, at `asked_at`.
        at: when it ended, after so many `attempts`.
        error: why it failed for good; None: it has arrived.
    """

    key: str
    case_id: str
    account: str | None
    entitlement: str | None
    milestone: str | None
    do: str
    by: str
    asked_at: AwareDatetime
    at: AwareDatetime
    attempts: int
    error: str | None = None


def subject_of(key: str) -> str:
    """Whose sequence the deliveries by hand of an action belong to."""
    return workflow_id(key)


def begins_with(case_id: str) -> str:
    """How the subjects begin of all that was delivered again of a case."""
    return subject_of(f"{case_id}/")


def redelivery_event(ended: CaseRedelivery, *, sequence: int) -> Draft:
    """The event of one.

    Args:
        ended: that has ended.
        sequence: its number among those of its key.
    """
    name, data = REDELIVERED if ended.error is None else REDELIVERY_FAILED
    words = WORDS["redelivered"] if ended.error is None else f"{WORDS['redelivery_failed']}: {ended.error}"
    facts = ended.model_dump(exclude={"at"}, exclude_none=True)
    return Draft(
        type=type_name(name),
        subject=subject_of(ended.key),
        sequence=sequence,
        time=ended.at,
        account=ended.account,
        data=fitted(data.model_validate({**facts, "text": cut(f"{ended.key} {words}")})),
    )

"""What the store gives back of cases."""

from __future__ import annotations

from domain.messages.case_state import CaseState
from domain.model import Value
from domain.timeline.views import CaseView


class CaseRow(Value):
    """A case as it was last recorded."""

    case_id: str
    number: int
    run_id: str
    account: str | None
    entitlement: str | None
    view: CaseView


class StoredCase(CaseRow):
    """With what another run of it goes on from: a reopening, or a preview of a change."""

    carried: CaseState

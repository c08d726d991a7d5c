"""What is sent to a case and what it answers: its intake, the requests that are no events of its timeline, answers.

All of it is JSON on the wire, so that a client in any language can speak it. The requests to a running case are the
events of `domain.timeline.events` without their `type`, which the name of the update or signal says.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from domain.bounds import MOST_ENTRY_MINUTES, Instant, Words, quoted
from domain.ids import CaseId, EventId, ForeignId, Reference, case_id_of
from domain.messages.case_state import CaseState
from domain.messages.coverage import CaseCoverage
from domain.model import Value
from domain.timeline.views import CaseView


class CaseReopening(Value):
    """Asks for a closed case to be taken up again, as the store has kept it.

    Attributes:
        occurred_at: when it was reopened; now, by the case's own clock, if left out.
        fields: of the case that have new values from then on.
    """

    event_id: EventId
    occurred_at: Instant | None = None
    by: Words | None = None
    reason: Words | None = None
    fields: dict[str, Any] = Field(default_factory=dict)


class CaseIntake(Value):
    """The one argument with which a case is opened.

    Attributes:
        external_id: the id of another system that `case_id` was made of; None where it is that id itself.
        account, contact, asset, service_contract, contract_line_item, product, channel: what coverage is looked up by,
            as the catalog calls it.
        entitlement: the case is opened *from* this one instead of looking for one; refused if it does not match.
        business_hours: a calendar of the case's own, by its name in the catalog.
        fields: values of the declared fields; an unknown one is refused, with the nearest name.
        opened_at: when the case was opened; now, if left out.
        by: who opens it.
        clock: gives the case a clock of its own that starts at this instant; for replays and simulations.
        carried: set by Milepost itself when the case goes on in another run; from anybody else it counts for nothing.
        reopened: the case was closed and is taken up again, from what the store kept of it.
    """

    case_id: CaseId
    external_id: ForeignId | None = Field(default=None, exclude_if=operator.not_)
    account: Reference | None = None
    contact: Reference | None = None
    asset: Reference | None = None
    service_contract: Reference | None = None
    contract_line_item: Reference | None = None
    entitlement: Reference | None = None
    product: Reference | None = None
    channel: Reference | None = None
    business_hours: Reference | None = None
    fields: dict[str, Any] = Field(default_factory=dict)
    opened_at: Instant | None = None
    by: Words | None = None
    clock: Instant | None = None
    carried: CaseState | None = None
    reopened: CaseReopening | None = None

    @model_validator(mode="after")
    def _has_one_id(self) -> Self:
        """The id of the case is the one that comes of the foreign id: so whoever knows one of them finds the case."""
        if self.external_id is not None and (made := case_id_of(self.external_id)) != self.case_id:
            raise ValueError(f"external_id {quoted(self.external_id)} is that of case {made}, not of {self.case_id}")
        return self


class Migration(Value):
    """Asks a case to go on under another version of its process, and under its calendars as they are now.

    Attributes:
        process_version: None: the latest.
    """

    event_id: EventId
    occurred_at: Instant
    by: Words | None = None
    reason: Words | None = None
    process_version: int | None = Field(default=None, ge=1)


class OverageChoice(Value):
    """Decides about an entitlement that had nothing left for the case: yes takes one more at the overage price.

    Attributes:
        approved: yes or no.
        entry: decides about what this time entry took beyond a cap instead: yes bills it, no leaves it uncovered.
    """

    event_id: EventId
    occurred_at: Instant
    by: Annotated[Words, Field(min_length=1)]
    reason: Words | None = None
    approved: bool
    entry: Reference | None = None


class TimeLogged(Value):
    """Work was done on the case.

    Attributes:
        id: of the time entry; it counts once.
        minutes: as they were worked.
        worked_at: decides the period; `occurred_at`, if left out.
        note: goes on record.
    """

    event_id: EventId
    occurred_at: Instant
    by: Words | None = None
    id: Reference
    minutes: int = Field(ge=1, le=MOST_ENTRY_MINUTES)
    worked_at: Instant | None = None
    note: Words | None = None


class TimeReversed(Value):
    """Undoes a time entry of the case that stayed uncovered: all of it, once.

    Attributes:
        entry: the id of the time entry.
    """

    event_id: EventId
    occurred_at: Instant
    by: Annotated[Words, Field(min_length=1)]
    reason: Annotated[Words, Field(min_length=1)]
    entry: Reference


class Answer(Value):
    """What a request to a case comes to.

    Attributes:
        outcome: `taken`; `already` if it changed nothing because things stood so; `repeated` if its event_id was taken
            before.
        notes: what followed from it, one line each.
        coverage: of an opening, and of a decision on what it had to wait for: how the case came by its entitlement, and
            why not by any other; not written of another request.
    """

    outcome: Literal["taken", "already", "repeated"]
    notes: list[str]
    case: CaseView
    coverage: CaseCoverage | None = Field(default=None, exclude_if=operator.not_)


class ActionRetry(Value):
    """Asks for a failed action to be tried again, under the key that it has.

    Attributes:
        key: of the action.
    """

    key: Annotated[Words, Field(min_length=1)]
    by: Words | None = None

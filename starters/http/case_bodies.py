"""What is sent of a case over HTTP: an intake, and each request. They are the messages of cases.

`event_id` may come as the header Idempotency-Key instead. `by` names a person; who holds the key goes on record too.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictBool

from domain.bounds import MOST_ENTRY_MINUTES, MOST_SPAN_SECONDS, ANumber, Words
from domain.ids import EventId, ForeignId, Reference
from domain.model import Value
from starters.http.instants import IsoInstant


def example(**shown: Any) -> ConfigDict:
    """What a body looks like, for readers of the document."""
    return ConfigDict(json_schema_extra={"examples": [shown]})


class CaseRequest(Value):
    """What every request to a case may say.

    Attributes:
        event_id: sent again under the same one, it is taken once.
        occurred_at: when it happened; now, if left out.
        by: the person who did it.
        reason: why; it goes on record.
    """

    model_config = example(by="ann", reason="the customer called")

    event_id: EventId | None = None
    occurred_at: IsoInstant | None = None
    by: Words | None = None
    reason: Words | None = None


class NewCase(Value):
    """A case to be opened.

    Attributes:
        case_id: letters, digits and ``. _ ~ -``; any other becomes one of these by percent-encoding with ``~``, and is
            kept as `external_id`.
        account: whose case it is; left out, it follows from the contact, the asset or the contract.
        contact: of the account: who called.
        asset: of the account: what it is about.
        service_contract: under which the case is opened; so with a line item of it, `contract_line_item`.
        contract_line_item: the line item of a contract.
        entitlement: the case is opened from it, instead of looking for one.
        product: what it is about, where there is no asset.
        channel: on which it came; entitlements may be for some channels only.
        business_hours: a calendar of the case's own, by its name.
        fields: values of the declared fields.
        opened_at: now, if left out.
        by: the person who opens it.
    """

    model_config = example(case_id="4711", account="acme", fields={"priority": "High"}, by="ann")

    case_id: ForeignId
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
    opened_at: IsoInstant | None = None
    by: Words | None = None


class MilestoneReached(CaseRequest):
    """A milestone was reached: `occurred_at` decides whether it was in time.

    Attributes:
        milestone: which, by its name.
    """

    model_config = example(milestone="First response", by="ann")

    milestone: Words


class NewValues(CaseRequest):
    """Fields of the case have new values; a null clears one.

    Attributes:
        fields: by their names, their new values.
    """

    model_config = example(fields={"priority": "Critical"}, by="ann")

    fields: dict[str, Any]


class ClockRequest(CaseRequest):
    """The clock of the case, or of one milestone.

    Attributes:
        milestone: whose clock; that of the case, if left out.
    """

    model_config = example(reason="waiting for the customer", by="ann")

    milestone: Words | None = None


class Clearing(CaseRequest):
    """A completion that is taken back, as if it had never been.

    Attributes:
        milestone: whose completion.
    """

    model_config = example(milestone="First response", reason="it was another case", by="ann")

    milestone: Words


class Extension(CaseRequest):
    """A target that moves later: by open seconds, or to an instant.

    Attributes:
        milestone: whose target.
        open_seconds: by so many seconds of business time.
        until: or to this instant.
    """

    model_config = example(milestone="Resolution", open_seconds=14400, reason="agreed with the customer", by="ann")

    milestone: Words
    open_seconds: Annotated[int, Field(gt=0, le=MOST_SPAN_SECONDS), ANumber] | None = None
    until: IsoInstant | None = None


class AnotherEntitlement(CaseRequest):
    """Another entitlement for the case; null for none.

    Attributes:
        entitlement: its id.
        from_opening: the choice before was wrong: its process is entered at the opening.
    """

    model_config = example(entitlement="acme-bronze", from_opening=True, reason="the wrong one was chosen", by="ann")

    entitlement: Reference | None
    from_opening: StrictBool = False


class Work(Value):
    """Work that was done on the case.

    Attributes:
        event_id: sent again under the same one, it is taken once.
        occurred_at: when it happened; now, if left out.
        by: the person who did it.
        id: of the time entry; it counts once.
        minutes: how long it took.
        worked_at: decides the period; `occurred_at`, if left out.
        note: what was done; it goes on record.
    """

    model_config = example(id="T-1", minutes=90, by="ann", note="on the phone")

    event_id: EventId | None = None
    occurred_at: IsoInstant | None = None
    by: Words | None = None
    id: Reference
    minutes: Annotated[int, Field(ge=1, le=MOST_ENTRY_MINUTES), ANumber]
    worked_at: IsoInstant | None = None
    note: Words | None = None


class WorkUndone(Value):
    """A time entry that stayed uncovered, and is to be undone.

    Attributes:
        event_id: sent again under the same one, it is taken once.
        occurred_at: when it happened; now, if left out.
        by: the person who does it.
        reason: why; it goes on record.
        entry: the id of the time entry.
    """

    model_config = example(entry="T-0", reason="logged on the wrong case", by="ann")

    event_id: EventId | None = None
    occurred_at: IsoInstant | None = None
    by: Words | None = None
    reason: Annotated[Words, Field(min_length=1)]
    entry: Reference


class WorkOnCase(Work):
    """Work that was done on a case.

    Attributes:
        case: its id, or the foreign one.
    """

    model_config = example(case="4711", id="T-1", minutes=90, by="ann")

    case: ForeignId


class Decision(CaseRequest):
    """A decision about what is beyond a cap: yes takes it at the overage price.

    Attributes:
        approved: yes or no.
        entry: about this time entry; about the case itself, if left out.
    """

    model_config = example(approved=True, entry="T-1", reason="they will pay", by="bo")

    approved: StrictBool
    entry: Reference | None = None


class Retry(Value):
    """An action that failed for good, to be tried again under the key that it has.

    Attributes:
        key: of the action; the list of actions has it.
        by: the person who asks for it.
    """

    model_config = example(key="4711/gold/first-response/1/success/1/email", by="ann")

    key: Annotated[Words, Field(min_length=1)]
    by: Words | None = None


class OtherVersion(CaseRequest):
    """Another version of the case's process; the latest, if left out.

    Attributes:
        process_version: its number.
    """

    model_config = example(process_version=2, reason="the new terms hold for all", by="bo")

    process_version: Annotated[int, Field(ge=1), ANumber] | None = None


class Reopening(CaseRequest):
    """A closed case that is taken up again.

    Attributes:
        fields: that have new values from then on.
    """

    model_config = example(fields={"status": "New"}, reason="it came back", by="ann")

    fields: dict[str, Any] = Field(default_factory=dict)

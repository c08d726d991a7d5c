"""What outbound messages post: a model for each type of event, by which its schema is published.

`activities.actions.hooks` makes the bodies; tests hold every one that a receiver gets to its schema. A published type
only gains optional parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

InstantText = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""An instant as it is posted. It stays text: what was written once is not written otherwise."""

DateText = Annotated[str, Field(json_schema_extra={"format": "date"})]


class _Posted(BaseModel):
    """A part of what is posted. What a context has besides is posted too, behind what is known of it."""

    model_config = ConfigDict(frozen=True, extra="allow")


class PostedCase(_Posted):
    """The case as it was when the trigger fired: its id, and its fields by their names.

    Attributes:
        external_id: as another system calls it; that is its id where it is called nothing else. Left out of what was
            shortened. It may be of another type where a declared field has its name.
    """

    external_id: Any = None
    id: str


class PostedMilestone(_Posted):
    """The milestone as it was when its trigger fired.

    Attributes:
        kind: of the trigger.
        target_at: null while it lies past the horizon of its calendar.
    """

    name: str
    occurrence: int
    kind: Literal["warning", "violation", "success"]
    start_at: InstantText
    target_at: InstantText | None
    completed_at: InstantText | None


class PostedEntitlement(_Posted):
    """The entitlement as it stood when the case took it.

    Attributes:
        unit: of its allowance; null with `cap` and `period` where nothing is counted.
        cap: in the unit; null: there is none.
    """

    id: str
    name: str
    starts_on: DateText | None
    ends_on: DateText | None
    account: str
    asset: str | None
    service_contract: str | None
    contract_line_item: str | None
    contacts: list[str]
    channels: list[str]
    products: list[str]
    type: str | None
    process: str | None
    business_hours: str | None
    unit: str | None
    cap: int | float | None
    period: str | None


class PostedAccount(_Posted):
    """The account as it stood when the case took it."""

    id: str
    name: str
    type: str | None
    time_zone: str


class CountedEntitlement(_Posted):
    """The entitlement whose usage is told."""

    id: str
    name: str
    unit: str
    starts_on: DateText | None
    ends_on: DateText | None


class CountedAccount(_Posted):
    """Whose the entitlement is."""

    id: str


class PostedUsage(_Posted):
    """What is used of the period, in the unit of the entitlement.

    Attributes:
        period: its first day; null: the term has no first day.
        cap, remaining: null where there is no cap.
        percent: of the cap; null where there is none.
    """

    period: DateText | None
    used: int | float
    overage: int | float
    cap: int | float | None
    remaining: int | float | None
    percent: float | None


class PostedTerm(_Posted):
    """The term that ends.

    Attributes:
        days_before: as the notice declares it.
        follows: in words: it expires, it is renewed.
    """

    ends_on: DateText
    days_before: int
    follows: str


class WebHook(BaseModel):
    """What every web hook says.

    Attributes:
        key: of the action, alike for every attempt.
        due_at: when the trigger was due.
        at: when it was noticed.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: str
    key: str
    case: PostedCase | None
    milestone: PostedMilestone | None
    entitlement: _Posted | None
    account: _Posted | None
    trigger: str | None
    due_at: InstantText | None
    at: InstantText


class MilestoneHook(WebHook):
    """A trigger of a milestone fired.

    Attributes:
        entitlement, account: null where the case has none.
        text: the action's own, rendered; left out where it has none.
        shortened: the body would have been too large; the case has its id alone.
    """

    case: PostedCase
    milestone: PostedMilestone
    entitlement: PostedEntitlement | None
    account: PostedAccount | None
    trigger: str
    due_at: InstantText
    text: str = ""
    shortened: bool = False


class WarningHook(MilestoneHook):
    """A warning of a milestone fired."""

    type: Literal["milestone.warning"]


class ViolationHook(MilestoneHook):
    """A target was missed; the trigger fired then, or so much later."""

    type: Literal["milestone.violation"]


class SuccessHook(MilestoneHook):
    """A milestone was completed, in time or late."""

    type: Literal["milestone.success"]


class EntitlementHook(WebHook):
    """Something happened to what is counted of an entitlement; no case has a part in it."""

    case: None
    milestone: None
    entitlement: CountedEntitlement
    account: CountedAccount
    trigger: None
    due_at: None
    usage: PostedUsage


class ThresholdHook(EntitlementHook):
    """A threshold was passed; each is once a period.

    Attributes:
        threshold: as declared, such as `80%` or `7.5`.
        text: the action's own, rendered; left out where it has none.
    """

    type: Literal["entitlement.threshold"]
    threshold: str
    text: str = ""


class NoticeHook(EntitlementHook):
    """The end of a term is near.

    Attributes:
        text: the action's own, rendered; left out where it has none.
    """

    type: Literal["entitlement.notice"]
    term: PostedTerm
    text: str = ""


WEB_HOOKS: Mapping[str, type[WebHook]] = {
    "milestone.warning": WarningHook,
    "milestone.violation": ViolationHook,
    "milestone.success": SuccessHook,
    "entitlement.threshold": ThresholdHook,
    "entitlement.notice": NoticeHook,
}
"""Every type of event that is posted. Overflows and ends of terms are told by mail alone."""

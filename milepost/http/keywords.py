"""What many calls say alike, keyword by keyword. Whatever is left out, or None, is not said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypedDict


class Event(TypedDict, total=False):
    """What every request to a case may say.

    Attributes:
        event_id: under which it is sent; a new one, if left out. Sent again under the same one it is taken once.
        occurred_at: when it happened, with an offset from UTC; now, if left out.
        by: the person who did it.
        reason: why.
    """

    event_id: str | None
    occurred_at: datetime | None
    by: str | None
    reason: str | None


class Person(TypedDict, total=False):
    """Who does it, and under which id it is sent.

    Attributes:
        event_id: as of an `Event`.
        by: the person who does it.
    """

    event_id: str | None
    by: str | None


class Customer(TypedDict, total=False):
    """What is known of a customer; an id at least that is not of a product or a channel.

    Attributes:
        entitlement: a case is opened from it, instead of looking for one.
    """

    account: str | None
    contact: str | None
    asset: str | None
    service_contract: str | None
    contract_line_item: str | None
    entitlement: str | None
    product: str | None
    channel: str | None


class Intake(Customer, total=False):
    """What is known of a case that is opened, beside its customer.

    Attributes:
        business_hours: a calendar of the case's own, by its name.
        fields: values of the declared fields.
        opened_at: now, if left out.
        by: the person who opens it.
    """

    business_hours: str | None
    fields: Mapping[str, Any] | None
    opened_at: datetime | None
    by: str | None


class EventFilter(TypedDict, total=False):
    """Which events of the feed are read; each part that is given has to hold.

    Attributes:
        limit: of a page: 1 to 1,000.
        type: types of events; one may end with ``*``.
    """

    limit: int | None
    type: Sequence[str] | None
    account: str | None
    case: str | None
    entitlement: str | None


class ReportFilter(TypedDict, total=False):
    """What a report is about; each part that is given has to hold.

    Attributes:
        by: what makes the groups: milestone, process, account, entitlement, channel, owner, a field of the case, or
            week, month, quarter, year; what is usual for the report, if left out.
        period: such as 2026-Q1, 2026-03, 2026-W09 or last-month; or `first` and `last` day.
        where: values of fields, ``NAME=VALUE`` each.
        minutes: of pauses: how close to a target is close.
        new: of overrides: only those that no export has taken; `export`: only those that this one has.
    """

    by: Sequence[str] | None
    period: str | None
    first: date | None
    last: date | None
    account: str | None
    entitlement: str | None
    milestone: str | None
    process: str | None
    where: Sequence[str] | None
    minutes: int | None
    new: bool | None
    export: int | None

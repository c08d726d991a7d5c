"""The mail by which an account's manager learns that an entitlement has overflowed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain.process import ActionCall, Email
from domain.usage.book import UsageBook
from domain.usage.effects import UsageActionOrder
from domain.usage.requests import EntitlementOverflowed

_SUBJECT = "Entitlement {{ entitlement.name or entitlement.id }} has overflowed"
_BODY = """\
Account {{ account.id }} asked for more than is left of entitlement {{ entitlement.name or entitlement.id }}: \
{{ usage.used }} of {{ usage.cap }} {{ entitlement.unit }} are used.

{% for overflow in overflows %}- {{ overflow.reference }}, {{ overflow.occurred_at }}
{% endfor %}"""


def overflow_mail(
    book: UsageBook, manager: str, overflows: Sequence[EntitlementOverflowed], at: datetime
) -> UsageActionOrder:
    """One mail about overflows that follow one another."""
    first, last = overflows[0], overflows[-1]
    entitlement_id = book.terms.entitlement_id
    return UsageActionOrder(
        entitlement_id=entitlement_id,
        cause="overflow",
        at=at,
        call=ActionCall(
            key=f"{entitlement_id}/{last.period}/overflow/{first.number}-{last.number}/1/manager",
            action=Email(do="email", id="manager", to=[manager], subject=_SUBJECT, body=_BODY),
        ),
        context=book.context(last.period) | {"overflows": [o.model_dump(mode="json") for o in overflows]},
    )

"""Deliveries of other systems as people see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from domain.intake.news import News
from domain.intake.trial import would_do
from domain.wording import instant
from store.intake import Delivery

_STATES = {"waits": "waits", "taken": "taken", "ignored": "ignored", "dead": "dead letter", "dropped": "dropped"}


def delivery_lines(found: Sequence[Delivery], zone: tzinfo) -> list[str]:
    """Deliveries, a line each and others for why, who had it tried again, and what was done."""
    lines: list[str] = []
    for one in found:
        of = f" case {one.case_id}" if one.case_id else ""
        if one.external_id is not None and one.external_id != one.case_id:
            of += f" ({one.external_id})"
        happened = f", happened {instant(one.occurred_at, zone)}" if one.occurred_at else ""
        lines.append(f"{one.number}  {one.source}{of}: {_STATES[one.status]}{happened}")
        lines += [f"    {line}" for line in (one.reason, *one.did) if line]
    return lines


def full_lines(one: Delivery, zone: tzinfo) -> list[str]:
    """One delivery with all that is kept of it."""
    return [
        *delivery_lines([one], zone),
        f"id: {one.delivery}, received {instant(one.received_at, zone)}",
        *(f"{name}: {value}" for name, value in one.headers.items()),
        "",
        one.payload,
    ]


def trial_lines(news: News) -> list[str]:
    """What a delivery would do."""
    place = news.place
    foreign = f" ({place.external_id})" if place.external_id != place.case_id else ""
    return [
        f"case {place.case_id}{foreign}, happened {instant(place.occurred_at)}{f', by {news.by}' if news.by else ''}",
        *(f"  {number}. {line}" for number, line in enumerate(would_do(news), 1)),
    ]

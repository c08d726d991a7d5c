"""The envelope of an event: what CloudEvents allows, and what is worked out of the rest."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from domain.delivery.tracing import traceparent_of_event
from domain.feed.envelope import Draft, FeedEvent, schema_uri

AT = datetime(2026, 6, 1, 9, tzinfo=UTC)
TYPE = "milepost.case.opened.v1"
OLDER: dict[str, Any] = {
    "specversion": "1.0",
    "id": "case/4711/1-a",
    "source": "urn:milepost:1",
    "type": TYPE,
    "subject": "case/4711",
    "time": "2026-06-01T09:00:00Z",
    "datacontenttype": "application/json",
    "dataschema": schema_uri(TYPE),
    "sequence": 1,
    "recordedtime": "2026-06-01T09:00:01Z",
    "data": {"text": "opened"},
}
"""As a build wrote it that knew no traces."""


def test_every_event_belongs_to_the_trace_of_its_subject() -> None:
    """Also one that an older build has written; read once more, it is the same."""
    found = FeedEvent.model_validate(OLDER)
    assert found.traceparent == traceparent_of_event("urn:milepost:1", "case/4711", "case/4711/1-a")
    written = found.model_dump(mode="json")
    assert written == OLDER | {"traceparent": found.traceparent}
    assert FeedEvent.model_validate(written) == found
    assert FeedEvent.model_validate_json(found.model_dump_json()) == found


def test_an_event_says_what_it_follows_only_where_told() -> None:
    """Where it is told 0, too; no `null` stands in its place."""
    assert "follows" not in FeedEvent.model_validate(OLDER).model_dump()
    marked = FeedEvent.model_validate(OLDER | {"sequence": 4, "follows": 0})
    assert '"sequence":4,"follows":0,' in marked.model_dump_json()
    assert FeedEvent.model_validate_json(marked.model_dump_json()) == marked


def test_attributes_are_named_as_cloudevents_has_it() -> None:
    """Small letters and digits, 20 at most."""
    assert [name for name in FeedEvent.model_fields if not re.fullmatch(r"[a-z0-9]{1,20}", name)] == []


def test_the_id_of_an_event_stays_as_it_is() -> None:
    """Receivers know by it what they have seen: no build makes another of the same."""
    told = {"account": "acme", "text": "opened", "noticed_at": "2026-06-01T09:00:02Z"}
    draft = Draft(type=TYPE, subject="case/4711", sequence=1, time=AT, account="acme", data=told)
    assert draft.id == "case/4711/1-0b4c3c30c3a0"

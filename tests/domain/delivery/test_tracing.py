"""Trace ids of what is sent."""

import re
from datetime import UTC, datetime, timedelta

from domain.delivery.tracing import traceparent, traceparent_of_event

KEY = "INC1/gold/first-response/1/violation-0/1/hook"
NOON = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
HERE, ELSEWHERE = "urn:milepost:1", "urn:milepost:2"


def ids(written: str) -> tuple[str, str]:
    """The trace and the span."""
    found = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", written)
    assert found, written
    return found[1], found[2]


def test_attempts_of_one_key_are_one_trace() -> None:
    """Each is a span of its own; another key is another trace."""
    attempts = [traceparent(KEY, NOON + timedelta(minutes=number)) for number in range(10)]
    traces, spans = zip(*map(ids, attempts), strict=True)
    assert len(set(traces)) == 1
    assert len(set(spans)) == len(attempts)
    assert traceparent(f"{KEY}-2", NOON)[:35] != attempts[0][:35]


def test_events_of_one_subject_are_one_trace() -> None:
    """Each is a span of its own; another subject, and that of another installation, is another trace."""
    events = [traceparent_of_event(HERE, "case/4711", f"case/4711/{number}-a") for number in range(10)]
    traces, spans = zip(*map(ids, events), strict=True)
    assert len(set(traces)) == 1
    assert len(set(spans)) == len(events)
    others = [(HERE, "case/4712"), (ELSEWHERE, "case/4711")]
    for source, subject in others:
        trace, span = ids(traceparent_of_event(source, subject, f"{subject}/0-a"))
        assert (trace in traces, span in spans) == (False, False)


def test_what_was_handed_out_stays_as_it_is() -> None:
    """Receivers have it in their traces: no build makes another of the same."""
    assert traceparent(KEY, NOON) == "00-e411d43e28b160c7ceb80665375b0d53-a846ea85977b293c-01"
    assert (
        traceparent_of_event(HERE, "case/4711", "case/4711/5-092585cc8478")
        == "00-73510543e36ff841511095b144718951-4e357e00fca280f0-01"
    )

"""Trace ids of what is sent."""

import re
from datetime import UTC, datetime, timedelta

from domain.delivery.tracing import traceparent

KEY = "INC1/gold/first-response/1/violation-0/1/hook"
NOON = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


def test_attempts_of_one_key_are_one_trace() -> None:
    """Each is a span of its own; another key is another trace."""
    attempts = [traceparent(KEY, NOON + timedelta(minutes=number)) for number in range(10)]
    parts = [re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", one) for one in attempts]
    assert len({part[1] for part in parts if part}) == 1
    assert len({part[2] for part in parts if part}) == len(attempts)
    assert traceparent(f"{KEY}-2", NOON)[:35] != attempts[0][:35]

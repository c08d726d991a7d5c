"""What one run hands to the next may be far larger than any message."""

from datetime import UTC, datetime

import pytest

from domain.bounds import MOST_MESSAGE_BYTES
from domain.errors import Refused
from domain.usage.requests import CarriedUsage, EntitlementStart, Outbox
from domain.usage.state import UsageState
from domain.usage.takings import Taking
from tests.usage import terms
from workflows.entitlement.start import read_start

NOW = datetime(2025, 6, 9, tzinfo=UTC)
CASES = 50_000


def _large() -> dict[str, object]:
    state = UsageState(begun_at=NOW)
    for number in range(CASES):
        state.taken.add(f"a-reference-as-long-as-they-are-{number}", Taking(0, 1))
    start = EntitlementStart(
        entitlement_id="gold", terms=terms(cap=CASES), carried=CarriedUsage(state=state, outbox=Outbox())
    )
    assert len(start.model_dump_json()) > MOST_MESSAGE_BYTES
    return start.model_dump(mode="json")


def test_an_entitlement_of_very_many_cases_goes_on() -> None:
    """Its next run takes over what it took, however many cases that were."""
    start = read_start((_large(),), is_continued=True)
    assert start.carried is not None
    assert start.carried.state.taken.find(f"a-reference-as-long-as-they-are-{CASES - 1}") is not None


def test_a_start_from_outside_is_measured() -> None:
    """Whoever else sends as much is refused before anything looks at it."""
    with pytest.raises(Refused, match="a message has at most 256 KB"):
        read_start((_large(),), is_continued=False)

"""The number by which a build marks what it writes: what it lets through, and what no build can have written."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.bounds import MOST_FORMAT
from domain.errors import NOT_NOW, Refused
from domain.messages.inbox import FORMAT, read_event, read_message, written_format
from domain.timeline.events import ClockStopped
from domain.usage.requests import EntitlementStart

AT = datetime(2025, 6, 9, 14, tzinfo=UTC)
NO_BUILDS = [0, -1, MOST_FORMAT + 1, 10**18, 10**400, True, "1", 1.0, None]


def stopped(**more: Any) -> ClockStopped:
    return read_event(ClockStopped, [{"event_id": "e", **more}], AT)


def test_a_message_of_a_build_may_have_keys_that_this_one_does_not_know() -> None:
    """Of one that reads formats as high, and of nobody else."""
    assert stopped(format=FORMAT, from_tomorrow=1) == stopped()
    with pytest.raises(Refused, match="from_tomorrow"):
        stopped(from_tomorrow=1)


@pytest.mark.parametrize("written", [FORMAT + 1, MOST_FORMAT])
def test_what_a_newer_build_wrote_is_asked_for_again(written: int) -> None:
    """A worker of that build may answer by then."""
    assert written_format({"format": written}) == written
    with pytest.raises(Refused, match="a newer build wrote this") as refused:
        stopped(format=written)
    assert refused.value.code == NOT_NOW


@pytest.mark.parametrize("written", NO_BUILDS)
def test_a_number_that_no_build_comes_to_is_refused_for_good(written: object) -> None:
    """Nobody waits for a newer build, which would be for ever."""
    assert written_format({"format": written}) is None
    with pytest.raises(Refused, match="format") as refused:
        stopped(format=written)
    assert refused.value.code == "bad_message"


@pytest.mark.parametrize("written", [0, MOST_FORMAT + 1, 10**18])
def test_a_start_in_no_format_of_any_build_is_refused(written: int) -> None:
    """Its workflow fails; it does not run for ever with a task that is tried again."""
    with pytest.raises(Refused, match=r"format: .*(greater|less) than or equal"):
        read_message(EntitlementStart, [{"entitlement_id": "E", "format": written}])

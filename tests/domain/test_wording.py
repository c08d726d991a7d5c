"""Instants, spans and numbers of things as people read them: one way of each."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from domain.wording import clock, instant, plural, span

AT = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0m"), (45, "45s"), (60, "1m"), (7200, "2h"), (7500, "2h05m"), (3645, "1h00m45s"), (-90, "-1m30s")],
)
def test_a_span_is_written_without_what_is_nothing(seconds: int, text: str) -> None:
    """Minutes keep their two digits after hours, so that columns can be read."""
    assert span(seconds) == text


def test_an_instant_names_its_zone_and_seconds_if_there_are_any() -> None:
    assert instant(AT) == "Mon 2025-06-09 13:00 UTC"
    assert instant(AT.replace(second=5)) == "Mon 2025-06-09 13:00:05 UTC"
    assert instant(AT, ZoneInfo("America/New_York")) == "Mon 2025-06-09 09:00 America/New_York"
    assert clock(AT, ZoneInfo("Asia/Tokyo")) == "Mon 2025-06-09 22:00"


def test_one_is_no_plural() -> None:
    assert [plural(n, "case") for n in (0, 1, 1200)] == ["0 cases", "1 case", "1,200 cases"]

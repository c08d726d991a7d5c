"""Instants, spans and numbers of things as people read them: one way of each."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from domain.wording import clock, instant, numbered, plural, span, stamp

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


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_an_instant_that_utc_does_not_have_is_written(at: str) -> None:
    """Whoever refuses an instant says which; that must not fail in its place."""
    assert instant(datetime.fromisoformat(at)) == at


def test_an_instant_that_a_zone_does_not_have_is_written() -> None:
    """On no wall clock of it: reports and pages of cases that have one are made all the same."""
    at = datetime(1, 1, 1, tzinfo=UTC)
    assert clock(at, ZoneInfo("America/New_York")) == "Mon 0001-01-01 00:00"


def test_the_stamp_of_a_note_is_in_utc_with_seconds() -> None:
    assert stamp(AT.astimezone(ZoneInfo("America/New_York"))) == "2025-06-09 13:00:00Z"


def test_what_comes_again_has_its_number_from_the_second_on() -> None:
    assert [numbered("Answer", n) for n in (1, 2)] == ["Answer", "Answer (2)"]


def test_one_is_no_plural() -> None:
    assert [plural(n, "case") for n in (0, 1, 1200)] == ["0 cases", "1 case", "1,200 cases"]

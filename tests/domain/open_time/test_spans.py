"""Time spans and offsets as configuration writes them."""

import re

import pytest
from pydantic import BaseModel, ValidationError

from domain.open_time.spans import Offset, Span


class Milestone(BaseModel):
    within: Span
    at: Offset = Offset(0)


@pytest.mark.parametrize(
    ("text", "seconds", "canonical"),
    [
        ("90m", 5400, "1h30m"),
        ("4h", 14_400, "4h"),
        ("1h30m", 5400, "1h30m"),
        ("45s", 45, "45s"),
        ("1h0m1s", 3601, "1h1s"),
        ("240000m", 14_400_000, "4000h"),
        ("0h5m", 300, "5m"),
    ],
)
def test_elapsed_spans(text: str, seconds: int, canonical: str) -> None:
    """They count open seconds; equal ones have one text."""
    span = Span.parse(text)
    assert span.seconds == seconds
    assert not span.is_calendar_days
    assert str(span) == canonical
    assert Span.parse(canonical) == span


@pytest.mark.parametrize(
    ("text", "days", "end_of_day"), [("2bd", 2, False), ("eod", 0, True), ("2bd eod", 2, True), ("10bd", 10, False)]
)
def test_spans_that_follow_the_days(text: str, days: int, *, end_of_day: bool) -> None:
    """They have no seconds until a calendar says."""
    span = Span.parse(text)
    assert (span.seconds, span.business_days, span.end_of_day) == (None, days, end_of_day)
    assert span.is_calendar_days
    assert str(span) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2d", "write 2bd for business days, or 48h for open hours"),
        ("1 day", "write 1bd for business days, or 24h for open hours"),
        ("0m", "span '0m' is 0; it has to be some time"),
        ("0h0m0s", "is 0"),
        ("0bd", "is 0 business days; write at least 1bd, eod, or 0bd 16:00"),
        ("0bd eod", "is 0 business days; write eod"),
        ("-4h", "a span is not negative"),
        ("-1d", "write 1bd"),
        ("90", "it has no unit; write 90m for minutes or 90h for hours"),
        ("0", "it has to be some time"),
        ("", "a span is written like 90m, 4h"),
        ("soon", "bad span 'soon'; a span is written like 90m, 4h"),
        ("1.5h", "write 1h30m"),
        ("30m1h", "write 1h30m"),
        ("4H", "write 4h"),
        ("1h 30m", "write 1h30m"),
        ("4 hours", "write 4h"),
        ("90 minutes", "write 1h30m"),
        ("2 business days", "write 2bd"),
        ("3 working days", "write 3bd"),
        ("8 working hours", "write 8h"),
        ("0,5 hours", "write 30m"),
        ("0 hours", "a span is written like"),
        ("4 hourss", "a span is written like"),
        ("2bd  eod", "a span is written like"),
        ("1bd4h", "a span is written like"),
        ("eod 2bd", "a span is written like"),
        ("٣h", "a span is written like"),
        ("9999999h", "longer than ten years of open time"),
        ("99999bd", "longer than ten years of open time"),
        ("9" * 5000 + "h", "a span is written like"),
    ],
)
def test_what_is_no_span_is_refused(text: str, says: str) -> None:
    """The message says what would be right."""
    with pytest.raises(ValueError, match="span") as caught:
        Span.parse(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("0m", 0), ("0s", 0), ("30m", 1800), ("1h30m", 5400)])
def test_offsets(text: str, seconds: int) -> None:
    """An offset of 0 is the target itself."""
    assert Offset.parse(text).seconds == seconds
    assert Offset.parse(str(Offset.parse(text))) == Offset(seconds)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("eod", "business days and eod make a target, not an offset"),
        ("2bd", "make a target, not an offset"),
        ("2bd eod", "make a target, not an offset"),
        ("1d", "what it means; write 24h for open hours"),
        ("30", "it has no unit"),
        ("-30m", "not negative"),
        ("1.5 hours", "write 1h30m"),
        ("2 business days", "an offset is written like 0, 30m"),
        ("", "an offset is written like 0, 30m"),
        ("75%", "an offset is written like 0, 30m"),
    ],
)
def test_what_is_no_offset_is_refused(text: str, says: str) -> None:
    """An offset is an elapsed span."""
    with pytest.raises(ValueError, match="bad") as caught:
        Offset.parse(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(
            (Span, text)
            for text in ("4 hours", "1.5h", "2 business days", "1d", "90", "8 working hours", "1h 30m", "7d")
        ),
        *((Offset, text) for text in ("4 hours", "1.5h", "2d", "90", "30 min")),
    ],
)
def test_what_a_refusal_says_to_write_is_taken_there(kind: type[Span] | type[Offset], text: str) -> None:
    """A hint is never refused in its turn."""
    with pytest.raises(ValueError, match="write") as caught:
        kind.parse(text)
    hints = re.findall(r"[0-9]+(?:bd|[hms0-9]+)", str(caught.value).partition("write ")[2])
    assert hints
    for hint in hints:
        assert str(kind.parse(hint))


def test_configuration_carries_text() -> None:
    """YAML and JSON say 4h; a number in YAML is read as its digits."""
    milestone = Milestone.model_validate({"within": "4h", "at": 0})
    assert milestone.model_dump(mode="json") == {"within": "4h", "at": "0m"}
    assert Milestone.model_validate_json(milestone.model_dump_json()) == milestone
    assert Milestone.model_validate({"within": "90m"}) == Milestone.model_validate({"within": "1h30m"})
    assert Milestone.model_json_schema()["properties"]["within"]["type"] == "string"


@pytest.mark.parametrize(
    ("value", "says"),
    [("1d", "bare 'd'"), (90, "no unit"), (True, "bad span True"), (None, "bad span None"), (1.5, "bad span 1.5")],
)
def test_configuration_names_what_is_wrong(value: object, says: str) -> None:
    """The error is the field's."""
    with pytest.raises(ValidationError) as caught:
        Milestone.model_validate({"within": value})
    (error,) = caught.value.errors()
    assert error["loc"] == ("within",)
    assert says in error["msg"]

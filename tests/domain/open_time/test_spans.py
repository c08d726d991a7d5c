"""Time spans and offsets as configuration writes them."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from domain.open_time.spans import MAX_BUSINESS_DAYS, MAX_SECONDS, Offset, Span


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


def numbers() -> st.SearchStrategy[str]:
    """Numbers, most of them at the bound of some unit, as somebody may write them."""
    bounds = (0, 1, MAX_BUSINESS_DAYS, MAX_SECONDS // 3600, MAX_SECONDS // 60, MAX_SECONDS, 10**6, 10**12)
    near = st.builds(lambda bound, off: str(max(bound + off, 0)), st.sampled_from(bounds), st.integers(-1, 1))
    return st.builds(str.__add__, st.sampled_from(["", "0", "00", "-"]), near | st.integers(0, 10**13).map(str))


UNITS = ("", "d", " d", " days", "h", "H", "m", "s", ".5h", ",25 hours", " minutes", "h 30m", "h90m", "m1h")
IN_DAYS = ("bd", " bd", " business days", " working days", "bd eod", "bd  eod", "bd 16:00", "bd 25:00", "eod")


@pytest.mark.parametrize("kind", [Span, Offset])
@given(
    text=st.builds(str.__add__, numbers(), st.sampled_from(UNITS + IN_DAYS)) | st.text("0159 -.bdehmos:", max_size=9)
)
@example(text="5000d")
@example(text="999999999")
@example(text="100000")
@example(text="00")
@example(text="9999999h")
def test_a_hint_is_taken_where_it_was_given(kind: type[Span] | type[Offset], text: str) -> None:
    """Whatever a refusal says to write, or that there may be at most, is no refusal in its turn."""
    try:
        kind.parse(text)
    except ValueError as refusal:
        said = re.split(r"\b(?:write|written like|at most|at least) ", str(refusal).removeprefix(f"bad span {text!r}"))
        hints = re.findall(r"[0-9]+bd(?: eod| [0-9:]+)?|(?:[0-9]+[hms])+|eod|\b0\b", " ".join(said[1:]))
        for hint in hints:
            assert str(kind.parse(hint))


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        (Span, "3660d", "write 3660bd for business days, or 87840h for open hours"),
        (Span, "3661d", "what it means; at most 87840h or 3660bd"),
        (Offset, "3661d", "what it means; at most 87840h"),
        (Span, "87840", "write 87840m for minutes or 87840h for hours"),
        (Span, "87841", "it has no unit; write 87841m for minutes"),
        (Span, "999999999", "it has no unit; a span is written like"),
        (Span, "00", "it has to be some time"),
        (Offset, "00", "write 0"),
        (Offset, "9999999h", "longer than ten years of open time; at most 87840h"),
    ],
)
def test_no_hint_is_beyond_the_bounds(kind: type[Span] | type[Offset], text: str, says: str) -> None:
    """What would be too long is left out of it; an offset is told of no business days."""
    with pytest.raises(ValueError, match="span") as caught:
        kind.parse(text)
    assert says in str(caught.value)
    assert kind is Span or "bd" not in str(caught.value)


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


def test_what_is_no_text_is_told_how_an_offset_is_written() -> None:
    """Without business days, which are refused there."""
    with pytest.raises(ValidationError, match="an offset is written like 0, 30m") as caught:
        Milestone.model_validate({"within": "4h", "at": None})
    assert "bd" not in caught.value.errors()[0]["msg"]

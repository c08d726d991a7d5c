"""What is sent has bounds, at every border: what is over one is refused with the bound, in few words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from domain.bounds import (
    MOST_DEPTH,
    MOST_FIELDS_BYTES,
    MOST_LIST_ITEMS,
    MOST_MESSAGE_BYTES,
    MOST_SPAN_SECONDS,
    MOST_TEXT_BYTES,
    MOST_WORDS_BYTES,
    Instant,
    cut,
    quoted,
)
from domain.catalog.checks import check_catalog
from domain.catalog.declarations import Catalog
from domain.catalog.references import KnownCatalog
from domain.criteria.fields import FieldsError, check_bounds, check_values, nearest
from domain.errors import Refused
from domain.messages.inbox import read_event
from domain.open_time.spans import Offset, Span
from domain.timeline.events import CaseClosed, FieldsChanged, MilestoneExtended
from domain.timeline.machine import Case, Timeline
from tests.abuse.timelines import running

AT = datetime(2025, 6, 9, 14, tzinfo=UTC)
EDGES = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1899-12-31T23:59:59Z", "3000-01-01T00:00:00Z"]


def changed(**fields: Any) -> FieldsChanged:
    return read_event(FieldsChanged, [{"event_id": "e", "fields": fields}], AT)


def refusal(timeline: Timeline, event: Any) -> str:
    with pytest.raises(Refused) as refused:
        timeline.fork().apply(event, AT)
    return str(refused.value)


# --- instants, words, messages ---


@pytest.mark.parametrize("text", EDGES)
def test_an_instant_lies_in_the_years_of_promises(text: str) -> None:
    """Whatever its offset; the year is that in UTC."""
    with pytest.raises(Refused, match=r"occurred_at: .* 1900 to 2999"):
        read_event(CaseClosed, [{"event_id": "e", "occurred_at": text}], AT)


@pytest.mark.parametrize("text", ["1900-01-01T00:00:00Z", "2999-12-31T23:59:59Z", "1899-12-31T23:59:59-00:01"])
def test_the_edges_themselves_are_inside(text: str) -> None:
    """To the second."""
    assert TypeAdapter(Instant).validate_python(text).utcoffset() is not None


def test_an_instant_past_the_edge_by_its_offset_is_outside() -> None:
    """2999 somewhere is 3000 in UTC."""
    with pytest.raises(ValidationError, match="1900 to 2999"):
        TypeAdapter(Instant).validate_python(datetime(2999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-2))))


@pytest.mark.parametrize("key", ["by", "reason"])
def test_words_have_a_kilobyte(key: str) -> None:
    """Counted in UTF-8."""
    fits = {"event_id": "e", key: "é" * (MOST_WORDS_BYTES // 2)}
    assert getattr(read_event(CaseClosed, [fits], AT), key) == fits[key]
    with pytest.raises(Refused, match=f"{key}: at most 1024 bytes, not 1026"):
        read_event(CaseClosed, [fits | {key: fits[key] + "é"}], AT)


def test_a_message_has_a_quarter_of_a_megabyte() -> None:
    """All of it together, however it is spread."""
    few = {f"f{n}": "x" * 1000 for n in range(MOST_MESSAGE_BYTES // 1000 + 1)}
    with pytest.raises(Refused, match="at most 256 KB"):
        changed(**few)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("depth", [MOST_DEPTH, 1000, 100_000])
def test_a_message_is_only_so_deep(depth: int) -> None:
    """However deep it is, telling so takes no stack."""
    with pytest.raises(Refused, match="at most 32 deep"):
        changed(x=nested(depth))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (10**400, "no 64-bit integer"),
        (10**5000, "no 64-bit integer"),
        (float("nan"), "NaN and Infinity are no numbers"),
        (float("-inf"), "NaN and Infinity are no numbers"),
        ("\ud800", "half a surrogate pair"),
        ("a\0b", "a NUL"),
        ({"\0": 1}, "a NUL"),
        ({1: 1}, "a key is a text"),
    ],
    ids=["401 digits", "5001 digits", "NaN", "Infinity", "surrogate", "NUL", "NUL in a key", "number as key"],
)
def test_what_no_database_holds_is_refused(value: Any, why: str) -> None:
    """With its place."""
    with pytest.raises(Refused, match=rf"fields\.x: .*{why}"):
        changed(x=value)


def test_a_refusal_repeats_only_a_little() -> None:
    """Neither a value, nor a key, nor very many of them."""
    message = {"event_id": "e" * 100_000, "by": "b" * 100_000, **{f"{n}" + "k" * 600: 1 for n in range(50)}}
    with pytest.raises(Refused) as refused:
        read_event(CaseClosed, [message], AT)
    assert len(str(refused.value).encode()) <= MOST_WORDS_BYTES
    assert "and 47 more" in str(refused.value)


def test_every_refusal_is_cut() -> None:
    """Wherever it is made."""
    assert len(str(Refused("closed", "é" * 5000)).encode()) <= MOST_WORDS_BYTES


@pytest.mark.parametrize("text", ["", "é" * 600, "\ud800" * 2000, "a" * 1024, "\U0001f600" * 300])
def test_cutting_leaves_whole_characters(text: str) -> None:
    """And never more than was allowed."""
    assert len(cut(text).encode()) <= MOST_WORDS_BYTES


def test_what_is_quoted_is_short_and_visible() -> None:
    """Also of what cannot be printed."""
    assert quoted("it's") == '"it\'s"'
    assert quoted("\0\ud800") == r"'\x00\ud800'"
    assert len(quoted("\ud800" * 10_000)) < 400


# --- the fields of a case ---


def test_a_text_of_a_field_has_32_kb() -> None:
    """In UTF-8."""
    timeline = running()
    timeline.fork().apply(changed(note="x" * MOST_TEXT_BYTES), AT)
    said = refusal(timeline, changed(note="x" * (MOST_TEXT_BYTES + 1)))
    assert said == "'note' has a text of 32,769 bytes; at most 32,768 are allowed"
    assert "at most 32,768" in refusal(timeline, changed(tags=["é" * MOST_TEXT_BYTES]))


def test_a_list_has_1000_items() -> None:
    """One of a field."""
    timeline = running()
    timeline.fork().apply(changed(tags=[1] * MOST_LIST_ITEMS), AT)
    assert "at most 1,000" in refusal(timeline, changed(tags=[1] * (MOST_LIST_ITEMS + 1)))


def test_the_fields_of_a_case_have_128_kb_together() -> None:
    """With those that it has already."""
    timeline = running()
    for name in ("note", "other", "more"):
        timeline.apply(read_event(FieldsChanged, [{"event_id": name, "fields": {name: "x" * 32_000}}], AT), AT)
    assert "at most 128 KB together" in refusal(timeline, changed(extra=["y" * 20_000, "y" * 20_000]))
    timeline.fork().apply(changed(extra=["y" * 20_000]), AT)


def test_a_change_that_makes_nothing_larger_passes() -> None:
    """Of a case whose fields were larger than any may be by now."""
    timeline = running()
    timeline.state.fields |= {"note": "x" * 200_000, "tags": [1] * 5000}
    timeline.fork().apply(changed(note="y" * 150_000), AT)
    timeline.fork().apply(changed(tags=[2] * 5000), AT)
    timeline.fork().apply(changed(note=None), AT)
    assert "at most 32,768" in refusal(timeline, changed(note="y" * 200_001))
    assert "at most 128 KB together" in refusal(timeline, changed(other="y"))
    assert "at most 1,000" in refusal(timeline, changed(tags=[2] * 5001))


def test_what_a_change_notes_is_short() -> None:
    """However large the value; the value itself stands in the case."""
    timeline = running()
    *_, noted = timeline.apply(changed(note="x" * 30_000), AT)
    assert len(noted.text.encode()) <= MOST_WORDS_BYTES  # type: ignore[union-attr]  # a note


def test_a_hint_costs_no_more_for_a_long_name() -> None:
    """Of very many unknown fields the first are named."""
    many = {f"{n}" + "x" * 100_000: 1 for n in range(200)}
    with pytest.raises(FieldsError) as refused:
        check_values(many, {})
    assert len(refused.value.problems) == 10
    assert len(str(refused.value)) < 4000
    assert nearest("x" * 1_000_000, ["xx"]) == "a name has at most 100 characters"


def test_json_of_all_fields_is_what_counts() -> None:
    """To the byte."""
    values: dict[str, Any] = {f"f{n}": "x" * 32_000 for n in range(4)}
    room = MOST_FIELDS_BYTES - len(json.dumps(values | {"last": ""}, separators=(",", ":")))
    check_bounds(values | {"last": "x" * room})
    with pytest.raises(FieldsError, match="128 KB together"):
        check_bounds(values | {"last": "x" * (room + 1)})


# --- spans and extensions ---


@pytest.mark.parametrize("text", ["87840h", f"{MOST_SPAN_SECONDS}s", "3660bd", "3660bd eod"])
def test_a_span_has_ten_years(text: str) -> None:
    """Of open time, or of business days."""
    assert Span.parse(str(Span.parse(text))) == Span.parse(text)


@pytest.mark.parametrize("text", ["87841h", f"{MOST_SPAN_SECONDS + 1}s", "3661bd", "99999999999bd eod"])
def test_a_longer_span_is_refused_with_the_bound(text: str) -> None:
    """In the words of spans."""
    with pytest.raises(ValueError, match="ten years of open time; at most 87840h or 3660bd"):
        Span.parse(text)


@pytest.mark.parametrize("text", ["9" * 5000, "9" * 5000 + "d", "9" * 5000 + "h", "x" * 10**6, "\0", "\ud800", ""])
def test_a_bad_span_is_refused_in_few_words(text: str) -> None:
    """A hint never fails by itself."""
    for kind in (Span, Offset):
        with pytest.raises(ValueError, match="bad ") as refused:
            kind.parse(text)
        assert len(ascii(str(refused.value))) < 600


def test_a_number_is_no_span_however_long() -> None:
    """As JSON and YAML read it."""
    with pytest.raises(ValidationError, match="bad span of type int"):
        TypeAdapter(Span).validate_python(10**5000)


@pytest.mark.parametrize("seconds", [0, -1, MOST_SPAN_SECONDS + 1, 10**18, 10**400, True, "x", None, 1.5])
def test_an_extension_has_ten_years(seconds: Any) -> None:
    """At most, and some time at least."""
    asked = {"event_id": "e", "milestone": "Answer", "open_seconds": seconds}
    if seconds is True:  # 1 in pydantic's eyes
        assert read_event(MilestoneExtended, [asked], AT).open_seconds == 1
        return
    with pytest.raises(Refused):
        read_event(MilestoneExtended, [asked], AT)


def test_all_extensions_of_a_milestone_have_ten_years_together() -> None:
    """Else ten of ten years would lie beyond any calendar."""
    timeline = running()
    half = {"milestone": "Answer", "open_seconds": MOST_SPAN_SECONDS // 2}
    for event_id in ("a", "b"):
        timeline.apply(read_event(MilestoneExtended, [{"event_id": event_id, **half}], AT), AT)
    more = {"event_id": "c", "milestone": "Answer", "open_seconds": 1}
    assert "at most ten years of open time" in refusal(timeline, read_event(MilestoneExtended, [more], AT))
    until = {"event_id": "d", "milestone": "Answer", "until": "2040-01-01T00:00:00Z"}
    assert "at most ten years of open time" in refusal(timeline, read_event(MilestoneExtended, [until], AT))


# --- catalogs ---


def process(milestones: list[dict[str, Any]]) -> dict[str, Any]:
    return {"fields": {"note": "string", "more": "string"}, "processes": [{"name": "P", "milestones": milestones}]}


def update(**value: Any) -> dict[str, Any]:
    [(field, to)] = value.items()
    action = {"do": "field_update", "field": field, "value": to}
    return {"kind": "success", "actions": [action]}


def said_of(catalog: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in check_catalog(Catalog.model_validate(catalog))]


def test_a_process_has_200_milestones() -> None:
    """And one more is told in one line."""
    milestones = [{"name": f"M{n}", "within": "1h"} for n in range(201)]
    assert said_of(process(milestones[:200])) == []
    assert said_of(process(milestones)) == [
        "processes[0].milestones: a process has at most 200 milestones, not 201",
    ]


def test_a_list_of_an_entry_has_1000_items() -> None:
    """A catalog has as many entries as it likes."""
    accounts = [{"id": f"a{n}"} for n in range(1100)]
    contacts = [{"id": f"c{n}", "account": "a1"} for n in range(1100)]
    catalog = {"accounts": accounts, "contacts": contacts, "entitlements": [{"id": "e", "account": "a1"}]}
    assert said_of(catalog) == []
    catalog["entitlements"][0]["contacts"] = [contact["id"] for contact in contacts]  # type: ignore[assignment]
    assert said_of(catalog) == ["entitlements[0].contacts: a list has at most 1,000 items, not 1,100"]


def test_a_text_of_a_catalog_has_32_kb() -> None:
    """That of a mail, say."""
    mail = {"do": "email", "to": "a@b.c", "subject": "x", "body": "x" * 32_769}
    trigger = {"kind": "success", "actions": [mail]}
    assert said_of(process([{"name": "M", "within": "1h", "triggers": [trigger]}])) == [
        "processes[0].milestones[0].triggers[0].actions[0].body: a text has at most 32,768 bytes, not 32,769"
    ]


def test_what_field_updates_set_has_128_kb_together() -> None:
    """Of each field the largest; they take effect without anybody being asked."""
    names = [f"f{n}" for n in range(5)]
    milestones = [{"name": name, "within": "1h", "triggers": [update(**{name: "x" * 30_000})]} for name in names]
    catalog = process(milestones) | {"fields": dict.fromkeys(names, "string")}
    assert said_of(catalog) == [
        "processes[0].milestones: the values that field_update sets have at most 128 KB together, not 150,010 bytes"
    ]
    assert said_of(catalog | process(milestones[:4]) | {"fields": dict.fromkeys(names, "string")}) == []


def test_a_nul_in_a_catalog_is_refused() -> None:
    """No database takes it."""
    assert said_of({"accounts": [{"id": "a", "name": "x\0"}]}) == [
        "accounts[0].name: the text holds a NUL, which no database takes"
    ]


def test_a_case_enters_with_what_it_has() -> None:
    """The bounds are those of what is sent: a plan and its case are taken as they stand."""
    large = Case(case_id="c", fields={"note": "x" * 200_000})
    assert Timeline.enter(running().plan, large, AT).state.fields["note"] == "x" * 200_000


def test_names_by_which_rows_are_found_have_100_letters() -> None:
    """Of fields and business hours. Those that stand stay as they are."""
    name = "f" * 101
    hours: dict[str, Any] = {"name": name, "week": "always"}
    catalog = Catalog.model_validate({"fields": {name: "string"}, "business_hours": [hours]})
    found = {problem.path: problem.message for problem in check_catalog(catalog)}
    said = "a name has at most 100 characters, not 101"
    assert found == {("fields", name): said, ("business_hours", 0, "name"): said}
    assert not check_catalog(catalog, KnownCatalog(catalog))

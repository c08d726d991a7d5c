"""What spreadsheets and reports hold in place of a log's own cells: lengths, decimal commas, merged cells."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from starters.logs.events import EventLog, LogError, read_log
from starters.logs.lengths import BadLength, Unit, length_of
from starters.logs.mapping import LogMapping

TICKETS: dict[str, Any] = {
    "shape": "cases",
    "case_id": "id",
    "opened_at": "opened",
    "delimiter": ";",
    "state": {"opened": "New", "closed": ["Closed"]},
    "events": [
        {"after": "answered", "unit": "minutes", "state": "Active"},
        {"after": "solved", "unit": "hours", "state": "Solved", "set": {"solved": True}},
        {"at": "closed", "state": "Closed"},
    ],
    "fields": {"solved": {"type": "boolean", "initial": False}},
}
STATES: dict[str, Any] = {
    "case_id": "id",
    "occurred_at": "at",
    "delimiter": ";",
    "merged": ["id", "queue"],
    "state": {"column": "state", "closed": ["Closed"]},
    "fields": {"queue": {"column": "queue"}, "cost": {"column": "cost", "type": "number"}},
}


def read(tmp_path: Path, mapping: dict[str, Any], *rows: str) -> EventLog:
    path = tmp_path / "log.csv"
    path.write_text("\n".join([*rows, ""]), encoding="utf-8")
    return read_log(path, LogMapping.model_validate(mapping))


def refused(tmp_path: Path, mapping: dict[str, Any], *rows: str) -> str:
    with pytest.raises(LogError) as refusal:
        read(tmp_path, mapping, *rows)
    return str(refusal.value)


# --- lengths ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "unit", "decimal", "expected"),
    [
        ("198", "minutes", ".", timedelta(minutes=198)),
        ("0", "hours", ".", timedelta(0)),
        ("1.5", "hours", ".", timedelta(minutes=90)),
        ("1,5", "hours", ",", timedelta(minutes=90)),
        ("0,25", "days", ",", timedelta(hours=6)),
        ("90.9", "seconds", ".", timedelta(seconds=90)),
        ("1:30", None, ".", timedelta(minutes=90)),
        ("42:22", "minutes", ".", timedelta(hours=42, minutes=22)),
        ("0:00:07", None, ".", timedelta(seconds=7)),
        ("1d 2h 30m", None, ".", timedelta(days=1, hours=2, minutes=30)),
        ("2h30m", None, ".", timedelta(hours=2, minutes=30)),
        ("45 min", None, ".", timedelta(minutes=45)),
        ("3 d", None, ".", timedelta(days=3)),
    ],
)
def test_a_length_is_read(text: str, unit: Unit | None, decimal: str, expected: timedelta) -> None:
    assert length_of(text, unit, decimal) == expected


@pytest.mark.parametrize(
    ("text", "unit", "said"),
    [
        ("90", None, "'90' says no unit; name it in the mapping, such as unit: minutes"),
        ("1,5", "hours", r"'1,5' is no length, such as 90.5 (hours), 1:30 (hours and minutes) or 1d 2h 30m"),
        ("-5", "minutes", "'-5' is no length"),
        ("1:75", None, "'1:75' is no length"),
        ("soon", None, "'soon' is no length, such as 1:30 (hours and minutes) or 1d 2h 30m"),
        ("d", None, "'d' is no length"),
        ("99999", "days", "'99999' is longer than ten years"),
        ("9" * 5000, "days", "is no length"),
    ],
)
def test_what_is_no_length_is_told_what_is(text: str, unit: Unit | None, said: str) -> None:
    with pytest.raises(BadLength) as refusal:
        length_of(text, unit)
    assert said in str(refusal.value)
    assert len(str(refusal.value)) < 250


def test_an_event_happens_so_long_after_the_opening(tmp_path: Path) -> None:
    """Round the clock; an empty cell: it did not happen. Instants and lengths stand side by side, in order of time."""
    log = read(
        tmp_path,
        TICKETS,
        "id;opened;answered;solved;closed",
        "A;2025-03-07T16:00Z;90;40.5;2025-03-10T09:00Z",
        "B;2025-03-07T16:00Z;15;;",
    )
    told = [[(f"{e.occurred_at:%d %H:%M}", getattr(e, "fields", "closed")) for e in case.events] for case in log.cases]
    assert told == [
        [
            ("07 17:30", {"state": "Active"}),
            ("09 08:30", {"state": "Solved", "solved": True}),
            ("10 09:00", {"state": "Closed"}),
            ("10 09:00", "closed"),
        ],
        [("07 16:15", {"state": "Active"})],
    ]


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"state": "Active"}, "give either at, a column of instants, or after, one of lengths since the opening"),
        ({"at": "a", "after": "b", "state": "Active"}, "give either at"),
        ({"at": "a", "unit": "hours", "state": "Active"}, "unit is of the numbers in the column that after names"),
        ({"after": "b"}, "give state, set or read"),
        ({"after": "b", "unit": "weeks", "state": "Active"}, "'seconds', 'minutes', 'hours' or 'days'"),
    ],
)
def test_an_event_has_an_instant_or_a_length(event: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LogMapping.model_validate({**TICKETS, "events": [event]})


def test_a_length_that_is_none_is_named_with_its_place(tmp_path: Path) -> None:
    rows = ("id;opened;answered;solved;closed", "A;2025-03-07T16:00Z;soon;1,5;")
    said = refused(tmp_path, TICKETS, *rows)
    assert "log.csv:2: column 'answered': 'soon' is no length" in said
    assert "log.csv:2: column 'solved': '1,5' is no length" in said


# --- decimal commas ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("decimal", "cell"), [(".", "2.5"), (",", "2,5"), (",", "-2,5"), (",", "3"), (".", "1e3")])
def test_a_number_has_the_decimal_sign_of_its_log(tmp_path: Path, decimal: str, cell: str) -> None:
    rows = ("id;at;state;queue;cost", f"A;2025-03-07T16:00Z;New;one;{cell}", "A;2025-03-07T17:00Z;Closed;one;")
    (case,) = read(tmp_path, {**STATES, "decimal": decimal}, *rows).cases
    assert case.intake.fields["cost"] == float(cell.replace(",", "."))


@pytest.mark.parametrize(
    ("decimal", "cell", "said"),
    [
        (".", "2,5", 'such as 2.5; if its , divides whole and fraction, say so in the mapping: decimal: ","'),
        (",", "2.5", 'such as 2,5; if its . divides whole and fraction, say so in the mapping: decimal: "."'),
        (",", "1.234,5", "'1.234,5' is no number, such as 2,5"),
        (".", "1,234.5", "'1,234.5' is no number, such as 2.5"),
    ],
)
def test_another_decimal_sign_is_refused_with_the_key(tmp_path: Path, decimal: str, cell: str, said: str) -> None:
    """Never read as something else: a point may divide thousands."""
    rows = ("id;at;state;queue;cost", f"A;2025-03-07T16:00Z;New;one;{cell}")
    assert refused(tmp_path, {**STATES, "decimal": decimal}, *rows).endswith(said)


# --- merged cells -----------------------------------------------------------------------------------------------------


def test_a_merged_cell_says_what_the_one_above_says(tmp_path: Path) -> None:
    """Of the columns that the mapping names; any other empty cell is one without a value."""
    log = read(
        tmp_path,
        STATES,
        "id;at;state;queue;cost",
        "A;2025-03-07T16:00Z;New;one;1",
        ";2025-03-07T17:00Z;Active;;",
        ";2025-03-07T18:00Z;Closed;two;2",
        "B;2025-03-07T16:30Z;New;;",
    )
    one, other = log.cases
    assert one.intake.fields == {"state": "New", "queue": "one", "cost": 1.0}
    assert [getattr(event, "fields", "closed") for event in one.events] == [
        {"state": "Active", "cost": None},
        {"state": "Closed", "queue": "two", "cost": 2.0},
        "closed",
    ]
    assert (other.case_id, other.intake.fields) == ("B", {"state": "New", "queue": "two", "cost": None})


def test_an_id_that_may_be_merged_is_refused_with_the_key(tmp_path: Path) -> None:
    rows = ("id;at;state;queue;cost", "A;2025-03-07T16:00Z;New;one;1", ";2025-03-07T17:00Z;Active;;")
    said = refused(tmp_path, {**STATES, "merged": []}, *rows)
    assert said.endswith(
        "log.csv:3: column 'id': has no value, and every row needs one; if it was merged with the cell above, say so "
        "in the mapping: merged: [id]"
    )


def test_a_first_row_has_nothing_above_it(tmp_path: Path) -> None:
    rows = ("id;at;state;queue;cost", ";2025-03-07T16:00Z;New;one;1")
    assert refused(tmp_path, STATES, *rows).endswith("column 'id': has no value, and every row needs one")


def test_an_xes_file_has_no_merged_cells() -> None:
    with pytest.raises(ValueError, match="merged is a key of the shape states or cases or activities"):
        LogMapping.model_validate({"shape": "xes", "merged": ["id"]})

"""Rows that say of a case only what was changed, and times that stand in two columns."""

from pathlib import Path
from typing import Any

import pytest

from starters.logs.events import EventLog, LogError, read_log
from starters.logs.mapping import LogMapping, parsed_mapping

CHANGES: dict[str, Any] = {
    "case_id": "id",
    "opened_at": "opened",
    "occurred_at": "at",
    "state": {"column": "to", "where": {"what": "status"}, "opened": "New", "closed": ["Closed"]},
    "fields": {"queue": {"column": "queue"}},
}
CLOCKS: dict[str, Any] = {
    "shape": "activities",
    "case_id": "id",
    "activity": "did",
    "occurred_at": "day",
    "no_value": "-",
    "times": {"format": "%d.%m.%Y %H:%M", "time_zone": "Europe/Berlin", "clocks": {"day": "clock"}},
}


def read(tmp_path: Path, mapping: dict[str, Any], *rows: str) -> EventLog:
    path = tmp_path / "log.csv"
    path.write_text("\n".join([*rows, ""]), encoding="utf-8")
    return read_log(path, LogMapping.model_validate(mapping))


def test_only_changes_of_the_state_move_a_case(tmp_path: Path) -> None:
    """A row about something else leaves the state as it is, and its fields count; it opens a case as well as any."""
    log = read(
        tmp_path,
        CHANGES,
        "id,opened,at,what,to,queue",
        "A,2025-03-03T08:00Z,2025-03-03T08:10Z,owner,Closed,one",
        "A,2025-03-03T08:00Z,2025-03-03T08:20Z,status,Active,one",
        "A,2025-03-03T08:00Z,2025-03-03T08:30Z,queue,two,two",
        "A,2025-03-03T08:00Z,2025-03-03T08:40Z,status,Closed,two",
        "B,2025-03-03T09:00Z,2025-03-03T09:10Z,owner,ann,one",
    )
    one, other = log.cases
    assert one.intake.fields == {"state": "New", "queue": "one"}
    assert [(f"{e.occurred_at:%H:%M}", getattr(e, "fields", "closed")) for e in one.events] == [
        ("08:20", {"state": "Active"}),
        ("08:30", {"queue": "two"}),
        ("08:40", {"state": "Closed"}),
        ("08:40", "closed"),
    ]
    assert (other.intake.fields, other.events) == ({"state": "New", "queue": "one"}, ())
    assert [oddity.kind.value for oddity in log.oddities] == ["never closed"]


def test_only_states_begin_at_once(tmp_path: Path) -> None:
    """Fields that were changed together stand in rows of one instant; one of another field brings no state."""
    rows = [
        "A,2025-03-03T08:00Z,2025-03-03T08:10Z,owner,ann,one",
        "A,2025-03-03T08:00Z,2025-03-03T08:10Z,status,Active,one",
        "A,2025-03-03T08:00Z,2025-03-03T08:10Z,queue,two,two",
        "A,2025-03-03T08:00Z,2025-03-03T08:40Z,status,Closed,two",
    ]
    assert read(tmp_path, CHANGES, "id,opened,at,what,to,queue", *rows).oddities == ()
    rows[3] = rows[3].replace("08:40", "08:10")
    (odd,) = read(tmp_path, CHANGES, "id,opened,at,what,to,queue", *rows).oddities
    assert (odd.kind.value, odd.line) == ("states at once", 5)
    assert odd.text.startswith("'Active' and 'Closed' both begin at")


@pytest.mark.parametrize("without", ["column", "opened"])
def test_where_needs_a_column_and_an_opening_state(tmp_path: Path, without: str) -> None:
    given = {"column": "to", "opened": "New"}
    del given[without]
    keys = "".join(f", {name}: {value}" for name, value in given.items())
    text = f"case_id: id\noccurred_at: at\nstate: {{where: {{what: status}}{keys}}}\n"
    with pytest.raises(LogError, match="where is of a column, and of cases that have a state before that"):
        parsed_mapping(text, tmp_path / "log.mapping.yaml")


def test_a_date_is_read_with_the_clock_beside_it(tmp_path: Path) -> None:
    """Both are one local time, in summer too; a column that is missing is named."""
    log = read(tmp_path, CLOCKS, "id,day,clock,did", "A,28.03.2025,23:30,call", "A,31.03.2025,00:15,repair")
    (case,) = log.cases
    assert [f"{at:%d %H:%M}" for at in (case.opened_at, case.ended_at)] == ["28 22:30", "30 22:15"]
    with pytest.raises(LogError, match="no column 'clock'"):
        read(tmp_path, CLOCKS, "id,day,did", "A,28.03.2025,call")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("A,28.03.2025,,call", ":2: column 'day': '28.03.2025' has no time of day beside it in column 'clock'"),
        ("A,28.03.2025,-,call", ":2: column 'day': '28.03.2025' has no time of day beside it in column 'clock'"),
        ("A,28.03.2025,noon,call", ":2: column 'day': '28.03.2025 noon' is no time of the form"),
        ("A,-,12:00,call", ":2: column 'day': has no value, and every row needs one"),
    ],
)
def test_half_a_time_refuses_the_log(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(LogError) as error:
        read(tmp_path, CLOCKS, "id,day,clock,did", row)
    assert said in str(error.value)


def test_rows_of_delimiters_alone_are_blank(tmp_path: Path) -> None:
    """Spreadsheets write them below what they hold; the lines of what follows still count them."""
    log = read(tmp_path, CLOCKS, "id,day,clock,did", ",,,", "A,28.03.2025,23:30,call", ",, ,", ",,,")
    assert (log.rows, len(log.cases)) == (1, 1)
    with pytest.raises(LogError, match=":3: column 'id': has no value"):
        read(tmp_path, CLOCKS, "id,day,clock,did", ",,,", ",28.03.2025,23:30,call")

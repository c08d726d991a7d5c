"""Rows of files as what they ask for: typed, one verdict each, and the same ids whenever they are read."""

from pathlib import Path
from typing import Any

import pytest

from domain.criteria.fields import FieldType
from starters.imports.mapping import CaseColumns, load_import
from starters.imports.rows import Row, Rows
from starters.logs.mapping import LogError

CATALOGS = Path(__file__).parents[3] / "catalogs"
HEADER = "Ticket,Customer,Opened,Agent,Prio,Answered,Closed"
OPENED = "4711,Acme Corp.,01.12.2025 09:00,ann,1,,"
DECLARED = {"priority": FieldType.STRING, "tickets": FieldType.INTEGER, "cost": FieldType.NUMBER}


def read(folder: Path, *lines: str, mapping: str | None = None, name: str = "cases.csv") -> list[Row]:
    (file := folder / name).write_text("\n".join(lines))
    (folder / "mapping.yaml").write_text(mapping or (CATALOGS / "cases.mapping.yaml").read_text())
    return list(Rows(file, load_import(folder / "mapping.yaml"), DECLARED, by="me"))


def test_a_row_becomes_an_intake_and_what_became_of_it(tmp_path: Path) -> None:
    """In the order of their instants, on the wall clock that the mapping names."""
    [row] = read(tmp_path, HEADER, "INC/1,Acme Corp.,01.12.2025 09:00,ann,1,01.12.2025 10:30,02.12.2025 17:00")
    assert row.intake is not None
    assert (row.case_id, row.intake.case_id, row.intake.account) == ("INC/1", "INC~2F1", "acme")
    assert (row.intake.by, row.intake.fields) == ("ann", {"priority": "High"})
    assert row.intake.opened_at is not None
    assert row.intake.opened_at.isoformat() == "2025-12-01T08:00:00+00:00"
    assert [(asked.update, asked.message["occurred_at"], asked.message.get("milestone")) for asked in row.asked] == [
        ("complete_milestone", "2025-12-01T09:30:00+00:00", "First response"),
        ("close", "2025-12-02T16:00:00+00:00", None),
    ]


def test_a_row_that_cannot_be_read_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    """With its column, and what would be right."""
    rows = read(
        tmp_path,
        HEADER,
        OPENED,
        "1,Nobody,01.12.2025 09:00,ann,1,,",
        "2,Acme Corp.,30.02.2025 09:00,ann,1,,",
        ",Acme Corp.,,,,,",
        "3,Acme Corp.",
        f"{'x' * 200},Acme Corp.,01.12.2025 09:00,{'y' * 2000},1,,",
        "4,Acme Corp.,,,,,",
    )
    assert [row.number for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    troubles = [row.trouble or "" for row in rows]
    assert [bool(trouble) for trouble in troubles] == [False, True, True, True, True, True, False]
    assert "column 'Customer': unknown value 'Nobody'" in troubles[1]
    assert "column 'Opened'" in troubles[2]
    assert "every row needs one" in troubles[3]
    assert "2 cells" in troubles[4]
    assert troubles[5].startswith("by:")


def test_the_same_row_has_the_same_ids_wherever_it_stands(tmp_path: Path) -> None:
    """Of the same file; two rows that are the same to the letter are two."""
    closed = OPENED[:-1] + ",02.12.2025 09:00"
    other = closed.replace("4711", "4712")

    def ids(*lines: str, name: str = "cases.csv") -> list[str]:
        return [asked.message["event_id"] for row in read(tmp_path, HEADER, *lines, name=name) for asked in row.asked]

    first = ids(closed, other)
    assert ids(other, closed) == first[::-1]
    assert ids(closed, other) == first
    assert not set(ids(closed, name="other.csv")) & set(first)
    assert len(set(ids(closed, closed))) == 2


def test_time_entries_are_rows_too(tmp_path: Path) -> None:
    """Their length in any way that people write it, in whole minutes; an id that the row makes, if it has none."""
    mapping = (CATALOGS / "entries.mapping.yaml").read_text()
    header = "Ticket,Entry,Time,Day,Agent,Text"
    rows = read(tmp_path, header, "4711,T-1,90,01.12.2025 09:00,ann,by phone", "4711,T-2,1:30,,,", mapping=mapping)
    assert [row.intake for row in rows] == [None, None]
    [first], [second] = [row.asked for row in rows]
    event_id = first.message.pop("event_id")
    assert event_id.startswith("import-")
    assert first.message == {
        "id": "T-1",
        "minutes": 90,
        "worked_at": "2025-12-01T08:00:00Z",
        "by": "ann",
        "note": "by phone",
    }
    assert (second.message["minutes"], second.message["by"]) == (90, "me")
    without = mapping.replace("id: Entry", "# id: Entry")
    [row, _] = read(tmp_path, header, "4711,,0.5,,,", "4711,,1d,,,", mapping=f"{without}\n")
    assert row.asked[0].message["id"] == row.asked[0].message["event_id"]
    assert row.asked[0].message["minutes"] == 1


def test_fields_have_the_types_of_the_catalog(tmp_path: Path) -> None:
    """And a constant is the same in every row."""
    mapping = 'case_id: A\naccount: {value: acme}\nfields: {tickets: B, cost: C}\ndecimal: ","\n'
    [row, bad] = read(tmp_path, "A,B,C", '1,3,"2,5"', "2,x,1", mapping=mapping)
    assert row.intake is not None
    assert (row.intake.account, row.intake.fields) == ("acme", {"tickets": 3, "cost": 2.5})
    assert bad.trouble == "column 'B': 'x' is no whole number, such as 3"


def test_a_date_without_its_time_of_day_is_unreadable(tmp_path: Path) -> None:
    """As in a log: it is not taken for midnight."""
    mapping = "case_id: A\nopened_at: B\ntimes: {time_zone: UTC, clocks: {B: C}}\nno_value: ['-']\n"
    [whole, *half, none] = read(
        tmp_path, "A,B,C", "1,2025-03-28,23:30", "2,2025-03-28,", "3,2025-03-28,-", "4,,23:30", mapping=mapping
    )
    assert whole.intake is not None
    assert f"{whole.intake.opened_at:%d %H:%M}" == "28 23:30"
    assert [row.trouble for row in half] == [
        "column 'B': '2025-03-28' has no time of day beside it in column 'C'",
        "column 'B': '2025-03-28' has no time of day beside it in column 'C'",
    ]
    assert (none.trouble, none.intake.opened_at if none.intake else "") == (None, None)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ("account: X", "case_id"),
        ("case_id: {column: A, value: b}", "give either column, or value"),
        ("case_id: A\nnope: B", "nope"),
        ("case_id: {value: x, values: {a: b}}", "values are of a column"),
        ("rows: time_entries\ncase_id: A", "worked"),
        ("rows: nope\ncase_id: A", "rows"),
        ("- a", "mapping"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_with_its_line(tmp_path: Path, mapping: str, said: str) -> None:
    """Before a row is read."""
    with pytest.raises(LogError, match=said) as refused:
        read(tmp_path, HEADER, OPENED, mapping=mapping)
    assert "mapping.yaml" in str(refused.value)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([""], "is empty"),
        (["Ticket,Customer"], "no column 'Opened'"),
        ([HEADER.replace(",", ";")], "delimiter"),
        ([HEADER, OPENED, '4711,"Acme'], "cases.csv:3: the row is broken"),
    ],
)
def test_a_file_that_is_no_such_file_is_refused(tmp_path: Path, lines: list[str], said: str) -> None:
    """With what would be right."""
    with pytest.raises(LogError, match=said):
        read(tmp_path, *lines)


def test_fields_that_no_case_has_are_refused(tmp_path: Path) -> None:
    """By their names, with the nearest that there is."""
    columns: Any = CaseColumns.model_validate({"case_id": "A", "fields": {"priorty": "B"}})
    with pytest.raises(LogError, match="did you mean 'priority'"):
        columns.check(tmp_path / "m.yaml", DECLARED)

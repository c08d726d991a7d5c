"""Reading a log: what its rows become, what is reported, what is refused and with which words."""

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.timeline.events import CaseClosed, FieldsChanged
from starters.logs.events import EventLog, LogError, read_log
from starters.logs.mapping import LogMapping

HEADER = "id,opened,at,n,state,priority,by,kept"
SMALL: dict[str, Any] = {
    "case_id": "id",
    "opened_at": "opened",
    "occurred_at": "at",
    "order": "n",
    "by": "by",
    "times": {"format": "%d-%m-%Y %H:%M", "time_zone": "UTC"},
    "no_value": "?",
    "state": {"column": "state", "opened": "New", "closed": ["Closed"], "values": ["New", "Active", "Closed"]},
    "fields": {"priority": {"column": "priority", "values": {"1": "High", "2": "Low"}}},
    "verdict": {"column": "kept", "met": ["yes"], "missed": ["no"]},
}


def small(**changes: Any) -> LogMapping:
    return LogMapping.model_validate({**SMALL, **changes})


def read(tmp_path: Path, *rows: str, header: str = HEADER, using: LogMapping | None = None) -> EventLog:
    path = tmp_path / "log.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8", newline="")
    return read_log(path, using or small())


def refused(tmp_path: Path, *rows: str, header: str = HEADER, using: LogMapping | None = None) -> list[str]:
    """The problems for which a log is refused, each without the name of its file."""
    with pytest.raises(LogError) as error:
        read(tmp_path, *rows, header=header, using=using)
    assert all(problem.startswith(f"{tmp_path / 'log.csv'}:") for problem in error.value.problems)
    return [problem.removeprefix(f"{tmp_path / 'log.csv'}:") for problem in error.value.problems]


def at(text: str) -> datetime:
    return datetime.strptime(text, "%d-%m-%Y %H:%M").replace(tzinfo=UTC)


def oddities(found: EventLog) -> list[tuple[str, int]]:
    return [(oddity.kind.value, oddity.line) for oddity in found.oddities]


# --- what rows become -------------------------------------------------------------------------------------------------


def test_a_case_is_opened_with_its_first_row_but_in_the_opening_state(tmp_path: Path) -> None:
    """Opened at `opened_at` with the first row's fields, state New; the row's own state follows at the row's time."""
    row = "A,01-03-2016 09:00,01-03-2016 09:05,0,Active,1,ann,yes"
    found = read(tmp_path, row, row).cases[0]
    assert found.intake.opened_at == found.opened_at == at("01-03-2016 09:00")
    assert found.intake.fields == {"state": "New", "priority": "High"}
    assert found.events == (
        FieldsChanged(event_id="A/1", occurred_at=at("01-03-2016 09:05"), by="ann", fields={"state": "Active"}),
    )
    assert found.ended_at == at("01-03-2016 09:05")


def test_an_event_holds_only_what_changed(tmp_path: Path) -> None:
    """Every row shows the whole case; its event holds what differs from the row before. Nothing does: no event."""
    found = read(
        tmp_path,
        "A,01-03-2016 09:00,01-03-2016 09:00,0,New,1,ann,yes",
        "A,01-03-2016 09:00,01-03-2016 09:10,1,New,1,bob,yes",
        "A,01-03-2016 09:00,01-03-2016 09:20,2,New,2,bob,yes",
        "A,01-03-2016 09:00,01-03-2016 09:30,3,Active,?,?,yes",
    ).cases[0]
    assert [(e.event_id, e.by, e.fields) for e in found.events if isinstance(e, FieldsChanged)] == [
        ("A/3", "bob", {"priority": "Low"}),
        ("A/4", None, {"state": "Active", "priority": None}),
    ]


def test_a_closed_row_closes_the_case_and_a_second_one_changes_nothing(tmp_path: Path) -> None:
    """What a row after the closing says is not taken, only reported."""
    found = read(
        tmp_path,
        "A,01-03-2016 09:00,01-03-2016 09:00,0,New,1,ann,yes",
        "A,01-03-2016 09:00,01-03-2016 10:00,1,Closed,1,ann,yes",
        "A,01-03-2016 09:00,05-03-2016 10:00,2,Closed,2,ann,no",
    )
    assert found.cases[0].events == (
        FieldsChanged(event_id="A/2", occurred_at=at("01-03-2016 10:00"), by="ann", fields={"state": "Closed"}),
        CaseClosed(event_id="A/2/closed", occurred_at=at("01-03-2016 10:00"), by="ann"),
    )
    assert oddities(found) == [("after closing", 4)]
    assert found.cases[0].kept is False


REOPENED = [
    "A,01-03-2016 09:00,01-03-2016 09:05,0,Active,1,ann,yes",
    "A,01-03-2016 09:00,01-03-2016 10:00,1,Closed,1,ann,yes",
    "A,01-03-2016 09:00,02-03-2016 10:00,2,Active,2,bob,yes",
    "A,01-03-2016 09:00,03-03-2016 10:00,3,Closed,2,ann,no",
    "A,01-03-2016 09:00,03-03-2016 11:00,4,Closed,2,ann,no",
    "A,01-03-2016 09:00,04-03-2016 10:00,5,New,2,ann,no",
]


def test_another_state_after_the_closing_reopens_the_case(tmp_path: Path) -> None:
    """The reopening has the row's values with it; a second closed row in a row still changes nothing."""
    found = read(tmp_path, *REOPENED)
    happened = [(type(e).__name__, e.event_id, getattr(e, "fields", None)) for e in found.cases[0].events]
    assert happened == [
        ("FieldsChanged", "A/1", {"state": "Active"}),
        ("FieldsChanged", "A/2", {"state": "Closed"}),
        ("CaseClosed", "A/2/closed", None),
        ("CaseReopened", "A/3/reopened", {"state": "Active", "priority": "Low"}),
        ("FieldsChanged", "A/4", {"state": "Closed"}),
        ("CaseClosed", "A/4/closed", None),
        ("CaseReopened", "A/6/reopened", {"state": "New"}),
    ]
    assert oddities(found) == [("after closing", 6), ("never closed", 7)]


def test_no_state_needs_to_close_a_case(tmp_path: Path) -> None:
    """Of a log without closing states nobody is told that its cases are not closed."""
    found = read(tmp_path, *REOPENED, using=small(state={**SMALL["state"], "closed": []}))
    assert {type(event) for event in found.cases[0].events} == {FieldsChanged}
    assert found.oddities == ()


def test_states_need_not_be_listed_for_a_first_look(tmp_path: Path) -> None:
    state = {"column": "state", "opened": "New", "closed": ["Closed"]}
    found = read(tmp_path, *(row.replace("Active", "On my desk") for row in REOPENED), using=small(state=state))
    assert found.cases[0].events[0].fields == {"state": "On my desk"}  # type: ignore[union-attr]


def test_a_row_before_its_case_counts_at_the_opening_and_is_reported(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "A,01-03-2016 09:00,01-03-2016 07:00,0,Active,1,ann,yes",
        "A,01-03-2016 09:00,01-03-2016 09:30,1,Closed,1,ann,yes",
    )
    assert found.cases[0].events[0].occurred_at == at("01-03-2016 09:00")
    assert oddities(found) == [("before opening", 2)]
    assert "2016-03-01T07:00:00Z is before the case was opened" in found.oddities[0].text


def test_rows_are_sorted_by_time_then_number_then_place(tmp_path: Path) -> None:
    """Two states in one minute keep the order of their numbers, whatever the order of the file; it is reported."""
    found = read(
        tmp_path,
        "A,01-03-2016 09:00,01-03-2016 10:00,10,Closed,1,ann,yes",
        "B,01-03-2016 09:00,01-03-2016 09:00,0,New,1,ann,?",
        "A,01-03-2016 09:00,01-03-2016 10:00,9,Active,1,ann,yes",
        "A,01-03-2016 09:00,01-03-2016 09:30,11,New,2,ann,yes",
    )
    assert [c.case_id for c in found.cases] == ["A", "B"]
    assert [e.event_id for e in found.cases[0].events] == ["A/2", "A/3", "A/3/closed"]
    assert found.cases[0].intake.fields["priority"] == "Low"
    assert oddities(found) == [("states at once", 2), ("never closed", 3)]
    assert found.cases[1].kept is None


def test_without_a_number_rows_of_one_instant_keep_their_place(tmp_path: Path) -> None:
    rows = [f"A,01-03-2016 09:00,01-03-2016 10:00,x,{state},1,ann,yes" for state in ("Active", "New", "Closed")]
    found = read(tmp_path, *rows, using=small(order=None)).cases[0]
    assert [e.fields["state"] for e in found.events if isinstance(e, FieldsChanged)] == ["Active", "New", "Closed"]


def test_the_first_opening_counts(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "A,01-03-2016 09:00,01-03-2016 09:00,0,New,1,ann,yes",
        "A,01-03-2016 09:01,01-03-2016 10:00,1,Closed,1,ann,yes",
    )
    assert found.cases[0].opened_at == at("01-03-2016 09:00")
    assert oddities(found) == [("opened twice", 3)]


def test_times_of_a_zone_become_instants(tmp_path: Path) -> None:
    """09:00 in New York is 14:00Z in winter. A time that its clocks skipped, or had twice, is taken and reported."""
    times = {"format": "%d-%m-%Y %H:%M", "time_zone": "America/New_York"}
    found = read(
        tmp_path,
        "A,01-03-2016 09:00,13-03-2016 02:30,0,Active,1,ann,yes",
        "A,01-03-2016 09:00,06-11-2016 01:30,1,Closed,1,ann,yes",
        using=small(times=times),
    )
    assert found.cases[0].opened_at == datetime(2016, 3, 1, 14, tzinfo=UTC)
    assert [e.occurred_at for e in found.cases[0].events[:2]] == [
        datetime(2016, 3, 13, 7, 30, tzinfo=UTC),
        datetime(2016, 11, 6, 5, 30, tzinfo=UTC),
    ]
    assert oddities(found) == [("skipped time", 2), ("repeated time", 3)]


def test_times_may_carry_their_offset(tmp_path: Path) -> None:
    times = {"format": "%Y-%m-%dT%H:%M:%S%z"}
    row = "A,2016-03-01T09:00:00-0500,2016-03-01T09:00:00-0500,0,New,1,ann,yes"
    found = read(tmp_path, row, row, using=small(times=times))
    assert found.cases[0].opened_at == datetime(2016, 3, 1, 14, tzinfo=UTC)


def test_cells_become_values_of_their_declared_types(tmp_path: Path) -> None:
    fields = {
        "count": {"column": "n", "type": "integer"},
        "score": {"column": "priority", "type": "number"},
        "vip": {"column": "by", "type": "boolean"},
        "due_at": {"column": "opened", "type": "datetime"},
        "text": {"column": "kept"},
    }
    row = "A,01-03-2016 09:00,01-03-2016 09:00,7,New,2.5,TRUE,yes"
    found = read(tmp_path, row, row, using=small(fields=fields, by=None))
    assert found.cases[0].intake.fields == {
        "state": "New",
        "count": 7,
        "score": 2.5,
        "vip": True,
        "due_at": "2016-03-01T09:00:00Z",
        "text": "yes",
    }


def test_quoted_cells_blank_lines_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    row = 'A,01-03-2016 09:00,01-03-2016 09:00,0,New,1,"ann,\nbob",yes'
    path.write_text("\ufeff" + "\r\n".join([HEADER, "", row, row.replace("New", "Nwe")]), encoding="utf-8", newline="")
    with pytest.raises(LogError, match=r"log.csv:5: column 'state': unknown state 'Nwe'"):
        read_log(path, small())
    path.write_text(f"\ufeff{HEADER}\r\n\r\n{row}\r\n{row}\r\n", encoding="utf-8", newline="")
    assert read_log(path, small()).rows == 2


# --- what is refused --------------------------------------------------------------------------------------------------

GOOD = "A,01-03-2016 09:00,01-03-2016 09:05,0,New,1,ann,yes"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("A,01-03-2016 09:00,New", "3: the row has 3 cells, and the header 8"),
        (f"{GOOD},more", "3: the row has 9 cells, and the header 8"),
        (
            GOOD.replace("09:05", "9 o'clock"),
            "3: column 'at': \"01-03-2016 9 o'clock\" is no time of the form %d-%m-%Y %H:%M, such as 29-02-2016 17:45",
        ),
        (GOOD.replace("01-03-2016 09:05", "31-02-2016 09:00"), "3: column 'at': '31-02-2016 09:00' is no time"),
        (GOOD.replace("01-03-2016 09:05", "01-03-0216 09:00"), "3: column 'at': '01-03-0216 09:00' is in no year"),
        (GOOD.replace("01-03-2016 09:05", "?"), "3: column 'at': has no value, and every row needs one"),
        (GOOD.replace("A,", ",", 1), "3: column 'id': has no value, and every row needs one"),
        (
            GOOD.replace("New", "Activ"),
            "3: column 'state': unknown state 'Activ'; did you mean 'Active'? The mapping has",
        ),
        (GOOD.replace("New", "?"), "3: column 'state': has no value"),
        (GOOD.replace(",0,", ",first,"), "3: column 'n': 'first' is no whole number, such as 3"),
        (GOOD.replace(",1,", ",3,"), "3: column 'priority': unknown value '3'; there are 1, 2"),
        (GOOD.replace("yes", "maybe"), "3: column 'kept': unknown verdict 'maybe'; expected one of yes, no"),
    ],
)
def test_a_bad_row_is_refused_with_its_line_and_column(tmp_path: Path, row: str, said: str) -> None:
    problems = refused(tmp_path, GOOD, row)
    assert len(problems) == 1
    assert problems[0].startswith(said)


@pytest.mark.parametrize(
    ("kind", "cell", "said"),
    [
        ("integer", "1.5", "'1.5' is no whole number, such as 3"),
        ("integer", "9" * 30, "is too large a number"),
        ("number", "nan", "'nan' is no number, such as 2.5"),
        ("boolean", "1", "'1' is neither TRUE nor FALSE"),
        ("datetime", "soon", "'soon' is no time of the form"),
    ],
)
def test_a_cell_that_does_not_fit_its_type_is_refused(tmp_path: Path, kind: str, cell: str, said: str) -> None:
    using = small(fields={"x": {"column": "priority", "type": kind}})
    assert said in refused(tmp_path, GOOD.replace(",1,", f",{cell},"), using=using)[0]


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    rows = [GOOD.replace("New", "Nwe").replace(",1,", ",9,"), GOOD, "A"]
    assert [problem.split(":")[0] for problem in refused(tmp_path, *rows)] == ["2", "2", "4"]


def test_a_log_that_is_wrong_throughout_says_so_once(tmp_path: Path) -> None:
    problems = refused(tmp_path, *[GOOD.replace("New", "Nwe")] * 500)
    assert len(problems) == 21
    assert problems[-1] == "22: and more from here on; reading stopped"


def test_missing_columns_are_all_named(tmp_path: Path) -> None:
    problems = refused(tmp_path, GOOD, header=HEADER.replace("state", "State").replace("by", "x"))
    assert problems == [
        "1: no column 'by'; there are State, at, id, kept, n, opened, priority, x",
        "1: no column 'state'; did you mean 'State'?",
    ]


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, GOOD, header=HEADER.replace("by", "at")) == [
        "1: no column 'by'; there are at, at, id, kept, n, opened, priority, state",
        "1: two columns are named 'at'; rename one of them",
    ]


def test_an_empty_log_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, header="")[0].startswith("1: is empty; expected a header with the columns id,opened,at,n,")
    assert refused(tmp_path) == ["2: has a header, but no row below it"]


def test_an_open_quote_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, GOOD, GOOD.replace("ann", '"ann'))[0].startswith("3: the row is broken: ")


def test_the_line_of_a_broken_row_is_its_own(tmp_path: Path) -> None:
    """Also below blank lines and a row that goes over several."""
    rows = [GOOD.replace("ann", '"ann\nbob"'), "", GOOD, "", GOOD.replace("ann", '"ann"x')]
    assert refused(tmp_path, *rows)[0].startswith("7: the row is broken: ")


@pytest.mark.parametrize("note", ["sep=,", '"sep=,"', "SEP=;"])
def test_a_note_to_spreadsheets_is_no_header(tmp_path: Path, note: str) -> None:
    """The mapping says the delimiter; lines are counted with it."""
    found = read(tmp_path, HEADER, GOOD, GOOD, header=note)
    assert (found.rows, found.cases[0].case_id) == (2, "A")
    assert refused(tmp_path, HEADER, GOOD, "A", header=note)[0].startswith("4: the row has 1 cell")


def test_a_compressed_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(f"{HEADER}\n{GOOD}\n".encode()))
    with pytest.raises(LogError, match=r"log\.csv\.gz: is a compressed file; unpack it"):
        read_log(path, small())


@pytest.mark.parametrize(("encoding", "of_the_file"), [("utf-8", "latin-1"), ("utf-16", "latin-1")])
def test_another_encoding_is_refused(tmp_path: Path, encoding: str, of_the_file: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text("\n".join([HEADER, GOOD, GOOD.replace("ann", "Zoë")]), encoding=of_the_file)
    with pytest.raises(LogError, match=rf"log.csv:\d+: the byte 0x.. is no {encoding} text"):
        read_log(path, small(encoding=encoding))
    assert read_log(path, small(encoding="latin-1")).rows == 2


def test_the_line_of_a_bad_byte_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(f"{HEADER}\n{GOOD}\n".encode() + GOOD.replace("ann", "Zoë").encode("latin-1"))
    with pytest.raises(LogError, match=r"log.csv:3: the byte 0xEB is no utf-8 text; save the log as utf-8, or name"):
        read_log(path, small())


def test_a_log_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"nowhere\.csv: No such file or directory"):
        read_log(tmp_path / "nowhere.csv", small())
    with pytest.raises(LogError, match="Is a directory"):
        read_log(tmp_path, small())

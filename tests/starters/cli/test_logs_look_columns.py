"""What `milepost logs look` makes of columns: by their names in several languages, and by what they hold."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from starters.logs.events import LogError
from starters.logs.look import Look, look


def seen(tmp_path: Path, *rows: str, name: str = "log.csv") -> Look:
    path = tmp_path / name
    path.write_text("\n".join([*rows, ""]), encoding="utf-8")
    return look(path)


def said(found: Look) -> str:
    return "; ".join(found.unsure)


@pytest.mark.parametrize(
    ("column", "named"),
    [
        ("Vorgangsnr.", True),
        ("Vorgang", True),
        ("Vorgangs-Nr", True),
        ("Ticketnr", True),
        ("Fallnummer", True),
        ("Störungsnummer", True),
        ("Ticket no.", True),
        ("CaseNumber", True),
        ("Ref", True),
        ("N° dossier", False),
        ("Zaak", False),
        ("Chamado", False),
    ],
)
def test_an_id_is_found_whatever_its_name(tmp_path: Path, column: str, *, named: bool) -> None:
    """By its name in several languages, else by values that look like ids, which is said."""
    rows = [f"2026-{n // 2},2025-03-0{n}T09:00Z,step {n % 2}" for n in range(2, 8)]
    found = seen(tmp_path, f"{column},at,activity", *rows)
    assert found.mapping.case_id == column
    assert ("which column is the id of a case" in said(found)) is not named


@pytest.mark.parametrize("column", ["Customer id", "Org no", "Requester number", "ClosedById"])
def test_an_id_of_somebody_else_is_no_case(tmp_path: Path, column: str) -> None:
    rows = [f"C{n},x{n // 2},2025-03-0{n}T09:00Z,step {n % 2}" for n in range(2, 8)]
    assert seen(tmp_path, f"{column},ticket,at,activity", *rows).mapping.case_id == "ticket"


@pytest.mark.parametrize("old", ["Status alt", "Old status", "From status", "Previous state", "status_before"])
def test_the_state_before_is_not_the_state(tmp_path: Path, old: str) -> None:
    """A column with the state from which a case went stands before the other one, and is filled as well."""
    rows = [f"{n // 2},2025-03-0{n}T09:00Z,{'ab'[n % 2]},{'bc'[n % 2]}" for n in range(2, 8)]
    found = seen(tmp_path, f"id,at,{old},Status", *rows)
    assert found.mapping.activity == ["Status"]
    assert old not in found.mapping.columns


@pytest.mark.parametrize(
    ("date", "clock", "day", "time"),
    [
        ("Date", "Time", "2025-03-0{}", "17:45"),
        ("Datum", "Uhrzeit", "0{}.03.2025", "17:45"),
        ("Opened on", "Opened at", "03/0{}/2025", "5:45 PM"),
        ("CreatedDate", "CreatedTime", "2025/03/0{}", "17:45:00"),
        ("Date of change", "Time of change", "0{}-Mar-2025", "17:45"),
        ("Fecha", "Hora", "2025-03-0{}", "17:45:00.250"),
    ],
)
def test_a_date_and_its_time_of_day_are_one_time(tmp_path: Path, date: str, clock: str, day: str, time: str) -> None:
    """Two columns whose names differ in the words for date and time alone; not all of it happened at midnight."""
    rows = [f"{n // 2},{time},step {n % 2},{day.format(n)}" for n in range(2, 8)]
    found = seen(tmp_path, f"id,{clock},activity,{date}", *rows)
    assert found.mapping.times.clocks == {date: clock}
    assert {f"{case.opened_at:%H:%M}" for case in found.read.cases} == {"17:45"}
    assert "midnight" not in said(found)


@pytest.mark.parametrize("day", ["2025-03-0{}", "0{}.03.2025"])
@pytest.mark.parametrize("column", ["Response time", "Shift"])
def test_dates_alone_are_said_to_count_as_midnight(tmp_path: Path, day: str, column: str) -> None:
    """A time of day that need not belong to the date is not put to it; that the log has no other is said."""
    rows = [f"{n // 2},{day.format(n)},1{n}:30,step {n % 2}" for n in range(2, 8)]
    found = seen(tmp_path, f"id,Date,{column},activity", *rows)
    assert "the time of day: the file has dates alone, which count as midnight" in said(found)
    assert f"# - {column}: a time of day without its date" in found.text


@pytest.mark.parametrize(
    ("times", "zones", "hour"),
    [
        (["2025-03-03 09:00 EST", "2025-03-03 09:30 EST"], {"EST": "-05:00"}, "14:00"),
        (["03/31/2025 9:00 AM PDT", "03/31/2025 10:00 AM PDT"], {"PDT": "-07:00"}, "16:00"),
        (["31.03.2025 09:00 MESZ", "31.03.2025 10:00 MESZ"], {"MESZ": "+02:00"}, "07:00"),
        (["2025-03-08 09:00 PST", "2025-03-09 09:00 PDT"], {"PDT": "-07:00", "PST": "-08:00"}, "17:00"),
        (["2025-03-03 09:00 UTC", "2025-03-03 09:30 UTC"], {}, "09:00"),
    ],
)
def test_zone_words_are_guessed_and_said(
    tmp_path: Path, times: Sequence[str], zones: dict[str, str], hour: str
) -> None:
    """A word that means several clocks is taken as it is mostly used, in the mapping, where it can be changed."""
    found = seen(tmp_path, "id,opened,resolved", *(f"{n},{times[0]},{times[1]}" for n in range(3)))
    assert found.mapping.times.zones == zones
    assert {f"{case.opened_at:%H:%M}" for case in found.read.cases} == {hour}
    assert (f"what {', '.join(zones)} mean" in said(found)) is bool(zones)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            ["id,opened,resolved", "1,2025-03-03 09:00 IST,2025-03-03 09:00 BST"],
            "the times name the zone BST, IST, which means different clocks in different places",
        ),
        (
            ["id,opened,x", "1,2025-03-03 09:00,a", "2,yesterday,b", "3,2025-03-04 09:00,a"],
            "column 'opened' holds times, but not in line 3: 'yesterday'; that row is no case, or its time",
        ),
        (
            ["id,opened,closed", "1,2025-03-03 09:00,2025-03-03 10:00", "Total,,", ",,"],
            "no column says for every case when it was opened: 'opened' is empty in line 3; if that is no case",
        ),
        (
            ["Tickets of March,,", "id,opened,closed", "1,2025-03-03T09:00Z,"],
            "if the header stands on line 2, take out",
        ),
        (
            ["id,opened,closed", "1,46035.3854,46036.5", "2,46036,"],
            "column 'opened' holds days as a spreadsheet counts them; let it show dates and save the file again",
        ),
        (
            ["id,opened,closed", "1,5. Januar 2026 09:15,", "2,6. Januar 2026 09:15,"],
            "column 'opened' seems to hold times, such as '5. Januar 2026 09:15', in no form that is known",
        ),
        (
            [
                "id,opened,closed",
                "1,2026-01-05 09:15,",
                "2,05/06/2026 09:15,",
                "3,2026-01-05 09:15,",
                "4,1/2/2026 9:15,",
            ],
            "column 'opened' seems to hold times, such as '2026-01-05 09:15', in no form that is known or in several",
        ),
        ([",,", ",,"], "1: is empty; expected a header and rows"),
    ],
)
def test_what_keeps_times_from_being_read_is_said(tmp_path: Path, rows: list[str], expected: str) -> None:
    """The line, the column or the word, and what to do about it."""
    with pytest.raises(LogError) as error:
        seen(tmp_path, *rows)
    assert expected in str(error.value)


@pytest.mark.parametrize("text", ["Re: fix 3, please", "Mon, 3 x: y", "[1] T 10:00 %z, - h at um", "12, 3: 4.5 Uhr %"])
def test_a_text_with_the_signs_of_times_is_a_text(tmp_path: Path, text: str) -> None:
    rows = [f'{n},2025-03-0{n}T09:00Z,"{text}",2025-03-0{n}T10:00Z' for n in range(1, 4)]
    found = seen(tmp_path, "id,opened,subject,closed", *rows)
    assert [event.at for event in found.mapping.events] == ["closed"]


@pytest.mark.parametrize(
    "header",
    [
        "Field,From,To",
        "Field name,Old value,New value",
        "item,fromString,toString",
        "Feld,Alt,Neu",
        "Changed field,old,new",
    ],
)
def test_a_log_of_changes_is_read_by_those_of_the_state(tmp_path: Path, header: str) -> None:
    """A row for each field that was changed: the others move nothing, and a case without any is there as well."""
    rows = [
        "7,2025-03-03T08:00Z,2025-03-03T08:10Z,owner,,ann",
        "7,2025-03-03T08:00Z,2025-03-03T08:20Z,status,Triage,Working",
        "7,2025-03-03T08:00Z,2025-03-03T09:00Z,status,Working,Done",
        "8,2025-03-03T08:30Z,2025-03-03T08:40Z,owner,,bob",
    ]
    found = seen(tmp_path, f"key,created,changed,{header}", *rows)
    seven, eight = found.read.cases
    assert [f"{case.opened_at:%H:%M} {case.intake.fields['state']}" for case in (seven, eight)] == [
        "08:00 Triage",
        "08:30 Triage",
    ]
    assert [f"{event.occurred_at:%H:%M}" for event in seven.events] == ["08:20", "09:00", "09:00"]
    assert eight.events == ()


def test_what_is_done_again_is_an_event_of_its_own(tmp_path: Path) -> None:
    row = "1,2025-03-03T09:00Z,2025-03-03T10:00Z,2025-03-04T09:00Z,2025-03-04T10:00Z"
    found = seen(tmp_path, "id,opened,resolved,reopened,resolved again", row, row.replace("1", "2", 1))
    assert [event.at for event in found.mapping.events] == ["resolved", "reopened", "resolved again"]


def test_fields_have_the_types_of_their_values(tmp_path: Path) -> None:
    """Numbers are numbers; a text that is long or goes over lines is no category."""
    header = "id,opened,updated,status,priority,score,vip,note,spent hours"
    rows = [
        f'{n // 2},2025-03-01T09:00Z,2025-03-0{n}T10:00Z,{"ab"[n % 2]},{n % 3},{n % 3}.5,true,"x\ny",{n % 2}'
        for n in range(2, 8)
    ]
    found = seen(tmp_path, header, *rows)
    assert {name: field.type for name, field in found.mapping.fields.items()} == {
        "priority": "integer",
        "score": "number",
    }
    assert "# - note: free text" in found.text


@pytest.mark.parametrize(
    ("column", "cells", "event"),
    [
        (
            "First reply time in minutes",
            ("15", "90"),
            "after: First reply time in minutes, state: In progress, unit: min",
        ),
        ("Resolution (h)", ("1.5", "30"), "after: Resolution (h), state: Resolved, unit: hours"),
        ("Resolution (h:mm)", ("1:30", "42:22"), 'after: "Resolution (h:mm)", state: Resolved}'),
        ("Close duration", ("1d 2h", "3h 5m"), "after: Close duration, state: Closed}"),
    ],
)
def test_lengths_are_read_as_events(tmp_path: Path, column: str, cells: tuple[str, str], event: str) -> None:
    """Of a file without the instants; that they were counted round the clock is a guess, and said."""
    rows = [f"T{n},2025-03-0{n}T09:00Z,{cell}" for n, cell in enumerate(cells, 1)]
    found = seen(tmp_path, f"Ticket,Created,{column}", *rows)
    assert event in found.text
    assert f"whether {column} were counted round the clock" in said(found)
    assert all(case.events for case in found.read.cases)


def test_an_instant_is_read_rather_than_a_length(tmp_path: Path) -> None:
    rows = ["T1,2025-03-01T09:00Z,2025-03-01T10:00Z,61", "T2,2025-03-02T09:00Z,2025-03-02T10:00Z,60"]
    found = seen(tmp_path, "Ticket,Created,Resolved,Minutes to resolution", *rows)
    assert [event.column for event in found.mapping.events] == ["Resolved"]


@pytest.mark.parametrize("column", ["Resolution time in business hours", "Resolution (working minutes)"])
def test_lengths_of_open_time_are_no_events(tmp_path: Path, column: str) -> None:
    """Nobody knows by which calendar; the refusal says what a mapping of one's own could say."""
    with pytest.raises(LogError, match="counted round the clock from the opening on, a mapping of your own reads it"):
        seen(tmp_path, f"Ticket,Created,{column}", "T1,2025-03-01T09:00Z,15", "T2,2025-03-02T09:00Z,90")


@pytest.mark.parametrize(("columns", "over"), [("Resolved", "Resolved"), ("First reply", "In progress")])
def test_a_log_in_which_nothing_closes_says_so(tmp_path: Path, columns: str, over: str) -> None:
    """One row a ticket, and no column that says when a case was closed."""
    rows = [f"T{n},2025-03-0{n}T09:00Z,2025-03-0{n}T1{n}:00Z" for n in (1, 2)]
    found = seen(tmp_path, f"Ticket,Created,{columns}", *rows)
    assert found.mapping.state.closed == []
    assert "what closes a case: no column says when, so nothing does (closed: [])" in said(found)
    assert f"if {over} is the end, write closed: [{over}]" in said(found)
    closed = seen(tmp_path, f"Ticket,Created,{columns},Closed", *(f"{row},2025-03-09T09:00Z" for row in rows))
    assert (closed.mapping.state.closed, "what closes a case" in said(closed)) == (["Closed"], False)


def test_an_end_of_work_that_is_taken_for_a_closing_is_said(tmp_path: Path) -> None:
    """Of a history as of one row a ticket: another state after it would take the case up again."""
    rows = [f"T{n // 2},2025-03-0{n}T09:00Z,{'Done' if n % 2 else 'New'}" for n in range(2, 6)]
    found = seen(tmp_path, "Ticket,at,Status", *rows)
    assert found.mapping.state.closed == ["Done"]
    assert "what closes a case: nothing is named so; taken is what ends the work (Done)" in said(found)
    closed = seen(tmp_path, "Ticket,at,Status", *(row.replace("Done", "Closed") for row in rows))
    assert "what closes a case" not in said(closed)


def test_ids_merged_over_the_rows_of_a_case_are_filled_in(tmp_path: Path) -> None:
    """With the columns that are empty in the same rows; others that look merged are only named."""
    found = seen(
        tmp_path,
        "Ticket,Channel,at,Status,Customer",
        "T1,mail,2025-03-01T09:00Z,New,Ann",
        ",,2025-03-01T10:00Z,Active,",
        ",,2025-03-01T11:00Z,Closed,",
        "T2,phone,2025-03-02T09:00Z,New,",
        ",,2025-03-02T10:00Z,Closed,Bob",
    )
    assert found.mapping.merged == ["Ticket", "Channel"]
    assert [(c.case_id, c.intake.fields["channel"], len(c.events)) for c in found.read.cases] == [
        ("T1", "mail", 3),
        ("T2", "phone", 2),
    ]
    assert "whether Ticket, Channel were merged over rows: where they are empty (3 of 5 rows)" in said(found)
    assert "whether empty cells of Customer were merged with the ones above: if so, merged: [Customer]" in said(found)


def test_a_line_without_an_id_is_named(tmp_path: Path) -> None:
    """A line of totals is not taken for a row of the case above it."""
    rows = [f"T{n},2025-03-0{n}T09:00Z,2025-03-0{n}T10:00Z,3" for n in range(1, 8)]
    with pytest.raises(LogError) as refusal:
        seen(tmp_path, "Ticket,Created,Closed,Hours", *rows, ",,,21")
    assert str(refusal.value).endswith(
        "'Ticket' is empty in line 9. If that is no case, such as a line of totals, take it out; if the cell was "
        "merged with the one above, a mapping of your own says so: merged: [Ticket]"
    )


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("2,5", "3", "0,75"), ("number", ",")),
        (("2.5", "3", "0.75"), ("number", ".")),
        (("2,500", "3", "1,250"), ("string", ".")),
        (("2,5", "3.5", "4"), ("string", ".")),
    ],
)
def test_a_decimal_comma_is_proposed(tmp_path: Path, cells: tuple[str, ...], expected: tuple[str, str]) -> None:
    """Unless it may divide thousands, or points stand beside it: such a column is one of texts."""
    rows = [f"{n // 2};2025-03-0{n + 1}T09:00Z;step {n % 2};{cells[n % 3]}" for n in range(6)]
    found = seen(tmp_path, "ticket;at;activity;Impact", *rows)
    assert (found.mapping.fields["impact"].type, found.mapping.decimal) == expected


@pytest.mark.parametrize("due", ["2025-03-10", "2025-03-10 17:00"])
def test_a_column_without_offsets_stands_beside_one_with_them(tmp_path: Path, due: str) -> None:
    """Each is read as it is written: an instant with its offset, a date alone by the clock of the log."""
    rows = [f"T{n},2025-03-0{n}T09:00:00+01:00,2025-03-0{n}T10:00:00Z,{due}" for n in (1, 2)]
    found = seen(tmp_path, "Ticket,Created,Closed,Due", *rows)
    assert (found.mapping.times.time_zone, f"{found.read.cases[0].opened_at:%d %H:%M}") == ("UTC", "01 08:00")
    assert found.read.cases[0].intake.fields["due"] == f"2025-03-10T{due[11:] or '00:00'}:00Z"


@pytest.mark.parametrize(
    ("others", "form", "hour"),
    [("2025-03-03 9:05", "%Y-%m-%d %H:%M", "09:05"), ("2025-03-03T09:05+02:00", "iso", "07:05")],
)
def test_a_column_may_begin_with_a_time_that_looks_stricter(tmp_path: Path, others: str, form: str, hour: str) -> None:
    """An hour without its 0, and an offset that some times have: in whatever order they come."""
    cells = ["2025-03-03 10:05", others]
    for first, second in (cells, cells[::-1]):
        found = seen(tmp_path, "Ticket,Created,Closed", f"T1,{first},{first}", f"T2,{second},")
        assert (found.mapping.times.format, found.mapping.times.time_zone) == (form, "UTC")
        assert {f"{case.opened_at:%H:%M}" for case in found.read.cases} == {"10:05", hour}


@pytest.mark.parametrize("column", ["Ticket ID", "ticket_id", "Ticket", "number"])
def test_an_id_of_ten_digits_is_no_time(tmp_path: Path, column: str) -> None:
    """Nor is that of somebody else, which stands beside it."""
    rows = [f"1740992{n}00,17409930{n}0,2025-03-0{n}T09:00Z,2025-03-0{n}T10:00Z" for n in range(1, 6)]
    found = seen(tmp_path, f"{column},Closed by ID,Created,Closed", *rows)
    assert found.mapping.case_id == column
    assert [event.at for event in found.mapping.events] == ["Closed"]


def test_what_is_done_again_and_again_reopens_as_it_did(tmp_path: Path) -> None:
    days = ["closed", "reopened", "closed again", "reopened again"]
    rows = [",".join([f"T{n}", *(f"2025-03-0{day}T09:00Z" for day in range(1, 6))]) for n in (1, 2)]
    found = seen(tmp_path, ",".join(["Ticket", "created", *days]), *rows)
    assert [(event.at, event.reopens) for event in found.mapping.events] == [
        ("closed", False),
        ("reopened", True),
        ("closed again", False),
        ("reopened again", True),
    ]
    assert found.mapping.state.closed == ["Closed"]
    assert [event.occurred_at.day for event in found.read.cases[0].events] == [2, 2, 3, 4, 4, 5]


def test_there_may_be_hundreds_of_activities(tmp_path: Path) -> None:
    """As long as they come again: what is another one in every row is a text."""
    rows = [f"T{n // 10},2025-03-01T09:{n % 60:02}Z,step {n % 90}" for n in range(900)]
    assert seen(tmp_path, "Ticket,at,Activity", *rows).mapping.activity == ["Activity"]
    texts = [f"T{n // 10},2025-03-01T09:{n % 60:02}Z,mail {n}" for n in range(900)]
    with pytest.raises(LogError, match="no column that looks like a state or an activity"):
        seen(tmp_path, "Ticket,at,Action", *texts)

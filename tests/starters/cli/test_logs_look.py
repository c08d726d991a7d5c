"""`milepost logs look`: a proposed mapping reads its file, and says what is unsure; or says what the file lacks."""

import json
import re
from pathlib import Path

import pytest

from domain.timeline.events import CaseClosed
from starters.logs.events import LogError, read_log
from starters.logs.look import look
from starters.logs.mapping import load_mapping
from tests.starters.command_line import milepost
from tests.starters.incidents import ROOT, SAMPLE, log

SAMPLES = ROOT / "starters/sample_logs"


LOOKED_AT = Path(__file__).parent / "looked_at"
"""Small files as the exports of other systems look: invented, in their columns and ways of writing."""


def written(tmp_path: Path, *rows: str, name: str = "log.csv", encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_bytes("\n".join([*rows, ""]).encode(encoding))
    return path


def test_the_incident_log_is_proposed_as_it_is_mapped() -> None:
    """State by state, with the same cases, events and states that close them as its own mapping gives."""
    found = look(SAMPLE)
    assert found.mapping.shape == "states"
    assert [case.ended_at for case in found.read.cases] == [case.ended_at for case in log().cases]
    assert found.read.oddities == log().oddities
    assert found.unsure == (
        "the zone of its clock, which the file does not say: taken as UTC; put the right one in times",
    )


@pytest.mark.parametrize(("name", "shape"), [("tickets.csv", "cases"), ("requests.xes", "xes")])
def test_the_samples_are_proposed_in_their_shape(name: str, shape: str) -> None:
    found = look(SAMPLES / name)
    own = read_log(SAMPLES / name, load_mapping((SAMPLES / name).with_suffix(".mapping.yaml")))
    assert found.mapping.shape == shape
    assert [case.case_id for case in found.read.cases] == [case.case_id for case in own.cases]


def test_a_proposal_is_written_and_reads_its_log(tmp_path: Path) -> None:
    """What `--out` writes is a mapping by which the log is read; a file that is there is not written over."""
    out = tmp_path / "tickets.mapping.yaml"
    done = milepost("logs", "look", SAMPLES / "tickets.csv", "--out", out)
    assert done.exit_code == 0
    assert len(read_log(SAMPLES / "tickets.csv", load_mapping(out)).cases) == 40
    assert milepost("logs", "look", SAMPLES / "tickets.csv", "--out", out).exit_code == 2


def test_the_command_prints_a_mapping_and_tells_oddities() -> None:
    done = milepost("logs", "look", SAMPLE)
    assert done.exit_code == 0
    assert "# Not sure:" in done.stdout
    assert "69 rows are strange and were read all the same (57 states at once, 7 after closing" in done.stderr
    found = json.loads(milepost("logs", "look", SAMPLE, "--json").stdout)
    assert (found["shape"], found["cases"], found["rows"]) == ("states", 150, 1038)
    assert found["oddities"][0]["kind"] == "states at once"
    assert len(found["oddities"][0]["first"]) == 3


@pytest.mark.parametrize(
    ("rows", "times", "unsure"),
    [
        (["03/04/2025 09:00,05/04/2025 10:00"], "%d/%m/%Y %H:%M", "whether day or month comes first"),
        (["03/25/2025 09:00,03/26/2025 10:00"], "%m/%d/%Y %H:%M", "the zone of its clock"),
        (["03/04/2025 09:00 AM,03/04/2025 10:00 AM"], "%m/%d/%Y %I:%M %p", "whether day or month comes first"),
        (["1740992400,1740996000"], "epoch", ""),
        (["1740992400000,1740996000000"], "epoch_ms", ""),
        (["2025-03-03T09:00:00Z,2025-03-03T10:00:00.500Z"], "iso", ""),
        (["03/Mar/25 9:00 AM,03/Mar/25 10:00 AM"], "%d/%b/%y %I:%M %p", "the zone of its clock"),
        (["2025-03-03,2025-03-04"], "iso", "the zone of its clock"),
        (["3/25/2025 9:00 AM EST,3/25/2025 10:00 AM EDT"], "%m/%d/%Y %I:%M %p %Z", "what EDT, EST mean"),
        (['"Mar 5, 2025 at 9:05 AM","Mar 5, 2025 at 9:45 AM"'], "%b %d, %Y at %I:%M %p", "the zone of its clock"),
        (["25/03/2025 9h05,25/03/2025 17h30"], "%d/%m/%Y %Hh%M", "the zone of its clock"),
        (["25/03/2025 09:05 a. m.,25/03/2025 05:30 p.m."], "%d/%m/%Y %I:%M %p", "the zone of its clock"),
        (["Tue 25 Mar 2025 09:05,Wed 26 Mar 2025 09:05"], "%a %d %b %Y %H:%M", "the zone of its clock"),
    ],
)
def test_the_form_of_times_is_found(tmp_path: Path, rows: list[str], times: str, unsure: str) -> None:
    """What can be read in two ways is said."""
    path = written(tmp_path, "id,created,closed", *(f"{n},{row}" for n, row in enumerate(rows * 3)))
    found = look(path)
    assert found.mapping.times.format == times
    said = "; ".join(found.unsure)
    assert unsure in said
    assert unsure or said == ""


def test_values_that_say_nothing_are_empty(tmp_path: Path) -> None:
    path = written(tmp_path, "id,created,closed", "1,2025-03-03T09:00Z,N/A", "2,2025-03-03T09:00Z,2025-03-04T09:00Z")
    found = look(path)
    assert found.mapping.no_value == ["N/A"]
    assert [len(case.events) for case in found.read.cases] == [0, 2]


def test_what_is_known_in_the_end_is_no_field_of_the_opening(tmp_path: Path) -> None:
    """One row a ticket shows its last state and its rating; neither was known when it was opened."""
    header = "Ticket ID,Created,Resolved,Status,Priority,Satisfaction"
    rows = [
        f"{n},2025-03-0{n}T09:00Z,2025-03-0{n}T12:00Z,Solved,{'High' if n % 2 else 'Low'},good" for n in range(1, 9)
    ]
    found = look(written(tmp_path, header, *rows))
    assert list(found.mapping.fields) == ["priority"]
    assert "# - Status: the state in the end; the row does not say since when" in found.text
    assert "# - Satisfaction: may only be known later than the opening" in found.text


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "is empty"),
        (["id,created"], "has a header, but no row below it"),
        (["id,name", "1,x"], "no column holds times in one form"),
        (["who,created", "ann,2025-03-03T09:00Z"], "no column looks like the id of a case"),
        (
            ["id,created,subject", "1,2025-03-03T09:00Z,x", "2,2025-03-03T09:00Z,y"],
            "no column that says when a case was",
        ),
        (
            ["ticket,date", "1,2025-03-03T09:00Z", "1,2025-03-04T09:00Z"],
            "no column that looks like a state or an activ",
        ),
        (["Tickets of March", "id,created", "1,2025-03-03T09:00Z"], "if the header stands on line 2, take out what is"),
        (["id,created,x", "1,2025-03-03T09:00Z", "1,2025-03-03T09:00Z,y"], "2: the row has 2 cells, and the header 3"),
        (["id,created,x", "1,2025-03-03T09:00Z,y", "All rights reserved"], "3: what stands from here on is no row"),
        (['[{"id": 1}]'], "is JSON; save it as CSV or XES"),
    ],
)
def test_what_a_file_lacks_is_said(tmp_path: Path, rows: list[str], said: str) -> None:
    """A file that no mapping could read says why; so does the command, with exit code 2."""
    path = written(tmp_path, *rows)
    with pytest.raises(LogError, match=said):
        look(path)
    done = milepost("logs", "look", path)
    assert done.exit_code == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf_16_is_read_with_its_mark_or_without(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "id,created,closed", "1,2025-03-03T09:00Z,2025-03-03T10:00Z", encoding=encoding)
    assert [len(case.events) for case in look(path).read.cases] == [2]


def test_a_workbook_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.xlsx"
    path.write_bytes(b"PK\x03\x04rest")
    with pytest.raises(LogError, match="is a workbook or another archive; save it as CSV or XES"):
        look(path)


@pytest.mark.parametrize(
    ("name", "shape", "case_id", "what"),
    [
        ("zendesk.csv", "cases", "Ticket ID", ["First reply time (min)", "Ticket solved - Timestamp"]),
        ("jira.csv", "cases", "Issue key", ["Resolved"]),
        ("glpi.csv", "cases", "ID", ["Date de résolution", "Date de clôture"]),
        ("osticket.csv", "cases", "Ticket Number", ["Date Closed"]),
        ("german.csv", "cases", "Ticketnummer", ["Erste Reaktion", "Gelöst am", "Geschlossen am"]),
        ("epoch.csv", "cases", "issue", ["first_response_at", "closed_at"]),
        ("helpdesk.csv", "activities", "Case ID", ["Activity"]),
        ("metrics.tsv", "activities", "Number", ["Field value"]),
        ("incidents.xes", "xes", "case:concept:name", ["concept:name", "lifecycle:transition"]),
        ("us_helpdesk.csv", "cases", "Ticket ID", ["Initial response time", "Resolved time", "Closed time"]),
        ("vorgaenge.csv", "activities", "Vorgangsnr.", ["Status neu"]),
        ("epoch_millis.csv", "cases", "ticket_id", ["first_reply_at", "solved_at"]),
        ("timeline.csv", "activities", "issue", ["event"]),
        ("depot.xes", "xes", "case:concept:name", ["concept:name", "lifecycle:transition"]),
        ("two_coasts.txt", "cases", "Ref", ["Picked up", "Fixed", "Closed", "Reopened", "Fixed again"]),
        ("field_jobs.csv", "activities", "Nr", ["Action"]),
        ("changelog.csv", "states", "Issue key", []),
        ("audit.csv", "states", "number", []),
        ("history.tsv", "states", "Case Number", []),
    ],
)
def test_exports_of_other_systems_are_read_without_a_hand(name: str, shape: str, case_id: str, what: list[str]) -> None:
    """The right shape, id and events, whatever the delimiter, encoding, language and form of times."""
    found = look(LOOKED_AT / name)
    assert (found.mapping.shape, found.mapping.case_id) == (shape, case_id)
    assert (found.mapping.activity or [event.column for event in found.mapping.events]) == what


TOLD = {
    "us_helpdesk.csv": (
        "48213 01-17 01:22:00 New",
        ["01-17 01:31:00 In progress", "01-18 22:30:00 Resolved", "01-20 22:30:00 Closed"],
    ),
    "vorgaenge.csv": (
        "2026-0104 02-02 18:49:11 Neu",
        ["02-02 19:27:53 Rückfrage", "02-03 15:50:35 In Bearbeitung"],
    ),
    "changelog.csv": (
        "SUP-311 01-14 20:17:00 Open",
        [
            "01-14 21:36:00 In Progress",
            "01-14 23:09:00 Waiting for customer",
            "01-16 07:09:00 In Progress",
            "01-16 09:11:00 Resolved",
            "01-19 09:11:00 Closed",
        ],
    ),
    "epoch_millis.csv": ("990038 03-04 20:56:42 New", ["03-04 21:07:58 In progress", "03-05 00:13:23 Resolved"]),
    "audit.csv": (
        "INC0071232 01-19 21:47:23 New",
        ["01-20 07:07:16 In Progress", "01-20 14:53:39 Resolved", "01-20 16:07:26 Closed"],
    ),
    "timeline.csv": (
        "tinyfish/quay#85 02-11 03:07:00 opened",
        ["02-11 06:41:07 labeled", "02-11 19:48:14 commented", "02-12 07:03:21 assigned", "02-12 19:42:28 closed"],
    ),
    "history.tsv": (
        "00123402 04-14 21:45:00 New",
        ["04-15 00:36:00 Working", "04-15 06:50:00 Closed", "04-15 17:42:00 Working", "04-15 17:47:00 Closed"],
    ),
    "depot.xes": (
        "REQ 1/26 03-27 10:19:00 Register+complete",
        [
            "03-27 23:29:00 Diagnose+start",
            "03-28 04:28:00 Diagnose+complete",
            "03-28 13:49:00 Repair+start",
            "03-29 05:44:00 Repair+complete",
            "03-30 00:02:00 Confirm+complete",
        ],
    ),
    "two_coasts.txt": (
        "SEA-4 03-07 09:05:00 New",
        [
            "03-07 13:49:00 In progress",
            "03-07 14:19:00 Waiting",
            "03-07 17:08:00 In progress",
            "03-07 22:48:00 Resolved",
            "03-08 03:48:00 Reopened",
            "03-08 17:33:00 Resolved",
            "03-09 17:33:00 Closed",
        ],
    ),
    "field_jobs.csv": (
        "3 02-18 09:14:00 Call received",
        ["02-18 14:09:00 Technician sent", "02-18 17:08:00 Technician on site", "02-18 21:20:00 Job done"],
    ),
}
"""A case of each file, reckoned by hand from its rows: its id, opening and first state; each later state, in UTC."""


@pytest.mark.parametrize("name", TOLD)
def test_an_export_is_read_with_the_right_times(name: str) -> None:
    """By the proposed mapping alone, each state of a case begins at the instant that its rows show."""
    opening, states = TOLD[name]
    case = next(c for c in look(LOOKED_AT / name).read.cases if opening.startswith(f"{c.shown_id} "))
    assert f"{case.shown_id} {case.opened_at:%m-%d %H:%M:%S} {case.intake.fields['state']}" == opening
    changes = [event for event in case.events if not isinstance(event, CaseClosed) and "state" in event.fields]
    assert [f"{event.occurred_at:%m-%d %H:%M:%S} {event.fields['state']}" for event in changes] == states


def test_a_report_of_durations_is_led_to_times_step_by_step(tmp_path: Path) -> None:
    """A title, a line of totals and lengths in place of times are each named, with what to do about it."""
    title, *rows = (LOOKED_AT / "report.csv").read_text(encoding="cp1252").splitlines()
    steps = {
        (title, *rows): "report.csv:1: holds a title and no header; if the header stands on line 2, take out what is",
        tuple(rows): "'Received' is empty in line 14; if that is no case, such as a line of totals, take it out",
    }
    for lines, said in steps.items():
        with pytest.raises(LogError, match=re.escape(said)):
            look(written(tmp_path, *lines, name="report.csv", encoding="cp1252"))
    cases = (row for row in rows if not row.startswith("Total"))
    found = look(written(tmp_path, *cases, name="report.csv", encoding="cp1252"))
    first = found.read.cases[0]
    assert [f"{first.opened_at:%d %H:%M}", *(f"{event.occurred_at:%d %H:%M}" for event in first.events)] == [
        "17 11:16",
        "17 14:34",
        "19 05:38",
    ]
    assert "counted round the clock" in "; ".join(found.unsure)


def test_a_footer_of_an_export_is_named() -> None:
    with pytest.raises(LogError, match=r"salesforce\.csv:7: what stands from here on is no row of the log"):
        look(LOOKED_AT / "salesforce.csv")


def test_a_choice_between_two_ids_is_said(tmp_path: Path) -> None:
    """The id of the row beside that of the case."""
    rows = [f"{n},C{n // 2},2025-03-0{n}T09:00Z,step {n % 2}" for n in range(2, 8)]
    found = look(written(tmp_path, "event_id,case_id,at,activity", *rows))
    assert found.mapping.case_id == "case_id"
    assert "which column is the id of a case: 'case_id' is taken, and not event_id" in found.unsure


def test_a_doubled_id_is_named_and_no_history_is_proposed(tmp_path: Path) -> None:
    """One row a case, but for a slip: it is not taken for rows of states."""
    rows = [f"{number},2025-06-09T09:0{number}Z,2025-06-09T1{number}:00Z,solved" for number in (1, 2, 3, 4, 3)]
    path = written(tmp_path, "ticket_id,created_at,resolved_at,status", *rows)
    done = milepost("logs", "look", path)
    assert done.exit_code == 2
    assert "no case has more than one row but case 3 on lines 4 and 6; leave one of these rows" in done.stderr

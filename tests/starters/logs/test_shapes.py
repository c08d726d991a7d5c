"""The shapes of logs: one row a case; case, activity and time; XES; and that the same cases give the same numbers."""

from collections import Counter
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from domain.reports.grouping import grouping
from domain.timeline.events import CaseReopened, FieldsChanged
from starters.backtest.report import Report, report
from starters.backtest.running import backtest, process_named, trial
from starters.logs.doubled import doubled, doubled_text
from starters.logs.events import EventLog, LogError, LoggedCase, read_log
from starters.logs.mapping import LogMapping, load_mapping
from tests.starters.backtests import PRIORITIES
from tests.starters.incidents import FULL_LOG, ROOT, SAMPLE, catalog, log
from tests.starters.logs.log_shapes import SHAPES

SAMPLES = ROOT / "starters/sample_logs"

TICKETS: dict[str, Any] = {
    "shape": "cases",
    "case_id": "id",
    "opened_at": "opened",
    "state": {"opened": "New", "closed": ["Closed"]},
    "fields": {"priority": {"column": "priority"}, "replied": {"type": "boolean", "initial": False}},
    "events": [
        {"at": "replied", "state": "Active", "set": {"replied": True}},
        {"at": "raised", "read": {"priority": "raised to"}},
        {"at": "closed", "state": "Closed"},
        {"at": "reopened", "state": "Active", "reopens": True},
    ],
    "waits": [
        {"since": "w1", "until": "w2", "state": "Waiting"},
        {"since": "v1", "until": "v2", "state": "Vendor"},
    ],
}
TICKET_COLUMNS = "id,opened,priority,replied,raised,raised to,closed,reopened,w1,w2,v1,v2"

STEPS: dict[str, Any] = {
    "shape": "activities",
    "case_id": "case",
    "activity": "what",
    "occurred_at": "when",
    "state": {"closed": ["close"]},
}


def ticket(tmp_path: Path, using: dict[str, Any] = TICKETS, /, **cells: str) -> tuple[LoggedCase, EventLog]:
    """One ticket, opened at 09:00, with what its columns hold: hours of one day."""
    names = TICKET_COLUMNS.split(",")
    given = {"id": "A", "opened": "09:00", "priority": "Low"} | {name.replace("_", " "): v for name, v in cells.items()}
    row = [f"2025-06-09T{given[n]}Z" if ":" in given.get(n, "") else given.get(n, "") for n in names]
    path = tmp_path / "tickets.csv"
    path.write_text(f"{TICKET_COLUMNS}\n{','.join(row)}\n")
    found = read_log(path, LogMapping.model_validate(using))
    return found.cases[0], found


def told(case: LoggedCase) -> list[tuple[str, Any]]:
    """What happened to a case: the time with the values of its fields, or the kind of event."""
    return [
        (f"{e.occurred_at:%H:%M}", e.fields if isinstance(e, FieldsChanged) else type(e).__name__) for e in case.events
    ]


def activities(tmp_path: Path, *rows: str, header: str = "case,what,when,prio", **changes: Any) -> EventLog:
    path = tmp_path / "steps.csv"
    path.write_text("\n".join([header, *rows, ""]))
    return read_log(path, LogMapping.model_validate({**STEPS, **changes}))


# --- one row a case ---------------------------------------------------------------------------------------------------


def test_each_event_of_a_row_happens_at_its_own_time(tmp_path: Path) -> None:
    """What an event sets or reads the case has from then on, and not from the opening."""
    case, found = ticket(tmp_path, replied="10:00", raised="11:00", raised_to="High", closed="15:00")
    assert case.intake.fields == {"state": "New", "priority": "Low", "replied": False}
    assert told(case) == [
        ("10:00", {"state": "Active", "replied": True}),
        ("11:00", {"priority": "High"}),
        ("15:00", {"state": "Closed"}),
        ("15:00", "CaseClosed"),
    ]
    assert found.oddities == ()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (
            {"replied": "10:00", "w1": "11:00", "w2": "12:00"},
            [("10:00", "Active"), ("11:00", "Waiting"), ("12:00", "Active")],
        ),
        ({"w1": "11:00", "w2": "12:00"}, [("11:00", "Waiting"), ("12:00", "New")]),
        ({"w1": "11:00"}, [("11:00", "Waiting")]),
        ({"w1": "11:00", "replied": "11:30", "w2": "12:00"}, [("11:00", "Waiting"), ("11:30", "Active")]),
        (
            {"w1": "11:00", "w2": "12:00", "closed": "12:00"},
            [("11:00", "Waiting"), ("12:00", "Closed")],
        ),
        (
            {"w1": "10:00", "w2": "11:00", "v1": "11:00", "v2": "12:00"},
            [("10:00", "Waiting"), ("11:00", "Vendor"), ("12:00", "New")],
        ),
        ({"w1": "10:00", "w2": "10:00"}, []),
        (
            {"w1": "10:00", "w2": "12:00", "v1": "11:00", "v2": "13:00"},
            [("10:00", "Waiting"), ("11:00", "Vendor"), ("13:00", "New")],
        ),
        (
            {"v1": "10:00", "v2": "12:00", "w1": "11:00", "w2": "13:00"},
            [("10:00", "Vendor"), ("11:00", "Waiting"), ("13:00", "New")],
        ),
        (
            {"w1": "10:00", "w2": "13:00", "v1": "11:00", "v2": "12:00"},
            [("10:00", "Waiting"), ("11:00", "Vendor"), ("12:00", "Waiting"), ("13:00", "New")],
        ),
        (
            {"w1": "10:00", "replied": "10:30", "w2": "12:00", "v1": "11:00", "v2": "13:00"},
            [("10:00", "Waiting"), ("10:30", "Active"), ("11:00", "Vendor"), ("13:00", "Active")],
        ),
        (
            {"w1": "10:00", "w2": "12:00", "v1": "11:00", "v2": "13:00", "replied": "12:30"},
            [("10:00", "Waiting"), ("11:00", "Vendor"), ("12:30", "Active")],
        ),
        (
            {"w1": "10:00", "v1": "11:00", "v2": "12:00"},
            [("10:00", "Waiting"), ("11:00", "Vendor"), ("12:00", "Waiting")],
        ),
    ],
)
def test_after_a_wait_a_case_is_what_it_was(tmp_path: Path, cells: dict[str, str], expected: list[Any]) -> None:
    """Unless something else came; a wait that ends as another thing begins goes over into that, nothing between."""
    case, _ = ticket(tmp_path, **cells)
    states = [(at, fields["state"]) for at, fields in told(case) if isinstance(fields, dict)]
    assert states == expected


@pytest.mark.parametrize("first", ["w", "v"])
def test_waits_of_one_state_that_overlap_are_one(tmp_path: Path, first: str) -> None:
    """What holds the same keeps it until the last of them ends, and what was before the first comes back."""
    waits = [{**wait, "state": "Waiting"} for wait in TICKETS["waits"]]
    second = "v" if first == "w" else "w"
    hours = {f"{first}1": "10:00", f"{first}2": "12:00", f"{second}1": "11:00", f"{second}2": "13:00"}
    case, _ = ticket(tmp_path, {**TICKETS, "waits": waits}, **hours)
    assert told(case) == [("10:00", {"state": "Waiting"}), ("13:00", {"state": "New"})]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ({"replied": "08:00", "closed": "15:00"}, "before opening"),
        ({"replied": "16:00", "closed": "15:00"}, "after closing"),
        ({"w1": "12:00", "w2": "11:00", "closed": "15:00"}, "no wait"),
        ({"w2": "11:00", "closed": "15:00"}, "no wait"),
        ({"replied": "10:00"}, "never closed"),
    ],
)
def test_what_is_strange_in_a_ticket_is_told(tmp_path: Path, cells: dict[str, str], kind: str) -> None:
    _, found = ticket(tmp_path, **cells)
    assert [oddity.kind for oddity in found.oddities] == [kind]


def test_an_event_that_says_so_reopens_a_ticket(tmp_path: Path) -> None:
    case, _ = ticket(tmp_path, closed="15:00", reopened="16:00")
    reopened = case.events[-1]
    assert isinstance(reopened, CaseReopened)
    assert (reopened.fields, f"{reopened.occurred_at:%H:%M}") == ({"state": "Active"}, "16:00")


def test_a_second_row_of_a_ticket_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tickets.csv"
    row = "A,2025-06-09T09:00Z,Low,,,,,,,,,"
    path.write_text(f"{TICKET_COLUMNS}\n{row}\n{row}\n")
    with pytest.raises(LogError, match="3: case A has a row on line 2 already; in a log with several rows a case"):
        read_log(path, LogMapping.model_validate(TICKETS))


def test_one_row_a_ticket_is_no_history(tmp_path: Path) -> None:
    """Read as a history everything would count from the opening; the shape that it has is named, with its events."""
    path = tmp_path / "log.csv"
    path.write_text(
        "ticket_id,created_at,first_response_at,status\n"
        "1,2025-06-09T09:00Z,2025-06-09T10:00Z,solved\n2,2025-06-09T09:00Z,,open\n"
    )
    mapping = {
        "case_id": "ticket_id",
        "opened_at": "created_at",
        "occurred_at": "created_at",
        "state": {"column": "status", "opened": "new"},
        "fields": {"responded": {"column": "first_response_at"}},
    }
    said = r"every case has one row.*shape: cases, and events: for first_response_at\. `milepost logs look"
    with pytest.raises(LogError, match=said):
        read_log(path, LogMapping.model_validate(mapping))


WITH_A_DOUBLE = """ticket_id,created_at,resolved_at,status
A/1,2025-06-09T09:00Z,2025-06-09T10:00Z,solved
2,2025-06-09T09:00Z,2025-06-09T11:00Z,solved
3,2025-06-09T09:30Z,,new
A/1,2025-06-09T09:00Z,2025-06-09T12:00Z,solved
"""
AS_STATES = {"case_id": "ticket_id", "occurred_at": "created_at"}


@pytest.mark.parametrize(
    ("mapping", "third"),
    [
        ({"state": {"column": "status", "opened": "new"}, "opened_at": "created_at"}, "new"),
        ({"state": {"column": "status"}}, "new"),
        ({"state": {"column": "status", "closed": ["solved"]}}, "solved"),
    ],
)
def test_a_doubled_id_makes_no_history(tmp_path: Path, mapping: dict[str, Any], third: str) -> None:
    """One row a case, but for one id that stands twice: it is named with its lines, and the log is not read."""
    path = tmp_path / "log.csv"
    path.write_text(WITH_A_DOUBLE)
    said = (
        r"no case has more than one row but case A/1 on lines 2 and 5 \(leave one of these\), so the log is no history"
    )
    with pytest.raises(LogError, match=said):
        read_log(path, LogMapping.model_validate(AS_STATES | mapping))


def test_cases_that_were_just_opened_have_one_row_in_a_history(tmp_path: Path) -> None:
    """Then one case with two rows is no slip; nor are many."""
    path = tmp_path / "log.csv"
    path.write_text(WITH_A_DOUBLE.replace(",solved", ",new", 2).replace("3,", "2,"))
    state = {"column": "status", "opened": "new"}
    mapping = LogMapping.model_validate({**AS_STATES, "opened_at": "created_at", "state": state})
    assert len(read_log(path, mapping).cases) == 2
    path.write_text(WITH_A_DOUBLE.replace(",solved", ",new", 2))
    assert len(read_log(path, mapping).cases) == 3


def test_ids_that_stand_twice_are_few() -> None:
    """One of three cases, and of many one in twenty; five are named."""
    assert doubled({"a": [2, 3], "b": [4], "c": [5]}) == ["a"]
    assert doubled({"a": [2, 3], "b": [4]}) == []
    many = {str(number): [number] for number in range(100)}
    twice = {f"d{number}": [number, number + 1] for number in range(6)}
    assert doubled({**many, **twice, "more": [1, 2]}) == []
    assert doubled(many | {name: twice[name] for name in ("d0", "d1")}) == ["d0", "d1"]
    assert doubled_text(list(twice), twice).endswith("case d4 on lines 4 and 5, and 1 more")
    assert doubled_text(["a"], {"a": [2, 3, 9]}) == "case a on lines 2, 3 and 9"


# --- case, activity, time ---------------------------------------------------------------------------------------------


def test_the_first_row_opens_a_case_and_each_activity_is_its_state(tmp_path: Path) -> None:
    """Rows may lie anywhere; a column that a row leaves empty keeps its value."""
    found = activities(
        tmp_path,
        "A,work,2025-06-09T10:00Z,",
        "A,register,2025-06-09T09:00Z,low",
        "B/1,register,2025-06-09T09:30Z,",
        "A,close,2025-06-09T11:00Z,high",
        fields={"priority": {"column": "prio"}},
    )
    first, second = found.cases
    assert first.intake.fields == {"state": "register", "priority": "low"}
    assert (first.opened_at, first.external_id) == (datetime(2025, 6, 9, 9, tzinfo=UTC), None)
    assert told(first) == [
        ("10:00", {"state": "work"}),
        ("11:00", {"state": "close", "priority": "high"}),
        ("11:00", "CaseClosed"),
    ]
    assert (second.case_id, second.external_id, second.shown_id) == ("B~2F1", "B/1", "B/1")
    assert [(o.kind.value, o.case_id) for o in found.oddities] == [("never closed", "B/1")]


def test_a_mapping_says_what_activities_do(tmp_path: Path) -> None:
    """A state, values of fields, or nothing; one that is not listed changes nothing, and is reported."""
    found = activities(
        tmp_path,
        "A,register,2025-06-09T09:00Z,",
        "A,mail sent,2025-06-09T10:00Z,",
        "A,solve,2025-06-09T11:00Z,",
        "A,phone call,2025-06-09T12:00Z,",
        fields={"solved": {"type": "boolean", "initial": False}},
        state={"opened": "New", "closed": ["Closed"]},
        activities={"register": None, "mail sent": "Active", "solve": {"state": "Closed", "set": {"solved": True}}},
    )
    assert told(found.cases[0]) == [
        ("10:00", {"state": "Active"}),
        ("11:00", {"state": "Closed", "solved": True}),
        ("11:00", "CaseClosed"),
    ]
    assert [oddity.kind for oddity in found.oddities] == ["unknown activity", "after closing"]


def test_several_columns_make_one_activity(tmp_path: Path) -> None:
    found = activities(
        tmp_path,
        "A,Accepted,2025-06-09T09:00Z,start",
        "A,Accepted,2025-06-09T10:00Z,complete",
        activity=["what", "prio"],
    )
    assert told(found.cases[0]) == [("10:00", {"state": "Accepted+complete"})]


def test_activities_of_one_instant_that_bring_different_states_are_told(tmp_path: Path) -> None:
    """As of a row for each state: nothing but their order in the file says which was last."""
    found = activities(
        tmp_path,
        "A,work,2025-06-09T09:00Z,",
        "A,note,2025-06-09T10:00Z,",
        "A,solve,2025-06-09T10:00Z,",
        "A,mail,2025-06-09T10:00Z,",
        "A,close,2025-06-09T10:00Z,",
        state={"opened": "New", "closed": ["Closed"]},
        activities={"work": "Active", "note": None, "mail": None, "solve": "Resolved", "close": "Closed"},
    )
    assert [(oddity.kind.value, oddity.line, oddity.text) for oddity in found.oddities] == [
        ("states at once", 6, "'Resolved' and 'Closed' both begin at 2025-06-09T10:00:00Z; taken in this order"),
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"shape": "cases"}, "occurred_at is a key of the shape states or activities or xes; this one is cases"),
        ({"activity": []}, "activity is missing; every log mapping of the shape activities has one"),
        ({"state": {"column": "what"}}, "state.column is of the shape states"),
        ({"activities": {"close": {"set": {"x": 1}}}}, "unknown field 'x'"),
        ({"shape": "stats"}, "'states', 'cases', 'activities' or 'xes'"),
        ({"events": [{"at": "when", "state": "x"}]}, "events is a key of the shape cases; this one is activities"),
    ],
)
def test_a_mapping_holds_what_its_shape_has(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        LogMapping.model_validate({**STEPS, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"events": []}, "events is missing"),
        ({"state": {"closed": ["Closed"]}}, "state.opened is missing: the state in which a case is opened, before its"),
        ({"events": [{"at": "x"}]}, "an event does something to its case: give state, set or read"),
        ({"events": [{"at": "x", "read": {"y": "z"}}]}, "an event reads the field 'y', which is not declared"),
        ({"waits": [{"since": "a", "until": "b"}]}, "a wait is a state of its case, or a value of a field"),
        ({"fields": {"x": {"column": "x", "initial": 1}}}, "give either column or initial"),
        ({"fields": {"x": {"type": "boolean", "initial": "no"}}}, "case.x is declared as boolean"),
    ],
)
def test_what_an_event_does_is_checked(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        LogMapping.model_validate({**TICKETS, **changes})


# --- ids and delimiters -----------------------------------------------------------------------------------------------


def test_ids_are_any_text_and_stay_apart(tmp_path: Path) -> None:
    """An id is kept as the log has it beside the one that is made of it; two that come to one are refused."""
    found = activities(
        tmp_path, *(f"{name},x,2025-06-09T09:00Z," for name in ("Case 1", "INC/2024/001", "#4711", "ok"))
    )
    assert [(case.case_id, case.external_id) for case in found.cases] == [
        ("Case~201", "Case 1"),
        ("INC~2F2024~2F001", "INC/2024/001"),
        ("~234711", "#4711"),
        ("ok", None),
    ]
    with pytest.raises(LogError, match="'Case~201' and 'Case 1' come to one id of a case, Case~201; rename one"):
        activities(tmp_path, "Case 1,x,2025-06-09T09:00Z,", "Case~201,x,2025-06-09T09:00Z,")


@pytest.mark.parametrize(("sign", "shown"), [(";", ";"), ("\t", r"\t"), ("|", "|")])
def test_another_delimiter_is_named_once(tmp_path: Path, sign: str, shown: str) -> None:
    path = tmp_path / "steps.csv"
    path.write_text(f"case{sign}what{sign}when\nA{sign}x{sign}2025-06-09T09:00Z\n")
    with pytest.raises(LogError) as error:
        read_log(path, LogMapping.model_validate(STEPS))
    (problem,) = error.value.problems
    assert problem.endswith(f'say so in the mapping: delimiter: "{shown}"')
    assert len(read_log(path, LogMapping.model_validate({**STEPS, "delimiter": sign})).cases) == 1


# --- the same cases, the same numbers ---------------------------------------------------------------------------------

LOGS = [
    SAMPLE,
    pytest.param(
        Path(FULL_LOG or "nowhere"),
        marks=pytest.mark.skipif(FULL_LOG is None, reason="MILEPOST_FULL_LOG names no file with all 890 incidents"),
        id="the whole log",
    ),
]


def reported(found: EventLog, process: str) -> dict[str, Any]:
    tried = trial(catalog(), found.cases, process_named(catalog(), process), account="workplace-it")
    by = grouping("priority", catalog().fields, UTC, PRIORITIES)
    return report(backtest(found.cases, tried, by=by, state="state")).model_dump(exclude={"events"})


@cache
def expected(path: Path, process: str) -> dict[str, Any]:
    return reported(log(path), process)


@pytest.mark.parametrize("path", LOGS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("process", ["Incident", "Incident premium"])
def test_incidents_in_another_shape_give_the_same_numbers(tmp_path: Path, path: Path, shape: str, process: str) -> None:
    """Every figure of the report: outcomes, margins, overruns, pauses by state, trend, triggers and actions."""
    other = tmp_path / f"incidents.{shape}"
    mapping = SHAPES[shape](log(path), other)
    found = read_log(other, mapping)
    assert mapping.shape == shape
    assert [case.case_id for case in found.cases] == [case.case_id for case in log(path).cases]
    assert reported(found, process) == expected(path, process)


# --- the samples that ship --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cases", "kinds"),
    [
        ("tickets.csv", 40, {"never closed": 18}),
        ("requests.xes", 20, {"never closed": 3}),
    ],
)
def test_the_samples_are_read_by_their_mappings(name: str, cases: int, kinds: dict[str, int]) -> None:
    path = SAMPLES / name
    found = read_log(path, load_mapping(path.with_suffix(".mapping.yaml")))
    assert len(found.cases) == cases
    assert Counter(oddity.kind.value for oddity in found.oddities) == kinds
    assert any(isinstance(event, CaseReopened) for case in found.cases for event in case.events)


def test_reports_have_a_place_for_every_figure() -> None:
    """`events` is the one that another shape may have otherwise: what happens in one minute may be one event or two."""
    assert set(expected(SAMPLE, "Incident")) == set(Report.model_fields) - {"events"}

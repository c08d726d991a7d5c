"""What `milepost logs look` makes of files as programs write them: XES, columns without names, signs nobody sees."""

from pathlib import Path

import pytest

from starters.logs.events import LogError
from tests.starters.cli.test_logs_look_columns import said, seen


@pytest.mark.parametrize("header", [",Ticket,Created,Closed,", " ,Ticket,Created,Closed,,"])
def test_columns_without_a_name_are_not_read(tmp_path: Path, header: str) -> None:
    """An index that a program has written before them, which is said, and delimiters at the end of each row."""
    end = "," * (header.count(",") - 3)
    rows = [f"{n},T{n},2025-03-0{n}T09:00Z,2025-03-0{n}T10:00Z{end}" for n in range(1, 4)]
    found = seen(tmp_path, header, *rows)
    assert (found.mapping.case_id, list(found.mapping.fields)) == ("Ticket", [])
    assert "a column without a name can't be named in a mapping, and is not read" in said(found)
    unfilled = seen(tmp_path, header[header.index("Ticket") :], *(row.partition(",")[2] for row in rows))
    assert "without a name" not in said(unfilled)


def test_what_happened_in_xes_is_the_name_of_the_event(tmp_path: Path) -> None:
    """By the standard, whatever else is named like an activity, and however many there are."""
    event = (
        '<event><string key="action" value="{}"/><string key="concept:name" value="step {}"/>'
        '<date key="time:timestamp" value="2025-03-01T{:02}:{:02}:00Z"/></event>'
    )
    events = "".join(event.format("ab"[n % 2], n, n // 60, n % 60) for n in range(80))
    found = seen(tmp_path, f'<log><trace><string key="concept:name" value="A"/>{events}</trace></log>', name="log.xes")
    assert found.mapping.activity == ["concept:name"]


def test_an_xes_file_without_events_says_so(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="has no trace with an event"):
        seen(tmp_path, '<log><trace><string key="concept:name" value="A"/></trace></log>', name="log.xes")


@pytest.mark.parametrize(
    "name", ["Closed\u2028at", "Closed\x85at", "Closed\x7fat \U0001f469\u200d\U0001f4bb", "Closed\xa0at"]
)
def test_signs_that_nobody_sees_are_written_as_yaml_reads_them(tmp_path: Path, name: str) -> None:
    rows = [f"T{n},2025-03-0{n}T09:00Z,2025-03-0{n}T10:00Z" for n in (1, 2)]
    found = seen(tmp_path, f"Ticket,Created,{name}", *rows)
    assert [event.at for event in found.mapping.events] == [name]

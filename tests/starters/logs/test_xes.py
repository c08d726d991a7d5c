"""XES files: what of them counts, and that nothing unsafe of them is read."""

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.timeline.events import FieldsChanged
from starters.logs.events import EventLog, LogError, LoggedCase, read_log
from starters.logs.mapping import LogMapping


def told(case: LoggedCase) -> list[tuple[str, Any]]:
    """What happened to a case: the time with the values of its fields, or the kind of event."""
    return [
        (f"{e.occurred_at:%H:%M}", e.fields if isinstance(e, FieldsChanged) else type(e).__name__) for e in case.events
    ]


XES = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
  <global scope="event"><string key="concept:name" value="none"/></global>
  <string key="concept:name" value="a log"/>
  <trace>
    <string key="concept:name" value="Case 7"/>
    <list key="parts"><values><string key="concept:name" value="inner"/></values></list>
    <event>
      <string key="concept:name" value="register"><string key="concept:name" value="nested"/></string>
      <date key="time:timestamp" value="2025-06-09T09:00:00.000+02:00"/>
    </event>
    <event>
      <string key="concept:name" value="close"/>
      <date key="time:timestamp" value="2025-06-09T10:00:00+02:00"/>
    </event>
  </trace>
</log>
"""


def xes(tmp_path: Path, text: str, **changes: Any) -> EventLog:
    path = tmp_path / "log.xes"
    path.write_text(text, encoding="utf-8")
    return read_log(path, LogMapping.model_validate({"shape": "xes", "state": {"closed": ["close"]}, **changes}))


def test_an_xes_file_needs_no_columns(tmp_path: Path) -> None:
    """Attributes of the trace and the event count; those of attributes, of lists and of the log do not."""
    (case,) = xes(tmp_path, XES).cases
    assert (case.case_id, case.external_id) == ("Case~207", "Case 7")
    assert case.opened_at == datetime(2025, 6, 9, 7, tzinfo=UTC)
    assert told(case) == [("08:00", {"state": "close"}), ("08:00", "CaseClosed")]


def test_a_compressed_xes_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.xes.gz"
    path.write_bytes(gzip.compress(XES.encode()))
    assert read_log(path, LogMapping.model_validate({"shape": "xes"})).rows == 2
    path.write_bytes(gzip.compress(XES.encode())[:-20])
    with pytest.raises(LogError, match="the compressed file is broken"):
        read_log(path, LogMapping.model_validate({"shape": "xes"}))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("<log ", '<!DOCTYPE log [<!ENTITY a "b">]><log ', "2: declares a document type or an entity"),
        ("<log ", '<!DOCTYPE log SYSTEM "file:///etc/hostname"><log ', "2: declares a document type"),
        ("<log ", "<html><log ", "2: is XML, but no XES: it begins with <html>"),
        ("</trace>", "</tarce>", "16: the XML is broken: mismatched tag"),
        ('value="close"', 'value="&close;"', "the XML is broken: undefined entity"),
        ('"2025-06-09T10:00:00+02:00"', '"noon"', "12: column 'time:timestamp': 'noon' is no time of ISO 8601"),
        ('<date key="time:timestamp" value="2025-06-09T10:00:00+02:00"/>', "", "has no value, and every row needs one"),
    ],
)
def test_what_is_no_safe_xes_is_refused_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    """No document type and no entity is read: a few lines of them can fill a machine's memory."""
    with pytest.raises(LogError, match=said):
        xes(tmp_path, XES.replace(old, new, 1))


def test_an_xes_file_without_events_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"log\.xes: has no trace with an event"):
        xes(tmp_path, "<log/>")


TRACE = (
    '<trace><string key="concept:name" value="{}"/><event><string key="concept:name" value="register"/>'
    '<date key="time:timestamp" value="2025-06-09T{}:00:00Z"/></event></trace>'
)


def test_a_trace_without_events_and_two_of_one_name_are_told(tmp_path: Path) -> None:
    """Neither vanishes without a word: the one is no case, the others are one; told of a file in one line, too."""
    empty = '<trace><string key="concept:name" value="Case 9"/></trace>'
    found = xes(tmp_path, f"<log>{TRACE.format('Case 7', 10)}\n{empty}\n{TRACE.format('Case 7', 11)}</log>")
    assert [case.shown_id for case in found.cases] == ["Case 7"]
    oddities = [(o.kind.value, o.case_id, o.line) for o in found.oddities if o.kind.value != "never closed"]
    assert oddities == [("empty trace", "Case 9", 2), ("second trace", "Case 7", 3)]
    in_one_line = xes(tmp_path, f"<log>{TRACE.format('B', 10)}{TRACE.format('B', 11)}</log>")
    assert "second trace" in [oddity.kind.value for oddity in in_one_line.oddities]


def test_an_event_outside_every_trace_is_refused(tmp_path: Path) -> None:
    """Nobody knows whose it is, and a log is taken whole or not at all."""
    event = '<event><string key="concept:name" value="close"/></event>'
    with pytest.raises(LogError, match=r"log\.xes:2: the event stands in no trace, so that nobody knows whose it is"):
        xes(tmp_path, f"<log>{TRACE.format('A', 10)}\n{event}</log>")


def test_an_attribute_that_nothing_has_is_refused(tmp_path: Path) -> None:
    """As a column that a CSV file does not have; one that some events have is empty in the others."""
    text = XES.replace("<event>", '<event><string key="org:group" value="desk"/>', 1)
    said = "no event or trace has the attribute 'org:gruop'; did you mean 'org:group'"
    with pytest.raises(LogError, match=said):
        xes(tmp_path, text, fields={"group": {"column": "org:gruop"}})
    (case,) = xes(tmp_path, text, fields={"group": {"column": "org:group"}}).cases
    assert case.intake.fields["group"] == "desk"


@pytest.mark.parametrize("encoding", ["gbk", "no-such-encoding"])
def test_an_encoding_that_the_parser_lacks_is_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(LogError, match=r"log\.xes:1: its encoding can't be read \(.+\); save it as UTF-8"):
        xes(tmp_path, XES.replace("UTF-8", encoding))


def test_a_damaged_compressed_file_is_refused(tmp_path: Path) -> None:
    """Wherever a byte is wrong; and so is one that holds something else."""
    path, mapping = tmp_path / "log.xes.gz", LogMapping.model_validate({"shape": "xes"})
    whole = gzip.compress(XES.encode(), mtime=0)
    for place in range(10, len(whole) - 8):
        path.write_bytes(bytes([*whole[:place], whole[place] ^ 0xFF, *whole[place + 1 :]]))
        with pytest.raises(LogError, match=r"log\.xes\.gz"):
            read_log(path, mapping)
    path.write_bytes(gzip.compress(b"case,activity,time\n"))
    with pytest.raises(LogError, match="is a compressed file that holds no XES; unpack it"):
        read_log(path, mapping)

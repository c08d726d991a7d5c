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

"""What is too large for a case, or can't be stored, is refused with its line, before anything is made of it."""

from pathlib import Path
from typing import Any

import pytest

from starters.logs.events import EventLog, LogError, read_log
from starters.logs.mapping import LogMapping

MAPPING: dict[str, Any] = {"shape": "activities", "case_id": "case", "activity": "what", "occurred_at": "when"}


def read(tmp_path: Path, row: str, **changes: Any) -> EventLog:
    path = tmp_path / "log.csv"
    path.write_text(f"case,what,when,who\n{row}\n")
    return read_log(path, LogMapping.model_validate({**MAPPING, **changes}))


@pytest.mark.parametrize("name", ["x" * 1001, "A\0B"])
def test_an_id_that_no_case_can_have_is_refused(tmp_path: Path, name: str) -> None:
    """With its line and column; one of 300 letters is an id."""
    said = r"log\.csv:2: column 'case': (String should have at most 1000|the text holds a NUL)"
    with pytest.raises(LogError, match=said):
        read(tmp_path, f"{name},x,2025-06-09T09:00Z,")
    (found,) = read(tmp_path, f"{'x/' * 150},x,2025-06-09T09:00Z,").cases
    assert found.external_id == "x/" * 150


def test_a_name_that_no_event_can_have_is_refused(tmp_path: Path) -> None:
    """Who did it has a bound, wherever it is told."""
    with pytest.raises(LogError, match=r"log\.csv:2: column 'who': at most 1024 bytes, not 2000"):
        read(tmp_path, f"A,x,2025-06-09T09:00Z,{'y' * 2000}", by="who")

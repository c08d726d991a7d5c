"""An event log as an intake: read by its mapping, its rows become cases and what happened to them.

- A case is opened with what the log says of its opening, in the mapping's opening state.
- What comes from before the opening counts at it, and is reported.
- A closed state closes the case; another one after that reopens it. A second closed one changes nothing, and is
  reported.
- A log is taken whole or not at all: a row that can't be read refuses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from starters.logs.activities import activity_cases
from starters.logs.mapping import LogError, LogMapping
from starters.logs.oddities import Oddity, OddityKind
from starters.logs.reading import Reading
from starters.logs.states import state_cases
from starters.logs.stories import LoggedCase
from starters.logs.tickets import ticket_cases

__all__ = ["EventLog", "LogError", "LoggedCase", "Oddity", "OddityKind", "read_log"]


@dataclass(frozen=True, slots=True)
class EventLog:
    """A log that was read.

    Attributes:
        cases: in the order in which they first appear.
        rows: how many rows they had.
        oddities: what was strange and read all the same.
    """

    cases: tuple[LoggedCase, ...]
    rows: int
    oddities: tuple[Oddity, ...]


def read_log(path: Path, mapping: LogMapping) -> EventLog:
    """Read a log.

    Raises:
        LogError: it can't be read, or not every row of it; with each line and column and what would be right.
    """
    reading = Reading(path, mapping)
    cases = _cases(reading)
    if reading.problems:
        raise LogError(reading.problems)
    if reading.count == 0:
        empty = (
            f"{path}: has no trace with an event"
            if mapping.shape == "xes"
            else f"{path}:2: has a header, but no row below it"
        )
        raise LogError([empty])
    return EventLog(cases=tuple(cases), rows=reading.count, oddities=tuple(reading.oddities))


def _cases(reading: Reading) -> list[LoggedCase]:
    match reading.mapping.shape:
        case "states":
            return state_cases(reading)
        case "cases":
            return ticket_cases(reading)
        case "activities" | "xes":
            return activity_cases(reading)
        case _:
            assert_never(reading.mapping.shape)

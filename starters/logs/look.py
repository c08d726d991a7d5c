"""A look at a file: a mapping that reads it, with what is unsure about it, or why there is none.

What a file does not say nobody can know: the zone of its clock, whether 03/04 is in March, what was known when. Such
guesses are said beside the mapping, and the mapping is tried on the file before it is proposed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from starters.logs.clocks import join_clocks
from starters.logs.drafts import draft_of
from starters.logs.events import EventLog, read_log
from starters.logs.mapping import LogMapping, parsed_mapping
from starters.logs.merged import unmerge
from starters.logs.profiles import profiles, sheet_of
from starters.logs.proposal import written


@dataclass(frozen=True, slots=True)
class Look:
    """A proposal that reads its file.

    Attributes:
        text: the mapping, as YAML, with what is unsure as comments.
        read: the log as the mapping reads it.
    """

    text: str
    mapping: LogMapping
    read: EventLog
    unsure: tuple[str, ...]


def look(path: Path) -> Look:
    """Propose a mapping for a file.

    Raises:
        LogError: there is none; with what keeps the file from being read, or what it lacks.
    """
    sheet = sheet_of(path)
    unmerge(sheet)
    join_clocks(sheet)
    draft = draft_of(sheet, profiles(sheet))
    draft.unsure[:0] = sheet.unsure
    text = written(path.name, draft)
    mapping = parsed_mapping(text, path.with_suffix(".mapping.yaml"))
    return Look(text, mapping, read_log(path, mapping), tuple(draft.unsure))

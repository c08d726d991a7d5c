"""Why a file has no column of times: the nearest that it has, and what keeps that one from being read."""

from __future__ import annotations

import re

from starters.logs.forms import formats_of, reads
from starters.logs.profiles import Profile, Sheet
from starters.logs.roles import Role, is_a_length, is_for, role_of_time
from starters.logs.zone_words import LIKELY, zone_words

_TRIED = 5
"""Cells of a column from which the form of its times is guessed."""

_MOST_NAMED = 3
_SERIAL = re.compile(r"[2-7][0-9]{4}([.,][0-9]+)?")
"""A day as spreadsheets count it, in the years 1954 to 2118, with its time of day as a fraction."""
_LIKE_A_TIME = re.compile(r"\d.*\d\d:?\d\d")


def why_no_times(sheet: Sheet) -> str:
    """Why no column of a file holds times."""
    unknown = [
        word for word in zone_words(t for name in sheet.columns for t in sheet.column(name)) if word not in LIKELY
    ]
    if unknown:
        shown = ", ".join(f"{word}: Area/City" for word in unknown)
        return (
            f"the times name the zone {', '.join(unknown)}, which means different clocks in different places; a "
            f"mapping of your own says which: times: {{zones: {{{shown}}}}}"
        )
    for name in sheet.columns:
        if said := _nearly(sheet, name):
            return f"{said}; that row is no case, or its time is to be put right"
    for name in sheet.columns:
        texts = list(sheet.column(name))
        if texts and role_of_time(name) and all(map(_SERIAL.fullmatch, texts)):
            return f"column {name!r} holds days as a spreadsheet counts them; let it show dates and save the file again"
        if texts and role_of_time(name) and all(map(_LIKE_A_TIME.search, texts)):
            return (
                f"column {name!r} seems to hold times, such as {texts[0]!r}, in no form that is known or in several; "
                "write all of them as 2026-01-31 17:45"
            )
    return "no column holds times in one form, so nobody can say when anything happened"


def _nearly(sheet: Sheet, name: str) -> str | None:
    """What is wrong with a column of which most cells are times in one form; None if they are not."""
    texts = list(sheet.column(name))
    for start in texts[:_TRIED]:
        for times in formats_of([start]):
            bad = [text for text in texts if not reads(times, [text])]
            if 0 < len(bad) * 2 < len(texts):
                line = next(line for row, line in zip(sheet.rows, sheet.lines, strict=True) if row[name] == bad[0])
                return f"column {name!r} holds times, but not in line {line}: {bad[0]!r}"
    return None


def why_no_case(sheet: Sheet) -> str:
    """Why no column is the id of a case, and what would make the nearest one be it."""
    said = "no column looks like the id of a case: filled in every row, and named like case, ticket, number, id or key"
    for name in (name for name in sheet.columns if is_for(Role.CASE, name)):
        empty = [line for row, line in zip(sheet.rows, sheet.lines, strict=True) if not row[name]]
        if 0 < len(empty) <= min(_MOST_NAMED, len(sheet.rows) - 1):
            return (
                f"{said}; {name!r} is empty in line {', '.join(map(str, empty))}. If that is no case, such as a line "
                "of totals, take it out; if the cell was merged with the one above, a mapping of your own says so: "
                f"merged: [{name}]"
            )
    return f"{said}; the columns are {', '.join(sheet.columns)}. A mapping of your own says which it is: case_id"


def why_no_opening(sheet: Sheet, times: dict[str, Profile]) -> str:
    """Why no column says for every case when it was opened: the one that nearly does, with the rows without."""
    name = max(times, key=lambda one: times[one].filled)
    empty = [line for row, line in zip(sheet.rows, sheet.lines, strict=True) if not row[name]]
    said = "no column says for every case when it was opened"
    if len(empty) > _MOST_NAMED or not empty:
        return said
    lines = ", ".join(map(str, empty))
    return f"{said}: {name!r} is empty in line {lines}; if that is no case, such as a line of totals, take it out"


def why_no_events(sheet: Sheet, times: dict[str, Profile]) -> str:
    """Why a file with one row a case says of no event when it happened, and what to do about it."""
    said = (
        f"has one row a case, and no column that says when a case was answered, resolved or closed (times stand in "
        f"{', '.join(times)}); what is only known in the end can't be judged by when it came"
    )
    if lengths := [name for name in sheet.columns if is_a_length(name)]:
        said += (
            f". {', '.join(lengths)} say how long it took: if that was counted round the clock from the opening on, a "
            f"mapping of your own reads it: events: [{{after: {lengths[0]}, unit: minutes, state: Resolved}}]"
        )
    return said

"""Columns with a date and columns with the time of day that belongs to it, found by their names and what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starters.logs.forms import formats_of
from starters.logs.profiles import Sheet
from starters.logs.roles import plain

_CLOCK = re.compile(r"\d{1,2}[:.]\d\d([:.]\d\d([.,]\d+)?)?( ?[AaPp][Mm])?( Uhr)?")
_WITH_CLOCK = re.compile(r"\d:\d\d")
_WORDS = re.compile(r"\b(date|time|day|of|on|at|datum|uhrzeit|zeit|am|um|fecha|hora|heure|data|ora|tijd)\b")


def is_a_clock(texts: Iterable[str]) -> bool:
    """Whether all texts are times of day."""
    return all(map(_CLOCK.fullmatch, texts))


def join_clocks(sheet: Sheet) -> None:
    """Read each column of dates together with the one that holds its time of day, if there is one.

    Such a pair differs in the words for date and time alone: `Date` and `Time`, `Opened on` and `Opened at`. The
    column of dates then holds both, and the other one is taken out of the sheet.
    """
    filled = {name: list(sheet.column(name)) for name in sheet.columns}
    clocks = [name for name, texts in filled.items() if texts and is_a_clock(texts)]
    for date in list(sheet.columns):
        if not filled[date] or date in clocks or any(map(_WITH_CLOCK.search, filled[date])):
            continue
        clock = next((name for name in clocks if _stem(name) == _stem(date) and _together(sheet, date, name)), None)
        if clock is not None and formats_of([_joined(row, date, clock) for row in sheet.rows if row[date]]):
            _join(sheet, date, clock)
            clocks.remove(clock)


def _stem(name: str) -> str:
    return " ".join(_WORDS.sub(" ", plain(name)).split())


def _together(sheet: Sheet, date: str, clock: str) -> bool:
    """Whether a time of day stands in the rows that have the date, and in no others."""
    return all(bool(row[date]) == bool(row[clock]) for row in sheet.rows)


def _joined(row: dict[str, str], date: str, clock: str) -> str:
    return f"{row[date]} {row[clock]}"


def _join(sheet: Sheet, date: str, clock: str) -> None:
    for row in sheet.rows:
        if row[date]:
            row[date] = _joined(row, date, clock)
    sheet.columns.remove(clock)
    sheet.clocks[date] = clock

"""What the columns of a file hold: their kinds, distinct values and formats of time, found from all of its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from starters.logs.forms import formats_of
from starters.logs.mapping import LogError
from starters.logs.records import DELIMITERS, BrokenRow, rows_of, text_of
from starters.logs.roles import names_an_id
from starters.logs.times import TimeFormat
from starters.logs.xes import is_xml, xes_records
from starters.logs.zone_words import likely_zones, zone_words

NOTHING = ("?", "-", "--", "NULL", "null", "None", "N/A", "n/a", "NaN", "nan", "(null)", "#N/A", "NA", "\\N")
"""How logs write that a cell has no value."""

MOST_VALUES = 60
"""Distinct values up to which a column is one of categories."""


@dataclass(slots=True)
class Profile:
    """What a column holds.

    Attributes:
        filled: cells that hold something.
        values: the distinct values with their counts, cut where there are too many for categories.
        many: whether there are more values than that.
        formats: how its times are written, if it holds times alone; several if the log does not tell them apart.
    """

    name: str
    filled: int = 0
    values: Counter[str] = field(default_factory=Counter)
    many: bool = False
    formats: list[TimeFormat] = field(default_factory=list)

    @property
    def holds_times(self) -> bool:
        """Whether it holds nothing but times."""
        return bool(self.formats)


@dataclass(slots=True)
class Sheet:
    """A file as rows and columns.

    Attributes:
        rows: by column, without values where nothing is said.
        lines: on which each row begins.
        xes: whether it is XES.
        clocks: the columns with a time of day, by that with its date, with which they are read as one.
        merged: columns whose empty cells were filled in from above.
    """

    path: Path
    columns: list[str]
    rows: list[dict[str, str]]
    lines: list[int]
    delimiter: str = ","
    encoding: str = "utf-8"
    xes: bool = False
    nothing: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    clocks: dict[str, str] = field(default_factory=dict)
    merged: list[str] = field(default_factory=list)

    def column(self, name: str) -> Iterator[str]:
        """The filled cells of a column."""
        return (row[name] for row in self.rows if row[name])


def sheet_of(path: Path) -> Sheet:
    """Read a file, finding out its encoding and delimiter.

    Raises:
        LogError: it is no text of rows, or can't be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise LogError([f"{path}: {error.strerror or error}"]) from None
    if kind := _other_kind(start):
        raise LogError([f"{path}: is {kind}; save it as CSV or XES"])
    if is_xml(start):
        return _xes_sheet(path)
    encoding, unsure = _encoding(path)
    text = text_of(path, encoding)
    delimiter, found, left_out = _divided(path, text)
    unsure += left_out
    (_, header), *body = found
    rows = [dict(zip(header, cells, strict=True)) for _, cells in body]
    lines = [line for line, _ in body]
    return _cleaned(Sheet(path, header, rows, lines, delimiter, encoding, unsure=unsure))


def _cleaned(sheet: Sheet) -> Sheet:
    """Strip the cells, and take those that only say that there is nothing for empty."""
    found: Counter[str] = Counter()
    for row in sheet.rows:
        for name, cell in row.items():
            text = cell.strip()
            if text in NOTHING:
                found[text] += 1
                text = ""
            row[name] = text
    sheet.nothing = sorted(found)
    return sheet


def _other_kind(start: bytes) -> str | None:
    """What a file is that is surely no text of rows."""
    if start.startswith(b"PK\x03\x04"):
        return "a workbook or another archive"
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        return "an old workbook"
    if start.startswith(b"%PDF"):
        return "a PDF"
    plain = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return "JSON" if plain[:1] in (b"[", b"{") else None


def _xes_sheet(path: Path) -> Sheet:
    found = list(xes_records(path))
    if not found:
        raise LogError([f"{path}: has no trace with an event"])
    columns = list(dict.fromkeys(name for _, cells in found for name in cells))
    rows = [{name: cells.get(name, "") for name in columns} for _, cells in found]
    return _cleaned(Sheet(path, columns, rows, [line for line, _ in found], xes=True))


def _encoding(path: Path) -> tuple[str, list[str]]:
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or content[1:2] == b"\0":  # with or without its mark
        return "utf-16", []
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "cp1252", ["the encoding: the file is no UTF-8, so cp1252 (Windows, Western Europe) is assumed"]
    return "utf-8", []


_Rows = list[tuple[int, list[str]]]


def _divided(path: Path, text: str) -> tuple[str, _Rows, list[str]]:
    """The delimiter that makes rows of one length, the rows with their lines, and which columns are left out.

    Raises:
        LogError: none does.
    """
    best: tuple[int, str, _Rows] | None = None
    for delimiter in DELIMITERS:
        try:
            rows = list(rows_of(text, delimiter))
        except BrokenRow:
            continue
        width = len(rows[0][1]) if rows else 0
        if width > 1 and all(len(cells) == width for _, cells in rows):
            best = max(best or (0, "", []), (width, delimiter, rows), key=lambda found: found[0])
    if best is None:
        raise LogError([_not_divided(path, text)])
    if len(best[2]) == 1:
        raise LogError([f"{path}:2: has a header, but no row below it"])
    if header := _below_a_title(best[2]):
        raise LogError([f"{path}:1: holds a title and no header; {_above(header)}"])
    return best[1], *_told_apart(best[2])


def _below_a_title(rows: _Rows) -> int | None:
    """The line of the header, if what stands in the first row is a title that a spreadsheet has written above it."""
    least = len(rows[0][1]) // 2 + 1
    if sum(1 for name in rows[0][1] if name.strip()) >= min(least, 2):
        return None
    return next((line for line, cells in rows if sum(1 for name in cells if name.strip()) >= least), None)


def _above(line: int) -> str:
    return f"if the header stands on line {line}, take out what is above it"


def _told_apart(rows: _Rows) -> tuple[_Rows, list[str]]:
    """The rows without the columns that no mapping can name, and what is said about those that hold something."""
    (_, header), *body = rows
    twice = [name for name, count in Counter(header).items() if count > 1 and name.strip()]
    kept = [place for place, name in enumerate(header) if name.strip() and name not in twice]
    said = []
    if twice:
        said.append(f"columns whose name stands twice can't be told apart, and are not read: {', '.join(twice)}")
    nameless = [place for place, name in enumerate(header) if not name.strip()]
    if any(cells[place].strip() for _, cells in body for place in nameless):
        said.append("a column without a name can't be named in a mapping, and is not read")
    return [(line, [cells[place] for place in kept]) for line, cells in rows], said


def _not_divided(path: Path, text: str) -> str:
    """What is wrong with a text that no delimiter divides: the first row that is of another length than the header."""
    if not text.strip():
        return f"{path}:1: is empty; expected a header and rows"
    sign = max(DELIMITERS, key=text[:2000].count)
    try:
        rows = list(rows_of(text, sign))
    except BrokenRow as error:
        return f"{path}:{error.line}: the row is broken: {error}"
    if not rows:
        return f"{path}:1: is empty; expected a header and rows"
    if len(rows[0][1]) == 1:
        longer = next((line for line, cells in rows if len(cells) > 1), None)
        above = f"; {_above(longer)}" if longer else ""
        return f"{path}:1: has one column; expected a header of several, divided by , ; tab or |{above}"
    odd = [(line, cells) for line, cells in rows if len(cells) != len(rows[0][1])]
    line, cells = odd[0]
    if [number for number, _ in rows[-len(odd) :]] == [number for number, _ in odd]:
        return f"{path}:{line}: what stands from here on is no row of the log, but a footer of its export; take it out"
    said = f"the row has {len(cells)} cells, and the header {len(rows[0][1])}"
    return f"{path}:{line}: {said}; a log is taken whole or not at all"


# --- what a column holds ----------------------------------------------------------------------------------------------


def profiles(sheet: Sheet) -> dict[str, Profile]:
    """The profile of every column that holds anything."""
    found = {}
    zones = likely_zones(zone_words(text for name in sheet.columns for text in sheet.column(name)))
    for name in sheet.columns:
        profile = Profile(name)
        for text in sheet.column(name):
            profile.filled += 1
            if not profile.many:
                profile.values[text] += 1
                profile.many = len(profile.values) > MOST_VALUES
        if profile.filled and not _holds_ids(profile):
            profile.formats = formats_of(list(dict.fromkeys(sheet.column(name))), zones)
        if profile.filled:
            found[name] = profile
    return found


def _holds_ids(one: Profile) -> bool:
    """Whether a column holds numbers and is named like an id: ten digits are no time there."""
    return names_an_id(one.name) and all(text.isdigit() for text in one.values)


def groups_of(sheet: Sheet, column: str) -> Mapping[str, list[dict[str, str]]]:
    """The rows by the values of a column."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in sheet.rows:
        found.setdefault(row[column], []).append(row)
    return found

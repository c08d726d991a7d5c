"""The text of a log as records: CSV below its header, or the events of an XES file, each with its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from domain.criteria.fields import nearest
from domain.wording import plural
from starters.logs.mapping import LogError
from starters.logs.oddities import OddityKind
from starters.logs.reading import Reading
from starters.logs.xes import GZIP, xes_records

MOST_LETTERS = 2**24
"""Of one cell. The CSV module's own bound, 128 KB, is less than a long description has."""

DELIMITERS = (",", ";", "\t", "|")
_NAMES = {"\t": "\\t"}
_LINE_BREAK = {"utf-16": "\n".encode("utf-16-le")}
_NOTE = re.compile(r"\A\"?sep=.\"?(?=\r?\n)", re.IGNORECASE)
"""By which an export tells a spreadsheet its delimiter, above the header."""


class BrokenRow(csv.Error):
    """A row that is no CSV.

    Attributes:
        line: on which it begins.
    """

    def __init__(self, line: int, said: str) -> None:
        super().__init__(said)
        self.line = line


Record = tuple[int, dict[str, str]]
"""A record by column, with the line on which it begins; empty: it is broken, and that was said."""


def records(reading: Reading) -> Iterator[Record]:
    """Yield every record of a log.

    Raises:
        LogError: what follows can't be read at all, or the problems are too many.
    """
    if reading.mapping.shape == "xes":
        yield from _events(reading)
    else:
        yield from _rows(reading)


def text_of(path: Path, encoding: str) -> str:
    """The text of a file; of a note to spreadsheets above its header only the line is left.

    Raises:
        LogError: it can't be read, or is no text of that encoding.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LogError([f"{path}: {error.strerror or error}"]) from None
    if content.startswith(GZIP):
        raise LogError([f"{path}: is a compressed file; unpack it"])
    try:
        return _NOTE.sub("", content.decode("utf-8-sig" if encoding == "utf-8" else encoding))
    except UnicodeDecodeError as error:
        line = content.count(_LINE_BREAK.get(encoding, b"\n"), 0, error.start) + 1
        said = (
            f"{path}:{line}: the byte 0x{content[error.start]:02X} is no {encoding} text; save the log as "
            f"{encoding}, or name the encoding that it has in the mapping, such as encoding: cp1252"
        )
        raise LogError([said]) from None


def rows_of(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV text that are not blank, each with the line on which it begins.

    A row of nothing but delimiters is blank: spreadsheets write such rows below what they hold.

    Raises:
        BrokenRow: a row is broken.
    """
    csv.field_size_limit(MOST_LETTERS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            begins, line = line, reader.line_num + 1
            if any(cell.strip() for cell in cells):
                yield begins, cells
    except csv.Error as error:
        raise BrokenRow(line, str(error)) from None


def _events(reading: Reading) -> Iterator[Record]:
    """Yield the events of an XES file, and tell of traces that are no case, or no case of their own."""
    path, columns = reading.path, reading.mapping.columns
    first: dict[str, int] = {}
    seen: set[str] = set()

    def tell(line: int, trace: dict[str, str], events: int) -> None:
        name = trace.get(reading.mapping.case_id, "").strip()
        if not events:
            text = "the trace has no event, so nothing says when its case was opened; it is none"
            reading.odd(OddityKind.EMPTY_TRACE, name or "?", line, text)
        elif name in first:
            text = f"the trace on line {first[name]} has this id, too; both are read as one case"
            reading.odd(OddityKind.SECOND_TRACE, name, line, text)
        elif name:
            first[name] = line

    for line, cells in xes_records(path, tell):
        seen.update(cells)
        yield line, {column: cells.get(column, "") for column in columns}
    if seen and (missing := [column for column in columns if column not in seen]):
        said = [f"{path}: no event or trace has the attribute {c!r}; {nearest(c, seen)}" for c in missing]
        raise LogError([*reading.problems, *said])


def _rows(reading: Reading) -> Iterator[Record]:
    mapping, path = reading.mapping, reading.path
    header: list[str] | None = None
    above: dict[str, str] = {}
    try:
        for begins, cells in rows_of(text_of(path, mapping.encoding), mapping.delimiter):
            if header is None:
                header = checked_header(path, begins, cells, columns=mapping.columns, delimiter=mapping.delimiter)
            elif len(cells) == len(header):
                record = dict(zip(header, cells, strict=True))
                _unmerge(record, mapping.merged, above)
                yield begins, record
            else:
                reading.complain(begins, f"the row has {plural(len(cells), 'cell')}, and the header {len(header)}")
                yield begins, {}
    except BrokenRow as broken:
        raise LogError([*reading.problems, f"{path}:{broken.line}: the row is broken: {broken}"]) from None
    if header is None:
        expected = mapping.delimiter.join(mapping.columns)
        raise LogError([f"{path}:1: is empty; expected a header with the columns {expected}"])


def _unmerge(record: dict[str, str], merged: Sequence[str], above: dict[str, str]) -> None:
    """Give an empty cell of a merged column what the one above it holds; remember what holds something."""
    for column in merged:
        if record[column].strip():
            above[column] = record[column]
        else:
            record[column] = above.get(column, "")


def checked_header(path: Path, line: int, names: list[str], *, columns: Sequence[str], delimiter: str) -> list[str]:
    """The header of a CSV file, if it has every column that is asked for, once.

    Raises:
        LogError: it lacks some, or has some twice.
    """
    missing = [column for column in columns if column not in names]
    if missing and (other := _other_delimiter(delimiter, names, columns)):
        shown = _NAMES.get(other, other)
        said = f"the header is divided by {shown!r}, not by {delimiter!r}; say so in the mapping"
        raise LogError([f'{path}:{line}: {said}: delimiter: "{shown}"'])
    problems = [f"{path}:{line}: no column {c!r}; {nearest(c, names)}" for c in missing]
    twice = [c for c in columns if names.count(c) > 1]
    problems += [f"{path}:{line}: two columns are named {c!r}; rename one of them" for c in twice]
    if problems:
        raise LogError(problems)
    return names


def _other_delimiter(delimiter: str, names: Sequence[str], columns: Sequence[str]) -> str | None:
    """The delimiter that divides a header into more of the columns than the mapping's does."""
    joined = delimiter.join(names)
    found = {sign: len(set(columns) & {n.strip('"') for n in joined.split(sign)}) for sign in DELIMITERS}
    best = max(DELIMITERS, key=lambda sign: found[sign])
    return best if best != delimiter and found[best] > len(set(columns) & set(names)) else None

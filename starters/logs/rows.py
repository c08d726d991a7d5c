"""The rows of an event log: text and cells, read by a column mapping into the terms of their cases.

Everything wrong is gathered with its line and column, so that one message names it all.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, assert_never

from pydantic import TypeAdapter, ValidationError

from domain.calendar import EARLIEST_YEAR, LATEST_YEAR
from domain.criteria.fields import nearest, utc_text
from domain.ids import CaseId
from starters.logs.mapping import FieldColumn, LogError, LogMapping

MOST_PROBLEMS = 20
"""Problems after which reading stops: a log that is wrong throughout says so once, not for every row."""

_CASE_ID: TypeAdapter[str] = TypeAdapter(CaseId)
_LINE_BREAK = {"utf-16": "\n".encode("utf-16-le")}


class OddityKind(StrEnum):
    """What is strange about a row that was read all the same."""

    BEFORE_OPENING = "before opening"
    AFTER_CLOSING = "after closing"
    STATES_AT_ONCE = "states at once"
    NEVER_CLOSED = "never closed"
    OPENED_TWICE = "opened twice"
    SKIPPED_TIME = "skipped time"
    REPEATED_TIME = "repeated time"


class Oddity(NamedTuple):
    """Something strange, and what was made of it."""

    kind: OddityKind
    case_id: str
    line: int
    text: str


class Row(NamedTuple):
    """A row in the terms of its case. Rows sort as what happened is ordered.

    Attributes:
        line: where it begins in the file.
        kept: the verdict of the system that wrote the log.
    """

    at: datetime
    order: int
    line: int
    opened_at: datetime
    by: str | None
    state: str
    values: dict[str, Any]
    kept: bool | None


class Unreadable(Exception):
    """A cell that cannot be read; the text says what would be right."""


@dataclass(slots=True)
class RowReader:
    """Reads the rows of one log.

    Attributes:
        count: rows seen so far, unreadable ones among them.
        problems: what could not be read so far.
        oddities: what was strange about the times that were read so far.
    """

    path: Path
    mapping: LogMapping
    count: int = 0
    problems: list[str] = field(default_factory=list)
    oddities: list[Oddity] = field(default_factory=list)
    _instants: dict[str, datetime] = field(default_factory=dict)
    _clock_changes: dict[str, tuple[OddityKind, str]] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Yield each readable row, and the case whose it is, in the order of the file.

        Raises:
            LogError: what follows can't be read at all, or the problems are too many.
        """
        for line, cells in self._records():
            self.count += 1
            if cells and (found := self._row(line, cells)):
                yield found

    def complain(self, line: int, said: str) -> None:
        """Note a problem.

        Raises:
            LogError: it is one too many.
        """
        if len(self.problems) == MOST_PROBLEMS:
            raise LogError([*self.problems, f"{self.path}:{line}: and more from here on; reading stopped"])
        self.problems.append(f"{self.path}:{line}: {said}")

    # --- text ---

    def _text(self) -> str:
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise LogError([f"{self.path}: {error.strerror or error}"]) from None
        encoding = self.mapping.encoding
        try:
            return content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
        except UnicodeDecodeError as error:
            line = content.count(_LINE_BREAK.get(encoding, b"\n"), 0, error.start) + 1
            said = (
                f"{self.path}:{line}: the byte 0x{content[error.start]:02X} is no {encoding} text; save the log as "
                f"{encoding}, or name the encoding that it has in the mapping, such as encoding: cp1252"
            )
            raise LogError([said]) from None

    def _records(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield what is below the header by column, with the line on which it begins; nothing for a broken row."""
        reader = csv.reader(io.StringIO(self._text(), newline=""), delimiter=self.mapping.delimiter, strict=True)
        header: list[str] | None = None
        line = 1
        try:
            for cells in reader:
                begins, line = line, reader.line_num + 1
                if not cells:
                    continue
                if header is None:
                    header = self._header(begins, cells)
                elif len(cells) == len(header):
                    yield begins, dict(zip(header, cells, strict=True))
                else:
                    counted = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
                    self.complain(begins, f"the row has {counted}, and the header {len(header)}")
                    yield begins, {}
        except csv.Error as error:
            raise LogError([*self.problems, f"{self.path}:{line}: the row is broken: {error}"]) from None
        if header is None:
            expected = self.mapping.delimiter.join(self.mapping.columns)
            raise LogError([f"{self.path}:1: is empty; expected a header with the columns {expected}"])

    def _header(self, line: int, names: list[str]) -> list[str]:
        columns = self.mapping.columns
        problems = [f"{self.path}:{line}: no column {c!r}; {nearest(c, names)}" for c in columns if c not in names]
        twice = [c for c in columns if names.count(c) > 1]
        problems += [f"{self.path}:{line}: two columns are named {c!r}; rename one of them" for c in twice]
        if problems:
            raise LogError(problems)
        return names

    # --- cells ---

    def _row(self, line: int, cells: dict[str, str]) -> tuple[str, Row] | None:
        """A row and whose it is. None if it can't be read, which is then among the problems."""
        mapping = self.mapping
        problems = len(self.problems)
        clock_changes: list[tuple[OddityKind, str]] = []

        def take(column: str | None, read: Callable[[str], Any], *, required: bool = False) -> Any:
            if column is None:
                return None
            text = cells[column].strip()
            try:
                if not text or text == mapping.no_value:
                    if required:
                        raise Unreadable("has no value, and every row needs one")
                    return None
                value = read(text)
            except Unreadable as error:
                self.complain(line, f"column {column!r}: {error}")
                return None
            if isinstance(value, datetime) and text in self._clock_changes:
                kind, said = self._clock_changes[text]
                clock_changes.append((kind, f"column {column!r}: {said}"))
            return value

        case_id = take(mapping.case_id, _case_id, required=True)
        state = take(mapping.state.column, self._state, required=True)
        row = Row(
            at=take(mapping.occurred_at, self._instant, required=True),
            order=take(mapping.order, _whole_number, required=True) or 0,
            line=line,
            opened_at=take(mapping.opened_at, self._instant, required=True),
            by=take(mapping.by, str),
            state=state,
            values={mapping.state.field: state},
            kept=take(mapping.verdict.column if mapping.verdict else None, self._verdict),
        )
        for name, declared in mapping.fields.items():
            value = take(declared.column, self._reader_of(declared))
            row.values[name] = utc_text(value) if isinstance(value, datetime) else value
        if len(self.problems) > problems:
            return None
        self.oddities += [Oddity(kind, case_id, line, said) for kind, said in clock_changes]
        return case_id, row

    def _instant(self, text: str) -> datetime:
        if text not in self._instants:
            self._instants[text] = self._read_instant(text)
        return self._instants[text]

    def _read_instant(self, text: str) -> datetime:
        """The instant that a cell shows. One that its zone's clocks skip or repeat is taken, and to be reported."""
        times = self.mapping.times
        try:
            shown = datetime.strptime(text, times.format)  # noqa: DTZ007 - the zone comes next
        except ValueError:
            example = datetime(2016, 2, 29, 17, 45, tzinfo=UTC).strftime(times.format)
            raise Unreadable(f"{text!r} is no time of the form {times.format}, such as {example}") from None
        if not EARLIEST_YEAR < shown.year < LATEST_YEAR:
            raise Unreadable(f"{text!r} is in no year that calendars know ({EARLIEST_YEAR} to {LATEST_YEAR})")
        if times.zone is None:
            return shown.astimezone(UTC)
        local = shown.replace(tzinfo=times.zone)
        instant = local.astimezone(UTC)
        taken = f"taken as {utc_text(instant)}"
        if instant.astimezone(times.zone).replace(tzinfo=None) != shown:
            said = f"{text} never was in {times.time_zone}, whose clocks went forward then; {taken}"
            self._clock_changes[text] = (OddityKind.SKIPPED_TIME, said)
        elif local.utcoffset() != local.replace(fold=1).utcoffset():
            said = f"{text} was twice in {times.time_zone}, whose clocks went back then; {taken}, the first"
            self._clock_changes[text] = (OddityKind.REPEATED_TIME, said)
        return instant

    def _state(self, text: str) -> str:
        states = self.mapping.state.values
        if text not in states:
            raise Unreadable(f"unknown state {text!r}; {_expected(text, states)}")
        return states[text]

    def _verdict(self, text: str) -> bool:
        verdict = self.mapping.verdict
        met, missed = (verdict.met, verdict.missed) if verdict else ([], [])
        if text in met or text in missed:
            return text in met
        raise Unreadable(f"unknown verdict {text!r}; expected one of {', '.join(met + missed)}")

    def _reader_of(self, declared: FieldColumn) -> Callable[[str], Any]:
        if declared.values is not None:
            return partial(_listed, values=declared.values)
        match declared.type:
            case "string":
                return str
            case "integer":
                return _whole_number
            case "number":
                return _number
            case "boolean":
                return _boolean
            case "datetime":
                return self._instant
            case _:
                assert_never(declared.type)


def _case_id(text: str) -> str:
    try:
        return _CASE_ID.validate_python(text)
    except ValidationError:
        raise Unreadable(
            f"{text!r} is no id of a case: at most 100 letters, digits and . _ ~ -, the first a letter or digit"
        ) from None


def _listed(text: str, values: dict[str, str]) -> str:
    if text not in values:
        raise Unreadable(f"unknown value {text!r}; {_expected(text, values)}")
    return values[text]


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise Unreadable(f"{text!r} is neither TRUE nor FALSE")
    return text.lower() == "true"


def _whole_number(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise Unreadable(f"{text!r} is no whole number, such as 3") from None
    if not -(2**63) <= number < 2**63:
        raise Unreadable(f"{text!r} is too large a number")
    return number


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Unreadable(f"{text!r} is no number, such as 2.5")
    return number


def _expected(text: str, values: dict[str, str]) -> str:
    hint = nearest(text, values)
    return f"{hint} The mapping has: {', '.join(values)}" if hint.startswith("did you mean") else hint

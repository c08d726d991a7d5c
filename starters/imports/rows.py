"""The rows of a file as what they ask for. One that cannot be read is told so, and the others go on."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from domain.criteria.fields import FieldType, utc_text
from domain.ids import case_id_of, event_id_of, external_id_of
from domain.messages.cases import CaseIntake
from domain.messages.inbox import problems
from domain.usage.units import worked_text
from starters.imports.mapping import NAMED, CaseColumns, EntryColumns, Source
from starters.logs.lengths import BadLength, length_of
from starters.logs.mapping import LogError
from starters.logs.reading import Unreadable, boolean, listed, no_clock, number_of, whole_number
from starters.logs.records import BrokenRow, checked_header, rows_of, text_of
from starters.logs.times import BadTime, TimeReader

_DIGITS = 24


class Asked(NamedTuple):
    """A request to a case.

    Attributes:
        update: its name.
        message: what it says, with its event id.
        says: what was done, if it was.
    """

    update: str
    message: dict[str, Any]
    says: str


class Row(NamedTuple):
    """What a row asks for.

    Attributes:
        number: of the row below the header, from 1.
        line: on which it begins.
        case_id: as the file has it; empty: it could not be read.
        intake: opens the case; None: the row is of a case that there is.
        asked: of the case then, in this order.
        trouble: why nothing is asked: what cannot be read of it.
        remarks: what was read otherwise than the file has it: times that clocks skipped or had twice.
    """

    number: int
    line: int
    case_id: str
    intake: CaseIntake | None = None
    asked: tuple[Asked, ...] = ()
    trouble: str | None = None
    remarks: tuple[str, ...] = ()


class Rows:
    """Reads a file.

    Args:
        path: of the file.
        mapping: which column is what.
        declared: the fields of cases, with their types.
        by: who is recorded, where no column says so.
    """

    def __init__(
        self,
        path: Path,
        mapping: CaseColumns | EntryColumns,
        declared: Mapping[str, FieldType],
        by: str | None = None,
    ) -> None:
        self._path, self._mapping, self._declared, self._by = path, mapping, declared, by
        self._times = TimeReader(mapping.times)
        self._nothing = frozenset(["", *mapping.no_value])
        self._seen: Counter[tuple[str, ...]] = Counter()

    def __iter__(self) -> Iterator[Row]:
        """Read the rows, one after the other.

        Raises:
            LogError: what follows cannot be read at all.
        """
        mapping, number = self._mapping, 0
        header: list[str] | None = None
        try:
            for line, cells in rows_of(text_of(self._path, mapping.encoding), mapping.delimiter):
                if header is None:
                    header = checked_header(
                        self._path, line, cells, columns=mapping.columns, delimiter=mapping.delimiter
                    )
                    continue
                number += 1
                yield self._row(number, line, header, cells)
        except BrokenRow as broken:
            raise LogError([f"{self._path}:{broken.line}: the row is broken: {broken}"]) from None
        if header is None:
            raise LogError([f"{self._path}:1: is empty; expected a header: {mapping.delimiter.join(mapping.columns)}"])

    def _row(self, number: int, line: int, header: list[str], cells: list[str]) -> Row:
        if len(cells) != len(header):
            trouble = f"the row has {len(cells)} cells, and the header {len(header)}"
            return Row(number, line, "", trouble=trouble)
        known_as = self._known_as(cells)
        record = _Record(dict(zip(header, cells, strict=True)), self._nothing, self._mapping, self._times)
        try:
            foreign = record.text(self._mapping.case_id, required=True)
            read = self._case if isinstance(self._mapping, CaseColumns) else self._entry
            found = read(Row(number, line, str(foreign)), self._mapping, record, known_as)  # type: ignore[arg-type]
            return found._replace(remarks=tuple(record.remarks))
        except Unreadable as trouble:
            return Row(number, line, record.cells.get(self._mapping.case_id.column or "", ""), trouble=str(trouble))
        except ValidationError as error:
            return Row(number, line, str(foreign), trouble="; ".join(problems(error)))

    def _known_as(self, cells: list[str]) -> str:
        """The beginning of the ids of a row's events: the same row of the same file has the same, wherever it stands.

        Rows that are the same to the letter are counted, so that two are two.
        """
        key = tuple(cells)
        self._seen[key] += 1
        text = "\x1f".join([self._path.name, *key, str(self._seen[key])])
        return f"import-{hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}"

    def _case(self, row: Row, mapping: CaseColumns, record: _Record, known_as: str) -> Row:
        by = record.text(mapping.by) or self._by
        fields = {n: record.value(source, self._declared.get(n, FieldType.ANY)) for n, source in mapping.fields.items()}
        given = {
            **{name: record.text(getattr(mapping, name)) for name in NAMED},
            "case_id": (case_id := case_id_of(row.case_id)),
            "external_id": external_id_of(row.case_id, case_id),
            "fields": {name: value for name, value in fields.items() if value is not None},
            "opened_at": record.instant(mapping.opened_at),
            "by": by,
        }
        intake = CaseIntake.model_validate(given)
        done = [(record.instant(source), name) for name, source in mapping.completed.items()]
        completed = sorted((at, name) for at, name in done if at is not None)
        asked = [
            Asked(
                "complete_milestone",
                _event(event_id_of(known_as, name), at, by) | {"milestone": name},
                f"{name} completed",
            )
            for at, name in completed
        ]
        if (closed_at := record.instant(mapping.closed_at)) is not None:
            asked.append(Asked("close", _event(f"{known_as}-close", closed_at, by), "closed"))
        return row._replace(intake=intake, asked=tuple(asked))

    def _entry(self, row: Row, mapping: EntryColumns, record: _Record, known_as: str) -> Row:
        by = record.text(mapping.by) or self._by
        minutes = record.minutes(mapping.worked, mapping)
        worked_at = record.instant(mapping.worked_at)
        message = {
            "event_id": known_as,
            "id": record.text(mapping.id) or known_as,
            "minutes": minutes,
            "worked_at": None if worked_at is None else utc_text(worked_at),
            "by": by,
            "note": record.text(mapping.note),
        }
        said = {name: value for name, value in message.items() if value is not None}
        return row._replace(asked=(Asked("log_time", said, worked_text(minutes)),))


class _Record:
    """The cells of one row."""

    def __init__(
        self,
        cells: Mapping[str, str],
        nothing: frozenset[str],
        mapping: CaseColumns | EntryColumns,
        times: TimeReader,
    ) -> None:
        self.cells, self._nothing, self._mapping, self._times = cells, nothing, mapping, times
        self.remarks: list[str] = []

    def text(self, source: Source | None, *, required: bool = False) -> str | None:
        """What is said there; None: nothing.

        Raises:
            Unreadable: it cannot be read, or is needed and not there.
        """
        found = self._read(source, str, required=required)
        return None if found is None else str(found)

    def value(self, source: Source, kind: FieldType) -> Any:
        """The value of a field, in plain JSON."""
        read: dict[FieldType, Callable[[str], Any]] = {
            FieldType.INTEGER: whole_number,
            FieldType.NUMBER: partial(number_of, decimal=self._mapping.decimal),
            FieldType.BOOLEAN: boolean,
            FieldType.DATETIME: self._instant,
            FieldType.LIST: _parts,
        }
        found = self._read(source, read.get(kind, str))
        return utc_text(found) if isinstance(found, datetime) else found

    def instant(self, source: Source | None) -> datetime | None:
        """An instant, in UTC."""
        found: datetime | None = self._read(source, self._instant)
        return found

    def minutes(self, source: Source, mapping: EntryColumns) -> int:
        """Whole minutes; of part of one it is the whole."""
        length: timedelta = self._read(
            source, partial(_length, unit=mapping.unit, decimal=mapping.decimal), required=True
        )
        return math.ceil(length / timedelta(minutes=1))

    def _read(self, source: Source | None, read: Callable[[str], Any], *, required: bool = False) -> Any:
        if source is None:
            return None
        if source.column is None:
            return read(source.value) if isinstance(source.value, str) else source.value
        text = self.cells[source.column].strip()
        clock = self._mapping.times.clocks.get(source.column)
        if text in self._nothing:
            if required:
                raise Unreadable(f"column {source.column!r} has no value, and every row needs one")
            return None
        if clock is not None:
            time_of_day = self.cells[clock].strip()
            if time_of_day in self._nothing:
                raise Unreadable(f"column {source.column!r}: {no_clock(text, clock)}")
            text = f"{text} {time_of_day}"
        try:
            return read(text if source.values is None else listed(text, source.values))
        except Unreadable as trouble:
            raise Unreadable(f"column {source.column!r}: {trouble}") from None

    def _instant(self, text: str) -> datetime:
        try:
            found = self._times.read(text)
        except BadTime as bad:
            raise Unreadable(str(bad)) from None
        if change := self._times.changes.get(text):
            self.remarks.append(change.text)
        return found


def _length(text: str, unit: Any, decimal: str) -> timedelta:
    try:
        return length_of(text, unit, decimal)
    except BadLength as bad:
        raise Unreadable(str(bad)) from None


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _event(event_id: str, at: datetime, by: str | None) -> dict[str, Any]:
    said = {"event_id": event_id, "occurred_at": at.astimezone(UTC).isoformat(), "by": by}
    return {name: value for name, value in said.items() if value is not None}

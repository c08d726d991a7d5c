"""The column mapping of an event log: which column is what, declared in YAML.

`catalogs/incidents.mapping.yaml` is one, with every key explained.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from domain.catalog.complaints import translated
from domain.criteria.fields import FieldType, check_names, nearest
from domain.errors import MilepostError
from domain.ids import Reference
from domain.model import Value


class LogError(MilepostError):
    """A log, or its column mapping, that is not taken; nothing of it was used.

    Attributes:
        problems: one line for each, with file, line, column and what would be right.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


Column = Annotated[str, Field(min_length=1)]


def _checked_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        close = difflib.get_close_matches(name, available_timezones(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else "expected an IANA name, such as 'America/New_York', or UTC"
        raise ValueError(f"unknown time zone {name!r}; {hint}") from None
    return name


class TimeFormat(Value):
    """How the log writes instants.

    Attributes:
        format: in the codes of `datetime.strptime`: ``%d-%m-%Y %H:%M``.
        time_zone: the zone whose wall clock they show. Left out if the format has the offset (``%z``).
    """

    format: str = Field(min_length=1)
    time_zone: Annotated[str, AfterValidator(_checked_zone)] | None = None

    @model_validator(mode="after")
    def _says_which_instant(self) -> TimeFormat:
        if ("%z" in self.format) == (self.time_zone is not None):
            raise ValueError(
                "give either time_zone, whose wall clock the times show, or a format with their offset (%z)"
            )
        moment = datetime(2016, 11, 23, 17, 45, tzinfo=UTC)
        try:
            read = datetime.strptime(moment.strftime(self.format), self.format).replace(tzinfo=UTC)
        except ValueError as error:
            raise ValueError(f"bad format {self.format!r}: {error}") from None
        if read.date() != moment.date():
            raise ValueError(f"format {self.format!r} does not hold a whole date, such as '%d-%m-%Y %H:%M'")
        return self

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone whose wall clock the times show."""
        return ZoneInfo(self.time_zone) if self.time_zone else None


class StateColumn(Value):
    """The state of a case: one of a declared few.

    Attributes:
        field: the field of the case that holds it.
        opened: the state in which a case is opened, whatever its first row says.
        closed: the states that close a case.
        values: what may stand in the column, and what the case calls it; a list, if it calls it the same.
    """

    column: Column
    field: str = "state"
    opened: str
    closed: list[str] = Field(min_length=1)
    values: dict[str, str] = Field(min_length=1)

    @field_validator("values", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return {v: v for v in value} if isinstance(value, list) and all(isinstance(v, str) for v in value) else value

    @model_validator(mode="after")
    def _are_states(self) -> StateColumn:
        for state in (self.opened, *self.closed):
            if state not in self.values.values():
                raise ValueError(f"{state!r} is none of the states in values: {', '.join(self.values.values())}")
        return self


class FieldColumn(Value):
    """A field of the case.

    Attributes:
        values: what may stand in the column, and what the case calls it; anything, if left out.
    """

    column: Column
    type: Literal["string", "integer", "number", "boolean", "datetime"] = "string"
    values: dict[str, str] | None = None

    @model_validator(mode="after")
    def _values_are_text(self) -> FieldColumn:
        if self.values is not None and self.type != "string":
            raise ValueError(f"values are for fields of type string; this one is {self.type}")
        return self


class VerdictColumn(Value):
    """What the system that wrote the log said about a case in the end.

    Attributes:
        met: what stands in the column of a case that kept its promises.
        missed: what stands in that of one that did not.
    """

    column: Column
    met: list[str] = Field(min_length=1)
    missed: list[str] = Field(min_length=1)


class LogMapping(Value):
    """Which column of a log is what. One row is the whole case as it stood from one instant on.

    Attributes:
        case_id: the column with the id of the case.
        opened_at: the column with the instant at which it was opened.
        occurred_at: the column with the instant at which a row took effect; rows are sorted by it.
        order: the column with the number by which rows of one instant are sorted; left out: their place in the file.
        by: the column with who caused the change.
        no_value: what a cell without a value holds, besides nothing at all.
        account: of every case.
    """

    case_id: Column
    opened_at: Column
    occurred_at: Column
    order: Column | None = None
    by: Column | None = None
    times: TimeFormat
    no_value: str = ""
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: Literal["utf-8", "latin-1", "cp1252", "utf-16"] = "utf-8"
    state: StateColumn
    fields: dict[str, FieldColumn] = Field(default_factory=dict)
    account: Reference | None = None
    verdict: VerdictColumn | None = None

    @model_validator(mode="after")
    def _one_column_a_field(self) -> LogMapping:
        if self.state.field in self.fields:
            raise ValueError(f"the field {self.state.field!r} is declared twice, by state and by fields")
        check_names(self.declared)
        return self

    @property
    def declared(self) -> dict[str, FieldType]:
        """The fields of a case that the log fills, with their types."""
        return {self.state.field: FieldType.STRING, **{name: FieldType(f.type) for name, f in self.fields.items()}}

    @property
    def columns(self) -> list[str]:
        """Every column that a log must have for this mapping, each once."""
        named = [self.case_id, self.opened_at, self.occurred_at, self.order, self.by, self.state.column]
        named += [f.column for f in self.fields.values()]
        named.append(self.verdict.column if self.verdict else None)
        return list(dict.fromkeys(column for column in named if column is not None))

    def misfits(self, declared: Mapping[str, FieldType]) -> list[str]:
        """What keeps the fields of this mapping from being fields of a catalog; a sentence for each.

        Args:
            declared: the fields that the catalog declares.
        """
        problems = []
        for name, kind in self.declared.items():
            other = declared.get(name)
            if other is None:
                problems.append(
                    f"the mapping fills the field {name!r}; the catalog has none: {nearest(name, declared)}"
                )
            elif other not in (kind, FieldType.ANY):
                problems.append(
                    f"the field {name!r} is {kind.value} in the mapping and {other.value} in the catalog; make them one"
                )
        return problems


def load_mapping(path: Path) -> LogMapping:
    """Read a column mapping.

    Raises:
        LogError: it cannot be read, is no YAML, or is no mapping; with each line and what would be right.
    """
    try:
        document = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LogError([f"{path}: {error.strerror or error}"]) from None
    except UnicodeDecodeError:
        raise LogError([f"{path}: is not UTF-8 text"]) from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise LogError([f"{path}:{line}: no YAML: {error.problem}"]) from None
    except YAMLError as error:
        raise LogError([f"{path}: no YAML: {error}"]) from None
    if not isinstance(document, dict):
        raise LogError([f"{path}:1: a column mapping is a mapping that starts with, for example, 'case_id: number'"])
    try:
        return LogMapping.model_validate(document)
    except ValidationError as error:
        raise LogError(list(_problems(path, document, error))) from None


def _problems(path: Path, document: Any, error: ValidationError) -> Iterator[str]:
    for problem in translated(error, LogMapping, document, ()):
        yield f"{path}:{_line(document, problem.path)}: {problem}"


def _line(document: Any, loc: tuple[int | str, ...]) -> int:
    """The line of the innermost part of `loc` that the document has."""
    line = 1
    for part in loc:
        marks = getattr(document, "lc", None)
        if marks is None or part not in (document if isinstance(document, dict) else range(len(document))):
            break
        line = (marks.key(part) if isinstance(document, dict) else marks.item(part))[0] + 1
        document = document[part]
    return int(line)

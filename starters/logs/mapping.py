"""The column mapping of an event log: which shape it has and which column is what, declared in YAML.

`catalogs/incidents.mapping.yaml` is one of the first shape, with every key explained; the others lie beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from domain.catalog.complaints import translated
from domain.criteria.fields import FieldType, check_names, check_values, nearest
from domain.errors import MilepostError
from domain.ids import Reference
from domain.model import Value
from starters.logs.columns import Column, Effect, EventColumn, FieldColumn, StateColumn, VerdictColumn, WaitColumns
from starters.logs.times import TimeFormat

Columns = TypeVar("Columns", bound=Value)


class LogError(MilepostError):
    """A log, or its column mapping, that is not taken; nothing of it was used.

    Attributes:
        problems: one line for each, with file, line, column and what would be right.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


Shape = Literal["states", "cases", "activities", "xes"]
"""The shapes of logs: a row for each state of a case; one row a case; case, activity and time; an XES file."""

_NEEDED: Mapping[str, tuple[str, ...]] = {
    "states": ("occurred_at",),
    "cases": ("opened_at", "events"),
    "activities": ("activity", "occurred_at"),
    "xes": (),
}
_OF_SHAPES: Mapping[str, tuple[str, ...]] = {
    "opened_at": ("states", "cases"),
    "occurred_at": ("states", "activities", "xes"),
    "order": ("states", "activities"),
    "events": ("cases",),
    "waits": ("cases",),
    "activity": ("activities", "xes"),
    "activities": ("activities", "xes"),
    "merged": ("states", "cases", "activities"),
}
_XES_COLUMNS = {"case_id": "case:concept:name", "activity": ["concept:name"], "occurred_at": "time:timestamp"}


class LogMapping(Value):
    """Which shape a log has, and which of its columns is what.

    Attributes:
        shape: `states`: each row is the whole case as it stood from one instant on. `cases`: one row a case, with a
            column for each event. `activities`: each row is something that happened; the first one opens the case.
            `xes`: the same as an XES file.
        case_id: the column with the id of the case, any text.
        opened_at: the column with the instant at which it was opened; of `states` the first row's, if left out.
        occurred_at: the column with the instant at which a row took effect; rows are sorted by it.
        order: the column with the number by which rows of one instant are sorted; left out: their place in the file.
        by: the column with who caused the change.
        no_value: what a cell without a value holds, besides nothing at all.
        merged: columns whose cells were merged: an empty one says what the one above it says.
        decimal: the sign between the whole and the fraction of a number.
        events: of `cases`; those of one instant count in this order.
        waits: of `cases`.
        activity: the column or columns that say what happened; several are joined by ``+``.
        activities: what each activity does; left out, it is the state of the case.
        account: of every case.
    """

    shape: Shape = "states"
    case_id: Column
    opened_at: Column | None = None
    occurred_at: Column | None = None
    order: Column | None = None
    by: Column | None = None
    times: TimeFormat = TimeFormat()
    no_value: list[str] = Field(default_factory=list)
    merged: list[Column] = Field(default_factory=list)
    decimal: Literal[".", ","] = "."
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: Literal["utf-8", "latin-1", "cp1252", "utf-16"] = "utf-8"
    state: StateColumn = StateColumn()
    fields: dict[str, FieldColumn] = Field(default_factory=dict)
    events: list[EventColumn] = Field(default_factory=list)
    waits: list[WaitColumns] = Field(default_factory=list)
    activity: list[Column] = Field(default_factory=list)
    activities: dict[str, Effect | None] | None = None
    account: Reference | None = None
    verdict: VerdictColumn | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_the_shape(cls, given: Any) -> Any:
        """Refuse keys of other shapes; fill in what every XES file has."""
        if not isinstance(given, Mapping):
            return given
        shape = given.get("shape", "states")
        for key, shapes in _OF_SHAPES.items():
            if key in given and shape in _NEEDED and shape not in shapes:
                raise ValueError(f"{key} is a key of the shape {' or '.join(shapes)}; this one is {shape}")
        return {**_XES_COLUMNS, **given} if shape == "xes" else given

    @field_validator("no_value", "activity", "merged", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        if isinstance(value, int | float | bool):
            raise ValueError(f"expected text, not {value!r}; in quotes it would be: '{value}'")  # noqa: TRY004
        return [value] if isinstance(value, str) else value

    @field_validator("activities", mode="before")
    @classmethod
    def _states_of_activities(cls, value: Any) -> Any:
        """Read ``Resolve: Resolved`` as the state that an activity brings."""
        if not isinstance(value, Mapping):
            return value
        return {name: {"state": effect} if isinstance(effect, str) else effect for name, effect in value.items()}

    @model_validator(mode="after")
    def _is_one_piece(self) -> LogMapping:
        for key in _NEEDED[self.shape]:
            if not getattr(self, key):
                raise ValueError(f"{key} is missing; every log mapping of the shape {self.shape} has one")
        self._check_state()
        if self.state.field in self.fields:
            raise ValueError(f"the field {self.state.field!r} is declared twice, by state and by fields")
        check_names(self.declared)
        check_values(
            {name: field.initial for name, field in self.fields.items() if field.initial is not None}, self.declared
        )
        effects: list[Effect] = [*self.events, *self.waits, *(e for e in (self.activities or {}).values() if e)]
        for effect in effects:
            check_values(effect.set, self.declared)
        for name in (name for event in self.events for name in event.read):
            if name not in self.fields:
                raise ValueError(f"an event reads the field {name!r}, which is not declared in fields")
        return self

    def _check_state(self) -> None:
        state = self.state
        if self.shape == "states":
            if state.column is None:
                raise ValueError("state.column is missing: a log with a row for each state has a column that holds it")
            if state.opened is None and self.opened_at is not None:
                raise ValueError(
                    "state.opened is missing: the state in which a case is opened, before its first row took effect"
                )
        elif state.column is not None:
            raise ValueError(
                f"state.column is of the shape states; in the shape {self.shape} the state comes from what happened"
            )
        elif self.shape == "cases" and self.has_state and state.opened is None:
            raise ValueError("state.opened is missing: the state in which a case is opened, before its first event")

    @property
    def has_state(self) -> bool:
        """Whether the log says in which state a case is."""
        if self.shape != "cases":
            return True
        return self.state.opened is not None or any(effect.state is not None for effect in (*self.events, *self.waits))

    @property
    def declared(self) -> dict[str, FieldType]:
        """The fields of a case that the log fills, with their types."""
        state = {self.state.field: FieldType.STRING} if self.has_state else {}
        return {**state, **{name: FieldType(f.type) for name, f in self.fields.items()}}

    @property
    def columns(self) -> list[str]:
        """Every column that a log must have for this mapping, each once."""
        named = [self.case_id, self.opened_at, self.occurred_at, *self.activity, self.order, self.by, self.state.column]
        named += [*self.state.where, *(f.column for f in self.fields.values())]
        named += [column for event in self.events for column in (event.column, *event.read.values())]
        named += [column for wait in self.waits for column in (wait.since, wait.until)]
        named += [self.verdict.column if self.verdict else None, *self.merged]
        named += [column for pair in self.times.clocks.items() for column in pair]
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
    return load_columns(path, LogMapping)


def load_columns(path: Path, model: type[Columns]) -> Columns:
    """Read a column mapping of some kind.

    Args:
        path: of the file.
        model: what it says.

    Raises:
        LogError: as `load_mapping`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LogError([f"{path}: {error.strerror or error}"]) from None
    except UnicodeDecodeError:
        raise LogError([f"{path}: is not UTF-8 text"]) from None
    return _parsed(text, path, model)


def parsed_mapping(text: str, path: Path) -> LogMapping:
    """Read a column mapping from its text.

    Args:
        text: YAML.
        path: where it comes from, for messages.

    Raises:
        LogError: it is no YAML, or is no mapping; with each line and what would be right.
    """
    return _parsed(text, path, LogMapping)


def _parsed(text: str, path: Path, model: type[Columns]) -> Columns:
    try:
        document = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise LogError([f"{path}:{line}: no YAML: {error.problem}"]) from None
    except YAMLError as error:
        raise LogError([f"{path}: no YAML: {error}"]) from None
    except RecursionError:
        raise LogError([f"{path}: no YAML: it is nested too deeply"]) from None
    if not isinstance(document, dict):
        raise LogError([f"{path}:1: a column mapping is a mapping that starts with, for example, 'case_id: number'"])
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise LogError(list(_problems(path, document, error, model))) from None


def _problems(path: Path, document: Any, error: ValidationError, model: type[Value]) -> Iterator[str]:
    for problem in translated(error, model, document, ()):
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

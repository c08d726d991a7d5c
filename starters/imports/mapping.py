"""The column mapping of an import: which column of a CSV file is what, declared in YAML.

`catalogs/cases.mapping.yaml` and `catalogs/entries.mapping.yaml` are one of each kind, with their keys explained.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from domain.bounds import Words
from domain.criteria.fields import FieldType, nearest
from domain.model import Value
from starters.logs.columns import Column
from starters.logs.lengths import Unit
from starters.logs.mapping import LogError, load_columns
from starters.logs.times import TimeFormat

NAMED = (
    *("account", "contact", "asset", "service_contract", "contract_line_item", "entitlement", "product", "channel"),
    "business_hours",
)
"""What a case may name of the catalog; each may have a column."""


class Source(Value):
    """Where a value comes from.

    Attributes:
        column: holds it; an empty cell: there is none.
        value: or what it is in every row.
        values: what may stand in the column, and what Milepost calls it; whatever stands there, if left out.
    """

    column: Column | None = None
    value: str | int | float | bool | None = None
    values: dict[str, str] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Source:
        if (self.column is None) == (self.value is None):
            raise ValueError("give either column, or value: the same in every row")
        if self.values is not None and self.column is None:
            raise ValueError("values are of a column")
        return self


def _as_source(given: Any) -> Any:
    return {"column": given} if isinstance(given, str) else given


From = Annotated[Source, BeforeValidator(_as_source)]
"""A column by its name alone, or a source with its parts."""


class _Import(Value):
    """What every import has.

    Attributes:
        case_id: any text; what is no id of Milepost's becomes one.
        by: who did it.
        times: how instants are written.
        no_value: what a cell without a value holds, besides nothing at all.
        decimal: the sign between the whole and the fraction of a number.
    """

    case_id: From
    by: From | None = None
    times: TimeFormat = TimeFormat()
    no_value: list[str] = Field(default_factory=list)
    decimal: Literal[".", ","] = "."
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: Literal["utf-8", "latin-1", "cp1252", "utf-16"] = "utf-8"

    def sources(self) -> Iterable[Source | None]:
        """Everything that a row is read from."""
        return (self.case_id, self.by)

    @property
    def columns(self) -> list[str]:
        """Every column that the file must have, each once."""
        named = [source.column for source in self.sources() if source is not None]
        named += [column for pair in self.times.clocks.items() for column in pair]
        return list(dict.fromkeys(column for column in named if column is not None))


class CaseColumns(_Import):
    """A row for each case: as it was opened, and what became of it.

    Attributes:
        opened_at: when it was opened; now, if left out.
        fields: values at the opening, by field.
        completed: when a milestone was completed, by its name; empty: it was not.
        closed_at: when the case was closed; empty: it is open.
    """

    rows: Literal["cases"] = "cases"
    account: From | None = None
    contact: From | None = None
    asset: From | None = None
    service_contract: From | None = None
    contract_line_item: From | None = None
    entitlement: From | None = None
    product: From | None = None
    channel: From | None = None
    business_hours: From | None = None
    opened_at: From | None = None
    fields: dict[str, From] = Field(default_factory=dict)
    completed: dict[Words, From] = Field(default_factory=dict)
    closed_at: From | None = None

    def sources(self) -> Iterable[Source | None]:
        """Everything that a row is read from."""
        named = [getattr(self, name) for name in NAMED]
        return (
            *super().sources(),
            *named,
            self.opened_at,
            self.closed_at,
            *self.fields.values(),
            *self.completed.values(),
        )

    def check(self, path: Path, declared: dict[str, FieldType]) -> None:
        """Refuse fields that no case has.

        Args:
            path: of the mapping, for messages.
            declared: the fields of the catalog.

        Raises:
            LogError: there are some.
        """
        problems = [
            f"{path}: fields.{name}: the catalog declares no such field; {nearest(name, declared)}"
            for name in self.fields
            if name not in declared
        ]
        if problems:
            raise LogError(problems)


class EntryColumns(_Import):
    """A row for each time entry.

    Attributes:
        id: of the entry: it counts once. Left out, the row itself makes one.
        worked: how long it took: a number of `unit`, or ``1:30`` (hours and minutes), ``1h 30m``.
        unit: of numbers.
        worked_at: when; decides the period. Now, if left out.
        note: goes on record.
    """

    rows: Literal["time_entries"]
    id: From | None = None
    worked: From
    unit: Unit = "minutes"
    worked_at: From | None = None
    note: From | None = None

    def sources(self) -> Iterable[Source | None]:
        """Everything that a row is read from."""
        return (*super().sources(), self.id, self.worked, self.worked_at, self.note)


def load_import(path: Path) -> CaseColumns | EntryColumns:
    """Read the mapping of an import.

    Raises:
        LogError: it cannot be read, or says what cannot be; with each line and what would be right.
    """
    if load_columns(path, _Kind).rows == "time_entries":
        return load_columns(path, EntryColumns)
    return load_columns(path, CaseColumns)


class _Kind(Value):
    """What the rows of a file are."""

    model_config = ConfigDict(extra="ignore")

    rows: Literal["cases", "time_entries"] = "cases"

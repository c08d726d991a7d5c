"""The columns of an event log and what is in them: states, fields, events, waits and verdicts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from domain.model import Value
from starters.logs.lengths import Unit

Column = Annotated[str, Field(min_length=1)]


class StateColumn(Value):
    """The state of a case.

    Attributes:
        column: holds it; of a log that has a row for each state.
        where: what stands in other columns of the rows in which it does; any other row leaves the state as it is.
        field: the field of the case that holds it.
        opened: the state in which a case is opened, whatever its first row says.
        closed: the states that close a case. Another state after one of them reopens it.
        values: what may stand in the column, and what the case calls it; a list, if it calls it the same. Left out:
            whatever stands there.
    """

    column: Column | None = None
    where: dict[Column, str] = Field(default_factory=dict)
    field: str = "state"
    opened: str | None = None
    closed: list[str] = Field(default_factory=list)
    values: dict[str, str] | None = Field(default=None, min_length=1)

    @field_validator("values", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return {v: v for v in value} if isinstance(value, list) and all(isinstance(v, str) for v in value) else value

    @model_validator(mode="after")
    def _are_states(self) -> StateColumn:
        if self.where and (self.column is None or self.opened is None):
            raise ValueError("where is of a column, and of cases that have a state before that holds one: give both")
        if self.values is None:
            return self
        for state in (*([self.opened] if self.opened is not None else []), *self.closed):
            if state not in self.values.values():
                raise ValueError(f"{state!r} is none of the states in values: {', '.join(self.values.values())}")
        return self


class FieldColumn(Value):
    """A field of the case.

    Attributes:
        column: holds its value; left out: the field gets one from events only.
        values: what may stand in the column, and what the case calls it; anything, if left out.
        initial: its value at the opening, of a field without a column.
    """

    column: Column | None = None
    type: Literal["string", "integer", "number", "boolean", "datetime"] = "string"
    values: dict[str, str] | None = None
    initial: Any = None

    @model_validator(mode="after")
    def _values_are_text(self) -> FieldColumn:
        if self.values is not None and self.type != "string":
            raise ValueError(f"values are for fields of type string; this one is {self.type}")
        if self.initial is not None and self.column is not None:
            raise ValueError("give either column or initial: the column holds the value at the opening")
        return self


class Effect(Value):
    """What something that happened does to the case.

    Attributes:
        state: that the case is in from then on.
        set: values of fields from then on.
    """

    state: str | None = None
    set: dict[str, Any] = Field(default_factory=dict)


class EventColumn(Effect):
    """A column that holds when something happened to its case; empty: it did not.

    Attributes:
        at: the column with the instant; or
        after: the one with how long after the opening it was, counted round the clock: a number of `unit`, or `1:30`
            (hours and minutes), `1:30:00`, `1d 2h 30m`.
        read: fields that get the values of columns then.
        reopens: a state after the closing takes the case up again; else it changes nothing, and is reported.
    """

    at: Column | None = None
    after: Column | None = None
    unit: Unit | None = None
    read: dict[str, Column] = Field(default_factory=dict)
    reopens: bool = False

    @property
    def column(self) -> str:
        """The column that holds when it happened."""
        return self.at or self.after or ""

    @model_validator(mode="after")
    def _does_something(self) -> EventColumn:
        if (self.at is None) == (self.after is None):
            raise ValueError("give either at, a column of instants, or after, one of lengths since the opening")
        if self.unit is not None and self.after is None:
            raise ValueError("unit is of the numbers in the column that after names")
        if self.state is None and not self.set and not self.read:
            raise ValueError("an event does something to its case: give state, set or read")
        return self


class WaitColumns(Effect):
    """Two columns that hold since when and until when a case waited. What it was before it is again after that.

    Attributes:
        since: the column with its begin; empty: it did not wait.
        until: the column with its end; empty: it waits still.
    """

    since: Column
    until: Column

    @model_validator(mode="after")
    def _does_something(self) -> WaitColumns:
        if self.state is None and not self.set:
            raise ValueError("a wait is a state of its case, or a value of a field: give state or set")
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

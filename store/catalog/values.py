"""What the store gives back of the catalog."""

from __future__ import annotations

import operator
from typing import Literal, NamedTuple

from pydantic import Field

from domain.calendar import BusinessHours
from domain.catalog.three_way import Against
from domain.model import Value
from domain.wording import plural

_NAMED = 5
"""Versions of processes that a line of text names."""


class VersionedHours(NamedTuple):
    """Business hours with the version under which they are stored; the built-in 24x7 has version 0."""

    version: int
    hours: BusinessHours


class Change(Value):
    """What applying a catalog does to one declaration.

    Attributes:
        kind: a key of the catalog, such as `entitlements`.
        version: of business hours and processes: the one that counts from now on.
        details: what is different, one line each.
    """

    kind: str
    name: str
    what: Literal["created", "changed", "retired", "restored"]
    version: int | None = None
    details: list[str] = Field(default_factory=list)


class DroppedValue(Value):
    """A value that the list of a field has no longer.

    Attributes:
        cases: how many running cases have it; they may keep it.
        processes: the stored versions that name it, such as `Support 2`.
    """

    field: str
    value: str | int
    cases: int
    processes: list[str] = Field(default_factory=list)

    def __str__(self) -> str:
        said = f"value {self.value!r} is dropped: {plural(self.cases, 'running case')} "
        said += f"{'has' if self.cases == 1 else 'have'} it, and may keep it"
        if not self.processes:
            return said
        more = len(self.processes) - _NAMED
        return f"{said}; named by {', '.join(self.processes[:_NAMED])}" + (f" and {more} more" if more > 0 else "")


class Diff(Value):
    """What applying a catalog changes, or with a dry run would change.

    Attributes:
        unchanged: how many declarations are stored already just so.
        against: keys of which files and what stands say different things.
        asks: nothing was stored, since somebody has to say yes to what `against` says.
        doubts: what is probably a mistake, a line each; stored all the same.
        dropped: values that fields list no longer; told in the details of their changes, too.
    """

    changes: list[Change]
    unchanged: int
    against: list[Against] = Field(default_factory=list)
    dry_run: bool = False
    asks: bool = False
    doubts: list[str] = Field(default_factory=list, exclude_if=operator.not_)
    dropped: list[DroppedValue] = Field(default_factory=list, exclude_if=operator.not_)

    @property
    def to_be_asked(self) -> list[Against]:
        """What somebody has to say yes to: what was amended by hand and is changed in a file, and what is left out."""
        return [one for one in self.against if one.why != "amended"]

    def of(self, kind: str, what: str) -> list[str]:
        """The names of what was created, changed, retired or restored of one kind."""
        return [change.name for change in self.changes if change.kind == kind and change.what == what]

    def __str__(self) -> str:
        width = max((len(change.kind) for change in self.changes), default=0)
        lines = []
        for change in self.changes:
            version = f" (version {change.version})" if change.version else ""
            lines.append(f"{change.what:<9} {change.kind:<{width}}  {change.name}{version}")
            lines += [f"{'':<{12 + width}}{detail}" for detail in change.details]
        lines.append(f"{self.unchanged} unchanged" if lines else f"nothing to change; {self.unchanged} unchanged")
        lines += map(str, self.against)
        if self.dry_run:
            lines.append("dry run: nothing was stored")
        return "\n".join(lines)

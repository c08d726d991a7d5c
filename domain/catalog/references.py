"""What a catalog refers to: declared in it, or known already (stored)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from domain.calendar import ALWAYS
from domain.catalog.declarations import Catalog, Declaration, Organisation, name_of
from domain.catalog.kinds import Kind
from domain.catalog.problems import Path, Problem
from domain.criteria.fields import FieldType, nearest
from domain.criteria.values import Listed

Entries = Mapping[Kind, Sequence[tuple[Path, Declaration]]]
"""Declarations with their places in a document."""


class Known(Protocol):
    """What is declared already, elsewhere: in the store."""

    def organisation(self) -> Organisation:
        """As declared, or the defaults."""

    def fields(self) -> Mapping[str, FieldType]:
        """The declared fields of a case."""

    def values(self) -> Listed:
        """The values of those fields of which they are listed."""

    def find(self, kind: Kind, name: str) -> Declaration | None:
        """The declaration of that name."""

    def names(self, kind: Kind, *, retired: bool = True) -> Iterable[str]:
        """All names of a kind, with those that are retired or without; asked for only when one is unknown."""


@dataclass(frozen=True)
class KnownCatalog:
    """A catalog as what is known already; by default an empty one."""

    catalog: Catalog = field(default_factory=Catalog)

    def organisation(self) -> Organisation:
        """See `Known`."""
        return self.catalog.organisation or Organisation()

    def fields(self) -> Mapping[str, FieldType]:
        """See `Known`."""
        return self.catalog.fields

    def values(self) -> Listed:
        """See `Known`."""
        return self.catalog.values

    def find(self, kind: Kind, name: str) -> Declaration | None:
        """See `Known`."""
        return self.catalog.find(kind, name)

    def names(self, kind: Kind, *, retired: bool = True) -> Iterable[str]:
        """See `Known`."""
        return [name_of(declared) for declared in self.catalog.of(kind) if retired or not declared.retired]


NOTHING: Known = KnownCatalog()


class References:
    """The declarations of a catalog by kind and name, before those that are known already.

    Args:
        entries: the declarations with their paths.
        known: what is declared already.
        broken: names of declarations that could not be read; None: one whose name could not be read either.
        organisation: as the catalog declares it; None: as it is known.

    Attributes:
        organisation: as it will stand.
    """

    def __init__(
        self,
        entries: Entries,
        known: Known,
        broken: Iterable[tuple[Kind, str | None]] = (),
        organisation: Organisation | None = None,
    ) -> None:
        self.known = known
        self.organisation = organisation or known.organisation()
        self._broken = set(broken)
        self._declared = {(kind, name_of(d)): d for kind, entered in entries.items() for _, d in entered}

    def find(self, kind: Kind, name: str) -> Declaration | None:
        """The declaration of that name, as the catalog has it or as it is known."""
        return self._declared.get((kind, name)) or self.known.find(kind, name)

    def is_declared(self, kind: Kind, name: str) -> bool:
        """Whether the catalog itself declares it."""
        return (kind, name) in self._declared

    def may_be_broken(self, kind: Kind, name: str) -> bool:
        """Whether it may be one of the declarations that could not be read."""
        return not self._broken.isdisjoint({(kind, name), (kind, None)})

    def names(self, kind: Kind, *, retired: bool = True) -> set[str]:
        """All names of a kind, with those that will be retired or without."""
        names = {name for declared, name in (*self._declared, *self._broken) if declared is kind and name is not None}
        names |= set(self.known.names(kind, retired=retired)) | (
            {ALWAYS.name} if kind is Kind.BUSINESS_HOURS else set()
        )
        if retired:
            return names
        return names - {name for (of, name), declared in self._declared.items() if of is kind and declared.retired}

    def problems(
        self, path: Path, kind: Kind, name: str, fits: Callable[[str], bool] | None = None
    ) -> Iterator[Problem]:
        """What is wrong with a reference: nothing of that name is declared, or it is retired.

        Args:
            path: where it stands.
            kind: of what is named.
            name: that is named.
            fits: whether another name would be taken there, for all that is known of it beside.
        """
        found = self.find(kind, name)
        if found is None:
            built_in = kind is Kind.BUSINESS_HOURS and name == ALWAYS.name
            if built_in or self.may_be_broken(kind, name):
                return
            yield Problem(path, f"unknown {kind.one} {name!r}; {nearest(name, self.names(kind, retired=False), fits)}")
        elif found.retired:
            yield Problem(path, f"{kind.one} {name!r} is retired; name another, or retire this too")

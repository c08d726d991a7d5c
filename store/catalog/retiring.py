"""What is stored and goes on, and names something that a catalog retires."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from domain.catalog.declarations import Account, Catalog, ContractLineItem, Declaration, ServiceContract, name_of
from domain.catalog.kinds import Kind
from domain.catalog.naming import Named, everything_named, kinds_that_name, named_by_organisation
from domain.catalog.problems import Problem
from domain.catalog.retiring import is_over, retiring, still_named
from domain.catalog.status import zone_of
from store import tables
from store.catalog.reading import StoredCatalog, declaration_of

_AT_ONCE = 500


@dataclass
class Retiring:
    """A catalog that may retire something, beside what is stored."""

    connection: Connection
    stored: StoredCatalog
    catalog: Catalog
    at: datetime
    _accounts: dict[str, Account | None] = field(default_factory=dict)

    def problems(self) -> Iterator[Problem]:
        """What can't be retired, since something that is stored, and not in the catalog, goes on and names it.

        What the catalog has itself is checked with it. Where nothing is retired, nothing is read.
        """
        wanted = retiring(self.catalog, self.stored)
        if wanted:
            yield from still_named(wanted, self._going_on({kind for kind, _ in wanted}, {name for _, name in wanted}))

    def _going_on(self, kinds: set[Kind], names: set[str]) -> Iterator[tuple[str, Iterable[Named]]]:
        if self.catalog.organisation is None:
            yield "the organisation", named_by_organisation(self.stored.organisation())
        for kind in kinds_that_name(kinds):
            declared = {name_of(one) for one in self.catalog.of(kind)}
            for row in self._rows(kind):
                # A look at the texts is enough for nearly all, of which there may be very many.
                if not row["retired"] and not names.isdisjoint(_texts(row["definition"])):
                    found = declaration_of(kind, row)
                    if name_of(found) not in declared and not self._is_over(found):
                        yield f"{kind.one} {name_of(found)!r}", everything_named(kind, found)

    def _rows(self, kind: Kind) -> Iterator[RowMapping]:
        table = tables.DECLARED[kind]
        if "version" in table.c:
            yield from self.stored.latest(kind)
            return
        wanted = select(table).where(table.c.retired.is_(False)).order_by(table.c.id)
        with self.connection.execute(wanted.execution_options(yield_per=_AT_ONCE)) as found:
            yield from found.mappings()

    def _is_over(self, declaration: Declaration) -> bool:
        account = self._account_of(declaration)
        organisation = self.catalog.organisation or self.stored.organisation()
        return is_over(declaration, account, self.at, zone_of(account or Account(id="nobody"), organisation))

    def _account_of(self, declaration: Declaration) -> Account | None:
        """Whose it is, as that will be."""
        if isinstance(declaration, ContractLineItem):
            contract = self.stored.find(Kind.SERVICE_CONTRACTS, declaration.service_contract)
            name = contract.account if isinstance(contract, ServiceContract) else None
        else:
            name = getattr(declaration, "account", None)
        if name is None:
            return None
        if name not in self._accounts:
            found = self.catalog.find(Kind.ACCOUNTS, name) or self.stored.find(Kind.ACCOUNTS, name)
            self._accounts[name] = found if isinstance(found, Account) else None
        return self._accounts[name]


def _texts(definition: Any) -> Iterator[str]:
    """Every text in a document, keys left out."""
    match definition:
        case str():
            yield definition
        case dict():
            for value in definition.values():
                yield from _texts(value)
        case list():
            for value in definition:
                yield from _texts(value)

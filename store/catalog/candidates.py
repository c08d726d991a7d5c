"""Finds the entitlements that may cover a case, by indexes: the time does not grow with the catalog."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, and_, or_, select, union_all

from domain.catalog.declarations import Account, Asset, Contact, ContractLineItem, Entitlement, Product, ServiceContract
from domain.catalog.kinds import Kind
from domain.coverage.matching import Candidate, CoverageCandidates, CoverageQuestion, CoverageScope
from store import tables
from store.catalog.reading import StoredCatalog, declaration_of

Child = TypeVar("Child", ContractLineItem, ServiceContract)
"""What has a parent of its own kind."""

OTHERS = 20
"""How many entitlements of the same accounts that cannot match are given as well, so that the answer can say why; an
account may have very many."""


def candidates(
    connection: Connection, stored: StoredCatalog, question: CoverageQuestion, others: int = OTHERS
) -> CoverageCandidates:
    """Find the case's scope, and the entitlements that may cover it.

    Args:
        connection: of the transaction.
        stored: the catalog in it.
        question: what is known of the case.
        others: how many of those that cannot match are given as well.

    Raises:
        NotFound: the question names something that the catalog does not have.
    """
    lookup = _Lookup(stored)
    scope = lookup.scope(question)
    entitlements, more = _entitlements(connection, scope, others)
    return CoverageCandidates(scope=scope, candidates=[lookup.candidate(one) for one in entitlements], more=more)


class _Lookup:
    """What the catalog knows of the things that a question names."""

    def __init__(self, stored: StoredCatalog) -> None:
        self._stored = stored
        self._default_zone = stored.organisation().time_zone
        self._accounts: dict[str, Account] = {}

    def scope(self, question: CoverageQuestion) -> CoverageScope:
        if question.entitlement is not None:
            entitlement = self._stored.get(Entitlement, question.entitlement)
            question = question.filled_from(entitlement)
        accounts = [question.account]
        product = question.product
        if product is not None:
            self._stored.get(Product, product)
        if question.account is not None:
            self._stored.get(Account, question.account)
        if question.contact is not None:
            contact = self._stored.get(Contact, question.contact)
            accounts.append(contact.account)
        if question.asset is not None:
            asset = self._stored.get(Asset, question.asset)
            accounts.append(asset.account)
            product = product or asset.product
        lines = self._with_parents(ContractLineItem, question.contract_line_item)
        named = question.service_contract or (lines[0].service_contract if lines else None)
        contracts = self._with_parents(ServiceContract, named)
        if contracts:
            accounts.append(contracts[0].account)
        return CoverageScope(
            at=question.at,
            entitlement=question.entitlement,
            accounts=list(dict.fromkeys(account for account in accounts if account is not None)),
            contact=question.contact,
            asset=question.asset,
            product=product,
            channel=question.channel,
            contract_line_items=[line.id for line in lines],
            service_contracts=[contract.id for contract in contracts],
        )

    def candidate(self, entitlement: Entitlement) -> Candidate:
        name = entitlement.account
        if name not in self._accounts:
            self._accounts[name] = self._stored.get(Account, name)
        account = self._accounts[name]
        named = entitlement.contract_line_item
        line = self._stored.get(ContractLineItem, named) if named else None
        return Candidate(
            entitlement=entitlement,
            time_zone=account.time_zone or self._default_zone,
            account_retired=account.retired,
            contract_of_line_item=line.service_contract if line and not entitlement.service_contract else None,
            line_asset=line.asset if line else None,
            line_product=line.product if line else None,
        )

    def _with_parents(self, kind: type[Child], name: str | None) -> list[Child]:
        """A declaration and its parents; that these form no ring was checked when they were applied."""
        chain: list[Child] = []
        while name is not None:
            found = self._stored.get(kind, name)
            chain.append(found)
            name = found.parent
        return chain


def _entitlements(connection: Connection, scope: CoverageScope, most: int) -> tuple[list[Entitlement], bool]:
    """Those that may match, and some of the others; and whether there are more of these.

    The others come in the order of the index of accounts, so that not all that an account has is read, then by id.
    """
    table = tables.entitlements
    rows = list(connection.execute(_matching(scope)).mappings())
    found = {row["id"]: row for row in rows}
    by_index = (table.c.account, table.c.asset, table.c.for_contacts, table.c.ends_on, table.c.id)
    others = select(table).where(table.c.account.in_(scope.accounts), table.c.id.not_in(found)).order_by(*by_index)
    rest = connection.execute(others.limit(most + 1)).mappings().all()
    found |= {row["id"]: row for row in rest[:most]}
    entitlements = [declaration_of(Kind.ENTITLEMENTS, row) for row in found.values()]
    return [entitlement for entitlement in entitlements if isinstance(entitlement, Entitlement)], len(rest) > most


def _matching(scope: CoverageScope) -> Select[Any]:
    """One search per combination of asset, contact and end, so that each is one walk down an index."""
    table, covered = tables.entitlements, tables.entitlement_contacts
    of_account = table.c.account.in_(scope.accounts)
    assets = [table.c.asset.is_(None)] + ([table.c.asset == scope.asset] if scope.asset else [])
    anybody = table.c.for_contacts.is_(False)
    day = timedelta(days=1)  # no zone's date is further from that in UTC
    today = scope.at.astimezone(UTC).date()
    begun = and_(or_(table.c.starts_on.is_(None), table.c.starts_on <= today + day), table.c.retired.is_(False))
    goes_on = [table.c.ends_on.is_(None), table.c.ends_on >= today - day]  # what has expired is not even looked at
    searches = [
        select(table.c.id).where(of_account, asset, anybody, ends, begun) for asset in assets for ends in goes_on
    ]
    if scope.contact:
        named = select(table.c.id).join(covered, covered.c.entitlement == table.c.id)
        searches.append(named.where(covered.c.contact == scope.contact, or_(*goes_on), begun))
    if scope.entitlement:
        searches.append(select(table.c.id).where(table.c.id == scope.entitlement))
    return select(table).where(table.c.id.in_(union_all(*searches)))

"""Whether something may be retired: not while anything that goes on names it, for new cases would go on by it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.catalog.declarations import (
    Account,
    Catalog,
    ContractLineItem,
    Declaration,
    Entitlement,
    ServiceContract,
    name_of,
)
from domain.catalog.kinds import Kind
from domain.catalog.naming import Named
from domain.catalog.problems import Path, Problem
from domain.catalog.references import Known
from domain.catalog.status import EntitlementStatus, status

ToRetire = Mapping[tuple[Kind, str], Path]
"""What is retired now, by kind and name, and where that is said."""

MOST_SAID = 3
"""Of those who name it."""

_NAMED_ALL_THE_SAME = frozenset({Kind.ACCOUNTS, Kind.PEOPLE})
"""Of a retired account everything has ended, and who has left gets no mail: nobody has to name another first."""


def retiring(catalog: Catalog, known: Known) -> ToRetire:
    """What a catalog retires that is known and not retired."""
    found: dict[tuple[Kind, str], Path] = {}
    for kind in Kind:
        for number, declaration in enumerate(() if kind in _NAMED_ALL_THE_SAME else catalog.of(kind)):
            if declaration.retired:
                before = known.find(kind, name_of(declaration))
                if before is not None and not before.retired:
                    found[kind, name_of(declaration)] = (kind.value, number, "retired")
    return found


def is_over(declaration: Declaration, account: Account | None, at: datetime, zone: ZoneInfo) -> bool:
    """Whether a declaration that is not retired has ended all the same, so that no new case goes by it.

    Args:
        declaration: that names something.
        account: whose it is; None: nobody's.
        at: now.
        zone: of its dates.
    """
    if account is not None and account.retired:
        return True
    match declaration:
        case Entitlement():
            return status(declaration, at, zone) in {EntitlementStatus.EXPIRED, EntitlementStatus.CANCELLED}
        case ServiceContract() | ContractLineItem():
            return declaration.ends_on is not None and declaration.ends_on < at.astimezone(zone).date()
        case _:
            return False


def still_named(wanted: ToRetire, going_on: Iterable[tuple[str, Iterable[Named]]]) -> Iterator[Problem]:
    """What can't be retired yet, and who names it.

    Args:
        wanted: what is to be retired.
        going_on: those that go on, in words, with what they name. They are read only as far as it takes.
    """
    naming: dict[tuple[Kind, str], list[str]] = {one: [] for one in wanted}
    for who, names in going_on:
        for kind, name in {(named.kind, named.name) for named in names} & naming.keys():
            naming[kind, name].append(who)
        if all(len(found) > MOST_SAID for found in naming.values()):
            break
    for (kind, name), found in naming.items():
        if found:
            said = ", ".join(found[:MOST_SAID]) + (" and others" if len(found) > MOST_SAID else "")
            says, those = ("names", "that") if len(found) == 1 else ("name", "those")
            right = f"retire {those} too, or let {'it' if len(found) == 1 else 'them'} name another"
            yield Problem(wanted[kind, name], f"{kind.one} {name!r} can't be retired: {said} {says} it; {right}")

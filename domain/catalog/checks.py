"""Checks a catalog as a whole: references, criteria, and what processes name.

What a catalog refers to is declared in it or known already (stored). Every problem is collected, with its path in the
document, so that whoever read the document can say where that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from domain.calendar import ALWAYS
from domain.catalog.amendments import refused_changes
from domain.catalog.declarations import (
    Catalog,
    ContractLineItem,
    Declaration,
    Entitlement,
    EntitlementTemplate,
    Kind,
    Organisation,
    ServiceContract,
    name_of,
)
from domain.catalog.endpoints import Endpoint, templates_of_endpoint
from domain.catalog.sizes import oversized
from domain.criteria.compiling import CriteriaError, CriteriaSchema, compile_criteria
from domain.criteria.cost import MOST_NANOSECONDS_TOGETHER
from domain.criteria.fields import FieldsError, FieldType, check_values, nearest
from domain.errors import CatalogError
from domain.process import EntitlementProcess, FieldUpdate, Milestone
from domain.process.actions import COMPLETED, Action, OutboundMessage
from domain.process.templates import (
    OF_A_NOTICE,
    OF_A_THRESHOLD,
    Sight,
    of_a_milestone,
    of_an_endpoint,
    template_problem,
    template_problems,
)
from domain.usage.rates import ENTRY_FIELDS

Path = tuple[str | int, ...]
Entries = Mapping[Kind, Sequence[tuple[Path, Declaration]]]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a catalog.

    Attributes:
        path: where, in the document.
        message: what is wrong and what would be right.
        see: the other place that it is about, such as the first of two declarations.
    """

    path: Path
    message: str
    see: Path | None = None

    def __str__(self) -> str:
        also = f" (see {path_text(self.see)})" if self.see else ""
        return f"{path_text(self.path)}: {self.message}{also}" if self.path else f"{self.message}{also}"


class CatalogProblems(CatalogError):
    """A catalog with problems, all of them.

    Attributes:
        problems: in the document's order.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 problem in the catalog" if count == 1 else f"{count} problems in the catalog"
        super().__init__("\n".join([f"{head}; nothing was stored", *(f"  {problem}" for problem in self.problems)]))


class Known(Protocol):
    """What is declared already, elsewhere: in the store."""

    def fields(self) -> Mapping[str, FieldType]:
        """The declared fields of a case."""

    def find(self, kind: Kind, name: str) -> Declaration | None:
        """The declaration of that name."""

    def names(self, kind: Kind) -> Iterable[str]:
        """All names of a kind; asked for only when one is unknown."""


@dataclass(frozen=True)
class KnownCatalog:
    """A catalog as what is known already; by default an empty one."""

    catalog: Catalog = field(default_factory=Catalog)

    def fields(self) -> Mapping[str, FieldType]:
        """See `Known`."""
        return self.catalog.fields

    def find(self, kind: Kind, name: str) -> Declaration | None:
        """See `Known`."""
        return self.catalog.find(kind, name)

    def names(self, kind: Kind) -> Iterable[str]:
        """See `Known`."""
        return [name_of(declaration) for declaration in self.catalog.of(kind)]


NOTHING: Known = KnownCatalog()


def path_text(path: Path) -> str:
    """A path as people write it: ``processes[0].milestones[2].within[1].span``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def check_catalog(catalog: Catalog, known: Known = NOTHING) -> list[Problem]:
    """Everything that is wrong with a catalog beside what is known already; nothing if it can be applied."""
    entries = {kind: [((kind.value, n), d) for n, d in enumerate(catalog.of(kind))] for kind in Kind}
    return check_entries(catalog.organisation, catalog.fields, entries, known)


def check_entries(
    organisation: Organisation | None,
    fields: Mapping[str, FieldType],
    entries: Entries,
    known: Known = NOTHING,
    broken: Iterable[tuple[Kind, str | None]] = (),
) -> list[Problem]:
    """As `check_catalog`, of declarations that stand at any place of a document.

    Args:
        organisation: as declared, if it is.
        fields: as declared.
        entries: the declarations with their paths.
        known: what is declared already.
        broken: names of declarations that could not be read, so that references to them are no further problem; None:
            one whose name could not be read either, so it may be any.
    """
    return list(_Check(organisation, fields, entries, known, broken).problems())


_REFERENCES: Mapping[Kind, Mapping[str, Kind]] = {
    Kind.ENTITLEMENT_TEMPLATES: {"process": Kind.PROCESSES, "business_hours": Kind.BUSINESS_HOURS},
    Kind.PRODUCTS: {"entitlement_templates": Kind.ENTITLEMENT_TEMPLATES},
    Kind.CONTACTS: {"account": Kind.ACCOUNTS},
    Kind.ASSETS: {"account": Kind.ACCOUNTS, "product": Kind.PRODUCTS},
    Kind.SERVICE_CONTRACTS: {"account": Kind.ACCOUNTS, "parent": Kind.SERVICE_CONTRACTS},
    Kind.CONTRACT_LINE_ITEMS: {
        "service_contract": Kind.SERVICE_CONTRACTS,
        "parent": Kind.CONTRACT_LINE_ITEMS,
        "product": Kind.PRODUCTS,
        "asset": Kind.ASSETS,
    },
    Kind.ENTITLEMENTS: {
        "account": Kind.ACCOUNTS,
        "asset": Kind.ASSETS,
        "service_contract": Kind.SERVICE_CONTRACTS,
        "contract_line_item": Kind.CONTRACT_LINE_ITEMS,
        "contacts": Kind.CONTACTS,
        "products": Kind.PRODUCTS,
        "process": Kind.PROCESSES,
        "business_hours": Kind.BUSINESS_HOURS,
    },
}


class _Check:
    """One check: the declarations by kind and name, before those that are known already."""

    def __init__(
        self,
        organisation: Organisation | None,
        fields: Mapping[str, FieldType],
        entries: Entries,
        known: Known,
        broken: Iterable[tuple[Kind, str | None]],
    ) -> None:
        self.organisation = organisation
        self.declared_fields = fields
        self.fields = {**known.fields(), **fields}
        self.schema = CriteriaSchema(case=self.fields)
        self.rate_schema = CriteriaSchema(case=self.fields, entitlement={}, account={}, entry=ENTRY_FIELDS)
        self.entries = entries
        self.known = known
        self.broken = set(broken)
        self.prices: dict[str, float] = {}  # of the criteria that are right
        self.declared = {(kind, name_of(d)): d for kind, entered in entries.items() for _, d in entered}

    def problems(self) -> Iterator[Problem]:
        yield from self._what_the_organisation_names()
        yield from self._processes_that_fields_break()
        for kind, entered in self.entries.items():
            first: dict[str, Path] = {}
            for path, declaration in entered:
                name = name_of(declaration)
                if name in first:
                    yield Problem(path, f"{kind.one} {name!r} is declared twice; keep one of the two", see=first[name])
                    continue
                first[name] = path
                if excess := list(oversized(declaration)):
                    yield from (Problem((*path, *place), message) for place, message in excess)
                    continue
                if not declaration.retired:
                    yield from self._references(path, kind, declaration)
                match declaration:
                    case EntitlementProcess():
                        yield from self._process(path, declaration)
                    case Endpoint():
                        yield from self._endpoint(path, declaration)
                    case EntitlementTemplate():
                        yield from self._count(path, declaration)
                    case ServiceContract() | ContractLineItem():
                        yield from self._parents(path, kind, declaration)
                    case Entitlement():
                        yield from self._entitlement(path, declaration)
                    case _:
                        pass

    def find(self, kind: Kind, name: str) -> Declaration | None:
        return self.declared.get((kind, name)) or self.known.find(kind, name)

    # --- references ---

    def _what_the_organisation_names(self) -> Iterator[Problem]:
        if self.organisation is not None:
            named = {"business_hours": Kind.BUSINESS_HOURS, "process": Kind.PROCESSES}
            for key, kind in named.items():
                yield from self._reference(("organisation", key), kind, getattr(self.organisation, key))

    def _references(self, path: Path, kind: Kind, declaration: Declaration) -> Iterator[Problem]:
        for key, target in _REFERENCES.get(kind, {}).items():
            value = getattr(declaration, key)
            if isinstance(value, list):
                for number, name in enumerate(value):
                    yield from self._reference((*path, key, number), target, name)
            else:
                yield from self._reference((*path, key), target, value)

    def _reference(self, path: Path, kind: Kind, name: str | None) -> Iterator[Problem]:
        if name is None:
            return
        found = self.find(kind, name)
        if found is None:
            built_in = kind is Kind.BUSINESS_HOURS and name == ALWAYS.name
            if built_in or not self.broken.isdisjoint({(kind, name), (kind, None)}):
                return
            yield Problem(path, f"unknown {kind.one} {name!r}; {nearest(name, self._names(kind))}")
        elif found.retired:
            yield Problem(path, f"{kind.one} {name!r} is retired; name another, or retire this too")

    def _names(self, kind: Kind) -> set[str]:
        names = {name for declared, name in (*self.declared, *self.broken) if declared is kind and name is not None}
        return names | set(self.known.names(kind)) | ({ALWAYS.name} if kind is Kind.BUSINESS_HOURS else set())

    def _parents(self, path: Path, kind: Kind, child: ServiceContract | ContractLineItem) -> Iterator[Problem]:
        chain = [child.id]
        parent = child.parent
        while parent is not None:
            chain.append(parent)
            if parent in chain[:-1]:
                if parent == child.id:  # each of a ring says so; who only leads into it does not
                    yield Problem((*path, "parent"), f"{kind.one} is its own parent: {' in '.join(chain)}")
                return
            above = self.find(kind, parent)
            parent = above.parent if isinstance(above, ServiceContract | ContractLineItem) else None

    # --- entitlements ---

    def _entitlement(self, path: Path, entitlement: Entitlement) -> Iterator[Problem]:
        yield from self._count(path, entitlement)
        stored = self.known.find(Kind.ENTITLEMENTS, entitlement.id)
        if isinstance(stored, Entitlement):
            for key, message in refused_changes(stored, entitlement):
                yield Problem((*path, key), message)
        if not entitlement.retired:
            yield from self._owners(path, entitlement)
            yield from self._renewed(path, entitlement)

    def _renewed(self, path: Path, entitlement: Entitlement) -> Iterator[Problem]:
        """What an entitlement renews is another of the same account; that one may be retired by now."""
        name = entitlement.renews
        if name is None:
            return
        before = self.find(Kind.ENTITLEMENTS, name)
        place = (*path, "renews")
        if before is None:
            if self.broken.isdisjoint({(Kind.ENTITLEMENTS, name), (Kind.ENTITLEMENTS, None)}):
                known = nearest(name, self._names(Kind.ENTITLEMENTS) - {entitlement.id})
                yield Problem(place, f"unknown {Kind.ENTITLEMENTS.one} {name!r}; {known}")
        elif name == entitlement.id:
            yield Problem(place, f"entitlement {name!r} renews itself; name the one before it, or leave it out")
        elif isinstance(before, Entitlement) and before.account != entitlement.account:
            message = f"entitlement {name!r} belongs to account {before.account!r}, this one to {entitlement.account!r}"
            yield Problem(place, message)

    def _owners(self, path: Path, entitlement: Entitlement) -> Iterator[Problem]:
        """What an entitlement covers belongs to its own account."""
        owned = {
            "asset": (Kind.ASSETS, entitlement.asset),
            "service_contract": (Kind.SERVICE_CONTRACTS, entitlement.service_contract),
        }
        line = entitlement.contract_line_item and self.find(Kind.CONTRACT_LINE_ITEMS, entitlement.contract_line_item)
        if isinstance(line, ContractLineItem):
            contract = entitlement.service_contract
            if contract is None:
                owned["contract_line_item"] = (Kind.SERVICE_CONTRACTS, line.service_contract)
            elif line.service_contract != contract:
                message = (
                    f"contract line item {line.id!r} is of service contract {line.service_contract!r}, not {contract!r}"
                )
                yield Problem((*path, "contract_line_item"), message)
        for key, (kind, name) in owned.items():
            found = name and self.find(kind, name)
            account = getattr(found, "account", entitlement.account) if found else entitlement.account
            if account != entitlement.account:
                message = (
                    f"{kind.one} {name!r} belongs to account {account!r}, this entitlement to {entitlement.account!r}"
                )
                yield Problem((*path, key), message)

    # --- actions ---

    def _count(self, path: Path, declared: Entitlement | EntitlementTemplate) -> Iterator[Problem]:
        for number, row in enumerate(declared.allowance.rates if declared.allowance else ()):
            yield from criteria_problem((*path, "allowance", "rates", number, "when"), row.when, self.rate_schema)
        for number, threshold in enumerate(declared.allowance.thresholds if declared.allowance else ()):
            place = (*path, "allowance", "thresholds", number, "actions")
            yield from self._actions(place, threshold.actions, OF_A_THRESHOLD, retired=declared.retired)
            yield from _without_milestone(place, threshold.actions)
        for number, notice in enumerate(declared.term_end.notices if declared.term_end else ()):
            place = (*path, "term_end", "notices", number, "actions")
            yield from self._actions(place, notice.actions, OF_A_NOTICE, retired=declared.retired)
            yield from _without_milestone(place, notice.actions)

    def _actions(self, path: Path, actions: Sequence[Action], sight: Sight, *, retired: bool) -> Iterator[Problem]:
        for number, action in enumerate(actions):
            for place, message in template_problems(action, sight):
                yield Problem((*path, number, *place), message)
            if isinstance(action, OutboundMessage) and not retired:
                yield from self._reference((*path, number, "endpoint"), Kind.ENDPOINTS, action.endpoint)

    def _endpoint(self, path: Path, endpoint: Endpoint) -> Iterator[Problem]:
        sight = of_an_endpoint(self.fields)
        for place, template in templates_of_endpoint(endpoint):
            if problem := template_problem(template, sight):
                yield Problem((*path, *place), problem)

    # --- processes ---

    def _processes_that_fields_break(self) -> Iterator[Problem]:
        before = self.known.fields()
        if all(before.get(name, kind) == kind for name, kind in self.declared_fields.items()):
            return
        for name in self.known.names(Kind.PROCESSES):
            stored = self.known.find(Kind.PROCESSES, name)
            if (Kind.PROCESSES, name) in self.declared or not isinstance(stored, EntitlementProcess) or stored.retired:
                continue
            for problem in self._process((), stored):
                message = f"the process {name!r}, which is stored, no longer fits: {problem}; declare it anew as well"
                yield Problem(("fields",), message)

    def _process(self, path: Path, process: EntitlementProcess) -> Iterator[Problem]:
        if not process.retired:
            yield from self._reference((*path, "business_hours"), Kind.BUSINESS_HOURS, process.business_hours)
        if process.entry != "opened_at":
            yield from self._instant((*path, "entry"), process.entry, "opened_at, or ")
        yield from self._criteria((*path, "exit_when"), process.exit_when)
        for number, milestone in enumerate(process.milestones):
            yield from self._milestone((*path, "milestones", number), milestone, retired=process.retired)
        together = sum(self.prices.get(source, 0) for source in _criteria_of(process))
        if together > MOST_NANOSECONDS_TOGETHER:
            allowed = f"at most {MOST_NANOSECONDS_TOGETHER / 1e6:.0f} ms are allowed"
            message = f"on a case at the bounds its criteria take {together / 1e6:,.0f} ms together; {allowed}"
            yield Problem(path, message)

    def _milestone(self, path: Path, milestone: Milestone, *, retired: bool) -> Iterator[Problem]:
        for key in ("when", "complete_when", "pause_when"):
            yield from self._criteria((*path, key), getattr(milestone, key))
        if not retired:
            yield from self._reference((*path, "business_hours"), Kind.BUSINESS_HOURS, milestone.business_hours)
        if milestone.by is not None:
            yield from self._instant((*path, "by"), milestone.by, "")
        for number, name in enumerate(milestone.restart_on):
            if name not in self.fields:
                message = f"unknown field {name!r} of a case; expected {nearest(name, self.fields)}"
                yield Problem((*path, "restart_on", number), message)
        for number, row in enumerate(milestone.within or ()):
            place = (*path, "within", number)
            yield from self._criteria((*place, "when"), row.when)
            if not retired:
                yield from self._reference((*place, "business_hours"), Kind.BUSINESS_HOURS, row.business_hours)
        for number, trigger in enumerate(milestone.triggers):
            place = (*path, "triggers", number, "actions")
            yield from self._actions(place, trigger.actions, of_a_milestone(self.fields), retired=retired)
            for position, action in enumerate(trigger.actions):
                if isinstance(action, FieldUpdate):
                    yield from self._field_update((*place, position), action)

    def _criteria(self, path: Path, source: str) -> Iterator[Problem]:
        if source not in self.prices:
            yield from criteria_problem(path, source, self.schema, self.prices)

    def _instant(self, path: Path, field: str, otherwise: str) -> Iterator[Problem]:
        declared = self.fields.get(field)
        if declared is None:
            instants = [name for name, kind in self.fields.items() if kind is FieldType.DATETIME]
            hint = nearest(field, [*instants, "opened_at"] if otherwise else instants)
            yield Problem(path, f"unknown field {field!r}; expected {otherwise}a field declared as datetime: {hint}")
        elif declared is not FieldType.DATETIME:
            message = (
                f"field {field!r} is declared as {declared.value}; expected {otherwise}a field declared as datetime"
            )
            yield Problem(path, message)

    def _field_update(self, path: Path, action: FieldUpdate) -> Iterator[Problem]:
        if action.field not in self.fields:
            message = f"unknown field {action.field!r} of case; {nearest(action.field, self.fields)}"
            yield Problem((*path, "field"), message)
            return
        try:
            check_values({action.field: action.value}, self.fields)
        except FieldsError as error:
            yield Problem((*path, "value"), str(error))


def _without_milestone(path: Path, actions: Sequence[Action]) -> Iterator[Problem]:
    for number, action in enumerate(actions):
        if getattr(action, "expires", None) == COMPLETED:
            message = "an entitlement completes no milestone; give a span of time such as 2h, or leave it out"
            yield Problem((*path, number, "expires"), message)


def _criteria_of(process: EntitlementProcess) -> Iterator[str]:
    """All that are evaluated of a process."""
    yield process.exit_when
    for milestone in process.milestones:
        yield from (milestone.when, milestone.complete_when, milestone.pause_when)
        yield from (row.when for row in milestone.within or ())


def criteria_problem(
    path: Path, source: Any, schema: CriteriaSchema, prices: dict[str, float] | None = None
) -> Iterator[Problem]:
    """What is wrong with a criterion, with its position in it; its price is added to those that are given."""
    if isinstance(source, str):
        try:
            price = compile_criteria(source, schema)
            if prices is not None:
                prices[source] = price
        except CriteriaError as error:
            yield Problem(path, str(error))

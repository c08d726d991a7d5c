"""Checks a catalog as a whole: references, criteria, and what processes name.

What a catalog refers to is declared in it or known already (stored). Every problem is collected, with its path in the
document, so that whoever read the document can say where that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from domain.catalog.address_checks import address_problems
from domain.catalog.amendments import refused_changes
from domain.catalog.count_actions import count_actions
from domain.catalog.customer_page import customer_page_problems
from domain.catalog.declarations import (
    Catalog,
    ContractLineItem,
    Declaration,
    DeclaredHours,
    Entitlement,
    EntitlementTemplate,
    Organisation,
    ServiceContract,
    name_of,
)
from domain.catalog.endpoints import Endpoint, templates_of_endpoint
from domain.catalog.intake import IntakeSource
from domain.catalog.intake_checks import intake_problems
from domain.catalog.kinds import Kind
from domain.catalog.mail_checks import mail_template_problems
from domain.catalog.mailing import MailTemplate
from domain.catalog.naming import named_by_keys, named_by_organisation, named_within
from domain.catalog.plan_sizes import calendars_too_large, fields_too_large, too_large
from domain.catalog.problems import Path, Problem
from domain.catalog.process_checks import ProcessChecks, action_problems, criteria_problem
from domain.catalog.references import NOTHING, Entries, Known, References
from domain.catalog.reports import ACCOUNT_MANAGER, ScheduledReport, report_problems
from domain.catalog.sizes import outside_the_years, overlong_name, oversized
from domain.catalog.subscriptions import Subscription, unfit
from domain.criteria.compiling import CriteriaSchema
from domain.criteria.fields import FieldType, nearest
from domain.criteria.values import Listed
from domain.process import EntitlementProcess
from domain.process.actions import COMPLETED, Action
from domain.process.declaration import named_hours
from domain.process.templates import of_an_endpoint, template_problem
from domain.public_holidays import check_code
from domain.usage.rates import ENTRY_FIELDS


def check_catalog(catalog: Catalog, known: Known = NOTHING, *, years: bool = True) -> list[Problem]:
    """Everything that is wrong with a catalog beside what is known already; nothing if it can be applied.

    Args:
        catalog: all declarations, or those that are to be added or changed.
        known: what is declared already.
        years: dates and instants have bounds. A counter that writes its own record goes by what stands, and has none.
    """
    entries = {kind: [((kind.value, n), d) for n, d in enumerate(catalog.of(kind))] for kind in Kind}
    return check_entries(catalog.organisation, catalog.fields, entries, known, values=catalog.values, years=years)


def check_entries(
    organisation: Organisation | None,
    fields: Mapping[str, FieldType],
    entries: Entries,
    known: Known = NOTHING,
    broken: Iterable[tuple[Kind, str | None]] = (),
    *,
    values: Listed | None = None,
    years: bool = True,
) -> list[Problem]:
    """As `check_catalog`, of declarations that stand at any place of a document.

    Args:
        organisation: as declared, if it is.
        fields: as declared.
        entries: the declarations with their paths.
        known: what is declared already.
        broken: names of declarations that could not be read, so that references to them are no further problem; None:
            one whose name could not be read either, so it may be any.
        values: of the declared fields of which they are listed.
        years: as `check_catalog` takes it.
    """
    return list(_Check(organisation, fields, entries, known, broken, values=values or {}, years=years).problems())


class _Check:
    """One check of the declarations of a catalog, one after the other."""

    def __init__(
        self,
        organisation: Organisation | None,
        fields: Mapping[str, FieldType],
        entries: Entries,
        known: Known,
        broken: Iterable[tuple[Kind, str | None]],
        *,
        values: Listed,
        years: bool,
    ) -> None:
        self.organisation = organisation
        self.years = years
        self.declared_fields = fields
        self.fields = {**known.fields(), **fields}
        kept = {name: listed for name, listed in known.values().items() if name not in fields}
        self.values = {**kept, **values}
        self.rate_schema = CriteriaSchema(case=self.fields, entitlement={}, account={}, entry=ENTRY_FIELDS)
        self.entries = entries
        self.known = known
        self.references = References(entries, known, broken, organisation)
        self.processes = ProcessChecks(self.fields, self.references, self.values)

    def problems(self) -> Iterator[Problem]:
        yield from self._what_the_organisation_names()
        yield from self._names_of_fields()
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
                if self.years and not declaration.retired:
                    yield from (Problem((*path, *place), message) for place, message in too_large(declaration))
                if self.years and (outside := outside_the_years(declaration)):
                    stands = outside_the_years(self.known.find(kind, name))
                    yield from (Problem((*path, *found[0]), found[1]) for found in outside if found not in stands)
                if not declaration.retired:
                    yield from self._references(path, kind, declaration)
                    yield from address_problems(path, kind, declaration, self.known)
                yield from self._of_its_kind(path, kind, declaration)

    def _of_its_kind(self, path: Path, kind: Kind, declaration: Declaration) -> Iterator[Problem]:
        match declaration:
            case DeclaredHours():
                if (said := overlong_name(declaration.name)) and self.known.find(kind, declaration.name) is None:
                    yield Problem((*path, "name"), said)
                yield from self._country(path, declaration)
            case EntitlementProcess():
                yield from self.processes.problems(path, declaration)
                yield from self._calendars(path, declaration)
            case Endpoint():
                yield from self._endpoint(path, declaration)
            case MailTemplate():
                yield from mail_template_problems(path, declaration, self.fields)
            case EntitlementTemplate():
                yield from self._count(path, declaration)
            case ServiceContract() | ContractLineItem():
                yield from self._parents(path, kind, declaration)
            case Entitlement():
                yield from self._entitlement(path, declaration)
            case Subscription():
                yield from self._subscription(path, declaration)
            case ScheduledReport() if not declaration.retired:
                yield from report_problems(path, declaration, self.fields, self.references.organisation.roles)
                yield from self._recipients(path, declaration)
            case IntakeSource():
                yield from intake_problems(path, declaration, self.fields, self.references)
            case _:
                pass

    def _names_of_fields(self) -> Iterator[Problem]:
        before = self.known.fields()
        for name in self.declared_fields:
            if name not in before and (said := overlong_name(name)):
                yield Problem(("fields", name), said)
        if said := fields_too_large(self.fields, self.values, (before, self.known.values())):
            yield Problem(("fields",), said)

    def _calendars(self, path: Path, process: EntitlementProcess) -> Iterator[Problem]:
        """All calendars of a process go with each of its cases."""
        found = (self.references.find(Kind.BUSINESS_HOURS, name) for name in sorted(named_hours(process)))
        said = calendars_too_large(hours for hours in found if isinstance(hours, DeclaredHours))
        if said and not process.retired:
            yield Problem(path, said)

    def _country(self, path: Path, hours: DeclaredHours) -> Iterator[Problem]:
        """A country is named by its code. Hours that were stored with another name of it may stay as they are."""
        country = hours.holidays.country
        if country is None or hours.retired or self.known.find(Kind.BUSINESS_HOURS, hours.name) == hours:
            return
        try:
            check_code(country)
        except ValueError as error:
            yield Problem((*path, "holidays", "country"), str(error))

    # --- references ---

    def _what_the_organisation_names(self) -> Iterator[Problem]:
        if self.organisation is not None:
            for place, kind, name in named_by_organisation(self.organisation):
                yield from self.references.problems(("organisation", *place), kind, name)
            if self.organisation.customer_page is not None:
                yield from customer_page_problems(self.organisation.customer_page, self.fields)
            for role, name in self.organisation.roles.items():
                if name not in self.fields:
                    message = f"unknown field {name!r} of a case; {nearest(name, self.fields)}"
                    yield Problem(("organisation", "roles", role.value), message)

    def _references(self, path: Path, kind: Kind, declaration: Declaration) -> Iterator[Problem]:
        for place, target, name in named_by_keys(kind, declaration):
            fits = partial(self._fits, kind, declaration, str(place[0]))
            yield from self.references.problems((*path, *place), target, name, fits)
        for place, target, name in named_within(declaration):
            yield from self.references.problems((*path, *place), target, name)

    def _fits(self, kind: Kind, declaration: Declaration, key: str, name: str) -> bool:
        """Whether a name that there is would be taken there: it is of the right account, and no ring comes of it."""
        named = declaration.model_copy(update={key: name})
        problems: Iterable[Problem] = ()
        match named:
            case Entitlement():
                problems = self._owners((), named)
            case ServiceContract() | ContractLineItem():
                problems = self._parents((), kind, named)
            case Subscription():
                problems = self._subscription((), named)
            case _:
                pass
        return all(problem.path != (key,) for problem in problems)

    def _parents(self, path: Path, kind: Kind, child: ServiceContract | ContractLineItem) -> Iterator[Problem]:
        chain = [child.id]
        parent = child.parent
        while parent is not None:
            chain.append(parent)
            if parent in chain[:-1]:
                if parent == child.id:  # each of a ring says so; who only leads into it does not
                    yield Problem((*path, "parent"), f"{kind.one} is its own parent: {' in '.join(chain)}")
                return
            above = self.references.find(kind, parent)
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
        before = self.references.find(Kind.ENTITLEMENTS, name)
        place = (*path, "renews")
        if before is None:
            if not self.references.may_be_broken(Kind.ENTITLEMENTS, name):
                names = self.references.names(Kind.ENTITLEMENTS) - {entitlement.id}
                known = nearest(name, names, lambda one: not any(self._renewed((), _renewing(entitlement, one))))
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
        named = entitlement.contract_line_item
        line = self.references.find(Kind.CONTRACT_LINE_ITEMS, named) if named else None
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
            found = name and self.references.find(kind, name)
            account = getattr(found, "account", entitlement.account) if found else entitlement.account
            if account != entitlement.account:
                message = (
                    f"{kind.one} {name!r} belongs to account {account!r}, this entitlement to {entitlement.account!r}"
                )
                yield Problem((*path, key), message)

    # --- actions ---

    def _count(self, path: Path, declared: Entitlement | EntitlementTemplate) -> Iterator[Problem]:
        for number, row in enumerate(declared.allowance.rates if declared.allowance else ()):
            place = (*path, "allowance", "rates", number, "when")
            yield from criteria_problem(place, row.when, self.rate_schema, values=self.values)
        for inner, sight, actions in count_actions(declared):
            place = (*path, *inner)
            yield from action_problems(place, actions, sight, self.references, retired=declared.retired)
            yield from _without_milestone(place, actions)

    def _endpoint(self, path: Path, endpoint: Endpoint) -> Iterator[Problem]:
        sight = of_an_endpoint(self.fields)
        for place, template in templates_of_endpoint(endpoint):
            if problem := template_problem(template, sight):
                yield Problem((*path, *place), problem)

    def _subscription(self, path: Path, subscription: Subscription) -> Iterator[Problem]:
        endpoint = self.references.find(Kind.ENDPOINTS, subscription.endpoint)
        if not subscription.retired and isinstance(endpoint, Endpoint) and (problem := unfit(endpoint)):
            yield Problem((*path, "endpoint"), problem)

    def _recipients(self, path: Path, report: ScheduledReport) -> Iterator[Problem]:
        """Whom a report goes to that is none of the people and none of the contacts."""
        for number, name in enumerate(report.to):
            if "@" in name or name == ACCOUNT_MANAGER:
                continue
            if self.references.find(Kind.CONTACTS, name) is None:
                yield from self.references.problems((*path, "to", number), Kind.PEOPLE, name)

    # --- processes ---

    def _processes_that_fields_break(self) -> Iterator[Problem]:
        before, listed = self.known.fields(), self.known.values()
        same_types = all(before.get(name, kind) == kind for name, kind in self.declared_fields.items())
        if same_types and all(name in listed for name in self.values):
            return
        for name in self.known.names(Kind.PROCESSES):
            stored = self.known.find(Kind.PROCESSES, name)
            is_declared = self.references.is_declared(Kind.PROCESSES, name)
            if is_declared or not isinstance(stored, EntitlementProcess) or stored.retired:
                continue
            for problem in self.processes.problems((), stored):
                message = f"the process {name!r}, which is stored, no longer fits: {problem}; declare it anew as well"
                yield Problem(("fields",), message)


def _renewing(entitlement: Entitlement, name: str) -> Entitlement:
    return entitlement.model_copy(update={"renews": name})


def _without_milestone(path: Path, actions: Sequence[Action]) -> Iterator[Problem]:
    for number, action in enumerate(actions):
        if getattr(action, "expires", None) == COMPLETED:
            message = "an entitlement completes no milestone; give a span of time such as 2h, or leave it out"
            yield Problem((*path, number, "expires"), message)

"""What a declaration names, and where: one list for whoever names something, and for whoever retires it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from domain.catalog.count_actions import count_actions
from domain.catalog.declarations import Declaration, Entitlement, EntitlementTemplate, Organisation
from domain.catalog.kinds import Kind
from domain.catalog.problems import Path
from domain.process import Email, EntitlementProcess
from domain.process.actions import Action, OutboundMessage

_KEYS: Mapping[Kind, Mapping[str, Kind]] = {
    Kind.PEOPLE: {"manager": Kind.PEOPLE},
    Kind.PROCESSES: {"business_hours": Kind.BUSINESS_HOURS},
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
    Kind.SUBSCRIPTIONS: {"endpoint": Kind.ENDPOINTS, "accounts": Kind.ACCOUNTS},
    Kind.REPORTS: {"account": Kind.ACCOUNTS, "entitlement": Kind.ENTITLEMENTS, "process": Kind.PROCESSES},
}

_OF_ACTIONS = frozenset({Kind.BUSINESS_HOURS, Kind.ENDPOINTS, Kind.TEMPLATES})
_WITH_ACTIONS = frozenset({Kind.PROCESSES, Kind.ENTITLEMENT_TEMPLATES, Kind.ENTITLEMENTS})


class Named(NamedTuple):
    """Something that a declaration names, by its kind and name, and where."""

    path: Path
    kind: Kind
    name: str


def everything_named(kind: Kind, declaration: Declaration) -> Iterator[Named]:
    """Everything that a declaration names.

    Not whom mails and reports go to, which may be a role or an address as well, and not what an entitlement renews,
    which may be retired by then.
    """
    yield from named_by_keys(kind, declaration)
    yield from named_within(declaration)


def named_by_keys(kind: Kind, declaration: Declaration) -> Iterator[Named]:
    """What a key of the declaration itself names, alone or in a list: the path begins with the key."""
    for key, target in _KEYS.get(kind, {}).items():
        value = getattr(declaration, key)
        if isinstance(value, list):
            yield from (Named((key, number), target, name) for number, name in enumerate(value))
        elif value is not None:
            yield Named((key,), target, value)


def named_within(declaration: Declaration) -> Iterator[Named]:
    """What the milestones and actions of a declaration name."""
    match declaration:
        case EntitlementProcess():
            yield from _by_milestones(declaration)
        case Entitlement() | EntitlementTemplate():
            for path, _, actions in count_actions(declaration):
                yield from _by_actions(path, actions)
        case _:
            pass


def named_by_organisation(organisation: Organisation) -> Iterator[Named]:
    """Everything that the organisation names."""
    yield Named(("business_hours",), Kind.BUSINESS_HOURS, organisation.business_hours)
    if organisation.process is not None:
        yield Named(("process",), Kind.PROCESSES, organisation.process)
    if organisation.quiet is not None and organisation.quiet.hours is not None:
        yield Named(("quiet", "hours"), Kind.BUSINESS_HOURS, organisation.quiet.hours)


def kinds_that_name(kinds: Collection[Kind]) -> Iterator[Kind]:
    """The kinds whose declarations may name something of these."""
    for kind in Kind:
        named = {*_KEYS.get(kind, {}).values(), *(_OF_ACTIONS if kind in _WITH_ACTIONS else ())}
        if not named.isdisjoint(kinds):
            yield kind


def _by_milestones(process: EntitlementProcess) -> Iterator[Named]:
    for number, milestone in enumerate(process.milestones):
        path: Path = ("milestones", number)
        if milestone.business_hours is not None:
            yield Named((*path, "business_hours"), Kind.BUSINESS_HOURS, milestone.business_hours)
        for place, row in enumerate(milestone.within or ()):
            if row.business_hours is not None:
                yield Named((*path, "within", place, "business_hours"), Kind.BUSINESS_HOURS, row.business_hours)
        for place, trigger in enumerate(milestone.triggers):
            of_trigger = (*path, "triggers", place)
            # Its mails have the hours of their trigger, so that with a mail they are named there.
            if trigger.hours is not None and not any(isinstance(action, Email) for action in trigger.actions):
                yield Named((*of_trigger, "hours"), Kind.BUSINESS_HOURS, trigger.hours)
            yield from _by_actions((*of_trigger, "actions"), trigger.actions)


def _by_actions(path: Path, actions: Sequence[Action]) -> Iterator[Named]:
    for number, action in enumerate(actions):
        if isinstance(action, OutboundMessage):
            yield Named((*path, number, "endpoint"), Kind.ENDPOINTS, action.endpoint)
        if isinstance(action, Email):
            if action.hours is not None:
                yield Named((*path, number, "hours"), Kind.BUSINESS_HOURS, action.hours)
            if action.template is not None:
                yield Named((*path, number, "template"), Kind.TEMPLATES, action.template)

"""In whose zone instants are read and shown: the person's who asks, else that of what they ask about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, tzinfo

from domain.errors import NotFound
from domain.timeline.plan import Plan
from domain.zones import zone_named
from starters.operations.recorded import at_hand
from store import Store


def named_zone(named: str | None) -> tzinfo | None:
    """The zone of a name; None: there is none."""
    return None if named is None else _zone(named)


def zone_of_case(database: str, case_id: str) -> tzinfo | None:
    """The zone of a case: that of its account if it names one, else of the case's first calendar.

    None where the store is not at hand, or knows no such case.
    """

    def of(store: Store) -> tzinfo:
        case = store.cases.get(case_id)
        return (_named_by_account(store, case.account) if case.account else None) or zone_of_plan(case.carried.plan)

    return at_hand(database, of)


def zone_of_account(database: str, account: str | None) -> tzinfo | None:
    """The zone of an account's dates; of no account, or of one that is unknown, the organisation's."""

    def of(store: Store) -> tzinfo:
        named = _named_by_account(store, account) if account else None
        return named or _zone(store.catalog.organisation().time_zone)

    return at_hand(database, of)


def zone_of_entitlement(database: str, entitlement: str) -> tzinfo | None:
    """The zone of the dates of an entitlement; of one that is unknown the organisation's."""

    def account(store: Store) -> str:
        return store.catalog.entitlement(entitlement).account

    return zone_of_account(database, at_hand(database, account))


def zone_of_plan(plan: Plan) -> tzinfo:
    """The zone of a plan's first calendar: its first milestone's, or else that of the case itself."""
    named = [milestone.business_hours for milestone in plan.process.milestones] if plan.process else []
    of_process = plan.process.business_hours if plan.process else None
    first = next(iter(named), None) or of_process or plan.business_hours
    calendar = plan.calendars.get(first) or next(iter(plan.calendars.values()), None)
    return UTC if calendar is None else _zone(calendar.time_zone)


def _named_by_account(store: Store, account: str) -> tzinfo | None:
    try:
        named = store.catalog.account(account).time_zone
    except NotFound:
        return None
    return None if named is None else _zone(named)


def _zone(name: str) -> tzinfo:
    """A zone by its name; UTC if this machine does not know it."""
    return UTC if name == "UTC" else zone_named(name) or UTC


Whose = Callable[[], tzinfo | None]
"""Finds the zone when it is needed."""

"""In whose zone instants are read and shown: the person's who asks, else that of what they ask about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING

from domain.zones import zone_named
from starters.operations.recorded import at_hand

if TYPE_CHECKING:
    from domain.timeline.plan import Plan
    from store import Store


def named_zone(named: str | None) -> tzinfo | None:
    """The zone of a name; None: there is none."""
    return None if named is None else _zone(named)


def zone_of_case(database: str, case_id: str) -> tzinfo | None:
    """The zone of a case: that of its account if it names one, else of the case's first calendar.

    A case that no process covers follows no calendar: it is shown in the organisation's zone.

    None where the store is not at hand, or knows no such case.
    """

    def of(store: Store) -> tzinfo:
        case = store.cases.get(case_id)
        named = store.zones.of_account(case.account) if case.account else None
        if named is None and case.carried.plan.process is not None:
            return zone_of_plan(case.carried.plan)
        return _zone(named or store.zones.of_organisation())

    return at_hand(database, of)


def zone_of_account(database: str, account: str | None) -> tzinfo | None:
    """The zone of an account's dates; of no account, or of one that is unknown, the organisation's."""

    def of(store: Store) -> tzinfo:
        named = store.zones.of_account(account) if account else None
        return _zone(named or store.zones.of_organisation())

    return at_hand(database, of)


def zone_of_entitlement(database: str, entitlement: str) -> tzinfo | None:
    """The zone of the dates of an entitlement; of one that is unknown the organisation's."""
    return zone_of_account(database, at_hand(database, lambda store: store.zones.account_of(entitlement)))


def zone_of_plan(plan: Plan) -> tzinfo:
    """The zone of a plan's first calendar: its first milestone's, or else that of the case itself."""
    named = [milestone.business_hours for milestone in plan.process.milestones] if plan.process else []
    of_process = plan.process.business_hours if plan.process else None
    first = next(iter(named), None) or of_process or plan.business_hours
    calendar = plan.calendars.get(first) or next(iter(plan.calendars.values()), None)
    return UTC if calendar is None else _zone(calendar.time_zone)


def _zone(name: str) -> tzinfo:
    """A zone by its name; UTC if this machine does not know it."""
    return UTC if name == "UTC" else zone_named(name) or UTC


Whose = Callable[[], tzinfo | None]
"""Finds the zone when it is needed."""

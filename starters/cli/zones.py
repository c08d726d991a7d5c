"""On whose wall clock the instants of a command are read and shown: the person's, else that of what it is about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, tzinfo

Whose = Callable[[], tzinfo | None]
"""Finds the zone when it is needed; None: nobody knows."""


def persons() -> tzinfo | None:
    """The zone that the person has set."""
    from starters.operations.zones import named_zone
    from worker.settings import get_settings

    return named_zone(get_settings().time_zone)


def of_case(case: str) -> Whose:
    """The person's, else that of a case."""

    def zone() -> tzinfo | None:
        from starters.local.whereabouts import effective_settings
        from starters.operations.zones import zone_of_case

        return persons() or zone_of_case(effective_settings().database, case)

    return zone


def of_calendar(time_zone: str) -> Whose:
    """The person's, else that of a calendar."""

    def zone() -> tzinfo | None:
        from starters.operations.zones import named_zone

        return persons() or named_zone(time_zone)

    return zone


def of_account(account: str | None = None) -> Whose:
    """The person's, else that of an account, else that of the organisation."""

    def zone() -> tzinfo | None:
        from starters.local.whereabouts import effective_settings
        from starters.operations.zones import zone_of_account

        return persons() or zone_of_account(effective_settings().database, account)

    return zone


def of_entitlement(entitlement: str | None) -> Whose:
    """The person's, else that of the account of an entitlement, else that of the organisation."""

    def zone() -> tzinfo | None:
        from starters.local.whereabouts import effective_settings
        from starters.operations.zones import zone_of_account, zone_of_entitlement

        database = effective_settings().database
        return persons() or (
            zone_of_entitlement(database, entitlement) if entitlement else zone_of_account(database, None)
        )

    return zone


def shown(whose: Whose) -> tzinfo:
    """The zone in which instants are shown; UTC where nobody knows another."""
    return whose() or UTC

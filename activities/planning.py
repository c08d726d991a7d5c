"""The plan of a case, made from the catalog: the only place where calendars are frozen for running cases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

from domain.calendar import BusinessHours, FrozenCalendar
from domain.catalog import Account, Entitlement
from domain.fields import FieldType
from domain.messages import CaseIntake
from domain.plan import Plan
from domain.process import EntitlementProcess
from store.store import Store

REACH = timedelta(days=400)
"""How far past now calendars reach at least when they are frozen further."""


class Planner:
    """Makes plans from what the catalog says now."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def plan(
        self,
        intake: CaseIntake,
        opened_at: datetime,
        *,
        entitlement: Entitlement | None,
        account: Account | None,
    ) -> Plan:
        """The plan of a case that is covered by `entitlement`, or by none.

        Raises:
            NotFound: the catalog lacks a process or business hours that are named.
            CalendarError: the holidays of these years are not known.
        """
        organisation = self.store.organisation()
        process = self._process(entitlement)
        default, of = self._default_hours(intake, entitlement)
        wanted = {default, *_named_hours(process)}
        hours = {name: self.store.business_hours(name) for name in sorted(wanted)}
        fields = self.store.fields()
        earliest = min([opened_at, *_instants(intake, fields)])
        start, end = horizon(earliest, opened_at)
        return Plan(
            process=process,
            business_hours=default,
            business_hours_of=of,
            calendars={name: versioned.hours.freeze(start, end) for name, versioned in hours.items()},
            calendar_versions={name: versioned.version for name, versioned in hours.items()},
            fields=fields,
            entitlement=entitlement.for_criteria() if entitlement else None,
            account=account.for_criteria(organisation) if account else None,
        )

    def extend(self, plan: Plan, now: datetime) -> dict[str, FrozenCalendar]:
        """The calendars of a plan over twice their horizon, and at least `REACH` past `now`.

        Raises:
            CalendarError: there is no open time in the ten years after the old horizon.
        """
        return {
            name: self._hours(plan.calendar_versions, name).extend(
                frozen, max(frozen.end + (frozen.end - frozen.start), now + REACH)
            )
            for name, frozen in plan.calendars.items()
        }

    def _hours(self, versions: Mapping[str, int], name: str) -> BusinessHours:
        return self.store.business_hours(name, versions.get(name)).hours

    def _process(self, entitlement: Entitlement | None) -> EntitlementProcess | None:
        name = entitlement.process if entitlement else self.store.organisation().process
        return self.store.process(name) if name else None

    def _default_hours(
        self, intake: CaseIntake, entitlement: Entitlement | None
    ) -> tuple[str, Literal["case", "entitlement", "organisation"]]:
        if intake.business_hours:
            return intake.business_hours, "case"
        if entitlement and entitlement.business_hours:
            return entitlement.business_hours, "entitlement"
        return self.store.organisation().business_hours, "organisation"


def horizon(earliest: datetime, opened_at: datetime) -> tuple[datetime, datetime]:
    """The horizon of a case's calendars: whole years around it, so that the cases of a year share their calendars."""
    start = datetime(earliest.astimezone(UTC).year - 1, 1, 1, tzinfo=UTC)
    return start, datetime(opened_at.astimezone(UTC).year + 2, 1, 1, tzinfo=UTC)


def _named_hours(process: EntitlementProcess | None) -> set[str]:
    if process is None:
        return set()
    named = {process.business_hours}
    for milestone in process.milestones:
        named.add(milestone.business_hours)
        named.update(row.business_hours for row in milestone.within or [])
    return {name for name in named if name}


def _instants(intake: CaseIntake, fields: Mapping[str, FieldType]) -> list[datetime]:
    """The instants among the fields of an intake: a process may be entered at one of them."""
    values = [intake.fields.get(name) for name, kind in fields.items() if kind is FieldType.DATETIME]
    return [datetime.fromisoformat(value) for value in values if isinstance(value, str)]

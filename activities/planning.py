"""The plan of a case, made from the catalog: the only place where calendars are frozen for running cases."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from temporalio import activity

from activities.heartbeat import heartbeating
from activities.refusals import refusals
from domain.bounds import MOST_FROZEN_BYTES, MOST_PLAN_BYTES
from domain.calendar import EARLIEST_YEAR, BusinessHours, FrozenCalendar, horizon
from domain.catalog.declarations import Entitlement, Organisation
from domain.catalog.prices import criteria_ms
from domain.criteria.fields import FieldType
from domain.criteria.instants import instants_of
from domain.errors import Refused
from domain.messages.cases import CaseIntake
from domain.messages.names import FREEZE_CALENDARS, PLAN_MIGRATION
from domain.messages.steps import Horizon, HorizonRequest, MigratedPlan, MigrationPlan
from domain.process import EntitlementProcess
from domain.process.declaration import named_hours
from domain.timeline.plan import Plan
from store.catalog.values import VersionedHours
from store.store import Store

REACH = timedelta(days=400)
"""How far past now calendars reach at least when they are frozen further."""

FURTHEST = timedelta(days=100 * 366)
"""How far past now they ever reach: ten years of open time are some forty years of office hours."""


class Planner:
    """Makes plans from what the catalog says now."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def plan(
        self,
        intake: CaseIntake,
        opened_at: datetime,
        *,
        entitlement: str | None,
        account: str | None,
    ) -> Plan:
        """The plan of a case that is covered by an entitlement, or by none: all of it of one catalog.

        Args:
            intake: of the case.
            opened_at: when it is opened.
            entitlement: the id of the one that covers it, as that stands now.
            account: the case's.

        Raises:
            NotFound: the catalog lacks a process or business hours that are named.
            CalendarError: the holidays of these years are not known.
            Refused: it is more than a case can carry.
        """
        with self.store.snapshot() as catalog:
            organisation = catalog.catalog.organisation()
            covered_by = catalog.catalog.entitlement(entitlement) if entitlement else None
            whose = catalog.catalog.account(account) if account else None
            named = covered_by.process if covered_by else organisation.process
            process = catalog.catalog.process(named) if named else None
            default, of = _default_hours(intake, covered_by, organisation)
            fields, values = catalog.catalog.fields(), catalog.catalog.values()
            hours = _hours(catalog, process, default)
        calendars, versions = _frozen(hours, reaches_back_to(intake, opened_at, fields), opened_at)
        plan = Plan(
            process=process,
            business_hours=default,
            business_hours_of=of,
            calendars=calendars,
            calendar_versions=versions,
            fields=fields,
            values=values,
            entitlement=covered_by.for_criteria() if covered_by else None,
            account=whose.for_criteria(organisation) if whose else None,
            contact=intake.contact,
            criteria_ms=criteria_ms(process, fields),
        )
        return _checked(plan)

    def migrated(self, plan: Plan, earliest: datetime, now: datetime, process_version: int | None = None) -> Plan:
        """The plan of a running case under another version of its process, and with its calendars as they are now.

        Its entitlement and account stay as they stood when the case took them.

        Raises:
            NotFound: there is no such version, or business hours are gone.
            CalendarError: the holidays of these years are not known.
            Refused: it is more than a case can carry.
        """
        with self.store.snapshot() as catalog:
            process = catalog.catalog.process(plan.process.name, process_version) if plan.process else None
            hours = _hours(catalog, process, plan.business_hours)
            fields, values = catalog.catalog.fields(), catalog.catalog.values()
        calendars, versions = _frozen(hours, earliest, now)
        # Hours that were not edited stay as they were frozen, whatever became of zones and holidays since.
        same = [name for name in calendars if plan.calendar_versions.get(name) == versions[name]]
        calendars.update({name: plan.calendars[name] for name in same if name in plan.calendars})
        anew = {
            "process": process,
            "calendars": calendars,
            "calendar_versions": versions,
            "fields": fields,
            "values": values,
            "criteria_ms": criteria_ms(process, fields),
        }
        return _checked(plan.model_copy(update=anew))

    def further(self, plan: Plan, now: datetime, back_to: datetime | None = None) -> Plan:
        """The same plan over a longer horizon, as `extend` has it."""
        return plan.model_copy(update={"calendars": {**plan.calendars, **self.extend(plan, now, back_to)}})

    def extend(self, plan: Plan, now: datetime, back_to: datetime | None = None) -> dict[str, FrozenCalendar]:
        """The calendars of a plan over twice their horizon, and at least `REACH` past `now`.

        Args:
            plan: whose calendars.
            now: of the case.
            back_to: an instant before they begin: then they are frozen back to it instead.

        Raises:
            CalendarError: there is no open time in the ten years after the old horizon, or the holidays of one of these
                years are not known.
            Refused: they reach a hundred years past `now` already, or are more than a case can carry.
        """
        if back_to is not None:
            since, _ = horizon(back_to, now)
            if back_to < since:
                raise Refused("past_the_horizon", f"calendars begin with the year {EARLIEST_YEAR}")
            back = {name: self._hours(plan, name).extend_back(frozen, since) for name, frozen in plan.calendars.items()}
            return _fitting(back)
        if all(frozen.end > now + FURTHEST for frozen in plan.calendars.values()):
            raise Refused("past_the_horizon", "calendars reach at most a hundred years ahead")
        further = {
            name: self._hours(plan, name).extend(frozen, max(frozen.end + (frozen.end - frozen.start), now + REACH))
            for name, frozen in plan.calendars.items()
        }
        return _fitting(further)

    def _hours(self, plan: Plan, name: str) -> BusinessHours:
        """The hours that a calendar of a plan was frozen from."""
        return self.store.catalog.business_hours(plan.calendars[name].name, plan.calendar_versions.get(name)).hours


class Planning:
    """The activities that make plans of running cases anew."""

    def __init__(self, planner: Planner) -> None:
        self.planner = planner

    @activity.defn(name=FREEZE_CALENDARS)
    async def freeze_calendars(self, request: HorizonRequest) -> Horizon:
        """The calendars of a plan over a longer horizon; what was frozen stays as it was."""
        with refusals():
            async with heartbeating():
                calendars = await asyncio.to_thread(self.planner.extend, request.plan, request.now, request.back_to)
                return Horizon(calendars=calendars)

    @activity.defn(name=PLAN_MIGRATION)
    async def plan_migration(self, request: MigrationPlan) -> MigratedPlan:
        """The plan that a migration leads to."""
        with refusals():
            async with heartbeating():
                plan = await asyncio.to_thread(
                    self.planner.migrated, request.plan, request.earliest, request.now, request.process_version
                )
                return MigratedPlan(plan=plan)


def _default_hours(
    intake: CaseIntake, entitlement: Entitlement | None, organisation: Organisation
) -> tuple[str, Literal["case", "entitlement", "organisation"]]:
    if intake.business_hours:
        return intake.business_hours, "case"
    if entitlement and entitlement.business_hours:
        return entitlement.business_hours, "entitlement"
    return organisation.business_hours, "organisation"


def _hours(catalog: Store, process: EntitlementProcess | None, default: str) -> dict[str, VersionedHours]:
    """The business hours of a plan, by name."""
    return {
        name: catalog.catalog.business_hours(name)
        for name in sorted({default, *(named_hours(process) if process else ())})
    }


def _frozen(
    hours: Mapping[str, VersionedHours], earliest: datetime, latest: datetime
) -> tuple[dict[str, FrozenCalendar], dict[str, int]]:
    start, end = horizon(earliest, latest)
    calendars = {name: versioned.hours.freeze(start, end) for name, versioned in hours.items()}
    return calendars, {name: versioned.version for name, versioned in hours.items()}


def _checked(plan: Plan) -> Plan:
    """A plan that a case can carry along: what was declared before there were bounds may have made it larger.

    Raises:
        Refused: it is larger.
    """
    size = len(plan.model_dump_json().encode())
    if size > MOST_PLAN_BYTES:
        named = f"process {plan.process.name!r}" if plan.process else "what the catalog declares"
        allowed = f"at most {MOST_PLAN_BYTES // 1024} KB fit, not {size:,} bytes"
        raise Refused("refused", f"{named} and its calendars are more than a case can carry: {allowed}")
    return plan


def _fitting(calendars: dict[str, FrozenCalendar]) -> dict[str, FrozenCalendar]:
    """Calendars that a case can carry along.

    Raises:
        Refused: they are larger.
    """
    size = sum(len(calendar.model_dump_json().encode()) for calendar in calendars.values())
    if size > MOST_FROZEN_BYTES:
        allowed = f"at most {MOST_FROZEN_BYTES // 1024} KB fit, not {size:,} bytes"
        raise Refused("past_the_horizon", f"calendars of so many years are more than a case can carry: {allowed}")
    return calendars


def reaches_back_to(intake: CaseIntake, opened_at: datetime, fields: Mapping[str, FieldType]) -> datetime:
    """The earliest instant of an intake: its process may be entered at one of its fields."""
    return min([opened_at, *instants_of(intake.fields, fields)])

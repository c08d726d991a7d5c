"""The pure run: cases of a log walk through the timeline alone, with no server and no clock.

It is what a durable run has to equal, and what a process can be tried on before anyone promises it to a customer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import TypeVar

from domain.calendar import ALWAYS, BusinessHours, horizon
from domain.catalog.declarations import Catalog, Declaration, Organisation, name_of
from domain.catalog.kinds import Kind
from domain.criteria.fields import FieldType, nearest
from domain.criteria.instants import instants_of
from domain.errors import NotFound, Refused
from domain.frozen import FrozenCalendar, HorizonExceeded
from domain.open_time.spans import Span
from domain.open_time.stretches import EPOCH
from domain.process import EntitlementProcess
from domain.timeline.effects import Effect, TriggerFired
from domain.timeline.events import CaseClosed
from domain.timeline.instances import MilestoneInstance
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from domain.timeline.views import CaseView
from starters.logs.events import LoggedCase

_Declared = TypeVar("_Declared", bound=Declaration)

HORIZON = timedelta(days=5 * 366)
"""How far past the end of a log its calendars are frozen at least."""

FURTHEST = timedelta(days=100 * 366)
"""How far past the end of a log they ever reach. A target beyond that stays unknown."""


@dataclass(frozen=True, slots=True)
class Walked:
    """A case that went through its timeline.

    Attributes:
        view: the case at the end.
        effects: everything that came of it, in order.
        kept: whether it kept its promises, by the system that wrote the log; None if that does not say.
        decided: the milestones that what is known at the opening completed at once, before anything happened.
        instances: what the milestones of the view are of.
    """

    view: CaseView
    effects: tuple[Effect, ...]
    kept: bool | None = None
    decided: frozenset[str] = frozenset()
    instances: tuple[MilestoneInstance, ...] = ()

    @property
    def case_id(self) -> str:
        """The view's."""
        return self.view.case_id

    @property
    def fired(self) -> tuple[TriggerFired, ...]:
        """The triggers that fired, in order."""
        return tuple(effect for effect in self.effects if isinstance(effect, TriggerFired))


def plan_for(catalog: Catalog, cases: Sequence[LoggedCase], *, entitlement: str | None = None) -> Plan:
    """The plan that the cases of a log run by: one for all, with calendars that reach from its begin to past its end.

    Args:
        catalog: checked whole.
        cases: their plan reaches from before the first instant that is counted from to `HORIZON` past the last event,
            or as far as the longest span from there.
        entitlement: the cases are opened from it; left out, they run without, by the organisation's default process.

    Raises:
        NotFound: the catalog has no such entitlement, process or business hours, or says of no process.
    """
    organisation = catalog.organisation or Organisation()
    taken = _found(catalog.entitlements, Kind.ENTITLEMENTS, entitlement) if entitlement else None
    account = _found(catalog.accounts, Kind.ACCOUNTS, taken.account) if taken else None
    process_name = taken.process if taken else organisation.process
    if process_name is None:
        raise NotFound(
            f"entitlement {taken.id!r} has no process; name one that has"
            if taken
            else "the organisation has no default process; name an entitlement by whose process the cases run"
        )
    process = _found(catalog.processes, Kind.PROCESSES, process_name)
    business_hours = (taken.business_hours if taken else None) or organisation.business_hours
    last = max((case.ended_at for case in cases), default=EPOCH)
    first, _ = horizon(_earliest(cases, _counted_from(process, catalog.fields)), last)
    spans = {row.span for milestone in process.milestones for row in milestone.within or []}
    return Plan(
        process=process,
        business_hours=business_hours,
        calendars={
            name: _reaching(_hours(catalog, name), spans, first, last)
            for name in sorted({business_hours, *_hours_of(process)})
        },
        fields=catalog.fields,
        entitlement=taken.for_criteria() if taken else None,
        account=account.for_criteria(organisation) if account else None,
    )


def _counted_from(process: EntitlementProcess, fields: Mapping[str, FieldType]) -> dict[str, FieldType]:
    """The fields of a case from whose instants a process counts: its entry and its deadlines."""
    named = {process.entry, *(milestone.by for milestone in process.milestones)}
    return {name: kind for name, kind in fields.items() if name in named}


def _earliest(cases: Sequence[LoggedCase], fields: Mapping[str, FieldType]) -> datetime:
    """The earliest instant that anything of the cases may be counted from."""
    opened = [case.opened_at for case in cases]
    changed = (event.fields for case in cases for event in case.events if not isinstance(event, CaseClosed))
    named = chain((case.intake.fields for case in cases), changed)
    return min([*opened, *(at for values in named for at in instants_of(values, fields))], default=EPOCH)


def _reaching(hours: BusinessHours, spans: Collection[Span], first: datetime, last: datetime) -> FrozenCalendar:
    """Hours frozen over a log, and as far past its end as the longest of the spans reaches from there."""
    end = last + HORIZON
    while True:
        frozen = hours.freeze(first, end)
        with suppress(HorizonExceeded):
            for span in spans:
                span.target(frozen, last)
            return frozen
        if end >= last + FURTHEST:
            return frozen
        end += end - last


def walk(case: LoggedCase, plan: Plan) -> Walked:
    """Take a case through its timeline, to its last event and what is due then.

    Raises:
        Refused: an event does not fit the plan: a field that the catalog does not declare, or declares otherwise; or
            something of the case lies past the horizon.
    """
    try:
        return _walked(case, plan)
    except HorizonExceeded as exceeded:
        raise Refused("past_the_horizon", f"case {case.shown_id}: {exceeded}") from exceeded


def _walked(case: LoggedCase, plan: Plan) -> Walked:
    timeline = Timeline.enter(plan, Case(case_id=case.case_id, fields=case.intake.fields), case.opened_at)
    decided = frozenset(one.milestone for one in timeline.state.instances if one.completed_at is not None)
    effects: list[Effect] = []
    for event in case.events:
        effects += timeline.apply(event)
    effects += timeline.advance(case.ended_at)
    return Walked(
        view=timeline.view(case.ended_at),
        effects=tuple(effects),
        kept=case.kept,
        decided=decided,
        instances=tuple(timeline.state.instances),
    )


def _hours_of(process: EntitlementProcess) -> set[str]:
    """The business hours that a process and its milestones name."""
    named = {process.business_hours}
    for milestone in process.milestones:
        named.add(milestone.business_hours)
        named |= {row.business_hours for row in milestone.within or []}
    return {name for name in named if name is not None}


def _hours(catalog: Catalog, name: str) -> BusinessHours:
    if name == ALWAYS.name and catalog.find(Kind.BUSINESS_HOURS, name) is None:
        return ALWAYS
    return _found(catalog.business_hours, Kind.BUSINESS_HOURS, name)


def _found(declared: Sequence[_Declared], kind: Kind, name: str) -> _Declared:
    found = next((one for one in reversed(declared) if name_of(one) == name), None)
    if found is None:
        raise NotFound(f"no {kind.one} {name!r}; {nearest(name, map(name_of, declared))}")
    return found

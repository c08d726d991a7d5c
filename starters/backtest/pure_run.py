"""The pure run: cases of a log walk through the timeline alone, with no server and no clock.

It is what a durable run has to equal, and what a process can be tried on before anyone promises it to a customer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from domain.calendar import ALWAYS, BusinessHours
from domain.catalog.declarations import Catalog, Declaration, Organisation, name_of
from domain.catalog.kinds import Kind
from domain.criteria.fields import nearest
from domain.errors import NotFound
from domain.open_time.stretches import EPOCH
from domain.process import EntitlementProcess
from domain.timeline.effects import Effect, TriggerFired
from domain.timeline.instances import MilestoneInstance
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from domain.timeline.views import CaseView
from starters.logs.events import LoggedCase

_Declared = TypeVar("_Declared", bound=Declaration)

HORIZON = timedelta(days=5 * 366)
"""How far past the end of a log its calendars are frozen. A target beyond that stays unknown."""


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
        cases: their plan reaches from the first opening to `HORIZON` past the last event.
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
    first = min((case.opened_at for case in cases), default=EPOCH)
    last = max((case.ended_at for case in cases), default=EPOCH) + HORIZON
    return Plan(
        process=process,
        business_hours=business_hours,
        calendars={
            name: _hours(catalog, name).freeze(first, last) for name in sorted({business_hours, *_hours_of(process)})
        },
        fields=catalog.fields,
        entitlement=taken.for_criteria() if taken else None,
        account=account.for_criteria(organisation) if account else None,
    )


def walk(case: LoggedCase, plan: Plan) -> Walked:
    """Take a case through its timeline, to its last event and what is due then.

    Raises:
        Refused: an event does not fit the plan: a field that the catalog does not declare, or declares otherwise.
    """
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

"""Opening a case: who covers it, what it takes of that, and the plan that it runs by; written down in one activity."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio import activity

from activities.covering import Covering
from activities.heartbeat import heartbeating
from activities.planning import Planner
from activities.refusals import refusals
from domain.catalog import Account, Entitlement
from domain.coverage import Coverage
from domain.effects import Noted
from domain.errors import Refused
from domain.fields import check_values
from domain.messages import (
    OPEN_CASE,
    PLAN_ENTITLEMENT_CHANGE,
    CarriedCase,
    CaseOpening,
    CaseRecord,
    EntitlementChangePlan,
    OpenedCase,
)
from domain.plan import Plan
from domain.timeline import Case, Timeline
from store.store import Store


class Opening:
    """Opens cases by the catalog as it stands now."""

    def __init__(self, store: Store, planner: Planner, covering: Covering) -> None:
        self.store = store
        self.planner = planner
        self.covering = covering

    @activity.defn(name=OPEN_CASE)
    async def open_case(self, opening: CaseOpening) -> OpenedCase:
        """Find the entitlement, take one case of it, freeze the plan, and record the case as opened."""
        with refusals():
            async with heartbeating():
                return await self._open(opening)

    @activity.defn(name=PLAN_ENTITLEMENT_CHANGE)
    async def plan_entitlement_change(self, change: EntitlementChangePlan) -> OpenedCase:
        """The plan of a running case under another entitlement, of which it takes one."""
        with refusals():
            async with heartbeating():
                return await self._plan_change(change)

    async def _open(self, opening: CaseOpening) -> OpenedCase:
        intake = opening.intake
        fields: dict[str, Any] = check_values(intake.fields, await asyncio.to_thread(self.store.fields))
        coverage, account = await self.covering.find(intake, opening.opened_at)
        entitlement = await self.covering.take(intake, coverage, at=opening.opened_at, now=opening.now)
        if entitlement is None and account is not None and account.without_entitlement == "refuse":
            why = f"account {account.id!r} takes no case without an entitlement{_why(coverage)}"
            raise Refused("not_entitled", why)
        return await asyncio.to_thread(self._record, opening, entitlement, account, fields)

    async def _plan_change(self, change: EntitlementChangePlan) -> OpenedCase:
        intake = change.intake.model_copy(update={"entitlement": change.entitlement})
        entitlement, account = None, None
        if change.entitlement is not None:
            coverage, account = await self.covering.find(intake, change.now)
            entitlement = coverage.chosen
            if entitlement and not await self.covering.takes(intake, entitlement, at=change.now, now=change.now):
                raise Refused("nothing_left", f"entitlement {entitlement.id!r} has nothing left for this case")
        plan = await asyncio.to_thread(
            self.planner.plan, intake, change.opened_at, entitlement=entitlement, account=account
        )
        return OpenedCase(
            plan=plan,
            account=account.id if account else None,
            entitlement=entitlement.id if entitlement else None,
        )

    def _record(
        self, opening: CaseOpening, entitlement: Entitlement | None, account: Account | None, fields: dict[str, Any]
    ) -> OpenedCase:
        timeline = self._enter(opening, entitlement, account, fields)
        notes = [effect for effect in timeline.advance(opening.opened_at) if isinstance(effect, Noted)]
        opened = OpenedCase(
            plan=timeline.plan,
            fields=fields,
            account=account.id if account else None,
            entitlement=entitlement.id if entitlement else None,
        )
        self.store.record_case(
            CaseRecord(
                history=0,
                number=1,
                notes_from=1,
                run_id=activity.info().workflow_run_id or "",
                account=opened.account,
                entitlement=opened.entitlement,
                view=timeline.view(opening.opened_at),
                notes=notes,
                carried=CarriedCase(
                    plan=timeline.plan,
                    state=timeline.state,
                    account=opened.account,
                    entitlement=opened.entitlement,
                    recorded_notes=len(notes),
                    ahead=opening.ahead,
                ),
            )
        )
        return opened

    def _enter(
        self, opening: CaseOpening, entitlement: Entitlement | None, account: Account | None, fields: dict[str, Any]
    ) -> Timeline:
        """The timeline as the case will enter it, with calendars that reach as far as its targets."""
        case = Case(case_id=opening.intake.case_id, fields=fields)
        plan: Plan = self.planner.plan(opening.intake, opening.opened_at, entitlement=entitlement, account=account)
        timeline = Timeline.enter(plan, case, opening.opened_at)
        while not timeline.covers(opening.now):
            plan = self.planner.further(timeline.plan, opening.now)
            timeline = Timeline.enter(plan, case, opening.opened_at)
        return timeline


def _why(coverage: Coverage) -> str:
    reasons = "; ".join(f"{other.entitlement}: {other.why}" for other in coverage.unmatched)
    overflowed = "; ".join(f"{match.entitlement.id}: nothing left" for match in coverage.ranked)
    said = "; ".join(text for text in (overflowed, reasons) if text)
    return f" ({said})" if said else ""

"""Opening a case: who covers it, what it takes of that, and the plan that it runs by; written down in one activity."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.planning import Planner
from activities.usage import UsageGate
from domain.catalog import Account, Entitlement
from domain.coverage import Coverage, CoverageQuestion, choose
from domain.effects import Noted
from domain.entitlement_messages import Consumption, EntitlementTerms
from domain.errors import MilepostError, Refused
from domain.fields import FieldsError, check_values
from domain.frozen_periods import Term
from domain.messages import (
    FREEZE_CALENDARS,
    OPEN_CASE,
    CaseIntake,
    CaseOpening,
    CaseRecord,
    Horizon,
    HorizonRequest,
    OpenedCase,
)
from domain.periods import freeze, horizon
from domain.plan import Plan
from domain.timeline import Case, Timeline
from store.errors import StoreError
from store.store import Store


class Opening:
    """Opens cases by the catalog as it stands now."""

    def __init__(self, store: Store, planner: Planner, gate: UsageGate) -> None:
        self.store = store
        self.planner = planner
        self.gate = gate

    @activity.defn(name=OPEN_CASE)
    async def open_case(self, opening: CaseOpening) -> OpenedCase:
        """Find the entitlement, take one case of it, freeze the plan, and record the case as opened.

        Done again it comes to the same: what a case takes is counted once, by its id.
        """
        try:
            return await self._open(opening)
        except StoreError:
            raise  # passes by itself; the server tries again
        except (MilepostError, FieldsError) as error:
            kind = error.code if isinstance(error, Refused) else type(error).__name__
            raise ApplicationError(str(error), type=kind, non_retryable=True) from error

    @activity.defn(name=FREEZE_CALENDARS)
    async def freeze_calendars(self, request: HorizonRequest) -> Horizon:
        """The calendars of a plan over a longer horizon; what was frozen stays as it was."""
        try:
            calendars = await asyncio.to_thread(self.planner.extend, request.plan, request.now)
        except StoreError:
            raise
        except MilepostError as error:
            raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from error
        return Horizon(calendars=calendars)

    async def _open(self, opening: CaseOpening) -> OpenedCase:
        intake = opening.intake
        fields: dict[str, Any] = check_values(intake.fields, await asyncio.to_thread(self.store.fields))
        coverage, account = await asyncio.to_thread(self._cover, intake, opening.opened_at)
        entitlement = await self._take(opening, coverage)
        if entitlement is None and account is not None and account.without_entitlement == "refuse":
            raise Refused(
                "not_entitled", f"account {account.id!r} takes no case without an entitlement{_why(coverage)}"
            )
        return await asyncio.to_thread(self._plan, opening, entitlement, account, fields)

    def _cover(self, intake: CaseIntake, opened_at: datetime) -> tuple[Coverage, Account | None]:
        asked = intake.model_dump(include=set(CoverageQuestion.model_fields))
        found = self.store.coverage_candidates(CoverageQuestion(**asked, at=opened_at))
        coverage = choose(found.scope, found.candidates)
        if intake.entitlement and (coverage.chosen is None or coverage.chosen.id != intake.entitlement):
            why = next((o.why for o in coverage.others if o.entitlement == intake.entitlement), "it does not match")
            raise Refused("not_entitled", f"the case can't be opened from entitlement {intake.entitlement!r}: {why}")
        account = coverage.chosen.account if coverage.chosen else next(iter(found.scope.accounts), None)
        return coverage, self.store.account(account) if account else None

    async def _take(self, opening: CaseOpening, coverage: Coverage) -> Entitlement | None:
        """The best entitlement that has a case left; an overflow falls back to the next that matches."""
        for match in coverage.ranked:
            entitlement = match.entitlement
            allowance = entitlement.allowance
            if allowance is None or allowance.unit != "cases":
                return entitlement
            consumed = await self.gate.consume(
                await asyncio.to_thread(self._terms, entitlement, opening),
                Consumption(
                    reference=opening.intake.case_id,
                    event_id=f"open-{opening.intake.case_id}",
                    unit="cases",
                    occurred_at=opening.opened_at,
                    case_id=opening.intake.case_id,
                    by=opening.intake.by,
                ),
            )
            if consumed.is_taken:
                return entitlement
        return None

    def _terms(self, entitlement: Entitlement, opening: CaseOpening) -> EntitlementTerms:
        organisation, account = self.store.organisation(), self.store.account(entitlement.account)
        if entitlement.allowance is None:
            raise Refused("no_allowance", f"entitlement {entitlement.id!r} counts nothing")
        term = Term(
            starts_on=entitlement.starts_on,
            ends_on=entitlement.ends_on,
            time_zone=account.time_zone or organisation.time_zone,
        )
        return EntitlementTerms(
            entitlement_id=entitlement.id,
            account=account.id,
            name=entitlement.name,
            allowance=entitlement.allowance,
            periods=freeze(entitlement.allowance, term, horizon(term, opening.now)),
            manager=account.manager_mail,
            clock=opening.now if opening.intake.clock else None,
        )

    def _plan(
        self, opening: CaseOpening, entitlement: Entitlement | None, account: Account | None, fields: dict[str, Any]
    ) -> OpenedCase:
        intake = opening.intake
        plan = self.planner.plan(intake, opening.opened_at, entitlement=entitlement, account=account)
        case = Case(case_id=intake.case_id, fields=fields)
        timeline = Timeline.enter(plan, case, opening.opened_at)
        while not timeline.covers(opening.now):
            timeline = Timeline.enter(self._further(timeline.plan, opening.now), case, opening.opened_at)
        effects = timeline.advance(opening.opened_at)
        self.store.record_case(
            CaseRecord(
                history=0,
                number=1,
                notes_from=1,
                run_id=activity.info().workflow_run_id or "",
                account=account.id if account else None,
                entitlement=entitlement.id if entitlement else None,
                view=timeline.view(opening.opened_at),
                notes=[effect for effect in effects if isinstance(effect, Noted)],
            )
        )
        return OpenedCase(
            plan=timeline.plan,
            fields=fields,
            account=account.id if account else None,
            entitlement=entitlement.id if entitlement else None,
        )

    def _further(self, plan: Plan, now: datetime) -> Plan:
        return plan.model_copy(update={"calendars": {**plan.calendars, **self.planner.extend(plan, now)}})


def _why(coverage: Coverage) -> str:
    reasons = "; ".join(f"{other.entitlement}: {other.why}" for other in coverage.unmatched)
    overflowed = "; ".join(f"{match.entitlement.id}: nothing left" for match in coverage.ranked)
    said = "; ".join(text for text in (overflowed, reasons) if text)
    return f" ({said})" if said else ""

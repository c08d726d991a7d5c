"""Changes of what a case runs by: another entitlement, or another version of its process."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.messages import names
    from domain.messages.case_state import EntitlementChange
    from domain.messages.cases import Answer, Migration
    from domain.messages.steps import EntitlementChangePlan, MigratedPlan, MigrationPlan, OpenedCase
    from domain.timeline.events import EntitlementChanged, PlanReplaced
    from workflows.case.overage import Overage
    from workflows.case.plans import Plans, plan_by
    from workflows.case.running import RunningCase
    from workflows.case.shown import Picture
    from workflows.case.steps import Attempts
    from workflows.case.taking import Taking

AT_ITS_OWN_TIME = "a-change-counts-at-its-own-time"
"""The patch since which a change of entitlement is judged, and paid for, at the instant at which it takes effect."""

MARKS_REFUSALS = "a-refused-change-is-marked"
"""The patch since which a replay goes by the history, and not by a trial, in what was refused before it was planned."""


class Changes:
    """Gets the plan that a change leads to, and has the case go over to it."""

    def __init__(self, case: RunningCase, plans: Plans, taking: Taking, overage: Overage, picture: Picture) -> None:
        self._case = case
        self._plans = plans
        self._taking = taking
        self._overage = overage
        self._picture = picture
        self._attempts = Attempts("change")

    async def change_entitlement(self, change: EntitlementChange) -> Answer:
        """The case goes over to another entitlement, of which it takes one; unless somebody has to decide first.

        Raises:
            ApplicationError: it can't.
        """
        case = self._case
        await case.ready()
        await self._overage.until_decided()
        prompt = case.kept.prompt
        if prompt is not None and prompt.change is not None and prompt.change.event_id == change.event_id:
            return Answer(outcome="repeated", notes=[prompt.text], case=case.view())
        own = None
        if workflow.patched(AT_ITS_OWN_TIME):
            # What the timeline would refuse is refused before anything is taken for it.
            trial = EntitlementChanged(plan=case.timeline.plan, **change.model_dump())
            foresee = self._attempts.foresee if workflow.patched(MARKS_REFUSALS) else self._attempts.attempt
            foresee(trial.type, lambda: self._taking.try_out(trial))
            own = case.timeline.state.opened_at if change.from_opening else min(change.occurred_at, case.now())
        planned = await plan_by(
            names.PLAN_ENTITLEMENT_CHANGE,
            EntitlementChangePlan(
                intake=case.intake_with_fields,
                event_id=change.event_id,
                entitlement=change.entitlement,
                opened_at=case.timeline.state.opened_at,
                now=case.now(),
                at=own,
            ),
            OpenedCase,
            "freeze the calendars of another entitlement",
        )
        await self._overage.until_decided()
        if planned.prompt is not None:
            return self._overage.ask_before(change, planned.prompt)
        answer = await self._taking.take(EntitlementChanged(plan=planned.plan, **change.model_dump()))
        case.kept.account, case.kept.entitlement = planned.account or case.kept.account, planned.entitlement
        self._overage.settle(change)
        self._picture.show()
        return answer

    async def migrate(self, migration: Migration) -> Answer:
        """The case goes on under another version of its process, and its calendars as they are now.

        Raises:
            ApplicationError: it can't.
        """
        case = self._case
        await case.ready()
        planned = await plan_by(
            names.PLAN_MIGRATION,
            MigrationPlan(
                plan=case.timeline.plan,
                earliest=case.timeline.earliest,
                now=case.now(),
                process_version=migration.process_version,
            ),
            MigratedPlan,
            "freeze the calendars of another version",
        )
        self._plans.horizon_ends = False
        return await self._taking.take(
            PlanReplaced(plan=planned.plan, **migration.model_dump(exclude={"process_version"}))
        )

"""Opening a case: who covers it, what it takes of that, and the plan that it runs by; written down in one activity."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from temporalio import activity

from activities.covering import Covering, Taken, asked_by
from activities.heartbeat import heartbeating
from activities.hours import Hours
from activities.planning import Planner, reaches_back_to
from activities.recording import Recording
from activities.refusals import check_readable, refusals
from activities.uncovered import Uncovered
from domain.catalog.declarations import Account
from domain.catalog.kinds import Kind
from domain.coverage.matching import Coverage, fields_filled_from
from domain.criteria.values import check_new
from domain.errors import Refused
from domain.frozen import HorizonExceeded
from domain.messages.case_state import CaseState
from domain.messages.cases import CaseIntake, CaseReopening
from domain.messages.names import DECIDE_OVERAGE, LOG_TIME, OPEN_CASE, PLAN_ENTITLEMENT_CHANGE, REVERSE_TIME
from domain.messages.steps import (
    CaseOpening,
    CaseRecord,
    Entered,
    EntitlementChangePlan,
    FeedPart,
    HoursDecided,
    OpenedCase,
    OverageDecided,
    TimeTaken,
    TimeToReverse,
    TimeToTake,
    open_case,
    opened_state,
    reopen_case,
)
from domain.messages.work_notes import UncoveredWork, uncovered_line
from domain.timeline.plan import Plan
from domain.timeline.requests import refuse_future
from domain.usage.requests import Consumed, TimeEntry
from domain.usage.units import HOURS, amount_text, worked_text
from store.errors import StoreError
from store.store import Store


class Opening:
    """Opens cases by the catalog as it stands now."""

    def __init__(self, store: Store, planner: Planner, covering: Covering, together: Recording) -> None:
        self.store = store
        self.planner = planner
        self.covering = covering
        self._together = together
        self.hours = Hours(covering)
        self._uncovered = Uncovered(store)

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

    @activity.defn(name=DECIDE_OVERAGE)
    async def decide_overage(self, decided: OverageDecided | HoursDecided) -> OpenedCase | None:
        """Take one more at the overage price, or fall back; and the plan that this leads to.

        No other plan follows from what is decided on a time entry, or from a no to a change of entitlement.
        """
        with refusals():
            async with heartbeating():
                if isinstance(decided, HoursDecided):
                    await self.hours.decide(decided.intake, decided.question, decided.choice, now=decided.now)
                    return None
                taken = await self.covering.decide(decided.intake, decided.prompt, decided.choice, now=decided.now)
                if taken is None:
                    return None
                opened = await self._plan(decided.intake, taken, decided.opened_at)
                return opened.model_copy(update={"coverage": taken.coverage})

    @activity.defn(name=LOG_TIME)
    async def log_time(self, asked: TimeToTake) -> TimeTaken:
        """Take work done from the entitlements of hours that match, once."""
        with refusals():
            async with heartbeating():
                entry = TimeEntry(
                    id=asked.entry.id,
                    minutes=asked.entry.minutes,
                    worked_at=asked.entry.worked_at or asked.entry.occurred_at,
                    case_id=asked.intake.case_id,
                    by=asked.entry.by,
                    note=asked.entry.note,
                    event_id=asked.entry.event_id,
                )
                before = await asyncio.to_thread(self._uncovered.logged_before, asked)
                return before or await self._take_time(asked, entry)

    @activity.defn(name=REVERSE_TIME)
    async def reverse_time(self, asked: TimeToReverse) -> UncoveredWork:
        """What stayed uncovered of a time entry that is to be undone, and whether it was undone before."""
        with refusals():
            return await asyncio.to_thread(self._uncovered.to_reverse, asked)

    async def _take_time(self, asked: TimeToTake, entry: TimeEntry) -> TimeTaken:
        took, is_known = await self.hours.log(asked.intake, entry, asked.now)
        if all(consumed.outcome == "refused" for _, consumed in took):
            return TimeTaken(lines=[uncovered_line(entry.minutes)])
        question = await self.hours.question(entry, took, asked.now)
        lines = [_took(entitlement, consumed) for entitlement, consumed in took]
        lines += await asyncio.to_thread(self._with_other_minutes, entry, took)
        return TimeTaken(lines=lines, question=question, is_known=is_known)

    def _with_other_minutes(self, entry: TimeEntry, took: Sequence[tuple[str, Consumed]]) -> list[str]:
        """A remark on an entry that comes again with other minutes: by its id it counts once."""
        name, first = took[0]
        allowance = self.store.catalog.entitlement(name).allowance
        before = first.minutes
        if first.outcome != "already" or allowance is None:
            return []
        if before in {allowance.minutes_counted(entry.minutes) or entry.minutes, entry.minutes}:
            return []
        first_said, said = worked_text(before), worked_text(entry.minutes)
        return [f"logged before with {first_said}, and not {said}; more is logged under another id"]

    async def _open(self, opening: CaseOpening) -> OpenedCase:
        intake = opening.intake
        if intake.reopened is not None:
            return await asyncio.to_thread(self._reopened, opening, intake.reopened)
        refuse_future(opening.opened_at, opening.now, "opened_at")
        coverage, account, fields = await asyncio.to_thread(self._looked_up, opening)
        # A run of a case asks once, however often its activity is tried; a new run asks anew.
        attempt = activity.info().workflow_run_id or ""
        taken = await self.covering.take(
            intake,
            coverage.ranked,
            at=opening.opened_at,
            now=opening.now,
            attempt=attempt,
            beside=coverage,
        )
        uncovered = taken.entitlement is None and taken.prompt is None
        if uncovered and account is not None and account.without_entitlement == "refuse":
            why = f"account {account.id!r} takes no case without an entitlement{_why(coverage)}"
            raise Refused("not_entitled", why)
        opened, record = await asyncio.to_thread(self._opened, opening, taken, account, fields)
        try:
            await self._together.write(record)
        except (SQLAlchemyError, StoreError):  # nothing but this opening waits for it: it may take longer, by itself
            await asyncio.to_thread(self.store.cases.record, record)
        return opened

    def _looked_up(self, opening: CaseOpening) -> tuple[Coverage, Account | None, dict[str, Any]]:
        """Who covers a new case, its account, and its fields: all of one catalog."""
        intake, at = opening.intake, opening.opened_at
        with self.store.snapshot() as catalog:
            declared = catalog.catalog.fields()
            listed = catalog.catalog.values()
            checked = check_new(intake.fields, declared, listed)
            things = asked_by(intake, at).things
            catalog.catalog.check_none_retired({**things, Kind.BUSINESS_HOURS: intake.business_hours})
            coverage, account = self.covering.found(intake, at, catalog)
        fields: dict[str, Any] = dict(checked)
        if intake.entitlement and coverage.chosen:
            fields = fields_filled_from(coverage.chosen, fields, declared, listed)
        # What is usual is known to go. What may not is tried before anything is taken for it.
        is_unusual = reaches_back_to(intake, at, declared).year < opening.now.year - 1
        if intake.business_hours or is_unusual:
            self._try(opening, coverage, account, fields)
        return coverage, account, fields

    def _try(self, opening: CaseOpening, coverage: Coverage, account: Account | None, fields: dict[str, Any]) -> None:
        """Open a case of each that may cover it, without taking anything.

        Raises:
            NotFound, CalendarError, Refused: as one would be refused that has taken what it costs.
        """
        with self.store.snapshot() as catalog:
            for taken in [Taken(match.entitlement) for match in coverage.ranked] or [Taken()]:
                plan = self._planned(catalog, opening.intake, opening.opened_at, taken, account)
                self._enter(opening, taken, plan, account, fields)

    async def _plan_change(self, change: EntitlementChangePlan) -> OpenedCase:
        intake = change.intake.model_copy(update={"entitlement": change.entitlement})
        taken, at = Taken(), change.at or change.now
        if change.entitlement is not None:
            coverage, _ = await self.covering.find(intake, at)
            wanted = coverage.ranked[:1]
            for match in wanted:  # what can't be planned is refused before anything is taken for it
                await self._plan(intake, Taken(match.entitlement), change.opened_at)
            attempt = change.event_id or activity.info().workflow_run_id or ""
            taken = await self.covering.take(intake, wanted, at=at, now=change.now, attempt=attempt)
            if taken.entitlement is None and taken.prompt is None:
                raise Refused("nothing_left", f"entitlement {change.entitlement!r} has nothing left for this case")
        return await self._plan(intake, taken, change.opened_at)

    async def _plan(self, intake: CaseIntake, taken: Taken, opened_at: datetime) -> OpenedCase:
        account, plan = await asyncio.to_thread(self._account_and_plan, intake, taken, opened_at)
        return OpenedCase(
            plan=plan,
            account=account.id if account else None,
            entitlement=taken.entitlement.id if taken.entitlement else None,
            prompt=taken.prompt,
        )

    def _account_and_plan(self, intake: CaseIntake, taken: Taken, opened_at: datetime) -> tuple[Account | None, Plan]:
        name = taken.entitlement.account if taken.entitlement else intake.account
        with self.store.snapshot() as catalog:
            account = catalog.catalog.account(name) if name else None
            return account, self._planned(catalog, intake, opened_at, taken, account)

    def _planned(
        self, catalog: Store, intake: CaseIntake, opened_at: datetime, taken: Taken, account: Account | None
    ) -> Plan:
        plan = Planner(catalog).plan(
            intake,
            opened_at,
            entitlement=taken.entitlement.id if taken.entitlement else None,
            account=account.id if account else None,
        )
        # Until somebody has decided the case is in no process.
        return plan.model_copy(update={"process": None}) if taken.prompt else plan

    def _opened(
        self, opening: CaseOpening, taken: Taken, account: Account | None, fields: dict[str, Any]
    ) -> tuple[OpenedCase, CaseRecord]:
        """The case as it is opened, and what is to be recorded of that."""
        run_id = activity.info().workflow_run_id or ""
        with self.store.snapshot() as stored:
            plan = self._planned(stored, opening.intake, opening.opened_at, taken, account)
            # A case whose workflow was ended goes on where its events have come to.
            feed_after = stored.feed.last_before(opening.intake.case_id, run_id)
        opened, entered = self._enter(opening, taken, plan, account, fields)
        opened = opened.model_copy(update={"feed_after": feed_after})
        return opened, CaseRecord(
            history=0,
            number=1,
            notes_from=1,
            run_id=run_id,
            account=opened.account,
            entitlement=opened.entitlement,
            view=entered.timeline.view(opening.opened_at),
            notes=entered.notes,
            carried=opened_state(opened, entered, opening.ahead),
            asked_at=activity.info().scheduled_time,
            feed=FeedPart(first=feed_after + 1),
        )

    def _enter(
        self, opening: CaseOpening, taken: Taken, plan: Plan, account: Account | None, fields: dict[str, Any]
    ) -> tuple[OpenedCase, Entered]:
        """The case as its workflow will open it, with calendars that reach as far as its targets."""
        opened = OpenedCase(
            plan=plan,
            fields=fields,
            account=account.id if account else None,
            entitlement=taken.entitlement.id if taken.entitlement else None,
            coverage=taken.coverage,
            prompt=taken.prompt,
        )
        while True:
            with suppress(HorizonExceeded):
                entered = open_case(opening.intake, opened, opening.opened_at)
                if entered.timeline.covers(opening.now):
                    return opened, entered
            plan = self.planner.further(opened.plan, opening.now)
            opened = opened.model_copy(update={"plan": plan})

    def _reopened(self, opening: CaseOpening, asked: CaseReopening) -> OpenedCase:
        """A closed case as the store has kept it, with calendars that reach to its targets, and back to its start.

        One that can't be reopened so is handed over all the same: its workflow refuses, and shows how it stands.

        Raises:
            CalendarError: the holidays of these years are not known.
        """
        stored = self.store.cases.get(opening.intake.case_id).carried
        check_readable(stored)
        now = opening.now + stored.ahead
        with suppress(Refused):
            while True:
                reaches, back_to = _reaches(stored, asked, opening.now)
                if reaches:
                    break
                plan = self.planner.further(stored.plan, now, back_to)
                stored = stored.model_copy(update={"plan": plan})
        return OpenedCase(plan=stored.plan, reopened=stored)


def _reaches(stored: CaseState, asked: CaseReopening, now: datetime) -> tuple[bool, datetime | None]:
    """Whether the calendars of a reopened case reach as they have to; if not, to where before they begin.

    What is missed there would have no record if the case went on, and was closed, without it. None: they have to reach
    further on.
    """
    try:
        timeline = reopen_case(stored, asked, now).timeline
    except HorizonExceeded as exceeded:
        return False, exceeded.back_to
    back_to = timeline.lacks_from if asked.fields else None  # else it lacks what it lacked when it was closed
    return back_to is None and timeline.covers(now + stored.ahead), back_to


def _took(entitlement: str, consumed: Consumed) -> str:
    over = f", {_hours(consumed.overage)} beyond the cap" if consumed.overage else ""
    granted = f" and {_hours(consumed.grant_left)} granted" if consumed.grant_left else ""
    left = "" if consumed.remaining is None else f", {_hours(consumed.remaining)} left{granted}"
    of_work = f" for {worked_text(consumed.worked)} of work" if consumed.worked else ""
    return f"entitlement {entitlement}: {consumed.outcome}, {_hours(consumed.taken)} taken{of_work}{over}{left}"


def _hours(minutes: int) -> str:
    return amount_text(minutes, HOURS)


def _why(coverage: Coverage) -> str:
    reasons = "; ".join(f"{other.entitlement}: {other.why}" for other in coverage.unmatched)
    overflowed = "; ".join(f"{match.entitlement.id}: nothing left" for match in coverage.ranked)
    said = "; ".join(text for text in (overflowed, reasons) if text)
    return f" ({said})" if said else ""

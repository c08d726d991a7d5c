"""What the store knows against a row, before anything is sent: names that nobody knows, fields, who is entitled."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.catalog.kinds import Kind
from domain.coverage.matching import CoverageQuestion
from domain.criteria.fields import FieldsError, nearest
from domain.criteria.values import check_new
from domain.errors import MilepostError, NotFound, Refused
from domain.ids import case_id_of
from domain.messages.cases import CaseIntake
from domain.process.declaration import EntitlementProcess
from domain.timeline.requests import refuse_future
from starters.imports.rows import Row
from starters.imports.sending import Verdict, verdict_of
from starters.operations.verifying import Verifying
from store import Store


class Trying:
    """Tries rows. What is left of an entitlement, and how a case stands, they are only told when they are sent.

    Args:
        store: of the catalog and the cases.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._verifying = Verifying(store, None)
        self._fields, self._listed = store.catalog.fields(), store.catalog.values()

    async def verdict(self, row: Row) -> Verdict:
        """Say of a row whether it would be sent, and what is wrong with it if it would be refused."""
        if row.trouble is not None:
            return verdict_of(row, "unreadable", row.trouble)
        try:
            if row.intake is None:
                self._store.names.check(case=case_id_of(row.case_id))
            else:
                process = await self._process(row.intake)
                _check_milestones(row, process)
        except (MilepostError, FieldsError) as error:
            return verdict_of(row, "refused", str(error))
        asks = [*(["open"] if row.intake else []), *(asked.says for asked in row.asked)]
        return verdict_of(row, "taken", f"would be sent: {', '.join(asks)}")

    async def _process(self, intake: CaseIntake) -> EntitlementProcess | None:
        """The process that a case would run, or runs.

        Raises:
            MilepostError, FieldsError: it would not be opened.
        """
        try:
            return self._store.cases.get(intake.case_id).carried.plan.process
        except NotFound:
            pass
        at = intake.opened_at or datetime.now(UTC)
        refuse_future(at, datetime.now(UTC), "opened_at")
        check_new(intake.fields, self._fields, self._listed)
        if intake.business_hours:
            self._store.catalog.business_hours(intake.business_hours)
            self._store.catalog.check_none_retired({Kind.BUSINESS_HOURS: intake.business_hours})
        asked = intake.model_dump(include=set(CoverageQuestion.model_fields))
        verified = await self._verifying.verify(CoverageQuestion(**asked, at=at))
        if verified.next_case == "refused":
            raise Refused(
                "not_entitled", _why_not(intake, [(other.entitlement, other.why) for other in verified.others])
            )
        having = verified.covered_by or (verified.chosen and verified.chosen.entitlement)
        catalog = self._store.catalog
        name = catalog.entitlement(having).process if having else catalog.organisation().process
        return catalog.process(name) if name else None


def _why_not(intake: CaseIntake, others: list[tuple[str, str]]) -> str:
    if intake.entitlement is None:
        return f"account {intake.account!r} takes no case without an entitlement"
    why = next((why for name, why in others if name == intake.entitlement), "it does not match")
    return f"the case can't have entitlement {intake.entitlement!r}: {why}"


def _check_milestones(row: Row, process: EntitlementProcess | None) -> None:
    """Refuse a row that completes what the process of its case does not have."""
    known = [milestone.name for milestone in process.milestones] if process else []
    for asked in row.asked:
        name = asked.message.get("milestone")
        if name is not None and name not in known:
            has = f"process {process.name!r}; {nearest(name, known)}" if process else "a case without a process"
            raise Refused("unknown_milestone", f"unknown milestone {name!r} of {has}")

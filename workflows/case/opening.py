"""How a case comes to be: from what its start says, from the store, or from the run before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.errors import Refused
    from domain.messages import names
    from domain.messages.case_state import FORMAT, CaseState
    from domain.messages.cases import CaseIntake
    from domain.messages.coverage import CaseCoverage
    from domain.messages.inbox import FORMAT as MESSAGE_FORMAT
    from domain.messages.inbox import read_message, written_format
    from domain.messages.steps import CaseOpening, OpenedCase, open_case, opened_state, reopen_case
    from domain.timeline.effects import NoteKind
    from domain.timeline.machine import Timeline
    from workflows.barrier import barrier
    from workflows.case.plans import plan_by
    from workflows.case.running import RunningCase
    from workflows.newer import NewerBuild, check_format, read_continued

NOBODY = CaseIntake(case_id="unknown")
"""Stands for an intake that can't be read: its workflow fails."""


def read_intake(raw: Sequence[Any]) -> tuple[CaseIntake, ApplicationError | NewerBuild | None]:
    """The intake of a case; with why the workflow, or its task, has to fail instead, if it has to.

    What is carried counts only in a run that goes on from another of this workflow. Such a run was started by a build
    of Milepost, a newer one perhaps: a key that this one does not know is ignored. From outside it is refused.
    """
    info = workflow.info()
    given = list(raw)
    try:
        if info.continued_run_id:
            return _continued(given), None
        if given:
            check_format(written_format(given[0]), MESSAGE_FORMAT)
        with barrier("the start"):
            if len(given) == 1 and isinstance(given[0], dict):
                given = [{**given[0], "carried": None}]
            intake = read_message(CaseIntake, given)
            if info.workflow_id != names.case_workflow_id(intake.case_id):
                why = f"the workflow of case {intake.case_id} is {names.case_workflow_id(intake.case_id)!r}"
                raise Refused("wrong_id", f"{why}, not {info.workflow_id!r}")
    except (ApplicationError, NewerBuild) as refusal:
        return NOBODY, refusal
    return intake, None


def _continued(given: list[Any]) -> CaseIntake:
    carried = given[0].get("carried") if given and isinstance(given[0], dict) else None
    check_format(written_format(carried), FORMAT)
    return read_continued(CaseIntake, given)


def take_up(case: RunningCase, carried: CaseState) -> None:
    """Go on from the run before. A step that fails here ends nothing: the workflow task is tried again."""
    case.intake = case.intake.model_copy(update={"carried": None})
    kept = carried.model_copy(update={"runs": carried.runs + 1, "format": FORMAT})
    case.settled_at = kept.state.last_at
    case.begin(kept, Timeline(kept.plan, kept.state))


async def open_or_reopen(case: RunningCase) -> CaseCoverage | None:
    """Get the plan of the case, with its calendars frozen; everything after depends on nothing else.

    Of a case that is refused `refusal` says why.
    """
    intake = case.intake
    if intake.clock and intake.reopened is None:
        case.ahead = intake.clock - workflow.info().workflow_start_time
    opened_at = intake.opened_at or case.now()
    opening = CaseOpening(intake=intake, opened_at=opened_at, now=case.now(), ahead=case.ahead)
    summary = "find the entitlement, freeze the calendars"
    try:
        opened = await plan_by(names.OPEN_CASE, opening, OpenedCase, summary)
        with barrier("the opening"):
            if opened.reopened is not None:
                _reopen(case, opening, opened.reopened)
            else:
                _open(case, opening, opened)
    except ApplicationError as refusal:
        case.refusal = refusal
        return None
    return opened.coverage


def _open(case: RunningCase, opening: CaseOpening, opened: OpenedCase) -> None:
    entered = open_case(opening.intake, opened, opening.opened_at)
    kept = opened_state(opened, entered, case.ahead)
    case.begin(kept, entered.timeline)
    case.do(entered.fired, None)  # the opening activity has recorded what the entry noted
    if kept.prompt is not None:
        case.remark(NoteKind.PROMPTED, kept.prompt.text, entitlement=kept.prompt.entitlement)


def _reopen(case: RunningCase, opening: CaseOpening, stored: CaseState) -> None:
    asked = opening.intake.reopened
    if asked is None:
        raise Refused("not_reopened", "nobody asked for this case to be reopened")
    case.settled_at = stored.state.last_at
    case.begin(stored, Timeline(stored.plan, stored.state))  # if it is refused, the case stands as it stood
    reopened = reopen_case(stored, asked, opening.now)
    case.begin(reopened.state, reopened.timeline)
    case.do(reopened.effects, None)

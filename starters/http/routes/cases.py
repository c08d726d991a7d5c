"""``/v1/cases``: opened, shown, and asked whatever a case can be asked."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import Body, Path, Query, Response

from domain.bounds import Words
from domain.feed.case_data import subject_of
from domain.ids import Reference
from domain.messages.cases import Answer
from domain.scopes import Scope
from domain.timeline.views import MilestoneStatus
from starters.http import case_bodies as bodies
from starters.http.access import needs
from starters.http.answers import CaseEvents, CaseList, Said, ShownCase, ShownExplanation, WorkTaken
from starters.http.asking import ByAsking
from starters.http.backend import ByCaller, FromBackend
from starters.http.case_bodies import example
from starters.http.instants import IsoInstant
from starters.http.paging import Page, cursor_to, place_of
from starters.http.problems import ErrorAt, Problem
from starters.http.refusing import OF_A_CASE, OF_A_MILESTONE, OF_COVERAGE, OF_NEWS, OF_THE_FEED, refuses
from starters.http.routing import guarded_router
from starters.http.sight import check_action, seen_events
from starters.operations.older import of_occurrence, with_older
from store.cases.listing import CaseFilter, CaseStateName, Position

router = guarded_router("/v1/cases", "Cases")

CaseId = Annotated[
    str, Path(min_length=1, max_length=3000, description="The id of the case, or the foreign one.", examples=["4711"])
]

INTAKE, AGENT, MANAGER, ADMIN = Scope.INTAKE, Scope.AGENT, Scope.MANAGER, Scope.ADMIN


class Listing(Page):
    """Which cases are listed; each part that is given has to hold.

    Attributes:
        state: `stopped`: its clock is stopped.
        account: of this account.
        entitlement: covered by this one.
        status: of the case as a whole.
        milestone: an instance of it is open.
        due_before: an open milestone (that one, if one is named) is due before this instant.
        violated: whether a milestone of it is or was; with `milestone` or `due_before` whether that one is.
        owner: the person, as the field of the case names them.
        priority: the value of the field `priority`.
        paused: whether its clock, or the clock of an open milestone, stands.
    """

    model_config = example(state="open", account="acme")

    state: CaseStateName | None = None
    account: Reference | None = None
    entitlement: Reference | None = None
    status: MilestoneStatus | None = None
    milestone: Words | None = None
    due_before: IsoInstant | None = None
    violated: bool | None = None
    owner: Words | None = None
    priority: Words | None = None
    paused: bool | None = None


Explained = Annotated[str | None, Query(description="Of this milestone only.")]
Everything = Annotated[
    bool, Query(description="With the occurrences of milestones that only the store has any more, however many.")
]
Occurrence = Annotated[
    int | None, Query(ge=1, le=2**31 - 1, description="Of this occurrence only, which the case or only the store has.")
]


@router.post("", status_code=201, responses={200: {"model": Answer, "description": "It is open already."}})
@needs(INTAKE)
@refuses(*OF_COVERAGE, "bad_field", "before_case", "case_id_taken", "closed", "in_the_future", "not_opened")
async def open_case(asked: bodies.NewCase, asking: ByAsking, response: Response) -> Answer:
    """Open a case. The answer has its coverage and its first targets."""
    answer = await asking.open(asked)
    response.headers["Location"] = f"/v1/cases/{answer.case.case_id}"
    if answer.outcome == "already":
        response.status_code = 200
    return answer


@router.get("")
@needs(INTAKE, AGENT, MANAGER, ADMIN)
@refuses("bad_cursor")
async def list_cases(backend: FromBackend, caller: ByCaller, which: Annotated[Listing, Query()]) -> CaseList:
    """List cases as they were last recorded.

    Those that were opened last come first or, by milestone or due time, those of which something is due first.
    """
    known = which.filters()
    accounts = None if caller.accounts is None else sorted(caller.accounts)
    wanted = CaseFilter(**which.model_dump(exclude={"after", "limit"}), accounts=accounts)
    place = place_of(which.after, known)
    after = None if place is None else Position(*place)
    page = await backend.ask(lambda store: store.listing.page(wanted, after=after, limit=which.limit))
    end = page.end
    return CaseList(cases=page.cases, next=cursor_to(end.at, end.case_id, known) if end and end.at else None)


@router.get("/{case}/events")
@needs(INTAKE, AGENT, MANAGER)
@refuses("not_found", *OF_THE_FEED)
async def list_events_of_case(case: CaseId, asking: ByAsking, page: Annotated[Page, Query()]) -> CaseEvents:
    """List the events of a case, the oldest first.

    A key that is bound to accounts gets those from when the case was theirs, as from `/v1/events`.
    """
    case_id, seen = await asking.case(case), seen_events(asking.caller)
    await asking.backend.ask(lambda store: store.cases.account_of(case_id))  # says so itself if there is none
    found = await asking.backend.ask(
        lambda store: store.feed.read(page.after, subject=subject_of(case_id), **seen, limit=page.limit)
    )
    return CaseEvents(events=found.events, cursor=found.cursor, is_last=found.is_last)


@router.get("/{case}")
@needs(INTAKE, AGENT, MANAGER, ADMIN)
@refuses(*OF_A_CASE)
async def show_case(case: CaseId, asking: ByAsking, everything: Everything = False) -> ShownCase:
    """Show a case as it stands. Of a milestone that recurs it has the newest ten occurrences; `more` counts others."""
    case_id = await asking.case(case)
    shown = await asking.backend.cases.show(case_id)
    view = shown.view
    if everything and view.more:
        view = with_older(view, await asking.backend.ask(lambda store: store.cases.milestones(case_id)))
    return ShownCase(case=view, note=shown.note)


@router.get("/{case}/explanation")
@needs(INTAKE, AGENT, MANAGER, ADMIN)
@refuses(*OF_A_CASE, "unknown_milestone")
async def explain_case(
    case: CaseId, asking: ByAsking, milestone: Explained = None, occurrence: Occurrence = None
) -> ShownExplanation:
    """Explain each target of a case: calendar, start, span, each pause, until the target comes out."""
    explained, note = await asking.backend.cases.explain(await asking.case(case))
    explanation = explained.of(milestone)
    if occurrence is not None:
        explanation = await asking.backend.ask(partial(of_occurrence, explanation, occurrence))
    return ShownExplanation(explanation=explanation, note=note)


@router.post("/{case}/complete_milestone")
@needs(INTAKE, AGENT)
@refuses(*OF_A_MILESTONE, "already_completed", "before_start")
async def complete_milestone(case: CaseId, asked: bodies.MilestoneReached, asking: ByAsking) -> Answer:
    """Say that a milestone was reached."""
    return await asking.request(case, "complete_milestone", asked)


@router.post("/{case}/change_fields")
@needs(INTAKE, AGENT)
@refuses(*OF_NEWS, "bad_field", "case_too_large", "no_fields", "past_the_horizon")
async def change_fields(case: CaseId, asked: bodies.NewValues, asking: ByAsking) -> Answer:
    """Say that fields of a case have new values; its milestones follow at once."""
    return await asking.request(case, "change_fields", asked)


@router.post("/{case}/stop_clock")
@needs(INTAKE, AGENT)
@refuses(*OF_A_MILESTONE, "case_too_large", "deadline_of_field")
async def stop_clock(
    case: CaseId, asking: ByAsking, asked: Annotated[bodies.ClockRequest, Body(default_factory=bodies.ClockRequest)]
) -> Answer:
    """Stop the clock of a case, or of one milestone."""
    return await asking.request(case, "stop_clock", asked)


@router.post("/{case}/resume_clock")
@needs(INTAKE, AGENT)
@refuses(*OF_A_MILESTONE)
async def resume_clock(
    case: CaseId,
    asking: ByAsking,
    asked: Annotated[bodies.ClockRequest, Body(default_factory=bodies.ClockRequest, examples=[{"by": "ann"}])],
) -> Answer:
    """Let the clock of a case, or of one milestone, go on."""
    return await asking.request(case, "resume_clock", asked)


@router.post("/{case}/clear_completion")
@needs(MANAGER)
@refuses(*OF_A_MILESTONE, "case_too_large", "later_occurrence", "not_completed", "rule_holds")
async def clear_completion(case: CaseId, asked: bodies.Clearing, asking: ByAsking) -> Answer:
    """Take a completion back, as if it had never been."""
    return await asking.request(case, "clear_completion", asked)


@router.post("/{case}/extend_milestone")
@needs(MANAGER)
@refuses(
    *OF_A_MILESTONE,
    "case_too_large",
    "deadline_of_field",
    "not_later",
    "past_the_horizon",
    "too_long",
    "too_many_extensions",
)
async def extend_milestone(case: CaseId, asked: bodies.Extension, asking: ByAsking) -> Answer:
    """Move a target later."""
    given = [f"/{name}" for name in ("open_seconds", "until") if getattr(asked, name) is not None]
    if len(given) != 1:
        said = f"say by how much, as open_seconds, or until when; {'both are given' if given else 'neither is'}"
        raise Problem("bad_message", said, errors=[ErrorAt(detail=said, pointer=one) for one in given or [""]])
    return await asking.request(case, "extend_milestone", asked)


@router.post("/{case}/change_entitlement")
@needs(AGENT, MANAGER)
@refuses(*OF_NEWS, *OF_COVERAGE, "case_too_large", "decision_pending")
async def change_entitlement(case: CaseId, asked: bodies.AnotherEntitlement, asking: ByAsking) -> Answer:
    """Let a case go over to another entitlement."""
    return await asking.change_entitlement(case, asked)


@router.post("/{case}/log_time")
@needs(AGENT)
@refuses(*OF_NEWS, "entry_of_another_case", "not_rated", "past_the_horizon", "reversed")
async def log_time(case: CaseId, asked: bodies.Work, asking: ByAsking) -> WorkTaken:
    """Log work done on a case: it is taken from the entitlements of hours that cover it."""
    case_id = await asking.case(case)
    return WorkTaken(lines=await asking.backend.cases.client.log_time(case_id, **asking.event(asked)))


@router.post("/{case}/reverse_time")
@needs(AGENT, MANAGER)
@refuses(*OF_NEWS, "not_uncovered")
async def reverse_time(case: CaseId, asked: bodies.WorkUndone, asking: ByAsking) -> Answer:
    """Undo a time entry that stayed uncovered, once. What an entitlement has taken is given back there."""
    return await asking.request(case, "reverse_time", asked)


@router.post("/{case}/decide_overage")
@needs(AGENT, MANAGER)
@refuses(*OF_NEWS, *OF_COVERAGE, "already_approved", "nothing_to_decide")
async def decide_overage(case: CaseId, asked: bodies.Decision, asking: ByAsking) -> Answer:
    """Decide about what is beyond a cap.

    With the scope `manager` always; with `agent` alone where the allowance of the entitlement that asks says
    `decide: agent`.
    """
    return await asking.decide_overage(case, asked)


@router.post("/{case}/retry_action")
@needs(AGENT, MANAGER)
@refuses(*OF_A_CASE, "not_kept", "under_way", "unknown_action")
async def retry_action(case: CaseId, asked: bodies.Retry, asking: ByAsking) -> Said:
    """Try an action that failed for good again, under the key that it has."""
    case_id = await asking.case(case)
    await check_action(asking.backend, asking.caller, asked.key)
    return Said(text=await asking.backend.retrying(case_id, asked.key, asking.who(asked.by), is_entitlement=False))


@router.post("/{case}/migrate")
@needs(ADMIN)
@refuses(*OF_NEWS, "another_process", "case_too_large", "past_the_horizon", "unknown_name")
async def migrate(
    case: CaseId, asking: ByAsking, asked: Annotated[bodies.OtherVersion, Body(default_factory=bodies.OtherVersion)]
) -> Answer:
    """Let a case go on under another version of its process, and its calendars as they are now."""
    return await asking.request(case, "migrate", asked)


@router.post("/{case}/close")
@needs(INTAKE, AGENT)
@refuses(*OF_NEWS)
async def close(
    case: CaseId, asking: ByAsking, asked: Annotated[bodies.CaseRequest, Body(default_factory=bodies.CaseRequest)]
) -> Answer:
    """Close a case. What is open stays open at exit."""
    return await asking.request(case, "close", asked)


@router.post("/{case}/reopen")
@needs(INTAKE, AGENT)
@refuses(*OF_NEWS, "bad_field", "case_too_large", "not_reopened", "open", "past_the_horizon")
async def reopen(
    case: CaseId, asking: ByAsking, asked: Annotated[bodies.Reopening, Body(default_factory=bodies.Reopening)]
) -> Answer:
    """Take a closed case up again."""
    return await asking.reopen(case, asked)

"""``/v1/actions``: what was sent for a case, what failed for good, and trying that again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import Body, Path, Query
from pydantic import Field

from domain.bounds import Words
from domain.errors import NotFound
from domain.ids import CaseName
from domain.model import Value
from domain.process.actions import KINDS
from domain.scopes import Scope
from starters.http.access import needs
from starters.http.answers import ActionList, RetrySaid
from starters.http.asking import ByAsking
from starters.http.case_bodies import example
from starters.http.instants import IsoInstant
from starters.http.refusing import OF_A_CASE, refuses
from starters.http.routing import guarded_router
from starters.http.sight import check_case

router = guarded_router("/v1/actions", "Actions")

AGENT, MANAGER = Scope.AGENT, Scope.MANAGER
KEY = "4711/gold/first-response/1/success/1/email"

if TYPE_CHECKING:
    ActionName = str
else:  # the kinds that there are, in the API's document too; a type checker wants them written out
    ActionName = Literal[tuple(KINDS)]


class ActionListing(Value):
    """Which actions are listed: those of a case in the order in which they fell due, or all that failed for good.

    Attributes:
        case: of this case, or of the entitlement of this id; those that failed, of all, if left out.
        kind: of this kind only.
        limit: at most so many.
        since: that failed then or later; so with `kind`, of those that failed.
    """

    model_config = example(case="4711")

    case: CaseName | None = None
    since: IsoInstant | None = None
    kind: ActionName | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class RetryAsked(Value):
    """Who wants an action tried again.

    Attributes:
        by: the person.
    """

    model_config = example(by="ann")

    by: Words | None = None


@router.get("")
@needs(AGENT, MANAGER)
@refuses("not_found")
async def list_actions(asking: ByAsking, which: Annotated[ActionListing, Query()]) -> ActionList:
    """List what was sent for a case or, of all cases and entitlements, what failed for good.

    A key that is bound to accounts gets those from when the case was theirs.
    """
    backend, accounts, limit = asking.backend, asking.caller.accounts, which.limit
    if which.case is not None:
        case_id = which.case
        await check_case(backend, asking.caller, case_id)
        await backend.ask(lambda store: store.cases.account_of(case_id))  # says so itself if there is none
        found = await backend.ask(lambda store: store.actions.of_case(case_id, accounts=accounts))
        return ActionList(actions=found[:limit])
    found = await backend.ask(
        lambda store: store.actions.failed(since=which.since, kind=which.kind, accounts=accounts, limit=limit)
    )
    return ActionList(actions=found)


@router.post("/{key:path}/retry")
@needs(AGENT, MANAGER)
@refuses(*OF_A_CASE, "not_kept", "under_way", "unknown_action")
async def retry_action_by_key(
    key: Annotated[
        str, Path(min_length=1, max_length=1000, description="Of the action; its slashes as they are.", examples=[KEY])
    ],
    asking: ByAsking,
    asked: Annotated[RetryAsked, Body(default_factory=RetryAsked)],
) -> RetrySaid:
    """Try an action that failed for good again, whether a case ordered it or an entitlement."""
    accounts = asking.caller.accounts
    found = await asking.backend.ask(lambda store: store.actions.get(key, accounts=accounts))
    if found is None:
        raise NotFound(f"unknown action {key!r}")
    by, is_entitlement = asking.who(asked.by), found.entitlement is not None
    return RetrySaid(text=await asking.backend.retrying(found.case_id, key, by, is_entitlement=is_entitlement))

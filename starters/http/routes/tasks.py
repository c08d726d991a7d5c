"""``/v1/tasks``: what triggers gave people to do, and ticking it off."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Body, Path, Query

from domain.bounds import Words
from domain.errors import NotFound
from domain.ids import CaseName, Reference
from domain.model import Value
from domain.scopes import Scope
from starters.http.access import needs
from starters.http.answers import TaskList, Ticked
from starters.http.asking import Asking, ByAsking
from starters.http.case_bodies import example
from starters.http.instants import IsoInstant
from starters.http.paging import Page, cursor_to, place_of
from starters.http.refusing import refuses
from starters.http.routing import guarded_router

router = guarded_router("/v1/tasks", "Tasks")

KEY = "4711/gold/first-response/1/success/1/task"
TaskKey = Annotated[
    str, Path(min_length=1, max_length=1000, description="Of the task; its slashes as they are.", examples=[KEY])
]

AGENT, MANAGER = Scope.AGENT, Scope.MANAGER


class TaskListing(Page):
    """Which tasks are listed; each part that is given has to hold.

    Attributes:
        done: whether they are done.
        owner: of theirs only; empty: those that are nobody's.
        case: of this case, or of the entitlement of this id.
        account: of this account.
        due_before: that are due before this instant.
    """

    model_config = example(done=False, owner="desk")

    done: bool | None = None
    owner: Words | None = None
    case: CaseName | None = None
    account: Reference | None = None
    due_before: IsoInstant | None = None


class Tick(Value):
    """Who ticks a task off, or takes that back.

    Attributes:
        by: the person.
    """

    model_config = example(by="ana")

    by: Words | None = None


@router.get("")
@needs(AGENT, MANAGER)
@refuses("bad_cursor")
async def list_tasks(asking: ByAsking, which: Annotated[TaskListing, Query()]) -> TaskList:
    """List tasks in the order in which they were made."""
    known = which.filters()
    accounts, place, limit = asking.caller.accounts, place_of(which.after, known), which.limit
    found = await asking.backend.ask(
        lambda store: store.tasks.find(
            which.case,
            done=which.done,
            owner=which.owner,
            account=which.account,
            accounts=accounts,
            due_before=which.due_before,
            after=place,
            limit=limit + 1,
        )
    )
    shown = found[:limit]
    end = cursor_to(shown[-1].at, shown[-1].key, known) if len(found) > limit else None
    return TaskList(tasks=shown, next=end)


@router.post("/{key:path}/done")
@needs(AGENT)
@refuses("not_found")
async def tick_task(key: TaskKey, asking: ByAsking, asked: Annotated[Tick, Body(default_factory=Tick)]) -> Ticked:
    """Tick a task off."""
    return await _tick(key, asking, asked, is_done=True)


@router.post("/{key:path}/undone")
@needs(AGENT)
@refuses("not_found")
async def untick_task(key: TaskKey, asking: ByAsking, asked: Annotated[Tick, Body(default_factory=Tick)]) -> Ticked:
    """Take it back that a task is done."""
    return await _tick(key, asking, asked, is_done=False)


async def _tick(key: str, asking: Asking, asked: Tick, *, is_done: bool) -> Ticked:
    found = await asking.backend.ask_if_known(lambda store: store.tasks.get(key))
    if found is None or not asking.caller.may_see(found.account):
        raise NotFound(f"unknown task {key!r}")
    by, now = asking.who(asked.by), datetime.now(UTC)
    changed = await asking.backend.ask(lambda store: store.tasks.tick(key, done=is_done, by=by, at=now))
    return Ticked(task=await asking.backend.ask(lambda store: store.tasks.get(key)), changed=changed)

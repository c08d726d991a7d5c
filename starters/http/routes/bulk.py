"""``/v1/cases:batch`` and ``/v1/time_entries:batch``: many at once, with a verdict on each."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Request, Response
from pydantic import Field

from domain.errors import Refused
from domain.ids import case_id_from
from domain.messages.inbox import refuse_beyond_bounds
from domain.model import Value
from domain.scopes import Scope
from starters.http.access import needs
from starters.http.answers import RowVerdict, Verdicts
from starters.http.asking import Asking, ByAsking
from starters.http.case_bodies import NewCase, WorkOnCase, example
from starters.http.idempotency import event_id_for, let_run_again, without_stamps
from starters.http.problems import AGAIN_AFTER, problem_for
from starters.http.routing import guarded_router, large
from starters.operations.bulk import in_order

router = guarded_router("/v1", "Bulk")

T = TypeVar("T", bound=Value)

MOST_ROWS = 200
"""Of one request."""

MOST_BATCH_BYTES = 4 * 1024 * 1024
"""Of one request."""

_DIGITS = 16


class NewCases(Value):
    """Cases to be opened, each as for itself.

    Attributes:
        cases: up to 200; each says what the body of `POST /v1/cases` says.
    """

    model_config = example(cases=[{"case_id": "4711", "account": "acme"}, {"case_id": "4712", "account": "acme"}])

    cases: Annotated[list[NewCase], Field(min_length=1, max_length=MOST_ROWS)]


class NewEntries(Value):
    """Time entries of any cases, each as for itself.

    Attributes:
        entries: up to 200; each says what the body of `log_time` says, and with `case` of which case it is.
    """

    model_config = example(entries=[{"case": "4711", "id": "T-1", "minutes": 90}])

    entries: Annotated[list[WorkOnCase], Field(min_length=1, max_length=MOST_ROWS)]


@router.post("/cases:batch")
@needs(Scope.INTAKE)
@large(MOST_BATCH_BYTES)
async def open_cases(asked: NewCases, asking: ByAsking, request: Request, response: Response) -> Verdicts:
    """Open up to 200 cases.

    A verdict on each says what came of it; one that is refused holds up no other. What nobody answered in time has
    status 503: the same request again, with the answer's Retry-After, does the rest.
    """

    async def opened(case: NewCase) -> tuple[int, str]:
        refuse_beyond_bounds(case.model_dump(mode="json"))
        answer = await asking.open(case)
        return (200, "is open already") if answer.outcome == "already" else (201, "opened")

    rows = [(case.case_id, case_id_from(case.case_id), case) for case in asked.cases]
    return await _each(rows, opened, request, response)


@router.post("/time_entries:batch")
@needs(Scope.AGENT)
@large(MOST_BATCH_BYTES)
async def log_entries(asked: NewEntries, asking: ByAsking, request: Request, response: Response) -> Verdicts:
    """Log up to 200 time entries, of any cases.

    A verdict on each says what it took. Each counts once under its id, however often it is sent.
    """
    first: dict[str, WorkOnCase] = {}
    for entry in asked.entries:
        if entry.event_id is not None:
            first.setdefault(entry.event_id, entry)

    async def logged(entry: WorkOnCase) -> tuple[int, str]:
        if entry.event_id is not None and first[entry.event_id] != entry:
            why = "another row of the batch has this event_id; each has one of its own, or none"
            raise Refused("key_used_otherwise", why)
        case_id = await asking.case(entry.case)
        said = {
            **entry.model_dump(mode="json", exclude={"case"}, exclude_none=True),
            "event_id": _event_id(asking, entry),
            "by": asking.who(entry.by),
        }
        return 200, "; ".join(await asking.backend.cases.client.log_time(case_id, **said))

    return await _each([(entry.case, entry.id, entry) for entry in asked.entries], logged, request, response)


def _event_id(asking: Asking, entry: WorkOnCase) -> str:
    """The event id of a row: of all that it asks for, so that another row about its entry is another request."""
    said = json.dumps(without_stamps(entry.model_dump(mode="json")), sort_keys=True)
    digest = hashlib.sha256(said.encode()).hexdigest()[:_DIGITS]
    return event_id_for(asking.caller, entry.event_id or "entry", entry.id, digest)


async def _each(
    asked: Sequence[tuple[str, str, T]],
    do: Callable[[T], Awaitable[tuple[int, str]]],
    request: Request,
    response: Response,
) -> Verdicts:
    """Do all rows, some at once; those of one id one after the other, so that what came first stands.

    Args:
        asked: of each row which case it is about, the id that counts once, and what it says.
        do: does one.
        request: which runs again, if a row was not done.
        response: is told if somebody was away.
    """
    turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def done(one: tuple[int, str, str, T]) -> tuple[int, str]:
        async with turns[one[2]]:  # whoever comes first is let in first
            return await do(one[3])

    numbered = [(row, *one) for row, one in enumerate(asked, start=1)]
    verdicts: list[RowVerdict] = []
    async for (row, case, _, _), said in in_order(numbered, done):
        if isinstance(said, Exception):
            problem = problem_for(said)
            verdicts.append(
                RowVerdict(row=row, case=case, status=problem.status_code, code=problem.code, text=problem.detail)
            )
        else:
            verdicts.append(RowVerdict(row=row, case=case, status=said[0], text=said[1]))
    if any(one.status >= 500 for one in verdicts):  # noqa: PLR2004  the statuses of what is away
        response.headers["Retry-After"] = str(AGAIN_AFTER)
    done_of_them = sum(1 for one in verdicts if one.code is None)
    if done_of_them < len(verdicts):
        let_run_again(request)
    return Verdicts(verdicts=verdicts, done=done_of_them)

"""Asking a case on behalf of a caller: under the event id of the request, with who asks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends
from pydantic import BaseModel
from starlette.requests import Request

from domain.errors import Refused
from domain.ids import case_id_from, external_id_of
from domain.messages.cases import Answer, CaseIntake
from domain.scopes import Scope
from starters.http.backend import Backend, backend_of, caller_of_request
from starters.http.callers import Caller
from starters.http.case_bodies import AnotherEntitlement, Decision, NewCase, Reopening
from starters.http.idempotency import event_id_for, key_of
from starters.http.problems import Problem
from starters.http.sight import check_case, check_free, check_named


class Asking:
    """One request, on its way to a case.

    Attributes:
        backend: what it works with.
        caller: who asks.
    """

    def __init__(self, request: Request) -> None:
        self.backend: Backend = backend_of(request)
        self.caller: Caller = caller_of_request(request)
        self._key = key_of(request)

    async def case(self, text: str) -> str:
        """The id of a case that exists for the caller, or that nobody knows.

        Raises:
            NotFound: it does not exist for the caller.
        """
        case_id = case_id_from(text)
        await check_case(self.backend, self.caller, case_id)
        return case_id

    async def request(self, case: str, update: str, asked: BaseModel) -> Answer:
        """Send a request to a case.

        Raises:
            NotFound, Refused, NoAnswer: as `MilepostClient.request`.
        """
        case_id = await self.case(case)
        message = {"occurred_at": datetime.now(UTC).isoformat(), **self.event(asked)}
        # What was answered before is answered from the store; whoever comes here asks how the case stands now.
        said = await self.backend.cases.client.ask(case_id, update, message, update_id=str(uuid4()))
        return Answer.model_validate(said, extra="ignore")

    async def change_entitlement(self, case: str, asked: AnotherEntitlement) -> Answer:
        """Let a case go over to another entitlement, which has to exist for the caller.

        Raises:
            Refused: it does not, or the case cannot go over to it.
            NotFound, NoAnswer: as `MilepostClient.request`.
        """
        if asked.entitlement is not None:
            await check_named(self.backend, self.caller, {"entitlement": asked.entitlement})
        return await self.request(case, "change_entitlement", asked)

    async def decide_overage(self, case: str, asked: Decision) -> Answer:
        """Decide about what is beyond a cap: a manager always, an agent where the entitlement leaves it to agents.

        Raises:
            Problem: a manager decides it.
            NotFound, Refused, NoAnswer: as `MilepostClient.request`.
        """
        if not self.caller.has(Scope.MANAGER):
            await self._check_agents_decide(await self.case(case), asked.entry)
        return await self.request(case, "decide_overage", asked)

    async def _check_agents_decide(self, case_id: str, entry: str | None) -> None:
        """Refuse an agent a question of an entitlement whose terms, as they stand now, leave it to managers.

        What is not asked yet is refused here: by the time the case hears of it, it may ask what is a manager's.
        """
        view = await self.backend.cases.client.view(case_id)
        asked = next((question for question in view.open_decisions if question.entry == entry), None)
        if asked is None:
            about = f"time entry {entry!r}" if entry else "the case itself"
            raise Refused("nothing_to_decide", f"there is nothing to decide about {about}")
        declared = await self.backend.ask_if_known(lambda store: store.catalog.entitlement(asked.entitlement))
        if declared is None or declared.allowance is None or declared.allowance.decide != "agent":
            said = f"a manager decides about overage of entitlement {asked.entitlement!r}"
            raise Problem("scope_too_small", f"{said}; an agent does where its allowance says decide: agent")

    async def reopen(self, case: str, asked: Reopening) -> Answer:
        """Take a closed case up again.

        Raises:
            NotFound, Refused, NoAnswer: as `CaseDesk.reopen`.
        """
        case_id = await self.case(case)
        return await self.backend.cases.reopen(
            case_id,
            occurred_at=asked.occurred_at,
            by=self.who(asked.by),
            reason=asked.reason,
            event_id=self.event_id(asked.event_id),
            fields=asked.fields,
        )

    def event(self, asked: BaseModel) -> dict[str, Any]:
        """What a body says, with the event id of the request and who asks; what it leaves open is left out."""
        given = asked.model_dump(mode="json")
        said = {name: value for name, value in given.items() if value is not None}
        return {**said, "event_id": self.event_id(given.get("event_id")), "by": self.who(given.get("by"))}

    def event_id(self, said: str | None) -> str:
        """The event id of the request: made of its key, which its body or its header says; a new one, if none does."""
        key = said or self._key
        return str(uuid4()) if key is None else event_id_for(self.caller, key)

    def who(self, person: str | None) -> str:
        """Who is recorded."""
        return self.caller.who(person)

    async def open(self, asked: NewCase) -> Answer:
        """Open a case.

        Raises:
            Problem: its id is that of a case that does not exist for the caller.
            Refused, NoAnswer: as `CaseDesk.open`.
        """
        case_id = case_id_from(asked.case_id)
        await check_named(self.backend, self.caller, asked.model_dump(exclude={"fields"}))
        ids = {"case_id": case_id, "external_id": external_id_of(asked.case_id, case_id)}
        known = {**asked.model_dump(exclude_unset=True), **ids, "by": self.who(asked.by)}
        await check_free(self.backend, self.caller, case_id)
        answer = await self.backend.cases.open(CaseIntake.model_validate(known))
        await check_free(self.backend, self.caller, case_id)  # another may have come in between
        return answer


async def _given_asking(request: Request) -> Asking:
    return Asking(request)


ByAsking = Annotated[Asking, Depends(_given_asking)]

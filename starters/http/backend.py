"""What the routes work with: the store, the cases and the entitlements, as any other way in has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends
from starlette.requests import Request
from temporalio.client import Client

from clients.cases import MilepostClient
from clients.entitlements import Entitlements
from domain.errors import NotFound
from starters.http.callers import Caller
from starters.intake.taking import Taker
from starters.operations.auditing import Auditor
from starters.operations.cases import CaseDesk
from starters.operations.retrying import Retrying
from starters.operations.usage import UsageDesk
from starters.operations.verifying import Verifying
from store import Store

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds for which a request waits for a case or an entitlement before it is answered that nobody answers.

For a moment more it is looked why (`clients.sending.LOOKS_FOR`).
"""


class Backend:
    """Asks the store, the cases and the entitlements.

    Args:
        client: of Temporal.
        store: of the catalog and the records.
        task_queue: of the workers.
        patience: seconds for which one of them is waited for.

    Attributes:
        cases: opens cases and looks at them.
        intake: takes what other systems tell.
        usage: takes of entitlements and changes them.
        auditor: asks entitlements what they have.
        retrying: has actions tried again.
    """

    def __init__(self, client: Client, store: Store, task_queue: str, *, patience: float = PATIENCE) -> None:
        self.temporal = client
        self.store = store
        self.task_queue = task_queue
        self._patience = patience
        self.cases = CaseDesk(MilepostClient(client, task_queue=task_queue, patience=patience), self.ask_if_known)
        self.intake = Taker(store, self.cases)
        self.usage = UsageDesk(client, store, task_queue, patience=patience)
        self.auditor = Auditor(client, store, task_queue, patience=patience)
        self.retrying = Retrying(client, task_queue, store, patience=patience)

    async def ask(self, question: Callable[[Store], T]) -> T:
        """What the store says."""
        return await asyncio.to_thread(question, self.store)

    async def ask_if_known(self, question: Callable[[Store], T]) -> T | None:
        """What the store says; None where it knows nothing of it."""
        try:
            return await self.ask(question)
        except NotFound:
            return None

    async def connect(self) -> Client:
        """The connection to Temporal, for whoever asks for one when there is something to tell."""
        return self.temporal

    def verifying(self) -> Verifying:
        """Says who covers a case, once."""
        return Verifying(self.store, Entitlements(self.temporal, self.task_queue, patience=self._patience))


def backend_of(request: Request) -> Backend:
    """What the app of a request works with."""
    found: Backend = request.app.state.backend
    return found


def caller_of_request(request: Request) -> Caller:
    """Who sends a request; its route has found out."""
    found: Caller = request.state.caller
    return found


async def _given_backend(request: Request) -> Backend:
    return backend_of(request)


async def _given_caller(request: Request) -> Caller:
    return caller_of_request(request)


# What is no coroutine the framework would call in a thread: as dear as a question to the store.
FromBackend = Annotated[Backend, Depends(_given_backend)]
ByCaller = Annotated[Caller, Depends(_given_caller)]

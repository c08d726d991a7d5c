"""``/healthz`` and ``/readyz``, which are open to everybody. They say yes or no, and nothing of what is kept here."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from starters.http.backend import Backend, FromBackend
from store import StoreError

router = APIRouter(tags=["Health"])

_ANSWERS_WITHIN = 3.0


class Alive(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """Whether the store and Temporal answer."""

    store: bool
    temporal: bool


@router.get("/healthz")
async def healthz() -> Alive:
    """Say that the process answers."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Ready, "description": "One of them does not answer."}})
async def readyz(backend: FromBackend, response: Response) -> Ready:
    """Say whether the store and Temporal answer."""
    has_store, has_temporal = await asyncio.gather(_has_store(backend), _has_temporal(backend))
    if not (has_store and has_temporal):
        response.status_code = 503
    return Ready(store=has_store, temporal=has_temporal)


async def _has_store(backend: Backend) -> bool:
    try:
        await asyncio.wait_for(backend.ask(lambda store: store.catalog.fields()), _ANSWERS_WITHIN)
    except (StoreError, SQLAlchemyError, TimeoutError):
        return False
    return True


async def _has_temporal(backend: Backend) -> bool:
    try:
        # Again where the connection was just ended: a server ends each after some minutes.
        return await asyncio.wait_for(backend.temporal.service_client.check_health(retry=True), _ANSWERS_WITHIN)
    except (RPCError, TimeoutError):
        return False

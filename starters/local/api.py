"""The HTTP API of `milepost dev`, with a link to its page that is good once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import NamedTuple

from starters.http.app import create_app
from starters.http.backend import Backend
from starters.http.routes.pages import ENTRANCE
from starters.http.serving import serving
from starters.intake.taking import taking_up
from starters.local.dev import Running, usual_or_free
from starters.local.whereabouts import announced
from worker.settings import get_settings


class ServedApi(NamedTuple):
    """Where the API is.

    Attributes:
        link: opens its page, once.
    """

    url: str
    link: str


@contextlib.asynccontextmanager
async def api_of(running: Running, *, port: int | None, usual: int) -> AsyncIterator[ServedApi]:
    """Serve the API on this machine alone, for as long as the context lasts.

    Args:
        running: beside what.
        port: that is asked for; None: the usual one if it is free, else one that is.
        usual: the usual one.

    Raises:
        AddressTaken: the port that is asked for is taken.
    """
    backend = Backend(running.client, running.store, running.whereabouts.task_queue)
    app = create_app(backend)
    async with taking_up(backend.intake), serving(app, host="127.0.0.1", port=port or usual_or_free(usual)) as url:
        with announced(running.whereabouts.model_copy(update={"api": url}), get_settings()):
            yield ServedApi(url, await _link(running, url))


async def _link(running: Running, url: str) -> str:
    now = datetime.now(UTC)
    await asyncio.to_thread(running.store.answers.prune, now)
    token = await asyncio.to_thread(running.store.page_tokens.make_link, now)
    return f"{url}{ENTRANCE}?token={token}"

"""How the API is served: what a connection does with what is written to it."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Iterator

import httpx
from fastapi import FastAPI

from starters.http.serving import serving


async def test_the_body_of_an_answer_does_not_wait_for_its_head() -> None:
    """Small writes go at once: else each answer on a connection that is used again comes 40 ms later."""
    async with serving(FastAPI(), host="127.0.0.1", port=0) as url, httpx.AsyncClient(base_url=url) as http:
        await http.get("/")
        [connection] = _accepted_at(httpx.URL(url).port)
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def _accepted_at(port: int | None) -> Iterator[socket.socket]:
    """The sockets of this process that clients have reached at a port."""
    connections = (one for one in gc.get_objects() if issubclass(type(one), asyncio.Transport))
    for one in connections:
        if one.get_extra_info("peername") is not None and one.get_extra_info("sockname")[1] == port:
            yield one.get_extra_info("socket")

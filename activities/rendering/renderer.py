"""The worker's side of rendering: one process, asked for a text at a time, replaced when a text was too much for it."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import json
import os
import signal
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

from activities.rendering.child import LENGTH, MOST_SECONDS
from domain.errors import MilepostError

WAITS = 5.0
"""Seconds after which a rendering process that has not answered is replaced. One that works ends by itself after
`MOST_SECONDS`; one that was given no processor, or was stopped, says nothing about the text that it was at."""

_SUSPECTS = 1000
_QUOTED = 80
_SHORT = 1000
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "SYSTEMROOT", "LANG", "LC_ALL")
"""All that the process gets of the worker's environment: no address and no password is among it."""


class BadTemplate(MilepostError):
    """A template that can't be rendered with these values, today or later."""


class TooMuch(BadTemplate):
    """A template that takes more time or memory than it may, or that is too long, or whose text is."""


class NotRendered(MilepostError):
    """The rendering process went away in the midst of a text; the text may be tried again."""


class Renderer:
    """Renders texts, each within a second, 256 MB and 64 KB, in a process of its own. An async context manager.

    Texts are rendered one after another. A template that was too much before waits until no other does, so that however
    often it comes again the others go on. The process is started with the first text that has places for values.
    """

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._texts = 0  # that the process has been asked for
        self._turn = _Turn()
        self._suspects: OrderedDict[str, None] = OrderedDict()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._end()

    @property
    def pid(self) -> int | None:
        """The id of the rendering process; None while there is none."""
        return self._process.pid if self._process else None

    async def render(self, template: str, context: Mapping[str, Any], *, html: bool = False) -> str:
        """Render a text. What is null or not set stays empty: a mail with a gap beats none.

        Args:
            template: Jinja2.
            context: what it sees, as `domain.process.templates` says: plain JSON.
            html: whether it comes to HTML: values are escaped.

        Raises:
            BadTemplate: it can't be rendered with this context; `TooMuch` if it takes more than it may.
            NotRendered: the process went away for another reason.
        """
        if _is_plain(template):
            return template
        asked = {"template": template, "context": context} | ({"html": True} if html else {})
        message = json.dumps(asked, default=str).encode()
        request = LENGTH.pack(len(message)) + message
        async with self._turn.taken(last=template in self._suspects):
            try:
                answer = await self._answer(request)
            except _Exhausted as error:
                self._suspect(template)
                raise TooMuch(f"{_named(template)}: {error}") from None
            except NotRendered:
                self._suspect(template)
                raise
            except BaseException:
                await self._end()  # its answer would be taken for that to the next
                raise
        if "error" in answer:
            kind = TooMuch if "long" in answer else BadTemplate
            raise kind(f"{_named(template)}: {answer['error']}")
        text: str = answer["text"]
        return text

    async def _answer(self, request: bytes) -> dict[str, Any]:
        """What the process answers; from a fresh one, if one that has rendered others has died or was short of memory.

        Raises:
            _Exhausted: the text takes more than it may.
            NotRendered: the process went away.
        """
        while True:
            is_fresh = self._process is None or self._texts == 0
            try:
                answer = await self._ask(request)
            except NotRendered:
                if is_fresh:
                    raise
                continue
            if "memory" not in answer:
                return answer
            await self._end()
            if is_fresh:
                raise _Exhausted(answer["error"])

    async def _ask(self, request: bytes) -> dict[str, Any]:
        process = self._process = self._process or await _started()
        self._texts += 1
        assert process.stdin is not None  # noqa: S101  it was started with both
        assert process.stdout is not None  # noqa: S101  the same
        try:
            async with asyncio.timeout(WAITS):
                process.stdin.write(request)
                await process.stdin.drain()
                (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
                answer: dict[str, Any] = json.loads(await process.stdout.readexactly(length))
                return answer
        except TimeoutError:
            await self._end()
            raise NotRendered(f"the rendering process did not answer within {WAITS:g} s; it was replaced") from None
        except (asyncio.IncompleteReadError, ConnectionError, OSError):
            code = await self._end(grace=WAITS)
            if code == -_OUT_OF_TIME:
                raise _Exhausted(f"it takes longer than {MOST_SECONDS:g} s") from None
            raise NotRendered(f"the rendering process ended (exit code {code}); it was replaced") from None

    async def _end(self, *, grace: float = 0) -> int | None:
        """End the process, at once or if it has not ended after `grace` seconds, and return its exit code."""
        process, self._process, self._texts = self._process, None, 0
        if process is None:
            return None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await process.wait()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                # Not by the process's own `kill`: that asks for its exit code first, and asyncio would not find it.
                os.kill(process.pid, _KILL)
        code = await process.wait()
        if process.stdin is not None:
            process.stdin.close()
        return code

    def _suspect(self, template: str) -> None:
        self._suspects[template] = None
        self._suspects.move_to_end(template)
        if len(self._suspects) > _SUSPECTS:
            self._suspects.popitem(last=False)


_OUT_OF_TIME = getattr(signal, "SIGPROF", 0)
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


class _Exhausted(Exception):
    """A text took more than the process has."""


class _Turn:
    """One at a time: first come, first served, and those last who may wait for all others."""

    def __init__(self) -> None:
        self._is_taken = False
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []
        self._number = itertools.count()

    @contextlib.asynccontextmanager
    async def taken(self, *, last: bool) -> AsyncIterator[None]:
        """Wait for the turn, and have it while the context lasts."""
        if self._is_taken:
            mine = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (last, next(self._number), mine))
            try:
                await mine
            except asyncio.CancelledError:
                if mine.done() and not mine.cancelled():  # it was given, and is not wanted any more
                    self._pass_on()
                raise
        self._is_taken = True
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            _, _, next_one = heapq.heappop(self._waiting)
            if not next_one.done():
                next_one.set_result(None)
                return
        self._is_taken = False


async def _started() -> asyncio.subprocess.Process:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "activities.rendering.child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # a Ctrl-C in the terminal is the worker's business
    )


def _is_plain(template: str) -> bool:
    """Whether it is short and comes to itself: whatever Jinja2 changes begins with a brace, or is a line's end."""
    return len(template) <= _SHORT and not any(mark in template for mark in "{\r\n")


def _named(template: str) -> str:
    return f"template {template!r:.{_QUOTED}} can't be rendered"

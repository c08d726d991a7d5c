"""Build a server with Go, once, into the user's cache."""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console

from worker.embedded.release import EXECUTABLE, GoProgram
from worker.errors import ServerUnavailable

_LINES_OF_REASON = 8
_SAY_EVERY = 30.0
"""Seconds between two lines of progress where there is no terminal to draw on."""
_POLL_EVERY = 0.5


def built(program: GoProgram, cache: Path) -> Path | None:
    """The program in the cache, or None."""
    path = _home(program, cache) / _executable()
    return path if path.is_file() else None


async def install(program: GoProgram, cache: Path, console: Console) -> Path:
    """The program in the cache; built there first if need be, by one process at a time, with visible progress.

    A build that fails or is interrupted leaves nothing in the cache.

    Raises:
        ServerUnavailable: there is no Go, or the build failed; the message says why.
    """
    if path := built(program, cache):
        return path
    go = shutil.which("go")
    if go is None:
        raise ServerUnavailable(f"{program.title} is not in the cache ({cache}) and there is no Go to build it with")
    cache.mkdir(parents=True, exist_ok=True)
    async with _locked(cache / f"{program.folder}.lock", program, console):
        if path := built(program, cache):
            return path
        for leftover in cache.glob(f".building-{program.folder}-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        building = cache / f".building-{program.folder}-{os.getpid()}"
        building.mkdir()
        try:
            await _go_install(go, program, building, console)
            building.rename(_home(program, cache))
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return _home(program, cache) / _executable()


async def _go_install(go: str, program: GoProgram, into: Path, console: Console) -> None:
    console.print(f"Building {program.title} {program.version} with Go: {program.takes}, once.")
    process = await asyncio.create_subprocess_exec(
        go,
        "install",
        "-v",  # names each package as it is compiled
        f"{program.package}@{program.version}",
        env={**os.environ, "GOBIN": str(into)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    output: deque[str] = deque(maxlen=_LINES_OF_REASON)
    try:
        await _follow(process, output, program, console)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # Go and its compilers
            await process.wait()
    if process.returncode != 0 or not (into / _executable()).is_file():
        reason = "\n  ".join(output)
        raise ServerUnavailable(f"go install {program.package}@{program.version} failed:\n  {reason}")


async def _follow(
    process: asyncio.subprocess.Process, output: deque[str], program: GoProgram, console: Console
) -> None:
    """Read Go's output to its end and show how far it is."""
    began = said = time.monotonic()
    done = 0
    with console.status(f"Building {program.title}") as status:
        assert process.stdout is not None  # noqa: S101  it was asked for as a pipe
        async for raw in process.stdout:
            line = raw.decode(errors="replace").strip()
            output.append(line)
            done += not line.startswith("go: ")
            now = time.monotonic()
            elapsed = f"{(now - began) // 60:.0f}:{(now - began) % 60:02.0f}"
            status.update(f"Building {program.title}  {elapsed}  {done} packages  {line[:60]}")
            if not console.is_terminal and now - said >= _SAY_EVERY:
                console.print(f"  {elapsed}  {done} packages compiled")
                said = now
    await process.wait()


@contextlib.asynccontextmanager
async def _locked(path: Path, program: GoProgram, console: Console) -> AsyncIterator[None]:
    lock = FileLock(path, blocking=False)
    told = False
    while True:
        try:
            lock.acquire()
            break
        except Timeout:
            if not told:
                console.print(f"Another process is building {program.title}; waiting for it.")
                told = True
            await asyncio.sleep(_POLL_EVERY)
    try:
        yield
    finally:
        lock.release()


def _home(program: GoProgram, cache: Path) -> Path:
    return cache / program.folder


def _executable() -> str:
    return f"{EXECUTABLE}.exe" if os.name == "nt" else EXECUTABLE

"""Find a Temporal server on this machine, or make one: a CLI, the SDK's download, a build with Go, in this order.

One that was built before is taken before anything is downloaded. What is too old is named and passed over.
"""

import asyncio
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from temporalio.testing import WorkflowEnvironment

from worker.embedded import go_install
from worker.embedded.release import OLDEST_WITH_VIRTUAL_CLOCK, SERVER, UI, Release
from worker.errors import ServerUnavailable
from worker.settings import Settings

_DOWNLOAD_PATIENCE = 180.0
_VERSION_PATIENCE = 20.0


@dataclass(frozen=True)
class Cli:
    """A ``temporal`` program with a development server and the UI in it."""

    path: Path

    def __str__(self) -> str:
        return f"the Temporal CLI {self.path}"


@dataclass(frozen=True)
class GoServer:
    """The server as its own program, and the UI's beside it where it was asked for."""

    path: Path
    ui: Path | None

    def __str__(self) -> str:
        return f"Temporal server {SERVER.version} ({self.path})"


Found = Cli | GoServer


async def find_server(settings: Settings, console: Console, *, virtual_clock: bool = True, ui: bool = False) -> Found:
    """A server to start on this machine.

    Args:
        settings: where the cache is, and which CLI to use.
        console: where progress and what is passed over are told.
        virtual_clock: whether the server must be able to skip time.
        ui: whether its UI is wanted too.

    Raises:
        ServerUnavailable: there is none; the message says what was tried and what would help.
    """
    tried: list[str] = []
    if settings.temporal_cli:
        return _named_cli(settings.temporal_cli, virtual_clock=virtual_clock)
    if on_path := shutil.which("temporal"):
        cli = Path(on_path)
        if (wrong := _unfit(cli, virtual_clock=virtual_clock)) is None:
            return Cli(cli)
        tried.append(wrong)
    if not go_install.built(SERVER, _programs(settings)):
        with console.status("Looking for a Temporal CLI to download"):
            downloaded = await _download(settings.cache / "cli", tried, virtual_clock=virtual_clock)
        if downloaded:
            return Cli(downloaded)
    for line in tried:
        console.print(f"Passed over: {line}", soft_wrap=True, highlight=False)
    try:
        server = await go_install.install(SERVER, _programs(settings), console)
        return GoServer(server, await go_install.install(UI, _programs(settings), console) if ui else None)
    except ServerUnavailable as error:
        raise ServerUnavailable(
            "no Temporal server can run on this machine:\n"
            + "".join(f"  - {line}\n" for line in [*tried, str(error)])
            + "Any of these helps: set TEMPORAL_ADDRESS to a running server; put the `temporal` CLI on PATH "
            "(or name it in MILEPOST_TEMPORAL_CLI); allow the download; install Go 1.26 or newer (go.dev/dl)."
        ) from error


def _programs(settings: Settings) -> Path:
    return settings.cache / "programs"


def _named_cli(path: Path, *, virtual_clock: bool) -> Cli:
    """The CLI that was asked for by name: nothing else is taken in its place."""
    if wrong := _unfit(path, virtual_clock=virtual_clock):
        raise ServerUnavailable(f"MILEPOST_TEMPORAL_CLI: {wrong}")
    return Cli(path)


def _unfit(cli: Path, *, virtual_clock: bool) -> str | None:
    """Why a CLI cannot be used, or None."""
    try:
        ran = subprocess.run([cli, "--version"], capture_output=True, text=True, timeout=_VERSION_PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{cli} does not run: {error}"
    version = Release.of_server(ran.stdout)
    if version is None:
        return f"{cli} is no Temporal CLI: `--version` says {ran.stdout.strip()[:80]!r}"
    if virtual_clock and version < OLDEST_WITH_VIRTUAL_CLOCK:
        return (
            f"{cli} brings server {version}, too old for the virtual clock, which needs {OLDEST_WITH_VIRTUAL_CLOCK} "
            "or newer"
        )
    return None


async def _download(into: Path, tried: list[str], *, virtual_clock: bool) -> Path | None:
    """The CLI that the SDK downloads for itself, once; or None. Without a network that is known within a second."""
    into.mkdir(parents=True, exist_ok=True)
    if not _programs_in(into):
        try:
            async with asyncio.timeout(_DOWNLOAD_PATIENCE):
                await (await WorkflowEnvironment.start_local(download_dest_dir=str(into))).shutdown()
        except (RuntimeError, OSError, TimeoutError) as error:
            reason = str(error).partition(" for url")[0] or "no answer"
            tried.append(f"the SDK's download of the CLI failed: {reason}")
            return None
    for cli in _programs_in(into):
        if (wrong := _unfit(cli, virtual_clock=virtual_clock)) is None:
            return cli
        tried.append(wrong)
    return None


def _programs_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and os.access(path, os.X_OK))

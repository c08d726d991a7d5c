import asyncio
import io
import os
from pathlib import Path

import pytest
from rich.console import Console

from tests.support import assert_eventually
from worker.embedded import go_install
from worker.embedded.find import Cli, GoServer, find_server
from worker.embedded.release import GoProgram, Release
from worker.errors import ServerUnavailable
from worker.settings import Settings

PROGRAM = GoProgram(
    name="thing", package="example.invalid/thing", version="v1.0.0", title="the thing", takes="a moment"
)


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first folder of PATH; with the system's own tools behind it, but no Go and no CLI."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing is downloaded for a test
    return folder


@pytest.fixture
def said() -> Console:
    return Console(file=io.StringIO(), width=200)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def cli(path: Path, server: str) -> Path:
    return program(path, f'echo "temporal version 1.9.0 (Server {server}, UI 2.54.1)"')


def settings(tmp_path: Path, temporal_cli: Path | None = None) -> Settings:
    return Settings(cache=tmp_path / "cache", temporal_cli=temporal_cli)


@pytest.mark.parametrize(
    ("says", "release"),
    [
        ("temporal version 1.9.0 (Server 1.32.0, UI 2.54.1)", Release(1, 32, 0)),
        ("temporal version 1.0.0 (server v1.9.12) (ui 2.1.0)", Release(1, 9, 12)),
        ("temporal version DEV", None),
    ],
)
def test_which_server_a_cli_brings(says: str, release: Release | None) -> None:
    assert Release.of_server(says) == release


async def test_a_cli_on_path_is_taken(bin_folder: Path, tmp_path: Path, said: Console) -> None:
    on_path = cli(bin_folder / "temporal", "1.32.0")
    assert await find_server(settings(tmp_path), said) == Cli(on_path)


async def test_a_named_cli_is_taken_before_one_on_path(bin_folder: Path, tmp_path: Path, said: Console) -> None:
    cli(bin_folder / "temporal", "1.32.0")
    named = cli(tmp_path / "mine", "1.33.1")
    assert await find_server(settings(tmp_path, named), said) == Cli(named)


async def test_a_cli_that_is_too_old_is_named_and_passed_over(bin_folder: Path, tmp_path: Path, said: Console) -> None:
    old = cli(bin_folder / "temporal", "1.31.9")
    program(bin_folder / "go", 'printf "" > "$GOBIN/server"')
    found = await find_server(settings(tmp_path), said)
    assert isinstance(found, GoServer)
    assert f"{old} brings server 1.31.9, too old for the virtual clock, which needs 1.32.0 or newer" in text(said)


async def test_an_old_cli_will_do_without_a_virtual_clock(bin_folder: Path, tmp_path: Path, said: Console) -> None:
    old = cli(bin_folder / "temporal", "1.25.0")
    assert await find_server(settings(tmp_path), said, virtual_clock=False) == Cli(old)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ('echo "temporal version 1.9.0 (Server 1.31.9)"', "MILEPOST_TEMPORAL_CLI: .* too old for the virtual clock"),
        ("echo hello", "MILEPOST_TEMPORAL_CLI: .* is no Temporal CLI: `--version` says 'hello'"),
        ("exit 3", "MILEPOST_TEMPORAL_CLI: .* does not run"),
    ],
)
async def test_a_named_cli_that_is_unfit_is_an_error(
    bin_folder: Path, tmp_path: Path, said: Console, script: str, message: str
) -> None:
    """What was asked for by name is not replaced by something else."""
    named = program(tmp_path / "mine", script)
    with pytest.raises(ServerUnavailable, match=message):
        await find_server(settings(tmp_path, named), said)


async def test_what_was_downloaded_before_is_taken_without_asking_again(
    bin_folder: Path, tmp_path: Path, said: Console
) -> None:
    downloads = tmp_path / "cache" / "cli"
    downloads.mkdir(parents=True)
    downloaded = cli(downloads / "temporal-sdk", "1.32.0")
    assert await find_server(settings(tmp_path), said) == Cli(downloaded)


async def test_nothing_to_run_is_one_message(bin_folder: Path, tmp_path: Path, said: Console) -> None:
    """What was tried, and what would help."""
    cli(bin_folder / "temporal", "1.25.0")
    with pytest.raises(ServerUnavailable) as refused:
        await find_server(settings(tmp_path), said)
    for words in ("too old", "download of the CLI failed", "no Go to build it with", "TEMPORAL_ADDRESS", "go.dev/dl"):
        assert words in str(refused.value)


async def test_both_programs_have_a_folder_of_their_own(bin_folder: Path, tmp_path: Path, said: Console) -> None:
    """Both are called `server`."""
    program(bin_folder / "go", 'echo "$3" > "$GOBIN/server"')
    found = await find_server(settings(tmp_path), said, ui=True)
    assert isinstance(found, GoServer)
    assert found.ui is not None
    assert found.path.read_text() == "go.temporal.io/server/cmd/server@v1.32.0\n"
    assert found.ui.read_text() == "github.com/temporalio/ui-server/v2/cmd/server@v2.54.1\n"
    assert "Building the Temporal server v1.32.0 with Go" in text(said)


async def test_two_that_want_it_build_it_once(bin_folder: Path, tmp_path: Path, said: Console) -> None:
    calls = tmp_path / "calls"
    program(bin_folder / "go", f'echo built >> {calls}; sleep 0.3; printf "" > "$GOBIN/server"')
    cache = tmp_path / "cache"
    one, other = await asyncio.gather(*(go_install.install(PROGRAM, cache, said) for _ in range(2)))
    assert one == other
    assert calls.read_text() == "built\n"
    assert "Another process is building the thing; waiting for it." in text(said)


async def test_a_build_that_fails_says_why_and_leaves_nothing(bin_folder: Path, tmp_path: Path, said: Console) -> None:
    program(bin_folder / "go", 'printf "half" > "$GOBIN/server"; echo "no space left on device"; exit 1')
    cache = tmp_path / "cache"
    with pytest.raises(ServerUnavailable, match="no space left on device"):
        await go_install.install(PROGRAM, cache, said)
    assert [path.name for path in cache.iterdir() if path.suffix != ".lock"] == []


async def test_a_build_that_is_interrupted_leaves_nothing(bin_folder: Path, tmp_path: Path, said: Console) -> None:
    """Nor a compiler that goes on in the background."""
    pid_file = tmp_path / "pid"
    program(bin_folder / "go", f"echo compiling; echo $$ > {pid_file}; sleep 600")
    cache = tmp_path / "cache"
    building = asyncio.create_task(go_install.install(PROGRAM, cache, said))

    async def compiling() -> None:
        assert pid_file.exists()
        assert pid_file.read_text()

    await assert_eventually(compiling)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert [path.name for path in cache.iterdir() if path.suffix != ".lock"] == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


async def test_what_a_killed_build_left_is_cleared_away(bin_folder: Path, tmp_path: Path, said: Console) -> None:
    program(bin_folder / "go", 'printf "" > "$GOBIN/server"')
    cache = tmp_path / "cache"
    leftover = cache / f".building-{PROGRAM.folder}-1"
    leftover.mkdir(parents=True)
    await go_install.install(PROGRAM, cache, said)
    assert not leftover.exists()

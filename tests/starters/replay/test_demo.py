"""The demo and `milepost dev`, as the programs that people run."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest
import typer

from starters.cli.commands.replay import _fail_if_different
from starters.replay.comparison import Compared
from starters.replay.demo import CATALOG, MAPPING, SAMPLE
from starters.replay.outcome import Outcome
from tests.starters.command_line import ROOT, program
from tests.starters.incidents import walked


def _environment(tmp_path: Path) -> dict[str, str]:
    """A machine of its own: no server named, an empty data folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "MILEPOST_SMTP_"))}
    return {**kept, "MILEPOST_DATA": str(tmp_path), "COLUMNS": "160", "PYTHONUNBUFFERED": "1"}


def test_demo_ends_equal_and_says_so(tmp_path: Path) -> None:
    """Compliance beside the log's verdict, one case with its actions, the equality, the time; and it ends with 0."""
    done = program("demo", "--limit", "8", "--no-keep", env=_environment(tmp_path))
    assert done.returncode == 0, done.stderr
    for said in (
        "Milestone compliance by priority, beside the log's own verdict",
        "One of them",
        "Case INC",
        "Durable and pure results are equal, instance by instance: 8 of 8 cases.",
        "8 cases, ",
        "milepost demo --keep",
    ):
        assert said in done.stdout
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [], "nothing is kept"


def test_demo_has_what_it_needs_in_the_package() -> None:
    assert all(path.is_file() for path in (CATALOG, MAPPING, SAMPLE))


def test_difference_fails_the_command() -> None:
    """The exit code is not 0 when a durable result differs from the pure one."""
    pure = next(iter(walked().values()))
    outcome = Outcome([Compared(pure.view, pure, ("INC1: state is 'a' here and 'b' in the pure run",))], 1.0, 0.1, 1, 0)
    with pytest.raises(typer.Exit) as ended:
        _fail_if_different(outcome)
    assert ended.value.exit_code == 1
    _fail_if_different(Outcome([Compared(pure.view, pure, ())], 1.0, 0.1, 1, 0))


def test_dev_is_found_by_other_commands_and_stops_by_one_signal(tmp_path: Path) -> None:
    """Server, UI and worker together; what was opened is there again after a restart; Ctrl-C leaves nothing behind."""
    environment = _environment(tmp_path)
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(
        "organisation: {process: P}\n"
        "accounts: [{id: acme}]\n"
        "processes: [{name: P, milestones: [{name: M, within: 4h}]}]\n"
    )
    ports = _free(), _free()
    _dev(
        environment,
        ports,
        [["apply", catalog], ["open", "d1", "--account", "acme"], ["complete", "d1", "M"], ["show", "d1"]],
        expected="completed",
    )
    assert not any(_listens(port) for port in ports), "Ctrl-C stops them all"
    assert not (tmp_path / "running.json").exists()
    _dev(environment, ports, [["show", "d1"]], expected="completed")
    assert not any(_listens(port) for port in ports)


def _dev(
    environment: dict[str, str], ports: tuple[int, int], commands: list[list[str | Path]], *, expected: str
) -> None:
    """Run commands beside `milepost dev`, then stop it."""
    dev = subprocess.Popen(
        [sys.executable, "-m", "starters", "dev", "--port", str(ports[0]), "--ui-port", str(ports[1])],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert dev.stdout is not None
    try:
        said = _until(dev.stdout, "Next, in another terminal")
        assert f"127.0.0.1:{ports[0]}" in "".join(said)
        assert f"http://127.0.0.1:{ports[1]}" in "".join(said)
        assert "mail         to the log of sent mail alone; set MILEPOST_SMTP_HOST to send it" in said
        assert all(_listens(port) for port in ports)
        for command in commands:
            done = program(*command, env=environment)
            assert done.returncode == 0, done.stderr
        assert expected in done.stdout
        dev.send_signal(signal.SIGINT)
        assert dev.wait(60) == 0
    finally:
        dev.kill()
        dev.wait()
        dev.stdout.close()


def _until(output: IO[str], text: str) -> list[str]:
    said = []
    deadline = time.monotonic() + 60
    for line in output:
        said.append(line.strip())
        if text in line or time.monotonic() > deadline:
            break
    assert text in said[-1], said
    return said


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0

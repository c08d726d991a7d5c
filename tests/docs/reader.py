"""A reader who does what a page says, in an empty folder, and compares."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.blocks import Command, File, steps
from tests.docs.comparing import Differs, left_out
from tests.docs.reading import ROOT
from tests.starters.command_line import milepost

WIDTH = "140"
"""Columns of the reader's terminal."""

ASKS = {
    *("actions", "audit", "balance", "entitlements", "events", "explain", "list", "outbox", "plan", "report", "show"),
    *("tasks", "verify", "upgrade list", "intake list"),
}
"""Commands that change nothing: what they show may be a moment behind, so that they are asked again."""

ANEW = "export MILEPOST_DATA=$(mktemp -d)"
"""How a page begins another world: nothing is declared in it, nothing runs in it."""

LONGEST = 300
"""Seconds for a command of the shell: one that waits for what never comes fails its page."""

USUAL_PORTS = {7233: "--port", 8233: "--ui-port", 8234: "--api-port"}
"""Those of `milepost dev` on a machine on which nothing else runs, as pages have them; a reader sees others."""

_EXPORT = re.compile(r"export (?P<name>\w+)=(?P<value>.*)")
_KILL = re.compile(r"kill %(?P<job>\d+)")
_OF_A_SHELL = re.compile(r"\$| [|>] ")

IN_THE_BACKGROUND = " &"
"""A command with this at its end is a job that goes on by itself; `kill %1` ends the first one, and waits for that."""

GOES_ON = ("--watch", "--follow")
"""With these a command goes on until Ctrl-C; it is typed without them, and shows what it would show at first."""


@dataclass
class Reader:
    """Someone with an empty folder and a terminal.

    Attributes:
        folder: where they work.
        environment: of their commands.
        patience: seconds for which a command that only shows something is typed again until it shows what the page has.
        printed: how many characters all commands printed whose output the page has.
        omitted: how many of them the page leaves out.
        code: how the last command ended.
        worlds: how many were begun beside the first one.
        ports: which one `milepost dev` has in place of each usual one.
        jobs: what goes on in the background, by the number that a shell gives it.
    """

    folder: Path
    environment: dict[str, str]
    patience: float = 20.0
    printed: int = 0
    omitted: int = 0
    code: int = field(default=0, init=False)
    worlds: int = field(default=0, init=False)
    ports: dict[int, int] = field(default_factory=dict, init=False)
    jobs: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict, init=False)

    def does(self, page: str) -> Iterator[tuple[Command, Differs]]:
        """Do what a page says, and go on where a command prints something else.

        Yields:
            each such command, and what it printed.
        """
        todo = list(steps(page))
        with ExitStack() as elsewhere, self._with_jobs():
            for step, next_one in zip(todo, [*todo[1:], None], strict=True):
                if isinstance(step, File):
                    (self.folder / step.name).write_text(step.text)
                elif step.line == ANEW:
                    self._ends(*self.jobs)
                    elsewhere.close()
                    self._begins_anew()
                elif step.line == "milepost dev":
                    elsewhere.enter_context(self.with_milepost_dev())
                elif step.line.endswith(IN_THE_BACKGROUND):
                    self._begins(step.line.removesuffix(IN_THE_BACKGROUND))
                elif killed := _KILL.fullmatch(step.line):
                    self._ends(int(killed["job"]))
                elif exported := _EXPORT.fullmatch(step.line):
                    self._exports(exported["name"], exported["value"])
                else:
                    may_fail = isinstance(next_one, Command) and next_one.line == "echo $?"
                    if differs := self._patiently(step, may_fail=may_fail):
                        yield step, differs

    @contextmanager
    def _with_jobs(self) -> Iterator[None]:
        """No job outlives the context."""
        try:
            yield
        finally:
            self._ends(*self.jobs)

    def _begins(self, line: str) -> None:
        """Begin a job in a group of its own, so that its end reaches what the shell has begun for it."""
        number = max(self.jobs, default=0) + 1
        self.jobs[number] = subprocess.Popen(
            ["bash", "-c", line], cwd=self.folder, env=self.environment, start_new_session=True
        )

    def _ends(self, *numbers: int) -> None:
        for number in numbers:
            job = self.jobs.pop(number)
            with suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGTERM)
            try:
                job.wait(60)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(job.pid, signal.SIGKILL)
                job.wait()

    def _begins_anew(self) -> None:
        self.worlds += 1
        self.environment["MILEPOST_DATA"] = str(self.folder.parent / f"data-{self.worlds}")

    def _exports(self, name: str, value: str) -> None:
        for usual, ours in self.ports.items():
            value = value.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{ours}")
        code, self.environment[name] = self._in_a_shell(f"printf %s {value}")
        if code or not self.environment[name]:
            raise AssertionError(f"export {name}={value}: ended with {code}:\n{self.environment[name]}")

    def _patiently(self, command: Command, *, may_fail: bool) -> Differs | None:
        name, *words = command.line.split()
        asks = name == "milepost" and not ASKS.isdisjoint((words[0], " ".join(words[:2])))
        until = time.monotonic() + (self.patience if asks else 0)
        while True:
            try:
                self._types(command, may_fail=may_fail)
            except Differs as differs:
                if time.monotonic() > until:
                    return differs
                time.sleep(0.2)
            else:
                return None

    def _types(self, command: Command, *, may_fail: bool) -> None:
        code, printed = self.runs(command.line)
        if command.line != "echo $?":
            self.code = code
        if code and not may_fail:
            raise Differs(f"{command.line}: ended with {code}:\n{printed}")
        if command.output is not None:
            try:
                omitted = left_out(command.output, printed)
            except Differs as differs:
                raise Differs(f"$ {command.line}\n{differs}", differs.printed) from None
            self.printed += len(printed)
            self.omitted += sum(map(len, omitted))

    def runs(self, line: str) -> tuple[int, str]:
        """How a command ends, and what it prints."""
        if line == "echo $?":
            return 0, f"{self.code}\n"
        words = [word for word in shlex.split(line) if word not in GOES_ON]
        if words[0] != "milepost" or _OF_A_SHELL.search(line):
            return self._in_a_shell(line)
        unset = {name: None for name in os.environ if name.startswith(("TEMPORAL_", "MILEPOST_"))}
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            result = milepost(*words[1:], env={**unset, **self.environment})  # type: ignore[dict-item]
        finally:
            os.chdir(before)
        return result.exit_code, result.output

    def _in_a_shell(self, line: str) -> tuple[int, str]:
        ran = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        return ran.returncode, ran.stdout + (ran.stderr if "$(" not in line or ran.returncode else "")

    @contextmanager
    def begun(self, words: list[str]) -> Iterator[subprocess.Popen[str]]:
        """A command that goes on by itself while the context lasts."""
        process = subprocess.Popen(
            [sys.executable, "-m", "starters", *words[1:]],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            finally:
                process.kill()
                process.wait()
                if process.stdout is not None:
                    process.stdout.close()

    @contextmanager
    def with_milepost_dev(self) -> Iterator[None]:
        """Everything runs in another terminal while the context lasts."""
        self.ports = dict(zip(USUAL_PORTS, _free_ports(len(USUAL_PORTS)), strict=True))
        options = zip(USUAL_PORTS.values(), self.ports.values(), strict=True)
        words = ["milepost", "dev", *(str(word) for pair in options for word in pair)]
        with self.begun(words) as process:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if line.startswith("Next, in another terminal"):
                    break
            else:
                raise AssertionError(f"milepost dev did not start:\n{''.join(said)}")
            yield


def a_reader(folder: Path) -> Reader:
    """Someone to whom no server and no database is known, with the samples of a checkout and nothing else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "MILEPOST_"))}
    cache = {name: os.environ[name] for name in ("MILEPOST_CACHE",) if name in os.environ}
    work = folder / "work"
    work.mkdir()
    for name in ("catalogs", "starters"):
        (work / name).symlink_to(ROOT / name)
    (folder / "bin").mkdir()
    for name, runs in (("milepost", f"{sys.executable} -m starters"), ("python", sys.executable)):
        (program := folder / "bin" / name).write_text(f'#!/bin/sh\nexec {runs} "$@"\n')
        program.chmod(0o755)
    (folder / ".curlrc").write_text("silent\nshow-error\nfail-with-body\n")  # a refusal fails
    environment = {
        **kept,
        **cache,
        "CURL_HOME": str(folder),
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "MILEPOST_DATA": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": WIDTH,
        "USER": "ann",
        "LOGNAME": "ann",
    }
    return Reader(work, environment)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        probes = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(probe.getsockname()[1]) for probe in probes]

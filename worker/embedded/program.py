"""A program that Milepost starts, and that does not outlive it."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from worker.private import appended_private

# Waits until the pipe from its parent closes, whatever closed it: a clean end, a crash, kill -9. Then the program goes,
# and what it kept in a temporary folder.
_WATCHDOG = """
cat >/dev/null
kill -KILL "$1" 2>/dev/null
[ -z "$2" ] || { sleep 1; rm -rf -- "$2"; }
"""


class Program:
    """One child process with its output in a log file; ended by `stop`, or with its parent, however that ends.

    It leads a session of its own: a Ctrl-C in the terminal reaches its parent alone, which stops it in order.
    """

    def __init__(self, command: Sequence[str | Path], *, log: Path, temporary: Path | None = None) -> None:
        """Start it.

        Args:
            command: the program and its arguments.
            log: the file to which its output is added.
            temporary: a folder that is to go with it if its parent is killed.
        """
        with appended_private(log) as output:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077 if os.name == "posix" else -1,  # what it keeps is its owner's alone
            )
        self._watchdog: subprocess.Popen[bytes] | None = None
        if os.name == "posix":
            arguments = [str(self._process.pid), str(temporary or "")]
            self._watchdog = subprocess.Popen(
                ["/bin/sh", "-c", _WATCHDOG, "milepost-watchdog", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def stop(self, *, grace: float) -> None:
        """End it: ask, wait, and kill it when `grace` seconds are over (0: at once). Done twice, it is done once."""
        if self.running and grace > 0:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace)
        if self.running:
            self._process.kill()
        self._process.wait()
        if self._watchdog:
            # Not by closing its pipe: it would kill whoever has that process id by now.
            os.killpg(self._watchdog.pid, signal.SIGKILL)
            self._watchdog.wait()
            if self._watchdog.stdin:
                self._watchdog.stdin.close()
            self._watchdog = None


def tail(log: Path, lines: int = 12, width: int = 240) -> str:
    """The last lines of a log file, each cut to a width."""
    if not log.exists():
        return ""
    return "\n".join(line[:width] for line in log.read_text(errors="replace").splitlines()[-lines:])

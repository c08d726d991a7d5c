"""How the tests of this folder run commands: in this process, and as the program that people run."""

import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from starters.cli import app

ROOT = Path(__file__).parents[2]

_RUNNER = CliRunner()


def milepost(*arguments: str | Path, env: dict[str, str] | None = None, stdin: str | None = None) -> Result:
    """Run a command in this process. Not inside a running event loop: from there, in a thread."""
    return _RUNNER.invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200", **(env or {})}, input=stdin)


def program(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program itself."""
    return subprocess.run(
        [sys.executable, "-m", "starters", *map(str, arguments)],
        env={**os.environ, "COLUMNS": "200", **(env or {})},
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        check=False,
    )

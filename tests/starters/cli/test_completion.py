"""What a shell completes, in a real bash: ids of cases and entitlements, names of milestones."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.catalog.documents import read_document
from store import Store, tables
from tests.starters.command_line import ROOT
from tests.store.test_listed import Kept

BASH = shutil.which("bash")
CATALOG = {
    "accounts": [{"id": "acme"}],
    "entitlements": [{"id": "acme-gold", "account": "acme"}, {"id": "zenith", "account": "acme", "retired": True}],
}
PROGRAM = """#!/bin/sh
PYTHONPATH={root} exec {python} -W ignore -c \
  'import sys; sys.argv[0] = "milepost"; from starters.cli import main; main()' "$@"
"""
PATIENT = 60.0


class Bash:
    """An interactive bash in a terminal of its own.

    Args:
        environment: of it.
        folder: in which it runs.
    """

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:  # the child: nothing of the tests goes on in it
            os.chdir(folder)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], environment)  # noqa: S606  as people run it

    def types(self, keys: str, *, until: str) -> str:
        """Type keys and read until something is there; what is on the line then."""
        os.write(self._terminal, keys.encode())
        seen, ends_at = "", time.monotonic() + PATIENT
        while until not in seen and time.monotonic() < ends_at:
            if select.select([self._terminal], [], [], 0.2)[0]:
                seen += os.read(self._terminal, 65536).decode(errors="replace")
        assert until in seen, f"bash shows {seen!r}"
        return seen

    def completes(self, typed: str, *, to: str) -> None:
        """Type and press Tab; the line is then completed so, and cleared again."""
        self.types(f"{typed}\t", until=to)
        self.types("\x15echo cleared-$((40 + 2))\n", until="cleared-42")

    def end(self) -> None:
        """End it, whatever it is at."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._terminal)


@pytest.fixture
def bash(tmp_path: Path) -> Iterator[Bash]:
    """A bash that has read the completion of milepost, beside a store with a case of each kind of id."""
    database = f"sqlite:///{tmp_path / 'milepost.db'}"
    with Store.open(database) as store:
        Kept(store, "4711-alpha")
        Kept(store, "INC~2F7~20b")
        foreign = tables.cases.update().where(tables.cases.c.case_id.startswith("INC")).values(external_id="INC/7 b")
        with store._database.write() as connection:
            connection.execute(foreign)
        store.catalog.apply(read_document(CATALOG), by="test")
    (program := tmp_path / "bin" / "milepost").parent.mkdir()
    program.write_text(PROGRAM.format(root=ROOT, python=sys.executable))
    program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "MILEPOST_DATABASE_URL": database,
        "MILEPOST_DATA": str(tmp_path),
        "PS1": "> ",
        "TERM": "dumb",
        "INPUTRC": os.devnull,
        "HISTFILE": os.devnull,
    }
    started = Bash(environment, tmp_path)
    try:
        ready = "bind 'set bell-style none'; eval \"$(_MILEPOST_COMPLETE=source_bash milepost)\"; echo rea''dy\n"
        started.types(ready, until="ready")
        yield started
    finally:
        started.end()


@pytest.mark.skipif(BASH is None, reason="there is no bash on this machine")
def test_bash_completes_what_there_is(bash: Bash) -> None:
    """Commands; ids of cases, also as another system calls them; names with blanks, in quotes and without, in any case
    of letters; of entitlements those that are not retired."""
    bash.completes("milepost explai", to="explain ")
    bash.completes("milepost show 4711", to="4711-alpha ")
    bash.completes("milepost tasks --case INC/", to="INC/7\\ b ")
    bash.completes("milepost complete 4711-alpha fir", to="First\\ response ")
    bash.completes('milepost complete 4711-alpha "First r', to='First response" ')
    bash.completes("milepost balance ", to="acme-gold ")

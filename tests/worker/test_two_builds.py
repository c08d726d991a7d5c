"""What docs/guide/upgrades.md says of an upgrade and a rollback, with two builds whose code and tables differ.

The newer build is made of this tree: it notes a change in other words, keeps of a milestone what this one does not
know, and has a table more. Both run as programs of their own. The words of a note say which build took a step.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from tests.starters.command_line import ROOT, environment_of
from tests.support import unique

PACKAGES = ("activities", "clients", "domain", "milepost", "starters", "store", "worker", "workflows")
OLDER, NEWER = "monday", "tuesday"
CHANGES = [
    ("domain/timeline/book.py", "{name} is {value!r}", "{name} becomes {value!r}"),
    (
        "domain/timeline/facts.py",
        "    anchor_at: AwareDatetime\n",
        "    anchor_at: AwareDatetime\n    told: str = 'by phone'\n",
    ),
]
"""In which file what becomes what."""

REVISION = '''"""What the newer build has more."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("calls", sa.Column("number", sa.Integer(), primary_key=True))
'''
CATALOG = """
fields: {priority: string}
processes:
  - {name: Support, milestones: [{name: Answer, within: 8h}, {name: Solution, within: 40h}]}
organisation: {process: Support}
accounts: [{id: acme}]
"""


@dataclass
class Build:
    """The programs of one build, which know a server, a namespace and a database of the test's own."""

    tree: Path
    environment: dict[str, str]

    def says(self, *words: str, refused: bool = False) -> str:
        """What a command prints, which is done or refused."""
        ran = subprocess.run(
            self._typed(words),
            cwd=self.tree,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert bool(ran.returncode) is refused, (words, ran.stdout, ran.stderr)
        return ran.stdout + ran.stderr

    @contextmanager
    def working(self, build_id: str) -> Iterator[None]:
        """A worker of this build while the context lasts, from when it says what its build is."""
        environment = {**self.environment, "MILEPOST_BUILD_ID": build_id}
        with subprocess.Popen(
            self._typed(("worker",)), cwd=self.tree, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout is not None
                said = ""
                while f"Build {build_id} is " not in said:
                    line = process.stdout.readline()
                    assert line, said
                    said += line
                yield
            finally:
                process.terminate()

    def step(self, case: str) -> str:
        """Have a case take a step. Returns which build took it."""
        said = self.says("change", case, "--field", f"priority={unique('p')}")
        assert "priority" in said
        return NEWER if "priority becomes" in said else OLDER

    def goes_over(self, case: str, to: str) -> None:
        """Have a case take steps until another build takes one: the server's parts hear of it one after the other."""
        until = time.monotonic() + 300
        while self.step(case) != to:
            assert time.monotonic() < until, f"{case} stays where it was"

    def targets(self, case: str) -> dict[str, Any]:
        shown = json.loads(self.says("show", case, "--json"))
        return {milestone["milestone"]: milestone["target_at"] for milestone in shown["milestones"]}

    def builds(self) -> dict[str, str]:
        """The status of each build."""
        return {one["build_id"]: one["status"] for one in json.loads(self.says("upgrade", "list", "--json"))}

    @staticmethod
    def _typed(words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "starters", *words]


@pytest.fixture
def builds(client: Client, tmp_path: Path) -> tuple[Build, Build]:
    """This build, and a newer one."""
    environment = {
        **os.environ,
        **environment_of(client, tmp_path, f"sqlite:///{tmp_path / 'milepost.db'}", unique("queue")),
        "TEMPORAL_NAMESPACE": unique("builds"),
        "PYTHONUNBUFFERED": "1",
    }
    tree = tmp_path / "newer"
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, old, new in CHANGES:
        text = (tree / name).read_text()
        assert old in text
        (tree / name).write_text(text.replace(old, new))
    revisions = tree / "store" / "migrations" / "versions"
    newest = max(file.name for file in revisions.glob("0*.py")).partition("_")[0]
    (revisions / "9999_calls.py").write_text(REVISION.format(newest))
    return Build(ROOT, environment), Build(tree, environment)


def test_an_upgrade_and_a_rollback_by_the_book(builds: tuple[Build, Build], tmp_path: Path) -> None:
    """Each case goes over at its next step with all that it has, there and back; a database goes on, not back."""
    older, newer = builds
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    goes, waits, comes, again = (unique(name) for name in ("goes", "waits", "comes", "again"))
    with ExitStack() as running:
        running.enter_context(older.working(OLDER))
        older.says("upgrade", "current", OLDER)
        older.says("apply", str(tmp_path / "catalog.yaml"))
        for case in (goes, waits):
            older.says("open", case, "--account", "acme")
        targets = older.targets(goes)
        assert older.step(goes) == OLDER

        running.enter_context(newer.working(NEWER))  # it brings the database up to date
        assert newer.step(goes) == OLDER, "workers that run go on with the new tables"
        assert "which a newer Milepost has made; use that one" in older.says("list", refused=True)

        newer.says("upgrade", "current", NEWER)
        newer.goes_over(goes, NEWER)
        newer.says("open", comes, "--account", "acme")
        assert newer.step(comes) == NEWER
        assert newer.targets(goes) == targets
        newer.says("complete", goes, "Answer")
        assert newer.builds() == {OLDER: "draining", NEWER: "current"}, f"{waits} has taken no step"
        newer.says("audit")

        newer.says("upgrade", "current", OLDER)
        of_the_newer = newer.targets(comes)
        for case in (goes, comes):
            newer.goes_over(case, OLDER)
        assert newer.targets(goes) == targets
        assert newer.targets(comes) == of_the_newer
        newer.says("open", again, "--account", "acme")
        assert [newer.step(case) for case in (waits, again)] == [OLDER, OLDER]
        refused = older.says("worker", refused=True)
        assert "which a newer Milepost has made; use that one" in refused, "one that is started anew"

"""Commands load what they need, and nothing else: that is what makes them quick."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from starters.cli.app import loaded
from starters.cli.listed import PANELS, Listed
from store import Store
from tests.starters.command_line import ROOT

LEFT_AT_THE_END = """
import atexit, gc, sys
from starters.cli import main
atexit.register(lambda: print(gc.get_freeze_count(), len(gc.get_objects())))
sys.argv = ["milepost", "--version"]
main()
"""

LISTED = [listed for commands in PANELS.values() for listed in commands]

SERVERS = {"temporalio", "fastapi", "starlette", "uvicorn"}
STORE = {"sqlalchemy", "alembic"}
RULES = {"pydantic_settings", "holidays", "cel_expr_python", "jinja2", "altair", "rich.live"}

RUN = """
import contextlib, io, json, sys
from typer.testing import CliRunner
from starters.cli.app import app
codes = [CliRunner().invoke(app, line, env={"COLUMNS": "200"}).exit_code for line in json.loads(sys.argv[1])]
print(json.dumps([codes, sorted(sys.modules)]))
"""


def loaded_by(*lines: list[str], env: dict[str, str] | None = None) -> tuple[list[int], set[str]]:
    """The exit codes of commands that are run one after the other in a new interpreter, and the modules it has then."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "MILEPOST_"))}
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(lines)],
        env={**own, **(env or {})},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    codes, modules = json.loads(done.stdout)
    return codes, set(modules)


@pytest.mark.parametrize("listed", LISTED, ids=lambda listed: listed.name)
def test_the_list_says_what_the_command_says(listed: Listed) -> None:
    """`milepost --help` shows the first paragraph of each command's own help, under its own name."""
    command = loaded(listed)
    assert "install_completion" not in {parameter.name for parameter in command.params}, "milepost itself has it"
    assert command.name == listed.name
    assert " ".join(command.help.partition("\n\n")[0].split()) == listed.says


@pytest.mark.parametrize("line", [["--help"], ["show", "--help"], ["backtest", "--help"]], ids=" ".join)
def test_the_help_of_a_command_loads_no_models(line: list[str]) -> None:
    """Neither pydantic nor another command."""
    codes, modules = loaded_by(line)
    assert codes == [0]
    commands = {name for name in modules if name.startswith("starters.cli.commands.")}
    assert modules.isdisjoint({"pydantic", "asyncio"} | SERVERS | STORE | RULES)
    assert commands <= {f"starters.cli.commands.{name}" for name in ("case", "show", "backtest")} - (
        {"starters.cli.commands.show"} if line[0] == "backtest" else {"starters.cli.commands.backtest"}
    )


def test_no_help_loads_what_only_running_needs() -> None:
    """Neither the SDK nor the database nor the rules."""
    codes, modules = loaded_by(*([listed.name, "--help"] for listed in LISTED))
    assert set(codes) == {0}
    assert modules.isdisjoint(SERVERS | STORE | RULES)


def test_what_the_store_answers_needs_no_temporal(tmp_path: Path) -> None:
    """Nor the migration tool, where the database is up to date."""
    Store.open(f"sqlite:///{tmp_path / 'milepost.db'}").close()
    env = {"MILEPOST_DATA": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    codes, modules = loaded_by(["tasks"], ["actions", "--failed"], ["endpoints"], ["keys", "list"], env=env)
    assert codes == [0, 0, 0, 0]
    assert "sqlalchemy" in modules
    assert modules.isdisjoint(SERVERS | {"alembic", "activities.actions.dispatch", "workflows"})
    assert modules.isdisjoint({"store.usage.ledgers", "store.intake", "store.reports.queries"})


def test_what_asks_a_case_loads_no_other_programs(tmp_path: Path) -> None:
    """`show` where no server is: neither the worker's half nor the API, the reports or the migration tool."""
    env = {"MILEPOST_DATA": str(tmp_path), "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    codes, modules = loaded_by(["show", "INC-1"], env=env)
    assert codes == [1]
    assert "temporalio.client" in modules
    assert modules.isdisjoint({"fastapi", "uvicorn", "altair", "alembic", "temporalio.worker", "workflows"})


def test_lists_of_the_store_load_no_rules_of_cases(tmp_path: Path) -> None:
    """Neither the state machine of cases nor the catalog's declarations, and nothing that signs."""
    Store.open(f"sqlite:///{tmp_path / 'milepost.db'}").close()
    env = {"MILEPOST_DATA": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    codes, modules = loaded_by(["tasks"], ["actions", "--failed"], env=env)
    assert codes == [0, 0]
    assert modules.isdisjoint({"domain.timeline.machine", "domain.messages.case_state", "domain.usage.state"})
    assert modules.isdisjoint({"domain.catalog.declarations", "cel_expr_python", "cryptography"})


def test_the_end_of_a_command_looks_through_nothing() -> None:
    """What was loaded is not collected by a process that ends: that took a fifth of its time."""
    done = subprocess.run([sys.executable, "-c", LEFT_AT_THE_END], capture_output=True, text=True, cwd=ROOT, check=True)
    kept, left = map(int, done.stdout.splitlines()[-1].split())
    assert kept > 10_000 > left

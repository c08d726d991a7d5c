"""The files around the code, checked as data: no container engine is needed to know that they fit together."""

import ast
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

from distribution.third_party import installed_beside
from worker.embedded.release import SERVER, UI
from worker.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPOSE: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
PACKAGES = {path.parent.name for path in ROOT.glob("*/__init__.py")}


def instructions(name: str) -> list[str]:
    """What follows an instruction's name, for each time it is given."""
    return [line.removeprefix(name).strip() for line in DOCKERFILE if line.startswith(f"{name} ")]


def known_variables() -> set[str]:
    return {f"{PREFIX}{field}".upper() for field in Settings.model_fields}


# --- docker-compose.yml ---


def test_compose_has_the_whole_system() -> None:
    assert set(SERVICES) == {*("postgresql", "temporal-schema", "temporal", "temporal-ui", "mailpit", "worker", "api")}


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_images_are_pinned(service: str) -> None:
    assert re.search(r":v?\d+\.\d+(\.\d+)?(-\w+)?$", SERVICES[service]["image"])


def test_the_servers_are_the_releases_that_the_tests_run_on() -> None:
    assert SERVICES["temporal"]["image"].endswith(SERVER.version.removeprefix("v"))
    assert SERVICES["temporal-schema"]["image"].endswith(SERVER.version.removeprefix("v"))
    assert SERVICES["temporal-ui"]["image"].endswith(UI.version.removeprefix("v"))


@pytest.mark.parametrize("port", [port for service in SERVICES.values() for port in service.get("ports", [])])
def test_ports_are_on_the_loopback(port: str) -> None:
    assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


@pytest.mark.parametrize("name", ["worker", "api"])
def test_what_is_ours_waits_for_what_it_needs(name: str) -> None:
    assert SERVICES[name]["depends_on"] == {
        "postgresql": {"condition": "service_healthy"},
        "temporal": {"condition": "service_healthy"},
    }
    for service in ("postgresql", "temporal"):
        assert "healthcheck" in SERVICES[service]
    assert SERVICES["temporal"]["depends_on"] == {"temporal-schema": {"condition": "service_completed_successfully"}}


def test_every_dependency_is_a_service() -> None:
    assert {name for service in SERVICES.values() for name in service.get("depends_on", {})} <= set(SERVICES)


@pytest.mark.parametrize("name", ["worker", "api"])
def test_what_is_ours_is_told_in_words_it_knows(name: str) -> None:
    environment = SERVICES[name]["environment"]
    ours = {name for name in environment if name.startswith(PREFIX)}
    assert ours <= known_variables()
    assert set(environment) - ours == {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "PGPASSWORD"}
    assert environment["TEMPORAL_ADDRESS"].partition(":")[0] in SERVICES
    # A password within the address could not have every character.
    assert "//milepost@postgresql:" in environment["MILEPOST_DATABASE_URL"]


def test_the_configuration_and_volumes_that_are_named_exist() -> None:
    configs = {config["source"] for service in SERVICES.values() for config in service.get("configs", [])}
    volumes = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert configs == set(COMPOSE["configs"])
    assert volumes == set(COMPOSE["volumes"])


@pytest.mark.parametrize(
    "command",
    [SERVICES["worker"]["command"], SERVICES["api"]["command"], *map(YAML(typ="safe").load, instructions("CMD"))],
)
def test_the_commands_exist(command: list[str]) -> None:
    """The image's entry point is `milepost`, as pyproject names it."""
    assert instructions("ENTRYPOINT") == ['["milepost"]']
    module, _, function = PYPROJECT["project"]["scripts"]["milepost"].partition(":")
    program = f"import sys; from {module} import {function} as main; sys.exit(main())"
    ran = subprocess.run(
        [sys.executable, "-c", program, *command, "--help"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert ran.returncode == 0, ran.stderr


# --- Dockerfile ---


def test_the_image_is_glibc_and_pinned() -> None:
    """The criteria engine has no wheels for musl."""
    bases = {base.partition(" AS ")[0] for base in instructions("FROM")}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-bookworm", bases.pop())


def test_the_image_does_not_run_as_root() -> None:
    assert instructions("USER") == ["milepost"]


def test_the_health_check_exists() -> None:
    (check,) = instructions("HEALTHCHECK")
    module = re.search(r'"-m", "([\w.]+)"', check)
    assert module
    assert (ROOT / module[1].replace(".", "/")).with_suffix(".py").exists()


def test_the_image_has_what_it_needs() -> None:
    """Every source of a COPY exists, is let through by .dockerignore, and no package is missing."""
    sources = {
        source for copied in instructions("COPY") if not copied.startswith("--from") for source in copied.split()[:-1]
    }
    let_through = {
        line.removeprefix("!").rstrip("/")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert sources == let_through
    assert sources >= PACKAGES
    assert {source for source in sources if not (ROOT / source).exists()} == set()


def test_every_tool_knows_every_package() -> None:
    """A package that is made later is installed, typed, sorted and held to its layer like the others."""
    tools = PYPROJECT["tool"]
    found = tools["setuptools"]["packages"]["find"]["include"]
    assert {pattern.removesuffix("*") for pattern in found} == PACKAGES | {"catalogs"}
    assert set(tools["mypy"]["files"]) == PACKAGES | {"tests", "benchmarks", "distribution"}
    assert set(tools["ruff"]["lint"]["isort"]["known-first-party"]) == PACKAGES | {"benchmarks", "distribution"}
    assert set(tools["importlinter"]["root_packages"]) == PACKAGES


def test_the_tests_mirror_the_rooms() -> None:
    """A folder of tests is called as the package that it tests, or is one of the rooms that only tests have."""
    own = {"abuse", "docs", "histories", "models", "siege", "vectors"}
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    rooms = {folder for folder in folders if folder.parts and folder.parts[0] not in own}
    assert Path("domain/timeline") in rooms
    assert [str(room) for room in sorted(rooms) if not (ROOT / room / "__init__.py").exists()] == []


def test_a_newcomer_finds_every_room() -> None:
    """CONTRIBUTING names every room, so that each change has a place, and no room that is not there."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rooms = {path.parent.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).glob("*/__init__.py")}
    assert len(rooms) > 20
    assert [str(room) for room in sorted(rooms) if f"`{room}/" not in text and f"`{room}`" not in text] == []
    named = set(re.findall(r"`((?:\w+/)+(?:\w+\.\w+)?)`", text))
    assert len(named) > 30
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


MOST_LINES = 400
"""Of a module."""

MOST_LINES_OF_A_FUNCTION = 50

OPTIONS = "its length is its options, each with its help"
LONG = {
    "domain/usage/requests.py": "the messages of entitlements in one place, as the reference lists them",
    "domain/usage/renewals.py::renew": "one request, its refusals in the order in which they are told",
    "domain/usage/reversing.py::give_back": "one sum over the rows of a reference, which a cut would take apart",
    "starters/cli/commands/backtest.py::backtest": OPTIONS,
    "starters/cli/commands/case.py::open_case": OPTIONS,
    "starters/cli/commands/desk.py::list_cases": OPTIONS,
    "starters/cli/commands/report.py::report": OPTIONS,
    "store/migrations/versions/0001_catalog_and_records.py::upgrade": "a migration that is out is never changed",
}
"""What is longer, each with the reason why it stays in one piece."""


def long_parts(path: Path) -> Iterator[str]:
    """The module, if it is too long, and those of its functions that are."""
    text = path.read_text()
    name = str(path.relative_to(ROOT))
    if len(text.splitlines()) > MOST_LINES:
        yield name
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MOST_LINES_OF_A_FUNCTION:
                yield f"{name}::{node.name}"


def test_modules_and_functions_are_short() -> None:
    """A module has at most 400 lines, a function 50; what has more says why, and nothing says so without need."""
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert len(modules) > 200
    found = {part for path in modules for part in long_parts(path)}
    assert sorted(found - set(LONG)) == [], "split it along its ideas, or say in LONG why it stays in one piece"
    assert sorted(set(LONG) - found) == [], "it is short by now: leave it out of LONG"


OWN_FORMS = {
    "activities/rendering/filters.py": "the words of a mail: Tue 1 Dec 2026, 14:25 CET",
    "domain/reports/grouping.py": "the names of groups: a month, a year",
    "domain/explanation/reasons.py": "a time of day, as a process declares it",
    "domain/messages/case_state.py": "what cases ask is in recorded histories to the letter",
    "worker/switched_off.py": "an instant to be typed, and a key",
    "workflows/case/plans.py": "a date for the server's page, not for people",
    "starters/backtest/tables.py": "a narrow column",
    "starters/cli/commands/migration.py": "an id",
    "starters/logs/times.py": "how logs write instants, not how we do",
}
"""Modules that write an instant or a date in a form of their own, each with the reason."""


def test_instants_are_written_in_one_place() -> None:
    """How people read an instant is in `domain/wording.py`; what has a form of its own says why."""
    modules = {path.relative_to(ROOT): path for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    own = re.compile(r"""\{[^{}"']*:[^{}"']*%[YmdHMSa]|strftime\(""")
    found = {str(name) for name, path in modules.items() if own.search(path.read_text())}
    assert sorted(found) == sorted(OWN_FORMS)


def copied_into_the_image(target: Path) -> Path:
    """What the Dockerfile copies, and nothing else."""
    target.mkdir()
    for line in instructions("COPY"):
        if not line.startswith("--from"):
            for name in line.split()[:-1]:
                copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
                copy(ROOT / name, target / name)
    return target


def install_steps() -> list[list[str]]:
    """What the Dockerfile tells pip, a list of words for each call."""
    calls = [call.strip() for line in instructions("RUN") for call in line.split("&&")]
    return [shlex.split(call.partition("/pip ")[2]) for call in calls if "/pip " in call]


def test_what_the_image_copies_can_be_installed(tmp_path: Path) -> None:
    """The install step of the image, of what it copies and nothing else; the program then starts from there."""
    source, site = copied_into_the_image(tmp_path / "src"), tmp_path / "site"
    builder, step = install_steps()
    assert (builder[0], builder[-1]) == ("install", PYPROJECT["build-system"]["requires"][0])
    assert (step[0], step[-1]) == ("install", ".")
    # No registry is asked here: what the project needs is installed beside it already, the builder too.
    alone = [*step[:-1], "--quiet", "--no-deps", "--no-index", "--target", str(site), "."]
    subprocess.run([sys.executable, "-m", "pip", *alone], cwd=source, check=True, timeout=300)
    # -S leaves out the checkout, which an editable install has on the path.
    path = [str(site), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    program = (
        f"import sys; sys.path[1:1] = {path!r}; from starters.cli import main; import milepost, worker.process; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, "--help"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    ours = [path for package in (*PACKAGES, "catalogs") for path in (ROOT / package).rglob("*") if path.is_file()]
    names = [name for path in ours if not re.search(r"(^|/)(\.|__pycache__)", str(name := path.relative_to(ROOT)))]
    assert len(names) > 300
    assert [str(name) for name in sorted(names) if not (site / name).exists()] == [], "it stays behind"


def test_what_others_wrote_is_named_with_its_licence() -> None:
    """Of everything that is installed beside Milepost; `make dist` writes the page anew."""
    page = (ROOT / "THIRD-PARTY.md").read_text()
    listed = dict(re.findall(r"^\| ([\w.-]+) \| [^|]+ \| ([^|]+) \|", page, re.MULTILINE))
    wanted = {one.name: one.licence for one in installed_beside("reports")}
    assert {canonicalize_name(name) for name in listed} >= {canonicalize_name(name) for name in wanted}
    assert all(licence.strip() not in {"", "unknown"} for licence in listed.values())


def test_the_image_is_told_in_words_it_knows() -> None:
    ours = {name for line in instructions("ENV") for name in re.findall(rf"\b({PREFIX}\w+)=", line)}
    assert ours
    assert ours <= known_variables()


# --- packaging ---


def pins() -> dict[str, str]:
    lines = [line.partition(";")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    return {
        canonicalize_name(name): version
        for name, _, version in (line.partition("==") for line in lines if line and not line.startswith("#"))
    }


def test_constraints_are_exact_and_name_no_registry() -> None:
    text = (ROOT / "constraints.txt").read_text()
    for word in ("://", "--", "@", "file:"):
        assert word not in text
    assert all(re.fullmatch(r"[\w.]+", version) for version in pins().values())


def test_constraints_pin_everything_that_is_installed_for_us() -> None:
    """Followed through what each distribution asks for on this machine."""
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    dev = [line for line in extras["dev"] if line != "milepost[reports]"]  # that one is ours, and its own are below
    waiting = [Requirement(line) for line in [*project["dependencies"], *dev, *extras["reports"]]]
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for line in metadata.requires(name) or []:
            asked = Requirement(line)
            named = ["", *requirement.extras]
            if any(asked.marker is None or asked.marker.evaluate({"extra": extra}) for extra in named):
                key = f"{canonicalize_name(asked.name)}[{','.join(sorted(asked.extras))}]"
                if key not in seen:
                    seen.add(key)
                    waiting.append(asked)
        assert pins().get(name) == metadata.version(name), f"{name} is not pinned to what is installed"


@pytest.mark.parametrize("extra", ["bench", "docs"])
def test_what_is_installed_when_it_is_asked_for_is_pinned_too(extra: str) -> None:
    names = {canonicalize_name(Requirement(line).name) for line in PYPROJECT["project"]["optional-dependencies"][extra]}
    assert names <= set(pins())


# --- the ways in ---


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_make_has_the_five_ways_in() -> None:
    assert targets() >= {"setup", "demo", "test", "check", "bench"}


def test_ci_runs_nothing_that_a_contributor_does_not() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    calls = re.findall(r"^(?!#|set |cd )(.+)$", script, re.MULTILINE)
    assert calls == ["make check", "make test"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100


RULES_MUST_NOT = [
    "from datetime import datetime; datetime.now()",
    "import datetime; datetime.datetime.utcnow()",
    "import os",
    "import time",
    "import random",
    "from uuid import uuid4",
    "import uuid; uuid.uuid4()",
]


def banned(where: str, line: str) -> bool:
    """Whether the linter refuses a line there."""
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--stdin-filename", where, "-"]
    ran = subprocess.run(command, input=line, capture_output=True, text=True, check=False, cwd=ROOT)
    return "TID251" in ran.stdout


@pytest.mark.parametrize("line", RULES_MUST_NOT)
def test_rules_must_not_read_their_machine(line: str) -> None:
    """By lint: the sandbox of the workflows that use them takes them as they are."""
    assert banned("domain/anything.py", line)


@pytest.mark.parametrize(
    "line",
    [
        *RULES_MUST_NOT,
        "import asyncio; asyncio.sleep(1)",
        "import asyncio; asyncio.wait([])",
        "import asyncio; asyncio.as_completed([])",
        "from zoneinfo import ZoneInfo",
        "import holidays",
    ],
)
def test_workflow_code_must_not_read_its_machine(line: str) -> None:
    """By lint, under workflows/ alone."""
    assert banned("workflows/anything.py", line)
    assert not banned("worker/anything.py", line)

"""The wheel, and what the image installs, in environments that have nothing else. Asked for by `make dist`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.test_house import ROOT, copied_into_the_image, install_steps

DIST = os.environ.get("MILEPOST_DIST")
pytestmark = pytest.mark.skipif(not DIST, reason="make dist builds what it looks at, and installs it for minutes")
LICENCES = ("LICENSE", "NOTICE", "THIRD-PARTY.md")


def run(command: Sequence[str | Path], folder: Path) -> str:
    """Run a program in a folder, with nothing of this checkout in sight; says what it printed."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MILEPOST", "VIRTUAL"))
    }
    ran = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**clean, "MILEPOST_DATA": str(folder / "data"), "COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def an_empty_environment(folder: Path) -> Path:
    """The programs of a new environment."""
    run([sys.executable, "-m", "venv", folder / "venv"], folder)
    return folder / "venv" / "bin"


def try_it(programs: Path, folder: Path) -> None:
    """What a newcomer would: the help, business time, a catalog of the samples, and a list."""
    shutil.copytree(ROOT / "catalogs", folder / "samples")
    assert run([programs / "milepost", "--version"], folder).startswith("milepost ")
    assert "Begin with" in run([programs / "milepost", "--help"], folder)
    assert run([programs / "milepost", "hours", "add", "2025-06-13T16:45Z", "60m"], folder) == "2025-06-13T17:45:00Z\n"
    assert "acme-gold" in run([programs / "milepost", "apply", "samples/minimal.yaml"], folder)
    assert "acme-gold" in run([programs / "milepost", "entitlements"], folder)
    assert "no open case" in run([programs / "milepost", "list"], folder)
    assert "milestone" in run([programs / "milepost", "backtest", "--help"], folder)


@pytest.fixture
def wheel() -> Path:
    [found] = (ROOT / str(DIST)).glob("*.whl")
    return found


def test_the_wheel_brings_its_licences_and_samples(wheel: Path) -> None:
    """And nothing of the tests."""
    names = zipfile.ZipFile(wheel).namelist()
    for name in LICENCES:
        assert [one for one in names if one.endswith(f".dist-info/licenses/{name}")], name
    assert {"catalogs/minimal.yaml", "starters/incident_sample/README.md"} <= set(names)
    assert [one for one in names if one.startswith(("tests/", "benchmarks/", "distribution/"))] == []


def test_the_wheel_runs_where_nothing_else_is(wheel: Path, tmp_path: Path) -> None:
    """With the versions that `constraints.txt` names."""
    programs = an_empty_environment(tmp_path)
    constraints = ROOT / "constraints.txt"
    run([programs / "pip", "install", "--quiet", "--constraint", constraints, wheel], tmp_path)
    try_it(programs, tmp_path)


def test_the_image_installs_where_nothing_else_is(tmp_path: Path) -> None:
    """The install step of the Dockerfile as it is written, of what it copies."""
    source, programs = copied_into_the_image(tmp_path / "src"), an_empty_environment(tmp_path)
    for step in install_steps():
        run([programs / "pip", "--quiet", *step], source)
    shutil.rmtree(source)
    try_it(programs, tmp_path)

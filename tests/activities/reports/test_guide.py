"""Every report that the guide shows is what comes of the month that it tells of, character by character."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from activities.reports.making import ReportWish, make_report
from domain.reports.result import ReportKind
from starters.terminal.reports import report_shown
from store import Store
from tests.activities.reports.story import NOW, tell

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "reports.md"
SHOWN = re.findall(r"^    \$ milepost report ([^\n]+)\n((?:    [^\n]*\n|\n(?=    ))+)", GUIDE.read_text(), re.MULTILINE)
WIDTH = 150


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('guide') / 'milepost.db'}") as store:
        tell(store)
        yield store


def test_each_report_is_shown() -> None:
    assert {command.split()[0] for command, _ in SHOWN} >= {kind.value for kind in ReportKind if kind != "cases"}


@pytest.mark.parametrize(("command", "lines"), SHOWN, ids=[command for command, _ in SHOWN])
def test_the_guide_shows_what_comes_of_it(month: Store, command: str, lines: str) -> None:
    """The finding, the title and the table; what is counted stands in the text around."""
    expected = [line.removeprefix("    ").rstrip() for line in lines.splitlines() if line.strip()]
    assert rendered(month, command) == expected


def rendered(store: Store, command: str) -> list[str]:
    """What a command prints up to the notes, without empty lines."""
    kind, *options = shlex.split(command)
    by = [value for name, value in zip(options[::2], options[1::2], strict=True) if name == "--by"]
    others = {n.removeprefix("--"): v for n, v in zip(options[::2], options[1::2], strict=True) if n != "--by"}
    made = make_report(store, ReportWish(ReportKind(kind), by=by, now=NOW, **others))  # type: ignore[arg-type]
    written = io.StringIO()
    Console(file=written, width=WIDTH, highlight=False).print(report_shown(made))
    lines = [line.rstrip() for line in written.getvalue().splitlines() if line.strip()]
    return lines[: len(lines) - sum(len(_folded(note)) for note in made.notes)]


def _folded(note: str) -> list[str]:
    written = io.StringIO()
    Console(file=written, width=WIDTH, highlight=False).print(note, markup=False)
    return written.getvalue().splitlines()

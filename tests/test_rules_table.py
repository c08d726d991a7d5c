"""The reference of the rules names a test for each of them, and leaves no test of a rule out."""

from __future__ import annotations

import ast
import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
RULES = TESTS.parent / "docs" / "reference" / "rules.md"
EXAMPLES = [
    *(f"E{n}" for n in range(1, 11)),
    *("E11a", "E11b", "E11c", "E11e", "E11f"),
    *("E12", "E13", "E14"),
    *(f"E{n}" for n in range(17, 25)),
    *("E27", "E28", "E29", "E30", "E31"),
]
"""The numbered examples of the rules."""


def rows() -> list[list[str]]:
    """The cells of each row of each table, without heads and rulers."""
    lines = [*RULES.read_text(encoding="utf-8").splitlines(), ""]
    tables = [line for line, below in pairwise(lines) if line.startswith("| ") and not below.startswith("|--")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in tables]


def named(cell: str) -> list[tuple[str, str]]:
    """File and function of each test that a cell names."""
    return re.findall(r"`([\w/]+\.py)::(\w+)`", cell)


@cache
def functions_of(file: str) -> frozenset[str]:
    """The names of the tests in a file; none if there is no such file."""
    path = TESTS / file
    if not path.exists():
        return frozenset()
    body = ast.parse(path.read_text(encoding="utf-8")).body
    functions = (node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(name for name in functions if name.startswith("test_"))


def test_there_are_tables() -> None:
    """A file that was cut short would pass every other test."""
    assert len(rows()) > 200


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:60])
def test_a_row_names_tests_that_exist(row: list[str]) -> None:
    """No row without one."""
    *_, last = row
    found = named(last)
    assert found, f"{row[0]!r} has no test"
    assert [f"{file}::{name}" for file, name in found if name not in functions_of(file)] == []


def test_every_example_is_in_the_table() -> None:
    """Once, in order."""
    assert [row[0] for row in rows() if re.fullmatch(r"E\d+[a-f]?", row[0])] == EXAMPLES


def test_no_rule_is_there_twice() -> None:
    """A rule that is said twice is changed once."""
    said = [row[0] for row in rows()]
    assert sorted({rule for rule in said if said.count(rule) > 1}) == []


def test_every_test_of_a_rule_is_in_the_table() -> None:
    """What is tested as a rule can be read as one."""
    files = [f"domain/{path.name}" for path in (TESTS / "domain").glob("test_rules_*.py")]
    tested = {(file, name) for file in files for name in functions_of(file)}
    told = {test for row in rows() for test in named(row[-1])}
    assert sorted(tested - told) == []

"""Names everything that is installed beside Milepost, with its licence.

    python -m distribution.third_party THIRD-PARTY.md

Read from what is installed in this environment, followed from what Milepost itself asks for.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
_CLASSIFIER = "License :: OSI Approved :: "
_HEAD = """# What Milepost is installed with

A wheel of Milepost holds Milepost alone; these are installed beside it, each under its own licence, whose text comes
with it. The sample log has [a notice of its own](NOTICE). Written by `make dist`.

"""
_OF_REPORTS = """
With the extra `reports`, which draws pictures, besides:

"""
_TABLE = """| | version | licence |
|---|---|---|
"""


class Beside(NamedTuple):
    """A distribution that is installed beside another one."""

    name: str
    version: str
    licence: str


def installed_beside(*extras_of_ours: str) -> list[Beside]:
    """Everything that Milepost, and its extras that are named, ask for, and what that asks for in turn, by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for e in extras_of_ours for line in project["optional-dependencies"][e])]
    waiting, seen = [Requirement(line) for line in lines], set[str]()
    found: dict[str, Beside] = {}
    while waiting:
        requirement = waiting.pop()
        distribution = metadata.distribution(requirement.name)
        known = canonicalize_name(requirement.name)
        found[known] = Beside(distribution.name, distribution.version, _licence(distribution))
        for line in distribution.requires or []:
            asked = Requirement(line)
            extras = ["", *requirement.extras]
            if asked.marker is None or any(asked.marker.evaluate({"extra": extra}) for extra in extras):
                key = f"{canonicalize_name(asked.name)}[{','.join(sorted(asked.extras))}]"
                if key not in seen:
                    seen.add(key)
                    waiting.append(asked)
    found.pop("milepost", None)
    return [found[known] for known in sorted(found)]


def _licence(distribution: metadata.Distribution) -> str:
    """As its author declared it: an expression, else a classifier, else the first line of a text."""
    told = distribution.metadata
    if expression := told.get_all("License-Expression"):
        return str(expression[0])
    named = [line.removeprefix(_CLASSIFIER) for line in told.get_all("Classifier") or [] if _CLASSIFIER in line]
    if named:
        return ", ".join(named)
    lines = "\n".join(told.get_all("License") or []).strip().splitlines()
    return re.sub(r"\s+", " ", lines[0]) if lines else "unknown"


def page() -> str:
    """The page."""
    base = installed_beside()
    besides = [one for one in installed_beside("reports") if one not in base]
    return _HEAD + _table(base) + _OF_REPORTS + _table(besides)


def _table(listed: list[Beside]) -> str:
    rows = [f"| {one.name} | {one.version} | {one.licence.replace('|', '/')} |" for one in listed]
    return _TABLE + "\n".join(rows) + "\n"


def main() -> None:
    """Write the page to the file that is named."""
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()

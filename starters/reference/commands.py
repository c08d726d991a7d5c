"""The page of commands, from the command line itself: what ``--help`` says of each, in the order of its panels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from starters.cli.app import loaded
from starters.cli.listed import PANELS
from starters.reference.pages import Section, table

_VALUES = {"str": "TEXT", "int": "N", "int range": "N", "path": "PATH"}
"""What stands for a value of each type whose option gives it no name."""

_EXAMPLE = re.compile(r"^Example: (?P<typed>.+)$", re.DOTALL)
_EXTRAS = re.compile(r"^(?P<help>.*?)(?: {2}\[(?P<extras>[^\]]+)\])?$", re.DOTALL)
_NAME = re.compile(r"^(?P<name>.+?)(?: <(?:list\[)?(?P<type>[^>\]]+)\]?>)?$")


class _Row(NamedTuple):
    name: str
    says: str
    default: str

    @property
    def is_argument(self) -> bool:
        return not self.name.startswith("`-")


def sections() -> Iterator[Section]:
    """A section for each panel of ``milepost --help``, each command, and each command of a group."""
    for panel, commands in PANELS.items():
        rows = [(f"[`{listed.name}`](#{listed.name})", listed.says) for listed in commands]
        yield Section(f"## {panel}", table("| ", rows))
        for listed in commands:
            yield from _sections(loaded(listed), f"milepost {listed.name}", None)


def _sections(command: Any, typed: str, parent: Any) -> Iterator[Section]:
    context = command.make_context(typed if parent is None else command.name, [], parent=parent, resilient_parsing=True)
    level = "###" if parent is None else "####"
    yield Section(f"{level} {typed.removeprefix('milepost ')}", _facts(command, context))
    for name, one in getattr(command, "commands", {}).items():
        yield from _sections(one, f"{typed} {name}", context)


def _facts(command: Any, context: Any) -> str:
    """What a command does, how it is typed, its arguments and options, and an example."""
    *says, last = [" ".join(paragraph.split()) for paragraph in re.split(r"\n{2,}", command.help)]
    example = _EXAMPLE.match(last)
    if example is None:
        says.append(last)
    rows = [_row(*record) for record in _records(command, context)]
    told = f"\nExample: `{example['typed']}`\n" if example else ""
    parts = [*says, f"    {_usage(command, context, rows)}"]
    return "\n\n".join(parts) + "\n" + table(" | | default", rows) + told


def _usage(command: Any, context: Any, rows: list[_Row]) -> str:
    """How it is typed: what has to be given, and whether there is more."""
    needed = [row.name.strip("`") for row in rows if row.is_argument or row.default == "required"]
    given = [name.rpartition(", ")[2] for name in needed]
    may = ["[OPTIONS]"] if len(given) < len(rows) else []
    return " ".join([context.command_path, *given, *may, *(["COMMAND"] if hasattr(command, "commands") else [])])


def _records(command: Any, context: Any) -> Iterator[tuple[str, str]]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and "--help" not in parameter.opts:
            yield record


def _row(left: str, right: str) -> _Row:
    """A row for what the help says of one argument or option."""
    named, said = _NAME.match(left), _EXTRAS.match(right)
    if named is None or said is None:
        raise ValueError(f"the help says this in a way that nobody expected: {left}: {right}")
    name, kind = named["name"], named["type"]
    is_option, choices = name.startswith("-"), (kind or "").split("|")
    if is_option and kind is not None:
        name = f"{name} {_VALUES[kind] if len(choices) == 1 else 'VALUE'}"
    says = said["help"]
    if is_option and len(choices) > 1:
        says = f"{says} One of {', '.join(f'`{choice}`' for choice in choices)}."
    extras = (said["extras"] or "").split("; ")
    default = next((extra.removeprefix("default: ") for extra in extras if extra.startswith("default: ")), "")
    span = next((re.split("<=?x<=?", extra) for extra in extras if "<=x" in extra), None)
    if span is not None:
        says = f"{says} From {span[0]}{f' to {span[1]}' if span[1] else ''}."
    return _Row(f"`{name}`", says, "required" if "required" in extras else f"`{default}`" if default else "")

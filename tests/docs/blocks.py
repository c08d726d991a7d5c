"""What a page has its reader do, in order: files to write, and commands with what they print.

A block that begins with ```` ```yaml title="support.yaml" ```` (or any other language) is a file of that name in the
reader's folder. A block ```` ```console ```` has commands, each after ``$ `` and with the output below it, to the
letter but for what ``...`` stands for: within a line whatever stands there, also where it goes on in the next line; in
a table one cell or a part of it, with as many spaces behind it as keep the columns in line; as a line of its own any
number of lines.
A command fails only where the next one is ``echo $?``. A block ```` ```sh ```` has commands without their output.
``milepost dev`` goes on in another terminal, and what ends with ``&`` in the background, until ``kill %1`` ends it.
``export KEY=...`` holds from there on, also for what begins later; where it names a usual port of ``milepost dev`` it
is the one that this got. ``export MILEPOST_DATA=$(mktemp -d)`` begins another world, as a reader does who wants nothing
of the one before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BLOCK = re.compile(
    r"^```(?P<kind>\w*)(?: +title=\"(?P<title>[^\"]+)\")?[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_TYPED = re.compile(r"(?:[^\n]*\\\n)*[^\n]+")
_COMMENT = re.compile(r" {2,}#.*$")


@dataclass(frozen=True, slots=True)
class File:
    """A file that the reader writes."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command that the reader types.

    Attributes:
        typed: as the page has it, perhaps in several lines that end with a backslash.
        output: what the page says is printed; None: it says nothing of that.
    """

    typed: str
    output: str | None

    @property
    def line(self) -> str:
        """What is typed, in one line."""
        return re.sub(r" *\\\n *", " ", self.typed)


def steps(page: str) -> Iterator[File | Command]:
    """What a page has its reader do, in order."""
    for block in _BLOCK.finditer(page):
        if block["title"]:
            yield File(block["title"], block["text"])
        elif block["kind"] == "console":
            yield from _with_output(block["text"])
        elif block["kind"] == "sh":
            lines = _TYPED.findall(block["text"])
            yield from (Command(_COMMENT.sub("", line), None) for line in lines if not line.startswith("#"))


def _with_output(text: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        typed = _TYPED.match(part)
        if typed is None:
            raise ValueError(f"a prompt without a command, before:\n{part}")
        yield Command(typed[0], part[typed.end() + 1 :])

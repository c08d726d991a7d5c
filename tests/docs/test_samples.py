"""Every sample under ``catalogs/`` begins with commands that try it, and the gallery shows what they print.

Each sample has a world of its own: a store, a namespace of one server, and a worker, as `milepost dev` has them.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.docs.blocks import Command, steps
from tests.docs.comparing import MOST_LEFT_OUT
from tests.docs.gallery import CATALOGS, GALLERY, SAMPLES, excerpts, parts, shows
from tests.docs.reader import Reader
from tests.docs.worlds import Namespaces, namespaces, world

SECTIONS = {name: section for name, section in parts(GALLERY.read_text()) if name}

_HEADER = re.compile(r"(?:#[^\n]*\n)*")
_GOES_ON = re.compile(r" *\\\n# *")
_COMMAND = re.compile(r"^#   (?P<typed>milepost .*?)(?: {2,}.*)?$", re.MULTILINE)


def commands(sample: str) -> Iterator[str]:
    """The commands of a sample's header, without what is remarked on them."""
    header = _HEADER.match(sample)
    for found in _COMMAND.finditer(_GOES_ON.sub(" ", header[0]) if header else ""):
        yield found["typed"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def apart() -> AsyncIterator[Namespaces]:
    """A namespace for each sample."""
    async with namespaces(SAMPLES) as made:
        yield made


@pytest.fixture(scope="module")
def readers() -> list[Reader]:
    """Those who have done what the gallery says, each of one sample."""
    return []


def test_every_sample_is_in_the_gallery() -> None:
    """Once, and nothing that there is not."""
    shown = Counter(name for name, _ in parts(GALLERY.read_text()) if name)
    assert shown == Counter(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_gallery_types_what_a_sample_says(name: str) -> None:
    """The commands of its header, of which one is about it; how one ended may be asked in between."""
    typed = list(commands((CATALOGS / name).read_text()))
    assert any(Path(name).name.partition(".")[0] in line for line in typed), "none of its commands is about it"
    shown = [step.line for step in steps(SECTIONS[name]) if isinstance(step, Command)]
    assert [line for line in shown if line != "echo $?"] == typed


@pytest.mark.parametrize("name", SAMPLES)
def test_the_gallery_shows_lines_of_a_sample(name: str) -> None:
    """As they stand there, and not all of them."""
    sample, shown = (CATALOGS / name).read_text(), list(excerpts(SECTIONS[name]))
    assert shown
    assert [lines for lines in shown if not shows(lines, sample)] == []
    assert sum(map(len, shown)) < len(sample.splitlines())


@pytest.mark.parametrize("name", SAMPLES)
async def test_a_sample_does_what_the_gallery_says(
    apart: Namespaces, readers: list[Reader], tmp_path: Path, name: str
) -> None:
    """It prints what is shown, and of what is left out nothing counts."""
    async with world(await apart.of_its_own(name), tmp_path) as reader:
        await asyncio.to_thread(_does, reader, SECTIONS[name])
    assert reader.printed
    readers.append(reader)


def test_little_of_the_gallery_is_left_out(readers: list[Reader]) -> None:
    """At most a tenth of what its samples have printed, as of any page."""
    assert sum(reader.omitted for reader in readers) <= MOST_LEFT_OUT * sum(reader.printed for reader in readers)


def _does(reader: Reader, section: str) -> None:
    for _, differs in reader.does(section):
        raise differs


SAMPLE = """# A sample.
#
#   milepost apply a.yaml \\
#     --dry-run
#   milepost verify --account "a b"       a remark with   spaces
#
# Not `milepost this`.

one:
  - two: 2
    three: 3
#   milepost that
"""


def test_commands_are_read_off_a_header() -> None:
    """Without what is remarked on them."""
    assert list(commands(SAMPLE)) == ["milepost apply a.yaml --dry-run", 'milepost verify --account "a b"']


@pytest.mark.parametrize("lines", [["- two: 2", "  three: 3"], ["three: 3"]])
def test_lines_of_a_sample_are_found(lines: list[str]) -> None:
    """However deep they stand."""
    assert shows(lines, SAMPLE)


@pytest.mark.parametrize("lines", [["two: 2"], ["one:", "    three: 3"], ["three: 3", "- two: 2"]])
def test_other_lines_are_not_found(lines: list[str]) -> None:
    """A part of a line is none, and lines stand one after another."""
    assert not shows(lines, SAMPLE)

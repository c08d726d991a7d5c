"""The page that shows every sample: which section is of which, and what of a sample's file it shows."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from tests.docs.reading import DOCS, ROOT

GALLERY = DOCS / "guide" / "gallery.md"
CATALOGS = ROOT / "catalogs"
SAMPLES = sorted(str(path.relative_to(CATALOGS)) for path in CATALOGS.rglob("*.yaml"))

_SECTION = re.compile(r"^(?=##)", re.MULTILINE)
_SAMPLE = re.compile(r"^#{2,3} [^\n]+\n\n`catalogs/(?P<name>[\w./-]+\.yaml)`")
_EXCERPT = re.compile(r"^```yaml\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def parts(page: str) -> Iterator[tuple[str | None, str]]:
    """The page in its sections, each with the sample that it shows; None: it shows none."""
    for part in _SECTION.split(page):
        sample = _SAMPLE.match(part)
        yield sample["name"] if sample else None, part


def excerpts(section: str) -> Iterator[list[str]]:
    """The lines that a section shows of its sample, each part by itself."""
    for found in _EXCERPT.finditer(section):
        yield textwrap.dedent(found["text"]).splitlines()


def shows(lines: list[str], sample: str) -> bool:
    """Whether these lines stand in a sample, one after another, however deep."""
    whole = sample.splitlines()
    for at in range(len(whole) - len(lines) + 1):
        there = textwrap.dedent("\n".join(whole[at : at + len(lines)])).splitlines()
        if there == lines:
            return True
    return False

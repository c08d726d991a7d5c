"""How the tests read the documentation: which pages there are, their headings, and where their links lead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

PAGES = sorted(page for page in [*ROOT.glob("*.md"), *DOCS.rglob("*.md")] if "node_modules" not in page.parts)
"""Every page that people read, also those of the root; what `make node-client` installs is none of ours."""

_FENCED = re.compile(r"^(?P<fence>```+|~~~+).*?^(?P=fence)\s*$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?<=\n\n)(?:    [^\n]*\n|\n(?=    ))+")
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_NO_WORD = re.compile(r"[^\w\- ]")


def without_fenced(text: str) -> str:
    """A page without its blocks of code that stand between fences."""
    return _FENCED.sub("", text)


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return _INDENTED.sub("", without_fenced(text))


def anchors(text: str) -> list[str]:
    """What the headings of a page are reached by, in their order, as the site and hosts of sources make it."""
    headings = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in _HEADING.findall(prose(text)))
    return [_NO_WORD.sub("", heading.replace("`", "").strip().lower()).replace(" ", "-") for heading in headings]


def links(text: str) -> Iterator[str]:
    """Where the links of a page lead that stay within the project."""
    for target in _LINK.findall(_CODE.sub("", prose(text))):
        if not re.match(r"[a-z]+:", target):
            yield target

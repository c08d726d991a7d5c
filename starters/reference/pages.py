"""A page whose facts are generated, and whose other text is written by hand and kept.

What stands before `BEGIN` and after `END` is never touched. Between them each section is generated down to `BY_HAND`;
what somebody has written below that line stays with its heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

BEGIN = "<!-- From here on `python -m starters.reference` writes the page, but for what stands `by hand`. -->\n"
BY_HAND = "<!-- by hand -->\n"
END = "<!-- To here. -->\n"

_HEADING = re.compile(r"^(?=#{2,4} )", re.MULTILINE)


class Section(NamedTuple):
    """A part of a page that is generated.

    Attributes:
        heading: with its number signs, such as ``### open``.
        facts: what stands under it, in Markdown.
    """

    heading: str
    facts: str


def written_anew(page: str, sections: Iterable[Section]) -> str:
    """The page with these sections, each with the text that somebody has written under its heading.

    Raises:
        ValueError: the page does not say where it is generated, or no section is left for a text that is kept.
    """
    head, begins, rest = page.partition(BEGIN)
    middle, ends, tail = rest.partition(END)
    if not begins or not ends:
        raise ValueError(f"the page has no part to generate; it begins with {BEGIN!r} and ends with {END!r}")
    kept = dict(_kept(middle))
    parts = [_part(section, kept.pop(section.heading, "")) for section in sections]
    if kept:
        raise ValueError(f"no section is left for what is written by hand under {', '.join(kept)}; move or delete it")
    return f"{head}{BEGIN}\n{''.join(parts)}{END}{tail}"


def table(head: str, rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown, with an empty line before it; nothing where it has no rows.

    Args:
        head: the titles of its columns, with ``|`` between them.
        rows: the cells of each row.
    """
    lines = [f"| {' | '.join(map(_cell, row))} |\n" for row in rows]
    line = "|---" * (head.count("|") + 1)
    return f"\n| {head} |\n{line}|\n{''.join(lines)}" if lines else ""


def _cell(text: str) -> str:
    """A text with its bars written so that no reader of Markdown takes one for a border, or shows more than the bar."""
    coded = re.sub(r"`([^`]*\|[^`]*)`", r"<code>\1</code>", text)
    return coded.replace("|", "&#124;")


def _kept(middle: str) -> Iterable[tuple[str, str]]:
    for part in _HEADING.split(middle):
        heading = part.partition("\n")[0]
        text = part.partition(BY_HAND)[2].strip("\n")
        if text:
            yield heading, text


def _part(section: Section, by_hand: str) -> str:
    kept = f"\n{BY_HAND}\n{by_hand}\n" if by_hand else ""
    return f"{section.heading}\n\n{section.facts.strip(chr(10))}\n{kept}\n"

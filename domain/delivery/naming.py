"""Whether a text names somebody: an address, or other words, in whichever form a text may write them.

A body may hold them as JSON, HTML or a URL does, and one of these within another: a request is kept as JSON, its body
is JSON, and a value in it may be HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from html import unescape
from typing import Any
from urllib.parse import unquote

from domain.delivery.hosts import ascii_host, readable_host

ERASED = "(erased)"
"""What stands where somebody's address stood."""

UNNAMED = "(address)"
"""What stands for an address in what is kept for good."""

_ROUNDS = 4
"""Forms that a text is read through, one within another."""

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_BLANK = frozenset("nrtbf")
_COMMA = re.compile(r'"(?:\\.|[^"\\])*"|(, )', re.DOTALL)
_BETWEEN = r"\s@<>()\[\]{}\"',;:"
_ADDRESS = re.compile(rf'(?:"[^"]*"|[^{_BETWEEN}]+)@[^{_BETWEEN}]*[^{_BETWEEN}.]')
_OTHER = re.compile(r"[^a-z0-9]+")


class Names:
    """What somebody is known by.

    An address is found as a whole: ``ann@example.org`` is not in ``joann@example.org``, nor in ``ann@example.org.uk``.
    Its domain may stand in its own script or in ASCII, as mail servers are told it, whichever of these is given. Other
    words are found as a whole, too, with any blanks between them, or ``+`` as a form writes one. Upper and lower case
    are alike.

    Args:
        words: addresses, or names and whatever else; none of them empty.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = [spelt for word in words for spelt in _spellings(word)]
        self._found = re.compile("|".join(map(_whole, self._words)))

    @property
    def patterns(self) -> list[str]:
        """For a database's ``LIKE``: each text that names them is like one of these, and others may be too.

        Every form leaves letters and digits as they are; what else there is may be written in any way.
        """
        return [f"%{_OTHER.sub('%', word.lower())}%" for word in self._words]

    def are_in(self, value: Any) -> bool:
        """Whether a text, or a text in a list or an object, names them."""
        match value:
            case str():
                return any(self._found.search(form) for form in _forms(value))
            case list():
                return any(map(self.are_in, value))
            case dict():
                return any(self.are_in(one) for pair in value.items() for one in pair)
        return False

    def taken_out_of(self, listed: str) -> str:
        """A list with commas, in which `ERASED` stands for each part that names them."""
        return ", ".join(ERASED if self.are_in(part) else part for part in _parts(listed))


def without_addresses(text: str) -> str:
    """A text in which `UNNAMED` stands for each mail address, whosever it is."""
    return _ADDRESS.sub(UNNAMED, text)


def _spellings(word: str) -> list[str]:
    """A word as it is; an address with its domain in ASCII and in its own script, too."""
    local, at, domain = word.rpartition("@")
    found = [word]
    if at:
        for written in (ascii_host, readable_host):
            with suppress(ValueError):  # no host has such a name, in any script
                found.append(f"{local}@{written(domain)}")
    return list(dict.fromkeys(found))


def _whole(word: str) -> str:
    """What finds a word as a whole, with its blanks as they are or as a form writes them, also in Markdown's ``_``."""
    text = r"[\s+]+".join(map(re.escape, word.casefold().split()))
    if "@" not in word:
        return rf"(?<!\w){text}(?!\w)|(?<!\w)_{{1,3}}{text}_{{1,3}}(?!\w)"
    # A letter, a digit, ``-``, ``+`` and a dot behind one of these would be part of the address. So would ``_`` before
    # it, unless that is closed again; behind it there is none in any domain.
    ends = r"(?![^\W_]|-|\.[^\W_])"
    return rf"(?<![\w+-])(?<![\w+-]\.){text}{ends}|(?<![\w.+-])_{{1,3}}{text}{ends}(?=[^_]*_)"


def _parts(listed: str) -> Iterator[str]:
    """The parts of a list with commas; one between quotes belongs to a name."""
    at = 0
    for found in _COMMA.finditer(listed):
        if found[1]:
            yield listed[at : found.start()]
            at = found.end()
    yield listed[at:]


def _forms(text: str) -> Iterator[str]:
    """A text as it is, and as those read it who know each form in which it may be written."""
    for _ in range(_ROUNDS):
        yield text.casefold()
        read = unescape(unquote(_ESCAPE.sub(_unescaped, text)))
        if read == text:
            return
        text = read
    yield text.casefold()


def _unescaped(found: re.Match[str]) -> str:
    number, letter = found.groups()
    if number is not None:
        return chr(int(number, 16))
    return " " if letter in _BLANK else str(letter)

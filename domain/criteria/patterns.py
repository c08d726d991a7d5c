"""How much work a regular expression is, told from its source.

`matches` compiles its pattern each time it is evaluated, and goes through the text once for each state that the pattern
can be in at worst. Both are bounded here without compiling anything; what is estimated is never too little.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MOST_STATES: Final = 200
"""A pattern's states, each repetition counted: `[0-9]{4}` has four."""

_ESCAPE = re.compile(r"\\(?:[pP](?:\{[^}]*\}|.)|x\{[^}]*\}|Q.*?(?:\\E|$)|.|$)", re.DOTALL)
_CLASS = re.compile(r"\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]?", re.DOTALL)
_REPEAT = re.compile(r"\{(\d{1,4})(?:(,)(\d{0,4}))?\}")
_UNICODE_CLASS = re.compile(r"\\[pP]")

# Microseconds to compile an atom, measured (benchmarks/criteria.py) and rounded up.
_PLAIN, _WIDE, _UNICODE = 1, 8, 3000


class Pattern(NamedTuple):
    """The work of a pattern.

    Attributes:
        states: at most.
        compile_us: microseconds to compile it.
    """

    states: int
    compile_us: int

    def __add__(self, other: object) -> Pattern:
        if not isinstance(other, Pattern):
            return NotImplemented
        return Pattern(self.states + other.states, self.compile_us + other.compile_us)

    def times(self, count: int) -> Pattern:
        """The same so many times in a row."""
        return Pattern(self.states * count, self.compile_us * count)


NOTHING: Final = Pattern(0, 0)


def pattern_work(source: str) -> Pattern:
    """The work of a pattern, valid or not."""
    folds = "(?i" in source or re.search(r"\(\?\w*i", source) is not None
    outer: list[Pattern] = []
    total, last, at = NOTHING, NOTHING, 0
    while at < len(source):
        atom, size = _atom(source, at)
        at += size
        if atom is not None:
            total, last = total + last, atom
        elif source[at - 1] == "(":
            outer.append(total + last)
            total = last = NOTHING
        elif source[at - 1] == ")" and outer:
            total, last = outer.pop(), total + last + Pattern(1, _PLAIN)
        elif repeat := _REPEAT.match(source, at - 1):
            at = repeat.end()
            last = last.times(max(int(repeat[1]), int(repeat[3] or 0), 1) + bool(repeat[2]))
    for before in outer:
        total += before
    return (total + last).times(2 if folds else 1)


def _atom(source: str, at: int) -> tuple[Pattern | None, int]:
    """The work of what stands here, and its length; None: it groups or repeats."""
    match source[at]:
        case "\\":
            found = _ESCAPE.match(source, at)
            text = found[0] if found else "\\"
            if _UNICODE_CLASS.match(text):
                return Pattern(4, _UNICODE), len(text)
            wide = len(text) if text.startswith("\\Q") else 1
            return Pattern(wide, (_WIDE if text[1:2].isupper() else _PLAIN) * wide), len(text)
        case "[":
            found = _CLASS.match(source, at)
            text = found[0] if found else "["
            unicode = len(_UNICODE_CLASS.findall(text))
            narrow = (
                text.isascii() and not text.startswith("[^") and "[:^" not in text and not re.search(r"\\[A-Z]", text)
            )
            return Pattern(1 if narrow else 4, _UNICODE * unicode + (_PLAIN if narrow else _WIDE)), len(text)
        case ".":
            return Pattern(2, _WIDE), 1
        case "(" | ")" | "{" | "*" | "+" | "?":
            return None, 1
        case other:
            return Pattern(len(other.encode("utf-8", "surrogatepass")), _PLAIN), 1

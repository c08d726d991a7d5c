r"""What stands in a text at each place of it: the letter itself, or one that JSON, HTML, a URL or Python escapes there.

Whoever repeats what it was sent escapes what it likes to: a ``+`` comes back as ``\u002B`` from one framework, as
``&#43;`` from the next. So each letter is looked for in each form, whatever the form of its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from html.entities import html5
from typing import NamedTuple

LONGEST = 64
"""Characters of the longest escape that is read."""

_BLANKS = (" ", "+")
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Place(NamedTuple):
    """One letter of what is looked for.

    Attributes:
        letters: any of these, as `place` and `any_of` give them.
        may_lack: it is also found without.
    """

    letters: tuple[str, ...]
    may_lack: bool = False


class Found(NamedTuple):
    """Where something stands in a text.

    Attributes:
        covers: a bit for each character that is part of it.
        opens: where it may begin, to go on behind the end of the text; the text's length, if it may not.
    """

    covers: int
    opens: int


def place(letter: str) -> Place:
    """One letter. A form writes ``+`` for a blank, so that either may be read as the other."""
    alike = _alike(letter)
    return Place(_BLANKS if alike in _BLANKS else (alike,))


def any_of(letters: str) -> Place:
    """Any of some letters, or none."""
    return Place(tuple(sorted({_alike(letter) for letter in letters})), may_lack=True)


class Readings:
    """A text, as it may be read.

    What it takes to find something grows with the length of the text and of what is looked for, however the text is
    made: all places are looked at together, as bits of a number, and none is come back to.

    Args:
        text: as it came.
    """

    def __init__(self, text: str) -> None:
        self._length = len(text)
        self._stands: dict[str, dict[int, list[int]]] = {}
        self._steps: dict[tuple[str, ...], list[tuple[int, int]]] = {}
        for at, letter in enumerate(text):
            self._note(letter, at, 1)
        for pattern, read in _ESCAPES:
            for found in pattern.finditer(text):
                letter = read(found[2])
                if letter:
                    self._note(letter, found.start(), len(found[1]))

    def find(self, word: Sequence[Place], *, is_cut: bool = False) -> Found:
        """Wherever a word stands, also where it overlaps itself.

        Args:
            word: its letters.
            is_cut: the text was cut at its end; look for where the word may have been cut too.
        """
        ahead = self._reached(word)
        back = ahead[-1] if len(ahead) > len(word) else 0
        tail = (1 << self._length + 1) - (1 << max(self._length - LONGEST, 0)) if is_cut else 0
        covers = opened = 0
        if not back and not tail:
            return Found(0, self._length)
        for number in reversed(range(len(ahead) - 1)):
            here, opened = ahead[number], opened | (tail & ahead[number + 1])
            before, opens = (back & here, opened & here) if word[number].may_lack else (0, 0)
            for length, stands in self._standing(word[number].letters):
                fits = here & stands
                part = fits & (back >> length)
                before, opens = before | part, opens | (fits & (opened >> length))
                covers |= _spread(part, length)
            back, opened = before, opens
        return Found(covers, (opened & -opened).bit_length() - 1 if opened else self._length)

    def _reached(self, word: Sequence[Place]) -> list[int]:
        """Where each letter may begin if all before it stand there, and at last where the word may end."""
        reached = [(1 << self._length + 1) - 1]
        for letter in word:
            after = reached[-1] if letter.may_lack else 0
            for length, stands in self._standing(letter.letters):
                after |= (reached[-1] & stands) << length
            reached.append(after)
            if not after:
                break
        return reached

    def _standing(self, letters: tuple[str, ...]) -> list[tuple[int, int]]:
        """How long any of some letters is as it is written, with the places at which it is so."""
        known = self._steps.get(letters)
        if known is None:
            places: dict[int, list[int]] = {}
            for letter in letters:
                for length, at in self._stands.get(letter, {}).items():
                    places.setdefault(length, []).extend(at)
            known = [(length, _bits(at, self._length)) for length, at in places.items()]
            self._steps[letters] = known
        return known

    def _note(self, letter: str, at: int, length: int) -> None:
        self._stands.setdefault(_alike(letter), {}).setdefault(length, []).append(at)


def _alike(letter: str) -> str:
    """What all letters share that are taken for the same one."""
    return " " if letter.isspace() else letter.casefold()


def _bits(places: Iterable[int], most: int) -> int:
    bits = bytearray(most // 8 + 1)
    for at in places:
        bits[at >> 3] |= 1 << (at & 7)
    return int.from_bytes(bits, "little")


def _spread(places: int, length: int) -> int:
    """Each place with those behind it."""
    spread = places
    for by in range(1, length if places else 1):
        spread |= places << by
    return spread


def _of_number(base: int) -> Callable[[str], str]:
    def read(digits: str) -> str:
        number = int(digits, base)
        return chr(number) if number <= 0x10FFFF else ""  # noqa: PLR2004  the last letter of Unicode

    return read


def _of_pair(halves: str) -> str:
    high, low = int(halves[:4], 16), int(halves[-4:], 16)
    return chr(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF))


def _of_bytes(escaped: str) -> str:
    """The letter whose bytes are written so; of one alone that is no letter in UTF-8 the one of Latin-1."""
    raw = bytes.fromhex("".join(re.findall("[0-9a-f]{2}(?![0-9a-f])", escaped, re.IGNORECASE)))
    try:
        letter = raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1") if len(raw) == 1 else ""
    return letter if len(letter) == 1 else ""


def _of_name(name: str) -> str:
    letter = html5.get(name + ";", "")
    return letter if len(letter) == 1 else ""


def _escape(lead: str, rest: str) -> re.Pattern[str]:
    """Finds an escape at each place, also within another one. Its second group is what is read."""
    return re.compile(f"(?=({lead}{rest}))", re.IGNORECASE | re.DOTALL)


def _escapes() -> list[tuple[re.Pattern[str], Callable[[str], str]]]:
    """All escapes, each with what reads it. Two that may begin alike stand apart, for either may be meant."""
    slashes, hexes = r"\\{1,4}", "[0-9a-f]"
    made: list[tuple[re.Pattern[str], Callable[[str], str]]] = [
        (_escape(slashes, rf"u({hexes}{{4}})"), _of_number(16)),
        (_escape(slashes, rf"u\{{({hexes}{{1,6}})\}}"), _of_number(16)),
        (_escape(slashes, rf"u(d[89ab]{hexes}{{2}}{slashes}ud[c-f]{hexes}{{2}})"), _of_pair),
        (_escape(r"\\", rf"U({hexes}{{8}})"), _of_number(16)),
        (_escape(r"\\", r"([^0-9A-Za-z])"), str),
        (_escape(r"\\{3}", r'(["\\/])'), str),
        (_escape(r"\\{1,2}", "([bfnrt])"), lambda letter: _CONTROLS[letter.lower()]),
    ]
    # A form within another one: ``\u0026#43;`` is HTML in JSON, ``&amp;#43;`` HTML in HTML.
    for lead in ("&", rf"(?:&(?:amp;){{1,2}}|{slashes}u0026|%26)"):
        made += [
            (_escape(lead, "#0{0,8}([0-9]{1,7});"), _of_number(10)),
            (_escape(lead, f"#x0{{0,8}}({hexes}{{1,6}});"), _of_number(16)),
            (_escape(lead, "([a-z][a-z0-9]{1,31});"), _of_name),
        ]
    for lead in ("%", "%(?:25){1,2}", r"\\{1,2}x"):
        more = f"{lead}[89ab]{hexes}"
        for first, others in (("[0-7]", 0), ("[89a-f]", 0), ("[cd]", 1), ("e", 2), ("f", 3)):
            made.append((_escape("", f"({lead}{first}{hexes}(?:{more}){{{others}}})"), _of_bytes))
    return made


_ESCAPES = _escapes()

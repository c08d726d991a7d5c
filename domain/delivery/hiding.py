"""Secrets that a receiver may repeat, taken out of what it said before anything of that is kept or shown."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator

from domain.delivery.readings import LONGEST, Place, Readings, any_of, place
from domain.delivery.signing import PRIVATE, SYMMETRIC

MASK = "***"

SHORTEST = 4
"""Characters of a secret that is masked where it stands. Of a shorter one the gaps would tell what it is, and every
word would have some: a text that holds it is masked as a whole."""

_SHOWN = 200
_BREAKS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_TO_URL_SAFE = str.maketrans("+/", "-_")
_BESIDE = any_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/-_")
_FILLS = any_of("=")


class Hiding:
    """Masks secrets in texts, in each form in which whoever was sent one may write it.

    Those are the secret as it is, as JSON, HTML, a URL and Python write it, base64 of whatever holds it, the halves of
    a ``user:password`` pair, also of one in base64, what follows the name of a scheme (``Bearer``), and a signing key
    without its ``whsec_``. Each letter of them may be escaped, whichever are. Upper and lower case are alike.

    Args:
        secrets: as they were read for one attempt.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        values = {value for secret in secrets for value in _values(secret)}
        self._short = [_written(value) for value in sorted(values) if len(value) < SHORTEST]
        self._words = sorted({word for value in values if len(value) >= SHORTEST for word in _words(value)})

    def masked(self, text: str, *, is_cut: bool = False) -> str:
        """A text without its secrets.

        Args:
            text: as it came.
            is_cut: it was cut at its end; the head of a secret that stood there is masked too.
        """
        if not self._short and not self._words:
            return text
        readings = Readings(text)
        if any(readings.find(short).covers for short in self._short):
            return MASK
        found = [readings.find(word, is_cut=is_cut) for word in self._words]
        # Behind that there may be the head of an escape, which says what it escapes.
        ends = max(len(text) - LONGEST, 0) if is_cut else len(text)
        ends = min([ends, *(one.opens for one in found)])
        hidden = 0
        for one in found:
            hidden |= one.covers
        return _without(text, hidden, ends)

    def line(self, text: str, *, is_cut: bool = False, most: int = _SHOWN) -> str:
        """A text without its secrets in one line, cut after they are out: a cut must not leave the head of one."""
        return one_line(self.masked(text, is_cut=is_cut))[:most]


def one_line(text: str) -> str:
    """A text without line breaks, control characters and repeated spaces."""
    return " ".join(_BREAKS.sub(" ", text).split())


def _without(text: str, hidden: int, ends: int) -> str:
    """A text up to its end, without what is hidden of it, a bit for each character."""
    shown, at = [], 0
    for run in re.finditer("1+", f"{hidden:b}"[::-1]):
        if run.start() >= ends:
            break
        shown += [text[at : run.start()], MASK]
        at = run.end()
    return "".join([*shown, text[at:ends]])


def _values(secret: str) -> Iterator[str]:
    """A secret, and those parts of it that are secrets themselves."""
    if not secret:
        return
    yield secret
    for prefix in (SYMMETRIC, PRIVATE):
        if secret.startswith(prefix) and len(secret) > len(prefix):
            yield secret.removeprefix(prefix)
    _, _, credentials = secret.partition(" ")
    for text in (secret, credentials.strip()):
        if len(text) < SHORTEST:
            continue
        yield text
        yield from (half for half in text.split(":", 1) if len(half) >= SHORTEST)
        yield from _pair(text)


def _pair(text: str) -> Iterator[str]:
    """The pair of user and password that a text is in base64, its password, and its user."""
    try:
        pair = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return
    user, colon, password = pair.partition(":")
    if not colon or not pair.isprintable():
        return
    yield pair
    yield from [user] * (len(user) >= SHORTEST) + [password] * bool(password)


def _written(text: str) -> tuple[Place, ...]:
    return tuple(map(place, text))


def _words(value: str) -> Iterator[tuple[Place, ...]]:
    """What is looked for of a value, letter by letter: the value, and what of base64 holds nothing else."""
    yield _written(value)
    if value.split():
        yield _written(" ".join(value.split()))
    raw = value.encode("utf-8", "surrogatepass")
    for shift, first in ((0, 0), (1, 2), (2, 3)):
        # The characters that hold nothing but the value; their neighbours may hold some bits of it.
        core = base64.b64encode(b"\0" * shift + raw)[first : (shift + len(raw)) * 8 // 6].decode()
        for form in {core, core.translate(_TO_URL_SAFE)}:
            yield (_BESIDE, *_written(form), _BESIDE, _FILLS, _FILLS)

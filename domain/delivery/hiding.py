"""Secrets that a receiver may repeat, taken out of what it said before anything of that is kept or shown."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from urllib.parse import quote

from domain.delivery.signing import PRIVATE, SYMMETRIC

MASK = "***"

SHORTEST = 4
"""Characters of a secret that is masked where it stands. Of a shorter one the gaps would tell what it is, and every
word would have some: a text that holds it is masked as a whole."""

_SHOWN = 200
_BREAKS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_TO_URL_SAFE = str.maketrans("+/", "-_")


class Hiding:
    """Masks secrets in texts, in each form in which whoever was sent one may write it.

    Those are the secret as it is, as JSON, HTML, a URL and Python write it, base64 of whatever holds it, the halves of
    a ``user:password`` pair, also of one in base64, what follows the name of a scheme (``Bearer``), and a signing key
    without its ``whsec_``. Upper and lower case are alike.

    Args:
        secrets: as they were read for one attempt.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        values = {value for secret in secrets for value in _values(secret)}
        short = sorted(value for value in values if len(value) < SHORTEST)
        forms = sorted({form for value in values if len(value) >= SHORTEST for form in _forms(value)})
        self._short = [re.compile(re.escape(value), re.IGNORECASE) for value in short]
        # Looks ahead, so that it finds those too that overlap.
        self._forms = [re.compile(f"(?=({form}))", re.IGNORECASE | re.DOTALL) for form in forms]

    def masked(self, text: str, *, is_cut: bool = False) -> str:
        """A text without its secrets.

        Args:
            text: as it came.
            is_cut: it was cut at its end; the head of a secret that stood there is masked too.
        """
        if any(short.search(text) for short in self._short):
            return MASK
        spans = sorted(found.span(1) for form in self._forms for found in form.finditer(text))
        # The head of a form is shorter than the form, and a form no longer than what it is written as.
        end = len(text) - max((len(form.pattern) for form in self._forms), default=0) if is_cut else len(text)
        shown, at = [], 0
        for start, stop in spans:
            if start >= end:
                break
            if start >= at and stop > start:
                shown += [text[at:start], MASK]
            at = max(at, stop)
        return "".join([*shown, text[at : max(end, 0)]])

    def line(self, text: str, *, is_cut: bool = False, most: int = _SHOWN) -> str:
        """A text without its secrets in one line, cut after they are out: a cut must not leave the head of one."""
        return one_line(self.masked(text, is_cut=is_cut))[:most]


def one_line(text: str) -> str:
    """A text without line breaks, control characters and repeated spaces."""
    return " ".join(_BREAKS.sub(" ", text).split())


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


def _forms(value: str) -> Iterator[str]:
    """Patterns of a value as it may be written."""
    raw, in_json = value.encode("utf-8", "surrogatepass"), json.dumps(value)[1:-1]
    written = {value, in_json, in_json.replace("/", r"\/"), json.dumps(value, ensure_ascii=False)[1:-1]}
    written |= {repr(value)[1:-1], repr(raw)[2:-1], escape(value), escape(value, quote=False)}
    written |= {quote(raw), quote(raw, safe=""), " ".join(value.split())}
    yield from (re.escape(form) for form in written if form)
    for shift, first in ((0, 0), (1, 2), (2, 3)):
        # The characters that hold nothing but the value; their neighbours may hold some bits of it.
        core = base64.b64encode(b"\0" * shift + raw)[first : (shift + len(raw)) * 8 // 6].decode()
        for form in {core, core.translate(_TO_URL_SAFE)}:
            yield f"[A-Za-z0-9+/_-]?{re.escape(form)}[A-Za-z0-9+/_-]?={{0,2}}"

"""Names of hosts as they go over a wire: in ASCII (IDNA), whatever script they are written in."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

import idna

_LONGEST = 253
_PUNYCODE = "xn--"
_NO_ASCII = re.compile(r"[^\x00-\x7f]+")


def ascii_host(host: str) -> str:
    """A host as it is asked for: punycode of what is not ASCII, as browsers write it (UTS 46).

    Digits and dots of other scripts become ASCII too, so that what is closed is to be looked for afterwards.

    Raises:
        ValueError: no host has such a name.
    """
    if host.isascii():
        return host
    try:
        name = idna.encode(host, uts46=True).decode("ascii")
    except UnicodeError as error:  # `idna.IDNAError` is one
        raise ValueError(f"{host[:80]!r} is no name of a host: {error}") from None
    if len(name) > _LONGEST:
        raise ValueError(f"{host[:80]!r} is no name of a host: it has {len(name)} characters, at most {_LONGEST}")
    return name


def readable_host(host: str) -> str:
    """A host as people write it: what is punycode in the script that it stands for.

    Raises:
        ValueError: it is no punycode of any name.
    """
    if _PUNYCODE not in host.lower():
        return host
    try:
        return idna.decode(host.lower())
    except UnicodeError as error:  # `idna.IDNAError` is one
        raise ValueError(f"{host[:80]!r} is no name of a host: {error}") from None


def ascii_url(url: str) -> str:
    """A URL as it is requested: its host by `ascii_host`, and percent-encoded UTF-8 behind that.

    Raises:
        ValueError: it can't be read, or not be written so.
    """
    if url.isascii():
        return url
    parts = urlsplit(url)
    before, at, place = parts.netloc.rpartition("@")
    # A port is ASCII, and so is an address in brackets.
    host, colon, port = (place, "", "") if place.endswith("]") else _at_last_colon(place)
    netloc = f"{before}{at}{ascii_host(host)}{colon}{port}"
    try:
        made = urlunsplit((parts.scheme, netloc, *(_NO_ASCII.sub(_percent, part) for part in parts[2:])))
    except UnicodeError:  # half a surrogate pair
        raise ValueError("it holds characters that UTF-8 can't write") from None
    if not made.isascii():
        raise ValueError("its user or port is not ASCII")
    return made


def _at_last_colon(place: str) -> tuple[str, str, str]:
    found = place.rpartition(":")
    return found if found[1] else (place, "", "")


def _percent(found: re.Match[str]) -> str:
    return quote(found[0])

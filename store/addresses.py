"""Addresses of databases as they may be shown: without passwords."""

from __future__ import annotations

import re

from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

HIDDEN = "***"

_SECRET = re.compile(r"pass|secret|token|key|credential", re.IGNORECASE)
_QUERY = re.compile(r"([?&][^=&\s]*(?:pass|secret|token|key|credential)[^=&\s]*=)[^&\s]*", re.IGNORECASE)


def shown_address(url: str | URL) -> str:
    """An address without its password, and without the values of options that look like secrets."""
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        return _masked(str(url))
    if not address.password and not any(map(_SECRET.search, address.query)):
        return str(url) if isinstance(url, str) else url.render_as_string()
    hidden = {name: HIDDEN if _SECRET.search(name) else value for name, value in address.query.items()}
    return address.set(query=hidden).render_as_string(hide_password=True)


def without_password(text: str, address: URL) -> str:
    """A text, such as a driver's complaint, in which the address's password is hidden."""
    secrets = [str(address.password or ""), *(str(v) for k, v in address.query.items() if _SECRET.search(k))]
    for secret in filter(None, secrets):
        text = text.replace(secret, HIDDEN)
    return text


def _masked(text: str) -> str:
    """An address that is none, so that nobody knows what of it is the password."""
    before, at, after = text.rpartition("@")
    if at:
        start = before.find("://") + 3 if "://" in before else 0
        user, colon, _ = before[start:].partition(":")
        text = f"{before[:start]}{user}{colon}{HIDDEN if colon else ''}@{after}"
    return _QUERY.sub(rf"\1{HIDDEN}", text)

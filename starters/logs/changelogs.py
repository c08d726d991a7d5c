"""Logs of changes: a row for each field that was changed, of which only the rows about the state move it."""

from __future__ import annotations

import re
from typing import NamedTuple

from starters.logs.profiles import Profile
from starters.logs.roles import Role, is_for, plain

_FIELD = re.compile(r"((changed|modified) )?(field|item|attribute|property|feld|champ|campo)( ?name)?|what changed")
_NEW = re.compile(r"(to|new)( ?(value|string))?|neu|neuer wert|nouvelle valeur|nuevo valor")
_OLD = re.compile(r"(from|old|previous|original)( ?(value|string))?|alt|alter wert|ancienne valeur|valor anterior")


class Changes(NamedTuple):
    """The columns of a log of changes.

    Attributes:
        field: holds which field was changed.
        state: what stands there where it was the state.
        new: holds the value that it got.
        old: holds the value that it had, if the log says so.
    """

    field: str
    state: str
    new: str
    old: str | None


def changes_of(found: dict[str, Profile]) -> Changes | None:
    """The columns of a log of changes, by their names and by a field that is named like a state; None: it is none."""
    field, new, old = (_named(found, pattern) for pattern in (_FIELD, _NEW, _OLD))
    if field is None or new is None:
        return None
    states = [value for value in found[field].values if is_for(Role.STATE, value)]
    return Changes(field, min(states, key=len), new, old) if states else None


def _named(found: dict[str, Profile], pattern: re.Pattern[str]) -> str | None:
    return next((name for name in found if pattern.fullmatch(plain(name))), None)

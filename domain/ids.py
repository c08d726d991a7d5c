"""Ids: what one may look like, and those that Milepost makes of others."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from domain.bounds import clean

CASE_ID = r"^[A-Za-z0-9~][A-Za-z0-9._~-]{0,99}$"
ID = r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,99}$"
ID_IN_WORDS = "an id is letters, digits and . _ ~ -, beginning with a letter or digit, at most 100 of them"

CaseId = Annotated[str, Field(pattern=CASE_ID)]
"""An id that is safe in URLs, mail headers and workflow ids: letters, digits and ``. _ ~ -``.

One that begins with ``~`` was made of a foreign id by `case_id_of`.
"""

Id = Annotated[str, Field(pattern=ID)]
"""An id of a declaration: as that of a case, and never one that was made of a foreign id."""

EntitlementId = Id

Reference = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(clean)]

LONGEST = 200
"""Of an event's id, wherever one is taken."""

EndpointId = Id
"""Names an endpoint of outbound messages."""

PartId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]*$", max_length=60)]
"""The id of a part of a declaration, such as a trigger; goes into the keys of effects. Empty: one is made."""

EventId = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(clean)]
"""The id of a request: sent again under the same one, it is taken once."""

ForeignId = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(clean)]
"""The id by which another system knows a case. One that is safe as it is is the case's id itself."""

_DIGITS = 40

_LONGEST_ID = 100
_ID_DIGITS = 24
_NUMBER_DIGITS = 7
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}")
_SAFE_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


def case_id_of(foreign: str) -> str:
    """Return the case id for a foreign id: the same text where it is safe, else percent-encoded with ``~``.

    ``INC/2024/001`` becomes ``INC~2F2024~2F001``. What would be longer than 100 letters becomes its beginning and a
    digest of the whole. Two foreign ids may only come to one case id if one of them is already written in this form.
    """
    if _SAFE.fullmatch(foreign):
        return foreign
    units = [chr(byte) if byte in _SAFE_LETTERS else f"~{byte:02X}" for byte in foreign.encode("utf-8", "replace")]
    if units and units[0] in "._-":
        units[0] = f"~{ord(units[0]):02X}"
    encoded = "".join(units)
    if len(encoded) <= _LONGEST_ID:
        return encoded
    digest = hashlib.sha256(foreign.encode("utf-8", "replace")).hexdigest()[:_ID_DIGITS]
    kept = ""
    for unit in units:
        if len(kept) + len(unit) > _LONGEST_ID - _ID_DIGITS - 1:
            break
        kept += unit
    return f"{kept}~{digest}"


def case_id_from(text: str) -> str:
    """The id of a case, of what somebody calls it: an id of ours as it is, one of another system as `case_id_of`."""
    return text if re.fullmatch(CASE_ID, text) else case_id_of(text)


CaseName = Annotated[ForeignId, AfterValidator(case_id_from)]
"""A case as somebody calls it, by either id; read as the id that is ours."""


def external_id_of(foreign: str, case_id: str) -> str | None:
    """What is kept of the foreign id that a case's id was made of; None where both are the same."""
    return None if foreign == case_id else foreign


def numbered_id(name: str) -> str:
    """An id that ends in ``~`` and a number, as it is; of what is too long the beginning, a digest and the number.

    The digest is of all before the number, and leaves room for a longer one: of an id that was made so the next has
    another number, and no second digest.
    """
    if len(name) <= _LONGEST_ID:
        return name
    named, _, number = name.rpartition("~")
    digest = hashlib.sha256(named.encode()).hexdigest()[:_ID_DIGITS]
    return f"{named[: _LONGEST_ID - _ID_DIGITS - _NUMBER_DIGITS - 2]}~{digest}~{number}"


def event_id_of(*parts: str) -> str:
    """One id of several, joined by dashes; of what is too long the beginning and a digest of it all."""
    joined = "-".join(parts)
    if len(joined) <= LONGEST:
        return joined
    digest = hashlib.sha256(joined.encode()).hexdigest()[:_DIGITS]
    return f"{joined[: LONGEST - _DIGITS - 1]}~{digest}"

"""What somebody has seen of a thing before they change it: ETag and If-Match, so that no update in between is lost."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from fastapi import Header, Query

from domain.bounds import Words

_TAG = re.compile(r'(W/)?"([^"]*)"')
_TAGS = re.compile(r'(W/)?"[^"]*"(\s*,\s*(W/)?"[^"]*")*')

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=1000,
        description='The ETag of what is to be changed, such as "7", or several; or *, whatever it is.',
        examples=["*"],
    ),
]
DryRun = Annotated[bool, Query(description="Nothing is stored; the answer says what would change.")]
Person = Annotated[Words | None, Query(description="The person who does it.", examples=["ann"])]
"""Where the body is a document that has no place for them."""


def tag_of(stands: object) -> str:
    """The ETag of something that stands so."""
    return f'"{stands}"'


class Seen(NamedTuple):
    """What somebody has seen of a thing, by the ETags that they name.

    Attributes:
        tags: without their quotes; one that is weak, or not whole, is none that anything ever has.
        is_any: whatever the thing is.
    """

    tags: tuple[str, ...] = ()
    is_any: bool = False

    def of(self, stands: str | None) -> str:
        """The tag of what stands, if it is among them; else one that is refused."""
        return stands if stands is not None and stands in self.tags else self.tags[0]


def seen(if_match: str | None) -> Seen | None:
    """What somebody has seen, by their If-Match: `*`, an ETag, or several of which any may match (RFC 9110).

    None: they do not say.
    """
    shown = (if_match or "").strip()
    if not shown:
        return None
    if shown == "*":
        return Seen(is_any=True)
    tags = tuple(weak + tag for weak, tag in _TAG.findall(shown))
    return Seen(tags if _TAGS.fullmatch(shown) else (shown,))


def revision_of(shown: str) -> int | None:
    """The revision that an ETag stands for; None: it stands for none that there ever is."""
    fits = shown.isascii() and shown.isdecimal() and len(shown) < 10  # noqa: PLR2004  more than there ever are
    return int(shown) if fits else None

"""What somebody has seen of a thing before they change it: ETag and If-Match, so that no update in between is lost."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Header, Query

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=200,
        description='The ETag of what is to be changed, such as "7"; or *, whatever it is.',
        examples=["*"],
    ),
]
ANY: Final = "*"

DryRun = Annotated[bool, Query(description="Nothing is stored; the answer says what would change.")]


def tag_of(stands: object) -> str:
    """The ETag of something that stands so."""
    return f'"{stands}"'


def seen(if_match: str | None) -> str | None:
    """What somebody has seen, as it was when its ETag was told; `ANY`: whatever it is; None: they do not say."""
    if if_match is None:
        return None
    shown = if_match.strip()
    return shown[1:-1] if len(shown) > 1 and shown[0] == shown[-1] == '"' else shown


def revision_of(shown: str) -> int | None:
    """The revision that an ETag stands for; None: it stands for none that there ever is."""
    fits = shown.isascii() and shown.isdecimal() and len(shown) < 10  # noqa: PLR2004  more than there ever are
    return int(shown) if fits else None

"""Cursors of lists: opaque to whoever gets them, and good for the list alone that gave them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from domain.model import Value
from domain.years import is_promised
from starters.http.problems import Problem

MOST = 200
USUAL = 50


class Page(Value):
    """Which part of a list.

    Attributes:
        after: goes on where a part ended: its `next`, with the same filters.
        limit: at most so many.
    """

    after: Annotated[str, Field(max_length=2000)] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST)] = USUAL

    def filters(self) -> dict[str, Any]:
        """What the list is of, as JSON."""
        return self.model_dump(mode="json", exclude_none=True, exclude={"after", "limit"})


def cursor_to(at: datetime, name: str, which: Any) -> str:
    """The cursor of a place in a list.

    Args:
        at: of the last thing before it.
        name: of that.
        which: what the list is of, as JSON.
    """
    said = [at.isoformat(), name, _digest(which)]
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")


def place_of(cursor: str | None, which: Any) -> tuple[datetime, str] | None:
    """The place that a cursor says; None: the beginning.

    Raises:
        Problem: it is no cursor of this list.
    """
    if cursor is None:
        return None
    try:
        at, name, digest = json.loads(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        )
        place = datetime.fromisoformat(at), str(name)
        name.encode()
        is_good = digest == _digest(which) and place[0].utcoffset() is not None and is_promised(place[0])
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        is_good = False
    if not is_good or "\0" in name:
        raise Problem("bad_cursor", "this is no cursor of this list; take the `next` of a page, with the same filters")
    return place


def _digest(which: Any) -> str:
    return hashlib.sha256(json.dumps(which, sort_keys=True).encode()).hexdigest()[:12]

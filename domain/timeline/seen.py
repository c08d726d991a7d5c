"""The events that a case has taken, by their ids: so that each counts once, over a life of any length.

An id is remembered by a digest of 72 bits, the newest 20,000 of a case, side by side in a few long texts: a hundred
thousand ids would be no more work to look through, and no more to carry on, than a hundred long fields. Once some were
forgotten, an event of their time can no longer be told from one that was taken, and is refused as too old.
"""

from __future__ import annotations

import operator
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from operator import itemgetter
from typing import Any

from pydantic import AwareDatetime, Field, TypeAdapter, model_validator

from domain.model import Value

MOST_IDS = 20_000
"""Ids of a case that are remembered."""

_DIGEST_BYTES = 9  # 72 bits: among 20,000 ids two have the same digest once in ten trillion cases
_SECONDS_BYTES = 3
_WIDTH = (_DIGEST_BYTES + _SECONDS_BYTES) * 8 // 6
_MOST_SECONDS = 256**_SECONDS_BYTES - 1
_MOST_A_BLOCK = 1000
_FILTER_BYTES = 2048
_SECOND = timedelta(seconds=1)
_INSTANT: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)


class Block(Value):
    """Ids that were taken one after another.

    Attributes:
        since: when the first of them took effect.
        marks: of each id its digest, and how many seconds after `since` it took effect, in sixteen letters.
    """

    since: AwareDatetime
    marks: str

    def has(self, digest: str) -> bool:
        """Whether the id with that digest is among them."""
        is_full = len(self.marks) >= _MOST_A_BLOCK * _WIDTH
        if is_full and not _may_have(_filter_of(self.marks), digest):
            return False
        found = self.marks.find(digest)
        while found >= 0 and found % _WIDTH:
            found = self.marks.find(digest, found + 1)
        return found >= 0

    @property
    def last_at(self) -> datetime:
        """When the last of them took effect."""
        return self._at(self.marks[-_WIDTH:])

    @property
    def first_at(self) -> datetime:
        """When the first of those that are left took effect."""
        return self._at(self.marks[:_WIDTH])

    def _at(self, mark: str) -> datetime:
        return self.since + int.from_bytes(urlsafe_b64decode(mark)[_DIGEST_BYTES:]) * _SECOND

    def with_one(self, digest: str, at: datetime) -> Block | None:
        """With one id more; None if it has no room for it, or no place by its time."""
        seconds = (at - self.since) // _SECOND
        if seconds > _MOST_SECONDS or len(self.marks) >= _MOST_A_BLOCK * _WIDTH:
            return None
        return Block(since=self.since, marks=self.marks + digest + _text(seconds.to_bytes(_SECONDS_BYTES)))


class EventIds(Value):
    """The events that were taken, the newest of them by their ids. Never changes: what is added makes another.

    Attributes:
        blocks: the ids, oldest first.
        forgotten_until: when the last of those took effect that were forgotten; None: none was.
    """

    blocks: tuple[Block, ...] = Field(default=(), exclude_if=operator.not_)
    forgotten_until: AwareDatetime | None = Field(default=None, exclude_if=lambda at: at is None)

    @model_validator(mode="before")
    @classmethod
    def _of_format_1(cls, written: Any) -> Any:
        """Read the ids as builds before this one wrote them: each with the instant at which it took effect."""
        if not written or not isinstance(written, dict) or isinstance(written.get("blocks"), list | tuple):
            return written
        taken = [(_INSTANT.validate_python(at), event_id) for event_id, at in written.items()]
        ids = EventIds()
        for at, event_id in sorted(taken, key=itemgetter(0)):
            ids = ids.with_one(event_id, at)
        return ids.model_dump()

    def __contains__(self, event_id: object) -> bool:
        """Whether it was taken, as far as is remembered."""
        digest = _digest(str(event_id))
        return any(block.has(digest) for block in reversed(self.blocks))

    def __len__(self) -> int:
        """How many are remembered."""
        return sum(len(block.marks) for block in self.blocks) // _WIDTH

    def digests(self) -> Iterator[str]:
        """The digests of those that are remembered, oldest first."""
        width = _WIDTH - _SECONDS_BYTES * 8 // 6
        for block in self.blocks:
            yield from (block.marks[at : at + width] for at in range(0, len(block.marks), _WIDTH))

    def is_too_old(self, at: datetime) -> bool:
        """Whether an event of that time may have been taken and forgotten."""
        if self.forgotten_until is None:
            return False
        return at <= self.forgotten_until or at < self.oldest_at

    @property
    def oldest_at(self) -> datetime:
        """When the oldest that is left took effect; there has to be one."""
        return self.blocks[0].first_at

    def with_one(self, event_id: str, at: datetime) -> EventIds:
        """With one more, which took effect at `at`, or when the one before did, if that is later."""
        digest = _digest(event_id)
        last = self.blocks[-1] if self.blocks else None
        at = max(at, last.last_at) if last else at
        longer = last.with_one(digest, at) if last else None
        added = longer or Block(since=at, marks=digest + _text(bytes(_SECONDS_BYTES)))
        blocks = (*(self.blocks[:-1] if longer else self.blocks), added)
        forgotten_until = self.forgotten_until
        if len(self) >= MOST_IDS:
            first, *others = blocks
            rest = Block(since=first.since, marks=first.marks[_WIDTH:])
            blocks = (rest, *others) if rest.marks else tuple(others)
            forgotten_until = first.first_at
        return EventIds.model_construct(blocks=blocks, forgotten_until=forgotten_until)


@lru_cache(maxsize=512)
def _filter_of(marks: str) -> bytes:
    """Bits of the digests of a full block: one whose bits are not all there is not in it. Most are told so at once."""
    bits = bytearray(_FILTER_BYTES)
    for at in range(0, len(marks), _WIDTH):
        for place in _places(marks[at : at + _WIDTH]):
            bits[place >> 3] |= 1 << (place & 7)
    return bytes(bits)


def _may_have(bits: bytes, digest: str) -> bool:
    return all(bits[place >> 3] & 1 << (place & 7) for place in _places(digest))


def _places(digest: str) -> tuple[int, ...]:
    number = int.from_bytes(urlsafe_b64decode(digest[: _DIGEST_BYTES * 8 // 6]))
    return tuple(number >> shift & _FILTER_BYTES * 8 - 1 for shift in (0, 18, 36, 54))


def _digest(event_id: str) -> str:
    return _text(blake2b(event_id.encode(), digest_size=_DIGEST_BYTES).digest())


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode()

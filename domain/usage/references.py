"""A set of references, each under a key, that never changes: whatever is added or dropped makes another one.

Both share all but a few hundred of the entries, so a copy to try something on costs nothing, and a change costs the
same whether there are a thousand references or a hundred thousand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from sys import intern
from typing import NamedTuple
from zlib import crc32

Rank = Callable[[str], int]
"""Of a key: what has a lower rank is dropped first."""


class _Entry(NamedTuple):
    """Under which key a reference is, and when it came: numbers grow."""

    key: str
    number: int


_Leaf = dict[str, _Entry]
_Root = dict[str, dict[str, _Leaf]]
"""By the first letter of a reference, then by its second. Digests spread over all of them."""

_Keys = dict[int, dict[str, int]]
"""How many references are under each key, by a checksum of the key: a change copies a few hundred of them at most."""

_MOST_CHECKSUMS = 256
_KEY_BYTES = len('"":"",')
"""What a key takes as JSON, beside itself."""


class _Queue(NamedTuple):
    """The entries of the lowest rank in the order in which they are dropped. Those that moved since are passed over.

    Attributes:
        rank: of all of them.
        order: number and reference of each.
        at: those before it are gone.
    """

    rank: int
    order: list[tuple[int, str]]
    at: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """References by key. Read as a mapping (`groups`) they take a while.

    Attributes:
        size: how many they are.
        root: the entries.
        last: the highest number that was given to one.
        queue: in what order they are dropped, once that was asked.
        keys: how many are under each key.
        weight: how many bytes they take as JSON: each key once, and each reference. It is counted as they come and go.
    """

    size: int = 0
    root: _Root = field(default_factory=dict)
    last: int = 0
    queue: _Queue | None = None
    keys: _Keys = field(default_factory=dict)
    weight: int = 0

    @classmethod
    def of(cls, groups: Mapping[str, Iterable[str]]) -> References:
        """The references of some keys, in the order in which they came."""
        root: _Root = {}
        number = 0
        for key, references in groups.items():
            shared = intern(key)
            for number, reference in enumerate(references, number + 1):  # noqa: B020 - it counts on from key to key
                root.setdefault(reference[:1], {}).setdefault(reference[1:2], {})[reference] = _Entry(shared, number)
        under = Counter(entry.key for leaves in root.values() for leaf in leaves.values() for entry in leaf.values())
        keys: _Keys = {}
        for key, many in under.items():
            keys.setdefault(_checksum(key), {})[key] = many
        found = (len(reference) for leaves in root.values() for leaf in leaves.values() for reference in leaf)
        weight = sum(found) + sum(_weight_of(key) for key in under)
        return cls(under.total(), root, number, keys=keys, weight=weight)

    # --- one reference ---

    def key_of(self, reference: str) -> str | None:
        """The key under which a reference is; None: it is not there."""
        found = self._entry(reference)
        return found.key if found else None

    def _entry(self, reference: str) -> _Entry | None:
        leaves = self.root.get(reference[:1])
        leaf = leaves.get(reference[1:2]) if leaves else None
        return leaf.get(reference) if leaf else None

    def with_one(self, reference: str, key: str) -> References:
        """With one reference more, or with one under another key: the last that came."""
        number = self.last + 1
        made = self.without(reference)
        return replace(
            made,
            size=made.size + 1,
            root=made._with_leaf(reference, {reference: _Entry(intern(key), number)}),  # noqa: SLF001 - the same class
            last=number,
            keys=_recounted(made.keys, key, 1),
            weight=made.weight + len(reference) + (0 if made.has_key(key) else _weight_of(key)),
        )

    def without(self, reference: str) -> References:
        """Without a reference, if it is there."""
        entry = self._entry(reference)
        if entry is None:
            return self
        keys = _recounted(self.keys, entry.key, -1)
        freed = len(reference) + (0 if entry.key in keys[_checksum(entry.key)] else _weight_of(entry.key))
        root = self._with_leaf(reference, {}, without=reference)
        return replace(self, size=self.size - 1, root=root, keys=keys, weight=self.weight - freed)

    def has_key(self, key: str) -> bool:
        """Whether any reference is under a key."""
        return key in self.keys.get(_checksum(key), {})

    def _with_leaf(self, reference: str, added: _Leaf, *, without: str | None = None) -> _Root:
        """The entries with the leaf of a reference changed; all else is shared."""
        first, second = reference[:1], reference[1:2]
        leaves = self.root.get(first, {})
        leaf = leaves.get(second, {}) | added
        if without is not None:
            del leaf[without]
        return {**self.root, first: {**leaves, second: leaf}}

    # --- only so many ---

    def with_newest(self, reference: str, key: str, most: int, rank_of: Rank) -> References:
        """With one more, and at most so many: of the lowest rank those that came first are dropped.

        The order in which those are dropped is worked out once for a rank, and followed from then on.
        """
        made = self.with_one(reference, key)
        if self.queue is not None and rank_of(key) < self.queue.rank:
            if made.size > most:
                return self.without(reference)  # it would be the next to go
            made = replace(made, queue=None)
        while made.size > most:
            made = made._without_first(rank_of)  # noqa: SLF001 - another of the same
        return made

    def _without_first(self, rank_of: Rank) -> References:
        queue = self.queue or self._lowest(rank_of)
        while True:
            for at in range(queue.at, len(queue.order)):
                number, reference = queue.order[at]
                entry = self._entry(reference)
                if entry is not None and entry.number == number:
                    return replace(self.without(reference), queue=queue._replace(at=at + 1))
            queue = self._lowest(rank_of)

    def _lowest(self, rank_of: Rank) -> _Queue:
        entries = list(self._entries())
        ranks = {key: rank_of(key) for key in {entry.key for _, entry in entries}}
        lowest = min(ranks.values())
        return _Queue(lowest, sorted((e.number, reference) for reference, e in entries if ranks[e.key] == lowest))

    def first(self, many: int, rank_of: Rank, *, spare: int = 0) -> list[tuple[str, str]]:
        """So many references of the lowest rank that came first, each with its key; none of the newest is among them.

        Args:
            many: at most.
            rank_of: of a key.
            spare: how many of the newest stay out of it.
        """
        before = self.last - spare
        old = [(entry.number, reference, entry.key) for reference, entry in self._entries() if entry.number <= before]
        ranks = {key: rank_of(key) for key in {key for _, _, key in old}}
        old.sort(key=lambda one: (ranks[one[2]], one[0]))
        return [(reference, key) for _, reference, key in old[:many]]

    # --- all of them ---

    def _entries(self) -> Iterator[tuple[str, _Entry]]:
        for leaves in self.root.values():
            for leaf in leaves.values():
                yield from leaf.items()

    def groups(self) -> dict[str, list[str]]:
        """By key the references under it, in the order in which they came."""
        found: dict[str, list[str]] = {}
        for reference, entry in sorted(self._entries(), key=_number):
            found.setdefault(entry.key, []).append(reference)
        return found

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self.size > 0

    def __eq__(self, other: object) -> bool:
        """The same references under the same keys, in the same order under each."""
        if not isinstance(other, References):
            return NotImplemented
        return self is other or (self.size == other.size and self.groups() == other.groups())

    __hash__ = None  # type: ignore[assignment]  # no more than a dict has


def _number(entry: tuple[str, _Entry]) -> int:
    return entry[1].number


def _checksum(key: str) -> int:
    return crc32(key.encode()) % _MOST_CHECKSUMS


def _weight_of(key: str) -> int:
    return len(key) + _KEY_BYTES


def _recounted(keys: _Keys, key: str, change: int) -> _Keys:
    """How many references are under each key, with one more or less under one."""
    place = _checksum(key)
    counted = dict(keys.get(place, {}))
    counted[key] = counted.get(key, 0) + change
    if not counted[key]:
        del counted[key]
    return {**keys, place: counted}

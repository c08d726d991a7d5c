"""A set of references, each under a key, that never changes: whatever is added or dropped makes another one.

Both share all but a few hundred of the entries, so a copy to try something on costs nothing, and a change costs the
same whether there are a thousand references or a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from sys import intern
from typing import NamedTuple

Rank = Callable[[str], int]
"""Of a key: what has a lower rank is dropped first."""


class _Entry(NamedTuple):
    """Under which key a reference is, and when it came: numbers grow."""

    key: str
    number: int


_Leaf = dict[str, _Entry]
_Root = dict[str, dict[str, _Leaf]]
"""By the first letter of a reference, then by its second. Digests spread over all of them."""


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
    """

    size: int = 0
    root: _Root = field(default_factory=dict)
    last: int = 0
    queue: _Queue | None = None

    @classmethod
    def of(cls, groups: Mapping[str, Iterable[str]]) -> References:
        """The references of some keys, in the order in which they came."""
        root: _Root = {}
        number = 0
        for key, references in groups.items():
            shared = intern(key)
            for number, reference in enumerate(references, number + 1):  # noqa: B020 - it counts on from key to key
                root.setdefault(reference[:1], {}).setdefault(reference[1:2], {})[reference] = _Entry(shared, number)
        return cls(sum(len(leaf) for leaves in root.values() for leaf in leaves.values()), root, number)

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
        number, is_new = self.last + 1, self._entry(reference) is None
        root = self._with_leaf(reference, {reference: _Entry(intern(key), number)})
        return replace(self, size=self.size + is_new, root=root, last=number)

    def without(self, reference: str) -> References:
        """Without a reference, if it is there."""
        if self._entry(reference) is None:
            return self
        return replace(self, size=self.size - 1, root=self._with_leaf(reference, {}, without=reference))

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

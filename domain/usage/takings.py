"""Who has taken what of an entitlement: so that a taking counts once, over the whole life of a term.

A ledger has to fit into the 2 MB that a workflow may carry into its next run, whatever ids its cases have. It keeps of
each reference a digest of twelve characters, side by side with those that took as much in the same period. What grows
too long all the same is put away into the store (`domain.usage.keeping`). (The rows of the ledger that people read are
`domain.usage.rows`; this is what a running entitlement has to remember of them.)
"""

from __future__ import annotations

import operator
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from domain.usage.references import References

GONE = ""
"""The key of what was forgotten, where the store may still have what it was."""

_BYTES = 9  # 72 bits: among 100,000 references two have the same digest once in a trillion ledgers
_WIDTH = _BYTES * 8 // 6


class Taking(NamedTuple):
    """What one reference took, in which period. One that was reversed took nothing.

    Attributes:
        amount: within the cap.
        overage: beyond it.
        left_over: what it asked for and did not get here: to be taken from another entitlement.
        let_go: overage that was voided, or paid for from another period.
        grants: the numbers of grants, each with what it has paid.
        worked: minutes of a time entry as they were worked, where the others say something else.
    """

    period: int
    amount: int
    overage: int = 0
    left_over: int = 0
    let_go: int = 0
    grants: tuple[tuple[int, int], ...] = ()
    worked: int = 0

    @property
    def granted(self) -> int:
        """What grants have paid of it."""
        return sum(part for _, part in self.grants)

    @property
    def is_reversed(self) -> bool:
        """Whether nothing is left of it."""
        return not (self.amount or self.overage or self.left_over or self.let_go or self.grants or self.worked)

    @property
    def key(self) -> str:
        """As the key of a group of references."""
        let_go = f":{self.let_go}" if self.let_go else ""
        grants = "@" + ",".join(f"{number}={part}" for number, part in self.grants) if self.grants else ""
        worked = f"#{self.worked}" if self.worked else ""
        return f"{self.period}:{self.amount}:{self.overage}:{self.left_over}{let_go}{grants}{worked}"

    @classmethod
    def of(cls, key: str) -> Taking:
        """What a group's key says."""
        key, _, worked = key.partition("#")
        numbers, _, grants = key.partition("@")
        paid = [part.split("=") for part in grants.split(",") if part]
        period, amount, overage, left_over, let_go = (*map(int, numbers.split(":")), 0)[:5]
        grants_paid = tuple((int(number), int(part)) for number, part in paid)
        return cls(period, amount, overage, left_over, let_go, grants_paid, int(worked or 0))


@lru_cache(maxsize=256)  # one request asks several ledgers of the same reference
def digest_of(reference: str) -> str:
    """What a ledger knows a reference by."""
    return urlsafe_b64encode(blake2b(reference.encode(), digest_size=_BYTES).digest()).decode()


def each_of(groups: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The digests of groups in which they lie side by side, each with its key."""
    for key, digests in groups.items():
        for at in range(0, len(digests), _WIDTH):
            yield digests[at : at + _WIDTH], key


def _split(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return References.of(
        {
            key: [digests[at : at + _WIDTH] for at in range(0, len(digests), _WIDTH)]
            if isinstance(digests, str)
            else digests
            for key, digests in value.items()
        }
    )


def _joined(references: References) -> dict[str, str]:
    return {key: "".join(digests) for key, digests in references.groups().items()}


@lru_cache(maxsize=4096)
def _period_of(key: str) -> int:
    return Taking.of(key).period if key != GONE else 0


class Ledger(BaseModel):
    """References, each with what it took, in the order in which they came, through JSON too.

    Attributes:
        most: references that it remembers; past that it forgets those of its oldest period, the oldest of them first.
        most_bytes: that it takes as JSON; what is more is put away.
        groups: by what was taken (``3:1:0:0``: `Taking`) the digests of the references that took it.
        put_away: how many were given to the store to keep (`domain.usage.keeping`). One that is not here may be there.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    most: ClassVar[int] = 100_000
    most_bytes: ClassVar[int] = 400 * 1024

    groups: Annotated[References, BeforeValidator(_split), PlainSerializer(_joined, return_type=dict[str, str])] = (
        Field(default_factory=References)
    )
    put_away: int = Field(default=0, exclude_if=operator.not_)

    def fork(self) -> Self:
        """A copy that goes its own way. It shares what was taken so far, which never changes."""
        return self.model_copy()

    def __len__(self) -> int:
        return self.groups.size

    def find(self, reference: str) -> Taking | None:
        """What a reference took; None if nothing."""
        key = self.groups.key_of(digest_of(reference)) if self.groups else None
        return Taking.of(key) if key else None

    def add(self, reference: str, taking: Taking) -> None:
        """Remember what a reference took, and forget the oldest if they are too many."""
        self._put(digest_of(reference), taking.key)

    def move(self, reference: str, taking: Taking) -> None:
        """Remember something else of a reference."""
        self.forget(reference)
        self.add(reference, taking)

    def forget(self, reference: str) -> None:
        """Forget a reference, if it is known; where the store may know it, remember that it is forgotten."""
        digest = digest_of(reference)
        if self.put_away:
            self._put(digest, GONE)
        else:
            self.groups = self.groups.without(digest)

    # --- beside the store ---

    @property
    def is_over(self) -> bool:
        """Whether it takes more bytes than it should."""
        return self.groups.weight > self.most_bytes

    def first(self, many: int, *, spare: int = 0, but: Iterable[str] = ()) -> dict[str, str]:
        """The references that would be forgotten first, as digests by what they took; not so many of the newest.

        Args:
            many: at most.
            spare: how many of the newest stay out of it.
            but: references that stay out of it, too.
        """
        kept = {digest_of(reference) for reference in but}
        found: dict[str, list[str]] = {}
        for digest, key in self.groups.first(many, _period_of, spare=spare):
            if digest not in kept:
                found.setdefault(key, []).append(digest)
        return {key: "".join(digests) for key, digests in found.items()}

    def drop(self, groups: Mapping[str, str]) -> None:
        """Drop what the store keeps by now, except for what has changed meanwhile."""
        for digest, key in each_of(groups):
            if self.groups.key_of(digest) == key:
                self.groups = self.groups.without(digest)
                self.put_away += 1

    def recall(self, groups: Mapping[str, str]) -> None:
        """Take back what the store has kept, except for what is known here."""
        for digest, key in each_of(groups):
            if self.groups.key_of(digest) is None:
                self._put(digest, key)

    def lacks(self, digest: str) -> bool:
        """Whether only the store can tell what a reference took."""
        return bool(self.put_away) and self.groups.key_of(digest) is None

    # --- beside another ledger ---

    def keep_as(self, other: Ledger) -> None:
        """Forget what the other ledger does not remember in the same way."""
        for key, digests in self.groups.groups().items():
            for digest in digests:
                if other.groups.key_of(digest) != key:
                    self.groups = self.groups.without(digest)

    def take_over(self, other: Ledger, since: int, unless: Sequence[Ledger]) -> None:
        """Remember what the other ledger does, from a period on, unless others remember it."""
        for key, digests in other.groups.groups().items():
            if _period_of(key) < since:
                continue
            for digest in digests:
                if not any(each.groups.key_of(digest) for each in unless):
                    self._put(digest, key)

    def _put(self, digest: str, key: str) -> None:
        self.groups = self.groups.with_newest(digest, key, self.most, _period_of)


class ShortLedger(Ledger):
    """One of what happens less often, or matters only for a while: together they have to fit, full as they may be."""

    most: ClassVar[int] = 10_000
    most_bytes: ClassVar[int] = 80 * 1024

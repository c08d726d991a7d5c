"""What an entitlement has the store keep of its references, so that what it remembers itself stays within its bytes.

Each of some ledgers has a bound in bytes. What is over half of it goes to the store, that of its oldest periods first,
and is dropped once the store has it: a reference is always here or there. Before anything is asked of a reference that
is not here, the store is asked, and what it has comes back: nothing that was taken is ever forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from domain.ids import EntitlementId
from domain.model import Value
from domain.usage.state import UsageState
from domain.usage.takings import Ledger, digest_of

KEEP_REFERENCES = "keep_references"
RECALL_REFERENCES = "recall_references"

PUT_AWAY = ("taken", "overflowed", "declined", "changed")
"""The ledgers of which the store keeps a part. Of what is approved the price has to be known, too: it stays."""

MOST_PUT_AWAY_AT_ONCE = 10_000
"""References that go to the store together: some 120 KB, and 400 KB where each took another amount."""

NEWEST_STAY = 1_000
"""Of each ledger: what was just taken may be asked for again at once, or by what follows from it."""

LEAVES_FREE = 1_000
"""References for which a ledger that is not full has room: as many as one request brings."""


class KeptReferences(Value):
    """References for the store to keep, or that it has kept.

    Attributes:
        count: whose they are; a count that begins after a termination knows nothing of them.
        ledgers: by the name of a ledger its groups: by what was taken the digests, side by side.
    """

    entitlement_id: EntitlementId
    count: str
    ledgers: dict[str, dict[str, str]]


class RecallRequest(Value):
    """Asks what the store keeps of references, by their digests."""

    entitlement_id: EntitlementId
    count: str
    digests: list[str]


def is_over(state: UsageState) -> bool:
    """Whether there is something to put away."""
    return any(ledger.is_over for ledger in _ledgers(state).values())


def has_put_away(state: UsageState) -> bool:
    """Whether the store may know of a reference that is not here."""
    return any(ledger.put_away for ledger in _ledgers(state).values())


def is_full(state: UsageState) -> bool:
    """Whether nothing more may come in before something has been put away."""
    return any(_is_full(ledger) for ledger in _ledgers(state).values())


def _is_full(ledger: Ledger) -> bool:
    return ledger.groups.weight > 2 * ledger.most_bytes or len(ledger) > ledger.most - LEAVES_FREE


def to_put_away(state: UsageState) -> dict[str, dict[str, str]]:
    """What goes to the store next, by ledger: nothing that is planned, which time will bring up again."""
    found: dict[str, dict[str, str]] = {}
    room = MOST_PUT_AWAY_AT_ONCE
    for name, ledger in _ledgers(state).items():
        if ledger.is_over and room:
            many = min(_many(ledger), room)
            room -= many
            planned = [one.reference for one in state.planned]
            found[name] = ledger.first(many, spare=NEWEST_STAY, but=planned)
    return {name: groups for name, groups in found.items() if groups}


def _many(ledger: Ledger) -> int:
    """How many are to go, so that about half of the bytes stay."""
    return len(ledger) - len(ledger) * (ledger.most_bytes // 2) // ledger.groups.weight


def drop(state: UsageState, kept: Mapping[str, Mapping[str, str]]) -> None:
    """Drop what the store has by now, except for what has changed since it was given to it."""
    for name, groups in kept.items():
        _ledgers(state)[name].drop(groups)


def missing(state: UsageState, references: Iterable[str]) -> list[str]:
    """The digests of those references of which the store has to be asked."""
    ledgers = [ledger for ledger in _ledgers(state).values() if ledger.put_away]
    if not ledgers:
        return []
    digests = dict.fromkeys(digest_of(reference) for reference in references)
    return [digest for digest in digests if any(ledger.lacks(digest) for ledger in ledgers)]


def recall(state: UsageState, kept: Mapping[str, Mapping[str, str]]) -> None:
    """Take back what the store has kept. What is known here is newer, and stays as it is."""
    ledgers = _ledgers(state)
    for name, groups in kept.items():
        if name in ledgers:
            ledgers[name].recall(groups)


def named_in(raw: Sequence[Any]) -> list[str]:
    """The references and event ids that a request names, whatever its kind: of one object, or of a list of them."""
    asked = raw[0] if len(raw) == 1 else None
    each = asked if isinstance(asked, list) else [asked]
    named = [one.get(key) for one in each if isinstance(one, Mapping) for key in ("reference", "id", "event_id")]
    return [value for value in named if isinstance(value, str)]


def _ledgers(state: UsageState) -> dict[str, Ledger]:
    return {name: getattr(state, name) for name in PUT_AWAY}

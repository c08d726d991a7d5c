"""The events of an entitlement: one for every row of its ledger, and one for what became of each of its actions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime

from domain.bounds import cut
from domain.feed.envelope import Draft, type_name
from domain.feed.fitting import fitted
from domain.feed.usage_data import OUTCOMES, ROWS, SNAPSHOT, UsageData, UsageSnapshotData
from domain.model import Value
from domain.usage.rows import LedgerRow
from domain.usage.units import amount_text


class CountedEntitlement(Value):
    """Whose ledger it is."""

    entitlement: str
    account: str
    unit: str


class UsageOutcome(Value):
    """What became of an action of an entitlement.

    Attributes:
        at: when, by the clock of the entitlement; of a failure, by that of the store.
        said: why it failed, or was dropped; None: it did neither.
        by: who had it tried again, or delivered again.
        asked_at: when somebody asked for a delivery by hand; None: it is none.
        attempts: at a delivery by hand.
    """

    kind: Literal["sent", "failed", "retried", "dropped", "redelivered", "redelivery_failed"]
    entitlement: str
    account: str | None
    key: str
    do: str
    at: AwareDatetime
    said: str | None = None
    by: str | None = None
    asked_at: AwareDatetime | None = None
    attempts: int = 0


WORDS = {
    "sent": "is done",
    "failed": "failed for good",
    "retried": "is tried again",
    "dropped": "is dropped",
    "redelivered": "was delivered again",
    "redelivery_failed": "could not be delivered again",
}
"""What became of an action, as people are told."""

_FAILED = frozenset({"failed", "redelivery_failed"})


def subject_of(entitlement: str) -> str:
    """Whose sequence the events of an entitlement belong to."""
    return f"entitlement/{entitlement}"


def row_event(whose: CountedEntitlement, row: LedgerRow, *, offset: int) -> Draft:
    """The event of a row.

    Args:
        whose: entitlement.
        row: of its ledger.
        offset: how many events the counts before this one had: the rows of each are numbered from 1.
    """
    about = f" {row.reference}" if row.reference else ""
    text = cut(f"{row.kind}{about}: {amount_text(row.amount, whose.unit)}")
    data = UsageData(text=text, **_facts(whose, row))
    return _draft(whose, row, type_name(ROWS[row.kind]), data, offset)


def snapshot(whose: CountedEntitlement, row: LedgerRow, *, offset: int) -> Draft:
    """How an entitlement stood with a row, in place of the events up to it, which the feed does not have."""
    text = "the feed begins; this is how the entitlement stands"
    data = UsageSnapshotData(text=text, stands_for_from=offset + 1, **_facts(whose, row))
    return _draft(whose, row, type_name(SNAPSHOT), data, offset)


def outcome_event(outcome: UsageOutcome, *, row: int, sequence: int) -> Draft:
    """The event of an outcome.

    Args:
        outcome: of an action.
        row: of the ledger, the last one that is an event.
        sequence: its number.
    """
    name, data = OUTCOMES[outcome.kind]
    said = f": {outcome.said}" if outcome.kind in _FAILED else ""
    facts = outcome.model_dump(include={"entitlement", "account", "key", "do", "by"})
    facts |= {"text": cut(f"{outcome.key} {WORDS[outcome.kind]}{said}"), "row": row}
    facts |= {"error": outcome.said} if outcome.kind in _FAILED else {}
    facts |= {"why": outcome.said} if outcome.kind == "dropped" else {}
    facts |= {"asked_at": outcome.asked_at, "attempts": outcome.attempts} if outcome.asked_at else {}
    return Draft(
        type=type_name(name),
        subject=subject_of(outcome.entitlement),
        sequence=sequence,
        time=outcome.at,
        account=outcome.account,
        data=fitted(data.model_validate(facts)),
    )


def _facts(whose: CountedEntitlement, row: LedgerRow) -> dict[str, Any]:
    known = row.model_dump(exclude={"number", "kind", "event_id", "at"})
    return {**whose.model_dump(), "row": row.number, **known, "carried_out": row.carried_out or None}


def _draft(whose: CountedEntitlement, row: LedgerRow, type_: str, data: UsageData, offset: int) -> Draft:
    return Draft(
        type=type_,
        subject=subject_of(whose.entitlement),
        sequence=offset + row.number,
        time=row.at,
        account=whose.account,
        data=fitted(data),
    )

"""Whether the event feed tells the story of the notes, the triggers, the actions and the ledger, and no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from domain.feed.envelope import FeedEvent
from domain.process import FieldUpdate
from domain.usage.rows import LedgerRow
from store import Store

_MANY = 10_000
_SENT = "milepost.case.action.sent.v1"
_OF_ACTIONS = "milepost.entitlement.action."
_EXPIRED = "milepost.case.action.expired.v1"


def case_feed_findings(store: Store, case_id: str, *, is_closed: bool) -> list[str]:
    """What the feed of a case says otherwise than the rest of the store, a line each."""
    found = store.feed.read(subject=f"case/{case_id}", limit=_MANY).events
    lines = _numbers(found)
    about_notes = [one for one in found if "trigger" not in one.data and one.type not in (_SENT, _EXPIRED)]
    told = [(one.time, one.data["text"]) for one in about_notes]
    noted = [(note.at, note.text) for note in store.cases.notes(case_id)]
    lines += _differences("notes", told, noted)
    fired = _by_milestone(found)
    lines += [f"{trigger} is told {times} times" for trigger, times in fired.items() if times > 1]
    if fired.total() != len(store.cases.triggers(case_id)):
        lines.append(f"{fired.total()} triggers are told, {len(store.cases.triggers(case_id))} are stored")
    if is_closed:
        sent = Counter(one.data["key"] for one in found if one.type == _SENT)
        acts = store.actions.of_case(case_id)
        done = Counter(a.key for a in acts if a.status == "done" and not isinstance(a.action, FieldUpdate))
        lines += _differences("actions", sorted(sent.elements()), sorted(done.elements()))
    return [f"{case_id}: {line}" for line in lines]


def usage_feed_findings(store: Store, entitlement: str, rows: Sequence[LedgerRow]) -> list[str]:
    """What the feed of an entitlement says otherwise than its ledger, a line each."""
    found = store.feed.read(subject=f"entitlement/{entitlement}", limit=_MANY).events
    of_rows = [one for one in found if not one.type.startswith(_OF_ACTIONS)]
    told = [(one.data["row"], one.data["amount"], one.data["used_after"]) for one in of_rows]
    counted = [(row.number, row.amount, row.used_after) for row in rows]
    return [f"{entitlement}: {line}" for line in (*_numbers(found), *_differences("rows", told, counted))]


def _numbers(found: Sequence[FeedEvent]) -> list[str]:
    numbers = [one.sequence for one in found]
    return [] if numbers == list(range(1, len(found) + 1)) else [f"events are numbered {numbers}"]


def _by_milestone(found: Sequence[FeedEvent]) -> Counter[Any]:
    parts = ("milestone", "occurrence", "trigger", "firing", "process")
    return Counter(tuple(one.data.get(part) for part in parts) for one in found if "trigger" in one.data)


def _differences(what: str, told: Sequence[Any], known: Sequence[Any]) -> list[str]:
    if list(told) == list(known):
        return []
    more, fewer = [one for one in told if one not in known], [one for one in known if one not in told]
    return [f"{what}: told and not known {more[:3]}, known and not told {fewer[:3]}, {len(told)} and {len(known)}"]

"""The events of a case, derived from its records: one for every note, every trigger that fires, every action done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from domain.bounds import cut
from domain.feed import case_data as types
from domain.feed.envelope import Draft, type_name
from domain.feed.fitting import fitted
from domain.messages.case_state import ActionOutcome
from domain.messages.steps import CaseRecord
from domain.process import TriggerKind
from domain.timeline.effects import Noted, NoteKind, TriggerFired

MOST_MILESTONES = 50
"""Of a snapshot; the newest."""

Said = tuple[tuple[str, type[types.CaseData]], datetime, dict[str, Any]]
"""The name and data of an event, when it took effect, and what it says."""


def case_events(record: CaseRecord) -> list[Draft]:
    """The events of a record, in their order; none of one that was written before there was a feed."""
    if record.feed is None:
        return []
    known = _known(record)
    return [
        _draft(record, sequence, said, known) for sequence, said in enumerate(_said(record), start=record.feed.first)
    ]


def bridge(record: CaseRecord, last: int) -> Draft:
    """A snapshot in place of the events between the last one that is stored and the first of a record.

    Args:
        record: which comes too early.
        last: the sequence number of the last event that is stored.
    """
    assert record.feed is not None  # noqa: S101  it has events
    said = _snapshot(record, "events of the feed are missing; this is how the case stands", stands_for_from=last + 1)
    return _draft(record, record.feed.first - 1, said, _known(record))


def _known(record: CaseRecord) -> dict[str, Any]:
    view = record.view
    return {
        "case_id": view.case_id,
        "external_id": view.external_id,
        "channel": view.channel,
        "account": record.account,
        "entitlement": record.entitlement,
        "process": view.process,
        "process_version": view.process_version,
    }


def _draft(record: CaseRecord, sequence: int, said: Said, known: dict[str, Any]) -> Draft:
    (name, kind), at, facts = said
    told = {key: value for key, value in (known | facts).items() if value is not None}
    try:
        data = kind.model_validate(told)
    except ValidationError:  # of a note from before the feed, which lacks facts: no record waits for them
        data = kind.model_construct(**{key: value for key, value in told.items() if key in kind.model_fields})
    return Draft(
        type=type_name(name),
        subject=types.subject_of(record.view.case_id),
        sequence=sequence,
        time=at,
        account=record.account,
        data=fitted(data),
    )


def _said(record: CaseRecord) -> Iterator[Said]:
    part = record.feed
    assert part is not None  # noqa: S101  who calls has looked
    if part.is_snapshot:
        begins = "the feed begins" if part.first == 1 else "an older build wrote no events for a while"
        yield _snapshot(record, f"{begins}; this is how the case stands", stands_for_from=None)
    yield from (_outcome(outcome) for outcome in part.outcomes)
    fired = list(zip(record.fired, part.fired_after, strict=True))
    for place, note in enumerate(record.notes):
        while fired and fired[0][1] <= place:
            yield _fired(record, fired.pop(0)[0])
        yield _noted(note)
    yield from (_fired(record, one) for one, _ in fired)


def _noted(note: Noted) -> Said:
    facts = note.facts.model_dump(exclude_none=True) if note.facts else {}
    said = note.model_dump(include={"text", "by", "reason", "milestone", "occurrence", "occurred_at"})
    if note.kind is NoteKind.ENTITLEMENT_CHANGED:
        said["entitlement"] = facts.get("entitlement")  # None: the case has none now
    kind = types.NOTES[note.kind]
    if note.kind is NoteKind.STARTED and note.facts and note.facts.start_at and note.facts.start_at > note.at:
        kind = types.SCHEDULED
    return kind, note.at, said | facts


def _fired(record: CaseRecord, fired: TriggerFired) -> Said:
    """A trigger; the times of its milestone are those that its actions see."""
    times = fired.context.get("milestone") or _as_it_stands(record, fired)
    facts = {
        "text": cut(f"{fired.milestone}: {fired.kind} {fired.trigger} fired"),
        "milestone": fired.milestone,
        "occurrence": fired.occurrence,
        "start_at": times.get("start_at"),
        "target_at": times.get("target_at"),
        "trigger": fired.trigger,
        "kind": fired.kind.value,
        "firing": fired.firing,
        "due_at": fired.due_at,
        "noticed_at": fired.noticed_at,
        "late_seconds": fired.late_seconds,
        "actions": [{"key": call.key, "do": call.action.do} for call in fired.calls],
    }
    return types.WARNED if fired.kind is TriggerKind.WARNING else types.TRIGGERED, fired.at, facts


def _as_it_stands(record: CaseRecord, fired: TriggerFired) -> dict[str, Any]:
    for view in reversed(record.view.milestones):
        if (view.milestone, view.occurrence) == (fired.milestone, fired.occurrence):
            return {"start_at": view.start_at, "target_at": view.target_at}
    return {}


def _outcome(outcome: ActionOutcome) -> Said:
    facts = {"key": outcome.key, "do": outcome.do, "milestone": outcome.milestone}
    if outcome.dropped is None:
        return types.SENT, outcome.at, facts | {"text": cut(f"{outcome.key} is done")}
    return types.DROPPED, outcome.at, facts | {"text": cut(f"{outcome.key} is dropped"), "why": outcome.dropped}


def _snapshot(record: CaseRecord, text: str, *, stands_for_from: int | None) -> Said:
    view = record.view
    newest = view.milestones[-MOST_MILESTONES:]
    facts = {
        "text": text,
        "opened_at": view.opened_at,
        "closed_at": view.closed_at,
        "status": view.status.value,
        "stopped": view.stopped,
        "fields": view.fields,
        "milestones": [
            {
                "milestone": each.milestone,
                "occurrence": each.occurrence,
                "state": each.state.value,
                "start_at": each.start_at,
                "target_at": each.target_at,
                "completed_at": each.completed_at,
                "violated": each.violated,
            }
            for each in newest
        ],
        "more_milestones": len(view.milestones) - len(newest),
        "stands_for_from": stands_for_from,
    }
    return types.SNAPSHOT, view.now, facts

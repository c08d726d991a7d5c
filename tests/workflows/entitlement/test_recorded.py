"""Entitlements that ran before this build: their recorded histories replay, and what they came to goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.usage.audit import audit
from domain.usage.book import UsageEffect
from domain.usage.machine import Usage
from domain.usage.requests import EntitlementAmended, EntitlementCancelled, EntitlementStart, UsageAdjusted
from domain.usage.rows import LedgerRow
from tests.usage import consumption
from tests.workflows.replaying import Replayed, replay
from tests.workflows.test_replay import HISTORIES, history
from workflows.entitlement.start import read_start

RECORDED = [path for path in HISTORIES if path.stem.startswith("entitlement")]
WHO: dict[str, Any] = {"by": "ana", "reason": "agreed"}


def rows_of(replayed: Replayed) -> Iterator[LedgerRow]:
    """The rows of its ledger, as the history has them."""
    for kind, content in replayed.recorded:
        told = json.loads(content)[0] if kind == "activity" else None
        if isinstance(told, dict):
            yield from map(LedgerRow.model_validate, told.get("rows", []))


def granted(replayed: Replayed) -> Iterator[dict[str, Any]]:
    """What it has answered to those who took something."""
    for kind, content in replayed.recorded:
        said = json.loads(content) if kind == "answer" else []
        answers = [one for part in said for one in (part if isinstance(part, list) else [part])]
        yield from (one for one in answers if one.get("outcome") == "granted" and one.get("reference"))


def test_there_are_entitlements_that_ran_before() -> None:
    assert len(RECORDED) >= 3


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_entitlement_goes_on(path: Path) -> None:
    """What was taken is known, more is taken, it is amended and cancelled; the ledger adds up from its first row."""
    recorded = history(path)
    replayed = await replay(recorded)
    assert (replayed.failure, replayed.differences) == (None, [])
    before: Usage = replayed.instance.course.counter.usage
    next_run = EntitlementStart(
        entitlement_id=before.terms.entitlement_id, terms=before.terms, carried=replayed.instance._carried()
    )
    start = read_start((next_run.model_dump(mode="json"),), is_continued=True)
    assert start.terms is not None
    assert start.carried is not None
    usage = Usage(start.terms, start.carried.state)
    now = recorded.events[-1].event_time.ToDatetime(UTC) + start.carried.ahead + timedelta(minutes=1)
    rows = {row.number: row for row in rows_of(replayed)}

    def collect(effects: list[UsageEffect]) -> None:
        rows.update({one.number: one for one in effects if isinstance(one, LedgerRow)})
        assert audit(rows.values(), usage.balance(now)) == []

    collect(usage.advance(now))
    known = list(granted(replayed))
    for answer in known:
        again = usage.take(consumption(answer["reference"], now, event_id=f"again-{answer['reference']}"), now)
        assert again.answer.outcome == "already"
    collect(usage.change(EntitlementAmended(event_id="e-1", cap=1_000, **WHO), now)[1])
    taken = usage.take(consumption("one more", now), now)
    assert taken.answer.outcome == "granted"
    collect(taken.effects)
    collect(usage.change(UsageAdjusted(event_id="e-2", amount=2, **WHO), now)[1])
    collect(usage.change(EntitlementCancelled(event_id="e-3", at=now + timedelta(days=1), **WHO), now)[1])
    now += timedelta(days=2)
    collect(usage.advance(now))
    assert usage.status(now) == "cancelled"
    assert usage.take(consumption("too late", now), now).answer.outcome == "refused"

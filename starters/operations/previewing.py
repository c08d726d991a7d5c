"""The preview of a migration: what it would do to each running case that it is about, from the store alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from activities.planning import Planner
from domain.messages.migrations import CaseSelection, Versions
from domain.timeline.machine import Timeline
from domain.timeline.preview import CasePreview, preview
from store import Store
from store.cases.values import StoredCase

_AT_ONCE = 100


def clock_of(case: StoredCase) -> datetime:
    """What the case's own clock says now."""
    return datetime.now(UTC) + case.carried.ahead


def count(store: Store, selection: CaseSelection) -> int:
    """How many cases a migration would be about."""
    return store.running.count_outdated(selection, selection.goals(store.catalog.versions()))


def previews(
    store: Store, selection: CaseSelection, *, now: Callable[[StoredCase], datetime] = clock_of
) -> Iterator[CasePreview]:
    """What a migration would do to each case that it is about, in the order of their ids.

    Args:
        store: where the records are; a `Prospect` for a catalog that is not applied yet.
        selection: which cases; as `store.running.checked` gives it.
        now: the instant at which a case would be migrated, by its own clock.
    """
    planner = Planner(store)
    goals, after = selection.goals(store.catalog.versions()), ""
    while page := store.running.outdated(selection, goals, after=after, limit=_AT_ONCE):
        for case in store.running.stored([outdated.case_id for outdated in page]):
            yield preview_case(planner, case, goals, now(case))
        after = page[-1].case_id


def preview_case(planner: Planner, case: StoredCase, goals: Versions, now: datetime) -> CasePreview:
    """What a migration at `now` would do to a case as it was recorded."""
    timeline = Timeline(case.carried.plan, case.carried.state)
    now = max(now.astimezone(UTC).replace(microsecond=0), timeline.state.last_at)
    version = goals.processes.get(case.view.process or "")
    return preview(
        timeline,
        lambda standing: planner.migrated(standing.plan, standing.earliest, now, version),
        now,
        further=planner.further,
    )

"""Reports of random cases that workflows recorded, held against the slow timeline and against their events.

The slow timeline is walked here as `random_cases` walks the fast one: it was written without having seen that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from domain.criteria.fields import check_values
from domain.feed.envelope import FeedEvent
from domain.timeline.events import CaseReopened
from store import Store
from tests.domain.timeline.test_model import FIELDS
from tests.models.both_timelines import Opening, SlowTimeline
from tests.models.slow_reports import told_outcomes, worked_out
from tests.models.specified.slow_timeline import RefusedError
from tests.models.told_story import told_slowly
from tests.reported import reported
from tests.workflows.random_cases import SHORT_OF_IT, Happening, RandomCase, usual_calendars

KINDS = (
    *("fields_changed", "clock_stopped", "clock_resumed", "reopened", "migrated", "closed"),
    *("milestone.completed", "milestone.violated", "milestone.removed", "milestone.extended", "milestone.cleared"),
    *("milestone.paused", "milestone.resumed", "milestone.target_moved"),
)
RARE = ("milestone.corrected", "milestone.warned", "milestone.returned", "milestone.scheduled")
"""Events that some of the cases have to have, of hundreds the rare ones too: or little was looked at."""

MANY = 200

HOLDERS = ("group", "p")
"""Fields among whose values the time of a case is divided."""


def assert_reported(cases: Sequence[RandomCase], case_ids: Sequence[str], store: Store) -> None:
    """Reports say of every case what the slow timeline says, number by number, and count what its events come to.

    Args:
        cases: which have ended, each of an account of its own whose id is that of the case.
        case_ids: of each.
        store: in which their workflows recorded them.
    """
    said = [line for case, case_id in zip(cases, case_ids, strict=True) for line in _differences(case, case_id, store)]
    assert not said, "\n".join(said)
    audited = {one.case_id: one.discrepancies for one in store.reports.audit() if one.discrepancies}
    assert audited == {}
    told = {event.type for case_id in case_ids for event in _events(store, case_id)}
    wanted = KINDS if len(cases) < MANY else (*KINDS, *RARE)
    assert {f"milepost.case.{kind}.v1" for kind in wanted} <= told


def _differences(case: RandomCase, case_id: str, store: Store) -> Iterator[str]:
    opening = Opening(
        case.process, usual_calendars(), case.hours, check_values(case.fields, FIELDS), case.opened_at, FIELDS
    )
    slow, now = _walked(opening, case.happenings), case.happenings[-1].arrives_at
    events = _events(store, case_id)
    there, expected = reported(store, case_id, now, HOLDERS), worked_out(opening, slow, events, now, HOLDERS)
    for name, ours, theirs in zip(there._fields, there, expected, strict=True):
        if ours != theirs:
            yield f"{case_id}: {name} are reported as {ours}, and are {theirs}"
    retold = told_slowly(opening, events, case.plans)
    retold.advance(now)
    expected = worked_out(opening, retold, events, now, HOLDERS)
    for name, ours, theirs in zip(there._fields, there, expected, strict=True):
        if ours != theirs:
            yield f"{case_id}: {name} are reported as {ours}, and the feed alone comes to {theirs}"
    if there.outcomes != (told := told_outcomes(opening, events, slow)):
        yield f"{case_id}: outcomes are reported as {there.outcomes}, and events come to {told}"


def _events(store: Store, case_id: str) -> list[FeedEvent]:
    return store.feed.read(subject=f"case/{case_id}").events


def _walked(opening: Opening, happenings: Sequence[Happening]) -> SlowTimeline:
    slow = SlowTimeline(opening)
    slow.advance(opening.at)
    for happening in happenings:
        at, event, is_closed = happening.arrives_at, happening.event, bool(slow.model.closed)
        if isinstance(event, CaseReopened) is not is_closed:
            continue  # refused: it is not closed, or its workflow has ended
        if is_closed:
            slow.apply(event, at)
            slow.advance(at)  # the clock of the new run starts at its very instant
            continue
        slow.advance(at - SHORT_OF_IT)
        for _ in range(2 if happening.way == "twice" else 1):
            with suppress(RefusedError):
                slow.apply(event, at - SHORT_OF_IT)
    return slow

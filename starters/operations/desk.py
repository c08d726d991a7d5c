"""What lies on the desk: the open cases, each with what of it is due first and the time that is left for it."""

from __future__ import annotations

import contextlib
from datetime import datetime

from domain.criteria.fields import nearest
from domain.errors import NotFound
from domain.frozen import HorizonExceeded
from domain.timeline.instances import InstanceState
from store import Store
from store.cases.listing import CaseClocks, CaseFilter, ListedCase

COUNTED = 1000
"""No list is counted further than this, or than what is shown of it."""


class CaseOnDesk(ListedCase):
    """A case of a list, as it stands now by its last record.

    Attributes:
        due_state: of the milestone that is due first; None: nothing is due.
        left_seconds: open seconds to its target, negative when it is overdue; while its clock stands they stay.
    """

    due_state: InstanceState | None = None
    left_seconds: int | None = None


class Desk:
    """Lists open cases by the store alone.

    Args:
        store: where they are recorded.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def cases(self, which: CaseFilter, *, now: datetime, limit: int) -> tuple[list[CaseOnDesk], int]:
        """The first cases of a list, and how many it has in all; one more than `COUNTED`, if there are more.

        Args:
            which: cases are asked for; its milestone in any case of letters.
            now: at which they are looked at.
            limit: at most so many.

        Raises:
            NotFound: no open case has such a milestone.
        """
        if which.milestone is not None:
            which = which.model_copy(update={"milestone": self._milestone(which.milestone)})
        page = self._store.listing.page(which, limit=limit)
        clocks = self._store.listing.clocks([case.case_id for case in page.cases])
        cases = [_on_desk(case, clocks.get(case.case_id), now) for case in page.cases]
        if page.end is None:
            return cases, len(cases)
        return cases, self._store.listing.count(which, up_to=max(limit, COUNTED) + 1)

    def _milestone(self, name: str) -> str:
        names = self._store.listing.milestone_names()
        found = next((one for one in names if one == name), None)
        found = found or next((one for one in names if one.casefold() == name.casefold()), None)
        if found is None and names:
            raise NotFound(f"no open case has a milestone {name!r}; {nearest(name, names)}")
        return found or name


def _on_desk(case: ListedCase, clocks: CaseClocks | None, now: datetime) -> CaseOnDesk:
    known = case.model_dump()
    if clocks is None or case.due_at is None:
        return CaseOnDesk(**known)
    now, calendars = max(now + clocks.ahead, clocks.state.last_at), clocks.plan.calendars
    for instance in clocks.state.instances:
        if instance.milestone != case.due_milestone or not instance.is_open:
            continue
        with contextlib.suppress(HorizonExceeded):
            if instance.target_at(calendars) == case.due_at:
                calendar = calendars[instance.term.business_hours]
                left = calendar.elapsed(instance.stands_at(now), case.due_at)
                return CaseOnDesk(**known, due_state=instance.state(now), left_seconds=left)
    return CaseOnDesk(**known)

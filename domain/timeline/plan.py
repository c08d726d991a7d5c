"""The plan of a case: everything its timeline depends on, as data that travels with the case.

A running case reads no catalog, no time-zone database and no holiday package. What it needs of them was put into its
plan when it was opened.
"""

from __future__ import annotations

import operator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.criteria.fields import FieldType
from domain.frozen import FrozenCalendar
from domain.process import EntitlementProcess, Milestone

RULES = 8
"""The version of the rules in `domain` under which cases are opened now. A case keeps the one that its plan names."""

CORNERS = 2
"""The version since which a completion counts for its own stay where each stay begins anew, a violation of the very
second of a change is judged with that, and what a migration kept behind a completion waits again for what it follows.
Of cases that were opened before, histories may have it otherwise."""

SAYS_WHO = 3
"""The version since which notes of entry and exit have the case as their subject. Histories of before have them to the
letter."""

LATE_NEWS = 3
"""The version since which late news of a completion is judged by what was on record at its own time also where a change
has put it on record since, with a target that lies further back."""

AS_BEFORE = 4
"""The version since which what a migration removes before its target is counted as the promise that it was, or none,
whatever the new version declares: as what it completes is."""

KEEPS_CLEARED = 5
"""The version since which an instance keeps what a completion had been that somebody took back."""

TOLD = 5
"""The version since which taking a completion back also tells of what came about behind it: that an instance was
removed, or that a later one was violated. Histories of before have no notes of these."""

BOUNDS_INSTANTS = 6
"""The version since which the instant of a field lies in the years in which something may be promised."""

SETS_CORNERS_RIGHT = 7
"""The version since which these are right at the corners: migrations, late news of a stay that was handed over, spans
that are carried or held back, waits for an entry, instants before the calendars begin, notes of what was cleared."""

AT_ITS_START = 8
"""The version since which what was scheduled and is complete as it starts is in time, as what starts at once is."""

PLAIN_NOTES = 8
"""The version since which notes write an extension, and since when something is already so, as other notes do."""

STAYS_SMALL = 8
"""The version since which the state of a case keeps of what is large little more than tells it apart: of a value of
`restart_on` its beginning and a digest, of the extensions of an instance at most so many. Since then, too, what the
criteria of a process cost decides how many steps a workflow task takes."""


class Plan(BaseModel):
    """The process of a case, its frozen calendars, and what its criteria see of entitlement and account.

    Attributes:
        rules: the version of the rules that this case runs under.
        process: None for a case that no process covers; it has no milestones.
        business_hours: the calendar of milestones that name none and whose process names none: that of the case, of its
            entitlement, or the organisation's default, as `business_hours_of` says.
        calendars: by the names that the process and `business_hours` use.
        calendar_versions: which version of each calendar was frozen, so that its horizon can be extended. A calendar
            that was edited since stands here under two names, while something is still counted by the old one.
        fields: the declared fields of a case, with their types.
        values: of those of which they are listed, as they were when the case was opened.
        entitlement: as it stood when the case took it.
        account: as it stood then.
        contact: who asked for help, by their id; None: nobody was named.
        criteria_ms: what the criteria of the process take at most, all together, as was estimated when the plan was
            made; not written where that is less than one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: int = RULES
    process: EntitlementProcess | None = None
    business_hours: str
    business_hours_of: Literal["case", "entitlement", "organisation"] = "organisation"
    calendars: dict[str, FrozenCalendar]
    calendar_versions: dict[str, int] = Field(default_factory=dict)
    fields: dict[str, FieldType] = Field(default_factory=dict)
    values: dict[str, list[str | int]] = Field(default_factory=dict, exclude_if=operator.not_)
    entitlement: dict[str, Any] | None = None
    account: dict[str, Any] | None = None
    contact: str | None = Field(default=None, exclude_if=operator.not_)
    criteria_ms: int = Field(default=0, exclude_if=operator.not_)

    def milestone(self, name: str) -> Milestone:
        """The declaration of a milestone that the process has.

        Raises:
            KeyError: it has none of that name.
        """
        found = self.process.milestone(name) if self.process else None
        if found is None:
            raise KeyError(name)
        return found

"""What an explanation says, as values: JSON for programs, and what `domain.explanation.text` puts into words.

Every instant of a milestone is on the wall clock of its calendar: its UTC offset is part of it, so that it names the
local time and the instant in UTC at once. Seconds are open seconds of that calendar, unless their name says otherwise.
"""

from __future__ import annotations

import operator
from typing import Literal

from pydantic import AwareDatetime, Field

from domain.errors import Refused
from domain.explanation.sum_parts import ExtensionExplained, PauseExplained, Reckoning
from domain.model import Value
from domain.open_time.windows import Week
from domain.process import TriggerKind
from domain.timeline.instances import InstanceState

NamedBy = Literal["row", "milestone", "process", "case", "entitlement", "organisation", "earlier"]
StartKind = Literal[
    "opened",
    "field",
    "entitlement",
    "entry",
    "criteria",
    "after",
    "reentry",
    "completed",
    "target",
    "restart",
    "complete",
    "handed over",
    "earlier",
]
RemovedBecause = Literal["criteria", "handed over", "taken back", "cleared", "deadline", "version"]
ChangeKind = Literal["retroactive", "restart", "carry", "migration", "kept", "start", "deadline"]
LateBecause = Literal["paused", "started", "moved", "late news"]
TriggerStanding = Literal[
    "fired",
    "fired, not again",
    "to come",
    "waits",
    "due",
    "ended first",
    "paused then",
    "skipped",
    "no target ahead",
    "not completed",
]
Because = Literal["not entered", "left", "after", "deadline", "criteria", "complete", "not yet"]


# --- what was chosen, and why ---


class CalendarChoice(Value):
    """The calendar, and who names it.

    Attributes:
        named_by: `earlier` if neither the process as the case has it now nor its defaults name it.
        row: which row of the span table names it.
        zone_is_utc: whether its wall clock is UTC's at every instant of its horizon.
    """

    name: str
    time_zone: str
    zone_is_utc: bool
    week: Week
    named_by: NamedBy
    row: int | None = None
    known_until: AwareDatetime


class StartReason(Value):
    """What the start of an instance follows.

    Attributes:
        kind: the case was `opened`; a `field` of it names the entry; it went over to another `entitlement`; it came
            into the process (`entry`); the `criteria` became true; another milestone was completed (`after`); the case
            came back into the process (`reentry`); the occurrence before was `completed`, or, for a sequential one, its
            `target` came; the span changed and began afresh (`restart`); its rule completed it as it started and took
            that back (`complete`); a field of `restart_on` changed (`handed over`); `earlier`: a process that the case
            has left.
        milestone: the one that it comes after.
        occurrence: the one that it follows.
        field: the one that names the entry.
        opens_at: the next opening, if it starts outside open time.
    """

    at: AwareDatetime
    kind: StartKind
    milestone: str | None = None
    occurrence: int | None = None
    field: str | None = None
    criteria: str = ""
    opens_at: AwareDatetime | None = None


class PassedRow(Value):
    """A row of a span table whose criteria were not true."""

    row: int
    criteria: str
    error: str | None = None


class SpanChoice(Value):
    """The span that counts, and the row of the table that gives it.

    Attributes:
        span: as it was declared (``4h``, ``2bd``, ``by due_at``).
        deadline_of: the field whose instant is the target; None of a span.
        cutoff: the local time from which on a start counts from the opening of the next open date.
        is_moved: its local time (``1bd 16:00``) lies outside the windows of its date, and was moved into them.
        is_of_next_date: its local time left no open time after the start on that date, so that it is of the next one.
        row: None if the table has one row only, or the span comes from an earlier declaration.
        passed: the rows before it.
    """

    span: str
    nominal_seconds: int
    deadline_of: str | None = Field(default=None, exclude_if=operator.not_)
    cutoff: str | None = Field(default=None, exclude_if=operator.not_)
    is_moved: bool = Field(default=False, exclude_if=operator.not_)
    is_of_next_date: bool = Field(default=False, exclude_if=operator.not_)
    row: int | None = None
    criteria: str = ""
    passed: list[PassedRow] = Field(default_factory=list)


class SpanChange(Value):
    """A change of span, calendar, start or deadline, and what it did to the target.

    Attributes:
        kind: `retroactive`, `restart` or `carry` as the milestone's `on_change` says; `migration`; `kept`: a migration
            left it as it was, since it was violated; `start`: what the start follows moved; `deadline`: the field
            changed.
        used_seconds: what was used up of the span before, of `of_seconds`; with `carry`.
        left_seconds: what was left of the new span then; with `carry`.
        counts: whether it came before the end of the instance; one that came after moves nothing.
    """

    at: AwareDatetime
    kind: ChangeKind
    span_before: str
    span: str
    business_hours_before: str
    business_hours: str
    start_at: AwareDatetime
    target_before: AwareDatetime | None
    target_after: AwareDatetime | None
    used_seconds: int | None = None
    of_seconds: int | None = None
    left_seconds: int | None = None
    counts: bool = True


# --- what became of it ---


class ViolationExplained(Value):
    """A target that was missed."""

    violated_at: AwareDatetime
    noticed_at: AwareDatetime
    corrected_at: AwareDatetime | None = None
    correction: str | None = None


class ClearedExplained(Value):
    """A completion that was taken back by hand.

    Attributes:
        at: when it was taken back.
        by: who took it back.
        completed_at: when it had been completed; `completed_by` says by whom.
        violated: it had been late.
    """

    at: AwareDatetime
    by: str | None
    reason: str | None
    completed_at: AwareDatetime
    completed_by: str | None
    violated: bool


class Outcome(Value):
    """Where the instance stands against its target.

    Attributes:
        state_at: when it was completed, removed or left open at exit, or else the effective now.
        margin_seconds: open time to the target from `state_at`, or, of one that was ended while it was paused, from the
            beginning of the pause to the target of then; negative after it.
        margin_wall_seconds: the same by the wall clock.
        violated: by the rule of `MilestoneInstance.is_violated`.
        promise: false: its target is none, and passing it is no violation.
        removed_because: of a removed one: its `criteria` turned false; a field of `restart_on` changed (`handed over`);
            the completion it followed was `taken back`, or that of the occurrence before `cleared`; its `deadline` was
            emptied; a new `version` lacks it.
        cleared: completions that were taken back by hand, the newest ten.
        removed_name: the milestone whose completion was taken back, or the field of the deadline.
    """

    state: InstanceState
    state_at: AwareDatetime
    completed_by: str | None = None
    violated: bool
    promise: bool = Field(default=True, exclude_if=operator.truth)
    removed_because: RemovedBecause | None = Field(default=None, exclude_if=operator.not_)
    removed_name: str | None = Field(default=None, exclude_if=operator.not_)
    margin_seconds: int | None
    margin_wall_seconds: int | None
    elapsed_seconds: int | None
    paused_seconds: int | None
    actual_seconds: int | None
    violations: list[ViolationExplained] = Field(default_factory=list)
    cleared: list[ClearedExplained] = Field(default_factory=list, exclude_if=operator.not_)


class FiringExplained(Value):
    """A trigger fired.

    Attributes:
        late_because: why not when it was due: the clock stood (`paused`), the instance `started` later, its target
            `moved`, or an older event was applied by then (`late news`).
    """

    due_at: AwareDatetime
    at: AwareDatetime
    late_because: LateBecause | None = None


class TriggerExplained(Value):
    """A trigger: when it fired, or why it did not.

    Attributes:
        offset: as it was declared (``75%``, ``1h``, ``0``).
        due_at: by the target as it is now; None of a success trigger, or past the horizon.
        standing: `fired`; `fired, not again`: the target moved past the firing, and it does not rearm; `to come`;
            `waits`: nothing fires while its instance is paused; `due`: the engine has not got to it; `ended first`: the
            instance ended before it, or at its instant; `paused then`: the instance was ended while the clock stood;
            `skipped`: past at the start or move, and `late` is skip; `no target ahead`: past, and so was the target;
            `not completed`.
    """

    trigger: str
    kind: TriggerKind
    offset: str
    due_at: AwareDatetime | None
    fired: list[FiringExplained]
    standing: TriggerStanding


class VerdictExplained(Value):
    """What a criterion came to from an instant on."""

    at: AwareDatetime
    holds: bool
    error: str | None = None


class CriterionHistory(Value):
    """A criterion, and when it was true or false, as often as it was evaluated.

    Attributes:
        rule: `when`, `row 1`, `complete_when`, `pause_when`, `exit_when`.
        criteria: its source; empty if the process that the case has now does not have it.
    """

    rule: str
    criteria: str
    verdicts: list[VerdictExplained]


# --- all of it ---


class InstanceExplained(Value):
    """One milestone instance, from its calendar to what became of it."""

    milestone: str
    occurrence: int
    process: str
    calendar: CalendarChoice
    start: StartReason
    span: SpanChoice
    changes: list[SpanChange]
    pauses: list[PauseExplained]
    extensions: list[ExtensionExplained]
    reckoning: Reckoning
    outcome: Outcome
    triggers: list[TriggerExplained]
    criteria: list[CriterionHistory]


class NotStarted(Value):
    """A milestone of the process that has no instance, and why.

    Attributes:
        because: the process is `not entered`, or was `left`; the milestone that it comes `after` is not completed; the
            field of its `deadline` is not set; its `criteria` are not true; it recurs, and is `complete` by its rule
            before it starts; or `not yet`, which the next event settles.
        name: of the field or milestone that it waits for.
        entered_at: when the process will be entered, if its entry names an instant ahead.
    """

    milestone: str
    because: Because
    name: str | None = None
    entered_at: AwareDatetime | None = Field(default=None, exclude_if=operator.not_)
    criteria: list[CriterionHistory] = Field(default_factory=list)


class MoreExplained(Value):
    """Instances of a milestone that an explanation leaves out: older ones, which the store has.

    Attributes:
        occurrences: how many they are.
        last: the highest of their numbers.
    """

    process: str
    milestone: str
    occurrences: int
    last: int
    where: Literal["store"] = "store"


class Explanation(Value):
    """A case's targets, each with what it is made of.

    Instants of the case itself are on the wall clock of its process's calendar, or else of its default one.

    Attributes:
        external_id: the id of another system that the case's was made of; not written where there is none.
        more: of each milestone that has more instances than are explained.
    """

    case_id: str
    external_id: str | None = Field(default=None, exclude_if=operator.not_)
    now: AwareDatetime
    opened_at: AwareDatetime
    closed_at: AwareDatetime | None
    process: str | None
    process_version: int | None
    entered_at: AwareDatetime | None
    exited_at: AwareDatetime | None
    exit_when: CriterionHistory | None = None
    instances: list[InstanceExplained] = Field(default_factory=list)
    more: list[MoreExplained] = Field(default_factory=list, exclude_if=operator.not_)
    not_started: list[NotStarted] = Field(default_factory=list)

    def of(self, milestone: str | None) -> Explanation:
        """The part about one milestone, by its name in any case of letters; all of it for None.

        Raises:
            Refused: there is no milestone of that name.
        """
        if milestone is None:
            return self
        names = list(dict.fromkeys([*(i.milestone for i in self.instances), *(n.milestone for n in self.not_started)]))
        if milestone not in names:
            alike = [name for name in names if name.casefold() == milestone.casefold()]
            if len(alike) == 1:
                return self.of(alike[0])
            known = f"it has: {', '.join(names)}" if names else "it has none"
            raise Refused("unknown_milestone", f"unknown milestone {milestone!r} of case {self.case_id}; {known}")
        return self.model_copy(
            update={
                "instances": [part for part in self.instances if part.milestone == milestone],
                "more": [part for part in self.more if part.milestone == milestone],
                "not_started": [part for part in self.not_started if part.milestone == milestone],
            }
        )

"""Entitlement processes: what an organisation promises, milestone by milestone.

A process is a declaration. It is checked when it is applied to the catalog, never when a case runs: a case that holds a
process may rely on every rule that is checked here.
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from domain.errors import Contradiction
from domain.spans import Offset, Span

MOST_TRIGGERS = 10
"""Triggers that a milestone may have, over warning, violation and success together."""

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S")]
Criteria = Annotated[str, Field(max_length=4000)]


class _Declaration(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def slug(name: str) -> str:
    """`name` as an id that is safe in URLs and mail headers: ``First response`` is ``first-response``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"


# --- actions ---


class _Action(_Declaration):
    id: str = Field(default="", pattern=r"^[A-Za-z0-9_-]*$", max_length=60)


class Email(_Action):
    """A mail. `to`, `subject` and `body` are templates."""

    do: Literal["email"]
    to: list[str] = Field(min_length=1)
    subject: str
    body: str = ""

    @field_validator("to", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class Task(_Action):
    """A task for somebody. `subject`, `assign_to` and `body` are templates."""

    do: Literal["task"]
    subject: str
    assign_to: str = ""
    body: str = ""


class FieldUpdate(_Action):
    """A new value for a field of the case, at the instant at which its trigger was due."""

    do: Literal["field_update"]
    field: str
    value: Any


Action = Annotated[Email | Task | FieldUpdate, Field(discriminator="do")]


# --- triggers ---


class TriggerKind(StrEnum):
    """When in the life of a milestone a trigger fires."""

    WARNING = "warning"
    VIOLATION = "violation"
    SUCCESS = "success"


class Trigger(_Declaration):
    """One moment of a milestone, and what is done then.

    Attributes:
        kind: warning (before the target), violation (at or after it), success (on completion).
        at: for a warning a span before the target (``60m``) or a percentage of the span (``75%``), for a violation a
            span after the target (``0`` is at it), nothing for success. Offsets are open time of the milestone's
            calendar.
        late: a warning whose time is past when its instance starts fires at once, or is skipped.
        rearm: fires again when the target moved past the last firing.
        id: part of every effect's key; made from kind and offset when left out.
    """

    kind: TriggerKind
    at: str = ""
    late: Literal["fire", "skip"] = "fire"
    rearm: bool = False
    id: str = Field(default="", pattern=r"^[A-Za-z0-9_-]*$", max_length=60)
    actions: list[Action] = Field(default_factory=list)

    _percent: Fraction | None = PrivateAttr(None)
    _seconds: int = PrivateAttr(0)

    @field_validator("at", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _check_offset(self) -> Trigger:
        match self.kind:
            case TriggerKind.SUCCESS:
                if self.at or self.late != "fire" or self.rearm:
                    raise ValueError("a success trigger fires on completion, once; it takes no at, late or rearm")
            case TriggerKind.WARNING:
                if not self.at:
                    raise ValueError("a warning needs at: a span before the target ('60m') or a percentage ('75%')")
                if self.at.endswith("%"):
                    self._percent = _percentage(self.at)
                else:
                    self._seconds = Offset.parse(self.at).seconds
                    if self._seconds == 0:
                        raise ValueError("a warning of 0 is no warning; for the target itself use a violation trigger")
            case TriggerKind.VIOLATION:
                if self.at.endswith("%"):
                    raise ValueError(f"a violation takes a span after the target, not {self.at!r}: '0' or '60m'")
                if self.late != "fire":
                    raise ValueError("late is for warnings")
                self._seconds = Offset.parse(self.at or "0").seconds
        return self

    def before_target(self, span_seconds: int) -> int:
        """Open seconds from a warning to the target of an instance with this span.

        A percentage says how much of the span is used when it fires: 75% of 240 minutes is 60 minutes before.
        """
        if self._percent is None:
            return self._seconds
        return int(span_seconds * (1 - self._percent))

    @property
    def after_target(self) -> int:
        """Open seconds from the target to a violation trigger."""
        return self._seconds

    @property
    def is_percentage(self) -> bool:
        """Whether its time is a part of the span, so that it needs one."""
        return self._percent is not None


def _percentage(text: str) -> Fraction:
    try:
        value = Fraction(text.removesuffix("%").strip())
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{text!r} is no percentage; write, for example, '75%'") from None
    value /= 100
    if not 0 < value <= 1:
        raise ValueError(f"a percentage of the span is over 0% and at most 100%, not {text}")
    return value


# --- milestones ---


class SpanRow(_Declaration):
    """A row of a span table: the first whose criteria hold gives the span and, if it names one, the calendar."""

    when: Criteria = ""
    span: Span
    business_hours: str | None = None


class Recurrence(StrEnum):
    """Whether a completed milestone comes again."""

    NONE = "none"
    INDEPENDENT = "independent"
    SEQUENTIAL = "sequential"


class OnChange(StrEnum):
    """What a change of span or calendar does to a running instance."""

    RETROACTIVE = "retroactive"
    RESTART = "restart"
    CARRY = "carry"


class After(_Declaration):
    """The milestone starts when another one is completed."""

    after: Name


class Milestone(_Declaration):
    """One promise of a process: when it holds, how long it may take, and what happens on the way."""

    name: Name
    when: Criteria = ""
    starts: Literal["process", "criteria"] | After = "process"
    within: list[SpanRow] | None = None
    by: str | None = None
    business_hours: str | None = None
    recurrence: Recurrence = Recurrence.NONE
    complete_when: Criteria = ""
    pause_when: Criteria = ""
    on_change: OnChange = OnChange.RETROACTIVE
    on_reentry: Literal["keep", "restart"] = "keep"
    triggers: list[Trigger] = Field(default_factory=list)

    @field_validator("within", mode="before")
    @classmethod
    def _one_span_is_a_table_of_one_row(cls, value: Any) -> Any:
        return value if value is None or isinstance(value, list) else [{"span": value}]

    @model_validator(mode="before")
    @classmethod
    def _name_triggers(cls, value: Any) -> Any:
        """Give each trigger and action its id, so that keys stay the same when the process is stored and read again."""
        if not isinstance(value, dict) or not isinstance(value.get("triggers"), list):
            return value
        taken = {t.get("id") for t in value["triggers"] if isinstance(t, dict)}
        return {**value, "triggers": [_named(t, taken) for t in value["triggers"]]}

    @model_validator(mode="after")
    def _check(self) -> Milestone:
        if (self.within is None) == (self.by is None):
            raise ValueError(
                f"milestone {self.name!r} needs either within (a span) or by (a date-time field of the case)"
            )
        if len(self.triggers) > MOST_TRIGGERS:
            raise ValueError(
                f"milestone {self.name!r} has {len(self.triggers)} triggers; at most {MOST_TRIGGERS} are allowed, over "
                "warning, violation and success together. A trigger may hold several actions"
            )
        ids = [t.id for t in self.triggers]
        if twice := next((number for number, i in enumerate(ids) if i in ids[:number]), None):
            raise Contradiction(
                f"milestone {self.name!r} has two triggers with the id {ids[twice]!r}; give each an id of its own",
                "triggers",
                twice,
            )
        if self.recurs and self.starts != "criteria":
            where = "after another" if isinstance(self.starts, After) else "at the process"
            raise Contradiction(
                f"milestone {self.name!r} recurs and starts {where}; a recurring one starts with 'criteria'", "starts"
            )
        if self.within is not None:
            self._check_table(self.within)
        for number, trigger in enumerate(self.triggers):
            if self.within is None and trigger.is_percentage:
                raise Contradiction(
                    f"milestone {self.name!r} has its deadline by {self.by!r}, so there is no span to take a "
                    "percentage of; give its warnings as spans, such as '4h'",
                    "triggers",
                    number,
                )
        return self

    def _check_table(self, rows: list[SpanRow]) -> None:
        if not rows:
            raise Contradiction(
                f"milestone {self.name!r} has an empty span table; give at least a row {{span: 4h}}", "within"
            )
        if rows[-1].when:
            raise Contradiction(
                f"the span table of milestone {self.name!r} has no last row: end it with a row without criteria, for "
                "every case that none of the others matches",
                "within",
                len(rows) - 1,
            )
        for number, row in enumerate(rows[:-1], 1):
            if not row.when:
                raise Contradiction(
                    f"row {number} of the span table of milestone {self.name!r} has no criteria, so that no later "
                    "row is reached; give it a 'when', or move it to the end",
                    "within",
                    number - 1,
                )
        lengths = [row.span.seconds for row in rows]
        longest = None if None in lengths else max(s for s in lengths if s is not None)
        if longest is None:
            return
        for number, trigger in enumerate(self.triggers):
            if trigger.kind is TriggerKind.WARNING and trigger.before_target(longest) > longest:
                raise Contradiction(
                    f"the warning {trigger.at!r} of milestone {self.name!r} is longer than its longest span "
                    f"({timedelta(seconds=longest)}), so it would be due before the start; give less, or a percentage",
                    "triggers",
                    number,
                )

    @property
    def id(self) -> str:
        """Its part of an effect's key."""
        return slug(self.name)

    @property
    def predecessor(self) -> str | None:
        """The milestone after whose completion this one starts."""
        return self.starts.after if isinstance(self.starts, After) else None

    @property
    def recurs(self) -> bool:
        """Whether it comes again after it was completed."""
        return self.recurrence is not Recurrence.NONE


def _named(trigger: Any, taken: set[Any]) -> Any:
    if isinstance(trigger, Trigger):
        trigger = trigger.model_dump(mode="json")
    if not isinstance(trigger, dict):
        return trigger
    named = dict(trigger)
    if not named.get("id"):
        at = str(named.get("at", "")).replace("%", "-percent")
        base = "success" if named.get("kind") == "success" else slug(f"{named.get('kind')}-{at or '0'}")
        named["id"] = next(i for i in (base, *(f"{base}-{n}" for n in range(2, 99))) if i not in taken)
        taken.add(named["id"])
    actions = named.get("actions")
    if isinstance(actions, list):
        used = {a.get("id") for a in actions if isinstance(a, dict)}
        named["actions"] = [_named_action(a, used) for a in actions]
    return named


def _named_action(action: Any, taken: set[Any]) -> Any:
    if not isinstance(action, dict) or action.get("id"):
        return action
    base = slug(str(action.get("do", "action")))
    name = next(i for i in (base, *(f"{base}-{n}" for n in range(2, 99))) if i not in taken)
    taken.add(name)
    return {**action, "id": name}


# --- the process ---


class EntitlementProcess(_Declaration):
    """An ordered list of milestones under one name and version.

    Attributes:
        entry: ``opened_at``, or the name of a date-time field of the case at whose instant the process is entered.
        exit_when: criteria for leaving the process; a closed case always leaves it.
    """

    name: Name
    version: int = Field(default=1, ge=1)
    business_hours: str | None = None
    entry: str = "opened_at"
    exit_when: Criteria = ""
    milestones: list[Milestone] = Field(min_length=1)
    retired: bool = False

    @model_validator(mode="after")
    def _check(self) -> EntitlementProcess:
        named = {m.name: m for m in self.milestones}
        ids: dict[str, str] = {}
        for number, milestone in enumerate(self.milestones):
            if milestone.id in ids:
                raise Contradiction(
                    f"process {self.name!r} has two milestones named {milestone.name!r}; give each a name of its own"
                    if ids[milestone.id] == milestone.name
                    else f"milestones {ids[milestone.id]!r} and {milestone.name!r} of process {self.name!r} have the "
                    f"same id {milestone.id!r}; names differ by more than case and punctuation",
                    "milestones",
                    number,
                )
            ids[milestone.id] = milestone.name
        for number, milestone in enumerate(self.milestones):
            if problem := self._contradicted_start(milestone, named):
                raise Contradiction(problem, "milestones", number, "starts")
        return self

    def _contradicted_start(self, milestone: Milestone, named: dict[str, Milestone]) -> str | None:
        """Why a milestone can't start after the one that it names, if it can't."""
        if milestone.predecessor is None:
            return None
        before = named.get(milestone.predecessor)
        if before is None:
            return (
                f"milestone {milestone.name!r} starts after {milestone.predecessor!r}, which process {self.name!r} "
                f"does not have; it has: {', '.join(named)}"
            )
        if before.recurs:
            return f"milestone {milestone.name!r} starts after {before.name!r}, which recurs; name one that does not"
        path, above = [milestone.name], milestone
        while above.predecessor in named and above.name not in path[:-1]:
            above = named[above.predecessor]
            path.append(above.name)
        if above.name != milestone.name:  # each of a ring says so; who only leads into it does not
            return None
        return (
            f"milestones of process {self.name!r} wait for one another: {' after '.join(path)}; let one of "
            "them start at 'process' or 'criteria'"
        )

    @property
    def id(self) -> str:
        """Its part of an effect's key; the same for all its versions."""
        return slug(self.name)

    def milestone(self, name: str) -> Milestone | None:
        """The milestone of that name, if there is one."""
        return next((m for m in self.milestones if m.name == name), None)

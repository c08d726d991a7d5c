"""Milestones: what is promised, from when, within which time, and what completes or pauses it."""

from __future__ import annotations

import operator
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from domain.errors import Contradiction
from domain.model import Value
from domain.open_time.spans import Span
from domain.open_time.windows import clock_seconds
from domain.process.actions import slug
from domain.process.triggers import MOST_TRIGGERS, Trigger, TriggerKind, named
from domain.wording import span

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S")]
Criteria = Annotated[str, Field(max_length=4000)]


def _time_of_day(text: str) -> str:
    clock_seconds(text)
    return text


Cutoff = Annotated[str, AfterValidator(_time_of_day)]
"""A local time of day, ``HH:MM``."""


class SpanRow(Value):
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


class After(Value):
    """The milestone starts when another one is completed."""

    after: Name


class Milestone(Value):
    """One promise of a process: when it holds, how long it may take, and what happens on the way.

    Attributes:
        cutoff: after a start at or after this local time (``HH:MM``) of an open date, its span counts from the opening
            of the next open date.
        restart_on: fields of the case; when one of them changes, the running instance ends and another begins.
        when_undone: what follows when `complete_when` turns false again: the completion stays, or it is taken back and
            the time since was a pause.
        promise: false: passing the target is no violation.
    """

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
    cutoff: Cutoff | None = Field(default=None, exclude_if=operator.not_)
    restart_on: list[str] = Field(default_factory=list, exclude_if=operator.not_)
    when_undone: Literal["keep", "resume"] = Field(default="keep", exclude_if="keep".__eq__)
    promise: bool = Field(default=True, exclude_if=operator.truth)
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
        return {**value, "triggers": [named(t, taken) for t in value["triggers"]]}

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
        self._check_rules()
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

    def _check_rules(self) -> None:
        """Refuse rules that contradict how the milestone starts, ends or recurs."""
        if self.cutoff is not None and self.by is not None:
            raise Contradiction(
                f"milestone {self.name!r} has its deadline by {self.by!r}, whatever the time of its start; leave out "
                "the cutoff",
                "cutoff",
            )
        if self.restart_on and self.starts != "criteria":
            raise Contradiction(
                f"milestone {self.name!r} restarts on a field, so it needs starts: criteria", "restart_on"
            )
        if self.when_undone == "resume" and (self.recurs or not self.complete_when):
            why = "recurs; the next occurrence is what follows" if self.recurs else "has no complete_when to turn false"
            raise Contradiction(f"when_undone: resume is not for milestone {self.name!r}, which {why}", "when_undone")

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
                    f"({span(longest)}), so it would be due before the start; give less, or a percentage",
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
    def cutoff_seconds(self) -> int | None:
        """The cutoff in seconds since midnight."""
        return clock_seconds(self.cutoff) if self.cutoff else None

    @property
    def recurs(self) -> bool:
        """Whether it comes again after it was completed."""
        return self.recurrence is not Recurrence.NONE

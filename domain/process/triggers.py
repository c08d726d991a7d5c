"""The moments of a milestone at which something is done: warnings, violations and successes."""

from __future__ import annotations

import operator
from enum import StrEnum
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from domain.ids import PartId
from domain.model import Value
from domain.open_time.spans import Offset
from domain.process.actions import COMPLETED, Action, slug

_ALL = 100
"""Per cent."""

MOST_TRIGGERS = 10
"""Triggers that a milestone may have, over warning, violation and success together."""


class TriggerKind(StrEnum):
    """When in the life of a milestone a trigger fires."""

    WARNING = "warning"
    VIOLATION = "violation"
    SUCCESS = "success"


class Trigger(Value):
    """One moment of a milestone, and what is done then.

    Attributes:
        kind: warning (before the target), violation (at or after it), success (on completion).
        at: for a warning a span before the target (``60m``) or a percentage of the span (``75%``), for a violation a
            span after the target (``0`` is at it), nothing for success. Offsets are open time of the milestone's
            calendar.
        late: a warning whose time is past when its instance starts fires at once, or is skipped.
        rearm: fires again when the target moves and its new time is still ahead then; of success, with every completion
            instead of the first alone.
        hours: business hours for whose opening its mails wait that name no others; None: as the organisation says.
        id: part of every effect's key; made from kind and offset when left out.
    """

    kind: TriggerKind
    at: str = ""
    late: Literal["fire", "skip"] = "fire"
    rearm: bool = False
    id: PartId = ""
    hours: str | None = Field(default=None, min_length=1, max_length=80, exclude_if=operator.not_)
    actions: list[Action] = Field(default_factory=list)

    _left: tuple[int, int] | None = PrivateAttr(None)
    _seconds: int = PrivateAttr(0)

    @field_validator("at", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="before")
    @classmethod
    def _tell_its_mails(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not value.get("hours") or not isinstance(value.get("actions"), list):
            return value
        hours = value["hours"]
        actions = [
            {"hours": hours, **one} if isinstance(one, dict) and one.get("do") == "email" else one
            for one in value["actions"]
        ]
        return {**value, "actions": actions}

    @model_validator(mode="after")
    def _may_be_sent(self) -> Trigger:
        completed = [action for action in self.actions if getattr(action, "expires", None) == COMPLETED]
        if self.kind is TriggerKind.SUCCESS and completed:
            raise ValueError("a success fires on completion, and would expire at once; leave expires: completed out")
        return self

    @model_validator(mode="after")
    def _check_offset(self) -> Trigger:
        match self.kind:
            case TriggerKind.SUCCESS:
                if self.at or self.late != "fire":
                    raise ValueError("a success trigger fires on completion; it takes no at or late")
            case TriggerKind.WARNING:
                if not self.at:
                    raise ValueError("a warning needs at: a span before the target ('60m') or a percentage ('75%')")
                if self.at.endswith("%"):
                    self._left = (1 - _percentage(self.at)).as_integer_ratio()
                elif self.at.isascii() and self.at.isdigit() and 0 < int(self.at) <= _ALL:
                    forms = f"{self.at}m or {self.at}h before the target, or '{self.at}%' of a span"
                    raise ValueError(f"bad warning {self.at!r}: it has no unit; write {forms}")
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
        left = self._left
        if left is None:
            return self._seconds
        return span_seconds * left[0] // left[1]

    @property
    def after_target(self) -> int:
        """Open seconds from the target to a violation trigger."""
        return self._seconds

    @property
    def is_percentage(self) -> bool:
        """Whether its time is a part of the span, so that it needs one."""
        return self._left is not None


def _percentage(text: str) -> Fraction:
    try:
        value = Fraction(text.removesuffix("%").strip())
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{text!r} is no percentage; write, for example, '75%'") from None
    value /= 100
    if not 0 < value <= 1:
        raise ValueError(f"a percentage of the span is over 0% and at most 100%, not {text}")
    return value


def named(trigger: Any, taken: set[Any]) -> Any:
    """A declared trigger with ids for itself and its actions, where it gives none."""
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

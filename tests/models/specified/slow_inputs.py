# mypy: ignore-errors
"""What the slow timeline is told, as plain data: stand-ins for the engine's own processes and events.

Standard library only. The model asks objects for attributes by name (new ones with a default) and tells events apart by
the name of their class, so that the engine's own objects can be handed in as well. Instants are aware datetimes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple


# --- criteria: a small part of CEL, enough for tests (hand in the engine's own `evaluate` for the rest) ---------------


class Verdict(NamedTuple):
    holds: bool


class _Names:
    def __init__(self, names: dict[str, Any]) -> None:
        self.__dict__.update(names)


def evaluate(source: str, names: dict[str, Any]) -> Verdict:
    """§3: "An evaluation error at run time (a field that is not set) means false"."""
    text = source.replace("&&", " and ").replace("||", " or ")
    text = re.sub(r"!(?!=)", " not ", text)
    known: dict[str, Any] = {"true": True, "false": False, "null": None}
    known.update({name: _Names(value or {}) for name, value in names.items()})
    try:
        return Verdict(eval(text.strip(), {"__builtins__": {}}, known) is True)  # noqa: S307 - tests only
    except (AttributeError, NameError, TypeError):
        return Verdict(False)


# --- processes --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """`4h` (seconds), `2bd` (business_days), `2bd eod` (end_of_day), `1bd 16:00` (at)."""

    seconds: int | None = None
    business_days: int = 0
    end_of_day: bool = False
    at: str | None = None


def span(text: str) -> Span:
    """`90m`, `1h30m`, `2bd`, `eod`, `2bd eod`, `1bd 16:00`."""
    if text == "eod":
        return Span(end_of_day=True)
    days = re.fullmatch(r"(\d+)bd(?: (eod|\d\d:\d\d))?", text)
    if days:
        last = days[2]
        return Span(None, int(days[1]), last == "eod", last if last not in (None, "eod") else None)
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text)
    assert parts is not None and any(parts.groups()), text
    h, m, s = (int(part or 0) for part in parts.groups())
    return Span(3600 * h + 60 * m + s)


@dataclass(frozen=True)
class Row:
    span: Span
    when: str = ""
    business_hours: str | None = None


@dataclass(frozen=True)
class FieldUpdate:
    field: str
    value: Any


@dataclass(frozen=True)
class Trigger:
    """`offset`: seconds before the target of a warning, after it of a violation; or `percent` of the span."""

    id: str
    kind: str  # warning, violation, success
    offset: int = 0
    percent: int | None = None
    rearm: bool = False
    late: str = "fire"  # or skip
    actions: tuple[Any, ...] = ()

    @property
    def after_target(self) -> int:
        return self.offset

    def before_target(self, span_seconds: int) -> int:
        if self.percent is None:
            return self.offset
        return int(Fraction(span_seconds * (100 - self.percent), 100))


@dataclass(frozen=True)
class Milestone:
    name: str
    within: Any = None
    """A text (`4h`), a span, a list of rows, or None with `by`."""
    by: str | None = None
    starts: str = "process"
    after: str | None = None
    when: str = ""
    complete_when: str = ""
    pause_when: str = ""
    recurrence: str = "none"
    on_change: str = "retroactive"
    on_reentry: str = "keep"
    business_hours: str | None = None
    triggers: tuple[Trigger, ...] = ()
    restart_on: tuple[str, ...] = ()
    when_undone: str = "keep"
    promise: bool = True
    cutoff: str | None = None

    def __post_init__(self) -> None:
        within = span(self.within) if isinstance(self.within, str) else self.within
        object.__setattr__(self, "within", [Row(within)] if isinstance(within, Span) else within)

    @property
    def predecessor(self) -> str | None:
        return self.after


@dataclass(frozen=True)
class EntitlementProcess:
    milestones: list[Milestone]
    name: str = "process"
    entry: str = "opened_at"
    exit_when: str = ""
    business_hours: str | None = None


# --- events -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    event_id: str
    occurred_at: datetime


@dataclass(frozen=True)
class FieldsChanged(Event):
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ClockStopped(Event):
    milestone: str | None = None


@dataclass(frozen=True)
class ClockResumed(Event):
    milestone: str | None = None


@dataclass(frozen=True)
class CaseClosed(Event):
    pass


@dataclass(frozen=True)
class CaseReopened(Event):
    pass


@dataclass(frozen=True)
class MilestoneCompleted(Event):
    milestone: str = ""


@dataclass(frozen=True)
class CompletionCleared(Event):
    milestone: str = ""


@dataclass(frozen=True)
class MilestoneExtended(Event):
    milestone: str = ""
    open_seconds: int | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class CaseMigrated(Event):
    """§8: `milepost migrate`: the next version of the process, and edited calendars if there are any."""

    process: EntitlementProcess | None = None
    calendars: Any = None

"""What an explanation says of how a target comes out, as values: see `domain.explanation.parts`."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import AwareDatetime, Field

from domain.model import Value
from domain.open_time.windows import DayWindows

PauseCounts = Literal["counted", "open", "before", "after"]
Basis = Literal["start", "cutoff", "carried", "used up", "missed", "business days", "deadline"]


def _is_one(number: int) -> bool:
    return number == 1


class Cause(Value):
    """Why a clock stood: what, for how long, and who said so.

    Attributes:
        criteria: of `pause_when`.
    """

    kind: str
    from_at: AwareDatetime
    to_at: AwareDatetime | None = None
    by: str | None = None
    reason: str | None = None
    criteria: str = ""


class PauseExplained(Value):
    """A pause, and by how much it moves the target.

    Attributes:
        pauses: how many it stands for; more than one for the oldest of very many.
        until_at: up to where it counts: its end, the end of the instance, or now.
        open_seconds: the open time in it.
        closed_seconds: the rest of it, by the wall clock: that counts for nothing.
        moves_seconds: by how much it moves the target.
        counts: `counted`; `open`: it moves the target when it ends; `before`: before the time that is counted (the
            start, a restart, or a carried fraction, which has taken it into account); `after`: after the end.
    """

    from_at: AwareDatetime
    to_at: AwareDatetime | None
    until_at: AwareDatetime
    causes: list[Cause]
    open_seconds: int
    closed_seconds: int
    moves_seconds: int
    counts: PauseCounts
    pauses: int = Field(default=1, exclude_if=_is_one)


class ExtensionExplained(Value):
    """Open time that somebody added."""

    at: AwareDatetime
    open_seconds: int
    by: str | None = None
    reason: str | None = None
    counts: bool = True


class CountedWindow(Value):
    """Open time that was counted.

    Attributes:
        windows: of how many stretches; more than one stands for the middle of a long list.
        open_seconds: negative if it is counted backwards.
        running_seconds: the total so far.
    """

    from_at: AwareDatetime
    to_at: AwareDatetime
    windows: int = 1
    open_seconds: int
    running_seconds: int


class SpecialDate(Value):
    """A date in the stretch that has windows of its own: none on a holiday.

    Attributes:
        usual: the windows of that weekday.
    """

    date: date
    windows: DayWindows
    usual: DayWindows


class OffsetChange(Value):
    """The zone changed its clocks.

    Attributes:
        before: the wall clock until then, `after`: from then on; the same instant.
        day_seconds: how long that local day was; None of a day that was skipped.
    """

    before: AwareDatetime
    after: AwareDatetime
    date: date
    day_seconds: int | None


class Reckoning(Value):
    """The sum of which the target is the end.

    The target is where `total_seconds` of open time have passed since `from_at`. That is the sum of the three
    before it, and of the windows.

    Attributes:
        basis: what `from_at` is: the `start`; the opening after a `cutoff`; the instant at which a used part was
            `carried` over; that at which it was `used up`; the target `missed` before a carry; the instant that the
            `business days` give, or the field's `deadline`. From the last four only pauses and extensions are
            counted.
        span_seconds: what is left of the span at `from_at`; 0 if that is the span's end.
        business_days: the instants of a span that follows the calendar's days, one for each day, in order.
        business_day_numbers: which day each of them is; 0 is that of the start.
        target_at: None while it lies past the horizon of the calendar.
    """

    basis: Basis
    from_at: AwareDatetime
    span_seconds: int
    paused_seconds: int
    extended_seconds: int
    total_seconds: int
    business_days: list[AwareDatetime] = Field(default_factory=list)
    business_day_numbers: list[int] = Field(default_factory=list)
    windows: list[CountedWindow] = Field(default_factory=list)
    special_dates: list[SpecialDate] = Field(default_factory=list)
    offset_changes: list[OffsetChange] = Field(default_factory=list)
    target_at: AwareDatetime | None

"""Pictures of figures, as values: what is drawn, and what is written beside it; `activities.pictures` draws them.

Bars of shares go from 0 to 100 and say how many they stand for; others begin at 0 as well. In a trend every period has
its place, also one in which nothing lay. What a colour means is a tone, so that light and dark say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from pydantic import Field

from domain.model import Value
from domain.reports.compliance import Outcome

MOST_BARS = 40
"""Bars of one picture that lie one below the other; how many are left out is written below."""

MOST_PERIODS = 60
"""Columns of one trend: of more the last ones."""

MOST_FACETS = 8
"""Trends of one picture."""

LONGEST_LABEL = 60
"""Letters of a name in a picture; the table beside it has it whole."""


class Tone(StrEnum):
    """What a part of a bar means; each theme has a colour for it, and they differ in lightness too."""

    MET = "met"
    MET_LATE = "met late"
    VIOLATED = "violated"
    OPEN = "open"
    REMOVED = "removed"
    HANDED_OVER = "handed over"
    HANDED_OVER_LATE = "handed over late"
    PLAIN = "plain"
    OVER = "over"


TONES = {outcome: Tone(outcome.value) for outcome in Outcome}


class Part(Value):
    """A part of a bar: as long as its value."""

    tone: Tone
    name: str
    value: float = Field(ge=0)


class Bar(Value):
    """A bar, of parts one after the other. Without any it is an empty place.

    Attributes:
        label: of what: a group, or a period.
        facet: in a trend, whose; empty where there is one.
        figure: written beside it: ``92%``.
        of: how many it stands for, and what else is said of it: ``of 25``.
        is_all: it stands for all of them together.
    """

    label: str
    facet: str = ""
    parts: list[Part] = Field(default_factory=list)
    figure: str = ""
    of: str = ""
    is_all: bool = False


class Panel(Value):
    """Bars on one scale.

    Attributes:
        heading: what they are.
        axis: what their length is.
        is_share: from 0 to 100, per cent.
        is_trend: they stand side by side, one for each period.
        most: the end of the scale, if it is not that of the longest bar.
    """

    heading: str = ""
    axis: str
    is_share: bool = False
    is_trend: bool = False
    bars: list[Bar]
    most: float | None = None


class Picture(Value):
    """A picture.

    Attributes:
        title: the finding, in words: ``92% in time, worst: Globex 71%``.
        subtitle: what it is of.
        notes: what is counted, and what is left out.
        description: all of it in words, for who can't see it.
    """

    title: str
    subtitle: str
    panels: list[Panel]
    notes: list[str] = Field(default_factory=list)
    description: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(bar.parts for panel in self.panels for bar in panel.bars)


def short_label(text: str, most: int = LONGEST_LABEL) -> str:
    """A name as a picture has it: on one line, without what is not for the eye, and cut."""
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def last_periods(periods: Sequence[str], most: int = MOST_PERIODS) -> tuple[list[str], list[str]]:
    """The last periods, and a sentence on those that are left out, if any are."""
    if len(periods) <= most:
        return list(periods), []
    left = len(periods) - most
    return list(periods[-most:]), [f"The last {most} periods are drawn; {left} before them in the table."]

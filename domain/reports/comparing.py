"""The rows that reports are made from, as they are stored and as they are worked out anew: what differs, in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.bounds import quoted
from domain.timeline.views import MilestoneView
from domain.wording import numbered, span, stamp

Row = Mapping[str, Any]
"""A row by the names of its columns; it names the process, milestone and occurrence that it is of."""

_OF = ("process", "milestone", "occurrence")


@dataclass(frozen=True)
class Kind:
    """Rows of one kind.

    Attributes:
        figures: the columns that are compared, and what people call them.
        by: the columns by which those of one milestone instance are told apart.
        called: what one of them is called, after its milestone.
        leading: the figure that is named of a row that is missing.
    """

    figures: Mapping[str, str]
    by: tuple[str, ...] = ()
    called: Callable[[Row], str] = lambda _: ""
    leading: str = "open_seconds"

    def key(self, row: Row) -> tuple[Any, ...]:
        """What tells a row from all others of its case."""
        return tuple(row[name] for name in (*_OF, *self.by))


_SEEN = {
    "promise": "whether it is a promise",
    "business_hours": "the business hours",
    "start_at": "the start",
    "ended_at": "the end",
    "violations": "the number of violations",
    "corrected": "the number of corrected violations",
    "actual_seconds": "the open time",
    "response_seconds": "the response time",
    "paused_seconds": "the paused time",
    "ran_under": "what it ran under",
}

FOLDED_MEASURES = Kind(_SEEN)
"""What is compared of an instance that its case keeps no more: what needs no calendar, which may be another by now."""

MEASURES = Kind(
    {
        **_SEEN,
        "runs": "whether it runs",
        "measured_at": "the instant of its record",
        "target_at": "the target",
        "violated_after": "from when on it is violated",
        "span_seconds": "the span",
        "margin_seconds": "the margin",
        "overrun_seconds": "the overrun",
        "was_paused": "whether it was paused",
    }
)


def in_view(name: str) -> str:
    """What a figure of a view is called among those of a row."""
    return f"view.{name}"


def _pause(row: Row) -> str:
    return f", pause from {stamp(row['from_at'])}"


FOLDED_PAUSES = Kind({"to_at": "the end", "cause": "the cause"}, ("from_at",), _pause, leading="to_at")
PAUSES = Kind(
    {
        **FOLDED_PAUSES.figures,
        "goes_on": "whether it goes on",
        "business_hours": "the business hours",
        "open_seconds": "the open time",
        "left_seconds": "the time left",
    },
    ("from_at",),
    _pause,
)
HOLDINGS = Kind(
    {"open_seconds": "the open time", "is_last": "whether it held last"},
    ("field", "value"),
    lambda row: f", {row['field']} {quoted(row['value'])}",
)

LISTED = Kind(
    {
        "state": "the state",
        "start_at": "the start",
        "target_at": "the target",
        "completed_at": "the completion",
        "violated": "whether it is violated",
        "violated_at": "the last violation",
        "elapsed_seconds": "the time since the start",
        "paused_seconds": "the paused time",
        **{in_view(name): f"{name} of its view" for name in MilestoneView.model_fields},
    },
    called=lambda _: ", as listed",
    leading="state",
)
"""An instance as lists and a case that is closed show it, with the view that stands beside the columns."""


def differences(kind: Kind, stored: Iterable[Row], worked_out: Iterable[Row], *, both: bool = False) -> Iterator[str]:
    """What differs between rows, a line each, in the order of their keys.

    Args:
        kind: of the rows.
        stored: as reports read them.
        worked_out: as they should be.
        both: only of rows that there are on both sides; somebody else says which are missing.
    """
    found, expected = ({kind.key(row): row for row in rows} for rows in (stored, worked_out))
    for key in sorted({*found, *expected}):
        one, other = found.get(key), expected.get(key)
        if one is not None and other is not None:
            yield from _between(kind, one, other)
        elif not both:
            row = one or other or {}
            says = said(row[kind.leading])
            sides = (says, "nothing") if one else ("nothing", says)
            yield "{}: {} is stored, and {} is worked out".format(_named(kind, row), *sides)


def difference(kind: Kind, row: Row, what: str, stored: Any, worked_out: Any) -> str:
    """A line for one figure of a row."""
    return f"{_named(kind, row)}: {what} is {said(stored)} as stored, and {said(worked_out)} as worked out"


def said(value: Any) -> str:
    """A value of a row, as people read it. Spans are the numbers among them that a line is about."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case int():
            return span(value)
        case datetime():
            return stamp(value)
        case str():
            return quoted(value)
        case _:
            return quoted(json.dumps(value, ensure_ascii=False, sort_keys=True))


def _between(kind: Kind, stored: Row, worked_out: Row) -> Iterator[str]:
    for name, what in kind.figures.items():
        one, other = stored[name], worked_out[name]
        if one != other:
            if name in {"violations", "corrected"}:  # the only numbers that are no spans
                one, other = f"{one}", f"{other}"
            yield difference(kind, stored, what, one, other)


def _named(kind: Kind, row: Row) -> str:
    return numbered(row["milestone"], row["occurrence"]) + kind.called(row)

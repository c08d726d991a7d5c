"""What the event feed tells of a case, come to outcomes again: one event after the other, with nothing else at hand.

An event of a milestone names no process: it is of the one that the case had entered last, and a case that goes over to
another entitlement enters another one before anything of that begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from domain.feed.envelope import PREFIX, VERSION
from domain.process.actions import slug
from domain.reports.compliance import Outcome

Place = tuple[str, str, int]
"""A milestone instance of a case: process, milestone, occurrence."""

_HANDED_OVER = "handed over"
_SNAPSHOT = "case.snapshot"


@dataclass
class _Told:
    end: Outcome = Outcome.OPEN
    violations: int = 0

    @property
    def outcome(self) -> Outcome:
        late = self.violations > 0
        match self.end:
            case Outcome.MET:
                return Outcome.MET_LATE if late else Outcome.MET
            case Outcome.HANDED_OVER:
                return Outcome.HANDED_OVER_LATE if late else Outcome.HANDED_OVER
            case other:
                return Outcome.VIOLATED if late else other


class ToldChange(NamedTuple):
    """A change of fields that an event tells of.

    Attributes:
        values: the new ones and those before; None: the event was too long to have all of them.
    """

    at: datetime
    values: tuple[Mapping[str, Any], Mapping[str, Any]] | None


@dataclass
class Retold:
    """What the events of a case come to.

    Attributes:
        outcomes: of its milestone instances.
        changes: of its fields, in order.
    """

    outcomes: dict[Place, Outcome] = field(default_factory=dict)
    changes: list[ToldChange] = field(default_factory=list)


def retold(events: Iterable[tuple[str, datetime, Mapping[str, Any]]]) -> Retold | None:
    """What the events of a case come to, or None if the feed does not have all of them.

    Args:
        events: type, time and data of each, in their order, from the first that is kept.
    """
    told: dict[Place, _Told] = {}
    found = Retold()
    is_first, process = True, ""
    for type_, at, data in events:
        kind = type_.removeprefix(f"{PREFIX}.").removesuffix(f".{VERSION}")
        if kind == _SNAPSHOT or (is_first and kind != "case.opened"):
            return None
        is_first = False
        if kind == "case.entered":
            process = slug(str(data.get("process", "")))
        elif kind == "case.fields_changed" and data.get("fields"):
            found.changes.append(_change(at, data))
        elif kind.startswith("case.milestone."):
            _tell(told.setdefault((process, str(data["milestone"]), int(data["occurrence"])), _Told()), kind, data)
    found.outcomes = {place: one.outcome for place, one in told.items()}
    return None if is_first else found


def _change(at: datetime, data: Mapping[str, Any]) -> ToldChange:
    return ToldChange(at, None if "cut" in data else (data["fields"], data.get("before") or {}))


def _tell(told: _Told, kind: str, data: Mapping[str, Any]) -> None:
    match kind.rpartition(".")[2]:
        case "cleared" | "returned":
            told.end = Outcome.OPEN
        case "completed":
            told.end = Outcome.MET
        case "removed":
            told.end = Outcome.HANDED_OVER if data.get("why") == _HANDED_OVER else Outcome.REMOVED
        case "violated":
            told.violations += 1
        case "corrected":
            told.violations -= 1
        case _:
            pass

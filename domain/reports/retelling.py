"""What the event feed tells of a case, come to outcomes again: one event after the other, with nothing else at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.feed.envelope import PREFIX, VERSION
from domain.reports.compliance import Outcome

Key = tuple[str, int]
"""A milestone and its occurrence."""

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


def retold(events: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[Key, Outcome] | None:
    """What the events of a case come to, or None if the feed does not have all of them.

    Args:
        events: type and data of each, in their order, from the first that is kept.
    """
    found: dict[Key, _Told] = {}
    is_first = True
    for type_, data in events:
        kind = type_.removeprefix(f"{PREFIX}.").removesuffix(f".{VERSION}")
        if kind == _SNAPSHOT or (is_first and kind != "case.opened"):
            return None
        is_first = False
        if kind.startswith("case.milestone."):
            _tell(found, kind, data)
    return None if is_first else {key: told.outcome for key, told in found.items()}


def _tell(found: dict[Key, _Told], kind: str, data: Mapping[str, Any]) -> None:
    told = found.setdefault((str(data["milestone"]), int(data["occurrence"])), _Told())
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

"""The actions of what an entitlement counts: of its thresholds, and of the notices before its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from domain.catalog.declarations import Entitlement, EntitlementTemplate
from domain.catalog.problems import Path
from domain.process.actions import Action
from domain.process.templates import OF_A_NOTICE, OF_A_THRESHOLD, Sight


class CountActions(NamedTuple):
    """The actions of one threshold or notice: where they stand, and what their texts see."""

    path: Path
    sight: Sight
    actions: Sequence[Action]


def count_actions(declared: Entitlement | EntitlementTemplate) -> Iterator[CountActions]:
    """Those of each threshold, then of each notice."""
    for number, threshold in enumerate(declared.allowance.thresholds if declared.allowance else ()):
        yield CountActions(("allowance", "thresholds", number, "actions"), OF_A_THRESHOLD, threshold.actions)
    for number, notice in enumerate(declared.term_end.notices if declared.term_end else ()):
        yield CountActions(("term_end", "notices", number, "actions"), OF_A_NOTICE, notice.actions)

"""What the shell completes: ids of cases and entitlements, names of milestones. Nothing where there is no store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from store import Store

T = TypeVar("T")
_MOST = 100


def cases(incomplete: str) -> list[str]:
    """Open cases."""
    return _asked(lambda store: store.listing.open_ids(incomplete, _MOST))


def entitlements(incomplete: str) -> list[str]:
    """Entitlements that are declared and not retired."""
    return _asked(lambda store: store.entitlements.ids(incomplete, _MOST))


def milestones(context: typer.Context, incomplete: str) -> list[str]:
    """Milestones of the case that is named before; of all open cases, if none is. In any case of letters."""
    case = context.params.get("case")
    names = _asked(lambda store: _names(store, case))
    return [name for name in names if name.casefold().startswith(incomplete.casefold())]


def _names(store: Store, case: str | None) -> list[str]:
    if not case:
        return store.listing.milestone_names()
    process = store.cases.get(case).carried.plan.process
    return [milestone.name for milestone in process.milestones] if process else []


def _asked(question: Callable[[Store], list[str]]) -> list[str]:
    from starters.local.whereabouts import effective_settings
    from starters.operations.recorded import at_hand
    from worker.settings import SettingsError

    try:
        return at_hand(effective_settings().database, question) or []
    except SettingsError:
        return []

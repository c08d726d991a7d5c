"""What the shell completes: ids of cases and entitlements, names of milestones. Nothing where there is no store."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from store import Store

T = TypeVar("T")
_MOST = 100
_SPECIAL = re.compile(r"[^\w@%+=:,./~-]")
_QUOTES = ("'", '"')


class _Offered(str):
    """What is offered, though it does not begin to the letter as somebody typed it: Typer would keep it back."""

    __slots__ = ()

    def startswith(self, *_: object) -> bool:
        """It begins so, as the shell has it or in other capitals."""
        return True


def cases(incomplete: str) -> list[str]:
    """Open cases, as another system calls them if their ids are begun so."""
    from domain.ids import case_id_from

    begun = case_id_from(incomplete) if incomplete else ""
    found = _asked(lambda store: store.listing.open_ids(begun, _MOST))
    return _typed((foreign or ours) if begun != incomplete else ours for ours, foreign in found)


def entitlements(incomplete: str) -> list[str]:
    """Entitlements that are declared and not retired."""
    return _typed(_asked(lambda store: store.entitlements.ids(incomplete, _MOST)))


def milestones(context: typer.Context, incomplete: str) -> list[str]:
    """Milestones of the case that is named before; of all open cases, if none is. In any case of letters."""
    case = context.params.get("case")
    names = _asked(lambda store: _names(store, case))
    return _typed(name for name in names if name.casefold().startswith(incomplete.casefold()))


def _typed(names: Iterable[str]) -> list[str]:
    """Names as bash has them typed: blanks and the like with a backslash, unless a quote was opened before them."""
    words, at = os.environ.get("COMP_WORDS", "").split("\n"), int(os.environ.get("COMP_CWORD") or 0)
    is_bash = os.environ.get("_MILEPOST_COMPLETE") == "complete_bash"  # other shells do so themselves
    if not is_bash or (at < len(words) and words[at].startswith(_QUOTES)):
        return [_Offered(name) for name in names]
    return [_Offered(_SPECIAL.sub(r"\\\g<0>", name)) for name in names]


def _names(store: Store, case: str | None) -> list[str]:
    if not case:
        return store.listing.milestone_names()
    process = store.cases.get(case).carried.plan.process
    return [milestone.name for milestone in process.milestones] if process else []


def _asked(question: Callable[[Store], list[T]]) -> list[T]:
    from starters.local.whereabouts import effective_settings
    from starters.operations.recorded import at_hand
    from worker.settings import SettingsError

    try:
        return at_hand(effective_settings().database, question) or []
    except SettingsError:
        return []

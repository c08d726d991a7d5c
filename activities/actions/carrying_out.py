"""What carries out an action of a kind: a function that says which kind it is for, and what it works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from activities.actions.effect import Effect
from activities.actions.logs import ActionLog
from activities.actions.outside import Outside
from activities.actions.recipients import Directory
from activities.rendering.renderer import Renderer
from domain.process.actions import ActionKind


@dataclass(frozen=True, slots=True)
class Tools:
    """What an action is carried out with.

    Attributes:
        renderer: of its texts.
        surrounded: gives the same effect with all that its texts see.
        directory: who gets mails, and what the catalog says of them.
        log: where what was made is recorded.
        outside: the way to mail servers, endpoints and other workflows; None: nothing leaves this process.
    """

    renderer: Renderer
    surrounded: Callable[[Effect], Awaitable[Effect]]
    directory: Directory
    log: ActionLog
    outside: Outside | None


Kind = TypeVar("Kind", bound=ActionKind)
CarriesOut = Callable[[Kind, Effect, Tools], Awaitable[None]]
"""Carries out one action. It raises an `ApplicationError`, which says when to try again or that there is no sense in
it, or a `BadTemplate`."""

MARKED: dict[type[ActionKind], CarriesOut[Any]] = {}
"""What carries out the actions of each kind, of those modules that were imported."""


def carries_out(kind: type[Kind]) -> Callable[[CarriesOut[Kind]], CarriesOut[Kind]]:
    """Mark the function that carries out the actions of a kind.

    Args:
        kind: its class.
    """

    def mark(function: CarriesOut[Kind]) -> CarriesOut[Kind]:
        MARKED[kind] = function
        return function

    return mark

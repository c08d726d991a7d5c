"""Who asks, and what they may do: told from the key that a request shows, before anything else of it is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

from starlette.requests import Request

from domain.access import ApiKey
from domain.scopes import Scope
from starters.http.callers import CHALLENGE, Caller
from starters.http.problems import Problem
from starters.http.tokens import Tokens
from store import Store
from store.access import KEY_BEGINS

F = TypeVar("F", bound=Callable[..., Any])

MOST_KEY_LETTERS = 8192

_NEEDS = "milepost_needs"


def needs(*scopes: Scope) -> Callable[[F], F]:
    """Say which scopes a route's function needs, one of them. A route without is not made."""

    def marked(function: F) -> F:
        setattr(function, _NEEDS, frozenset(scopes))
        return function

    return marked


def scopes_of(function: Callable[..., Any]) -> frozenset[Scope]:
    """The scopes of which a route's function needs one.

    Raises:
        TypeError: nobody said so of it.
    """
    found: frozenset[Scope] | None = getattr(function, _NEEDS, None)
    if not found:
        raise TypeError(f"route {function.__name__!r} says no scope: put @needs(...) below its decorator")
    return found


async def caller_of(request: Request, store: Store) -> Caller:
    """Who sends a request, by the key or the token that it shows.

    Raises:
        Problem: it shows none, or one that counts for nothing.
    """
    text = shown_key(request)
    tokens: Tokens | None = request.app.state.tokens
    if tokens is not None and not text.startswith(KEY_BEGINS):
        return await tokens.caller_of(text)
    now = datetime.now(UTC)
    key = await asyncio.to_thread(store.keys.authenticate, text, now)
    if key is None:
        _refuse("unknown_key", "no such key is known here")
    match key.why_not(now):
        case "revoked":
            _refuse("revoked_key", "the key was revoked")
        case "expired":
            _refuse("expired_key", "the key has expired")
    return caller_with(key)


def caller_with(key: ApiKey) -> Caller:
    """Whoever holds a key."""
    accounts = None if key.accounts is None else frozenset(key.accounts)
    return Caller(subject=f"key/{key.id}", name=key.name, scopes=frozenset(key.scopes), accounts=accounts)


def check_scopes(caller: Caller, needed: Container[Scope]) -> None:
    """Refuse a caller without any of the scopes that are needed.

    Raises:
        Problem: it has none of them.
    """
    if not any(scope in needed for scope in caller.scopes):
        wanted = " or ".join(scope.value for scope in Scope if scope in needed)
        has = ", ".join(sorted(scope.value for scope in caller.scopes))
        raise Problem("scope_too_small", f"this needs the scope {wanted}; the key has {has}")


def shown_key(request: Request) -> str:
    """The key or token of a request: ``Authorization: Bearer ...``, once.

    Raises:
        Problem: there is none, or more than one.
    """
    given = request.headers.getlist("authorization")
    if len(given) != 1:
        _refuse("no_key", "show a key once, as Authorization: Bearer mp_...; milepost keys create makes one")
    scheme, _, text = given[0].partition(" ")
    if scheme.lower() != "bearer" or not text.strip() or len(text) > MOST_KEY_LETTERS:
        _refuse("no_key", "the key goes into the header Authorization: Bearer mp_...")
    return text.strip()


def _refuse(code: str, detail: str) -> NoReturn:
    raise Problem(code, detail, headers=CHALLENGE)

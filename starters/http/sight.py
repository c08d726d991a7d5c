"""What exists for a caller: one that is bound to accounts is answered of all others as of what there is not.

The same question is put to the store for what is there and for what is not, so that neither the answer nor the time
that it takes tells one from the other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import TypedDict

from domain.coverage.matching import CoverageQuestion
from domain.errors import NotFound, Refused
from starters.http.backend import Backend
from starters.http.callers import Caller
from starters.http.problems import Problem
from store import Store

_OF_AN_ACCOUNT = ("account", "contact", "asset", "service_contract", "contract_line_item", "entitlement")
_UNKNOWN = "the request names something that is not known here"
_NO_ACCOUNT = ("",)
"""No account has this id: of a caller that is bound to none. To the feed an empty list means all."""


class SeenEvents(TypedDict):
    """Which events of the feed exist for a caller, as the feed is asked."""

    accounts: Collection[str]
    marks_gaps: bool


def seen_events(caller: Caller) -> SeenEvents:
    """Which events exist for a caller: of one that is bound those that were its accounts' when they happened."""
    if caller.accounts is None:
        return {"accounts": (), "marks_gaps": False}
    return {"accounts": caller.accounts or _NO_ACCOUNT, "marks_gaps": True}


async def check_case(backend: Backend, caller: Caller, case_id: str) -> None:
    """Let only those go on for whom a case exists.

    Raises:
        NotFound: it does not.
    """
    if caller.accounts is None:
        return
    if not caller.may_see(await backend.ask_if_known(lambda store: store.cases.account_of(case_id))):
        raise NotFound(f"no case {case_id!r} is known here")


async def check_action(backend: Backend, caller: Caller, key: str) -> None:
    """Let only those go on for whom an action exists: of a case from when it was their accounts'.

    Raises:
        Refused: it does not.
    """
    accounts = caller.accounts
    if accounts is not None and await backend.ask(lambda store: store.actions.get(key, accounts=accounts)) is None:
        raise Refused("unknown_action", f"no failed action {key!r}")


async def check_free(backend: Backend, caller: Caller, case_id: str) -> None:
    """Refuse an id to whoever cannot know that a case has it. That it is taken cannot be hidden.

    Raises:
        Problem: a case has it that does not exist for the caller.
    """
    if caller.accounts is None:
        return
    try:
        account = await backend.ask(lambda store: store.cases.account_of(case_id))
    except NotFound:
        return
    if not caller.may_see(account):
        raise Problem("case_id_taken", "this id cannot be given to a case; choose another")


async def check_entitlement(backend: Backend, caller: Caller, entitlement: str) -> None:
    """Let only those go on for whom an entitlement exists.

    Raises:
        NotFound: it does not.
    """
    if caller.accounts is None:
        return
    found = await backend.ask_if_known(lambda store: store.catalog.entitlement(entitlement))
    if found is None or not caller.may_see(found.account):
        raise NotFound(f"there is no entitlement {entitlement!r}, neither at work nor in the catalog")


async def check_account(backend: Backend, caller: Caller, account: str) -> None:
    """Let only those go on for whom an account exists.

    Raises:
        NotFound: it does not.
    """
    if caller.accounts is None:
        return
    found = await backend.ask_if_known(lambda store: store.catalog.account(account))
    if found is None or not caller.may_see(account):
        raise NotFound(f"there is no account {account!r} in the catalog")


async def check_named(backend: Backend, caller: Caller, named: Mapping[str, str | None]) -> None:
    """Let only those go on for whom all exists that a request names, and who say whose case it is.

    Args:
        backend: of the catalog.
        caller: who asks.
        named: ids, by what they are of: `account`, `contact`, `asset` and so on.

    Raises:
        Refused: something does not exist for them, or nothing says whose the case is.
    """
    if caller.accounts is None:
        return
    given = {kind: name for kind in _OF_AN_ACCOUNT if (name := named.get(kind)) is not None}
    if not given:
        raise Refused("unknown_name", "say whose case it is: the key is bound to accounts")
    accounts = await backend.ask(lambda store: _accounts_of(store, given))
    if not all(found and all(map(caller.may_see, found)) for found in accounts):
        raise Refused("unknown_name", _UNKNOWN)


def _accounts_of(store: Store, given: Mapping[str, str]) -> list[list[str]]:
    """Of each thing that is named the accounts that it leads to; none of what there is not."""
    found: list[list[str]] = []
    with store.snapshot() as catalog:
        for kind, name in given.items():
            question = CoverageQuestion.model_validate({kind: name, "at": datetime.now(UTC)})
            try:
                found.append(catalog.catalog.coverage_candidates(question, others=0).scope.accounts)
            except NotFound:
                found.append([])
    return found

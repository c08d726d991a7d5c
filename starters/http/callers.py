"""Who asks, as far as it is known by then: by what name, with which scopes, for which accounts."""

from __future__ import annotations

from dataclasses import dataclass

from domain.bounds import cut
from domain.scopes import Scope
from starters.http.problems import Problem

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="milepost"'}

_MOST_NAME = 400


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        subject: names the key or the token's holder; requests under one Idempotency-Key are told apart by it.
        name: on record for what is done.
        accounts: of these only; None: of all.
    """

    subject: str
    name: str
    scopes: frozenset[Scope]
    accounts: frozenset[str] | None = None

    def may_see(self, account: str | None) -> bool:
        """Whether something of an account exists for this caller; what is of no account does not for a bound one."""
        return self.accounts is None or (account is not None and account in self.accounts)

    def has(self, *scopes: Scope) -> bool:
        """Whether the caller has one of some scopes."""
        return not self.scopes.isdisjoint(scopes)

    def who(self, person: str | None) -> str:
        """Who is recorded for a change: the caller's name, with the person whom the request names."""
        if not person or person == self.name:
            return self.name
        return f"{cut(person, _MOST_NAME)} via {cut(self.name, _MOST_NAME)}"

    def check_unbound(self) -> None:
        """Refuse a caller that is bound to accounts what concerns all of them.

        Raises:
            Problem: it is bound.
        """
        if self.accounts is not None:
            raise Problem("bound_key", "this concerns the whole organisation, and the key is bound to accounts")

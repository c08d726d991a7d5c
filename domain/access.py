"""Keys of the HTTP API: what is asked for, and what is kept of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from domain.bounds import MOST_LIST_ITEMS, Words
from domain.ids import Reference
from domain.model import Value
from domain.scopes import Scope


def _each_once(scopes: list[Scope]) -> list[Scope]:
    return list(dict.fromkeys(scopes))


class NewKey(Value):
    """A key that is asked for.

    Attributes:
        name: who uses it; what is done with it goes on record under this name.
        scopes: what it may do.
        accounts: of these accounts only; None: of all.
        expires_at: until when it counts; None: until it is revoked.
    """

    name: Annotated[Words, Field(min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=MOST_LIST_ITEMS), AfterValidator(_each_once)]
    accounts: Annotated[list[Reference], Field(min_length=1, max_length=MOST_LIST_ITEMS)] | None = None
    expires_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _admin_concerns_all(self) -> NewKey:
        if self.accounts is not None and Scope.ADMIN in self.scopes:
            raise ValueError("the scope admin concerns all accounts; make a key without it for these accounts")
        return self


class ApiKey(Value):
    """A key as it is kept: everything but the key itself.

    Attributes:
        id: names it, also to whoever revokes it.
        last_used_at: to the minute.
    """

    id: str
    name: str
    scopes: list[Scope]
    accounts: list[str] | None
    created_at: AwareDatetime
    created_by: str
    expires_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    revoked_by: str | None
    last_used_at: AwareDatetime | None

    def why_not(self, now: datetime) -> str | None:
        """Why it counts for nothing at an instant; None: it counts."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return None

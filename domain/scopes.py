"""What those may do who come from outside."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """What a key may do. None contains another; each reads what it acts on."""

    INTAKE = "intake"
    AGENT = "agent"
    DISPATCHER = "dispatcher"
    MANAGER = "manager"
    ADMIN = "admin"


MEANINGS = {
    Scope.INTAKE: "open cases, and tell of what happens to them",
    Scope.AGENT: "act on cases, log time, tick tasks off",
    Scope.DISPATCHER: "verify coverage, take visits",
    Scope.MANAGER: "amend, renew, decide about overage, extend, clear; read everything of its accounts, and the feed",
    Scope.ADMIN: "apply the catalog, place orders, migrate cases; make keys and revoke them, erase what names a person",
}

"""The database: catalog, records and usage (SQLite or PostgreSQL)."""

from store.errors import StoreError
from store.store import Store
from store.values import (
    CaseRow,
    Change,
    Diff,
    Mail,
    StoredAction,
    StoredCase,
    TaskEntry,
    VersionedHours,
)

__all__ = [
    "CaseRow",
    "Change",
    "Diff",
    "Mail",
    "Store",
    "StoreError",
    "StoredAction",
    "StoredCase",
    "TaskEntry",
    "VersionedHours",
]

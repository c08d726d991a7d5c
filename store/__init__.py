"""The database: catalog, records and usage (SQLite or PostgreSQL)."""

from store.errors import StoreError
from store.store import Store

__all__ = ["Store", "StoreError"]

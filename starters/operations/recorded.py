"""What the store has on record, where it is at hand: a help to people, never a condition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from domain.errors import NotFound
from store import Store, StoreError

T = TypeVar("T")


def at_hand(database: str, question: Callable[[Store], T]) -> T | None:
    """What the store says, if it is at hand and knows of it."""
    try:
        with Store.open(database, "there") as store:
            return question(store)
    except (NotFound, StoreError, SQLAlchemyError):
        return None


async def recorded(database: str, question: Callable[[Store], T]) -> T | None:
    """As `at_hand`, while other things go on."""
    return await asyncio.to_thread(at_hand, database, question)

"""What the store has on record, where it is at hand: a help to people, never a condition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, tzinfo
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from domain.errors import NotFound
from domain.timeline.plan import Plan
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


def zone_of_case(database: str, case_id: str) -> tzinfo:
    """The zone in which a case is shown: that of its first calendar; UTC where the store is not at hand."""
    return at_hand(database, lambda store: zone_of_plan(store.cases.get(case_id).carried.plan)) or UTC


def zone_of_plan(plan: Plan) -> tzinfo:
    """The zone of a plan's first calendar: its first milestone's, or else that of the case itself."""
    named = [milestone.business_hours for milestone in plan.process.milestones] if plan.process else []
    of_process = plan.process.business_hours if plan.process else None
    first = next(iter(named), None) or of_process or plan.business_hours
    calendar = plan.calendars.get(first) or next(iter(plan.calendars.values()), None)
    try:
        return UTC if calendar is None or calendar.time_zone == "UTC" else ZoneInfo(calendar.time_zone)
    except (LookupError, ValueError, OSError):  # a zone that this machine does not know
        return UTC

"""How much a run of an entitlement takes on: no more than it can tell, and than its next run can be given."""

from __future__ import annotations

from collections.abc import Callable

from temporalio import workflow

from domain.errors import NOT_NOW, Refused
from domain.usage import requests as messages
from domain.usage.requests import CarriedUsage

MOST_CARRIED = 500
"""Rows and the like that a run leaves to the next, give or take one list."""

MOST_UNDER_WAY = 1_000
"""Jobs under way beyond which nothing more is taken: the server takes 2,000 activities of a workflow."""

FULL_BYTES, FULL_EVENTS = 16 * 2**20, 20_000
"""A history this long takes nothing more, until what is to be told has been told. The server ends a run at three times
this; it suggests a new run at a quarter of it."""

MOST_UPDATES_WHILE_FULL = 100
"""Beyond those after which a run goes on in the next."""

TOO_MUCH_KEPT = "too_much_kept"
"""The code by which is refused what would make an entitlement larger that is too large to go on in a next run."""

_NAMES = {
    "planned": "what is planned ahead",
    "asked": "overage that waits for a decision",
    "covers": "overage that other periods have covered",
    "prices": "prices of what was approved",
    "former": "former rules",
    "orders": "actions that were not carried out yet",
    "failed": "actions that failed",
}


def check_told(waiting: int, changes: int, under_way: int, updates: int) -> None:
    """Turn away what would be more than can be told.

    Args:
        waiting: rows, messages and actions that are still to be told.
        changes: of the catalog that are still to be made.
        under_way: jobs.
        updates: that this run has handled.

    Raises:
        Refused: not now.
    """
    if (is_full(updates) and waiting > MOST_CARRIED) or under_way > MOST_UNDER_WAY:
        raise Refused(NOT_NOW, f"{waiting} rows and messages are still to be told; ask again in a moment")
    if changes > MOST_CARRIED:
        raise Refused(NOT_NOW, f"{changes} changes of the catalog are still to be made; ask again in a moment")


def is_full(updates: int) -> bool:
    """Whether this run should long have gone on in the next, by its history or by how many updates it has handled."""
    info = workflow.info()
    return (
        info.get_current_history_size() > FULL_BYTES
        or info.get_current_history_length() > FULL_EVENTS
        or updates > messages.MOST_UPDATES_A_RUN + MOST_UPDATES_WHILE_FULL
    )


def check_size(carried: Callable[[], CarriedUsage], most: int) -> None:
    """Turn away what makes an entitlement larger that no next run could be given. Time goes on for it all the same.

    Args:
        carried: what the next run is given.
        most: bytes that it may have.

    Raises:
        Refused: with what takes most of it, and what makes it smaller.
    """
    box = carried()
    size = len(box.model_dump_json().encode())
    if size <= most:
        return
    parts = {**box.state.model_dump(mode="json"), **box.outbox.model_dump(mode="json")}
    largest = max(_NAMES, key=lambda name: len(str(parts.get(name, ""))))
    raise Refused(
        TOO_MUCH_KEPT,
        f"what is remembered and still to be told takes {size:,} bytes, of which {most:,} can be carried on; most are "
        f"{_NAMES[largest]}. Decide, reverse or void some of it, or cancel this entitlement and declare another",
    )

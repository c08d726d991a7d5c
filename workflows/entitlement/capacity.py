"""How much a run of an entitlement takes on: no more than it can tell, and than its next run can be given."""

from __future__ import annotations

from temporalio import workflow

from domain.errors import NOT_NOW, Refused
from domain.usage import requests as messages

MOST_CARRIED = 500
"""Rows and the like that a run leaves to the next, give or take one list."""

MOST_UNDER_WAY = 1_000
"""Jobs under way beyond which nothing more is taken: the server takes 2,000 activities of a workflow."""

FULL_BYTES, FULL_EVENTS = 16 * 2**20, 20_000
"""A history this long takes nothing more, until what is to be told has been told. The server ends a run at three times
this; it suggests a new run at a quarter of it."""

MOST_UPDATES_WHILE_FULL = 100
"""Beyond those after which a run goes on in the next."""


def check_told(waiting: int, under_way: int, updates: int) -> None:
    """Turn away what would be more than can be told.

    Args:
        waiting: rows, messages and actions that are still to be told.
        under_way: jobs.
        updates: that this run has handled.

    Raises:
        Refused: not now.
    """
    if (is_full(updates) and waiting > MOST_CARRIED) or under_way > MOST_UNDER_WAY:
        raise Refused(NOT_NOW, f"{waiting} rows and messages are still to be told; ask again in a moment")


def is_full(updates: int) -> bool:
    """Whether this run should long have gone on in the next, by its history or by how many updates it has handled."""
    info = workflow.info()
    return (
        info.get_current_history_size() > FULL_BYTES
        or info.get_current_history_length() > FULL_EVENTS
        or updates > messages.MOST_UPDATES_A_RUN + MOST_UPDATES_WHILE_FULL
    )

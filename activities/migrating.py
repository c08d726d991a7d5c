"""The side of a migration that touches the world: which cases there are, and asking each to go over."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.heartbeat import heartbeating
from activities.refusals import refusals
from clients.sending import PATIENCE
from domain.messages.migrations import (
    FIND_OUTDATED_CASES,
    MIGRATE_CASE,
    SURVEY_MIGRATION,
    CaseMigrated,
    CaseMigration,
    CaseSelection,
    OutdatedPage,
    OutdatedRequest,
    Survey,
    event_id,
)
from store.store import Store


class Migrating:
    """The activities of a migration's workflow."""

    def __init__(self, client: Client, store: Store, *, patience: float = PATIENCE) -> None:
        self._client = client
        self._store = store
        self._patience = patience

    @property
    def all(self) -> list[Any]:
        """To be registered."""
        return [self.survey_migration, self.find_outdated_cases, self.migrate_case]

    @activity.defn(name=SURVEY_MIGRATION)
    async def survey_migration(self, selection: CaseSelection) -> Survey:
        """How many cases there are to migrate, and to which versions; a selection that can't be is refused."""
        async with heartbeating():
            with refusals():
                return await asyncio.to_thread(self._survey, selection)

    def _survey(self, selection: CaseSelection) -> Survey:
        checked = self._store.running.checked(selection)
        goals = checked.goals(self._store.catalog.versions())
        return Survey(selection=checked, goals=goals, total=self._store.running.count_outdated(checked, goals))

    @activity.defn(name=FIND_OUTDATED_CASES)
    async def find_outdated_cases(self, request: OutdatedRequest) -> OutdatedPage:
        """The next cases that hold an older version than the batch brings."""
        async with heartbeating():
            cases = await asyncio.to_thread(
                self._store.running.outdated, request.selection, request.goals, after=request.after, limit=request.limit
            )
        return OutdatedPage(cases=cases)

    @activity.defn(name=MIGRATE_CASE)
    async def migrate_case(self, order: CaseMigration) -> CaseMigrated:
        """Ask a case to go over; asking again changes nothing.

        Raises:
            ApplicationError: it does not answer now; it may be asked again.
        """
        asked = event_id(order.migration_id, order.case_id)
        handle = self._client.get_workflow_handle(f"case/{order.case_id}")
        # When it happens the case says itself, by its own clock.
        message = {
            "event_id": asked,
            "process_version": order.process_version,
            "by": order.by,
            "reason": order.reason,
        }
        try:
            async with heartbeating():
                await asyncio.wait_for(handle.execute_update("migrate", message, id=asked), self._patience)
        except WorkflowUpdateFailedError as error:
            return _refused(error)
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            raise ApplicationError(f"case {order.case_id} does not answer", type="NoAnswer") from None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return CaseMigrated(outcome="skipped", said="it is closed")
            raise  # such as a run that goes on in the next one: it passes by itself
        return CaseMigrated(outcome="migrated")


def _refused(error: WorkflowUpdateFailedError) -> CaseMigrated:
    cause = error.cause
    said = cause.message if isinstance(cause, ApplicationError) else str(cause)
    if isinstance(cause, ApplicationError) and cause.type in _CLOSED:
        return CaseMigrated(outcome="skipped", said=said)
    return CaseMigrated(outcome="refused", said=said)


_CLOSED = ("closed", "AcceptedUpdateCompletedWorkflow")
"""The case was closed before it was asked, or while it made up its answer."""

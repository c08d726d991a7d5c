"""What entitlements want done: terms read, rows recorded, cases told, actions carried out, periods frozen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.actions.dispatch import Dispatcher
from activities.actions.effect import Effect
from activities.catalog_records import CatalogChanges, UsageStore
from activities.heartbeat import heartbeating
from activities.refusals import refusals
from clients.sending import marked
from domain.bounds import cut
from domain.catalog.count_terms import entitlement_terms
from domain.usage.effects import (
    FREEZE_PERIODS,
    PERFORM_USAGE_ACTION,
    READ_ENTITLEMENT_TERMS,
    RECORD_USAGE,
    TELL_CASES,
    PeriodsRequest,
    TermsRequest,
    UsageActionOrder,
    UsageRecords,
)
from domain.usage.freezing import freeze, horizon
from domain.usage.keeping import KEEP_REFERENCES, RECALL_REFERENCES, KeptReferences, RecallRequest
from domain.usage.periods import FrozenPeriods
from domain.usage.requests import ENTITLEMENT_OVERFLOWED, EntitlementOverflowed, EntitlementTerms


class UsageActivities:
    """The activities of the entitlement workflow."""

    def __init__(self, store: UsageStore, dispatcher: Dispatcher) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._changes = CatalogChanges(store.catalog)

    @property
    def all(self) -> list[Callable[..., Any]]:
        """For the worker to register."""
        return [
            self.read_entitlement_terms,
            self.record_usage,
            self.tell_cases,
            self.perform_usage_action,
            self.freeze_periods,
            self.keep_references,
            self.recall_references,
            *self._changes.all,
        ]

    @activity.defn(name=READ_ENTITLEMENT_TERMS)
    async def read_entitlement_terms(self, request: TermsRequest) -> EntitlementTerms:
        """Read what the catalog declares of an entitlement, with its periods frozen."""
        with refusals():
            async with heartbeating():
                return await asyncio.to_thread(self._terms, request)

    def _terms(self, request: TermsRequest) -> EntitlementTerms:
        declared = self._store.catalog.entitlement(request.entitlement_id)
        account, organisation = self._store.catalog.account(declared.account), self._store.catalog.organisation()
        return entitlement_terms(declared, account, organisation, now=request.now, clock=request.clock)

    @activity.defn(name=RECORD_USAGE)
    async def record_usage(self, news: UsageRecords) -> None:
        """Keep rows of the ledger, and the periods that have ended."""
        async with heartbeating():
            await asyncio.to_thread(self._store.ledgers.record, news)

    @activity.defn(name=TELL_CASES)
    async def tell_cases(self, overflows: list[EntitlementOverflowed]) -> None:
        """Tell each case that there was not enough for it. One that is not there, or closed, is nobody to tell."""
        async with heartbeating():
            for overflowed in overflows:
                await _tell(overflowed)

    @activity.defn(name=PERFORM_USAGE_ACTION)
    async def perform_usage_action(self, order: UsageActionOrder) -> None:
        """Carry out an action of a threshold or a notice, or tell of an overflow or of what was left of a term."""
        effect = Effect(
            call=order.call,
            context=order.context,
            at=order.at,
            event=f"entitlement.{order.cause}",
            thread=f"entitlement/{order.entitlement_id}",
        )
        async with heartbeating():
            if order.retried_at is not None:
                await self._dispatcher.retried(effect, order.retried_by, order.retried_at)
            await self._dispatcher.perform(effect)

    @activity.defn(name=KEEP_REFERENCES)
    async def keep_references(self, kept: KeptReferences) -> None:
        """Keep what a count puts away of what it remembers."""
        async with heartbeating():
            await asyncio.to_thread(self._store.references.keep, kept)

    @activity.defn(name=RECALL_REFERENCES)
    async def recall_references(self, asked: RecallRequest) -> KeptReferences:
        """Tell what a count has put away of some references."""
        async with heartbeating():
            return await asyncio.to_thread(self._store.references.recall, asked)

    @activity.defn(name=FREEZE_PERIODS)
    async def freeze_periods(self, request: PeriodsRequest) -> FrozenPeriods:
        """The periods of a term over the horizon that it has now. What can't be frozen now never can."""
        try:
            with refusals():
                async with heartbeating():
                    return await asyncio.to_thread(_freeze, request)
        except (ValueError, OverflowError) as error:
            raise ApplicationError(cut(str(error)), type="not_frozen", non_retryable=True) from error


def _freeze(request: PeriodsRequest) -> FrozenPeriods:
    return freeze(request.allowance, request.term, horizon(request.term, request.now))


async def _tell(overflowed: EntitlementOverflowed) -> None:
    case = activity.client().get_workflow_handle(f"case/{overflowed.case_id}")
    try:
        await case.signal(ENTITLEMENT_OVERFLOWED, marked(overflowed))
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        activity.logger.info("case %s is not there, or closed: nobody to tell", overflowed.case_id)

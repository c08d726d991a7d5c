"""What an entitlement has done by activities, one function each: they raise `FailureError` if it fails for good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow

from domain.delivery.schedule import ATTEMPT, GIVES_UP_AFTER
from domain.usage import effects, keeping
from domain.usage.effects import CatalogChange, PeriodsRequest, TermsRequest, UsageActionOrder, UsageRecords
from domain.usage.keeping import KeptReferences, RecallRequest
from domain.usage.periods import FrozenPeriods
from domain.usage.requests import EntitlementOverflowed, EntitlementTerms
from workflows.waiting import SIGN_OF_LIFE

READING = timedelta(seconds=30)
RECORDING = timedelta(seconds=30)
TELLING = timedelta(seconds=60)
FREEZING = timedelta(seconds=30)
DOING = timedelta(seconds=60)


async def read_terms(request: TermsRequest) -> EntitlementTerms:
    """Read what the catalog declares. A store that is down is waited for."""
    terms: EntitlementTerms = await workflow.execute_activity(
        effects.READ_ENTITLEMENT_TERMS,
        request,
        result_type=EntitlementTerms,
        start_to_close_timeout=READING,
        heartbeat_timeout=SIGN_OF_LIFE,
        summary="read the terms",
    )
    return terms


async def record(news: UsageRecords) -> None:
    """Write down what was taken. A store that is down is waited for by the server, and by nobody else."""
    await workflow.execute_activity(
        effects.RECORD_USAGE,
        news,
        start_to_close_timeout=RECORDING,
        heartbeat_timeout=SIGN_OF_LIFE,
        summary=f"record {len(news.rows)} rows of the ledger, {len(news.periods)} periods",
    )


async def tell_cases(overflows: Sequence[EntitlementOverflowed]) -> None:
    """Tell cases that there was not enough for them."""
    await workflow.execute_activity(
        effects.TELL_CASES,
        list(overflows),
        start_to_close_timeout=TELLING,
        heartbeat_timeout=SIGN_OF_LIFE,
        summary=f"tell {len(overflows)} cases of overflows",
    )


async def act(order: UsageActionOrder) -> None:
    """Carry an action out, for as long as it makes sense."""
    await workflow.execute_activity(
        effects.PERFORM_USAGE_ACTION,
        order,
        start_to_close_timeout=ATTEMPT,
        heartbeat_timeout=SIGN_OF_LIFE,
        schedule_to_close_timeout=GIVES_UP_AFTER,
        summary=f"{order.cause}: {order.call.action.do}",
    )


async def make_change(change: CatalogChange) -> Any:
    """Change the record in the catalog, make the renewal, or carry over into it or back; returns what it came to."""
    return await workflow.execute_activity(
        effects.activity_of(change),
        change,
        start_to_close_timeout=DOING,
        heartbeat_timeout=SIGN_OF_LIFE,
        summary=change.deed.replace("_", " "),
    )


async def keep(kept: KeptReferences) -> None:
    """Have the store keep what is put away. One that is down is waited for, and until then all of it stays."""
    await workflow.execute_activity(
        keeping.KEEP_REFERENCES,
        kept,
        start_to_close_timeout=RECORDING,
        heartbeat_timeout=SIGN_OF_LIFE,
        summary="put away what is remembered of references",
    )


async def recall(asked: RecallRequest) -> KeptReferences:
    """Ask the store what was put away of some references. One that is down is waited for."""
    kept: KeptReferences = await workflow.execute_activity(
        keeping.RECALL_REFERENCES,
        asked,
        result_type=KeptReferences,
        start_to_close_timeout=READING,
        heartbeat_timeout=SIGN_OF_LIFE,
        summary=f"recall {len(asked.digests)} references",
    )
    return kept


async def freeze(request: PeriodsRequest, summary: str) -> FrozenPeriods:
    """Get the periods of a term."""
    frozen: FrozenPeriods = await workflow.execute_activity(
        effects.FREEZE_PERIODS,
        request,
        result_type=FrozenPeriods,
        start_to_close_timeout=FREEZING,
        heartbeat_timeout=SIGN_OF_LIFE,
        summary=summary,
    )
    return frozen

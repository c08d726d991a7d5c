"""Asking the counts of entitlements: by what the catalog says of them, and with what there is to say of a refusal."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from clients.entitlements import NobodyCounts
from clients.gate import UsageGate
from clients.sending import NoAnswer
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Entitlement
from domain.errors import Refused
from domain.messages.inbox import problems
from domain.usage.requests import (
    EntitlementAmended,
    EntitlementCancelled,
    EntitlementRenewed,
    EntitlementTerms,
    UsageChange,
)
from domain.wording import instant
from domain.years import FIRST_YEAR, LAST_YEAR, is_promised
from starters.operations.usage_answers import Changed
from store import Store

PATIENCE = 10.0
"""Seconds for which somebody at a terminal waits for a count."""

M = TypeVar("M", bound=BaseModel)


class Counts:
    """The counts of entitlements.

    Args:
        store: of the catalog.
        gate: to the workflows that count.
    """

    def __init__(self, store: Store, gate: UsageGate) -> None:
        self.store = store
        self.gate = gate

    async def change(self, entitlement: str, asked: UsageChange) -> Changed:
        """Ask a count for a change, or say why it can't be asked.

        Raises:
            NotFound, Refused: it can't be.
            MilepostError: nobody answers.
        """
        declared, terms = await self.declared(entitlement)
        check_amended(declared, asked)
        try:
            # A count that begins now would not know that it is cancelled.
            since = cancelled_by(declared, datetime.now(UTC))
            if since is not None and await self.gate.running(entitlement) is None:
                raise Refused("cancelled", f"{entitlement} was cancelled at {instant(since)}")
            answer = await self.gate.change(terms, asked)
        except NobodyCounts as error:
            raise nobody(error, asked.event_id) from error
        return Changed(
            entitlement=entitlement,
            unit=terms.allowance.unit,
            answer=answer,
            was_left=isinstance(asked, EntitlementCancelled),
        )

    async def declared(self, entitlement: str, now: datetime | None = None) -> tuple[Entitlement, EntitlementTerms]:
        """An entitlement that counts, and by what it does.

        Raises:
            NotFound: there is none.
            Refused: it counts nothing.
        """
        return await asyncio.to_thread(self._read, entitlement, now or datetime.now(UTC))

    def _read(self, entitlement: str, now: datetime) -> tuple[Entitlement, EntitlementTerms]:
        with self.store.snapshot() as catalog:
            declared = catalog.catalog.entitlement(entitlement)
            account, organisation = catalog.catalog.account(declared.account), catalog.catalog.organisation()
        if declared.allowance is None:
            raise uncounted(entitlement, "give it an allowance in the catalog: milepost apply")
        return declared, entitlement_terms(declared, account, organisation, now=now)


def check_dates(*days: date | None) -> None:
    """Refuse dates, and instants, of years in which nothing is promised: before anything is reckoned with them.

    Raises:
        Refused: one is.
    """
    for day in days:
        if day is not None and not is_promised(day):
            said = f"{day.isoformat()[:10]} is a slip of the pen; a date lies in the years {FIRST_YEAR} to {LAST_YEAR}"
            raise Refused("bad_dates", said)


def positive(amount: int) -> int:
    """The amount of what is taken, or given.

    Raises:
        Refused: it is not one or more.
    """
    if amount < 1:
        raise Refused("bad_amount", "take 1 or more; what was taken is given back with milepost reverse")
    return amount


def message(kind: type[M], **fields: Any) -> M:
    """A request, checked here: nothing is asked of anybody that can't be."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise Refused("bad_message", "; ".join(problems(error))) from None


class CountSilent(NoAnswer):
    """Whether a count took a request is not known; its text says how a command is given again.

    Attributes:
        why: nobody answered.
    """

    def __init__(self, why: str, event_id: str) -> None:
        self.why = why
        super().__init__(
            f"{why}. Whether it was done is not known: give the same command again with --event-id {event_id}, and it "
            "is done once"
        )


def nobody(error: NobodyCounts, event_id: str) -> NoAnswer:
    """What to tell somebody whose request may have been taken."""
    return CountSilent(str(error), event_id)


def uncounted(entitlement: str, how: str) -> Refused:
    """What to tell somebody who asks the count of an entitlement that has none."""
    return Refused("no_allowance", f"entitlement {entitlement!r} counts nothing; {how}")


def check_amended(declared: Entitlement, asked: UsageChange) -> None:
    """Refuse what would let one go on that is retired.

    Raises:
        Refused: it would.
    """
    if declared.retired and isinstance(asked, EntitlementAmended | EntitlementRenewed):
        raise Refused("retired", f"{declared.id} is retired")


def cancelled_by(declared: Entitlement, at: datetime) -> datetime | None:
    """Since when the catalog has it cancelled; None if it is not by that instant."""
    return declared.cancelled_at if declared.cancelled_at is not None and declared.cancelled_at <= at else None

"""Entitlements that count nothing are ended in the catalog alone: there is no count to be told."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from domain.catalog.checks import CatalogProblems
from domain.catalog.declarations import Catalog, Entitlement
from domain.catalog.status import EntitlementStatus, status, zone_of
from domain.errors import Refused
from domain.messages.inbox import problems
from domain.usage.requests import EntitlementAmended, EntitlementCancelled
from store import Store


class RecordAnswer(BaseModel):
    """What became of a record; `text` is one line for people."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Literal["done"] = "done"
    text: str


class RecordChanged(BaseModel):
    """What a change of an entitlement that counts nothing came to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entitlement: str
    answer: RecordAnswer

    def __str__(self) -> str:
        return f"{self.entitlement}: {self.answer.text}; it counts nothing"


class UncountedEntitlements:
    """Changes their records, by whom and why: who has applied what says it.

    Args:
        store: of the catalog.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def cancel(self, declared: Entitlement, asked: EntitlementCancelled) -> RecordChanged:
        """End it: from an instant on, which is now unless another is asked for, it matches nothing.

        Raises:
            Refused: it has ended by then, or is cancelled already.
        """
        at = asked.at or datetime.now(UTC)
        if declared.cancelled_at is not None:
            raise Refused("already_cancelled", f"cancelled already, at {declared.cancelled_at:%Y-%m-%d %H:%M:%S}Z")
        if self._status(declared, at) is EntitlementStatus.EXPIRED:
            raise Refused("expired", "its term has ended; there is nothing to cancel")
        text = "cancelled" if asked.at is None else f"cancelled from {at.isoformat()} on"
        return self._change(declared, asked, text, cancelled_at=at)

    def amend(self, declared: Entitlement, asked: EntitlementAmended) -> RecordChanged:
        """Change the last date, also of one that has expired: that one is active again.

        Raises:
            Refused: it was cancelled, or the date lies in the past or before the start.
        """
        if declared.cancelled_at is not None:
            when = f"{declared.cancelled_at:%Y-%m-%d %H:%M:%S}Z"
            raise Refused("cancelled", f"{declared.id} was cancelled at {when}")
        ends_on = asked.ends_on if isinstance(asked.ends_on, date) else None
        if ends_on == declared.ends_on:
            return RecordChanged(entitlement=declared.id, answer=RecordAnswer(text="nothing differs"))
        if ends_on and declared.starts_on and ends_on < declared.starts_on:
            raise Refused("bad_dates", f"the last date {ends_on} lies before the first, {declared.starts_on}")
        amended = declared.model_copy(update={"ends_on": ends_on})
        if self._status(amended, datetime.now(UTC)) is EntitlementStatus.EXPIRED:
            raise Refused("bad_dates", f"{ends_on} is over; give today or a later date, or cancel it")
        text = f"it ends on {ends_on}" if ends_on else "it does not end"
        return self._change(declared, asked, text, ends_on=ends_on)

    def _status(self, declared: Entitlement, now: datetime) -> EntitlementStatus:
        zone = zone_of(self._store.account(declared.account), self._store.organisation())
        return status(declared, now, zone)

    def _change(
        self, declared: Entitlement, asked: EntitlementAmended | EntitlementCancelled, text: str, **fields: Any
    ) -> RecordChanged:
        try:
            changed = Entitlement.model_validate(declared.model_dump(mode="json") | fields)
            # No ledger says why, so the record of who has applied it does.
            self._store.apply(Catalog(entitlements=[changed]), by=f"{asked.by}: {asked.reason}", tell=None)
        except ValidationError as error:
            raise Refused("bad_record", "; ".join(problems(error))) from None
        except CatalogProblems as error:
            raise Refused("bad_record", str(error)) from None
        return RecordChanged(entitlement=declared.id, answer=RecordAnswer(text=text))

"""Entitlements that count nothing are ended in the catalog alone: there is no count to be told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, ValidationError

from domain.catalog.declarations import Entitlement
from domain.catalog.problems import CatalogProblems
from domain.catalog.status import EntitlementStatus, status
from domain.errors import Refused
from domain.messages.inbox import problems
from domain.usage.cancelling import nothing_to_cancel
from domain.usage.requests import EntitlementAmended, EntitlementCancelled
from domain.wording import instant
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

    def cancel(self, entitlement: str, asked: EntitlementCancelled) -> RecordChanged:
        """End it: from an instant on, which is now unless another is asked for, it matches nothing.

        Raises:
            NotFound: there is none of that id.
            Refused: it has ended by then, or is cancelled already.
        """
        at = asked.at or datetime.now(UTC)

        def cancelled(declared: Entitlement, zone: ZoneInfo) -> Entitlement:
            _check_uncounted(declared)
            if declared.cancelled_at is not None:
                raise Refused("already_cancelled", f"cancelled already, at {instant(declared.cancelled_at)}")
            if status(declared, at, zone) is EntitlementStatus.EXPIRED:
                has_ended = status(declared, datetime.now(UTC), zone) is EntitlementStatus.EXPIRED
                raise nothing_to_cancel(declared.ends_on, has_ended=has_ended)
            return _with(declared, cancelled_at=at)

        self._change(entitlement, asked, cancelled)
        return _done(entitlement, "cancelled" if asked.at is None else f"cancelled from {instant(at)} on")

    def amend(self, entitlement: str, asked: EntitlementAmended) -> RecordChanged:
        """Change the last date, also of one that has expired: that one is active again.

        Raises:
            NotFound: there is none of that id.
            Refused: it was cancelled, or the date lies in the past or before the start.
        """
        ends_on = asked.ends_on if isinstance(asked.ends_on, date) else None
        differs = True

        def amended(declared: Entitlement, zone: ZoneInfo) -> Entitlement:
            nonlocal differs
            _check_uncounted(declared)
            if declared.cancelled_at is not None:
                when = instant(declared.cancelled_at)
                raise Refused("cancelled", f"{declared.id} was cancelled at {when}")
            stand = f"none/{declared.ends_on or 'never'}"
            if asked.amends is not None and asked.amends != stand:
                why = f"{declared.id} was amended: cap and last date are {stand}, not {asked.amends}"
                raise Refused("changed_meanwhile", why)
            if ends_on == declared.ends_on:
                differs = False
                return declared
            if ends_on and declared.starts_on and ends_on < declared.starts_on:
                raise Refused("bad_dates", f"the last date {ends_on} lies before the first, {declared.starts_on}")
            if status(declared.model_copy(update={"ends_on": ends_on}), datetime.now(UTC), zone) is (
                EntitlementStatus.EXPIRED
            ):
                raise Refused("bad_dates", f"{ends_on} is over; give today or a later date, or cancel it")
            return _with(declared, ends_on=ends_on)

        self._change(entitlement, asked, amended)
        if not differs:
            return _done(entitlement, "nothing differs")
        return _done(entitlement, f"it ends on {ends_on}" if ends_on else "it does not end")

    def _change(
        self,
        entitlement: str,
        asked: EntitlementAmended | EntitlementCancelled,
        change: Callable[[Entitlement, ZoneInfo], Entitlement],
    ) -> None:
        try:
            # No ledger says why, so the record of who has changed it does.
            self._store.catalog.change_entitlement(entitlement, change, by=f"{asked.by}: {asked.reason}")
        except ValidationError as error:
            raise Refused("bad_record", "; ".join(problems(error))) from None
        except CatalogProblems as error:
            raise Refused("bad_record", str(error)) from None


def _check_uncounted(declared: Entitlement) -> None:
    if declared.allowance is not None:
        raise Refused("counted", f"{declared.id} was given an allowance just now; ask again")


def _with(declared: Entitlement, **fields: Any) -> Entitlement:
    return Entitlement.model_validate(declared.model_dump(mode="json") | fields)


def _done(entitlement: str, text: str) -> RecordChanged:
    return RecordChanged(entitlement=entitlement, answer=RecordAnswer(text=text))

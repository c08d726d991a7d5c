"""Lets the counts of entitlements follow what the catalog declares of them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import OperationalError
from temporalio.client import Client
from temporalio.service import RPCError

from clients.entitlements import NobodyCounts
from clients.gate import UsageGate
from domain.bounds import is_within_the_years
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Entitlement
from domain.errors import MilepostError, Refused
from domain.usage.consequences import lines_of_cancelling, taken_after
from domain.usage.requests import AccountMails, EntitlementAmended, EntitlementCancelled, EntitlementTerms
from domain.years import FIRST_YEAR, LAST_YEAR
from store import Store
from store.usage.unsynchronised import Unsynchronised

PATIENCE = 10.0
"""Seconds for which one count is waited for."""

EVERY = 60.0
"""Seconds after which a worker looks again whether a count is to be told something."""

MOST_ROUNDS = 60
"""After so many of these at most what failed in a way that nobody expected is tried again."""

_LOG = logging.getLogger(__name__)


class Told(BaseModel):
    """What came of telling counts.

    Attributes:
        done: a line for each count that begins now, or was amended or cancelled; of a cancellation also what it
            reversed, what stays taken, and the renewal that goes on.
        refused: what counts had to say against it; they go on as they were, and the catalog says otherwise.
        later: why the rest was not told; a worker tells it as soon as it can. None: all of them know.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    done: list[str]
    refused: list[str]
    later: str | None = None


async def tell_counts(store: Store, connect: Callable[[], Awaitable[Client]], task_queue: str) -> Told:
    """Bring the counts of all entitlements up to date that were declared, or changed, and are still untold.

    Temporal is connected to only if there is something to tell. What can't be told stays so.
    """
    if not await asyncio.to_thread(store.unsynchronised.entitlements):
        return Told(done=[], refused=[])
    try:
        return await Counting(await connect(), store, task_queue).tell()
    except MilepostError as error:
        return Told(done=[], refused=[], later=str(error))


@asynccontextmanager
async def telling(client: Client, store: Store, task_queue: str) -> AsyncIterator[None]:
    """Tell counts what they do not know yet, now and then, while the context lasts."""
    task = asyncio.create_task(_tell_again_and_again(Counting(client, store, task_queue)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _tell_again_and_again(counting: Counting) -> None:
    while True:
        try:
            told = await counting.tell()
        except Exception:  # noqa: BLE001  a database or a server that is away comes back
            _LOG.exception("entitlements could not be told what is declared of them; again in a minute")
        else:
            for line in told.done:
                _LOG.info(line)
            for line in told.refused:
                _LOG.warning("the catalog says otherwise, but %s", line)
        await asyncio.sleep(EVERY)


@dataclass
class _Failed:
    """What could not be told, so many times; it is tried again in a later round."""

    times: int = 0
    again: int = 0


class Counting:
    """Begins counts, and amends those that run. What fails is told after all others, and ever more seldom."""

    def __init__(self, client: Client, store: Store, task_queue: str) -> None:
        self._gate = UsageGate(client, task_queue, patience=PATIENCE)
        self._store = store
        self._round = 0
        self._failed: dict[Unsynchronised, _Failed] = {}

    async def tell(self) -> Told:
        """Bring the counts of all unsynchronised entitlements up to date.

        One whose term's end has consequences (notices, another term, a renewal) begins to be counted; any other begins
        with what is first taken of it, or before its period ends (`worker.beginning`). In one that is counted already
        the cap, the last date, the rules and a cancellation become amendments, on record. Whatever one of them raises,
        the next ones are told.
        """
        done: list[str] = []
        refused: list[str] = []
        for found in await self._due():
            try:
                done += [f"{found.entitlement}: {said}" for said in await self._follow(found)]
            except Refused as refusal:
                refused.append(f"{found.entitlement}: {refusal}")
            except (NobodyCounts, RPCError) as error:
                self._note_failed(found, rounds=1)
                return Told(done=done, refused=refused, later=str(error))
            except OperationalError:  # the database is away, for all of them
                raise
            except Exception as error:  # noqa: BLE001  whatever it is, it is no fault of the others
                times = self._note_failed(found)
                refused.append(f"{found.entitlement}: {_unforeseen(found, error, times)}")
                continue
            self._failed.pop(found, None)
            await asyncio.to_thread(self._store.unsynchronised.cross_out, found)
        return Told(done=done, refused=refused)

    async def _due(self) -> list[Unsynchronised]:
        """What is to be told in this round: what has failed before comes last, if it is its turn."""
        self._round += 1
        found = await asyncio.to_thread(self._store.unsynchronised.entitlements)
        self._failed = {one: self._failed[one] for one in found if one in self._failed}
        new = _Failed()
        due = [one for one in found if self._failed.get(one, new).again <= self._round]
        return sorted(due, key=lambda one: self._failed.get(one, new).times)

    def _note_failed(self, found: Unsynchronised, rounds: int | None = None) -> int:
        """Put it off for so many rounds, by default twice as many each time; returns how often it has failed."""
        failed = self._failed.setdefault(found, _Failed())
        failed.times += 1
        failed.again = self._round + (rounds or min(2**failed.times, MOST_ROUNDS))
        return failed.times

    async def _follow(self, found: Unsynchronised) -> list[str]:
        """Tell one count; what came of it, a line each, or nothing if it has nothing to know."""
        declared = await asyncio.to_thread(self._store.catalog.entitlement, found.entitlement)
        now = datetime.now(UTC)
        terms = await asyncio.to_thread(declared_terms, self._store, declared, now)
        balance = await self._gate.running(declared.id)
        if balance is None:
            if declared.term_end is None or declared.cancelled_at is not None:
                return []
            await self._gate.begin(terms)
            return ["its count has begun"]
        if declared.cancelled_at is not None:
            if balance.status in {"cancelled", "expired"}:
                return []
            return await self._cancel(terms, declared.cancelled_at, found)
        return await self._amend(terms, declared, found)

    async def _cancel(self, terms: EntitlementTerms, at: datetime, found: Unsynchronised) -> list[str]:
        if not is_within_the_years(at):  # stored before instants of a catalog had bounds
            years = f"no year from {FIRST_YEAR} to {LAST_YEAR}"
            raise Refused("no_such_time", f"its cancelled_at, {at.isoformat()}, is in {years}; declare another")
        event_id = f"declared-{at.isoformat()}"
        cancelled = EntitlementCancelled(event_id=event_id, at=at, by=found.by, reason=found.reason)
        try:
            answer = await self._gate.change(terms, cancelled)
        except Refused as refused:
            if refused.code != "already_cancelled":
                raise
            return []
        rows = await asyncio.to_thread(self._store.ledgers.rows, terms.entitlement_id)
        stays = taken_after(rows, at, answer.references)
        how = f"milepost cancel {answer.renewal}"
        return [answer.text, *lines_of_cancelling(answer.references, stays, answer.renewal, how)]

    async def _amend(self, terms: EntitlementTerms, declared: Entitlement, found: Unsynchronised) -> list[str]:
        cap = terms.allowance.cap
        asked = EntitlementAmended(
            event_id=str(uuid.uuid4()),
            by=found.by,
            reason=found.reason,
            cap="unlimited" if cap is None else cap,
            ends_on=declared.ends_on or "never",
            allowance=terms.allowance,
            term_end=terms.term_end,
            mails=AccountMails(manager=terms.manager, renewals_mail=terms.renewals_mail),
            unit=terms.allowance.unit,
            account=declared.account,
            starts_on=declared.starts_on,
        )
        text = (await self._gate.change(terms, asked)).text
        return [] if text == "nothing differs" else [text]


def declared_terms(store: Store, declared: Entitlement, now: datetime) -> EntitlementTerms:
    """What an entitlement is to be counted by, from its declaration and from what the store has of its account."""
    account, organisation = store.catalog.account(declared.account), store.catalog.organisation()
    return entitlement_terms(declared, account, organisation, now=now)


def _unforeseen(found: Unsynchronised, error: Exception, times: int) -> str:
    """Why something was not told that was to be; the log has more of what nobody expected."""
    if isinstance(error, MilepostError):
        return str(error)
    fault = secrets.token_hex(6)
    _LOG.error(
        "fault %s: %s can't be told what is declared of it (%d)", fault, found.entitlement, times, exc_info=error
    )
    return f"an unexpected error; the log has more under fault {fault}. It is tried again later"

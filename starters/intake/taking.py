"""Takes deliveries: each is kept first, then placed, then told to its case in the order of the source's time.

What nobody answers waits, and is taken up again by `taking_up`. What can't be taken is a dead letter with its reason.
Of any number of processes one at a time tells a case of what came; requests have event ids made of the delivery's, so
that one that is sent twice counts once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from clients.sending import NoAnswer
from domain.catalog.intake import IntakeSource
from domain.criteria.payloads import Delivered
from domain.errors import NotFound, Refused
from domain.intake.news import News, Place, Unreadable, read_case, read_news, read_place
from domain.messages.inbox import problems
from starters.intake.telling import Telling, Told
from starters.operations.cases import CaseDesk
from starters.operations.codes import code_of
from store import Store, StoreError
from store.intake import Delivery

T = TypeVar("T")

PATIENCE = 8.0
"""Seconds for which whoever sends is kept waiting, at most; help desks give up after ten or so."""

_LEASE = timedelta(seconds=60)
_LOOKS_EVERY = 0.05
_ROUND = 5.0
_AT_ONCE = 100
_LOG = logging.getLogger(__name__)
_PASSING = (NoAnswer, RPCError, StoreError, SQLAlchemyError)


class Taker:
    """Takes deliveries.

    Args:
        store: where they are kept.
        cases: whom they are told.
    """

    def __init__(self, store: Store, cases: CaseDesk) -> None:
        self._store = store
        self._cases = cases

    async def receive(
        self, source: str, delivery: str, payload: str, headers: Mapping[str, str]
    ) -> tuple[Delivery, bool]:
        """Keep a delivery and take it, if that can be done soon.

        Args:
            source: that sent it.
            delivery: its id.
            payload: JSON, as it came.
            headers: of the request, without secrets.

        Returns:
            It as it stands, and whether it is new.
        """
        now = datetime.now(UTC)
        kept, is_new = await self._ask(lambda store: store.intake.receive(source, delivery, payload, headers, now))
        return await self.take(kept), is_new

    async def take(self, delivery: Delivery) -> Delivery:
        """Take a delivery that waits, with all that waits before it; it as it stands then, after some seconds."""
        if delivery.status == "waits":
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._until_settled(delivery)
            except TimeoutError:
                await self._note_trouble(delivery.number, "nobody answered in time")
        return await self._ask(lambda store: store.intake.get(delivery.number))

    async def _until_settled(self, delivery: Delivery) -> None:
        case_id = await self._place(delivery)
        while case_id is not None:
            is_done = await self._work_on(case_id)
            now = await self._ask(lambda store: store.intake.get(delivery.number))
            if is_done or now.status != "waits":
                return
            await asyncio.sleep(_LOOKS_EVERY)

    async def retry(
        self, numbers: Sequence[int] | None = None, *, by: str, source: str | None = None
    ) -> list[Delivery]:
        """Have dead letters tried again, with what waits behind them; as they stand then, after some seconds.

        Raises:
            NotFound, Refused: as `Intake.retry`.
        """
        again = await self._ask(lambda store: store.intake.retry(numbers, by=by, source=source))
        for one in again:  # before any is told: one of a case may have happened before another
            await self._place(one)
        return [await self.take(one) for one in again]

    async def drop(self, number: int, *, by: str) -> Delivery:
        """Give a dead letter up for good, and take what waited behind it.

        Raises:
            NotFound, Refused: as `Intake.drop`.
        """
        dropped = await self._ask(lambda store: store.intake.drop(number, by=by, at=datetime.now(UTC)))
        if dropped.case_id is not None:
            with suppress(TimeoutError):  # what is left is taken up later
                async with asyncio.timeout(PATIENCE):
                    await self._work_on(dropped.case_id)
        return dropped

    async def take_up(self, before: datetime) -> int:
        """Take up what waits and was not tried since an instant; says how many deliveries that were."""
        await self._ask(lambda store: store.intake.wake())
        found = await self._ask(lambda store: store.intake.left_waiting(before, _AT_ONCE, at=datetime.now(UTC)))
        for case_id in dict.fromkeys([await self._place_or_note(one) for one in found]):
            if case_id is not None:
                await self._work_on(case_id)
        return len(found)

    async def _place_or_note(self, delivery: Delivery) -> str | None:
        """Place a delivery, or note why that can't be done now: what waits beside it is taken up all the same."""
        try:
            return await self._place(delivery)
        except _PASSING as error:
            await self._note_trouble(delivery.number, f"nobody answers yet: {error}")
            return None

    async def _place(self, delivery: Delivery) -> str | None:
        """Find out where a delivery belongs; None if it is settled by that."""
        number, now = delivery.number, datetime.now(UTC)
        try:
            place = await self._ask(lambda store: _place_of(store, delivery))
        except (Unreadable, NotFound) as error:
            foreign = await self._ask(lambda store: _case_of(store, delivery))
            # What comes later of the case waits behind it.
            await self._ask(lambda store: store.intake.put_with_case(number, foreign))
            await self._put_aside(number, "unreadable", str(error))
            return None
        except _PASSING:
            raise
        except Exception:  # noqa: BLE001  a fault of ours: it stops this delivery, and nothing else
            await self._put_aside(number, "unexpected", _fault(number))
            return None
        if place is None:
            said = ["ignored: it does not concern us, by when"]
            await self._ask(lambda store: store.intake.settle(number, "ignored", now, did=said))
            return None
        await self._ask(lambda store: store.intake.put_in_place(number, place))
        return place.case_id

    async def _work_on(self, case_id: str) -> bool:
        """Tell a case of what waits for it; False if somebody else is at it, or there was too much for one go."""
        name, holder, now = f"intake/{case_id}", secrets.token_hex(8), datetime.now(UTC)
        if not await self._ask(lambda store: store.leases.acquire(name, holder, now=now, lasts=_LEASE)):
            return False
        try:
            while delivery := await self._ask(lambda store: next(iter(store.intake.next_of(case_id)), None)):
                if datetime.now(UTC) - now > _LEASE / 2:  # before another may think that this one is gone
                    return False
                if not await self._tell(delivery):
                    break
        finally:
            await self._ask(lambda store: store.leases.release(name, holder))
        return True

    async def _tell(self, delivery: Delivery) -> bool:
        """Tell a case of one delivery; False if nobody answers, so that it goes on waiting."""
        number = delivery.number
        try:
            told = await self._told(delivery)
        except _PASSING as error:
            await self._note_trouble(number, f"nobody answers yet: {error}")
            return False
        except Refused as refused:
            await self._put_aside(number, code_of(refused.code), str(refused))
            return True
        except (Unreadable, NotFound) as error:
            await self._put_aside(number, "unreadable", str(error))
            return True
        except ValidationError as error:
            await self._put_aside(number, "bad_message", "; ".join(problems(error)))
            return True
        except Exception:  # noqa: BLE001  a fault of ours: it stops this delivery, and nothing else
            await self._put_aside(number, "unexpected", _fault(number))
            return True
        now, news = datetime.now(UTC), (told.case_id, told.known)
        await self._ask(lambda store: store.intake.settle(number, "taken", now, did=told.did, known=news))
        return True

    async def _told(self, delivery: Delivery) -> Told:
        news = await self._ask(lambda store: _news_of(store, delivery))
        known = await self._ask(lambda store: store.intake.known(news.place.case_id))
        listed = await self._ask(lambda store: store.catalog.values())
        return await Telling(self._cases, delivery, news, known, listed).tell()

    async def _note_trouble(self, number: int, reason: str) -> None:
        await self._ask(lambda store: store.intake.note_trouble(number, reason, datetime.now(UTC)))

    async def _put_aside(self, number: int, code: str, reason: str) -> None:
        now = datetime.now(UTC)
        await self._ask(lambda store: store.intake.settle(number, "dead", now, code=code, reason=reason))

    async def _ask(self, question: Callable[[Store], T]) -> T:
        return await asyncio.to_thread(question, self._store)


def _fault(number: int) -> str:
    """Log the error that is being handled; a reason that names where."""
    fault = secrets.token_hex(6)
    _LOG.exception("fault %s: an unexpected error of intake delivery %d", fault, number)
    return f"an unexpected error; the log has more under fault {fault}"


def _place_of(store: Store, delivery: Delivery) -> Place | None:
    source, delivered = _read(store, delivery)
    return read_place(source, delivered, delivery.received_at)


def _case_of(store: Store, delivery: Delivery) -> str | None:
    """The id of the case of a delivery that can't be placed; None where not even that can be read."""
    try:
        return read_case(*_read(store, delivery))
    except (Unreadable, NotFound):
        return None


def _news_of(store: Store, delivery: Delivery) -> News:
    source, delivered = _read(store, delivery)
    place = read_place(source, delivered, delivery.received_at)
    if place is None or place.case_id != delivery.case_id:
        raise Unreadable("case: the mapping has changed meanwhile; have it tried again")
    return read_news(source, delivered, place, store.catalog.fields())


def _read(store: Store, delivery: Delivery) -> tuple[IntakeSource, Delivered]:
    return store.intake.source(delivery.source), Delivered(json.loads(delivery.payload), delivery.headers)


@asynccontextmanager
async def taking_up(taker: Taker, *, every: float = _ROUND) -> AsyncIterator[None]:
    """Take up what waits again and again, for as long as the context lasts."""
    task = asyncio.create_task(_again_and_again(taker, every))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _again_and_again(taker: Taker, every: float) -> None:
    while True:
        try:
            await taker.take_up(datetime.now(UTC) - timedelta(seconds=every))
        except Exception:  # noqa: BLE001  whatever it is, the next round comes
            _LOG.warning("what waits of intake could not be taken up; again in %g s", every, exc_info=True)
        await asyncio.sleep(every)

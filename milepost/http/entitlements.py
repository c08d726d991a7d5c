"""Entitlements over HTTP: what they have left, what is taken of them, and what is done to them by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Literal, Unpack

from pydantic import RootModel

from domain.usage.requests import Balance
from domain.usage.rows import LedgerRow
from milepost.http.connection import Connection, known, path_of
from milepost.http.keywords import Person
from starters.http.answers import Balances, LedgerPage
from starters.operations.uncounted import RecordChanged
from starters.operations.usage_answers import Cancelled, Changed, Reversed, Taken


class _Amended(RootModel[Changed | RecordChanged]):
    """What an amendment came to: of an entitlement that counts, or of one that does not."""


class _Cancelled(RootModel[Cancelled | RecordChanged]):
    """What a cancellation came to, likewise."""


class Entitlements:
    """Asks entitlements, takes of them and changes them; the client has `balance` and `take` itself, too.

    An amount is a whole number; of hours a text, ``90m``, ``2h``, ``-1h30m`` or ``7.5``.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def balances(self, account: str, *, at: datetime | None = None) -> list[Balance]:
        """What the entitlements of an account have left, the soonest exhausted first; now, or at an instant."""
        return self._connection.get(Balances, "/v1/entitlements", account=account, at=at).entitlements

    def balance(self, entitlement: str, *, at: datetime | None = None) -> Balance:
        """What an entitlement has left; now, or at an instant. Its `terms` are what an amendment is one of."""
        return self._connection.get(Balance, path_of("/v1/entitlements/{}", entitlement), at=at)

    def ledger(self, entitlement: str, *, after: int = 0, limit: int | None = None) -> Iterator[LedgerRow]:
        """Every row of a ledger after a number: each consumption, each change; page by page, of `limit` rows."""
        path, start = path_of("/v1/entitlements/{}/ledger", entitlement), after
        while True:
            page = self._connection.get(LedgerPage, path, after=start, limit=limit)
            yield from page.rows
            if page.next is None:
                return
            start = page.next

    def take(
        self,
        entitlement: str,
        reference: str,
        *,
        amount: int | str = 1,
        at: datetime | None = None,
        case_id: str | None = None,
        overage: str | None = None,
        declined: str | None = None,
        **person: Unpack[Person],
    ) -> Taken:
        """Take a visit, or anything of another unit, when it is dispatched; `answer.outcome` says what came of it.

        Args:
            entitlement: its id.
            reference: of the visit; it counts once.
            amount: in the unit.
            at: when it is dispatched, or planned to be: decides the period. Now, if left out.
            case_id: is told if not enough is left.
            overage: why it is taken at the overage price if nothing is left and the entitlement asks.
            declined: why it is not, instead; the next that matches is asked.
            **person: what every request may say.
        """
        yes_or_no = known(overage=overage, declined=declined)
        said = known(reference=reference, amount=amount, at=at, case_id=case_id, **yes_or_no, **person)
        return self._connection.post(Taken, path_of("/v1/entitlements/{}/take", entitlement), said)

    def reverse(self, entitlement: str, reference: str, *, reason: str, **person: Unpack[Person]) -> Reversed:
        """Give back all that a visit or a time entry took, once."""
        said = known(reference=reference, reason=reason, **person)
        return self._connection.post(Reversed, path_of("/v1/entitlements/{}/reverse", entitlement), said)

    def adjust(
        self, entitlement: str, amount: int | str, *, reason: str, at: datetime | None = None, **person: Unpack[Person]
    ) -> Changed:
        """Count more or less by hand, in the period of an instant, or of now."""
        said = known(amount=amount, reason=reason, at=at, **person)
        return self._connection.post(Changed, path_of("/v1/entitlements/{}/adjust", entitlement), said)

    def grant(
        self,
        entitlement: str,
        amount: int | str,
        *,
        reason: str,
        until: date | None = None,
        until_instant: datetime | None = None,
        at: datetime | None = None,
        carries_over: bool = False,
        **person: Unpack[Person],
    ) -> Changed:
        """Give a credit for one period by hand, used before the cap; with a minus it is taken back.

        Args:
            entitlement: its id.
            amount: of the credit.
            reason: goes on record.
            until: the last date, in the account's zone, that it pays for.
            until_instant: or the last instant.
            at: an instant of the period; now, if left out.
            carries_over: what is left of it goes on into the next period, as what is left of the cap does.
            **person: what every request may say.
        """
        said = known(amount=amount, reason=reason, until=until, until_instant=until_instant, at=at, **person)
        path = path_of("/v1/entitlements/{}/grant", entitlement)
        return self._connection.post(Changed, path, {**said, "carries_over": carries_over})

    def amend(
        self,
        entitlement: str,
        *,
        if_match: str,
        reason: str,
        cap: int | str | None = None,
        ends_on: date | Literal["never"] | None = None,
        **person: Unpack[Person],
    ) -> Changed | RecordChanged:
        """Change the cap or the last date of an entitlement.

        Args:
            entitlement: its id.
            if_match: the `terms` of its balance as they were seen: what somebody else has amended since is not
                overwritten (`Refused`, ``changed_meanwhile``). Or ``*``, whatever they are.
            reason: goes on record.
            cap: in the unit; ``unlimited`` for none.
            ends_on: the last date, in the account's zone; ``never`` for none.
            **person: what every request may say.
        """
        said = known(cap=cap, ends_on=ends_on, reason=reason, **person)
        path = path_of("/v1/entitlements/{}/amend", entitlement)
        return self._connection.post(_Amended, path, said, if_match=if_match).root

    def renew(self, entitlement: str, *, reason: str, ends_on: date | None = None, **person: Unpack[Person]) -> Changed:
        """Renew an entitlement: a new, linked record goes on from the day after its last date, until `ends_on`."""
        said = known(ends_on=ends_on, reason=reason, **person)
        return self._connection.post(Changed, path_of("/v1/entitlements/{}/renew", entitlement), said)

    def cancel(
        self,
        entitlement: str,
        *,
        reason: str,
        on: date | None = None,
        at: datetime | None = None,
        with_renewal: bool = False,
        **person: Unpack[Person],
    ) -> Cancelled | RecordChanged:
        """End an entitlement: after a last date in the account's zone (`on`), from an instant (`at`), or now.

        Args:
            entitlement: its id.
            reason: goes on record.
            on: the last date that it covers.
            at: or the first instant that it does not.
            with_renewal: what it was renewed as is cancelled, too.
            **person: what every request may say.
        """
        said = known(reason=reason, on=on, at=at, with_renewal=with_renewal, **person)
        return self._connection.post(_Cancelled, path_of("/v1/entitlements/{}/cancel", entitlement), said).root

    def cover(
        self,
        entitlement: str,
        reference: str,
        *,
        reason: str,
        amount: int | str | None = None,
        at: datetime | None = None,
        **person: Unpack[Person],
    ) -> Changed:
        """Pay for overage, all of it or an amount, from what is left of its period, or of the later one of `at`."""
        said = known(reference=reference, reason=reason, amount=amount, at=at, **person)
        return self._connection.post(Changed, path_of("/v1/entitlements/{}/cover", entitlement), said)

    def void(
        self,
        entitlement: str,
        reference: str,
        *,
        reason: str,
        amount: int | str | None = None,
        **person: Unpack[Person],
    ) -> Changed:
        """Let overage go, all of it or an amount: it is not billed."""
        said = known(reference=reference, reason=reason, amount=amount, **person)
        return self._connection.post(Changed, path_of("/v1/entitlements/{}/void", entitlement), said)

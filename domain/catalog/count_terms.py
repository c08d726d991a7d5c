"""The terms by which an entitlement is counted, made from what the catalog declares.

This freezes periods, and so reads the time-zone database: no workflow imports it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from domain.catalog.declarations import Account, Entitlement, Organisation
from domain.errors import Refused
from domain.usage.freezing import first_instant, freeze, horizon
from domain.usage.periods import Term
from domain.usage.quantities import measured
from domain.usage.requests import RULES, EntitlementTerms, OpeningBalance
from domain.usage.term_end import AtTermEnd, TermEnd
from domain.years import FIRST_YEAR, LAST_YEAR

_FIRST_INSTANT = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
_FIRST_DAY, _LAST_DAY = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)


def entitlement_terms(
    entitlement: Entitlement,
    account: Account,
    organisation: Organisation,
    *,
    now: datetime,
    clock: datetime | None = None,
    until: datetime | None = None,
) -> EntitlementTerms:
    """The terms of an entitlement, with its periods frozen.

    Args:
        entitlement: as declared.
        account: its account.
        organisation: whose zone counts if the account has none.
        now: the periods are frozen some years past this.
        clock: gives the count a clock of its own that starts at this instant.
        until: the periods are frozen up to this instant and no further.

    Raises:
        Refused: it has no allowance, so there is nothing to count.
    """
    if entitlement.allowance is None:
        raise Refused("no_allowance", f"entitlement {entitlement.id!r} counts nothing")
    term_end = entitlement.term_end or TermEnd()
    term = Term(
        starts_on=entitlement.starts_on,
        ends_on=entitlement.ends_on,
        time_zone=account.time_zone or organisation.time_zone,
        length=term_end.term if term_end.policy is AtTermEnd.RESET else None,
        notice_days=term_end.notice_days,
        reckoned_from=entitlement.reckoned_from,
    )
    return EntitlementTerms(
        entitlement_id=entitlement.id,
        account=account.id,
        name=entitlement.name,
        allowance=entitlement.allowance,
        term_end=term_end,
        periods=freeze(entitlement.allowance, term, until or horizon(term, now)),
        manager=account.manager_mail,
        renewals_mail=account.renewals_mail,
        opening=_opening(entitlement, ZoneInfo(term.time_zone)),
        clock=clock,
        rules=RULES,
    )


def _opening(entitlement: Entitlement, zone: ZoneInfo) -> OpeningBalance | None:
    opening, allowance = entitlement.opening, entitlement.allowance
    if opening is None or allowance is None:
        return None
    return OpeningBalance(
        at=_begins_at(opening.as_of, zone),
        used=measured(opening.used, allowance.unit),
        carried=measured(opening.carried, allowance.unit),
    )


def _begins_at(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a date, in the years of promises: what was stored before dates had bounds may lie outside.

    East of Greenwich the first of all dates begins before the first of all instants.
    """
    return max(first_instant(min(max(day, _FIRST_DAY), _LAST_DAY), zone), _FIRST_INSTANT)

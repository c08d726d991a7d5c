"""The terms by which an entitlement is counted, made from what the catalog declares.

This freezes periods, and so reads the time-zone database: no workflow imports it.
"""

from __future__ import annotations

from datetime import datetime

from domain.catalog.declarations import Account, Entitlement, Organisation
from domain.errors import Refused
from domain.usage.freezing import freeze, horizon
from domain.usage.periods import Term
from domain.usage.requests import RULES, EntitlementTerms
from domain.usage.term_end import AtTermEnd, TermEnd


def entitlement_terms(
    entitlement: Entitlement,
    account: Account,
    organisation: Organisation,
    *,
    now: datetime,
    clock: datetime | None = None,
) -> EntitlementTerms:
    """The terms of an entitlement, with its periods frozen.

    Args:
        entitlement: as declared.
        account: its account.
        organisation: whose zone counts if the account has none.
        now: the periods are frozen some years past this.
        clock: gives the count a clock of its own that starts at this instant.

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
    )
    return EntitlementTerms(
        entitlement_id=entitlement.id,
        account=account.id,
        name=entitlement.name,
        allowance=entitlement.allowance,
        term_end=term_end,
        periods=freeze(entitlement.allowance, term, horizon(term, now)),
        manager=account.manager_mail,
        renewals_mail=account.renewals_mail,
        clock=clock,
        rules=RULES,
    )

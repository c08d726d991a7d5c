"""``/v1/entitlements``: what each has left, what was taken of it, and what is done to it by hand."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, Response

from domain.errors import NotFound, Refused
from domain.ids import Reference
from domain.scopes import Scope
from domain.usage.requests import Balance
from starters.http import usage_bodies as bodies
from starters.http.access import check_scopes, needs
from starters.http.answers import Balances, LedgerPage
from starters.http.asking import Asking, ByAsking
from starters.http.instants import IsoInstant
from starters.http.matching import IfMatch, Seen, seen, tag_of
from starters.http.problems import Problem
from starters.http.refusing import OF_A_COUNT, OF_A_PERIOD, refuses
from starters.http.routing import guarded_router
from starters.http.sight import check_entitlement
from starters.operations.uncounted import RecordChanged
from starters.operations.usage_answers import Cancelled, Changed, Reversed, Taken

router = guarded_router("/v1/entitlements", "Entitlements")

EntitlementId = Annotated[
    str, Path(min_length=1, max_length=300, description="The id of the entitlement.", examples=["acme-visits"])
]
At = Annotated[IsoInstant | None, Query(description="As it was, or will be, then; now, if left out.")]

_LONGEST_TAG = 100
AGENT, DISPATCHER, MANAGER = Scope.AGENT, Scope.DISPATCHER, Scope.MANAGER


@router.get("")
@needs(AGENT, DISPATCHER, MANAGER)
@refuses("not_found", "period_unknown")
async def list_balances(
    asking: ByAsking, account: Annotated[Reference, Query(description="Whose.", examples=["acme"])], at: At = None
) -> Balances:
    """Say what all entitlements of an account have left, live."""
    if not asking.caller.may_see(account):
        raise NotFound(f"there is no account {account!r}")
    try:
        return Balances(entitlements=await asking.backend.auditor.balances(account, at))
    except NotFound:
        raise NotFound(f"there is no account {account!r}") from None


@router.get("/{entitlement}")
@needs(AGENT, DISPATCHER, MANAGER)
@refuses("no_allowance", "not_found", "period_unknown")
async def show_balance(entitlement: EntitlementId, asking: ByAsking, response: Response, at: At = None) -> Balance:
    """Say what an entitlement has left, live; or at another instant. Its ETag is that of its terms: what is amended.

    It stays the same while visits and hours are taken, and changes with the cap and the last date.
    """
    await check_entitlement(asking.backend, asking.caller, entitlement)
    balance = await asking.backend.auditor.balance(entitlement, at)
    if at is None and balance.terms:
        response.headers["ETag"] = tag_of(balance.terms)
    return balance


@router.get("/{entitlement}/ledger")
@needs(DISPATCHER, MANAGER)
@refuses("not_found")
async def show_ledger(
    entitlement: EntitlementId,
    asking: ByAsking,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="Goes on after the row of this number.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 200,
) -> LedgerPage:
    """Show the rows of an entitlement's ledger: each consumption, and each change of what it has."""
    await check_entitlement(asking.backend, asking.caller, entitlement)
    rows = await asking.backend.ask(lambda store: store.ledgers.rows(entitlement, after=after, limit=limit + 1))
    if not rows and not after:
        await asking.backend.ask(lambda store: store.catalog.entitlement(entitlement))  # says so if there is none
    more = len(rows) > limit
    return LedgerPage(rows=rows[:limit], next=rows[limit - 1].number if more else None)


@router.post("/{entitlement}/take")
@needs(DISPATCHER)
@refuses(
    *(*OF_A_COUNT, "bad_amount", "cases_are_opened", "ended", "hours_are_logged", "outside_term", "period_unknown"),
    *("refused", "too_many_planned", "unit"),
)
async def take(entitlement: EntitlementId, asked: bodies.Visit, asking: ByAsking) -> Taken:
    """Take a visit, or anything of another unit, when it is dispatched.

    The answer says what came of it, and what is left. What an entitlement has no more of, the next that matches gives,
    if it falls back, or asks and is told no (`declined`).
    """
    await check_entitlement(asking.backend, asking.caller, entitlement)
    case_id = None if asked.case_id is None else await asking.case(asked.case_id)
    if asked.overage is not None:
        check_scopes(asking.caller, {MANAGER})
    return await asking.backend.usage.take(
        entitlement,
        asked.reference,
        amount=asked.amount,
        at=asked.at,
        case=case_id,
        overage=asked.overage,
        declined=asked.declined,
        by=asking.who(asked.by),
        event_id=asking.event_id(asked.event_id),
    )


@router.post("/{entitlement}/reverse")
@needs(DISPATCHER, MANAGER)
@refuses(*OF_A_COUNT, "already_reversed", "never_given_back", "unknown_reference")
async def reverse(entitlement: EntitlementId, asked: bodies.GivenBack, asking: ByAsking) -> Reversed:
    """Give back all that a visit or a time entry took, once."""
    await check_entitlement(asking.backend, asking.caller, entitlement)
    return await asking.backend.usage.reverse(entitlement, asked.reference, **_who(asking, asked, asked.reason))


@router.post("/{entitlement}/adjust")
@needs(MANAGER)
@refuses(*OF_A_PERIOD)
async def adjust(entitlement: EntitlementId, asked: bodies.Adjustment, asking: ByAsking) -> Changed:
    """Count more or less by hand."""
    await check_entitlement(asking.backend, asking.caller, entitlement)
    who = _who(asking, asked, asked.reason)
    return await asking.backend.usage.adjust(entitlement, asked.amount, at=asked.at, **who)


@router.post("/{entitlement}/grant")
@needs(MANAGER)
@refuses(*OF_A_PERIOD, "bad_dates", "carries_nothing", "too_many_grants", "unlimited")
async def grant(entitlement: EntitlementId, asked: bodies.Grant, asking: ByAsking) -> Changed:
    """Give a credit for one period by hand."""
    await check_entitlement(asking.backend, asking.caller, entitlement)
    if asked.until is not None and asked.until_instant is not None:
        raise Refused("bad_dates", "give until or until_instant, not both")
    return await asking.backend.usage.grant(
        entitlement,
        asked.amount,
        at=asked.at,
        until=asked.until or asked.until_instant,
        carries_over=asked.carries_over,
        **_who(asking, asked, asked.reason),
    )


@router.post("/{entitlement}/amend")
@needs(MANAGER)
@refuses(
    *OF_A_COUNT,
    *("already_renewed", "bad_amount", "bad_dates", "bad_record", "carries_over", "changed_meanwhile", "counted"),
    *(
        "ends_on",
        "expired",
        "has_thresholds",
        "if_match_missing",
        "is_reset",
        "needs_end",
        "nothing_to_amend",
        "retired",
    ),
)
async def amend(
    entitlement: EntitlementId, asked: bodies.Amendment, asking: ByAsking, if_match: IfMatch = None
) -> Changed | RecordChanged:
    """Change the cap or the last date of an entitlement.

    If-Match, with the ETag of its terms, says what it is a change of: where somebody else has amended it since it is
    refused (412).
    """
    await check_entitlement(asking.backend, asking.caller, entitlement)
    if asked.cap is None and asked.ends_on is None:
        raise Refused("nothing_to_amend", "say what changes: cap, ends_on or both")
    cap, shown = asked.limit(), seen(if_match)
    if shown is None:
        said = 'say which terms this changes: If-Match: "6/2026-12-31", the ETag that it has; or *, whatever it is'
        raise Problem("if_match_missing", said)
    amends = None if shown.is_any else await _terms_seen(asking, entitlement, shown)
    who = _who(asking, asked, asked.reason)
    return await asking.backend.usage.amend(entitlement, cap=cap, ends_on=asked.ends_on, amends=amends, **who)


async def _terms_seen(asking: Asking, entitlement: str, shown: Seen) -> str:
    """The terms that an amendment is a change of: of several those that stand, if they are among them.

    Raises:
        Problem: no terms ever have such an ETag.
    """
    stands = (await asking.backend.auditor.balance(entitlement)).terms if len(shown.tags) > 1 else None
    tag = shown.of(stands)
    if not 1 <= len(tag) <= _LONGEST_TAG:
        raise Problem("changed_meanwhile", f"{entitlement} has no such ETag; GET says which it has")
    return tag


@router.post("/{entitlement}/cover")
@needs(MANAGER)
@refuses(*OF_A_PERIOD, "earlier_period", "no_overage", "nothing_left", "too_many_covers")
async def cover(entitlement: EntitlementId, asked: bodies.Cover, asking: ByAsking) -> Changed:
    """Pay for overage from what is left of its period, or of a later one."""
    await check_entitlement(asking.backend, asking.caller, entitlement)
    who = _who(asking, asked, asked.reason)
    return await asking.backend.usage.cover(entitlement, asked.reference, at=asked.at, amount=asked.amount, **who)


@router.post("/{entitlement}/void")
@needs(MANAGER)
@refuses(*OF_A_COUNT, "bad_amount", "no_overage")
async def void(entitlement: EntitlementId, asked: bodies.Voided, asking: ByAsking) -> Changed:
    """Let overage go: it is not billed."""
    await check_entitlement(asking.backend, asking.caller, entitlement)
    who = _who(asking, asked, asked.reason)
    return await asking.backend.usage.void(entitlement, asked.reference, amount=asked.amount, **who)


@router.post("/{entitlement}/renew")
@needs(MANAGER)
@refuses(*OF_A_COUNT, "already_renewed", "bad_dates", "is_reset", "no_end", "retired")
async def renew(entitlement: EntitlementId, asked: bodies.Renewal, asking: ByAsking) -> Changed:
    """Renew an entitlement: a new, linked record goes on from the day after its last date."""
    await check_entitlement(asking.backend, asking.caller, entitlement)
    who = _who(asking, asked, asked.reason)
    return await asking.backend.usage.renew(entitlement, ends_on=asked.ends_on, **who)


@router.post("/{entitlement}/cancel")
@needs(MANAGER)
@refuses(*OF_A_COUNT, "already_cancelled", "bad_dates", "counted", "expired")
async def cancel(entitlement: EntitlementId, asked: bodies.Cancellation, asking: ByAsking) -> Cancelled | RecordChanged:
    """End an entitlement. What was taken after that stays taken and is listed; what is planned after it is reversed."""
    await check_entitlement(asking.backend, asking.caller, entitlement)
    if asked.on is not None and asked.at is not None:
        raise Refused("bad_dates", "give a last date (on) or an instant (at), not both")
    return await asking.backend.usage.cancel(
        entitlement,
        at=asked.at,
        last_day=asked.on,
        with_renewal=asked.with_renewal,
        **_who(asking, asked, asked.reason),
    )


def _who(asking: Asking, asked: bodies.UsageRequest, reason: str) -> dict[str, str]:
    return {"by": asking.who(asked.by), "reason": reason, "event_id": asking.event_id(asked.event_id)}

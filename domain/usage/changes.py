"""Changes of an entitlement by hand: amended, adjusted, reversed, cancelled, renewed; each with who and why, each once.

A change that makes no sense is refused with what would be right, and changes nothing.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, assert_never

from domain.errors import Refused
from domain.usage.due import carry_to_renewal, report
from domain.usage.effects import RecordChange
from domain.usage.machine import Usage, UsageEffect
from domain.usage.periods import FrozenPeriods, PeriodUnknown, Term
from domain.usage.renewals import renew
from domain.usage.requests import (
    BalanceCarriedIn,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementCancelled,
    EntitlementRenewed,
    UsageAdjusted,
    UsageChange,
    UsageChanged,
)
from domain.usage.rows import RowKind
from domain.usage.state import CapChange
from domain.usage.takings import Taking
from domain.usage.term_end import AtTermEnd
from domain.usage.thresholds import pass_thresholds
from domain.usage.units import amount_text

_NEVER_GIVEN_BACK = "cases"
"""A case takes its part when it is opened and never gives it back."""


def change(
    usage: Usage, asked: UsageChange, now: datetime, periods: FrozenPeriods | None = None
) -> tuple[UsageChanged, list[UsageEffect]]:
    """Make a change; nothing if one with its `event_id` was made before.

    Args:
        usage: of the entitlement.
        asked: what is to be changed.
        now: the entitlement's clock.
        periods: of an amended last date: frozen by `amended_term`.

    Raises:
        Refused: it makes no sense here. The usage is as it was.
    """
    if known := usage.state.changed.find(asked.event_id):
        return _said(usage, "already", "made before", known.period), []
    match asked:
        case EntitlementAmended():
            text, period, effects = _amend(usage, asked, now, periods)
        case UsageAdjusted():
            text, period, effects = _adjust(usage, asked, now)
        case ConsumptionReversed():
            text, period, effects = _reverse(usage, asked, now)
        case EntitlementCancelled():
            text, period, effects = _cancel(usage, asked, now)
        case EntitlementRenewed():
            text, period, effects = _renew(usage, asked, now)
        case BalanceCarriedIn():
            text, period, effects = _carry_in(usage, asked, now)
        case _:
            assert_never(asked)
    usage.state.changed.add(asked.event_id, Taking(period, 0))
    return _said(usage, "done", text, period), effects


def amended_term(usage: Usage, asked: EntitlementAmended) -> Term | None:
    """The term with its amended last date and notices, whose periods are to be frozen; None if these stay as they are.

    Raises:
        Refused: it can't be amended.
    """
    if usage.state.changed.find(asked.event_id):
        return None
    term = usage.terms.periods.term
    term_end = asked.term_end or usage.terms.term_end
    ends_on = term.ends_on if asked.ends_on is None else None if asked.ends_on == "never" else asked.ends_on
    if ends_on != term.ends_on:
        _check_new_end(usage, ends_on)
    if ends_on is None and term.length is None and (term_end.policy is AtTermEnd.RENEW or term_end.notices):
        entitlement_id = usage.terms.entitlement_id
        raise Refused("needs_end", f"{entitlement_id} is renewed, or has notices given, at its end; give a last date")
    wanted = term.model_copy(update={"ends_on": ends_on, "notice_days": term_end.notice_days})
    return None if wanted == term else wanted


def _check_new_end(usage: Usage, ends_on: date | None) -> None:
    entitlement_id, renewal, term = usage.terms.entitlement_id, usage.state.renewal, usage.terms.periods.term
    if renewal is not None:
        raise Refused("already_renewed", f"{entitlement_id} goes on as {renewal.entitlement_id}; amend or cancel that")
    if term.length is not None:
        raise Refused("is_reset", f"{entitlement_id} goes from term to term and has no last date; cancel it instead")
    if ends_on is not None and term.starts_on is not None and ends_on < term.starts_on:
        raise Refused("bad_dates", f"the last date {ends_on} lies before the first, {term.starts_on}")


def _amend(
    usage: Usage, asked: EntitlementAmended, now: datetime, periods: FrozenPeriods | None
) -> tuple[str, int, list[UsageEffect]]:
    """Change cap or end. What was taken stays taken; thresholds passed stay passed; what is left counts at once."""
    check_amendment(usage, asked)
    wanted, before = amended_term(usage, asked), usage.terms.periods.term
    if wanted is not None:
        if periods is None or periods.term != wanted:
            raise Refused("ends_on", "the periods of the amended term are not known yet; ask again")
        if periods.ends_at is not None and periods.ends_at <= now:
            raise Refused("bad_dates", f"{wanted.ends_on} is over; give today or a later date, or cancel it")
        usage.terms = usage.terms.model_copy(update={"periods": periods})
    new_end = wanted is not None and wanted.ends_on != before.ends_on
    texts = [f"it ends on {asked.ends_on}" if asked.ends_on != "never" else "it does not end"] if new_end else []
    texts += _amend_rules(usage, asked)
    period = usage.balance(now).current.period
    cap = None if asked.cap == "unlimited" else asked.cap
    if asked.cap is not None and cap != usage.declared_cap(period):
        usage.state.caps.append(CapChange(from_period=period, cap=cap))
        texts.append("the cap is unlimited" if cap is None else f"the cap is {cap} {usage.terms.allowance.unit}")
    if not texts:
        return "nothing differs", period, []
    text = "; ".join(texts)
    row = usage.row(RowKind.AMENDED, period, at=now, now=now, **_who(asked, text))
    record = RecordChange(
        entitlement_id=usage.terms.entitlement_id,
        cap=asked.cap,
        ends_on=asked.ends_on if new_end else None,
        by=asked.by,
    )
    return text, period, [row, record, *pass_thresholds(usage, period, now)]


def _amend_rules(usage: Usage, asked: EntitlementAmended) -> list[str]:
    """Count by the policy, prices, thresholds and notices that are declared now."""
    texts: list[str] = []
    if asked.allowance is not None:
        # The cap that was declared first still counts for the periods before it was amended.
        allowance = asked.allowance.model_copy(update={"cap": usage.terms.allowance.cap})
        if allowance != usage.terms.allowance:
            usage.terms = usage.terms.model_copy(update={"allowance": allowance})
            texts.append("its rules are those that are declared now")
    if asked.term_end is not None and asked.term_end != usage.terms.term_end:
        usage.terms = usage.terms.model_copy(update={"term_end": asked.term_end})
        texts.append("what becomes of it at its term's end is what is declared now")
    if asked.mails is not None:
        amended = usage.terms.model_copy(update=asked.mails.model_dump())
        if amended != usage.terms:
            usage.terms = amended
            texts.append("its mails go to whom the account names now")
    return texts


def check_amendment(usage: Usage, asked: EntitlementAmended) -> None:
    """Whether an amendment makes sense, as far as can be told before its periods are frozen.

    Raises:
        Refused: it does not.
    """
    if usage.state.changed.find(asked.event_id):
        return
    terms, term = usage.terms, usage.terms.periods.term
    fixed = {
        "unit": (terms.allowance.unit, asked.unit),
        "account": (terms.account, asked.account),
        "starts_on": (term.starts_on, asked.starts_on),
    }
    for name, (now, wanted) in fixed.items():
        if wanted is not None and wanted != now:
            raise Refused(
                name,
                f"the {name} of {terms.entitlement_id} is {now} and stays so, not {wanted}; "
                "cancel it and declare another",
            )
    _check_rules(usage, asked)
    if not asked.model_dump(exclude={"event_id", "by", "reason"}, exclude_none=True):
        raise Refused("nothing_to_amend", "give a cap, a last date (ends_on), or what else is declared now")
    if usage.state.cancelled_at is not None:
        raise Refused("cancelled", f"{terms.entitlement_id} was cancelled at {usage.state.cancelled_at.isoformat()}")
    if usage.state.is_over:
        raise Refused("expired", f"the term of {terms.entitlement_id} has ended; renew it instead")
    if asked.cap == "unlimited" and (asked.allowance or terms.allowance).thresholds:
        raise Refused("has_thresholds", "thresholds are marks on the way to a cap, so this entitlement needs one")
    if asked.cap == "unlimited" and terms.allowance.carry_over != "none":
        raise Refused("carries_over", "of an unlimited allowance nothing is left to be carried over; give a cap")
    _check_thresholds(usage, asked)
    amended_term(usage, asked)


def _check_thresholds(usage: Usage, asked: EntitlementAmended) -> None:
    """No mark lies over the cap: the catalog would not take the entitlement's record with it."""
    allowance = asked.allowance or usage.terms.allowance
    if not isinstance(asked.cap, int):
        return
    for threshold in allowance.thresholds:
        if threshold.of(asked.cap) > asked.cap:
            raise Refused(
                "has_thresholds",
                f"the threshold {threshold.at!r} lies over a cap of {asked.cap} {allowance.unit}; "
                f"give a cap of at least {threshold.at}, or declare another threshold first",
            )


def _check_rules(usage: Usage, asked: EntitlementAmended) -> None:
    """What was counted was counted by unit, periods and what was carried over: these stay."""
    old, new = usage.terms.allowance, asked.allowance
    if new is not None:
        for name in ("unit", "period", "aligned", "carry_over"):
            before, wanted = getattr(old, name), getattr(new, name)
            if before != wanted:
                raise Refused(
                    name,
                    f"the {name} of {usage.terms.entitlement_id} is {before} and stays so, not {wanted}; "
                    "cancel it and declare another",
                )
    at_end, wanted_end = usage.terms.term_end, asked.term_end or usage.terms.term_end
    is_reset = AtTermEnd.RESET in {at_end.policy, wanted_end.policy}
    if is_reset and (at_end.policy, at_end.term) != (wanted_end.policy, wanted_end.term):
        raise Refused(
            "is_reset",
            f"whether {usage.terms.entitlement_id} goes from term to term, and how long each is, stays as it is; "
            "cancel it and declare another",
        )


def _adjust(usage: Usage, asked: UsageAdjusted, now: datetime) -> tuple[str, int, list[UsageEffect]]:
    """Count more or less in a period, within nothing and what is left of it."""
    at, unit = asked.occurred_at or now, usage.terms.allowance.unit
    try:
        period = usage.terms.periods.number(at)
    except PeriodUnknown as unknown:
        raise Refused("period_unknown", str(unknown)) from None
    if period is None:
        raise Refused("outside_term", f"{at.isoformat()} is outside the term of {usage.terms.entitlement_id}")
    if usage.status(at) == "cancelled":
        raise Refused(
            "cancelled", f"{usage.terms.entitlement_id} is cancelled at {at.isoformat()}; give an earlier instant"
        )
    used, room = usage.use(period).used, usage.room(period)
    if asked.amount == 0:
        raise Refused("no_amount", "an adjustment of 0 changes nothing")
    if used + asked.amount < 0:
        given, wanted = amount_text(used, unit), amount_text(-asked.amount, unit)
        raise Refused("too_much", f"only {given} can be given back, not {wanted}")
    if room is not None and asked.amount > room:
        left, wanted = amount_text(room, unit), amount_text(asked.amount, unit)
        raise Refused("too_much", f"only {left} can be taken, not {wanted}; amend the cap first")
    usage.changing_use(period).used += asked.amount
    sign = "+" if asked.amount > 0 else "-"
    text = f"adjusted by {sign}{amount_text(abs(asked.amount), unit)}"
    row = usage.row(
        RowKind.ADJUSTED, period, at=at, now=now, amount=asked.amount, used=asked.amount, **_who(asked, text)
    )
    return text, period, [row, *usage.settle(period, now)]


def _reverse(usage: Usage, asked: ConsumptionReversed, now: datetime) -> tuple[str, int, list[UsageEffect]]:
    """Give back all that a reference took, once. It stays known: taking it again changes nothing."""
    unit, reference = usage.terms.allowance.unit, asked.reference
    if unit == _NEVER_GIVEN_BACK:
        raise Refused("never_given_back", "a case never gives back what it took; adjust the usage, with a reason")
    taking = usage.state.taken.find(reference)
    if taking is not None and taking.is_reversed:
        raise Refused("already_reversed", f"{reference!r} was reversed before")
    if taking is None or not (taking.amount or taking.overage):
        raise Refused("unknown_reference", f"{reference!r} took nothing of {usage.terms.entitlement_id}")
    period = taking.period
    usage.state.taken.move(reference, Taking(period, 0))
    use = usage.changing_use(period)
    back = min(taking.amount, use.used)  # an adjustment may have given back some of it before
    use.used -= back
    use.overage -= taking.overage
    text = f"{reference} gives back {amount_text(taking.amount + taking.overage, unit)}"
    whole = -(taking.amount + taking.overage)
    effects: list[UsageEffect] = [
        usage.row(
            RowKind.REVERSED,
            period,
            at=now,
            now=now,
            reference=reference,
            amount=whole,
            used=-back,
            overage=-taking.overage,
            **_who(asked, text),
        )
    ]
    if usage.state.approved.find(reference):
        usage.state.approved.forget(reference)
        price = usage.terms.allowance.overage_price
        effects.append(
            usage.row(
                RowKind.OVERRIDE,
                period,
                at=now,
                now=now,
                reference=reference,
                amount=-taking.overage,
                price=price,
                **_who(asked, "no longer billed"),
            )
        )
    return text, period, [*effects, *usage.settle(period, now)]


def _cancel(usage: Usage, asked: EntitlementCancelled, now: datetime) -> tuple[str, int, list[UsageEffect]]:
    """End it now: its current period is reported, and nothing more falls due."""
    state = usage.state
    if state.cancelled_at is not None:
        raise Refused("already_cancelled", f"cancelled already, at {state.cancelled_at.isoformat()}")
    ends_at = usage.terms.periods.ends_at
    if state.is_over or (ends_at is not None and ends_at <= now):
        raise Refused("expired", "its term has ended; there is nothing to cancel")
    effects = usage.advance(now)
    state.cancelled_at, state.is_over = now, True
    effects.append(usage.row(RowKind.CANCELLED, state.period, at=now, now=now, **_who(asked, "cancelled")))
    effects.append(report(usage, state.period, again=False))
    effects.append(RecordChange(entitlement_id=usage.terms.entitlement_id, cancelled_at=now, by=asked.by))
    return "cancelled", state.period, effects


def _renew(usage: Usage, asked: EntitlementRenewed, now: datetime) -> tuple[str, int, list[UsageEffect]]:
    """Have the next record made, early or late. What is left goes over at the end of this one's term."""
    effects = renew(
        usage,
        now,
        by=asked.by,
        reason=asked.reason,
        clocked_at=now,
        ends_on=asked.ends_on,
        event_id=asked.event_id,
    )
    if usage.state.is_over:
        effects += carry_to_renewal(usage, now, now)
    renewal = usage.state.renewal
    text = f"goes on as {renewal.entitlement_id}, {renewal.starts_on} to {renewal.ends_on}" if renewal else ""
    return text, usage.state.period, effects


def _carry_in(usage: Usage, asked: BalanceCarriedIn, now: datetime) -> tuple[str, int, list[UsageEffect]]:
    """Add to the first period what was left of the entitlement that this one renews."""
    usage.changing_use(0).carried += asked.amount
    text = f"{amount_text(asked.amount, usage.terms.allowance.unit)} carried over"
    row = usage.row(
        RowKind.CARRIED, 0, at=now, now=now, amount=asked.amount, carried=asked.amount, **_who(asked, asked.reason)
    )
    return text, 0, [row, *usage.settle(0, now)]


def _said(usage: Usage, outcome: Any, text: str, period: int) -> UsageChanged:
    renewal = usage.state.renewal
    return UsageChanged(
        outcome=outcome,
        text=text,
        balance=usage.balance_of(period),
        renewal=renewal.entitlement_id if renewal else None,
    )


def _who(asked: UsageChange, text: str) -> dict[str, Any]:
    reason = asked.reason if text == asked.reason else f"{text}: {asked.reason}"
    return {"event_id": asked.event_id, "by": asked.by, "reason": reason}

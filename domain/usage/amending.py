"""Amending an entitlement: its cap, its last date, and the rules by which it is counted."""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction

from domain.errors import Refused
from domain.usage.book import UsageBook, UsageEffect
from domain.usage.by_hand import Made, write_by_hand
from domain.usage.effects import RecordChange
from domain.usage.periods import FrozenPeriods, Term
from domain.usage.planned import recount_planned
from domain.usage.prices import keep_prices
from domain.usage.quantities import quantity_text
from domain.usage.requests import EntitlementAmended
from domain.usage.rows import RowKind
from domain.usage.state import CapChange, FormerRules
from domain.usage.term_end import AtTermEnd
from domain.usage.thresholds import pass_thresholds
from domain.usage.units import HOURS
from domain.usage.weighing import BOUNDS_BYTES, without_oldest
from domain.wording import instant

LAST_DATE_IS_NO_END = 6
"""The version of the rules since which what is renewed, or told of, at its end is not amended to end on 9999-12-31."""

MOST_FORMER_RULES = 40
"""Rules that are remembered for what comes late; what lies before them is counted by the oldest of them."""


def amended_term(book: UsageBook, asked: EntitlementAmended) -> Term | None:
    """The term with its amended last date and notices, whose periods are to be frozen; None if these stay as they are.

    Raises:
        Refused: it can't be amended.
    """
    if book.state.changed.find(asked.event_id):
        return None
    term = book.terms.periods.term
    term_end = asked.term_end or book.terms.term_end
    ends_on = term.ends_on if asked.ends_on is None else None if asked.ends_on == "never" else asked.ends_on
    if ends_on != term.ends_on:
        _check_new_end(book, ends_on)
    is_changed = (ends_on, term_end) != (term.ends_on, book.terms.term_end)
    is_none_now = ends_on == date.max and is_changed and book.terms.rules >= LAST_DATE_IS_NO_END
    needs_end = term.length is None and (term_end.policy is AtTermEnd.RENEW or term_end.notices)
    if needs_end and (ends_on is None or is_none_now):
        entitlement_id = book.terms.entitlement_id
        raise Refused("needs_end", f"{entitlement_id} is renewed, or has notices given, at its end; give a last date")
    wanted = term.model_copy(update={"ends_on": ends_on, "notice_days": term_end.notice_days})
    return None if wanted == term else wanted


def _check_new_end(book: UsageBook, ends_on: date | None) -> None:
    entitlement_id, renewal, term = book.terms.entitlement_id, book.state.renewal, book.terms.periods.term
    if renewal is not None:
        raise Refused("already_renewed", f"{entitlement_id} goes on as {renewal.entitlement_id}; amend or cancel that")
    if term.length is not None:
        raise Refused("is_reset", f"{entitlement_id} goes from term to term and has no last date; cancel it instead")
    if ends_on is not None and term.starts_on is not None and ends_on < term.starts_on:
        raise Refused("bad_dates", f"the last date {ends_on} lies before the first, {term.starts_on}")


def amend(book: UsageBook, asked: EntitlementAmended, now: datetime, periods: FrozenPeriods | None) -> Made:
    """Change cap, end or rules: what was taken and thresholds that were passed stay; what is left counts at once."""
    check_amendment(book, asked)
    if asked.amends is not None and asked.amends != (stand := book.terms_at(now)):
        why = f"{book.terms.entitlement_id} was amended: cap and last date are {stand}, not {asked.amends}"
        raise Refused("changed_meanwhile", why)
    wanted, before = amended_term(book, asked), book.terms.periods.term
    if wanted is not None:
        if periods is None or periods.term != wanted:
            raise Refused("ends_on", "the periods of the amended term are not known yet; ask again")
        if periods.ends_at is not None and periods.ends_at <= now:
            raise Refused("bad_dates", f"{wanted.ends_on} is over; give today or a later date, or cancel it")
        book.terms = book.terms.model_copy(update={"periods": periods})
    new_end = wanted is not None and wanted.ends_on != before.ends_on
    texts = [f"it ends on {asked.ends_on}" if asked.ends_on != "never" else "it does not end"] if new_end else []
    period = book.period_near(now)
    texts += _amend_rules(book, asked, period)
    cap = None if asked.cap == "unlimited" else asked.cap
    if asked.cap is not None and cap != book.declared_cap(period):
        book.state.caps = [change for change in book.state.caps if change.from_period != period]
        book.state.caps.append(CapChange(from_period=period, cap=cap))
        texts.append(
            "the cap is unlimited" if cap is None else f"the cap is {quantity_text(cap)} {book.terms.allowance.unit}"
        )
    if not texts:
        return Made("nothing differs", period, [])
    text = "; ".join(texts)
    record = RecordChange(
        entitlement_id=book.terms.entitlement_id,
        cap=asked.cap,
        ends_on=asked.ends_on if new_end else None,
        by=asked.by,
    )
    effects: list[UsageEffect] = [write_by_hand(book, asked, text, RowKind.AMENDED, period, now=now), record]
    if new_end:
        effects += recount_planned(book, now, by=asked.by, event_id=asked.event_id)
    for number in sorted({period, *book.state.uses}):
        if number >= period:  # what is planned for periods ahead may pass a threshold of a lower cap
            effects += pass_thresholds(book, number, now)
    return Made(text, period, effects)


def _amend_rules(book: UsageBook, asked: EntitlementAmended, period: int) -> list[str]:
    """Count by what is declared now from a period on; what was counted before it stays as it was."""
    texts: list[str] = []
    if asked.allowance is not None:
        # The cap that was declared first still counts for the periods before it was amended.
        allowance = asked.allowance.model_copy(update={"cap": book.terms.allowance.cap})
        if allowance != book.terms.allowance:
            _keep_former_rules(book, period)
            if allowance.overage_price != book.terms.allowance.overage_price:
                keep_prices(book, period)
            book.terms = book.terms.model_copy(update={"allowance": allowance})
            texts.append("its rules are those that are declared now")
    if asked.term_end is not None and asked.term_end != book.terms.term_end:
        book.terms = book.terms.model_copy(update={"term_end": asked.term_end})
        texts.append("what becomes of it at its term's end is what is declared now")
    if asked.mails is not None:
        amended = book.terms.model_copy(update=asked.mails.model_dump())
        if amended != book.terms:
            book.terms = amended
            texts.append("its mails go to whom the account names now")
    return texts


def _keep_former_rules(book: UsageBook, period: int) -> None:
    """Go on counting the periods before this one by the rules that they had."""
    former = book.state.former
    if period > 0 and not any(rules.before_period == period for rules in former):
        former.append(FormerRules(before_period=period, allowance=book.terms.allowance))
        del former[:-MOST_FORMER_RULES]
        if book.terms.rules >= BOUNDS_BYTES:
            book.state.former = without_oldest(former)


def check_amendment(book: UsageBook, asked: EntitlementAmended) -> None:
    """Whether an amendment makes sense, as far as can be told before its periods are frozen.

    Raises:
        Refused: it does not.
    """
    if book.state.changed.find(asked.event_id):
        return
    terms, term = book.terms, book.terms.periods.term
    fixed = {
        "unit": (terms.allowance.unit, asked.unit),
        "account": (terms.account, asked.account),
        "starts_on": (term.starts_on, asked.starts_on),
    }
    for name, (now, wanted) in fixed.items():
        if wanted is not None and wanted != now:
            raise Refused(
                name,
                f"the {name} of {terms.entitlement_id} cannot change from {now} to {wanted}; "
                "cancel it and declare a new one",
            )
    _check_rules(book, asked)
    if not asked.model_dump(exclude={"event_id", "by", "reason", "amends"}, exclude_none=True):
        raise Refused("nothing_to_amend", "give a cap, a last date (ends_on), or what else is declared now")
    if book.state.cancelled_at is not None:
        raise Refused("cancelled", f"{terms.entitlement_id} was cancelled at {instant(book.state.cancelled_at)}")
    if book.state.is_over:
        raise Refused("expired", f"the term of {terms.entitlement_id} has ended; renew it instead")
    if asked.cap == "unlimited" and (asked.allowance or terms.allowance).thresholds:
        raise Refused("has_thresholds", "thresholds are measured against a cap, so this entitlement needs one")
    if asked.cap == "unlimited" and (asked.allowance or terms.allowance).carry_over != "none":
        raise Refused("carries_over", "an unlimited allowance leaves nothing to carry over; give a cap")
    if isinstance(asked.cap, Fraction) and terms.allowance.unit != HOURS:
        raise Refused("bad_amount", f"{terms.allowance.unit} are whole; give a cap such as {int(asked.cap)}")
    _check_thresholds(book, asked)
    amended_term(book, asked)


def _check_thresholds(book: UsageBook, asked: EntitlementAmended) -> None:
    """No mark lies over the cap: the catalog would not take the entitlement's record with it."""
    allowance = asked.allowance or book.terms.allowance
    if not isinstance(asked.cap, int | Fraction):
        return
    for threshold in allowance.thresholds:
        if not threshold.is_percentage and threshold.of(asked.cap) > asked.cap:
            raise Refused(
                "has_thresholds",
                f"the threshold {threshold.at!r} lies over a cap of {quantity_text(asked.cap)} {allowance.unit}; "
                f"give a cap of at least {threshold.at}, or declare another threshold first",
            )


def _check_rules(book: UsageBook, asked: EntitlementAmended) -> None:
    """What was counted was counted by unit, periods and what was carried over: these stay."""
    old, new = book.terms.allowance, asked.allowance
    if new is not None:
        for name in ("unit", "period", "aligned"):
            before, wanted = getattr(old, name), getattr(new, name)
            if before != wanted:
                raise Refused(
                    name,
                    f"the {name} of {book.terms.entitlement_id} cannot change from {before} to {wanted}; "
                    "cancel it and declare a new one",
                )
    at_end, wanted_end = book.terms.term_end, asked.term_end or book.terms.term_end
    is_reset = AtTermEnd.RESET in {at_end.policy, wanted_end.policy}
    if is_reset and (at_end.policy, at_end.term) != (wanted_end.policy, wanted_end.term):
        raise Refused(
            "is_reset",
            f"{book.terms.entitlement_id} cannot begin or stop to go from term to term, nor change how long each is; "
            "cancel it and declare a new one",
        )

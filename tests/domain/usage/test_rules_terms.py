"""Rules of terms and their ends that no other test pins down."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Account, Entitlement, Organisation
from domain.errors import Refused
from domain.usage.allowance import Threshold
from domain.usage.effects import UsageActionOrder
from domain.usage.machine import Usage, UsageEffect
from domain.usage.requests import EntitlementAmended, EntitlementCancelled, EntitlementRenewed, TimeEntry
from domain.usage.rows import LedgerRow
from domain.usage.term_end import Notice, TermEnd

ORGANISATION = Organisation(time_zone="America/New_York")
ACCOUNT = Account(id="acme", manager_mail="manager@example.com")
RENEWALS = ACCOUNT.model_copy(update={"renewals_mail": "renewals@example.com"})
START = datetime(2025, 1, 15, 5, tzinfo=UTC)
"""Midnight in New York."""
OVER = datetime(2026, 1, 15, 5, tzinfo=UTC)
TASK = {"do": "task", "subject": "Talk about the renewal"}


def begun(at: datetime = START, *, allowance: Any = None, account: Account = ACCOUNT, **fields: Any) -> Usage:
    """The count of an entitlement of ten visits a month for a year, begun at an instant."""
    declared = {
        "id": "gold",
        "account": "acme",
        "starts_on": "2025-01-15",
        "ends_on": "2026-01-14",
        "allowance": {"unit": "visits", "cap": 10, "period": "month"} | (allowance or {}),
    }
    entitlement = Entitlement.model_validate(declared | fields)
    return Usage.begin(entitlement_terms(entitlement, account, ORGANISATION, now=at), at)


def refusal(usage: Usage, kind: type[Any], now: datetime = START, **fields: Any) -> str:
    before = usage.state.model_dump_json()
    with pytest.raises(Refused) as refused:
        usage.change(kind(event_id="x", by="ana", reason="agreed", **fields), now)
    assert usage.state.model_dump_json() == before
    return str(refused.value)


def test_periods_change_in_the_accounts_zone_or_else_in_the_organisations() -> None:
    """The account's own comes first."""
    london = ACCOUNT.model_copy(update={"time_zone": "Europe/London"})
    starts = [begun(account=account).terms.periods.starts_at(1) for account in (ACCOUNT, london)]
    assert starts == [datetime(2025, 2, 15, 5, tzinfo=UTC), datetime(2025, 2, 15, tzinfo=UTC)]


def test_the_most_that_is_carried_over_is_in_the_unit() -> None:
    """Of a bank of hours at most two hours go on, not two minutes."""
    usage = begun(allowance={"unit": "hours", "carry_over": "period", "carry_over_cap": 2})
    usage.log_hours(TimeEntry(id="e1", minutes=60, worked_at=START), START)
    february = datetime(2025, 2, 15, 5, tzinfo=UTC)
    usage.advance(february)
    assert (usage.balance(february).current.carried, usage.balance(february).current.cap) == (120, 720)


def test_with_the_term_what_was_to_be_carried_over_by_periods_lapses() -> None:
    """Into a renewal goes something only with `carry_over: renewal`."""
    usage = begun(allowance={"carry_over": "period"}, term_end={"policy": "renew"})
    usage.advance(OVER)
    last = usage.balance(OVER).current
    assert (usage.state.renewal is not None, last.remaining, last.carried_over) == (True, 120, 0)


def test_terms_that_were_over_before_the_count_began_are_given_no_notice() -> None:
    """Of terms that follow one another only those from the one on in which it began."""
    at = datetime(2025, 8, 1, tzinfo=UTC)
    usage = begun(
        at, ends_on=None, term_end={"policy": "reset", "term": "3 months", "notices": [_notice(10), _notice(30)]}
    )
    effects: list[UsageEffect] = usage.advance(at)
    assert effects == []
    effects = usage.advance(datetime(2025, 10, 14, 12, tzinfo=UTC))
    given = [order.call.key for order in effects if isinstance(order, UsageActionOrder) and order.cause == "notice"]
    assert given == ["gold/2025-10-14/notice/30-days/1/task-1", "gold/2025-10-14/notice/10-days/1/task-1"]


def _notice(days: int) -> dict[str, Any]:
    return {"days_before": days, "actions": [TASK]}


def test_the_end_of_what_is_renewed_already_is_not_amended() -> None:
    """The renewal follows the day after; amend or cancel that."""
    usage = begun()
    usage.change(EntitlementRenewed(event_id="r", by="ana", reason="early"), START)
    assert "goes on as gold~2; amend or cancel that" in refusal(usage, EntitlementAmended, ends_on=date(2026, 6, 30))


def test_what_goes_from_term_to_term_has_no_last_date() -> None:
    """It is ended by cancelling it."""
    usage = begun(ends_on=None, term_end={"policy": "reset", "term": "1 year"})
    assert "cancel it instead" in refusal(usage, EntitlementAmended, ends_on=date(2026, 6, 30))


def test_a_renewal_is_as_long_as_was_declared() -> None:
    """Or as the term before it, where no length is declared."""
    for term, ends_on in (("6 months", date(2026, 7, 14)), (None, date(2027, 1, 14))):
        usage = begun(term_end={"policy": "renew", "term": term})
        usage.change(EntitlementRenewed(event_id="r", by="ana", reason="early"), START)
        assert usage.state.renewal is not None
        assert usage.state.renewal.ends_on == ends_on


def test_only_what_ends_and_goes_on_is_renewed() -> None:
    """Not what was cancelled, nor what goes from term to term by itself, nor to a last date before its first."""
    cancelled = begun()
    cancelled.change(EntitlementCancelled(event_id="c", by="ana", reason="over"), START)
    assert "was cancelled" in refusal(cancelled, EntitlementRenewed)
    assert "goes on by itself" in refusal(
        begun(ends_on=None, term_end={"policy": "reset", "term": "1 year"}), EntitlementRenewed
    )
    assert "starts on 2026-01-15; it can't end on 2026-01-14" in refusal(
        begun(), EntitlementRenewed, ends_on=date(2026, 1, 14)
    )


def test_the_manager_hears_what_was_left_where_nobody_else_is_named() -> None:
    """The renewals contact, if the account names one, hears it instead."""
    for account, to in ((ACCOUNT, "manager@example.com"), (RENEWALS, "renewals@example.com")):
        usage = begun(account=account)
        mails = [effect for effect in usage.advance(OVER) if isinstance(effect, UsageActionOrder)]
        assert [mail.call.action.model_dump()["to"] for mail in mails] == [[to]]


def test_nobody_hears_of_terms_that_were_over_before_the_count_began() -> None:
    """Not even where their periods are counted through because of what they carry over."""
    at = datetime(2025, 8, 1, tzinfo=UTC)
    usage = begun(
        at, ends_on=None, allowance={"carry_over": "period"}, term_end={"policy": "reset", "term": "3 months"}
    )
    assert [effect for effect in usage.advance(at) if isinstance(effect, UsageActionOrder)] == []
    assert usage.balance(at).current.carried == 60


def test_at_the_end_of_a_period_the_ledger_says_what_was_unused() -> None:
    """With the instant of the end and that the passing of time did it."""
    usage = begun()
    february = datetime(2025, 2, 15, 5, tzinfo=UTC)
    rows = [row for row in usage.advance(february) if isinstance(row, LedgerRow)]
    assert [(row.kind, row.amount, row.at, row.by) for row in rows] == [("reset", 10, february, "milepost")]


def test_an_entitlement_has_no_field_to_update() -> None:
    """Neither a threshold nor a notice has a case whose field it could set."""
    update = {"do": "field_update", "field": "priority", "value": "High"}
    with pytest.raises(ValidationError, match="an entitlement has no case"):
        Threshold.model_validate({"at": 8, "actions": [update]})
    with pytest.raises(ValidationError, match="an entitlement has no case"):
        Notice.model_validate({"days_before": 8, "actions": [update]})


# --- absurd dates and lengths ---


@pytest.mark.parametrize("period", ["term", "month"])
def test_a_term_to_the_last_date_there_is_does_not_end(period: str) -> None:
    """Other systems write 9999-12-31 for never."""
    usage = begun(ends_on="9999-12-31", allowance={"period": period})
    assert (usage.terms.periods.ends_at, usage.balance(START).status) == (None, "active")
    assert "does not end" in refusal(usage, EntitlementRenewed)


@pytest.mark.parametrize("term", ["101 years", "99999 months", "99999 days"])
def test_a_term_of_more_than_a_hundred_years_is_refused(term: str) -> None:
    """A slip of the pen, which would end past the last date there is."""
    with pytest.raises(ValidationError, match="give one of at most 100 years"):
        TermEnd.model_validate({"policy": "reset", "term": term})
    assert TermEnd.model_validate({"policy": "reset", "term": "100 years"}).term is not None


def test_a_renewal_past_the_last_date_there_is_is_refused() -> None:
    """With what would be right; a last date that is given is taken."""
    usage = begun(ends_on="9990-01-14", term_end={"policy": "renew", "term": "20 years"})
    assert "ends past the year 9999; give its last date" in refusal(usage, EntitlementRenewed)
    usage.change(EntitlementRenewed(event_id="r", by="ana", reason="so", ends_on=date(9995, 1, 14)), START)
    assert usage.state.renewal is not None

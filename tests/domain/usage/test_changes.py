"""Changes of an entitlement by hand, one rule each."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.errors import Refused
from domain.usage.allowance import Allowance
from domain.usage.effects import RecordChange, UsageActionOrder
from domain.usage.freezing import freeze
from domain.usage.machine import Usage, UsageEffect
from domain.usage.periods import Term
from domain.usage.requests import (
    RULES,
    BalanceCarriedIn,
    Consumed,
    Consumption,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementCancelled,
    EntitlementRenewed,
    EntitlementTerms,
    OverageDecision,
    OverageVoided,
    TimeEntry,
    UsageAdjusted,
    UsageChange,
    UsageGranted,
)
from domain.usage.rows import LedgerRow
from domain.usage.state import PeriodRecord, UsageState
from domain.usage.term_end import TermEnd

NOON = datetime(2025, 2, 20, 12, tzinfo=UTC)
MARCH = datetime(2025, 3, 20, 12, tzinfo=UTC)
FAR = datetime(2035, 1, 1, tzinfo=UTC)


def usage(**allowance: Any) -> Usage:
    declared = Allowance.model_validate({"unit": "visits", "cap": 10, "period": "month"} | allowance)
    term = Term(starts_on=date(2025, 1, 15), ends_on=date(2025, 12, 31), time_zone="UTC")
    terms = EntitlementTerms(
        entitlement_id="E1", account="acme", allowance=declared, periods=freeze(declared, term, FAR)
    )
    return Usage.begin(terms, NOON)


def take(of: Usage, reference: str, amount: int = 1, at: datetime = NOON) -> Consumed:
    if of.terms.allowance.unit == "hours":
        return of.log_hours(TimeEntry(id=reference, minutes=amount, worked_at=at), at).answer
    asked = Consumption(reference=reference, event_id=f"{reference}-{at}", amount=amount, occurred_at=at)
    return of.take(asked, at).answer


def by_hand(kind: type[Any], event_id: str = "change-1", **fields: Any) -> Any:
    return kind(event_id=event_id, by="ana", reason="agreed by phone", **fields)


def changed(of: Usage, asked: UsageChange, now: datetime = NOON) -> list[UsageEffect]:
    return of.change(asked, now)[1]


def rows_of(effects: list[UsageEffect]) -> list[LedgerRow]:
    return [effect for effect in effects if isinstance(effect, LedgerRow)]


def refusal(of: Usage, asked: UsageChange, now: datetime = NOON) -> str:
    before = of.state.model_dump_json()
    with pytest.raises(Refused) as refused:
        of.change(asked, now)
    assert of.state.model_dump_json() == before
    return str(refused.value)


def test_a_change_carries_who_and_why() -> None:
    [row] = rows_of(changed(usage(), by_hand(UsageAdjusted, amount=2)))
    assert (row.by, row.reason, row.used, row.number) == ("ana", "adjusted by +2 visits: agreed by phone", 2, 1)
    for missing in ("by", "reason"):
        with pytest.raises(ValidationError, match=missing):
            UsageAdjusted.model_validate({"event_id": "e", "by": "ana", "reason": "so", "amount": 1} | {missing: ""})


@pytest.mark.parametrize(
    "asked",
    [
        by_hand(UsageAdjusted, amount=-1),
        by_hand(UsageGranted, amount=2),
        by_hand(ConsumptionReversed, reference="V1"),
        by_hand(OverageVoided, reference="V2"),
        by_hand(EntitlementAmended, cap=9),
        by_hand(EntitlementCancelled),
    ],
    ids=lambda asked: type(asked).__name__,
)
def test_each_change_by_hand_says_who_when_and_why(asked: UsageChange) -> None:
    """On a row of the ledger, which says as well what is left after it."""
    visits = usage(cap=1, overflow="prompt")
    take(visits, "V1")
    visits.take(Consumption(reference="V2", event_id="e", occurred_at=NOON), NOON)
    decision = OverageDecision(reference="V2", event_id="d", approved=True, by="bo", reason="yes", occurred_at=NOON)
    visits.decide(decision, NOON)
    later = NOON + timedelta(hours=1)
    rows = rows_of(changed(visits, asked, later))
    assert {(row.by, row.recorded_at) for row in rows} == {("ana", later)}
    assert all("agreed by phone" in (row.reason or "") for row in rows)
    assert rows[-1].balance_after == visits.balance(later).current.remaining


def test_a_change_is_made_once() -> None:
    visits = usage()
    visits.change(by_hand(UsageAdjusted, amount=2), NOON)
    said, effects = visits.change(by_hand(UsageAdjusted, amount=2), NOON)
    assert (said.outcome, effects) == ("already", [])
    [second] = rows_of(changed(visits, by_hand(UsageAdjusted, "change-2", amount=-1)))
    assert second.number == 2
    assert visits.balance(NOON).current.used == 1


def test_a_higher_cap_counts_at_once_a_lower_one_takes_nothing_back() -> None:
    visits = usage(cap=2)
    take(visits, "V1", 2)
    assert take(visits, "V2").outcome == "overflow"
    visits.change(by_hand(EntitlementAmended, cap=3), NOON)
    later = NOON + timedelta(hours=1)
    assert take(visits, "V2", at=later).outcome == "granted"
    visits.change(by_hand(EntitlementAmended, "change-2", cap=1), NOON)
    assert (visits.balance(NOON).current.used, visits.balance(NOON).current.remaining) == (3, 0)


def test_an_amended_cap_leaves_past_periods_as_they_were() -> None:
    visits = usage(cap=2)
    visits.change(by_hand(EntitlementAmended, cap=5), MARCH)
    assert [visits._book.cap(period) for period in (1, 2, 3)] == [2, 5, 5]
    assert take(visits, "V1", 3, at=NOON).outcome == "overflow"
    assert take(visits, "V2", 3, at=MARCH).outcome == "granted"


def test_thresholds_follow_an_amended_cap_and_stay_passed() -> None:
    tell = {"do": "task", "subject": "call"}
    visits = usage(cap=10, thresholds=[{"at": "80%", "actions": [tell]}])
    take(visits, "V1", 5)
    effects = changed(visits, by_hand(EntitlementAmended, cap=6))
    assert [effect.call.key for effect in effects if isinstance(effect, UsageActionOrder)] == [
        "E1/1/threshold/80-percent/1/task-1"
    ]
    visits.change(by_hand(EntitlementAmended, "change-2", cap=20), NOON)
    assert visits.balance(NOON).current.thresholds_passed == ["80-percent"]
    assert "thresholds are measured against a cap" in refusal(
        visits, by_hand(EntitlementAmended, "change-3", cap="unlimited")
    )
    without = Allowance.model_validate({"unit": "visits", "period": "month"})
    visits.change(by_hand(EntitlementAmended, "change-4", cap="unlimited", allowance=without), NOON)
    assert visits.balance(NOON).current.cap is None


def test_hours_are_amended_in_hours() -> None:
    hours = usage(unit="hours", cap=20)
    hours.change(by_hand(EntitlementAmended, cap=30), NOON)
    assert hours._book.cap(1) == 30 * 60


def test_an_adjustment_stays_between_nothing_and_the_cap() -> None:
    visits = usage(cap=3)
    take(visits, "V1", 2)
    assert "only 1 visit can be taken, not 2 visits" in refusal(visits, by_hand(UsageAdjusted, amount=2))
    assert "only 2 visits can be given back, not 3 visits" in refusal(visits, by_hand(UsageAdjusted, amount=-3))
    assert "changes nothing" in refusal(visits, by_hand(UsageAdjusted, amount=0))
    outside = by_hand(UsageAdjusted, amount=1, occurred_at=datetime(2024, 1, 1, tzinfo=UTC))
    assert "outside the term" in refusal(visits, outside)


def test_an_adjustment_of_a_past_period_reports_it_again() -> None:
    visits = usage()
    visits.advance(MARCH)
    visits.change(by_hand(UsageAdjusted, amount=4, occurred_at=NOON), MARCH)
    [report] = [effect for effect in visits.advance(MARCH) if isinstance(effect, PeriodRecord)]
    assert (report.period, report.used, report.again) == (1, 4, True)


def test_a_reversal_gives_back_all_of_an_entry_once_in_its_period() -> None:
    """90 minutes of February come back to February, though it is March; the entry itself cannot be taken again."""
    hours = usage(unit="hours", cap=20)
    take(hours, "T1", 90)
    take(hours, "T2", 30)
    hours.advance(MARCH)
    [row] = rows_of(changed(hours, by_hand(ConsumptionReversed, reference="T1"), MARCH))
    assert (row.reason, row.period, row.used) == ("T1 gives back 1.5 hours: agreed by phone", 1, -90)
    assert hours.balance(NOON).current.used == 30
    assert hours.balance(MARCH).current.used == 0
    assert "was reversed before" in refusal(hours, by_hand(ConsumptionReversed, "change-2", reference="T1"), MARCH)
    assert take(hours, "T1", 90).outcome == "already"
    assert hours.balance(NOON).current.used == 30


def test_what_was_reversed_says_so_when_it_comes_again() -> None:
    """It is known, and takes nothing: who believes that it counts would never know. Left out where it is not so."""
    visits = usage(unit="visits")
    take(visits, "V1")
    assert "is_reversed" not in take(visits, "V1").model_dump()
    visits.change(by_hand(ConsumptionReversed, reference="V1"), NOON)
    again = take(visits, "V1")
    assert (again.outcome, again.is_reversed, again.is_taken, again.remaining) == ("already", True, False, 10)
    assert again.model_dump()["is_reversed"]


def test_a_reversal_names_what_was_taken() -> None:
    assert "'V9' took nothing of E1" in refusal(usage(), by_hand(ConsumptionReversed, reference="V9"))


def test_a_case_never_gives_back_what_it_took() -> None:
    cases = usage(unit="cases")
    take(cases, "C1")
    assert "never gives back" in refusal(cases, by_hand(ConsumptionReversed, reference="C1"))


def test_a_cancelled_entitlement_takes_nothing_from_that_instant() -> None:
    """What happened before it still counts; its period is reported with the cancelling, and then nothing is due."""
    visits = usage()
    take(visits, "V1")
    effects = changed(visits, by_hand(EntitlementCancelled))
    assert [e.cancelled_at for e in effects if isinstance(e, RecordChange)] == [NOON]
    [report] = [effect for effect in effects if isinstance(effect, PeriodRecord)]
    assert (report.ended_at, report.used, report.unused, report.ends_term) == (NOON, 1, 9, True)
    assert visits.next_due is None
    refused = take(visits, "V2", at=NOON)
    assert refused.outcome == "refused"
    assert "is cancelled at Thu 2025-02-20 12:00 UTC" in str(refused.reason)
    assert take(visits, "V3", at=NOON - timedelta(microseconds=1)).outcome == "granted"
    [again] = visits.advance(NOON)
    assert isinstance(again, PeriodRecord)
    assert (again.used, again.ended_at, again.again) == (2, NOON, True)
    assert (visits.balance(NOON).status, visits.balance(NOON).changes_at) == ("cancelled", None)
    assert visits.balance(NOON - timedelta(seconds=1)).status == "active"
    assert "cancelled already" in refusal(visits, by_hand(EntitlementCancelled, "change-2"))


def test_what_has_expired_is_not_cancelled() -> None:
    visits = usage()
    after = datetime(2026, 2, 1, tzinfo=UTC)
    visits.advance(after)
    assert "its term has ended" in refusal(visits, by_hand(EntitlementCancelled), after)


@pytest.mark.parametrize("at", [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)])
def test_cancelling_past_an_end_that_is_ahead_says_when_that_is(at: datetime) -> None:
    """A date is the last day covered, so that of the term's last date there is nothing to cancel either."""
    said = refusal(usage(), by_hand(EntitlementCancelled, at=at))
    assert said == "its term ends on 2025-12-31, before that; cancel it earlier, or let it end"


def test_changes_go_through_json() -> None:
    hours = usage(unit="hours", cap=20)
    take(hours, "T1", 90)
    hours.change(by_hand(EntitlementAmended, cap=30), NOON)
    hours.change(by_hand(ConsumptionReversed, "change-2", reference="T1"), NOON)
    hours.change(by_hand(EntitlementCancelled, "change-3"), NOON)
    assert UsageState.model_validate_json(hours.state.model_dump_json()) == hours.state


def test_unit_account_and_start_stay_as_they_are() -> None:
    """What was counted was counted by them. Saying the same again is no mistake."""
    visits = usage()
    assert "the unit of E1 cannot change from visits to hours" in refusal(
        visits, by_hand(EntitlementAmended, unit="hours", cap=5)
    )
    assert "the account of E1 cannot change from acme to other" in refusal(
        visits, by_hand(EntitlementAmended, account="other")
    )
    assert "the starts_on of E1 cannot change from 2025-01-15" in refusal(
        visits, by_hand(EntitlementAmended, starts_on=date(2025, 1, 1))
    )
    visits.change(by_hand(EntitlementAmended, unit="visits", account="acme", starts_on=date(2025, 1, 15), cap=5), NOON)
    assert visits._book.cap(1) == 5
    assert "give a cap, a last date" in refusal(visits, by_hand(EntitlementAmended, "change-2"))


def test_the_rules_of_a_running_count_are_amended() -> None:
    """What was passed stays passed; a threshold that is new and reached is passed at once."""
    visits = usage(cap=2, overflow="fallback")
    take(visits, "V1", 2)
    declared = {"unit": "visits", "cap": 99, "period": "month", "overflow": "block", "thresholds": [{"at": 2}]}
    rules = Allowance.model_validate(declared)
    said, _ = visits.change(by_hand(EntitlementAmended, allowance=rules), NOON)
    assert said.text == "its rules are those that are declared now"
    assert visits.balance(NOON).current.thresholds_passed == ["2"]
    assert take(visits, "V2").outcome == "blocked"
    again, effects = visits.change(by_hand(EntitlementAmended, "change-2", allowance=rules, cap=2), NOON)
    assert (again.text, effects) == ("nothing differs", [])


@pytest.mark.parametrize(("field", "value"), [("unit", "cases"), ("period", "year"), ("aligned", "calendar")])
def test_what_was_counted_by_stays(field: str, value: str) -> None:
    declared = Allowance.model_validate({"unit": "visits", "cap": 10, "period": "month", field: value})
    asked = by_hand(EntitlementAmended, allowance=declared)
    assert f"the {field} of E1 cannot change from" in refusal(usage(), asked)


def test_whether_terms_follow_one_another_stays() -> None:
    asked = by_hand(EntitlementAmended, term_end=TermEnd.model_validate({"policy": "reset", "term": "1 year"}))
    assert "go from term to term" in refusal(usage(), asked)


def test_notices_are_amended_with_the_end_that_they_are_given_before() -> None:
    visits = usage()
    told = {"days_before": 30, "actions": [{"do": "task", "subject": "renew"}]}
    asked = by_hand(EntitlementAmended, term_end=TermEnd.model_validate({"policy": "renew", "notices": [told]}))
    term = visits.amended_term(asked)
    assert term is not None
    visits.change(asked, NOON, freeze(visits.terms.allowance, term, FAR))
    orders = [e for e in visits.advance(datetime(2025, 12, 1, tzinfo=UTC)) if isinstance(e, UsageActionOrder)]
    assert [order.call.key for order in orders] == ["E1/2025-12-31/notice/30-days/1/task-1"]
    assert "give a last date" in refusal(visits, by_hand(EntitlementAmended, "change-2", ends_on="never"))


RENEWED = TermEnd.model_validate({"policy": "renew"})
TOLD = TermEnd.model_validate({"notices": [{"days_before": 30, "actions": [{"do": "task", "subject": "renew"}]}]})


def ending(ends_on: date, term_end: TermEnd, rules: int = RULES) -> Usage:
    """The usual one, with another end."""
    terms = usage().terms
    term = terms.periods.term.model_copy(update={"ends_on": ends_on, "notice_days": term_end.notice_days})
    also = {"term_end": term_end, "rules": rules, "periods": freeze(terms.allowance, term, FAR)}
    return Usage.begin(terms.model_copy(update=also), NOON)


@pytest.mark.parametrize("term_end", [RENEWED, TOLD])
def test_the_last_date_there_is_is_no_end_to_renew_at(term_end: TermEnd) -> None:
    """Nor one to tell of. What stands so may be amended otherwise, and given an end."""
    to_max = by_hand(EntitlementAmended, ends_on=date.max)
    assert "give a last date" in refusal(ending(date(2025, 12, 31), term_end), to_max)
    of_never = by_hand(EntitlementAmended, term_end=term_end)
    assert "give a last date" in refusal(ending(date.max, TermEnd()), of_never)
    stands = ending(date.max, term_end)
    assert stands.amended_term(by_hand(EntitlementAmended, cap=5, term_end=term_end, ends_on=date.max)) is None
    amend_end(stands, date(2026, 12, 31))
    assert stands.terms.periods.ends_at == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_count_of_before_goes_on_to_take_the_last_date_there_is() -> None:
    """Its history has to be followed."""
    visits = ending(date(2025, 12, 31), RENEWED, rules=5)
    amend_end(visits, date.max)
    assert visits.terms.periods.ends_at is None


def amend_end(of: Usage, ends_on: Any, now: datetime = NOON, event_id: str = "change-1") -> list[UsageEffect]:
    asked = by_hand(EntitlementAmended, event_id, ends_on=ends_on)
    term = of.amended_term(asked)
    return of.change(asked, now, freeze(of.terms.allowance, term, FAR) if term else None)[1]


def test_an_amended_end_counts_at_once_and_goes_into_the_record() -> None:
    visits = usage()
    effects = amend_end(visits, date(2025, 3, 20))
    assert [effect.ends_on for effect in effects if isinstance(effect, RecordChange)] == [date(2025, 3, 20)]
    assert take(visits, "V1", at=datetime(2025, 3, 21, tzinfo=UTC)).outcome == "refused"
    assert visits.terms.periods.ends_at == datetime(2025, 3, 21, tzinfo=UTC)
    amend_end(visits, "never", event_id="change-2")
    assert take(visits, "V2", at=datetime(2030, 3, 21, tzinfo=UTC)).outcome == "granted"


def test_an_end_is_not_amended_into_the_past() -> None:
    visits = usage()
    before = visits.terms
    with pytest.raises(Refused, match="is over; give today or a later date, or cancel it"):
        amend_end(visits, date(2025, 2, 19))
    with pytest.raises(Refused, match="lies before the first"):
        amend_end(visits, date(2025, 1, 1))
    assert visits.terms == before
    amend_end(visits, date(2025, 2, 20))
    visits.advance(datetime(2025, 2, 21, tzinfo=UTC))
    with pytest.raises(Refused, match="has ended; renew it instead"):
        amend_end(visits, date(2025, 12, 31), datetime(2025, 2, 22, tzinfo=UTC), "change-2")


@pytest.mark.parametrize("cap", [-1, 10**12, "many", 1.501, True])
def test_an_absurd_cap_is_refused(cap: Any) -> None:
    with pytest.raises(ValidationError, match="cap"):
        by_hand(EntitlementAmended, cap=cap)


@pytest.mark.parametrize("minutes", [0, -30, 31 * 24 * 60 + 1])
def test_an_absurd_time_entry_is_refused(minutes: int) -> None:
    with pytest.raises(ValidationError, match="minutes"):
        TimeEntry(id="T1", minutes=minutes, worked_at=NOON)


def test_a_balance_carried_in_adds_to_the_first_period_once() -> None:
    visits = usage()
    for _ in range(2):
        visits.change(by_hand(BalanceCarriedIn, amount=3), NOON)
    assert (visits.balance_of(0).carried, visits.balance_of(0).cap) == (3, 13)


def test_what_does_not_end_is_not_renewed() -> None:
    declared = Allowance(unit="visits", cap=10)
    term = Term(starts_on=date(2025, 1, 15), time_zone="UTC")
    periods = freeze(declared, term, FAR)
    endless = Usage.begin(
        EntitlementTerms(entitlement_id="E1", account="acme", allowance=declared, periods=periods), NOON
    )
    assert "E1 does not end" in refusal(endless, by_hand(EntitlementRenewed))


def test_an_amendment_of_other_terms_is_refused() -> None:
    """Somebody else has amended it since; what is taken is no term, and what was made before is made."""
    of = usage()
    seen = of.balance(NOON).terms
    assert seen == "10/2025-12-31"
    take(of, "V-1")
    changed(of, by_hand(EntitlementAmended, cap=12, amends=seen))
    with pytest.raises(Refused, match="cap and last date are 12/2025-12-31, not 10/2025-12-31") as refused:
        changed(of, by_hand(EntitlementAmended, "change-2", cap=14, amends=seen))
    assert refused.value.code == "changed_meanwhile"
    again, _ = of.change(by_hand(EntitlementAmended, cap=12, amends=seen), NOON)
    assert again.outcome == "already"
    changed(of, by_hand(EntitlementAmended, "change-3", cap="unlimited"))
    assert of.balance(NOON).terms == "unlimited/2025-12-31"

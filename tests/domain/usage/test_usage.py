"""The rules of usage, one test each."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.usage.allowance import Allowance
from domain.usage.effects import UsageActionOrder
from domain.usage.freezing import freeze
from domain.usage.machine import Taken, Usage, UsageEffect
from domain.usage.periods import Term
from domain.usage.requests import Consumed, Consumption, EntitlementOverflowed, EntitlementTerms, TimeEntry
from domain.usage.rows import LedgerRow
from domain.usage.state import PeriodRecord, UsageState
from domain.usage.takings import Ledger, ShortLedger, Taking
from domain.usage.units import amount_text

NOON = datetime(2025, 2, 20, 12, tzinfo=UTC)
STARTS_ON = date(2025, 1, 15)
ENDS_ON = date(2025, 12, 31)


def terms(*, until: datetime | None = None, ends_on: date | None = ENDS_ON, **allowance: Any) -> EntitlementTerms:
    declared = Allowance.model_validate({"cap": 50} | allowance)
    term = Term(starts_on=STARTS_ON, ends_on=ends_on, time_zone="America/New_York")
    return EntitlementTerms(
        entitlement_id="E1",
        account="acme",
        name="Gold",
        allowance=declared,
        periods=freeze(declared, term, until or datetime(2035, 1, 1, tzinfo=UTC)),
    )


def usage(**allowance: Any) -> Usage:
    return Usage.begin(terms(**allowance), NOON)


def consumption(reference: str, at: datetime = NOON, amount: int = 1, **more: Any) -> Consumption:
    return Consumption.model_validate(
        {"reference": reference, "event_id": f"take-{reference}", "occurred_at": at, "amount": amount} | more
    )


def take(of: Usage, *references: str, at: datetime = NOON, **more: Any) -> list[Consumed]:
    return [of.take(consumption(reference, at, **more), at).answer for reference in references]


def log(of: Usage, entry: str, minutes: int, at: datetime = NOON, **more: Any) -> Taken:
    return of.log_hours(TimeEntry.model_validate({"id": entry, "minutes": minutes, "worked_at": at} | more), at)


def reports_of(of: Usage, now: datetime) -> list[PeriodRecord]:
    return [effect for effect in of.advance(now) if isinstance(effect, PeriodRecord)]


def effects_of(of: Usage, kind: type[Any], *references: str, at: datetime = NOON) -> list[Any]:
    found: list[UsageEffect] = []
    for reference in references:
        found += of.take(consumption(reference, at), at).effects
    return [effect for effect in found if isinstance(effect, kind)]


def test_the_cap_is_granted_and_one_more_overflows() -> None:
    """Cap 50: the 50th is granted, the 51st overflows, and takes nothing."""
    cases = usage()
    answers = take(cases, *(f"C{n}" for n in range(1, 52)))
    assert [answer.outcome for answer in answers] == ["granted"] * 50 + ["overflow"]
    assert (answers[49].used, answers[49].remaining) == (50, 0)
    assert (answers[50].used, answers[50].cap, answers[50].remaining) == (50, 50, 0)


def test_a_bank_of_20_hours_after_90_minutes_has_18_and_a_half() -> None:
    hours = usage(unit="hours", cap=20)
    answer = log(hours, "T1", 90).answer
    assert answer.remaining is not None
    assert amount_text(answer.remaining, answer.unit) == "18.5 hours"


def test_a_taking_that_does_not_fit_takes_nothing() -> None:
    visits = usage(unit="visits", cap=3)
    assert [take(visits, "V1", amount=2)[0].outcome, take(visits, "V2", amount=2)[0].outcome] == ["granted", "overflow"]
    assert take(visits, "V3", amount=1)[0].used == 3


def test_without_a_cap_there_is_no_limit() -> None:
    [*_, last] = take(usage(cap=None), *(f"C{n}" for n in range(200)))
    assert (last.outcome, last.used, last.cap, last.remaining) == ("granted", 200, None, None)


def test_a_cap_of_nothing_grants_nothing() -> None:
    nothing = usage(cap=0)
    assert take(nothing, "C1")[0].outcome == "overflow"
    assert nothing.balance(NOON).current.usage_percent is None


def test_a_reference_counts_once() -> None:
    """Also under another event id, with another amount, and in a later period: it keeps what it took."""
    cases = usage(period="month")
    take(cases, "C1")
    later = NOON + timedelta(days=60)
    again = cases.take(consumption("C1", later, amount=7, event_id="another"), later)
    assert again.answer.outcome == "already"
    assert again.answer.period == 1
    assert again.effects == []
    assert cases.balance(NOON).current.used == 1


def test_a_request_that_overflowed_gets_the_same_answer_and_tells_nobody_twice() -> None:
    cases = usage(cap=0)
    assert len(effects_of(cases, EntitlementOverflowed, "C1", "C1", "C1")) == 1
    assert cases.balance(NOON).current.overflows == 1


def test_a_new_request_for_what_overflowed_is_tried_again() -> None:
    cases = usage(cap=1)
    take(cases, "C1", "C2")
    raised = Usage(cases.terms.model_copy(update={"allowance": Allowance(cap=2)}), cases.state)
    assert take(raised, "C2")[0].outcome == "overflow"
    assert raised.take(consumption("C2", event_id="again"), NOON).answer.outcome == "granted"


def test_an_overflow_says_whom_it_concerns() -> None:
    cases = usage(cap=1)
    take(cases, "C1")
    record, overflowed = cases.take(consumption("C2", case_id="C2", by="portal"), NOON).effects
    assert isinstance(record, LedgerRow)
    assert (record.kind, record.by, record.used, record.used_after) == ("overflow", "portal", 0, 1)
    assert isinstance(overflowed, EntitlementOverflowed)
    assert (overflowed.case_id, overflowed.used, overflowed.cap, overflowed.number) == ("C2", 1, 1, 1)


@pytest.mark.parametrize(
    ("at", "says"),
    [
        (datetime(2025, 1, 15, 4, 59, 59, tzinfo=UTC), "inactive at Wed 2025-01-15 04:59:59 UTC"),
        (datetime(2026, 1, 1, 5, tzinfo=UTC), "expired at Thu 2026-01-01 05:00 UTC"),
    ],
)
def test_takes_inside_the_term_only(at: datetime, says: str) -> None:
    cases = usage()
    taken = cases.take(consumption("C1", at), at)
    assert taken.answer.outcome == "refused"
    assert says in str(taken.answer.reason)
    assert "2025-01-15 to 2025-12-31, America/New_York" in str(taken.answer.reason)
    assert taken.effects == []
    assert take(cases, "C1")[0].outcome == "granted"


@pytest.mark.parametrize(
    "at", [datetime(2025, 1, 15, 5, tzinfo=UTC), datetime(2026, 1, 1, 4, 59, 59, 999_999, tzinfo=UTC)]
)
def test_the_first_and_the_last_instant_are_inside(at: datetime) -> None:
    assert take(usage(), "C1", at=at)[0].outcome == "granted"


def test_another_unit_is_a_mistake() -> None:
    taken = usage().take(consumption("T1", unit="hours"), NOON)
    assert taken.answer.outcome == "refused"
    assert taken.answer.reason == "entitlement E1 is counted in cases, not in hours"


def test_an_instant_past_the_known_periods_is_refused_with_how_far_they_are_known() -> None:
    open_ended = Usage.begin(terms(period="month", ends_on=None, until=NOON), NOON)
    [answer] = take(open_ended, "C1", at=NOON + timedelta(days=100))
    assert answer.outcome == "refused"
    assert "known until Sat 2025-03-15" in str(answer.reason)


def test_each_period_has_its_own_cap() -> None:
    cases = usage(period="month", cap=1)
    second = datetime(2025, 3, 15, 4, tzinfo=UTC)
    just_before = second - timedelta(microseconds=1)
    assert take(cases, "C1", "C2", at=just_before)[1].outcome == "overflow"
    assert take(cases, "C3", at=second)[0].outcome == "granted"


def test_a_late_taking_belongs_to_the_period_of_its_own_instant() -> None:
    """That period is over and was reported; it is reported again, once for all that came together."""
    cases = usage(period="month", cap=3)
    take(cases, "C1")
    changes = datetime(2025, 3, 15, 4, tzinfo=UTC)
    report = reports_of(cases, changes)[0]
    assert (report.first_day, report.used, report.unused, report.again) == (date(2025, 2, 15), 1, 2, False)
    late = take(cases, "C2", "C3", "C4", at=NOON)
    assert [answer.outcome for answer in late] == ["granted", "granted", "overflow"]
    assert cases.balance(changes).current.used == 0
    assert cases.next_due is not None
    assert cases.next_due <= changes
    [again] = reports_of(cases, changes)
    assert (again.first_day, again.used, again.unused, again.overflows, again.again) == (
        date(2025, 2, 15),
        3,
        0,
        1,
        True,
    )
    assert again.number > report.number
    assert cases.advance(changes) == []


def test_a_period_is_reported_at_the_first_instant_of_the_next_not_before() -> None:
    """Daylight saving began on 9 March: the period that began at 05:00Z ends at 04:00Z."""
    cases = usage(period="month")
    changes = datetime(2025, 3, 15, 4, tzinfo=UTC)
    assert cases.next_due == changes
    assert cases.advance(changes - timedelta(microseconds=1)) == []
    assert len(reports_of(cases, changes)) == 1
    assert cases.next_due == datetime(2025, 4, 15, 4, tzinfo=UTC)


def test_after_an_outage_every_period_is_reported_in_order() -> None:
    cases = usage(period="quarter")
    reports = reports_of(cases, datetime(2025, 11, 1, tzinfo=UTC))
    assert [r.first_day.month for r in reports if r.first_day] == [1, 4, 7]


def test_the_last_period_ends_the_term() -> None:
    cases = usage(period="quarter")
    *_, last = reports_of(cases, datetime(2026, 1, 1, 5, tzinfo=UTC))
    assert (last.ends_term, last.unused) == (True, 50)
    assert cases.next_due is None
    [answer] = take(cases, "C1")
    assert answer.outcome == "granted"
    assert [r.again for r in reports_of(cases, datetime(2026, 1, 2, tzinfo=UTC))] == [True]


def test_periods_over_before_the_count_began_are_not_reported() -> None:
    late_start = Usage.begin(terms(period="month"), datetime(2025, 6, 20, tzinfo=UTC))
    assert late_start.next_due == datetime(2025, 7, 15, 4, tzinfo=UTC)
    assert late_start.advance(datetime(2025, 7, 1, tzinfo=UTC)) == []


def test_a_term_without_end_is_never_due() -> None:
    assert Usage.begin(terms(ends_on=None), NOON).next_due is None


def test_known_periods_are_extended_before_they_run_out() -> None:
    open_ended = Usage.begin(terms(period="year", ends_on=None, until=datetime(2027, 6, 1, tzinfo=UTC)), NOON)
    assert open_ended.covers(datetime(2025, 6, 1, tzinfo=UTC))
    assert not open_ended.covers(datetime(2026, 6, 1, tzinfo=UTC))
    longer = terms(period="year", ends_on=None, until=datetime(2037, 6, 1, tzinfo=UTC)).periods
    open_ended.extend_horizon(longer)
    assert open_ended.covers(datetime(2026, 6, 1, tzinfo=UTC))
    assert take(open_ended, "C1", at=datetime(2030, 1, 1, tzinfo=UTC))[0].outcome == "granted"


TELL = [{"do": "email", "to": "am@example.com", "subject": "{{ usage.used }}"}, {"do": "task", "subject": "call"}]


def passed(of: Usage, *references: str, at: datetime = NOON) -> list[str]:
    orders: list[UsageActionOrder] = effects_of(of, UsageActionOrder, *references, at=at)
    return [order.call.key for order in orders]


def test_a_threshold_is_passed_at_8_of_10_once_a_period() -> None:
    cases = usage(cap=10, period="month", thresholds=[{"at": 8, "actions": TELL}])
    assert passed(cases, *(f"C{n}" for n in range(7))) == []
    assert passed(cases, "C7") == ["E1/1/threshold/8/1/email-1", "E1/1/threshold/8/1/task-2"]
    assert passed(cases, "C8", "C9", "C10") == []
    assert cases.balance(NOON).current.thresholds_passed == ["8"]
    march = datetime(2025, 3, 20, tzinfo=UTC)
    assert passed(cases, *(f"D{n}" for n in range(7)), at=march) == []
    assert passed(cases, "D7", at=march)[0] == "E1/2/threshold/8/1/email-1"


@pytest.mark.parametrize(("cap", "at_the"), [(50, 40), (10, 8), (9, 8), (1, 1)])
def test_a_percentage_is_passed_when_it_is_reached(cap: int, at_the: int) -> None:
    cases = usage(cap=cap, thresholds=[{"at": "80%", "actions": TELL[:1]}])
    assert passed(cases, *(f"C{n}" for n in range(1, at_the))) == []
    assert passed(cases, "the one") == ["E1/0/threshold/80-percent/1/email-1"]


def test_a_threshold_in_hours_is_declared_in_hours() -> None:
    hours = usage(unit="hours", cap=20, thresholds=[{"at": 16, "actions": TELL[:1]}, {"at": "95%"}])
    log(hours, "T1", 15 * 60 + 59)
    assert hours.balance(NOON).current.thresholds_passed == []
    taken = log(hours, "T2", 3 * 60 + 1)
    assert hours.balance(NOON).current.thresholds_passed == ["16", "95-percent"]
    [order] = [effect for effect in taken.effects if isinstance(effect, UsageActionOrder)]
    assert order.context["usage"] == {
        "period": "2025-01-15",
        "used": 19.0,
        "overage": 0.0,
        "cap": 20.0,
        "remaining": 1.0,
        "percent": 95.0,
    }


def test_thresholds_passed_at_once_are_passed_in_order() -> None:
    visits = usage(unit="visits", cap=10, thresholds=[{"at": "90%"}, {"at": 5}, {"at": "70%"}])
    take(visits, "V1", amount=10)
    assert visits.balance(NOON).current.thresholds_passed == ["5", "70-percent", "90-percent"]


def test_thresholds_passed_stay_passed_when_the_cap_rises() -> None:
    cases = usage(cap=10, thresholds=[{"at": "50%", "actions": TELL}])
    assert len(passed(cases, *(f"C{n}" for n in range(5)))) == 2
    higher = Allowance.model_validate({"cap": 20, "thresholds": [{"at": "50%", "actions": TELL}]})
    raised = Usage(cases.terms.model_copy(update={"allowance": higher}), cases.state)
    assert passed(raised, *(f"C{n}" for n in range(5, 20))) == []


def test_the_balance_says_where_it_stands() -> None:
    cases = usage(cap=10, period="month")
    january = datetime(2025, 1, 20, tzinfo=UTC)
    take(cases, "A1", "A2", at=january)
    take(cases, "B1")
    balance = cases.balance(NOON)
    assert (balance.status, balance.current.used, balance.current.remaining) == ("active", 1, 9)
    assert balance.current.usage_percent == 10.0
    assert [(past.first_day, past.used) for past in balance.past] == [(STARTS_ON, 2)]
    assert balance.changes_at == datetime(2025, 3, 15, 4, tzinfo=UTC)
    before = cases.balance(datetime(2025, 1, 1, tzinfo=UTC))
    assert (before.status, before.current.period, before.past) == ("inactive", 0, [])
    after = cases.balance(datetime(2026, 6, 1, tzinfo=UTC))
    assert (after.status, after.current.first_day) == ("expired", date(2025, 12, 15))


def test_what_a_full_count_remembers_fits_into_a_payload() -> None:
    """A payload may have 2 MB. The takings are most of it; some is left for what is still to be told."""

    def full(ledger: type[Ledger]) -> dict[str, dict[str, str]]:
        return {"groups": {"0:1:0:0": "".join(f"{n:012}" for n in range(ledger.most))}}

    short = ("overflowed", "approved", "declined", "changed")
    ledgers = {"taken": full(Ledger), **{name: full(ShortLedger) for name in short}}
    state = UsageState.model_validate({"begun_at": datetime(2025, 1, 15, tzinfo=UTC), **ledgers})
    assert (len(state.taken), {len(getattr(state, name)) for name in short}) == (100_000, {10_000})
    assert len(state.model_dump_json()) < 1_700_000


def test_a_ledger_forgets_the_oldest_of_the_oldest_period(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "most", 5)
    ledger = Ledger()
    for number in range(3):
        ledger.add(f"new-{number}", Taking(1, 1))
    for number in range(3):
        ledger.add(f"old-{number}", Taking(0, 1))
    assert ledger.find("old-0") is None
    assert ledger.find("old-1") == Taking(0, 1)
    assert ledger.find("new-0") == Taking(1, 1)
    for number in range(3, 7):
        ledger.add(f"new-{number}", Taking(1, 1))
    assert [ledger.find(f"new-{number}") is None for number in range(7)] == [True, True, *[False] * 5]
    assert len(ledger) == 5


def test_a_ledger_keeps_its_order_through_json() -> None:
    ledger = Ledger()
    for reference in ("C1", "C2", "C3"):
        ledger.add(reference, Taking(0, 1))
    ledger.add("T1", Taking(2, 90))
    back = Ledger.model_validate_json(ledger.model_dump_json())
    assert back == ledger
    assert back.groups.groups()["0:1:0:0"] == ledger.groups.groups()["0:1:0:0"]
    assert [back.find(reference) for reference in ("C1", "T1", "T2")] == [Taking(0, 1), Taking(2, 90), None]


def test_the_state_goes_through_json() -> None:
    cases = usage(cap=2, period="month", thresholds=[{"at": 1, "actions": TELL}])
    take(cases, "C1", "C2", "C3")
    assert UsageState.model_validate_json(cases.state.model_dump_json()) == cases.state

"""The rules of usage against a slow model written from the specification."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalog_allowance import Allowance, Period
from domain.entitlement_messages import Consumption, EntitlementTerms
from domain.frozen_periods import Term
from domain.periods import freeze
from domain.usage import Usage
from domain.usage_state import ConsumptionRecord, PeriodRecord, UsageState
from tests.models.slow_usage import SlowUsage

ZONES = ["America/New_York", "America/Santiago", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]
FAR = datetime(2100, 1, 1, tzinfo=UTC)


@st.composite
def near_a_change(draw: st.DrawFn, length: int) -> timedelta:
    """A span into a term of so many days; more often than not close to a midnight in some zone."""
    if draw(st.booleans()):
        return timedelta(days=draw(st.integers(-2, length + 2)), hours=draw(st.integers(0, 23)))
    return timedelta(seconds=draw(st.integers(-86_400, (length + 2) * 86_400)))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_usage_answers_as_the_model_does(data: st.DataObject) -> None:
    """Whatever comes, in whatever order of time, with time passing and the state going through JSON in between.

    Granted is what the model grants, no period is over its cap, a reference counts once, and what was granted is what
    the records, the balances and the reports add up to.
    """
    starts_on = data.draw(st.dates(date(2024, 1, 1), date(2025, 12, 31)), label="starts_on")
    length = data.draw(st.integers(0, 800), label="days")
    zone = data.draw(st.sampled_from(ZONES), label="zone")
    period = data.draw(st.sampled_from(Period), label="period")
    aligned: Literal["start", "calendar"] = data.draw(st.sampled_from(["start", "calendar"]), label="aligned")
    cap = data.draw(st.none() | st.integers(0, 6), label="cap")
    allowance = Allowance(unit="visits", cap=cap, period=period, aligned=aligned)
    term = Term(starts_on=starts_on, ends_on=starts_on + timedelta(days=length), time_zone=zone)
    terms = EntitlementTerms(
        entitlement_id="E1", account="acme", allowance=allowance, periods=freeze(allowance, term, FAR)
    )
    begins = datetime(starts_on.year, starts_on.month, starts_on.day, tzinfo=UTC)
    usage = Usage.begin(terms, begins - timedelta(days=2))
    model = SlowUsage(cap, period, aligned, starts_on, starts_on + timedelta(days=length), ZoneInfo(zone))
    records: list[ConsumptionRecord] = []
    reports: dict[date, PeriodRecord] = {}
    now = begins - timedelta(days=2)
    for _ in range(data.draw(st.integers(0, 25), label="requests")):
        reference, attempt = f"R{data.draw(st.integers(0, 15))}", data.draw(st.integers(0, 1))
        at = begins + data.draw(near_a_change(length))
        amount = data.draw(st.integers(1, 3))
        now = max(now, begins + data.draw(near_a_change(length)))
        asked: dict[str, Any] = {"reference": reference, "event_id": f"{reference}-{attempt}", "amount": amount}
        taken = usage.take(Consumption(occurred_at=at, **asked), now)
        assert taken.answer.outcome == model.take(**asked, at=at)
        if taken.answer.outcome == "granted":
            first_day = model.first_day(at)
            assert first_day is not None
            assert taken.answer.first_day == first_day
            assert taken.answer.used == model.used(first_day)
            assert taken.answer.remaining == (None if cap is None else cap - model.used(first_day))
        records += [effect for effect in taken.effects if isinstance(effect, ConsumptionRecord)]
        if data.draw(st.booleans()):
            _collect(usage.advance(now), reports)
            assert usage.next_due is None or usage.next_due > now
        usage = Usage(terms, UsageState.model_validate_json(usage.state.model_dump_json()))
    _collect(usage.advance(FAR), reports)
    assert usage.next_due is None
    granted = [record for record in records if record.outcome == "granted"]
    assert [(r.reference, r.first_day, r.amount) for r in granted] == model.granted
    assert [record.number for record in records] == list(range(1, len(records) + 1))
    for first_day, report in reports.items():
        assert report.used == model.used(first_day)
        assert cap is None or report.used <= cap
    assert {day for _, day, _ in model.granted} <= reports.keys()
    assert sum(report.used for report in reports.values()) == sum(amount for _, _, amount in model.granted)


def _collect(effects: Any, reports: dict[date, PeriodRecord]) -> None:
    """Of a period reported more than once the last report counts, and says that it is a correction."""
    for report in effects:
        assert report.first_day is not None
        assert report.again == (report.first_day in reports)
        reports[report.first_day] = report

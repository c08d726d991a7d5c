"""The rules of usage against a slow model written from the specification."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.errors import Refused
from domain.usage.allowance import Allowance, Period
from domain.usage.audit import audit
from domain.usage.freezing import freeze
from domain.usage.machine import Usage, UsageEffect
from domain.usage.periods import Term
from domain.usage.requests import (
    Consumption,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementTerms,
    OverageDecision,
    TimeEntry,
    UsageAdjusted,
)
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.state import PeriodRecord, UsageState
from tests.models.slow_usage import SlowUsage

ZONES = ["America/New_York", "America/Santiago", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]
FAR = datetime(2100, 1, 1, tzinfo=UTC)
LENGTH = 200
"""Days from which on nothing more is asked. Terms are shorter or longer than that."""

REFERENCES = st.integers(0, 9).map("R{}".format)


@st.composite
def spans(draw: st.DrawFn) -> timedelta:
    """A span into a term: in one of a few months, so that they get full; or close to a midnight in some zone."""
    where = draw(st.integers(0, 3))
    if where > 1:
        return timedelta(days=draw(st.sampled_from([2, 33, 64])))
    if where == 1:
        return timedelta(days=draw(st.integers(-2, LENGTH + 2)), hours=draw(st.integers(0, 23)))
    return timedelta(seconds=draw(st.integers(-86_400, (LENGTH + 2) * 86_400)))


class UsageMachine(RuleBasedStateMachine):
    """Whatever comes, in whatever order of time, with time passing and the state going through JSON in between."""

    usage: Usage
    model: SlowUsage

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        starts_on = data.draw(st.dates(date(2024, 1, 1), date(2025, 12, 31)), label="starts_on")
        ends_on = starts_on + timedelta(days=data.draw(st.integers(0, LENGTH + 100), label="days"))
        zone = data.draw(st.sampled_from(ZONES), label="zone")
        self.unit = data.draw(st.sampled_from(["visits", "hours"]), label="unit")
        self.per_unit = 60 if self.unit == "hours" else 1
        self.step = data.draw(st.sampled_from([1, 15, 60]), label="step") if self.unit == "hours" else 1
        cap = data.draw(st.none() | st.integers(0, 6), label="cap")
        fills = data.draw(st.booleans(), label="months that get full, with carry-over")
        cap = min(cap or 2, 3) if fills else cap
        carries = cap is not None and (fills or data.draw(st.booleans(), label="carries"))
        most_carried = data.draw(st.none() | st.integers(0, 4), label="most carried") if carries else None
        declared = {
            "unit": self.unit,
            "cap": cap,
            "period": Period.MONTH if fills else data.draw(st.sampled_from(Period), label="period"),
            "aligned": data.draw(st.sampled_from(["start", "calendar"]), label="aligned"),
            "overflow": data.draw(st.sampled_from(["fallback", "block", "prompt"]), label="overflow"),
            "overage_price": "85.00 EUR",
            "round_up_to": f"{self.step}m" if self.step > 1 else None,
            "carry_over": "period" if carries else "none",
            "carry_over_cap": most_carried,
        }
        allowance = Allowance.model_validate(declared)
        term = Term(starts_on=starts_on, ends_on=ends_on, time_zone=zone)
        self.terms = EntitlementTerms(
            entitlement_id="E1", account="acme", allowance=allowance, periods=freeze(allowance, term, FAR)
        )
        self.begins = datetime(starts_on.year, starts_on.month, starts_on.day, tzinfo=UTC)
        self.now = self.begins - timedelta(days=2)
        self.usage = Usage.begin(self.terms, self.now)
        self.model = SlowUsage(
            None if cap is None else cap * self.per_unit,
            allowance.period,
            allowance.aligned,
            starts_on,
            ends_on,
            ZoneInfo(zone),
            policy=allowance.overflow,
            carries=carries,
            most_carried=None if most_carried is None else most_carried * self.per_unit,
        )
        if fills:  # what is taken from now on is late for the months before
            self.now = self.begins + timedelta(days=data.draw(st.sampled_from([35, 66]), label="now"))
        self.rows: list[LedgerRow] = []
        self.reports: dict[date, PeriodRecord] = {}
        self.events = 0

    # --- what comes ---

    @rule(span=spans())
    def time_passes(self, span: timedelta) -> None:
        self.now = max(self.now, self.begins + span)
        self.settle()

    @precondition(lambda self: self.unit == "visits")
    @rule(reference=REFERENCES, attempt=st.integers(0, 1), span=spans(), amount=st.integers(1, 3))
    def take(self, reference: str, attempt: int, span: timedelta, amount: int) -> None:
        self.settle()
        at, event_id = self.begins + span, f"{reference}-{attempt}"
        asked = Consumption(reference=reference, event_id=event_id, amount=amount, occurred_at=at)
        taken = self.usage.take(asked, self.now)
        self.collect(taken.effects)
        assert taken.answer.outcome == self.model.take(reference, event_id, at, amount)
        first_day = self.model.first_day(at)
        if taken.answer.outcome == "granted" and first_day is not None:
            assert (taken.answer.first_day, taken.answer.used) == (first_day, self.model.used(first_day))

    @precondition(lambda self: self.unit == "hours")
    @rule(reference=REFERENCES, span=spans(), minutes=st.integers(1, 300), has_fallback=st.booleans())
    def log(self, reference: str, span: timedelta, minutes: int, *, has_fallback: bool) -> None:
        self.settle()
        at = self.begins + span
        entry = TimeEntry(id=reference, minutes=minutes, worked_at=at, has_fallback=has_fallback)
        taken = self.usage.log_hours(entry, self.now)
        self.collect(taken.effects)
        expected = self.model.log(reference, at, minutes, self.step, has_fallback=has_fallback)
        if expected is None:
            assert taken.answer.outcome == "refused"
        elif not expected.is_reversed:
            assert (taken.answer.taken, taken.answer.overage, taken.answer.left_over) == (
                expected.used,
                expected.overage,
                expected.left_over,
            )

    @rule(reference=REFERENCES, span=spans(), amount=st.integers(1, 3), yes=st.booleans())
    def decide(self, reference: str, span: timedelta, amount: int, *, yes: bool) -> None:
        self.settle()
        at = self.begins + span
        if self.unit == "hours":
            yes = True
            expected = self.model.approve(reference)
        else:
            expected = self.model.decide(reference, at, amount, yes=yes)
        asked = OverageDecision(reference=reference, amount=amount, occurred_at=at, approved=yes, **self.who())
        try:
            taken = self.usage.decide(asked, self.now)
        except Refused:
            assert expected == "refused"
        else:
            self.collect(taken.effects)
            assert taken.answer.outcome == expected

    @rule(reference=REFERENCES)
    def reverse(self, reference: str) -> None:
        self.settle()
        assert self.changed(ConsumptionReversed(reference=reference, **self.who())) == self.model.reverse(reference)

    @rule(span=spans(), amount=st.integers(-3, 3))
    def adjust(self, span: timedelta, amount: int) -> None:
        self.settle()
        at = self.begins + span
        asked = UsageAdjusted(amount=amount, occurred_at=at, **self.who())
        assert self.changed(asked) == self.model.adjust(at, amount)

    @precondition(lambda self: self.model.cap is not None)
    @rule(cap=st.integers(0, 8))
    def amend(self, cap: int) -> None:
        self.settle()
        amended = self.model.amend(cap * self.per_unit)
        assert self.changed(EntitlementAmended(cap=cap, **self.who())) == amended

    # --- what always holds ---

    @invariant()
    def every_period_is_as_the_model_says(self) -> None:
        for number, start in enumerate(self.terms.periods.starts):
            balance = self.usage.balance_of(number)
            assert balance.used == self.model.used(start.day)
            assert balance.overage == self.model.overage(start.day)
            if start.day <= self.model.today:
                assert balance.carried == self.model.carried(start.day)
                assert balance.cap == self.model.limit(start.day)
                assert balance.remaining == (None if balance.cap is None else max(balance.cap - balance.used, 0))

    @invariant()
    def the_ledger_and_the_balance_agree(self) -> None:
        assert audit(self.rows, self.usage.balance(self.now)) == []

    @invariant()
    def no_unit_is_lost_or_made(self) -> None:
        """What was taken is what the rows add up to; what is billed is the overage that was approved."""
        entries = self.model.everything()
        assert sum(row.used for row in self.rows) == sum(entry.used for entry in entries)
        assert sum(row.overage for row in self.rows) == sum(entry.overage for entry in entries)
        billed = sum(row.amount for row in self.rows if row.kind is RowKind.OVERRIDE)
        assert billed == sum(self.model.entries[reference].overage for reference in self.model.approved)

    def teardown(self) -> None:
        """At the end everything has been reported, as it stands."""
        if not hasattr(self, "usage"):
            return
        self.now = FAR
        self.settle()
        assert self.usage.next_due is None
        for first_day, report in self.reports.items():
            assert (report.used, report.overage) == (self.model.used(first_day), self.model.overage(first_day))
            assert (report.carried, report.cap) == (self.model.carried(first_day), self.model.limit(first_day))
        assert {entry.day for entry in self.model.everything()} <= self.reports.keys()

    # --- how ---

    def settle(self) -> None:
        """As the workflow does: what time brings comes first."""
        self.usage = Usage(self.terms, UsageState.model_validate_json(self.usage.state.model_dump_json()))
        self.collect(self.usage.advance(self.now))
        assert self.usage.next_due is None or self.usage.next_due > self.now
        self.model.advance(self.now)

    def collect(self, effects: list[UsageEffect]) -> None:
        """Of a period reported more than once the last report counts, and says that it is a correction."""
        for effect in effects:
            if isinstance(effect, LedgerRow):
                self.rows.append(effect)
            elif isinstance(effect, PeriodRecord):
                assert effect.first_day is not None
                assert effect.again == (effect.first_day in self.reports)
                self.reports[effect.first_day] = effect

    def who(self) -> dict[str, Any]:
        self.events += 1
        return {"event_id": f"event-{self.events}", "by": "ana", "reason": "agreed"}

    def changed(self, asked: Any) -> bool:
        before = self.usage.state.model_dump_json()
        try:
            _, effects = self.usage.change(asked, self.now)
        except Refused:
            assert self.usage.state.model_dump_json() == before
            return False
        self.collect(effects)
        return True


TestUsage = UsageMachine.TestCase
TestUsage.settings = settings(
    max_examples=100, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

"""What time brings: carry-over, notices, resets, renewals; one rule each."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Account, Entitlement, Organisation
from domain.errors import Refused
from domain.usage.allowance import Allowance
from domain.usage.audit import audit
from domain.usage.effects import CarryBackOrder, CarryOverOrder, RenewalOrder, UsageActionOrder
from domain.usage.freezing import freeze
from domain.usage.machine import Usage, UsageEffect
from domain.usage.renewals import renewal_id
from domain.usage.requests import (
    BalanceCarriedIn,
    Consumption,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementCancelled,
    EntitlementRenewed,
)
from domain.usage.rows import LedgerRow
from domain.usage.state import PeriodRecord, UsageState
from domain.usage.term_length import TermLength

ORGANISATION = Organisation(time_zone="America/New_York")
ACCOUNT = Account(id="acme", manager_mail="manager@example.com", renewals_mail="renewals@example.com")
START = datetime(2025, 1, 15, 5, tzinfo=UTC)
"""Midnight in New York."""


class Walk:
    """An entitlement on its way through time, with everything that it ever wanted done."""

    def __init__(self, begins: datetime = START, term_end: Any = None, **fields: Any) -> None:
        allowance = {"unit": "visits", "cap": 10, "period": "month"} | fields.pop("allowance", {})
        self.entitlement = Entitlement.model_validate(
            {
                "id": "gold",
                "account": "acme",
                "starts_on": "2025-01-15",
                "ends_on": "2026-01-14",
                "allowance": allowance,
                "term_end": term_end,
            }
            | fields
        )
        self.usage = Usage.begin(entitlement_terms(self.entitlement, ACCOUNT, ORGANISATION, now=begins), begins)
        self.effects: list[UsageEffect] = []
        self.now = begins
        self.asked = 0

    def to(self, now: datetime) -> None:
        self.now = now
        self.effects += self.usage.advance(now)
        assert self.usage.next_due is None or self.usage.next_due > now
        assert audit(self.of(LedgerRow), self.usage.balance(now)) == []

    def take(self, amount: int = 1, at: datetime | None = None) -> str:
        self.asked += 1
        asked = Consumption(
            reference=f"V{self.asked}", event_id=f"{self.asked}", amount=amount, occurred_at=at or self.now
        )
        taken = self.usage.take(asked, self.now)
        self.effects += taken.effects
        self.to(self.now)
        return taken.answer.outcome

    def change(self, kind: type[Any], **fields: Any) -> str:
        self.asked += 1
        asked = kind(event_id=f"change-{self.asked}", by="ana", reason="agreed", **fields)
        said, effects = self.usage.change(asked, self.now)
        self.effects += effects
        return said.text

    def of(self, kind: type[Any]) -> list[Any]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def keys(self, cause: str) -> list[str]:
        return [order.call.key for order in self.of(UsageActionOrder) if order.cause == cause]

    @property
    def left(self) -> tuple[int, int | None]:
        current = self.usage.balance(self.now).current
        return current.carried, current.remaining


def midnight(month: int, day: int = 15, year: int = 2025) -> datetime:
    return datetime(year, month, day, 4 if (month, day) >= (3, 9) and (month, day) < (11, 2) else 5, tzinfo=UTC)


# --- carry-over ---


def test_what_is_left_is_carried_over_up_to_a_cap() -> None:
    """At the first instant of the period, also over daylight saving: it is part of that period's cap."""
    visits = Walk(allowance={"carry_over": "period", "carry_over_cap": 4})
    visits.take(7)
    visits.to(midnight(2) - timedelta(seconds=1))
    assert visits.left == (0, 3)
    visits.to(midnight(2))
    assert visits.left == (3, 13)
    visits.to(midnight(3))
    assert visits.left == (4, 14)
    assert [(r.unused, r.carried_over) for r in visits.of(PeriodRecord)] == [(3, 3), (13, 4)]


def test_without_carry_over_what_is_left_lapses() -> None:
    visits = Walk()
    visits.take(7)
    visits.to(midnight(2))
    assert visits.left == (0, 10)
    assert [(r.unused, r.carried_over) for r in visits.of(PeriodRecord)] == [(3, 0)]


def test_a_late_taking_shrinks_what_was_carried_over_and_is_not_used() -> None:
    """And that period is reported again; the period in between too."""
    visits = Walk(allowance={"carry_over": "period"})
    visits.take(7)
    visits.to(midnight(3))
    assert visits.left == (13, 23)
    assert visits.take(2, at=START) == "granted"
    assert visits.left == (11, 21)
    assert [(r.period, r.unused, r.carried_over) for r in visits.of(PeriodRecord) if r.again] == [
        (0, 1, 1),
        (1, 11, 11),
    ]


def test_what_was_carried_over_and_used_since_cannot_be_taken_late() -> None:
    visits = Walk(allowance={"carry_over": "period"})
    visits.take(7)
    visits.to(midnight(2))
    assert visits.take(12) == "granted"
    assert [visits.take(1, at=START), visits.take(1, at=START)] == ["granted", "overflow"]
    assert visits.left == (2, 0)


def test_what_lapsed_is_taken_late_first() -> None:
    visits = Walk(allowance={"carry_over": "period", "carry_over_cap": 1})
    visits.to(midnight(2))
    assert visits.take(9, at=START) == "granted"
    assert visits.left == (1, 11)


def test_a_late_reversal_gives_back_to_what_was_carried_over() -> None:
    visits = Walk(allowance={"carry_over": "period"})
    visits.take(7)
    visits.to(midnight(2))
    visits.change(ConsumptionReversed, reference="V1")
    assert visits.left == (10, 20)


def test_a_count_that_begins_late_has_what_was_left_before() -> None:
    """It does not depend on when something was asked first."""
    visits = Walk(begins=midnight(3, 20), allowance={"carry_over": "period", "carry_over_cap": 15})
    visits.to(midnight(3, 20))
    assert visits.left == (15, 25)


def test_an_overflow_tells_the_cap_with_what_was_carried_over() -> None:
    visits = Walk(allowance={"carry_over": "period"})
    visits.to(midnight(2))
    taken = visits.usage.take(Consumption(reference="V", event_id="e", amount=21, occurred_at=visits.now), visits.now)
    assert (taken.answer.outcome, taken.answer.cap, taken.answer.remaining) == ("overflow", 20, 20)


# --- notices ---

MAIL = {"do": "email", "to": "am@example.com", "subject": "{{ term.ends_on }}: {{ term.follows }}"}
NOTICES = [{"days_before": 7, "actions": [MAIL]}, {"days_before": 30, "actions": [MAIL]}]


def test_notice_is_given_at_the_first_instant_of_its_date() -> None:
    """30 days before 14 January is 15 December, in New York."""
    visits = Walk(term_end={"notices": NOTICES})
    visits.to(midnight(12) - timedelta(seconds=1))
    assert visits.keys("notice") == []
    visits.to(midnight(12))
    assert visits.keys("notice") == ["gold/2026-01-14/notice/30-days/1/email-1"]
    visits.to(midnight(1, 7, 2026))
    assert visits.keys("notice")[1:] == ["gold/2026-01-14/notice/7-days/1/email-1"]
    visits.to(midnight(6, 1, 2026))
    assert len(visits.keys("notice")) == 2
    assert visits.of(UsageActionOrder)[0].context["term"] == {
        "ends_on": "2026-01-14",
        "days_before": 30,
        "follows": "it expires",
    }


def test_notices_follow_an_amended_end() -> None:
    """Those given stay given; of the new end notice is given anew. What is past already is given at once."""
    visits = Walk(term_end={"notices": NOTICES})
    visits.to(midnight(12, 20))

    def amend(ends_on: date, event_id: str) -> None:
        asked = EntitlementAmended(event_id=event_id, by="ana", reason="agreed", ends_on=ends_on)
        term = visits.usage.amended_term(asked)
        assert term is not None
        periods = freeze(visits.usage.terms.allowance, term, visits.now + timedelta(days=4000))
        visits.effects += visits.usage.change(asked, visits.now, periods)[1]

    amend(date(2026, 6, 30), "later")
    visits.to(midnight(2, 1, 2026))
    assert len(visits.keys("notice")) == 1
    amend(date(2026, 2, 10), "sooner")
    visits.to(midnight(2, 1, 2026))
    assert visits.keys("notice")[1:] == ["gold/2026-02-10/notice/30-days/1/email-1"]


def test_a_cancelled_entitlement_gives_no_notice() -> None:
    visits = Walk(term_end={"notices": NOTICES, "policy": "renew"})
    visits.to(midnight(6))
    visits.change(EntitlementCancelled)
    visits.to(midnight(2, 1, 2026))
    assert (visits.keys("notice"), visits.of(RenewalOrder)) == ([], [])


def test_nobody_hears_of_a_term_that_was_over_before_the_count_began() -> None:
    visits = Walk(begins=midnight(2, 1, 2026), term_end={"notices": NOTICES, "policy": "renew"})
    visits.to(midnight(2, 2, 2026))
    assert visits.effects == []
    assert visits.take(1, at=midnight(1, 10, 2026)) == "granted"
    assert [record.again for record in visits.of(PeriodRecord)] == [True]


def test_nor_of_terms_before_the_one_in_which_the_count_begins() -> None:
    """Though their periods count, for what they carried over. Of a term that goes on a notice that is past is given."""
    visits = Walk(
        begins=midnight(12, 20, 2026),
        ends_on=None,
        allowance={"period": "quarter", "carry_over": "period"},
        term_end={"policy": "reset", "term": "12 months", "notices": NOTICES},
    )
    before = visits.usage.fork()
    visits.to(midnight(12, 21, 2026))
    assert visits.keys("notice") == ["gold/2027-01-14/notice/30-days/1/email-1"]
    assert visits.keys("term_end") == []
    before = Usage(before.terms.model_copy(update={"rules": 1}), before.state)
    told = [effect for effect in before.advance(midnight(12, 21, 2026)) if isinstance(effect, UsageActionOrder)]
    assert len(told) == 3, "a count that began under the first rules goes on by them"


# --- the end of the term ---

AFTER = midnight(1, 15, 2026)


ASKED = midnight(6)


@pytest.mark.parametrize(
    ("at", "told_at"), [(None, ASKED), (midnight(5), ASKED), (midnight(9), midnight(9))], ids=["now", "behind", "ahead"]
)
def test_the_renewals_contact_hears_what_is_unused_when_cancelled(at: datetime | None, told_at: datetime) -> None:
    """Once, when it counts: at once, if that lies behind; and at the old end nothing more."""
    visits = Walk(allowance={"period": "term"})
    visits.take(4)
    visits.to(ASKED)
    visits.change(EntitlementCancelled, at=at)
    if told_at > ASKED:
        visits.to(told_at - timedelta(seconds=1))
        assert visits.of(UsageActionOrder) == []
        visits.to(told_at)
    assert len(visits.of(UsageActionOrder)) == 1
    visits.to(AFTER)
    [order] = visits.of(UsageActionOrder)
    assert order.call.key == "gold/0/cancelled/unused/1/renewals"
    assert order.call.action.to == ["renewals@example.com"]
    assert order.context["usage"]["remaining"] == 6
    assert (order.context["term"]["follows"], order.context["term"]["carried_over"]) == ("it was cancelled", "0 visits")


def test_it_expires_and_the_renewals_contact_hears_what_was_left() -> None:
    visits = Walk(allowance={"period": "term"})
    visits.take(4)
    visits.to(AFTER)
    [order] = visits.of(UsageActionOrder)
    assert order.call.key == "gold/0/term-end/unused/1/renewals"
    assert order.call.action.to == ["renewals@example.com"]
    assert order.context["usage"]["remaining"] == 6
    assert visits.take() == "refused"


def test_a_reset_goes_on_in_the_same_record() -> None:
    """Each term has periods of its own; what is left at a term's end is told."""
    visits = Walk(
        ends_on=None,
        allowance={"period": "quarter"},
        term_end={"policy": "reset", "term": "12 months", "notices": NOTICES},
    )
    visits.take(4)
    visits.to(AFTER)
    assert visits.keys("term_end") == ["gold/3/term-end/unused/1/renewals"]
    assert visits.of(UsageActionOrder)[-1].context["term"]["ends_on"] == "2026-01-14"
    assert [record.ends_term for record in visits.of(PeriodRecord)] == [False, False, False, True]
    assert visits.take(10) == "granted"
    visits.to(midnight(1, 15, 2027))
    assert visits.keys("notice") == [
        f"gold/{year}-01-14/notice/{days}-days/1/email-1" for year in (2026, 2027) for days in (30, 7)
    ]


def test_a_term_of_days_begins_its_periods_anew() -> None:
    """Of 40 days each the second month is short."""
    visits = Walk(ends_on=None, term_end={"policy": "reset", "term": "40 days"})
    days = [start.day for start in visits.usage.terms.periods.starts[:4]]
    assert days == [date(2025, 1, 15), date(2025, 2, 15), date(2025, 2, 24), date(2025, 3, 24)]
    assert visits.usage.terms.periods.term_starts[:2] == (2, 4)


def test_it_is_renewed_an_hour_ahead_from_the_day_after() -> None:
    """So that the new record is there at the new term's first instant."""
    visits = Walk(term_end={"policy": "renew"})
    visits.to(AFTER - timedelta(hours=1, seconds=1))
    assert visits.of(RenewalOrder) == []
    visits.to(AFTER - timedelta(hours=1))
    [order] = visits.of(RenewalOrder)
    renewal = order.renewal
    assert (renewal.entitlement_id, renewal.starts_on, renewal.ends_on) == (
        "gold~2",
        date(2026, 1, 15),
        date(2027, 1, 14),
    )
    visits.to(AFTER)
    assert visits.of(CarryOverOrder) == []
    assert visits.usage.balance(AFTER).renewal == "gold~2"
    assert len(visits.of(RenewalOrder)) == 1


def test_an_early_renewal_carries_over_what_is_left_at_the_end() -> None:
    """What is taken late is within the cap, and what went over is asked back as far as it is needed."""
    visits = Walk(
        allowance={"period": "term", "carry_over": "renewal", "carry_over_cap": 5}, term_end={"policy": "renew"}
    )
    visits.to(midnight(6))
    assert visits.change(EntitlementRenewed, ends_on=date(2026, 6, 30)) == "goes on as gold~2, 2026-01-15 to 2026-06-30"
    with pytest.raises(Refused, match="is renewed already: it goes on as gold~2 from 2026-01-15"):
        visits.change(EntitlementRenewed)
    visits.take(3)
    visits.to(AFTER)
    [order] = visits.of(CarryOverOrder)
    assert (order.renewal_id, order.amount) == ("gold~2", 5)
    assert visits.take(2, at=START) == "granted"
    assert visits.of(CarryBackOrder) == []
    assert visits.take(3, at=START) == "granted"
    [asked_back] = visits.of(CarryBackOrder)
    assert (asked_back.renewal_id, asked_back.amount) == ("gold~2", 3)
    assert visits.take(3, at=START) == "overflow"


def test_what_has_expired_can_be_renewed_late() -> None:
    visits = Walk(allowance={"period": "term", "carry_over": "renewal"})
    visits.take(4)
    visits.to(AFTER + timedelta(days=3))
    visits.change(EntitlementRenewed)
    assert [order.amount for order in visits.of(CarryOverOrder)] == [6]
    assert visits.of(RenewalOrder)[0].renewal.starts_on == date(2026, 1, 15)


def test_what_is_carried_into_a_renewal_is_part_of_its_first_period() -> None:
    visits = Walk(id="gold~2")
    visits.change(BalanceCarriedIn, amount=5)
    assert visits.left == (5, 15)
    visits.to(midnight(2))
    assert visits.left == (0, 10)


@pytest.mark.parametrize(
    ("before", "after"), [("gold", "gold~2"), ("gold~2", "gold~3"), ("a~b", "a~b~2"), ("a~9", "a~10")]
)
def test_a_renewal_is_known_by_what_it_renews(before: str, after: str) -> None:
    assert renewal_id(before) == after


@pytest.mark.parametrize(
    ("first", "last", "length"),
    [
        (date(2025, 1, 15), date(2026, 1, 14), "12 months"),
        (date(2024, 2, 29), date(2025, 2, 27), "12 months"),
        (date(2025, 1, 31), date(2025, 2, 27), "1 month"),
        (date(2025, 1, 1), date(2025, 1, 1), "1 day"),
        (date(2025, 1, 1), date(2025, 3, 31), "3 months"),
        (date(2025, 1, 1), date(2025, 4, 1), "91 days"),
    ],
)
def test_the_next_term_is_as_long_as_the_last(first: date, last: date, length: str) -> None:
    assert str(TermLength.between(first, last)) == length
    assert TermLength.between(first, last).last_day(first) == last


@pytest.mark.parametrize("letters", [98, 99, 100])
def test_a_renewal_of_a_long_id_has_an_id_too(letters: int) -> None:
    """Its beginning and a digest; numbers follow one another there as well, and two that begin alike stay apart."""
    name, other = "g" * letters, "g" * (letters - 1) + "h"
    visits = Walk(id=name, allowance={"period": "term", "carry_over": "renewal"}, term_end={"policy": "renew"})
    visits.take(4)
    visits.to(AFTER)
    [made], [carried] = visits.of(RenewalOrder), visits.of(CarryOverOrder)
    second = renewal_id(name)
    assert made.renewal.entitlement_id == carried.renewal_id == visits.usage.balance(AFTER).renewal == second
    assert Entitlement.model_validate({"id": second, "account": "acme"}).id == second
    chain = [second]
    while len(chain) < 20:
        chain.append(renewal_id(chain[-1]))
    assert [one.rpartition("~")[2] for one in chain] == [str(number) for number in range(2, 22)]
    assert len({one.rpartition("~")[0] for one in chain[-12:]}) == 1
    assert max(map(len, chain)) <= 100
    assert {renewal_id(other)}.isdisjoint(chain)


def test_a_state_with_a_renewal_of_too_long_an_id_is_read() -> None:
    """Builds before made such an id; it is what it would be now, and the count answers again."""
    name = "g" * 100
    visits = Walk(id=name)
    visits.change(EntitlementRenewed)
    state = visits.usage.state.model_dump(mode="json")
    state["renewal"]["entitlement_id"] = f"{name}~2"
    read = Usage(visits.usage.terms, UsageState.model_validate(state))
    assert read.balance(START).renewal == renewal_id(name)


# --- declared ---


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"term_end": {"policy": "reset", "term": "1 year"}}, "leave ends_on out"),
        ({"term_end": {"policy": "reset"}, "ends_on": None}, "needs the length of a term"),
        ({"term_end": {"policy": "renew"}, "ends_on": None}, "without ends_on its term does not end"),
        ({"term_end": {"notices": [{"days_before": -1, "actions": [MAIL]}]}}, "greater than or equal to 0"),
        ({"term_end": {"notices": [*NOTICES, NOTICES[0]]}}, "two notices 7 days before"),
        ({"term_end": {"policy": "renew"}, "allowance": None}, "term_end is kept by the counter"),
        ({"allowance": {"cap": 5, "carry_over_cap": 3}}, "carry_over_cap without carry_over"),
        ({"allowance": {"carry_over": "period"}}, "an unlimited allowance leaves nothing"),
        ({"allowance": {"round_up_to": "15m"}}, "it goes with unit: hours"),
        ({"allowance": {"unit": "hours", "round_up_to": "90s"}}, "not in whole minutes"),
        ({"allowance": {"unit": "hours", "round_up_to": "1bd"}}, "not in whole minutes"),
        ({"allowance": {"cap": 10**12}}, "less than or equal to 1000000000"),
        ({"allowance": {"overage_price": "dear"}}, "overage_price"),
        ({"allowance": {"prompt_within": "1d"}}, "write 1bd for business days"),
        ({"allowance": {"overflow": "prompt", "decide": "intake"}}, "should be 'manager' or 'agent'"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_declared(fields: dict[str, Any], says: str) -> None:
    declared = {"id": "gold", "account": "acme", "starts_on": "2025-01-15", "ends_on": "2026-01-14", "allowance": {}}
    with pytest.raises(ValidationError, match=says):
        Entitlement.model_validate(declared | fields)


def test_who_decides_is_written_only_where_it_is_the_agent() -> None:
    """So builds of before this key read what is stored, and counts hear of no change where there is none."""
    silent, manager, agent = [
        Allowance.model_validate({"overflow": "prompt", **said})
        for said in ({}, {"decide": "manager"}, {"decide": "agent"})
    ]
    assert silent == manager != agent
    assert [one.model_dump(mode="json").get("decide") for one in (silent, manager, agent)] == [None, None, "agent"]
    for one in (silent, agent):
        assert Allowance.model_validate_json(one.model_dump_json()) == one

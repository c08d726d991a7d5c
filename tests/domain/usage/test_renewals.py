"""Late work after a renewal: no unit is lost or made between the old record and the new one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.usage.requests import BalanceTakenBack, OverageCovered
from domain.usage.rows import RowKind
from tests.models.usage_account import WHO, EngineAccount

BEGINS = datetime(2025, 1, 2, 12, tzinfo=UTC)
RENEWED = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Record:
    """A bank of ten visits of 2025 that is renewed and carries over what is left."""

    def __init__(self, **fields: Any) -> None:
        self.account = EngineAccount("UTC", BEGINS)
        self.taken = 0
        declared = {
            "id": "old",
            "unit": "visits",
            "cap": 10,
            "start": "2025-01-01",
            "months": 12,
            "period": "term",
            "at_end": "renew",
            "overflow": "block",
            "process": False,
            "carry_over": "renewal",
        }
        self.account.declare(declared | fields)

    def take(self, number: int, at: datetime, now: datetime | None = None) -> str:
        """So many visits of an instant; what the last came to."""
        said = ""
        for _ in range(number):
            self.taken += 1
            request = {"kind": "visit", "id": f"V-{self.taken}", "at": at.isoformat()}
            said = self.account.request(request | {"now": (now or max(at, self.account.now)).isoformat()})
            self.account.check()
        return said

    def has(self, name: str) -> tuple[int, int, int | None]:
        current = self.account.counts[name].balance(self.account.now).current
        return current.used, current.overage, current.remaining

    @property
    def carried(self) -> int:
        return self.account.counts["old~2"].balance_of(0).carried


def test_late_work_is_within_the_old_cap_and_the_carry_shrinks() -> None:
    record = Record()
    record.take(3, BEGINS)
    record.account.advance(RENEWED)
    assert record.carried == 7
    assert record.take(5, BEGINS, RENEWED) == "granted"
    assert (record.has("old"), record.carried) == ((8, 0, 2), 2)


def test_what_the_renewal_has_used_of_the_carry_is_overage_of_the_old() -> None:
    """The renewal's use does not change, and late work finds no more than was left."""
    record = Record()
    record.take(3, BEGINS)
    record.take(14, RENEWED)
    assert record.has("old~2") == (14, 0, 3)
    assert record.take(5, BEGINS, RENEWED) == "granted"
    assert (record.has("old"), record.has("old~2"), record.carried) == ((6, 2, 4), (14, 0, 0), 4)
    assert record.take(2, BEGINS, RENEWED) == "granted"
    assert record.has("old") == (6, 4, 4)
    assert record.take(1, BEGINS, RENEWED) == "blocked"


def test_late_work_that_is_reversed_goes_over_again() -> None:
    record = Record()
    record.take(3, BEGINS)
    record.account.advance(RENEWED)
    record.take(2, BEGINS, RENEWED)
    assert record.carried == 5
    late = {"kind": "reverse", "of_kind": "visit", "of": "V-5", "now": RENEWED.isoformat()}
    assert record.account.request(late) == "done"
    record.account.check()
    assert record.carried == 6


def test_what_went_on_to_a_third_record_comes_back_too() -> None:
    """Unused it went on into the renewal of the renewal; a record that is asked again says the same."""
    record = Record(months=1)
    record.account.advance(datetime(2025, 3, 2, tzinfo=UTC))
    third = record.account.counts["old~3"]
    assert (record.carried, third.balance_of(0).carried) == (10, 20)
    record.take(4, BEGINS, record.account.now)
    assert (record.has("old"), record.carried) == ((4, 0, 6), 6)
    assert record.account.counts["old~3"].balance_of(0).carried == 16
    asked = BalanceTakenBack(event_id="again", by="milepost", reason="late", amount=20)
    second = record.account.counts["old~2"]
    first, _ = second.change(asked, record.account.now)
    again, _ = second.change(asked, record.account.now)
    assert (
        (again.outcome, again.amount or 0, again.further)
        == ("already", first.amount, first.further)
        == ("already", 0, 6)
    )


@pytest.mark.parametrize("most", [0, 2, 5])
def test_the_carry_shrinks_only_below_its_cap(most: int) -> None:
    record = Record(carry_over_cap=most)
    record.account.advance(RENEWED)
    assert record.carried == most
    record.take(10 - most, BEGINS, RENEWED)
    assert record.account.counts["old~2"].balance_of(0).carried == most
    if most:
        record.take(1, BEGINS, RENEWED)
        assert record.carried == most - 1


def test_what_turned_into_overage_says_which_entry_it_was() -> None:
    record = Record()
    record.take(20, RENEWED)
    record.take(1, BEGINS, RENEWED)
    [row] = [r for r in record.account.rows["old"] if r.kind is RowKind.OVERAGE]
    assert (row.reference, row.used, row.overage, row.reason) == ("V-21", -1, 1, "old~2 has used it")
    taking = record.account.counts["old"].state.taken.find("V-21")
    assert taking is not None
    assert (taking.amount, taking.overage) == (0, 1)


def test_cancelling_behind_takes_back_what_went_into_the_renewal() -> None:
    record = Record()
    record.account.advance(RENEWED)
    cancel = {"kind": "cancel", "entitlement": "old", "at": (BEGINS + timedelta(days=30)).isoformat()}
    assert record.account.request(cancel | {"now": RENEWED.isoformat()}) == "done"
    record.account.check()
    assert record.carried == 0


@pytest.mark.parametrize(("of_the_renewal", "has"), [(0, (5, 0)), (6, (4, 1)), (7, (3, 2))])
def test_overage_is_covered_from_what_went_into_the_renewal(of_the_renewal: int, has: tuple[int, int]) -> None:
    """As far as the renewal has not used it: the rest is overage of the old record, and billed, as it was."""
    record = Record(cap=3, overflow="prompt")
    record.take(5, BEGINS)
    for number in (4, 5):
        yes = {"kind": "decide", "of_kind": "visit", "of": f"V-{number}", "yes": True, "of_at": BEGINS.isoformat()}
        assert record.account.request(yes | {"now": BEGINS.isoformat()}) == "yes"
    amend = {"kind": "amend", "entitlement": "old", "set": {"cap": 5}, "now": BEGINS.isoformat()}
    assert record.account.request(amend) == "done"
    record.account.advance(RENEWED)
    assert (record.has("old"), record.carried) == ((3, 2, 2), 2)
    record.take(of_the_renewal, RENEWED)
    for number in (4, 5):
        cover = {"kind": "cover", "entitlement": "old", "of_kind": "visit", "of": f"V-{number}"}
        assert record.account.request(cover | {"now": RENEWED.isoformat()}) == "done"
        record.account.check()
    assert record.has("old")[:2] == has
    bills = [r.amount for r in record.account.rows["old"] if r.kind is RowKind.OVERRIDE]
    assert sum(bills) == has[1]


def test_overage_is_covered_from_what_the_renewal_frees() -> None:
    """Late work found the carry used; a visit of the renewal is reversed: it is the renewal's until it is asked for."""
    record = Record(cap=2)
    record.take(4, RENEWED)
    assert record.take(2, BEGINS, RENEWED) == "granted"
    assert record.has("old") == (0, 2, 2)
    undo = {"kind": "reverse", "of_kind": "visit", "of": "V-1", "now": RENEWED.isoformat()}
    assert record.account.request(undo) == "done"
    assert record.take(1, BEGINS, RENEWED) == "blocked"
    for number in (5, 6):
        cover = {"kind": "cover", "entitlement": "old", "of_kind": "visit", "of": f"V-{number}"}
        assert record.account.request(cover | {"now": RENEWED.isoformat()}) == "done"
        record.account.check()
        assert record.has("old") == (1, 1, 1)  # of the second the renewal has used it still
    assert record.has("old~2") == (3, 0, 0)


@pytest.mark.parametrize(
    ("carry", "renewal_takes", "late", "old", "grant_left"),
    [
        ({"carry_over": None}, 13, 5, (5, 0, 5), 3),
        ({"carry_over": None}, 11, 5, (3, 0, 7), 1),
        ({"carry_over": None}, 13, 13, (10, 3, 0), 3),
        ({"carry_over_cap": 4}, 17, 8, (6, 2, 4), 3),
        ({}, 23, 5, (0, 5, 10), 3),
        ({}, 20, 5, (0, 2, 10), 0),
    ],
    ids=str,
)
def test_late_work_is_overage_only_where_nothing_has_lapsed(
    carry: dict[str, Any], renewal_takes: int, late: int, old: tuple[int, int, int], grant_left: int
) -> None:
    """Ten and a grant of three: what the renewal has used of it is paid by what did not go on, if something did not."""
    record = Record(**carry)
    grant = {"kind": "grant", "entitlement": "old", "id": "g", "amount": 3, "carries": True, "at": BEGINS.isoformat()}
    assert record.account.request(grant | {"now": BEGINS.isoformat()}) == "done"
    record.take(renewal_takes, RENEWED)
    assert record.take(late, BEGINS, RENEWED) == "granted"
    assert record.has("old") == old
    assert record.account.counts["old"].balance_of(0).grant_left == grant_left


class Months(Record):
    """A record of three months, January to March 2025, three visits each, renewed with what is left."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**({"months": 3, "period": "month", "cap": 3} | fields))

    def grant(self, amount: int, at: datetime) -> None:
        q = {"kind": "grant", "entitlement": "old", "id": "g", "amount": amount, "carries": True, "at": at.isoformat()}
        assert self.account.request(q | {"now": max(at, self.account.now).isoformat()}) == "done"

    def of(self, period: int) -> tuple[int, int, int, int]:
        """Used, beyond the cap, paid by grants and carried in, of one period."""
        balance = self.account.counts["old"].balance_of(period)
        return balance.used, balance.overage, balance.grant_used, balance.carried


FEBRUARY = datetime(2025, 2, 10, tzinfo=UTC)
APRIL = datetime(2025, 4, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("renewal_takes", "late", "february", "carried"),
    [
        (0, 1, (0, 0, 1, 0), 4),
        (0, 4, (2, 0, 2, 0), 3),
        (8, 2, (2, 0, 0, 0), 5),  # all of it is used: the cap of February has lapsed, and pays
        (8, 3, (3, 0, 0, 0), 5),
        (8, 5, (3, 2, 0, 0), 5),
        (7, 2, (1, 0, 1, 0), 4),
        (7, 5, (3, 1, 1, 0), 4),
    ],
)
def test_a_grant_of_an_earlier_period_is_asked_back(
    renewal_takes: int, late: int, february: tuple[int, int, int, int], carried: int
) -> None:
    """Two granted for February went on into March, and with that into the renewal: five in all."""
    record = Months()
    record.grant(2, FEBRUARY)
    record.account.advance(APRIL)
    assert (record.of(2)[3], record.carried) == (2, 5)
    record.take(renewal_takes, APRIL)
    assert record.take(late, FEBRUARY, APRIL) == "granted"
    assert (record.of(1), record.carried) == (february, carried)
    assert record.account.counts["old~2"].balance_of(0).used == renewal_takes
    assert record.take(6 - late, FEBRUARY, APRIL) == "blocked"


@pytest.mark.parametrize(
    ("renewal_takes", "late", "old"),
    [
        (0, 2, (0, 0, 2)),
        (5, 1, (0, 0, 1)),
        (5, 2, (1, 0, 1)),  # one granted, and then the cap, which has lapsed
        (4, 2, (0, 0, 2)),
        (4, 3, (1, 0, 2)),
        (5, 5, (3, 1, 1)),
    ],
)
def test_what_one_grant_cannot_pay_late_another_pays(renewal_takes: int, late: int, old: tuple[int, int, int]) -> None:
    """Two granted went on and the renewal has used them; of one that lapses one is left, and pays before the cap."""
    record = Months(months=1, carry_over=None)
    record.grant(2, BEGINS)
    lapses = {"kind": "grant", "entitlement": "old", "id": "h", "amount": 1, "carries": False, "at": BEGINS.isoformat()}
    assert record.account.request(lapses | {"now": BEGINS.isoformat()}) == "done"
    record.take(renewal_takes, FEBRUARY)
    assert record.take(late, BEGINS, FEBRUARY) == "granted"
    assert record.of(0)[:3] == old
    for number in range(late):
        name = f"V-{renewal_takes + number + 1}"
        undo = {"kind": "reverse", "of_kind": "visit", "of": name, "now": FEBRUARY.isoformat()}
        assert record.account.request(undo) == "done"
        record.account.check()
    assert record.of(0)[:3] == (0, 0, 0)


@pytest.mark.parametrize(("renewal_takes", "late"), [(0, 0), (8, 0), (8, 5), (6, 3), (8, 8)])
def test_late_work_of_several_periods_finds_nothing_twice(renewal_takes: int, late: int) -> None:
    """However late work is spread, the record gives what it was declared to have, and not one more."""
    record = Months()
    record.grant(2, FEBRUARY)
    record.account.advance(APRIL)
    record.take(renewal_takes, APRIL)
    march = datetime(2025, 3, 10, tzinfo=UTC)
    for number in range(12):
        record.take(1, march if number < late else FEBRUARY, APRIL)
        record.take(1, march, APRIL)
    parts = [record.of(period) for period in range(3)]
    assert sum(used + overage + paid for used, overage, paid, _ in parts) == 3 + 2 + 3


def test_what_was_carried_to_the_last_period_comes_back_as_well() -> None:
    """Carried over by the month, and at the end, since the rule was changed, into the renewal."""
    record = Months(carry_over="period")
    change = {"kind": "amend", "entitlement": "old", "set": {"carry_over": "renewal"}}
    assert record.account.request(change | {"now": datetime(2025, 3, 5, tzinfo=UTC).isoformat()}) == "done"
    record.account.advance(APRIL)
    assert record.carried == 9
    record.take(10, APRIL)  # seven of the carry, if nothing comes late
    assert record.take(2, BEGINS, APRIL) == "granted"
    assert (record.of(0), record.carried) == ((2, 0, 0, 0), 7)
    assert record.take(1, BEGINS, APRIL) == "granted"
    assert (record.of(0), record.carried) == ((2, 1, 0, 0), 7)
    assert record.take(1, BEGINS, APRIL) == "blocked"
    adjust = {"kind": "adjust", "entitlement": "old", "id": "a", "amount": 1, "at": FEBRUARY.isoformat()}
    assert record.account.request(adjust | {"now": APRIL.isoformat()}) == "done"
    assert (record.of(1), record.carried) == ((0, 1, 0, 1), 7)  # taken as late work is
    record.account.check()


@pytest.mark.parametrize(("renewal_takes", "has"), [(0, (5, 0, 2)), (6, (4, 1, 2)), (7, (3, 2, 2))])
def test_a_cover_takes_nothing_from_the_grant_of_its_visit(renewal_takes: int, has: tuple[int, int, int]) -> None:
    """Two of four were paid by a grant: what the renewal has used of the cover is overage, and the grant stays."""
    record = Months(cap=3, months=1, unit="hours", overflow="prompt")
    record.grant(2, BEGINS)
    entry = {"kind": "entry", "id": "T", "minutes": 7, "at": BEGINS.isoformat(), "now": BEGINS.isoformat()}
    amend = {"kind": "amend", "entitlement": "old", "set": {"cap": 5}, "now": BEGINS.isoformat()}
    assert record.account.request(entry) == "prompt"
    assert record.account.request(amend) == "done"
    record.account.advance(FEBRUARY)
    assert record.carried == 2
    if renewal_takes:
        used = {"kind": "entry", "id": "U", "minutes": renewal_takes, "at": FEBRUARY.isoformat()}
        assert record.account.request(used | {"now": FEBRUARY.isoformat()}) == "granted"
    cover = {"kind": "cover", "entitlement": "old", "of_kind": "entry", "of": "T", "now": FEBRUARY.isoformat()}
    assert record.account.request(cover) == "done"
    record.account.check()
    assert record.of(0)[:3] == has


@pytest.mark.parametrize(("renewal_takes", "overage"), [(0, 0), (5, 1), (6, 2)])
def test_a_cover_from_a_later_period_is_overage_again(renewal_takes: int, overage: int) -> None:
    """As far as the renewal has used what March was to pay with: of January, and billed again."""
    record = Months(overflow="prompt")
    record.take(5, BEGINS)
    for number in (4, 5):
        yes = {"kind": "decide", "of_kind": "visit", "of": f"V-{number}", "yes": True, "of_at": BEGINS.isoformat()}
        assert record.account.request(yes | {"now": BEGINS.isoformat()}) == "yes"
    record.account.advance(APRIL)
    record.take(renewal_takes, APRIL)
    march = datetime(2025, 3, 10, tzinfo=UTC)
    for number in (4, 5):
        asked = OverageCovered(event_id=f"c-{number}", reference=f"V-{number}", occurred_at=march, **WHO)
        record.account.change("old", asked)
        record.account.check()
    assert (record.of(0)[:2], record.of(2)[:2]) == ((3, overage), (2 - overage, 0))
    bills = [r.amount for r in record.account.rows["old"] if r.kind is RowKind.OVERRIDE]
    assert sum(bills) == overage
    for number in (4, 5):
        undo = {"kind": "reverse", "of_kind": "visit", "of": f"V-{number}", "now": APRIL.isoformat()}
        assert record.account.request(undo) == "done"
        record.account.check()
    assert (record.of(0)[:2], record.of(2)[:2], record.carried) == ((3, 0), (0, 0), 3)

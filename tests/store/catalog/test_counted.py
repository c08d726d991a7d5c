"""What a running count could not follow is refused when it is applied, so that catalog and count say the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event

from domain.catalog.declarations import Catalog
from domain.catalog.problems import CatalogProblems
from domain.orders.placing import Order, OrderProblems
from domain.usage.effects import UsageRecords
from domain.usage.rows import LedgerRow, RowKind
from store import Store, tables
from store.catalog.applying import write_catalog
from store.catalog.values import Diff

AT = datetime(2026, 5, 1, 2, tzinfo=UTC)
"""In New York it is still 30 April."""

CANCELLED_AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
FIELDS = {"assigned_to": "string", "group": "string"}
GOLD: dict[str, Any] = {
    "id": "gold",
    "account": "acme",
    "starts_on": "2026-01-01",
    "ends_on": "2026-12-31",
    "allowance": {"unit": "cases", "cap": 50},
}


def write(store: Store, *, tell: str | None = "the catalog was applied", **declared: Any) -> Diff:
    """As `apply` does, at `AT`."""
    catalog = Catalog.model_validate(declared)
    with store._database.write() as connection:
        return write_catalog(connection, catalog, by="ann", at=AT, tell=tell, of_order=False)


def declare(store: Store, **also: Any) -> Diff:
    return write(store, entitlements=[{**GOLD, **also}])


def refused(store: Store, **declared: Any) -> list[str]:
    before = store.catalog.everything()
    with pytest.raises(CatalogProblems) as error:
        write(store, **declared)
    assert store.catalog.everything() == before
    assert store.unsynchronised.entitlements() == []
    return [str(problem) for problem in error.value.problems]


def not_declared(store: Store, **also: Any) -> list[str]:
    return refused(store, entitlements=[{**GOLD, **also}])


def record(store: Store, **also: Any) -> None:
    """As people and time write into a record, past the files."""
    write(store, tell=None, entitlements=[{**GOLD, **also}])


def count(store: Store, entitlement: str = "gold") -> None:
    """Something of a count is on record."""
    amounts = {"amount": 1, "used": 1, "used_after": 1, "overage_after": 0, "cap_after": 50, "balance_after": 49}
    when = {"first_day": "2026-01-01", "at": AT, "recorded_at": AT}
    row = LedgerRow.model_validate({"number": 1, "kind": RowKind.TAKEN, "period": 0, **amounts, **when})
    news = {"entitlement_id": entitlement, "count": "c", "account": "acme", "unit": "cases", "periods": []}
    store.ledgers.record(UsageRecords.model_validate({**news, "rows": [row]}))


@pytest.fixture
def shop(store: Store) -> Store:
    """An account in New York with a counted entitlement."""
    write(store, accounts=[{"id": "acme", "time_zone": "America/New_York"}], entitlements=[GOLD])
    return store


# --- what is written into a record alone ---


@pytest.mark.parametrize("left_out", [{}, {"cancelled_at": None}])
def test_a_cancellation_that_is_left_out_stays(shop: Store, left_out: dict[str, Any]) -> None:
    """It was written into the record by a command or an order; files that do not speak of it take nothing back."""
    record(shop, cancelled_at=CANCELLED_AT)
    diff = declare(shop, **left_out)
    assert (diff.changes, diff.unchanged) == ([], 1)
    assert declare(shop, name="Gold", **left_out).changes[0].details == ["name: none -> Gold"]
    assert shop.catalog.entitlement("gold").cancelled_at == CANCELLED_AT
    assert shop.unsynchronised.entitlements() == []


@pytest.mark.parametrize("allowance", [GOLD["allowance"], None])
def test_another_instant_of_cancelling_is_refused(store: Store, allowance: dict[str, Any] | None) -> None:
    """The same one, in whichever zone, is none."""
    gold = {**GOLD, "allowance": allowance}
    write(store, accounts=[{"id": "acme"}], entitlements=[{**gold, "cancelled_at": CANCELLED_AT}])
    assert refused(store, entitlements=[{**gold, "cancelled_at": "2026-04-01T00:00:00Z"}]) == [
        (
            "entitlements[0].cancelled_at: entitlement 'gold' was cancelled at 2026-03-01T12:30:00+00:00, which cannot "
            "change to 2026-04-01T00:00:00+00:00; give the first instant, or leave cancelled_at out"
        )
    ]
    assert write(store, entitlements=[{**gold, "cancelled_at": "2026-03-01T13:30:00+01:00"}]).changes == []


def test_a_cancellation_that_is_ahead_may_be_moved(shop: Store) -> None:
    """It is none yet."""
    declare(shop, cancelled_at="2026-07-01T00:00:00Z")
    declare(shop, cancelled_at="2026-08-01T00:00:00Z")
    assert str(shop.catalog.entitlement("gold").cancelled_at) == "2026-08-01 00:00:00+00:00"


def test_what_it_renews_stays_if_it_is_left_out(shop: Store) -> None:
    """Time has made it; it may be declared later, with a cap of its own."""
    later = {**GOLD, "id": "gold~2", "starts_on": "2027-01-01", "ends_on": "2027-12-31"}
    write(shop, tell=None, entitlements=[{**later, "renews": "gold"}])
    diff = write(shop, entitlements=[{**later, "allowance": {"unit": "cases", "cap": 60}}])
    assert diff.changes[0].details == ["allowance.cap: 50 -> 60"]
    assert shop.catalog.entitlement("gold~2").renews == "gold"


# --- what a count does not take ---


def test_an_end_that_is_over_is_refused(shop: Store) -> None:
    """By the account's dates: today is one, yesterday is none. What is unchanged may lie in the past."""
    assert not_declared(shop, ends_on="2026-04-29") == [
        (
            "entitlements[0].ends_on: entitlement 'gold' is counted and can't end on 2026-04-29, which is over; "
            "give today (2026-04-30) or a later date, or cancel it"
        )
    ]
    assert declare(shop, ends_on="2026-04-30").changes[0].details == ["ends_on: 2026-12-31 -> 2026-04-30"]
    old = {**GOLD, "id": "old", "starts_on": "2025-01-01", "ends_on": "2025-12-31"}
    assert write(shop, entitlements=[old]).of("entitlements", "created") == ["old"]
    assert write(shop, entitlements=[old]).changes == []
    assert write(shop, entitlements=[{**old, "name": "Old"}]).of("entitlements", "changed") == ["old"]


def test_the_end_of_what_is_not_counted_may_lie_in_the_past(shop: Store) -> None:
    """There is no count to say otherwise."""
    free = {"id": "free", "account": "acme", "starts_on": "2026-01-01"}
    write(shop, entitlements=[free])
    write(shop, entitlements=[{**free, "ends_on": "2026-01-31"}])
    assert str(shop.catalog.entitlement("free").ends_on) == "2026-01-31"


def test_of_one_that_is_cancelled_nothing_is_amended(shop: Store) -> None:
    """Each change at its place, with what is right. What it is not counted by can be changed."""
    record(shop, cancelled_at=CANCELLED_AT)
    allowance = {"unit": "cases", "cap": 60, "thresholds": [{"at": "80%"}]}
    was = "entitlement 'gold' was cancelled at 2026-03-01T12:30:00+00:00"
    right = "declare it so, or another under a new id"
    assert not_declared(shop, ends_on="2027-12-31", allowance=allowance) == [
        f"entitlements[0].allowance.cap: {was}: its cap stays 50, not 60; {right}",
        f"entitlements[0].allowance.thresholds: {was}: what it has as thresholds stays; {right}",
        f"entitlements[0].ends_on: {was}: its ends_on stays 2026-12-31, not 2027-12-31; {right}",
    ]
    assert declare(shop, channels=["mail"]).of("entitlements", "changed") == ["gold"]


def test_of_a_term_that_has_ended_nothing_is_amended(shop: Store) -> None:
    """If anything was counted. If not, it was a slip of the pen that can be put right."""
    record(shop, ends_on="2026-04-29")
    assert declare(shop, ends_on="2026-12-30").changes[0].details == ["ends_on: 2026-04-29 -> 2026-12-30"]
    record(shop, ends_on="2026-04-29")
    for one in shop.unsynchronised.entitlements():
        shop.unsynchronised.cross_out(one)
    count(shop)
    assert not_declared(shop, allowance={"unit": "cases", "cap": 60}) == [
        (
            "entitlements[0].allowance.cap: the term of entitlement 'gold' ended on 2026-04-29: "
            "its cap stays 50, not 60; declare it so, or renew it"
        ),
        (
            "entitlements[0].ends_on: the term of entitlement 'gold' ended on 2026-04-29: "
            "its ends_on stays 2026-04-29, not 2026-12-31; declare it so, or renew it"
        ),
    ]


def test_the_end_of_one_that_was_renewed_stays(shop: Store) -> None:
    """The next begins the day after. Its cap can be changed."""
    renewal = {**GOLD, "id": "gold~2", "starts_on": "2027-01-01", "ends_on": "2027-12-31"}
    write(shop, tell=None, entitlements=[{**renewal, "renews": "gold"}])
    assert not_declared(shop, ends_on="2027-06-30") == [
        (
            "entitlements[0].ends_on: entitlement 'gold' goes on as 'gold~2' from 2027-01-01: its ends_on stays "
            "2026-12-31, not 2027-06-30; declare it so, or another end of 'gold~2'"
        )
    ]
    assert declare(shop, allowance={"unit": "cases", "cap": 60}).of("entitlements", "changed") == ["gold"]
    assert write(shop, entitlements=[{**renewal, "ends_on": "2028-06-30"}]).of("entitlements", "changed") == ["gold~2"]


def test_the_end_stays_of_one_that_was_renewed_under_a_later_id(shop: Store) -> None:
    """The next id was another's."""
    later = {**GOLD, "starts_on": "2027-01-01", "ends_on": "2027-12-31"}
    write(shop, entitlements=[{**later, "id": "gold~2"}])
    write(shop, tell=None, entitlements=[{**later, "id": "gold~3", "renews": "gold"}])
    for one in shop.unsynchronised.entitlements():
        shop.unsynchronised.cross_out(one)
    (problem,) = not_declared(shop, ends_on="2027-06-30")
    assert "entitlement 'gold' goes on as 'gold~3' from 2027-01-01" in problem


def test_one_problem_of_an_allowance_hides_what_follows_from_it(shop: Store) -> None:
    """What never can be changed is said once."""
    record(shop, cancelled_at=CANCELLED_AT)
    (problem,) = not_declared(shop, allowance={"unit": "hours", "cap": 60})
    assert problem.startswith(
        "entitlements[0].allowance: the unit of entitlement 'gold' cannot change from cases to hours"
    )


def test_what_a_count_says_itself_is_stored_whenever_it_comes(shop: Store) -> None:
    """It has followed already, and the store may hear of it late: when the amended end is over, or it was cancelled."""
    record(shop, ends_on="2026-04-01")
    record(shop, ends_on="2026-04-01", cancelled_at=CANCELLED_AT)
    record(shop, ends_on="2026-04-01", allowance={"unit": "cases", "cap": 60}, cancelled_at=CANCELLED_AT)
    gold = shop.catalog.entitlement("gold")
    assert gold.allowance is not None
    assert (str(gold.ends_on), gold.allowance.cap) == ("2026-04-01", 60)


def test_an_order_amends_neither_into_the_past(store: Store) -> None:
    """A line of it that was cancelled is history, and in nobody's way."""
    template = {"id": "bronze", "term": "1 year", "allowance": {"unit": "cases", "cap": 10}}
    products = [{"id": "support", "entitlement_templates": ["bronze"]}]
    write(store, accounts=[{"id": "acme"}], entitlement_templates=[template], products=products)
    lines = [{"product": "support"}, {"product": "support", "id": "second"}]

    def place(**also: Any) -> None:
        order = {"id": "o", "account": "acme", "starts_on": "2026-01-01", "lines": lines, **also}
        store.orders.place(Order.model_validate(order), by="bob", at=AT)

    place()
    lines[1]["cancelled"] = "true"
    place()
    with pytest.raises(OrderProblems) as error:
        place(ends_on="2026-04-30")
    assert [str(problem) for problem in error.value.problems] == [
        (
            "entitlements[0].ends_on: entitlement 'o.support.bronze' is counted and can't end on 2026-04-30, which is "
            "over; give today (2026-05-01) or a later date, or cancel it"
        )
    ]
    place(ends_on="2026-05-01")
    assert str(store.catalog.entitlement("o.support.bronze").ends_on) == "2026-05-01"


def test_what_never_ends_is_not_renewed_at_its_end(shop: Store) -> None:
    """Whoever declares it so, and whether there is one already. What a count of before has taken is stored."""
    never = {"ends_on": "9999-12-31", "term_end": {"policy": "renew"}}
    for name in ("gold", "new"):
        (problem,) = not_declared(shop, id=name, **never)
        assert problem.startswith("entitlements[0].ends_on: 9999-12-31 means that its term does not end")
    template = {"id": "bronze", "term": "1 year", "allowance": {"cap": 10}, "term_end": {"policy": "renew"}}
    product = {"id": "support", "entitlement_templates": ["bronze"]}
    write(shop, entitlement_templates=[template], products=[product])
    order = Order.model_validate(
        {"id": "o", "account": "acme", "ends_on": "9999-12-31", "lines": [{"product": "support"}]}
    )
    with pytest.raises(OrderProblems, match="9999-12-31 means that its term does not end"):
        shop.orders.place(order, by="ann", at=AT)
    record(shop, **never)
    assert declare(shop, name="Gold", **never).of("entitlements", "changed") == ["gold"]


def test_an_opening_balance_is_of_what_is_not_counted_yet(shop: Store) -> None:
    """A slip of the pen is put right until something is taken."""
    declare(shop, opening={"as_of": "2026-02-01", "used": 8})
    declare(shop, opening={"as_of": "2026-02-01", "used": 9})
    for one in shop.unsynchronised.entitlements():
        shop.unsynchronised.cross_out(one)
    count(shop)
    assert not_declared(shop, opening={"as_of": "2026-02-01", "used": 10}) == [
        (
            "entitlements[0].opening: entitlement 'gold' is counted already, and an opening balance is of a new one; "
            "declare opening as it was, and adjust by hand what was used"
        )
    ]


def test_what_ends_soon_is_counted_though_nobody_used_it(shop: Store) -> None:
    """From three days before the end of its period on: its count may have begun, and has read what was declared."""
    opening: dict[str, Any] = {"opening": {"as_of": "2026-02-01", "used": 8}}
    moved: dict[str, Any] = {"accounts": [{"id": "acme", "time_zone": "Asia/Tokyo"}]}
    record(shop, ends_on="2026-05-02")
    (problem,) = not_declared(shop, ends_on="2026-05-02", **opening)
    assert problem.startswith("entitlements[0].opening: entitlement 'gold' is counted already")
    (problem,) = refused(shop, **moved)
    assert "entitlement 'gold' of account 'acme' is counted by the dates of America/New_York" in problem
    record(shop, ends_on="2026-05-04")
    declare(shop, ends_on="2026-05-04", **opening)
    write(shop, **moved)
    assert shop.catalog.account("acme").time_zone == "Asia/Tokyo"


# --- time zones ---


def test_the_time_zone_of_what_is_counted_stays(shop: Store) -> None:
    """Its periods were frozen when its count began. Left out is the organisation's."""
    count(shop)
    was = "entitlement 'gold' of account 'acme' is counted by the dates of America/New_York"
    right = "keep time_zone: America/New_York until nothing of the account is counted, or cancel or retire that first"
    assert refused(shop, accounts=[{"id": "acme", "time_zone": "Asia/Tokyo"}]) == [
        f"accounts[0].time_zone: {was}, not Asia/Tokyo; {right}"
    ]
    assert refused(shop, accounts=[{"id": "acme"}]) == [f"accounts[0].time_zone: {was}, not UTC; {right}"]
    zone = {"time_zone": "America/New_York"}
    assert write(shop, accounts=[{"id": "acme", **zone, "name": "Acme"}]).of("accounts", "changed") == ["acme"]
    write(shop, organisation=zone, accounts=[{"id": "acme"}])
    assert shop.catalog.account("acme").time_zone is None


@pytest.mark.parametrize(
    "stands",
    [
        {"allowance": None},
        {"ends_on": "2026-04-29"},
        {"cancelled_at": CANCELLED_AT},
        {"retired": True},
    ],
)
def test_an_account_of_which_nothing_is_counted_may_move(store: Store, stands: dict[str, Any]) -> None:
    """Or nothing any more. What is ended together with the move is not in its way either."""
    zone = {"id": "acme", "time_zone": "America/New_York"}
    moved = {"id": "acme", "time_zone": "Asia/Tokyo"}
    write(store, accounts=[zone], entitlements=[{**GOLD, **stands}])
    count(store)
    write(store, accounts=[moved])
    assert store.catalog.account("acme").time_zone == "Asia/Tokyo"


def test_what_is_not_counted_yet_moves_along(shop: Store) -> None:
    """A count begins with the first taking; or with the declaration, if the end of its term is awaited."""
    write(shop, accounts=[{"id": "acme", "time_zone": "Asia/Tokyo"}])
    awaited = {**GOLD, "id": "awaited", "ends_on": "2026-12-31", "term_end": {"policy": "renew"}}
    write(shop, tell=None, entitlements=[awaited])
    assert len(refused(shop, accounts=[{"id": "acme", "time_zone": "Asia/Kolkata"}])) == 1


def test_a_zone_may_get_its_new_name(store: Store) -> None:
    """No date moves with it."""
    write(store, accounts=[{"id": "acme", "time_zone": "Asia/Calcutta"}], entitlements=[GOLD])
    count(store)
    write(store, accounts=[{"id": "acme", "time_zone": "Asia/Kolkata"}])
    assert store.catalog.account("acme").time_zone == "Asia/Kolkata"


@pytest.mark.parametrize("ended", [{"cancelled_at": CANCELLED_AT}, {"retired": True}])
def test_what_is_ended_with_the_move_is_not_in_its_way(shop: Store, ended: dict[str, Any]) -> None:
    """One file says both."""
    moved = {"id": "acme", "time_zone": "Asia/Tokyo"}
    diff = write(shop, accounts=[moved], entitlements=[{**GOLD, **ended}])
    assert diff.of("accounts", "changed") == ["acme"]


def test_an_account_with_a_term_until_today_does_not_move(store: Store) -> None:
    """Today by its old dates."""
    write(
        store,
        accounts=[{"id": "acme", "time_zone": "America/New_York"}],
        entitlements=[{**GOLD, "ends_on": "2026-04-30"}],
    )
    count(store)
    assert len(refused(store, accounts=[{"id": "acme", "time_zone": "Asia/Tokyo"}])) == 1


def test_the_organisations_time_zone_stays_for_those_who_have_no_other(store: Store) -> None:
    """Whoever names one, before or with the move, is not moved by it."""
    write(
        store,
        accounts=[{"id": "acme"}, {"id": "here", "time_zone": "Asia/Tokyo"}, {"id": "left", "retired": True}],
        entitlements=[GOLD, {**GOLD, "id": "other", "account": "here"}],
    )
    write(store, tell=None, entitlements=[{**GOLD, "id": "gone", "account": "left", "retired": True}])
    for one in ("gold", "other", "gone"):
        count(store, one)
    moved = {"name": "Us", "time_zone": "Europe/Berlin"}
    assert refused(store, organisation=moved) == [
        (
            "organisation.time_zone: account 'acme' names no time_zone, and its entitlement 'gold' is counted by the "
            "dates of UTC, not Europe/Berlin; give the account time_zone: UTC, or keep that of the organisation"
        )
    ]
    write(store, organisation={"name": "Us"})
    write(store, organisation=moved, accounts=[{"id": "acme", "time_zone": "UTC"}])
    assert store.catalog.organisation().time_zone == "Europe/Berlin"
    write(store, organisation={"time_zone": "Asia/Tokyo"})


def test_what_is_counted_of_an_account_is_found_by_an_index(shop: Store) -> None:
    """Of ten thousand accounts only the one that moves is looked at."""
    many = range(10_000)
    accounts: list[dict[str, Any]] = [{"id": f"c{n}", "name": "", "retired": False} for n in many]
    with shop._database.write() as connection:
        connection.execute(tables.accounts.insert(), [{**one, "definition": {"id": one["id"]}} for one in accounts])
        rows = [
            {**one, "account": one["id"], "for_contacts": False, "definition": {"id": one["id"], "account": one["id"]}}
            for one in accounts
        ]
        connection.execute(tables.entitlements.insert(), rows)
    plans: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "entitlements.account =" in statement and engine.dialect.name == "sqlite":
            found = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in found)

    engine = shop._database._engine
    event.listen(engine, "before_cursor_execute", explain)
    write(shop, accounts=[{"id": "c7", "time_zone": "Asia/Tokyo"}])
    event.remove(engine, "before_cursor_execute", explain)
    assert bool(plans) is (engine.dialect.name == "sqlite")
    assert [plan for plan in plans if plan.startswith("SCAN")] == []


def test_what_was_amended_by_hand_is_no_reason_to_refuse_anything(shop: Store) -> None:
    """The old file applied again changes nothing of it, changes the rest, and says what was amended since."""
    record(shop, ends_on="2027-06-30")
    found = declare(shop, name="Gold support")
    assert found.changes[0].details == ["name: none -> Gold support"]
    assert [(one.why, one.key, one.stands) for one in found.against] == [("amended", "ends_on", "2027-06-30")]
    assert str(shop.catalog.entitlement("gold").ends_on) == "2027-06-30"


def test_a_conflict_is_not_stored_before_somebody_says_yes(shop: Store) -> None:
    record(shop, ends_on="2027-06-30")
    catalog = Catalog.model_validate({"entitlements": [GOLD | {"ends_on": "2028-12-31"}]})
    asked = shop.catalog.apply(catalog, by="ana", consent=False)
    assert (asked.asks, [one.why for one in asked.against]) == (True, ["conflict"])
    assert str(shop.catalog.entitlement("gold").ends_on) == "2027-06-30"
    assert shop.catalog.apply(catalog, by="ana").changes[0].details == ["ends_on: 2027-06-30 -> 2028-12-31"]


def test_what_an_organisation_leaves_out_is_not_gone_before_somebody_says_yes(store: Store) -> None:
    """What it says is nothing is gone at once."""
    said: dict[str, Any] = {"roles": {"owner": "assigned_to", "team": "group"}, "quiet": {"mails_per_case": 5}}

    def apply(*, consent: bool = True, **organisation: Any) -> Diff:
        catalog = Catalog.model_validate({"fields": FIELDS, "organisation": organisation})
        return store.catalog.apply(catalog, by="ana", consent=consent)

    def stands() -> dict[str, Any]:
        return store.catalog.organisation().model_dump(mode="json", include={*said}, exclude_none=True)

    apply(**said)
    asked = apply(roles={"owner": "assigned_to"}, consent=False)
    assert (asked.asks, [one.key for one in asked.against]) == (True, ["roles.team", "quiet"])
    assert stands() == said
    apply(roles={"owner": "assigned_to"})
    assert stands() == {"roles": {"owner": "assigned_to"}}
    apply(**said)
    assert apply(roles={}, quiet=None, consent=False).against == []
    assert stands() == {}
    assert apply(roles={}, quiet=None).changes == []

"""Orders: what they make, that the same one changes nothing, and what a changed one amends."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from domain.catalog.declarations import Catalog, Entitlement, name_of
from domain.catalog.documents import read_document
from domain.catalog.kinds import Kind
from domain.catalog.references import KnownCatalog
from domain.errors import CatalogError
from domain.orders.making import declared
from domain.orders.placing import Order, OrderProblems, PlacedOrder, place

NEW_YORK = ZoneInfo("America/New_York")
AT = datetime(2026, 1, 1, 3, tzinfo=UTC)
"""Still 31 December in New York."""

LATER = datetime(2026, 5, 1, 12, tzinfo=UTC)
DOCUMENT: dict[str, Any] = {
    "processes": [{"name": "Standard", "milestones": [{"name": "First response", "within": "4h"}]}],
    "business_hours": [{"name": "Office", "time_zone": "UTC", "week": {"mon": ["09:00-17:00"]}}],
    "accounts": [{"id": "acme"}, {"id": "other"}, {"id": "gone", "retired": True}],
    "assets": [{"id": "a1", "account": "acme"}, {"id": "theirs", "account": "other"}],
    "entitlement_templates": [
        {
            "id": "bronze",
            "name": "Bronze support",
            "term": "12 months",
            "type": "phone",
            "process": "Standard",
            "business_hours": "Office",
            "allowance": {
                "cap": 10,
                "period": "quarter",
                "thresholds": [{"at": 8}, {"at": "90%"}],
                "carry_over": "period",
                "carry_over_cap": 5,
            },
        },
        {"id": "visits", "term": "90 days", "allowance": {"unit": "visits", "cap": 4}},
        {"id": "gold", "term": "1 year", "allowance": {"unit": "cases"}},
        {"id": "x.gold", "term": "1 year", "allowance": {"unit": "visits"}},
        {"id": "huge", "term": "1 year", "allowance": {"cap": 1_000_000}},
        {"id": "ages", "term": "99999 years", "process": "Standard"},
        {"id": "long", "term": "1000 years", "process": "Standard"},
        {
            "id": "rolling",
            "term": "1 year",
            "allowance": {"cap": 5},
            "term_end": {"policy": "reset", "term": "1 year"},
        },
    ],
    "products": [
        {"id": "support", "name": "Support", "entitlement_templates": ["bronze", "visits"]},
        {"id": "unlimited", "entitlement_templates": ["gold"]},
        {"id": "dotted", "entitlement_templates": ["x.gold"]},
        {"id": "big", "entitlement_templates": ["huge"]},
        {"id": "eternal", "entitlement_templates": ["ages"]},
        {"id": "lasting", "entitlement_templates": ["long"]},
        {"id": "evergreen", "entitlement_templates": ["rolling"]},
        {"id": "screw"},
        {"id": "old", "retired": True},
    ],
}


class Shop:
    """A catalog into which orders are placed, one after another."""

    def __init__(self) -> None:
        self.catalog = read_document(DOCUMENT)
        self.placed: PlacedOrder | None = None

    def place(self, at: datetime = AT, **order: Any) -> Catalog:
        """What is to be stored of an order; it is stored."""
        given = Order.model_validate({"id": "o", "account": "acme", **order})
        placed = place(given, self.placed, KnownCatalog(self.catalog), at, NEW_YORK)
        made = declared(self.placed, placed, KnownCatalog(self.catalog), at.astimezone(NEW_YORK).date())
        self.placed = placed
        for kind, declaration in made.everything():
            kept = [one for one in self.catalog.of(kind) if name_of(one) != name_of(declaration)]
            self.catalog = self.catalog.model_copy(update={kind.value: [*kept, declaration]})
        return made

    def refuse(self, at: datetime = AT, **order: Any) -> list[str]:
        """The problems of an order, after which everything is as it was."""
        before = (self.catalog, self.placed)
        with pytest.raises(OrderProblems) as problems:
            self.place(at, **order)
        assert (self.catalog, self.placed) == before
        return [str(problem) for problem in problems.value.problems]

    def entitlement(self, name: str) -> Entitlement:
        found = self.catalog.find(Kind.ENTITLEMENTS, name)
        assert isinstance(found, Entitlement)
        return found

    def change(self, name: str, **also: Any) -> None:
        """Somebody changes an entitlement by hand."""
        changed = Entitlement.model_validate({**self.entitlement(name).model_dump(), **also})
        kept = [one for one in self.catalog.entitlements if one.id != name]
        self.catalog = self.catalog.model_copy(update={"entitlements": [*kept, changed]})

    def renew(self, name: str, renewal: str, starts_on: str, ends_on: str) -> None:
        """An entitlement is renewed."""
        dates = {"starts_on": starts_on, "ends_on": ends_on}
        renewed = Entitlement.model_validate(
            {**self.entitlement(name).model_dump(), "id": renewal, "renews": name, **dates}
        )
        self.catalog = self.catalog.model_copy(update={"entitlements": [*self.catalog.entitlements, renewed]})


def line(product: str = "support", **also: Any) -> dict[str, Any]:
    return {"product": product, **also}


# --- what it makes ---


def test_an_order_makes_contract_line_items_and_entitlements() -> None:
    """One contract, an item for each line, and an entitlement for each template of its product."""
    made = Shop().place(name="Order of May", starts_on="2026-05-01", lines=[line(asset="a1"), line("unlimited")])
    (contract,) = made.service_contracts
    assert (contract.id, contract.name, contract.account) == ("o", "Order of May", "acme")
    assert [(item.id, item.service_contract, item.product, item.asset) for item in made.contract_line_items] == [
        ("o.support.a1", "o", "support", "a1"),
        ("o.unlimited", "o", "unlimited", None),
    ]
    assert [(one.id, one.contract_line_item, one.asset) for one in made.entitlements] == [
        ("o.support.a1.bronze", "o.support.a1", "a1"),
        ("o.support.a1.visits", "o.support.a1", "a1"),
        ("o.unlimited.gold", "o.unlimited", None),
    ]
    bronze = made.entitlements[0]
    assert (bronze.name, bronze.type, bronze.process, bronze.business_hours) == (
        "Bronze support",
        "phone",
        "Standard",
        "Office",
    )
    assert (bronze.account, bronze.service_contract) == ("acme", "o")


def test_terms_come_from_templates_and_the_contract_holds_them_all() -> None:
    """12 months and 90 days; item and contract end with the longest."""
    made = Shop().place(starts_on="2026-05-01", lines=[line()])
    assert [str(one.ends_on) for one in made.entitlements] == ["2027-04-30", "2026-07-29"]
    assert {str(one.ends_on) for one in (*made.contract_line_items, *made.service_contracts)} == {"2027-04-30"}


def test_an_order_with_an_end_ends_everything_then() -> None:
    made = Shop().place(starts_on="2026-05-01", ends_on="2026-05-31", lines=[line()])
    assert {str(one.ends_on) for one in (*made.entitlements, *made.contract_line_items)} == {"2026-05-31"}


def test_without_a_start_it_starts_on_the_accounts_day() -> None:
    """03:00 UTC on 1 January is 31 December in New York; placed again later, it has started on that day."""
    shop = Shop()
    assert shop.place(lines=[line()]).entitlements[0].starts_on == date(2025, 12, 31)
    assert shop.place(LATER, lines=[line(quantity=2)]).entitlements[0].starts_on == date(2025, 12, 31)


def test_quantity_multiplies_the_allowance() -> None:
    """Cap, amounts among thresholds and what is carried over at most; shares of the cap and what is unlimited stay."""
    made = Shop().place(lines=[line(quantity=3), line("unlimited", quantity=3)])
    bronze, visits, gold = (one.allowance for one in made.entitlements)
    assert bronze
    assert visits
    assert gold
    assert (bronze.cap, visits.cap, gold.cap, bronze.carry_over_cap) == (30, 12, None, 15)
    assert [(one.id, one.at) for one in bronze.thresholds] == [("8", "24"), ("90-percent", "90%")]
    assert [item.quantity for item in made.contract_line_items] == [3, 3]


def test_an_entitlement_that_is_reset_has_no_end() -> None:
    """It goes on from term to term; an order of one that ends is refused."""
    made = Shop().place(lines=[line("evergreen")])
    assert made.entitlements[0].ends_on is made.service_contracts[0].ends_on is None
    (problem,) = Shop().refuse(ends_on="2026-12-31", lines=[line("evergreen")])
    assert problem.startswith("lines[0]: template 'rolling': it goes on from term to term (1 year each)")


def test_a_product_without_templates_makes_its_line_item() -> None:
    made = Shop().place(lines=[line("screw", quantity=100)])
    assert ([item.id for item in made.contract_line_items], made.entitlements) == (["o.screw"], [])


# --- the same again, and a changed one ---


def test_the_same_order_again_changes_nothing() -> None:
    """Whatever became of the template meanwhile, in whatever sequence its lines are written."""
    shop = Shop()
    shop.place(lines=[line(), line("unlimited")])
    placed = shop.placed
    template = shop.catalog.entitlement_templates[0].model_copy(update={"retired": True, "process": None})
    shop.catalog = shop.catalog.model_copy(update={"entitlement_templates": [template]})
    assert list(shop.place(LATER, lines=[line("unlimited"), line()]).everything()) == []
    assert shop.placed == placed


def test_a_changed_quantity_amends_the_allowance() -> None:
    shop = Shop()
    shop.place(starts_on="2026-01-01", lines=[line()])
    made = shop.place(LATER, lines=[line(quantity=2)])
    assert [(one.id, one.allowance and one.allowance.cap) for one in made.entitlements] == [
        ("o.support.bronze", 20),
        ("o.support.visits", 8),
    ]
    assert (made.contract_line_items[0].quantity, made.service_contracts) == (2, [])
    assert shop.placed
    assert shop.placed.revision == 2


def test_a_changed_end_amends_everything() -> None:
    """And goes back to the terms of the templates if it is taken out again."""
    shop = Shop()
    shop.place(starts_on="2026-01-01", lines=[line()])
    made = shop.place(LATER, ends_on="2026-08-31", lines=[line()])
    assert {str(one.ends_on) for _, one in made.everything() if hasattr(one, "ends_on")} == {"2026-08-31"}
    shop.place(LATER, lines=[line()])
    assert [str(one.ends_on) for one in shop.catalog.entitlements] == ["2026-12-31", "2026-03-31"]


def test_a_cancelled_line_ends_its_entitlements_at_that_instant() -> None:
    """Once: later the same order changes nothing more. The other line goes on."""
    shop = Shop()
    shop.place(lines=[line(), line("unlimited")])
    cancelled = [line(cancelled=True), line("unlimited")]
    made = shop.place(LATER, lines=cancelled)
    assert [(one.id, one.cancelled_at) for one in made.entitlements] == [
        ("o.support.bronze", LATER),
        ("o.support.visits", LATER),
    ]
    assert list(shop.place(datetime(2027, 1, 1, tzinfo=UTC), lines=cancelled).everything()) == []


def test_a_line_may_be_added() -> None:
    """It starts with the order."""
    shop = Shop()
    shop.place(starts_on="2026-01-01", lines=[line()])
    made = shop.place(LATER, lines=[line(), line("unlimited")])
    assert [(one.id, str(one.starts_on)) for one in made.entitlements] == [("o.unlimited.gold", "2026-01-01")]


def test_a_change_leaves_alone_what_was_changed_by_hand() -> None:
    """Contacts and process that somebody gave it stay; what the order says else comes over what was there."""
    shop = Shop()
    shop.place(starts_on="2026-01-01", lines=[line("unlimited"), line()])
    shop.change("o.support.visits", channels=["visit"], allowance={"unit": "visits", "cap": 5, "overflow": "block"})
    shop.place(LATER, lines=[line("unlimited"), line(quantity=2)])
    visits = shop.entitlement("o.support.visits")
    assert visits.channels == ["visit"]
    assert visits.allowance
    assert (visits.allowance.cap, visits.allowance.overflow) == (8, "block")


def test_one_that_was_cancelled_by_hand_keeps_its_instant() -> None:
    shop = Shop()
    shop.place(lines=[line("unlimited")])
    shop.change("o.unlimited.gold", cancelled_at=AT)
    shop.place(LATER, lines=[line("unlimited", cancelled=True)])
    assert shop.entitlement("o.unlimited.gold").cancelled_at == AT


# --- what was renewed since ---

GOLD = "o.unlimited.gold"


def renewed_twice() -> Shop:
    """Ordered for 2025, renewed for 2026, and for 2027 before that is over."""
    shop = Shop()
    shop.place(starts_on="2025-01-01", ends_on="2025-12-31", lines=[line("unlimited")])
    shop.renew(GOLD, f"{GOLD}~2", "2026-01-01", "2026-12-31")
    shop.renew(f"{GOLD}~2", f"{GOLD}~3", "2027-01-01", "2027-12-31")
    return shop


def order(shop: Shop, **changed: Any) -> dict[str, Entitlement]:
    """The entitlements that change with a changed order."""
    given = {"starts_on": "2025-01-01", "ends_on": "2025-12-31", "lines": [line("unlimited")], **changed}
    return {one.id: one for one in shop.place(LATER, **given).entitlements}


def test_a_changed_quantity_counts_for_all_that_has_not_ended() -> None:
    """What has ended stays as it was; the year that runs, and the one that it goes on as, are amended."""
    shop = Shop()
    shop.place(starts_on="2025-01-01", ends_on="2025-12-31", lines=[line()])
    visits = "o.support.visits"
    shop.renew(visits, f"{visits}~2", "2026-01-01", "2026-12-31")
    shop.renew(f"{visits}~2", f"{visits}~3", "2027-01-01", "2027-12-31")
    changed = order(shop, lines=[line(quantity=3)])
    caps = {name: one.allowance.cap for name, one in changed.items() if one.allowance and visits in name}
    assert caps == {f"{visits}~2": 12, f"{visits}~3": 12}
    assert order(shop, lines=[line(quantity=3)]) == {}


def test_what_was_renewed_and_has_ended_all_the_same_is_amended_in_its_last_record() -> None:
    shop = Shop()
    shop.place(starts_on="2024-01-01", ends_on="2024-12-31", lines=[line()])
    visits = "o.support.visits"
    shop.renew(visits, f"{visits}~2", "2025-01-01", "2025-12-31")
    changed = order(shop, starts_on="2024-01-01", ends_on="2024-12-31", lines=[line(quantity=2)])
    assert [name for name in changed if visits in name] == [f"{visits}~2"]


def test_a_cancelled_line_ends_what_it_was_renewed_as() -> None:
    """Its terms to come, too."""
    changed = order(renewed_twice(), lines=[line("unlimited", cancelled=True)])
    assert {name: one.cancelled_at for name, one in changed.items()} == {f"{GOLD}~2": LATER, f"{GOLD}~3": LATER}


def test_a_changed_end_is_that_of_the_last_renewal() -> None:
    """It can't lie in a year that has its own record."""
    shop = renewed_twice()
    changed = order(shop, ends_on="2028-06-30")
    assert {name: str(one.ends_on) for name, one in changed.items()} == {f"{GOLD}~3": "2028-06-30"}
    given = {"starts_on": "2025-01-01", "lines": [line("unlimited")]}
    (problem,) = shop.refuse(LATER, ends_on="2026-06-30", **given)
    assert problem.startswith(f"ends_on: entitlement '{GOLD}' was renewed: it goes on as '{GOLD}~3' from 2027-01-01, ")


def renewed_past_another() -> Shop:
    """Ordered for 2025; the next id is another's, so that it was renewed under the one after."""
    shop = Shop()
    shop.place(starts_on="2025-01-01", ends_on="2025-12-31", lines=[line("unlimited")])
    shop.renew(GOLD, f"{GOLD}~2", "2026-01-01", "2026-12-31")
    shop.change(f"{GOLD}~2", renews=None)
    shop.renew(GOLD, f"{GOLD}~3", "2026-01-01", "2026-12-31")
    shop.renew(f"{GOLD}~3", f"{GOLD}~4", "2027-01-01", "2027-12-31")
    return shop


def test_a_renewal_under_a_later_id_is_amended_and_what_has_its_place_is_left_alone() -> None:
    changed = order(renewed_past_another(), lines=[line("unlimited", cancelled=True)])
    assert {name: one.cancelled_at for name, one in changed.items()} == {f"{GOLD}~3": LATER, f"{GOLD}~4": LATER}
    changed = order(renewed_past_another(), ends_on="2028-06-30")
    assert {name: str(one.ends_on) for name, one in changed.items()} == {f"{GOLD}~4": "2028-06-30"}


def test_an_id_that_only_looks_like_a_renewal_is_none() -> None:
    shop = Shop()
    shop.place(starts_on="2025-01-01", lines=[line()])
    shop.renew("o.support.bronze", "o.support.visits~2", "2026-01-01", "2026-12-31")
    changed = order(shop, ends_on=None, lines=[line(quantity=2)])
    assert set(changed) == {"o.support.bronze", "o.support.visits"}


# --- what is refused ---


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ({"account": "acne"}, "account: unknown account 'acne'; did you mean 'acme'?"),
        ({"account": "gone"}, "account: account 'gone' is retired; name another"),
        ({"lines": [line("suport")]}, "lines[0].product: unknown product 'suport'; did you mean 'support'?"),
        ({"lines": [line("old")]}, "lines[0].product: product 'old' is retired; name another"),
        (
            {"lines": [line("oldd")]},
            (
                "lines[0].product: unknown product 'oldd'; there are big, dotted, eternal, evergreen, lasting, "
                "screw, support, unlimited"
            ),
        ),
        ({"lines": [line(asset="their")]}, "lines[0].asset: unknown asset 'their'; there are a1, theirs"),
        (
            {"lines": [line(asset="theirs")]},
            "lines[0].asset: asset 'theirs' belongs to account 'other', this order to 'acme'",
        ),
        (
            {"lines": [line(), line()]},
            (
                "lines[1]: two lines have the id 'support'; add up their quantities, or give each an id of its own "
                "(see lines[0])"
            ),
        ),
        (
            {"starts_on": "2026-02-01", "ends_on": "2026-01-31"},
            "ends_on: 2026-01-31 lies before starts_on 2026-02-01; both dates are included",
        ),
        ({"ends_on": "2025-01-31"}, "ends_on: 2025-01-31 lies before its start, 2025-12-31; both dates are included"),
        (
            {"lines": [line("big", quantity=100_000)]},
            "lines[0].quantity: template 'huge': 100000 times 1000000 cases is over 1,000,000,000",
        ),
        (
            {"lines": [line("eternal")]},
            "lines[0]: template 'ages': 99999 years from 2025-12-31 end after the year 9999",
        ),
        ({"lines": [line("lasting")]}, "lines[0]: template 'long': 1000 years from 2025-12-31 end after the year 2999"),
        (
            {"starts_on": "1500-01-01", "lines": [line("screw")]},
            "starts_on: a date lies in the years 1900 to 2999, not 1500-01-01",
        ),
        (
            {"ends_on": "3000-01-01"},
            (
                "ends_on: a last date lies in the years 1900 to 2999, not 3000-01-01, or is 9999-12-31, which means "
                "that there is none"
            ),
        ),
        (
            {"lines": [line(id="x" * 100)]},
            (
                f"lines[0].id: an entitlement's id would be 'o.{'x' * 100}.bronze', which is longer than 100 "
                "characters; give a shorter id"
            ),
        ),
        (
            {"lines": [line("screw", id="x" * 99)]},
            (
                f"lines[0].id: a contract line item's id would be 'o.{'x' * 99}', which is longer than 100 "
                "characters; give a shorter id"
            ),
        ),
        (
            {"lines": [line("dotted", id="p"), line("unlimited", id="p.x")]},
            (
                "lines[1].id: this line would make entitlement 'o.p.x.gold' as another does; give it another id "
                "(see lines[0])"
            ),
        ),
    ],
)
def test_an_order_that_cannot_be_is_refused(order: dict[str, Any], says: str) -> None:
    assert says in Shop().refuse(**{"lines": [line()], **order})


def test_an_order_with_an_end_past_all_years_is_changed_as_any_other() -> None:
    """It was placed before dates had bounds."""
    shop = Shop()
    shop.place(lines=[line()])
    assert shop.placed is not None
    shop.placed = shop.placed.model_copy(update={"ends_on": date(5000, 1, 1)})
    for kind in (Kind.SERVICE_CONTRACTS, Kind.CONTRACT_LINE_ITEMS, Kind.ENTITLEMENTS):
        kept = [one.model_copy(update={"ends_on": date(5000, 1, 1)}) for one in shop.catalog.of(kind)]
        shop.catalog = shop.catalog.model_copy(update={kind.value: kept})
    shop.place(ends_on="5000-01-01", lines=[line(quantity=2)])
    assert shop.entitlement("o.support.visits").ends_on == date(5000, 1, 1)
    assert shop.refuse(ends_on="5000-01-02", lines=[line(quantity=2)])[0].startswith("ends_on: a last date lies in")


def test_a_line_that_is_added_makes_nothing_that_another_has_made() -> None:
    """Whichever of the two was ordered first."""
    lines = [line("dotted", id="p"), line("unlimited", id="p.x")]
    for first, added in (lines, lines[::-1]):
        shop = Shop()
        shop.place(lines=[first])
        (problem,) = shop.refuse(LATER, lines=[first, added])
        assert problem.startswith("lines[1].id: this line would make entitlement 'o.p.x.gold' as another does")
        (problem,) = shop.refuse(LATER, lines=[added, first])
        assert "entitlement 'o.p.x.gold' as another does" in problem


@pytest.mark.parametrize("quantity", [0, -1, 100_001, 1.5])
def test_an_absurd_quantity_is_refused(quantity: float) -> None:
    with pytest.raises(ValidationError, match="quantity"):
        Order.model_validate({"id": "o", "account": "acme", "lines": [line(quantity=quantity)]})


def test_an_order_without_lines_is_refused() -> None:
    with pytest.raises(ValidationError, match="lines"):
        Order.model_validate({"id": "o", "account": "acme", "lines": []})


def test_all_problems_come_at_once() -> None:
    assert len(Shop().refuse(account="acne", lines=[line("suport"), line("old")])) == 3


def test_a_template_that_is_retired_is_not_ordered_any_more() -> None:
    shop = Shop()
    templates = [one.model_copy(update={"retired": one.id == "gold"}) for one in shop.catalog.entitlement_templates]
    shop.catalog = shop.catalog.model_copy(update={"entitlement_templates": templates})
    assert shop.refuse(lines=[line("unlimited")]) == [
        "lines[0].product: product 'unlimited' can't be ordered: entitlement template 'gold' is retired; name another"
    ]


def test_an_order_takes_over_nothing_that_another_made() -> None:
    """The contract has its id, or an entitlement."""
    shop = Shop()
    shop.place(lines=[line()])
    shop.placed = None
    assert shop.refuse(lines=[line()])[0] == (
        "id: this order would make service contract 'o', and there is one already; give it another id"
    )


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ({"account": "other"}, "account: order 'o' is of account 'acme' and stays so, not 'other'"),
        ({"starts_on": "2026-02-01"}, "starts_on: order 'o' starts on 2026-01-01 and stays so, not 2026-02-01"),
        ({"lines": [line(id="1", asset="a1")]}, "lines[0].asset: line '1' is of asset None and stays so, not 'a1'"),
        (
            {"lines": [line("unlimited", id="1")]},
            "lines[0].product: line '1' is of product 'support' and stays so, not 'unlimited'",
        ),
        ({"lines": [line("screw")]}, "lines: line '1' is missing; a line that was ordered is ended by cancelled: true"),
    ],
)
def test_what_a_changed_order_cannot_change_is_refused(order: dict[str, Any], says: str) -> None:
    """Account, start, product and asset; and no line ends by being left out."""
    shop = Shop()
    shop.place(starts_on="2026-01-01", lines=[line(id="1")])
    assert any(problem.startswith(says) for problem in shop.refuse(LATER, **{"lines": [line(id="1")], **order}))


def test_a_cancelled_line_stays_as_it_is() -> None:
    shop = Shop()
    shop.place(lines=[line()])
    shop.place(LATER, lines=[line(cancelled=True)])
    assert shop.refuse(LATER, lines=[line()]) == [
        "lines[0].cancelled: line 'support' was cancelled at Fri 2026-05-01 12:00 UTC and stays so; add another line"
    ]
    assert shop.refuse(LATER, lines=[line(cancelled=True, quantity=5)]) == [
        "lines[0].quantity: line 'support' was cancelled with a quantity of 1; leave it as it is"
    ]


def test_a_template_that_grants_nothing_is_refused_when_it_is_declared() -> None:
    with pytest.raises(CatalogError, match="template 'empty' grants nothing; give it one of process, allowance"):
        read_document({"entitlement_templates": [{"id": "empty", "term": "1 year"}]})


def test_a_term_end_without_a_count_is_refused_when_it_is_declared() -> None:
    template = {"id": "t", "term": "1 year", "type": "phone", "term_end": {"policy": "expire"}}
    with pytest.raises(CatalogError, match="give one, if only allowance"):
        read_document({"entitlement_templates": [template]})

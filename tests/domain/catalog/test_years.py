"""Dates and instants of a catalog lie in the years of promises, as those of messages do."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any, get_args

import pytest
from pydantic import AwareDatetime, BaseModel

from domain.catalog.checks import check_catalog
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import MODELS, Account, Catalog, Entitlement, Organisation
from domain.catalog.documents import read_document
from domain.catalog.problems import CatalogProblems
from domain.catalog.references import KnownCatalog
from domain.catalog.status import cancelled_from
from domain.usage.machine import Usage

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOURS: dict[str, Any] = {"unit": "hours", "cap": 20}
OPENS: dict[str, Any] = {"as_of": "2026-01-01", "used": 2}
OUTSIDE = [
    ({"cancelled_at": "9999-12-31T23:59:59Z"}, "cancelled_at: an instant lies in the years 1900 to 2999, not 9999"),
    ({"cancelled_at": "3000-01-01T00:00:00Z"}, "cancelled_at: an instant lies"),
    ({"cancelled_at": "2999-12-31T23:00:00-02:00"}, "cancelled_at: an instant lies"),
    ({"cancelled_at": "0001-01-01T00:00:00+14:00"}, "cancelled_at: an instant lies"),
    ({"ends_on": "1899-12-31"}, "ends_on: a last date lies in the years 1900 to 2999, not 1899-12-31, or is 9999"),
    ({"ends_on": "9999-12-30"}, "ends_on: a last date lies"),
    ({"reckoned_from": "0001-01-01"}, "reckoned_from: a date lies in the years 1900 to 2999, not 0001-01-01"),
    ({"opening": OPENS | {"as_of": "1500-01-01"}}, "opening.as_of: a date lies"),
    ({"opening": OPENS | {"as_of": "3500-01-01"}}, "opening.as_of: a date lies"),
]  # fmt: skip
INSIDE: list[dict[str, Any]] = [
    {"cancelled_at": "1900-01-01T00:00:00Z"},
    {"cancelled_at": "2999-12-31T23:59:59Z"},
    {"ends_on": "2999-12-31"},
    {"ends_on": "9999-12-31"},
    {"opening": OPENS | {"as_of": "1900-01-01"}},
]


def of(**also: Any) -> dict[str, Any]:
    gold = {"id": "gold", "account": "acme", "allowance": HOURS, **also}
    return {"accounts": [{"id": "acme", "time_zone": "Europe/Berlin"}], "entitlements": [gold]}


def declared(**also: Any) -> Catalog:
    return Catalog.model_validate(of(**also))


def terms(as_of: str, zone: str) -> Any:
    gold = Entitlement.model_validate(of(opening=OPENS | {"as_of": as_of})["entitlements"][0])
    return entitlement_terms(gold, Account(id="acme", time_zone=zone), Organisation(), now=NOW)


@pytest.mark.parametrize(("also", "says"), OUTSIDE)
def test_a_day_of_a_catalog_lies_in_the_years_of_promises(also: dict[str, Any], says: str) -> None:
    """At its place, also in a document."""
    [problem] = check_catalog(declared(**also))
    assert str(problem).startswith(f"entitlements[0].{says}")
    with pytest.raises(CatalogProblems, match=re.escape(f"entitlements[0].{says}")):
        read_document(of(**also))


@pytest.mark.parametrize("also", INSIDE)
def test_the_first_and_the_last_of_them_are_taken(also: dict[str, Any]) -> None:
    """And 9999-12-31, which is no end."""
    assert check_catalog(declared(**also)) == []


@pytest.mark.parametrize("kind", ["service_contracts", "contract_line_items"])
def test_so_do_those_of_contracts_and_their_lines(kind: str) -> None:
    contract = {"id": "c", "account": "acme"}
    line = {"id": "l", "service_contract": "c"}
    catalog: dict[str, Any] = {**of(), "service_contracts": [contract], "contract_line_items": [line]}
    catalog[kind][0]["ends_on"] = "4000-01-01"
    [problem] = check_catalog(Catalog.model_validate(catalog))
    assert str(problem).startswith(f"{kind}[0].ends_on: a last date lies in the years 1900 to 2999")


def test_what_stands_outside_them_may_stay() -> None:
    """A change that leaves it is taken; one of it to another such day is not. A counter has no such bounds."""
    stands = KnownCatalog(declared(cancelled_at="9999-12-31T23:59:59Z", opening=OPENS | {"as_of": "1500-01-01"}))
    kept = {"name": "Gold", "cancelled_at": "9999-12-31T23:59:59Z", "opening": OPENS | {"as_of": "1500-01-01"}}
    assert check_catalog(declared(**kept), stands) == []
    [problem] = check_catalog(declared(**kept | {"cancelled_at": "9999-12-30T00:00:00Z"}), stands)
    assert "not 9999-12-30" in str(problem)
    assert check_catalog(declared(**kept), years=False) == []


def _days(model: type[BaseModel], path: str = "") -> list[str]:
    """Where a model has dates and instants, however deep."""
    found: list[str] = []
    for name, field in model.model_fields.items():
        for part in _parts(field.annotation):
            if part is AwareDatetime or issubclass(part, date):
                found.append(f"{path}{name}")
            elif issubclass(part, BaseModel):
                found += _days(part, f"{path}{name}.")
    return found


def _parts(annotation: Any) -> list[type]:
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation]
    return [part for one in get_args(annotation) for part in _parts(one)]


def test_no_declaration_has_another_day() -> None:
    """A new one needs the bound, too."""
    dated = {kind.value: days for kind, model in MODELS.items() if (days := _days(model))}
    both = ["starts_on", "ends_on"]
    assert dated == {
        "service_contracts": both,
        "contract_line_items": both,
        "entitlements": [*both, "reckoned_from", "opening.as_of", "cancelled_at"],
    }


# --- what was stored before ---


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Europe/Berlin", "UTC", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("as_of", ["0001-01-01", "1500-01-01", "1900-01-01", "2999-12-31", "3500-01-01", "9999-12-31"])
def test_an_opening_balance_of_any_date_is_counted(as_of: str, zone: str) -> None:
    """Where there are no such instants, from the first that there is or not before the last."""
    usage = Usage.begin(terms(as_of, zone), NOW)
    usage.advance(NOW)
    assert usage.balance(NOW).current.used == 120
    opening = usage.terms.opening
    assert opening is not None
    assert (opening.at.year < 2000) is (as_of < "2000")


@pytest.mark.parametrize(
    ("stored", "holds"),
    [
        (None, None),
        ("2026-07-01T12:00:00Z", datetime(2026, 7, 1, 12, tzinfo=UTC)),
        ("9999-12-31T23:59:59-14:00", None),
        ("0001-01-01T00:00:00+14:00", datetime(1900, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_cancellation_of_no_year_of_promises_is_never_or_always(stored: str | None, holds: datetime | None) -> None:
    assert cancelled_from(Entitlement.model_validate({"id": "e", "account": "a", "cancelled_at": stored})) == holds

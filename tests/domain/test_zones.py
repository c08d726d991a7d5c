"""Time zones are those of places, by their IANA names, wherever one is declared."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from domain.catalog.declarations import Catalog

WEEK = {"mon": ["09:00-17:00"]}


def declared(kind: str, zone: str) -> dict[str, Any]:
    """A catalog that names a zone in one of its places."""
    places: dict[str, dict[str, Any]] = {
        "organisation": {"organisation": {"name": "Example", "time_zone": zone}},
        "account": {"accounts": [{"id": "acme", "time_zone": zone}]},
        "business hours": {"business_hours": [{"name": "Office", "time_zone": zone, "week": WEEK}]},
    }
    return places[kind]


@pytest.mark.parametrize("kind", ["organisation", "account", "business hours"])
@pytest.mark.parametrize(
    ("zone", "says"),
    [
        ("localtime", "is no time zone of a place; write an IANA name"),
        ("posixrules", "is no time zone of a place; write an IANA name"),
        ("Factory", "is no time zone of a place; write an IANA name"),
        ("posix/Europe/Berlin", "is no time zone of a place; write an IANA name"),
        ("right/Europe/Berlin", "is no time zone of a place; write an IANA name"),
        ("europe/berlin", "did you mean 'Europe/Berlin'"),
        ("Mars/Olympus", "expected an IANA name"),
        ("", "expected an IANA name"),
        ("../../etc/localtime", "expected an IANA name"),
    ],
)
def test_a_zone_that_is_that_of_no_place_is_refused(kind: str, zone: str, says: str) -> None:
    """What a file of the machine says, and what is no name, would be another zone on another machine."""
    with pytest.raises(ValidationError) as refused:
        Catalog.model_validate(declared(kind, zone))
    assert says in str(refused.value)


@pytest.mark.parametrize("kind", ["organisation", "account", "business hours"])
@pytest.mark.parametrize("zone", ["UTC", "Etc/UTC", "America/New_York", "Australia/Lord_Howe"])
def test_a_zone_of_a_place_is_taken(kind: str, zone: str) -> None:
    assert zone in Catalog.model_validate(declared(kind, zone)).model_dump_json()

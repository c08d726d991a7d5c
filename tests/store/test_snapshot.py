"""A snapshot of the store: everything that is read of it belongs to one moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event

from activities.planning import Planner
from domain.catalog.declarations import Catalog
from domain.messages.cases import CaseIntake
from store import Store
from store.catalog.reading import StoredCatalog
from store.prospect import Prospect

MONDAY = datetime(2025, 6, 9, 13, tzinfo=UTC)
INTAKE = CaseIntake(case_id="c", account="acme")


def catalog(edition: int) -> Catalog:
    """A catalog of which every declaration says in which edition it stands."""
    hours = {"time_zone": "UTC", "week": {"mon": [f"0{edition}:00-17:00"]}}
    return Catalog.model_validate(
        {
            "organisation": {"name": f"edition {edition}", "business_hours": "Office"},
            "fields": {"edition": "integer", f"only_in_{edition}": "string"},
            "business_hours": [{"name": "Office", **hours}, {"name": "Night", **hours}],
            "processes": [
                {
                    "name": "Support",
                    "milestones": [{"name": f"Edition {edition}", "within": "1h", "business_hours": "Night"}],
                }
            ],
            "accounts": [{"id": "acme", "name": f"edition {edition}"}],
            "entitlements": [
                {"id": "gold", "account": "acme", "process": "Support", "type": f"edition {edition}"},
            ],
        }
    )


def apply_before_read(monkeypatch: pytest.MonkeyPatch, url: str, number: int) -> list[str]:
    """Have somebody apply the second edition right before one of the reads of the catalog; returns what was read."""
    reads: list[str] = []

    def told(name: str) -> Any:
        plain = getattr(StoredCatalog, name)

        def read(self: StoredCatalog, *given: Any, **named: Any) -> Any:
            reads.append(name)
            if len(reads) == number:
                with Store.open(url) as beside:
                    beside.catalog.apply(catalog(2), by="bob")
            return plain(self, *given, **named)

        return read

    for name in ("organisation", "fields", "find", "version"):
        monkeypatch.setattr(StoredCatalog, name, told(name))
    return reads


@pytest.mark.parametrize("number", range(2, 10))
def test_a_plan_is_of_one_catalog(url: str, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Whichever of its reads an `apply` comes before: the plan is of the catalog as the first of them found it."""
    with Store.open(url) as store:
        store.catalog.apply(catalog(1), by="ann")
        with monkeypatch.context() as patched:
            reads = apply_before_read(patched, url, number)
            plan = Planner(store).plan(INTAKE, MONDAY, entitlement="gold", account="acme")
        assert len(reads) >= number, "the apply came"
        assert store.catalog.organisation().name == "edition 2"
    assert plan.process is not None
    assert [milestone.name for milestone in plan.process.milestones] == ["Edition 1"]
    assert plan.calendar_versions == {"Office": 1, "Night": 1}
    assert "only_in_2" not in plan.fields
    assert plan.entitlement is not None
    assert plan.entitlement["type"] == "edition 1"
    assert plan.account is not None
    assert plan.account["name"] == "edition 1"


def test_a_catalog_that_is_looked_ahead_at_stands_still_too(url: str) -> None:
    """What is declared in files that are not applied is seen in a snapshot as it is outside of one."""
    with Store.open(url) as store:
        store.catalog.apply(catalog(1), by="ann")
        with Prospect.of(store, catalog(2), by="ann").snapshot() as ahead:
            assert [milestone.name for milestone in ahead.catalog.process("Support").milestones] == ["Edition 2"]
            assert ahead.catalog.versions().processes == {"Support": 2}
        assert store.catalog.versions().processes == {"Support": 1}


def test_what_one_snapshot_has_read_another_does_not_read_again(url: str) -> None:
    """Unless somebody has changed the catalog: then all of it is read anew, by whoever sees that."""
    said: list[str] = []

    def asked(store: Store) -> tuple[str, dict[str, Any], str]:
        said.clear()
        with store.snapshot() as seen:
            organisation, fields = seen.catalog.organisation().name, seen.catalog.fields()
            with seen.snapshot() as within:
                assert within.catalog.business_hours("Office").hours.name == "Office"
                return organisation, dict(fields), str(within.catalog.account("acme").name)

    with Store.open(url) as store, Store.open(url) as beside:
        store.catalog.apply(catalog(1), by="ann")
        event.listen(store._database._engine, "before_cursor_execute", lambda *about: said.append(about[2]))
        first, many = asked(store), len(said)
        assert asked(store) == first
        assert len([one for one in said if one.startswith("SELECT")]) == 1 < many
        with store.snapshot() as old:
            assert old.catalog.organisation().name == "edition 1"
            beside.catalog.apply(catalog(2), by="bob")
            assert asked(store)[0] == "edition 2"
            assert old.catalog.account("acme").name == "edition 1"
        assert asked(store)[2] == "edition 2"

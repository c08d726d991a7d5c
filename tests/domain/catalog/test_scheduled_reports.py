"""Reports as a catalog declares them: what they name must be there, and fit."""

from __future__ import annotations

from typing import Any

import pytest

from domain.catalog.documents import read_document
from domain.catalog.problems import CatalogProblems
from domain.catalog.references import KnownCatalog

BASE: dict[str, Any] = {
    "fields": {"priority": "string", "tickets": "integer"},
    "people": [{"id": "ana", "mail": "ana@example.com"}],
    "accounts": [{"id": "acme"}],
    "contacts": [{"id": "acme-bo", "account": "acme"}],
}


def problems(**report: Any) -> list[str]:
    declared = {"id": "r", "kind": "compliance", "when": {"every": "day"}, "to": ["a@example.com"], **report}
    try:
        read_document({**BASE, "reports": [declared]})
    except CatalogProblems as found:
        return [f"{'.'.join(map(str, problem.path))}: {problem.message}" for problem in found.problems]
    return []


def test_one_that_fits_has_no_problem() -> None:
    assert (
        problems(
            by=["priority", "month"],
            account="acme",
            where={"priority": "High", "tickets": 3},
            to=["a@example.com", "ana", "acme-bo", "account_manager"],
        )
        == []
    )
    assert problems(kind="pauses", by=["cause"]) == []


@pytest.mark.parametrize(
    ("roles", "fields", "said"),
    [
        ({"owner": "assigned_to"}, ["assigned_to"], []),
        ({}, ["owner"], []),
        ({}, ["assigned_to"], ["reports.0.by.0: no field 'owner' to group by"]),
    ],
)
def test_owner_is_the_field_that_has_the_role(roles: dict[str, str], fields: list[str], said: list[str]) -> None:
    """As it will stand, also where the file declares no organisation."""
    report = {"id": "r", "kind": "compliance", "when": {"every": "day"}, "to": ["a@example.com"], "by": ["owner"]}
    known = {**BASE, "organisation": {"roles": roles}, "fields": dict.fromkeys(["priority", *fields], "string")}
    for document, before in (({**known, "reports": [report]}, {}), ({"reports": [report]}, known)):
        try:
            read_document(document, KnownCatalog(read_document(before)))
            found = []
        except CatalogProblems as refused:
            found = [f"{'.'.join(map(str, one.path))}: {one.message}".partition(";")[0] for one in refused.problems]
        assert found == said


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ({"by": ["priorty"]}, "reports.0.by.0: no field 'priorty' to group by; did you mean 'priority'"),
        ({"by": ["cause"]}, "reports.0.by.0: no field 'cause' to group by"),
        ({"kind": "usage", "by": ["month", "priority"]}, "reports.0.by.1: usage can be added up by account,"),
        ({"kind": "overrides", "by": ["milestone"]}, "reports.0.by.0: overrides can be added up by account,"),
        ({"kind": "usage", "where": {"priority": "High"}}, "reports.0.where: the usage report is of entitlements"),
        ({"kind": "overrides", "milestone": "Answer"}, "reports.0.milestone: the overrides report is of entitlements"),
        ({"where": {"priorty": "High"}}, "reports.0.where.priorty: no field 'priorty' to filter by"),
        ({"where": {"tickets": "many"}}, "reports.0.where.tickets:"),
        ({"account": "acm"}, "reports.0.account: unknown account 'acm'"),
        ({"process": "Gold"}, "reports.0.process: unknown process 'Gold'"),
        ({"to": ["anna"]}, "reports.0.to.0: unknown person 'anna'"),
        ({"to": ["account_manager"]}, "reports.0.to.0: account_manager is that of one account"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(report: dict[str, Any], said: str) -> None:
    [problem] = problems(**report)
    assert problem.startswith(said)


def test_of_one_that_is_retired_nothing_is_asked() -> None:
    assert problems(retired=True, account="gone", by=["nothing"], to=["nobody"]) == []


def test_the_days_that_it_is_about_follow_from_how_often_it_is_sent() -> None:
    def days(**report: Any) -> str:
        declared = {"id": "r", "kind": "compliance", "to": ["a@example.com"], **report}
        return read_document({"reports": [declared]}).reports[0].days

    assert days(when={"every": "day"}) == "this-month"
    assert days(when={"every": "week", "on": "mon"}) == "last-week"
    assert days(when={"every": "month", "on": 1}) == "last-month"
    assert days(when={"every": "quarter", "on": 1}) == "last-quarter"
    assert days(when={"every": "day"}, period="this-year") == "this-year"

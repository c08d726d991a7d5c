"""What may be retired, and what a declaration names."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.catalog.declarations import MODELS, Account, Catalog, Declaration, Organisation
from domain.catalog.kinds import Kind
from domain.catalog.naming import everything_named, kinds_that_name, named_by_organisation
from domain.catalog.problems import path_text
from domain.catalog.references import KnownCatalog
from domain.catalog.retiring import is_over, retiring, still_named

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
MAIL = {"do": "email", "to": "a@b.example", "hours": "Late", "template": "late"}
CALL = {"do": "outbound_message", "endpoint": "desk"}
ANSWER: dict[str, Any] = {"name": "Answer", "within": "4h"}
GOLD = {"name": "Gold", "milestones": [ANSWER]}


def declared(kind: Kind, **keys: Any) -> Declaration:
    return MODELS[kind].model_validate(keys)


def names(kind: Kind, **keys: Any) -> set[str]:
    return {
        f"{path_text(one.path)}: {one.kind.one} {one.name}"
        for one in everything_named(kind, declared(kind, **keys))
        if one.kind is not Kind.ACCOUNTS
    }


@pytest.mark.parametrize(
    ("milestone", "named"),
    [
        ({"business_hours": "Office"}, {"milestones[0].business_hours: business hours Office"}),
        (
            {"within": [{"when": "true", "span": "4h", "business_hours": "Night"}, {"span": "8h"}]},
            {"milestones[0].within[0].business_hours: business hours Night"},
        ),
        (
            {"triggers": [{"kind": "violation", "actions": [CALL], "hours": "Late"}]},
            {
                "milestones[0].triggers[0].hours: business hours Late",
                "milestones[0].triggers[0].actions[0].endpoint: endpoint desk",
            },
        ),
        (
            {"triggers": [{"kind": "violation", "actions": [MAIL]}]},
            {
                "milestones[0].triggers[0].actions[0].hours: business hours Late",
                "milestones[0].triggers[0].actions[0].template: template late",
            },
        ),
    ],
)
def test_a_process_names_what_its_milestones_do(milestone: dict[str, Any], named: set[str]) -> None:
    """Beside its own hours."""
    process = GOLD | {"business_hours": "Day", "milestones": [ANSWER | milestone]}
    assert names(Kind.PROCESSES, **process) - {"business_hours: business hours Day"} == named


def test_an_entitlement_names_what_its_actions_do() -> None:
    """Of thresholds and of notices, beside what it covers and runs by."""
    given: dict[str, Any] = {
        "id": "gold",
        "account": "acme",
        "process": "Gold",
        "contacts": ["ann", "bob"],
        "ends_on": "2026-12-31",
        "allowance": {"unit": "cases", "cap": 2, "thresholds": [{"at": 1, "actions": [CALL]}]},
        "term_end": {"notices": [{"days_before": 30, "actions": [MAIL]}]},
    }
    assert names(Kind.ENTITLEMENTS, **given) == {
        "process: process Gold",
        "contacts[0]: contact ann",
        "contacts[1]: contact bob",
        "allowance.thresholds[0].actions[0].endpoint: endpoint desk",
        "term_end.notices[0].actions[0].hours: business hours Late",
        "term_end.notices[0].actions[0].template: template late",
    }


def test_an_organisation_names_hours_and_a_process() -> None:
    """Also the hours for which its mails wait."""
    organisation = Organisation.model_validate({"process": "Gold", "quiet": {"hours": "Late"}})
    assert {one.name for one in named_by_organisation(organisation)} == {"24x7", "Gold", "Late"}
    assert {one.name for one in named_by_organisation(Organisation())} == {"24x7"}


def test_who_may_name_something_is_known() -> None:
    """So that nothing else is read."""
    assert [*kinds_that_name({Kind.CONTACTS})] == [Kind.ENTITLEMENTS]
    assert [*kinds_that_name({Kind.ENDPOINTS})] == [
        Kind.PROCESSES,
        Kind.ENTITLEMENT_TEMPLATES,
        Kind.ENTITLEMENTS,
        Kind.SUBSCRIPTIONS,
    ]


def test_only_a_change_to_retired_is_looked_at() -> None:
    """What was retired before stays so, what is new is named by nobody, and an account ends with all that it has."""
    before: dict[str, Any] = {
        "processes": [GOLD, GOLD | {"name": "Old", "retired": True}],
        "accounts": [{"id": "acme"}],
        "people": [{"id": "lea", "mail": "lea@b.example"}],
    }
    now = {kind: [one | {"retired": True} for one in given] for kind, given in before.items()}
    now["processes"].append(GOLD | {"name": "New", "retired": True})
    known = KnownCatalog(Catalog.model_validate(before))
    assert retiring(Catalog.model_validate(now), known) == {(Kind.PROCESSES, "Gold"): ("processes", 0, "retired")}
    assert retiring(Catalog.model_validate(before), known) == {}


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (0, []),
        (1, ["e0 names it; retire that too, or let it name another"]),
        (3, ["e0, e1, e2 name it; retire those too, or let them name another"]),
        (4, ["e0, e1, e2 and others name it; retire those too, or let them name another"]),
    ],
)
def test_who_still_names_it_is_said(count: int, says: list[str]) -> None:
    """The first few of them."""
    gold = declared(Kind.ENTITLEMENTS, id="e", account="acme", process="Gold", contacts=["ann"])
    going_on = [(f"e{number}", everything_named(Kind.ENTITLEMENTS, gold)) for number in range(count)]
    found = still_named({(Kind.PROCESSES, "Gold"): ("processes", 0, "retired")}, going_on)
    assert [str(problem) for problem in found] == [
        f"processes[0].retired: process 'Gold' can't be retired: {said}" for said in says
    ]


@pytest.mark.parametrize(
    ("kind", "also", "over"),
    [
        (Kind.ENTITLEMENTS, {}, False),
        (Kind.ENTITLEMENTS, {"starts_on": date(2026, 6, 1)}, False),
        (Kind.ENTITLEMENTS, {"ends_on": date(2026, 5, 1)}, False),
        (Kind.ENTITLEMENTS, {"ends_on": date(2026, 4, 30)}, True),
        (Kind.ENTITLEMENTS, {"cancelled_at": NOON}, True),
        (Kind.SERVICE_CONTRACTS, {"ends_on": date(2026, 5, 1)}, False),
        (Kind.SERVICE_CONTRACTS, {"ends_on": date(2026, 4, 30)}, True),
        (Kind.ASSETS, {}, False),
    ],
)
def test_what_has_ended_names_nothing_any_more(kind: Kind, also: dict[str, Any], *, over: bool) -> None:
    """After its last day, from its cancelling on, and with its account."""
    one = declared(kind, id="x", account="acme", **also)
    assert is_over(one, Account(id="acme"), NOON, NEW_YORK) is over
    assert is_over(one, Account(id="acme", retired=True), NOON, NEW_YORK)

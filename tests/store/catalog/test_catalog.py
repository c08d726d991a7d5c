"""Catalogs are applied as one transaction, and read back as they were declared."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from domain.calendar import ALWAYS, BusinessHours
from domain.catalog.declarations import Catalog
from domain.catalog.documents import read_document
from domain.catalog.kinds import Kind
from domain.catalog.problems import CatalogProblems
from domain.coverage.matching import CoverageQuestion, choose
from domain.criteria.fields import FieldType
from domain.errors import NotFound
from starters.files.catalogs import read_catalog
from store import Store, tables
from store.catalog.candidates import OTHERS

AT = datetime(2025, 6, 11, 12, 0, tzinfo=UTC)
DOCUMENT: dict[str, Any] = {
    "organisation": {"name": "Us", "time_zone": "America/New_York"},
    "fields": {"priority": "string"},
    "business_hours": [{"name": "Office", "time_zone": "Europe/London", "week": {"mon": ["09:00-17:00"]}}],
    "processes": [{"name": "Gold", "milestones": [{"name": "First response", "within": "4h"}]}],
    "accounts": [{"id": "acme"}, {"id": "other", "time_zone": "Asia/Tokyo"}],
    "contacts": [{"id": "ann", "account": "acme"}, {"id": "bob", "account": "other"}],
    "products": [{"id": "p"}],
    "assets": [{"id": "a1", "account": "acme", "product": "p"}],
    "service_contracts": [{"id": "s0", "account": "acme"}, {"id": "s1", "account": "acme", "parent": "s0"}],
    "contract_line_items": [
        {"id": "l0", "service_contract": "s1"},
        {"id": "l1", "service_contract": "s1", "parent": "l0"},
    ],
    "entitlements": [
        {"id": "e", "account": "acme", "process": "Gold", "starts_on": "2025-01-01", "allowance": {"cap": 50}},
        {"id": "for-ann", "account": "acme", "contacts": ["ann"]},
        {"id": "for-a1", "account": "acme", "asset": "a1"},
    ],
}


def catalog(**also: Any) -> Catalog:
    return read_document({**copy.deepcopy(DOCUMENT), **also})


def with_entitlement(**also: Any) -> Catalog:
    document = copy.deepcopy(DOCUMENT)
    document["entitlements"][0] |= also
    return read_document(document)


def with_span(span: str) -> Catalog:
    return catalog(processes=[{"name": "Gold", "milestones": [{"name": "First response", "within": span}]}])


def test_what_is_applied_comes_back(store: Store) -> None:
    """Everything that was declared, by kind in the order of names."""
    given = catalog()
    diff = store.catalog.apply(given, by="ann")
    assert diff.of("entitlements", "created") == ["e", "for-ann", "for-a1"]
    assert (len(diff.changes), diff.unchanged, diff.dry_run) == (17, 0, False)
    found = store.catalog.everything()
    assert found.organisation == given.organisation == store.catalog.organisation()
    assert found.fields == given.fields == store.catalog.fields() == {"priority": FieldType.STRING}
    assert {d.id: d for d in found.entitlements} == {d.id: d for d in given.entitlements}
    assert found.processes == given.processes
    assert found.business_hours == given.business_hours
    assert (
        store.catalog.account("acme"),
        store.catalog.contact("ann"),
        store.catalog.asset("a1"),
        store.catalog.entitlement("e"),
    ) == (
        given.accounts[0],
        given.contacts[0],
        given.assets[0],
        given.entitlements[0],
    )


def test_the_same_again_changes_nothing(store: Store) -> None:
    """Also the version of processes and business hours stays."""
    store.catalog.apply(catalog(), by="ann")
    diff = store.catalog.apply(store.catalog.everything(), by="ann")
    assert (diff.changes, diff.unchanged) == ([], 17)
    assert store.catalog.process("Gold").version == 1
    assert str(diff) == "nothing to change; 17 unchanged"


def test_a_changed_process_is_the_next_version(store: Store) -> None:
    """Both can be read; back to the old definition is a third one."""
    store.catalog.apply(catalog(), by="ann")
    diff = store.catalog.apply(with_span("5h"), by="bob")
    assert str(diff).splitlines() == [
        "changed   processes  Gold (version 2)",
        "                     milestones[0].within[0].span: 4h -> 5h",
        "16 unchanged",
    ]
    assert store.catalog.process("Gold").version == 2
    assert [str(store.catalog.process("Gold", n).milestones[0].within[0].span) for n in (1, 2)] == ["4h", "5h"]  # type: ignore[index]
    store.catalog.apply(with_span("4h"), by="bob")
    assert store.catalog.process("Gold").version == 3
    assert [p.version for p in store.catalog.everything().processes] == [3]


def test_changed_business_hours_are_the_next_version(store: Store) -> None:
    """As business hours are given to be frozen, with the version."""
    store.catalog.apply(catalog(), by="ann")
    changed = {"name": "Office", "time_zone": "Europe/London", "week": {"tue": ["09:00-17:00"]}}
    assert store.catalog.apply(catalog(business_hours=[changed]), by="ann").changes[0].version == 2
    version, hours = store.catalog.business_hours("Office")
    assert version == 2
    assert hours == BusinessHours.model_validate(changed)
    assert store.catalog.business_hours("Office", 1).hours.week.mon == ("09:00-17:00",)


def test_round_the_clock_is_always_there(store: Store) -> None:
    """Until it is declared otherwise; then what was frozen before still has its version."""
    assert store.catalog.business_hours("24x7") == (0, ALWAYS)
    own = {"name": "24x7", "time_zone": "Europe/London", "week": "always"}
    store.catalog.apply(read_document({"business_hours": [own]}), by="ann")
    assert store.catalog.business_hours("24x7").version == 1
    assert store.catalog.business_hours("24x7").hours.time_zone == "Europe/London"
    assert store.catalog.business_hours("24x7", 0) == (0, ALWAYS)


def test_a_dry_run_says_what_would_change_and_changes_nothing(store: Store) -> None:
    """Not even what it created to find out."""
    diff = store.catalog.apply(catalog(), by="ann", dry_run=True)
    assert diff.of("accounts", "created") == ["acme", "other"]
    assert str(diff).endswith("dry run: nothing was stored")
    assert store.catalog.everything() == Catalog(organisation=store.catalog.organisation())


def test_nothing_is_deleted_by_being_left_out(store: Store) -> None:
    """And an addition may refer to what is stored."""
    store.catalog.apply(catalog(), by="ann")
    added = Catalog.model_validate({"contacts": [{"id": "cy", "account": "acme"}]})
    assert store.catalog.apply(added, by="ann").of("contacts", "created") == ["cy"]
    assert len(store.catalog.everything().contacts) == 3


def test_retired_ends_a_declaration_and_it_can_be_restored(store: Store) -> None:
    """No new version of a process comes of it."""
    store.catalog.apply(catalog(), by="ann")
    process = {**DOCUMENT["processes"][0], "retired": True}
    entitlement = {**DOCUMENT["entitlements"][0], "retired": True}
    retiring = Catalog.model_validate({"processes": [process], "entitlements": [entitlement]})
    diff = store.catalog.apply(retiring, by="ann")
    assert [(c.kind, c.what) for c in diff.changes] == [("processes", "retired"), ("entitlements", "retired")]
    assert store.catalog.process("Gold").retired
    assert store.catalog.process("Gold").version == 1
    assert store.catalog.entitlement("e").retired
    diff = store.catalog.apply(catalog(), by="ann")
    assert [(c.kind, c.name, c.what) for c in diff.changes] == [
        ("processes", "Gold", "restored"),
        ("entitlements", "e", "restored"),
    ]


@pytest.mark.parametrize("kind", [Kind.PROCESSES, Kind.ACCOUNTS])
def test_names_may_leave_out_what_is_retired(store: Store, kind: Kind) -> None:
    """In all its versions: who names something wrongly is told of nothing that is refused."""
    gone: dict[str, dict[str, Any]] = {
        "processes": {"name": "Gone", "milestones": [{"name": "M", "within": "1h"}]},
        "accounts": {"id": "Gone"},
    }
    for ends in (False, True):
        declared = [*DOCUMENT[kind.value], {**gone[kind.value], "retired": ends}]
        store.catalog.apply(catalog(**{kind.value: declared}), by="ann")
    with store.catalog.known() as known:
        assert {*known.names(kind)} - {*known.names(kind, retired=False)} == {"Gone"}


def test_nothing_of_a_bad_catalog_is_stored(store: Store) -> None:
    """Every problem is in the error."""
    bad = Catalog.model_validate(
        {"accounts": [{"id": "acme"}], "contacts": [{"id": "ann", "account": "acmee"}, {"id": "bob", "account": "x"}]}
    )
    with pytest.raises(CatalogProblems) as error:
        store.catalog.apply(bad, by="ann")
    assert [problem.path for problem in error.value.problems] == [
        ("contacts", 0, "account"),
        ("contacts", 1, "account"),
    ]
    assert store.catalog.everything().accounts == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"account": "other"},
            "entitlements[0].account: the account of entitlement 'e' cannot change from acme to other",
        ),
        (
            {"starts_on": "2025-01-02"},
            "entitlements[0].starts_on: the starts_on of entitlement 'e' cannot change from 2025",
        ),
        (
            {"allowance": {"unit": "hours", "cap": 50}},
            "entitlements[0].allowance: the unit of entitlement 'e' cannot change from cases to hours",
        ),
        (
            {"allowance": None},
            "entitlements[0].allowance: the unit of entitlement 'e' cannot change from cases to none",
        ),
    ],
)
def test_unit_account_and_start_of_an_entitlement_stay(store: Store, change: dict[str, Any], says: str) -> None:
    """What was counted was counted by them."""
    store.catalog.apply(catalog(), by="ann")
    with pytest.raises(CatalogProblems) as error:
        store.catalog.apply(with_entitlement(**change), by="ann")
    assert str(error.value.problems[0]).startswith(says)
    assert store.catalog.entitlement("e") == catalog().entitlements[0]


def test_cap_and_end_of_an_entitlement_are_amended(store: Store) -> None:
    """With what is different in the answer."""
    store.catalog.apply(catalog(), by="ann")
    diff = store.catalog.apply(with_entitlement(ends_on="2099-12-31", allowance={"cap": 60}), by="ann")
    assert diff.changes[0].details == ["ends_on: none -> 2099-12-31", "allowance.cap: 50 -> 60"]
    amended = store.catalog.entitlement("e").allowance
    assert amended is not None
    assert amended.cap == 60


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda s: s.catalog.account("acmee"), "unknown account 'acmee'; did you mean 'acme'?"),
        (lambda s: s.catalog.entitlement("x"), "unknown entitlement 'x'; there are e, for-a1, for-ann"),
        (lambda s: s.catalog.process("Golf"), "unknown process 'Golf'; did you mean 'Gold'?"),
        (lambda s: s.catalog.process("Gold", 7), "process 'Gold' has no version 7; it has 1 to 1"),
        (lambda s: s.catalog.business_hours("x"), "unknown business hours 'x'; there are Office"),
        (lambda s: s.catalog.business_hours("Office", 2), "business hours 'Office' has no version 2; it has 1 to 1"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(store: Store, ask: Any, says: str) -> None:
    """A near miss, or the names."""
    store.catalog.apply(catalog(), by="ann")
    with pytest.raises(NotFound) as error:
        ask(store)
    assert str(error.value) == says


def test_who_applied_what_is_on_record(store: Store) -> None:
    """Not what changed nothing."""
    for by in ("ann", "bob"):
        store.catalog.apply(catalog(), by=by)
    with store._database.read() as connection:
        rows = connection.execute(tables.applications.select()).mappings().all()
    assert [row["by"] for row in rows] == ["ann"]
    assert rows[0]["at"].tzinfo is not None


def test_the_sample_is_applied(store: Store) -> None:
    """The small documented catalog is right, and its organisation's hours are named."""
    sample = read_catalog([Path(__file__).parents[3] / "catalogs" / "minimal.yaml"])
    assert store.catalog.apply(sample, by="ann").of("processes", "created") == ["Bronze", "Silver", "Gold"]
    assert store.catalog.apply(sample, by="ann").changes == []
    assert store.catalog.organisation().business_hours == "Office"


def test_applying_at_once_takes_turns(store: Store) -> None:
    """Each changed process gets a version of its own."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda hours: store.catalog.apply(with_span(f"{hours}h"), by="ann"), range(1, 9)))
    versions = [store.catalog.process("Gold", number) for number in range(1, 9)]
    assert {str(p.milestones[0].within[0].span) for p in versions if p.milestones[0].within} == {
        f"{n}h" for n in range(1, 9)
    }


# --- coverage ---


def candidates(store: Store, **question: Any) -> set[str]:
    found = store.catalog.coverage_candidates(CoverageQuestion(at=AT, **question))
    return {candidate.entitlement.id for candidate in found.candidates}


def test_a_question_is_widened_by_what_the_catalog_knows(store: Store) -> None:
    """Accounts by contact, asset and contract; the asset's product; contracts and line items with their parents."""
    store.catalog.apply(catalog(), by="ann")
    question = CoverageQuestion(at=AT, contact="bob", asset="a1", contract_line_item="l1", channel="mail")
    scope = store.catalog.coverage_candidates(question).scope
    assert scope.accounts == ["other", "acme"]
    assert (scope.product, scope.asset, scope.contact, scope.channel) == ("p", "a1", "bob", "mail")
    assert scope.contract_line_items == ["l1", "l0"]
    assert scope.service_contracts == ["s1", "s0"]


def test_a_case_from_an_entitlement_is_of_its_account(store: Store) -> None:
    """Which the intake need not name."""
    store.catalog.apply(catalog(), by="ann")
    found = store.catalog.coverage_candidates(CoverageQuestion(at=AT, entitlement="for-a1"))
    assert (found.scope.accounts, found.scope.asset) == (["acme"], "a1")
    assert choose(found.scope, found.candidates).chosen == store.catalog.entitlement("for-a1")


def test_an_entitlement_of_a_line_item_ranks_by_the_contract_of_that(store: Store) -> None:
    """Though it names the line item alone, and the case the contract alone."""
    gold, other = {"id": "gold", "contract_line_item": "l1"}, {"id": "a-first-by-id"}
    both = [{"account": "acme", **one} for one in (gold, other)]
    store.catalog.apply(catalog(entitlements=both), by="ann")
    found = store.catalog.coverage_candidates(CoverageQuestion(at=AT, account="acme", service_contract="s1"))
    ranked = choose(found.scope, found.candidates).ranked
    assert [(match.entitlement.id, match.by.words) for match in ranked] == [
        ("gold", "service contract"),
        ("a-first-by-id", "account"),
    ]


def test_an_unknown_name_in_a_question_is_said_to_be_so(store: Store) -> None:
    """With a near miss."""
    store.catalog.apply(catalog(), by="ann")
    with pytest.raises(NotFound, match="unknown product 'q'"):
        candidates(store, account="acme", product="q")
    with pytest.raises(NotFound, match="unknown contact 'anne'; did you mean 'ann'"):
        candidates(store, contact="anne")


def test_candidates_have_their_accounts_zone(store: Store) -> None:
    """Or the organisation's."""
    store.catalog.apply(
        catalog(entitlements=[{"id": "e1", "account": "acme"}, {"id": "e2", "account": "other"}]), by="ann"
    )
    found = store.catalog.coverage_candidates(CoverageQuestion(at=AT, account="acme", contact="bob")).candidates
    assert {c.entitlement.id: c.time_zone for c in found} == {"e1": "America/New_York", "e2": "Asia/Tokyo"}


def test_nothing_of_a_retired_account_covers_a_case(store: Store) -> None:
    """Its entitlements need not be retired one by one."""
    store.catalog.apply(catalog(), by="ann")
    store.catalog.apply(Catalog.model_validate({"accounts": [{"id": "acme", "retired": True}]}), by="ann")
    found = store.catalog.coverage_candidates(CoverageQuestion(at=AT, account="acme"))
    coverage = choose(found.scope, found.candidates)
    assert coverage.chosen is None
    assert {other.why for other in coverage.others} == {"its account 'acme' is retired"}


def test_what_cannot_match_is_given_too_to_say_why(store: Store) -> None:
    """Of the same accounts."""
    store.catalog.apply(catalog(), by="ann")
    found = store.catalog.coverage_candidates(CoverageQuestion(at=AT, account="acme"))
    coverage = choose(found.scope, found.candidates)
    assert coverage.chosen == store.catalog.entitlement("e")
    assert {other.entitlement for other in coverage.others} == {"for-ann", "for-a1"}


def test_of_very_many_that_cannot_match_it_says_that_there_are_more(store: Store) -> None:
    """Always the same ones are given, whatever the order in which they were declared."""
    many = [{"id": f"e{number:02}", "account": "acme", "asset": "a1"} for number in range(OTHERS + 2)]
    asked = CoverageQuestion(at=AT, account="acme")
    store.catalog.apply(catalog(entitlements=[*many[::2], *reversed(many[1::2])]), by="ann")
    found = store.catalog.coverage_candidates(asked)
    coverage = choose(found.scope, found.candidates, more=found.more)
    assert [other.entitlement for other in coverage.others] == [one["id"] for one in many[:OTHERS]]
    assert coverage.more
    enough = store.catalog.coverage_candidates(asked, others=OTHERS + 2)
    assert (len(enough.candidates), enough.more) == (OTHERS + 2, False)


def test_contacts_of_an_entitlement_follow_its_declaration(store: Store) -> None:
    """Who is taken out of it is no longer found by it."""
    store.catalog.apply(catalog(), by="ann")
    document = copy.deepcopy(DOCUMENT)
    document["entitlements"][1]["contacts"] = ["bob"]
    store.catalog.apply(read_document(document), by="ann")
    found = store.catalog.coverage_candidates(CoverageQuestion(at=AT, account="acme", contact="ann"))
    assert "for-ann" not in {match.entitlement.id for match in choose(found.scope, found.candidates).ranked}


def listing(*values: str, **also: Any) -> Catalog:
    """The catalog, with the values of its field."""
    fields = {"priority": {"type": "string", "values": list(values)}} if values else DOCUMENT["fields"]
    return catalog(fields=fields, **also)


def naming(criteria: str, value: str) -> dict[str, Any]:
    """A process whose criteria name a value of the field, and which sets it to another."""
    actions = [{"do": "field_update", "field": "priority", "value": value}]
    milestone = {"within": "1h", "when": criteria, "triggers": [{"kind": "success", "actions": actions}]}
    return {"name": "Naming", "milestones": [{"name": "M", **milestone}]}


def test_the_values_of_fields_are_kept(store: Store) -> None:
    """And read back as they were declared, for plans and by files that are applied later; until they are left out."""
    store.catalog.apply(listing("Low", "High"), by="ann")
    assert store.catalog.values() == {"priority": ["Low", "High"]}
    assert store.catalog.everything().values == {"priority": ["Low", "High"]}
    assert store.catalog.apply(listing("Low", "High"), by="ann").changes == []
    milestone = {"name": "M", "within": "1h", "when": 'case.priority == "Hgh"'}
    with store.catalog.known() as known, pytest.raises(CatalogProblems, match="'Hgh' is none of the values"):
        read_document({"processes": [{"name": "Gold", "milestones": [milestone]}]}, known)
    store.catalog.apply(listing(), by="ann")
    assert store.catalog.values() == {}


def test_a_dropped_value_is_counted(store: Store) -> None:
    """In the running cases that have it, and in the versions that name it: what is applied, or would be, says so."""
    store.catalog.apply(listing("Low", "Mid", "Old", "High"), by="ann")
    for process in (naming('case.priority in ["Mid"]', "Low"), naming('case.priority == "High"', "Old")):
        both = [*DOCUMENT["processes"], process]
        store.catalog.apply(listing("Low", "Mid", "Old", "High", processes=both), by="ann")
    kept = {"run": 1, "history": 1, "number": 1, "run_id": "r", "view": {}, "carried": {}}
    stands = {"status": "compliant", "stopped": False, "opened_at": AT}
    has = [("c-1", "Mid", None), ("c-2", "Mid", None), ("c-3", "Mid", AT), ("c-4", "High", None), ("c-5", "Old", None)]
    with store._database.write() as connection:
        for case_id, priority, closed_at in has:
            fields = {"fields": {"priority": priority}, "case_id": case_id, "closed_at": closed_at}
            connection.execute(tables.cases.insert(), {**kept, **stands, **fields})
    for dry_run in (True, False):
        diff = store.catalog.apply(listing("Low", "High"), by="ann", dry_run=dry_run)
        assert diff.changes[0].details == [
            "values: 4 entries -> 2 entries",
            "value 'Mid' is dropped: 2 running cases have it, and may keep it; named by Naming 1",
            "value 'Old' is dropped: 1 running case has it, and may keep it; named by Naming 2",
        ]
        assert diff.model_dump(mode="json")["dropped"] == [
            {"field": "priority", "value": "Mid", "cases": 2, "processes": ["Naming 1"]},
            {"field": "priority", "value": "Old", "cases": 1, "processes": ["Naming 2"]},
        ]


@pytest.fixture
def large(store: Store) -> Store:
    """20,000 entitlements of one account for an asset each, and 20,000 of as many accounts."""
    store.catalog.apply(catalog(), by="ann")
    many = range(20_000)
    with store._database.write() as connection:
        definition: dict[str, Any] = {}
        plain = {"name": "", "retired": False, "definition": definition}
        for table, rows in (
            (tables.accounts, [{"id": f"c{n}", **plain, "definition": {"id": f"c{n}"}} for n in many]),
            (
                tables.assets,
                [
                    {"id": f"m{n}", "account": "acme", **plain, "definition": {"id": f"m{n}", "account": "acme"}}
                    for n in many
                ],
            ),
        ):
            connection.execute(table.insert(), rows)
        rows = []
        for n in many:
            for facts in (
                {"id": f"x{n}", "account": "acme", "asset": f"m{n}"},
                {"id": f"y{n}", "account": f"c{n}", "asset": None},
            ):
                rows.append({**plain, **facts, "for_contacts": False, "definition": facts})
        connection.execute(tables.entitlements.insert(), rows)
    return store


def test_candidates_are_found_by_indexes(large: Store) -> None:
    """Neither the whole catalog nor all that one account has is read: few rows come back, and no plan scans."""
    plans: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "entitlements" in statement and not statement.startswith("EXPLAIN") and large_is_sqlite:
            rows = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in rows)

    engine = large._database._engine
    large_is_sqlite = engine.dialect.name == "sqlite"
    event.listen(engine, "before_cursor_execute", explain)
    found = large.catalog.coverage_candidates(CoverageQuestion(at=AT, account="acme", asset="m7"))
    event.remove(engine, "before_cursor_execute", explain)
    assert {match.entitlement.id for match in choose(found.scope, found.candidates).ranked} >= {"x7"}
    assert len(found.candidates) <= OTHERS + 3
    assert not [plan for plan in plans if plan.startswith("SCAN") and "subquery" not in plan.lower()], plans
    assert candidates(large, account="c19999") == {"y19999"}

"""Which running cases hold an older version, and what the catalog would be with some files applied."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.catalog.documents import read_document
from domain.errors import NotFound, Refused
from domain.messages.case_state import CaseState
from domain.messages.migrations import CaseSelection, Versions
from domain.messages.steps import CaseRecord
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from store import Store, StoreError
from store.prospect import Prospect

T0 = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)


def catalog(**also: Any) -> dict[str, Any]:
    hours = {"name": "Office", "time_zone": "UTC", "week": {"mon": ["09:00-17:00"], "tue": ["09:00-17:00"]}}
    return {
        "fields": {"priority": "string", "tickets": "integer", "vip": "boolean"},
        "business_hours": [hours],
        "processes": [
            {"name": "Support", "business_hours": "Office", "milestones": [{"name": "Answer", "within": "4h"}]},
            {"name": "Round the clock", "milestones": [{"name": "Answer", "within": "4h"}]},
        ],
        "accounts": [{"id": "acme"}, {"id": "globex"}],
        **also,
    }


LISTED = {"type": "string", "values": ["Low", "High"]}
LATER_HOURS = {"name": "Office", "time_zone": "UTC", "week": {"mon": ["09:00-18:00"], "tue": ["09:00-17:00"]}}
LATER_SUPPORT = {"name": "Support", "business_hours": "Office", "milestones": [{"name": "Answer", "within": "2h"}]}


@pytest.fixture
def store(store: Store) -> Store:
    store.catalog.apply(read_document(catalog()), by="ann")
    return store


def record(store: Store, case_id: str, process: str = "Support", *, closed: bool = False, **also: Any) -> None:
    """Record a case as it is opened now."""
    declared = store.catalog.process(process)
    names = {declared.business_hours or "24x7", "24x7"}
    hours = {name: store.catalog.business_hours(name) for name in names}
    plan = Plan(
        process=declared,
        business_hours="24x7",
        calendars={n: h.hours.freeze(T0 - timedelta(days=400), T0 + timedelta(days=400)) for n, h in hours.items()},
        calendar_versions={n: h.version for n, h in hours.items()},
        fields=store.catalog.fields(),
        values=store.catalog.values(),
    )
    timeline = Timeline.enter(plan, Case(case_id=case_id, fields=also.pop("fields", {})), T0)
    timeline.advance(T0)
    view = timeline.view(T0).model_copy(update={"closed_at": T0 if closed else None})
    store.cases.record(
        CaseRecord(
            history=also.pop("history", 1),
            number=1,
            notes_from=1,
            run_id="run",
            account=also.pop("account", "acme"),
            entitlement=also.pop("entitlement", None),
            view=view,
            carried=CaseState(plan=plan, state=timeline.state),
        )
    )


def outdated(store: Store, goals: Versions | None = None, **selection: Any) -> list[str]:
    """The ids found, which are as many as are counted."""
    chosen = CaseSelection(**selection)
    goals = chosen.goals(goals or store.catalog.versions())
    found = [case.case_id for case in store.running.outdated(chosen, goals)]
    assert store.running.count_outdated(chosen, goals) == len(found)
    return found


def test_nothing_is_outdated_while_nothing_changed(store: Store) -> None:
    record(store, "c-1")
    assert outdated(store) == []


def test_versions_are_the_latest(store: Store) -> None:
    """The built-in 24x7 has version 0."""
    store.catalog.apply(read_document({"processes": [LATER_SUPPORT]}, _known(store)), by="ann")
    assert store.catalog.versions() == Versions(
        processes={"Support": 2, "Round the clock": 1}, business_hours={"Office": 1, "24x7": 0}
    )


def test_cases_of_an_older_process_are_found(store: Store) -> None:
    """Those opened since are not, nor those that are closed, nor those of other processes."""
    record(store, "old")
    record(store, "closed", closed=True)
    record(store, "other", "Round the clock")
    store.catalog.apply(read_document({"processes": [LATER_SUPPORT]}, _known(store)), by="ann")
    record(store, "new")
    assert outdated(store) == ["old"]
    (found,) = store.running.outdated(CaseSelection(), store.catalog.versions())
    assert (found.process, found.process_version) == ("Support", 2)


def test_cases_of_edited_hours_are_found(store: Store) -> None:
    record(store, "old")
    record(store, "other", "Round the clock")
    record(store, "closed", closed=True)
    store.catalog.apply(read_document({"business_hours": [LATER_HOURS]}, _known(store)), by="ann")
    record(store, "new")
    assert outdated(store) == ["old"]
    assert outdated(store, calendar="Office") == ["old"]
    assert outdated(store, calendar="24x7") == []


@pytest.mark.parametrize(
    "later",
    [
        {"priority": {"type": "string", "values": ["Low", "High", "Critical"]}},
        {"priority": {"type": "string", "values": ["Low"]}},
        {"priority": "string"},
        {"priority": LISTED, "tickets": {"type": "integer", "values": [1]}},
        {"priority": LISTED, "colour": "string"},
        {"priority": LISTED, "tickets": "number"},
    ],
)
def test_cases_of_fields_declared_otherwise_are_found_when_asked_for(store: Store, later: dict[str, Any]) -> None:
    """A value that was added or dropped, a list that came or went, a new field, another type."""
    store.catalog.apply(read_document({"fields": {"priority": LISTED}}, _known(store)), by="ann")
    record(store, "c-1")
    record(store, "c-2", "Round the clock", account="globex")
    record(store, "closed", closed=True)
    assert outdated(store, redeclared=True) == []
    store.catalog.apply(read_document({"fields": later}, _known(store)), by="ann")
    record(store, "new")
    assert outdated(store) == []
    assert outdated(store, redeclared=True) == ["c-1", "c-2"]
    assert outdated(store, redeclared=True, accounts=["globex"]) == ["c-2"]
    assert outdated(store, redeclared=True, cases=["c-1", "new"]) == ["c-1"]
    assert outdated(store, redeclared=True, process="Support") == ["c-1"]


def test_the_order_of_listed_values_makes_no_case_older(store: Store) -> None:
    store.catalog.apply(read_document({"fields": {"priority": LISTED}}, _known(store)), by="ann")
    record(store, "c-1")
    turned = {"type": "string", "values": ["High", "Low"]}
    store.catalog.apply(read_document({"fields": {"priority": turned}}, _known(store)), by="ann")
    assert outdated(store, redeclared=True) == []


def test_cases_of_older_versions_are_found_with_those_of_older_fields(store: Store) -> None:
    """What a prospect would declare counts in it alone."""
    record(store, "process")
    store.catalog.apply(read_document({"processes": [LATER_SUPPORT]}, _known(store)), by="ann")
    record(store, "fields", "Round the clock")
    assert outdated(store, redeclared=True) == ["process"]
    new = read_document({"fields": {"colour": "string"}}, _known(store))
    prospect, goals = Prospect.of(store, new, by="ann"), store.catalog.versions()
    chosen = CaseSelection(redeclared=True)
    assert [one.case_id for one in prospect.running.outdated(chosen, goals)] == ["fields", "process"]
    assert outdated(store, redeclared=True) == ["process"]


def test_a_case_that_went_over_or_was_closed_is_found_no_more(store: Store) -> None:
    record(store, "c-1")
    record(store, "c-2")
    store.catalog.apply(
        read_document({"processes": [LATER_SUPPORT], "business_hours": [LATER_HOURS]}, _known(store)), by="ann"
    )
    assert outdated(store) == ["c-1", "c-2"]
    record(store, "c-1", history=2)
    record(store, "c-2", history=2, closed=True)
    assert outdated(store) == []


def test_hours_kept_for_what_was_counted_by_them_do_not_count(store: Store) -> None:
    """A case that left the calendar behind is not found when that calendar changes."""
    record(store, "c-1")
    plan = store.cases.get("c-1").carried.plan
    process = store.catalog.process("Support").model_copy(update={"business_hours": "24x7"})
    moved = plan.model_copy(update={"process": process})
    record(store, "c-2")
    given = store.cases.get("c-2")
    store.cases.record(
        CaseRecord(
            history=2,
            number=2,
            notes_from=1,
            run_id="run",
            account="acme",
            entitlement=None,
            view=given.view,
            carried=given.carried.model_copy(update={"plan": moved}),
        )
    )
    store.catalog.apply(read_document({"business_hours": [LATER_HOURS]}, _known(store)), by="ann")
    assert outdated(store) == ["c-1"]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({}, ["c-1", "c-2", "c-3"]),
        ({"accounts": ["globex"]}, ["c-2"]),
        ({"accounts": ["globex", "acme"]}, ["c-1", "c-2", "c-3"]),
        ({"entitlements": ["gold"]}, ["c-3"]),
        ({"cases": ["c-1", "c-3", "c-9"]}, ["c-1", "c-3"]),
        ({"process": "Support"}, ["c-1", "c-2", "c-3"]),
        ({"process": "Round the clock"}, []),
        ({"fields": {"priority": "High"}}, ["c-1", "c-2"]),
        ({"fields": {"priority": "High", "vip": True}}, ["c-2"]),
        ({"fields": {"tickets": 1}}, ["c-1"]),
        ({"fields": {"vip": 1}}, []),
        ({"fields": {"tickets": None}}, ["c-2"]),
        ({"fields": {"priority": "High"}, "accounts": ["acme"]}, ["c-1"]),
        ({"process": "Support", "process_version": 1}, []),
    ],
)
def test_a_selection_narrows_down(store: Store, selection: dict[str, Any], expected: list[str]) -> None:
    """Values of one attribute are alternatives; different attributes all have to hold."""
    record(store, "c-1", fields={"priority": "High", "tickets": 1})
    record(store, "c-2", fields={"priority": "High", "vip": True, "tickets": None}, account="globex")
    record(store, "c-3", fields={"priority": "Low"}, entitlement="gold")
    store.catalog.apply(read_document({"processes": [LATER_SUPPORT]}, _known(store)), by="ann")
    assert outdated(store, **selection) == expected


def test_an_older_version_may_be_the_goal(store: Store) -> None:
    store.catalog.apply(read_document({"processes": [LATER_SUPPORT]}, _known(store)), by="ann")
    record(store, "c-1")
    assert outdated(store, process="Support", process_version=1) == ["c-1"]


def test_cases_come_in_pages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page goes on after the last id of the one before; also where fields leave little of what is read."""
    monkeypatch.setattr("store.cases.running._AT_ONCE", 2)
    for number in range(7):
        record(store, f"c-{number}", fields={"priority": "High" if number % 3 == 0 else "Low"})
    store.catalog.apply(read_document({"processes": [LATER_SUPPORT]}, _known(store)), by="ann")
    goals = store.catalog.versions()
    pages, after = [], ""
    while page := store.running.outdated(CaseSelection(), goals, after=after, limit=3):
        pages.append([case.case_id for case in page])
        after = page[-1].case_id
    assert pages == [["c-0", "c-1", "c-2"], ["c-3", "c-4", "c-5"], ["c-6"]]
    assert outdated(store, fields={"priority": "High"}) == ["c-0", "c-3", "c-6"]


def test_stored_cases_come_by_their_ids(store: Store) -> None:
    record(store, "c-2")
    record(store, "c-1")
    found = store.running.stored(["c-2", "c-1", "c-9"])
    assert [case.case_id for case in found] == ["c-1", "c-2"]
    assert found[0] == store.cases.get("c-1")


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        ({"process": "Suport"}, "unknown process 'Suport'; did you mean 'Support'"),
        ({"process": "Support", "process_version": 7}, "has no version 7; it has 1 to 1"),
        ({"calendar": "Ofice"}, "did you mean 'Office'"),
        ({"accounts": ["acm"]}, "did you mean 'acme'"),
        ({"entitlements": ["gold"]}, "unknown entitlement 'gold'"),
        ({"cases": ["c-2"]}, "unknown case 'c-2'; did you mean 'c-1'"),
        ({"fields": {"colour": "red"}}, "unknown field 'colour'"),
        ({"fields": {"tickets": "many"}}, "tickets"),
    ],
)
def test_a_selection_of_what_nobody_knows_is_refused(store: Store, selection: dict[str, Any], said: str) -> None:
    """A slip of the pen must not look as if there were nothing to do."""
    record(store, "c-1")
    with pytest.raises((NotFound, Refused)) as refused:
        store.running.checked(CaseSelection(**selection))
    assert said in str(refused.value)


def test_an_account_that_only_cases_have_can_be_selected(store: Store) -> None:
    record(store, "c-1", account="from a log")
    assert store.running.checked(CaseSelection(accounts=["from a log"])).accounts == ["from a log"]


def test_a_version_without_a_process_is_refused() -> None:
    with pytest.raises(ValueError, match="name the process too"):
        CaseSelection(process_version=2)


def test_running_cases_are_looked_up_by_an_index(store: Store, kind: str) -> None:
    """However many are closed: SQLite says so itself."""
    if kind != "sqlite":
        pytest.skip("PostgreSQL chooses by how many there are")
    with store._database.read() as connection:
        plan = connection.execute(
            text("EXPLAIN QUERY PLAN SELECT case_id FROM cases WHERE closed_at IS NULL ORDER BY case_id LIMIT 9")
        ).all()
    assert "ix_cases_running" in str(plan)


def test_a_prospect_answers_as_if_the_files_were_applied(store: Store) -> None:
    """With what would be new in its next version; and nothing is stored."""
    new = read_document({"processes": [LATER_SUPPORT], "fields": {"colour": "string"}}, _known(store))
    prospect = Prospect.of(store, new, by="ann")
    assert prospect.catalog.versions().processes == {"Support": 2, "Round the clock": 1}
    assert prospect.catalog.process("Support").milestones[0].within[0].span.seconds == 7200  # type: ignore[index]
    assert prospect.catalog.process("Support", 1) == store.catalog.process("Support", 1)
    assert prospect.catalog.process("Support", 2) == prospect.catalog.process("Support")
    assert prospect.catalog.business_hours("Office") == store.catalog.business_hours("Office")
    assert set(prospect.catalog.fields()) == {*store.catalog.fields(), "colour"}
    assert store.catalog.versions().processes["Support"] == 1
    store.catalog.apply(new, by="ann")
    assert store.catalog.process("Support") == prospect.catalog.process("Support"), "what was foreseen came"


def test_a_prospect_has_edited_hours_in_their_next_version(store: Store) -> None:
    new = read_document({"business_hours": [LATER_HOURS]}, _known(store))
    prospect = Prospect.of(store, new, by="ann")
    assert prospect.catalog.business_hours("Office").version == 2
    assert prospect.catalog.business_hours("Office", 1) == store.catalog.business_hours("Office")
    assert prospect.catalog.versions().business_hours["Office"] == 2
    store.catalog.apply(new, by="ann")
    assert store.catalog.business_hours("Office") == prospect.catalog.business_hours("Office")


def test_applying_what_stands_already_is_no_prospect(store: Store) -> None:
    same = read_document(catalog())
    assert Prospect.of(store, same, by="ann").catalog.versions() == store.catalog.versions()


def test_all_of_a_prospect_goes_by_its_catalog(store: Store) -> None:
    """Its other parts too, and a snapshot of it."""
    new = read_document({"processes": [LATER_SUPPORT], "fields": {"colour": "string"}}, _known(store))
    red = CaseSelection(fields={"colour": "red"})
    with pytest.raises(Refused, match="colour"):
        store.running.checked(red)
    prospect = Prospect.of(store, new, by="ann")
    assert prospect.running.checked(red) == red
    with prospect.snapshot() as standing:
        assert standing.catalog.versions() == prospect.catalog.versions()
        assert standing.running.checked(red) == red
        with pytest.raises(StoreError, match="a snapshot is read"):
            standing.catalog.apply(new, by="ann")


def _known(store: Store) -> Any:
    return _Known(store)


class _Known:
    """What the store knows, for reading a document that refers to it."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        def ask(*arguments: Any) -> Any:
            with self.store.catalog.known() as known:
                return getattr(known, name)(*arguments)

        return ask

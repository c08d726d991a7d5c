"""Fields whose values are listed: declared, sent, and compared with in criteria."""

from __future__ import annotations

from typing import Any

import pytest

from domain.catalog.documents import fields_declared, read_document
from domain.catalog.doubts import doubts
from domain.catalog.problems import CatalogProblems
from domain.catalog.references import KnownCatalog
from domain.criteria.complaints import CriteriaError
from domain.criteria.fields import FieldsError, FieldType
from domain.criteria.values import Listed, check_compared, check_listed, read_values

MILESTONE = "processes[0].milestones[0]"
LISTED: Listed = {"priority": ["Low", "High"], "level": [1, -2], "tags": ["vip", "new"]}


def document(values: list[str] | None = None, *, when: str = "", to: str = "High") -> dict[str, Any]:
    """A field, with values if they are given, and a process that compares and sets it."""
    update = {"do": "field_update", "field": "priority", "value": to}
    triggers = [{"kind": "violation", "actions": [update]}]
    milestone = {"name": "Answer", "within": "4h", "when": when, "triggers": triggers}
    field = {"type": "string", "values": values} if values else "string"
    return {"fields": {"priority": field}, "processes": [{"name": "P", "milestones": [milestone]}]}


def problems(declared: dict[str, Any], known: Any = None) -> list[str]:
    with pytest.raises(CatalogProblems) as refused:
        read_document(declared, *([KnownCatalog(read_document(known))] if known else []))
    return [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("kind", "raw", "said"),
    [
        ("number", [1], "the values of a number cannot be listed; those of string, integer and list can"),
        ("boolean", [True], "the values of a boolean cannot be listed"),
        ("string", [], "expected a list of all there are, such as [Low, High]; without it any value fits"),
        ("string", "Low", "expected a list of all there are"),
        ("string", ["a", "a"], "'a' is listed twice"),
        ("string", ["a", 1], "1 is no text; in quotes it would be"),
        ("integer", ["1"], "'1' is no whole number"),
        ("string", ["a", None], "null fits every field; leave it out"),
        ("string", [f"v-{n}" for n in range(1001)], "1,001 are listed; at most 1,000 may be"),
    ],
)
def test_a_list_of_values_that_is_none_is_refused(kind: str, raw: Any, said: str) -> None:
    """With what would be right."""
    with pytest.raises(FieldsError) as refused:
        read_values("priority", FieldType(kind), raw)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"priority": "Hgh"}, "case.priority: 'Hgh' is none of its values; did you mean 'High'?"),
        ({"priority": "Urgent"}, "case.priority: 'Urgent' is none of its values; there are High, Low"),
        ({"level": 3}, "case.level: 3 is none of its values; there are -2, 1"),
        ({"tags": ["new", "vup"]}, "case.tags: 'vup' is none of its values; did you mean 'vip'?"),
    ],
)
def test_a_value_that_is_not_listed_is_refused(values: dict[str, Any], said: str) -> None:
    """With the nearest one, or those there are."""
    with pytest.raises(FieldsError) as refused:
        check_listed(values, LISTED)
    assert str(refused.value) == said


def test_what_is_listed_fits_and_so_does_nothing() -> None:
    """Null is every field's; of a list every item is asked, and of a field without values nothing."""
    check_listed({"priority": "Low", "level": -2, "tags": ["vip"], "note": "anything"}, LISTED)
    check_listed({"priority": None, "level": None, "tags": []}, LISTED)


def test_what_a_case_has_it_may_keep() -> None:
    """Also when the list has it no longer; another item of a list has to be on it."""
    check_listed({"priority": "Urgent", "tags": ["old", "vip"]}, LISTED, {"priority": "Urgent", "tags": ["old"]})
    with pytest.raises(FieldsError, match="'older' is none"):
        check_listed({"tags": ["old", "older"]}, LISTED, {"tags": ["old"]})


@pytest.mark.parametrize(
    ("source", "column", "value"),
    [
        ('case.priority == "Hgh"', 18, "'Hgh'"),
        ('"Hgh" != case.priority', 1, "'Hgh'"),
        ('case.note == "x" && case.priority in ["Low", "Hi"]', 46, "'Hi'"),
        ('"vup" in case.tags', 1, "'vup'"),
        ('case.tags.exists(t, t == "vup")', 26, "'vup'"),
        ('case.tags.all(t, t in ["vip", "x"])', 31, "'x'"),
        ('case.tags == ["vip", "vup"]', 22, "'vup'"),
        ('case.tags[0] == "vup"', 17, "'vup'"),
        ('"Hgh" in [case.priority, case.note]', 1, "'Hgh'"),
        ("case.level == -3", 15, "-3"),
        ("case.level in [1, -2, 4]", 23, "4"),
        ('!(case.priority == "Low" || case.priority == "low")', 46, "'low'"),
    ],
)
def test_a_criterion_compares_with_values_there_are(source: str, column: int, value: str) -> None:
    """Any other would never hold, or always; the first one is named, where it stands."""
    with pytest.raises(CriteriaError) as refused:
        check_compared(source, LISTED)
    assert refused.value.message.startswith(f"{value} is none of the values of case.")
    assert abs(refused.value.column - column) <= (1 if value.startswith("-") else 0)


@pytest.mark.parametrize(
    "source",
    [
        'case.priority == "Low" && case.level == 1 && case.level != -2 && "new" in case.tags',
        'case.priority == null || case.note == "Hgh" || account.priority == "Hgh"',
        'case.priority.startsWith("L") || case.priority in case.tags || has(case.priority)',
        'case.others.exists(t, t == "vup") || case.tags.exists(t, case.note == "vup")',
        'case.tags == ["vip", "new"] || case.tags[0] == "new" || "Low" in [case.priority] || case.tags == []',
    ],
)
def test_what_else_a_criterion_says_is_its_own_business(source: str) -> None:
    """Null, fields without values, and what is compared with no constant."""
    check_compared(source, LISTED)


def test_a_catalog_names_the_field_and_what_would_be_right() -> None:
    """In criteria, and in what actions set; the declaration itself, whose keys are two."""
    high = "did you mean 'High'?"
    assert problems(document(["Low", "High"], when='case.priority == "Hgh"', to="high")) == [
        f"{MILESTONE}.when: line 1, column 18: 'Hgh' is none of the values of case.priority; {high}",
        f"{MILESTONE}.triggers[0].actions[0].value: case.priority: 'high' is none of its values; {high}",
    ]
    of_field = {"fields": {"a": {"type": "text"}, "b": {"values": ["x"]}, "c": {"type": "string", "valeus": ["x"]}}}
    assert problems(of_field) == [
        "fields.a: 'text' is no type of a field; there are any, boolean, datetime, integer, list, number, string",
        "fields.b: say its type, such as {type: string, values: [Low, High]}",
        "fields.c.valeus: unknown key 'valeus'; did you mean 'values'?",
    ]


def test_a_catalog_reads_back_as_it_was_declared() -> None:
    declared = {"priority": {"type": "string", "values": ["Low", "High"]}, "note": "string"}
    assert fields_declared(read_document({"fields": declared})) == declared


def test_a_dropped_value_stays_right_where_it_was_named() -> None:
    """In the stored version of a process, however often that is applied again; what is new has to do without it."""
    was = document(["Low", "High", "Urgent"], when='case.priority == "Urgent"', to="Urgent")
    now = document(["Low", "High"], when='case.priority == "Urgent"', to="Urgent")
    assert read_document(now, KnownCatalog(read_document(was))).values == {"priority": ["Low", "High"]}
    again = KnownCatalog(read_document(was).model_copy(update={"values": {"priority": ["Low", "High"]}}))
    read_document(now, again)
    other = document(["Low", "High"], when='case.priority != "Urgent"')
    assert ["Urgent" in problem for problem in problems(other, was)] == [True]


def test_a_field_that_lists_its_values_now_is_held_to_them() -> None:
    """Also by what is stored: a slip that was there before is found when the values are first listed."""
    was = document(when='case.priority == "Hgh"')
    assert "did you mean 'High'?" in problems(document(["Low", "High"], when='case.priority == "Hgh"'), was)[0]
    only_fields = {"fields": document(["Low", "High"])["fields"]}
    [said] = problems(only_fields, was)
    assert said.startswith("fields: the process 'P', which is stored, no longer fits: milestones[0].when: ")


def test_values_that_look_alike_are_doubted() -> None:
    """They are stored all the same."""
    found = [str(one) for one in doubts({"fields": {"p": {"type": "string", "values": ["High", "Low", "high "]}}})]
    assert found == ["fields.p.values: 'High' and 'high ' differ in capitals or blanks alone; is one of them meant?"]

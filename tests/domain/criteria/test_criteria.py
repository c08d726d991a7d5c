"""Criteria: what is refused when they are declared, and what they say of a case."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import pytest

from domain.criteria.compiling import CriteriaError, CriteriaSchema, Scope, Verdict, compile_criteria, evaluate
from domain.criteria.evaluating import TIME_ZONE_FUNCTIONS
from domain.criteria.fields import FieldsError, FieldType, check_names, check_values

SCHEMA = CriteriaSchema(
    {
        "priority": FieldType.STRING,
        "state": FieldType.STRING,
        "reopened": FieldType.INTEGER,
        "amount": FieldType.NUMBER,
        "vip": FieldType.BOOLEAN,
        "due_at": FieldType.DATETIME,
        "dueAt": FieldType.DATETIME,
        "tags": FieldType.LIST,
        "extra": FieldType.ANY,
    }
)
CASE = {
    "priority": "High",
    "state": None,
    "reopened": 2,
    "amount": 1000.5,
    "vip": True,
    "due_at": "2025-06-13T20:45:00Z",
    "tags": ["vip", "emea"],
}
SCOPE = Scope({"case": CASE, "entitlement": {"type": "Gold"}, "account": {"name": "Acme"}})


class Priority(StrEnum):
    HIGH = "High"


class Level(IntEnum):
    TWO = 2


HOLDS = [
    'case.priority == "High"',
    'case.priority in ["High", "Critical"]',
    'case.priority.startsWith("Hi") && size(case.priority) == 4',
    "case.state == null",
    'case.state != "Closed"',
    "has(case.state) && !has(case.extra)",
    "case.reopened > 1 && case.reopened < 2.5 && case.reopened == 2.0",
    "case.amount > 1000 && case.amount != 1000 && case.amount * 2.0 == 2001.0",
    "case.reopened in [1.0, 2.0] && !(case.amount in [1, 2])",
    "case.vip",
    'case.vip ? case.priority == "High" : false',
    'timestamp(case.due_at) < timestamp("2025-06-13T17:00:00-04:00")',
    "timestamp(case.due_at) - timestamp(case.due_at) < duration('1h')",
    "timestamp(case.due_at).getHours() == 20",
    "case.due_at != null && case.due_at == case.due_at",
    '"vip" in case.tags',
    'case.tags.exists(t, t == "emea") && case.tags.all(t, size(t) > 2) && case.tags.exists_one(t, t == "vip")',
    "case.tags != null && null != case.tags && size(case.tags) == 2",
    'entitlement.type == "Gold" && entitlement != null',
    'account.name.matches("^A.*e$")',
    "true",
    " || ".join(f'case.priority == "{number}"' for number in range(300)) + " || case.vip",
    'case.priority == "{" || true // {',
    '\n  case.vip &&\n\n  case.priority == "High"\n',
]


@pytest.mark.parametrize("source", HOLDS)
def test_what_compiles_evaluates(source: str) -> None:
    """Whatever the checker lets pass the evaluation understands: each of these is true of the case."""
    compile_criteria(source, SCHEMA)
    assert evaluate(source, SCOPE) == Verdict(holds=True, error=None)


@pytest.mark.parametrize("source", [None, "", " \n"])
def test_an_empty_criterion_means_always(source: str | None) -> None:
    """Also of a case without an entitlement, or without anything."""
    compile_criteria(source, SCHEMA)
    assert evaluate(source, {}) == Verdict(holds=True, error=None)


# --- what is refused when it is declared ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "line", "column", "says"),
    [
        # unknown names
        ('case.priorty == "High"', 1, 6, "unknown field 'priorty' of case: did you mean 'priority'?"),
        ("has(case.a)", 1, 10, "unknown field 'a' of case: there are amount, dueAt, due_at, extra"),
        ("case.nothing.exists(n, true)", 1, 6, "unknown field 'nothing' of case"),
        ('entitlement.typ == "Gold"', 1, 13, "did you mean 'type'?"),
        ('cas.priority == "High"', 1, 1, "unknown name 'cas': did you mean 'case'?"),
        ('true && priority == "High"', 1, 9, "unknown name 'priority': write case.priority"),
        ('case.priority.startWith("H")', 1, 15, "unknown function 'startWith': did you mean 'startsWith'?"),
        ("timestamp(case.due_at) < now()", 1, 26, "criteria have no clock"),
        # wrong types
        ("case.priority == 1", 1, 15, "== does not apply to (string, integer); compare like with like"),
        ('case.reopened == "2"', 1, 15, "(integer, string)"),
        ('case.amount > "2"', 1, 13, "(number, string)"),
        ("case.amount * 2 > 1.0", 1, 13, "* does not apply to (number, integer); write 2.0 for 2"),
        ('case.vip == "true"', 1, 10, "(boolean, string)"),
        ("case.priority in [1, 2]", 1, 15, "in does not apply to (string, list(integer))"),
        ('case.tags == "vip"', 1, 11, "(list, string)"),
        ("case.priority && true", 1, 15, "&& does not apply to (string, boolean); it wants true or false"),
        ('case.due_at == "2025-06-13"', 1, 13, "a datetime is read as timestamp(case.due_at)"),
        ("case.due_at < timestamp(0)", 1, 13, "a datetime is read as timestamp(case.due_at)"),
        ("case.due_at.year > 2025", 1, 13, "write timestamp(case.due_at).getHours()"),
        ('case["priority"] == "High"', 1, 5, "a field is written case.priority"),
        ('case.priority.name == "High"', 1, 14, "only case, entitlement and account have fields"),
        ('case.priority.exists(p, p == "H")', 1, 5, "exists() and all() ask about the items of a list"),
        # results
        ("case.priority", 1, 1, "the value is a string, neither true nor false; compare it with something"),
        ("\n  case.reopened + 1", 2, 3, "the value is an integer"),
        ("case.tags", 1, 1, "the value is a list"),
        # syntax
        ("case.priority ==", 1, 17, "the expression ends too early"),
        ('case.priority = "High"', 1, 15, "equality is written =="),
        ("case.vip and true", 1, 10, "'and' is written &&"),
        ("not case.vip", 1, 5, "'not' is written !"),
        ('case.priority == "High', 1, 18, "a text without its closing quote"),
        ("case.vip case.vip", 1, 10, "syntax error: 'case' cannot stand here"),
        ("(" * 40 + "true" + ")" * 40, 1, 1, "nested too deeply"),
        ("+".join("1" * 300) + " > 1", 1, 1, "nested too deeply"),
        ("\ud800", 1, 1, "half a surrogate pair"),
        # several lines, and characters beyond ASCII: columns count characters
        ('case.vip &&\n  case.priorty == "é"', 2, 8, "did you mean 'priority'?"),
        ('case.priority == "😀é" && cas == 1', 1, 26, "unknown name 'cas'"),
        # what could say something else in another process
        ("case.tags.map(t, t) == []", 1, 11, "map() is left out of criteria"),
        ("case.vip &&\n case.tags.filter(t, true) == []", 2, 12, "filter() is left out of criteria"),
        ("dyn(case).all(k, true)", 1, 1, "dyn() is left out"),
        ('case.vip && {"a": 1}.exists(k, true)', 1, 13, "a criterion holds no maps"),
        ("google.protobuf.Value{} == null", 1, 22, "a criterion holds no maps and no messages"),
    ],
)
def test_what_is_wrong_is_refused_with_its_position_and_a_remedy(
    source: str, line: int, column: int, says: str
) -> None:
    """One message that names the place and what would be right."""
    with pytest.raises(CriteriaError) as refused:
        compile_criteria(source, SCHEMA)
    assert (refused.value.line, refused.value.column) == (line, column)
    assert says in refused.value.message
    assert str(refused.value) == f"line {line}, column {column}: {refused.value.message}"


@pytest.mark.parametrize("function", TIME_ZONE_FUNCTIONS)
def test_an_overload_that_takes_a_time_zone_is_refused(function: str) -> None:
    """It would read the time-zone database of the worker; the same function without one answers in UTC."""
    compile_criteria(f"timestamp(case.due_at).{function}() >= 0", SCHEMA)
    source = f'timestamp(case.due_at).{function}("America/New_York") >= 0'
    with pytest.raises(CriteriaError, match="takes no time zone") as refused:
        compile_criteria(source, SCHEMA)
    assert refused.value.column == 24
    verdict = evaluate(f'case.due_at.{function}("America/New_York") >= 0', SCOPE)
    assert not verdict.holds
    assert verdict.error is not None
    assert "does not compile" in verdict.error


def test_a_field_named_like_another_in_camel_case_is_a_field_of_its_own() -> None:
    """`due_at` and `dueAt` share a name in protobuf's JSON, which the checker must not mind."""
    compile_criteria("timestamp(case.due_at) < timestamp(case.dueAt)", SCHEMA)


def test_an_untyped_field_is_checked_when_it_is_evaluated() -> None:
    """`any` compiles alone and in any comparison; what is neither true nor false then means false."""
    for source in ("case.extra", "case.extra > 3", 'case.extra == "x"'):
        compile_criteria(source, SCHEMA)
    assert evaluate("case.extra", {"case": {"extra": True}}) == Verdict(holds=True, error=None)
    assert evaluate("case.extra", {"case": {"extra": "true"}}) == Verdict(
        holds=False, error="its value is a string, neither true nor false"
    )


# --- what they say of a case ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ('case.extra == "x"', "the field 'extra' is not set"),
        ('case.extra != "x"', "the field 'extra' is not set"),
        ('!(case.extra == "x")', "the field 'extra' is not set"),
        ('case.state == "x"', None),
        ('case.state > "x"', "> does not apply to (null, string)"),
        ('case.state.startsWith("x")', "(null).startsWith(string) is not possible"),
        ("timestamp(case.state) < timestamp(0)", "timestamp does not apply to (null)"),
        (
            "timestamp(case.priority) < timestamp(0)",
            "timestamp() is given a text that is no date-time with an offset",
        ),
        ("case.reopened / 0 == 1", "divide by zero"),
        ("case.state", "its value is null, neither true nor false"),
        ("case.priority", "its value is a string, neither true nor false"),
        ("case.tags[7] == 'x'", "a list of 2 has nothing at index 7"),
        ("case.state.exists(x, true)", "exists or all is asked of something that is no list"),
        ("!case.priority", "! does not apply to these values"),
        ("case.reopened ? true : false", "what stands before ? is neither true nor false"),
    ],
)
def test_an_error_means_false_and_is_told(source: str, error: str | None) -> None:
    """An error of the engine is a value, and a truthy one; only the boolean true is true."""
    assert evaluate(source, SCOPE) == Verdict(holds=False, error=error)


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        ("case.extra == 1 || case.vip", True),
        ("case.vip || case.extra == 1", True),
        ("case.extra == 1 && !case.vip", False),
        ("!case.vip && case.extra == 1", False),
    ],
)
def test_or_and_and_absorb_an_error_that_the_other_side_decides(*, source: str, holds: bool) -> None:
    """So nothing is recorded of it."""
    assert evaluate(source, SCOPE) == Verdict(holds=holds, error=None)


@pytest.mark.parametrize("source", ["case.extra == 1 && case.vip", "case.extra == 1 || !case.vip"])
def test_an_error_that_nothing_decides_stays(source: str) -> None:
    """False, with the first side's error."""
    assert evaluate(source, SCOPE) == Verdict(holds=False, error="the field 'extra' is not set")


@pytest.mark.parametrize(
    "source", ['entitlement.type == "Gold"', 'entitlement.type != "Gold"', "has(entitlement.type)"]
)
def test_a_case_without_an_entitlement_has_none_of_its_fields(source: str) -> None:
    """Reading one is an error, so false; whoever means to ask first writes `entitlement != null &&`."""
    compile_criteria(source, SCHEMA)
    scope = Scope({"case": CASE, "entitlement": None})
    assert scope.evaluate(source) == Verdict(holds=False, error="a field is read of entitlement, which is null")
    assert scope.evaluate(f"entitlement != null && {source}") == Verdict(holds=False, error=None)
    assert scope.evaluate(f"entitlement == null || {source}") == Verdict(holds=True, error=None)


def test_the_budget_of_iterations_means_false() -> None:
    """300 x 300 is more than the engine goes through; it throws, and the criterion is false."""
    source = "case.tags.all(a, case.tags.all(b, a >= 0 && b >= 0))"
    compile_criteria(source, SCHEMA)
    assert evaluate(source, {"case": {"tags": list(range(30))}}).holds
    assert evaluate(source, {"case": {"tags": list(range(300))}}) == Verdict(
        holds=False, error="it takes too many steps: exists or all over lists that are too long"
    )


@pytest.mark.parametrize(
    ("value", "source"),
    [
        (Priority.HIGH, 'case.x == "High"'),
        (Level.TWO, "case.x == 2"),
        (("a", Priority.HIGH), '"High" in case.x'),
        (Decimal("2.5"), "case.x == 2.5"),
        (datetime(2025, 6, 13, 20, 45, tzinfo=UTC), 'timestamp(case.x) == timestamp("2025-06-13T16:45:00-04:00")'),
        (datetime(2025, 6, 13, tzinfo=UTC).date(), 'case.x == "2025-06-13"'),
        ("é😀", 'case.x == "é😀"'),
    ],
)
def test_values_that_are_no_plain_json_are_made_plain(value: Any, source: str) -> None:
    """The engine takes none of them: left as it is, one would turn every criterion of the case false for ever."""
    assert evaluate(source, {"case": {"x": value}}) == Verdict(holds=True, error=None)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"a"}, "case.x is a set, which is no JSON data"),
        (object(), "case.x is a object, which is no JSON data"),
        ([{"y": b"z"}], "case.x.y is a bytes, which is no JSON data"),
        (2**63, "case.x is a number beyond 64 bits"),
        ("\ud800", "case.x holds half a surrogate pair, which is no character"),
        ({1: 2}, "case.x has a key that is a int, not text"),
        (datetime(2025, 6, 13), "has no offset"),  # noqa: DTZ001 - without a zone is the point
    ],
)
def test_what_cannot_be_made_plain_is_named(value: Any, error: str) -> None:
    """False with the field's name and never an address or an exception; always still means always."""
    scope = Scope({"case": {"x": value, "vip": True}})
    verdict = scope.evaluate("case.vip")
    assert not verdict.holds
    assert verdict.error is not None
    assert error in verdict.error
    assert scope.evaluate(None).holds


def test_nested_without_end_is_an_error_too() -> None:
    """Never raises."""
    endless: list[Any] = []
    endless.append(endless)
    assert evaluate("true", {"case": {"x": endless}}).error == "case.x is nested too deeply"


def test_a_scope_keeps_the_values_it_was_made_of() -> None:
    """A change of the case makes a new scope; what is shared in between does not change under its readers."""
    case = {"tags": ["a"]}
    scope = Scope({"case": case})
    case["tags"].append("b")
    assert scope.evaluate("size(case.tags) == 1").holds


@pytest.mark.parametrize("source", ['case.p == "High"', "case.missing == 1", "case.p", "case.p =="])
def test_a_scope_works_a_criterion_out_once(source: str) -> None:
    """Asked again it has the very same verdict, also where that is an error."""
    scope = Scope({"case": {"p": "High"}})
    assert scope.evaluate(source) is scope.evaluate(source)
    assert scope.evaluate(source) == evaluate(source, {"case": {"p": "High"}})


@pytest.mark.parametrize("source", ["case.", "nobody.there == 1", "case.tags.map(t, t) == []", "\ud800", "(" * 40])
def test_a_source_that_does_not_compile_is_false(source: str) -> None:
    """Nothing that was never checked reaches a case's plan; if it does, the case goes on."""
    verdict = evaluate(source, SCOPE)
    assert not verdict.holds
    assert verdict.error is not None
    assert verdict.error.startswith("it does not compile: ")


def test_checked_values_suit_checked_criteria() -> None:
    """A whole number in a number field becomes a float, so that arithmetic finds like with like."""
    case = check_values({"amount": 5, "due_at": datetime(2025, 6, 13, tzinfo=UTC)}, SCHEMA.case)
    source = 'case.amount * 2.0 == 10.0 && timestamp(case.due_at) < timestamp("2025-06-14T00:00:00Z")'
    compile_criteria(source, SCHEMA)
    assert evaluate(source, {"case": json.loads(json.dumps(case))}).holds


PROBE = """
import json
from domain.criteria.compiling import CriteriaError, CriteriaSchema, compile_criteria, evaluate
from domain.criteria.fields import FieldType
fields = {name: FieldType.STRING for name in ("priority", "state", "alpha", "beta", "gamma", "delta")}
said = []
for source in ('case.priorty == 1', 'case.zzzz == 1 && case.yyyy == 2', 'foo(1)', 'case.a = 1', 'case.beta + 1 > 2'):
    try:
        compile_criteria(source, CriteriaSchema(fields))
    except CriteriaError as error:
        said.append(str(error))
case = {name: name for name in fields} | {"l": list(range(300)), "n": None}
for source in ('case.x == 1', 'case.y == 1 || case.z == 2', 'case.n > 1', 'case.alpha', 'case.l[999] == 1',
               'case.l.exists(a, a > "x")', 'case.l.all(a, case.l.all(b, true))', 'case.alpha.matches("(")', 'x y',
               'entitlement.type == "Gold" || account.name == "x"'):
    said.append(evaluate(source, {"case": case}).error)
said.append(evaluate("true", {"case": {"o": object(), "p": {1, 2}}}).error)
print(json.dumps(said))
"""


def test_every_process_says_the_same() -> None:
    """Errors become part of a case's state, which another worker replays: their text may not vary."""

    def said(seed: str) -> list[str | None]:
        run = subprocess.run(
            [sys.executable, "-c", PROBE],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
        )
        errors: list[str | None] = json.loads(run.stdout)
        return errors

    first = said("1")
    assert first == said("2")
    assert len(first) == 16
    assert all(first)
    assert "0x" not in "".join(filter(None, first))


def test_every_case_has_an_id_and_the_time_of_its_opening() -> None:
    """They are built in: criteria may name them, and an organisation can't declare them again."""
    compile_criteria('case.id.startsWith("INC")', SCHEMA)
    compile_criteria('timestamp(case.opened_at) < timestamp("2030-01-01T00:00:00Z")', SCHEMA)
    with pytest.raises(FieldsError, match="'opened_at' is built in"):
        check_names({"opened_at": FieldType.DATETIME})

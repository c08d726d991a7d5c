"""Expressions over payloads: checked when they are declared, and evaluated into plain values or a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.criteria.complaints import CriteriaError
from domain.criteria.payloads import Delivered, NoValue, Wanted, check_expression

PAYLOAD: dict[str, Any] = {
    "a": {"b": 1},
    "words": "one two",
    "list": [{"n": "x"}],
    "none": None,
    "half": 0.5,
    "big": 10**30,
}
C, T, I = Wanted.CONDITION, Wanted.TEXT, Wanted.ID  # noqa: E741  short, in a table


@pytest.mark.parametrize(
    ("source", "wanted", "value"),
    [
        ("payload.a.b", I, 1),
        ("payload.a.b == 1", C, True),
        ('payload.words.split(" ")[1]', T, "two"),
        ('{"one two": "12"}[payload.words]', T, "12"),
        ('{"x": "12"}[?payload.words].orValue("none")', T, "none"),
        ('payload.?missing.?deeper.orValue("d")', T, "d"),
        ('payload.list.exists(l, l.n == "x")', C, True),
        ("payload.list.map(l, l.n)", Wanted.LIST, ["x"]),
        ("payload.none", T, None),
        ("has(payload.none) && payload.none == null", C, True),
        ('timestamp("2026-11-02T09:00:00Z")', Wanted.INSTANT, datetime(2026, 11, 2, 9, tzinfo=UTC)),
        ("payload.half", Wanted.NUMBER, 0.5),
        ("payload.half", Wanted.ANYTHING, 0.5),
        ('headers["x-a"]', T, "b"),
        ("payload.none", Wanted.FLAG, None),
        ("payload.big", I, "1" + "0" * 30),
    ],
)
def test_an_expression_comes_to_a_value(source: str, wanted: Wanted, value: Any) -> None:
    """It is checked, and then evaluated."""
    check_expression(source, wanted)
    assert Delivered(PAYLOAD, {"x-a": "b"}).value(source, wanted) == value


@pytest.mark.parametrize(
    ("source", "wanted", "says"),
    [
        ("payload.a.", C, "line 1, column 11: syntax error"),
        ("paylod.a", C, "unknown name 'paylod': did you mean 'payload'"),
        ("case.priority", T, "unknown name 'case'"),
        ("now()", Wanted.INSTANT, "unknown name 'now'"),
        ('1 + "a"', I, "+ does not apply to (an integer, a string)"),
        ('"a"', C, "the value is a string, not true or false"),
        ("3", T, "the value is an integer, not a text"),
        ("1.5", I, "the value is a number, not a text or a whole number"),
        ("null", C, "the value is null, not true or false"),
        ("payload.?a", T, "may be missing; say what it is then: .orValue(null)"),
        ("payload.a and payload.b", C, "'and' is written &&"),
        ("payload.a = 1", C, "equality is written =="),
        ("(" * 300 + "1" + ")" * 300, I, "nested too deeply"),
        ('payload.a\n  == "\ud800"', C, "line 1"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(source: str, wanted: Wanted, says: str) -> None:
    """Where it is declared, with its position."""
    with pytest.raises(CriteriaError) as refused:
        check_expression(source, wanted)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("source", "wanted", "says"),
    [
        ("payload.missing", T, "the field 'missing' is not set"),
        ("payload.none.x", T, "something that has no fields"),
        ("payload.a", T, "it comes to a map"),
        ("payload.a.b", T, "it comes to an integer, not a text"),
        ("payload.words", C, "it comes to a string, not true or false"),
        ("payload.list.map(l, payload.list.map(m, l))", T, "it comes to a list"),
        ('timestamp("x")', Wanted.INSTANT, "no date-time"),
    ],
)
def test_what_comes_to_nothing_says_why(source: str, wanted: Wanted, says: str) -> None:
    """A condition as well: it is never just false."""
    with pytest.raises(NoValue, match=says):
        Delivered(PAYLOAD, {}).value(source, wanted)

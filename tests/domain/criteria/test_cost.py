"""Criteria that could take too long are refused when they are declared; the others end in time."""

from __future__ import annotations

import re
import time

import pytest

from domain.catalog.checks import check_catalog
from domain.catalog.declarations import Catalog
from domain.criteria.compiling import CriteriaError, compile_criteria, estimate
from domain.criteria.cost import MOST_NANOSECONDS
from domain.criteria.evaluating import Scope
from domain.criteria.patterns import pattern_work
from tests.domain.criteria.worst_criteria import ALLOWED, CASES, REFUSED, SCHEMA

LONGEST = 0.1
"""Seconds that a criterion may take."""


def took(source: str, scope: Scope) -> float:
    """Seconds of this process: a busy machine does not count."""
    before = time.process_time()
    scope.evaluate(source)
    return time.process_time() - before


@pytest.mark.parametrize("source", ALLOWED)
def test_what_is_allowed_ends_in_time(source: str) -> None:
    """On cases as large as they may be; the best of three, since the first compiles."""
    compile_criteria(source, SCHEMA)
    assert estimate(source, SCHEMA) <= MOST_NANOSECONDS
    for case in CASES.values():
        scope = Scope({"case": {"id": "c", **case}, "entitlement": None, "account": None})
        assert min(took(source, scope) for _ in range(3)) < LONGEST


@pytest.mark.parametrize("source", REFUSED)
def test_what_could_take_too_long_is_refused(source: str) -> None:
    """With what is allowed, and short however long the criterion is."""
    with pytest.raises(CriteriaError, match=REFUSED[source]) as refused:
        compile_criteria(source, SCHEMA)
    assert len(str(refused.value)) < 600


def test_a_refusal_says_where() -> None:
    """At what takes the time, not at the beginning."""
    source = "case.vip &&\n  case.tags.all(a, case.note.contains(a))"
    with pytest.raises(CriteriaError) as refused:
        compile_criteria(source, SCHEMA)
    assert (refused.value.line, refused.value.column) == (2, source.split("\n")[1].index("(a))") + 1)


def test_the_estimate_is_never_far_too_low() -> None:
    """What is refused for its time would have taken some: the worst of it for seconds."""
    [worst] = [source for source in REFUSED if "case.tags.all(b, case.note.contains(b))" in source]
    case = CASES["short lists"] | {"note": "a" * 32_767 + "b", "tags": ["aaaac"] * 90}
    scope = Scope({"case": case, "entitlement": None, "account": None})
    assert estimate(worst, SCHEMA) >= took(worst, scope) * 1e9


@pytest.mark.parametrize(
    ("pattern", "states"),
    [
        ("", 0),
        ("abc", 3),
        ("[0-9]{4}", 4),
        ("a{2,5}", 6),
        ("a{3,}", 4),
        ("(ab){3}c", 10),
        ("((a|b){2}){3}", 27),
        (r"\{\d\(", 3),
        ("[a{9}(]x", 2),
        ("[]a]{2}", 2),
        ("(?i)ab", 8),
        ("(a+)*b?", 3),
        ("(", 0),
        (")", 0),
        ("{3}", 0),
        ("\\", 1),
    ],
)
def test_repetitions_of_a_pattern_are_counted(pattern: str, states: int) -> None:
    """Each of them, those of a group as often as the group; whatever is in a class stands for one character."""
    assert pattern_work(pattern).states == states


def test_the_criteria_of_a_process_have_a_price_together() -> None:
    """They are evaluated in one step of a case, which ends within two seconds or never."""
    dear = "case.tags.all(a, case.tags.all(b, a == b))"
    milestones = [{"name": f"M{n}", "within": "1h", "when": f"{dear} && true || {n} > 0"} for n in range(60)]
    catalog = {"fields": SCHEMA.case, "processes": [{"name": "P", "milestones": milestones}]}
    [problem] = check_catalog(Catalog.model_validate(catalog))
    assert re.fullmatch(
        r"processes\[0\]: on a case at the bounds its criteria take \d+ ms together; at most 500 ms are allowed",
        str(problem),
    )
    catalog["processes"][0]["milestones"] = milestones[:20]  # type: ignore[index]
    assert check_catalog(Catalog.model_validate(catalog)) == []


def test_a_large_process_is_no_dear_one() -> None:
    """Of 200 milestones with three criteria and ten rows each."""
    rows = [*({"when": f'case.note == "{n}"', "span": "1h"} for n in range(10)), {"span": "2h"}]
    usual = {"when": 'case.note != "x"', "complete_when": "case.vip", "pause_when": 'case.other == "w"'}
    milestones = [{"name": f"M{n}", "within": rows, **usual} for n in range(200)]
    catalog = {"fields": SCHEMA.case, "processes": [{"name": "P", "milestones": milestones}]}
    assert check_catalog(Catalog.model_validate(catalog)) == []


def test_a_comprehension_over_a_short_list_may_look_through_a_text() -> None:
    """One that is written out has as many items as are written."""
    compile_criteria('["a", "b"].exists(w, case.note.contains(w))', SCHEMA)
    many = ", ".join(f'"w{n}"' for n in range(300))
    with pytest.raises(CriteriaError, match="ms are allowed"):
        compile_criteria(f"[{many}].exists(w, case.note.contains(w))", SCHEMA)

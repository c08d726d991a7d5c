"""Ids: a foreign id becomes one that is safe in URLs, and stays apart from others."""

import pytest
from pydantic import TypeAdapter

from domain.ids import CaseId, case_id_from, case_id_of

CASE_ID: TypeAdapter[str] = TypeAdapter(CaseId)


@pytest.mark.parametrize(
    ("foreign", "made"),
    [
        ("INC0000045", "INC0000045"),
        ("a.b_c~d-e", "a.b_c~d-e"),
        ("Case 1", "Case~201"),
        ("INC/2024/001", "INC~2F2024~2F001"),
        ("#4711", "~234711"),
        ("-1", "~2D1"),
        (".", "~2E"),
        ("Zoë", "Zo~C3~AB"),
        ("a~b c", "a~7Eb~20c"),
    ],
)
def test_a_foreign_id_becomes_a_safe_one(foreign: str, made: str) -> None:
    """What is safe stays as it is; anything else is percent-encoded with ~."""
    assert case_id_of(foreign) == made
    assert CASE_ID.validate_python(made) == made


def test_what_somebody_calls_a_case_becomes_its_id() -> None:
    """An id of ours stays as it is; one that ends in a new line is none."""
    assert [case_id_from(name) for name in ("4711", "~234711", "INC/1", "4711\n")] == [
        *("4711", "~234711", "INC~2F1", "4711~0A")
    ]


def test_a_long_foreign_id_becomes_its_beginning_and_a_digest() -> None:
    """At most 100 letters, no encoded letter cut in two, and two that begin alike stay apart."""
    for letter in ("x", "é", " "):
        one, other = case_id_of(letter * 200), case_id_of(letter * 199 + "!")
        assert CASE_ID.validate_python(one) == one
        assert one != other
        assert one[:60] == other[:60]
    assert len(case_id_of("x" * 100)) == 100
    assert case_id_of("é" * 200)[:-25].count("~") * 3 == len(case_id_of("é" * 200)[:-25])

"""The worst criteria that anybody thought of, and the cases that are worst for them: as large as a case may be."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final

from domain.bounds import MOST_LIST_ITEMS, MOST_TEXT_BYTES
from domain.criteria.compiling import CriteriaSchema
from domain.criteria.fields import FieldType

SCHEMA: Final = CriteriaSchema(
    case={
        "note": FieldType.STRING,
        "other": FieldType.STRING,
        "tags": FieldType.LIST,
        "more": FieldType.LIST,
        "count": FieldType.INTEGER,
        "amount": FieldType.NUMBER,
        "due_at": FieldType.DATETIME,
        "vip": FieldType.BOOLEAN,
        "extra": FieldType.ANY,
    }
)

_ONE_LETTER = "a" * (MOST_TEXT_BYTES - 1) + "b"
_RANDOM = "".join(random.Random(1).choice("ab") for _ in range(MOST_TEXT_BYTES))  # noqa: S311  nothing secret
_SMALL = {"count": 1, "amount": 1.0, "due_at": "2025-06-13T20:45:00Z", "vip": True}


def _case(note: str, other: str, tags: list[Any], more: list[Any], extra: Any) -> dict[str, Any]:
    return {"note": note, "other": other, "tags": tags, "more": more, "extra": extra, **_SMALL}


CASES: Final[Mapping[str, dict[str, Any]]] = {
    "one letter": _case(
        _ONE_LETTER,
        _ONE_LETTER[: MOST_TEXT_BYTES // 4] + "c",
        ["a" * 60 + "c"] * MOST_LIST_ITEMS,
        ["a" * 60 + "d"] * MOST_LIST_ITEMS,
        _ONE_LETTER,
    ),
    "random letters": _case(
        _RANDOM,
        _RANDOM,
        [_RANDOM[n : n + 96] for n in range(MOST_LIST_ITEMS)],
        [_RANDOM[n : n + 32] for n in range(MOST_LIST_ITEMS)],
        _RANDOM,
    ),
    "few long items": _case(
        _ONE_LETTER,
        _ONE_LETTER,
        [_ONE_LETTER] * 3,
        ["a" * 30 + "c"] * MOST_LIST_ITEMS,
        [_ONE_LETTER] * 3,
    ),
    "numbers": _case(
        "1" * MOST_TEXT_BYTES,
        "1ns" * (MOST_TEXT_BYTES // 3),
        list(range(MOST_LIST_ITEMS)),
        list(range(-MOST_LIST_ITEMS, 0)),
        [n / 3 for n in range(MOST_LIST_ITEMS)],
    ),
    "short lists": _case(
        "é" * (MOST_TEXT_BYTES // 2),
        "0." + "1" * (MOST_TEXT_BYTES - 2),
        list(range(99)),
        list(range(99)),
        list(range(99)),
    ),
}

ALLOWED: Final = (
    'case.note == case.other && case.extra != "x"',
    'case.note.contains("aaaac")',
    "case.note.contains(case.other)",
    "(case.note + case.note).contains(case.other + case.other)",
    "case.note.startsWith(case.other) || case.note.endsWith(case.other)",
    "size(case.note) > size(case.other)",
    "size(case.note + case.other + case.note) > 5",
    '"x" in case.tags && !("y" in case.more)',
    "case.tags == case.more",
    "(case.tags + case.more) == (case.more + case.tags)",
    'case.tags.exists(t, t == "x")',
    'case.tags.exists(t, t.contains("aaac"))',
    'case.tags.all(t, size(t) < 40 || t.startsWith("a"))',
    'case.extra.exists(t, t == "x")',
    "case.tags.exists(a, case.more.exists(b, a == b))",
    "case.tags.all(a, case.tags.all(b, a == b))",
    "case.tags.exists_one(a, case.more.exists_one(b, a == b))",
    'case.tags.all(t, t in ["a", "b", "c"])',
    'case.tags.exists(t, t.matches("^v[0-9]+$"))',
    'case.note.matches("^[0-9]{4}-[0-9]{2}-[0-9]{2}$")',
    r"case.note.matches(r'^[^@\s]+@[^@\s]+$')",
    'case.note.matches("(a|b)*a(a|b){15}c")',
    'case.note.matches("((a|b)*a(a|b){10}){3}[c]")',
    'case.note.matches("((a|b)?){30}c")',
    'case.note.matches("(.*a){40}z")',
    r"case.note.matches(r'\pL+x')",
    'duration(case.other) > duration("1h")',
    "double(case.note) > 1.0 || int(case.note) > 1 || timestamp(case.note) != timestamp(case.due_at)",
    'case.tags.all(t, string(t) != "x")',
    '["a", "b", "c"].exists(word, case.note.contains(word))',
    "case.tags.all(t, case.count + 1 > 0 && case.amount * 2.0 > 1.0 && case.vip)",
    "case.tags.all(t, timestamp(case.due_at).getHours() == 20)",
)
"""Each ends within 100 ms on every one of the cases."""

REFUSED: Final = {
    "case.tags.all(a, case.note.contains(a))": "ms are allowed",
    "case.tags.all(a, case.tags.all(b, case.note.contains(b)))": "ms are allowed",
    "case.tags.all(a, case.more.all(b, a.contains(b)))": "ms are allowed",
    "case.tags.all(a, case.tags.all(b, size(case.note) > 0))": "ms are allowed",
    "case.tags.all(a, case.tags.all(b, case.note + case.other != a))": "ms are allowed",
    "case.tags.all(a, case.tags == case.more)": "ms are allowed",
    "case.tags.all(a, (case.tags + case.tags) == case.more)": "ms are allowed",
    "case.tags.all(a, case.more.all(b, !(a in case.more)))": "ms are allowed",
    "case.tags.all(a, bytes(case.note) + bytes(case.note) != b'x')": "ms are allowed",
    'case.tags.exists(a, duration(case.other) == duration("1s"))': "ms are allowed",
    r"case.tags.exists(t, t.matches(r'\pL+x'))": "ms are allowed",
    'case.tags.exists(t, case.note.matches("^a+$"))': "ms are allowed",
    "case.extra.all(a, case.note.contains(a))": "ms are allowed",
    "case.extra.exists(a, case.extra.exists(b, a + b == b))": "ms are allowed",
    "(" + "+".join(["case.note"] * 20) + ").contains(" + "+".join(["case.note"] * 8) + "+'z')": "ms are allowed",
    "case.tags.all(a, case.tags.all(b, case.tags.all(c, a == b)))": "within one another at most twice",
    "case.note.matches(case.other)": "is written out",
    "matches(case.note, case.other)": "is written out",
    'case.note.matches("a" + "b")': "is written out",
    "case.tags.exists(t, case.note.matches(t))": "is written out",
    'case.note.matches("((a|b)*a(a|b){30}){30}c")': "at most 200 are allowed",
    'case.note.matches("((a|b|ab|ba)?){900}c")': "at most 200 are allowed",
    'case.note.matches("(((a{9}){9}){9}){9}")': "at most 200 are allowed",
    'case.note.matches("(?i)(abc|abd){30}")': "at most 200 are allowed",
    r"case.note.matches(r'(\pL|a){25}c')": "ms are allowed",
}
"""Each with a part of what it is told."""

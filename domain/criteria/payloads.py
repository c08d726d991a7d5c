"""Expressions over what another system sent: CEL over `payload` and `headers`, checked when they are declared.

They are evaluated once, where a delivery is taken in, and never by a workflow. So they have more than criteria have:
maps, as tables from their words to ours (`{"3 high": "High"}[payload.ticket.priority.name]`), `map` and `filter`,
optional parts (`payload.?ticket.?owner.orValue(null)`) and functions of texts (`split`, `replace`, `lowerAscii`, ...).

`payload` is JSON, whose types only show when it comes. What can be told before is checked: syntax, names, the types of
what is written out, and whether the value may be what it is wanted for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from cel_expr_python import cel  # type: ignore[import-untyped]  # ships stubs, without saying so
from cel_expr_python.ext import ext_optional, ext_strings  # type: ignore[import-untyped]

from domain.criteria.complaints import CriteriaError, start, syntax_error, without_texts
from domain.criteria.evaluating import in_plain_words, type_in_words
from domain.criteria.fields import INT64_MAX, INT64_MIN, FieldType, nearest

ROOTS: Final = ("payload", "headers")

_ENVIRONMENT = cel.NewEnv(
    variables={"payload": cel.Type.DYN, "headers": cel.Type.Map(cel.Type.STRING, cel.Type.STRING)},
    extensions=[ext_optional.ExtOptional(), ext_strings.ExtStrings()],
)
_REPORT = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '(.+)' \(in container ''\)")
_MISMATCH = re.compile(r"found no matching overload for '(.+)' applied to '\((.*)\)'")


class Wanted(StrEnum):
    """What the value of an expression is to be. Null is none of it, and is taken wherever it may be left out."""

    CONDITION = "true or false"
    FLAG = "true, false or null"
    ID = "a text or a whole number"
    INSTANT = "an instant: a text, a timestamp, or seconds or milliseconds since 1970"
    TEXT = "a text"
    WHOLE = "a whole number"
    NUMBER = "a number"
    LIST = "a list"
    ANYTHING = "a text, a number, true, false, or a list of these"


_FITTING: Final[Mapping[Wanted, frozenset[str]]] = {
    Wanted.CONDITION: frozenset({"BOOL"}),
    Wanted.FLAG: frozenset({"BOOL", "NULL"}),
    Wanted.ID: frozenset({"STRING", "INT", "UINT", "NULL"}),
    Wanted.INSTANT: frozenset({"STRING", "INT", "UINT", "DOUBLE", "TIMESTAMP", "NULL"}),
    Wanted.TEXT: frozenset({"STRING", "NULL"}),
    Wanted.WHOLE: frozenset({"INT", "UINT", "NULL"}),
    Wanted.NUMBER: frozenset({"INT", "UINT", "DOUBLE", "NULL"}),
    Wanted.LIST: frozenset({"LIST", "NULL"}),
    Wanted.ANYTHING: frozenset({"STRING", "INT", "UINT", "DOUBLE", "BOOL", "TIMESTAMP", "LIST", "NULL"}),
}

WANTED_OF_FIELDS: Final[Mapping[FieldType, Wanted]] = {
    FieldType.STRING: Wanted.TEXT,
    FieldType.INTEGER: Wanted.WHOLE,
    FieldType.NUMBER: Wanted.NUMBER,
    FieldType.BOOLEAN: Wanted.FLAG,
    FieldType.DATETIME: Wanted.INSTANT,
    FieldType.LIST: Wanted.LIST,
    FieldType.ANY: Wanted.ANYTHING,
}
"""What an expression for a field of each type comes to."""


class NoValue(ValueError):
    """An expression that comes to nothing on a delivery; the text is a sentence's end: what it lacks."""


def check_expression(source: str, wanted: Wanted) -> None:
    """Refuse what cannot be evaluated, or cannot come to what is wanted.

    Raises:
        CriteriaError: with its position and a remedy.
    """
    bare = without_texts(source)
    try:
        result = _ENVIRONMENT.compile(source).return_type().name()
    except (RuntimeError, TypeError, ValueError) as error:
        raise _refusal(str(error), source, bare) from None
    if result.startswith("optional_type"):
        raise CriteriaError("the value may be missing; say what it is then: .orValue(null)", *start(source))
    kind = _kind(result)
    if kind != "DYN" and kind not in _FITTING[wanted]:
        raise CriteriaError(f"the value is {type_in_words(result)}, not {wanted}", *start(source))


class Delivered:
    """What another system sent, as expressions see it.

    Args:
        payload: JSON as it was read.
        headers: of the request, by their names in small letters.
    """

    __slots__ = ("_activation",)

    def __init__(self, payload: Any, headers: Mapping[str, str]) -> None:
        self._activation = _ENVIRONMENT.Activation({"payload": _plain(payload), "headers": dict(headers)})

    def value(self, source: str, wanted: Wanted) -> Any:
        """What an expression comes to on it: None, a text, a number, a truth value, an instant or a list.

        Raises:
            NoValue: it reads what is not there, or comes to something else.
        """
        try:
            found = _program(source).eval(self._activation)
            kind = _kind(found.type().name())
            said = None if kind == "NULL" else found.plain_value()
        except Exception as error:  # noqa: BLE001 - whatever the engine throws, a delivery is put aside with its reason
            raise NoValue(in_plain_words(str(error))) from None
        if kind == "ERROR":
            raise NoValue(in_plain_words(str(said)))
        if kind not in _FITTING[wanted]:
            raise NoValue(f"it comes to {type_in_words(found.type().name())}, not {wanted}")
        return said

    def holds(self, source: str) -> bool:
        """Whether a condition holds.

        Raises:
            NoValue: it reads what is not there, or is neither true nor false.
        """
        return self.value(source, Wanted.CONDITION) is True


@lru_cache(maxsize=4096)
def _program(source: str) -> cel.Expression:
    return _ENVIRONMENT.compile(source)


def _kind(name: str) -> str:
    """A type by its first word: `LIST<INT>` is a list."""
    kind = name.partition("<")[0].upper()
    wrapped = {"GOOGLE.PROTOBUF.TIMESTAMP": "TIMESTAMP", "NULL_TYPE": "NULL"}
    return wrapped.get(kind, kind)


def _plain(value: Any) -> Any:
    """JSON as the engine takes it: a whole number beyond 64 bits is the text of its digits, as an id is."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, int) and not INT64_MIN <= value <= INT64_MAX:
        return str(value)
    return value


def _refusal(text: str, source: str, bare: str) -> CriteriaError:
    """The first thing that the checker found."""
    reports = sorted((int(line), int(column), what) for line, column, what in _REPORT.findall(text))
    if not reports:
        return CriteriaError("the expression is too long, or nested too deeply", *start(bare))
    line, column, what = reports[0]
    if found := _UNDECLARED.fullmatch(what):  # which is reported where its first dot is
        name = found[1].partition(".")[0]
        column = source.split("\n")[line - 1].rfind(name, 0, column + len(name) - 1) + 1 or column
    return CriteriaError(_explained(what, bare), line, column)


def _explained(what: str, bare: str) -> str:
    if found := _UNDECLARED.fullmatch(what):
        name = found[1].split(".")[0]
        return f"unknown name {name!r}: {nearest(name, ROOTS)}; what was sent is read as payload.ticket.id"
    if found := _MISMATCH.fullmatch(what):
        shown = ", ".join(type_in_words(part.strip()) for part in found[2].split(","))
        return f"{found[1].strip('_').removeprefix('@')} does not apply to ({shown})"
    if what.startswith("Syntax error"):
        return syntax_error(what, bare)
    return what

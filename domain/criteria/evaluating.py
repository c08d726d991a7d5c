"""What a criterion says of a case: the evaluation of CEL at run time.

The same source and the same values have the same verdict in every process and at every time: criteria have no clock, no
time-zone database and no order of maps, and what the library says of an error is put into words that do not vary.
A workflow imports `cel_expr_python` passed through its sandbox; a second import in one process fails.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, Final, NamedTuple

from cel_expr_python import cel  # type: ignore[import-untyped]  # ships stubs, without saying so

from domain.criteria.fields import INT64_MAX, INT64_MIN, utc_text

ROOTS: Final = ("case", "entitlement", "account", "entry")
"""The names that criteria begin with; `entry` only in the rates of time entries."""

TIME_ZONE_FUNCTIONS: Final = {
    "getFullYear": "timestamp_to_year_with_tz",
    "getMonth": "timestamp_to_month_with_tz",
    "getDayOfYear": "timestamp_to_day_of_year_with_tz",
    "getDayOfMonth": "timestamp_to_day_of_month_with_tz",
    "getDate": "timestamp_to_day_of_month_1_based_with_tz",
    "getDayOfWeek": "timestamp_to_day_of_week_with_tz",
    "getHours": "timestamp_to_hours_with_tz",
    "getMinutes": "timestamp_to_minutes_with_tz",
    "getSeconds": "timestamp_to_seconds_tz",
    "getMilliseconds": "timestamp_to_milliseconds_with_tz",
}
"""Functions of a timestamp, with the overload that would read the time-zone database of the worker's machine."""

STANDARD_LIBRARY: Final = "\n".join(
    (
        "stdlib:",
        "  exclude_macros: [map, filter]",
        "  exclude_functions:",
        *(f"    - {{name: {name}, overloads: [{{id: {tz}}}]}}" for name, tz in TIME_ZONE_FUNCTIONS.items()),
        "",
    )
)
"""What is left out of CEL everywhere. More functions can be left out by appending lines."""

_DEEPEST = 16
_ENVIRONMENT = cel.NewEnv(
    config=cel.NewEnvConfigFromYaml(STANDARD_LIBRARY), variables=dict.fromkeys(ROOTS, cel.Type.DYN)
)


class Verdict(NamedTuple):
    """Whether a criterion holds, and if it could not be told, why.

    Attributes:
        holds: true only if the criterion's value is true.
        error: None if it could be evaluated; else a sentence, the same in every process.
    """

    holds: bool
    error: str | None


class Scope:
    """The values that criteria see, converted once for all criteria of one round of evaluation.

    Everything is copied into plain JSON data first: a str-enum, tuple, Decimal or date-time that was left in would turn
    every criterion false. What has no such form makes every verdict of this scope an error that names it.

    Args:
        values: `case`, `entitlement` and `account`, each a mapping or None; one that is missing is None.
    """

    __slots__ = ("_activation", "_nulls", "_problem", "_verdicts")

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._nulls = tuple(root for root in ROOTS if values.get(root) is None)
        self._problem: str | None = None
        self._activation: cel.Activation | None = None
        self._verdicts: dict[str, Verdict] = {}
        plain: dict[str, Any] = {}
        for root in ROOTS:
            try:
                plain[root] = _plain(values.get(root))
            except _NotPlainError as error:
                error.path = f"{root}{error.path}"
                self._problem = str(error)
                return
        self._activation = _ENVIRONMENT.Activation(plain)

    @classmethod
    def of_plain(cls, values: Mapping[str, Any]) -> Scope:
        """A scope of what is plain JSON data already, such as a case's fields that were checked; nothing is copied."""
        scope = cls.__new__(cls)
        scope._nulls = tuple(root for root in ROOTS if values.get(root) is None)  # noqa: SLF001 - its own class
        scope._problem = None  # noqa: SLF001
        scope._verdicts = {}  # noqa: SLF001
        scope._activation = _ENVIRONMENT.Activation({root: values.get(root) for root in ROOTS})  # noqa: SLF001
        return scope

    def evaluate(self, source: str | None) -> Verdict:
        """The verdict of one criterion; see `evaluate`. It is worked out once."""
        if not source or source.isspace():
            return Verdict(holds=True, error=None)
        verdict = self._verdicts.get(source)
        if verdict is None:
            verdict = self._verdicts[source] = self._worked_out(source)
        return verdict

    def _worked_out(self, source: str) -> Verdict:
        if self._problem is not None:
            return Verdict(holds=False, error=self._problem)
        program = _program(source)
        if isinstance(program, str):
            return Verdict(holds=False, error=program)
        try:
            value = program.eval(self._activation)
            kind = value.type()
            if kind == cel.Type.BOOL:
                return Verdict(holds=value.value() is True, error=None)
            if kind == cel.Type.ERROR:  # a value like others, and a truthy one
                return Verdict(holds=False, error=self._in_words(str(value.value()), source))
        except Exception as error:  # noqa: BLE001 - whatever the engine throws, a criterion never stops a case
            return Verdict(holds=False, error=self._in_words(str(error), source))
        return Verdict(holds=False, error=f"its value is {type_in_words(kind.name())}, neither true nor false")

    def _in_words(self, text: str, source: str) -> str:
        if _CODE.sub("", text) == _NO_FIELDS:
            nulls = [root for root in self._nulls if re.search(rf"\b{root}\b", source)]
            if nulls:
                return f"a field is read of {' or '.join(f'{root}, which is null' for root in nulls)}"
        return in_plain_words(text)


def evaluate(source: str | None, scope: Mapping[str, Any] | Scope) -> Verdict:
    """Whether a criterion holds. Never raises.

    A field that is not set (missing), a null where there has to be a value, or more than the engine's budget of
    iterations is an error, and the verdict is false. `a || b` and `a && b` absorb an error of one side that the other
    side decides. `has(case.x)` asks whether x is there, null or not.

    Args:
        source: CEL; None, empty or blank means always.
        scope: `case`, `entitlement` and `account` as plain data; a `Scope` where several criteria see the same values.
    """
    return (scope if isinstance(scope, Scope) else Scope(scope)).evaluate(source)


@lru_cache(maxsize=4096)
def _program(source: str) -> cel.Expression | str:
    """The compiled source, or why there is none; kept for the life of the process."""
    try:
        return untyped(source)
    except (RuntimeError, TypeError, ValueError) as error:
        first = _CODE.sub("", str(error)).partition("\n")[0]
        return f"it does not compile: {_ADDRESS.sub('', first)}"


def untyped(source: str) -> cel.Expression:
    """Compiled without declared types, as it is evaluated.

    Raises:
        RuntimeError: it does not compile.
        TypeError: it is no text that can be encoded.
    """
    return _ENVIRONMENT.compile(source)


class _NotPlainError(ValueError):
    """A value that JSON does not know, and where it is."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = ""

    def __str__(self) -> str:
        return f"{self.path} {self.reason}"


def _plain(value: Any, depth: int = 0) -> Any:
    """A copy in JSON's own types. Exact types come first: they are what a case's data is made of."""
    kind = type(value)
    if value is None or kind is bool or kind is float or (kind is str and value.isascii()):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        if not INT64_MIN <= value <= INT64_MAX:
            raise _NotPlainError("is a number beyond 64 bits")
        return int(value)
    if depth > _DEEPEST:
        raise _NotPlainError("is nested too deeply")
    if isinstance(value, Mapping):
        return _plain_mapping(value, depth)
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    return _foreign(value, depth)


def _plain_mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    plain = {}
    for key, item in value.items():
        if type(item) is str and type(key) is str and item.isascii() and key.isascii():  # nearly every field of a case
            plain[key] = item
            continue
        if not isinstance(key, str):
            raise _NotPlainError(f"has a key that is a {type(key).__name__}, not text")
        try:
            plain[_text(key)] = _plain(item, depth + 1)
        except _NotPlainError as error:
            error.path = f".{ascii(key)[1:-1]}{error.path}"
            raise
    return plain


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _NotPlainError("holds half a surrogate pair, which is no character") from None
    return str.__str__(value)  # of a str-enum's member: its value as a plain str


def _foreign(value: Any, depth: int) -> Any:
    """What is no JSON, but has one obvious form in it."""
    try:
        if isinstance(value, float | Decimal):
            return float(value)
        if isinstance(value, datetime):
            return utc_text(value)
    except ValueError as error:
        raise _NotPlainError(f"has no form in JSON: {error}") from None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return _plain(value.value, depth + 1)
    raise _NotPlainError(f"is a {type(value).__name__}, which is no JSON data")


# --- the engine's words, and ours ------------------------------------------------------------------------------------

_CODE = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_NO_FIELDS = "Applying SELECT to non-message type"
_NO_OVERLOAD = "No matching overloads found : "
_ERRORS = [
    (re.compile(pattern, re.DOTALL), words)
    for pattern, words in (
        (r'Key not found in map : "(?P<field>.*)"', "the field '{field}' is not set"),
        (r"Iteration budget exceeded", "it takes too many steps: exists or all over lists that are too long"),
        (_NO_OVERLOAD + r"<iter_range>", "exists or all is asked of something that is no list"),
        (_NO_OVERLOAD + r"<jump_condition>", "what stands before ? is neither true nor false"),
        (_NO_OVERLOAD + r"@in.*", "in is asked of something that is no list"),
        (_NO_OVERLOAD + r"[_-]?(?P<operator>\W+?)_?\((?P<types>.*)\)", "{operator} does not apply to ({types})"),
        (_NO_OVERLOAD + r"_?(?P<operator>\W+?)_?", "{operator} does not apply to these values"),
        (_NO_OVERLOAD + r"\((?P<of>.*)\)\.(?P<name>\w+)\((?P<types>.*)\)", "({of}).{name}({types}) is not possible"),
        (_NO_OVERLOAD + r"(?P<name>\w+)\((?P<types>.*)\)", "{name} does not apply to ({types})"),
        (r"String to Timestamp conversion failed", "timestamp() is given a text that is no date-time with an offset"),
        (r"String to Duration conversion failed", "duration() is given a text that is no duration such as 1h30m"),
        (r"Index error: index=(?P<index>-?\d+) size=(?P<size>\d+)", "a list of {size} has nothing at index {index}"),
    )
]
_TYPES = {
    "null_type": "null",
    "null": "null",
    "int64": "integer",
    "int": "integer",
    "uint64": "unsigned integer",
    "uint": "unsigned integer",
    "double": "number",
    "bool": "boolean",
    "dyn": "any",
    "google.protobuf.Timestamp": "timestamp",
    "google.protobuf.Duration": "duration",
}
_TYPE_NAME = re.compile(r"[A-Za-z_][\w.]*")


def in_plain_words(text: str) -> str:
    """What the engine says of an evaluation, in words that do not vary."""
    text = _CODE.sub("", text)
    if text == _NO_FIELDS:
        return "a field is read of something that has no fields"
    for pattern, words in _ERRORS:
        if found := pattern.fullmatch(text):
            groups = found.groupdict()
            groups |= {name: types_in_words(groups[name]) for name in ("of", "types") if name in groups}
            return words.format_map(groups)
    return _ADDRESS.sub("", text)


def types_in_words(text: str) -> str:
    """The engine's names of types in a text, replaced by those of the declarations."""
    return _TYPE_NAME.sub(lambda found: _TYPES.get(found[0], found[0]), text)


def type_in_words(name: str) -> str:
    """One type with its article, by the engine's name: `INT` is `an integer`."""
    words = types_in_words(name.lower()).replace("<", " of ").replace(">", "")
    if words == "null":
        return words
    return f"{'an' if words[0] in 'aeio' else 'a'} {words}"

"""The fields that criteria see: their declared types, and values checked against them.

An organisation declares the fields of its cases in its catalog. Those of `entitlement` and `account` are built in.
Fields are flat: a value is a scalar or a list of scalars, never an object, so that criteria never walk a map, whose
order would differ from process to process.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, assert_never

from pydantic import AfterValidator
from pydantic_core import to_json

from domain.bounds import MOST_FIELDS_BYTES, MOST_LIST_ITEMS, MOST_TEXT_BYTES, clean, is_within_the_years, quoted
from domain.years import FIRST_YEAR, LAST_YEAR

Scalar = str | int | float | bool | None
PlainValue = Scalar | list[Scalar]
"""A field's value as it travels: what JSON knows, nothing else."""

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset({"true", "false", "null", "in"})
_LISTED_NAMES = 12
_SHOWN_LENGTH = 60
_LONGEST_GUESSED = 100
"""Characters of a name for which the nearest known one is looked for."""
_MOST_GUESSED = 10
_MOST_PROBLEMS = 10
"""That are told of one set of values."""


class FieldType(StrEnum):
    """What a field holds. Every field may also be null, or not be there at all.

    A `datetime` travels as ISO 8601 text in UTC (`2025-06-13T20:45:00Z`); criteria read it as `timestamp(case.due_at)`.
    `any` is checked when the criteria run instead of when they are declared.
    """

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    LIST = "list"
    ANY = "any"


class FieldsError(ValueError):
    """Values or declarations that do not fit.

    Attributes:
        problems: one sentence for each, naming the field and what would be right.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(*self.problems)

    def __str__(self) -> str:
        return "; ".join(self.problems)


class _Misfit(ValueError):
    """One value that does not fit its type; the text is a sentence's end."""


def check_names(fields: dict[str, FieldType]) -> dict[str, FieldType]:
    """Refuses names that criteria could not spell.

    Raises:
        FieldsError: a name is no identifier, or a word of the criteria's own grammar.
    """
    problems = []
    for name in fields:
        if not _NAME.fullmatch(name):
            spelled = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "field"
            spelled = spelled if _NAME.fullmatch(spelled) else f"_{spelled}"
            problems.append(f"field {name!r} is no name in criteria: use letters, digits and _, such as {spelled!r}")
        elif name in _RESERVED:
            problems.append(f"field {name!r} has the name of a word of the criteria's grammar: name it {f'{name}_'!r}")
        elif name in CASE_FIELDS:
            problems.append(f"field {name!r} is built in: every case has it, so leave it out")
    if problems:
        raise FieldsError(problems)
    return fields


Fields = Annotated[dict[str, FieldType], AfterValidator(check_names)]
"""Declared fields by name, for pydantic models: names that criteria cannot spell are refused."""

CASE_FIELDS: Mapping[str, FieldType] = {"id": FieldType.STRING, "opened_at": FieldType.DATETIME}
"""What criteria see of every case beside the declared fields; an organisation can't declare these names again."""

ENTITLEMENT_FIELDS: Mapping[str, FieldType] = {
    "id": FieldType.STRING,
    "name": FieldType.STRING,
    "type": FieldType.STRING,
    "process": FieldType.STRING,
    "business_hours": FieldType.STRING,
    "account": FieldType.STRING,
    "asset": FieldType.STRING,
    "service_contract": FieldType.STRING,
    "contract_line_item": FieldType.STRING,
    "contacts": FieldType.LIST,
    "channels": FieldType.LIST,
    "products": FieldType.LIST,
    "starts_on": FieldType.STRING,
    "ends_on": FieldType.STRING,
    "unit": FieldType.STRING,
    "cap": FieldType.INTEGER,
    "period": FieldType.STRING,
}
"""What criteria see of an entitlement. The dates are local dates as ISO text, which compares in their order."""

ACCOUNT_FIELDS: Mapping[str, FieldType] = {
    "id": FieldType.STRING,
    "name": FieldType.STRING,
    "type": FieldType.STRING,
    "time_zone": FieldType.STRING,
}
"""What criteria see of an account."""


@dataclass(frozen=True)
class CriteriaSchema:
    """The fields that criteria may name, with their types; those of the case are the organisation's own."""

    case: Mapping[str, FieldType]
    entitlement: Mapping[str, FieldType] = field(default_factory=lambda: ENTITLEMENT_FIELDS)
    account: Mapping[str, FieldType] = field(default_factory=lambda: ACCOUNT_FIELDS)
    entry: Mapping[str, FieldType] = field(default_factory=dict)

    @property
    def roots(self) -> tuple[str, ...]:
        """The names that criteria may begin with: those that have fields."""
        return tuple(root for root in ("case", "entitlement", "account", "entry") if self.fields(root))

    def fields(self, root: str) -> Mapping[str, FieldType]:
        """The fields of `case`, `entitlement`, `account` or, in the rates of time entries, `entry`."""
        case = {**self.case, **CASE_FIELDS}
        return {"case": case, "entitlement": self.entitlement, "account": self.account, "entry": self.entry}[root]


def utc_text(at: datetime) -> str:
    """An instant as the text in which it travels: ISO 8601 in UTC with a `Z`; equal instants have equal texts.

    Args:
        at: an aware instant.

    Raises:
        ValueError: it has no offset, or falls outside the years 1 to 9999 in UTC.
    """
    if at.utcoffset() is None:
        raise ValueError(f"the date-time {at.isoformat()} has no offset")
    try:
        return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
    except OverflowError:
        raise ValueError(f"the date-time {at.isoformat()} is outside the years 1 to 9999 in UTC") from None


def nearest(name: str, known: Iterable[str], fits: Callable[[str], bool] | None = None) -> str:
    """The end of a message about an unknown name: `did you mean 'priority'?`, if that `fits`, or what there is."""
    names = sorted(known)
    if len(name) > _LONGEST_GUESSED:
        return f"a name has at most {_LONGEST_GUESSED} characters"
    by_folded = {candidate.casefold(): candidate for candidate in names}
    for close in difflib.get_close_matches(name.casefold(), by_folded, n=_MOST_GUESSED if fits else 1):
        if fits is None or fits(by_folded[close]):
            return f"did you mean {by_folded[close]!r}?"
    if not names:
        return "there are none"
    more = f" and {len(names) - _LISTED_NAMES} more" if len(names) > _LISTED_NAMES else ""
    return f"there are {', '.join(names[:_LISTED_NAMES])}{more}"


def check_values(
    values: Mapping[str, Any], fields: Mapping[str, FieldType], *, of: str = "case"
) -> dict[str, PlainValue]:
    """The values as plain JSON data of their declared types.

    A `datetime` becomes text in UTC, a number a float, an enum's member its value. Null fits every type. A field that
    is not among the values stays out of the answer.

    Args:
        values: by field; a change's as well as a whole case's.
        fields: the declaration.
        of: whose fields they are, for the messages.

    Raises:
        FieldsError: with every field that is unknown or does not fit, and what would be right.
    """
    plain: dict[str, PlainValue] = {}
    problems: list[str] = []
    for name, value in values.items():
        declared = fields.get(name)
        if declared is None:
            problems.append(f"unknown field {quoted(str(name))} of {of}: {nearest(str(name), fields)}")
            if len(problems) == _MOST_PROBLEMS:
                break
            continue
        try:
            plain[name] = _plain(value, declared)
        except _Misfit as misfit:
            problems.append(f"{of}.{name} is declared as {declared.value}: {misfit}")
    if problems:
        raise FieldsError(problems)
    return plain


def check_bounds(values: Mapping[str, PlainValue], standing: Mapping[str, PlainValue] | None = None) -> None:
    """Refuse values that are larger than a case may have. One that is no larger than what stands passes.

    Args:
        values: that are sent, checked against their declarations.
        standing: all fields of the case as they are; left out: it has none yet.

    Raises:
        FieldsError: with every field that is over a bound, and the bound; or that all together are.
    """
    standing = standing or {}
    problems = [
        f"{quoted(name)} {problem}" for name, value in values.items() if (problem := _excess(value, standing.get(name)))
    ]
    if problems:
        raise FieldsError(problems[:_MOST_PROBLEMS])
    together = len(to_json({**standing, **values}))
    if together > MOST_FIELDS_BYTES and together > len(to_json(dict(standing))):
        raise FieldsError(
            [f"the fields of a case have at most {MOST_FIELDS_BYTES // 1024} KB together, not {together:,} bytes"]
        )


def check_instants(
    values: Mapping[str, PlainValue],
    fields: Mapping[str, FieldType],
    standing: Mapping[str, PlainValue] | None = None,
) -> None:
    """Refuse instants outside the years in which something may be promised. One that stands as it is sent passes.

    Args:
        values: that are sent, checked against their declarations.
        fields: the declarations.
        standing: all fields of the case as they are; left out: it has none yet.

    Raises:
        FieldsError: with every field whose instant is outside.
    """
    problems = [
        f"{quoted(name)} is {value}; an instant lies in the years {FIRST_YEAR} to {LAST_YEAR}"
        for name, value in values.items()
        if isinstance(value, str)
        and fields.get(name) is FieldType.DATETIME
        and value != (standing or {}).get(name)
        and not is_within_the_years(datetime.fromisoformat(value))
    ]
    if problems:
        raise FieldsError(problems[:_MOST_PROBLEMS])


def _excess(value: PlainValue, standing: PlainValue) -> str | None:
    """What of a value is over a bound and larger than what stands, as the end of a sentence."""
    if isinstance(value, list):
        before = standing if isinstance(standing, list) else []
        if len(value) > max(MOST_LIST_ITEMS, len(before)):
            return f"has {len(value):,} items; a list has at most {MOST_LIST_ITEMS:,}"
        longest = max(map(_text_bytes, value), default=0)
        allowed = max(map(_text_bytes, before), default=0)
    else:
        longest, allowed = _text_bytes(value), _text_bytes(standing)
    if longest > max(MOST_TEXT_BYTES, allowed):
        return f"has a text of {longest:,} bytes; at most {MOST_TEXT_BYTES:,} are allowed"
    return None


def _text_bytes(value: PlainValue) -> int:
    return len(value.encode()) if isinstance(value, str) else 0


def _plain(value: Any, declared: FieldType) -> PlainValue:
    if value is None:
        return None
    match declared:
        case FieldType.STRING:
            return _string(value)
        case FieldType.INTEGER:
            return _integer(value)
        case FieldType.NUMBER:
            return _number(value)
        case FieldType.BOOLEAN:
            if isinstance(value, bool):
                return value
            raise _Misfit(f"{_shown(value)} is neither true nor false")
        case FieldType.DATETIME:
            return _datetime(value)
        case FieldType.LIST:
            if isinstance(value, list | tuple):
                return [_scalar(item) for item in value]
            raise _Misfit(f"{_shown(value)} is no list; a list of one is [{_shown(value)}]")
        case FieldType.ANY:
            return [_scalar(item) for item in value] if isinstance(value, list | tuple) else _scalar(value)
        case _:
            assert_never(declared)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise _Misfit(f"{_shown(value)} is no text; in quotes it would be")
    try:
        clean(value)
    except ValueError as error:
        raise _Misfit(str(error)) from None
    return str.__str__(value)  # of a str-enum's member: its value as a plain str


def _integer(value: Any) -> int:
    number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if not number or (not isinstance(value, int) and not _is_whole(value)):
        raise _Misfit(f"{_shown(value)} is no whole number, such as 3")
    if not INT64_MIN <= value <= INT64_MAX:
        raise _Misfit(f"{_shown(value)} is outside {INT64_MIN} to {INT64_MAX}")
    return int(value)


def _is_whole(value: float | Decimal) -> bool:
    return (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)) and value == int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _Misfit(f"{_shown(value)} is no number, such as 3 or 2.5")
    try:
        number = float(value)
    except (OverflowError, ValueError):
        number = math.inf
    if not math.isfinite(number):
        raise _Misfit(f"{_shown(value)} is no finite number, such as 3 or 2.5")
    return number


def _datetime(value: Any) -> str:
    example = "such as 2025-06-13T16:45:00-04:00 or 2025-06-13T20:45:00Z"
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise _Misfit(f"{_shown(value)} is no ISO 8601 date-time, {example}") from None
    if not isinstance(value, datetime):
        raise _Misfit(f"{_shown(value)} is no ISO 8601 date-time, {example}")
    if value.utcoffset() is None:
        raise _Misfit(f"'{value.isoformat()}' has no offset, and so is no instant; write one, {example}")
    try:
        return utc_text(value)
    except ValueError as error:
        raise _Misfit(str(error)) from None


def _scalar(value: Any) -> Scalar:
    match value:
        case None | bool():
            return value
        case str():
            return _string(value)
        case int():
            return _integer(value)
        case float() | Decimal():
            return _number(value)
        case datetime():
            return _datetime(value)
        case Mapping():
            raise _Misfit("an object is no value of a field; give each of its keys a field of its own")
        case _:
            raise _Misfit(f"{_shown(value)} is neither text, number, true, false nor null")


def _shown(value: Any) -> str:
    """The value as a message shows it: JSON's own kinds as they are, anything else by the name of its kind."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, str):
        value = str.__str__(value)
    elif isinstance(value, int) and not INT64_MIN <= value <= INT64_MAX:
        return "a number that long"
    elif not isinstance(value, int | float):
        return f"a {type(value).__name__}"
    shown = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return shown if len(shown) <= _SHOWN_LENGTH else f"{shown[: _SHOWN_LENGTH - 3]}..."

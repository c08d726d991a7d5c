"""Fields whose values are listed: what is declared, what is sent, and what criteria compare with.

A list of values is all there is: another value is a slip of the pen, or a declaration that is missing. Null fits every
field. A value that a case has is no slip, also when it is on the list no longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from domain.bounds import MOST_LIST_ITEMS, quoted
from domain.criteria.complaints import CriteriaError
from domain.criteria.evaluating import untyped
from domain.criteria.fields import (
    FieldsError,
    FieldType,
    PlainValue,
    check_bounds,
    check_instants,
    check_values,
    nearest,
)
from domain.criteria.syntax import Call, Comprehension, Constant, ListLiteral, Name, Node, Select, parts_of, tree_of

Listed = Mapping[str, Sequence[str | int]]
"""Of fields whose values are listed, these in their order."""

WITH_VALUES: Final = (FieldType.STRING, FieldType.INTEGER, FieldType.LIST)
"""Types of fields whose values may be listed; of a list its items are."""

_EQUALS: Final = ("_==_", "_!=_")


def read_values(name: str, kind: FieldType, raw: Any) -> list[str | int]:
    """The values of a field, as its declaration lists them.

    Args:
        name: of the field.
        kind: its type.
        raw: what is declared.

    Raises:
        FieldsError: it is no list of values of that type, or one comes twice.
    """
    if kind not in WITH_VALUES:
        raise FieldsError([f"the values of a {kind.value} cannot be listed; those of string, integer and list can"])
    if not isinstance(raw, list) or not raw:
        raise FieldsError(["values: expected a list of all there are, such as [Low, High]; without it any value fits"])
    if len(raw) > MOST_LIST_ITEMS:
        raise FieldsError([f"values: {len(raw):,} are listed; at most {MOST_LIST_ITEMS:,} may be"])
    of_each = FieldType.INTEGER if kind is FieldType.INTEGER else FieldType.STRING
    values: list[str | int] = []
    for item in raw:
        if item is None:
            raise FieldsError(["values: null fits every field; leave it out"])
        try:
            value = check_values({name: item}, {name: of_each})[name]
        except FieldsError as error:
            raise FieldsError([f"values: {str(error).partition(': ')[2]}"]) from None
        if value in values:
            raise FieldsError([f"values: {quoted(str(value))} is listed twice"])
        assert isinstance(value, str | int)  # noqa: S101  of which of_each is
        values.append(value)
    return values


def check_new(values: Mapping[str, Any], fields: Mapping[str, FieldType], listed: Listed) -> dict[str, PlainValue]:
    """The fields of a case that is to be opened, as plain data of their types.

    Args:
        values: as they are sent.
        fields: the declarations.
        listed: the values of fields of which they are listed.

    Raises:
        FieldsError: one is unknown, does not fit, is over a bound, or is none of its values.
    """
    checked = check_values(values, fields)
    check_bounds(checked)
    check_instants(checked, fields)
    check_listed(checked, listed)
    return checked


def check_listed(values: Mapping[str, PlainValue], listed: Listed, standing: Mapping[str, Any] | None = None) -> None:
    """Refuse values that are not on the lists of their fields. What a case has already may stay.

    Args:
        values: that are sent, checked against their types.
        listed: of the fields.
        standing: the fields of the case as they are.

    Raises:
        FieldsError: with every field that has another value, and the nearest that would be right.
    """
    problems = [
        f"case.{name}: {_shown(value)} is none of its values; {nearest(str(value), map(str, listed[name]))}"
        for name, sent in values.items()
        if name in listed
        for value in _others(sent, listed[name], (standing or {}).get(name))
    ]
    if problems:
        raise FieldsError(dict.fromkeys(problems))


def _others(sent: PlainValue, listed: Sequence[str | int], standing: Any) -> Iterator[Any]:
    has = standing if isinstance(standing, list) else [standing]
    for value in sent if isinstance(sent, list) else [sent]:
        if value is not None and value not in listed and value not in has:
            yield value


def check_compared(source: str, listed: Listed) -> None:
    """Refuse a criterion that compares a field with what is none of its values: it would never hold, or always.

    Args:
        source: a criterion that compiles.
        listed: of the fields of a case.

    Raises:
        CriteriaError: with the position of the first such value, and the nearest that would be right.
    """
    if not any(name in source for name in listed):
        return
    tree = tree_of(untyped(source))
    for name, constant in sorted(_compared(tree.root, {}), key=lambda found: tree.offsets.get(found[1].id, 0)):
        value = constant.text if constant.text is not None else constant.number
        if name not in listed or value is None or value in listed[name]:
            continue
        offset = tree.offsets.get(constant.id, 0)
        line, column = source.count("\n", 0, offset) + 1, offset - source.rfind("\n", 0, offset)
        hint = nearest(str(value), map(str, listed[name]))
        raise CriteriaError(f"{_shown(value)} is none of the values of case.{name}; {hint}", line, column)


def values_compared(source: str) -> Iterator[tuple[str, str | int]]:
    """Every field of a case that a criterion compares with a value that it names, with that value.

    Args:
        source: a criterion that compiles.
    """
    for name, constant in _compared(tree_of(untyped(source)).root, {}):
        value = constant.text if constant.text is not None else constant.number
        if value is not None:
            yield name, value


def _compared(node: Node, items: Mapping[str, str]) -> Iterator[tuple[str, Constant]]:
    """Fields of a case, each with a constant that it or one of its items is compared with.

    Args:
        node: where to look.
        items: of variables of macros: whose items they stand for.
    """
    match node:
        case Call(function=function, arguments=[one, other]) if function in _EQUALS:
            yield from _with(one, [other], items)
            yield from _with(other, [one], items)
        case Call(function="@in", arguments=[one, ListLiteral(elements=elements)]):
            yield from _with(one, elements, items)
            for element in elements:
                yield from _with(element, [one], items)
        case Call(function="@in", arguments=[one, other]):
            yield from _with(other, [one], items)
        case _:
            pass
    if isinstance(node, Comprehension) and (name := _field(node.range, items)):
        items = {**items, node.variable: name}
    for inner in parts_of(node):
        yield from _compared(inner, items)


def _with(node: Node, others: Iterable[Node], items: Mapping[str, str]) -> Iterator[tuple[str, Constant]]:
    name = _field(node, items)
    if name is not None:
        for other in others:
            values = other.elements if isinstance(other, ListLiteral) else [other]
            yield from ((name, value) for value in values if isinstance(value, Constant))


def _field(node: Node, items: Mapping[str, str]) -> str | None:
    match node:
        case Select(operand=Name(name="case"), field=field, is_test=False):
            return field
        case Name(name=name):
            return items.get(name)
        case Call(function="_[_]", arguments=[values, _]):
            return _field(values, items)
        case _:
            return None


def _shown(value: Any) -> str:
    return quoted(value) if isinstance(value, str) else str(value)

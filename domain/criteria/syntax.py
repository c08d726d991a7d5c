"""The syntax tree of a criterion, read from what the engine keeps of a compiled source.

The engine shows its tree only as bytes of protobuf (`cel.expr.CheckedExpr`), whose descriptors are in no package that
Milepost needs. The few kinds of nodes are read here, straight from the wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from cel_expr_python import cel  # type: ignore[import-untyped]  # ships stubs, without saying so

DEEPEST: Final = 100
"""Nodes within one another; the engine itself allows 250."""

# The numbers of the fields of `cel.expr.Expr`, one for each kind of node.
_CONSTANT, _NAME, _SELECT, _CALL, _LIST, _COMPREHENSION = 3, 4, 5, 6, 7, 9
_NUMBER_OF_CONSTANT, _TEXT_OF_CONSTANT, _BYTES_OF_CONSTANT = 3, 6, 7
_SIGN = 1 << 63

Message = Mapping[int, list[bytes | int]]
"""The fields of a message by their numbers, each with its values."""


class NestedTooDeeplyError(ValueError):
    """The tree is deeper than a criterion may be."""


@dataclass(frozen=True)
class Node:
    """An expression.

    Attributes:
        id: unique in its tree.
    """

    id: int


@dataclass(frozen=True)
class Constant(Node):
    """A literal.

    Attributes:
        text: None: it is no text.
        size: of a text or of bytes, in bytes.
        number: None: it is no whole number with a sign.
    """

    text: str | None
    size: int
    number: int | None = None


@dataclass(frozen=True)
class Name(Node):
    """A name that stands for itself: `case`, or the variable of a comprehension."""

    name: str


@dataclass(frozen=True)
class Select(Node):
    """A field of something, or the question whether it is there."""

    operand: Node
    field: str
    is_test: bool


@dataclass(frozen=True)
class Call(Node):
    """A function or an operator, its target first among the arguments."""

    function: str
    arguments: list[Node]


@dataclass(frozen=True)
class ListLiteral(Node):
    """A list that is written out."""

    elements: list[Node]


@dataclass(frozen=True)
class Comprehension(Node):
    """A macro over a list.

    Attributes:
        variable: stands for one item after another.
        accumulated: the name of what has come of the items so far.
        once: what is evaluated before and after the items.
        each: what is evaluated for every item.
    """

    variable: str
    accumulated: str
    range: Node
    once: list[Node] = field(default_factory=list)
    each: list[Node] = field(default_factory=list)


@dataclass(frozen=True)
class Tree:
    """A criterion.

    Attributes:
        offsets: by a node's id, the character in the source at which it stands.
    """

    root: Node
    offsets: Mapping[int, int]


def tree_of(compiled: cel.Expression) -> Tree:
    """The syntax tree of a compiled source.

    Raises:
        NestedTooDeeplyError: it has more than so many nodes within one another.
    """
    checked = _message(_bytes(_message(compiled.serialize()), 2))  # an Any, whose field 2 is the message
    source = _message(_bytes(checked, 5))
    entries = (_message(entry) for entry in source.get(4, []) if isinstance(entry, bytes))
    offsets = {_int(entry, 1): _int(entry, 2) for entry in entries}
    return Tree(_node(_bytes(checked, 4), 0), offsets)


def parts_of(node: Node) -> Iterable[Node]:
    """The nodes that a node is made of."""
    match node:
        case Call():
            return node.arguments
        case ListLiteral():
            return node.elements
        case Comprehension():
            return [node.range, *node.once, *node.each]
        case Select():
            return [node.operand]
        case _:
            return ()


def _node(encoded: bytes, depth: int) -> Node:
    if depth > DEEPEST:
        raise NestedTooDeeplyError
    expression = _message(encoded)
    number = _int(expression, 2)
    if _NAME in expression:
        return Name(number, _text(_message(_bytes(expression, _NAME)), 1))
    if _SELECT in expression:
        select = _message(_bytes(expression, _SELECT))
        return Select(number, _node(_bytes(select, 1), depth + 1), _text(select, 2), is_test=bool(_int(select, 3)))
    if _CALL in expression:
        call = _message(_bytes(expression, _CALL))
        return Call(number, _text(call, 2), _nodes(call, 1, depth) + _nodes(call, 3, depth))
    if _LIST in expression:
        return ListLiteral(number, _nodes(_message(_bytes(expression, _LIST)), 1, depth))
    if _COMPREHENSION in expression:
        return _comprehension(number, _message(_bytes(expression, _COMPREHENSION)), depth)
    constant = _message(_bytes(expression, _CONSTANT))
    text = _text(constant, _TEXT_OF_CONSTANT) if _TEXT_OF_CONSTANT in constant else None
    size = len(_bytes(constant, _TEXT_OF_CONSTANT)) + len(_bytes(constant, _BYTES_OF_CONSTANT))
    whole = _int(constant, _NUMBER_OF_CONSTANT) if _NUMBER_OF_CONSTANT in constant else None
    return Constant(number, text, size, whole if whole is None or whole < _SIGN else whole - 2 * _SIGN)


def _comprehension(number: int, message: Message, depth: int) -> Comprehension:
    return Comprehension(
        number,
        variable=_text(message, 1),
        accumulated=_text(message, 3),
        range=_node(_bytes(message, 2), depth + 1),
        once=_nodes(message, 4, depth) + _nodes(message, 7, depth),
        each=_nodes(message, 5, depth) + _nodes(message, 6, depth),
    )


def _nodes(message: Message, number: int, depth: int) -> list[Node]:
    return [_node(encoded, depth + 1) for encoded in message.get(number, []) if isinstance(encoded, bytes)]


# --- the wire ---


def _message(encoded: bytes) -> Message:
    fields: dict[int, list[bytes | int]] = {}
    for number, value in _fields(encoded):
        fields.setdefault(number, []).append(value)
    return fields


def _fields(encoded: bytes) -> Iterator[tuple[int, bytes | int]]:
    at = 0
    while at < len(encoded):
        key, at = _varint(encoded, at)
        number, kind = key >> 3, key & 7
        match kind:
            case 0:
                value, at = _varint(encoded, at)
                yield number, value
            case 2:
                size, at = _varint(encoded, at)
                yield number, encoded[at : at + size]
                at += size
            case 1:
                at += 8  # a number with a point: its value does not matter
            case 5:
                at += 4
            case _:
                raise ValueError(f"a wire type {kind} that protobuf does not write")


def _varint(encoded: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = encoded[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def _bytes(message: Message, number: int) -> bytes:
    value = message.get(number, [b""])[-1]
    return value if isinstance(value, bytes) else b""


def _int(message: Message, number: int) -> int:
    value = message.get(number, [0])[-1]
    return value if isinstance(value, int) else 0


def _text(message: Message, number: int) -> str:
    return _bytes(message, number).decode("utf-8", "replace")

"""Which fields a criterion reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from domain.criteria.evaluating import ROOTS, untyped
from domain.criteria.syntax import Call, Constant, Name, NestedTooDeeplyError, Node, Select, parts_of, tree_of


class FieldRead(NamedTuple):
    """A field that a criterion names, as `case.x` or `case["x"]`, or asks whether it is there."""

    root: str
    field: str


def fields_read(source: str) -> list[FieldRead]:
    """The fields that a criterion names, each once, in their order in its source.

    Args:
        source: of a criterion that compiles. One that nests deeper than may be declared names none.
    """
    try:
        tree = tree_of(untyped(source))
    except NestedTooDeeplyError:
        return []
    found = sorted(_read(tree.root), key=lambda each: tree.offsets.get(each[0].id, 0))
    return list(dict.fromkeys(read for _, read in found))


def _read(node: Node) -> Iterator[tuple[Node, FieldRead]]:
    match node:
        case Select(operand=Name(name=root), field=field) if root in ROOTS:
            yield node, FieldRead(root, field)
        case Call(function="_[_]", arguments=[Name(name=root), Constant(text=str(field))]) if root in ROOTS:
            yield node, FieldRead(root, field)
        case _:
            for part in parts_of(node):
                yield from _read(part)

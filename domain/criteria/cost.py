"""How long a criterion can take on a case at the bounds, told from its syntax tree.

A criterion is evaluated within a step of a case, whose worker does nothing else meanwhile. So what could take too long
on a case whose texts and lists are as large as they may be is refused when it is declared. The estimate is made of
measured prices (benchmarks/criteria.py), rounded up; what it lets pass takes less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from domain.bounds import MOST_FIELDS_BYTES, MOST_LIST_ITEMS, MOST_TEXT_BYTES
from domain.criteria.fields import CriteriaSchema, FieldType
from domain.criteria.patterns import MOST_STATES, pattern_work
from domain.criteria.syntax import Call, Comprehension, Constant, ListLiteral, Name, Node, Select, Tree

MOST_NANOSECONDS: Final = 50_000_000
"""The estimate that a criterion may have: half of the 100 ms that it may take, for slower machines."""

MOST_NANOSECONDS_TOGETHER: Final = 500_000_000
"""The estimate that all criteria of a process may have together: they are evaluated in one step of a case."""

DEEPEST_LOOP: Final = 2
"""exists() and all() within one another."""

_ITERATIONS: Final = 10_000
"""After which the engine gives up, over all loops of one evaluation."""

# Prices in nanoseconds, rounded up.
_NODE, _ITERATION, _ITEM, _CONVERSION, _PATTERN = 50, 250, 60, 1000, 4000
_COPIED_BYTE, _COMPARED_BYTE, _COUNTED_BYTE, _PARSED_BYTE, _SEARCHED_BYTE = 1.0, 0.1, 1.2, 10.0, 9.0
_SEARCHED_PAIR = 0.03  # of a byte of the text with one of what is searched in it, compared many at a time
_MATCHED_BYTE, _MATCHED_STATE = 5.0, 0.5
_COMPILED = 1500  # for each microsecond that was measured


class TooExpensive(ValueError):
    """A criterion that could take too long.

    Attributes:
        message: what it does, and what is allowed.
        node: the id of the node at which it does it.
    """

    def __init__(self, message: str, node: int) -> None:
        super().__init__(message)
        self.message = message
        self.node = node


@dataclass(frozen=True)
class Size:
    """How large a value can be.

    Attributes:
        text: bytes, if it is a text.
        items: items, if it is a list.
        total: bytes of all items together.
        item: one of them, if it is as large as one can be; None: they are small.
    """

    text: float = 0
    items: float = 0
    total: float = 0
    item: Size | None = None

    def joined(self, other: Size) -> Size:
        """Either of the two."""
        return Size(
            max(self.text, other.text),
            max(self.items, other.items),
            max(self.total, other.total),
            _either(self.item, other.item),
        )

    def appended(self, other: Size) -> Size:
        """One after the other."""
        return Size(
            self.text + other.text,
            self.items + other.items,
            self.total + other.total,
            _either(self.item, other.item),
        )

    @property
    def bytes(self) -> float:
        """All that it consists of."""
        return self.text + self.total

    def walks(self) -> Iterator[tuple[float, Size]]:
        """The ways in which its bytes can be spread over its items that matter: many small ones, a few large ones."""
        item = self.item or SMALL
        if not self.items:
            return
        share = min(item.text, self.total / self.items)
        yield self.items, Size(share, item.items, item.total, item.item)
        if share < item.text:
            yield max(self.total / item.text, 1), item


SMALL: Final = Size(text=32)
"""A number, true or false, an instant as text."""
TEXT: Final = Size(text=MOST_TEXT_BYTES)
LIST: Final = Size(items=MOST_LIST_ITEMS, total=MOST_FIELDS_BYTES, item=TEXT)


def _either(one: Size | None, other: Size | None) -> Size | None:
    return one.joined(other) if one and other else one or other


def _declared_size(declared: FieldType | None) -> Size:
    match declared:
        case FieldType.STRING:
            return TEXT
        case FieldType.LIST:
            return LIST
        case FieldType.INTEGER | FieldType.NUMBER | FieldType.BOOLEAN | FieldType.DATETIME:
            return SMALL
        case FieldType.ANY | None:
            return TEXT.joined(LIST)
        case _:
            assert_never(declared)


class Estimate:
    """The price of a criterion, node by node.

    Attributes:
        nanoseconds: in all.
        prices: of each node by itself, by its id.
    """

    def __init__(self, tree: Tree, schema: CriteriaSchema) -> None:
        """Estimate a criterion.

        Raises:
            TooExpensive: its loops nest too deeply, or a pattern of matches() is not written out, or too large.
        """
        self._schema = schema
        self.prices: dict[int, float] = {}
        self._size(tree.root, {}, 1, 0)

    @property
    def nanoseconds(self) -> float:
        """The price of all nodes."""
        return sum(self.prices.values())

    def _pay(self, node: Node, price: float, times: float) -> None:
        self.prices[node.id] = self.prices.get(node.id, 0) + price * min(times, _ITERATIONS)

    def _size(self, node: Node, known: Mapping[str, Size], times: float, depth: int) -> Size:
        """The size of a node's value; its price is paid for so many times."""
        self._pay(node, _NODE, times)
        match node:
            case Constant():
                return Size(text=node.size) if node.size else SMALL
            case Name():
                return known.get(node.name, SMALL)
            case Select():
                return self._field(node, known, times, depth)
            case ListLiteral():
                sizes = [self._size(element, known, times, depth) for element in node.elements]
                self._pay(node, _ITEM * len(sizes), times)
                item = SMALL
                for size in sizes:
                    item = item.joined(size)
                return Size(items=len(sizes), total=sum(size.bytes for size in sizes), item=item)
            case Call():
                return self._call(node, known, times, depth)
            case Comprehension():
                return self._loop(node, known, times, depth)
            case _:
                raise TypeError(f"unknown node {node!r}")

    def _field(self, node: Select, known: Mapping[str, Size], times: float, depth: int) -> Size:
        self._size(node.operand, known, times, depth)
        if node.is_test:
            return SMALL
        root = node.operand.name if isinstance(node.operand, Name) else ""
        declared = self._schema.fields(root) if root in self._schema.roots else {}
        return _declared_size(declared.get(node.field))

    def _loop(self, node: Comprehension, known: Mapping[str, Size], times: float, depth: int) -> Size:
        if depth == DEEPEST_LOOP:
            raise TooExpensive(f"exists() and all() stand within one another at most {_words(DEEPEST_LOOP)}", node.id)
        over = self._size(node.range, known, times, depth)
        inside = {**known, node.accumulated: SMALL}
        for part in node.once:
            self._size(part, inside, times, depth)
        before = self.prices
        worst: dict[int, float] = {}
        for count, item in over.walks():
            self.prices = {}
            self._pay(node, _ITERATION, times * count)
            for part in node.each:
                self._size(part, {**inside, node.variable: item}, times * count, depth + 1)
            if sum(self.prices.values()) > sum(worst.values()):
                worst = self.prices
        self.prices = {number: before.get(number, 0) + worst.get(number, 0) for number in before | worst}
        return SMALL

    def _call(self, node: Call, known: Mapping[str, Size], times: float, depth: int) -> Size:
        sizes = [self._size(argument, known, times, depth) for argument in node.arguments]
        first, *others = sizes or [SMALL]
        second = others[0] if others else SMALL
        self._pay(node, self._price(node, first, second), times)
        match node.function:
            case "_?_:_":
                return second.joined(others[1]) if len(others) > 1 else second
            case "_+_":
                return first.appended(second)
            case "_[_]":
                return first.item or SMALL
            case "string" | "bytes":
                return Size(text=max(first.text, SMALL.text))
            case _:
                return SMALL

    def _price(self, node: Call, first: Size, second: Size) -> float:
        both = first.bytes + second.bytes
        match node.function:
            case "contains":
                return first.text * (_SEARCHED_BYTE + _SEARCHED_PAIR * min(second.text, first.text / 4))
            case "matches":
                return _matching(node, first)
            case "size":
                return first.text * _COUNTED_BYTE
            case "_+_" | "string" | "bytes":
                return both * _COPIED_BYTE + _ITEM * (first.items + second.items)
            case "timestamp" | "duration" | "double" | "int" | "uint" | "bool":
                return _CONVERSION + first.text * _PARSED_BYTE
            case _:
                return both * _COMPARED_BYTE + _ITEM * (first.items + second.items)


def _matching(node: Call, text: Size) -> float:
    pattern = node.arguments[1] if len(node.arguments) > 1 else node
    if not isinstance(pattern, Constant) or pattern.text is None:
        raise TooExpensive(
            "the pattern of matches() is written out, as in case.x.matches(r'^[A-Z]{2}-[0-9]+$'); "
            "to look for the text of a field write case.x.contains(case.y)",
            pattern.id,
        )
    work = pattern_work(pattern.text)
    if work.states > MOST_STATES:
        raise TooExpensive(
            f"the pattern of matches() has {work.states:,} parts, each repetition counted; "
            f"at most {MOST_STATES} are allowed",
            pattern.id,
        )
    return _PATTERN + work.compile_us * _COMPILED + text.text * (_MATCHED_BYTE + work.states * _MATCHED_STATE)


def _words(count: int) -> str:
    return "twice" if count == DEEPEST_LOOP else f"{count} times"

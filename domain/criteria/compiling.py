"""Criteria: CEL expressions over `case`, `entitlement` and `account`, checked when they are declared.

What is checked: names and types against the declared fields, the result, and that nothing in the source could say
something else in another process: no clock, no time zones, no maps (their order varies). What a criterion says of a
case is the business of `domain.criteria.evaluating`, whose names are exported here too.

How a declared type reads in criteria:

    string, boolean     as they are: `case.priority == "High"`, `case.vip`
    integer, number     compared with each other as they are (`case.amount > 1000`); arithmetic wants like with like
                        (`case.amount * 2.0`)
    datetime            ISO text in the data, so always `timestamp(case.due_at)`; only `== null` and `has()` without
    list                `"vip" in case.tags`, `case.tags.exists(t, t.startsWith("v"))`, `size(case.tags)`
    any                 whatever the value turns out to be

Every field may be compared with null. `has(case.x)` is true when x is there, null or not.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from cel_expr_python import cel  # type: ignore[import-untyped]  # ships stubs, without saying so
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.struct_pb2 import Value
from google.protobuf.wrappers_pb2 import StringValue

from domain.bounds import MOST_LIST_ITEMS, MOST_TEXT_BYTES
from domain.criteria.complaints import (
    DATETIME,
    NESTED_TOO_DEEPLY,
    PACKAGE,
    CriteriaError,
    declared_words,
    refusal,
    start,
    without_texts,
)
from domain.criteria.cost import MOST_NANOSECONDS, Estimate, TooExpensive
from domain.criteria.evaluating import STANDARD_LIBRARY, Scope, Verdict, evaluate, type_in_words, untyped
from domain.criteria.fields import CriteriaSchema, FieldType
from domain.criteria.syntax import NestedTooDeeplyError, Tree, tree_of

__all__ = ["CriteriaError", "CriteriaSchema", "Scope", "Verdict", "compile_criteria", "evaluate"]


def compile_criteria(source: str | None, schema: CriteriaSchema) -> float:
    """Checks a criterion against the declared fields. None, empty or blank means always, and is right.

    Returns:
        How long it takes at most on a case at the bounds, in nanoseconds; see `domain.criteria.cost`.

    Raises:
        CriteriaError: an unknown name, a wrong type, a syntax error, a result that is neither true nor false, a macro
            or overload that is left out, or what could take too long; the first in the source's order, with its
            position and a remedy.
    """
    if not source or source.isspace():
        return 0
    bare = without_texts(source)
    if (brace := bare.find("{")) >= 0:
        line = source.count("\n", 0, brace) + 1
        column = brace - source.rfind("\n", 0, brace)
        raise CriteriaError("a criterion holds no maps and no messages; alternatives are a list, [...]", line, column)
    key = tuple((root, tuple(sorted(schema.fields(root).items()))) for root in schema.roots)
    checker = _checker(key)
    try:
        result = checker.compile(source).return_type()
        program = untyped(source)  # as it will be evaluated: what only the checker knows is refused here
    except (RuntimeError, TypeError, ValueError) as error:
        raise refusal(str(error), source, schema) from None
    if result not in (cel.Type.BOOL, cel.Type.DYN):
        value = type_in_words(declared_words(result.name()))
        message = f"the value is {value}, neither true nor false; compare it with something (==, <, in)"
        raise CriteriaError(message, *start(bare))
    return _price(program, source, bare, schema)


def estimate(source: str, schema: CriteriaSchema) -> float:
    """How long a criterion takes at most on a case at the bounds, in nanoseconds; see `domain.criteria.cost`.

    Raises:
        TooExpensive: its loops nest too deeply, or a pattern of matches() is not written out, or too large.
    """
    return Estimate(tree_of(untyped(source)), schema).nanoseconds


def _price(program: cel.Expression, source: str, bare: str, schema: CriteriaSchema) -> float:
    try:
        tree = tree_of(program)
    except NestedTooDeeplyError:
        raise CriteriaError(NESTED_TOO_DEEPLY, *start(bare)) from None
    try:
        price = Estimate(tree, schema)
    except TooExpensive as refused:
        raise CriteriaError(refused.message, *_position(tree, refused.node, source)) from None
    if price.nanoseconds <= MOST_NANOSECONDS:
        return price.nanoseconds
    dearest = max(price.prices, key=lambda node: price.prices[node])
    message = (
        f"on a case at the bounds ({MOST_LIST_ITEMS:,} items in a list, {MOST_TEXT_BYTES // 1024} KB in a text) this "
        f"takes {price.nanoseconds / 1e6:,.0f} ms; at most {MOST_NANOSECONDS / 1e6:.0f} ms are allowed. Keep what goes "
        "through a whole text or list (contains, matches, size, in, +) out of exists() and all(), or ask it of the "
        "item alone"
    )
    raise CriteriaError(message, *_position(tree, dearest, source))


def _position(tree: Tree, node: int, source: str) -> tuple[int, int]:
    """Line and column of a node."""
    offset = tree.offsets.get(node, 0)
    return source.count("\n", 0, offset) + 1, offset - source.rfind("\n", 0, offset)


# --- the checker: CEL's own, told of the declared fields by protobuf messages built here ------------------------------

# Wrapper messages keep `== null` and has() working and refuse what is of another type. A date-time is a message of its
# own: it is text in the data, so neither a comparison with text nor one with a timestamp may pass.
_MESSAGES: Final = {
    FieldType.STRING: ".google.protobuf.StringValue",
    FieldType.INTEGER: ".google.protobuf.Int64Value",
    FieldType.NUMBER: ".google.protobuf.DoubleValue",
    FieldType.BOOLEAN: ".google.protobuf.BoolValue",
    FieldType.DATETIME: f".{DATETIME}",
    FieldType.LIST: ".google.protobuf.ListValue",
    FieldType.ANY: ".google.protobuf.Value",
}

_ORDERED: Final = ("bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration")
_NUMBERS: Final = (("int", "double"), ("double", "int"))


def _declared(name: str, *signatures: str, returns: str = "bool") -> str:
    """A function for the checker alone, in the YAML of the engine's configuration."""
    spelled = re.sub(r"[<>]", r"\\\g<0>", name)  # in a signature a bare < would open a type's parameters
    overloads = ", ".join(
        f"{{id: 'checked {name} {number}', signature: '{spelled}({signature})', return: {returns}}}"
        for number, signature in enumerate(signatures)
    )
    return f"  - {{name: '{name}', overloads: [{overloads}]}}\n"


def _checker_configuration() -> str:
    """The language that is checked: as it evaluates, with the comparisons that hold at run time, and without dyn().

    The standard checker refuses `case.amount > 1000` for a number and `case.tags == null` for a list, which evaluate
    very well; and it has no timestamp() of a date-time field.
    """
    pairs = [f"{kind},{kind}" for kind in _ORDERED] + [f"{one},{other}" for one, other in _NUMBERS]
    equals = ["~A,~A", "list<dyn>,null", "null,list<dyn>", *(f"{one},{other}" for one, other in _NUMBERS)]
    declared = {
        **dict.fromkeys(("_<_", "_<=_", "_>_", "_>=_"), pairs),
        **dict.fromkeys(("_==_", "_!=_"), equals),
        "@in": ["~A,list<~A>", "double,list<int>", "int,list<double>"],
    }
    left_out = "".join(f"    - {{name: '{name}'}}\n" for name in (*declared, "timestamp", "dyn"))
    functions = "".join(_declared(name, *signatures) for name, signatures in declared.items())
    functions += _declared("timestamp", "string", "int", "timestamp", DATETIME, returns="timestamp")
    return f"{STANDARD_LIBRARY}{left_out}functions:\n{functions}"


@lru_cache(maxsize=64)
def _checker(schema: tuple[tuple[str, tuple[tuple[str, FieldType], ...]], ...]) -> cel.Env:
    pool = DescriptorPool()
    file = FileDescriptorProto(name="milepost/criteria.proto", package=PACKAGE, syntax="proto3")
    for imported in (Value.DESCRIPTOR.file, StringValue.DESCRIPTOR.file):
        pool.AddSerializedFile(imported.serialized_pb)
        file.dependency.append(imported.name)
    file.message_type.add(name="datetime")
    for root, fields in schema:
        message = file.message_type.add(name=root)
        # Fields may be called due_at and dueAt at once, which have one name in protobuf's JSON; it is not used here.
        message.options.deprecated_legacy_json_field_conflicts = True
        for number, (name, declared) in enumerate(fields, 1):
            message.field.add(
                name=name,
                json_name=f"_{number}",
                number=number,
                label=FieldDescriptorProto.LABEL_OPTIONAL,
                type=FieldDescriptorProto.TYPE_MESSAGE,
                type_name=_MESSAGES[declared],
            )
    pool.AddSerializedFile(file.SerializeToString())
    return cel.NewEnv(
        descriptor_pool=pool,
        config=cel.NewEnvConfigFromYaml(_checker_configuration()),
        variables={root: cel.Type(f"{PACKAGE}.{root}") for root, _ in schema},
    )

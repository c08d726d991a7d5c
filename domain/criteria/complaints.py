"""What the checker of criteria reports, in the words of whoever wrote one: where, what, and what would be right."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from domain.criteria.evaluating import TIME_ZONE_FUNCTIONS, types_in_words
from domain.criteria.fields import CriteriaSchema, nearest

PACKAGE: Final = "milepost"
DATETIME: Final = f"{PACKAGE}.datetime"
"""Of the messages that stand for the declared fields."""

NESTED_TOO_DEEPLY: Final = "the expression is nested too deeply; leave out brackets that it does not need"

_REPORT = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '(.+)' \(in container ''\)")
_UNDEFINED = re.compile(r"undefined field '(.+)' not found in struct '(.+)'")
_MISMATCH = re.compile(r"found no matching overload for '(.+)' applied to '\((.*)\)'")
_SYNTAX = re.compile(
    r"Syntax error: (?:(?:mismatched|extraneous) input|no viable alternative at input) '(.*?)'(?: expecting .*)?"
)
_FUNCTIONS = (
    *("all", "bool", "contains", "double", "duration", "endsWith", "exists", "exists_one", "has", "int", "matches"),
    *("size", "startsWith", "string", "timestamp", "type", *TIME_ZONE_FUNCTIONS),
)
_COMPARISONS = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in"})
_CLOCKS = frozenset({"now", "today", "date", "time", "current_timestamp"})
_BORROWED: Final = (
    (re.compile(r"(?<![.\w])and(?!\w)", re.IGNORECASE), "'and' is written &&"),
    (re.compile(r"(?<![.\w])or(?!\w)", re.IGNORECASE), "'or' is written ||"),
    (re.compile(r"(?<![.\w])not(?!\w)", re.IGNORECASE), "'not' is written !"),
    (re.compile(r"(?<![.\w])is(?!\w)", re.IGNORECASE), "'is' is written =="),
    (re.compile(r"<>"), "'<>' is written !="),
    (re.compile(r"(?<![=!<>])=(?!=)"), "equality is written =="),
    (re.compile(r"(?<!&)&(?!&)"), "'and' is written &&"),
    (re.compile(r"(?<!\|)\|(?!\|)"), "'or' is written ||"),
)
_TEXTS = re.compile(
    r"""//[^\n]*
    | [rR][bB]?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\n]*"|'[^'\n]*')
    | \"{3}(?:\\.|[^\\])*?\"{3} | '{3}(?:\\.|[^\\])*?'{3}
    | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
    re.VERBOSE | re.DOTALL,
)


class CriteriaError(ValueError):
    """A source that is no criterion.

    Attributes:
        message: what is wrong and what would be right, without the position.
        line: counted from 1 within the source.
        column: of its first character, counted from 1 in characters.
    """

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message, line, column)
        self.message = message
        self.line = line
        self.column = column

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


class _Report(NamedTuple):
    line: int
    column: int
    text: str


def without_texts(source: str) -> str:
    """The source with string literals and comments blanked out, every other character where it was."""
    return _TEXTS.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), source)


def start(bare: str) -> tuple[int, int]:
    """Line and column of the first character that says something."""
    before = bare[: len(bare) - len(bare.lstrip())]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def refusal(text: str, source: str, schema: CriteriaSchema) -> CriteriaError:
    """The first of the checker's reports that matters, as an error for whoever wrote the source.

    Args:
        text: what the checker threw.
        source: what it was given.
        schema: for the names that would have been right.
    """
    bare = without_texts(source)
    reports = [_Report(int(line), int(column), what) for line, column, what in _REPORT.findall(text)]
    # Of several at one place an unknown name is the cause of the others.
    reports.sort(key=lambda report: (report.line, report.column, not report.text.startswith("und")))
    if not reports:
        return CriteriaError(_without_position(text), *start(bare))
    lines = source.split("\n")
    for report in reports:
        # A macro that is left out leaves its variable undeclared too, and that is reported before it.
        if (found := _UNDECLARED.fullmatch(report.text)) and found[1] in {"map", "filter"}:
            message = f"{found[1]}() is left out of criteria; to ask about a list's items write exists() or all()"
            return CriteriaError(message, report.line, _column_before(lines, report, found[1]))
    return _explained(reports[0], lines, bare, schema)


def _explained(report: _Report, lines: list[str], bare: str, schema: CriteriaSchema) -> CriteriaError:
    if found := _UNDEFINED.fullmatch(report.text):
        message = _unknown_field(found[1], found[2], schema)
        return CriteriaError(message, report.line, _column_after(lines, report, found[1]))
    if found := _UNDECLARED.fullmatch(report.text):
        name = found[1].split(".")[0]
        message = _unknown_name(name, schema, called=_is_called(lines, report))
        return CriteriaError(message, report.line, _column_before(lines, report, name))
    if found := _MISMATCH.fullmatch(report.text):
        return CriteriaError(_mismatch(found[1], found[2]), report.line, report.column)
    if report.text.startswith("Syntax error"):
        return CriteriaError(syntax_error(report.text, bare), report.line, report.column)
    if "operand of a select operation" in report.text:
        return CriteriaError("only case, entitlement and account have fields", report.line, report.column)
    if "range of a comprehension" in report.text:
        return CriteriaError("exists() and all() ask about the items of a list", report.line, report.column)
    return CriteriaError(report.text, report.line, report.column)


def _without_position(text: str) -> str:
    if "recursion" in text:
        return NESTED_TOO_DEEPLY
    if "codepoint limit" in text:
        return "the expression is too long"
    if "incompatible function arguments" in text:
        return "the source holds half a surrogate pair, which is no character"
    return re.sub(r"^[A-Z_]+: | \[[A-Z_]+\]$", "", text)


def _column_after(lines: list[str], report: _Report, name: str) -> int:
    """Of a name that stands behind a dot, at the reported place or, within has(), after it."""
    found = re.compile(rf"\.\s*({re.escape(name)})(?!\w)").search(lines[report.line - 1], report.column - 1)
    return found.start(1) + 1 if found else report.column


def _column_before(lines: list[str], report: _Report, name: str) -> int:
    """Of a name that ends before the reported dot or bracket, or stands right there."""
    line = lines[report.line - 1]
    if line.startswith(name, report.column - 1):
        return report.column
    at = line.rfind(name, 0, report.column - 1)
    return at + 1 if at >= 0 else report.column


def _is_called(lines: list[str], report: _Report) -> bool:
    return lines[report.line - 1].startswith("(", report.column - 1)


def declared_words(name: str) -> str:
    """A type of the checker, in the words of the declarations."""
    name = re.sub(r"wrapper\((\w+)\)", r"\1", name)
    return types_in_words(name.replace(f"{PACKAGE}.", "").replace("list(dyn)", "list"))


def _unknown_field(name: str, struct: str, schema: CriteriaSchema) -> str:
    if struct == DATETIME:
        return "a datetime has no fields; write timestamp(case.due_at).getHours() and the like"
    root = struct.removeprefix(f"{PACKAGE}.")
    return f"unknown field {name!r} of {root}: {nearest(name, schema.fields(root))}"


def _unknown_name(name: str, schema: CriteriaSchema, *, called: bool) -> str:
    if name in TIME_ZONE_FUNCTIONS:
        return f"{name}() takes no time zone here: criteria read no time-zone database; without one it answers in UTC"
    if called and name.casefold() in _CLOCKS:
        return f"there is no {name}(): criteria have no clock; time is the business of spans, `by:` and triggers"
    if called and name == "dyn":
        return "dyn() is left out of criteria; declare the field as any"
    if called:
        return f"unknown function {name!r}: {nearest(name, _FUNCTIONS)}"
    for root in schema.roots:
        if name in schema.fields(root):
            return f"unknown name {name!r}: write {root}.{name}"
    return f"unknown name {name!r}: {nearest(name, schema.roots)}"


def _mismatch(function: str, types: str) -> str:
    operator = {"_[_]": "[]", "_?_:_": "? :"}.get(function, function.strip("_").removeprefix("@"))
    shown = declared_words(types)
    if DATETIME in types:
        remedy = "a datetime is read as timestamp(case.due_at), and compared with another timestamp"
    elif function == "_[_]":
        remedy = "a field is written case.priority, an item of a list case.tags[0]"
    elif function in {"_&&_", "_||_", "!_"}:
        remedy = "it wants true or false; compare the value with something first"
    elif function == "_?_:_":
        remedy = "it wants true or false before the ?, and values of one type on both sides of the colon"
    elif set(shown.split(", ")) == {"integer", "number"}:
        remedy = "write 2.0 for 2, or double(case.count)"
    elif function in _COMPARISONS:
        remedy = (
            "compare like with like: text stands in quotes, numbers, true, false and null do not; `in` wants a list"
        )
    else:
        remedy = "look at the declared types of the fields"
    return f"{operator} does not apply to ({shown}); {remedy}"


def syntax_error(text: str, bare: str) -> str:
    """What is wrong with the grammar, in the words of whoever wrote it.

    Args:
        text: as the checker reports it.
        bare: the source without its texts.
    """
    for pattern, remedy in _BORROWED:
        if pattern.search(bare):
            return f"syntax error; {remedy}"
    if "<EOF>" in text.partition(" expecting ")[0]:
        return "syntax error: the expression ends too early; something is missing at its end, a value or a bracket"
    if found := _SYNTAX.fullmatch(text):
        return f"syntax error: {found[1]!r} cannot stand here"
    if "token recognition" in text:
        return "syntax error: a character that cannot stand here, or a text without its closing quote"
    return text[0].lower() + text[1:].partition(" expecting ")[0]

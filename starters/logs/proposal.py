"""A proposed mapping as YAML that a person reads and changes: its keys, and beside them what is unsure."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from starters.logs.drafting import Draft

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ./()+-]*[A-Za-z0-9_)]|[A-Za-z]")
_NO_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_WIDTH = 110

_SHAPES = {
    "states": "each row is the whole case as it stood from one instant on",
    "cases": "one row a case, with a column for each event",
    "activities": "each row is something that happened; the first one opens the case",
    "xes": "an XES file: each event is something that happened; the first one opens the case",
}

_CHANGES = "each row is a change of a field; those of the state move the case"


def written(name: str, draft: Draft) -> str:
    """The mapping as YAML.

    Args:
        name: of the log's file.
        draft: the mapping, what is unsure and what is not read.
    """
    told = _CHANGES if draft.keys.get("state", {}).get("where") else _SHAPES[draft.shape]
    lines = [f"# How {name} becomes cases: {told}."]
    if draft.unsure:
        lines += ["#", "# Not sure:", *(line for said in draft.unsure for line in _comment(f"- {said}"))]
    lines.append("")
    for key, value in draft.keys.items():
        if value:
            lines += _key(key, value)
    if draft.unused:
        lines += ["", "# Not read:"]
        lines += [line for column, why in draft.unused.items() for line in _comment(f"- {column}: {why}")]
    lines += ["", "# A catalog for it declares the fields of its cases:", "#   fields:"]
    lines += [f"#     {name}: {kind}" for name, kind in _declared(draft).items()]
    return "\n".join(lines) + "\n"


def _declared(draft: Draft) -> dict[str, str]:
    fields = {name: declared.get("type", "string") for name, declared in draft.keys.get("fields", {}).items()}
    return {"state": "string", **fields}


def _comment(text: str) -> Iterator[str]:
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    yield from textwrap.wrap(printable, _WIDTH, initial_indent="# ", subsequent_indent="#   ")


def _key(key: str, value: Any) -> Iterator[str]:
    match value:
        case dict() if key in ("state", "fields"):
            yield f"{key}:"
            yield from (f"  {_text(name)}: {_flow(inner)}" for name, inner in value.items())
        case list() if key in ("events", "waits"):
            yield f"{key}:"
            yield from (f"  - {_flow(item)}" for item in value)
        case _:
            yield f"{key}: {_flow(value)}"


def _flow(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{_text(name)}: {_flow(inner)}" for name, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case bool():
            return "true" if value else "false"
        case _:
            return _text(str(value))


def _text(text: str) -> str:
    """A text as a scalar of YAML, in quotes where it could be taken for something else."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NO_TEXT:
        return text
    # YAML takes signs that nobody sees for line breaks, or not at all.
    return "".join(
        sign if sign.isprintable() else f"\\U{ord(sign):08X}" for sign in json.dumps(text, ensure_ascii=False)
    )

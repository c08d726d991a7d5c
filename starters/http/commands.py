"""The command by which a route is tried from a terminal: made of the document's own examples, so that it can be run."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

_LONGEST_LINE = 118
_AT_THE_END = {"note": 1, "reason": 1, "by": 2}
"""Parts of a body that people write last: why, then who."""
_PLAIN = re.compile(r"[\w$/.:{}-]+")


def command_of(path: str, method: str, operation: dict[str, Any], document: dict[str, Any], *, api: str) -> str:
    """The command for an operation, in as many lines as are pleasant to read.

    Args:
        path: as the document has it, with its parts in braces.
        method: in capital letters.
        operation: of the document.
        document: of the API.
        api: where it is: a URL, or a variable of the shell.
    """
    url = f"{api}{_path(path, operation)}{_query(operation)}"
    words = ["curl", *(() if method == "GET" else (f"-X {method}",)), url if _PLAIN.fullmatch(url) else f'"{url}"']
    words += _headers(operation)
    body = example_of(operation, document)
    if body is not None:
        in_order = _in_order(body, _schema_of(operation, document))
        words += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(_written(in_order))}"]
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) < _LONGEST_LINE and not word.startswith("-d "):
            lines[-1] += f" {word}"
        else:
            lines.append(f"  {word}")
    return " \\\n".join(lines)


def example_of(operation: dict[str, Any], document: dict[str, Any]) -> Any:
    """The example of an operation's body; None: it has none."""
    shown = [_content_of(operation).get("example"), *_schema_of(operation, document).get("examples", ())]
    return next((one for one in shown if one is not None), None)


def _content_of(operation: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return content


def _schema_of(operation: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """The schema of a body, with what it refers to; of the examples its own come first."""
    schema = _content_of(operation).get("schema", {})
    reference = schema.get("$ref") or next((part["$ref"] for part in schema.get("allOf", []) if "$ref" in part), None)
    named = document["components"]["schemas"].get(str(reference).rpartition("/")[2], {}) if reference else {}
    return {**named, **schema}


def _in_order(body: Any, schema: dict[str, Any]) -> Any:
    """An example as people write it: what is needed first, who and why at the end."""
    if not isinstance(body, dict):
        return body
    names, needed = list(schema.get("properties", body)), schema.get("required", ())
    return dict(
        sorted(
            body.items(),
            key=lambda part: (_AT_THE_END.get(part[0], 0), part[0] not in needed, names.index(part[0])),
        )
    )


def _path(path: str, operation: dict[str, Any]) -> str:
    for name, value in _examples("path", operation):
        path = path.replace(f"{{{name}}}", quote(str(value)))
    return path


def _query(operation: dict[str, Any]) -> str:
    shown = [
        f"{name}={quote(_text(value), safe='*')}"
        for name, values in _examples("query", operation)
        for value in (values if isinstance(values, list) else [values])
    ]
    return f"?{'&'.join(shown)}" if shown else ""


def _headers(operation: dict[str, Any]) -> Iterator[str]:
    wanted = {name for one in operation.get("security", ()) for name in one}
    if "key" in wanted:
        yield '-H "Authorization: Bearer $KEY"'
    if "signature" in wanted:
        yield '-H "X-Hub-Signature: sha256=$SIGNED"'
    for name, value in _examples("header", operation):
        yield f"-H {shlex.quote(f'{name}: {value}')}"


def _examples(place: str, operation: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for parameter in operation.get("parameters", ()):
        for shown in parameter["schema"].get("examples", ())[:1]:
            if parameter["in"] == place:
                yield parameter["name"], shown


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _written(body: Any) -> str:
    """A body in one line or, if it is long, with each of its parts in a line."""
    line = json.dumps(body)
    if len(line) <= _LONGEST_LINE or not isinstance(body, dict):
        return line
    parts = ",\n".join(f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in body.items())
    return f"{{\n{parts}\n  }}"

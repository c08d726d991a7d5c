"""The page of the API, route by route: what each takes and answers, and a command that tries it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from starters.http.app import routed
from starters.http.commands import command_of
from starters.http.document import document_of
from starters.http.idempotency import HEADER
from starters.http.reference.types import type_of
from starters.http.refusals import OF_ANY, REFUSALS

API = "$API"
"""What stands for the address of the API in commands, as in the guide."""

_HEAD = """\
# The HTTP API, route by route

Written by `python -m starters.http.reference api`. [The guide](../guide/api.md) tells how to begin: with a server, a
key, and two variables that the commands below name.

    export API=http://127.0.0.1:8234
    export KEY=$(milepost keys create me --scope intake --scope agent --scope dispatcher --scope manager --scope admin)

A test runs every command of this page. The names in them are an example: case 4711 of the account acme, and what acme
has.

"""

_OF_ALL = """\
## What all routes have in common

- **Key.** A request shows a [key or a token](../guide/api.md#keys) that has one of the scopes named at its route; a
  route that needs none says so.
- **Sending again.** Every `POST` with a key takes `Idempotency-Key`: under the same one it is done once, and answered
  the same ([more](../guide/api.md#sending-again)).
- **Refusals** are [problems](problems.md). Any request may be refused with {any}.
  What else a route refuses it says below.

| part of many | in | what it is |
|---|---|---|
{parts}"""


@dataclass(frozen=True)
class Operation:
    """An operation of the document.

    Attributes:
        told: what the document says of it.
        method: in capital letters.
    """

    path: str
    method: str
    told: dict[str, Any]

    @property
    def room(self) -> str:
        """The part of the page on which it stands."""
        return str(self.told["tags"][0])

    @property
    def title(self) -> str:
        """What it is found by: its heading."""
        return f"{self.method} {self.path}"

    @property
    def anchor(self) -> str:
        """Where its heading is."""
        return re.sub(r"[^\w\- ]", "", self.title.lower()).replace(" ", "-")


def page() -> str:
    """The page, in Markdown."""
    document = document_of(routed())
    rooms = [(room, list(found)) for room, found in groupby(operations_of(document), lambda one: one.room)]
    parts = "".join(
        f"| `{name}` | {place} | {said} |\n" for place, told in _COMMON.items() for name, said in told.items()
    )
    return "".join(
        [
            _HEAD,
            *(_contents(room, found) for room, found in rooms),
            _OF_ALL.format(any=_codes(OF_ANY), parts=parts),
            *(_room(room, found, document) for room, found in rooms),
        ]
    )


def operations_of(document: dict[str, Any]) -> Iterator[Operation]:
    """The operations of a document, in its order."""
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            yield Operation(path, method.upper(), told)


_COMMON = {
    "body": {
        "event_id": "text. The same as `Idempotency-Key`, for whoever prefers it in the body.",
        "occurred_at": "instant. When it happened, by your clock; now, if left out.",
        "by": "text. The person who did it: on record it stands before the name of the key.",
        "reason": "text. Why; it goes on record.",
    },
    "query": {
        "after": "text. Goes on where a page ended: its `next` (of events its `cursor`), with the same filters.",
        "limit": "whole number. At most so many.",
    },
}
"""What many routes take, and what is told of it once. Where a route needs one of these it says so."""


def _contents(room: str, found: list[Operation]) -> str:
    rows = "".join(f"| [{one.title}](#{one.anchor}) | {one.told['summary']} |\n" for one in found)
    return f"| {room} | |\n|---|---|\n{rows}\n"


def _room(room: str, found: list[Operation], document: dict[str, Any]) -> str:
    schemas = document["components"]["schemas"]
    parts = {
        part["name"]: f"- `{{{part['name']}}}` in a path: {_what(part, schemas)}\n"
        for one in found
        for part in one.told.get("parameters", ())
        if part["in"] == "path"
    }
    of_paths = f"\n{''.join(parts.values())}" if parts else ""
    return f"\n## {room}\n{of_paths}" + "".join(_operation(one, document) for one in found)


def _operation(one: Operation, document: dict[str, Any]) -> str:
    about = one.told["description"].partition("\n\nScope: ")[0]
    command = command_of(one.path, one.method, one.told, document, api=API)
    rows = "".join(f"| {name} | {place} | {said} |\n" for name, place, said in _rows(one, document))
    table = f"\n| part | in | what it is |\n|---|---|---|\n{rows}" if rows else ""
    said = "".join(f"- {line}\n" for line in _said(one, document))
    return f"\n### {one.title}\n\n{about}\n\n```sh\n{command}\n```\n{table}\n{said}"


def _rows(one: Operation, document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    schemas = document["components"]["schemas"]
    body = _body(one.told, schemas)
    parts = [part for part in one.told.get("parameters", ()) if part["name"] != HEADER and part["in"] != "path"]
    for name, schema in body.get("properties", {}).items():
        parts.append(
            {**schema, "name": name, "in": "body", "schema": schema, "required": name in body.get("required", ())}
        )
    common: dict[str, list[str]] = {}
    for part in parts:
        name, place = part["name"], part["in"]
        if name in _COMMON.get(place, ()) and not part.get("required"):
            common.setdefault(place, []).append(f"`{name}`")
        else:
            yield f"`{name}`", f"{place}, needed" if part.get("required") else place, _what(part, schemas)
    for place, names in common.items():
        yield ", ".join(names), place, "as [always](#what-all-routes-have-in-common)"


def _what(part: dict[str, Any], schemas: dict[str, Any]) -> str:
    return f"{type_of(part['schema'], schemas)}. {part.get('description', '')}".strip().replace("|", "\\|")


def _body(told: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    schema = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return _resolved(schema, schemas)


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return found


def _said(one: Operation, document: dict[str, Any]) -> Iterator[str]:
    scopes = " or ".join(f"`{scope}`" for scope in one.told.get("x-scopes", ()))
    if scopes:
        yield f"Scope {scopes}"
    else:
        yield "No key: it is signed" if "security" in one.told else "No key"
    for status, answer in one.told["responses"].items():
        if status.startswith("2"):
            yield f"**{status}** {_answer(answer, document)}"
    if refused := one.told.get("x-refusals", ()):
        yield f"Refused with {_codes(refused)}"


def _codes(refused: Iterable[str]) -> str:
    by_status = groupby(
        sorted(refused, key=lambda code: (REFUSALS[code].status, code)), lambda code: REFUSALS[code].status
    )
    return "; ".join(f"{status} {', '.join(f'`{code}`' for code in some)}" for status, some in by_status)


def _answer(answer: dict[str, Any], document: dict[str, Any]) -> str:
    schemas = document["components"]["schemas"]
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    shapes = [_resolved(part, schemas) for part in schema.get("anyOf", [schema])]
    fields = " or ".join(
        ", ".join(f"`{name}`" for name in shape["properties"]) for shape in shapes if "properties" in shape
    )
    said = answer["description"].strip().rstrip(".")
    return f"{said}: {fields}" if fields else said

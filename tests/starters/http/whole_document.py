"""The whole document, walked by schemathesis: what there is to name, and what every answer is held to."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Flaky
from schemathesis import Case, HookContext
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.generation.stateful.state_machine import APIStateMachine
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from starters.http.commands import example_of

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SETTINGS = settings(
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
_AS_IT_COMES = 0.2
"""How often something that was made up is left as it is."""
STREAM = "text/event-stream"
TAGGED = {
    "POST /v1/catalog": "/v1/catalog",
    "POST /v1/orders": "/v1/orders/{id}",
    "POST /v1/entitlements/{entitlement}/amend": "/v1/entitlements/{entitlement}",
}
"""Changes of what was seen, each with what shows it."""
KEY = "key_id"
"""The part of a path that names a key."""
SEEN = "what was seen"
TAGS = (SEEN, "*", '"of nothing"', None)
"""What such a change says of it, by turns: two that count, an older one, nothing."""
WITHIN = 60.0
"""Seconds for which an answer is waited for."""


def _chance_of(made_up: Any) -> Random:
    """Chance that follows from what was made up, so that a walk goes the same way each time."""
    return Random(json.dumps(made_up, sort_keys=True, default=str))  # noqa: S311  nothing is kept secret by it


def _begun(case: Case[Any], headers: dict[str, str]) -> Response:
    """The answer to a request for a stream, which does not end, as far as its first part."""
    sent = case.as_transport_kwargs(headers=headers)
    with requests.request(**sent, stream=True, timeout=WITHIN) as answer:
        is_stream = answer.headers["Content-Type"].startswith(STREAM)
        answer._content = next(answer.iter_lines(delimiter=b"\n\n")) if is_stream else answer.content
        return Response.from_requests(answer, verify=True)


@dataclass
class Walk:
    """One walk through the document with a key.

    Attributes:
        known: what bodies, queries and paths may name that there is, by the name of the part, or by operation and name.
        shown: headers that operations need.
        spared: the ids of keys that no walk revokes: those with which walks go, to which a list of keys may lead.
        asked_for: parts of a query without which nothing is found.
        is_sure: everything is named that there is, and nothing made up.
        answered: how often each operation was answered with each status.
        streams: how often an answer was one.
        turns: how often each operation was asked.
        slowest: of each operation the seconds of the answer that was waited for longest, and its status.
        failures: of each operation, status and kind the first answer that was not as the document says.
    """

    document: dict[str, Any]
    url: str
    key: str
    known: dict[str, list[Any]]
    shown: dict[str, dict[str, str]]
    spared: Sequence[str] = ()
    asked_for: tuple[str, ...] = ("account",)
    is_sure: bool = False
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)
    streams: int = 0
    turns: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, tuple[float, int]] = field(default_factory=dict)
    failures: dict[tuple[str, int, str], str] = field(default_factory=dict)

    def each(self, examples: int) -> None:
        """Ask each operation for itself, and note each answer that is not as the document says.

        First as the document's own example shows it, with names that there are; then with whatever fits or does not.

        Args:
            examples: requests to each, besides the first; the same every time.
        """
        for self.is_sure in (True, False):
            for found in self._schema().get_all_operations():
                operation = found.ok()
                times = max(2, len(self._forms(operation)), len(self._tags(operation))) if self.is_sure else examples

                @settings(SETTINGS, max_examples=times)
                @given(case=operation.as_strategy())
                def asked(case: Case[Any]) -> None:
                    self._ask(case)

                asked()

    def run(self, first: int, walks: int, steps: int) -> None:
        """Walk from answer to answer by the links of the document, and note likewise.

        Args:
            first: where chance begins: the same walks are the same every time.
            walks: so many, each with ever new requests.
            steps: of each.
        """
        walk = self
        machine: type[APIStateMachine] = self._schema().as_state_machine()

        class Walking(machine):  # type: ignore[misc, valid-type]
            def call(self, case: Case[Any], **_: Any) -> Response:
                return walk._ask(case)

            def validate_response(self, response: Response, case: Case[Any], **_: Any) -> None:
                """Each was looked at."""

        for number in range(first, first + walks):
            with suppress(Flaky):  # what was opened once is not opened twice: the program wonders, and we do not
                seed(number)(Walking)
                # Of the examples the first has nothing but the simplest values.
                Walking.run(settings=settings(SETTINGS, derandomize=False, max_examples=2, stateful_step_count=steps))

    def _schema(self) -> Any:
        schema: Any = schemathesis.openapi.from_dict(self.document)
        schema.config.update(base_url=self.url)

        @schema.hook  # type: ignore[untyped-decorator]
        def map_body(context: HookContext, body: Any) -> Any:
            return self._body(context, body)

        @schema.hook  # type: ignore[untyped-decorator]
        def map_query(context: HookContext, query: Any) -> Any:
            return self._query(context, query)

        @schema.hook  # type: ignore[untyped-decorator]
        def map_headers(context: HookContext, headers: Any) -> Any:
            return {} if self.is_sure else headers

        @schema.hook  # type: ignore[untyped-decorator]
        def map_path_parameters(context: HookContext, path_parameters: Any) -> Any:
            return self._path(context, path_parameters)

        return schema

    def _ask(self, case: Case[Any]) -> Response:
        if (case.path_parameters or {}).get(KEY) in self.spared:
            case.path_parameters[KEY] = self.known[KEY][0]
        headers = self._headers(case)
        began = time.monotonic()
        try:
            if headers.get("Accept") == STREAM:
                response = _begun(case, headers)
                self.streams += response.status_code == requests.codes.ok
            else:
                response = case.call(headers=headers, timeout=WITHIN)
        except requests.Timeout:
            self.failures.setdefault((case.operation.label, 0, "no answer"), case.as_curl_command(headers=headers))
            raise
        took = (time.monotonic() - began, response.status_code)
        self.slowest[case.operation.label] = max(took, self.slowest.get(case.operation.label, took))
        self.answered[case.operation.label, response.status_code] += 1
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as group:  # what else there is is wanted too
            for found in group.exceptions:
                where = (case.operation.label, response.status_code, type(found).__name__)
                self.failures.setdefault(where, f"{found}\n{response.text[:2000]}")
        return response

    def _headers(self, case: Case[Any]) -> dict[str, str]:
        """Who asks; a form of the answer, where there are several; and what was seen, where it is a change of that."""
        label = case.operation.label
        headers = {"Authorization": f"Bearer {self.key}", **self.shown.get(label, {})}
        for made_up in ("accept", "if-match"):
            case.headers.pop(made_up, None)
        turn, forms, tags = self.turns[label], self._forms(case.operation), self._tags(case.operation)
        self.turns[label] += 1
        if forms:
            headers["Accept"] = forms[turn % len(forms)]
        if tags and (tag := tags[turn % len(tags)]) is not None:
            headers["If-Match"] = self._tag(case) if tag == SEEN else tag
        return headers

    def _forms(self, operation: Any) -> list[str]:
        """What a request accepts, by turns, where an answer has several forms; the last one there is not."""
        declared = self.document["paths"][operation.path][operation.method]["responses"]
        forms = list(declared.get("200", {}).get("content", {}))
        return [*forms, "application/xml, */*;q=0.1", "application/xml"] if len(forms) > 1 else []

    def _tags(self, operation: Any) -> tuple[str | None, ...]:
        return TAGS if operation.label in TAGGED else ()

    def _tag(self, case: Case[Any]) -> str:
        """The ETag of what a request is a change of; ``*``, if there is none."""
        body = case.body if isinstance(case.body, dict) else {}
        named = {name: quote(str(one), safe="") for name, one in {**body, **(case.path_parameters or {})}.items()}
        try:
            path = TAGGED[case.operation.label].format(**named)
        except KeyError:
            return "*"
        seen = requests.get(self.url + path, headers={"Authorization": f"Bearer {self.key}"}, timeout=WITHIN)
        return seen.headers.get("ETag", "*")

    def reached(self) -> set[str]:
        """The operations that did what was asked, at least once."""
        return {label for label, status in self.answered if 200 <= status < 300}

    def _body(self, context: HookContext, body: Any) -> Any:
        """What was made up; or the example of the operation, with names that there are and what was made up beside."""
        operation: Any = context.operation
        chance = _chance_of(body)
        example = example_of(self.document["paths"][operation.path][operation.method], self.document) or {}
        if self.is_sure:
            return self._named(example, chance, operation.label)
        if not isinstance(body, dict) or chance.random() < _AS_IT_COMES:
            return body
        kept = {name: value for name, value in body.items() if chance.random() < _AS_IT_COMES}
        return self._named({**example, **kept}, chance, operation.label)

    def _query(self, context: HookContext, query: Any) -> Any:
        operation: Any = context.operation
        chance = _chance_of(query)
        if self.is_sure:
            named = self.document["paths"][operation.path][operation.method].get("parameters", [])
            of_query = [one["name"] for one in named if one["in"] == "query" and one["name"] in self.asked_for]
            return {name: chance.choice(self.known[name]) for name in of_query}
        if not isinstance(query, dict) or chance.random() < _AS_IT_COMES:
            return query
        return self._named({name: value for name, value in query.items() if name != "after"}, chance, operation.label)

    def _path(self, context: HookContext, path: Any) -> Any:
        operation: Any = context.operation
        chance = _chance_of(path)
        if not isinstance(path, dict) or (not self.is_sure and chance.random() < _AS_IT_COMES):
            return path
        return self._named(dict(path), chance, operation.label)

    def _named(self, given: dict[str, Any], chance: Random, label: str) -> dict[str, Any]:
        """What is given, with names that there are where something has one."""
        found = {}
        for name, value in given.items():
            there_is = self.known.get(f"{label} {name}") or self.known.get(name)
            is_to_be = there_is and (self.is_sure or chance.random() > _AS_IT_COMES)
            found[name] = chance.choice(there_is) if there_is and is_to_be else value
        return found

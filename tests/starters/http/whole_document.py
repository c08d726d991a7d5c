"""The whole document, walked by schemathesis: what there is to name, and what every answer is held to."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

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

from starters.http.pages import example_of

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
WITHIN = 60.0
"""Seconds for which an answer is waited for."""


@dataclass
class Walk:
    """One walk through the document with a key.

    Attributes:
        known: what bodies, queries and paths may name that there is, by the name of the parameter.
        answered: how often each operation was answered with each status.
        failures: of each operation, status and kind the first answer that was not as the document says.
    """

    document: dict[str, Any]
    url: str
    key: str
    known: dict[str, list[Any]]
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: dict[tuple[str, int, str], str] = field(default_factory=dict)

    def each(self, examples: int) -> None:
        """Ask each operation for itself, and note each answer that is not as the document says.

        Args:
            examples: requests to each; the same every time.
        """
        for found in self._schema().get_all_operations():
            operation = found.ok()

            @settings(SETTINGS, max_examples=examples)
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
            return self._query(query)

        @schema.hook  # type: ignore[untyped-decorator]
        def map_path_parameters(context: HookContext, path_parameters: Any) -> Any:
            return self._path(context, path_parameters)

        return schema

    def _ask(self, case: Case[Any]) -> Response:
        case.headers.pop("accept", None)  # else a stream, which does not end
        headers = {"Authorization": f"Bearer {self.key}"}
        if case.operation.label == "POST /v1/catalog":
            headers["If-Match"] = "*"
        response = case.call(headers=headers, timeout=WITHIN)
        self.answered[case.operation.label, response.status_code] += 1
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as group:  # what else there is is wanted too
            for found in group.exceptions:
                where = (case.operation.label, response.status_code, type(found).__name__)
                self.failures.setdefault(where, f"{found}\n{response.text[:2000]}")
        return response

    def reached(self) -> set[str]:
        """The operations that did what was asked, at least once."""
        return {label for label, status in self.answered if 200 <= status < 300}

    def _body(self, context: HookContext, body: Any) -> Any:
        """What was made up; or the example of the operation, with names that there are and what was made up beside."""
        chance = Random(json.dumps(body, sort_keys=True, default=str))  # noqa: S311
        if not isinstance(body, dict) or chance.random() < 0.25:
            return body
        operation: Any = context.operation
        raw = self.document["paths"][operation.path][operation.method]
        example = example_of(raw, self.document)
        kept = {name: value for name, value in body.items() if chance.random() < 0.2}
        return self._named({**(example or {}), **kept}, chance)

    def _query(self, query: Any) -> Any:
        chance = Random(json.dumps(query, sort_keys=True, default=str))  # noqa: S311
        if not isinstance(query, dict) or chance.random() < 0.3:
            return query
        kept = {name: value for name, value in query.items() if name in self.known or chance.random() < 0.3}
        kept.pop("after", None)
        return self._named(kept, chance)

    def _path(self, context: HookContext, path: Any) -> Any:
        chance = Random(json.dumps(path, sort_keys=True, default=str))  # noqa: S311
        if not isinstance(path, dict) or chance.random() < 0.2:
            return path
        label = "" if context.operation is None else context.operation.label
        return self._named(dict(path), chance, label)

    def _named(self, given: dict[str, Any], chance: Random, label: str = "") -> dict[str, Any]:
        found = {}
        for name, value in given.items():
            there_is = self.known.get(f"{label} {name}") or self.known.get(name)
            found[name] = chance.choice(there_is) if there_is and chance.random() < 0.9 else value
        return found

"""What receivers of tests get is checked by the schemas that are published for receivers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

from jsonschema_rs import Draft202012Validator

from domain.messages.contract import schema_files
from domain.messages.web_hooks import WEB_HOOKS


@cache
def _schema(type_: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema_files()[f"web_hook.{type_}.json"]))


def assert_fits_its_schema(headers: Mapping[str, str], body: bytes) -> None:
    """A signed event of an action fits the schema of its type; one of the feed has schemas of its own.

    Args:
        headers: by their names in small letters; without `webhook-id` it is no web hook.
        body: as it came.
    """
    told = json.loads(body) if "webhook-id" in headers else None
    if not isinstance(told, dict) or "specversion" in told:
        return
    assert told["type"] in WEB_HOOKS
    assert [error.message for error in _schema(told["type"]).iter_errors(told)] == []

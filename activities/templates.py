"""Texts with places for a case's values: Jinja2 in its sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import ChainableUndefined
from jinja2.sandbox import SandboxedEnvironment

from domain.errors import MilepostError

_ENVIRONMENT = SandboxedEnvironment(undefined=ChainableUndefined, autoescape=False)


class BadTemplate(MilepostError):
    """A template that can't be rendered."""


def render(template: str, context: Mapping[str, Any]) -> str:
    """The text of a template. What is not set stays empty: a mail with a gap beats none.

    Args:
        template: Jinja2.
        context: `case`, `milestone`, `entitlement`, `account`.

    Raises:
        BadTemplate: it can't be rendered with this context.
    """
    try:
        return _ENVIRONMENT.from_string(template).render(context)
    except Exception as error:
        # Whatever a template does wrong with these values (a sum of a text and a number, an endless range), it will do
        # wrong with them again.
        raise BadTemplate(f"template {template!r:.80} can't be rendered: {error}") from error

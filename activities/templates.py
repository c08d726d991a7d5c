"""Texts with places for a case's values: Jinja2 in its sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import ChainableUndefined
from jinja2.sandbox import SandboxedEnvironment

from domain.errors import MilepostError


class _Environment(SandboxedEnvironment):
    """In which a field of the case may be called `items`: values come before the methods of what holds them."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """See jinja2."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


def _shown(value: Any) -> Any:
    return "" if value is None else value


_ENVIRONMENT = _Environment(undefined=ChainableUndefined, autoescape=False, finalize=_shown)


class BadTemplate(MilepostError):
    """A template that can't be rendered."""


def render(template: str, context: Mapping[str, Any]) -> str:
    """The text of a template. What is null or not set stays empty: a mail with a gap beats none.

    Args:
        template: Jinja2.
        context: what it sees, as `domain.process.templates` says.

    Raises:
        BadTemplate: it can't be rendered with this context.
    """
    try:
        return _ENVIRONMENT.from_string(template).render(context)
    except Exception as error:
        # Whatever a template does wrong with these values (a sum of a text and a number, an endless range), it will do
        # wrong with them again.
        raise BadTemplate(f"template {template!r:.80} can't be rendered: {error}") from error

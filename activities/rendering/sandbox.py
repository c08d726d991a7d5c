"""Texts with places for a case's values: Jinja2 in its sandbox. What runs in the rendering process, and only there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import ChainableUndefined, Template
from jinja2.sandbox import SandboxedEnvironment

from activities.rendering.filters import FILTERS, urlencode

MOST_BYTES = 64 * 1024
"""Of a template, and of the text that it comes to, in UTF-8."""

_KEPT = 256


class _Nothing(ChainableUndefined):
    """What is null, and what was never set: a case that was opened without a field has none of that name."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        """Nothing is null."""
        return other is None or isinstance(other, ChainableUndefined)

    __hash__ = ChainableUndefined.__hash__


class _Environment(SandboxedEnvironment):
    """In which a field of the case may be called `items`: values come before the methods of what holds them."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """See jinja2."""
        if isinstance(obj, Mapping) and attribute in obj:
            return self._found(obj[attribute], attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """See jinja2."""
        return self._found(super().getitem(obj, argument), argument)

    def _found(self, value: Any, name: Any) -> Any:
        return self.undefined(name=str(name)) if value is None else value


def _is_null(value: Any) -> bool:
    return value is None or isinstance(value, ChainableUndefined)


def _in_json(value: Any) -> None:
    if not _is_null(value):
        raise TypeError(f"a {type(value).__name__} is no value of JSON")


def _shown(value: Any) -> Any:
    return "" if value is None else value


def _environment(*, autoescape: bool) -> SandboxedEnvironment:
    made = _Environment(undefined=_Nothing, autoescape=autoescape, finalize=_shown)
    made.filters |= {**FILTERS, "urlencode": urlencode}
    made.tests["none"] = _is_null
    made.policies["json.dumps_kwargs"] = {"sort_keys": True, "default": _in_json}
    return made


_PLAIN, _HTML = _environment(autoescape=False), _environment(autoescape=True)


class TooLong(ValueError):
    """A template, or the text that it comes to, is over the bound."""


def render(template: str, context: Mapping[str, Any], *, html: bool = False) -> str:
    """Render a template. What is null or not set stays empty: a mail with a gap beats none.

    Args:
        template: Jinja2, of at most `MOST_BYTES`.
        context: what it sees, as `domain.process.templates` says.
        html: whether it comes to HTML: values are escaped, so that none of them is markup.

    Raises:
        TooLong: the template or its text has more than `MOST_BYTES`.
        Exception: whatever the template does wrong with these values.
    """
    if _size(template) > MOST_BYTES:
        raise TooLong(f"it is longer than {MOST_BYTES // 1024} KB")
    parts: list[str] = []
    left = MOST_BYTES
    for part in _compiled(template, html=html).generate(context):
        left -= _size(part)
        if left < 0:
            raise TooLong(f"its text is longer than {MOST_BYTES // 1024} KB")
        parts.append(part)
    return "".join(parts)


@lru_cache(maxsize=_KEPT)
def _compiled(template: str, *, html: bool) -> Template:
    return (_HTML if html else _PLAIN).from_string(template)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))

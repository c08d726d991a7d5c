"""The page of problems: everything that is refused, by its code."""

from __future__ import annotations

from starters.http import refusals
from starters.http.refusals import Refusal

_HEAD = """\
# Problems

Written by `python -m starters.http.reference`. What the [HTTP API](../guide/api.md) does not do it answers with a
problem ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)), as `application/problem+json`:

    {"type": "/problems#unknown_milestone", "title": "The process has no such milestone", "status": 422,
     "detail": "unknown milestone 'x'; process 'Gold' has: First response, Resolution", "code": "unknown_milestone"}

`type` names the code on this page, which the API serves at `/problems` too, to whoever asks: no key is needed there.
`detail` says what is wrong now, and what would be right. `errors`, where there are, are places: a JSON `pointer` into
the body, or a `parameter` of the path, the query or a header. With `Retry-After` the same request may do later. `fault`
is a number under which the log of the server has more.
"""

_PARTS = (
    ("Of any request", refusals.OF_HTTP),
    ("Of cases", refusals.OF_CASES),
    ("Of entitlements", refusals.OF_ENTITLEMENTS),
    ("Of the catalog, orders and events", refusals.OF_ORGANISATIONS),
)


def page() -> str:
    """The page, in Markdown."""
    return _HEAD + "".join(_part(title, codes) for title, codes in _PARTS)


def _part(title: str, codes: dict[str, Refusal]) -> str:
    rows = "".join(f"| `{code}` | {refusal.status} | {refusal.title} |\n" for code, refusal in codes.items())
    return f"\n## {title}\n\n| code | status | |\n|---|---|---|\n{rows}"

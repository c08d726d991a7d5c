"""Pages for people: what the API takes, and what each problem means. Each is one file, and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from typing import Any

from starlette.responses import HTMLResponse

from starters.http.commands import command_of
from starters.http.refusals import REFUSALS

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 25%, transparent); }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid var(--line); border-radius: .3rem; }
summary { cursor: pointer; padding: .4rem 0; }
details { border-bottom: 1px solid var(--line); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); }
.method { display: inline-block; min-width: 3.2rem; font-weight: 600; }
:target { outline: 2px solid; }
""".strip()

_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def api_page(document: dict[str, Any], host: str) -> HTMLResponse:
    """What the API takes, route by route, with a command for each.

    Args:
        document: of the API.
        host: where it was asked for, for the commands.
    """
    parts: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = next(iter(operation.get("tags", [])), "")
            parts.setdefault(tag, []).append(_operation(path, method.upper(), operation, document, host))
    inside = "".join(f"<h2>{escape(tag)}</h2>{''.join(found)}" for tag, found in parts.items())
    about = _paragraphs(document["info"]["description"])
    hooks = len(document["webhooks"])
    links = (
        '<p><a href="/openapi.json">OpenAPI document</a>, with an example of every body and '
        f'{hooks} types of events; <a href="/problems">problems</a>.</p>'
    )
    return _page("Milepost API", f"{about}{links}{inside}")


def problems_page() -> HTMLResponse:
    """What each problem means."""
    rows = "".join(
        f'<tr id="{escape(code)}"><td><code>{escape(code)}</code></td><td>{refusal.status}</td>'
        f"<td>{escape(refusal.title)}</td></tr>"
        for code, refusal in sorted(REFUSALS.items())
    )
    head = "<tr><th>code</th><th>status</th><th>what it means</th></tr>"
    return _page("Milepost: problems", f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>")


def _page(title: str, inside: str) -> HTMLResponse:
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1>{inside}</main></body></html>"
    )
    return HTMLResponse(text, headers=HEADERS)


def _operation(path: str, method: str, operation: dict[str, Any], document: dict[str, Any], host: str) -> str:
    description = _paragraphs(operation.get("description", ""))
    rows = "".join(_parameter(parameter) for parameter in operation.get("parameters", []))
    table = f"<table><tbody>{rows}</tbody></table>" if rows else ""
    typed = command_of(path, method, operation, document, api=f"http://{host}")
    command = f"<pre>{escape(typed)}</pre>"
    head = f'<span class="method">{method}</span> <code>{escape(path)}</code> {escape(operation.get("summary", ""))}'
    return f"<details><summary>{head}</summary>{description}{table}{command}</details>"


def _parameter(parameter: dict[str, Any]) -> str:
    said = _said(parameter.get("description", ""))
    where = "needed" if parameter.get("required") else "if wanted"
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{where}, {parameter['in']}</td><td>{said}</td></tr>"
    )


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_said(part)}</p>" for part in text.split("\n\n"))


def _said(text: str) -> str:
    """Words of the document, which is Markdown: of that they have names of code."""
    return re.sub(r"(`+)(.+?)\1", r"<code>\2</code>", escape(text))
